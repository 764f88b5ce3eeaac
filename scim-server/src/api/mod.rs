//! The management API: `/api/v1/…`, JSON over the same use cases as the console and the command line.
//!
//! One door for every request, in this order: who is it (one 401 for every reason), is there such a path, may the role
//! do this, how fast do they come, are query and body what the table says. Only then a handler runs. A session of the
//! console opens nothing here, so no other site can make a browser do anything.

mod audit;
mod body;
mod directory;
mod endpoints;
mod evidence;
mod feed;
mod groups;
mod guests;
mod health;
mod me;
mod openapi;
mod operators;
mod params;
mod problem;
mod request_views;
mod requests;
mod rotation;
mod route;
mod schemas;
mod stream;
mod target_views;
mod targets;
mod tokens;
mod verifications;
mod webhook_views;
mod webhooks;

use std::sync::Arc;

use actix_web::http::header::{self, ETag, EntityTag, Header as _, IfMatch};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};
use endpoint_admin::password::Hasher;
use endpoint_admin::{ClientAddress, Clock, PublicUrl};
use endpoint_store::caller::Actor;
use endpoint_store::idempotency::{self, Once};
use endpoint_store::operators::{Operator, Reach};
use endpoint_store::usage::Cause;
use endpoint_store::version::Expected;
use endpoint_store::{Caller, Conn, Endpoint, Store, StoreError, Tx};
use endpoint_targets::{deliver::Deliverer, webhook::Sender};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::limits::{FailingAddresses, RateLimits};
use crate::metrics::{Limit, Metrics};
use crate::middleware::Line;
use crate::scim;
use crate::verify::Verifier;
pub(crate) use feed::{ChangesView, lines as snapshot_lines};
pub(crate) use health::{ActivityView, HealthView};
use params::Query;
use problem::{Place, Problem};
pub(crate) use request_views::{ExplainedView, RequestView};
pub use route::{BASE, ROUTES, Route};
use route::{Segments, Work};
pub(crate) use verifications::ReportView;
pub(crate) use webhook_views::{DeliveryView, WebhookView};

/// What the API is built from.
pub struct Api {
    /// The store.
    pub store: Store,
    /// The prefix of every URL that is handed out.
    pub public_url: PublicUrl,
    /// The same for pages of the console.
    pub console_url: PublicUrl,
    /// The time.
    pub clock: Clock,
    /// Requests per second and key.
    pub rates: RateLimits,
    /// Who sends wrong credentials too fast.
    pub addresses: Arc<FailingAddresses>,
    /// What is counted for whoever watches.
    pub metrics: Metrics,
    /// Sends webhooks.
    pub sender: Sender,
    /// Bounds how many passwords are hashed at once.
    pub hasher: Hasher,
    /// The way to the applications behind endpoints.
    pub deliverer: Deliverer,
    /// Plays what identity providers do against twins of endpoints.
    pub verifier: Verifier,
}

/// Mounts the door.
pub fn configure(cfg: &mut web::ServiceConfig, api: web::Data<Api>) {
    cfg.app_data(api).service(web::scope("/api").default_service(web::to(door)));
}

/// One admitted request, as handlers see it.
struct Exchange {
    api: web::Data<Api>,
    /// In whose name.
    operator: Arc<Operator>,
    /// Public id of the key; empty where none is needed.
    key_id: String,
    /// Where the request came from.
    address: String,
    segments: Segments,
    query: Query,
    expected: Expected,
    once: Option<Once>,
    /// How the answer is wanted.
    wish: feed::Wish,
    body: Bytes,
    request_id: String,
    now: i64,
}

/// What a handler answers.
type Outcome = Result<Reply, Problem>;

/// An answer that is no refusal.
struct Reply {
    status: StatusCode,
    body: Option<Vec<u8>>,
    /// An answer that is written while it is sent, in place of all that.
    file: Option<HttpResponse>,
    tag: Option<String>,
    location: Option<String>,
}

impl Reply {
    fn json(body: &impl Serialize) -> Outcome {
        let body = serde_json::to_vec(body).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written as JSON");
            Problem::internal()
        })?;
        Ok(Self { status: StatusCode::OK, body: Some(body), file: None, tag: None, location: None })
    }

    fn done() -> Outcome {
        Ok(Self { status: StatusCode::NO_CONTENT, body: None, file: None, tag: None, location: None })
    }

    fn file(file: HttpResponse) -> Self {
        Self { status: file.status(), body: None, file: Some(file), tag: None, location: None }
    }

    /// The answer to what was made at this address.
    fn made_at(self, location: String) -> Self {
        Self { status: StatusCode::CREATED, location: Some(location), ..self }
    }

    fn tagged(self, tag: String) -> Self {
        Self { tag: Some(tag), ..self }
    }

    fn respond(self) -> HttpResponse {
        if let Some(file) = self.file {
            return file;
        }
        let mut builder = HttpResponseBuilder::new(self.status);
        builder.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(tag) = self.tag {
            builder.insert_header(ETag(EntityTag::new_strong(tag)));
        }
        if let Some(location) = self.location {
            builder.insert_header((header::LOCATION, location));
        }
        match self.body {
            Some(body) => builder.content_type("application/json").body(body),
            None => builder.finish(),
        }
    }
}

/// One page of a list.
#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T> Page<T> {
    /// All there is.
    fn whole(items: impl IntoIterator<Item = T>) -> Self {
        Self { items: items.into_iter().collect(), next: None }
    }
}

impl Exchange {
    /// What stands in the path for `{name}`.
    fn segment(&self, name: &str) -> &str {
        self.segments.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// The body as what the route takes.
    ///
    /// # Errors
    /// 400 when it is no JSON, 422 with the place when it is not what is wanted.
    fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let json = scim_core::json::parse(&self.body)?;
        if !json.is_object() {
            return Err(Problem::unprocessable(vec![Place::at("", "the body must be a JSON object")]));
        }
        serde_path_to_error::deserialize(json).map_err(|error| {
            let pointer = pointer(error.path());
            Problem::unprocessable(vec![Place::at(pointer, error.inner().to_string())])
        })
    }

    fn actor(&self) -> Actor {
        self.operator.actor().by_key(&self.key_id).at(&self.address)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.api.store.read(read).await.map_err(|error| Problem::of(error, &self.request_id))
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.api.store.write(write).await.map_err(|error| Problem::of(error, &self.request_id))
    }

    /// Makes something, once however often the request is sent: `make` is given the id of what this very request made
    /// before, and gives back what it made or found, with its id.
    async fn once<T: Send + 'static>(
        &self,
        make: impl Fn(&mut Tx<'_>, Option<&str>) -> Result<(T, String), StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let (operator, once, now) = (self.operator.clone(), self.once.clone(), self.now);
        self.write(move |tx| {
            let before = once.as_ref().map(|once| idempotency::made_before(tx, &operator, once, now));
            let before = before.transpose()?.flatten();
            let (made, id) = make(tx, before.as_deref())?;
            if let (None, Some(once)) = (&before, &once) {
                idempotency::remember(tx, &operator, once, &id, now)?;
            }
            Ok(made)
        })
        .await
    }

    /// The operator, bound to the endpoint of the path.
    fn caller(&self) -> Result<Caller, Problem> {
        let caller = self.operator.on(self.endpoint()?, self.request_id.clone());
        Ok(caller.by_key(&self.key_id, &self.address))
    }

    /// The endpoint of the path, as it is kept in memory.
    fn endpoint(&self) -> Result<Arc<Endpoint>, Problem> {
        let named = self.segment("endpoint");
        self.api.store.registry().endpoint(named).ok_or_else(|| endpoints::no_such(named))
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    let segments = path.iter().map(|segment| match segment {
        serde_path_to_error::Segment::Seq { index } => format!("/{index}"),
        serde_path_to_error::Segment::Map { key } => {
            format!("/{}", key.replace('~', "~0").replace('/', "~1"))
        }
        _ => String::new(),
    });
    segments.collect()
}

async fn door(req: HttpRequest, payload: web::Payload, api: web::Data<Api>) -> HttpResponse {
    match serve(&req, payload, api).await {
        Ok(reply) => reply.respond(),
        Err(problem) => problem.respond(),
    }
}

async fn serve(req: &HttpRequest, payload: web::Payload, api: web::Data<Api>) -> Outcome {
    let now = api.clock.now();
    let path = req.path().strip_prefix(BASE).unwrap_or_default();
    let resolved = route::resolve(req.method(), path);
    if let Ok((Route { work: Work::Description, .. }, _)) = resolved {
        return Reply::json(openapi::document());
    }
    let (credential, from) = (scim::authorization(req), ClientAddress::of(req));
    if let Some(wait) = api.addresses.wait(from, credential) {
        api.metrics.limited(Limit::Address);
        Line::of(req).refused(Cause::Flood.as_str());
        return Err(Problem::too_many(wait));
    }
    let holder = api.store.registry().authenticate_key(credential, now).map_err(|cause| {
        Line::of(req).refused(cause);
        if api.addresses.failed(from, None, &scim::seen(req, now)) {
            let address = from.map(tracing::field::display);
            tracing::warn!(address, cause, "an address sends wrong API keys too fast and is told to wait");
        }
        Problem::unauthorized()
    })?;
    api.addresses.succeeded(from, credential);
    Line::of(req).key(&holder.key_id);
    let seen = scim::seen(req, now);
    let address = seen.address.clone();
    api.store.usage().key_used(&holder.key_id, seen);
    let (route, segments) = resolved.map_err(|allow| nowhere(req, &allow))?;
    if let Some(act) = route.act
        && !holder.operator.role.may(act)
    {
        return Err(Problem::forbidden(holder.operator.role, act.least()));
    }
    if let Some((_, named)) = segments.iter().find(|(name, _)| *name == "endpoint") {
        check_reach(req, &api.store, &holder.operator, named).await?;
    }
    api.rates.check_key(&holder.key_id).map_err(Problem::too_many)?;
    let query = Query::read(req.query_string(), route.query)?;
    let expected = if route.conditional { if_match(req)? } else { Expected::Anything };
    let body = if route.takes_body() {
        check_content_type(req)?;
        scim::collect(req, payload).await?
    } else {
        Bytes::new()
    };
    let once = if route.idempotent { once(req, &body)? } else { None };
    let request_id = scim::request_id(req);
    let (operator, key_id) = (holder.operator, holder.key_id);
    let wish = feed::Wish::of(req);
    let x = Exchange {
        api,
        operator,
        key_id,
        address,
        segments,
        query,
        expected,
        once,
        wish,
        body,
        request_id,
        now,
    };
    match route.work {
        Work::Handler(run) => run(&x).await,
        Work::Description => Reply::json(openapi::document()),
    }
}

/// Refuses an endpoint that the operator does not see, exactly as one that is not there.
async fn check_reach(
    req: &HttpRequest,
    store: &Store,
    operator: &Operator,
    named: &str,
) -> Result<(), Problem> {
    if operator.reach == Reach::Everything {
        return Ok(());
    }
    let wanted = named.to_owned();
    match store.read(move |conn| endpoint_store::endpoints::find(conn, &wanted)).await {
        Ok(endpoint) if operator.sees(&endpoint) => Ok(()),
        Ok(_) | Err(StoreError::NotFound(_)) => Err(endpoints::no_such(named)),
        Err(error) => Err(Problem::of(error, &scim::request_id(req))),
    }
}

/// A path that is not there, or does not take the method.
fn nowhere(req: &HttpRequest, allow: &str) -> Problem {
    if allow.is_empty() {
        return Problem::not_found(format!(
            "There is nothing here. {BASE}/openapi.json lists what there is."
        ));
    }
    let detail = format!("{} is not possible here; this path takes {allow}.", req.method());
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail);
    match allow.parse() {
        Ok(value) => problem.with(header::ALLOW, value),
        Err(_) => problem,
    }
}

/// What the requester takes the present version for; a tag that is not one of ours fits nothing.
fn if_match(req: &HttpRequest) -> Result<Expected, Problem> {
    if !req.headers().contains_key(header::IF_MATCH) {
        return Ok(Expected::Anything);
    }
    match IfMatch::parse(req) {
        Ok(IfMatch::Any) => Ok(Expected::Something),
        // A weak tag never matches (RFC 9110 §13.1.1).
        Ok(IfMatch::Items(tags)) if !tags.is_empty() => {
            let strong = tags.iter().filter(|tag| !tag.weak).map(|tag| tag.tag().to_owned());
            Ok(Expected::Tags(strong.collect()))
        }
        _ => {
            let detail = "`If-Match` holds no entity tag; send the `ETag` that was read, with its quotes";
            Err(Problem::bad_parameters(vec![Place::in_parameter("If-Match", detail)]))
        }
    }
}

/// The `Idempotency-Key` with all that makes the request what it is.
fn once(req: &HttpRequest, body: &[u8]) -> Result<Option<Once>, Problem> {
    let Some(key) = req.headers().get("idempotency-key") else { return Ok(None) };
    let good = |key: &&str| (1..=200).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.to_str().ok().filter(good).ok_or_else(|| {
        let detail = "`Idempotency-Key` has 1 to 200 printable ASCII characters without blanks";
        Problem::bad_parameters(vec![Place::in_parameter("Idempotency-Key", detail)])
    })?;
    Ok(Some(Once::new(key, &[req.method().as_str().as_bytes(), req.path().as_bytes(), body])))
}

fn check_content_type(req: &HttpRequest) -> Result<(), Problem> {
    let essence = req.content_type();
    let json = essence.eq_ignore_ascii_case("application/json")
        || (*req.method() == Method::PATCH && essence.eq_ignore_ascii_case("application/merge-patch+json"));
    let plain = req.headers().get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    if (json || !req.headers().contains_key(header::CONTENT_TYPE)) && plain {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Send the body as plain JSON with `Content-Type: application/json`.",
    ))
}
