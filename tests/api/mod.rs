//! The management API as its clients see it.

mod audit;
mod directory;
mod endpoints;
mod feed;
mod isolation;
mod keys;
mod openapi;
mod operators;
mod reach;
mod repeated;
mod rotation;
mod schemas;
mod tokens;
mod webhooks;

use std::net::SocketAddr;

use serde_json::Value;

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Answer, Request, send};
use crate::support::scim::text;

/// A client with one key. It checks on every answer what every answer must hold.
#[derive(Clone)]
pub(crate) struct Api {
    address: SocketAddr,
    key: String,
}

impl Api {
    /// With this key.
    pub(crate) fn new(address: SocketAddr, key: &str) -> Self {
        Self { address, key: key.to_owned() }
    }

    /// With the key of the owner.
    pub(crate) fn owner(app: &App) -> Self {
        Self { address: app.address(), key: app.furniture().owner_key.clone() }
    }

    /// The same with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self { address: self.address, key: key.to_owned() }
    }

    /// With the key of a new operator of this role, once the server knows it.
    pub(crate) async fn of_role(app: &App, role: &str) -> Self {
        let name = format!("some-{role}");
        let create = ["operator", "create", &name, "--role", role, "--password-stdin"];
        program_with_input(app, &create, PASSWORD).done();
        let issued = app.program(&["operator", "key", "issue", &name, "--json"]).await.json();
        let api = Self { address: app.address(), key: text(&issued["secret"]) };
        app.until(&api.request("GET", "/me"), 200).await;
        api
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, &format!("/api/v1{path}")).bearer(&self.key)
    }

    pub(crate) async fn send(&self, request: &Request) -> Answer {
        let answer = send(self.address, request).await;
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() >= 16), "{answer:#}");
        if answer.status >= 400 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:#}");
            if request.method != "HEAD" {
                let problem = answer.json();
                assert_eq!(problem["status"], answer.status, "{answer:#}");
                assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{answer:#}");
            }
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&self.request("GET", path)).await
    }

    async fn with_body(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("Content-Type", "application/json");
        self.send(&request.body(body.to_string())).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.with_body("POST", path, body).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.with_body("PUT", path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.with_body("PATCH", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(&self.request("DELETE", path)).await
    }

    /// Every item of a list that has no pages.
    async fn all(&self, path: &str) -> Vec<Value> {
        let page = self.get(path).await.expect(200).json();
        assert_eq!(page["next"], Value::Null);
        page["items"].as_array().expect("items").clone()
    }

    /// Every item of a list, page by page.
    pub(crate) async fn walk(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{joint}limit={limit}{after}")).await.expect(200).json();
            let items = page["items"].as_array().expect("items").clone();
            assert!(items.len() <= limit, "{page}");
            all.extend(items);
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }
}

/// The pointers of a refusal.
fn pointers(answer: &Answer) -> Vec<String> {
    let problem = answer.json();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|place| text(&place["pointer"])).collect()
}
