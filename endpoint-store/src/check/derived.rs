//! What is kept beside a resource because it follows from it: its index keys, its name, its state.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;

use super::Fault;
use crate::conn::Conn;
use crate::directory::{keys, rows};
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::schema::{resource_keys, resources};

/// Resources that are looked at together.
const PAGE: i64 = 1000;
/// Resources that are named in one sentence.
const NAMED: usize = 3;

/// What is wrong with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wrong {
    /// It cannot be read.
    Unreadable,
    /// Its type is not defined.
    Untyped,
    /// What is kept beside it does not follow from it.
    Derived,
}

pub(super) fn faults(conn: &mut Conn, endpoint: &Endpoint) -> Result<Vec<Fault>, StoreError> {
    let mut found: HashMap<Wrong, (usize, Vec<String>)> = HashMap::new();
    let mut after = String::new();
    while let Some((last, wrong)) = page(conn, endpoint, &after)? {
        for (id, what) in wrong {
            let (count, named) = found.entry(what).or_default();
            *count += 1;
            if named.len() < NAMED {
                named.push(id);
            }
        }
        after = last;
    }
    let sentence = |(what, (count, named)): (Wrong, (usize, Vec<String>))| {
        let (repairable, text) = match what {
            Wrong::Unreadable => (false, "cannot be read"),
            Wrong::Untyped => (false, "are of a type that the endpoint does not define"),
            Wrong::Derived => (true, "have index entries, a name or a state that do not match their content"),
        };
        let sentence =
            format!("endpoint `{}`: {count} resources {text}: {}", endpoint.slug, named.join(", "));
        Fault { sentence, repairable }
    };
    Ok(found.into_iter().map(sentence).collect())
}

/// Looks at the resources after an id: the last id seen, and those that are wrong. `None` behind the last one.
#[expect(clippy::type_complexity, reason = "two lists that belong together, read in one place")]
pub(super) fn page(
    conn: &mut Conn,
    endpoint: &Endpoint,
    after: &str,
) -> Result<Option<(String, Vec<(String, Wrong)>)>, StoreError> {
    let rows: Vec<rows::Row> = resources::table
        .filter(resources::endpoint_id.eq(endpoint.id.as_str()))
        .filter(resources::id.gt(after))
        .order(resources::id)
        .limit(PAGE)
        .select(rows::Row::as_select())
        .load(conn)?;
    let Some(last) = rows.last().map(|row| row.id.clone()) else { return Ok(None) };
    let mut kept = kept_keys(conn, endpoint, after, &last)?;
    let wrong = rows.into_iter().filter_map(|row| {
        let what = judge(endpoint, &row, &kept.remove(&row.id).unwrap_or_default())?;
        Some((row.id, what))
    });
    Ok(Some((last, wrong.collect())))
}

/// Attribute and key of an entry, with its type and whether it is unique.
type Keys = BTreeMap<(String, String), (String, bool)>;

fn kept_keys(
    conn: &mut Conn,
    endpoint: &Endpoint,
    after: &str,
    last: &str,
) -> Result<HashMap<String, Keys>, StoreError> {
    let rows: Vec<(String, String, String, String, bool)> = resource_keys::table
        .filter(resource_keys::endpoint_id.eq(endpoint.id.as_str()))
        .filter(resource_keys::resource_id.gt(after))
        .filter(resource_keys::resource_id.le(last))
        .select((
            resource_keys::resource_id,
            resource_keys::attribute,
            resource_keys::value_key,
            resource_keys::resource_type,
            resource_keys::is_unique,
        ))
        .load(conn)?;
    let mut kept: HashMap<String, Keys> = HashMap::new();
    for (id, attribute, key, resource_type, unique) in rows {
        kept.entry(id).or_default().insert((attribute, key), (resource_type, unique));
    }
    Ok(kept)
}

fn judge(endpoint: &Endpoint, row: &rows::Row, kept: &Keys) -> Option<Wrong> {
    let Some(rt) = endpoint.catalog.by_name(&row.resource_type) else { return Some(Wrong::Untyped) };
    let Ok(resource) = row.resource() else { return Some(Wrong::Unreadable) };
    let mut anew = row.clone();
    if anew.set_resource(rt, &resource).is_err() {
        return Some(Wrong::Unreadable);
    }
    let same = (&anew.name, &anew.name_key, anew.active) == (&row.name, &row.name_key, row.active);
    let wanted: Keys = keys::wanted(endpoint, rt, &resource, row.hidden)
        .into_iter()
        .map(|(key, unique)| (key, (rt.name.clone(), unique)))
        .collect();
    (!same || wanted != *kept).then_some(Wrong::Derived)
}
