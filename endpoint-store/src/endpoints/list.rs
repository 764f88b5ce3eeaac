//! The list of endpoints, with what an operator wants to see of each.

use std::collections::HashMap;

use diesel::prelude::*;
use scim_core::fold::fold;

use super::{Endpoint, EndpointId, Row, Status};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::health::{self, Health};
use crate::ids::Millis;
use crate::operators::Reach;
use crate::schema::{endpoint_slugs, endpoints, resource_counts, token_rotations, token_usage, tokens};

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
    /// What its traffic says.
    pub health: Health,
}

/// One page of the endpoints whose name, tenant or address (also a former one) starts with `search`, by name, and
/// how many there are in all.
pub fn list(
    conn: &mut Conn,
    search: &str,
    binned: bool,
    offset: i64,
    limit: i64,
) -> Result<(Vec<EndpointSummary>, i64), StoreError> {
    list_within(conn, &Reach::Everything, search, binned, (offset, limit))
}

/// The same of those that an operator sees.
pub fn list_within(
    conn: &mut Conn,
    reach: &Reach,
    search: &str,
    binned: bool,
    (offset, limit): (i64, i64),
) -> Result<(Vec<EndpointSummary>, i64), StoreError> {
    let within = reach.spellings(conn)?;
    let from = fold(search);
    let to = format!("{from}\u{10FFFF}");
    let tenants = tenants(conn, &from)?;
    macro_rules! matching {
        () => {{
            let mut q = endpoints::table.into_boxed();
            if let Some(within) = &within {
                let own = endpoints::tenant.assume_not_null().eq_any(within.clone());
                q = q.filter(endpoints::tenant.is_not_null().and(own));
            }
            if !from.is_empty() {
                let slugs = endpoint_slugs::table
                    .filter(endpoint_slugs::slug.ge(from.clone()))
                    .filter(endpoint_slugs::slug.le(to.clone()))
                    .select(endpoint_slugs::endpoint_id);
                let name = endpoints::name_key.ge(from.clone()).and(endpoints::name_key.le(to.clone()));
                let tenant = endpoints::tenant
                    .is_not_null()
                    .and(endpoints::tenant.assume_not_null().eq_any(tenants.clone()));
                q = q.filter(name.or(endpoints::id.eq_any(slugs)).or(tenant));
            }
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
    let endpoints = rows.into_iter().map(Endpoint::try_from).collect::<Result<_, _>>()?;
    Ok((summaries(conn, endpoints)?, total))
}

/// Which endpoints a page shows.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Name, tenant or address (also a former one) starts with this.
    pub search: String,
    /// Of this tenant, compared without case.
    pub tenant: Option<String>,
    /// In this state.
    pub status: Option<Status>,
    /// Those in the bin instead.
    pub binned: bool,
    /// Only what whoever asks sees.
    pub within: Reach,
}

/// Endpoints by name, after the one at `after` (folded name and id), and whether more follow.
pub fn page(
    conn: &mut Conn,
    wanted: &Selection,
    after: Option<&(String, String)>,
    limit: usize,
) -> Result<(Vec<EndpointSummary>, bool), StoreError> {
    let mut q = endpoints::table.into_boxed();
    q = if wanted.binned {
        q.filter(endpoints::deleted_at.is_not_null())
    } else {
        q.filter(endpoints::deleted_at.is_null())
    };
    if let Some(within) = wanted.within.spellings(conn)? {
        let own = endpoints::tenant.assume_not_null().eq_any(within);
        q = q.filter(endpoints::tenant.is_not_null().and(own));
    }
    let from = fold(&wanted.search);
    if !from.is_empty() {
        let to = format!("{from}\u{10FFFF}");
        let slugs = endpoint_slugs::table
            .filter(endpoint_slugs::slug.ge(from.clone()))
            .filter(endpoint_slugs::slug.le(to.clone()))
            .select(endpoint_slugs::endpoint_id);
        let name = endpoints::name_key.ge(from.clone()).and(endpoints::name_key.le(to));
        let tenants = tenants(conn, &from)?;
        let tenant = endpoints::tenant.is_not_null().and(endpoints::tenant.assume_not_null().eq_any(tenants));
        q = q.filter(name.or(endpoints::id.eq_any(slugs)).or(tenant));
    }
    if let Some(tenant) = &wanted.tenant {
        let spellings = spellings_of(conn, tenant)?;
        q = q.filter(
            endpoints::tenant.is_not_null().and(endpoints::tenant.assume_not_null().eq_any(spellings)),
        );
    }
    if let Some(status) = wanted.status {
        q = q.filter(endpoints::status.eq(status.as_str()));
    }
    if let Some((name, id)) = after {
        q = q.filter(
            endpoints::name_key
                .gt(name.clone())
                .or(endpoints::name_key.eq(name.clone()).and(endpoints::id.gt(id.clone()))),
        );
    }
    let rows: Vec<Row> = q
        .order((endpoints::name_key, endpoints::id))
        .limit(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
        .select(Row::as_select())
        .load(conn)?;
    let more = rows.len() > limit;
    let endpoints = rows.into_iter().take(limit).map(Endpoint::try_from).collect::<Result<_, _>>()?;
    Ok((summaries(conn, endpoints)?, more))
}

/// The tenants whose name starts with `from`, as they are spelled. Tenants are few, and compared as the rest is.
pub(super) fn tenants(conn: &mut Conn, from: &str) -> Result<Vec<String>, StoreError> {
    if from.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<Option<String>> = endpoints::table
        .filter(endpoints::tenant.is_not_null())
        .select(endpoints::tenant)
        .distinct()
        .load(conn)?;
    Ok(all.into_iter().flatten().filter(|tenant| fold(tenant).starts_with(from)).take(500).collect())
}

/// A tenant as endpoints spell it.
pub(super) fn spellings_of(conn: &mut Conn, tenant: &str) -> Result<Vec<String>, StoreError> {
    let folded = fold(tenant);
    Ok(tenants(conn, &folded)?.into_iter().filter(|known| fold(known) == folded).collect())
}

/// How many resources of each type SCIM shows, by name of the type; a type without any may be missing.
pub fn counts(conn: &mut Conn, endpoint: &EndpointId) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(resource_counts::table
        .filter(resource_counts::endpoint_id.eq(endpoint.as_str()))
        .select((resource_counts::resource_type, resource_counts::visible))
        .load(conn)?)
}

/// Counts and times of one endpoint, as in the list.
pub fn summary(conn: &mut Conn, endpoint: Endpoint) -> Result<EndpointSummary, StoreError> {
    let name = endpoint.slug.clone();
    let line = summaries(conn, vec![endpoint])?.pop();
    line.ok_or_else(|| StoreError::NotFound(format!("there is no endpoint `{name}`")))
}

/// The same for several, with three queries for all of them.
pub(super) fn summaries(
    conn: &mut Conn,
    endpoints: Vec<Endpoint>,
) -> Result<Vec<EndpointSummary>, StoreError> {
    let ids: Vec<String> = endpoints.iter().map(|endpoint| endpoint.id.as_str().to_owned()).collect();
    let counted: Vec<(String, String, i64)> = resource_counts::table
        .filter(resource_counts::endpoint_id.eq_any(&ids))
        .select((resource_counts::endpoint_id, resource_counts::resource_type, resource_counts::visible))
        .load(conn)?;
    let counts: HashMap<(&str, &str), i64> =
        counted.iter().map(|(id, name, count)| ((id.as_str(), name.as_str()), *count)).collect();
    let kept: Vec<(String, Option<i64>, i64, Option<i64>)> = tokens::table
        .inner_join(token_usage::table)
        .left_join(token_rotations::table)
        .filter(tokens::endpoint_id.eq_any(&ids))
        .filter(tokens::revoked_at.is_null())
        .select((
            tokens::endpoint_id,
            token_usage::last_at,
            tokens::created_at,
            token_rotations::retired_at.nullable(),
        ))
        .load(conn)?;
    let mut times: HashMap<&str, (Option<i64>, Option<i64>)> = HashMap::new();
    for (id, last_at, created_at, retired_at) in &kept {
        let (heard, oldest) = times.entry(id).or_default();
        *heard = (*heard).max(*last_at);
        if retired_at.is_none() {
            *oldest = Some(oldest.map_or(*created_at, |known| known.min(*created_at)));
        }
    }
    let health = health::of_all(conn, &ids)?;
    let line = |endpoint: Endpoint| {
        let id = endpoint.id.as_str();
        let (last_heard, oldest_token) = times.get(id).copied().unwrap_or_default();
        let count_of = |name: &str| counts.get(&(id, name)).copied().unwrap_or(0);
        EndpointSummary {
            users: count_of("User"),
            groups: count_of("Group"),
            last_heard,
            oldest_token,
            health: health.get(id).cloned().unwrap_or_default(),
            endpoint,
        }
    };
    Ok(endpoints.into_iter().map(line).collect())
}
