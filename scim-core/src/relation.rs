//! References to other resources: the members of a group.
//!
//! A relation is never part of a [`Resource`](crate::resource::Resource); it is kept as rows, and
//! requests say what to do with them.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::coerce::Coercer;
use crate::dialect::Rule;
use crate::error::{ScimError, describe};
use crate::schema::Attribute;

/// One referenced resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The `id` of the resource.
    pub value: String,
    /// Its type, if the client said so: `User` or `Group`.
    pub kind: Option<String>,
    /// What the client calls it.
    pub display: Option<String>,
}

/// An element of a relation, or of the groups of a user, as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Link<'a> {
    /// The `id` of the other resource.
    pub value: &'a str,
    /// Its URL.
    #[serde(rename = "$ref", skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// What it is, or how the membership came about.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<&'a str>,
}

impl Link<'_> {
    /// The element: `value`, `$ref`, `type`, `display`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let parts = [
            ("value", Some(self.value)),
            ("$ref", self.location.as_deref()),
            ("type", self.kind),
            ("display", self.display),
        ];
        let mut map = Map::with_capacity(parts.len());
        map.extend(parts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into()))));
        Value::Object(map)
    }
}

impl Reference {
    /// A reference by id alone.
    #[must_use]
    pub fn to(id: impl Into<String>) -> Self {
        Self { value: id.into(), kind: None, display: None }
    }
}

/// Reads a list of references, each id once. `null`, `""` and `[]` are an empty list; an object
/// is a list of one.
///
/// # Errors
/// 400 `invalidValue` if it is no list, or an element has no id.
pub(crate) fn read(
    at: &str,
    attribute: &Attribute,
    value: &Value,
    coercer: &mut Coercer<'_>,
) -> Result<Vec<Reference>, ScimError> {
    let list = match value {
        Value::Null => &[],
        Value::Array(list) => list.as_slice(),
        Value::Object(_) if coercer.tolerates(Rule::ObjectForList) => std::slice::from_ref(value),
        Value::String(text) if text.trim().is_empty() && coercer.tolerates(Rule::NullIsUnset) => &[],
        other => {
            return Err(ScimError::invalid_value(format!(
                "{at} must be a list such as [{{\"value\": \"<id>\"}}], but came as {}.",
                describe(other)
            )));
        }
    };
    let mut seen = std::collections::HashSet::with_capacity(list.len());
    let mut references = Vec::with_capacity(list.len());
    for (index, element) in list.iter().enumerate() {
        let reference = one(&format!("{at}[{index}]"), attribute, element, coercer)?;
        if seen.insert(reference.value.clone()) {
            references.push(reference);
        }
    }
    Ok(references)
}

fn one(
    at: &str,
    attribute: &Attribute,
    element: &Value,
    coercer: &mut Coercer<'_>,
) -> Result<Reference, ScimError> {
    let map = match element {
        Value::Object(map) => map,
        Value::String(id) if !id.trim().is_empty() && coercer.tolerates(Rule::ObjectForList) => {
            return Ok(Reference::to(id.as_str()));
        }
        other => return Err(no_id(at, &describe(other))),
    };
    let text = |name: &str| -> Result<Option<&str>, ScimError> {
        match lookup(map, name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(ScimError::invalid_value(format!(
                "{at}.{name} must be a text, but came as {}.",
                describe(other)
            ))),
        }
    };
    // Some clients send the URL alone; the id is its last segment.
    let from_url = || -> Result<Option<&str>, ScimError> {
        let url = text("$ref")?.map(|url| url.trim_end_matches('/'));
        Ok(url.and_then(|url| url.rsplit('/').next()).filter(|id| !id.is_empty()))
    };
    let value = match text("value")? {
        Some(value) => Some(value),
        None => from_url()?,
    };
    let Some(value) = value else {
        return Err(no_id(at, "an object without \"value\""));
    };
    let kind = text("type")?.map(|kind| {
        let known = attribute.sub("type").map(|sub| sub.canonical_values.as_slice());
        let canonical = known.unwrap_or_default().iter().find(|name| name.eq_ignore_ascii_case(kind));
        canonical.map_or_else(|| kind.to_owned(), Clone::clone)
    });
    Ok(Reference { value: value.to_owned(), kind, display: text("display")?.map(Into::into) })
}

/// The value of a key in any case.
pub(crate) fn lookup<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name).or_else(|| {
        let mut entries = map.iter();
        entries.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    })
}

fn no_id(at: &str, came: &str) -> ScimError {
    ScimError::invalid_value(format!(
        "{at} must be an object with the id of a resource, {{\"value\": \"<id>\"}}, but came as {came}."
    ))
}
