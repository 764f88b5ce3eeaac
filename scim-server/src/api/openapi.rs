//! `/api/v1/openapi.json`: OpenAPI 3.1, made from the table of routes and the types that are read and written.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, schema::Schema};

use super::problem::{Place, ProblemBody};
use super::route::{BASE, ROUTES, Route};

/// The schema of a body; what it refers to is added to the table.
pub(super) type Body = fn(&mut Schemas) -> Value;

/// The schemas by name.
pub(super) type Schemas = BTreeMap<String, Value>;

/// One thing.
pub(super) fn one<T: ToSchema>(schemas: &mut Schemas) -> Value {
    let name = T::name().into_owned();
    if name == "Value" {
        return json!({"type": "object"});
    }
    let mut inner: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut inner);
    for (name, schema) in inner {
        schemas.entry(name).or_insert_with(|| written(&schema));
    }
    schemas.entry(name.clone()).or_insert_with(|| written(&T::schema()));
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// A page of things.
pub(super) fn page<T: ToSchema>(schemas: &mut Schemas) -> Value {
    let item = one::<T>(schemas);
    json!({
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {
                "type": ["string", "null"],
                "description": "What `after` takes to go on; null on the last page.",
            },
        },
    })
}

fn written(schema: &impl Serialize) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// The document. It does not change while the program runs.
pub(super) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(build);
    &DOCUMENT
}

fn build() -> Value {
    let mut schemas = Schemas::new();
    one::<Place>(&mut schemas);
    one::<ProblemBody>(&mut schemas);
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let operation = operation(route, &mut schemas);
        let method = route.method.as_str().to_ascii_lowercase();
        let path = paths.entry(format!("{BASE}{}", route.path)).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(method, operation);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "SCIM endpoints: management API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Endpoints, their schemas, tokens and directories. Refusals are problem details (RFC 9457); \
                            every answer has an X-Request-Id.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "scimkey_…",
                    "description": "An API key of an operator; it acts with the operator's role.",
                },
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut Schemas) -> Value {
    let mut parameters: Vec<Value> = names(route.path).map(path_parameter).collect();
    parameters.extend(route.query.iter().map(|param| param.document()));
    if route.conditional {
        parameters.push(header(
            "If-Match",
            "The `ETag` that was read; the request fails with 412 if it has changed.",
        ));
    }
    if route.idempotent {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "A key of the client's choice, remembered for a day: the same request with the same key makes \
                            nothing twice. The answer to a repetition shows no secret.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
        }));
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.path.split('/').rfind(|part| !part.is_empty() && !part.starts_with('{'))],
        "parameters": parameters,
        "responses": responses(route, schemas),
    });
    if let Some(map) = operation.as_object_mut() {
        match route.least() {
            Some(role) => {
                map.insert("description".into(), json!(format!("Needs the role `{}`.", role.as_str())));
                map.insert("x-least-role".into(), json!(role.as_str()));
            }
            None => drop(map.insert("security".into(), json!([]))),
        }
        if let Some(body) = route.takes {
            let content = json!({"application/json": {"schema": body(schemas)}});
            map.insert("requestBody".into(), json!({"required": true, "content": content}));
        }
    }
    operation
}

fn responses(route: &Route, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    for (status, body) in route.gives {
        let about = match status {
            201 => "Made.",
            204 => "Done.",
            _ if route.idempotent => "Made before by the same request.",
            _ => "What was asked for.",
        };
        let mut response = json!({"description": about});
        let mut content = Map::new();
        if let Some(body) = body {
            content.insert("application/json".into(), json!({"schema": body(schemas)}));
        }
        for kind in route.files {
            content.insert((*kind).to_owned(), json!({"schema": {"type": "string"}}));
        }
        if let (false, Some(map)) = (content.is_empty(), response.as_object_mut()) {
            map.insert("content".into(), Value::Object(content));
        }
        responses.insert(status.to_string(), response);
    }
    let refusal = |about: &str| {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        json!({"description": about, "content": {"application/problem+json": {"schema": schema}}})
    };
    let refused = [
        (400, "A parameter or header is wrong, or the body is no JSON.", true),
        (401, "No valid API key.", route.least().is_some()),
        (403, "The operator's role does not allow it.", route.least().is_some()),
        (404, "There is no such thing.", route.path.contains('{')),
        (405, "The path does not take this method.", true),
        (409, "The present state does not allow it.", route.method != actix_web::http::Method::GET),
        (410, "What followed the cursor is forgotten; take a snapshot.", route.path.ends_with("/changes")),
        (412, "`If-Match` does not hold.", route.conditional),
        (413, "The body is too large.", route.takes.is_some()),
        (415, "The body is not JSON.", route.takes.is_some()),
        (422, "The body is not what is wanted; `errors` has the places.", route.takes.is_some()),
        (429, "Too many requests.", route.least().is_some()),
        (503, "The database does not answer.", route.least().is_some()),
    ];
    for (status, about, _) in refused.iter().filter(|(_, _, applies)| *applies) {
        responses.insert(status.to_string(), refusal(about));
    }
    Value::Object(responses)
}

/// `GET /endpoints/{endpoint}/tokens` is `get-endpoints-endpoint-tokens`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '.']).filter(|part| !part.is_empty());
    let words: Vec<&str> = words.map(|part| part.trim_matches(['{', '}'])).collect();
    format!("{}-{}", route.method.as_str().to_ascii_lowercase(), words.join("-"))
}

fn names(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Value {
    let about = match name {
        "endpoint" => "Slug, former slug or id of the endpoint.",
        "urn" => "URN of the extension's schema.",
        "name" => "Name of the resource type.",
        "type" => "Name of the resource type, such as `User`, or of its SCIM path, such as `Users`.",
        "token" | "key" => "Its public id.",
        "operator" => "Id or name of the operator.",
        _ => "Its id.",
    };
    json!({"name": name, "in": "path", "required": true, "description": about, "schema": {"type": "string", "minLength": 1}})
}

fn header(name: &str, about: &str) -> Value {
    json!({"name": name, "in": "header", "required": false, "description": about, "schema": {"type": "string"}})
}
