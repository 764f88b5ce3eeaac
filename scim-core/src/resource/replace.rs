//! PUT on what is there.

use serde_json::Value;

use super::{Incoming, Resource};
use crate::error::{ScimError, quote};
use crate::schema::{Mutability, Resolved, ResourceType};

/// What a PUT makes of a resource (RFC 7644 §3.5.1): attributes that the body leaves out are
/// cleared, except for the state attribute; immutable ones must stay.
///
/// # Errors
/// 400 `mutability` if an immutable attribute would change.
pub fn replace(
    resource_type: &ResourceType,
    current: &Resource,
    incoming: &Incoming,
) -> Result<Resource, ScimError> {
    let mut next = incoming.resource.clone();
    if let Some(state) = resource_type.state.as_ref().filter(|_| !incoming.names_active) {
        match current.0.get(state) {
            Some(value) => next.0.insert(state.clone(), value.clone()),
            None => next.0.remove(state),
        };
    }
    for (extension, attribute) in resource_type.attributes() {
        if attribute.mutability != Mutability::Immutable {
            continue;
        }
        let resolved = Resolved { extension, attribute, sub: None };
        let Some(fixed) = current.attribute(&resolved) else {
            continue;
        };
        match next.attribute(&resolved) {
            Some(value) if value != fixed => {
                return Err(fixed_once_set(&resolved.canonical()));
            }
            Some(_) => {}
            None => {
                let fixed = fixed.clone();
                let holder = next.holder(extension);
                holder.insert(attribute.name.clone(), fixed);
            }
        }
    }
    keep_parts(resource_type, current, &mut next)?;
    Ok(next)
}

/// Immutable parts of a single value stay as long as there is a value. The elements of a list come and go as a whole.
fn keep_parts(
    resource_type: &ResourceType,
    current: &Resource,
    next: &mut Resource,
) -> Result<(), ScimError> {
    for (extension, attribute) in resource_type.attributes().filter(|(_, a)| !a.multi_valued) {
        for sub in attribute.immutable_parts() {
            let whole = Resolved { extension, attribute, sub: None };
            let part = Resolved { sub: Some(sub), ..whole };
            let Some(fixed) = current.values(&part).next() else { continue };
            if next.values(&part).next().is_some_and(|value| value != fixed) {
                return Err(fixed_once_set(&part.canonical()));
            }
            if next.attribute(&whole).is_some()
                && let Some(Value::Object(value)) = next.holder(extension).get_mut(&attribute.name)
            {
                value.insert(sub.name.clone(), fixed.clone());
            }
        }
    }
    Ok(())
}

/// RFC 7643 §2.2: an immutable attribute that is set stays as it is.
fn fixed_once_set(path: &str) -> ScimError {
    ScimError::mutability(format!(
        "{} cannot be changed once it is set. Send the value it has, or leave it out.",
        quote(path)
    ))
}
