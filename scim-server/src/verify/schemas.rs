//! What the schemas of an endpoint's own add to a scenario: values for what they require, and steps that use them.

use scim_core::schema::{
    Attribute, AttributeType, Catalog, Extension, Mutability, ResourceType, Returned, Schema,
};
use serde_json::{Map, Value, json};

use super::scenario::{Scenario, Step};

/// Gives every body of a user or a group what the schemas of the endpoint's own require.
pub(super) fn complete(scenario: &mut Scenario, catalog: &Catalog) {
    for rt in catalog.resource_types().iter().filter(|rt| is_builtin_type(rt)) {
        let required = required(rt);
        if required.is_empty() {
            continue;
        }
        for step in &mut scenario.steps {
            let segment = step.path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
            if segment != rt.endpoint || !matches!(step.method.as_str(), "POST" | "PUT") {
                continue;
            }
            // Two users differ where they must, and each keeps what it has.
            let seed = seed(step);
            if let Value::Object(body) = &mut step.body {
                for (extension, attributes) in &required {
                    let values = sample(attributes, &seed);
                    body.entry(extension.schema.id.clone()).or_insert(Value::Object(values));
                }
            }
        }
    }
}

/// Whose body it is: the variable that holds its id.
fn seed(step: &Step) -> String {
    let in_path = step.path.split_once("{{").and_then(|(_, rest)| rest.split_once("}}"));
    in_path
        .map(|(name, _)| name)
        .or(step.capture.keys().next().map(String::as_str))
        .unwrap_or(&step.name)
        .to_owned()
}

/// The extensions of the endpoint's own that a resource must have, or parts of which it must have.
fn required(rt: &ResourceType) -> Vec<(&Extension, Vec<&Attribute>)> {
    let own = rt.extensions.iter().filter(|extension| is_own(&extension.schema));
    own.map(|extension| {
        let mut wanted: Vec<&Attribute> =
            extension.schema.attributes.iter().filter(|a| a.required && a.is_writable()).collect();
        if wanted.is_empty() && extension.required {
            wanted = carried(&extension.schema).collect();
        }
        (extension, wanted)
    })
    .filter(|(_, wanted)| !wanted.is_empty())
    .collect()
}

/// Steps for each extension and each resource type of the endpoint's own.
pub(super) fn steps(catalog: &Catalog) -> Vec<Step> {
    let mut steps = Vec::new();
    for rt in catalog.resource_types() {
        if !is_builtin_type(rt) {
            steps.extend(of_type(rt));
        } else if rt.name == "User" {
            let own = rt.extensions.iter().filter(|extension| is_own(&extension.schema));
            steps.extend(own.enumerate().filter_map(|(at, extension)| of_extension(at, &extension.schema)));
        }
    }
    steps.into_iter().filter_map(|step| serde_json::from_value(step).ok()).collect()
}

fn of_extension(at: usize, schema: &Schema) -> Option<Value> {
    let attributes: Vec<&Attribute> =
        carried(schema).filter(|a| a.mutability == Mutability::ReadWrite).collect();
    if attributes.is_empty() {
        return None;
    }
    let values = sample(&attributes, "second_id");
    let mut checks = Map::new();
    for attribute in attributes.iter().filter(|a| matches!(a.returned, Returned::Default | Returned::Always))
    {
        checks.insert(format!("$['{}'].{}", schema.id, attribute.name), json!({"nonempty": true}));
    }
    Some(json!({
        "name": format!("own_extension_{at}"),
        "title": format!("Sets the attributes of this endpoint’s own: {}", schema.id),
        "method": "PATCH", "path": "/Users/{{second_id}}",
        "body": {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "value": {&schema.id: values}}],
        },
        "expect": {"status": [200], "json": checks},
    }))
}

/// Creates, reads and deletes one.
fn of_type(rt: &ResourceType) -> Vec<Value> {
    let attributes: Vec<&Attribute> = carried(&rt.schema).collect();
    let mut body = sample(&attributes, &rt.name);
    let mut urns = vec![rt.schema.id.clone()];
    for (extension, attributes) in required(rt) {
        urns.push(extension.schema.id.clone());
        body.insert(extension.schema.id.clone(), Value::Object(sample(&attributes, &rt.name)));
    }
    body.insert("schemas".to_owned(), json!(urns));
    let (name, variable) = (&rt.name, format!("own_{}", rt.name));
    let one = format!("/{}/{{{{{variable}}}}}", rt.endpoint);
    vec![
        json!({
            "name": format!("own_type_create_{name}"), "method": "POST", "path": format!("/{}", rt.endpoint),
            "title": format!("Creates a resource of this endpoint’s own type {name}"), "body": body,
            "expect": {"status": [201], "json": {"$.id": {"nonempty": true}, "$.meta.resourceType": name}},
            "capture": {&variable: "$.id"},
        }),
        json!({
            "name": format!("own_type_read_{name}"), "method": "GET", "path": one,
            "title": format!("Reads the {name} back"),
            "expect": {"status": [200], "json": {"$.id": format!("{{{{{variable}}}}}")}},
        }),
        json!({
            "name": format!("own_type_delete_{name}"), "method": "DELETE", "path": one,
            "title": format!("Deletes the {name}"), "expect": {"status": [204]},
        }),
    ]
}

/// The attributes that a client can set: all but references to resources that are not there, unless they must be.
fn carried(schema: &Schema) -> impl Iterator<Item = &Attribute> {
    schema.attributes.iter().filter(|attribute| {
        attribute.is_writable() && !attribute.is_secret() && (attribute.required || !points_inside(attribute))
    })
}

fn points_inside(attribute: &Attribute) -> bool {
    attribute.kind == AttributeType::Reference
        && attribute.reference_types.iter().any(|to| !matches!(to.as_str(), "external" | "uri"))
}

/// A value for each of these attributes.
fn sample(attributes: &[&Attribute], seed: &str) -> Map<String, Value> {
    attributes.iter().map(|attribute| (attribute.name.clone(), value(attribute, seed))).collect()
}

fn value(attribute: &Attribute, seed: &str) -> Value {
    let one = match attribute.kind {
        AttributeType::String => match attribute.canonical_values.first() {
            Some(usual) => Value::String(usual.clone()),
            None => Value::String(format!("sample {seed}")),
        },
        AttributeType::Boolean => Value::Bool(true),
        AttributeType::Decimal => json!(1.5),
        AttributeType::Integer => json!(number(seed)),
        AttributeType::DateTime => json!("2026-01-01T00:00:00Z"),
        AttributeType::Binary => json!("c2FtcGxl"),
        AttributeType::Reference => Value::String(format!("https://example.com/{seed}")),
        AttributeType::Complex => {
            let parts: Vec<&Attribute> =
                attribute.sub_attributes.iter().filter(|sub| sub.is_writable() && !sub.is_secret()).collect();
            Value::Object(sample(&parts, seed))
        }
    };
    if attribute.multi_valued { Value::Array(vec![one]) } else { one }
}

/// A number that is another one for another seed.
fn number(seed: &str) -> u32 {
    seed.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 100_000
}

fn is_builtin_type(rt: &ResourceType) -> bool {
    Catalog::builtin().by_name(&rt.name).is_some()
}

fn is_own(schema: &Schema) -> bool {
    !Catalog::builtin().schemas().iter().any(|known| known.id == schema.id)
}
