//! How the queue of a target stands, for whoever looks at it.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{Item, Kind, State, of_target};
use crate::conn::Conn;
use crate::dialect::tables::TargetItem as Row;
use crate::directory::search;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::target_items;
use crate::targets::Target;

/// How many items are where, and since when the oldest one waits.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// By kind and state.
    pub by_state: Vec<(Kind, State, i64)>,
    /// Since when the one that waits longest does.
    pub oldest: Option<Millis>,
    /// Changes of the log that are not taken in yet.
    pub behind: i64,
}

impl Counts {
    /// Items in this state.
    pub fn of(&self, state: State) -> i64 {
        self.by_state.iter().filter(|(_, is, _)| *is == state).map(|(_, _, n)| n).sum()
    }

    /// Items of this kind in this state.
    pub fn of_kind(&self, kind: Kind, state: State) -> i64 {
        let same = self.by_state.iter().filter(|(of, is, _)| *of == kind && *is == state);
        same.map(|(_, _, n)| n).sum()
    }
}

/// How a target's queue stands.
pub fn counts(conn: &mut Conn, target: &Target) -> Result<Counts, StoreError> {
    let rows: Vec<(String, String, i64)> = of_target(target.endpoint.as_str(), &target.id)
        .group_by((target_items::kind, target_items::state))
        .select((target_items::kind, target_items::state, diesel::dsl::count_star()))
        .load(conn)?;
    let by_state = rows
        .into_iter()
        .map(|(kind, state, n)| Ok((Kind::parse(&kind)?, State::parse(&state)?, n)))
        .collect::<Result<_, StoreError>>()?;
    let oldest: Option<i64> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::state.eq(State::Waiting.as_str()))
        .select(diesel::dsl::min(target_items::waiting_since))
        .get_result(conn)?;
    let last = crate::changes::last_number(conn, &target.endpoint)?;
    Ok(Counts { by_state, oldest, behind: last.saturating_sub(target.taken_in).max(0) })
}

/// Items in one of these states that have something to say, with the name of their resource here; the oldest first.
pub fn remarkable(
    conn: &mut Conn,
    target: &Target,
    states: &[State],
    limit: i64,
) -> Result<Vec<(Item, String)>, StoreError> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let rows: Vec<Row> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::state.eq_any(states))
        .filter(target_items::reason.is_not_null())
        .order((target_items::waiting_since, target_items::resource_id, target_items::member_id))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    named(conn, target, rows)
}

/// Items with what they are called; one query has the names of all.
fn named(conn: &mut Conn, target: &Target, rows: Vec<Row>) -> Result<Vec<(Item, String)>, StoreError> {
    let mut ids: Vec<String> = rows.iter().map(|row| row.resource_id.clone()).collect();
    ids.extend(rows.iter().map(|row| row.member_id.clone()).filter(|id| !id.is_empty()));
    ids.sort();
    ids.dedup();
    let names = search::names(conn, &target.endpoint, &ids)?;
    let with_name = |row| {
        let item = Item::try_from(row)?;
        let name = name_of(&names, &item);
        Ok((item, name))
    };
    rows.into_iter().map(with_name).collect()
}

fn name_of(names: &HashMap<String, String>, item: &Item) -> String {
    let name = |id: &String| names.get(id).unwrap_or(id).clone();
    let own = name(&item.resource_id);
    if item.member_id.is_empty() {
        return item.remote_name.clone().filter(|_| own == item.resource_id).unwrap_or(own);
    }
    format!("{} in {own}", name(&item.member_id))
}

/// Items of a target with their names, after one of them, in the order of their ids.
pub fn page(
    conn: &mut Conn,
    target: &Target,
    after: Option<&(String, String)>,
    limit: i64,
) -> Result<Vec<(Item, String)>, StoreError> {
    let (resource, member) = after.map_or(("", ""), |(resource, member)| (resource, member));
    let rows: Vec<Row> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::resource_id.ge(resource))
        .filter(target_items::resource_id.gt(resource).or(target_items::member_id.gt(member)))
        .order((target_items::resource_id, target_items::member_id))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    named(conn, target, rows)
}

/// What every target of the endpoint has of one resource, without memberships.
pub fn of_resource(
    conn: &mut Conn,
    endpoint: &EndpointId,
    resource: &str,
) -> Result<Vec<(String, Item)>, StoreError> {
    let rows: Vec<Row> = target_items::table
        .filter(target_items::endpoint_id.eq(endpoint.as_str()))
        .filter(target_items::resource_id.eq(resource))
        .filter(target_items::member_id.eq(""))
        .order(target_items::target_id)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| Ok((row.target_id.clone(), Item::try_from(row)?))).collect()
}

/// Memberships of a user, in one target, that are not done.
pub fn open_memberships(
    conn: &mut Conn,
    target: &Target,
    user: &str,
    limit: i64,
) -> Result<Vec<(Item, String)>, StoreError> {
    let rows: Vec<Row> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::member_id.eq(user))
        .filter(target_items::state.ne(State::Done.as_str()))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    named(conn, target, rows)
}
