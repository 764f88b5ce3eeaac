//! Whether a filter makes sense for a resource type.

use super::{CompareOp, Filter, Literal};
use crate::coerce;
use crate::error::{ScimError, quote};
use crate::nearest::nearest;
use crate::path::AttrPath;
use crate::schema::{Attribute, AttributeType, ResourceType};
use crate::time;

/// Where the paths of a filter are looked up.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// In a resource.
    Resource(&'a ResourceType),
    /// In one element of an attribute.
    Element(&'a Attribute),
}

impl<'a> Scope<'a> {
    /// The attribute that a path names.
    pub(super) fn leaf(self, path: &AttrPath) -> Option<&'a Attribute> {
        match self {
            Self::Resource(resource_type) => {
                let resolved = resource_type.resolve_for_reading(path)?;
                Some(resolved.sub.unwrap_or(resolved.attribute))
            }
            Self::Element(attribute) if path.sub.is_none() => {
                if attribute.is_complex() {
                    attribute.sub(&path.name)
                } else {
                    // The elements of a plain list have no parts; `value` means themselves.
                    path.name.eq_ignore_ascii_case("value").then_some(attribute)
                }
            }
            Self::Element(_) => None,
        }
    }

    fn suggestion(self, path: &AttrPath) -> Option<String> {
        match self {
            Self::Resource(resource_type) => resource_type.suggest(path),
            Self::Element(attribute) => {
                let names = attribute.sub_attributes.iter().map(|sub| sub.name.as_str());
                nearest(&path.name, names).map(Into::into)
            }
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Resource(resource_type) => format!("a {}", resource_type.name),
            Self::Element(attribute) => attribute.name.clone(),
        }
    }

    fn require(self, path: &AttrPath) -> Result<&'a Attribute, ScimError> {
        let attribute = self.leaf(path).ok_or_else(|| {
            let hint = self.suggestion(path);
            let hint = hint.map_or_else(String::new, |name| format!(" Did you mean {name}?"));
            ScimError::invalid_filter(format!(
                "The filter names {}, which is not an attribute of {}.{hint}",
                quote(&path.to_string()),
                self.describe()
            ))
        })?;
        let inside = match self {
            Self::Resource(resource_type) => resource_type.resolve_for_reading(path).map(|r| r.attribute),
            Self::Element(_) => None,
        };
        [Some(attribute), inside].into_iter().flatten().try_for_each(not_secret)?;
        Ok(attribute)
    }
}

/// A secret could be found letter by letter.
fn not_secret(attribute: &Attribute) -> Result<(), ScimError> {
    if !attribute.is_secret() {
        return Ok(());
    }
    Err(ScimError::invalid_filter(format!("{} is never shown and cannot be searched.", attribute.name)))
}

impl Filter {
    /// Checks a filter against a resource type.
    ///
    /// # Errors
    /// 400 `invalidFilter`: an unknown attribute (with the nearest known name), one that may not
    /// be searched, a comparison that its type does not allow (RFC 7644 §3.4.2.2).
    pub fn check(&self, resource_type: &ResourceType) -> Result<(), ScimError> {
        check(self, Scope::Resource(resource_type))
    }

    /// The same for a query over several resource types (RFC 7644 §3.4.2.1): each comparison must make sense
    /// for one of them; the others have no value there.
    ///
    /// # Errors
    /// As [`Filter::check`], for the first type.
    pub fn check_any(&self, resource_types: &[&ResourceType]) -> Result<(), ScimError> {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().try_for_each(|part| part.check_any(resource_types))
            }
            Self::Not(inner) => inner.check_any(resource_types),
            term => {
                let mut outcomes = resource_types.iter().map(|resource_type| term.check(resource_type));
                let first = outcomes.next().unwrap_or(Ok(()));
                if outcomes.any(|outcome| outcome.is_ok()) { Ok(()) } else { first }
            }
        }
    }

    /// The same for a filter over one element of a multi-valued attribute, as it stands in
    /// brackets.
    ///
    /// # Errors
    /// As [`Filter::check`].
    pub fn check_element(&self, attribute: &Attribute) -> Result<(), ScimError> {
        check(self, Scope::Element(attribute))
    }
}

fn check(filter: &Filter, scope: Scope<'_>) -> Result<(), ScimError> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().try_for_each(|part| check(part, scope)),
        Filter::Not(inner) => check(inner, scope),
        Filter::Present(path) => scope.require(path).map(drop),
        Filter::Compare { path, op, value } => {
            let attribute = scope.require(path)?;
            if *value == Literal::Null && matches!(op, CompareOp::Eq | CompareOp::Ne) {
                return Ok(());
            }
            let compared = attribute.comparable().ok_or_else(|| {
                let subs = attribute.sub_attributes.iter().map(|sub| sub.name.as_str());
                let subs: Vec<&str> = subs.take(3).collect();
                ScimError::invalid_filter(format!(
                    "{path} has parts and cannot be compared itself. Compare one of them: {} ….",
                    subs.join(", ")
                ))
            })?;
            not_secret(compared)?;
            comparison(path, compared, *op, value)
        }
        Filter::ValuePath { path, filter } => {
            let attribute = scope.require(path)?;
            if !attribute.is_complex() && !attribute.multi_valued {
                return Err(ScimError::invalid_filter(format!(
                    "{path} is a single value without parts: compare it without [ ]."
                )));
            }
            check(filter, Scope::Element(attribute))
        }
    }
}

fn comparison(
    path: &AttrPath,
    attribute: &Attribute,
    op: CompareOp,
    value: &Literal,
) -> Result<(), ScimError> {
    use AttributeType::{Binary, Boolean, DateTime, Decimal, Integer};
    let kind = attribute.kind;
    let refuse = |what: &str| Err(ScimError::invalid_filter(format!("{path} {op} {}: {what}", shown(value))));
    if *value == Literal::Null {
        return match op {
            CompareOp::Eq | CompareOp::Ne => Ok(()),
            _ => refuse("null can be compared with eq and ne only."),
        };
    }
    if (op.is_ordering() && matches!(kind, Boolean | Binary)) || (op.is_textual() && kind == Boolean) {
        return refuse("this operator does not apply here. Use eq, ne or pr.");
    }
    match (kind, value) {
        (Boolean, Literal::String(text)) if coerce::boolean(text).is_none() => {
            refuse("compare it with true or false.")
        }
        (Boolean, Literal::Number(_)) => refuse("compare it with true or false."),
        (Decimal | Integer, Literal::Bool(_)) => refuse("compare it with a number."),
        (Decimal | Integer, Literal::String(text)) if text.parse::<f64>().is_err() => {
            refuse("compare it with a number.")
        }
        (DateTime, Literal::String(text)) if !op.is_textual() && time::parse(text).is_none() => {
            refuse("compare it with a time such as \"2026-11-24T00:16:00Z\".")
        }
        (DateTime, Literal::Number(_) | Literal::Bool(_)) => {
            refuse("compare it with a time such as \"2026-11-24T00:16:00Z\".")
        }
        _ => Ok(()),
    }
}

fn shown(value: &Literal) -> String {
    match value {
        Literal::String(text) => quote(text),
        other => other.to_string(),
    }
}
