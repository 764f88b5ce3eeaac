//! What the server knows about a resource (RFC 7643 §3.1, `meta`).

use serde_json::{Map, Value, json};

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
        let mut meta = Map::new();
        meta.insert("resourceType".into(), json!(resource_type));
        meta.insert("created".into(), json!(time::format(self.created)));
        meta.insert("lastModified".into(), json!(time::format(self.last_modified)));
        meta.insert("location".into(), json!(self.location));
        meta.insert("version".into(), json!(self.etag()));
        meta
    }
}
