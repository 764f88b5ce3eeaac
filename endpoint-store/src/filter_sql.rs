//! How far a filter can be answered by an index.
//!
//! The result is a superset of what matches: every candidate is still judged by
//! [`Filter::matches`](scim_core::filter::Filter::matches), so that the answer never depends on what the
//! database thinks of case, wildcards or collation.

use diesel::prelude::*;
use scim_core::filter::{CompareOp, Filter, Literal};
use scim_core::fold::fold;
use scim_core::index;
use scim_core::path::AttrPath;
use scim_core::schema::ResourceType;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::{members, resource_keys};

/// Which resources can match.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Candidates {
    /// Only these, in order of id.
    Ids(Vec<String>),
    /// Any.
    All,
}

/// Finds the resources that can match.
pub(crate) fn candidates(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    filter: &Filter,
) -> Result<Candidates, StoreError> {
    match filter {
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(value) } => {
            equal_to(conn, endpoint, rt, path, value)
        }
        Filter::ValuePath { path, filter } => {
            // emails[value eq "x" and …]: the element's sub-attributes are attributes of the path.
            let inner = qualified(path, filter);
            inner.map_or(Ok(Candidates::All), |inner| candidates(conn, endpoint, rt, &inner))
        }
        // One indexed term is enough to narrow a conjunction.
        Filter::And(terms) => {
            for term in terms {
                if let narrowed @ Candidates::Ids(_) = candidates(conn, endpoint, rt, term)? {
                    return Ok(narrowed);
                }
            }
            Ok(Candidates::All)
        }
        // A disjunction is as wide as its widest term.
        Filter::Or(terms) => {
            let mut all = Vec::new();
            for term in terms {
                match candidates(conn, endpoint, rt, term)? {
                    Candidates::Ids(ids) => all.extend(ids),
                    Candidates::All => return Ok(Candidates::All),
                }
            }
            all.sort_unstable();
            all.dedup();
            Ok(Candidates::Ids(all))
        }
        _ => Ok(Candidates::All),
    }
}

fn equal_to(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    path: &AttrPath,
    value: &str,
) -> Result<Candidates, StoreError> {
    let Some(resolved) = rt.resolve(path) else { return Ok(Candidates::All) };
    // Ids are made in small letters, and `value` is compared without case.
    if rt.is_relation(&resolved) && resolved.sub.is_none_or(|sub| sub.name == "value") {
        let ids = members::table
            .filter(members::endpoint_id.eq(endpoint.as_str()))
            .filter(members::member_id.eq(fold(value)))
            .order(members::group_id)
            .select(members::group_id)
            .load(conn)?;
        return Ok(Candidates::Ids(ids));
    }
    if resolved.canonical() == "id" {
        return Ok(Candidates::Ids(vec![value.to_owned()]));
    }
    let Some(wanted) = index::lookup(rt, path, value) else { return Ok(Candidates::All) };
    let ids = resource_keys::table
        .filter(resource_keys::endpoint_id.eq(endpoint.as_str()))
        .filter(resource_keys::resource_type.eq(&rt.name))
        .filter(resource_keys::attribute.eq(&wanted.attribute))
        .filter(resource_keys::value_key.eq(&wanted.key))
        .order(resource_keys::resource_id)
        .select(resource_keys::resource_id)
        .load(conn)?;
    Ok(Candidates::Ids(ids))
}

/// The filter of a value path with its paths made absolute; `None` when that loses nothing but help.
fn qualified(path: &AttrPath, filter: &Filter) -> Option<Filter> {
    match filter {
        Filter::Compare { path: inner, op, value } if inner.sub.is_none() => {
            let full = AttrPath { sub: Some(inner.name.clone()), ..path.clone() };
            Some(Filter::Compare { path: full, op: *op, value: value.clone() })
        }
        // Each term of a conjunction holds for the resource when it holds for the element.
        Filter::And(terms) => Some(Filter::And(terms.iter().filter_map(|t| qualified(path, t)).collect())),
        Filter::Or(terms) => {
            terms.iter().map(|t| qualified(path, t)).collect::<Option<Vec<_>>>().map(Filter::Or)
        }
        _ => None,
    }
}

/// Whether a filter looks at an attribute that `is` the one.
pub(crate) fn mentions(filter: &Filter, is: &dyn Fn(&AttrPath) -> bool) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|t| mentions(t, is)),
        Filter::Not(inner) => mentions(inner, is),
        Filter::Compare { path, .. } | Filter::Present(path) | Filter::ValuePath { path, .. } => is(path),
    }
}
