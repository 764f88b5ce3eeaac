//! The description: every route of the table and nothing else, and what it promises.

use std::collections::BTreeSet;

use scim_server::api::{BASE, ROUTES};
use serde_json::Value;

use crate::support::both;
use crate::support::http::{Request, send};
use crate::support::scim::text;

both! {
    async fn it_describes_the_table(app: &App) {
        let answer = send(app.address(), &Request::new("GET", "/api/v1/openapi.json")).await.expect(200);
        let document = answer.json();
        assert_eq!(document["openapi"], "3.1.0");
        let mut described = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                described.insert((method.to_ascii_uppercase(), path.clone()));
                assert!(ids.insert(text(&operation["operationId"])), "{operation}");
            }
        }
        let table = ROUTES.iter().map(|route| (route.method.to_string(), format!("{BASE}{}", route.path)));
        assert_eq!(described, table.collect());
        for route in ROUTES {
            let path = format!("{BASE}{}", route.path);
            let operation = &document["paths"][&path][route.method.as_str().to_ascii_lowercase()];
            assert_eq!(operation["x-least-role"].as_str(), route.least().map(|role| role.as_str()), "{route:?}");
            assert_eq!(operation.get("requestBody").is_some(), route.takes_body(), "{route:?}");
        }
        let mut references = BTreeSet::new();
        collect(&document, &mut references);
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }
}

fn collect(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| collect(value, into));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}
