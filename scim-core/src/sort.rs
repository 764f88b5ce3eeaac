//! Sorting (RFC 7644 §3.4.2.3).

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{ScimError, quote};
use crate::fold::fold;
use crate::index::bounded;
use crate::path::AttrPath;
use crate::schema::{AttributeType, ResourceType};
use crate::time;

/// By what, and which way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    path: AttrPath,
    descending: bool,
}

/// The place of one resource in an order. Without a value it comes last, or first when descending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// `false` before `true`.
    Flag(bool),
    /// Numbers, and times in milliseconds.
    Number(f64),
    /// Texts, folded unless case matters, by code point; very long ones by their beginning (see [`bounded`]).
    Text(String),
    /// Nothing to sort by.
    Nothing,
}

impl Sort {
    /// Reads `sortBy` and `sortOrder`; `None` when no order is asked for.
    ///
    /// # Errors
    /// 400 `invalidPath` if none of the types has the attribute, `invalidValue` for an unknown order.
    pub fn parse(
        resource_types: &[&ResourceType],
        by: Option<&str>,
        order: Option<&str>,
    ) -> Result<Option<Self>, ScimError> {
        let descending = match order.map(str::trim).filter(|order| !order.is_empty()) {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(order) => {
                return Err(ScimError::invalid_value(format!(
                    "sortOrder is `ascending` or `descending`, not {}.",
                    quote(order)
                )));
            }
        };
        let Some(by) = by.map(str::trim).filter(|by| !by.is_empty()) else { return Ok(None) };
        let path = AttrPath::parse(by)?;
        let found: Vec<_> = resource_types.iter().filter_map(|rt| rt.resolve_for_reading(&path)).collect();
        // The order of secrets tells of them.
        if let Some(secret) = found.iter().find(|resolved| resolved.is_secret()) {
            return Err(ScimError::invalid_path(format!(
                "{} is never shown, and nothing can be sorted by it.",
                secret.canonical()
            )));
        }
        if !found.is_empty() {
            return Ok(Some(Self { path, descending }));
        }
        Err(ScimError::invalid_path(format!("sortBy names {}, which is no attribute here.", quote(by))))
    }

    /// By what it is sorted.
    #[must_use]
    pub const fn path(&self) -> &AttrPath {
        &self.path
    }

    /// Whether the order runs backwards.
    #[must_use]
    pub const fn is_descending(&self) -> bool {
        self.descending
    }

    /// Whether it sorts by what people call a resource of this type, which every one has.
    #[must_use]
    pub fn is_by_name(&self, resource_type: &ResourceType) -> bool {
        let name = resource_type.unique_attributes().next();
        let by = resource_type.resolve(&self.path);
        name.zip(by).is_some_and(|(name, by)| {
            let leaf = name.leaf();
            leaf.required && !leaf.case_exact && name.canonical() == by.canonical()
        })
    }

    /// The place of a resource, rendered in full. Of several values the primary one counts, else the first.
    #[must_use]
    pub fn key(&self, resource_type: &ResourceType, resource: &Map<String, Value>) -> Key {
        let Some(resolved) = resource_type.resolve_for_reading(&self.path) else { return Key::Nothing };
        let holder = match resolved.extension {
            Some(schema) => resource.get(&schema.id).and_then(Value::as_object),
            None => Some(resource),
        };
        let Some(mut value) = holder.and_then(|holder| holder.get(&resolved.attribute.name)) else {
            return Key::Nothing;
        };
        if let Value::Array(elements) = value {
            let primary = elements.iter().find(|e| e.get("primary") == Some(&Value::Bool(true)));
            match primary.or(elements.first()) {
                Some(element) => value = element,
                None => return Key::Nothing,
            }
        }
        let leaf = match resolved.sub {
            Some(sub) => Some(sub),
            None if resolved.attribute.is_complex() => resolved.attribute.comparable(),
            None => None,
        };
        if let Some(sub) = leaf {
            value = value.get(&sub.name).unwrap_or(&Value::Null);
        }
        let leaf = leaf.unwrap_or(resolved.attribute);
        match value {
            Value::Bool(flag) => Key::Flag(*flag),
            Value::Number(number) => Key::Number(number.as_f64().unwrap_or_default()),
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are exact in an f64")]
            Value::String(text) if leaf.kind == AttributeType::DateTime => {
                time::parse(text).map_or(Key::Nothing, |ms| Key::Number(ms as f64))
            }
            Value::String(text) if leaf.case_exact => Key::Text(bounded(text.clone())),
            Value::String(text) => Key::name(text),
            _ => Key::Nothing,
        }
    }

    /// Which of two places comes first.
    #[must_use]
    pub fn compare(&self, a: &Key, b: &Key) -> Ordering {
        if self.descending { b.cmp(a) } else { a.cmp(b) }
    }
}

impl Key {
    /// The place of a text that is compared without case.
    #[must_use]
    pub fn name(text: &str) -> Self {
        Self::Text(bounded(fold(text)))
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
            Self::Nothing => 3,
        }
    }
}

impl Eq for Key {}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Flag(a), Self::Flag(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::schema::Catalog;

    fn order(by: &str, how: &str, resources: &[Value]) -> Vec<String> {
        let catalog = Catalog::builtin();
        let user = catalog.by_name("User").unwrap();
        let sort = Sort::parse(&[user], Some(by), Some(how)).unwrap().unwrap();
        let mut keyed: Vec<(Key, String)> = resources
            .iter()
            .map(|r| {
                let map = r.as_object().unwrap();
                (sort.key(user, map), map["userName"].as_str().unwrap().to_owned())
            })
            .collect();
        keyed.sort_by(|a, b| sort.compare(&a.0, &b.0));
        keyed.into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn texts_fold_primaries_count_and_nothing_comes_last() {
        let people = [
            json!({"userName": "b", "emails": [{"value": "z@x"}, {"value": "A@x", "primary": true}]}),
            json!({"userName": "A", "emails": [{"value": "b@x"}]}),
            json!({"userName": "c"}),
        ];
        assert_eq!(order("userName", "ascending", &people), ["A", "b", "c"]);
        assert_eq!(order("emails.value", "ascending", &people), ["b", "A", "c"]);
        assert_eq!(order("emails", "descending", &people), ["c", "A", "b"]);
    }

    #[test]
    fn times_compare_as_times() {
        let people = [
            json!({"userName": "late", "meta": {"created": "2026-01-01T00:00:00+02:00"}}),
            json!({"userName": "later", "meta": {"created": "2025-12-31T23:00:00Z"}}),
        ];
        assert_eq!(order("meta.created", "", &people), ["late", "later"]);
    }

    #[test]
    fn unknown_attributes_and_orders_are_refused() {
        let catalog = Catalog::builtin();
        let user = catalog.by_name("User").unwrap();
        assert!(Sort::parse(&[user], Some("shoeSize"), None).is_err());
        assert!(Sort::parse(&[user], Some("userName"), Some("upwards")).is_err());
        assert_eq!(Sort::parse(&[user], None, Some("ascending")).unwrap(), None);
    }
}
