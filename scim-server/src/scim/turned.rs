//! Requests that are turned away, told to wait, or cannot work as they are: what they are answered, and what is kept of
//! them for the operator.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use endpoint_admin::ClientAddress;
use endpoint_store::endpoints::Status;
use endpoint_store::registry::TurnedAway;
use endpoint_store::usage::Cause;
use endpoint_store::{Caller, Endpoint};
use scim_core::error::{Kind, ScimError};

use super::negotiate::MediaType;
use super::route::{self, Unrouted};
use super::{PAUSED_RETRY_AFTER, Scim, authorization, seen};
use crate::error;
use crate::limits::Allowance;
use crate::metrics::Limit;
use crate::middleware::Line;

/// The answer to an address that sends wrong credentials too fast: the same whatever it asks for.
pub(super) fn told_to_wait(wait: u64, media: MediaType) -> HttpResponse {
    let detail = format!(
        "Too many requests with a wrong credential came from this address; wait {wait} s, and correct the token first."
    );
    let mut response = error::respond(&ScimError::new(Kind::TooManyRequests, detail), media);
    response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    response
}

/// What the endpoint's rate leaves; or the answer of one that may not answer, or that is asked too fast.
pub(super) fn closed(
    endpoint: &Endpoint,
    scim: &Scim,
    media: MediaType,
) -> Result<Option<Allowance>, Box<HttpResponse>> {
    let refuse = |error: &ScimError, retry_after: Option<u64>| {
        let mut response = error::respond(error, media);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        Box::new(response)
    };
    match endpoint.status {
        Status::Disabled => {
            let detail = "This endpoint is disabled. Ask its operator to enable it in the console.";
            Err(refuse(&ScimError::forbidden(detail), None))
        }
        Status::Paused => {
            let detail = "This endpoint is paused by its operator. Nothing was changed; try again later.";
            Err(refuse(&ScimError::unavailable(detail), Some(PAUSED_RETRY_AFTER)))
        }
        Status::Active => scim.rates.check(endpoint).map_err(|fast| {
            scim.metrics.limited(Limit::Endpoint);
            let wait = fast.wait;
            let detail = format!(
                "Too many requests for this endpoint; wait {wait} s and send the same request again."
            );
            let mut response = refuse(&ScimError::new(Kind::TooManyRequests, detail), Some(wait));
            fast.tell(&mut response);
            response
        }),
    }
}

/// Whether the path would be right if `/v2` were in it.
pub(super) fn why_no_path(req: &HttpRequest, segments: &[String], caller: &Caller) -> Cause {
    let behind_slug = segments.get(1..).unwrap_or_default();
    match route::resolve(req.method(), behind_slug, &caller.endpoint().catalog) {
        Err(Unrouted::NoPath(_)) => Cause::WrongPath,
        Ok(_) | Err(Unrouted::NoMethod(..)) => Cause::MissingVersion,
    }
}

/// A path outside of SCIM to which somebody sends a token of ours: as when `/scim` is missing from the base URL.
pub(crate) fn note_astray(scim: &Scim, req: &HttpRequest) {
    let now = scim.clock.now();
    let Some(authorization) = authorization(req) else { return };
    let registry = scim.store.registry();
    let outcome = registry.authenticate("", Some(authorization), ClientAddress::of(req), "", now);
    let Err(TurnedAway { cause: Cause::UnknownEndpoint, endpoint: Some(endpoint), token_id }) = outcome
    else {
        return;
    };
    Line::of(req).cause(Cause::WrongPath);
    scim.metrics.refused(Cause::WrongPath);
    scim.store.usage().turned_away(endpoint, Cause::WrongPath, token_id, seen(req, now));
}

pub(super) fn note_turned_away(scim: &Scim, req: &HttpRequest, slug: &str, turned: TurnedAway, now: i64) {
    Line::of(req).turned_away(&turned);
    scim.metrics.refused(turned.cause);
    let (usage, seen) = (scim.store.usage(), seen(req, now));
    if scim.addresses.failed(ClientAddress::of(req), turned.endpoint.as_ref(), &seen) {
        let (address, cause) = (&seen.address, turned.cause.as_str());
        tracing::warn!(address, cause, "an address sends wrong credentials too fast and is told to wait");
    }
    match turned.endpoint {
        Some(endpoint) => {
            // Whoever brings no credential at all is a browser or a scanner, and says nothing about the sync.
            if !matches!(turned.cause, Cause::NoToken | Cause::NoBearer) {
                usage.denied(&endpoint, now);
            }
            usage.turned_away(endpoint, turned.cause, turned.token_id, seen);
        }
        None => usage.strayed(slug, seen),
    }
}

/// A request with a good token that cannot work as it is: shown to the operator like one without.
pub(super) fn note_fault(scim: &Scim, req: &HttpRequest, caller: &Caller, cause: Cause, now: i64) {
    Line::of(req).cause(cause);
    scim.metrics.refused(cause);
    let token = caller.actor().id.clone();
    scim.store.usage().turned_away(caller.endpoint().id.clone(), cause, Some(token), seen(req, now));
}
