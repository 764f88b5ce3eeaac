//! From what clients send to what a schema says: the one place where values are typed.
//!
//! Used for bodies ([`crate::resource`]) and for PATCH values ([`crate::patch`]) alike. Each
//! deviation that is accepted is a [`Rule`] and is noted.

mod elements;
mod refuse;

use serde_json::{Map, Value, json};

use crate::dialect::{Dialect, Rule};
use crate::error::ScimError;
use crate::notes::Notes;
use crate::schema::{Attribute, AttributeType};
use crate::{fold, time};
use refuse::{place, wrong_list, wrong_type};

pub(crate) use elements::{Elements, bounded};

/// Reads values by their attribute's definition.
pub(crate) struct Coercer<'n> {
    pub(crate) dialect: Dialect,
    pub(crate) notes: &'n mut Notes,
}

impl Coercer<'_> {
    /// The canonical value of an attribute; `None` if it means "no value" (RFC 7643 §2.5).
    /// `at` is the place for error texts.
    pub(crate) fn attribute(
        &mut self,
        at: &str,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        if !attribute.multi_valued {
            return self.single(at, attribute, value);
        }
        let elements = self.elements(at, attribute, value)?;
        Ok((!elements.is_empty()).then_some(Value::Array(elements)))
    }

    /// The canonical elements of a multi-valued attribute, without doubles, one of them primary
    /// at most.
    pub(crate) fn elements(
        &mut self,
        at: &str,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<Vec<Value>, ScimError> {
        let list = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(list) => list.as_slice(),
            Value::String(text) if self.is_blank(text) => return Ok(Vec::new()),
            Value::Object(_) if self.tolerates(Rule::ObjectForList) => std::slice::from_ref(value),
            Value::String(_) if !attribute.is_complex() && self.tolerates(Rule::ObjectForList) => {
                std::slice::from_ref(value)
            }
            other => return Err(wrong_list(at, attribute, other)),
        };
        bounded(at, list.len())?;
        let mut elements = Elements::default();
        for (index, element) in list.iter().enumerate() {
            let at = format!("{at}[{index}]");
            if let Some(element) = self.element(&at, attribute, element)? {
                elements.merge(element);
            }
        }
        self.settle_primary(at, elements.into_list(), &[])
    }

    /// One value of the attribute, whether it is multi-valued or not.
    pub(crate) fn element(
        &mut self,
        at: &str,
        attribute: &Attribute,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        if !attribute.is_complex() {
            return self.simple(at, attribute, value);
        }
        match value {
            Value::Null => Ok(None),
            Value::Object(map) => self.complex(at, attribute, map),
            Value::String(text) if self.is_blank(text) => Ok(None),
            Value::String(_) => {
                let rule = if attribute.multi_valued { Rule::ObjectForList } else { Rule::ManagerForms };
                if attribute.sub("value").is_some() && self.tolerates(rule) {
                    Ok(Some(json!({ "value": value })))
                } else {
                    Err(wrong_type(at, attribute, value))
                }
            }
            other => Err(wrong_type(at, attribute, other)),
        }
    }

    /// A single-valued attribute; a list of one is unwrapped.
    fn single(&mut self, at: &str, attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
        match value {
            Value::Array(list) => match list.as_slice() {
                [] => Ok(None),
                [one] if !one.is_array() && self.tolerates(Rule::SingleAsList) => {
                    self.element(at, attribute, one)
                }
                _ => Err(wrong_type(at, attribute, value)),
            },
            other => self.element(at, attribute, other),
        }
    }

    fn complex(
        &mut self,
        at: &str,
        attribute: &Attribute,
        map: &Map<String, Value>,
    ) -> Result<Option<Value>, ScimError> {
        let mut out = Map::new();
        for (key, value) in map {
            let path = format!("{at}.{key}");
            let Some(sub) = self.sub_attribute(attribute, key) else {
                self.notes.drop_path(&path);
                continue;
            };
            if !sub.is_stored() {
                continue;
            }
            let at = format!("{at}.{}", sub.name);
            if let Some(value) = self.attribute(&at, sub, value)? {
                out.insert(sub.name.clone(), value);
            }
        }
        Ok((!out.is_empty()).then_some(Value::Object(out)))
    }

    /// The sub-attribute that a key means. `managerId` means the `value` of `manager`.
    fn sub_attribute<'a>(&mut self, attribute: &'a Attribute, key: &str) -> Option<&'a Attribute> {
        attribute.sub(key).or_else(|| {
            let (stem, id) = key.split_at_checked(key.len().checked_sub(2)?)?;
            let means_id = id.eq_ignore_ascii_case("id") && stem.eq_ignore_ascii_case(&attribute.name);
            (means_id && self.tolerates(Rule::ManagerForms)).then(|| attribute.sub("value"))?
        })
    }

    fn simple(&mut self, at: &str, attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => self.text(at, attribute, text, value),
            Value::Object(map) => self.wrapped(at, attribute, map, value),
            other if fits(attribute.kind, other) => Ok(Some(other.clone())),
            other => Err(wrong_type(at, attribute, other)),
        }
    }

    fn text(
        &mut self,
        at: &str,
        attribute: &Attribute,
        text: &str,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        if self.is_blank(text) {
            return Ok(None);
        }
        let fits = match attribute.kind {
            AttributeType::String | AttributeType::Reference => true,
            AttributeType::DateTime => time::parse(text).is_some(),
            AttributeType::Binary => is_base64(text),
            AttributeType::Boolean => {
                if let Some(flag) = boolean(text)
                    && self.tolerates(Rule::BooleanText)
                {
                    return Ok(Some(Value::Bool(flag)));
                }
                false
            }
            AttributeType::Integer | AttributeType::Decimal | AttributeType::Complex => false,
        };
        if fits { Ok(Some(value.clone())) } else { Err(wrong_type(at, attribute, value)) }
    }

    /// `{"value": x}`, `{"active": x}` for `active` and `{}` where a simple value belongs.
    fn wrapped(
        &mut self,
        at: &str,
        attribute: &Attribute,
        map: &Map<String, Value>,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        let mut entries = map.iter();
        match (entries.next(), entries.next()) {
            (None, _) => Ok(None),
            (Some((key, inner)), None)
                if (key.eq_ignore_ascii_case("value") || key.eq_ignore_ascii_case(&attribute.name))
                    && !inner.is_object()
                    && self.tolerates(Rule::SingleAsList) =>
            {
                self.simple(at, attribute, inner)
            }
            _ => Err(wrong_type(at, attribute, value)),
        }
    }

    /// Of several primary elements keeps one: the first of those that were just `touched`, else
    /// the first of type `work`, else the first (RFC 7643 §2.4).
    ///
    /// # Errors
    /// 400 `invalidValue` if several came at once and the dialect does not have the rule.
    pub(crate) fn settle_primary(
        &mut self,
        at: &str,
        mut elements: Vec<Value>,
        touched: &[usize],
    ) -> Result<Vec<Value>, ScimError> {
        let primary: Vec<usize> = elements
            .iter()
            .enumerate()
            .filter(|(_, element)| element.get("primary") == Some(&Value::Bool(true)))
            .map(|(index, _)| index)
            .collect();
        if primary.len() < 2 {
            return Ok(elements);
        }
        let is_work = |index: &&usize| {
            let kind = elements.get(**index).and_then(|e| e.get("type"));
            kind.and_then(Value::as_str).is_some_and(|kind| fold::fold(kind) == "work")
        };
        let mut recent = primary.iter().filter(|index| touched.contains(index)).peekable();
        // That a new primary takes over from the old one is the rule; several at once are not.
        if recent.peek().is_none() && !self.notes.tolerate(self.dialect, Rule::OnePrimary) {
            return Err(ScimError::invalid_value(format!(
                "{} has several primary elements. Mark one of them.",
                place(at)
            )));
        }
        let kept = recent.chain(primary.iter().filter(is_work)).chain(&primary).next().copied();
        for index in primary.into_iter().filter(|index| Some(*index) != kept) {
            if let Some(Value::Object(element)) = elements.get_mut(index) {
                element.insert("primary".into(), Value::Bool(false));
            }
        }
        // Two that differed in nothing else are the same now.
        Ok(elements.into_iter().collect::<Elements>().into_list())
    }

    /// Whether a text counts as no value.
    pub(crate) fn is_blank(&mut self, text: &str) -> bool {
        text.trim().is_empty() && self.tolerates(Rule::NullIsUnset)
    }

    pub(crate) fn tolerates(&mut self, rule: Rule) -> bool {
        self.notes.tolerate(self.dialect, rule)
    }
}

/// `true` and `false` in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn fits(kind: AttributeType, value: &Value) -> bool {
    match kind {
        AttributeType::Boolean => value.is_boolean(),
        AttributeType::Integer => value.is_i64() || value.is_u64(),
        AttributeType::Decimal => value.is_number(),
        AttributeType::String
        | AttributeType::DateTime
        | AttributeType::Binary
        | AttributeType::Reference
        | AttributeType::Complex => false,
    }
}

/// Base64 or base64url, padded or not, with line breaks as in PEM.
fn is_base64(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b.is_ascii_whitespace() || b"+/-_=".contains(&b))
}
