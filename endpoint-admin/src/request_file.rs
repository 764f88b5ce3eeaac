//! The request log as a file: one JSON object per line, or CSV that no spreadsheet takes for formulas.

use std::{io, sync::Arc};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION},
    web::Bytes,
};
use endpoint_store::{
    Endpoint, Store,
    requests::{self, Filter, Line},
};
use scim_core::time::format;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};

use crate::audit_file::{Format, Portions, defused};

/// Requests that are read and sent at once.
const PORTION: usize = 500;

const COLUMNS: [&str; 18] = [
    "id",
    "at",
    "method",
    "target",
    "asked",
    "outcome",
    "operation",
    "resource_type",
    "resource_id",
    "resource_name",
    "status",
    "scim_type",
    "detail",
    "cause",
    "ms",
    "token_id",
    "address",
    "agent",
];

fn cells(line: &Line) -> [String; 18] {
    let request = &line.request;
    [
        request.id.clone(),
        format(request.at),
        request.method.clone(),
        request.target.clone(),
        line.asked.clone(),
        line.outcome.clone(),
        request.operation.clone(),
        request.resource_type.clone(),
        request.resource_id.clone(),
        request.resource_name.clone(),
        request.status.to_string(),
        request.scim_type.clone(),
        request.detail.clone(),
        request.cause.map(|cause| cause.as_str().to_owned()).unwrap_or_default(),
        request.ms(),
        request.token_id.clone(),
        request.address.clone(),
        request.agent.clone(),
    ]
}

fn object(line: &Line) -> Value {
    let request = &line.request;
    let mut object = serde_json::Map::new();
    for (name, cell) in COLUMNS.iter().zip(cells(line)) {
        object.insert((*name).to_owned(), Value::String(cell));
    }
    object.insert("status".to_owned(), json!(request.status));
    object.insert("ms".to_owned(), json!(request.micros as f64 / 1000.0));
    object.insert("rules".to_owned(), request.rules.iter().map(|rule| rule.name()).collect());
    object.insert("dropped".to_owned(), json!(request.dropped));
    Value::Object(object)
}

fn write(wanted: Format, lines: &[Line], is_first: bool) -> io::Result<Vec<u8>> {
    if wanted == Format::Ndjson {
        return Ok(lines.iter().flat_map(|line| format!("{}\n", object(line)).into_bytes()).collect());
    }
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if is_first {
        file.write_record(COLUMNS)?;
    }
    for line in lines {
        file.write_record(cells(line).map(defused))?;
    }
    file.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// The answer with all requests that are wanted, the latest first, written while it is sent.
pub(crate) fn download(
    store: &Store,
    endpoint: Arc<Endpoint>,
    filter: Filter,
    wanted: Format,
) -> HttpResponse {
    let ending = if wanted == Format::Csv { "csv" } else { "ndjson" };
    let disposition = format!("attachment; filename=\"requests-{}.{ending}\"", endpoint.slug);
    HttpResponse::Ok()
        .content_type(wanted.media_type())
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .streaming(Portions(written(store.clone(), endpoint, filter, wanted)))
}

/// Writes in the background, no further ahead than one portion.
fn written(
    store: Store,
    endpoint: Arc<Endpoint>,
    filter: Filter,
    wanted: Format,
) -> Receiver<io::Result<Bytes>> {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let (mut before, mut is_first) = (None::<String>, true);
        loop {
            let (asked, of, from) = (filter.clone(), endpoint.clone(), before.clone());
            let read = move |conn: &mut endpoint_store::Conn| {
                requests::lines(conn, &of, &asked, from.as_deref(), PORTION)
            };
            let (bytes, next) = match store.read(read).await {
                Ok(page) => (write(wanted, &page.lines, is_first), page.next),
                // The connection is broken off: half a file does not look like a whole one.
                Err(error) => (Err(io::Error::other(error.to_string())), None),
            };
            if let Err(error) = &bytes {
                tracing::error!(%error, "the request log could not be sent to its end");
            }
            let failed = bytes.is_err();
            if sender.send(bytes.map(Bytes::from)).await.is_err() || failed || next.is_none() {
                return;
            }
            (before, is_first) = (next, false);
        }
    });
    receiver
}
