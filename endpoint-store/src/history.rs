//! How long the change log remembers: what is older than an endpoint's setting goes, the oldest first.
//!
//! The numbers that are left run without a gap, and the last one that went is kept, so that a reader who is further
//! behind can be told.

use std::sync::Arc;

use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::{self, Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{change_floors, change_subjects, changes};
use crate::settings::History;
use crate::writer::Tx;

/// Changes, and entries of their index, that go in one write.
const PORTION: i64 = 500;

/// What was changed before this moment is forgotten; `None` when nothing ever is.
fn horizon(endpoint: &Endpoint, now: Millis) -> Option<Millis> {
    const DAY: Millis = 24 * 3_600_000;
    match endpoint.settings.history {
        History::Forever => None,
        History::Days(days) => Some(now - i64::from(days) * DAY),
    }
}

/// The endpoints with changes that are older than they should be.
pub fn due(conn: &mut Conn, endpoints: &[Arc<Endpoint>], now: Millis) -> Result<Vec<EndpointId>, StoreError> {
    let mut due = Vec::new();
    for endpoint in endpoints {
        let Some(horizon) = horizon(endpoint, now) else { continue };
        let oldest: Option<i64> = changes::table
            .filter(changes::endpoint_id.eq(endpoint.id.as_str()))
            .order(changes::seq)
            .limit(1)
            .select(changes::at)
            .get_result(conn)
            .optional()?;
        if oldest.is_some_and(|at| at < horizon) {
            due.push(endpoint.id.clone());
        }
    }
    Ok(due)
}

/// Forgets a part of what is too old by the setting of this moment, and says whether there is more.
pub fn prune(tx: &mut Tx<'_>, id: &EndpointId, now: Millis) -> Result<bool, StoreError> {
    let endpoint = match endpoints::find(tx, id.as_str()) {
        Err(StoreError::NotFound(_)) => return Ok(false),
        found => found?,
    };
    match horizon(&endpoint, now) {
        None => Ok(false),
        Some(horizon) => forget(tx, id, horizon),
    }
}

/// Up to which number the log has been shortened; 0 when it is whole.
pub fn pruned_up_to(conn: &mut Conn, endpoint: &EndpointId) -> Result<i64, StoreError> {
    Ok(change_floors::table
        .filter(change_floors::endpoint_id.eq(endpoint.as_str()))
        .select(change_floors::pruned_up_to)
        .get_result(conn)
        .optional()?
        .unwrap_or(0))
}

/// Takes away the oldest changes that were made before a moment, a bounded number of rows, and says whether there are
/// more of them. Clocks of several servers differ: a younger one among the oldest keeps those behind it.
pub(crate) fn forget(tx: &mut Tx<'_>, endpoint: &EndpointId, before: Millis) -> Result<bool, StoreError> {
    let oldest: Vec<(i64, i64)> = changes::table
        .filter(changes::endpoint_id.eq(endpoint.as_str()))
        .order(changes::seq)
        .limit(PORTION)
        .select((changes::seq, changes::at))
        .load(&mut **tx)?;
    let old: Vec<i64> = oldest.iter().take_while(|(_, at)| *at < before).map(|(seq, _)| *seq).collect();
    let (Some(first), Some(last)) = (old.first(), old.last()) else { return Ok(false) };
    // The change of a large group has as many index entries as the group has members: those go first, on their own.
    let entries: Vec<(String, i64)> = change_subjects::table
        .filter(change_subjects::endpoint_id.eq(endpoint.as_str()))
        .filter(change_subjects::seq.le(last))
        .order(change_subjects::seq)
        .limit(2 * PORTION)
        .select((change_subjects::subject_id, change_subjects::seq))
        .load(&mut **tx)?;
    for (subject, seq) in &entries {
        diesel::delete(
            change_subjects::table
                .filter(change_subjects::endpoint_id.eq(endpoint.as_str()))
                .filter(change_subjects::subject_id.eq(subject))
                .filter(change_subjects::seq.eq(seq)),
        )
        .execute(&mut **tx)?;
    }
    let all = i64::try_from(entries.len()).unwrap_or(i64::MAX) < 2 * PORTION;
    let free = match entries.last() {
        // More entries of this change may be left.
        Some((_, seq)) if !all => seq - 1,
        _ => *last,
    };
    if free >= *first {
        diesel::delete(
            changes::table.filter(changes::endpoint_id.eq(endpoint.as_str())).filter(changes::seq.le(free)),
        )
        .execute(&mut **tx)?;
        set_floor(tx, endpoint, free)?;
    }
    Ok(!all || old.len() == oldest.len())
}

fn set_floor(tx: &mut Tx<'_>, endpoint: &EndpointId, number: i64) -> Result<(), StoreError> {
    let of_endpoint = change_floors::table.filter(change_floors::endpoint_id.eq(endpoint.as_str()));
    let updated =
        diesel::update(of_endpoint).set(change_floors::pruned_up_to.eq(number)).execute(&mut **tx)?;
    if updated == 0 {
        diesel::insert_into(change_floors::table)
            .values((
                change_floors::endpoint_id.eq(endpoint.as_str()),
                change_floors::pruned_up_to.eq(number),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
