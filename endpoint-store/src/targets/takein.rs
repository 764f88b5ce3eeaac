//! From the change log to what is waiting: each change marks whom it concerns. The first sync marks everybody.

use diesel::prelude::*;
use serde_json::Value;

use super::queue::{self, Kind, Mark};
use super::{Target, clock, own};
use crate::conn::Conn;
use crate::dialect::tables::{ChangeRow, Kept as _, TargetItem};
use crate::error::StoreError;
use crate::history;
use crate::ids::Millis;
use crate::schema::{changes, endpoint_progress, members, resources, targets};
use crate::writer::Tx;

/// Changes, or resources of a first sync, that are taken in at once.
const PORTION: i64 = 500;

/// Takes in a portion of what the log tells that was not taken in yet, and says whether there may be more.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn take_in(tx: &mut Tx<'_>, target: &Target, now: Millis) -> Result<bool, StoreError> {
    let own_row = || own(&target.endpoint, &target.id);
    let place: Option<(i64, Option<String>)> =
        own_row().select((targets::taken_in, targets::filled_to)).get_result(&mut **tx).optional()?;
    let Some((taken_in, filled_to)) = place else { return Ok(false) };
    if let Some(after) = filled_to {
        return fill(tx, target, &after, now);
    }
    if history::pruned_up_to(tx, &target.endpoint)? > taken_in {
        // What was forgotten cannot be followed: everybody is looked at anew.
        let last = crate::changes::last_number(tx, &target.endpoint)?;
        diesel::update(own_row())
            .set((targets::taken_in.eq(last), targets::filled_to.eq(Some(""))))
            .execute(&mut **tx)?;
        return Ok(true);
    }
    let rows: Vec<ChangeRow> = changes::table
        .filter(changes::endpoint_id.eq(target.endpoint.as_str()))
        .filter(changes::seq.gt(taken_in))
        .order(changes::seq)
        .limit(PORTION)
        .select(ChangeRow::as_select())
        .load(&mut **tx)?;
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok(false) };
    for row in &rows {
        take_one(tx, target, row)?;
    }
    diesel::update(own_row()).set(targets::taken_in.eq(last)).execute(&mut **tx)?;
    Ok(true)
}

fn take_one(tx: &mut Tx<'_>, target: &Target, row: &ChangeRow) -> Result<(), StoreError> {
    // What came from this very target is there.
    if row.actor_kind == "target" && row.actor_id == target.id {
        return Ok(());
    }
    let Some(kind) = Kind::of_type(&row.resource_type) else { return Ok(()) };
    let ends = kind == Kind::User && clock::ends(row);
    if kind == Kind::User {
        clock::note(tx, &target.endpoint, row, ends)?;
    }
    let mark = Mark { seq: row.seq, at: row.at, urgent: ends };
    let moved: Value = match row.members.as_deref() {
        None => Value::Null,
        Some(text) => serde_json::from_str(text).map_err(|e| StoreError::Damaged(e.to_string()))?,
    };
    let touched = row.before != row.after || moved.is_null();
    if touched {
        queue::mark(tx, target, (&row.resource_id, ""), kind, mark)?;
    }
    for member in ["added", "removed"].iter().filter_map(|list| moved.get(list)?.as_array()).flatten() {
        if let Some(member) = member.as_str() {
            queue::mark(tx, target, (&row.resource_id, member), Kind::Member, mark)?;
        }
    }
    Ok(())
}

/// The first sync: users and groups in the order of their ids, then memberships.
fn fill(tx: &mut Tx<'_>, target: &Target, after: &str, now: Millis) -> Result<bool, StoreError> {
    let next = match after.strip_prefix("members:") {
        None => fill_resources(tx, target, after, now)?.or_else(|| Some("members:".to_owned())),
        Some(after) => fill_members(tx, target, after, now)?,
    };
    diesel::update(own(&target.endpoint, &target.id)).set(targets::filled_to.eq(next)).execute(&mut **tx)?;
    Ok(true)
}

fn fill_resources(
    tx: &mut Tx<'_>,
    target: &Target,
    after: &str,
    now: Millis,
) -> Result<Option<String>, StoreError> {
    let found: Vec<(String, String)> = resources::table
        .filter(resources::endpoint_id.eq(target.endpoint.as_str()))
        .filter(resources::id.gt(after))
        .filter(resources::hidden.eq(false))
        .order(resources::id)
        .limit(PORTION)
        .select((resources::id, resources::resource_type))
        .load(&mut **tx)?;
    let last = found.last().map(|(id, _)| id.clone());
    let items = found.into_iter().filter_map(|(id, rt)| Some((id, String::new(), Kind::of_type(&rt)?)));
    fill_in(tx, target, items.collect(), now)?;
    Ok(last)
}

fn fill_members(
    tx: &mut Tx<'_>,
    target: &Target,
    after: &str,
    now: Millis,
) -> Result<Option<String>, StoreError> {
    let (group, member) = after.split_once('/').unwrap_or_default();
    let behind =
        members::group_id.gt(group).or(members::group_id.eq(group).and(members::member_id.gt(member)));
    let found: Vec<(String, String)> = members::table
        .filter(members::endpoint_id.eq(target.endpoint.as_str()))
        .filter(behind)
        .order((members::group_id, members::member_id))
        .limit(PORTION)
        .select((members::group_id, members::member_id))
        .load(&mut **tx)?;
    let last = found.last().map(|(group, member)| format!("members:{group}/{member}"));
    let items = found.into_iter().map(|(group, member)| (group, member, Kind::Member));
    fill_in(tx, target, items.collect(), now)?;
    Ok(last)
}

/// Items that are not there yet are added, all at once; those that are there are marked.
fn fill_in(
    tx: &mut Tx<'_>,
    target: &Target,
    found: Vec<(String, String, Kind)>,
    now: Millis,
) -> Result<(), StoreError> {
    let mark = Mark { seq: target.taken_in, at: now, urgent: false };
    let mut new = Vec::new();
    for (resource, member, kind) in found {
        if queue::exists(tx, target, &resource, &member)? {
            queue::mark(tx, target, (&resource, &member), kind, mark)?;
        } else {
            new.push(queue::blank(target, (&resource, &member), kind, mark));
        }
    }
    TargetItem::insert(tx, &new)
}

/// Whether this target has anything to be done at this moment.
pub fn has_work(conn: &mut Conn, target: &Target, now: Millis) -> Result<bool, StoreError> {
    if target.is_resting(now) {
        return Ok(false);
    }
    let import_due = target
        .import_every
        .is_some_and(|every| target.imported_at.unwrap_or(target.created_at).saturating_add(every) <= now);
    if target.filled_to.is_some()
        || target.import_asked_at.is_some()
        || target.reconcile_asked_at.is_some()
        || import_due
    {
        return Ok(true);
    }
    let last: i64 = endpoint_progress::table
        .filter(endpoint_progress::endpoint_id.eq(target.endpoint.as_str()))
        .select(endpoint_progress::last_change)
        .get_result(conn)?;
    Ok(last > target.taken_in || queue::is_due(conn, target, now)?)
}
