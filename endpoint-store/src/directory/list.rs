//! Lists, filters, order and pages (RFC 7644 §3.4.2, RFC 9865).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use scim_core::filter::Filter;
use scim_core::list::Page;
use scim_core::schema::ResourceType;
use scim_core::sort::{Key, Sort};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::gather::{AT_HAND, Hit, gather};
use super::read::{Held, Record, Wanted, records};
use super::{pages, rows};
use crate::caller::Caller;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::filter_sql;

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
    pub(super) key: Key,
    /// Which of the types.
    #[serde(rename = "t")]
    pub(super) kind: usize,
    /// Which resource.
    #[serde(rename = "i")]
    pub(super) id: String,
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
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    fn whole(&self, rt: &ResourceType, record: &Record) -> Result<Map<String, Value>, StoreError>;
}

impl ListQuery {
    /// Whether an index finds the few resources that can match, so that answering it costs what reading them costs.
    pub fn is_narrow(&self) -> bool {
        let narrow = |filter| self.types.iter().all(|rt| filter_sql::is_narrow(rt, filter));
        self.filter.as_ref().is_some_and(narrow)
    }
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
    if let ([rt], None) = (query.types.as_slice(), &query.filter)
        && let Some(page) = pages::read(conn, endpoint, rt, query)?
    {
        let (total, rows, next) = page;
        let held = if query.sort.is_none() { Held::Together } else { Held::Maybe };
        let records = records(conn, endpoint, rt, rows, shown.wanted(rt), held)?;
        return Ok(Listed { total, records: records.into_iter().map(|record| (0, record)).collect(), next });
    }
    if let ([rt], Some(filter), None) = (query.types.as_slice(), &query.filter, &query.sort)
        && let Some(key) = filter_sql::one_key(rt, filter)
        && let Some(found) = rows::with_key(conn, endpoint, rt, &key, AT_HAND)?
    {
        return named(conn, endpoint, rt, query, shown.wanted(rt), found);
    }
    let mut hits = gather(conn, endpoint, query, shown)?;
    if let Some(sort) = &query.sort {
        hits.sort_by(|a, b| precedes(sort, &a.position, &b.position));
    }
    let total = u64::try_from(hits.len()).unwrap_or(u64::MAX);
    let (hits, next) = cut(hits, query);
    Ok(Listed { total, records: load(conn, endpoint, query, shown, hits)?, next })
}

/// The part that was asked for of the few resources that an index found.
fn named(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    query: &ListQuery,
    wanted: Wanted,
    found: Vec<(rows::Kept, bool)>,
) -> Result<Listed, StoreError> {
    let held = if found.iter().any(|(_, held)| *held) { Held::Maybe } else { Held::Nowhere };
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let hit = |(row, _): (rows::Kept, bool)| {
        let position = Position { key: Key::Nothing, kind: 0, id: row.id.clone() };
        Hit { position, row: Some(row) }
    };
    let (hits, next) = cut(found.into_iter().map(hit).collect(), query);
    let rows = hits.into_iter().filter_map(|hit| hit.row).collect();
    let records = records(conn, endpoint, rt, rows, wanted, held)?;
    Ok(Listed { total, records: records.into_iter().map(|record| (0, record)).collect(), next })
}

/// The records of a page, in its order; what belongs to them is read type by type.
fn load(
    conn: &mut Conn,
    endpoint: &EndpointId,
    query: &ListQuery,
    shown: &impl Shown,
    mut hits: Vec<Hit>,
) -> Result<Vec<(usize, Record)>, StoreError> {
    let mut by_id: HashMap<String, (usize, Record)> = HashMap::with_capacity(hits.len());
    for (kind, rt) in query.types.iter().enumerate() {
        let mut found = Vec::new();
        for hit in hits.iter_mut().filter(|hit| hit.position.kind == kind) {
            let row = match hit.row.take() {
                Some(row) => Some(row),
                None => rows::kept(conn, endpoint, &hit.position.id)?.map(|(row, _)| row),
            };
            found.extend(row);
        }
        let loaded = records(conn, endpoint, rt, found, shown.wanted(rt), Held::Maybe)?;
        by_id.extend(loaded.into_iter().map(|record| (record.id.clone(), (kind, record))));
    }
    Ok(hits.iter().filter_map(|hit| by_id.remove(&hit.position.id)).collect())
}

fn precedes(sort: &Sort, a: &Position, b: &Position) -> Ordering {
    sort.compare(&a.key, &b.key).then_with(|| (a.kind, &a.id).cmp(&(b.kind, &b.id)))
}

/// The part of the hits that was asked for, and where the next part begins.
fn cut(mut hits: Vec<Hit>, query: &ListQuery) -> (Vec<Hit>, Option<Position>) {
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
                        Some(sort) => precedes(sort, &hit.position, after),
                        None => (hit.position.kind, &hit.position.id).cmp(&(after.kind, &after.id)),
                    };
                    order != Ordering::Greater
                });
                hits.drain(..passed);
            }
            let more = hits.len() > size(*count);
            hits.truncate(size(*count));
            let next = hits.last().filter(|_| more).map(|hit| hit.position.clone());
            (hits, next)
        }
    }
}
