//! Random resources, and filters and orders that fit them.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use scim_core::filter::{CompareOp, Filter, Literal};
use scim_core::path::AttrPath;
use scim_core::schema::{Attribute, AttributeType, ResourceType, Returned};
use serde_json::{Map, Number, Value, json};

const ITEM: &str = "urn:example:params:scim:schemas:compare:1.0:Item";

/// Texts that are easily confused: case, wildcards, escapes, blanks, accents, numbers, dates.
const TEXTS: &[&str] = &[
    "a",
    "A",
    "ab",
    "aB",
    "abc",
    "b",
    "%",
    "_",
    "a%",
    "a_c",
    "a\\",
    "\\",
    "\\%",
    "\"",
    "a\"b",
    "a b",
    " a",
    "a ",
    "ß",
    "SS",
    "ss",
    "ẞ",
    "ſ",
    "K",
    "k",
    "Å",
    "å",
    "é",
    "e\u{301}",
    "É",
    "İ",
    "i",
    "ı",
    "I",
    "Σ",
    "ς",
    "σ",
    "ﬁ",
    "日本",
    "😀",
    "\u{10ffff}",
    "\u{7f}",
    "\t",
    "0",
    "00",
    "1",
    "-1",
    "true",
    "null",
    "2024-01-01T00:00:00Z",
    "a@example.com",
    "']",
    "*",
];
const TIMES: &[&str] = &[
    "2024-01-01T00:00:00Z",
    "2024-01-01T01:00:00+01:00",
    "2024-01-01T00:00:00.000Z",
    "2024-01-01T00:00:00.001Z",
    "2023-12-31T23:59:59Z",
    "1969-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59Z",
];
const BINARIES: &[&str] = &["QUJD", "qujd", "QUI=", ""];

fn attribute(name: &str, kind: &str, more: Value) -> Value {
    let mut attribute = json!({"name": name, "type": kind, "multiValued": false, "required": false, "caseExact": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none", "description": name});
    if let Value::Object(more) = more {
        attribute.as_object_mut().unwrap().extend(more);
    }
    attribute
}

/// A type with attributes of every kind, indexed and not.
pub(super) fn definitions() -> Value {
    let parts = json!([
        attribute("value", "string", json!({})),
        attribute("exact", "string", json!({"caseExact": true})),
        attribute("rank", "integer", json!({})),
        attribute("since", "dateTime", json!({})),
        attribute("primary", "boolean", json!({})),
    ]);
    let attributes = json!([
        attribute("name", "string", json!({"required": true, "uniqueness": "server"})),
        attribute("code", "string", json!({"uniqueness": "server", "caseExact": true})),
        attribute("plain", "string", json!({})),
        attribute("exact", "string", json!({"caseExact": true})),
        attribute("words", "string", json!({"multiValued": true})),
        attribute("link", "reference", json!({"caseExact": true})),
        attribute("asked", "string", json!({"returned": "request"})),
        attribute("count", "integer", json!({})),
        attribute("weight", "decimal", json!({})),
        attribute("open", "boolean", json!({})),
        attribute("moment", "dateTime", json!({})),
        attribute("bytes", "binary", json!({"caseExact": true})),
        attribute("numbers", "integer", json!({"multiValued": true})),
        attribute("one", "complex", json!({"subAttributes": parts})),
        attribute("many", "complex", json!({"subAttributes": parts, "multiValued": true})),
    ]);
    json!({"resourceTypes": [{
        "name": "Item", "endpoint": "Items", "description": "Whatever",
        "indexed": ["plain", "exact", "words", "link", "asked", "one.exact", "many.value", "many.exact"],
        "schema": {"id": ITEM, "name": "Item", "attributes": attributes},
    }]})
}

/// Paths of everything that may be shown, parts by name.
pub(super) fn paths(rt: &ResourceType) -> Vec<String> {
    leaves(rt).into_iter().map(|(path, _)| path.to_string()).collect()
}

/// Every attribute and part, with the path that reaches it.
fn leaves(rt: &ResourceType) -> Vec<(AttrPath, Attribute)> {
    let common = rt.common.iter().map(|attribute| (None, attribute));
    let mut leaves = Vec::new();
    for (extension, attribute) in common.chain(rt.attributes()) {
        let path = AttrPath { urn: extension.map(|e| e.id.clone()), name: attribute.name.clone(), sub: None };
        if attribute.returned == Returned::Never {
            continue;
        }
        leaves.push((path.clone(), attribute.clone()));
        for sub in &attribute.sub_attributes {
            leaves.push((AttrPath { sub: Some(sub.name.clone()), ..path.clone() }, sub.clone()));
        }
    }
    leaves
}

fn text() -> impl Strategy<Value = String> + Clone {
    let picked = select(TEXTS).prop_map(str::to_owned);
    prop_oneof![
        6 => picked.clone(),
        2 => (picked.clone(), picked.clone()).prop_map(|(a, b)| format!("{a}{b}")),
        // Longer than an index key, different at the end only.
        1 => (select(vec!["a", "Ä", "%"]), picked).prop_map(|(long, end)| format!("{}{end}", long.repeat(600))),
    ]
}

fn number() -> impl Strategy<Value = Number> + Clone {
    let whole = select(vec![0_i64, 1, -1, 2, 10, 9_007_199_254_740_993, i64::MAX, i64::MIN]);
    whole.prop_map(Number::from)
}

fn decimal() -> impl Strategy<Value = Number> + Clone {
    let fractions = select(vec![0.5_f64, 1.0, -0.0, 1e300, -2.25, 10.0]);
    prop_oneof![number(), fractions.prop_map(|f| Number::from_f64(f).unwrap())]
}

fn value(attribute: &Attribute) -> BoxedStrategy<Value> {
    let texts = |list: &'static [&'static str]| select(list).prop_map(|text| json!(text)).boxed();
    let one = match attribute.kind {
        AttributeType::String | AttributeType::Reference => text().prop_map(Value::String).boxed(),
        AttributeType::Boolean => any::<bool>().prop_map(Value::Bool).boxed(),
        AttributeType::Integer => number().prop_map(Value::Number).boxed(),
        AttributeType::Decimal => decimal().prop_map(Value::Number).boxed(),
        AttributeType::DateTime => texts(TIMES),
        AttributeType::Binary => texts(BINARIES),
        AttributeType::Complex => object(attribute.sub_attributes.clone(), 0.6),
    };
    match attribute.multi_valued {
        true => vec(one, 0..4).prop_map(Value::Array).boxed(),
        false => one,
    }
}

/// An object that has each attribute with this probability.
fn object(attributes: Vec<Attribute>, probability: f64) -> BoxedStrategy<Value> {
    let mut all: BoxedStrategy<Map<String, Value>> = Just(Map::new()).boxed();
    for attribute in attributes.into_iter().filter(Attribute::is_stored) {
        let maybe = proptest::option::weighted(probability, value(&attribute));
        all = (all, maybe)
            .prop_map(move |(mut map, value)| {
                map.extend(value.map(|value| (attribute.name.clone(), value)));
                map
            })
            .boxed();
    }
    all.prop_map(Value::Object).boxed()
}

/// The body of a resource, without its name.
pub(super) fn resource(endpoint: &str, people: Vec<String>) -> BoxedStrategy<Value> {
    let catalog = scim_core::schema::Catalog::with_definitions(&definitions()).unwrap();
    let rt = catalog.by_endpoint(endpoint).unwrap().clone();
    let own =
        rt.schema.attributes.iter().filter(|a| Some(&a.name) != rt.relation.as_ref()).cloned().collect();
    let external = proptest::option::of(text());
    let extension = rt.extensions.first().map(|extension| extension.schema.clone());
    let attributes = extension.as_ref().map(|schema| schema.attributes.clone()).unwrap_or_default();
    let members = btree_map(0..people.len().max(1), Just(()), 0..5);
    (object(own, 0.4), external, object(attributes, 0.4), members)
        .prop_map(move |(mut body, external, extended, members)| {
            body["externalId"] = json!(external);
            if let Some(schema) = &extension {
                body[schema.id.as_str()] = extended;
            }
            if rt.relation.is_some() {
                let members: Vec<_> = members.keys().filter_map(|at| people.get(*at)).collect();
                body["members"] = members.into_iter().map(|id| json!({"value": id})).collect();
            }
            body
        })
        .boxed()
}

/// The body with a name that no other has, and what cannot be there twice left to chance once.
pub(super) fn named(endpoint: &str, mut body: Value, number: usize) -> Value {
    let attribute = match endpoint {
        "Users" => "userName",
        "Groups" => "displayName",
        _ => "name",
    };
    let text = TEXTS[number % TEXTS.len()];
    body[attribute] = json!(format!("{text}{number}"));
    if let Some(code) = body.get("code").and_then(Value::as_str) {
        body["code"] = json!(format!("{number}{code}"));
    }
    body
}

/// A literal that fits the attribute, often one that some resource has, whole or in parts.
fn literal(attribute: &Attribute, known: Vec<Value>) -> BoxedStrategy<Literal> {
    let known = if known.is_empty() { vec![json!("a")] } else { known };
    let kept = select(known).prop_map(|value| match value {
        Value::String(text) => Literal::String(text),
        Value::Number(number) => Literal::Number(number),
        Value::Bool(flag) => Literal::Bool(flag),
        _ => Literal::Null,
    });
    let altered = (kept.clone(), any::<(u8, u8)>()).prop_map(|(literal, (from, way))| match literal {
        Literal::String(text) => {
            let letters: Vec<char> = text.chars().collect();
            let from = usize::from(from) % letters.len().max(1);
            let text: String = match way % 3 {
                0 => letters.get(from..).unwrap_or_default().iter().collect(),
                1 => letters.get(..from).unwrap_or_default().iter().collect(),
                _ => letters.iter().flat_map(|c| c.to_uppercase()).collect(),
            };
            Literal::String(text)
        }
        other => other,
    });
    let fitting = value(attribute).prop_map(|value| match value {
        Value::String(text) => Literal::String(text),
        Value::Number(number) => Literal::Number(number),
        Value::Bool(flag) => Literal::Bool(flag),
        _ => Literal::Null,
    });
    prop_oneof![4 => kept, 4 => altered, 2 => fitting, 1 => text().prop_map(Literal::String), 1 => Just(Literal::Null)]
        .boxed()
}

/// What resources have at a path.
fn values(path: &AttrPath, all: &[Map<String, Value>]) -> Vec<Value> {
    let spread = |value: &Value| -> Vec<Value> {
        match value {
            Value::Array(list) => list.clone(),
            one => vec![one.clone()],
        }
    };
    let holder = |one: &Map<String, Value>| match &path.urn {
        Some(urn) => one.get(urn).and_then(Value::as_object).cloned().unwrap_or_default(),
        None => one.clone(),
    };
    let tops =
        all.iter().filter_map(|one| holder(one).get(&path.name).cloned()).flat_map(|value| spread(&value));
    let leaves = tops.filter_map(|value| match &path.sub {
        Some(sub) => value.get(sub).cloned(),
        None => value.get("value").cloned().or(Some(value)),
    });
    leaves.filter(|value| !value.is_object() && !value.is_array()).take(60).collect()
}

fn term((path, attribute): (AttrPath, Attribute), known: Vec<Value>) -> BoxedStrategy<Filter> {
    let compared = attribute.comparable().cloned().unwrap_or_else(|| attribute.clone());
    let compare = {
        let path = path.clone();
        (select(&CompareOp::ALL[..]), literal(&compared, known))
            .prop_map(move |(op, value)| Filter::Compare { path: path.clone(), op, value })
    };
    // Equality is what indexes answer.
    let equal = compare.clone().prop_map(|filter| match filter {
        Filter::Compare { path, value, .. } => Filter::Compare { path, op: CompareOp::Eq, value },
        other => other,
    });
    prop_oneof![3 => compare, 4 => equal, 1 => Just(Filter::Present(path))].boxed()
}

fn combined(leaf: BoxedStrategy<Filter>, depth: u32) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(depth, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Filter::And),
            vec(inner.clone(), 2..4).prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
    .boxed()
}

/// Filters over everything that a type has.
pub(super) fn filter(rt: &ResourceType, all: &[Map<String, Value>]) -> BoxedStrategy<Filter> {
    let leaves = leaves(rt);
    let terms =
        leaves.iter().map(|(path, attribute)| term((path.clone(), attribute.clone()), values(path, all)));
    let mut choices: Vec<BoxedStrategy<Filter>> = terms.collect();
    for (path, attribute) in leaves.iter().filter(|(path, _)| path.sub.is_none()) {
        let inner: Vec<BoxedStrategy<Filter>> = match attribute.sub_attributes.as_slice() {
            [] if attribute.multi_valued => {
                vec![term((AttrPath::named("value"), attribute.clone()), values(path, all))]
            }
            subs => subs
                .iter()
                .map(|sub| {
                    let known = AttrPath { sub: Some(sub.name.clone()), ..path.clone() };
                    term((AttrPath::named(sub.name.clone()), sub.clone()), values(&known, all))
                })
                .collect(),
        };
        if !inner.is_empty() {
            let path = path.clone();
            let inner = combined(proptest::strategy::Union::new(inner).boxed(), 2);
            let wrap = inner
                .prop_map(move |filter| Filter::ValuePath { path: path.clone(), filter: Box::new(filter) });
            choices.push(wrap.boxed());
        }
    }
    combined(proptest::strategy::Union::new(choices).boxed(), 3)
}

/// By what, in which order, in pages of which size.
pub(super) fn order(rt: &ResourceType) -> impl Strategy<Value = (String, &'static str, usize)> {
    (select(paths(rt)), select(vec!["ascending", "descending"]), 1_usize..12)
}
