//! Is what is kept sound? Asked by `scim-server check`; changes nothing.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::schema::{changes, endpoint_progress, members, resource_counts, resource_keys, resources};

/// Every fault found, one sentence each; empty when all is sound.
pub fn faults(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let mut faults = dialect::integrity_faults(conn)?;
    faults.extend(wrong_counts(conn)?);
    faults.extend(unreadable_resources(conn)?);
    faults.extend(gaps_in_changes(conn)?);
    faults.extend(orphans(conn)?);
    Ok(faults)
}

fn wrong_counts(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let counted: Vec<(String, String, bool, i64)> = resources::table
        .group_by((resources::endpoint_id, resources::resource_type, resources::hidden))
        .select((
            resources::endpoint_id,
            resources::resource_type,
            resources::hidden,
            diesel::dsl::count_star(),
        ))
        .load(conn)?;
    let mut real: HashMap<(String, String), (i64, i64)> = HashMap::new();
    for (endpoint, kind, hidden, n) in counted {
        let entry = real.entry((endpoint, kind)).or_default();
        if hidden { entry.1 = n } else { entry.0 = n }
    }
    let kept: Vec<(String, String, i64, i64)> = resource_counts::table.load(conn)?;
    let mut faults = Vec::new();
    for (endpoint, kind, visible, hidden) in kept {
        let found = real.remove(&(endpoint.clone(), kind.clone())).unwrap_or_default();
        if found != (visible, hidden) {
            faults.push(format!(
                "endpoint {endpoint}: {kind} counters say {visible} visible and {hidden} hidden, there are {} and {}",
                found.0, found.1
            ));
        }
    }
    faults.extend(
        real.into_keys().map(|(endpoint, kind)| format!("endpoint {endpoint}: no counters for {kind}")),
    );
    Ok(faults)
}

fn unreadable_resources(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    const PAGE: i64 = 1000;
    let mut faults = Vec::new();
    let mut after = (String::new(), String::new());
    loop {
        let rows: Vec<(String, String, String)> = resources::table
            .filter(
                resources::endpoint_id
                    .gt(after.0.clone())
                    .or(resources::endpoint_id.eq(after.0.clone()).and(resources::id.gt(after.1.clone()))),
            )
            .order((resources::endpoint_id, resources::id))
            .limit(PAGE)
            .select((resources::endpoint_id, resources::id, resources::body))
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(faults) };
        after = (last.0.clone(), last.1.clone());
        for (endpoint, id, body) in &rows {
            if let Err(e) = serde_json::from_str::<scim_core::resource::Resource>(body) {
                faults.push(format!("endpoint {endpoint}: resource {id} cannot be read: {e}"));
            }
        }
    }
}

fn gaps_in_changes(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let kept: Vec<(String, i64)> = endpoint_progress::table
        .select((endpoint_progress::endpoint_id, endpoint_progress::last_change))
        .load(conn)?;
    let mut faults = Vec::new();
    for (endpoint, last) in kept {
        let (count, first, highest): (i64, Option<i64>, Option<i64>) = changes::table
            .filter(changes::endpoint_id.eq(&endpoint))
            .select((
                diesel::dsl::count_star(),
                diesel::dsl::min(changes::seq),
                diesel::dsl::max(changes::seq),
            ))
            .get_result(conn)?;
        // Old changes may be pruned: the log is whole when it runs without a gap up to the last number.
        let expected = first.map_or(0, |first| last - first + 1);
        if highest.unwrap_or(last) != last || count != expected {
            faults.push(format!("endpoint {endpoint}: the change log has a gap before change {last}"));
        }
    }
    Ok(faults)
}

fn orphans(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    use diesel::dsl::{exists, not};
    let members: i64 = members::table
        .filter(not(exists(
            resources::table
                .filter(resources::endpoint_id.eq(members::endpoint_id))
                .filter(resources::id.eq(members::member_id)),
        )))
        .count()
        .get_result(conn)?;
    let keys: i64 = resource_keys::table
        .filter(not(exists(
            resources::table
                .filter(resources::endpoint_id.eq(resource_keys::endpoint_id))
                .filter(resources::id.eq(resource_keys::resource_id)),
        )))
        .count()
        .get_result(conn)?;
    let mut faults = Vec::new();
    if members > 0 {
        faults.push(format!("{members} memberships of resources that are not there"));
    }
    if keys > 0 {
        faults.push(format!("{keys} index entries of resources that are not there"));
    }
    Ok(faults)
}
