//! Lists, filters, order and pages (RFC 7644 §3.4.2, RFC 9865).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use scim_core::error::ScimError;
use scim_core::filter::Filter;
use scim_core::list::Page;
use scim_core::path::AttrPath;
use scim_core::schema::ResourceType;
use scim_core::sort::{Key, Sort};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::read::{Record, Wanted, record, records};
use super::{counts, rows};
use crate::caller::Caller;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::filter_sql::{self, Candidates};
use crate::schema::resources;

/// Resources that one list may look at when no index helps.
const BUDGET: usize = 200_000;
const STRIDE: i64 = 500;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Resources of these types, in this order unless sorted.
    pub types: Vec<Arc<ResourceType>>,
    /// Only resources that match.
    pub filter: Option<Filter>,
    /// In which order; without one, as they were made.
    pub sort: Option<Sort>,
    /// Which part of the result.
    pub window: Window,
}

/// Which part of a result.
#[derive(Debug, Clone)]
pub enum Window {
    /// By position, from 1.
    Index(Page),
    /// What follows a position; the resources before it may come and go.
    Cursor {
        /// Where the page before ended; `None` for the first page.
        after: Option<Position>,
        /// How many at most.
        count: u64,
    },
}

/// A place in a result that stays what it is while others come and go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// By what it is sorted.
    #[serde(rename = "k")]
    key: Key,
    /// Which of the types.
    #[serde(rename = "t")]
    kind: usize,
    /// Which resource.
    #[serde(rename = "i")]
    id: String,
}

/// One part of a result.
#[derive(Debug, Clone)]
pub struct Listed {
    /// How many resources match in all.
    pub total: u64,
    /// Those of the part, each with its place among the types of the query.
    pub records: Vec<(usize, Record)>,
    /// Where the next part begins, of a walk by cursor that is not at its end.
    pub next: Option<Position>,
}

/// How records are shown: the floor above renders, this one only needs to know what a filter would see.
pub trait Shown {
    /// Which rows the answer shows for a type.
    fn wanted(&self, rt: &ResourceType) -> Wanted;
    /// The resource in full, with id and meta.
    fn whole(&self, rt: &ResourceType, record: &Record) -> Map<String, Value>;
}

/// Lists resources.
///
/// # Errors
/// 400 `tooMany` when filter or order need a look at more resources than one request may read.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    query: &ListQuery,
    shown: &impl Shown,
) -> Result<Listed, StoreError> {
    let endpoint = &caller.endpoint().id;
    if let ([rt], None, None) = (query.types.as_slice(), &query.filter, &query.sort) {
        return as_made(conn, endpoint, rt, &query.window, shown.wanted(rt));
    }
    let mut hits = Vec::new();
    let mut budget = BUDGET;
    for (kind, rt) in query.types.iter().enumerate() {
        gather(conn, endpoint, (kind, rt), query, shown, &mut budget, &mut hits)?;
    }
    if let Some(sort) = &query.sort {
        hits.sort_by(|a, b| precedes(sort, a, b));
    }
    let total = u64::try_from(hits.len()).unwrap_or(u64::MAX);
    let (hits, next) = cut(hits, query);
    Ok(Listed { total, records: load(conn, endpoint, query, shown, &hits)?, next })
}

/// The records of a page, in its order; what belongs to them is read type by type.
fn load(
    conn: &mut Conn,
    endpoint: &EndpointId,
    query: &ListQuery,
    shown: &impl Shown,
    hits: &[Position],
) -> Result<Vec<(usize, Record)>, StoreError> {
    let mut by_id: HashMap<String, (usize, Record)> = HashMap::new();
    for (kind, rt) in query.types.iter().enumerate() {
        let ids = hits.iter().filter(|hit| hit.kind == kind).map(|hit| hit.id.as_str());
        let found =
            ids.filter_map(|id| rows::find(conn, endpoint, id).transpose()).collect::<Result<_, _>>()?;
        let loaded = records(conn, endpoint, rt, found, shown.wanted(rt))?;
        by_id.extend(loaded.into_iter().map(|record| (record.id.clone(), (kind, record))));
    }
    Ok(hits.iter().filter_map(|hit| by_id.remove(&hit.id)).collect())
}

fn precedes(sort: &Sort, a: &Position, b: &Position) -> Ordering {
    sort.compare(&a.key, &b.key).then_with(|| (a.kind, &a.id).cmp(&(b.kind, &b.id)))
}

/// The part of the hits that was asked for, and where the next part begins.
fn cut(mut hits: Vec<Position>, query: &ListQuery) -> (Vec<Position>, Option<Position>) {
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    match &query.window {
        Window::Index(page) => {
            let hits = hits.into_iter().skip(size(page.offset())).take(size(page.count)).collect();
            (hits, None)
        }
        Window::Cursor { after, count } => {
            if let Some(after) = after {
                let passed = hits.partition_point(|hit| {
                    let order = match &query.sort {
                        Some(sort) => precedes(sort, hit, after),
                        None => (hit.kind, &hit.id).cmp(&(after.kind, &after.id)),
                    };
                    order != Ordering::Greater
                });
                hits.drain(..passed);
            }
            let more = hits.len() > size(*count);
            hits.truncate(size(*count));
            let next = hits.last().filter(|_| more).cloned();
            (hits, next)
        }
    }
}

/// Every resource of a type that matches, with its place in the order.
fn gather(
    conn: &mut Conn,
    endpoint: &EndpointId,
    (kind, rt): (usize, &ResourceType),
    query: &ListQuery,
    shown: &impl Shown,
    budget: &mut usize,
    hits: &mut Vec<Position>,
) -> Result<(), StoreError> {
    let mut judge = |conn: &mut Conn, row: rows::Row| -> Result<(), StoreError> {
        let id = row.id.clone();
        let found = record(conn, endpoint, rt, row, looked_at(rt, query))?;
        let whole = shown.whole(rt, &found);
        if query.filter.as_ref().is_none_or(|filter| filter.matches(rt, &whole)) {
            let key = query.sort.as_ref().map_or(Key::Nothing, |sort| sort.key(rt, &whole));
            hits.push(Position { key, kind, id });
        }
        Ok(())
    };
    let candidates = match &query.filter {
        Some(filter) => filter_sql::candidates(conn, endpoint, rt, filter)?,
        None => Candidates::All,
    };
    match candidates {
        Candidates::Ids(ids) => {
            *budget = budget.checked_sub(ids.len()).ok_or_else(too_many)?;
            for id in ids {
                let row = rows::find(conn, endpoint, &id)?;
                if let Some(row) = row.filter(|row| !row.hidden && row.resource_type == rt.name) {
                    judge(conn, row)?;
                }
            }
        }
        Candidates::All => {
            let mut after = String::new();
            loop {
                let stride = in_order(endpoint, rt, &after, 0, STRIDE).load::<rows::Row>(conn)?;
                let Some(last) = stride.last() else { break };
                after.clone_from(&last.id);
                *budget = budget.checked_sub(stride.len()).ok_or_else(too_many)?;
                for row in stride {
                    judge(conn, row)?;
                }
            }
        }
    }
    Ok(())
}

fn too_many() -> StoreError {
    ScimError::too_many(format!(
        "This would have to look at more than {BUDGET} resources. Narrow the filter with `eq` on userName, externalId, \
         displayName, emails.value, id or members.value, alone or joined with `and`."
    ))
    .into()
}

/// Filter and order may look at members and groups that the answer does not show.
fn looked_at(rt: &ResourceType, query: &ListQuery) -> Wanted {
    let mentions = |is: &dyn Fn(&AttrPath) -> bool| {
        query.filter.as_ref().is_some_and(|filter| filter_sql::mentions(filter, is))
            || query.sort.as_ref().is_some_and(|sort| is(sort.path()))
    };
    let is_relation = |path: &AttrPath| rt.relation.as_ref().is_some_and(|name| path.reaches(name, None));
    // The groups of a user are part of its version.
    let is_groups = |path: &AttrPath| path.reaches("groups", None) || path.reaches("meta", Some("version"));
    Wanted { relation: mentions(&is_relation), memberships: mentions(&is_groups) }
}

/// A part of all resources of a type, without looking at the others.
fn as_made(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    window: &Window,
    wanted: Wanted,
) -> Result<Listed, StoreError> {
    let (total, _) = counts::get(conn, endpoint, &rt.name)?;
    let limit = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (mut page, more) = match window {
        Window::Index(page) if page.count == 0 || limit(page.offset()) >= total => (Vec::new(), false),
        Window::Index(page) => {
            let page = in_order(endpoint, rt, "", limit(page.offset()), limit(page.count));
            (page.load::<rows::Row>(conn)?, false)
        }
        Window::Cursor { after, count } => {
            let after = after.as_ref().map_or("", |position| position.id.as_str());
            let page =
                in_order(endpoint, rt, after, 0, limit(count.saturating_add(1))).load::<rows::Row>(conn)?;
            let more = limit(*count) < i64::try_from(page.len()).unwrap_or(i64::MAX);
            (page, more)
        }
    };
    if more {
        page.pop();
    }
    let next =
        page.last().filter(|_| more).map(|row| Position { key: Key::Nothing, kind: 0, id: row.id.clone() });
    let records = records(conn, endpoint, rt, page, wanted)?.into_iter().map(|record| (0, record)).collect();
    Ok(Listed { total: u64::try_from(total).unwrap_or_default(), records, next })
}

/// Ids are made in the order of time, so this is the order in which resources were made, and stable.
#[diesel::dsl::auto_type(no_type_alias)]
fn in_order<'a>(
    endpoint: &'a EndpointId,
    rt: &'a ResourceType,
    after: &'a str,
    offset: i64,
    limit: i64,
) -> _ {
    let endpoint: &'a str = endpoint.as_str();
    let kind: &'a str = rt.name.as_str();
    let columns: diesel::dsl::AsSelect<rows::Row, crate::conn::MultiBackend> = rows::Row::as_select();
    resources::table
        .filter(resources::endpoint_id.eq(endpoint))
        .filter(resources::resource_type.eq(kind))
        .filter(resources::hidden.eq(false))
        .filter(resources::id.gt(after))
        .order(resources::id)
        .limit(limit)
        .offset(offset)
        .select(columns)
}
