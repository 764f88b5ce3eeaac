//! POST (RFC 7644 §3.3).

use scim_core::notes::Notes;
use scim_core::resource::Incoming;
use scim_core::schema::ResourceType;

use super::read::{Record, Wanted};
use super::{counts, keys, members, read, rows};
use crate::caller::Caller;
use crate::changes::{self, ChangeKind, MemberChange, NewChange};
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::{Millis, new_id};
use crate::statements::{Append, Create};
use crate::writer::Tx;

/// Makes a resource. One that was hidden by the delete policy under the same name comes back under its id.
///
/// # Errors
/// 409 `uniqueness` when the name is taken.
pub fn create(
    tx: &mut Tx<'_>,
    caller: &Caller,
    rt: &ResourceType,
    incoming: &Incoming,
    wanted: Wanted,
    now: Millis,
) -> Result<(Record, Notes), StoreError> {
    let endpoint = &caller.endpoint().id;
    dialect::lock_endpoint(tx, endpoint)?;
    if let Some(row) = create_at_once(tx, caller, rt, incoming, now)? {
        return Ok((read::record_of_new(rt, row, wanted), Notes::default()));
    }
    let before = match counts::add(tx, endpoint, &rt.name, (1, 0))? {
        // Nobody is hidden.
        0 => None,
        _ => namesake(tx, endpoint, rt, incoming)?,
    };
    let mut row = before.clone().unwrap_or_else(|| blank(endpoint, rt, now));
    row.set_resource(rt, &incoming.resource)?;
    row.version += 1;
    row.modified_at = now;
    row.hidden = false;
    match &before {
        Some(_) => {
            rows::update(tx, &row)?;
            counts::add(tx, endpoint, &rt.name, (0, -1))?;
            keys::sync(tx, caller.endpoint(), rt, &row.id, &incoming.resource, false)?;
        }
        None => {
            rows::insert(tx, &row)?;
            keys::first(tx, caller.endpoint(), rt, &row.id, &incoming.resource)?;
        }
    }
    let mut notes = Notes::default();
    let mut joined = MemberChange::default();
    if let Some(references) = &incoming.relation {
        members::add(tx, caller.endpoint(), &row.id, references, now, &mut joined, &mut notes)?;
    }
    let former = before.as_ref().map(rows::Row::resource).transpose()?;
    let alone = before.is_none() && joined.is_empty();
    let change = NewChange {
        kind: if before.is_some() { ChangeKind::Restored } else { ChangeKind::Created },
        resource_type: &rt.name,
        resource_id: &row.id,
        resource_name: &row.name,
        before: former.as_ref(),
        after: Some(&incoming.resource),
        members: joined,
    };
    changes::append(tx, caller, &change, now)?;
    let record = match alone {
        true => read::record_of_new(rt, row, wanted),
        false => read::record(tx, endpoint, rt, row, wanted)?,
    };
    Ok((record, notes))
}

/// The hidden one that comes back instead of a new one.
fn namesake(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    rt: &ResourceType,
    incoming: &Incoming,
) -> Result<Option<rows::Row>, StoreError> {
    match keys::hidden_namesake(tx, endpoint, rt, &incoming.resource)? {
        Some(id) => rows::find(tx, endpoint, &id),
        None => Ok(None),
    }
}

fn blank(endpoint: &EndpointId, rt: &ResourceType, now: Millis) -> rows::Row {
    rows::Row {
        endpoint_id: endpoint.as_str().to_owned(),
        id: new_id(now),
        resource_type: rt.name.clone(),
        version: 0,
        created_at: now,
        modified_at: now,
        hidden: false,
        active: true,
        name: String::new(),
        name_key: String::new(),
        body: String::new(),
    }
}

/// The usual case where one statement can do it: no members come along, and nobody hidden has the name.
fn create_at_once(
    tx: &mut Tx<'_>,
    caller: &Caller,
    rt: &ResourceType,
    incoming: &Incoming,
    now: Millis,
) -> Result<Option<rows::Row>, StoreError> {
    let Some(name) = keys::name_of(rt, &incoming.resource) else { return Ok(None) };
    if !dialect::has_at_once(tx) || incoming.relation.as_ref().is_some_and(|members| !members.is_empty()) {
        return Ok(None);
    }
    let mut row = blank(&caller.endpoint().id, rt, now);
    row.set_resource(rt, &incoming.resource)?;
    row.version = 1;
    let change = NewChange {
        kind: ChangeKind::Created,
        resource_type: &rt.name,
        resource_id: &row.id,
        resource_name: &row.name,
        before: None,
        after: Some(&incoming.resource),
        members: MemberChange::default(),
    };
    let (logged, subjects) = (changes::row_of(caller, 0, &change, now)?, changes::subjects_of(&change));
    let keys = keys::columns(caller.endpoint(), rt, &incoming.resource);
    let append = Append { row: &logged, subjects: &subjects, ticks: changes::ticks(caller, &change, now) };
    let create = Create { row: &row, keys: &keys, name: (&name.attribute, &name.key), append };
    let made = dialect::at_once(tx, create).map_err(|error| keys::one_taken(error, rt, &keys))?;
    tx.directory_changed(&caller.endpoint().id);
    Ok(made.is_some_and(|numbers| !numbers.is_empty()).then_some(row))
}
