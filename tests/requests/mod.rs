//! The request log: what was sent is explained, nothing secret is in it, and no more is kept than is wanted.

mod browser;
mod kept;
mod links;
mod told;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::app::App;
use crate::support::http::Answer;
use crate::support::sql::number;

const PATIENCE: Duration = Duration::from_secs(20);

/// The id of a request, once it is in the log: the server writes it within a part of a second.
pub(crate) async fn logged(app: &App, answer: &Answer) -> String {
    let id = answer.header("x-request-id").expect("every answer has one").to_owned();
    let sql = format!("SELECT count(*) FROM requests WHERE id = '{id}'");
    until(&format!("{id} is in the log"), || number(app.database(), &sql) == 1).await;
    id
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "not seen: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// One request of an endpoint, explained by the command line.
async fn shown(app: &App, slug: &str, id: &str) -> Value {
    app.program(&["request", "show", slug, id, "--json"]).await.json()
}

/// What stands in a list of sentences, as one text.
fn said(list: &Value) -> String {
    let lines = list.as_array().into_iter().flatten();
    let line = |one: &Value| one.as_str().or(one["says"].as_str()).unwrap_or_default().to_owned();
    lines.map(line).collect::<Vec<_>>().join("\n")
}
