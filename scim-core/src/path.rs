//! Attribute paths (RFC 7644 §3.10) and PATCH paths (§3.5.2).
//!
//! ```text
//! attrPath  = [URI ":"] ATTRNAME *1subAttr        subAttr = "." ATTRNAME
//! PATH      = attrPath / valuePath [subAttr]      valuePath = attrPath "[" valFilter "]"
//! ATTRNAME  = ALPHA *("-" / "_" / DIGIT / ALPHA)  or "$ref"
//! ```
//! URNs contain dots and colons: what stands behind the last colon is the name.

use std::fmt;

use crate::dialect::Dialect;
use crate::error::{ScimError, quote};
use crate::filter::Filter;

/// A path to an attribute or sub-attribute, as written; case is kept and does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttrPath {
    /// The schema URN, if the path names one.
    pub urn: Option<String>,
    /// The attribute.
    pub name: String,
    /// The sub-attribute.
    pub sub: Option<String>,
}

impl AttrPath {
    /// A path to a core attribute.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { urn: None, name: name.into(), sub: None }
    }

    /// Reads a path.
    ///
    /// # Errors
    /// 400 `invalidPath` if the text does not follow the grammar. Whether there is such an
    /// attribute is another question: [`ResourceType::resolve`](crate::schema::ResourceType::resolve).
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        Self::read(text.trim()).ok_or_else(|| {
            ScimError::invalid_path(format!(
                "{} is not an attribute path. Write a name (userName), a name and its part \
                 (name.familyName), or a schema URN, a colon and one of these.",
                quote(text)
            ))
        })
    }

    /// Whether it names this attribute or, if a part is given, the whole of it or that part. Its URN is not looked at.
    #[must_use]
    pub fn reaches(&self, name: &str, part: Option<&str>) -> bool {
        let same = |sub: &str| part.is_none_or(|part| part.eq_ignore_ascii_case(sub));
        self.name.eq_ignore_ascii_case(name) && self.sub.as_deref().is_none_or(same)
    }

    /// Reads a path; `None` if the text does not follow the grammar.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (urn, rest) = match text.rsplit_once(':') {
            Some((urn, rest)) => (Some(urn), rest),
            None => (None, text),
        };
        if urn.is_some_and(|urn| !is_uri(urn)) {
            return None;
        }
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        if !is_name(name) || sub.is_some_and(|sub| !is_name(sub)) {
            return None;
        }
        Some(Self { urn: urn.map(Into::into), name: name.into(), sub: sub.map(Into::into) })
    }
}

/// What may stand before the last colon. `urn` alone would make an attribute of a bare URN.
fn is_uri(text: &str) -> bool {
    let whole = text.split(':').all(|part| !part.is_empty());
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"[]()\"".contains(&byte));
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    whole && plain && begins && !text.eq_ignore_ascii_case("urn")
}

pub(crate) fn is_name(text: &str) -> bool {
    let mut bytes = text.strip_prefix('$').unwrap_or(text).bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// The `path` of a PATCH operation: an attribute, or those of its elements that a filter selects,
/// or a part of these.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchPath {
    /// The attribute; with a filter, its `sub` is normally empty.
    pub attr: AttrPath,
    /// Selects elements of the attribute.
    pub filter: Option<Filter>,
    /// The sub-attribute behind the filter.
    pub sub: Option<String>,
}

impl PatchPath {
    /// The path to an attribute as a whole.
    #[must_use]
    pub fn to(attr: AttrPath) -> Self {
        Self { attr, filter: None, sub: None }
    }

    /// Reads a path.
    ///
    /// # Errors
    /// 400 `invalidPath` if the text does not follow the grammar, `invalidFilter` if the filter
    /// in it does not follow its own.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, ScimError> {
        let text = text.trim();
        let Some((attr, rest)) = text.split_once('[') else {
            return AttrPath::parse(text).map(Self::to);
        };
        let attr = AttrPath::parse(attr)?;
        let unclosed = || {
            ScimError::invalid_path(format!(
                "{} opens \"[\" and does not close it. Write attribute[filter] or attribute[filter].part.",
                quote(text)
            ))
        };
        let (filter, rest) = split_at_bracket(rest).ok_or_else(unclosed)?;
        let sub = match rest.strip_prefix('.') {
            Some(sub) if is_name(sub) => Some(sub.to_owned()),
            None if rest.is_empty() => None,
            _ => {
                return Err(ScimError::invalid_path(format!(
                    "{} has more behind \"]\" than one sub-attribute. Write attribute[filter].part.",
                    quote(text)
                )));
            }
        };
        Ok(Self { attr, filter: Some(Filter::parse(filter, dialect)?), sub })
    }
}

/// Splits behind the first `]` that is not inside a quoted text.
fn split_at_bracket(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (offset, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => {
                let (inside, behind) = text.split_at_checked(offset)?;
                return Some((inside, behind.get(1..)?));
            }
            _ => {}
        }
    }
    None
}

impl fmt::Display for PatchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.attr.fmt(f)?;
        if let Some(filter) = &self.filter {
            write!(f, "[{filter}]")?;
        }
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}
