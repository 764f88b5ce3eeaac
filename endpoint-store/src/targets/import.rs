//! Taking over what a target had already: adopted by exact match, or made here so that the identity provider lists it.

use std::sync::Arc;

use diesel::prelude::*;
use scim_core::dialect::Dialect;
use scim_core::fold::fold;
use scim_core::resource;
use serde_json::{Value, json};

use super::Target;
use super::queue::{self, Kind, State};
use super::wish::User;
use crate::conn::Conn;
use crate::dialect;
use crate::directory::{self, Wanted, rows};
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{resource_keys, resources, target_items};
use crate::writer::Tx;

/// A user or group of a target.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id there.
    pub remote_id: String,
    /// Its login name, or the group's name.
    pub name: String,
    /// How people call a user.
    pub display_name: String,
    /// A user's e-mail address.
    pub email: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is one of ours already.
    Known,
    /// One that is here is the same.
    Adopted,
    /// It was made here.
    Made,
}

/// Takes over a group of a target.
///
/// # Errors
/// As [`directory::create`].
pub fn group(
    tx: &mut Tx<'_>,
    endpoint: &Arc<Endpoint>,
    target: &Target,
    found: &Found,
    now: Millis,
) -> Result<Taken, StoreError> {
    dialect::lock_endpoint(tx, &endpoint.id)?;
    if queue::holder_of(tx, target, Kind::Group, &found.remote_id)?.is_some() {
        return Ok(Taken::Known);
    }
    let free = |id: &str, tx: &mut Tx<'_>| is_free(tx, target, id);
    for id in named(tx, endpoint, "Group", "displayName", &found.name)? {
        if free(&id, tx)? {
            adopt(tx, target, &id, Kind::Group, found, now)?;
            return Ok(Taken::Adopted);
        }
    }
    let body = json!({"displayName": found.name});
    let id = make(tx, endpoint, target, "Group", &body, now)?;
    adopt(tx, target, &id, Kind::Group, found, now)?;
    Ok(Taken::Made)
}

/// Takes over a user of a target: the same login name, or else the same e-mail address, is the same person.
///
/// # Errors
/// As [`directory::create`].
pub fn user(
    tx: &mut Tx<'_>,
    endpoint: &Arc<Endpoint>,
    target: &Target,
    found: &Found,
    now: Millis,
) -> Result<Taken, StoreError> {
    dialect::lock_endpoint(tx, &endpoint.id)?;
    if queue::holder_of(tx, target, Kind::User, &found.remote_id)?.is_some() {
        return Ok(Taken::Known);
    }
    let mut same = named(tx, endpoint, "User", "userName", &found.name)?;
    if let Some(email) = &found.email {
        same.extend(named(tx, endpoint, "User", "emails.value", email)?);
    }
    for id in same {
        if is_free(tx, target, &id)? && fits(tx, endpoint, &id, found)? {
            adopt(tx, target, &id, Kind::User, found, now)?;
            return Ok(Taken::Adopted);
        }
    }
    let mut body = json!({"userName": found.name, "displayName": found.display_name, "active": true});
    if let (Some(email), Some(map)) = (&found.email, body.as_object_mut()) {
        map.insert("emails".into(), json!([{"value": email, "type": "work", "primary": true}]));
    }
    let id = make(tx, endpoint, target, "User", &body, now)?;
    adopt(tx, target, &id, Kind::User, found, now)?;
    Ok(Taken::Made)
}

/// Takes over that a user is in a group there: then it is in it here, too.
///
/// # Errors
/// As [`directory::patch`].
pub fn members(
    tx: &mut Tx<'_>,
    endpoint: &Arc<Endpoint>,
    target: &Target,
    group: &str,
    remote_members: &[String],
    now: Millis,
) -> Result<usize, StoreError> {
    dialect::lock_endpoint(tx, &endpoint.id)?;
    let mut new = Vec::new();
    for remote in remote_members {
        let Some(user) = queue::holder_of(tx, target, Kind::User, remote)? else { continue };
        if queue::item(tx, target, group, &user)?.is_none() {
            new.push(user);
        }
    }
    if new.is_empty() {
        return Ok(0);
    }
    let rt = endpoint.catalog.by_name("Group").ok_or_else(|| StoreError::Damaged("no type Group".into()))?;
    let values: Vec<Value> = new.iter().map(|id| json!({"value": id})).collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": "members", "value": values}],
    });
    let patch = scim_core::patch::parse(rt, &body, Dialect::generic())?;
    let caller = target.caller(endpoint.clone());
    let rules = (Dialect::generic(), &directory::Precondition::None);
    directory::patch(tx, &caller, rt, group, &patch, rules, Wanted::NOTHING, now)?;
    for user in &new {
        keep(tx, target, (group, user), Kind::Member, None, now)?;
    }
    Ok(new.len())
}

/// Resources whose attribute has exactly this value, compared without case.
fn named(
    conn: &mut Conn,
    endpoint: &Endpoint,
    resource_type: &str,
    attribute: &str,
    value: &str,
) -> Result<Vec<String>, StoreError> {
    let key = scim_core::index::bounded(fold(value));
    Ok(resource_keys::table
        .inner_join(
            resources::table.on(resources::endpoint_id
                .eq(resource_keys::endpoint_id)
                .and(resources::id.eq(resource_keys::resource_id))),
        )
        .filter(resource_keys::endpoint_id.eq(endpoint.id.as_str()))
        .filter(resource_keys::resource_type.eq(resource_type))
        .filter(resource_keys::attribute.eq(attribute))
        .filter(resource_keys::value_key.eq(key))
        .filter(resources::hidden.eq(false))
        .order(resource_keys::resource_id)
        .limit(10)
        .select(resource_keys::resource_id)
        .load(conn)?)
}

/// A login name alone does not make the same person when both have addresses, and other ones.
fn fits(conn: &mut Conn, endpoint: &Endpoint, id: &str, found: &Found) -> Result<bool, StoreError> {
    let Some(row) = rows::find(conn, &endpoint.id, id)? else { return Ok(false) };
    let user = User::of(id, row.resource()?.into_map(), true);
    Ok(match (&user.email, &found.email) {
        (Some(here), Some(there)) => fold(here) == fold(there),
        _ => fold(&user.user_name) == fold(&found.name),
    })
}

/// Whether a resource has nothing in the target yet.
fn is_free(tx: &mut Tx<'_>, target: &Target, id: &str) -> Result<bool, StoreError> {
    Ok(queue::item(tx, target, id, "")?.is_none_or(|item| item.remote_id.is_none()))
}

fn make(
    tx: &mut Tx<'_>,
    endpoint: &Arc<Endpoint>,
    target: &Target,
    resource_type: &str,
    body: &Value,
    now: Millis,
) -> Result<String, StoreError> {
    let rt = endpoint
        .catalog
        .by_name(resource_type)
        .ok_or_else(|| StoreError::Damaged(format!("no type {resource_type}")))?;
    let incoming = resource::read(rt, body, Dialect::generic())?;
    let caller = target.caller(endpoint.clone());
    Ok(directory::create(tx, &caller, rt, &incoming, Wanted::NOTHING, now)?.0.id)
}

fn adopt(
    tx: &mut Tx<'_>,
    target: &Target,
    id: &str,
    kind: Kind,
    found: &Found,
    now: Millis,
) -> Result<(), StoreError> {
    keep(tx, target, (id, ""), kind, Some(found), now)
}

/// The item of something that was there. One that waits goes on waiting: it differs, maybe.
fn keep(
    tx: &mut Tx<'_>,
    target: &Target,
    (resource, member): (&str, &str),
    kind: Kind,
    found: Option<&Found>,
    now: Millis,
) -> Result<(), StoreError> {
    let known = queue::item(tx, target, resource, member)?;
    let own = target_items::table
        .filter(target_items::endpoint_id.eq(target.endpoint.as_str()))
        .filter(target_items::target_id.eq(&target.id))
        .filter(target_items::resource_id.eq(resource))
        .filter(target_items::member_id.eq(member));
    if known.is_some() {
        diesel::update(own)
            .set((
                target_items::remote_id.eq(found.map(|found| &found.remote_id)),
                target_items::remote_name.eq(found.map(|found| &found.name)),
                target_items::imported.eq(true),
                target_items::present.eq(true),
            ))
            .execute(&mut **tx)?;
        return Ok(());
    }
    let mark = queue::Mark { seq: target.taken_in, at: now, urgent: false };
    let mut row = queue::blank(target, (resource, member), kind, mark);
    row.state = State::Done.as_str().to_owned();
    row.waiting_since = None;
    row.done_at = Some(now);
    row.remote_id = found.map(|found| found.remote_id.clone());
    row.remote_name = found.map(|found| found.name.clone());
    row.imported = true;
    row.present = true;
    diesel::insert_into(target_items::table).values(&row).execute(&mut **tx)?;
    Ok(())
}
