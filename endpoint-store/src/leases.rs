//! Who does a background job at present: one server at a time, and another one when it dies.
//!
//! A portion of a job is one write that takes or renews the lease in its own transaction: two servers never do the
//! same portion at once, whatever their clocks say. Clocks only decide when a lease that is not renewed is free.

use diesel::prelude::*;

use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::leases;
use crate::writer::Tx;

/// How long a job that is no longer heard of keeps others out.
pub const LENGTH: Millis = 60_000;

/// What came of one portion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// There is more to do.
    More,
    /// There is nothing left to do.
    Done,
    /// Another server has the job.
    Elsewhere,
}

/// Does a portion of a job, if the lease of this name can be had; `work` says whether there is more to do.
///
/// # Errors
/// What `work` returns.
pub fn portion(
    tx: &mut Tx<'_>,
    name: &str,
    holder: &str,
    now: Millis,
    work: impl FnOnce(&mut Tx<'_>) -> Result<bool, StoreError>,
) -> Result<Portion, StoreError> {
    if !take(tx, name, holder, now, LENGTH)? {
        return Ok(Portion::Elsewhere);
    }
    Ok(if work(tx)? { Portion::More } else { Portion::Done })
}

/// Takes or renews a lease of another length, for work that is not all in transactions; false when somebody else has it.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn hold(
    tx: &mut Tx<'_>,
    name: &str,
    holder: &str,
    now: Millis,
    length: Millis,
) -> Result<bool, StoreError> {
    take(tx, name, holder, now, length)
}

/// Gives a lease back, if it is still this holder's.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn release(tx: &mut Tx<'_>, name: &str, holder: &str) -> Result<(), StoreError> {
    diesel::delete(leases::table.filter(leases::name.eq(name)).filter(leases::holder.eq(holder)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Gives every lease of this holder back, so that another server need not wait for its end.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn release_all(tx: &mut Tx<'_>, holder: &str) -> Result<(), StoreError> {
    diesel::delete(leases::table.filter(leases::holder.eq(holder))).execute(&mut **tx)?;
    Ok(())
}

/// Takes the lease or renews it; false when somebody else has it. Until the transaction ends nobody else can.
fn take(tx: &mut Tx<'_>, name: &str, holder: &str, now: Millis, length: Millis) -> Result<bool, StoreError> {
    let until = now + length;
    let free = leases::holder.eq(holder).or(leases::until.le(now));
    let renewed = diesel::update(leases::table.filter(leases::name.eq(name)).filter(free))
        .set((leases::holder.eq(holder), leases::until.eq(until)))
        .execute(&mut **tx)?;
    if renewed > 0 {
        return Ok(true);
    }
    let known: i64 = leases::table.filter(leases::name.eq(name)).count().get_result(&mut **tx)?;
    if known > 0 {
        return Ok(false);
    }
    let made = tx.attempt(|tx| {
        diesel::insert_into(leases::table)
            .values((leases::name.eq(name), leases::holder.eq(holder), leases::until.eq(until)))
            .execute(&mut **tx)?;
        Ok(())
    });
    match made {
        Ok(()) => Ok(true),
        // Another server was first.
        Err(StoreError::Database(error)) if StoreError::is_unique_violation(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
