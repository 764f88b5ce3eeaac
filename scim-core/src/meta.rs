//! What the server knows about a resource (RFC 7643 §3.1, `meta`).

use serde_json::{Map, Value};

use crate::time;

/// Identity and history of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The `id` that this server gave it.
    pub id: String,
    /// When it was made, in milliseconds UTC.
    pub created: i64,
    /// When it last changed, in milliseconds UTC.
    pub last_modified: i64,
    /// Grows by one with every change.
    pub version: i64,
    /// Its full URL.
    pub location: String,
}

impl Meta {
    /// The weak entity tag (RFC 7644 §3.14): `W/"3"`.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// The `meta` attribute.
    #[must_use]
    pub fn to_value(&self, resource_type: &str) -> Map<String, Value> {
        let mut meta = Map::with_capacity(5);
        meta.insert("resourceType".into(), resource_type.into());
        meta.insert("created".into(), time::format(self.created).into());
        meta.insert("lastModified".into(), time::format(self.last_modified).into());
        meta.insert("location".into(), self.location.as_str().into());
        meta.insert("version".into(), self.etag().into());
        meta
    }
}
