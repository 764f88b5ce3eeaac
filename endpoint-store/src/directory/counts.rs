//! How many resources there are, kept beside them: totals are never counted out.

use diesel::prelude::*;

use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::resource_counts;
use crate::statements;
use crate::writer::Tx;

/// Visible and hidden resources of a type.
pub(super) fn get(
    conn: &mut Conn,
    endpoint: &EndpointId,
    resource_type: &str,
) -> Result<(i64, i64), StoreError> {
    Ok(resource_counts::table
        .filter(resource_counts::endpoint_id.eq(endpoint.as_str()))
        .filter(resource_counts::resource_type.eq(resource_type))
        .select((resource_counts::visible, resource_counts::hidden))
        .get_result(conn)
        .optional()?
        .unwrap_or_default())
}

/// Adds to both counters.
pub(super) fn add(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    resource_type: &str,
    (visible, hidden): (i64, i64),
) -> Result<(), StoreError> {
    let statement = statements::Count { endpoint: endpoint.as_str(), resource_type, visible, hidden };
    if dialect::at_once(tx, statement)?.is_some() {
        return Ok(());
    }
    let updated = diesel::update(
        resource_counts::table
            .filter(resource_counts::endpoint_id.eq(endpoint.as_str()))
            .filter(resource_counts::resource_type.eq(resource_type)),
    )
    .set((
        resource_counts::visible.eq(resource_counts::visible + visible),
        resource_counts::hidden.eq(resource_counts::hidden + hidden),
    ))
    .execute(&mut **tx)?;
    if updated == 0 {
        diesel::insert_into(resource_counts::table)
            .values((
                resource_counts::endpoint_id.eq(endpoint.as_str()),
                resource_counts::resource_type.eq(resource_type),
                resource_counts::visible.eq(visible),
                resource_counts::hidden.eq(hidden),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
