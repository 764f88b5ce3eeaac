//! Webhooks: where the events of an endpoint, or of all endpoints of a tenant, are sent to.
//!
//! The change log is the queue. For every webhook and endpoint a cursor says how far the log has been turned into
//! deliveries ([`queue`]); a delivery is a row without content, and what is sent is made from the log when it is sent. So
//! nothing is lost when a server dies, and nothing is kept twice. Who sends is above, in `endpoint-targets`.

pub mod address;
mod edit;
pub mod log;
pub mod queue;
pub mod retry;
mod secrets;

use diesel::prelude::*;
use scim_core::fold::fold;
use scim_core::time::format;
use serde_json::{Value, json};

use crate::conn::Conn;
use crate::dialect::tables::WebhookRow as Row;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::feed;
use crate::ids::Millis;
use crate::schema::{endpoints, webhook_cursors, webhooks};
use crate::version;
use crate::writer::Tx;

pub use address::Address;
pub(crate) use edit::set_pause;
pub use edit::{Changes, NewWebhook, add, change, pause, remove, resume, rotate};
pub use secrets::{Kind, OVERLAP, SecretRecord, Shown, live as live_secrets, records as secrets};

/// Webhooks that one endpoint, or one tenant, may have.
pub const MOST: i64 = 20;
const LABEL_LENGTH: usize = 100;
const MOST_TYPES: usize = 50;

/// Whose events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of one endpoint.
    Endpoint,
    /// Those of every endpoint of a tenant, also of later ones.
    Tenant,
}

impl Scope {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Tenant => "tenant",
        }
    }
}

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Millis,
    /// By whom; empty for the server itself.
    pub by: String,
    /// A sentence.
    pub why: String,
}

/// All that is known of a webhook but its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Never changes.
    pub id: String,
    /// The endpoint; `None` for one of a tenant.
    pub endpoint: Option<EndpointId>,
    /// The tenant; `None` for one of an endpoint.
    pub tenant: Option<String>,
    /// Where to.
    pub url: String,
    /// What to call it.
    pub label: String,
    /// Which events, as patterns such as `user.*`; none means all.
    pub types: Vec<String>,
    /// When it was made.
    pub created_at: Millis,
    /// By whom.
    pub created_by: String,
    /// Why nothing is sent at present.
    pub paused: Option<Pause>,
    /// Since when nothing has arrived, although it was tried.
    pub failing_since: Option<Millis>,
    /// When something arrived last.
    pub last_ok_at: Option<Millis>,
    /// Changes that were forgotten before they could be sent.
    pub missed: i64,
}

impl Webhook {
    /// Whose events are sent.
    pub fn scope(&self) -> Scope {
        if self.endpoint.is_some() { Scope::Endpoint } else { Scope::Tenant }
    }

    /// Whether an event is wanted.
    pub fn wants(&self, event: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|pattern| feed::is_type(pattern, event))
    }

    /// Whether it sends events of this endpoint.
    pub fn is_for(&self, endpoint: &Endpoint) -> bool {
        match (&self.endpoint, &self.tenant) {
            (Some(own), _) => *own == endpoint.id,
            (None, Some(tenant)) => endpoint.tenant.as_deref().is_some_and(|own| fold(own) == fold(tenant)),
            (None, None) => false,
        }
    }

    /// Entity tag of what can be set about it.
    pub fn tag(&self) -> String {
        version::tag(&(&self.id, &self.url, &self.label, &self.types))
    }

    fn facts(&self) -> Value {
        json!({
            "url": self.url, "label": self.label, "types": self.types, "scope": self.scope().as_str(),
            "tenant": self.tenant, "paused": self.paused.as_ref().map(|pause| format(pause.at)),
        })
    }
}

impl TryFrom<Row> for Webhook {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let types = serde_json::from_str(&row.types)
            .map_err(|e| StoreError::Damaged(format!("the types of webhook {}: {e}", row.id)))?;
        Ok(Self {
            id: row.id,
            endpoint: row.endpoint_id.map(EndpointId),
            tenant: row.tenant,
            url: row.url,
            label: row.label,
            types,
            created_at: row.created_at,
            created_by: row.created_by,
            paused: row.paused_at.map(|at| Pause {
                at,
                by: row.paused_by.unwrap_or_default(),
                why: row.paused_why.unwrap_or_default(),
            }),
            failing_since: row.failing_since,
            last_ok_at: row.last_ok_at,
            missed: row.missed,
        })
    }
}

/// The endpoints whose events it sends, with when they were made.
pub(crate) fn served(conn: &mut Conn, webhook: &Webhook) -> Result<Vec<(EndpointId, Millis)>, StoreError> {
    let live = endpoints::table.filter(endpoints::deleted_at.is_null()).select((
        endpoints::id,
        endpoints::created_at,
        endpoints::tenant,
    ));
    let rows: Vec<(String, i64, Option<String>)> = match &webhook.endpoint {
        Some(id) => live.filter(endpoints::id.eq(id.as_str())).load(conn)?,
        None => live.filter(endpoints::tenant.is_not_null()).load(conn)?,
    };
    let tenant = webhook.tenant.as_deref().map(fold);
    let is_served = |own: &Option<String>| tenant.is_none() || own.as_deref().map(fold) == tenant;
    let served = rows.into_iter().filter(|(_, _, own)| is_served(own));
    Ok(served.map(|(id, at, _)| (EndpointId(id), at)).collect())
}

pub(crate) fn begin_at(
    tx: &mut Tx<'_>,
    webhook: &Webhook,
    endpoint: &EndpointId,
    seq: i64,
) -> Result<(), StoreError> {
    diesel::insert_into(webhook_cursors::table)
        .values((
            webhook_cursors::endpoint_id.eq(endpoint.as_str()),
            webhook_cursors::webhook_id.eq(&webhook.id),
            webhook_cursors::seq.eq(seq),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Those that send events of an endpoint, its own first, the oldest first.
pub fn of_endpoint(conn: &mut Conn, endpoint: &Endpoint) -> Result<Vec<Webhook>, StoreError> {
    let key = endpoint.tenant.as_deref().map(fold);
    let rows: Vec<Row> = webhooks::table
        .filter(webhooks::endpoint_id.eq(endpoint.id.as_str()))
        .order(webhooks::id)
        .select(Row::as_select())
        .load(conn)?;
    let shared: Vec<Row> = match key {
        None => Vec::new(),
        Some(key) => webhooks::table
            .filter(webhooks::tenant_key.eq(key))
            .order(webhooks::id)
            .select(Row::as_select())
            .load(conn)?,
    };
    rows.into_iter().chain(shared).map(Webhook::try_from).collect()
}

/// All that are there, for who delivers.
pub fn all(conn: &mut Conn) -> Result<Vec<Webhook>, StoreError> {
    let rows: Vec<Row> = webhooks::table.order(webhooks::id).select(Row::as_select()).load(conn)?;
    Ok(rows.into_iter().filter_map(|row| crate::registry::readable(Webhook::try_from(row))).collect())
}

/// One that sends events of this endpoint; without an id, its only one.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Refused`] when there are several and none is named.
pub fn find(conn: &mut Conn, endpoint: &Endpoint, id: Option<&str>) -> Result<Webhook, StoreError> {
    let mut all = of_endpoint(conn, endpoint)?;
    let slug = &endpoint.slug;
    match id {
        Some(id) => all
            .into_iter()
            .find(|webhook| webhook.id == id)
            .ok_or_else(|| StoreError::NotFound(format!("endpoint `{slug}` has no webhook `{id:.100}`"))),
        None if all.len() > 1 => Err(StoreError::refused(format!(
            "endpoint `{slug}` has {} webhooks; name one by its id, as the list shows it",
            all.len()
        ))),
        None => all.pop().ok_or_else(|| StoreError::NotFound(format!("endpoint `{slug}` has no webhook"))),
    }
}
