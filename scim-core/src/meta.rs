//! What the server knows about a resource (RFC 7643 §3.1, `meta`).

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::time;

/// Bytes of the digest that stands for the groups in an entity tag.
const DIGEST: usize = 6;

/// Identity and history of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The `id` that this server gave it.
    pub id: String,
    /// When it was made, in milliseconds UTC.
    pub created: i64,
    /// When it last changed, in milliseconds UTC.
    pub last_modified: i64,
    /// Its entity tag, as [`etag`] makes it.
    pub version: String,
    /// Its full URL.
    pub location: String,
}

impl Meta {
    /// The `meta` attribute.
    #[must_use]
    pub fn to_value(&self, resource_type: &str) -> Map<String, Value> {
        let mut meta = Map::with_capacity(5);
        meta.insert("resourceType".into(), resource_type.into());
        meta.insert("created".into(), time::format(self.created).into());
        meta.insert("lastModified".into(), time::format(self.last_modified).into());
        meta.insert("location".into(), self.location.as_str().into());
        meta.insert("version".into(), self.version.as_str().into());
        meta
    }
}

/// A group as the resource that is in it shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership<'a> {
    /// The `id` of the group.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// False for a membership through a nested group.
    pub direct: bool,
}

/// The weak entity tag of an answer (RFC 7644 §3.14): `W/"3"`, where 3 is the `version` of the resource itself, which grows
/// by one with every change of it. An answer that shows the groups of a user changes without the user being changed:
/// then a digest of them follows, `W/"3-9f86d081884c"`, so that nobody is told that groups he does not know are unchanged.
#[must_use]
pub fn etag<'a>(version: i64, groups: impl IntoIterator<Item = Membership<'a>>) -> String {
    let mut groups = groups.into_iter().peekable();
    if groups.peek().is_none() {
        return format!("W/\"{version}\"");
    }
    let mut digest = Sha256::new();
    for group in groups {
        // No text holds a NUL (see the JSON door): what stands where cannot be mistaken.
        for part in [group.id, "\0", group.name, if group.direct { "\0\x01" } else { "\0\x02" }] {
            digest.update(part.as_bytes());
        }
    }
    let mut tag = format!("W/\"{version}-");
    for byte in digest.finalize().iter().take(DIGEST) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// The version of the resource itself in the opaque part of a tag that [`etag`] made: 3 in `3` and `3-9f86d081884c`.
/// `None` if it is none of ours.
#[must_use]
pub fn version_in(opaque: &str) -> Option<i64> {
    let (version, groups) = opaque.split_once('-').map_or((opaque, None), |(v, g)| (v, Some(g)));
    let is_digest = |text: &str| text.len() == 2 * DIGEST && text.bytes().all(|b| b.is_ascii_hexdigit());
    groups.is_none_or(is_digest).then(|| version.parse().ok()).flatten()
}
