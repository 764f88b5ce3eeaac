//! One of an endpoint's own definitions at a time: an extension by its URN, or a resource type by its name.

use serde_json::{Map, Value, json};

use super::{Endpoint, EndpointId, find, set_definitions};
use crate::caller::Actor;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::version::{self, Expected};
use crate::writer::Tx;

/// Names one definition; compared without case.
#[derive(Debug, Clone)]
pub enum Part {
    /// The extension with this schema URN, of a built-in type or of one of its own.
    Extension(String),
    /// The resource type of this name.
    ResourceType(String),
}

/// All definitions of an endpoint's own; an empty object when there are none.
pub fn all(endpoint: &Endpoint) -> Value {
    let own = endpoint.definitions.as_deref().and_then(|text| serde_json::from_str(text).ok());
    own.unwrap_or_else(|| json!({}))
}

/// One of them; an extension says for which type it is.
pub fn get(endpoint: &Endpoint, part: &Part) -> Option<Value> {
    let own = all(endpoint);
    match part {
        Part::ResourceType(name) => {
            list(&own, "resourceTypes").find(|rt| is_named(rt, "name", name)).cloned()
        }
        Part::Extension(urn) => {
            let own_types = list(&own, "resourceTypes").flat_map(|rt| {
                let name = rt.get("name").cloned().unwrap_or_default();
                list(rt, "extensions").map(move |extension| (Some(name.clone()), extension))
            });
            let all = list(&own, "extensions").map(|extension| (None, extension)).chain(own_types);
            let (of, found) = all.into_iter().find(|(_, extension)| has_urn(extension, urn))?;
            let mut found = found.clone();
            if let (Some(name), Some(map)) = (of, found.as_object_mut()) {
                map.insert("resourceType".into(), name);
            }
            Some(found)
        }
    }
}

/// The version of a definition, or of all of them.
pub fn tag(definition: &Value) -> String {
    version::tag(definition)
}

/// Replaces all definitions of an endpoint's own; an object without any takes all away.
///
/// # Errors
/// [`StoreError::Stale`]; as [`set_definitions`].
pub fn put_all(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    wanted: &Value,
    expected: &Expected,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    dialect::lock_endpoint(tx, id)?;
    expected.check(Some(&tag(&all(&find(tx, id.as_str())?))))?;
    save(tx, id, wanted, actor, now)
}

/// Makes or replaces one definition, and says whether it is new. Places in refusals are within it.
///
/// # Errors
/// [`StoreError::Stale`]; as [`set_definitions`].
pub fn put(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    part: &Part,
    wanted: &Value,
    expected: &Expected,
    actor: &Actor,
    now: Millis,
) -> Result<(Endpoint, bool), StoreError> {
    dialect::lock_endpoint(tx, id)?;
    let current = find(tx, id.as_str())?;
    let before = get(&current, part);
    expected.check(before.as_ref().map(tag).as_deref())?;
    check_name(part, wanted)?;
    let mut definitions = all(&current);
    let place = insert(&mut definitions, part, wanted)?;
    let endpoint = save(tx, id, &definitions, actor, now).map_err(|error| match error {
        StoreError::Invalid { pointer, sentence } => {
            // A fault elsewhere, as of two schemas with one URN, is one of the whole.
            let within = pointer.strip_prefix(place.as_str()).unwrap_or_default().to_owned();
            StoreError::Invalid { pointer: within, sentence }
        }
        other => other,
    })?;
    Ok((endpoint, before.is_none()))
}

/// Takes one definition away.
///
/// # Errors
/// [`StoreError::NotFound`], [`StoreError::Stale`]; [`StoreError::Refused`] for a type that has resources.
pub fn remove(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    part: &Part,
    expected: &Expected,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    dialect::lock_endpoint(tx, id)?;
    let current = find(tx, id.as_str())?;
    let before = get(&current, part).ok_or_else(|| not_found(&current, part))?;
    expected.check(Some(&tag(&before)))?;
    let mut definitions = all(&current);
    take_out(&mut definitions, part);
    save(tx, id, &definitions, actor, now)
}

/// What to say when there is no such definition.
pub fn not_found(endpoint: &Endpoint, part: &Part) -> StoreError {
    let slug = &endpoint.slug;
    StoreError::NotFound(match part {
        Part::Extension(urn) => {
            format!("endpoint `{slug}` has no extension of its own with the URN `{urn}`")
        }
        Part::ResourceType(name) => format!("endpoint `{slug}` has no resource type `{name}` of its own"),
    })
}

fn save(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    definitions: &Value,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    set_definitions(tx, id, to_text(definitions)?.as_deref(), actor, now)
}

/// Definitions as they are kept; `None` for an object without any.
///
/// # Errors
/// [`StoreError::Damaged`] for what cannot be written as JSON.
pub fn to_text(definitions: &Value) -> Result<Option<String>, StoreError> {
    let nothing = definitions.as_object().is_some_and(|map| {
        map.iter().all(|(name, value)| {
            ["extensions", "resourceTypes"].contains(&name.as_str()) && value == &json!([])
        })
    });
    let text = serde_json::to_string_pretty(definitions).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok((!nothing).then_some(text))
}

/// What stands in the address must stand in the definition.
fn check_name(part: &Part, wanted: &Value) -> Result<(), StoreError> {
    let (pointer, name) = match part {
        Part::Extension(urn) => ("/schema/id", urn),
        Part::ResourceType(name) => ("/name", name),
    };
    let said = wanted.pointer(pointer).and_then(Value::as_str);
    if said.is_some_and(|said| said.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    Err(StoreError::invalid(pointer, format!("this must be `{name}`, as in the address")))
}

/// Puts a definition where the one of its name is, else at the end, and says where that is.
fn insert(definitions: &mut Value, part: &Part, wanted: &Value) -> Result<String, StoreError> {
    let home = match part {
        Part::ResourceType(_) => "/resourceTypes".to_owned(),
        Part::Extension(_) => home_of_extension(definitions, wanted)?,
    };
    let at = position(definitions, &home, part);
    if at.is_none() {
        // It may have been for another type until now.
        take_out(definitions, part);
    }
    let list = list_at(definitions, &home)
        .ok_or_else(|| StoreError::Damaged("the definitions have no such list".into()))?;
    let at = match at {
        Some(at) => {
            if let Some(place) = list.get_mut(at) {
                *place = wanted.clone();
            }
            at
        }
        None => {
            list.push(wanted.clone());
            list.len() - 1
        }
    };
    Ok(format!("{home}/{at}"))
}

/// Extensions of own types stand with their type.
fn home_of_extension(definitions: &Value, wanted: &Value) -> Result<String, StoreError> {
    let missing = || StoreError::invalid("/resourceType", "say which type it extends, such as User");
    let of = wanted.get("resourceType").and_then(Value::as_str).ok_or_else(missing)?;
    let at = list(definitions, "resourceTypes").position(|rt| is_named(rt, "name", of));
    Ok(at.map_or_else(|| "/extensions".to_owned(), |at| format!("/resourceTypes/{at}/extensions")))
}

fn position(definitions: &Value, home: &str, part: &Part) -> Option<usize> {
    definitions.pointer(home)?.as_array()?.iter().position(|definition| is_part(definition, part))
}

fn take_out(definitions: &mut Value, part: &Part) {
    let homes = match part {
        Part::ResourceType(_) => vec!["/resourceTypes".to_owned()],
        Part::Extension(_) => {
            let types = list(definitions, "resourceTypes").count();
            let of_types = (0..types).map(|at| format!("/resourceTypes/{at}/extensions"));
            std::iter::once("/extensions".to_owned()).chain(of_types).collect()
        }
    };
    for home in homes {
        if let Some(list) = definitions.pointer_mut(&home).and_then(Value::as_array_mut) {
            list.retain(|definition| !is_part(definition, part));
        }
    }
}

fn is_part(definition: &Value, part: &Part) -> bool {
    match part {
        Part::Extension(urn) => has_urn(definition, urn),
        Part::ResourceType(name) => is_named(definition, "name", name),
    }
}

fn has_urn(extension: &Value, urn: &str) -> bool {
    extension.get("schema").is_some_and(|schema| is_named(schema, "id", urn))
}

fn is_named(definition: &Value, key: &str, name: &str) -> bool {
    definition.get(key).and_then(Value::as_str).is_some_and(|known| known.eq_ignore_ascii_case(name))
}

fn list<'v>(definition: &'v Value, key: &str) -> std::slice::Iter<'v, Value> {
    definition.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}

/// The list at a place, made if it is missing.
fn list_at<'v>(definitions: &'v mut Value, home: &str) -> Option<&'v mut Vec<Value>> {
    let (parent, key) = home.rsplit_once('/')?;
    if definitions.is_null() {
        *definitions = Value::Object(Map::new());
    }
    let parent = definitions.pointer_mut(parent)?.as_object_mut()?;
    parent.entry(key.to_owned()).or_insert_with(|| json!([])).as_array_mut()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn extension(of: &str, urn: &str) -> Value {
        json!({"resourceType": of, "schema": {"id": urn}})
    }

    #[test]
    fn a_definition_is_put_where_it_belongs() {
        let mut all = json!({});
        let put = |all: &mut Value, part, value: &Value| insert(all, &part, value).unwrap();
        let badge = Part::Extension("urn:x:badge".into());
        assert_eq!(put(&mut all, badge.clone(), &extension("User", "urn:x:badge")), "/extensions/0");
        let device = json!({"name": "Device"});
        assert_eq!(put(&mut all, Part::ResourceType("device".into()), &device), "/resourceTypes/0");
        // Again, in another case: replaced. For another type: moved.
        assert_eq!(put(&mut all, badge.clone(), &extension("User", "URN:X:badge")), "/extensions/0");
        let moved = extension("DEVICE", "urn:x:badge");
        assert_eq!(put(&mut all, badge.clone(), &moved), "/resourceTypes/0/extensions/0");
        assert_eq!(
            all,
            json!({"extensions": [], "resourceTypes": [{"name": "Device", "extensions": [moved]}]})
        );
        take_out(&mut all, &badge);
        assert_eq!(all.pointer("/resourceTypes/0/extensions"), Some(&json!([])));
    }

    #[test]
    fn an_extension_of_nothing_is_refused() {
        let mut all = json!({});
        let wanted = json!({"schema": {"id": "urn:x:badge"}});
        let error = insert(&mut all, &Part::Extension("urn:x:badge".into()), &wanted).unwrap_err();
        assert!(matches!(error, StoreError::Invalid { pointer, .. } if pointer == "/resourceType"));
    }
}
