//! The audit log as a file, for the console and the management API.

use actix_web::HttpResponse;
use endpoint_store::{
    Store,
    audit::{self, Entry, Filter},
};
use scim_core::time::format;
use serde_json::{Value, json};

use crate::list_file::{self, Line, PORTION};

pub use crate::list_file::Format;

const COLUMNS: &[&str] = &[
    "position",
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "action",
    "endpoint_id",
    "subject",
    "before",
    "after",
    "previous",
    "hash",
];

/// An entry as a JSON object, as the management API shows it.
pub fn line(entry: &Entry) -> Value {
    let parsed = |text: &Option<String>| -> Value {
        text.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
    };
    json!({
        "position": entry.position,
        "at": format(entry.at),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "address": entry.address,
        "action": entry.action,
        "endpoint_id": entry.endpoint_id,
        "subject": entry.subject,
        "before": parsed(&entry.before),
        "after": parsed(&entry.after),
        "previous": entry.previous_text(),
        "hash": entry.hash_text(),
    })
}

impl Line for Entry {
    fn json(&self) -> Value {
        line(self)
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.position.to_string(),
            format(self.at),
            self.actor_kind.clone(),
            self.actor_id.clone(),
            self.actor_name.clone(),
            self.address.clone(),
            self.action.clone(),
            self.endpoint_id.clone().unwrap_or_default(),
            self.subject.clone(),
            self.before.clone().unwrap_or_default(),
            self.after.clone().unwrap_or_default(),
            self.previous_text(),
            self.hash_text(),
        ]
    }
}

/// The answer with all entries that are wanted, the latest first, written while it is sent.
pub fn download(store: &Store, filter: Filter, wanted: Format) -> HttpResponse {
    list_file::download(store, ("audit-log", COLUMNS), wanted, move |conn, before: Option<&i64>| {
        let page = audit::page(conn, &filter, before.copied(), PORTION)?;
        Ok((page.entries, page.next))
    })
}
