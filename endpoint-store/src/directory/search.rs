//! What the console shows: hidden resources too, by name, found by the start of any of their names.

use std::collections::BTreeSet;

use diesel::prelude::*;
use scim_core::fold::fold;
use scim_core::index::bounded;
use scim_core::schema::ResourceType;

use super::read::{Record, Wanted, record};
use super::{counts, rows};
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::{resource_keys, resources};

/// A search looks at this many hits at most; more means: type more letters.
const HITS: i64 = 1000;

/// One line of a list in the console.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is in use.
    pub active: bool,
    /// Hidden from SCIM by the delete policy.
    pub hidden: bool,
    /// When it last changed.
    pub modified_at: i64,
    /// Its attributes.
    pub resource: scim_core::resource::Resource,
}

/// One page of a list in the console.
#[derive(Debug, Clone)]
pub struct Found {
    /// The lines, by name.
    pub lines: Vec<Line>,
    /// How many there are in all.
    pub total: i64,
    /// The search found more than it looks at; `total` is then a lower bound.
    pub more: bool,
}

/// Which way a list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A to Z.
    Ascending,
    /// Z to A.
    Descending,
}

/// Resources of a type by name. `text` is compared without case with the start of every indexed value:
/// user name, display name, first and last name, e-mail, external id.
pub fn search(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    text: &str,
    order: Order,
    (offset, limit): (i64, i64),
) -> Result<Found, StoreError> {
    let text = text.trim();
    if text.is_empty() {
        let (visible, hidden) = counts::get(conn, endpoint, &rt.name)?;
        let lines = by_name(conn, endpoint, rt, order, (offset, limit))?;
        return Ok(Found { lines, total: visible + hidden, more: false });
    }
    let (ids, more) = ids_starting_with(conn, endpoint, rt, text)?;
    let mut lines = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(row) = rows::find(conn, endpoint, &id)? {
            lines.push((row.name_key.clone(), line(row)?));
        }
    }
    lines.sort_by(|a, b| (&a.0, &a.1.id).cmp(&(&b.0, &b.1.id)));
    if order == Order::Descending {
        lines.reverse();
    }
    let total = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(offset).unwrap_or_default();
    let take = usize::try_from(limit).unwrap_or_default();
    Ok(Found { lines: lines.into_iter().map(|(_, l)| l).skip(skip).take(take).collect(), total, more })
}

/// A place in a list by name: the key made of the name, and the id.
pub type Place = (String, String);

/// Resources of a type by name, after the place `after`, and the place of the last of them when more follow.
/// `text` as in [`search`].
pub fn page(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    text: &str,
    after: Option<&Place>,
    limit: usize,
) -> Result<(Vec<Line>, Option<Place>), StoreError> {
    let text = text.trim();
    let (name, id) = after.map_or(("", ""), |(name, id)| (name, id));
    let mut rows: Vec<rows::Row> = if text.is_empty() {
        resources::table
            .filter(resources::endpoint_id.eq(endpoint.as_str()))
            .filter(resources::resource_type.eq(&rt.name))
            // The first bound is where the index is entered, the second where the page before ended.
            .filter(resources::name_key.ge(name))
            .filter(resources::name_key.gt(name).or(resources::id.gt(id)))
            .order((resources::name_key, resources::id))
            .limit(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
            .select(rows::Row::as_select())
            .load(conn)?
    } else {
        let mut found = Vec::new();
        for hit in ids_starting_with(conn, endpoint, rt, text)?.0 {
            let row = rows::find(conn, endpoint, &hit)?;
            found.extend(row.filter(|row| (row.name_key.as_str(), row.id.as_str()) > (name, id)));
        }
        found.sort_by(|a, b| (&a.name_key, &a.id).cmp(&(&b.name_key, &b.id)));
        found
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| (row.name_key.clone(), row.id.clone()));
    Ok((rows.into_iter().map(line).collect::<Result<_, _>>()?, next))
}

fn ids_starting_with(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    text: &str,
) -> Result<(BTreeSet<String>, bool), StoreError> {
    let mut ids = BTreeSet::new();
    let mut more = false;
    for start in scim_core::index::starts(rt, text) {
        let from = start.key;
        let found: Vec<String> = resource_keys::table
            .filter(resource_keys::endpoint_id.eq(endpoint.as_str()))
            .filter(resource_keys::resource_type.eq(&rt.name))
            .filter(resource_keys::attribute.eq(&start.attribute))
            .filter(resource_keys::value_key.ge(from.clone()))
            .filter(resource_keys::value_key.le(format!("{from}\u{10FFFF}")))
            .limit(HITS)
            .select(resource_keys::resource_id)
            .load(conn)?;
        more |= found.len() >= usize::try_from(HITS).unwrap_or(usize::MAX);
        ids.extend(found);
    }
    Ok((ids, more))
}

fn by_name(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    order: Order,
    (offset, limit): (i64, i64),
) -> Result<Vec<Line>, StoreError> {
    let all = resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::resource_type.eq(&rt.name))
        .limit(limit)
        .offset(offset)
        .select(rows::Row::as_select());
    let rows: Vec<rows::Row> = match order {
        Order::Ascending => all.order((resources::name_key, resources::id)).load(conn)?,
        Order::Descending => all.order((resources::name_key.desc(), resources::id.desc())).load(conn)?,
    };
    rows.into_iter().map(line).collect()
}

fn line(row: rows::Row) -> Result<Line, StoreError> {
    Ok(Line {
        resource: row.resource()?,
        id: row.id,
        name: row.name,
        active: row.active,
        hidden: row.hidden,
        modified_at: row.modified_at,
    })
}

/// One resource of a type with its groups but without its members, hidden or not.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn find(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    id: &str,
) -> Result<Record, StoreError> {
    let row = rows::find(conn, endpoint, id)?
        .filter(|row| row.resource_type == rt.name)
        .ok_or_else(|| StoreError::NotFound(format!("this endpoint has no such {}", rt.name)))?;
    record(conn, endpoint, rt, row, Wanted { relation: false, memberships: true })
}

/// How many members a group has.
pub fn member_count(conn: &mut Conn, endpoint: &EndpointId, group: &str) -> Result<i64, StoreError> {
    super::members::count(conn, endpoint, group)
}

/// The id of the resource whose unique name is exactly this, compared without case.
pub fn by_unique_name(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    name: &str,
) -> Result<Option<String>, StoreError> {
    Ok(resource_keys::table
        .filter(resource_keys::endpoint_id.eq(endpoint.as_str()))
        .filter(resource_keys::resource_type.eq(&rt.name))
        .filter(resource_keys::value_key.eq(bounded(fold(name.trim()))))
        .filter(resource_keys::is_unique.eq(true))
        .select(resource_keys::resource_id)
        .load::<String>(conn)?
        .into_iter()
        .next())
}
