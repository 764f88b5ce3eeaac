//! What is kept follows when an endpoint's schemas change.

use diesel::prelude::*;
use scim_core::schema::{Catalog, ResourceType};

use super::{counts, keys, rows};
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::schema::resources;
use crate::writer::Tx;

/// Resources whose index keys are made anew in one transaction, at most.
const MOST: i64 = 20_000;

/// Checks that no type with resources goes away, and brings the index keys to the new definitions.
///
/// # Errors
/// [`StoreError::Refused`] for a type that has resources, or for more of them than one change can index anew.
pub(crate) fn follow(tx: &mut Tx<'_>, endpoint: &Endpoint, new: &Catalog) -> Result<(), StoreError> {
    for old in endpoint.catalog.resource_types() {
        let (visible, hidden) = counts::get(tx, &endpoint.id, &old.name)?;
        let count = visible + hidden;
        if count == 0 {
            continue;
        }
        let Some(rt) = new.by_name(&old.name) else {
            return Err(StoreError::refused(format!(
                "the resource type {} has {count} resources; delete them before its definition",
                old.name
            )));
        };
        if indexed(old) == indexed(rt) {
            continue;
        }
        if count > MOST {
            return Err(StoreError::refused(format!(
                "{} has {count} resources, and what is indexed or unique can only be changed up to {MOST}",
                old.name
            )));
        }
        let all: Vec<rows::Row> = resources::table
            .filter(resources::endpoint_id.eq(endpoint.id.as_str()))
            .filter(resources::resource_type.eq(&old.name))
            .select(rows::Row::as_select())
            .load(&mut **tx)?;
        for row in all {
            keys::sync(tx, endpoint, rt, &row.id, &row.resource()?, row.hidden)?;
        }
    }
    Ok(())
}

fn indexed(rt: &ResourceType) -> Vec<String> {
    let unique = rt.unique_attributes().map(|resolved| format!("!{}", resolved.canonical()));
    let mut all: Vec<String> = unique.chain(rt.indexed.iter().cloned()).collect();
    all.sort_unstable();
    all
}
