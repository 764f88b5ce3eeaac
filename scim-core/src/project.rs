//! What of a resource is shown: `attributes`, `excludedAttributes` (RFC 7644 §3.9) and `returned`
//! (RFC 7643 §2.2).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::ScimError;
use crate::meta::Meta;
use crate::path::AttrPath;
use crate::resource::Resource;
use crate::schema::{Attribute, Resolved, ResourceType, Returned, Schema};

/// Which attributes an answer has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    only: Option<BTreeSet<String>>,
    except: BTreeSet<String>,
}

/// How much of something was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    No,
    /// Some of its parts.
    Partly,
    Wholly,
}

impl Projection {
    /// Everything that is returned by default.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Whether anything was asked for or left out.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }

    /// Reads the two query parameters: comma-separated attribute paths, a schema URN meaning all
    /// of its attributes. Unknown names are ignored, an empty parameter counts as absent. If
    /// both are given, both hold.
    ///
    /// # Errors
    /// 400 `invalidPath` if an entry is no attribute path.
    pub fn parse(
        resource_type: &ResourceType,
        attributes: Option<&str>,
        excluded: Option<&str>,
    ) -> Result<Self, ScimError> {
        let only = attributes.filter(|text| !text.trim().is_empty());
        Ok(Self {
            only: only.map(|text| names(resource_type, text)).transpose()?,
            except: names(resource_type, excluded.unwrap_or_default())?,
        })
    }

    /// Whether the answer has any part of this top-level attribute, so that what is costly to
    /// read is read only when needed.
    #[must_use]
    pub fn wants(&self, attribute: &str) -> bool {
        let name = attribute.to_ascii_lowercase();
        let asked = self.only.as_ref().is_none_or(|only| named(only, &name) != Named::No);
        asked && named(&self.except, &name) != Named::Wholly
    }

    /// The part of a value to show; `None` for nothing.
    fn project(&self, extension: Option<&Schema>, attribute: &Attribute, value: &Value) -> Option<Value> {
        let resolved = Resolved { extension, attribute, sub: None };
        let path = resolved.canonical().to_ascii_lowercase();
        let scope = extension.map(|schema| schema.id.to_ascii_lowercase());
        let in_scope = |set: &BTreeSet<String>| scope.as_ref().is_some_and(|s| set.contains(s));
        let asked = match &self.only {
            None => None,
            Some(only) if in_scope(only) => Some(Named::Wholly),
            Some(only) => Some(named(only, &path)),
        };
        let shown = match attribute.returned {
            Returned::Never => false,
            Returned::Always => true,
            Returned::Default => asked != Some(Named::No),
            Returned::Request => asked.is_some_and(|asked| asked != Named::No),
        };
        let excluded = named(&self.except, &path) == Named::Wholly || in_scope(&self.except);
        if !shown || (excluded && attribute.returned != Returned::Always) {
            return None;
        }
        let partly = asked == Some(Named::Partly);
        if !attribute.is_complex() || !(partly || self.trims(attribute, &path)) {
            return Some(value.clone());
        }
        self.trim(attribute, &path, partly, value)
    }

    /// Whether sub-attributes have to be looked at.
    fn trims(&self, attribute: &Attribute, path: &str) -> bool {
        let special = |sub: &Attribute| matches!(sub.returned, Returned::Never | Returned::Request);
        named(&self.except, path) == Named::Partly || attribute.sub_attributes.iter().any(special)
    }

    fn trim(&self, attribute: &Attribute, path: &str, partly: bool, value: &Value) -> Option<Value> {
        match value {
            Value::Array(list) => {
                let elements = list.iter();
                let shown: Vec<Value> =
                    elements.filter_map(|element| self.trim(attribute, path, partly, element)).collect();
                (!shown.is_empty()).then_some(Value::Array(shown))
            }
            Value::Object(map) => {
                let shown: Map<String, Value> = map
                    .iter()
                    .filter(|(key, _)| self.shows_sub(attribute, path, partly, key))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                (!shown.is_empty()).then_some(Value::Object(shown))
            }
            other => Some(other.clone()),
        }
    }

    fn shows_sub(&self, attribute: &Attribute, path: &str, partly: bool, key: &str) -> bool {
        let Some(sub) = attribute.sub(key) else {
            return !partly;
        };
        let path = format!("{path}.{}", sub.name.to_ascii_lowercase());
        let asked = self.only.as_ref().is_some_and(|only| only.contains(&path));
        match sub.returned {
            Returned::Never => false,
            Returned::Always => true,
            Returned::Default => (!partly || asked) && !self.except.contains(&path),
            Returned::Request => asked,
        }
    }
}

/// The canonical paths of a parameter, in lower case.
fn names(resource_type: &ResourceType, text: &str) -> Result<BTreeSet<String>, ScimError> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let mut names = BTreeSet::new();
    for entry in entries {
        if let Some(schema) = resource_type.extension(entry) {
            names.insert(schema.id.to_ascii_lowercase());
        } else if resource_type.schema.is_named(entry) {
            let core = resource_type.schema.attributes.iter();
            names.extend(core.map(|attribute| attribute.name.to_ascii_lowercase()));
        } else if let Some(resolved) = resource_type.resolve_for_reading(&AttrPath::parse(entry)?) {
            names.insert(resolved.canonical().to_ascii_lowercase());
        } else {
            // Kept, so that asking for unknown attributes only does not mean asking for all.
            names.insert(entry.to_ascii_lowercase());
        }
    }
    Ok(names)
}

fn named(set: &BTreeSet<String>, path: &str) -> Named {
    if set.contains(path) {
        return Named::Wholly;
    }
    let part = format!("{path}.");
    let mut behind = set.range(part.clone()..);
    if behind.next().is_some_and(|name| name.starts_with(&part)) { Named::Partly } else { Named::No }
}

/// The resource as a client sees it: `schemas` (those with data), `id`, the attributes in the
/// order of their schemas, the extensions, `meta`. `links` are values that are not in the resource
/// but kept elsewhere (`members`, `groups`), by attribute name.
#[must_use]
pub fn render(
    resource_type: &ResourceType,
    resource: &Resource,
    meta: &Meta,
    links: &[(String, Vec<Value>)],
    projection: &Projection,
) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("schemas".into(), schemas(resource_type, resource));
    out.insert("id".into(), json!(meta.id));
    let stored = resource.as_map();
    let linked = |name: &str| {
        let values = &links.iter().find(|(attribute, _)| attribute == name)?.1;
        (!values.is_empty()).then(|| Value::Array(values.clone()))
    };
    let core = resource_type.common.iter().chain(&resource_type.schema.attributes);
    for attribute in core.filter(|attribute| attribute.name != "meta") {
        let links = linked(&attribute.name);
        let value = stored.get(&attribute.name).or(links.as_ref());
        let shown = value.and_then(|value| projection.project(None, attribute, value));
        if let Some(shown) = shown {
            out.insert(attribute.name.clone(), shown);
        }
    }
    for extension in &resource_type.extensions {
        let schema = &*extension.schema;
        let data = stored.get(&schema.id).and_then(Value::as_object);
        let attributes = schema.attributes.iter();
        let shown: Map<String, Value> = attributes
            .filter_map(|attribute| {
                let value = data?.get(&attribute.name)?;
                let shown = projection.project(Some(schema), attribute, value)?;
                Some((attribute.name.clone(), shown))
            })
            .collect();
        if !shown.is_empty() {
            out.insert(schema.id.clone(), Value::Object(shown));
        }
    }
    let value = Value::Object(meta.to_value(&resource_type.name));
    let definition = resource_type.attribute("meta");
    let shown = definition.and_then(|meta| projection.project(None, meta, &value));
    if let Some(shown) = shown {
        out.insert("meta".into(), shown);
    }
    out
}

fn schemas(resource_type: &ResourceType, resource: &Resource) -> Value {
    let mut urns = vec![json!(resource_type.schema.id)];
    let extensions = resource_type.extensions.iter().map(|e| &e.schema.id);
    urns.extend(extensions.filter(|urn| resource.as_map().contains_key(*urn)).map(|urn| json!(urn)));
    Value::Array(urns)
}
