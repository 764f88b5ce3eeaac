//! The discovery documents (RFC 7643 §5 to §7, RFC 7644 §4), made from what is enforced.

use serde_json::{Map, Value, json};

use crate::schema::{ResourceType, Schema};

const SPC_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const SCHEMA_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
const RESOURCE_TYPE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";

/// Limits of the Bulk endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkLimits {
    /// The most operations in one request.
    pub max_operations: u64,
    /// The largest body in bytes.
    pub max_payload_size: u64,
}

/// How lists are paged (RFC 9865 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Whether cursors are offered besides start indexes.
    pub cursor: bool,
    /// Page size when none is asked for.
    pub default_page_size: u64,
    /// The largest page.
    pub max_page_size: u64,
    /// Seconds until a cursor expires; `None` if it does not.
    pub cursor_timeout: Option<u64>,
}

/// What an endpoint offers. The same values must drive what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether PATCH is offered.
    pub patch: bool,
    /// Whether Bulk is offered, and how much of it.
    pub bulk: Option<BulkLimits>,
    /// The most results of a filter; `None` if filters are not offered.
    pub filter_max_results: Option<u64>,
    /// Whether passwords can be changed.
    pub change_password: bool,
    /// Whether lists can be sorted.
    pub sort: bool,
    /// Whether entity tags are given and obeyed.
    pub etag: bool,
    /// How lists are paged.
    pub paging: Paging,
    /// Where people can read about it.
    pub documentation_uri: Option<String>,
}

/// The service provider configuration (RFC 7643 §5, with RFC 9865 §3).
#[must_use]
pub fn service_provider_config(capabilities: &Capabilities, base_url: &str) -> Value {
    let bulk = capabilities.bulk;
    let mut config = Map::new();
    config.insert("schemas".into(), json!([SPC_URN]));
    if let Some(uri) = &capabilities.documentation_uri {
        config.insert("documentationUri".into(), json!(uri));
    }
    let supported = |flag: bool| json!({ "supported": flag });
    config.insert("patch".into(), supported(capabilities.patch));
    config.insert(
        "bulk".into(),
        json!({
            "supported": bulk.is_some(),
            "maxOperations": bulk.map_or(0, |bulk| bulk.max_operations),
            "maxPayloadSize": bulk.map_or(0, |bulk| bulk.max_payload_size),
        }),
    );
    config.insert(
        "filter".into(),
        json!({
            "supported": capabilities.filter_max_results.is_some(),
            "maxResults": capabilities.filter_max_results.unwrap_or(0),
        }),
    );
    config.insert("changePassword".into(), supported(capabilities.change_password));
    config.insert("sort".into(), supported(capabilities.sort));
    config.insert("etag".into(), supported(capabilities.etag));
    config.insert("pagination".into(), pagination(capabilities.paging));
    config.insert(
        "authenticationSchemes".into(),
        json!([{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A token of this endpoint, in the Authorization header.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }]),
    );
    let location = format!("{}/ServiceProviderConfig", base_url.trim_end_matches('/'));
    config.insert("meta".into(), meta("ServiceProviderConfig", &location));
    Value::Object(config)
}

fn pagination(paging: Paging) -> Value {
    let mut out = json!({
        "cursor": paging.cursor,
        "index": true,
        "defaultPaginationMethod": "index",
        "defaultPageSize": paging.default_page_size,
        "maxPageSize": paging.max_page_size,
    });
    if let (Value::Object(out), Some(seconds)) = (&mut out, paging.cursor_timeout) {
        out.insert("cursorTimeout".into(), json!(seconds));
    }
    out
}

/// A resource type (RFC 7643 §6).
#[must_use]
pub fn resource_type(resource_type: &ResourceType, base_url: &str) -> Value {
    let mut out = Map::new();
    out.insert("schemas".into(), json!([RESOURCE_TYPE_URN]));
    out.insert("id".into(), json!(resource_type.id));
    out.insert("name".into(), json!(resource_type.name));
    out.insert("endpoint".into(), json!(format!("/{}", resource_type.endpoint)));
    out.insert("description".into(), json!(resource_type.description));
    out.insert("schema".into(), json!(resource_type.schema.id));
    let extensions: Vec<Value> = resource_type
        .extensions
        .iter()
        .map(|e| json!({ "schema": e.schema.id, "required": e.required }))
        .collect();
    if !extensions.is_empty() {
        out.insert("schemaExtensions".into(), Value::Array(extensions));
    }
    let location = format!("{}/ResourceTypes/{}", base_url.trim_end_matches('/'), resource_type.id);
    out.insert("meta".into(), meta("ResourceType", &location));
    Value::Object(out)
}

/// A schema (RFC 7643 §7): its definition as it was read, and `meta`.
#[must_use]
pub fn schema(schema: &Schema, base_url: &str) -> Value {
    let mut out = schema.json().clone();
    if let Value::Object(out) = &mut out {
        // Definitions of an endpoint's own may come without it.
        out.entry("schemas").or_insert_with(|| json!([SCHEMA_URN]));
        let location = format!("{}/Schemas/{}", base_url.trim_end_matches('/'), schema.id);
        out.insert("meta".into(), meta("Schema", &location));
    }
    out
}

fn meta(resource_type: &str, location: &str) -> Value {
    json!({ "resourceType": resource_type, "location": location })
}
