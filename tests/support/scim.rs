//! A SCIM client for tests. It checks on every answer what every answer under `/scim/` must hold, so that no test has
//! to remember it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::http::{Answer, Request, send};

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
pub(crate) const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
pub(crate) const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A client of one endpoint with one token.
#[derive(Clone)]
pub(crate) struct Scim {
    pub(crate) address: SocketAddr,
    /// `/scim/onelogin/v2`
    pub(crate) base: String,
    pub(crate) token: String,
}

impl Scim {
    /// The same endpoint with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A request to a path under the base URL, with the token.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, &format!("{}{path}", self.base)).bearer(&self.token)
    }

    pub(crate) async fn send(&self, request: &Request) -> Answer {
        let answer = send(self.address, request).await;
        check_contract(request, &answer);
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.request("POST", path).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(&self.request("PUT", path).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(&self.request("DELETE", path)).await
    }

    /// PATCH with these operations.
    pub(crate) async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body = json!({"schemas": [PATCH_OP], "Operations": operations});
        self.send(&self.request("PATCH", path).json(&body)).await
    }

    /// The resources that a filter finds; the filter is written plain.
    pub(crate) async fn find(&self, resource: &str, filter: &str) -> Vec<Value> {
        let query = form_urlencoded::byte_serialize(filter.as_bytes()).collect::<String>();
        let list = self.get(&format!("/{resource}?filter={query}")).await.expect(200).json();
        list["Resources"].as_array().expect("Resources is a list").clone()
    }

    /// How many resources of a kind there are.
    pub(crate) async fn count(&self, resource: &str) -> u64 {
        let list = self.get(&format!("/{resource}?count=0")).await.expect(200).json();
        list["totalResults"].as_u64().expect("totalResults is a number")
    }

    /// Makes a plain user and gives it back as answered.
    pub(crate) async fn user(&self, name: &str) -> Value {
        self.post("/Users", &user(name)).await.expect(201).json()
    }

    /// Makes a group with these members and gives it back as answered.
    pub(crate) async fn group(&self, name: &str, members: &[&str]) -> Value {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
        let body = json!({"schemas": [GROUP], "displayName": name, "members": members});
        self.post("/Groups", &body).await.expect(201).json()
    }

    /// The ids of a group's members, sorted.
    pub(crate) async fn members(&self, group: &str) -> Vec<String> {
        let group = self.get(&format!("/Groups/{group}")).await.expect(200).json();
        let mut ids: Vec<_> =
            group["members"].as_array().into_iter().flatten().map(|one| text(&one["value"])).collect();
        ids.sort();
        ids
    }
}

/// The body of a plain user.
pub(crate) fn user(name: &str) -> Value {
    json!({
        "schemas": [USER],
        "userName": name,
        "name": {"givenName": "Robert", "familyName": "Tail"},
        "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
    })
}

/// The text of a JSON value that must be text.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text")).to_owned()
}

/// The id of a resource.
#[track_caller]
pub(crate) fn id(resource: &Value) -> String {
    text(&resource["id"])
}

/// What holds for every answer under `/scim/`: a request id, a SCIM content type, and a SCIM error body unless it is a success.
#[track_caller]
pub(crate) fn check_contract(request: &Request, answer: &Answer) {
    let must =
        |holds: bool, what: &str| assert!(holds, "{what}: {answer:#}\n  headers: {:?}", answer.headers);
    must(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "X-Request-Id on every answer");
    if answer.status == 204 || answer.status == 304 {
        must(answer.body.is_empty(), "204 and 304 have no body");
        return;
    }
    if request.method != "HEAD" {
        let kind = answer.header("content-type").unwrap_or_default();
        let is_json = kind.starts_with("application/scim+json") || kind.starts_with("application/json");
        must(is_json, "content type is application/scim+json or application/json");
    }
    if answer.status < 400 {
        return;
    }
    let integer = |name: &str| answer.header(name).is_some_and(|text| text.parse::<u32>().is_ok());
    match answer.status {
        401 => must(
            answer.header("www-authenticate").is_some_and(|text| text.starts_with("Bearer")),
            "a 401 asks for Bearer",
        ),
        405 => must(answer.header("allow").is_some_and(|text| !text.is_empty()), "a 405 has Allow"),
        429 | 503 => must(integer("retry-after"), "429 and 503 have an integer Retry-After"),
        _ => {}
    }
    if request.method == "HEAD" {
        return;
    }
    let body = answer.json();
    must(body["schemas"] == json!([ERROR]), "an error has the schema of an error");
    must(
        body["status"] == json!(answer.status.to_string()),
        "an error's status is text and that of the answer",
    );
    must(body["detail"].as_str().is_some_and(|text| text.len() > 10), "an error's detail says something");
    if let Some(kind) = body.get("scimType") {
        const KNOWN: &[&str] = &[
            "invalidFilter",
            "tooMany",
            "uniqueness",
            "mutability",
            "invalidSyntax",
            "invalidPath",
            "noTarget",
            "invalidValue",
            "invalidVers",
            "sensitive",
            "invalidCursor",
            "expiredCursor",
            "invalidCount",
        ];
        must(
            kind.as_str().is_some_and(|kind| KNOWN.contains(&kind)),
            "scimType is one of RFC 7644 §3.12 or RFC 9865 §2.1",
        );
    }
}
