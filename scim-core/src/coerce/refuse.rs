//! What is said about values of the wrong type.

use serde_json::Value;

use crate::error::{ScimError, describe, quote};
use crate::schema::{Attribute, AttributeType};

pub(super) fn wrong_type(at: &str, attribute: &Attribute, value: &Value) -> ScimError {
    ScimError::invalid_value(format!(
        "{} must be {}, but came as {}.",
        place(at),
        expected(attribute),
        describe(value)
    ))
}

pub(super) fn wrong_list(at: &str, attribute: &Attribute, value: &Value) -> ScimError {
    let example = if attribute.is_complex() { r#"[{"value": "…"}]"# } else { r#"["…"]"# };
    ScimError::invalid_value(format!(
        "{} must be a list such as {example}, but came as {}.",
        place(at),
        describe(value)
    ))
}

/// A place built of the client's own keys, cut to what fits an error text.
pub(super) fn place(at: &str) -> String {
    const LONGEST: usize = 120;
    if at.len() <= LONGEST { at.to_owned() } else { quote(at) }
}

fn expected(attribute: &Attribute) -> String {
    match attribute.kind {
        AttributeType::String => "a text".into(),
        AttributeType::Boolean => "true or false".into(),
        AttributeType::Decimal => "a number".into(),
        AttributeType::Integer => "a whole number".into(),
        AttributeType::DateTime => "a time such as \"2026-11-24T00:16:00Z\"".into(),
        AttributeType::Binary => "base64 text".into(),
        AttributeType::Reference => "a URL as text".into(),
        AttributeType::Complex => {
            let subs: Vec<&str> = attribute
                .sub_attributes
                .iter()
                .filter(|sub| sub.is_stored())
                .map(|sub| sub.name.as_str())
                .take(3)
                .collect();
            format!("an object with {} …", subs.join(", "))
        }
    }
}
