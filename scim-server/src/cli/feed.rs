//! `scim-server changes` and `snapshot`: the change feed on the terminal, and a whole directory in a file.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use endpoint_store::feed::{self, Cursor, Place};
use serde_json::{Value, json};

use super::output::{Answer, count, reason, table};
use super::{Context, Failure, Format, Which, find_live};
use crate::api::{ChangesView, snapshot_lines};

/// Arguments of `changes`.
#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// The endpoint.
    #[command(flatten)]
    pub which: Which,
    /// Go on behind this cursor, or from `now` on; without it, with the oldest change that is kept
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    /// How many events at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub limit: u16,
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Arguments of `snapshot`.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The endpoint.
    #[command(flatten)]
    pub which: Which,
    /// The file to write; it must not be there yet. Without it, stdout
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Reads a part of the feed.
///
/// # Errors
/// [`Failure`]: a cursor of another endpoint, or one whose continuation has been forgotten.
pub(super) async fn changes(args: &ChangesArgs, cx: &Context) -> Result<Answer, Failure> {
    let which = args.which.endpoint.clone();
    let endpoint = cx.read(move |conn| find_live(conn, &which)).await?;
    let place = match args.after.as_deref() {
        None => Place::Oldest,
        Some("now") => Place::Now,
        Some(text) => Cursor::decode(text, &endpoint.id).map(Place::After).ok_or_else(|| {
            Failure::new(&format!(
                "`{text}` is no cursor of endpoint `{}`; take the one that `changes` or `snapshot` told for it",
                endpoint.slug
            ))
        })?,
    };
    let (id, limit) = (endpoint.id.clone(), usize::from(args.limit));
    let read = cx.read(move |conn| feed::read(conn, &endpoint, place, limit)).await?;
    let page = read.map_err(|gone| Failure::new(&gone.to_string()))?;
    let rows: Vec<[String; 4]> = page
        .events
        .iter()
        .map(|(_, event)| {
            let told =
                |pointer: &str| event.data.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let by = format!("{} {}", told("/by/kind"), told("/by/label"));
            [scim_core::time::format(event.at), event.name.clone(), told("/name").to_owned(), by]
        })
        .collect();
    let view = ChangesView::from((&id, page));
    let json = json!(view);
    let next = json.get("next").and_then(Value::as_str).unwrap_or_default().to_owned();
    let text = if rows.is_empty() {
        format!("No events.\nGo on with --after {next}")
    } else {
        format!("{}\nGo on with --after {next}", table(["AT", "EVENT", "NAME", "BY"], &rows))
    };
    Ok(Answer { json, text })
}

/// Writes a whole directory as lines of JSON.
///
/// # Errors
/// [`Failure`]; a file that could not be finished is taken away.
pub(super) async fn snapshot(args: &SnapshotArgs, cx: &Context) -> Result<(), Failure> {
    let which = args.which.endpoint.clone();
    let endpoint = Arc::new(cx.read(move |conn| find_live(conn, &which)).await?);
    let mut out: Box<dyn Write> = match &args.file {
        None => Box::new(std::io::stdout().lock()),
        Some(path) => {
            let made = OpenOptions::new().write(true).create_new(true).open(path);
            Box::new(std::io::BufWriter::new(made.map_err(|error| failed(path.display(), &error))?))
        }
    };
    let place = args.file.as_ref().map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
    let mut parts = cx.store.snapshot(endpoint.clone()).map_err(|error| cx.failure(&error))?;
    let mut resources = 0;
    let mut written = Ok(());
    while let (Ok(()), Some(part)) = (&written, parts.recv().await) {
        written = part.map_err(|error| cx.failure(&error)).and_then(|part| {
            if let feed::snapshot::Part::End { resources: all, .. } = &part {
                resources = *all;
            }
            let lines = snapshot_lines(&endpoint, part, cx.now);
            out.write_all(lines.as_bytes()).map_err(|error| failed(&place, &error))
        });
    }
    let written = written.and_then(|()| out.flush().map_err(|error| failed(&place, &error)));
    if let Some(path) = &args.file {
        if written.is_err() {
            let _ = std::fs::remove_file(path);
        } else {
            let many = count(i64::try_from(resources).unwrap_or(i64::MAX), "resource");
            let _ = writeln!(std::io::stderr(), "{many} written to {place}.");
        }
    }
    written
}

fn failed(place: impl std::fmt::Display, error: &std::io::Error) -> Failure {
    Failure::new(&format!("{place} cannot be written: {}", reason(error)))
}
