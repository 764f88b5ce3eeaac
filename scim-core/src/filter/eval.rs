//! Whether a resource fulfils a filter.
//!
//! * A path that reaches several values holds if any of them does; `ne` also if there is none.
//! * A comparison with a complex attribute compares its `value`.
//! * Text is compared by [`fold`](crate::fold), unless the attribute is `caseExact`; times as times.
//! * `eq null` means: no value. Empty lists, empty objects and empty texts are no value for `pr`.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::check::Scope;
use super::{CompareOp, Filter, Literal};
use crate::coerce;
use crate::fold::fold;
use crate::path::AttrPath;
use crate::schema::{Attribute, AttributeType, ResourceType};
use crate::time;

impl Filter {
    /// Whether a resource, rendered in full with `id` and `meta`, fulfils the filter. Attributes
    /// that do not exist have no value.
    #[must_use]
    pub fn matches(&self, resource_type: &ResourceType, resource: &Map<String, Value>) -> bool {
        let scope = Scope::Resource(resource_type);
        holds(self, scope, &|path| reach(resource_type, resource, path))
    }

    /// Whether one element of a multi-valued attribute fulfils the filter.
    #[must_use]
    pub fn matches_element(&self, attribute: &Attribute, element: &Value) -> bool {
        holds(self, Scope::Element(attribute), &|path| {
            let value = match attribute.sub(&path.name) {
                Some(sub) => element.get(&sub.name),
                None if attribute.is_complex() => None,
                None => Some(element),
            };
            value.into_iter().flat_map(spread).collect()
        })
    }
}

/// The values that a path reaches; lists are spread.
fn reach<'v>(
    resource_type: &ResourceType,
    resource: &'v Map<String, Value>,
    path: &AttrPath,
) -> Vec<&'v Value> {
    let Some(resolved) = resource_type.resolve_for_reading(path) else {
        return Vec::new();
    };
    let holder = match resolved.extension {
        Some(schema) => resource.get(&schema.id).and_then(Value::as_object),
        None => Some(resource),
    };
    let value = holder.and_then(|holder| holder.get(&resolved.attribute.name));
    let values = value.into_iter().flat_map(spread);
    match resolved.sub {
        None => values.collect(),
        Some(sub) => values.filter_map(|value| value.get(&sub.name)).flat_map(spread).collect(),
    }
}

fn spread(value: &Value) -> impl Iterator<Item = &Value> {
    let values = match value {
        Value::Null => &[],
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    values.iter().filter(|value| !value.is_null())
}

fn holds<'v>(filter: &Filter, scope: Scope<'_>, values: &dyn Fn(&AttrPath) -> Vec<&'v Value>) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| holds(part, scope, values)),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, scope, values)),
        Filter::Not(inner) => !holds(inner, scope, values),
        Filter::Present(path) => values(path).into_iter().any(is_something),
        Filter::Compare { path, op, value } => {
            let Some(attribute) = scope.leaf(path) else {
                return compare_none(*op, value);
            };
            compare(attribute, &values(path), *op, value)
        }
        Filter::ValuePath { path, filter } => {
            let Some(attribute) = scope.leaf(path) else {
                return false;
            };
            let mut elements = values(path).into_iter();
            elements.any(|element| filter.matches_element(attribute, element))
        }
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn compare_none(op: CompareOp, literal: &Literal) -> bool {
    match op {
        CompareOp::Eq => *literal == Literal::Null,
        CompareOp::Ne => *literal != Literal::Null,
        _ => false,
    }
}

fn compare(attribute: &Attribute, values: &[&Value], op: CompareOp, literal: &Literal) -> bool {
    if values.is_empty() {
        return compare_none(op, literal);
    }
    if *literal == Literal::Null {
        return op == CompareOp::Ne;
    }
    let Some(compared) = attribute.comparable() else {
        return false;
    };
    let part = |value: &'_ Value| -> Option<Value> {
        if attribute.is_complex() { value.get(&compared.name).cloned() } else { Some(value.clone()) }
    };
    values.iter().any(|value| match part(value) {
        Some(value) => test(compared, &value, op, literal),
        None => op == CompareOp::Ne,
    })
}

fn test(attribute: &Attribute, value: &Value, op: CompareOp, literal: &Literal) -> bool {
    if op.is_textual() {
        let (Some(value), Some(literal)) = (text(value), literal.as_text()) else {
            return false;
        };
        let (value, literal) = (keyed(attribute, value), keyed(attribute, literal));
        return match op {
            CompareOp::Co => value.contains(&*literal),
            CompareOp::Sw => value.starts_with(&*literal),
            _ => value.ends_with(&*literal),
        };
    }
    let ordering = order(attribute, value, literal);
    match op {
        CompareOp::Eq => ordering == Some(Ordering::Equal),
        CompareOp::Ne => ordering != Some(Ordering::Equal),
        CompareOp::Gt => ordering == Some(Ordering::Greater),
        CompareOp::Ge => ordering.is_some_and(Ordering::is_ge),
        CompareOp::Lt => ordering == Some(Ordering::Less),
        CompareOp::Le => ordering.is_some_and(Ordering::is_le),
        CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}

/// How a value stands to a literal; `None` if they cannot be compared.
fn order(attribute: &Attribute, value: &Value, literal: &Literal) -> Option<Ordering> {
    match attribute.kind {
        AttributeType::Boolean => {
            let literal = match literal {
                Literal::Bool(flag) => *flag,
                Literal::String(text) => coerce::boolean(text)?,
                Literal::Number(_) | Literal::Null => return None,
            };
            value.as_bool().map(|value| value.cmp(&literal))
        }
        AttributeType::Integer | AttributeType::Decimal => {
            let literal = match literal {
                Literal::Number(number) => Value::Number(number.clone()),
                Literal::String(text) => serde_json::from_str(text).ok()?,
                Literal::Bool(_) | Literal::Null => return None,
            };
            match (value.as_i64(), literal.as_i64()) {
                (Some(value), Some(literal)) => Some(value.cmp(&literal)),
                _ => value.as_f64()?.partial_cmp(&literal.as_f64()?),
            }
        }
        AttributeType::DateTime => {
            let literal = time::parse(&literal.as_text()?)?;
            Some(time::parse(value.as_str()?)?.cmp(&literal))
        }
        AttributeType::String | AttributeType::Binary | AttributeType::Reference | AttributeType::Complex => {
            let value = keyed(attribute, text(value)?);
            Some(value.cmp(&keyed(attribute, literal.as_text()?)))
        }
    }
}

/// The text as it is compared: folded unless case matters.
fn keyed<'t>(attribute: &Attribute, text: Cow<'t, str>) -> Cow<'t, str> {
    // Most of what is compared is in small letters already and need not be copied.
    let folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if attribute.case_exact || text.bytes().all(folded) {
        return text;
    }
    Cow::Owned(fold(&text))
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(flag.to_string().into()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
