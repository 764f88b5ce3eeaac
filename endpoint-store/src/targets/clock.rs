//! The deprovision clock: how long it takes from the word of the identity provider until every target has it.

use diesel::prelude::*;
use serde_json::Value;

use crate::conn::Conn;
use crate::dialect::tables::{ChangeRow, Deprovision as Row};
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{deprovisions, resources, target_items, targets};
use crate::writer::Tx;

const DAY: Millis = 24 * 3_600_000;
/// How far back figures look.
pub const WINDOW: Millis = 30 * DAY;
/// A deactivation that takes longer is pointed out.
pub const ALERT: Millis = 5 * 60_000;
/// Deactivations that figures are made of.
const MOST: i64 = 10_000;

/// Whether a change of a user takes access away: deactivated, hidden or deleted, and not before.
pub(crate) fn ends(row: &ChangeRow) -> bool {
    match row.kind.as_str() {
        "deleted" | "hidden" => is_active(row.before.as_deref()),
        "updated" => is_active(row.before.as_deref()) && !is_active(row.after.as_deref()),
        _ => false,
    }
}

fn is_active(body: Option<&str>) -> bool {
    let value: Option<Value> = body.and_then(|text| serde_json::from_str(text).ok());
    value.is_some_and(|user| user.get("active").and_then(Value::as_bool).unwrap_or(true))
}

/// Starts the clock of a user whose access ends, and stops it for one who is active again. Each target tells; the first
/// counts.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    row: &ChangeRow,
    ends: bool,
) -> Result<(), StoreError> {
    if !ends {
        if is_active(row.after.as_deref()) {
            let open = deprovisions::table
                .filter(deprovisions::endpoint_id.eq(endpoint.as_str()))
                .filter(deprovisions::resource_id.eq(&row.resource_id))
                .filter(deprovisions::seq.lt(row.seq))
                .filter(deprovisions::done_at.is_null());
            diesel::delete(open).execute(&mut **tx)?;
        }
        return Ok(());
    }
    let known: i64 = deprovisions::table
        .filter(deprovisions::endpoint_id.eq(endpoint.as_str()))
        .filter(deprovisions::seq.eq(row.seq))
        .count()
        .get_result(&mut **tx)?;
    if known == 0 {
        let new = Row {
            endpoint_id: endpoint.as_str().to_owned(),
            seq: row.seq,
            resource_id: row.resource_id.clone(),
            name: row.resource_name.clone(),
            began_at: row.at,
            done_at: None,
        };
        diesel::insert_into(deprovisions::table).values(&new).execute(&mut **tx)?;
    }
    Ok(())
}

/// Stops the clock of a user when every target has taken the change in and is done with the user.
pub(crate) fn settle(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    user: &str,
    now: Millis,
) -> Result<(), StoreError> {
    let open: Vec<i64> = deprovisions::table
        .filter(deprovisions::endpoint_id.eq(endpoint.as_str()))
        .filter(deprovisions::resource_id.eq(user))
        .filter(deprovisions::done_at.is_null())
        .select(deprovisions::seq)
        .load(&mut **tx)?;
    let Some(last) = open.iter().max() else { return Ok(()) };
    let behind: i64 = targets::table
        .filter(targets::endpoint_id.eq(endpoint.as_str()))
        .filter(targets::taken_in.lt(*last))
        .count()
        .get_result(&mut **tx)?;
    let undone: i64 = target_items::table
        .filter(target_items::endpoint_id.eq(endpoint.as_str()))
        .filter(target_items::resource_id.eq(user))
        .filter(target_items::member_id.eq(""))
        .filter(target_items::state.ne_all(["done", "left"]))
        .count()
        .get_result(&mut **tx)?;
    if behind + undone > 0 {
        return Ok(());
    }
    let own = deprovisions::table
        .filter(deprovisions::endpoint_id.eq(endpoint.as_str()))
        .filter(deprovisions::resource_id.eq(user))
        .filter(deprovisions::done_at.is_null());
    diesel::update(own).set(deprovisions::done_at.eq(Some(now))).execute(&mut **tx)?;
    Ok(())
}

/// Figures of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Deactivations that every target has, of the span that was asked for.
    pub done: usize,
    /// Half of them took no longer, in milliseconds.
    pub p50: Option<Millis>,
    /// 99 of 100 took no longer.
    pub p99: Option<Millis>,
    /// Those under way, with name and begin, the oldest first; ten at most.
    pub open: Vec<(String, String, Millis)>,
    /// How many of those take longer than [`ALERT`].
    pub late: i64,
}

/// What the clock says about an endpoint.
pub fn figures(conn: &mut Conn, endpoint: &EndpointId, now: Millis) -> Result<Figures, StoreError> {
    figures_of(conn, endpoint, WINDOW, now)
}

/// The same of the last 24 hours: cheap enough to be asked for all the time.
pub(crate) fn of_a_day(conn: &mut Conn, endpoint: &EndpointId, now: Millis) -> Result<Figures, StoreError> {
    figures_of(conn, endpoint, DAY, now)
}

fn figures_of(
    conn: &mut Conn,
    endpoint: &EndpointId,
    window: Millis,
    now: Millis,
) -> Result<Figures, StoreError> {
    let recent = || {
        deprovisions::table
            .filter(deprovisions::endpoint_id.eq(endpoint.as_str()))
            .filter(deprovisions::began_at.gt(now - window))
    };
    let done: Vec<(i64, Option<i64>)> = recent()
        .filter(deprovisions::done_at.is_not_null())
        .order(deprovisions::began_at.desc())
        .limit(MOST)
        .select((deprovisions::began_at, deprovisions::done_at))
        .load(conn)?;
    let mut took: Vec<Millis> =
        done.into_iter().filter_map(|(began, done)| Some((done? - began).max(0))).collect();
    took.sort_unstable();
    let open = || {
        deprovisions::table
            .filter(deprovisions::endpoint_id.eq(endpoint.as_str()))
            .filter(deprovisions::done_at.is_null())
    };
    let late: i64 = open().filter(deprovisions::began_at.lt(now - ALERT)).count().get_result(conn)?;
    let open: Vec<(String, String, i64)> = open()
        .order(deprovisions::began_at)
        .limit(10)
        .select((deprovisions::resource_id, deprovisions::name, deprovisions::began_at))
        .load(conn)?;
    Ok(Figures { done: took.len(), p50: part(&took, 50), p99: part(&took, 99), open, late })
}

/// The value that so many of a hundred do not exceed.
fn part(sorted: &[Millis], percent: usize) -> Option<Millis> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Forgets clocks that no figure looks at any more.
pub fn forget(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    let old = deprovisions::table.filter(deprovisions::began_at.lt(now - 3 * WINDOW));
    diesel::delete(old).execute(&mut **tx)?;
    Ok(false)
}

/// The name of a user who is still there.
pub fn is_there(conn: &mut Conn, endpoint: &EndpointId, user: &str) -> Result<bool, StoreError> {
    let found: i64 = resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::id.eq(user))
        .count()
        .get_result(conn)?;
    Ok(found > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_hundred() {
        let all: Vec<Millis> = (1..=100).collect();
        assert_eq!((part(&all, 50), part(&all, 99)), (Some(50), Some(99)));
        assert_eq!((part(&[7], 50), part(&[7], 99), part(&[], 50)), (Some(7), Some(7), None));
    }
}
