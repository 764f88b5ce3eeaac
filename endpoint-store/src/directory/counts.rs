//! How many resources there are, kept beside them: totals are never counted out.

use diesel::prelude::*;

use crate::conn::Conn;
use crate::dialect::{self, on_each};
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
    let found = on_each!(conn, c => resource_counts::table
        .filter(resource_counts::endpoint_id.eq(endpoint.as_str()))
        .filter(resource_counts::resource_type.eq(resource_type))
        .select((resource_counts::visible, resource_counts::hidden))
        .get_result(c)
        .optional())?;
    Ok(found.unwrap_or_default())
}

/// Adds to both counters, and tells how many are hidden now.
pub(super) fn add(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    resource_type: &str,
    (visible, hidden): (i64, i64),
) -> Result<i64, StoreError> {
    let statement = statements::Count { endpoint: endpoint.as_str(), resource_type, visible, hidden };
    Ok(dialect::stated(tx, statement)?.first().copied().unwrap_or_default())
}
