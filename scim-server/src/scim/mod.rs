//! SCIM over HTTP: `/scim/{endpoint}/v2/…`.
//!
//! One door for every request, in this order: who is it (one 401 for every reason), may the endpoint answer,
//! may the token do this, how fast do they come, what is asked, is the body one. Only then a handler runs,
//! with a [`Caller`] bound to one endpoint.

mod before;
mod bulk;
mod cursor;
mod discovery;
mod fingerprint;
mod hear;
mod list;
pub mod negotiate;
mod oauth;
mod preconditions;
mod query;
mod render;
mod resources;
mod route;
mod turned;

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{self, Bytes, BytesMut};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};
use endpoint_admin::{ClientAddress, Clock, PublicUrl, RequestId};
use endpoint_store::endpoints::Status;
use endpoint_store::observations::{Example, Observed};
use endpoint_store::registry::Admitted;
use endpoint_store::settings::PasswordPolicy;
use endpoint_store::tokens::Scope;
use endpoint_store::usage::{Cause, Seen};
use endpoint_store::{Caller, Endpoint, Store};
use endpoint_targets::deliver::Deliverer;
use scim_core::dialect::Dialect;
use scim_core::error::{Kind, ScimError};
use scim_core::notes::Notes;
use scim_core::token::redact;
use scim_core::{json, password};
use serde_json::Value;

use crate::error;
use crate::limits::{Allowance, FailingAddresses, RateLimits};
use crate::metrics::{Limit, Metrics};
use crate::middleware::Line;
use negotiate::MediaType;
use query::Query;
pub use route::{Operation, ROUTES, Route, Shape};
use route::{Target, Unrouted};
pub(crate) use turned::note_astray;
use turned::{closed, note_fault, note_turned_away, told_to_wait, why_no_path};

/// The largest body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// Most operations of a Bulk request.
pub(crate) const MAX_BULK: usize = bulk::MAX_OPERATIONS;
/// Most resources on a page of a list.
pub(crate) const MAX_PAGE_SIZE: u64 = list::MAX_PAGE;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How long a client of a paused endpoint is asked to wait, in seconds.
const PAUSED_RETRY_AFTER: u64 = 300;

/// What the SCIM door is built from.
pub struct Scim {
    /// The store.
    pub store: Store,
    /// The prefix of every URL that is handed out.
    pub public_url: PublicUrl,
    /// The time.
    pub clock: Clock,
    /// Requests per second and endpoint.
    pub rates: RateLimits,
    /// Who sends wrong credentials too fast.
    pub addresses: Arc<FailingAddresses>,
    /// What is counted for whoever watches.
    pub metrics: Metrics,
    /// The way to the applications behind endpoints.
    pub deliverer: Deliverer,
}

/// Mounts the door.
pub fn configure(cfg: &mut web::ServiceConfig, scim: web::Data<Scim>) {
    cfg.app_data(scim)
        .route(&format!("{}/{{issuer:.*}}", oauth::WELL_KNOWN), web::get().to(oauth::well_known))
        .service(web::scope("/scim").default_service(web::to(door)));
}

/// Whether a path that no route matched is SCIM's after all: doubled slashes at its beginning are no fault.
pub(crate) fn is_ours(path: &str) -> bool {
    path.split('/').find(|segment| !segment.is_empty()) == Some("scim")
}

/// One admitted request, as handlers see it.
struct Exchange {
    scim: web::Data<Scim>,
    caller: Caller,
    query: Query,
    /// SCIM base URL of the endpoint.
    base: String,
    media: MediaType,
    req: HttpRequest,
    body: Bytes,
    now: i64,
}

impl Exchange {
    fn endpoint(&self) -> &Arc<Endpoint> {
        self.caller.endpoint()
    }

    /// The body of a change, unless it holds a password that this endpoint refuses.
    fn body(&self) -> Result<Value, ScimError> {
        let body = json::parse(&self.body)?;
        if self.endpoint().settings.password == PasswordPolicy::Refuse && password::is_named(&body) {
            return Err(no_passwords());
        }
        Ok(body)
    }

    /// Keeps what had to be tolerated: in the log, and as evidence for the operator.
    fn note(&self, notes: &Notes) {
        Line::of(&self.req).notes(notes);
        let usage = self.scim.store.usage();
        let example = |shape: String| Example { request_id: request_id(&self.req), shape };
        let rules = notes.rules.iter().map(|rule| (Observed::Rule(*rule), example(String::new())));
        let dropped = notes.dropped.iter().map(|path| {
            let shape = notes.shapes.get(path).map(ToString::to_string).unwrap_or_default();
            (Observed::Dropped(redact(path)), example(shape))
        });
        for (what, example) in rules.chain(dropped) {
            usage.observed_in(self.endpoint().id.clone(), what, seen(&self.req, self.now), example);
        }
    }

    fn json(&self, status: StatusCode, body: &Value) -> HttpResponse {
        self.written(status, json::write(body))
    }

    /// An answer whose JSON is written already.
    fn written(&self, status: StatusCode, body: Vec<u8>) -> HttpResponse {
        HttpResponseBuilder::new(status).content_type(self.media.as_str()).body(body)
    }
}

/// What the endpoint's identity provider may do differently.
fn dialect(x: &Exchange) -> Dialect {
    x.endpoint().settings.dialect(x.endpoint().idp)
}

pub(crate) async fn door(req: HttpRequest, payload: web::Payload, scim: web::Data<Scim>) -> HttpResponse {
    let media = MediaType::wanted_by(&req);
    let segments = path_segments(req.path());
    let slug = segments.first().map(String::as_str).unwrap_or_default();
    let (id, now) = (request_id(&req), scim.clock.now());
    if let Some(place) = oauth::Place::of(&segments) {
        return oauth::serve(place, &req, payload, &scim, slug).await;
    }
    let (authorization, address) = (authorization(&req), ClientAddress::of(&req));
    if let Some(wait) = scim.addresses.wait(address, authorization) {
        scim.metrics.limited(Limit::Address);
        Line::of(&req).refused(Cause::Flood.as_str());
        return told_to_wait(wait, media);
    }
    if let Some(access) = scim.store.registry().unheard_of(authorization)
        && let Err(error) = scim.store.learn_access(access, now).await
    {
        return error::respond(&error::explain(error, &id), media);
    }
    let admitted = match scim.store.registry().authenticate(slug, authorization, address, &id, now) {
        Ok(admitted) => admitted,
        Err(turned) => {
            hear::turned_away(&scim, &req, &turned, now);
            note_turned_away(&scim, &req, slug, turned, now);
            return error::unauthorized(media);
        }
    };
    scim.addresses.succeeded(address, authorization);
    Line::of(&req).caller(&admitted.caller);
    scim.store.usage().used(&admitted.caller.actor().id, seen(&req, now));
    let token = admitted.caller.actor().id.clone();
    let (begun, noted, endpoint) = (Instant::now(), Noted::default(), admitted.caller.endpoint().clone());
    let served = serve(req.clone(), payload, scim.clone(), admitted, &segments, (media, now), &noted).await;
    let mut response = served.unwrap_or_else(|error| error::respond(&error, media));
    if let Some(allowance) = noted.allowance.take() {
        allowance.tell(&mut response);
    }
    let took = begun.elapsed();
    scim.metrics.served(&endpoint, noted.operation.get(), response.status(), took);
    count(&scim, &endpoint, noted.operation.get(), &response, now);
    hear::answered(&scim, &req, response, (&endpoint, token, noted), (now, took))
}

/// Adds the answer to the hour of its endpoint. What a paused or disabled one answers is what its operator wants.
fn count(scim: &Scim, endpoint: &Endpoint, operation: Option<Operation>, response: &HttpResponse, now: i64) {
    let status = if endpoint.status == Status::Active { response.status().as_u16() } else { 200 };
    let is_change = operation.is_some_and(|operation| !operation.is_read());
    let is_change = is_change && endpoint.status == Status::Active;
    scim.store.usage().answered(&endpoint.id, status, is_change, now);
}

/// What is learned about a request on its way.
#[derive(Default)]
struct Noted {
    operation: Cell<Option<Operation>>,
    target: Cell<Option<Target>>,
    cause: Cell<Option<Cause>>,
    body: Cell<Bytes>,
    allowance: Cell<Option<Allowance>>,
}

async fn serve(
    req: HttpRequest,
    payload: web::Payload,
    scim: web::Data<Scim>,
    admitted: Admitted,
    segments: &[String],
    (media, now): (MediaType, i64),
    noted: &Noted,
) -> Result<HttpResponse, ScimError> {
    let caller = admitted.caller;
    match closed(caller.endpoint(), &scim, media) {
        Ok(allowance) => noted.allowance.set(allowance),
        Err(response) => return Ok(*response),
    }
    let (operation, target) = match behind_base(segments)
        .map_err(Unrouted::NoPath)
        .and_then(|rest| route::resolve(req.method(), rest, &caller.endpoint().catalog))
    {
        Ok(found) => found,
        Err(Unrouted::NoPath(error)) => {
            let cause = why_no_path(&req, segments, &caller);
            noted.cause.set(Some(cause));
            note_fault(&scim, &req, &caller, cause, now);
            return Err(error);
        }
        Err(Unrouted::NoMethod(error, allow)) => {
            let mut response = error::respond(&error, media);
            if let Ok(allow) = allow.parse() {
                response.headers_mut().insert(header::ALLOW, allow);
            }
            return Ok(response);
        }
    };
    noted.operation.set(Some(operation));
    noted.target.set(Some(target.clone()));
    if admitted.scope == Scope::Read && !operation.is_read() {
        noted.cause.set(Some(Cause::ReadOnly));
        note_fault(&scim, &req, &caller, Cause::ReadOnly, now);
        return Err(ScimError::forbidden(
            "This token may only read. Use a token with scope `write` to make changes.",
        ));
    }
    let query = Query::parse(req.query_string())?;
    let body = read_body(&req, payload).await?;
    noted.body.set(body.clone());
    if let Some(idp) = fingerprint::guess(req.headers(), req.query_string(), &body) {
        let what = Observed::LooksLike(idp);
        scim.store.usage().observed(caller.endpoint().id.clone(), what, seen(&req, now));
    }
    let base = scim.public_url.scim_base(&caller.endpoint().slug);
    let exchange = Exchange { scim, caller, query, base, media, req, body, now };
    run(&exchange, operation, target).await
}

async fn run(exchange: &Exchange, operation: Operation, target: Target) -> Result<HttpResponse, ScimError> {
    match (operation, target) {
        (Operation::ServiceProviderConfig, _) => discovery::service_provider_config(exchange),
        (Operation::ResourceTypes, _) => discovery::resource_types(exchange),
        (Operation::ResourceType, Target::Discovery(Some(name))) => discovery::resource_type(exchange, &name),
        (Operation::Schemas, _) => discovery::schemas(exchange),
        (Operation::Schema, Target::Discovery(Some(urn))) => discovery::schema(exchange, &urn),
        (Operation::Bulk, _) => bulk::bulk(exchange).await,
        (Operation::Me, _) => Err(me()),
        (Operation::List, Target::Root) => {
            list::list(exchange, exchange.endpoint().catalog.resource_types()).await
        }
        (Operation::List, Target::Collection(rt)) => list::list(exchange, &[rt]).await,
        (Operation::Search, Target::Root) => {
            list::search(exchange, exchange.endpoint().catalog.resource_types()).await
        }
        (Operation::Search, Target::Collection(rt)) => list::search(exchange, &[rt]).await,
        (Operation::Create, Target::Collection(rt)) => resources::create(exchange, &rt).await,
        (Operation::Get, Target::Item(rt, id)) => resources::get(exchange, &rt, &id).await,
        (Operation::Replace, Target::Item(rt, id)) => resources::replace(exchange, &rt, &id).await,
        (Operation::Patch, Target::Item(rt, id)) => resources::patch(exchange, &rt, &id).await,
        (Operation::Delete, Target::Item(rt, id)) => resources::delete(exchange, &rt, &id).await,
        (operation, target) => {
            // The table pairs each operation with its kind of path; reaching this is a fault in the table.
            tracing::error!(?operation, ?target, "the route table pairs an operation with a wrong path");
            Err(ScimError::internal())
        }
    }
}

fn no_passwords() -> ScimError {
    ScimError::invalid_value(
        "This endpoint takes no passwords. Remove `password` from what the identity provider sends.",
    )
}

/// RFC 7644 §3.11: a token belongs to an identity provider, not to one of its people.
fn me() -> ScimError {
    ScimError::new(
        Kind::NotImplemented,
        "/Me has no meaning here: the token belongs to an identity provider, not to a person. Ask for /Users/{id} instead.",
    )
}

/// The `Authorization` header. Two of them, or one that is no text, open nothing: proxies would not agree on which counts.
pub(crate) fn authorization(req: &HttpRequest) -> Option<&str> {
    const UNREADABLE: &str = "Bearer ?";
    let mut headers = req.headers().get_all(header::AUTHORIZATION);
    let first = headers.next()?;
    Some(if headers.next().is_some() { UNREADABLE } else { first.to_str().unwrap_or(UNREADABLE) })
}

/// The segments behind `/scim/`, decoded; doubled and trailing slashes are no fault.
fn path_segments(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .skip(1)
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

/// The segments behind the SCIM base URL.
fn behind_base(segments: &[String]) -> Result<&[String], ScimError> {
    if segments.iter().any(|segment| segment.contains('\0')) {
        return Err(ScimError::not_found("The path holds a NUL character (%00); no resource is there."));
    }
    match segments {
        [_, version, rest @ ..] if version.eq_ignore_ascii_case("v2") => Ok(rest),
        _ => Err(ScimError::not_found(
            "The path does not begin with the SCIM base URL of this endpoint, which ends in `/v2`. Copy the SCIM Base URL \
             from the endpoint's Connect page again.",
        )),
    }
}

async fn read_body(req: &HttpRequest, payload: web::Payload) -> Result<Bytes, ScimError> {
    if !matches!(*req.method(), Method::POST | Method::PUT | Method::PATCH) {
        return Ok(Bytes::new());
    }
    negotiate::check_content_type(req)?;
    collect(req, payload).await
}

/// The body, within size and time.
pub(crate) async fn collect(req: &HttpRequest, payload: web::Payload) -> Result<Bytes, ScimError> {
    tokio::time::timeout(BODY_PATIENCE, gather(req, payload)).await.map_err(|_| {
        ScimError::invalid_syntax(
            "The body did not arrive within 30 seconds; nothing was changed. Send the request again.",
        )
    })?
}

async fn gather(req: &HttpRequest, mut payload: web::Payload) -> Result<Bytes, ScimError> {
    use futures_core_stream::next;
    let too_large =
        || ScimError::too_large(format!("The body is larger than {MAX_BODY} bytes; send less at once."));
    let announced =
        req.headers().get(header::CONTENT_LENGTH).and_then(|h| h.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > MAX_BODY) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = next(&mut payload).await {
        let chunk = chunk.map_err(|e| ScimError::invalid_syntax(format!("The body broke off: {e}.")))?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The next item of a stream, without a crate for it.
mod futures_core_stream {
    use std::pin::Pin;

    pub(super) async fn next(
        payload: &mut actix_web::web::Payload,
    ) -> Option<Result<actix_web::web::Bytes, actix_web::error::PayloadError>> {
        std::future::poll_fn(|cx| futures_core::Stream::poll_next(Pin::new(&mut *payload), cx)).await
    }
}

pub(crate) fn request_id(req: &HttpRequest) -> String {
    req.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default()
}

pub(crate) fn seen(req: &HttpRequest, now: i64) -> Seen {
    let address = ClientAddress::of(req).map(|address| address.to_string()).unwrap_or_default();
    let agent = req.headers().get(header::USER_AGENT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    Seen::new(now, &address, agent, &format!("{} {}", req.method(), req.path()))
}
