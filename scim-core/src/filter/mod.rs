//! Filters (RFC 7644 §3.4.2.2): the tree.

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::dialect::Dialect;
use crate::error::ScimError;
use crate::path::AttrPath;
use crate::schema::ResourceType;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these.
    And(Vec<Filter>),
    /// Any of these.
    Or(Vec<Filter>),
    /// The opposite.
    Not(Box<Filter>),
    /// A value compared.
    Compare {
        /// What is compared.
        path: AttrPath,
        /// How.
        op: CompareOp,
        /// With what.
        value: Literal,
    },
    /// There is a value.
    Present(AttrPath),
    /// One element fulfils the whole filter.
    ValuePath {
        /// The attribute of the elements.
        path: AttrPath,
        /// What one of them must fulfil.
        filter: Box<Filter>,
    },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A text.
    String(String),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Bool(bool),
    /// `null`: no value.
    Null,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// 400 `invalidFilter`.
    pub fn parse(_text: &str, _dialect: Dialect) -> Result<Self, ScimError> {
        Err(ScimError::invalid_filter("filters are not read yet"))
    }

    /// Checks a filter against a resource type.
    ///
    /// # Errors
    /// 400 `invalidFilter`.
    pub fn check(&self, _resource_type: &ResourceType) -> Result<(), ScimError> {
        Ok(())
    }

    /// Whether a resource, rendered in full, fulfils the filter.
    #[must_use]
    pub fn matches(&self, _resource_type: &ResourceType, _resource: &Map<String, Value>) -> bool {
        false
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…")
    }
}
