//! Operations on resources, of whatever type.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use endpoint_store::Conn;
use endpoint_store::directory::{self, Record, Wanted};
use endpoint_store::settings::GroupPatchAnswer;
use scim_core::error::ScimError;
use scim_core::schema::ResourceType;
use scim_core::{patch as protocol, resource};

use super::render::{View, projection};
use super::{Exchange, before, dialect, preconditions};
use crate::error::explain;

pub(super) async fn get(x: &Exchange, rt: &Arc<ResourceType>, id: &str) -> Result<HttpResponse, ScimError> {
    let view = View::of(x, rt, projection(x, rt)?);
    let (caller, rt_, id, wanted) = (x.caller.clone(), rt.clone(), id.to_owned(), view.wanted());
    let reads_rows = wanted.relation && rt.relation.is_some();
    let read = move |conn: &mut Conn| directory::get(conn, &caller, &rt_, &id, wanted);
    // A group may have any number of members: that is no work for the worker that answers everybody.
    let store = &x.scim.store;
    let record = match reads_rows {
        true => store.read_in(&x.endpoint().id, read).await,
        false => store.read_point(read).await,
    };
    let record = record.map_err(|e| explain(e, x.caller.request_id()))?;
    let tag = record.etag();
    if preconditions::is_known(&x.req, &tag) {
        return Ok(HttpResponseBuilder::new(StatusCode::NOT_MODIFIED)
            .insert_header((header::ETAG, tag))
            .finish());
    }
    answer(x, &view, StatusCode::OK, &record)
}

pub(super) async fn create(x: &Exchange, rt: &Arc<ResourceType>) -> Result<HttpResponse, ScimError> {
    let projection = projection(x, rt)?;
    let incoming = resource::read(rt, &x.body()?, dialect(x))?;
    x.note(&incoming.notes);
    let view = View::of(x, rt, projection.and_written(rt, incoming.written(rt)));
    let (caller, rt_, wanted, now) = (x.caller.clone(), rt.clone(), view.wanted(), x.now);
    let made = before::write(x, move |tx| directory::create(tx, &caller, &rt_, &incoming, wanted, now));
    let (record, notes) = made.await.map_err(|e| explain(e, x.caller.request_id()))?;
    x.note(&notes);
    answer(x, &view, StatusCode::CREATED, &record)
}

pub(super) async fn replace(
    x: &Exchange,
    rt: &Arc<ResourceType>,
    id: &str,
) -> Result<HttpResponse, ScimError> {
    let projection = projection(x, rt)?;
    let incoming = resource::read(rt, &x.body()?, dialect(x))?;
    x.note(&incoming.notes);
    let view = View::of(x, rt, projection.and_written(rt, incoming.written(rt)));
    let precondition = preconditions::if_match(&x.req);
    let (caller, rt_, id, wanted, now) = (x.caller.clone(), rt.clone(), id.to_owned(), view.wanted(), x.now);
    let replaced = before::write(x, move |tx| {
        directory::replace(tx, &caller, &rt_, &id, &incoming, &precondition, wanted, now)
    });
    let (record, notes) = replaced.await.map_err(|e| explain(e, x.caller.request_id()))?;
    x.note(&notes);
    answer(x, &view, StatusCode::OK, &record)
}

pub(super) async fn patch(x: &Exchange, rt: &Arc<ResourceType>, id: &str) -> Result<HttpResponse, ScimError> {
    let projection = projection(x, rt)?;
    let patch = protocol::parse(rt, &x.body()?, dialect(x))?;
    let view = View::of(x, rt, projection.and_written(rt, patch.written(rt)));
    let precondition = preconditions::if_match(&x.req);
    let with_body = answers_with_body(x, rt);
    let wanted = if with_body { view.wanted() } else { Wanted::NOTHING };
    let (caller, rt_, id, dialect, now) = (x.caller.clone(), rt.clone(), id.to_owned(), dialect(x), x.now);
    let patched = before::write(x, move |tx| {
        directory::patch(tx, &caller, &rt_, &id, &patch, (dialect, &precondition), wanted, now)
    });
    let patched = patched.await.map_err(|e| explain(e, x.caller.request_id()))?;
    x.note(&patched.notes);
    if !with_body {
        return Ok(HttpResponseBuilder::new(StatusCode::NO_CONTENT)
            .insert_header((header::ETAG, patched.record.etag()))
            .finish());
    }
    answer(x, &view, StatusCode::OK, &patched.record)
}

pub(super) async fn delete(
    x: &Exchange,
    rt: &Arc<ResourceType>,
    id: &str,
) -> Result<HttpResponse, ScimError> {
    let precondition = preconditions::if_match(&x.req);
    let (caller, rt, id, now) = (x.caller.clone(), rt.clone(), id.to_owned(), x.now);
    let deleted = before::write(x, move |tx| directory::delete(tx, &caller, &rt, &id, &precondition, now));
    deleted.await.map_err(|e| explain(e, x.caller.request_id()))?;
    Ok(HttpResponse::NoContent().finish())
}

/// A type with members answers a PATCH as the endpoint's setting says, unless the request asks for attributes.
fn answers_with_body(x: &Exchange, rt: &ResourceType) -> bool {
    rt.relation.is_none()
        || x.endpoint().settings.group_patch == GroupPatchAnswer::Body
        || x.query.get("attributes").is_some()
        || x.query.get("excludedAttributes").is_some()
}

fn answer(
    x: &Exchange,
    view: &View<'_>,
    status: StatusCode,
    record: &Record,
) -> Result<HttpResponse, ScimError> {
    let mut body = Vec::with_capacity(record.kept.len() + 1024);
    view.write(record, &mut body).map_err(|e| explain(e, x.caller.request_id()))?;
    let place = if status == StatusCode::CREATED { header::LOCATION } else { header::CONTENT_LOCATION };
    Ok(HttpResponseBuilder::new(status)
        .content_type(x.media.as_str())
        .insert_header((header::ETAG, record.etag()))
        .insert_header((place, view.location(&record.id)))
        .body(body))
}
