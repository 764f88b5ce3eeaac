//! What the console shows: hidden resources too, by name, found by the start of any of their names.

use std::collections::{BTreeSet, HashMap};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use scim_core::fold::fold;
use scim_core::index::{IndexKey, bounded};
use scim_core::schema::ResourceType;

use super::read::{Record, Wanted, record};
use super::{counts, rows};
use crate::conn::Conn;
use crate::dialect::not_in_use;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::{members, resource_keys, resources};

/// A search looks at this many hits at most; more means: type more letters.
const HITS: i64 = 1000;
/// The same for what all attributes give together.
const MOST: usize = 2000;
/// So many that are not in use are put in order by the database; of more, some are soon met in any order.
const FEW: i64 = 10_000;

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// A to Z, the oldest first.
    #[default]
    Ascending,
    /// Z to A, the latest first.
    Descending,
}

/// What a list runs by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// The name.
    #[default]
    Name,
    /// The last change.
    Change,
}

/// Which resources of a type are listed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Compared without case with the start of every indexed value: user name, display name, first and last name,
    /// e-mail, external id. Empty means all.
    pub text: String,
    /// Only those in use, or only those not in use.
    pub active: Option<bool>,
    /// What the list runs by.
    pub by: By,
    /// Which way it runs.
    pub order: Order,
}

impl Selection {
    /// All of them by name.
    pub fn of(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

/// One page of the resources of a type. However many there are, it takes the same number of queries.
pub fn search(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    wanted: &Selection,
    window: (i64, i64),
) -> Result<Found, StoreError> {
    if !wanted.text.trim().is_empty() {
        let (hits, more) = hits(conn, endpoint, rt, wanted)?;
        let total = i64::try_from(hits.len()).unwrap_or(i64::MAX);
        let skip = usize::try_from(window.0).unwrap_or_default();
        let take = usize::try_from(window.1).unwrap_or_default();
        let ids: Vec<String> = hits.into_iter().skip(skip).take(take).map(|hit| hit.id).collect();
        return Ok(Found { lines: lines_of(conn, endpoint, &ids)?, total, more });
    }
    let (visible, hidden) = counts::get(conn, endpoint, &rt.name)?;
    let all = visible + hidden;
    let Some(active) = wanted.active else {
        return Ok(Found {
            lines: in_order(conn, endpoint, rt, wanted, None, window)?,
            total: all,
            more: false,
        });
    };
    let idle = idle_count(conn, endpoint, rt)?;
    let few = (!active && idle <= FEW).then_some(idle);
    let lines = in_order(conn, endpoint, rt, wanted, few, window)?;
    Ok(Found { lines, total: if active { (all - idle).max(0) } else { idle }, more: false })
}

/// How many are not in use. An index has them.
fn idle_count(conn: &mut Conn, endpoint: &EndpointId, rt: &ResourceType) -> Result<i64, StoreError> {
    Ok(resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::resource_type.eq(&rt.name))
        .filter(sql::<Bool>(&not_in_use(conn, "resources")))
        .count()
        .get_result(conn)?)
}

/// A hit of a search, with what it is sorted and told apart by.
#[derive(Queryable)]
struct Hit {
    id: String,
    name_key: String,
    modified_at: i64,
    active: bool,
}

/// What a search finds, in order, and whether there may be more.
fn hits(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    wanted: &Selection,
) -> Result<(Vec<Hit>, bool), StoreError> {
    let (ids, more) = ids_starting_with(conn, endpoint, rt, wanted.text.trim())?;
    let mut hits: Vec<Hit> = resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::id.eq_any(ids))
        .select((resources::id, resources::name_key, resources::modified_at, resources::active))
        .load(conn)?;
    hits.retain(|hit| wanted.active.is_none_or(|active| hit.active == active));
    match wanted.by {
        By::Name => hits.sort_by(|a, b| (&a.name_key, &a.id).cmp(&(&b.name_key, &b.id))),
        By::Change => hits.sort_by(|a, b| (a.modified_at, &a.id).cmp(&(b.modified_at, &b.id))),
    }
    if wanted.order == Order::Descending {
        hits.reverse();
    }
    Ok((hits, more))
}

/// The lines of these, in the order of the ids given.
fn lines_of(conn: &mut Conn, endpoint: &EndpointId, ids: &[String]) -> Result<Vec<Line>, StoreError> {
    let rows: Vec<rows::Row> = resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::id.eq_any(ids))
        .select(rows::Row::as_select())
        .load(conn)?;
    let mut rows: HashMap<String, rows::Row> = rows.into_iter().map(|row| (row.id.clone(), row)).collect();
    ids.iter().filter_map(|id| rows.remove(id)).map(line).collect()
}

/// The names of these, of any type; what is gone has none.
pub fn names(
    conn: &mut Conn,
    endpoint: &EndpointId,
    ids: &[String],
) -> Result<HashMap<String, String>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(String, String)> = resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::id.eq_any(ids))
        .select((resources::id, resources::name))
        .load(conn)?;
    Ok(found.into_iter().collect())
}

/// A place in a list by name: the key made of the name, and the id.
pub type Place = (String, String);

/// Resources of a type by name, after the place `after`, and the place of the last of them when more follow. The order
/// of `wanted` does not matter.
pub fn page(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    wanted: &Selection,
    after: Option<&Place>,
    limit: usize,
) -> Result<(Vec<Line>, Option<Place>), StoreError> {
    let (name, id) = after.map_or(("", ""), |(name, id)| (name, id));
    let mut rows: Vec<rows::Row> = if wanted.text.trim().is_empty() {
        let mut all = resources::table
            .filter(resources::endpoint_id.eq(endpoint.as_str()))
            .filter(resources::resource_type.eq(&rt.name))
            .into_boxed();
        if let Some(active) = wanted.active {
            all = all.filter(resources::active.eq(active));
        }
        all
            // The first bound is where the index is entered, the second where the page before ended.
            .filter(resources::name_key.ge(name))
            .filter(resources::name_key.gt(name).or(resources::id.gt(id)))
            .order((resources::name_key, resources::id))
            .limit(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
            .select(rows::Row::as_select())
            .load(conn)?
    } else {
        let by_name = Selection { by: By::Name, order: Order::Ascending, ..wanted.clone() };
        let hits = hits(conn, endpoint, rt, &by_name)?.0.into_iter();
        let rest = hits.filter(|hit| (hit.name_key.as_str(), hit.id.as_str()) > (name, id));
        let ids: Vec<String> = rest.take(limit.saturating_add(1)).map(|hit| hit.id).collect();
        let mut rows: Vec<rows::Row> = resources::table
            .filter(resources::endpoint_id.eq(endpoint.as_str()))
            .filter(resources::id.eq_any(ids))
            .select(rows::Row::as_select())
            .load(conn)?;
        rows.sort_by(|a, b| (&a.name_key, &a.id).cmp(&(&b.name_key, &b.id)));
        rows
    };
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| (row.name_key.clone(), row.id.clone()));
    Ok((rows.into_iter().map(line).collect::<Result<_, _>>()?, next))
}

/// A part of all that are wanted, for a file: a search looks at everybody here, not only at the first hits, so a part may
/// be short, or empty, and still have a next one.
pub fn walk(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    wanted: &Selection,
    after: Option<&Place>,
    limit: usize,
) -> Result<(Vec<Line>, Option<Place>), StoreError> {
    let all = Selection { text: String::new(), ..wanted.clone() };
    let (mut lines, next) = page(conn, endpoint, rt, &all, after, limit)?;
    let text = wanted.text.trim();
    if !text.is_empty() {
        let starts: Vec<_> = scim_core::index::starts(rt, text).collect();
        lines.retain(|line| {
            let keys = scim_core::index::keys(rt, &line.resource);
            let begins = |key: &IndexKey| {
                starts.iter().any(|start| start.attribute == key.attribute && key.key.starts_with(&start.key))
            };
            keys.iter().any(begins)
        });
    }
    Ok((lines, next))
}

pub(super) fn ids_starting_with(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    text: &str,
) -> Result<(Vec<String>, bool), StoreError> {
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
    // SQLite binds no more in one query than several times as many.
    more |= ids.len() > MOST;
    Ok((ids.into_iter().take(MOST).collect(), more))
}

/// A window of all that are wanted, in an order that an index has. `few` of them, when they are few, are taken by their
/// own index and put in order then.
fn in_order(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    wanted: &Selection,
    few: Option<i64>,
    (offset, limit): (i64, i64),
) -> Result<Vec<Line>, StoreError> {
    let mut all = resources::table
        .filter(resources::endpoint_id.eq(endpoint.as_str()))
        .filter(resources::resource_type.eq(&rt.name))
        .limit(limit)
        .offset(offset)
        .select(rows::Row::as_select())
        .into_boxed();
    let of_them = diesel::alias!(resources as of_them);
    if let Some(few) = few {
        let idle = of_them
            .filter(of_them.field(resources::endpoint_id).eq(endpoint.as_str()))
            .filter(of_them.field(resources::resource_type).eq(&rt.name))
            .filter(sql::<Bool>(&not_in_use(conn, "of_them")))
            // The bound keeps the two queries apart.
            .limit(few.saturating_add(1))
            .select(of_them.field(resources::id));
        all = all.filter(resources::id.eq_any(idle));
    } else if let Some(active) = wanted.active {
        all = all.filter(resources::active.eq(active));
    }
    let rows: Vec<rows::Row> = match (wanted.by, wanted.order) {
        (By::Name, Order::Ascending) => all.order((resources::name_key, resources::id)).load(conn)?,
        (By::Name, Order::Descending) => {
            all.order((resources::name_key.desc(), resources::id.desc())).load(conn)?
        }
        (By::Change, Order::Ascending) => all.order((resources::modified_at, resources::id)).load(conn)?,
        (By::Change, Order::Descending) => {
            all.order((resources::modified_at.desc(), resources::id.desc())).load(conn)?
        }
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

/// How many members each of these groups has; one without any is missing.
pub fn member_counts(
    conn: &mut Conn,
    endpoint: &EndpointId,
    groups: &[&str],
) -> Result<HashMap<String, i64>, StoreError> {
    let counted: Vec<(String, i64)> = members::table
        .filter(members::endpoint_id.eq(endpoint.as_str()))
        .filter(members::group_id.eq_any(groups))
        .group_by(members::group_id)
        .select((members::group_id, diesel::dsl::count_star()))
        .load(conn)?;
    Ok(counted.into_iter().collect())
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
