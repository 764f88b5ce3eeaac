//! Going on from a cursor.
//!
//! Why nothing is missed: the numbers of an endpoint's changes are taken under the lock of its row and run without a gap,
//! and a number is visible only after every smaller one is. So the rows behind a number, read by one statement, are those
//! that follow it; and rows that were forgotten meanwhile leave a gap at the beginning that is seen.

use diesel::prelude::*;

use super::cursor::Cursor;
use super::events::{Event, events};
use crate::changes::{self, Change};
use crate::conn::Conn;
use crate::dialect::tables::ChangeRow;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::history;
use crate::schema::changes as log;

/// Change sets that are read at once.
const PORTION: i64 = 50;
/// No further portion is read once these many bytes are at hand.
const ENOUGH: usize = 4 * 1024 * 1024;

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// With the oldest change that is kept.
    Oldest,
    /// With what happens from now on.
    Now,
    /// Behind this.
    After(Cursor),
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Each with the cursor behind it.
    pub events: Vec<(Cursor, Event)>,
    /// Where to go on.
    pub next: Cursor,
    /// Whether there was more at that moment.
    pub more: bool,
}

/// What follows a cursor cannot be told any more; a snapshot says how things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It was forgotten, as the endpoint's setting `history` says.
    Forgotten,
    /// The log is not the one that the cursor was made from: a backup was restored.
    SetBack,
}

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forgotten => {
                "What followed this cursor has been forgotten (setting `history`). Take a snapshot, and go on with the \
                 cursor in its first line."
            }
            Self::SetBack => {
                "The change log is not the one that this cursor was made from: a backup was restored. Take a snapshot, and \
                 go on with the cursor in its first line."
            }
        })
    }
}

/// At most `limit` events that follow a place.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn read(
    conn: &mut Conn,
    endpoint: &Endpoint,
    place: Place,
    limit: usize,
) -> Result<Result<Page, Gone>, StoreError> {
    let start = match place {
        Place::After(cursor) => cursor,
        Place::Now => {
            let next = end(conn, &endpoint.id)?;
            return Ok(Ok(Page { events: Vec::new(), next, more: false }));
        }
        Place::Oldest => Cursor { seq: history::pruned_up_to(conn, &endpoint.id)?, part: 0, at: 0 },
    };
    let mut page = Page { events: Vec::new(), next: start, more: false };
    let mut bytes = 0;
    loop {
        let rows = rows_after(conn, &endpoint.id, page.next, PORTION)?;
        let rows = match rows {
            Ok(rows) => rows,
            Err(gone) => return Ok(Err(gone)),
        };
        let last = i64::try_from(rows.len()).unwrap_or(i64::MAX) < PORTION;
        for row in rows {
            bytes += row.before.as_ref().map_or(0, String::len) + row.after.as_ref().map_or(0, String::len);
            if take(&mut page, endpoint, &row.try_into()?, limit) {
                page.more = true;
                return Ok(Ok(page));
            }
        }
        if last || bytes > ENOUGH || page.events.len() >= limit {
            page.more = !last;
            return Ok(Ok(page));
        }
    }
}

/// Adds the events of a change that were not read yet; true when not all of them have room.
fn take(page: &mut Page, endpoint: &Endpoint, change: &Change, limit: usize) -> bool {
    let read = if page.next.seq == change.seq { page.next.part } else { 0 };
    let all = events(endpoint, change);
    let many = all.len();
    for event in all.into_iter().skip(read) {
        if page.events.len() == limit {
            return true;
        }
        let part = if event.part == many { 0 } else { event.part };
        page.next = Cursor { seq: change.seq, part, at: change.at };
        page.events.push((page.next, event));
    }
    false
}

/// The change sets behind a cursor, and the one that it is in the middle of.
pub(crate) fn rows_after(
    conn: &mut Conn,
    endpoint: &EndpointId,
    cursor: Cursor,
    limit: i64,
) -> Result<Result<Vec<ChangeRow>, Gone>, StoreError> {
    let mut rows: Vec<ChangeRow> = log::table
        .filter(log::endpoint_id.eq(endpoint.as_str()))
        // The one that was read last, too: it tells whether this is still the same log.
        .filter(log::seq.ge(cursor.seq))
        .order(log::seq)
        .limit(limit.saturating_add(1))
        .select(ChangeRow::as_select())
        .load(conn)?;
    match rows.first() {
        Some(first) if first.seq == cursor.seq => {
            if cursor.at != 0 && first.at != cursor.at {
                return Ok(Err(Gone::SetBack));
            }
            if cursor.part == 0 {
                rows.remove(0);
            }
        }
        Some(first) if first.seq == cursor.seq + 1 && cursor.part == 0 => {}
        Some(_) => return Ok(Err(Gone::Forgotten)),
        // Nothing is kept from here on; that is well if this is the end.
        None => {
            let last = changes::last_number(conn, endpoint)?;
            if last < cursor.seq {
                return Ok(Err(Gone::SetBack));
            }
            if last > cursor.seq || cursor.part != 0 {
                // Somebody may have written between the two looks.
                let floor = history::pruned_up_to(conn, endpoint)?;
                if floor > cursor.seq || cursor.part != 0 {
                    return Ok(Err(Gone::Forgotten));
                }
            }
        }
    }
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Ok(rows))
}

/// Behind the last change.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn end(conn: &mut Conn, endpoint: &EndpointId) -> Result<Cursor, StoreError> {
    let seq = changes::last_number(conn, endpoint)?;
    let at: Option<i64> = log::table
        .filter(log::endpoint_id.eq(endpoint.as_str()))
        .filter(log::seq.eq(seq))
        .select(log::at)
        .get_result(conn)
        .optional()?;
    Ok(Cursor { seq, part: 0, at: at.unwrap_or(0) })
}
