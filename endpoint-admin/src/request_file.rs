//! The request log as a file.

use std::sync::Arc;

use actix_web::HttpResponse;
use endpoint_store::{
    Endpoint, Store,
    requests::{self, Filter, Line},
};
use scim_core::time::format;
use serde_json::{Value, json};

use crate::list_file::{self, Format, PORTION};

const COLUMNS: &[&str] = &[
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

impl list_file::Line for Line {
    fn json(&self) -> Value {
        let request = &self.request;
        let mut object = serde_json::Map::new();
        for (name, cell) in COLUMNS.iter().zip(self.cells()) {
            object.insert((*name).to_owned(), Value::String(cell));
        }
        object.insert("status".to_owned(), json!(request.status));
        object.insert("ms".to_owned(), json!(request.micros as f64 / 1000.0));
        object.insert("rules".to_owned(), request.rules.iter().map(|rule| rule.name()).collect());
        object.insert("dropped".to_owned(), json!(request.dropped));
        Value::Object(object)
    }

    fn cells(&self) -> Vec<String> {
        let request = &self.request;
        vec![
            request.id.clone(),
            format(request.at),
            request.method.clone(),
            request.target.clone(),
            self.asked.clone(),
            self.outcome.clone(),
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
}

/// The answer with all requests that are wanted, the latest first.
pub(crate) fn download(
    store: &Store,
    endpoint: Arc<Endpoint>,
    filter: Filter,
    wanted: Format,
) -> HttpResponse {
    let name = format!("requests-{}", endpoint.slug);
    list_file::download(store, (&name, COLUMNS), wanted, move |conn, before: Option<&String>| {
        let page = requests::lines(conn, &endpoint, &filter, before.map(String::as_str), PORTION)?;
        Ok((page.lines, page.next))
    })
}
