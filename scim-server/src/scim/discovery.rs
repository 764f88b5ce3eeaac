//! Discovery (RFC 7644 §4), made from the same values that the handlers obey.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use scim_core::discovery::{self, BulkLimits, Capabilities, Paging};
use scim_core::error::ScimError;
use scim_core::list::list_response;
use serde_json::Value;

use super::{Exchange, MAX_BODY, bulk, cursor};
use super::list::{DEFAULT_PAGE, MAX_PAGE};

/// What is offered.
pub(super) fn capabilities() -> Capabilities {
    Capabilities {
        patch: true,
        bulk: Some(BulkLimits {
            max_operations: u64::try_from(bulk::MAX_OPERATIONS).unwrap_or(u64::MAX),
            max_payload_size: u64::try_from(MAX_BODY).unwrap_or(u64::MAX),
        }),
        filter_max_results: Some(MAX_PAGE),
        change_password: false,
        sort: true,
        etag: true,
        paging: Paging {
            cursor: true,
            default_page_size: DEFAULT_PAGE,
            max_page_size: MAX_PAGE,
            cursor_timeout: Some(cursor::LIFETIME),
        },
        documentation_uri: None,
    }
}

pub(super) fn service_provider_config(x: &Exchange) -> Result<HttpResponse, ScimError> {
    refuse_filter(x)?;
    Ok(x.json(StatusCode::OK, &discovery::service_provider_config(&capabilities(), &x.base)))
}

pub(super) fn resource_types(x: &Exchange) -> Result<HttpResponse, ScimError> {
    let types = x.scim.catalog.resource_types();
    list(x, types.iter().map(|rt| discovery::resource_type(rt, &x.base)).collect())
}

pub(super) fn resource_type(x: &Exchange, name: &str) -> Result<HttpResponse, ScimError> {
    refuse_filter(x)?;
    let rt = x.scim.catalog.by_name(name).ok_or_else(|| {
        let known: Vec<&str> = x.scim.catalog.resource_types().iter().map(|rt| rt.name.as_str()).collect();
        ScimError::not_found(format!("There is no such resource type; there are {}.", known.join(" and ")))
    })?;
    Ok(x.json(StatusCode::OK, &discovery::resource_type(rt, &x.base)))
}

pub(super) fn schemas(x: &Exchange) -> Result<HttpResponse, ScimError> {
    let schemas = x.scim.catalog.schemas();
    list(x, schemas.iter().map(|schema| discovery::schema(schema, &x.base)).collect())
}

pub(super) fn schema(x: &Exchange, urn: &str) -> Result<HttpResponse, ScimError> {
    refuse_filter(x)?;
    let schema = x.scim.catalog.schema(urn).ok_or_else(|| {
        ScimError::not_found("There is no schema of this URN; GET /Schemas lists those that there are.")
    })?;
    Ok(x.json(StatusCode::OK, &discovery::schema(schema, &x.base)))
}

fn list(x: &Exchange, documents: Vec<Value>) -> Result<HttpResponse, ScimError> {
    refuse_filter(x)?;
    let total = u64::try_from(documents.len()).unwrap_or(u64::MAX);
    Ok(x.json(StatusCode::OK, &list_response(total, 1, documents)))
}

/// RFC 7644 §4: a filter on discovery is forbidden, so that nobody takes the whole list for its result.
fn refuse_filter(x: &Exchange) -> Result<(), ScimError> {
    match x.query.get("filter") {
        Some(_) => Err(ScimError::forbidden("Discovery cannot be filtered; leave `filter` away.")),
        None => Ok(()),
    }
}
