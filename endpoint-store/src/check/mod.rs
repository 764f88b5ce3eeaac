//! Is what is kept sound? Asked by `scim-server check`, which sees one snapshot and changes nothing; what can be made
//! anew from what is there is, by `check --repair`.

mod derived;
mod orphans;
mod repair;

use std::collections::HashMap;

use diesel::prelude::*;

use crate::audit;
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::{self, Endpoint};
use crate::error::StoreError;
use crate::history;
use crate::schema::{changes, endpoint_progress, resource_counts, resources};

pub use repair::repair;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What, and where.
    pub sentence: String,
    /// Whether `--repair` mends it; otherwise it takes a backup.
    pub repairable: bool,
}

impl Fault {
    fn repairable(sentence: String) -> Self {
        Self { sentence, repairable: true }
    }

    fn lasting(sentence: String) -> Self {
        Self { sentence, repairable: false }
    }
}

/// Every fault found; empty when all is sound.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Damaged`] when the database cannot be read to its end.
pub fn faults(conn: &mut Conn) -> Result<Vec<Fault>, StoreError> {
    dialect::begin_snapshot(conn)?;
    let faults = all(conn);
    dialect::rollback(conn);
    faults
}

fn all(conn: &mut Conn) -> Result<Vec<Fault>, StoreError> {
    let mut faults: Vec<Fault> = dialect::integrity_faults(conn)?.into_iter().map(Fault::lasting).collect();
    faults.extend(orphans::find(conn)?);
    faults.extend(audit::follow(conn)?.broken.map(|broken| Fault::lasting(broken.to_string())));
    let (whole, unreadable) = endpoints::whole(conn)?;
    faults.extend(unreadable.into_iter().map(Fault::lasting));
    for endpoint in &whole {
        faults.extend(wrong_counts(conn, endpoint)?);
        faults.extend(derived::faults(conn, endpoint)?);
        faults.extend(gaps_in_changes(conn, endpoint)?);
    }
    Ok(faults)
}

/// Visible and hidden resources by type.
type Counts = HashMap<String, (i64, i64)>;

fn real_counts(conn: &mut Conn, endpoint: &Endpoint) -> Result<Counts, StoreError> {
    let counted: Vec<(String, bool, i64)> = resources::table
        .filter(resources::endpoint_id.eq(endpoint.id.as_str()))
        .group_by((resources::resource_type, resources::hidden))
        .select((resources::resource_type, resources::hidden, diesel::dsl::count_star()))
        .load(conn)?;
    let mut real = Counts::new();
    for (kind, hidden, n) in counted {
        let entry = real.entry(kind).or_default();
        if hidden { entry.1 = n } else { entry.0 = n }
    }
    Ok(real)
}

fn wrong_counts(conn: &mut Conn, endpoint: &Endpoint) -> Result<Vec<Fault>, StoreError> {
    let mut real = real_counts(conn, endpoint)?;
    let kept: Vec<(String, i64, i64)> = resource_counts::table
        .filter(resource_counts::endpoint_id.eq(endpoint.id.as_str()))
        .select((resource_counts::resource_type, resource_counts::visible, resource_counts::hidden))
        .load(conn)?;
    let slug = &endpoint.slug;
    let mut faults = Vec::new();
    for (kind, visible, hidden) in kept {
        let found = real.remove(&kind).unwrap_or_default();
        if found != (visible, hidden) {
            faults.push(Fault::repairable(format!(
                "endpoint `{slug}`: {kind} counters say {visible} visible and {hidden} hidden, there are {} and {}",
                found.0, found.1
            )));
        }
    }
    let missing = real.into_keys().map(|kind| format!("endpoint `{slug}`: there are no counters for {kind}"));
    faults.extend(missing.map(Fault::repairable));
    Ok(faults)
}

/// The log runs from the number after the last one that was forgotten to the last one given, without a gap.
fn gaps_in_changes(conn: &mut Conn, endpoint: &Endpoint) -> Result<Option<Fault>, StoreError> {
    let slug = &endpoint.slug;
    let last: Option<i64> = endpoint_progress::table
        .filter(endpoint_progress::endpoint_id.eq(endpoint.id.as_str()))
        .select(endpoint_progress::last_change)
        .get_result(conn)
        .optional()?;
    let Some(last) = last else {
        return Ok(Some(Fault::lasting(format!("endpoint `{slug}`: its number of changes is missing"))));
    };
    let floor = history::pruned_up_to(conn, &endpoint.id)?;
    let (count, first, highest): (i64, Option<i64>, Option<i64>) = changes::table
        .filter(changes::endpoint_id.eq(endpoint.id.as_str()))
        .select((diesel::dsl::count_star(), diesel::dsl::min(changes::seq), diesel::dsl::max(changes::seq)))
        .get_result(conn)?;
    let expected = (last > floor).then_some(());
    let whole =
        count == last - floor && first == expected.map(|()| floor + 1) && highest == expected.map(|()| last);
    Ok((!whole).then(|| {
        Fault::lasting(format!(
            "endpoint `{slug}`: the change log should run from {} to {last} and has {count} changes from {} to {}",
            floor + 1,
            first.unwrap_or(0),
            highest.unwrap_or(0)
        ))
    }))
}
