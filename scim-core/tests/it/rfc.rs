//! The examples of RFC 7643 §8 and RFC 7644 §3, as a client would send them and as they come back.

use rstest::rstest;
use scim_core::meta::Meta;
use scim_core::project::{Projection, render};
use scim_core::{Dialect, patch, resource};
use serde_json::{Value, json};

use crate::support::{fixture, group, user};

const EXAMPLES: &str = include_str!("../fixtures/rfc_examples.json");

fn meta() -> Meta {
    Meta {
        id: "1".into(),
        created: 0,
        last_modified: 0,
        version: "W/\"1\"".into(),
        location: "https://h/1".into(),
    }
}

/// What must come back: all but what is the server's own, secret, or kept elsewhere.
fn expected(mut example: Value) -> Value {
    let map = example.as_object_mut().unwrap();
    for name in ["id", "meta", "password", "groups", "members"] {
        map.remove(name);
    }
    // §4.3: displayName of a manager is readOnly.
    for value in map.values_mut() {
        if let Some(manager) = value.get_mut("manager").and_then(Value::as_object_mut) {
            manager.remove("displayName");
        }
    }
    example
}

#[test]
fn resources_come_back_as_they_were_sent() {
    let examples = fixture(EXAMPLES);
    for example in examples["resources"].as_array().unwrap() {
        let (name, body) = (&example["name"], &example["body"]);
        let kind = if body.get("userName").is_some() { user() } else { group() };
        for dialect in [Dialect::strict(), Dialect::generic(), Dialect::all()] {
            let read = resource::read(&kind, body, dialect).unwrap_or_else(|error| panic!("{name}: {error}"));
            let shown = render(&kind, read.resource, &meta(), Vec::new(), &Projection::all());
            let mut shown = Value::Object(shown);
            let map = shown.as_object_mut().unwrap();
            map.remove("id");
            map.remove("meta");
            if body.get("active").is_none() {
                map.remove("active");
            }
            assert_eq!(shown, expected(body.clone()), "{name}");
        }
    }
}

#[rstest]
#[case::strict(Dialect::strict())]
#[case::generic(Dialect::generic())]
fn patches_are_read_and_applied(#[case] dialect: Dialect) {
    let examples = fixture(EXAMPLES);
    for example in examples["patches"].as_array().unwrap() {
        let (name, before) = (&example["name"], &example["before"]);
        let kind = if before.get("userName").is_some() { user() } else { group() };
        let mut resource = resource::read(&kind, before, dialect).unwrap().resource;
        let patch =
            patch::parse(&kind, &example["body"], dialect).unwrap_or_else(|error| panic!("{name}: {error}"));
        let patched = patch::apply(&kind, &mut resource, &patch, dialect)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        for (attribute, value) in example["after"].as_object().unwrap() {
            let kept = resource.as_map().get(attribute).unwrap_or(&Value::Null);
            assert_eq!(kept, value, "{name}: {attribute}");
        }
        let edits = example.get("edits").and_then(Value::as_u64).unwrap_or_default();
        assert_eq!(json!(patched.relation.len()), json!(edits), "{name}: edits of members");
    }
}
