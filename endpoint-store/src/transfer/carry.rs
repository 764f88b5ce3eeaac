//! Rows from one database to another, and what tells two databases apart.

use super::Tables;
use crate::conn::Conn;
use crate::dialect::tables::{self, Fingerprint, Kept, Visitor};
use crate::error::StoreError;

/// Rows that are in memory at a time.
const BATCH: usize = 2000;

/// Each table with what was found in it.
pub(super) type Prints = Vec<(&'static str, Fingerprint)>;

/// Sends every row of every table, and says what was sent.
pub(super) fn send(from: &mut Conn, to: &mut Conn) -> Result<Prints, StoreError> {
    let mut sending = Sending { from, to, prints: Vec::new() };
    tables::visit(&mut sending)?;
    Ok(sending.prints)
}

/// What is in every table.
pub(super) fn read(conn: &mut Conn) -> Result<Prints, StoreError> {
    let mut reading = Reading { conn, prints: Vec::new() };
    tables::visit(&mut reading)?;
    Ok(reading.prints)
}

/// How many rows every table has.
pub(super) fn count(conn: &mut Conn) -> Result<Tables, StoreError> {
    let mut counting = Counting { conn, tables: Vec::new() };
    tables::visit(&mut counting)?;
    Ok(counting.tables)
}

struct Sending<'a> {
    from: &'a mut Conn,
    to: &'a mut Conn,
    prints: Prints,
}

impl Visitor for Sending<'_> {
    fn table<T: Kept>(&mut self) -> Result<(), StoreError> {
        let mut print = Fingerprint::default();
        let mut batch: Vec<T> = Vec::with_capacity(BATCH);
        let to = &mut *self.to;
        T::each(self.from, &mut |row| {
            print.add(&row);
            batch.push(row);
            if batch.len() == BATCH {
                T::insert(to, &batch)?;
                batch.clear();
            }
            Ok(())
        })?;
        if !batch.is_empty() {
            T::insert(self.to, &batch)?;
        }
        self.prints.push((T::TABLE, print));
        Ok(())
    }
}

struct Reading<'a> {
    conn: &'a mut Conn,
    prints: Prints,
}

impl Visitor for Reading<'_> {
    fn table<T: Kept>(&mut self) -> Result<(), StoreError> {
        let mut print = Fingerprint::default();
        T::each(self.conn, &mut |row| {
            print.add(&row);
            Ok(())
        })?;
        self.prints.push((T::TABLE, print));
        Ok(())
    }
}

struct Counting<'a> {
    conn: &'a mut Conn,
    tables: Tables,
}

impl Visitor for Counting<'_> {
    fn table<T: Kept>(&mut self) -> Result<(), StoreError> {
        self.tables.push((T::TABLE, T::count(self.conn)?));
        Ok(())
    }
}
