//! Filters (RFC 7644 §3.4.2.2): the tree, its limits and its text.
//!
//! ```text
//! FILTER     = logExp / valuePath / attrExp / *1"not" "(" FILTER ")"
//! logExp     = FILTER SP ("and" / "or") SP FILTER     ; "and" binds stronger
//! valuePath  = attrPath "[" valFilter "]"             ; the same without valuePath inside
//! attrExp    = (attrPath SP "pr") / (attrPath SP compareOp SP compValue)
//! compareOp  = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "lt" / "ge" / "le"
//! compValue  = false / null / true / number / string  ; as in JSON
//! ```
//! Keywords and names match in any case. Beyond the grammar, blanks may stand inside brackets, and an
//! extension attribute may be named without its URN where the core has no such name.
//!
//! [`Filter::parse`] reads the text, [`Filter::check`] compares it with a resource type (unknown
//! names, comparisons that make no sense), [`Filter::matches`] decides. Whoever decides elsewhere,
//! in SQL for example, decides the same; the rules are those of [`Filter::matches`].

mod check;
mod eval;
mod lexer;
mod parser;

use std::borrow::Cow;
use std::fmt;

use serde_json::{Number, Value};

use crate::dialect::Dialect;
use crate::error::ScimError;
use crate::path::AttrPath;

/// The longest filter in bytes.
pub const MAX_LENGTH: usize = 8 * 1024;
/// The deepest nesting of brackets.
pub const MAX_DEPTH: usize = 32;
/// The most comparisons.
pub const MAX_TERMS: usize = 200;

/// A filter. [`Filter::And`] and [`Filter::Or`] have two parts or more.
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
    /// One and the same element fulfils the whole inner filter.
    ValuePath {
        /// The attribute of the elements.
        path: AttrPath,
        /// What one of them must fulfil; paths in it are sub-attributes.
        filter: Box<Filter>,
    },
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Equal.
    Eq,
    /// Not equal, or absent.
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

impl CompareOp {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The keyword.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    /// Whether it asks for more or less.
    #[must_use]
    pub const fn is_ordering(self) -> bool {
        matches!(self, Self::Gt | Self::Ge | Self::Lt | Self::Le)
    }

    /// Whether it looks into a text.
    #[must_use]
    pub const fn is_textual(self) -> bool {
        matches!(self, Self::Co | Self::Sw | Self::Ew)
    }
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

impl Literal {
    /// The text that is compared with texts: a number or boolean without quotes is meant as its text.
    #[must_use]
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::String(text) => Some(text.into()),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Bool(flag) => Some(flag.to_string().into()),
            Self::Null => None,
        }
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// 400 `invalidFilter` that points at the byte: text that does not follow the grammar or is
    /// beyond [`MAX_LENGTH`], [`MAX_DEPTH`] or [`MAX_TERMS`].
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, ScimError> {
        parser::parse(text, dialect)
    }

    /// How many comparisons it has.
    #[must_use]
    pub fn terms(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::terms).sum(),
            Self::Not(inner) | Self::ValuePath { filter: inner, .. } => inner.terms(),
            Self::Compare { .. } | Self::Present(_) => 1,
        }
    }

    /// The `eq` comparisons that all hold for whatever fulfils the filter, if it consists of
    /// nothing else: `type eq "work" and primary eq true`. `None` for any other filter.
    #[must_use]
    pub fn equalities(&self) -> Option<Vec<(&AttrPath, &Literal)>> {
        match self {
            Self::Compare { path, op: CompareOp::Eq, value } if *value != Literal::Null => {
                Some(vec![(path, value)])
            }
            Self::And(parts) => {
                let mut all = Vec::with_capacity(parts.len());
                for part in parts {
                    all.extend(part.equalities()?);
                }
                Some(all)
            }
            _ => None,
        }
    }
}

impl Literal {
    /// The literal as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::String(text) => Value::String(text.clone()),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Null => Value::Null,
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_value().fmt(f)
    }
}

impl fmt::Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The shortest text that reads back as the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str, in_and: bool| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Self::Or(_) => write!(f, "({part})")?,
                    Self::And(_) if in_and => write!(f, "({part})")?,
                    _ => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(parts) => join(f, parts, "and", true),
            Self::Or(parts) => join(f, parts, "or", false),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare { path, op, value } => write!(f, "{path} {op} {value}"),
            Self::Present(path) => write!(f, "{path} pr"),
            Self::ValuePath { path, filter } => write!(f, "{path}[{filter}]"),
        }
    }
}
