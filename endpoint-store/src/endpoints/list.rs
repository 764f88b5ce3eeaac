//! The list of endpoints, with what an operator wants to see of each.

use diesel::prelude::*;
use scim_core::fold::fold;

use super::{Endpoint, Row};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoints, resource_counts, token_usage, tokens};

/// One line of the endpoint list.
#[derive(Debug, Clone)]
pub struct EndpointSummary {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Users that SCIM shows.
    pub users: i64,
    /// Groups that SCIM shows.
    pub groups: i64,
    /// When a live token was last used.
    pub last_heard: Option<Millis>,
    /// When the oldest token that was not revoked was made.
    pub oldest_token: Option<Millis>,
}

/// One page of the endpoints whose name starts with `search`, by name, and how many there are in all.
pub fn list(
    conn: &mut Conn,
    search: &str,
    binned: bool,
    offset: i64,
    limit: i64,
) -> Result<(Vec<EndpointSummary>, i64), StoreError> {
    let from = fold(search);
    let to = format!("{from}\u{10FFFF}");
    macro_rules! matching {
        () => {{
            let q = endpoints::table
                .filter(endpoints::name_key.ge(from.clone()))
                .filter(endpoints::name_key.le(to.clone()))
                .into_boxed();
            if binned {
                q.filter(endpoints::deleted_at.is_not_null())
            } else {
                q.filter(endpoints::deleted_at.is_null())
            }
        }};
    }
    let total: i64 = matching!().count().get_result(conn)?;
    let rows: Vec<Row> = matching!()
        .order((endpoints::name_key, endpoints::id))
        .limit(limit)
        .offset(offset)
        .select(Row::as_select())
        .load(conn)?;
    let summaries = rows.into_iter().map(|row| summary(conn, row.try_into()?)).collect::<Result<_, _>>()?;
    Ok((summaries, total))
}

/// Counts and times of one endpoint, as in the list.
pub fn summary(conn: &mut Conn, endpoint: Endpoint) -> Result<EndpointSummary, StoreError> {
    let counts: Vec<(String, i64)> = resource_counts::table
        .filter(resource_counts::endpoint_id.eq(endpoint.id.as_str()))
        .select((resource_counts::resource_type, resource_counts::visible))
        .load(conn)?;
    let count_of = |name: &str| counts.iter().find(|(t, _)| t == name).map_or(0, |(_, n)| *n);
    let (last_heard, oldest_token): (Option<i64>, Option<i64>) = tokens::table
        .inner_join(token_usage::table)
        .filter(tokens::endpoint_id.eq(endpoint.id.as_str()))
        .filter(tokens::revoked_at.is_null())
        .select((diesel::dsl::max(token_usage::last_at), diesel::dsl::min(tokens::created_at)))
        .get_result(conn)?;
    Ok(EndpointSummary {
        users: count_of("User"),
        groups: count_of("Group"),
        last_heard,
        oldest_token,
        endpoint,
    })
}
