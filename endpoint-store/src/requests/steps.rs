//! The steps of a PATCH, each read alone with the dialect of this moment, and said in a sentence.

use scim_core::dialect::{Dialect, Rule};
use scim_core::patch::{self, Op, Operation};
use scim_core::schema::ResourceType;
use serde_json::{Value, json};

use super::words::{capital, condition, count, elements, is_all, is_relation};

/// One step of a request, as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it does, in a sentence; or why it cannot be understood.
    pub says: String,
    /// Whether it cannot be understood.
    pub is_fault: bool,
    /// Tolerances that reading it needed.
    pub rules: Vec<Rule>,
}

/// The operations of a PATCH, each read alone with the rules of this moment.
pub(super) fn steps(rt: &ResourceType, body: &Value, dialect: Dialect) -> Vec<Step> {
    const MOST: usize = 100;
    let list = body.as_object().and_then(|map| {
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case("Operations")).map(|(_, list)| list)
    });
    let Some(Value::Array(list)) = list else { return read_step(rt, body, dialect) };
    let mut steps = Vec::new();
    for operation in list.iter().take(MOST) {
        let alone = json!({"schemas": [patch::PATCH_URN], "Operations": [operation]});
        steps.extend(read_step(rt, &alone, dialect));
    }
    if list.len() > MOST {
        let says = format!("And {} more operations.", list.len() - MOST);
        steps.push(Step { says, is_fault: false, rules: Vec::new() });
    }
    steps
}

fn read_step(rt: &ResourceType, body: &Value, dialect: Dialect) -> Vec<Step> {
    match patch::parse(rt, body, dialect) {
        Err(error) => {
            let detail = error.detail().trim_start_matches("Operation 1: ").to_owned();
            vec![Step { says: capital(&detail), is_fault: true, rules: Vec::new() }]
        }
        Ok(patch) => {
            let rules: Vec<Rule> = patch.notes.rules.iter().copied().collect();
            let step = |operation: &Operation| Step {
                says: sentence(rt, operation),
                is_fault: false,
                rules: rules.clone(),
            };
            patch.operations.iter().map(step).collect()
        }
    }
}

fn sentence(rt: &ResourceType, operation: &Operation) -> String {
    if is_relation(rt, operation) {
        let many = count(elements(operation), "member", "members");
        return match operation.op {
            Op::Add => format!("Add {many}."),
            Op::Replace => format!("Put {many} in place of all that are there."),
            Op::Remove if is_all(operation) => "Remove all members.".to_owned(),
            Op::Remove => match operation.path.as_ref().and_then(|path| path.filter.as_ref()) {
                Some(filter) => format!("Remove the members whose {}.", condition(filter)),
                None => format!("Remove {many}."),
            },
        };
    }
    match (operation.op, &operation.path, &operation.value) {
        (Op::Remove, Some(path), _) => format!("Remove {path}."),
        (op, Some(path), value) => {
            let value = value.as_ref().map(shown).unwrap_or_default();
            let verb = if op == Op::Add { "Add to" } else { "Set" };
            let to = if op == Op::Add { ":" } else { " to" };
            format!("{verb} {path}{to} {value}.")
        }
        (op, None, Some(Value::Object(map))) => {
            let some: Vec<String> =
                map.iter().take(12).map(|(key, value)| format!("{key} to {}", shown(value))).collect();
            let more = if map.len() > 12 { format!(", and {} more", map.len() - 12) } else { String::new() };
            let verb = if op == Op::Add { "Add or set" } else { "Set" };
            format!("{verb} {}{more}.", some.join(", "))
        }
        (op, None, _) => format!("{} nothing that can be named.", capital(op.as_str())),
    }
}

/// A value in a sentence.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("“{}”", text.chars().take(120).collect::<String>()),
        Value::Null => "nothing".to_owned(),
        Value::Array(list) if list.len() != 1 => count(list.len() as i64, "value", "values"),
        Value::Array(list) => list.first().map(shown).unwrap_or_default(),
        Value::Object(map) => match map.iter().find(|(key, _)| key.eq_ignore_ascii_case("value")) {
            Some((_, value)) if !value.is_object() => shown(value),
            _ => {
                let keys: Vec<&str> = map.keys().take(8).map(String::as_str).collect();
                format!("an object with {}", keys.join(", "))
            }
        },
        other => other.to_string(),
    }
}
