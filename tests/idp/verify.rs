//! *Verify*: the program plays an identity provider against a throw-away twin of an endpoint.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use endpoint_store::settings::Idp;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::furniture::Endpoint;
use crate::support::http::{Answer, Request, send};
use crate::support::sql;

fn api(app: &App, method: &str, endpoint: &Endpoint, rest: &str) -> Request {
    let path = format!("/api/v1/endpoints/{}/verifications{rest}", endpoint.slug);
    Request::new(method, &path).bearer(&app.furniture().owner_key)
}

async fn ask(app: &App, method: &str, endpoint: &Endpoint, rest: &str) -> Answer {
    send(app.address(), &api(app, method, endpoint, rest)).await
}

/// Verifies an endpoint and gives the report.
async fn verified(app: &App, endpoint: &Endpoint) -> Value {
    ask(app, "POST", endpoint, "").await.expect(201).json()
}

/// The titles of the steps that came out so.
fn titles<'a>(report: &'a Value, outcome: &str) -> Vec<&'a str> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps.filter(|step| step["outcome"] == outcome).map(|step| step["title"].as_str().unwrap()).collect()
}

fn told(report: &Value) -> String {
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] != "passed");
    steps.map(|step| serde_json::to_string_pretty(step).unwrap()).collect::<Vec<_>>().join("\n")
}

both! {
    async fn every_preset_passes(app: &App) {
        for idp in Idp::ALL {
            let endpoint = app.fresh_endpoint(idp.as_str()).await;
            let report = verified(app, &endpoint).await;
            assert_eq!(report["verdict"], "passed", "{idp:?}\n{}", told(&report));
            assert!(report["passed"].as_i64().unwrap() > 15, "{idp:?}: {report}");
        }
    }
}
