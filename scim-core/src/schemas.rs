//! The `schemas` of a request body (RFC 7643 §3).

use serde_json::{Map, Value};

use crate::dialect::{Dialect, Rule};
use crate::error::{ScimError, describe, quote};
use crate::notes::Notes;
use crate::relation::lookup;
use crate::schema::ResourceType;

/// Checks `schemas`. One known URN is enough, be it of the type, of an extension, an alias, or one of
/// `also`; so are none at all, and URNs that are private to a vendor: attributes of schemas we do
/// not know are dropped anyway.
///
/// # Errors
/// 400 `invalidSyntax` if it is no list of texts, or names only schemas that have nothing to do
/// with this resource type: then the body is most likely at the wrong place.
pub(crate) fn check(
    resource_type: &ResourceType,
    body: &Map<String, Value>,
    also: &[&str],
    dialect: Dialect,
    notes: &mut Notes,
) -> Result<(), ScimError> {
    let urns = urns(lookup(body, "schemas"))?;
    let expected = also.first().copied().unwrap_or(&resource_type.schema.id);
    let Some(first) = urns.first() else {
        if notes.tolerate(dialect, Rule::MissingSchemas) {
            return Ok(());
        }
        return Err(ScimError::invalid_syntax(format!(
            "schemas is missing. Send \"schemas\": [\"{expected}\"]."
        )));
    };
    let exact = |urn: &str| {
        also.iter().any(|known| known.eq_ignore_ascii_case(urn))
            || resource_type.schemas().any(|s| s.id.eq_ignore_ascii_case(urn))
    };
    let private = |urn: &str| is_vendor(urn) || resource_type.schemas().any(|schema| schema.is_named(urn));
    let mut known = urns.iter().any(|urn| exact(urn));
    if urns.iter().any(|urn| !exact(urn) && private(urn)) {
        known |= notes.tolerate(dialect, Rule::PrivateUrns);
    }
    if known {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!(
        "schemas names {}, which is not a schema of this resource. Send \"schemas\": [\"{expected}\"].",
        quote(first)
    )))
}

fn urns(value: Option<&Value>) -> Result<Vec<&str>, ScimError> {
    let wrong = |value: &Value| {
        ScimError::invalid_syntax(format!(
            "schemas must be a list of schema URNs, but holds {}.",
            describe(value)
        ))
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(|urn| urn.as_str().ok_or_else(|| wrong(urn))).collect(),
        Some(other) => Err(wrong(other)),
    }
}

/// Whether the URN is of a kind that only one vendor's clients use.
pub(crate) fn is_vendor(urn: &str) -> bool {
    const VENDORS: [&str; 4] = [
        "urn:okta:",
        "urn:ietf:params:scim:schemas:extension:okta:",
        "http://schemas.microsoft.com/",
        "urn:scim:schemas:",
    ];
    VENDORS
        .iter()
        .any(|prefix| urn.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix)))
}
