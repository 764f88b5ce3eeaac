//! A resource type whose attributes have every type, in every mutability, returned in every way, single and as a list.

use serde_json::{Value, json};

pub(super) const KIT: &str = "urn:example:params:scim:schemas:acme:1.0:Kit";
pub(super) const MORE: &str = "urn:example:params:scim:schemas:acme:1.0:More";
const TYPES: [&str; 7] = ["string", "boolean", "integer", "decimal", "dateTime", "binary", "reference"];
const MUTABILITY: [&str; 4] = ["readWrite", "immutable", "readOnly", "writeOnly"];
const RETURNED: [&str; 4] = ["default", "always", "request", "never"];

fn attribute(
    name: &str,
    kind: &str,
    list: bool,
    mutability: &str,
    returned: &str,
    case_exact: bool,
) -> Value {
    json!({
        "name": name, "type": kind, "multiValued": list, "mutability": mutability,
        "returned": if mutability == "writeOnly" { "never" } else { returned },
        "caseExact": case_exact, "required": false, "uniqueness": "none", "description": format!("{kind}, {mutability}, {returned}"),
        "referenceTypes": if kind == "reference" { json!(["external", "uri"]) } else { json!([]) },
    })
}

/// All simple ones: every type with every mutability and every way to be returned.
fn simple(prefix: &str, lists: bool) -> Vec<Value> {
    let mut all = Vec::new();
    for kind in TYPES {
        for mutability in MUTABILITY {
            for returned in RETURNED {
                if mutability != "writeOnly" || returned == "never" {
                    let number = all.len();
                    let name = format!("{prefix}{number}");
                    let list = lists && number.is_multiple_of(2);
                    all.push(attribute(&name, kind, list, mutability, returned, number.is_multiple_of(3)));
                }
            }
        }
    }
    all
}

fn complex(name: &str, list: bool, mutability: &str, returned: &str, parts: &[Value]) -> Value {
    let mut complex = attribute(name, "complex", list, mutability, returned, false);
    complex["subAttributes"] = json!(parts);
    complex
}

fn with(mut attribute: Value, characteristic: &str, value: Value) -> Value {
    attribute[characteristic] = value;
    attribute
}

/// Attributes with parts: the parts of one have every combination, for the others a few will do.
fn complexes(prefix: &str) -> Vec<Value> {
    let few = || {
        let part = |name, kind, returned| attribute(name, kind, false, "readWrite", returned, false);
        vec![
            part("value", "string", "default"),
            part("shown", "integer", "always"),
            part("asked", "string", "request"),
            with(part("needed", "boolean", "default"), "required", json!(true)),
        ]
    };
    // Every combination is a part of a single value or of an element.
    let half = |skip| simple("p", false).into_iter().skip(skip).step_by(2).collect::<Vec<_>>();
    let mut all = vec![
        complex(&format!("{prefix}One"), false, "readWrite", "default", &half(0)),
        complex(&format!("{prefix}Many"), true, "readWrite", "default", &half(1)),
    ];
    for mutability in MUTABILITY {
        for returned in RETURNED {
            let name = format!("{prefix}{mutability}{returned}");
            let list = all.len().is_multiple_of(2);
            all.push(complex(&name, list, mutability, returned, &few()));
        }
    }
    all
}

pub(super) fn definitions() -> Value {
    let text = |name: &str| attribute(name, "string", false, "readWrite", "default", false);
    let mut core = vec![
        with(with(text("label"), "required", json!(true)), "uniqueness", json!("server")),
        with(with(text("code"), "uniqueness", json!("server")), "caseExact", json!(true)),
        with(text("colour"), "canonicalValues", json!(["red", "Green"])),
        with(attribute("size", "decimal", false, "readWrite", "default", false), "required", json!(true)),
    ];
    core.extend(simple("a", true));
    core.extend(complexes("c"));
    let more: Vec<Value> = simple("e", true).into_iter().step_by(3).collect();
    json!({"resourceTypes": [{
        "name": "Kit", "endpoint": "Kits", "description": "Every combination", "indexed": ["colour", "a0", "cOne.p0"],
        "schema": {"id": KIT, "name": "Kit", "attributes": core},
        "extensions": [{"schema": {"id": MORE, "name": "More", "attributes": more}}],
    }]})
}
