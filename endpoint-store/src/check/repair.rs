//! Making anew what follows from what is there: counters, index keys, names and states of resources.

use std::sync::Arc;

use diesel::prelude::*;

use super::derived::{self, Wrong};
use super::{real_counts, wrong_counts};
use crate::Store;
use crate::dialect;
use crate::directory::{keys, rows};
use crate::endpoints::{self, Endpoint};
use crate::error::StoreError;
use crate::schema::{resource_counts, resource_keys, resources};
use crate::writer::Tx;

/// Mends what can be mended, a little at a time and while servers go on, and says what was done and what could not be.
///
/// # Errors
/// As [`Store::write`]; what was mended before stays mended.
pub async fn repair(store: &Store) -> Result<Vec<String>, StoreError> {
    let mut done = Vec::new();
    let (whole, _) = store.read(endpoints::whole).await?;
    let removed = store.write(remove_orphaned_keys).await?;
    if removed > 0 {
        done.push(format!("{removed} index entries of resources that are not there were removed"));
    }
    for endpoint in whole.into_iter().map(Arc::new) {
        done.extend(repair_resources(store, &endpoint).await?);
        let counted = endpoint.clone();
        if store.write(move |tx| recount(tx, &counted)).await? {
            done.push(format!("endpoint `{}`: the counters were counted anew", endpoint.slug));
        }
    }
    Ok(done)
}

fn remove_orphaned_keys(tx: &mut Tx<'_>) -> Result<usize, StoreError> {
    use diesel::dsl::{exists, not};
    let resource = resources::table
        .filter(resources::endpoint_id.eq(resource_keys::endpoint_id))
        .filter(resources::id.eq(resource_keys::resource_id));
    Ok(diesel::delete(resource_keys::table.filter(not(exists(resource)))).execute(&mut **tx)?)
}

fn recount(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<bool, StoreError> {
    dialect::lock_endpoint(tx, &endpoint.id)?;
    if wrong_counts(tx, endpoint)?.is_empty() {
        return Ok(false);
    }
    let real = real_counts(tx, endpoint)?;
    let of_endpoint = resource_counts::table.filter(resource_counts::endpoint_id.eq(endpoint.id.as_str()));
    diesel::delete(of_endpoint).execute(&mut **tx)?;
    for (kind, (visible, hidden)) in real {
        diesel::insert_into(resource_counts::table)
            .values((
                resource_counts::endpoint_id.eq(endpoint.id.as_str()),
                resource_counts::resource_type.eq(kind),
                resource_counts::visible.eq(visible),
                resource_counts::hidden.eq(hidden),
            ))
            .execute(&mut **tx)?;
    }
    Ok(true)
}

async fn repair_resources(store: &Store, endpoint: &Arc<Endpoint>) -> Result<Vec<String>, StoreError> {
    let (mut after, mut mended, mut said) = (String::new(), 0, Vec::new());
    loop {
        let (looked_at, from) = (endpoint.clone(), after);
        let Some((last, wrong)) = store.read(move |conn| derived::page(conn, &looked_at, &from)).await?
        else {
            break;
        };
        after = last;
        let ids: Vec<String> =
            wrong.into_iter().filter(|(_, what)| *what == Wrong::Derived).map(|(id, _)| id).collect();
        if ids.is_empty() {
            continue;
        }
        let all = ids.len();
        let endpoint = endpoint.clone();
        let failed = store.write(move |tx| derive(tx, &endpoint, &ids)).await?;
        mended += all - failed.len();
        said.extend(failed);
    }
    if mended > 0 {
        said.push(format!(
            "endpoint `{}`: what is kept beside {mended} resources was made anew",
            endpoint.slug
        ));
    }
    Ok(said)
}

/// Makes anew what follows from these resources; those for which that fails come back as sentences.
fn derive(tx: &mut Tx<'_>, endpoint: &Endpoint, ids: &[String]) -> Result<Vec<String>, StoreError> {
    dialect::lock_endpoint(tx, &endpoint.id)?;
    // All keys go first: one resource may hold what is another's.
    for id in ids {
        let of_resource = resource_keys::table
            .filter(resource_keys::endpoint_id.eq(endpoint.id.as_str()))
            .filter(resource_keys::resource_id.eq(id));
        diesel::delete(of_resource).execute(&mut **tx)?;
    }
    let mut failed = Vec::new();
    for id in ids {
        let outcome = tx.attempt(|tx| {
            // It may have been changed or deleted since it was looked at.
            let Some(mut row) = rows::find(tx, &endpoint.id, id)? else { return Ok(()) };
            let Some(rt) = endpoint.catalog.by_name(&row.resource_type) else { return Ok(()) };
            let resource = row.resource()?;
            row.set_resource(rt, &resource)?;
            rows::update(tx, &row)?;
            keys::sync(tx, endpoint, rt, id, &resource, row.hidden)
        });
        match outcome {
            Ok(()) => {}
            Err(error @ (StoreError::Scim(_) | StoreError::Damaged(_))) => {
                failed.push(format!(
                    "endpoint `{}`: resource {id} could not be mended: {error}",
                    endpoint.slug
                ));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(failed)
}
