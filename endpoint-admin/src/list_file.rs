//! A list as a file, for the console and the management API: one JSON object per line, or CSV. Written while it is sent,
//! portion by portion, so that a list of any length takes the memory of two portions.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_DISPOSITION},
    web::Bytes,
};
use endpoint_store::{Conn, Store, StoreError};
use futures_core::Stream;
use serde_json::{Map, Value};
use tokio::sync::mpsc::{Receiver, channel};

/// Lines that are read and sent at once.
pub const PORTION: usize = 500;

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated, with a head; cells that a spreadsheet would take for a formula begin with an apostrophe.
    Csv,
}

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

    /// That of `?format=…`; CSV, which people open, when it names none.
    pub fn asked(query: &str) -> Self {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let named = pairs.find(|(key, _)| key == "format");
        named.and_then(|(_, name)| Self::parse(&name)).unwrap_or(Self::Csv)
    }

    /// Its name, and the end of a file's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    fn write<L: Line>(self, columns: &[&str], lines: &[L], is_first: bool) -> io::Result<Vec<u8>> {
        match self {
            Self::Ndjson => {
                Ok(lines.iter().flat_map(|line| format!("{}\n", line.json()).into_bytes()).collect())
            }
            Self::Csv => {
                let mut file =
                    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
                if is_first {
                    file.write_record(columns)?;
                }
                for line in lines {
                    file.write_record(line.cells().into_iter().map(defused))?;
                }
                file.into_inner().map_err(|error| io::Error::other(error.to_string()))
            }
        }
    }
}

/// One line of a file, in both formats.
pub trait Line: Send + 'static {
    /// As an object.
    fn json(&self) -> Value;
    /// As cells, one for each column.
    fn cells(&self) -> Vec<String>;
}

/// A line that is the same in both formats: a value for each column.
#[derive(Clone, Debug)]
pub struct Row {
    columns: &'static [&'static str],
    values: Vec<Value>,
}

impl Row {
    /// The values of these columns, in their order.
    pub fn new(columns: &'static [&'static str], values: Vec<Value>) -> Self {
        debug_assert_eq!(columns.len(), values.len());
        Self { columns, values }
    }
}

impl Line for Row {
    fn json(&self) -> Value {
        let pairs = self.columns.iter().zip(&self.values);
        Value::Object(pairs.map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>())
    }

    fn cells(&self) -> Vec<String> {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.values.iter().map(text).collect()
    }
}

/// Spreadsheets take a cell that begins so for a formula, and would run it.
fn defused(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

/// The answer with a whole list. `portion` reads what comes after a place, and says where the next portion begins; `name`
/// is that of the file, without its end.
pub fn download<L, P, F>(
    store: &Store,
    (name, columns): (&str, &'static [&'static str]),
    wanted: Format,
    portion: F,
) -> HttpResponse
where
    L: Line,
    P: Clone + Send + Sync + 'static,
    F: Fn(&mut Conn, Option<&P>) -> Result<(Vec<L>, Option<P>), StoreError> + Send + Sync + 'static,
{
    let disposition = format!("attachment; filename=\"{name}.{}\"", wanted.name());
    HttpResponse::Ok()
        .content_type(wanted.media_type())
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .streaming(Portions(written(store.clone(), columns, wanted, Arc::new(portion))))
}

/// Writes in the background, no further ahead than one portion.
fn written<L, P, F>(
    store: Store,
    columns: &'static [&'static str],
    wanted: Format,
    portion: Arc<F>,
) -> Receiver<io::Result<Bytes>>
where
    L: Line,
    P: Clone + Send + Sync + 'static,
    F: Fn(&mut Conn, Option<&P>) -> Result<(Vec<L>, Option<P>), StoreError> + Send + Sync + 'static,
{
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        let (mut after, mut is_first) = (None::<P>, true);
        loop {
            let (portion, place) = (portion.clone(), after.clone());
            let read = store.read(move |conn| portion(conn, place.as_ref())).await;
            let (bytes, next) = match read {
                Ok((lines, next)) => (wanted.write(columns, &lines, is_first), next),
                // The connection is broken off: half a file does not look like a whole one.
                Err(error) => (Err(io::Error::other(error.to_string())), None),
            };
            if let Err(error) = &bytes {
                tracing::error!(%error, "a list could not be sent to its end");
            }
            let failed = bytes.is_err();
            // A portion without a line is not sent: it would end the answer.
            let says = bytes.as_ref().map_or(true, |bytes| !bytes.is_empty());
            if says && sender.send(bytes.map(Bytes::from)).await.is_err() {
                return;
            }
            if failed || next.is_none() {
                return;
            }
            (after, is_first) = (next, false);
        }
    });
    receiver
}

struct Portions(Receiver<io::Result<Bytes>>);

impl Stream for Portions {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Format, Line as _, Row, defused};

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"] {
            assert_eq!(defused(cell.to_owned()), format!("'{cell}"));
        }
        for cell in ["", "a=1", "2026-11-24", "{\"a\":1}"] {
            assert_eq!(defused(cell.to_owned()), cell);
        }
    }

    #[test]
    fn a_row_is_the_same_in_both_formats() {
        let row = Row::new(&["name", "members", "gone"], vec![json!("=a,b"), json!(3), json!(null)]);
        assert_eq!(row.json(), json!({"name": "=a,b", "members": 3, "gone": null}));
        let columns = &["name", "members", "gone"];
        let file = Format::Csv.write(columns, std::slice::from_ref(&row), true).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&file), "name,members,gone\r\n\"'=a,b\",3,\r\n");
        let file = Format::Csv.write(columns, &[row], false).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&file), "\"'=a,b\",3,\r\n");
        assert_eq!(
            (Format::asked("format=ndjson"), Format::asked("format=xls")),
            (Format::Ndjson, Format::Csv)
        );
    }
}
