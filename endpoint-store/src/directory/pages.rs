//! Parts of all resources of a type, in an order that an index has, without a look at the others.

use diesel::prelude::*;
use scim_core::schema::ResourceType;
use scim_core::sort::Key;

use super::list::{ListQuery, Position, Window};
use super::{counts, rows::Kept};
use crate::conn::Conn;
use crate::dialect::on_each;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::resources;

type Part = (u64, Vec<Kept>, Option<Position>);

/// What SCIM may see of a type, and the columns that reading needs.
macro_rules! visible {
    ($endpoint:ident, $rt:ident) => {
        resources::table
            .filter(resources::endpoint_id.eq($endpoint.as_str()))
            .filter(resources::resource_type.eq(&$rt.name))
            .filter(resources::hidden.eq(false))
            .select(Kept::as_select())
    };
}

/// The part that a query without a filter asks for: how many there are in all, the rows, and where the next part begins.
/// `None` if no index has its order.
pub(super) fn read(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    query: &ListQuery,
) -> Result<Option<Part>, StoreError> {
    let by_name = match &query.sort {
        None => None,
        Some(sort) if sort.is_by_name(rt) => Some(sort.is_descending()),
        Some(_) => return Ok(None),
    };
    let (total, _) = counts::get(conn, endpoint, &rt.name)?;
    let limit = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (after, offset, count) = match &query.window {
        Window::Index(page) => (None, limit(page.offset()), limit(page.count)),
        Window::Cursor { after, count } => (after.as_ref(), 0, limit(*count)),
    };
    let total_count = u64::try_from(total).unwrap_or_default();
    if offset >= total || (count == 0 && matches!(query.window, Window::Index(_))) {
        return Ok(Some((total_count, Vec::new(), None)));
    }
    let id_after = after.map_or("", |position| position.id.as_str());
    let one_more = count.saturating_add(1);
    let mut rows = match by_name {
        None => in_order(conn, endpoint, rt, id_after, offset, one_more)?,
        Some(descending) => by_names(conn, endpoint, rt, descending, after, (offset, one_more))?,
    };
    let more = i64::try_from(rows.len()).is_ok_and(|found| found > count);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more && matches!(query.window, Window::Cursor { .. }));
    let next = next.map(|row| Position {
        key: by_name.map_or(Key::Nothing, |_| Key::name(&row.name)),
        kind: 0,
        id: row.id.clone(),
    });
    Ok(Some((total_count, rows, next)))
}

/// Ids are made in the order of time, so this is the order in which resources were made, and stable.
pub(super) fn in_order(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    after: &str,
    offset: i64,
    limit: i64,
) -> Result<Vec<Kept>, StoreError> {
    Ok(on_each!(conn, c => visible!(endpoint, rt)
        .filter(resources::id.gt(after))
        .order(resources::id)
        .limit(limit)
        .offset(offset)
        .load(c))?)
}

/// In the order of names. Names that fold alike stand in the order of ids.
fn by_names(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    descending: bool,
    after: Option<&Position>,
    (offset, limit): (i64, i64),
) -> Result<Vec<Kept>, StoreError> {
    let (key, id) = (resources::name_key, resources::id);
    let Some(Position { key: Key::Text(name), id: passed, .. }) = after else {
        return Ok(on_each!(conn, c => {
            let all = visible!(endpoint, rt).limit(limit).offset(offset);
            match descending {
                true => all.order((key.desc(), id)).load(c),
                false => all.order((key, id)).load(c),
            }
        })?);
    };
    Ok(on_each!(conn, c => {
        let all = visible!(endpoint, rt).limit(limit).offset(offset);
        let rest = all.filter(diesel::dsl::not(key.eq(name).and(id.le(passed))));
        match descending {
            true => rest.filter(key.le(name)).order((key.desc(), id)).load(c),
            false => rest.filter(key.ge(name)).order((key, id)).load(c),
        }
    })?)
}
