//! Attribute paths and PATCH paths.

use scim_core::Dialect;
use scim_core::path::PatchPath;
use serde_json::{Value, json};

use crate::support::{fixture, flat, tree};

#[test]
fn the_grammar_reads_what_it_must_and_refuses_the_rest() {
    let cases = fixture(include_str!("../fixtures/path_syntax.json"));
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let text = case["path"].as_str().unwrap();
        let read = PatchPath::parse(text, Dialect::generic());
        match (&read, case.get("parts")) {
            (Err(_), None) => {}
            (Ok(path), Some(parts)) => {
                let mut found = json!({ "attr": path.attr.to_string() });
                if let Some(filter) = &path.filter {
                    found["filter"] = flat(&tree(filter));
                }
                if let Some(sub) = &path.sub {
                    found["sub"] = Value::from(sub.as_str());
                }
                let mut parts = parts.clone();
                if let Some(filter) = parts.get_mut("filter") {
                    *filter = flat(filter);
                }
                if found != parts {
                    wrong.push(format!("{text}: {found} instead of {parts}"));
                }
                let again = PatchPath::parse(&path.to_string(), Dialect::generic());
                assert_eq!(again.as_ref(), Ok(path), "printing {text}");
            }
            _ => wrong.push(format!("{text}: {read:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
