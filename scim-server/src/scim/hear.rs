//! Hands what was asked and answered over to the request log, whose queue is bounded: a request that has no place there
//! costs no more than asking for one. Bodies are shared, not copied.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use endpoint_admin::ClientAddress;
use endpoint_store::registry::TurnedAway;
use endpoint_store::requests::{Class, Heard};
use endpoint_store::settings::Requests;
use endpoint_store::{Endpoint, EndpointId};

use super::route::{Operation, Target};
use super::{Noted, Scim, request_id};
use crate::middleware::Line;

/// What of a path and query is taken, in bytes.
const LONGEST: usize = 16 * 1024;

/// A request with a good token.
pub(super) fn answered(
    scim: &Scim,
    req: &HttpRequest,
    response: HttpResponse,
    (endpoint, token_id, noted): (&Endpoint, String, Noted),
    (at, took): (i64, Duration),
) -> HttpResponse {
    let operation = noted.operation.get();
    let is_read = operation.is_none_or(Operation::is_read);
    let class = Class::of(response.status().as_u16(), is_read);
    let log = scim.store.requests();
    if endpoint.settings.requests == Requests::None || !log.has_room(&endpoint.id, class, at) {
        return response;
    }
    let (response, answer) = match class {
        Class::Read => (response, Bytes::new()),
        Class::Change | Class::Refusal => shared(response),
    };
    let (rules, dropped, skipped) = Line::of(req).noted();
    let (resource_type, resource_id) = match noted.target.take() {
        Some(Target::Item(rt, id)) => (Some(rt), id),
        Some(Target::Collection(rt)) => (Some(rt), String::new()),
        _ => (None, String::new()),
    };
    log.push(Heard {
        operation: operation.map(Operation::name),
        is_read,
        resource_type,
        resource_id,
        status: response.status().as_u16(),
        cause: noted.cause.get(),
        took,
        token_id,
        rules,
        dropped,
        skipped,
        body: noted.body.take(),
        response: answer,
        ..plain(req, endpoint.id.clone(), at)
    });
    response
}

/// A request that did not get in, when it can be told whose it is.
pub(super) fn turned_away(scim: &Scim, req: &HttpRequest, turned: &TurnedAway, at: i64) {
    let found = turned.endpoint.as_ref().and_then(|id| scim.store.registry().endpoint(id.as_str()));
    let keeps = |endpoint: &Arc<Endpoint>| endpoint.settings.requests != Requests::None;
    let Some(endpoint) = found.filter(keeps) else { return };
    if !scim.store.requests().has_room(&endpoint.id, Class::Refusal, at) {
        return;
    }
    scim.store.requests().push(Heard {
        status: 401,
        cause: Some(turned.cause),
        token_id: turned.token_id.clone().unwrap_or_default(),
        ..plain(req, endpoint.id.clone(), at)
    });
}

/// What the head of a request says.
fn plain(req: &HttpRequest, endpoint: EndpointId, at: i64) -> Heard {
    let target = req.uri().path_and_query().map_or("", |target| target.as_str());
    let agent = req.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    Heard {
        endpoint,
        id: request_id(req),
        at,
        method: req.method().as_str().to_owned(),
        target: target.get(..target.floor_char_boundary(LONGEST)).unwrap_or_default().to_owned(),
        operation: None,
        is_read: false,
        resource_type: None,
        resource_id: String::new(),
        status: 0,
        cause: None,
        took: Duration::ZERO,
        token_id: String::new(),
        address: ClientAddress::of(req).map(|address| address.to_string()).unwrap_or_default(),
        agent: agent.unwrap_or_default().to_owned(),
        rules: Vec::new(),
        dropped: Vec::new(),
        skipped: 0,
        body: Bytes::new(),
        response: Bytes::new(),
    }
}

/// The answer, and its body once more: both are the same bytes in memory.
fn shared(response: HttpResponse) -> (HttpResponse, Bytes) {
    let mut taken = Bytes::new();
    let response = response.map_body(|_, body: BoxBody| match body.try_into_bytes() {
        Ok(bytes) => {
            taken = bytes.clone();
            BoxBody::new(bytes)
        }
        // Written while it is sent.
        Err(body) => body,
    });
    (response, taken)
}
