//! Answers put together from the text that is kept, without reading it into a tree.
//!
//! Most requests name no attributes and are shown everything. For them an answer is the kept text with `schemas`, `id`, the
//! links and `meta` around it; what needs a choice of attributes goes through [`project`](crate::project).

use memchr::memmem::Finder;

use crate::meta::Meta;
use crate::relation::Link;
use crate::schema::{Attribute, ResourceType, Returned};
use crate::time;

/// What an answer is put together from.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The attributes as they are kept: one JSON object, written by this server.
    pub kept: &'a str,
    /// The `id`.
    pub id: &'a str,
    /// When it was made, in milliseconds UTC.
    pub created: i64,
    /// When it last changed, in milliseconds UTC.
    pub last_modified: i64,
    /// Its entity tag.
    pub version: &'a str,
    /// Its full URL.
    pub location: &'a str,
    /// Values that are kept elsewhere (`members`, `groups`), by attribute name.
    pub links: &'a [(&'a str, Vec<Link<'a>>)],
}

impl<'a> Parts<'a> {
    /// With what `meta` tells.
    #[must_use]
    pub fn new(kept: &'a str, meta: &'a Meta, links: &'a [(&'a str, Vec<Link<'a>>)]) -> Self {
        Self {
            kept,
            id: &meta.id,
            created: meta.created,
            last_modified: meta.last_modified,
            version: &meta.version,
            location: &meta.location,
            links,
        }
    }
}

/// Puts together answers of one type.
#[derive(Debug, Clone)]
pub struct Splice<'a> {
    resource_type: &'a ResourceType,
    /// What finds each extension in a kept text.
    extensions: Vec<(&'a str, Finder<'a>)>,
}

impl<'a> Splice<'a> {
    /// Only for types that are [shown as kept](ResourceType::shown_as_kept).
    #[must_use]
    pub fn of(resource_type: &'a ResourceType) -> Self {
        let urns = resource_type.extensions.iter().map(|extension| extension.schema.id.as_str());
        Self { resource_type, extensions: urns.map(|urn| (urn, Finder::new(urn))).collect() }
    }

    /// Writes the resource at the end of `out`: the same members as [`project::render`](crate::project::render) with a
    /// projection of everything.
    pub fn write(&self, parts: &Parts<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"schemas\":[");
        text(&self.resource_type.schema.id, out);
        for (urn, finder) in &self.extensions {
            if is_key(urn, finder, parts.kept) {
                out.push(b',');
                text(urn, out);
            }
        }
        out.extend_from_slice(b"],\"id\":");
        text(parts.id, out);
        let attributes =
            parts.kept.strip_prefix('{').and_then(|kept| kept.strip_suffix('}')).unwrap_or_default();
        if !attributes.is_empty() {
            out.push(b',');
            out.extend_from_slice(attributes.as_bytes());
        }
        for (name, links) in parts.links {
            if let Some(attribute) = self.resource_type.attribute(name).filter(|_| !links.is_empty()) {
                write_links(attribute, links, out);
            }
        }
        write_meta(self.resource_type, parts, out);
        out.push(b'}');
    }
}

/// Whether the kept text has a member of this name. Inside a text, quotes are escaped: what is found is a member.
fn is_key(name: &str, finder: &Finder<'_>, kept: &str) -> bool {
    finder.find_iter(kept.as_bytes()).any(|at| {
        let (before, behind) = (kept.get(..at), kept.get(at + name.len()..));
        before.is_some_and(|text| text.ends_with('"')) && behind.is_some_and(|text| text.starts_with("\":"))
    })
}

fn write_links(attribute: &Attribute, links: &[Link<'_>], out: &mut Vec<u8>) {
    let shown = |sub: &str| {
        attribute.sub(sub).is_some_and(|sub| matches!(sub.returned, Returned::Always | Returned::Default))
    };
    let (location, kind, display) = (shown("$ref"), shown("type"), shown("display"));
    out.push(b',');
    text(&attribute.name, out);
    let mut before: &[u8] = b":[{\"value\":";
    for link in links {
        out.extend_from_slice(before);
        text(link.value, out);
        member("$ref", link.location.as_deref().filter(|_| location), out);
        member("type", link.kind.filter(|_| kind), out);
        member("display", link.display.filter(|_| display), out);
        out.push(b'}');
        before = b",{\"value\":";
    }
    out.push(b']');
}

fn write_meta(resource_type: &ResourceType, parts: &Parts<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"meta\":{\"resourceType\":");
    text(&resource_type.name, out);
    let created = time::format(parts.created);
    member("created", Some(&created), out);
    if parts.last_modified == parts.created {
        member("lastModified", Some(&created), out);
    } else {
        member("lastModified", Some(&time::format(parts.last_modified)), out);
    }
    member("location", Some(parts.location), out);
    member("version", Some(parts.version), out);
    out.push(b'}');
}

fn member(name: &str, value: Option<&str>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        out.push(b',');
        text(name, out);
        out.push(b':');
        text(value, out);
    }
}

/// A JSON text.
fn text(value: &str, out: &mut Vec<u8>) {
    // A `Vec` takes every byte and a text is always JSON: there is nothing that could fail.
    let _ = serde_json::to_writer(out, value);
}
