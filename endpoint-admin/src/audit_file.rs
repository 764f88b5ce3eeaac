//! The audit log as a file, for the console and the management API: one JSON object per line, or CSV.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION},
    web::Bytes,
};
use endpoint_store::{
    Store,
    audit::{self, Entry, Filter},
};
use futures_core::Stream;
use scim_core::time::format;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};

/// Entries that are read and sent at once.
const PORTION: usize = 500;

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated, with a head; cells that a spreadsheet would take for a formula begin with an apostrophe.
    Csv,
}

const COLUMNS: [&str; 13] = [
    "position",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "action",
    "endpoint_id",
    "subject",
    "before",
    "after",
    "previous",
    "hash",
];

impl Format {
    /// The names of all.
    pub const WORDS: &[&str] = &["ndjson", "csv"];

    /// A format by its name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "ndjson" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Ndjson => "audit-log.ndjson",
            Self::Csv => "audit-log.csv",
        }
    }

    fn write(self, entries: &[Entry], is_first: bool) -> io::Result<Vec<u8>> {
        match self {
            Self::Ndjson => {
                Ok(entries.iter().flat_map(|entry| format!("{}\n", line(entry)).into_bytes()).collect())
            }
            Self::Csv => {
                let mut file =
                    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
                if is_first {
                    file.write_record(COLUMNS)?;
                }
                for entry in entries {
                    file.write_record(cells(entry).map(defused))?;
                }
                file.into_inner().map_err(|error| io::Error::other(error.to_string()))
            }
        }
    }
}

/// An entry as a JSON object, as the management API shows it.
pub fn line(entry: &Entry) -> Value {
    let parsed = |text: &Option<String>| -> Value {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    };
    json!({
        "position": entry.position,
        "at": format(entry.at),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "address": entry.address,
        "action": entry.action,
        "endpoint_id": entry.endpoint_id,
        "subject": entry.subject,
        "before": parsed(&entry.before),
        "after": parsed(&entry.after),
        "previous": entry.previous_text(),
        "hash": entry.hash_text(),
    })
}

fn cells(entry: &Entry) -> [String; 13] {
    [
        entry.position.to_string(),
        format(entry.at),
        entry.actor_kind.clone(),
        entry.actor_id.clone(),
        entry.actor_name.clone(),
        entry.address.clone(),
        entry.action.clone(),
        entry.endpoint_id.clone().unwrap_or_default(),
        entry.subject.clone(),
        entry.before.clone().unwrap_or_default(),
        entry.after.clone().unwrap_or_default(),
        entry.previous_text(),
        entry.hash_text(),
    ]
}

/// Spreadsheets take a cell that begins so for a formula, and would run it.
pub(crate) fn defused(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// The answer with all entries that are wanted, the latest first, written while it is sent.
pub fn download(store: &Store, filter: Filter, wanted: Format) -> HttpResponse {
    let disposition = format!("attachment; filename=\"{}\"", wanted.file_name());
    HttpResponse::Ok()
        .content_type(wanted.media_type())
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .streaming(Portions(written(store.clone(), filter, wanted)))
}

/// Writes in the background, no further ahead than one portion.
fn written(store: Store, filter: Filter, wanted: Format) -> Receiver<io::Result<Bytes>> {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let (mut before, mut is_first) = (None, true);
        loop {
            let asked = filter.clone();
            let read = store.read(move |conn| audit::page(conn, &asked, before, PORTION)).await;
            let (bytes, next) = match read {
                Ok(page) => (wanted.write(&page.entries, is_first), page.next),
                // The connection is broken off: half a file does not look like a whole one.
                Err(error) => (Err(io::Error::other(error.to_string())), None),
            };
            if let Err(error) = &bytes {
                tracing::error!(%error, "the audit log could not be sent to its end");
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

pub(crate) struct Portions(pub(crate) Receiver<io::Result<Bytes>>);

impl Stream for Portions {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::defused;

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"] {
            assert_eq!(defused(cell.to_owned()), format!("'{cell}"));
        }
        for cell in ["", "a=1", "2026-11-24", "{\"a\":1}"] {
            assert_eq!(defused(cell.to_owned()), cell);
        }
    }
}
