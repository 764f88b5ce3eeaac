//! A request for eyes outside: what people are called, and whatever could tell who they are, is replaced by its shape.

use std::collections::BTreeSet;

use serde_json::Value;

use super::bodies::{Bodies, Body};
use super::explain::{Explanation, told};
use super::read::Request;
use crate::endpoints::Endpoint;

/// Keys whose values belong to the protocol and not to people.
const PROTOCOL: [&str; 14] = [
    "schemas",
    "op",
    "method",
    "type",
    "resourcetype",
    "status",
    "scimtype",
    "startindex",
    "count",
    "totalresults",
    "itemsperpage",
    "version",
    "bulkid",
    "sortorder",
];

/// A request with its bodies and explanation, in which values are shapes: `xxxxxxx` for `robertt`.
pub fn shaped(endpoint: &Endpoint, request: &Request, bodies: &Bodies) -> (Request, Bodies, Explanation) {
    let mut values = BTreeSet::new();
    for body in [&bodies.request, &bodies.response] {
        if let Some(value) = body.value() {
            collect(&value, &mut values);
        }
    }
    let query = request.target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if key.eq_ignore_ascii_case("filter") {
            values.extend(quoted(&value));
        }
    }
    values.extend([request.resource_name.clone(), request.resource_id.clone()]);
    values.retain(|value| value.chars().count() > 1);
    let hidden = Hidden(values.into_iter().rev().collect());
    let request = Request {
        target: target(&request.target, &|segment| endpoint.catalog.by_endpoint(segment).is_some()),
        resource_id: shape(&request.resource_id),
        resource_name: shape(&request.resource_name),
        detail: hidden.sentence(&request.detail),
        address: String::new(),
        agent: request.agent.clone(),
        token_id: String::new(),
        token_label: String::new(),
        dropped: request.dropped.iter().map(|path| literals(path)).collect(),
        ..request.clone()
    };
    let bodies = Bodies { request: body(&bodies.request), response: body(&bodies.response) };
    let explanation = told(endpoint, &request, &bodies);
    (request, bodies, explanation)
}

/// Letters as x, digits as 0; what stands between them stays, so that an address still looks like one.
fn shape(text: &str) -> String {
    let one = |c: char| match c {
        c if c.is_uppercase() => 'X',
        c if c.is_alphabetic() => 'x',
        c if c.is_numeric() => '0',
        c => c,
    };
    text.chars().map(one).collect()
}

/// What was said, longest first, to be found again in sentences.
struct Hidden(Vec<String>);

impl Hidden {
    fn sentence(&self, text: &str) -> String {
        let mut longest: Vec<&String> = self.0.iter().collect();
        longest.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let mut text = literals(text);
        for value in longest {
            if value.chars().count() > 2 {
                text = text.replace(value.as_str(), &shape(value));
            }
        }
        // Whatever still looks like an address of somebody.
        let word = |word: &str| if word.contains('@') { shape(word) } else { word.to_owned() };
        text.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

fn collect(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|one| collect(one, into)),
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if is_path(key) => into.extend(quoted(text)),
                    Value::String(_) if is_protocol(key) || is_own(key) => {}
                    Value::Array(_) if key.eq_ignore_ascii_case("schemas") => {}
                    other => collect(other, into),
                }
            }
        }
        Value::String(text) => drop(into.insert(text.clone())),
        Value::Number(number) => drop(into.insert(number.to_string())),
        Value::Bool(_) | Value::Null => {}
    }
}

/// What our own answers say.
fn is_own(key: &str) -> bool {
    key.eq_ignore_ascii_case("detail")
}

fn is_path(key: &str) -> bool {
    ["path", "filter", "location", "$ref", "attributes", "excludedattributes", "sortby"]
        .iter()
        .any(|known| key.eq_ignore_ascii_case(known))
}

fn is_protocol(key: &str) -> bool {
    PROTOCOL.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// The texts in quotes.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned)
}

/// A text whose quoted parts are shapes, and whose addresses end at what names somebody.
fn literals(text: &str) -> String {
    let part = |(at, part): (usize, &str)| if at % 2 == 1 { shape(part) } else { part.to_owned() };
    text.split('"').enumerate().map(part).collect::<Vec<_>>().join("\"")
}

/// Path and query: the type of resource stays, ids and literals do not.
fn target(target: &str, is_type: &dyn Fn(&str) -> bool) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = address(path, is_type);
    if query.is_empty() {
        return path;
    }
    let pair = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let safe = ["startindex", "count", "attributes", "excludedattributes", "sortby", "sortorder"];
        let value = match () {
            () if key.eq_ignore_ascii_case("filter") => filter(&value),
            () if safe.iter().any(|name| key.eq_ignore_ascii_case(name)) => value.into_owned(),
            () => shape(&value),
        };
        format!("{key}={value}")
    };
    let query: Vec<String> = url::form_urlencoded::parse(query.as_bytes()).map(pair).collect();
    format!("{path}?{}", query.join("&"))
}

/// A filter without what it compares with; one that has no quotes is all shape.
fn filter(text: &str) -> String {
    if text.contains('"') { literals(text) } else { shape(text) }
}

/// `/scim/acme/v2/Users/4711`: what stands behind the endpoint and is no word of the protocol is a shape.
fn address(path: &str, is_type: &dyn Fn(&str) -> bool) -> String {
    const WORDS: [&str; 7] =
        ["v2", ".search", "ServiceProviderConfig", "ResourceTypes", "Schemas", "Bulk", "Me"];
    let known = |part: &str| is_type(part) || WORDS.iter().any(|word| part.eq_ignore_ascii_case(word));
    let behind =
        |(at, part): (usize, &str)| if at < 3 || known(part) { part.to_owned() } else { shape(part) };
    path.split('/').enumerate().map(behind).collect::<Vec<_>>().join("/")
}

fn body(body: &Body) -> Body {
    let text = match body.value() {
        Some(mut value) => {
            mask(&mut value);
            Some(value.to_string())
        }
        // What cannot be taken apart is not shown.
        None => None,
    };
    Body { text, size: body.size }
}

fn mask(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(mask),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                match value {
                    Value::String(_) if is_protocol(key) => {}
                    Value::String(text) if key.eq_ignore_ascii_case("location") || key == "$ref" => {
                        *text = shape(text);
                    }
                    Value::String(text) if is_path(key) => *text = path(text),
                    Value::String(text) if is_own(key) => *text = literals(text),
                    Value::Array(_) if key.eq_ignore_ascii_case("schemas") => {}
                    other => mask(other),
                }
            }
        }
        Value::String(text) => *text = shape(text),
        Value::Number(number) => *value = Value::String(shape(&number.to_string())),
        Value::Bool(_) | Value::Null => {}
    }
}

/// The path of a PATCH or of a Bulk operation, or a filter.
fn path(text: &str) -> String {
    if text.starts_with('/') {
        let is_word = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
        let behind =
            |(at, part): (usize, &str)| if at < 2 && is_word(part) { part.to_owned() } else { shape(part) };
        return text.split('/').enumerate().map(behind).collect::<Vec<_>>().join("/");
    }
    literals(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_become_shapes_and_the_protocol_stays() {
        let mut value = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "robert.tail@example.com",
            "active": true,
            "emails": [{"type": "work", "value": "Robert@Example.com", "primary": true}],
            "Operations": [{"op": "replace", "path": "emails[value eq \"r@example.com\"].display", "value": {"n": 42}}]
        });
        mask(&mut value);
        assert_eq!(value.pointer("/schemas/0"), Some(&json!("urn:ietf:params:scim:schemas:core:2.0:User")));
        assert_eq!(value.pointer("/userName"), Some(&json!("xxxxxx.xxxx@xxxxxxx.xxx")));
        assert_eq!(value.pointer("/emails/0/value"), Some(&json!("Xxxxxx@Xxxxxxx.xxx")));
        assert_eq!(value.pointer("/emails/0/type"), Some(&json!("work")));
        assert_eq!(
            value.pointer("/Operations/0/path"),
            Some(&json!("emails[value eq \"x@xxxxxxx.xxx\"].display"))
        );
        assert_eq!(value.pointer("/Operations/0/value/n"), Some(&json!("00")));
    }

    #[test]
    fn addresses_and_sentences_tell_nobody() {
        let is_type = |part: &str| part == "Users";
        assert_eq!(
            target("/scim/acme/v2/Users?filter=userName+eq+%22robertt%22&count=1", &is_type),
            "/scim/acme/v2/Users?filter=userName eq \"xxxxxxx\"&count=1"
        );
        assert_eq!(target("/scim/acme/v2/Users/47-ab", &is_type), "/scim/acme/v2/Users/00-xx");
        assert_eq!(target("/scim/acme/Users/robertt", &is_type), "/scim/acme/Users/xxxxxxx");
        assert_eq!(target("/scim/acme/robertt/v2/x", &is_type), "/scim/acme/xxxxxxx/v2/x");
        let hidden = Hidden(vec!["Robert Tail".into()]);
        assert_eq!(
            hidden.sentence("No Robert Tail, r@example.com or \"bob\"."),
            "No Xxxxxx Xxxx, x@xxxxxxx.xxx or \"xxx\"."
        );
    }
}
