//! PATCH (RFC 7644 §3.5.2).

use serde_json::Value;

use crate::dialect::Dialect;
use crate::error::ScimError;
use crate::filter::Filter;
use crate::notes::Notes;
use crate::path::PatchPath;
use crate::relation::Reference;
use crate::resource::Resource;
use crate::schema::ResourceType;

/// A PATCH body, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// What was tolerated.
    pub notes: Notes,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Adds.
    Add,
    /// Removes.
    Remove,
    /// Replaces.
    Replace,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// Where; `None` means the resource itself.
    pub path: Option<PatchPath>,
    /// With what.
    pub value: Option<Value>,
}

/// What applying a PATCH came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patched {
    /// What to do with the rows of the relation, in order.
    pub relation: Vec<RelationEdit>,
    /// What was tolerated.
    pub notes: Notes,
    /// Whether the resource itself is different now.
    pub changed: bool,
}

/// A change of the relation, to be applied to its rows.
#[derive(Debug, Clone, PartialEq)]
pub enum RelationEdit {
    /// Adds these; those that are there stay.
    Add(Vec<Reference>),
    /// Removes these ids; unknown ones do not matter.
    Remove(Vec<String>),
    /// Removes those that fulfil a filter over one of them (`value`, `type`, `display`).
    RemoveWhere(Filter),
    /// These and no others.
    Replace(Vec<Reference>),
    /// Removes all.
    Clear,
}

/// Reads a PATCH body.
///
/// # Errors
/// 400.
pub fn parse(
    _resource_type: &ResourceType,
    _body: &Value,
    _dialect: Dialect,
) -> Result<Patch, ScimError> {
    Err(ScimError::invalid_syntax("PATCH is not read yet"))
}

/// Applies a PATCH; on `Err` the resource is unchanged.
///
/// # Errors
/// 400.
pub fn apply(
    _resource_type: &ResourceType,
    _resource: &mut Resource,
    _patch: &Patch,
    _dialect: Dialect,
) -> Result<Patched, ScimError> {
    Ok(Patched::default())
}
