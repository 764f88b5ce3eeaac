//! What of a resource is shown: `attributes`, `excludedAttributes` (RFC 7644 §3.9) and `returned`
//! (RFC 7643 §2.2).

use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::{Map, Value};

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
    /// Of the attributes that are shown on request only, these are requested.
    requested: Requested,
}

/// Which attributes with `returned` `request` are shown although `attributes` does not name them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Requested {
    #[default]
    None,
    /// Those that the request wrote.
    Written(BTreeSet<String>),
    All,
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

    /// Everything that may be shown at all: what filters and orders look at.
    #[must_use]
    pub fn whole() -> Self {
        Self { requested: Requested::All, ..Self::default() }
    }

    /// The same for the answer to a write, which also shows what is returned on request and was written, unless
    /// `attributes` asks for something else (RFC 7643 §7, `returned`). `written` is what the request named.
    #[must_use]
    pub fn and_written<'a>(
        mut self,
        resource_type: &ResourceType,
        written: impl IntoIterator<Item = Resolved<'a>>,
    ) -> Self {
        if self.only.is_some() || !resource_type.has_requestable() {
            return self;
        }
        let paths = written.into_iter().map(|resolved| resolved.canonical().to_ascii_lowercase());
        self.requested = Requested::Written(paths.collect());
        self
    }

    /// Whether it is what a request that asks for nothing in particular is shown.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }

    /// Whether no name matters, as in most requests.
    fn names_nothing(&self) -> bool {
        self.only.is_none() && self.except.is_empty() && !matches!(self.requested, Requested::Written(_))
    }

    /// Whether an attribute that is returned on request is shown, by its path in lower case.
    fn is_requested(&self, path: &str) -> bool {
        match &self.requested {
            Requested::None => false,
            Requested::Written(written) => named(written, path) != Named::No,
            Requested::All => true,
        }
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
            requested: Requested::None,
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
    fn project(&self, extension: Option<&Schema>, attribute: &Attribute, value: Value) -> Option<Value> {
        let (path, scope) =
            if self.names_nothing() { Default::default() } else { names_of(extension, attribute) };
        let in_scope = |set: &BTreeSet<String>| scope.as_ref().is_some_and(|scope| set.contains(scope));
        let asked = match &self.only {
            None => None,
            Some(only) if in_scope(only) => Some(Named::Wholly),
            Some(only) => Some(named(only, &path)),
        };
        let shown = match attribute.returned {
            Returned::Never => false,
            Returned::Always => true,
            Returned::Default => asked != Some(Named::No),
            Returned::Request => match asked {
                Some(asked) => asked != Named::No,
                None => self.is_requested(&path),
            },
        };
        let excluded = named(&self.except, &path) == Named::Wholly || in_scope(&self.except);
        if !shown || (excluded && attribute.returned != Returned::Always) {
            return None;
        }
        let partly = asked == Some(Named::Partly);
        if !attribute.is_complex() || !(partly || self.trims(attribute, &path)) {
            return Some(value);
        }
        self.trim(attribute, &path, partly, value)
    }

    /// Whether sub-attributes have to be looked at.
    fn trims(&self, attribute: &Attribute, path: &str) -> bool {
        let special = |sub: &Attribute| matches!(sub.returned, Returned::Never | Returned::Request);
        named(&self.except, path) == Named::Partly || attribute.sub_attributes.iter().any(special)
    }

    fn trim(&self, attribute: &Attribute, path: &str, partly: bool, value: Value) -> Option<Value> {
        match value {
            Value::Array(list) => {
                let elements = list.into_iter();
                let shown: Vec<Value> =
                    elements.filter_map(|element| self.trim(attribute, path, partly, element)).collect();
                (!shown.is_empty()).then_some(Value::Array(shown))
            }
            Value::Object(mut map) => {
                map.retain(|key, _| self.shows_sub(attribute, path, partly, key));
                (!map.is_empty()).then_some(Value::Object(map))
            }
            other => Some(other),
        }
    }

    fn shows_sub(&self, attribute: &Attribute, path: &str, partly: bool, key: &str) -> bool {
        let Some(sub) = attribute.sub(key) else {
            return !partly;
        };
        let names = |set: &BTreeSet<String>| {
            !set.is_empty() && set.contains(&format!("{path}.{}", sub.name.to_ascii_lowercase()))
        };
        let asked = || self.only.as_ref().is_some_and(names);
        match sub.returned {
            Returned::Never => false,
            Returned::Always => true,
            Returned::Default => (!partly || asked()) && !names(&self.except),
            Returned::Request => (asked() || self.shows_requested(path, sub)) && !names(&self.except),
        }
    }

    /// The same for a part. Who wrote the whole attribute wrote its parts.
    fn shows_requested(&self, path: &str, sub: &Attribute) -> bool {
        let full = format!("{path}.{}", sub.name.to_ascii_lowercase());
        match &self.requested {
            Requested::Written(written) => {
                sub.is_stored() && (written.contains(path) || written.contains(&full))
            }
            _ => self.is_requested(&full),
        }
    }
}

/// The canonical path of an attribute and the URN of its extension, in lower case.
fn names_of(extension: Option<&Schema>, attribute: &Attribute) -> (String, Option<String>) {
    let mut path = Resolved { extension, attribute, sub: None }.canonical();
    path.make_ascii_lowercase();
    (path, extension.map(|schema| schema.id.to_ascii_lowercase()))
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
    let mut behind = set
        .range::<str, _>((Bound::Excluded(path), Bound::Unbounded))
        .map_while(|name| name.strip_prefix(path));
    if behind.any(|rest| rest.starts_with('.')) { Named::Partly } else { Named::No }
}

/// The resource as a client sees it: `schemas` (those with data), `id`, the attributes in the
/// order of their schemas, the extensions, `meta`. `links` are values that are not in the resource
/// but kept elsewhere (`members`, `groups`), by attribute name. What is shown is moved, not copied.
#[must_use]
pub fn render(
    resource_type: &ResourceType,
    resource: Resource,
    meta: &Meta,
    links: Vec<(String, Vec<Value>)>,
    projection: &Projection,
) -> Map<String, Value> {
    let mut stored = resource.into_map();
    let mut out = Map::with_capacity(stored.len() + links.len() + 3);
    out.insert("schemas".into(), schemas(resource_type, &stored));
    out.insert("id".into(), meta.id.as_str().into());
    for (attribute, values) in links {
        if !values.is_empty() {
            stored.entry(attribute).or_insert(Value::Array(values));
        }
    }
    let core = resource_type.common.iter().chain(&resource_type.schema.attributes);
    move_shown(&mut stored, None, core.filter(|attribute| attribute.name != "meta"), projection, &mut out);
    for extension in &resource_type.extensions {
        let schema = &*extension.schema;
        if let Some((urn, Value::Object(mut data))) = stored.remove_entry(&schema.id) {
            let mut shown = Map::with_capacity(data.len());
            move_shown(&mut data, Some(schema), schema.attributes.iter(), projection, &mut shown);
            if !shown.is_empty() {
                out.insert(urn, Value::Object(shown));
            }
        }
    }
    let value = Value::Object(meta.to_value(&resource_type.name));
    let definition = resource_type.attribute("meta");
    if let Some(shown) = definition.and_then(|meta| projection.project(None, meta, value)) {
        out.insert("meta".into(), shown);
    }
    out
}

/// Moves what is shown of these attributes, in their order.
fn move_shown<'a>(
    from: &mut Map<String, Value>,
    extension: Option<&Schema>,
    attributes: impl Iterator<Item = &'a Attribute>,
    projection: &Projection,
    to: &mut Map<String, Value>,
) {
    for attribute in attributes {
        if let Some((name, value)) = from.remove_entry(&attribute.name)
            && let Some(shown) = projection.project(extension, attribute, value)
        {
            to.insert(name, shown);
        }
    }
}

fn schemas(resource_type: &ResourceType, stored: &Map<String, Value>) -> Value {
    let mut urns = vec![resource_type.schema.id.as_str().into()];
    let extensions = resource_type.extensions.iter().map(|e| &e.schema.id);
    urns.extend(extensions.filter(|urn| stored.contains_key(*urn)).map(|urn| urn.as_str().into()));
    Value::Array(urns)
}
