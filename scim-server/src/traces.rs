//! Traces for OpenTelemetry (OTLP over HTTP), when a collector is named: one span per request, under the trace that the
//! caller says it belongs to (W3C `traceparent`).
//!
//! A span says what the line in the log says, and no more: no header, no body, no query.

use std::time::{Duration, SystemTime};

use actix_web::http::{Method, StatusCode, header::HeaderMap};
use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{Span as _, SpanKind, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends spans. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// What a span says about a request.
pub(crate) struct Seen<'a> {
    pub(crate) method: &'a Method,
    /// As in the log: without secrets.
    pub(crate) path: &'a str,
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
    pub(crate) request_id: &'a str,
    /// Slug; empty where there is none.
    pub(crate) endpoint: &'a str,
    /// Public id; empty where there is none.
    pub(crate) token: &'a str,
    /// Why it was turned away.
    pub(crate) cause: Option<&'static str>,
}

impl Traces {
    /// To the collector at this address, such as `http://127.0.0.1:4318`. What is sampled is for the standard variables
    /// `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` to say.
    ///
    /// # Errors
    /// A sentence when there is no way there.
    pub(crate) fn new(collector: &str) -> Result<Self, String> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_service_name("scim-server")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("scim-server");
        Ok(Self { provider, tracer })
    }

    /// A request was answered just now. The span waits in memory until the next batch goes out; beyond the bound of the
    /// batch it is lost, and no request waits for it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a span tells when something was, by the clock of this machine"
    )]
    pub(crate) fn answered(&self, headers: &HeaderMap, seen: &Seen<'_>) {
        let ended = SystemTime::now();
        let began = ended.checked_sub(seen.took).unwrap_or(ended);
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
        let mut attributes = vec![
            KeyValue::new("http.request.method", seen.method.to_string()),
            KeyValue::new("url.path", seen.path.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(seen.status.as_u16())),
            KeyValue::new("scim.request_id", seen.request_id.to_owned()),
        ];
        let known = [("scim.endpoint", seen.endpoint), ("scim.token", seen.token)];
        let told = known.iter().filter(|(_, value)| !value.is_empty());
        attributes.extend(told.map(|(name, value)| KeyValue::new(*name, (*value).to_owned())));
        attributes.extend(seen.cause.map(|cause| KeyValue::new("scim.cause", cause)));
        let name = format!("{} {}", seen.method, template(seen.path));
        let span = self.tracer.span_builder(name).with_kind(SpanKind::Server).with_start_time(began);
        let mut span = span.with_attributes(attributes).start_with_context(&self.tracer, &parent);
        if seen.status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(ended);
    }

    /// Sends what waits, at the end.
    pub(crate) async fn close(self) {
        // It waits for a thread whose requests run here.
        let closed = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = closed {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// A path as one of few: names and ids are places.
fn template(path: &str) -> String {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match segments.next() {
        Some("scim") => {
            let kind = segments.nth(2).filter(|kind| kind.chars().all(char::is_alphanumeric));
            let kind = kind.map(|kind| format!("/{kind:.40}")).unwrap_or_default();
            let item = if segments.next().is_some() { "/{id}" } else { "" };
            format!("/scim/{{endpoint}}/v2{kind}{item}")
        }
        Some(first @ ("admin" | "api" | "guest" | "setup")) => format!("/{first}/…"),
        Some(first @ ("healthz" | "readyz" | "metrics")) => format!("/{first}"),
        Some(_) => "/…".to_owned(),
        None => "/".to_owned(),
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// The way to the collector. The exporter's thread has no runtime of its own, so what it sends runs on ours.
#[derive(Debug)]
struct Client {
    client: reqwest::Client,
    runtime: Handle,
}

impl Client {
    fn new() -> Result<Self, String> {
        let client = endpoint_targets::client(PATIENCE).map_err(|error| error.to_string())?;
        Ok(Self { client, runtime: Handle::current() })
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        let (status, body) = sent.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn names_and_ids_are_places() {
        for (path, expected) in [
            ("/scim/acme/v2/Users", "/scim/{endpoint}/v2/Users"),
            ("/scim/acme/v2/Users/0199", "/scim/{endpoint}/v2/Users/{id}"),
            ("/scim/acme/v2/.search", "/scim/{endpoint}/v2"),
            ("/scim/acme", "/scim/{endpoint}/v2"),
            ("/api/v1/endpoints/acme", "/api/…"),
            ("/admin/endpoints/acme", "/admin/…"),
            ("/metrics", "/metrics"),
            ("/wp-login.php", "/…"),
            ("/", "/"),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }
}
