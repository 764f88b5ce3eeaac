//! Bodies that are not of RFC 7644.

use serde_json::{Map, Value};

use super::{Op, Operation};
use crate::dialect::{Dialect, Rule};
use crate::notes::Notes;
use crate::relation::lookup;
use crate::schema::ResourceType;

/// The PATCH of SCIM 1.1: a partial resource, in which an element of the relation with
/// `"operation": "delete"` is to go and any other is to come:
/// `{"members": [{"value": "a"}, {"value": "b", "operation": "delete"}]}`.
///
/// `None` if the body does not name the relation, or the dialect does not have the rule.
pub(super) fn one_one(
    resource_type: &ResourceType,
    body: &Map<String, Value>,
    dialect: Dialect,
    notes: &mut Notes,
) -> Option<Vec<Operation>> {
    let relation = resource_type.relation.as_ref()?;
    let elements = lookup(body, relation)?;
    if !notes.tolerate(dialect, Rule::OneOneGroupPatch) {
        return None;
    }
    let mut operations = Vec::new();
    let named = |key: &str| ["schemas", "id", "meta", relation].iter().any(|n| n.eq_ignore_ascii_case(key));
    let rest: Map<String, Value> =
        body.iter().filter(|(key, _)| !named(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    if !rest.is_empty() {
        operations.push(Operation { op: Op::Replace, path: None, value: Some(Value::Object(rest)) });
    }
    let elements = match elements {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    };
    let (gone, come): (Vec<Value>, Vec<Value>) = elements.into_iter().partition(is_deletion);
    if !gone.is_empty() {
        operations.push(Operation::on(Op::Remove, relation, Value::Array(gone)));
    }
    if !come.is_empty() {
        operations.push(Operation::on(Op::Add, relation, Value::Array(come)));
    }
    Some(operations)
}

fn is_deletion(element: &Value) -> bool {
    let operation = element.as_object().and_then(|map| lookup(map, "operation"));
    operation.and_then(Value::as_str).is_some_and(|word| word.eq_ignore_ascii_case("delete"))
}
