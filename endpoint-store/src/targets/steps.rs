//! What a write would bring to a target, told before it is kept.

use std::collections::BTreeSet;

use diesel::prelude::*;
use serde_json::Value;

use super::Target;
use super::queue::{self, Kind, Mark, Outcome, State};
use super::wish::{self, Group, User};
use crate::changes as log;
use crate::conn::Conn;
use crate::dialect::tables::ChangeRow;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{changes, target_items};
use crate::writer::Tx;

/// What one user, group or membership becomes.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// A user, or that it goes.
    User(Option<User>),
    /// A group, or that it goes.
    Group(Option<Group>),
    /// A membership: whether it is wanted.
    Member(bool),
}

/// One of the things that a write changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The user or group.
    pub resource: String,
    /// The member, of a membership.
    pub member: String,
    /// What it becomes.
    pub wish: Wish,
}

impl Step {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self.wish {
            Wish::User(_) => Kind::User,
            Wish::Group(_) => Kind::Group,
            Wish::Member(_) => Kind::Member,
        }
    }
}

/// The number of the last change, to ask for what comes after it.
pub fn before(conn: &mut Conn, endpoint: &EndpointId) -> Result<i64, StoreError> {
    log::last_number(conn, endpoint)
}

/// What was changed after this number, with the state it has now: users, then groups, then memberships.
pub fn since(conn: &mut Conn, target: &Target, number: i64) -> Result<Vec<Step>, StoreError> {
    let rows: Vec<ChangeRow> = changes::table
        .filter(changes::endpoint_id.eq(target.endpoint.as_str()))
        .filter(changes::seq.gt(number))
        .order(changes::seq)
        .select(ChangeRow::as_select())
        .load(conn)?;
    let (mut users, mut groups, mut members) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for row in rows {
        match Kind::of_type(&row.resource_type) {
            Some(Kind::User) => users.insert(row.resource_id.clone()),
            Some(_) => groups.insert(row.resource_id.clone()),
            None => continue,
        };
        let moved: Option<Value> = row.members.as_deref().and_then(|text| serde_json::from_str(text).ok());
        for list in ["added", "removed"] {
            let ids = moved.as_ref().and_then(|moved| moved.get(list)?.as_array());
            let ids = ids.into_iter().flatten().filter_map(Value::as_str);
            members.extend(ids.map(|id| (row.resource_id.clone(), id.to_owned())));
        }
    }
    let mut steps = Vec::new();
    for id in users {
        let wish = Wish::User(wish::user(conn, &target.endpoint, &id)?);
        steps.push(Step { resource: id, member: String::new(), wish });
    }
    for id in groups {
        let wish = Wish::Group(wish::group(conn, &target.endpoint, &id)?);
        steps.push(Step { resource: id, member: String::new(), wish });
    }
    for (group, member) in members {
        let found = wish::membership(conn, target, &group, &member)?;
        if found.is_user {
            steps.push(Step { resource: group, member, wish: Wish::Member(found.wanted) });
        }
    }
    Ok(steps)
}

/// Marks what is there already as waiting, but not before a moment: should the server die on the way, the target comes back
/// to what the directory has.
pub fn hold(
    tx: &mut Tx<'_>,
    target: &Target,
    steps: &[Step],
    next_at: Millis,
    now: Millis,
) -> Result<(), StoreError> {
    for step in steps {
        if !queue::exists(tx, target, &step.resource, &step.member)? {
            continue;
        }
        queue::again(tx, target, (&step.resource, &step.member), step.kind(), now)?;
        let own = target_items::table
            .filter(target_items::endpoint_id.eq(target.endpoint.as_str()))
            .filter(target_items::target_id.eq(&target.id))
            .filter(target_items::resource_id.eq(&step.resource))
            .filter(target_items::member_id.eq(&step.member));
        diesel::update(own).set(target_items::next_at.eq(next_at)).execute(&mut **tx)?;
    }
    Ok(())
}

/// Keeps what came of a step together with the write itself.
pub fn keep(
    tx: &mut Tx<'_>,
    target: &Target,
    step: &Step,
    outcome: &Outcome,
    now: Millis,
) -> Result<(), StoreError> {
    let seq = log::last_number(tx, &target.endpoint)?;
    let at = (step.resource.as_str(), step.member.as_str());
    queue::mark(tx, target, at, step.kind(), Mark { seq, at: now, urgent: false })?;
    let Some(item) = queue::item(tx, target, at.0, at.1)? else { return Ok(()) };
    if item.state == State::Waiting {
        queue::settle(tx, target, &item, outcome, now)?;
    }
    Ok(())
}
