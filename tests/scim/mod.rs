//! SCIM as a client sees it: one file per question.

mod bad_input;
mod bad_requests;
mod bulk;
mod characteristics;
mod comparison;
mod concurrent;
mod console_isolation;
mod cursor;
mod custom;
mod delete_policy;
mod discovery;
mod filter;
mod groups;
mod headers;
mod isolation;
mod long_values;
mod members;
mod oauth;
mod paging;
mod rates;
mod search;
mod sort;
mod states;
mod uniqueness;
mod users;
mod versions;

use serde_json::Value;

use crate::support::app::App;
use crate::support::furniture::Endpoint;
use crate::support::scim::text;

/// Changes settings by the command line, and waits until the running server has taken them over.
async fn set(app: &App, endpoint: &Endpoint, settings: &[&str]) {
    app.program(&[&["endpoint", "set", &endpoint.slug], settings].concat()).await.done();
    seen(app).await;
}

/// Waits until everything that other processes have changed so far is known to the server: what they change is
/// read as a whole, so it is once a later change is.
async fn seen(app: &App) {
    app.fresh_endpoint("generic").await;
}

/// The values of one attribute of a list of resources, sorted.
#[track_caller]
fn sorted(resources: &[Value], attribute: &str) -> Vec<String> {
    let mut values: Vec<_> = resources.iter().map(|resource| text(&resource[attribute])).collect();
    values.sort();
    values
}
