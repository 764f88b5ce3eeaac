//! Answers put together from the text that is kept, without reading it into a tree.
//!
//! Most requests name no attributes and are shown everything. For them an answer is the kept text with `schemas`, `id`, the
//! links and `meta` around it; what needs a choice of attributes goes through [`project`](crate::project).

use crate::meta::Meta;
use crate::relation::Link;
use crate::schema::{Attribute, ResourceType, Returned};
use crate::time;

/// What an answer is put together from.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The attributes as they are kept: one JSON object, written by this server.
    pub kept: &'a str,
    /// What the server knows about the resource.
    pub meta: &'a Meta,
    /// Values that are kept elsewhere (`members`, `groups`), by attribute name.
    pub links: &'a [(&'a str, Vec<Link<'a>>)],
}

/// Writes the resource at the end of `out`: the same members as [`project::render`](crate::project::render) with a
/// projection of everything. Only for types that are [shown as kept](ResourceType::shown_as_kept).
pub fn write(resource_type: &ResourceType, parts: &Parts<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"schemas\":[");
    text(&resource_type.schema.id, out);
    for extension in &resource_type.extensions {
        if is_key(&extension.schema.id, parts.kept) {
            out.push(b',');
            text(&extension.schema.id, out);
        }
    }
    out.extend_from_slice(b"],\"id\":");
    text(&parts.meta.id, out);
    let attributes = parts.kept.strip_prefix('{').and_then(|kept| kept.strip_suffix('}')).unwrap_or_default();
    if !attributes.is_empty() {
        out.push(b',');
        out.extend_from_slice(attributes.as_bytes());
    }
    for (name, links) in parts.links {
        if let Some(attribute) = resource_type.attribute(name).filter(|_| !links.is_empty()) {
            write_links(attribute, links, out);
        }
    }
    write_meta(resource_type, parts.meta, out);
    out.push(b'}');
}

/// Whether the kept text has a member of this name. Inside a text, quotes are escaped: what is found is a member.
fn is_key(name: &str, kept: &str) -> bool {
    kept.match_indices(name).any(|(at, name)| {
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

fn write_meta(resource_type: &ResourceType, meta: &Meta, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"meta\":{\"resourceType\":");
    text(&resource_type.name, out);
    member("created", Some(&time::format(meta.created)), out);
    member("lastModified", Some(&time::format(meta.last_modified)), out);
    member("location", Some(&meta.location), out);
    member("version", Some(&meta.version), out);
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
