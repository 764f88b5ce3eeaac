//! The resource table.

use diesel::dsl::exists;
use diesel::prelude::*;
use scim_core::error::ScimError;
use scim_core::fold::fold;
use scim_core::index::{IndexKey, bounded};
use scim_core::resource::Resource;
use scim_core::schema::ResourceType;

use crate::conn::Conn;
use crate::dialect::{self, on_each};
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::{members, resource_keys, resources};
use crate::statements;
use crate::writer::Tx;

/// A row of the table, hidden ones too.
pub(crate) use crate::dialect::tables::ResourceRow as Row;

/// What reading needs of a row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = resources)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(super) resource_type: String,
    pub(super) version: i64,
    pub(super) created_at: i64,
    pub(super) modified_at: i64,
    pub(super) hidden: bool,
    pub(super) active: bool,
    pub(crate) name: String,
    pub(super) body: String,
}

impl Kept {
    /// Whether SCIM may see it as a resource of this type.
    pub(super) fn is_visible(&self, rt: &ResourceType) -> bool {
        !self.hidden && self.resource_type == rt.name
    }
}

impl From<Row> for Kept {
    fn from(row: Row) -> Self {
        let Row { id, resource_type, version, created_at, modified_at, hidden, active, name, body, .. } = row;
        Self { id, resource_type, version, created_at, modified_at, hidden, active, name, body }
    }
}

/// The resource of a kept body.
pub(super) fn resource_of(id: &str, body: &str) -> Result<Resource, StoreError> {
    serde_json::from_str(body).map_err(|e| StoreError::Damaged(format!("resource {id} cannot be read: {e}")))
}

impl Row {
    pub(crate) fn resource(&self) -> Result<Resource, StoreError> {
        resource_of(&self.id, &self.body)
    }

    /// Takes over a new content and what is derived from it.
    pub(crate) fn set_resource(&mut self, rt: &ResourceType, resource: &Resource) -> Result<(), StoreError> {
        self.body = serde_json::to_string(resource).map_err(|e| StoreError::Damaged(e.to_string()))?;
        self.name = resource.display_name(rt).to_owned();
        self.name_key = bounded(fold(&self.name));
        self.active = rt
            .state
            .as_deref()
            .and_then(|state| resource.as_map().get(state))
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(true);
        Ok(())
    }
}

/// A resource by id, of any type, hidden or not.
pub(crate) fn find(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<Option<Row>, StoreError> {
    Ok(on_each!(conn, c => resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::id.eq(id))
        .select(Row::as_select())
        .get_result(c)
        .optional())?)
}

/// As [`find`], for reading, and whether it is a member of anything.
pub(super) fn kept(
    conn: &mut Conn,
    endpoint: &EndpointId,
    id: &str,
) -> Result<Option<(Kept, bool)>, StoreError> {
    let endpoint = endpoint.as_str();
    // What an index has, so that it is taken.
    let held = members::table.select(members::member_id);
    let held = held.filter(members::endpoint_id.eq(endpoint)).filter(members::member_id.eq(id));
    Ok(on_each!(conn, c => resources::table
        .filter(resources::endpoint_id.eq(endpoint))
        .filter(resources::id.eq(id))
        .select((Kept::as_select(), exists(held)))
        .get_result(c)
        .optional())?)
}

/// As [`kept`], of all resources that SCIM may see and that have a key, in the order of ids; `None` if there are more than
/// `most`.
pub(crate) fn with_key(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    key: &IndexKey,
    most: usize,
) -> Result<Option<Vec<(Kept, bool)>>, StoreError> {
    let endpoint = endpoint.as_str();
    let one_more = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let held = members::table
        .select(members::member_id)
        .filter(members::endpoint_id.eq(resource_keys::endpoint_id))
        .filter(members::member_id.eq(resource_keys::resource_id));
    let found: Vec<(Kept, bool)> = on_each!(conn, c => resource_keys::table
        .inner_join(resources::table.on(
            resources::endpoint_id.eq(resource_keys::endpoint_id).and(resources::id.eq(resource_keys::resource_id)),
        ))
        .filter(resource_keys::endpoint_id.eq(endpoint))
        .filter(resource_keys::resource_type.eq(&rt.name))
        .filter(resource_keys::attribute.eq(&key.attribute))
        .filter(resource_keys::value_key.eq(&key.key))
        .filter(resources::hidden.eq(false))
        .order(resource_keys::resource_id)
        .limit(one_more)
        .select((Kept::as_select(), exists(held)))
        .load(c))?;
    Ok((found.len() <= most).then_some(found))
}

/// A resource of this type that SCIM may see, to be changed.
pub(super) fn visible(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    id: &str,
) -> Result<Row, StoreError> {
    find(conn, endpoint, id)?
        .filter(|row| !row.hidden && row.resource_type == rt.name)
        .ok_or_else(|| not_found(rt))
}

pub(super) fn not_found(rt: &ResourceType) -> StoreError {
    ScimError::not_found(format!(
        "There is no {} with this id: it was never made here, or it was deleted. Look it up by a filter instead.",
        rt.name
    ))
    .into()
}

pub(super) fn insert(tx: &mut Tx<'_>, row: &Row) -> Result<(), StoreError> {
    on_each!(&mut **tx, c => diesel::insert_into(resources::table).values(row).execute(c))?;
    Ok(())
}

/// Writes everything that can change.
pub(crate) fn update(tx: &mut Tx<'_>, row: &Row) -> Result<(), StoreError> {
    dialect::stated(tx, statements::Update(row))?;
    Ok(())
}

/// Removes a resource with its index keys; its memberships go with it.
pub(crate) fn remove(tx: &mut Tx<'_>, endpoint: &str, id: &str) -> Result<(), StoreError> {
    let keys = resource_keys::table
        .filter(resource_keys::endpoint_id.eq(endpoint))
        .filter(resource_keys::resource_id.eq(id));
    on_each!(&mut **tx, c => diesel::delete(keys).execute(c))?;
    let row = resources::table.filter(resources::endpoint_id.eq(endpoint)).filter(resources::id.eq(id));
    on_each!(&mut **tx, c => diesel::delete(row).execute(c))?;
    Ok(())
}
