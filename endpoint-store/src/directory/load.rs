//! Many new resources at once: what [`create`](super::create) does for each of them, with a few statements for all.

use std::collections::HashMap;

use diesel::prelude::*;
use scim_core::error::ScimError;
use scim_core::relation::Reference;
use scim_core::resource::Incoming;
use scim_core::schema::ResourceType;

use super::{counts, keys, rows};
use crate::caller::Caller;
use crate::changes::{self, ChangeKind, MemberChange, NewChange};
use crate::conn::Conn;
use crate::dialect;
use crate::dialect::tables::{Kept as _, MemberRow, ResourceKey};
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::{Millis, new_id};
use crate::schema::resources;
use crate::writer::Tx;

/// Ids in one query, and rows in one statement.
const PORTION: usize = 1000;

/// Makes resources of one type and returns their ids. All of them are new: one that was hidden under the same name
/// stays hidden. They must not refer to each other.
///
/// # Errors
/// 409 `uniqueness` when a name is taken; 400 for a member that does not exist. Then none is made.
pub fn load(
    tx: &mut Tx<'_>,
    caller: &Caller,
    rt: &ResourceType,
    incoming: &[Incoming],
    now: Millis,
) -> Result<Vec<String>, StoreError> {
    let endpoint = &caller.endpoint().id;
    dialect::lock_endpoint(tx, endpoint)?;
    let new: Vec<rows::Row> =
        incoming.iter().map(|one| row_of(endpoint, rt, one, now)).collect::<Result<_, _>>()?;
    rows::Row::insert(tx, &new)?;
    let mut index = Vec::new();
    for (row, one) in new.iter().zip(incoming) {
        let wanted = keys::wanted(caller.endpoint(), rt, &one.resource, false);
        index.extend(wanted.into_iter().map(|((attribute, value_key), is_unique)| ResourceKey {
            endpoint_id: row.endpoint_id.clone(),
            resource_type: rt.name.clone(),
            attribute,
            value_key,
            resource_id: row.id.clone(),
            is_unique,
        }));
    }
    ResourceKey::insert(tx, &index).map_err(|error| keys::taken(error, rt, "A name"))?;
    counts::add(tx, endpoint, &rt.name, (i64::try_from(new.len()).unwrap_or(i64::MAX), 0))?;
    let mut log = Vec::with_capacity(new.len());
    for (row, one) in new.iter().zip(incoming) {
        let mut members = MemberChange::default();
        if let Some(references) = &one.relation {
            join(tx, endpoint, &row.id, references, now)?;
            members.added = references.iter().map(|reference| reference.value.clone()).collect();
        }
        log.push(NewChange {
            kind: ChangeKind::Created,
            resource_type: &rt.name,
            resource_id: &row.id,
            resource_name: &row.name,
            before: None,
            after: Some(&one.resource),
            members,
        });
    }
    changes::append_all(tx, caller, &log, now)?;
    drop(log);
    Ok(new.into_iter().map(|row| row.id).collect())
}

fn row_of(
    endpoint: &EndpointId,
    rt: &ResourceType,
    incoming: &Incoming,
    now: Millis,
) -> Result<rows::Row, StoreError> {
    let mut row = rows::Row {
        endpoint_id: endpoint.as_str().to_owned(),
        id: new_id(now),
        resource_type: rt.name.clone(),
        version: 1,
        created_at: now,
        modified_at: now,
        hidden: false,
        active: true,
        name: String::new(),
        name_key: String::new(),
        body: String::new(),
    };
    row.set_resource(rt, &incoming.resource)?;
    Ok(row)
}

/// Makes these the members of a new group.
fn join(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    group: &str,
    references: &[Reference],
    now: Millis,
) -> Result<(), StoreError> {
    for some in references.chunks(PORTION) {
        let ids: Vec<&str> = some.iter().map(|reference| reference.value.as_str()).collect();
        let types: HashMap<String, String> = resources::table
            .filter(resources::endpoint_id.eq(endpoint.as_str()))
            .filter(resources::id.eq_any(&ids))
            .filter(resources::hidden.eq(false))
            .select((resources::id, resources::resource_type))
            .load::<(String, String)>(&mut **tx)?
            .into_iter()
            .collect();
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let member_type = types.get(id).ok_or_else(|| {
                ScimError::invalid_value(format!("The member {id:.100} does not exist in this endpoint."))
            })?;
            rows.push(MemberRow {
                endpoint_id: endpoint.as_str().to_owned(),
                group_id: group.to_owned(),
                member_id: id.to_owned(),
                member_type: member_type.clone(),
                added_at: now,
            });
        }
        MemberRow::insert(tx, &rows)?;
    }
    Ok(())
}

/// The ids of the first resources of a type that SCIM shows, in their order.
pub fn ids(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    Ok(resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::resource_type.eq(&rt.name))
        .filter(resources::hidden.eq(false))
        .order(resources::id)
        .limit(limit)
        .select(resources::id)
        .load(conn)?)
}
