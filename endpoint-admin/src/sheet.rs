//! A list as a file: CSV or one JSON object per line, read in portions and written while it is sent.

use std::io;

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION},
    web::Bytes,
};
use endpoint_store::{Conn, Store, StoreError};
use serde_json::{Map, Value};
use tokio::sync::mpsc::channel;

use crate::audit_file::{Format, Portions, defused};

/// What a file is called and has in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sheet {
    /// The name of the file, without its ending.
    pub(crate) name: &'static str,
    /// The names of the columns.
    pub(crate) columns: &'static [&'static str],
}

/// Rows, and where the next portion begins.
pub(crate) type Portion = (Vec<Vec<Value>>, Option<i64>);

/// The answer with all rows that `read` gives, portion after portion.
pub(crate) fn download(
    store: &Store,
    sheet: Sheet,
    format: Format,
    read: impl Fn(&mut Conn, Option<i64>) -> Result<Portion, StoreError> + Clone + Send + 'static,
) -> HttpResponse {
    let ending = if format == Format::Csv { "csv" } else { "ndjson" };
    let disposition = format!("attachment; filename=\"{}.{ending}\"", sheet.name);
    let (sender, receiver) = channel(1);
    let store = store.clone();
    tokio::spawn(async move {
        let (mut place, mut is_first) = (None, true);
        loop {
            let read = read.clone();
            let (bytes, next) = match store.read(move |conn| read(conn, place)).await {
                Ok((rows, next)) => (write(sheet, format, rows, is_first), next),
                // The connection is broken off: half a file does not look like a whole one.
                Err(error) => (Err(io::Error::other(error.to_string())), None),
            };
            if let Err(error) = &bytes {
                tracing::error!(%error, file = sheet.name, "a file could not be sent to its end");
            }
            let failed = bytes.is_err();
            if sender.send(bytes.map(Bytes::from)).await.is_err() || failed || next.is_none() {
                return;
            }
            (place, is_first) = (next, false);
        }
    });
    HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .streaming(Portions(receiver))
}

fn write(sheet: Sheet, format: Format, rows: Vec<Vec<Value>>, is_first: bool) -> io::Result<Vec<u8>> {
    if format == Format::Ndjson {
        let line = |row: Vec<Value>| {
            let object: Map<String, Value> =
                sheet.columns.iter().map(|name| (*name).to_owned()).zip(row).collect();
            format!("{}\n", Value::Object(object)).into_bytes()
        };
        return Ok(rows.into_iter().flat_map(line).collect());
    }
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if is_first {
        file.write_record(sheet.columns)?;
    }
    for row in rows {
        file.write_record(row.into_iter().map(cell))?;
    }
    file.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => defused(text),
        other => other.to_string(),
    }
}
