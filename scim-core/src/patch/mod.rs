//! PATCH (RFC 7644 §3.5.2): what it says, and what it does.
//!
//! [`parse`] reads a body into operations, [`apply`] carries them out on a resource, all or none.
//! The relation (a group's members) is not in the resource: operations on it come out as
//! [`RelationEdit`]s for whoever keeps the rows, so that adding one member to a large group costs
//! the same as to an empty one.
//!
//! Errors begin with the operation they are about: `Operation 2 (replace emails): …`.

mod apply;
mod dialects;
mod elements;
mod members;

use std::fmt;

use serde_json::{Map, Value};

pub use apply::apply;

use crate::dialect::{Dialect, Rule};
use crate::error::{ScimError, describe, quote};
use crate::filter::Filter;
use crate::notes::Notes;
use crate::path::{AttrPath, PatchPath};
use crate::relation::{Reference, lookup};
use crate::schema::{Resolved, ResourceType};
use crate::schemas;

/// URN of a PATCH body.
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The most operations in one body.
pub const MAX_OPERATIONS: usize = 5000;

/// A PATCH body, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// What was tolerated while reading.
    pub notes: Notes,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Adds to what is there.
    Add,
    /// Takes away.
    Remove,
    /// Puts in place of what is there.
    Replace,
}

impl Op {
    /// The keyword.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
        }
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// Where; `None` means the resource itself, and the value is an object of attributes.
    pub path: Option<PatchPath>,
    /// With what; `None` if the body has no `value`.
    pub value: Option<Value>,
}

/// What applying a PATCH came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patched {
    /// What to do with the rows of the relation, in order.
    pub relation: Vec<RelationEdit>,
    /// What was tolerated, reading included.
    pub notes: Notes,
    /// Whether the resource itself is different now. The relation may have changed anyway.
    pub changed: bool,
}

/// A change of the relation, to be applied to its rows.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationEdit {
    /// Adds these; those that are there stay.
    Add(Vec<Reference>),
    /// Removes these ids; those that are not there do not matter.
    Remove(Vec<String>),
    /// Removes those that fulfil a filter over one of them (`value`, `type`, `display`); see
    /// [`Filter::matches_element`].
    RemoveWhere(Filter),
    /// These and no others.
    Replace(Vec<Reference>),
    /// Removes all.
    Clear,
}

impl Patch {
    /// The attributes that its operations name; those that there are not are left out.
    #[must_use]
    pub fn written<'a>(&self, resource_type: &'a ResourceType) -> Vec<Resolved<'a>> {
        let mut written = Vec::new();
        for operation in &self.operations {
            match (&operation.path, &operation.value) {
                (Some(path), value) => {
                    let sub = path.attr.sub.clone().or_else(|| path.sub.clone());
                    named(
                        resource_type,
                        &AttrPath { sub, ..path.attr.clone() },
                        value.as_ref(),
                        &mut written,
                    );
                }
                (None, Some(Value::Object(map))) => {
                    for (key, value) in map {
                        if let Some(path) = AttrPath::read(key) {
                            named(resource_type, &path, Some(value), &mut written);
                        }
                    }
                }
                (None, _) => {}
            }
        }
        written
    }
}

/// What a path names: an attribute, or those of an extension that the value has.
fn named<'a>(
    resource_type: &'a ResourceType,
    path: &AttrPath,
    value: Option<&Value>,
    to: &mut Vec<Resolved<'a>>,
) {
    let Some(schema) = resource_type.extension(&path.to_string()) else {
        to.extend(resource_type.resolve(path));
        return;
    };
    let keys = value.and_then(Value::as_object).into_iter().flatten();
    to.extend(keys.filter_map(|(key, _)| {
        Some(Resolved { extension: Some(schema), attribute: schema.attribute(key)?, sub: None })
    }));
}

/// Reads a PATCH body. Whether there are such attributes is seen by [`apply`].
///
/// # Errors
/// * 400 `invalidSyntax`: no object, no `Operations`, an operation that is no object, `schemas` that
///   name something else
/// * 400 `invalidValue`: an unknown `op`, or a value missing
/// * 400 `noTarget`: a `remove` without path
/// * 400 `invalidPath`, `invalidFilter`: a path that does not follow the grammar
/// * 413: more than [`MAX_OPERATIONS`]
pub fn parse(resource_type: &ResourceType, body: &Value, dialect: Dialect) -> Result<Patch, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax(format!(
            "The body must be a JSON object with Operations, but is {}.",
            describe(body)
        )));
    };
    let mut notes = Notes::default();
    schemas::check(resource_type, body, &[PATCH_URN], dialect, &mut notes)?;
    let operations = match lookup(body, "Operations") {
        Some(value) => listed(resource_type, value, dialect, &mut notes)?,
        None => dialects::one_one(resource_type, body, dialect, &mut notes).ok_or_else(|| {
            ScimError::invalid_syntax(format!(
                "Operations is missing. Send {{\"schemas\": [\"{PATCH_URN}\"], \"Operations\": \
                 [{{\"op\": \"replace\", \"path\": \"…\", \"value\": …}}]}}."
            ))
        })?,
    };
    Ok(Patch { operations, notes })
}

fn listed(
    resource_type: &ResourceType,
    value: &Value,
    dialect: Dialect,
    notes: &mut Notes,
) -> Result<Vec<Operation>, ScimError> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        Value::Object(_) if notes.tolerate(dialect, Rule::ObjectForList) => std::slice::from_ref(value),
        other => {
            return Err(ScimError::invalid_syntax(format!(
                "Operations must be a list of operations, but is {}.",
                describe(other)
            )));
        }
    };
    if list.is_empty() {
        return Err(ScimError::invalid_syntax("Operations is empty. Send at least one operation."));
    }
    if list.len() > MAX_OPERATIONS {
        return Err(ScimError::too_large(format!(
            "The body has {} operations; at most {MAX_OPERATIONS} are read. Send several requests.",
            list.len()
        )));
    }
    let operations = list.iter().enumerate();
    operations
        .map(|(index, operation)| {
            operation_of(resource_type, operation, dialect, notes)
                .map_err(|error| error.at(format_args!("Operation {}", index + 1)))
        })
        .collect()
}

fn operation_of(
    resource_type: &ResourceType,
    operation: &Value,
    dialect: Dialect,
    notes: &mut Notes,
) -> Result<Operation, ScimError> {
    let Value::Object(map) = operation else {
        return Err(ScimError::invalid_syntax(format!(
            "an operation must be an object with op, path and value, but is {}.",
            describe(operation)
        )));
    };
    let op = op_of(map, dialect, notes)?;
    let path = path_of(resource_type, map, dialect)?;
    let value = lookup(map, "value").cloned();
    match (op, &path, &value) {
        (Op::Remove, None, _) => Err(ScimError::no_target(
            "a remove needs a path that says what to remove, for example \"path\": \"title\".",
        )),
        (Op::Add | Op::Replace, _, None) => Err(ScimError::invalid_value(format!(
            "this {} has no value. Send one, or remove the attribute with \"op\": \"remove\".",
            op.as_str()
        ))),
        _ => Ok(Operation { op, path, value }),
    }
}

fn op_of(map: &Map<String, Value>, dialect: Dialect, notes: &mut Notes) -> Result<Op, ScimError> {
    const KNOWN: &str = "Send \"add\", \"remove\" or \"replace\".";
    let word = match lookup(map, "op") {
        Some(Value::String(word)) => word.as_str(),
        None | Some(Value::Null) => {
            return Err(ScimError::invalid_value(format!("op is missing. {KNOWN}")));
        }
        Some(other) => {
            let came = describe(other);
            return Err(ScimError::invalid_value(format!("op must be a text, but is {came}. {KNOWN}")));
        }
    };
    let ops = [Op::Add, Op::Remove, Op::Replace];
    let matching = |op: &Op| {
        op.as_str() == word || (op.as_str().eq_ignore_ascii_case(word) && dialect.has(Rule::OpAnyCase))
    };
    let Some(op) = ops.into_iter().find(matching) else {
        let word = quote(word);
        return Err(ScimError::invalid_value(format!("op {word} is not known. {KNOWN}")));
    };
    if op.as_str() != word {
        notes.rules.insert(Rule::OpAnyCase);
    }
    Ok(op)
}

fn path_of(
    resource_type: &ResourceType,
    map: &Map<String, Value>,
    dialect: Dialect,
) -> Result<Option<PatchPath>, ScimError> {
    match lookup(map, "path") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => {
            // The URN of an extension alone means all of it. It is spelt out, as the older ones
            // end in a number and would be no attribute path.
            let extension = resource_type.extension(text.trim());
            let text = extension.map_or(text.as_str(), |schema| schema.id.as_str());
            PatchPath::parse(text, dialect).map(Some)
        }
        Some(other) => {
            Err(ScimError::invalid_path(format!("path must be a text, but is {}.", describe(other))))
        }
    }
}

impl Operation {
    /// An operation on a core attribute.
    fn on(op: Op, attribute: &str, value: Value) -> Self {
        Self { op, path: Some(PatchPath::to(AttrPath::named(attribute))), value: Some(value) }
    }
}

/// `replace emails[type eq "work"].value`, cut to what fits an error text.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 80;
        f.write_str(self.op.as_str())?;
        let Some(path) = &self.path else {
            return Ok(());
        };
        let path = path.to_string();
        let shown: String = path.chars().take(LONGEST).collect();
        let more = if shown.len() < path.len() { "…" } else { "" };
        write!(f, " {shown}{more}")
    }
}
