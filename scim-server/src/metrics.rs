//! `/metrics`, as Prometheus reads it.
//!
//! Whatever a request touches is registered before, or at its endpoint's first request: then a request adds to a few
//! numbers. What describes a state (ages of tokens, the end of the change log) is measured when somebody asks. Labels are
//! bounded: operations, causes, classes of status, and the first thousand endpoints.

mod outward;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{FORWARDED, HeaderName, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, web};
use arc_swap::ArcSwap;
use endpoint_admin::Clock;
use endpoint_store::gauges::{self, Gauges};
use endpoint_store::health::Condition;
use endpoint_store::operators::Reach;
use endpoint_store::registry::KeyHolder;
use endpoint_store::requests::{Class, Log};
use endpoint_store::usage::Cause;
use endpoint_store::{Endpoint, EndpointId, Store, StoreError};
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::limits::FailingAddresses;
use crate::scim::{self, Operation};

/// Endpoints that have numbers of their own; those beyond share the name `other`.
const ENDPOINTS: usize = 1000;
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const SURFACES: [&str; 4] = ["scim", "console", "api", "other"];
/// Upper ends of the ranges of durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const OTHER: &str = "other";

/// One number for each class of status.
struct ByClass([Counter; 5]);

impl ByClass {
    fn add(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.0.get(class) {
            counter.increment(1);
        }
    }
}

struct OfOperation {
    requests: ByClass,
    seconds: Histogram,
}

struct OfEndpoint {
    slug: String,
    requests: ByClass,
}

/// All numbers of one server. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    surfaces: [ByClass; 4],
    operations: Vec<(Operation, OfOperation)>,
    unrouted: OfOperation,
    causes: Vec<(Cause, Counter)>,
    limited_endpoint: Counter,
    limited_address: Counter,
    unlogged: Vec<(Class, Counter)>,
    endpoints: ArcSwap<HashMap<EndpointId, Arc<OfEndpoint>>>,
    other: Arc<OfEndpoint>,
}

/// Which limit a request ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// That of its endpoint.
    Endpoint,
    /// That of an address with wrong credentials.
    Address,
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets(&BUCKETS)
}

fn of_operation(name: &'static str) -> OfOperation {
    let count = |class| counter!("scim_requests_total", "operation" => name, "class" => class);
    OfOperation {
        requests: ByClass(CLASSES.map(count)),
        seconds: histogram!("scim_request_duration_seconds", "operation" => name),
    }
}

fn of_endpoint(slug: &str) -> Arc<OfEndpoint> {
    let count =
        |class| counter!("scim_endpoint_requests_total", "endpoint" => slug.to_owned(), "class" => class);
    Arc::new(OfEndpoint { slug: slug.to_owned(), requests: ByClass(CLASSES.map(count)) })
}

impl Metrics {
    /// Numbers that all begin at nought.
    ///
    /// # Errors
    /// [`BuildError`] if the ranges of durations were none.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = builder()?.build_recorder();
        let handle = recorder.handle();
        let make = || {
            describe();
            let surface = |surface| {
                let count = |class| counter!("http_requests_total", "surface" => surface, "class" => class);
                ByClass(CLASSES.map(count))
            };
            let operations = Operation::ALL.iter().map(|one| (*one, of_operation(one.name()))).collect();
            let cause = |cause: &Cause| (*cause, counter!("scim_refusals_total", "cause" => cause.as_str()));
            let limited = |by: &'static str| counter!("scim_rate_limited_total", "limit" => by);
            (
                SURFACES.map(surface),
                operations,
                of_operation("none"),
                Cause::ALL.iter().map(cause).collect(),
                (limited("endpoint"), limited("address")),
                Class::ALL.map(|class| {
                    (class, counter!("scim_requests_unlogged_total", "class" => class.as_str()))
                }),
                of_endpoint(OTHER),
            )
        };
        let (surfaces, operations, unrouted, causes, limited, unlogged, other) =
            metrics::with_local_recorder(&recorder, make);
        let (limited_endpoint, limited_address) = limited;
        let endpoints = ArcSwap::default();
        Ok(Self(Arc::new(Inner {
            recorder,
            handle,
            surfaces,
            operations,
            unrouted,
            causes,
            limited_endpoint,
            limited_address,
            unlogged: unlogged.into(),
            endpoints,
            other,
        })))
    }

    /// A request of any kind was answered.
    pub(crate) fn answered(&self, path: &str, status: StatusCode) {
        let at =
            |prefix: &str| path == prefix || path.strip_prefix(prefix).is_some_and(|r| r.starts_with('/'));
        let surface = match path {
            _ if scim::is_ours(path) => 0,
            _ if path == "/" || at("/admin") || at("/setup") => 1,
            _ if at("/api") => 2,
            _ => 3,
        };
        if let Some(surface) = self.0.surfaces.get(surface) {
            surface.add(status);
        }
    }

    /// A request with a good token was answered.
    pub(crate) fn served(
        &self,
        endpoint: &Endpoint,
        operation: Option<Operation>,
        status: StatusCode,
        took: Duration,
    ) {
        let known = self.0.operations.iter().find(|(known, _)| Some(*known) == operation);
        let of = known.map_or(&self.0.unrouted, |(_, of)| of);
        of.requests.add(status);
        of.seconds.record(took.as_secs_f64());
        self.of(endpoint).requests.add(status);
    }

    /// A request was turned away.
    pub(crate) fn refused(&self, cause: Cause) {
        if let Some((_, counter)) = self.0.causes.iter().find(|(known, _)| *known == cause) {
            counter.increment(1);
        }
    }

    /// A request came too early.
    pub(crate) fn limited(&self, by: Limit) {
        match by {
            Limit::Endpoint => self.0.limited_endpoint.increment(1),
            Limit::Address => self.0.limited_address.increment(1),
        }
    }

    /// How many requests the log has left out since the server started.
    pub(crate) fn unlogged(&self, log: &Log) {
        for (class, counter) in &self.0.unlogged {
            counter.absolute(log.unlogged(*class));
        }
    }

    /// Takes over what was measured since the last call: until then each duration takes memory of its own.
    pub(crate) fn keep_up(&self) {
        self.0.handle.run_upkeep();
    }

    fn of(&self, endpoint: &Endpoint) -> Arc<OfEndpoint> {
        let endpoints = self.0.endpoints.load();
        match endpoints.get(&endpoint.id) {
            Some(of) if of.slug == endpoint.slug => return of.clone(),
            None if endpoints.len() >= ENDPOINTS => return self.0.other.clone(),
            _ => {}
        }
        let fresh = metrics::with_local_recorder(&self.0.recorder, || of_endpoint(&endpoint.slug));
        self.0.endpoints.rcu(|endpoints| {
            let mut endpoints = HashMap::clone(endpoints);
            endpoints.insert(endpoint.id.clone(), fresh.clone());
            endpoints
        });
        fresh
    }

    fn render(&self) -> String {
        self.0.handle.render()
    }
}

fn describe() {
    describe_counter!(
        "http_requests_total",
        "Answers of every kind, by the part of the program that gave them."
    );
    describe_counter!(
        "scim_requests_total",
        "SCIM requests with a good token, by operation; none: the path or the method is not SCIM's."
    );
    describe_counter!(
        "scim_endpoint_requests_total",
        "The same by endpoint; other: those beyond the first thousand."
    );
    describe_counter!("scim_refusals_total", "Requests that were turned away, by cause.");
    describe_counter!("scim_rate_limited_total", "Requests that were told to wait.");
    describe_counter!(
        "scim_requests_unlogged_total",
        "Requests that the request log left out because they came too fast, by kind: reads that succeeded, changes, refusals."
    );
    describe_histogram!(
        "scim_request_duration_seconds",
        Unit::Seconds,
        "Time until the answer to a SCIM request with a good token is ready."
    );
}

/// What is measured when it is asked for, in a text of its own: what is gone leaves nothing behind.
fn render_gauges(gauges: &Gauges, addresses: usize, now: i64) -> Result<String, BuildError> {
    let recorder = builder()?.build_recorder();
    metrics::with_local_recorder(&recorder, || {
        let process = metrics_process::Collector::default();
        process.describe();
        process.collect();
        outward::describe();
        describe_gauge!("scim_connections", "Connections to the database, by what they are for.");
        describe_gauge!("scim_feed_waiting", "Readers of the change feed that wait for the next change.");
        describe_gauge!("scim_build_info", "Always 1; which version this is.");
        describe_gauge!("scim_writes_waiting", "Writes that are under way or wait for their turn.");
        describe_counter!(
            "scim_database_statements_total",
            "Statements that this process ran on the database, those of SQLite's one writer not counted."
        );
        describe_gauge!(
            "scim_addresses_waiting",
            "Addresses that are told to wait because of wrong credentials."
        );
        describe_gauge!("scim_endpoints", "Endpoints, by state.");
        describe_gauge!(
            "scim_token_oldest_age_seconds",
            Unit::Seconds,
            "Age of an endpoint's oldest live token."
        );
        describe_gauge!(
            "scim_token_expiry_seconds",
            Unit::Seconds,
            "Time until an endpoint's next live token expires."
        );
        describe_gauge!("scim_change_log_head", "Number of an endpoint's last change.");
        counter!("scim_database_statements_total").absolute(gauges.statements);
        describe_gauge!(
            "scim_endpoint_last_heard_seconds",
            Unit::Seconds,
            "Time since an endpoint was last heard: a request with a good token."
        );
        describe_gauge!(
            "scim_endpoint_silent",
            "1 when nothing came to an endpoint for much longer than usual, else 0."
        );
        describe_gauge!("scim_endpoint_failing", "1 when too much of what comes goes wrong, else 0.");
        describe_gauge!("scim_endpoint_asked", "Requests of the last 24 hours, also those turned away.");
        describe_gauge!("scim_endpoint_errors", "Those of them that went wrong.");
        gauge!("scim_writes_waiting").set(gauges.writes as f64);
        gauge!("scim_addresses_waiting").set(addresses as f64);
        gauge!("scim_feed_waiting").set(gauges.feed_waiting as f64);
        gauge!("scim_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        for (pool, open, used) in &gauges.connections {
            gauge!("scim_connections", "pool" => *pool, "state" => "used").set(*used as f64);
            gauge!("scim_connections", "pool" => *pool, "state" => "idle").set((open - used) as f64);
        }
        outward::of_all(&gauges.outward);
        for (status, count) in &gauges.endpoints {
            gauge!("scim_endpoints", "state" => status.as_str()).set(*count as f64);
        }
        for one in &gauges.of_endpoint {
            let slug = || one.endpoint.slug.clone();
            if let Some(oldest) = one.oldest_token {
                gauge!("scim_token_oldest_age_seconds", "endpoint" => slug())
                    .set(outward::seconds(now - oldest));
            }
            if let Some(next) = one.next_expiry {
                gauge!("scim_token_expiry_seconds", "endpoint" => slug()).set(outward::seconds(next - now));
            }
            if let Some(head) = one.last_change {
                gauge!("scim_change_log_head", "endpoint" => slug()).set(head as f64);
            }
            if let Some(of) = gauges.outward.of_endpoint.get(&one.endpoint.id) {
                outward::of_endpoint(&one.endpoint, of, now);
            }
            if let Some(heard) = one.health.last_heard {
                gauge!("scim_endpoint_last_heard_seconds", "endpoint" => slug())
                    .set(outward::seconds(now - heard));
            }
            for (name, wanted) in
                [("scim_endpoint_silent", Condition::Silent), ("scim_endpoint_failing", Condition::Failing)]
            {
                gauge!(name, "endpoint" => slug()).set(f64::from(u8::from(one.condition == wanted)));
            }
            gauge!("scim_endpoint_asked", "endpoint" => slug()).set(one.health.asked as f64);
            gauge!("scim_endpoint_errors", "endpoint" => slug()).set(one.health.refused as f64);
        }
    });
    Ok(recorder.handle().render())
}

/// What the door is built from.
pub(crate) struct Door {
    pub(crate) metrics: Metrics,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) addresses: Arc<FailingAddresses>,
}

/// Mounts `/metrics`.
pub(crate) fn configure(cfg: &mut web::ServiceConfig, door: web::Data<Door>) {
    cfg.app_data(door).route("/metrics", web::get().to(scrape));
}

/// The numbers name endpoints, so not everybody may read them: this machine, and whoever holds an API key of an operator who
/// sees all endpoints.
async fn scrape(req: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let now = door.clock.now();
    let holder = door.store.registry().authenticate_key(scim::authorization(&req), now);
    let sees_all = |holder: KeyHolder| holder.operator.reach == Reach::Everything;
    if !is_local(&req) && !holder.is_ok_and(sees_all) {
        return HttpResponse::Unauthorized()
            .insert_header((WWW_AUTHENTICATE, "Bearer"))
            .content_type("text/plain; charset=utf-8")
            .body(
                "An API key of an operator who sees all endpoints is needed: send the header `Authorization: Bearer scimkey_…`, \
                 or ask from this machine.\n",
            );
    }
    match measure(&door, now).await {
        Ok(text) => HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text),
        Err(error) => {
            // What is counted in memory is there without the database.
            tracing::warn!(%error, "a part of the metrics could not be measured");
            HttpResponse::Ok()
                .content_type("text/plain; version=0.0.4; charset=utf-8")
                .body(door.metrics.render())
        }
    }
}

async fn measure(door: &Door, now: i64) -> Result<String, StoreError> {
    let gauges = gauges::measure(&door.store, ENDPOINTS, now).await?;
    let measured = render_gauges(&gauges, door.addresses.blocked(), now);
    Ok(door.metrics.render() + &measured.map_err(|error| StoreError::Damaged(error.to_string()))?)
}

/// Whether the request comes from this machine itself: a proxy on it adds where the request really comes from.
fn is_local(req: &HttpRequest) -> bool {
    const ADDED: [HeaderName; 3] =
        [FORWARDED, HeaderName::from_static("x-forwarded-for"), HeaderName::from_static("x-real-ip")];
    let passed_on = ADDED.iter().any(|name| req.headers().contains_key(name));
    !passed_on && req.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
}
