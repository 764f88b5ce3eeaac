//! Traces go to the collector that is named, one span per request, and tell no secret.

use std::sync::mpsc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::both;
use crate::support::http::{Request, send};
use crate::support::program::Server;

/// A collector that hands on what it is sent.
async fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream, tell.clone()));
        }
    });
    (url, told)
}

async fn take(mut stream: TcpStream, tell: mpsc::Sender<Vec<u8>>) {
    let mut came = Vec::new();
    loop {
        let head = came.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let lines = String::from_utf8_lossy(&came[..head]).to_ascii_lowercase();
            assert!(lines.starts_with("post /v1/traces "), "{lines}");
            let length = lines.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let length: usize = length.parse().unwrap();
            if came.len() >= head + length {
                let _ = tell.send(came[head..head + length].to_vec());
                came.drain(..head + length);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
                continue;
            }
        }
        if stream.read_buf(&mut came).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

fn spans(bodies: &[Vec<u8>]) -> Vec<Span> {
    let decoded = bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
    let resources = decoded.flat_map(|request| request.resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    let found: &KeyValue = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{key}: {other:?}"),
    }
}

both! {
    async fn one_span_per_request_and_no_secret(app: &App) {
        let (url, told) = collector().await;
        let database = app.database();
        let server = Server::start(database.folder.path(), &["--database", &database.url, "--otlp", &url]).await;
        let generic = app.generic();
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let request = generic.request("GET", "/Users?filter=userName%20eq%20%22secret-name%22")
            .header("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01"));
        let first = send(server.address, &request).await.expect(200);
        let wrong = generic.with_token("nonsense").request("GET", "/Users/4711");
        send(server.address, &wrong).await.expect(401);
        send(server.address, &Request::new("GET", "/healthz")).await.expect(200);
        // What waits is sent at the end.
        server.stop("TERM").await;
        let mut bodies = Vec::new();
        while let Ok(body) = told.recv_timeout(Duration::from_millis(200)) {
            bodies.push(body);
        }
        let spans = spans(&bodies);
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
        let list = named("GET /scim/{endpoint}/v2/Users");
        assert_eq!(list.trace_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), trace);
        assert_eq!(attribute(list, "scim.request_id").as_deref(), first.header("x-request-id"));
        assert_eq!(attribute(list, "scim.endpoint").as_deref(), Some("generic"));
        assert_eq!(attribute(list, "http.response.status_code").as_deref(), Some("200"));
        assert!(list.end_time_unix_nano >= list.start_time_unix_nano);
        let refused = named("GET /scim/{endpoint}/v2/Users/{id}");
        assert_eq!(attribute(refused, "scim.cause").as_deref(), Some("malformed"));
        assert_eq!(attribute(named("GET /healthz"), "http.response.status_code").as_deref(), Some("200"));
        for secret in [generic.token.as_str(), "secret-name", "nonsense"] {
            let told = bodies.iter().any(|body| body.windows(secret.len()).any(|part| part == secret.as_bytes()));
            assert!(!told, "{secret} went to the collector");
        }
    }
}
