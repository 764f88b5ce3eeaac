//! Around every request: its id, and one line in the log.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};
use endpoint_admin::{ClientAddress, RequestId};
use endpoint_store::Caller;
use endpoint_store::registry::TurnedAway;
use endpoint_store::usage::Cause;
use scim_core::notes::Notes;
use scim_core::token::redact;

use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::traces::{self, Traces};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a path in the log.
const LONGEST: usize = 300;

/// What a request's line in the log says beyond method, path, status and time.
#[derive(Debug, Default)]
struct Facts {
    endpoint: String,
    token: String,
    key: String,
    cause: Option<&'static str>,
    rules: Vec<&'static str>,
    dropped: Vec<String>,
    skipped: usize,
}

/// Adds to the line of a request.
pub(crate) struct Line<'a>(&'a HttpRequest);

impl<'a> Line<'a> {
    pub(crate) fn of(req: &'a HttpRequest) -> Self {
        Self(req)
    }

    fn add(&self, with: impl FnOnce(&mut Facts)) {
        let mut extensions = self.0.extensions_mut();
        if extensions.get::<Facts>().is_none() {
            extensions.insert(Facts::default());
        }
        if let Some(facts) = extensions.get_mut::<Facts>() {
            with(facts);
        }
    }

    pub(crate) fn caller(&self, caller: &Caller) {
        self.add(|facts| {
            facts.endpoint.clone_from(&caller.endpoint().slug);
            facts.token.clone_from(&caller.actor().id);
        });
    }

    pub(crate) fn client(&self, slug: &str, id: &str) {
        self.add(|facts| {
            slug.clone_into(&mut facts.endpoint);
            id.clone_into(&mut facts.token);
        });
    }

    pub(crate) fn turned_away(&self, turned: &TurnedAway) {
        self.add(|facts| {
            facts.cause = Some(turned.cause.as_str());
            facts.endpoint = turned.endpoint.as_ref().map(|e| e.as_str().to_owned()).unwrap_or_default();
            facts.token = turned.token_id.clone().unwrap_or_default();
        });
    }

    pub(crate) fn cause(&self, cause: Cause) {
        self.refused(cause.as_str());
    }

    pub(crate) fn refused(&self, cause: &'static str) {
        self.add(|facts| facts.cause = Some(cause));
    }

    pub(crate) fn key(&self, id: &str) {
        self.add(|facts| id.clone_into(&mut facts.key));
    }

    /// What had to be tolerated so far: names of rules, attributes left out, members left out.
    pub(crate) fn noted(&self) -> (Vec<&'static str>, Vec<String>, usize) {
        let extensions = self.0.extensions();
        let facts = extensions.get::<Facts>();
        facts.map(|facts| (facts.rules.clone(), facts.dropped.clone(), facts.skipped)).unwrap_or_default()
    }

    pub(crate) fn notes(&self, notes: &Notes) {
        self.add(|facts| {
            facts.rules.extend(notes.rules.iter().map(|rule| rule.name()));
            facts.dropped.extend(notes.dropped.iter().cloned());
            facts.skipped += notes.skipped_members.len();
        });
    }
}

/// Gives the request its id, which the answer carries as `X-Request-Id`, and logs one line when it is answered.
pub(crate) async fn observe(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let id = uuid::Uuid::now_v7().simple().to_string();
    req.extensions_mut().insert(RequestId(id.clone()));
    let client = req.app_data::<Proxies>().and_then(|known| known.client(req.peer_addr(), req.headers()));
    if let Some(address) = client {
        req.extensions_mut().insert(ClientAddress(address));
    }
    let metrics = req.app_data::<Metrics>().cloned();
    let traces = req.app_data::<Traces>().cloned();
    let method = req.method().clone();
    let path = loggable(req.path());
    let mut response = next.call(req).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    // Where nothing is counted there is no traffic, but the play of a verification.
    let Some(metrics) = metrics else { return Ok(response) };
    metrics.answered(response.request().path(), response.status());
    let facts = response.request().extensions_mut().remove::<Facts>().unwrap_or_default();
    tracing::info!(
        target: "request",
        request_id = %id,
        endpoint = %facts.endpoint,
        token = %facts.token,
        key = (!facts.key.is_empty()).then_some(facts.key),
        %method,
        path,
        status = response.status().as_u16(),
        ms = format_args!("{:.1}", started.elapsed().as_secs_f64() * 1000.0),
        cause = facts.cause,
        rules = (!facts.rules.is_empty()).then(|| facts.rules.join(",")),
        dropped = (!facts.dropped.is_empty()).then(|| redact(&facts.dropped.join(","))),
        skipped_members = (facts.skipped > 0).then_some(facts.skipped),
    );
    if let Some(traces) = traces {
        let seen = traces::Seen {
            method: &method,
            path: &path,
            status: response.status(),
            took: started.elapsed(),
            request_id: &id,
            endpoint: &facts.endpoint,
            token: &facts.token,
            cause: facts.cause,
        };
        traces.answered(response.request().headers(), &seen);
    }
    Ok(response)
}

/// A path without what must not be in a log: control characters, tokens, and the code of a set-up link.
fn loggable(path: &str) -> String {
    if path.starts_with("/setup/") {
        return "/setup/…".to_owned();
    }
    for link in ["/guest/open/", "/guest/request/"] {
        if path.starts_with(link) {
            return format!("{link}…");
        }
    }
    let shown = redact(path);
    match shown.len() <= LONGEST && !shown.contains(char::is_control) {
        true => shown,
        false => shown.chars().filter(|c| !c.is_control()).take(LONGEST).collect(),
    }
}
