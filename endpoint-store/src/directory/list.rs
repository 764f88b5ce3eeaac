//! Lists, filters and pages (RFC 7644 §3.4.2).

use diesel::prelude::*;
use scim_core::error::ScimError;
use scim_core::filter::Filter;
use scim_core::list::Page;
use scim_core::schema::ResourceType;

use super::read::{Record, Wanted, record};
use super::{counts, rows};
use crate::caller::Caller;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::filter_sql::{self, Candidates};
use crate::schema::resources;

/// Rows that one filtered list may look at when no index helps.
const BUDGET: usize = 200_000;
const STRIDE: i64 = 500;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Only resources that match.
    pub filter: Option<Filter>,
    /// Which part of the result.
    pub page: Page,
    /// Which rows beside each resource.
    pub wanted: Wanted,
}

/// One page of a result.
#[derive(Debug, Clone)]
pub struct Listed {
    /// How many resources match in all.
    pub total: u64,
    /// Those of the page, in the order in which they were made.
    pub records: Vec<Record>,
}

/// Lists resources of a type. `matches` decides on a rendered record: rendering is the caller's.
///
/// # Errors
/// 400 `tooMany` when the filter needs a look at more resources than one request may read.
pub fn list(
    conn: &mut Conn,
    caller: &Caller,
    rt: &ResourceType,
    query: &ListQuery,
    matches: impl Fn(&Record, &Filter) -> bool,
) -> Result<Listed, StoreError> {
    let endpoint = &caller.endpoint().id;
    let Some(filter) = &query.filter else { return whole(conn, endpoint, rt, query) };
    // A filter may look at members and groups that the answer does not show.
    let seen = Wanted {
        relation: query.wanted.relation || filter_sql::mentions(filter, rt.relation.as_deref()),
        memberships: query.wanted.memberships || filter_sql::mentions(filter, Some("groups")),
    };
    let mut hits = Hits { page: query.page, total: 0, records: Vec::new() };
    let mut take = |conn: &mut Conn, row: rows::Row| -> Result<(), StoreError> {
        let found = record(conn, endpoint, rt, row, seen)?;
        if matches(&found, filter) {
            hits.add(found);
        }
        Ok(())
    };
    match filter_sql::candidates(conn, endpoint, rt, filter)? {
        Candidates::Ids(ids) => {
            for id in ids {
                let row = rows::find(conn, endpoint, &id)?;
                if let Some(row) = row.filter(|row| !row.hidden && row.resource_type == rt.name) {
                    take(conn, row)?;
                }
            }
        }
        Candidates::All => {
            let mut looked_at = 0;
            let mut after = String::new();
            loop {
                let stride = in_order(endpoint, rt, &after, 0, STRIDE).load::<rows::Row>(conn)?;
                let Some(last) = stride.last() else { break };
                after.clone_from(&last.id);
                looked_at += stride.len();
                if looked_at > BUDGET {
                    return Err(ScimError::too_many(
                        "The filter would have to look at more resources than one request may read. Use `eq` on userName, externalId, displayName, emails.value, id or members.value, alone or joined with `and`.",
                    )
                    .into());
                }
                for row in stride {
                    take(conn, row)?;
                }
            }
        }
    }
    Ok(Listed { total: hits.total, records: hits.records })
}

struct Hits {
    page: Page,
    total: u64,
    records: Vec<Record>,
}

impl Hits {
    fn add(&mut self, record: Record) {
        let count = usize::try_from(self.page.count).unwrap_or(usize::MAX);
        if self.total >= self.page.offset() && self.records.len() < count {
            self.records.push(record);
        }
        self.total += 1;
    }
}

fn whole(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    query: &ListQuery,
) -> Result<Listed, StoreError> {
    let (total, _) = counts::get(conn, endpoint, &rt.name)?;
    let offset = i64::try_from(query.page.offset()).unwrap_or(i64::MAX);
    let count = i64::try_from(query.page.count).unwrap_or(i64::MAX);
    let page = if count == 0 || offset >= total {
        Vec::new()
    } else {
        in_order(endpoint, rt, "", offset, count).load::<rows::Row>(conn)?
    };
    let records = page
        .into_iter()
        .map(|row| record(conn, endpoint, rt, row, query.wanted))
        .collect::<Result<_, _>>()?;
    Ok(Listed { total: u64::try_from(total).unwrap_or_default(), records })
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
