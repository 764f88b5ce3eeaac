//! Endpoints and people to measure with.

use serde_json::{Value, json};

use crate::load::{Client, Request, request};
use crate::process::{Process, command};

/// One endpoint, as an identity provider sees it.
pub struct Endpoint {
    pub slug: String,
    pub token: String,
}

impl Endpoint {
    pub fn create(database: &str, name: &str) -> Self {
        let made = command(database, &["endpoint", "create", name, "--idp", "okta"]);
        let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).expect("text").to_owned();
        Self { slug: text("/slug"), token: text("/token/secret") }
    }

    pub fn request(&self, method: &str, path: &str, body: &str) -> Request {
        request(method, &format!("/scim/{}/v2{path}", self.slug), &self.token, body)
    }

    /// Makes people by Bulk, and returns their ids.
    pub fn people(&self, server: &Process, numbers: std::ops::Range<usize>) -> Vec<String> {
        let post = |n: usize| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": person(n)});
        let numbers: Vec<usize> = numbers.collect();
        let mut client = Client::connect(server.address());
        let mut ids = Vec::with_capacity(numbers.len());
        for some in numbers.chunks(500) {
            let operations: Vec<Value> = some.iter().copied().map(post).collect();
            let answer = self.bulk(&mut client, &operations);
            ids.extend(answer["Operations"].as_array().expect("operations").iter().map(|done| {
                let location = done["location"].as_str().unwrap_or_else(|| panic!("{done}"));
                location.rsplit('/').next().expect("an id").to_owned()
            }));
        }
        ids
    }

    /// Makes a group of these people, and returns its id.
    pub fn group(&self, server: &Process, name: &str, members: &[String]) -> String {
        let mut client = Client::connect(server.address());
        let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name});
        assert_eq!(client.send(&self.request("POST", "/Groups", &body.to_string())), 201);
        let made: Value = serde_json::from_slice(client.body()).expect("JSON");
        let id = made["id"].as_str().expect("an id").to_owned();
        for some in members.chunks(4000) {
            let patch = add(some);
            let status = client.send(&self.request("PATCH", &format!("/Groups/{id}"), &patch));
            assert!(status < 300, "{}", String::from_utf8_lossy(client.body()));
        }
        id
    }

    fn bulk(&self, client: &mut Client, operations: &[Value]) -> Value {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
        let status = client.send(&self.request("POST", "/Bulk", &body.to_string()));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(client.body()));
        serde_json::from_slice(client.body()).expect("JSON")
    }
}

/// A PATCH that adds members.
pub fn add(members: &[String]) -> String {
    let value: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
           "Operations": [{"op": "add", "path": "members", "value": value}]})
    .to_string()
}

/// About 900 bytes as it is answered: what identity providers send.
pub fn person(n: usize) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": format!("user{n}@example.com"),
        "externalId": format!("ext-{n}"),
        "name": {"givenName": format!("Given{n}"), "familyName": format!("Family{n}"), "formatted": format!("Given{n} Family{n}")},
        "displayName": format!("Given{n} Family{n}"),
        "title": "Engineer",
        "emails": [{"value": format!("mail{n}@example.com"), "type": "work", "primary": true}],
        "phoneNumbers": [{"value": format!("+1 555 {n}"), "type": "work"}],
        "active": true,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": n.to_string(), "department": "Research"},
    })
}
