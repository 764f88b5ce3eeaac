//! Resource types (RFC 7643 §6) and how attribute paths find attributes in them.

use std::sync::Arc;

use super::model::{Attribute, Mutability, Returned, Schema, Uniqueness, find};
use crate::nearest::nearest;
use crate::path::AttrPath;

/// A schema extension of a resource type.
#[derive(Debug, Clone)]
pub struct Extension {
    /// The schema; its URN is the key of its object in a resource.
    pub schema: Arc<Schema>,
    /// Whether every resource must have it.
    pub required: bool,
    /// Whether its attributes are also taken under their bare names.
    pub without_urn: bool,
}

/// One kind of resource. All that makes a Group different from a User stands in here.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// The identifier of the resource type resource.
    pub id: String,
    /// The name (`User`), also `meta.resourceType`.
    pub name: String,
    /// The URL segment without slashes (`Users`).
    pub endpoint: String,
    /// A sentence about it.
    pub description: String,
    /// The core schema.
    pub schema: Arc<Schema>,
    /// Its extensions.
    pub extensions: Vec<Extension>,
    /// The multi-valued attribute that refers to other resources and is kept as rows instead of
    /// in the resource (`members`).
    pub relation: Option<String>,
    /// The boolean attribute that says whether the resource is in use (`active`): `true` when a
    /// new resource does not name it, kept when a replacement does not.
    pub state: Option<String>,
    /// Canonical paths of attributes that are searched by index, besides the unique ones.
    pub indexed: Vec<String>,
    /// The attributes that every resource has (RFC 7643 §3.1): schemas, id, externalId, meta.
    pub common: Arc<[Attribute]>,
    /// Whether everything that is kept of a resource is shown by default, so that an answer can be put together from
    /// the text that is kept (see [`crate::splice`]). Not where definitions of an endpoint's own may come and go.
    pub shown_as_kept: bool,
}

/// An attribute found by a path.
#[derive(Debug, Clone, Copy)]
pub struct Resolved<'a> {
    /// The extension it belongs to; `None` for core and common attributes.
    pub extension: Option<&'a Schema>,
    /// The attribute.
    pub attribute: &'a Attribute,
    /// The sub-attribute, if the path names one.
    pub sub: Option<&'a Attribute>,
}

impl Resolved<'_> {
    /// The innermost attribute that the path names.
    #[must_use]
    pub fn leaf(&self) -> &Attribute {
        self.sub.unwrap_or(self.attribute)
    }

    /// Whether it, or what it is a part of, is never shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.attribute.is_secret() || self.sub.is_some_and(Attribute::is_secret)
    }

    /// The canonical path: `emails.value`, `urn:…:User:department`.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut path = String::new();
        if let Some(extension) = self.extension {
            path.push_str(&extension.id);
            path.push(':');
        }
        path.push_str(&self.attribute.name);
        if let Some(sub) = self.sub {
            path.push('.');
            path.push_str(&sub.name);
        }
        path
    }
}

impl ResourceType {
    /// The core schema and those of the extensions.
    pub fn schemas(&self) -> impl Iterator<Item = &Arc<Schema>> {
        std::iter::once(&self.schema).chain(self.extensions.iter().map(|e| &e.schema))
    }

    /// The extension schema of this URN or alias.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().map(|extension| &*extension.schema).find(|schema| schema.is_named(urn))
    }

    /// The common or core attribute of this name, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.common, name).or_else(|| self.schema.attribute(name))
    }

    /// Finds what a path names: common and core attributes with or without the core URN,
    /// extension attributes with theirs; aliases count. `None` if there is no such attribute.
    #[must_use]
    pub fn resolve(&self, path: &AttrPath) -> Option<Resolved<'_>> {
        let (extension, attribute) = match path.urn.as_deref() {
            Some(urn) if !self.schema.is_named(urn) => {
                let schema = self.extension(urn)?;
                (Some(schema), schema.attribute(&path.name)?)
            }
            _ => (None, self.attribute(&path.name)?),
        };
        let sub = match path.sub.as_deref() {
            Some(sub) => Some(attribute.sub(sub)?),
            None => None,
        };
        Some(Resolved { extension, attribute, sub })
    }

    /// The attribute of an extension that is also taken under its bare name, if the core has no such name.
    #[must_use]
    pub fn without_urn(&self, name: &str) -> Option<(&Schema, &Attribute)> {
        if self.attribute(name).is_some() {
            return None;
        }
        let mut open = self.extensions.iter().filter(|extension| extension.without_urn);
        open.find_map(|extension| Some((&*extension.schema, extension.schema.attribute(name)?)))
    }

    /// As [`ResourceType::resolve`], and the attributes of [`ResourceType::without_urn`].
    #[must_use]
    pub fn resolve_for_writing(&self, path: &AttrPath) -> Option<Resolved<'_>> {
        self.resolve(path).or_else(|| {
            let (schema, attribute) = self.without_urn(&path.name).filter(|_| path.urn.is_none())?;
            let sub = match path.sub.as_deref() {
                Some(sub) => Some(attribute.sub(sub)?),
                None => None,
            };
            Some(Resolved { extension: Some(schema), attribute, sub })
        })
    }

    /// As [`ResourceType::resolve`], but an extension attribute may also be named without its URN, if
    /// the core has no such name: `manager eq "x"` is what some clients ask. For reading only; what is
    /// written is named in full, unless the extension says otherwise.
    #[must_use]
    pub fn resolve_for_reading(&self, path: &AttrPath) -> Option<Resolved<'_>> {
        self.resolve(path).or_else(|| {
            let bare = path.urn.is_none() && self.attribute(&path.name).is_none();
            let mut extensions = self.extensions.iter().filter(|_| bare);
            extensions.find_map(|extension| {
                self.resolve(&AttrPath { urn: Some(extension.schema.id.clone()), ..path.clone() })
            })
        })
    }

    /// Every attribute of the core schema and of the extensions, with its extension.
    pub fn attributes(&self) -> impl Iterator<Item = (Option<&Schema>, &Attribute)> {
        let core = self.schema.attributes.iter().map(|a| (None, a));
        let extended = self.extensions.iter().flat_map(|extension| {
            let schema = &*extension.schema;
            schema.attributes.iter().map(move |a| (Some(schema), a))
        });
        core.chain(extended)
    }

    /// Whether anything is returned on request only.
    #[must_use]
    pub fn has_requestable(&self) -> bool {
        let is = |attribute: &Attribute| attribute.returned == Returned::Request;
        self.attributes().any(|(_, attribute)| is(attribute) || attribute.sub_attributes.iter().any(is))
    }

    /// The attributes whose values may not occur twice in an endpoint, by canonical path. The
    /// first one names a resource to people.
    pub fn unique_attributes(&self) -> impl Iterator<Item = Resolved<'_>> {
        self.attributes()
            .filter(|(_, a)| a.uniqueness != Uniqueness::None && !a.is_complex())
            .filter(|(_, a)| a.mutability != Mutability::ReadOnly)
            .map(|(extension, attribute)| Resolved { extension, attribute, sub: None })
    }

    /// The attribute that is kept as rows.
    #[must_use]
    pub fn relation_attribute(&self) -> Option<&Attribute> {
        self.attribute(self.relation.as_deref()?)
    }

    /// Whether this attribute is the relation.
    #[must_use]
    pub fn is_relation(&self, resolved: &Resolved<'_>) -> bool {
        resolved.extension.is_none() && self.relation.as_deref() == Some(resolved.attribute.name.as_str())
    }

    /// A hint for a path that names nothing: the known name that looks most like it.
    #[must_use]
    pub fn suggest(&self, path: &AttrPath) -> Option<String> {
        let with_sub = |attribute: &Attribute| -> Option<String> {
            let sub = path.sub.as_deref()?;
            let names = attribute.sub_attributes.iter().map(|s| s.name.as_str());
            nearest(sub, names).map(|name| format!("{}.{name}", attribute.name))
        };
        if path.urn.is_none()
            && let Some(attribute) = self.attribute(&path.name)
        {
            return with_sub(attribute);
        }
        let common = self.common.iter().map(|attribute| (None, attribute));
        let known: Vec<_> = common.chain(self.attributes()).collect();
        let names = known.iter().map(|(_, attribute)| attribute.name.as_str());
        let best = nearest(&path.name, names)?;
        let (extension, _) = known.iter().find(|(_, a)| a.name == best)?;
        Some(match extension {
            Some(schema) => format!("{}:{best}", schema.id),
            None => best.to_owned(),
        })
    }
}
