//! Lists without doubles.

use std::collections::HashMap;

use serde_json::Value;

use super::refuse::place;
use crate::error::ScimError;
use crate::fold;

/// The most elements of a multi-valued attribute that is kept in its resource. Relations are kept as
/// rows and know no such limit.
const MAX_ELEMENTS: usize = 1000;

/// The elements of a list, of which no two have the same type and value.
#[derive(Default)]
pub(crate) struct Elements {
    list: Vec<Value>,
    seen: HashMap<String, usize>,
}

impl FromIterator<Value> for Elements {
    fn from_iter<T: IntoIterator<Item = Value>>(values: T) -> Self {
        let mut elements = Self::default();
        for value in values {
            elements.merge(value);
        }
        elements
    }
}

impl Elements {
    /// Adds an element; one of the same type and value is completed instead of doubled.
    /// Answers with its position.
    pub(crate) fn merge(&mut self, element: Value) -> usize {
        let index = *self.seen.entry(identity(&element)).or_insert(self.list.len());
        match (self.list.get_mut(index), element) {
            (Some(Value::Object(known)), Value::Object(element)) => known.extend(element),
            (Some(_), _) => {}
            (None, element) => self.list.push(element),
        }
        index
    }

    pub(crate) fn into_list(self) -> Vec<Value> {
        self.list
    }
}

/// What makes two elements the same: value and type, or else everything.
fn identity(element: &Value) -> String {
    let kind = element.get("type").and_then(Value::as_str).map(fold::fold);
    match element.get("value") {
        Some(value) => format!("{value} {}", kind.unwrap_or_default()),
        None => element.to_string(),
    }
}

/// That a list is not longer than [`MAX_ELEMENTS`].
pub(crate) fn bounded(at: &str, length: usize) -> Result<(), ScimError> {
    if length <= MAX_ELEMENTS {
        return Ok(());
    }
    Err(ScimError::invalid_value(format!(
        "{} has {length} elements; at most {MAX_ELEMENTS} are kept.",
        place(at)
    )))
}
