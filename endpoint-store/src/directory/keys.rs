//! Index keys of a resource, and uniqueness by the database's own constraint.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use scim_core::error::ScimError;
use scim_core::index::{self, IndexKey};
use scim_core::resource::Resource;
use scim_core::schema::ResourceType;

use crate::conn::Conn;
use crate::dialect::{self, on_each};
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::schema::{resource_keys, resources};
use crate::settings::GroupNames;
use crate::statements::{AddKeys, Keys};
use crate::writer::Tx;

/// The keys that a resource has, each with whether it claims uniqueness; `hidden` ones claim none.
pub(crate) fn wanted(
    endpoint: &Endpoint,
    rt: &ResourceType,
    resource: &Resource,
    hidden: bool,
) -> BTreeMap<(String, String), bool> {
    let claims = !hidden && (rt.relation.is_none() || endpoint.settings.group_names == GroupNames::Unique);
    index::keys(rt, resource)
        .into_iter()
        .map(|key| ((key.attribute, key.key), key.unique && claims))
        .collect()
}

/// What a violation of uniqueness means to the requester.
pub(super) fn taken(error: StoreError, rt: &ResourceType, attribute: &str) -> StoreError {
    match &error {
        StoreError::Database(cause) if StoreError::is_unique_violation(cause) => {
            ScimError::uniqueness(format!(
                "{attribute} must be unique: another {} of this endpoint has this value already. \
             Look it up with the filter `{attribute} eq \"…\"` and update that one.",
                rt.name
            ))
            .into()
        }
        _ => error,
    }
}

/// Makes the kept keys of a resource those of its present content.
///
/// # Errors
/// 409 `uniqueness` naming the attribute when another resource holds the value.
pub(crate) fn sync(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    rt: &ResourceType,
    id: &str,
    resource: &Resource,
    hidden: bool,
) -> Result<(), StoreError> {
    let mut wanted = wanted(endpoint, rt, resource, hidden);
    let endpoint = &endpoint.id;
    let of_resource = || {
        resource_keys::table
            .filter(resource_keys::endpoint_id.eq(endpoint.as_str()))
            .filter(resource_keys::resource_id.eq(id))
    };
    let kept: Vec<(String, String, bool)> = on_each!(&mut **tx, c => of_resource()
        .select((resource_keys::attribute, resource_keys::value_key, resource_keys::is_unique))
        .load(c))?;
    for (attribute, key, unique) in kept {
        let entry = (attribute, key);
        if wanted.get(&entry) == Some(&unique) {
            wanted.remove(&entry);
        } else {
            diesel::delete(
                resource_keys::table
                    .filter(resource_keys::endpoint_id.eq(endpoint.as_str()))
                    .filter(resource_keys::resource_type.eq(&rt.name))
                    .filter(resource_keys::attribute.eq(&entry.0))
                    .filter(resource_keys::value_key.eq(&entry.1))
                    .filter(resource_keys::resource_id.eq(id)),
            )
            .execute(&mut **tx)?;
        }
    }
    add(tx, endpoint, rt, id, wanted)
}

/// Adds the keys of a resource that was just made.
///
/// # Errors
/// As [`sync`].
pub(super) fn first(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    rt: &ResourceType,
    id: &str,
    resource: &Resource,
) -> Result<(), StoreError> {
    add(tx, &endpoint.id, rt, id, wanted(endpoint, rt, resource, false))
}

/// The keys of a resource that is being made, column by column.
pub(super) fn columns(endpoint: &Endpoint, rt: &ResourceType, resource: &Resource) -> Keys {
    wanted(endpoint, rt, resource, false).into_iter().collect()
}

impl FromIterator<((String, String), bool)> for Keys {
    fn from_iter<I: IntoIterator<Item = ((String, String), bool)>>(keys: I) -> Self {
        let mut columns = Self::default();
        for ((attribute, value), unique) in keys {
            columns.attributes.push(attribute);
            columns.values.push(value);
            columns.unique.push(unique);
        }
        columns
    }
}

fn add(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    rt: &ResourceType,
    id: &str,
    wanted: BTreeMap<(String, String), bool>,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let keys: Keys = wanted.into_iter().collect();
    let all = AddKeys { endpoint: endpoint.as_str(), resource_type: &rt.name, id, keys: &keys };
    if dialect::at_once(tx, all).map_err(|error| one_taken(error, rt, &keys))?.is_some() {
        return Ok(());
    }
    for ((attribute, key), unique) in keys.attributes.iter().zip(&keys.values).zip(&keys.unique) {
        let row = (
            resource_keys::endpoint_id.eq(endpoint.as_str()),
            resource_keys::resource_type.eq(&rt.name),
            resource_keys::attribute.eq(attribute),
            resource_keys::value_key.eq(key),
            resource_keys::resource_id.eq(id),
            resource_keys::is_unique.eq(unique),
        );
        on_each!(&mut **tx, c => diesel::insert_into(resource_keys::table).values(row).execute(c))
            .map_err(|e| taken(e.into(), rt, attribute))?;
    }
    Ok(())
}

/// [`taken`] for several keys at once: which of them another resource holds is in the details of PostgreSQL's error alone.
pub(super) fn one_taken(error: DieselError, rt: &ResourceType, keys: &Keys) -> StoreError {
    let details = match &error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info)
            if info.constraint_name() == Some("resource_keys_unique") =>
        {
            info.details().unwrap_or_default().to_owned()
        }
        _ => return error.into(),
    };
    let columns = keys.attributes.iter().zip(&keys.values).zip(&keys.unique);
    let claimed: Vec<_> = columns.filter(|(_, unique)| **unique).map(|(key, _)| key).collect();
    let named =
        claimed.iter().find(|(attribute, value)| details.contains(&format!(", {attribute}, {value})")));
    match named.or(claimed.first()) {
        Some((attribute, _)) => taken(error.into(), rt, attribute),
        None => error.into(),
    }
}

/// Whether a change leaves the keys as they are, so that they need not be read. Where a setting decides what is unique,
/// they may lag behind it, and every change brings them up to it.
pub(super) fn stay(rt: &ResourceType, before: &Resource, after: &Resource) -> bool {
    rt.relation.is_none() && index::keys(rt, before) == index::keys(rt, after)
}

/// The key by which a hidden resource would be found again.
pub(super) fn name_of(rt: &ResourceType, resource: &Resource) -> Option<IndexKey> {
    index::keys(rt, resource).into_iter().find(|key| key.unique)
}

/// The hidden resource of this type that was known by the name of `resource`, the last one hidden first.
pub(super) fn hidden_namesake(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    resource: &Resource,
) -> Result<Option<String>, StoreError> {
    let Some(key) = name_of(rt, resource) else { return Ok(None) };
    Ok(resource_keys::table
        .inner_join(
            resources::table.on(resources::endpoint_id
                .eq(resource_keys::endpoint_id)
                .and(resources::id.eq(resource_keys::resource_id))),
        )
        .filter(resource_keys::endpoint_id.eq(endpoint.as_str()))
        .filter(resource_keys::resource_type.eq(&rt.name))
        .filter(resource_keys::attribute.eq(&key.attribute))
        .filter(resource_keys::value_key.eq(&key.key))
        .filter(resources::hidden.eq(true))
        .order(resources::modified_at.desc())
        .select(resources::id)
        .load::<String>(conn)?
        .into_iter()
        .next())
}
