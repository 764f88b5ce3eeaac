//! Edits of multi-valued attributes, and of the parts of complex values.

use serde_json::{Map, Value};

use super::Op;
use crate::coerce::{Coercer, Elements, bounded};
use crate::dialect::Rule;
use crate::error::ScimError;
use crate::filter::Filter;
use crate::schema::Attribute;

/// An operation on the elements of one attribute.
pub(super) struct Edit<'a> {
    /// The path for error texts, with `sub`.
    pub(super) at: &'a str,
    pub(super) attribute: &'a Attribute,
    /// The part of the elements that is meant.
    pub(super) sub: Option<&'a Attribute>,
    /// Selects elements; without it all are meant.
    pub(super) filter: Option<&'a Filter>,
    pub(super) value: Option<&'a Value>,
}

impl Edit<'_> {
    /// The elements after the operation.
    pub(super) fn apply(
        &self,
        op: Op,
        list: Vec<Value>,
        coercer: &mut Coercer<'_>,
    ) -> Result<Vec<Value>, ScimError> {
        if let Some(filter) = self.filter {
            filter.check_element(self.attribute)?;
        }
        let before = match self.attribute.immutable_parts().next() {
            Some(_) if self.sub.is_some() || op == Op::Add || self.filter.is_some() => list.clone(),
            _ => Vec::new(),
        };
        let (mut list, touched) = match (op, self.sub, self.filter) {
            (Op::Remove, None, None) => (self.remove(list, coercer)?, Vec::new()),
            (Op::Remove, None, Some(_)) => (self.unselected(list), Vec::new()),
            (Op::Remove, Some(sub), _) => (self.remove_part(list, sub), Vec::new()),
            (Op::Add, None, None) => self.add(list, coercer)?,
            (Op::Replace, None, None) => (self.elements(coercer)?, Vec::new()),
            (Op::Add | Op::Replace, None, Some(filter)) => self.put_elements(op, list, filter, coercer)?,
            (Op::Add | Op::Replace, Some(sub), _) => self.put_part(op, list, sub, coercer)?,
        };
        if self.sub.is_some() || !touched.is_empty() {
            // Elements stood where they stand: those that come are behind them.
            for (before, after) in before.iter().zip(&list) {
                keeps_parts(self.at, self.attribute, before, after)?;
            }
        }
        bounded(self.at, list.len())?;
        list = coercer.settle_primary(self.at, list, &touched)?;
        list.retain(|element| element.as_object().is_none_or(|map| !map.is_empty()));
        if self.sub.is_some() || self.filter.is_some() {
            // Two elements may have become the same.
            list = list.into_iter().collect::<Elements>().into_list();
        }
        Ok(list)
    }

    fn value(&self) -> &Value {
        self.value.unwrap_or(&Value::Null)
    }

    fn elements(&self, coercer: &mut Coercer<'_>) -> Result<Vec<Value>, ScimError> {
        coercer.elements(self.at, self.attribute, self.value())
    }

    fn selects(&self, element: &Value) -> bool {
        self.filter.is_none_or(|filter| filter.matches_element(self.attribute, element))
    }

    fn unselected(&self, mut list: Vec<Value>) -> Vec<Value> {
        list.retain(|element| !self.selects(element));
        list
    }

    /// All, or those that a value list names: each element that has all the parts of a named one.
    fn remove(&self, mut list: Vec<Value>, coercer: &mut Coercer<'_>) -> Result<Vec<Value>, ScimError> {
        if self.value().is_null() {
            return Ok(Vec::new());
        }
        if !coercer.tolerates(Rule::RemoveByValueList) {
            return Err(ScimError::invalid_value(format!(
                "a remove carries no value. Select what to remove in the path: {}[value eq \"…\"].",
                self.at
            )));
        }
        let named = self.elements(coercer)?;
        list.retain(|element| !named.iter().any(|named| covers(element, named)));
        Ok(list)
    }

    fn remove_part(&self, mut list: Vec<Value>, sub: &Attribute) -> Vec<Value> {
        for element in list.iter_mut().filter(|element| self.selects(element)) {
            if let Value::Object(map) = element {
                map.remove(&sub.name);
            }
        }
        list
    }

    fn add(
        &self,
        list: Vec<Value>,
        coercer: &mut Coercer<'_>,
    ) -> Result<(Vec<Value>, Vec<usize>), ScimError> {
        let added = self.elements(coercer)?;
        let mut elements: Elements = list.into_iter().collect();
        let touched = added.into_iter().map(|element| elements.merge(element)).collect();
        Ok((elements.into_list(), touched))
    }

    /// Whole elements put where a filter selects.
    fn put_elements(
        &self,
        op: Op,
        list: Vec<Value>,
        filter: &Filter,
        coercer: &mut Coercer<'_>,
    ) -> Result<(Vec<Value>, Vec<usize>), ScimError> {
        let value = coercer.element(self.at, self.attribute, self.value())?;
        let Some(value) = value else {
            let keep = op == Op::Add || says_nothing(self.attribute, self.value());
            let list = if keep { list } else { self.unselected(list) };
            return Ok((list, Vec::new()));
        };
        let (mut list, touched) = self.selected(op, list, coercer)?;
        // What the filter asks for stays true of the element unless the value says otherwise.
        let made = made_of(self.attribute, filter, coercer)?.unwrap_or_default();
        for index in &touched {
            let Some(slot) = list.get_mut(*index) else {
                continue;
            };
            match (slot, &value) {
                (Value::Object(known), Value::Object(value)) => {
                    if op == Op::Replace {
                        known.clone_from(&made);
                    }
                    known.extend(value.clone());
                }
                (slot, value) => *slot = value.clone(),
            }
        }
        Ok((list, touched))
    }

    /// A part put into all selected elements.
    fn put_part(
        &self,
        op: Op,
        list: Vec<Value>,
        sub: &Attribute,
        coercer: &mut Coercer<'_>,
    ) -> Result<(Vec<Value>, Vec<usize>), ScimError> {
        let value = coercer.attribute(self.at, sub, self.value())?;
        if value.is_none() {
            return Ok((self.remove_part(list, sub), Vec::new()));
        }
        let (mut list, touched) = self.selected(op, list, coercer)?;
        for index in &touched {
            if let Some(Value::Object(map)) = list.get_mut(*index) {
                set(map, self.attribute, sub, value.clone());
            }
        }
        Ok((list, touched))
    }

    /// The selected elements; if there are none, one is made of what the filter asks for, where
    /// that is allowed.
    fn selected(
        &self,
        op: Op,
        mut list: Vec<Value>,
        coercer: &mut Coercer<'_>,
    ) -> Result<(Vec<Value>, Vec<usize>), ScimError> {
        let positions = list.iter().enumerate();
        let touched: Vec<usize> =
            positions.filter(|(_, element)| self.selects(element)).map(|(index, _)| index).collect();
        if !touched.is_empty() {
            return Ok((list, touched));
        }
        let made = match self.filter {
            None => Some(Map::new()),
            Some(filter) if op == Op::Add || coercer.tolerates(Rule::CreateFilteredTarget) => {
                made_of(self.attribute, filter, coercer)?
            }
            Some(_) => None,
        };
        let made = made.ok_or_else(|| selects_nothing(self.at))?;
        let position = list.len();
        list.push(Value::Object(made));
        Ok((list, vec![position]))
    }
}

/// The element that a filter of `eq` terms describes: `type eq "work"` gives `{"type": "work"}`.
fn made_of(
    attribute: &Attribute,
    filter: &Filter,
    coercer: &mut Coercer<'_>,
) -> Result<Option<Map<String, Value>>, ScimError> {
    let Some(terms) = filter.equalities().filter(|_| attribute.is_complex()) else {
        return Ok(None);
    };
    let mut map = Map::new();
    for (path, literal) in terms {
        map.insert(path.name.clone(), literal.to_value());
    }
    match coercer.element(&attribute.name, attribute, &Value::Object(map))? {
        Some(Value::Object(map)) => Ok(Some(map)),
        _ => Ok(None),
    }
}

/// Whether a value that came to nothing is an object of parts that are unknown, read-only or empty,
/// rather than a request to clear: `{"shoeSize": 4}` for a name must not remove the name.
pub(super) fn says_nothing(attribute: &Attribute, raw: &Value) -> bool {
    let one = match raw {
        Value::Array(list) => list.first(),
        other => Some(other),
    };
    attribute.is_complex() && one.is_some_and(Value::is_object)
}

/// That a value has the immutable parts it had.
pub(super) fn keeps_parts(
    at: &str,
    attribute: &Attribute,
    before: &Value,
    after: &Value,
) -> Result<(), ScimError> {
    let moved = |sub: &&Attribute| {
        let had = before.get(&sub.name);
        had.is_some() && had != after.get(&sub.name)
    };
    match attribute.immutable_parts().find(moved) {
        Some(sub) => Err(fixed_once_set(&format!("{} of {at}", sub.name))),
        None => Ok(()),
    }
}

/// RFC 7643 §2.2: what is immutable stays as it is.
pub(super) fn fixed_once_set(at: &str) -> ScimError {
    ScimError::mutability(format!("{at} cannot be changed once it is set."))
}

/// Whether an element has all that the other has.
fn covers(element: &Value, named: &Value) -> bool {
    match (element, named) {
        (Value::Object(element), Value::Object(named)) => {
            let mut parts = named.iter();
            parts.all(|(key, value)| element.get(key) == Some(value))
        }
        _ => element == named,
    }
}

/// Merges parts into a complex value. Parts that came as "no value" go.
pub(super) fn complete(
    object: &mut Map<String, Value>,
    attribute: &Attribute,
    more: Map<String, Value>,
    raw: &Value,
) {
    if let Value::Object(raw) = raw {
        let named = raw.keys().filter_map(|key| attribute.sub(key));
        for sub in named.filter(|sub| sub.is_stored() && !more.contains_key(&sub.name)) {
            object.remove(&sub.name);
        }
    }
    let to = |map: &Map<String, Value>| map.get("value").cloned();
    if more.contains_key("value") && to(object) != to(&more) {
        object.remove("$ref");
    }
    object.extend(more);
}

/// Sets or removes one part. A reference that points elsewhere loses its old URL.
pub(super) fn set(
    object: &mut Map<String, Value>,
    attribute: &Attribute,
    sub: &Attribute,
    value: Option<Value>,
) {
    if sub.name == "value" && attribute.sub("$ref").is_some() && object.get("value") != value.as_ref() {
        object.remove("$ref");
    }
    match value {
        Some(value) => object.insert(sub.name.clone(), value),
        None => object.remove(&sub.name),
    };
}

pub(super) fn selects_nothing(at: &str) -> ScimError {
    ScimError::no_target(format!(
        "the filter selects nothing of {at}. Add the element first, or correct the filter."
    ))
}
