//! Queries: GET on a resource type or on the base URL, and POST to `.search` (RFC 7644 §3.4.2, §3.4.3).

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use endpoint_store::directory::{self, ListQuery, Record, Shown, Wanted, Window};
use endpoint_store::{Conn, StoreError};
use scim_core::error::ScimError;
use scim_core::filter::Filter;
use scim_core::json;
use scim_core::list::{Page, Written, cursor_count};
use scim_core::project::Projection;
use scim_core::schema::{Catalog, ResourceType};
use scim_core::sort::Sort;
use serde_json::{Map, Value};

use super::cursor::Binding;
use super::render::View;
use super::{Exchange, dialect};
use crate::error::explain;

/// Results of a list when the request does not say how many.
pub(super) const DEFAULT_PAGE: u64 = 100;
/// The most results of a list.
pub(super) const MAX_PAGE: u64 = 1000;

/// Bytes that usually stand around a resource as it is kept: schemas, id, meta.
const AROUND: usize = 640;

/// A query as it came, by URL or by body.
#[derive(Debug, Default)]
struct Asked {
    attributes: Option<String>,
    excluded: Option<String>,
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
}

impl Asked {
    fn by_url(x: &Exchange) -> Self {
        let get = |key| x.query.get(key).map(str::to_owned);
        Self {
            attributes: get("attributes"),
            excluded: get("excludedAttributes"),
            filter: get("filter").filter(|text| !text.trim().is_empty()),
            sort_by: get("sortBy"),
            sort_order: get("sortOrder"),
            start_index: get("startIndex"),
            count: get("count"),
            cursor: get("cursor"),
        }
    }

    /// The body of a search request: lists of names may come as a list or as one text.
    fn by_body(x: &Exchange) -> Result<Self, ScimError> {
        let Value::Object(body) = json::parse(&x.body)? else {
            return Err(ScimError::invalid_syntax(
                "A search request is a JSON object, for example {\"schemas\": [\"urn:ietf:params:scim:api:messages:2.0:SearchRequest\"], \
                 \"filter\": \"userName sw \\\"a\\\"\"}.",
            ));
        };
        let get = |key: &str| -> Result<Option<String>, ScimError> {
            match body.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(Value::Number(number)) => Ok(Some(number.to_string())),
                Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
                    Ok(Some(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")))
                }
                Some(_) => {
                    Err(ScimError::invalid_syntax(format!("`{key}` of the search request has a wrong type.")))
                }
            }
        };
        Ok(Self {
            attributes: get("attributes")?,
            excluded: get("excludedAttributes")?,
            filter: get("filter")?.filter(|text| !text.trim().is_empty()),
            sort_by: get("sortBy")?,
            sort_order: get("sortOrder")?,
            start_index: get("startIndex")?,
            count: get("count")?,
            cursor: get("cursor")?,
        })
    }
}

pub(super) async fn list(x: &Exchange, types: &[Arc<ResourceType>]) -> Result<HttpResponse, ScimError> {
    run(x, types, Asked::by_url(x)).await
}

pub(super) async fn search(x: &Exchange, types: &[Arc<ResourceType>]) -> Result<HttpResponse, ScimError> {
    run(x, types, Asked::by_body(x)?).await
}

async fn run(x: &Exchange, types: &[Arc<ResourceType>], asked: Asked) -> Result<HttpResponse, ScimError> {
    let by_ref: Vec<&ResourceType> = types.iter().map(AsRef::as_ref).collect();
    let filter = asked.filter.as_deref().map(|text| Filter::parse(text, dialect(x))).transpose()?;
    if let Some(filter) = &filter {
        filter.check_any(&by_ref)?;
    }
    let sort = Sort::parse(&by_ref, asked.sort_by.as_deref(), asked.sort_order.as_deref())?;
    let binding = Binding {
        key: x.scim.store.cursor_key(),
        endpoint: &x.endpoint().id,
        query: format!(
            "{:?} {filter:?} {sort:?}",
            by_ref.iter().map(|rt| rt.name.as_str()).collect::<Vec<_>>()
        ),
    };
    let window = window(&asked, &binding, x.now)?;
    let start_index = match &window {
        Window::Index(page) => Some(page.start_index),
        Window::Cursor { .. } => None,
    };
    let views = Views {
        catalog: x.endpoint().catalog.clone(),
        base: x.base.clone(),
        projections: types
            .iter()
            .map(|rt| Projection::parse(rt, asked.attributes.as_deref(), asked.excluded.as_deref()))
            .collect::<Result<_, _>>()?,
        types: types.to_vec(),
    };
    let query = ListQuery { types: types.to_vec(), filter, sort, window };
    let narrow = query.is_narrow();
    let caller = x.caller.clone();
    let look = move |conn: &mut Conn| {
        let listed = directory::list(conn, &caller, &query, &views)?;
        let around = listed.records.iter().map(|(_, record)| record.kept.len() + AROUND);
        let mut written = Written::with_capacity(around.sum());
        let shown: Vec<View<'_>> = (0..views.types.len()).filter_map(|kind| views.view(kind)).collect();
        for (kind, record) in &listed.records {
            let view =
                shown.get(*kind).ok_or_else(|| StoreError::Damaged("a list has a foreign type".into()))?;
            written.add(|out| view.write(record, out))?;
        }
        Ok((listed.total, listed.next, written))
    };
    let store = &x.scim.store;
    let shown = match narrow {
        true => store.read_point(look).await,
        false => store.read_in(&x.endpoint().id, look).await,
    };
    let (total, next, written) = shown.map_err(|e| explain(e, x.caller.request_id()))?;
    let next = next.map(|at| binding.seal(at, x.now)).transpose()?;
    Ok(x.written(StatusCode::OK, written.into_response(total, start_index, next)))
}

/// A `cursor`, even an empty one, asks for a walk by cursor.
fn window(asked: &Asked, binding: &Binding<'_>, now: i64) -> Result<Window, ScimError> {
    let count = asked.count.as_deref();
    let Some(cursor) = asked.cursor.as_deref().map(str::trim) else {
        return Page::parse(asked.start_index.as_deref(), count, DEFAULT_PAGE, MAX_PAGE).map(Window::Index);
    };
    let after = (!cursor.is_empty()).then(|| binding.open(cursor, now)).transpose()?;
    Ok(Window::Cursor { after, count: cursor_count(count, DEFAULT_PAGE, MAX_PAGE)? })
}

/// The views of all types of one query.
struct Views {
    catalog: Arc<Catalog>,
    base: String,
    types: Vec<Arc<ResourceType>>,
    projections: Vec<Projection>,
}

impl Views {
    fn view(&self, kind: usize) -> Option<View<'_>> {
        let (rt, projection) = (self.types.get(kind)?, self.projections.get(kind)?);
        Some(View::new(&self.catalog, &self.base, rt, Cow::Borrowed(projection)))
    }
}

impl Shown for Views {
    fn wanted(&self, rt: &ResourceType) -> Wanted {
        let place = self.types.iter().position(|known| known.name == rt.name);
        place.and_then(|kind| self.view(kind)).map_or(Wanted::NOTHING, |view| view.wanted())
    }

    fn whole(&self, rt: &ResourceType, record: &Record) -> Result<Map<String, Value>, StoreError> {
        View::new(&self.catalog, &self.base, rt, Cow::Owned(Projection::whole())).show(record)
    }
}
