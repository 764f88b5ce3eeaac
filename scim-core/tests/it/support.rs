//! What the tests share.

use std::sync::Arc;

use scim_core::filter::{Filter, Literal};
use scim_core::patch::RelationEdit;
use scim_core::schema::{Catalog, ResourceType};
use serde_json::{Value, json};

pub(crate) fn user() -> Arc<ResourceType> {
    Arc::clone(Catalog::builtin().by_name("User").unwrap())
}

pub(crate) fn group() -> Arc<ResourceType> {
    Arc::clone(Catalog::builtin().by_name("Group").unwrap())
}

pub(crate) fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A filter as nested lists: `["and", ["eq", "type", "work"], ["pr", "value"]]`.
pub(crate) fn tree(filter: &Filter) -> Value {
    let many = |word: &str, parts: &[Filter]| {
        let mut list = vec![json!(word)];
        list.extend(parts.iter().map(tree));
        Value::Array(list)
    };
    match filter {
        Filter::And(parts) => many("and", parts),
        Filter::Or(parts) => many("or", parts),
        Filter::Not(inner) => json!(["not", tree(inner)]),
        Filter::Present(path) => json!(["pr", path.to_string()]),
        Filter::ValuePath { path, filter } => json!(["value", path.to_string(), tree(filter)]),
        Filter::Compare { path, op, value } => {
            let value = match value {
                Literal::String(text) => json!(text),
                Literal::Number(number) => json!(number),
                Literal::Bool(flag) => json!(flag),
                Literal::Null => Value::Null,
            };
            json!([op.as_str(), path.to_string(), value])
        }
    }
}

/// The same tree with brackets that do not matter taken away: and-in-and, or-in-or.
pub(crate) fn flat(tree: &Value) -> Value {
    let Value::Array(list) = tree else {
        return tree.clone();
    };
    let word = list[0].clone();
    if word != "and" && word != "or" {
        return Value::Array(list.iter().map(flat).collect());
    }
    let mut out = vec![word.clone()];
    for part in list.iter().skip(1).map(flat) {
        match part {
            Value::Array(inner) if inner[0] == word => out.extend(inner.into_iter().skip(1)),
            other => out.push(other),
        }
    }
    Value::Array(out)
}

/// The ids of a relation after its edits.
pub(crate) fn members_after(
    resource_type: &ResourceType,
    mut ids: Vec<String>,
    edits: &[RelationEdit],
) -> Vec<String> {
    for edit in edits {
        match edit {
            RelationEdit::Add(added) => {
                for reference in added {
                    if !ids.contains(&reference.value) {
                        ids.push(reference.value.clone());
                    }
                }
            }
            RelationEdit::Remove(gone) => ids.retain(|id| !gone.contains(id)),
            RelationEdit::RemoveWhere(filter) => {
                let attribute = resource_type.relation_attribute().unwrap();
                ids.retain(|id| !filter.matches_element(attribute, &json!({ "value": id })));
            }
            RelationEdit::Replace(all) => ids = all.iter().map(|r| r.value.clone()).collect(),
            RelationEdit::Clear => ids.clear(),
        }
    }
    ids
}
