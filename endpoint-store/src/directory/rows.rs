//! The resource table.

use diesel::prelude::*;
use scim_core::error::ScimError;
use scim_core::fold::fold;
use scim_core::index::bounded;
use scim_core::resource::Resource;
use scim_core::schema::ResourceType;

use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::resources;
use crate::statements;
use crate::writer::Tx;

/// A row of the table, hidden ones too.
pub(crate) use crate::dialect::tables::ResourceRow as Row;

/// What reading needs of a row.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = resources)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) resource_type: String,
    pub(super) version: i64,
    pub(super) created_at: i64,
    pub(super) modified_at: i64,
    pub(super) hidden: bool,
    pub(super) active: bool,
    pub(super) name: String,
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
    Ok(resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::id.eq(id))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?)
}

/// As [`find`], for reading.
pub(super) fn kept(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<Option<Kept>, StoreError> {
    Ok(resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::id.eq(id))
        .select(Kept::as_select())
        .get_result(conn)
        .optional()?)
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
    diesel::insert_into(resources::table).values(row).execute(&mut **tx)?;
    Ok(())
}

/// Writes everything that can change.
pub(crate) fn update(tx: &mut Tx<'_>, row: &Row) -> Result<(), StoreError> {
    if dialect::at_once(tx, statements::Update(row))?.is_some() {
        return Ok(());
    }
    diesel::update(
        resources::table
            .filter(resources::endpoint_id.eq(&row.endpoint_id))
            .filter(resources::id.eq(&row.id)),
    )
    .set((
        resources::version.eq(row.version),
        resources::modified_at.eq(row.modified_at),
        resources::hidden.eq(row.hidden),
        resources::active.eq(row.active),
        resources::name.eq(&row.name),
        resources::name_key.eq(&row.name_key),
        resources::body.eq(&row.body),
    ))
    .execute(&mut **tx)?;
    Ok(())
}

pub(super) fn remove(tx: &mut Tx<'_>, row: &Row) -> Result<(), StoreError> {
    diesel::delete(
        resources::table
            .filter(resources::endpoint_id.eq(&row.endpoint_id))
            .filter(resources::id.eq(&row.id)),
    )
    .execute(&mut **tx)?;
    Ok(())
}
