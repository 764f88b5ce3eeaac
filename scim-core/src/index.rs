//! Which values are searchable by index.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::fold;
use crate::path::AttrPath;
use crate::resource::Resource;
use crate::schema::{Attribute, AttributeType, Resolved, ResourceType, Uniqueness};

/// One searchable value of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexKey {
    /// The canonical path of the attribute: `emails.value`.
    pub attribute: String,
    /// The value, as [`key_of`] makes it.
    pub key: String,
    /// Whether no other resource of the endpoint may have the same.
    pub unique: bool,
}

/// The keys of a resource, each once: its unique attributes and those that its type names as
/// indexed.
#[must_use]
pub fn keys(resource_type: &ResourceType, resource: &Resource) -> Vec<IndexKey> {
    let mut keys: Vec<IndexKey> = Vec::new();
    for resolved in indexed(resource_type) {
        let unique = resolved.leaf().uniqueness != Uniqueness::None;
        for value in resource.values(&resolved).filter_map(Value::as_str) {
            let key =
                IndexKey { attribute: resolved.canonical(), key: key_of(resolved.leaf(), value), unique };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

/// The form in which a value of this attribute is kept and looked up: folded unless case matters.
#[must_use]
pub fn key_of(attribute: &Attribute, value: &str) -> String {
    bounded(if attribute.case_exact { value.to_owned() } else { fold::fold(value) })
}

/// The longest key, in bytes.
const LONGEST: usize = 512;

/// The part of a key that stands in it as it is, and by which keys are in the order of their values.
#[must_use]
pub fn beginning(key: &str) -> &str {
    key.get(..key.floor_char_boundary(LONGEST - 64)).unwrap_or_default()
}

/// A key that every database can index: of a very long one the beginning, and a digest of the whole.
#[must_use]
pub fn bounded(key: String) -> String {
    if key.len() <= LONGEST {
        return key;
    }
    let digest = Sha256::digest(key.as_bytes());
    let mut short = beginning(&key).to_owned();
    for byte in digest {
        let _ = write!(short, "{byte:02x}");
    }
    short
}

/// The key under which [`keys`] has a value that this path compares; `None` if it is not indexed, or not compared as a
/// text.
#[must_use]
pub fn lookup(resource_type: &ResourceType, path: &AttrPath, value: &str) -> Option<IndexKey> {
    let attribute = is_indexed(resource_type, path)?;
    let resolved = indexed(resource_type).find(|resolved| resolved.canonical() == attribute)?;
    let leaf = resolved.leaf();
    let unique = leaf.uniqueness != Uniqueness::None;
    matches!(leaf.kind, AttributeType::String | AttributeType::Reference).then(|| IndexKey {
        attribute,
        key: key_of(leaf, value),
        unique,
    })
}

/// The key that a value would have under each indexed attribute: where a search by the start of a name
/// begins.
pub fn starts<'a>(resource_type: &'a ResourceType, value: &'a str) -> impl Iterator<Item = IndexKey> + 'a {
    indexed(resource_type).map(move |resolved| IndexKey {
        attribute: resolved.canonical(),
        key: key_of(resolved.leaf(), value),
        unique: resolved.leaf().uniqueness != Uniqueness::None,
    })
}

/// The canonical name under which [`keys`] has the values that this path compares (`emails` means
/// `emails.value`); `None` if it is not indexed.
#[must_use]
pub fn is_indexed(resource_type: &ResourceType, path: &AttrPath) -> Option<String> {
    let mut resolved = resource_type.resolve(path)?;
    if resolved.sub.is_none() && resolved.attribute.is_complex() {
        resolved.sub = resolved.attribute.comparable();
    }
    let name = resolved.canonical();
    indexed(resource_type).any(|known| known.canonical() == name).then_some(name)
}

fn indexed(resource_type: &ResourceType) -> impl Iterator<Item = Resolved<'_>> {
    let named = resource_type
        .indexed
        .iter()
        .filter_map(|path| resource_type.resolve(&AttrPath::read(path)?))
        .filter(|resolved| resolved.leaf().uniqueness == Uniqueness::None);
    resource_type.unique_attributes().chain(named)
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn long_keys_are_cut_and_still_told_apart() {
        let long = "ä".repeat(2000);
        assert!(bounded(long.clone()).len() <= 512);
        assert_ne!(bounded(long.clone()), bounded(format!("{long}x")));
        assert_eq!(bounded("short".to_owned()), "short");
    }
}
