//! What holds for any input.

use proptest::collection::vec;
use proptest::prelude::*;
use scim_core::filter::{CompareOp, Filter, Literal};
use scim_core::patch;
use scim_core::path::{AttrPath, PatchPath};
use scim_core::resource::{self, Resource};
use scim_core::schema::ResourceType;
use scim_core::{Dialect, Rule, json};
use serde_json::{Map, Value};

use crate::support::{group, user};

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_-]{0,8}|\\$ref".prop_filter("a keyword", |name| !name.eq_ignore_ascii_case("not"))
}

fn attr_path() -> impl Strategy<Value = AttrPath> {
    let urn = proptest::option::of("urn:[a-z]{1,5}:[a-zA-Z0-9.:-]{0,8}[a-zA-Z0-9]");
    let urn = urn.prop_filter("an empty part", |urn| !urn.as_ref().is_some_and(|u| u.contains("::")));
    (urn, name(), proptest::option::of(name())).prop_map(|(urn, name, sub)| AttrPath { urn, name, sub })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        "[^\\x00]*".prop_map(Literal::String),
        any::<i64>().prop_map(|number| Literal::Number(number.into())),
        proptest::num::f64::NORMAL
            .prop_map(|number| { Literal::Number(serde_json::Number::from_f64(number).unwrap()) }),
        any::<bool>().prop_map(Literal::Bool),
        Just(Literal::Null),
    ]
}

fn term() -> impl Strategy<Value = Filter> {
    let op = proptest::sample::select(&CompareOp::ALL[..]);
    prop_oneof![
        attr_path().prop_map(Filter::Present),
        (attr_path(), op, literal()).prop_map(|(path, op, value)| Filter::Compare { path, op, value }),
    ]
}

fn combined(leaf: impl Strategy<Value = Filter> + 'static) -> impl Strategy<Value = Filter> {
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Filter::And),
            vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let value_path = (attr_path(), combined(term()))
        .prop_map(|(path, filter)| Filter::ValuePath { path, filter: Box::new(filter) });
    combined(prop_oneof![3 => term(), 1 => value_path])
}

fn patch_path() -> impl Strategy<Value = PatchPath> {
    let filtered = (attr_path(), combined(term()), proptest::option::of(name()));
    prop_oneof![
        attr_path().prop_map(|attr| PatchPath { attr, filter: None, sub: None }),
        filtered.prop_map(|(attr, filter, sub)| PatchPath { attr, filter: Some(filter), sub }),
    ]
}

/// JSON that often looks like what identity providers send.
fn likely_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        proptest::sample::select(vec!["", " ", "True", "work", "home", "a", "m1", "2026-11-24T00:16:00Z"])
            .prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key(), inner), 0..5).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    let known = vec![
        "userName",
        "displayName",
        "name",
        "name.givenName",
        "givenName",
        "active",
        "emails",
        "value",
        "type",
        "primary",
        "display",
        "members",
        "title",
        "roles",
        "addresses",
        "id",
        "schemas",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "manager",
        "managerId",
        "urn:scim:schemas:extension:enterprise:1.0",
        "emails[type eq \"work\"].value",
        "password",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "groups",
        "externalId",
    ];
    prop_oneof![9 => proptest::sample::select(known).prop_map(String::from), 1 => "\\PC{0,6}"]
}

fn operations() -> impl Strategy<Value = Value> {
    let path = prop_oneof![
        2 => key(),
        1 => proptest::sample::select(vec![
            "emails[type eq \"work\"]", "emails[value eq \"a\" or primary eq true].type", "emails.type",
            "emails[not (type eq \"home\")]", "members[value eq \"a\"]", "name[givenName pr].familyName",
            "roles[primary eq \"True\"].value", "addresses[type eq \"work\"].locality",
        ])
        .prop_map(String::from),
    ];
    let op = proptest::sample::select(vec!["add", "Replace", "remove"]);
    let operation = (op, proptest::option::weighted(0.8, path), likely_json());
    let operation =
        operation.prop_map(|(op, path, value)| serde_json::json!({"op": op, "path": path, "value": value}));
    vec(operation, 1..6).prop_map(Value::from)
}

/// That a resource is what the schema says: read again by the letter, it stays as it is.
fn assert_canonical(resource_type: &ResourceType, resource: &Resource) {
    let body = Value::Object(resource.as_map().clone());
    let letter = Dialect::strict().with(Rule::MissingSchemas);
    let again = resource::read(resource_type, &body, letter).unwrap();
    let mut map = again.resource.into_map();
    if !again.names_active {
        map.remove("active");
    }
    assert_eq!(&map, resource.as_map());
    assert!(again.notes.dropped.is_empty());
}

fn barbara() -> Map<String, Value> {
    let body = serde_json::json!({
        "userName": "b", "displayName": "B", "name": {"givenName": "B"},
        "emails": [{"value": "a", "type": "work", "primary": true}, {"value": "a", "type": "home"}],
    });
    body.as_object().cloned().unwrap()
}

proptest! {
    #[test]
    fn a_printed_filter_reads_back(filter in any_filter()) {
        prop_assert_eq!(Filter::parse(&filter.to_string(), Dialect::strict()), Ok(filter));
    }

    #[test]
    fn a_printed_path_reads_back(path in patch_path()) {
        prop_assert_eq!(PatchPath::parse(&path.to_string(), Dialect::strict()), Ok(path));
    }

    #[test]
    fn no_text_breaks_the_readers(text in "\\PC*|[ -~]*|[a-z.:\\[\\]() \"]*") {
        let _ = AttrPath::parse(&text);
        for dialect in [Dialect::strict(), Dialect::all()] {
            let _ = PatchPath::parse(&text, dialect);
            if let Ok(filter) = Filter::parse(&text, dialect) {
                prop_assert_eq!(Filter::parse(&filter.to_string(), dialect), Ok(filter));
            }
        }
    }

    #[test]
    fn no_filter_breaks_a_decision(filter in any_filter()) {
        let user = user();
        let _ = filter.check(&user);
        let _ = filter.matches(&user, &barbara());
    }

    #[test]
    fn no_bytes_break_the_json_door(bytes in vec(any::<u8>(), 0..64), text in "[\\[\\]{}\",:\\\\u0-9a ]*") {
        let _ = json::parse(&bytes);
        let _ = json::parse(text.as_bytes());
    }

    #[test]
    fn a_body_that_is_read_is_canonical(body in likely_json(), all: bool) {
        let dialect = if all { Dialect::all() } else { Dialect::generic() };
        for resource_type in [user(), group()] {
            let mut body = body.clone();
            if let Value::Object(map) = &mut body {
                map.insert("userName".into(), "b".into());
                map.insert("displayName".into(), "B".into());
                map.remove("schemas");
            }
            if let Ok(incoming) = resource::read(&resource_type, &body, dialect) {
                assert_canonical(&resource_type, &incoming.resource);
            }
        }
    }

    #[test]
    fn a_patch_keeps_a_resource_canonical_or_as_it_was(operations in operations(), all: bool) {
        let dialect = if all { Dialect::all() } else { Dialect::generic() };
        let body = serde_json::json!({ "Operations": operations });
        for resource_type in [user(), group()] {
            let mut resource = resource::read(&resource_type, &Value::Object(barbara()), dialect).unwrap().resource;
            let before = resource.clone();
            let result = patch::parse(&resource_type, &body, dialect)
                .and_then(|patch| patch::apply(&resource_type, &mut resource, &patch, dialect));
            match result {
                Ok(patched) => {
                    prop_assert_eq!(patched.changed, resource != before);
                    assert_canonical(&resource_type, &resource);
                }
                Err(_) => prop_assert_eq!(&resource, &before),
            }
        }
    }
}
