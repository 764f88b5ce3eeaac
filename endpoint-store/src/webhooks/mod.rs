//! Webhooks: where the events of an endpoint, or of all endpoints of a tenant, are sent to.
//!
//! The change log is the queue. For every webhook and endpoint a cursor says how far the log has been turned into
//! deliveries ([`queue`]); a delivery is a row without content, and what is sent is made from the log when it is sent. So
//! nothing is lost when a server dies, and nothing is kept twice. Who sends is above, in `endpoint-targets`.

pub mod address;
pub mod log;
pub mod queue;
pub mod retry;
mod secrets;

use diesel::prelude::*;
use scim_core::fold::fold;
use scim_core::time::format;
use serde_json::{Value, json};

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::changes;
use crate::conn::Conn;
use crate::dialect::tables::WebhookRow as Row;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::feed;
use crate::ids::{Millis, new_id};
use crate::schema::{endpoints, webhook_cursors, webhooks};
use crate::sealed::Keyring;
use crate::writer::Tx;

pub use address::Address;
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

/// What is chosen for a new webhook.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where to.
    pub address: Address,
    /// What to call it; empty takes the host.
    pub label: String,
    /// Which events; none means all.
    pub types: Vec<String>,
    /// Whose.
    pub scope: Scope,
    /// How it signs.
    pub kind: Kind,
}

/// What is changed about one; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Where to.
    pub address: Option<Address>,
    /// What to call it.
    pub label: Option<String>,
    /// Which events.
    pub types: Option<Vec<String>>,
}

/// Adds a webhook. It sends what happens from now on; the secret exists in plain only in the returned value.
///
/// # Errors
/// [`StoreError::Refused`] with [`MOST`] of them, for the tenant of an endpoint that has none, or without a key to seal
/// with; [`StoreError::Invalid`] for a label or a type that cannot be.
pub fn add(
    tx: &mut Tx<'_>,
    keyring: &Keyring,
    endpoint: &Endpoint,
    new: &NewWebhook,
    actor: &Actor,
    now: Millis,
) -> Result<(Webhook, Shown), StoreError> {
    let tenant = match new.scope {
        Scope::Endpoint => None,
        Scope::Tenant => Some(endpoint.tenant.clone().ok_or_else(|| {
            StoreError::refused(format!(
                "endpoint `{}` belongs to no tenant; give it one, or add the webhook to the endpoint alone",
                endpoint.slug
            ))
        })?),
    };
    let many = of_endpoint(tx, endpoint)?.iter().filter(|known| known.scope() == new.scope).count();
    if i64::try_from(many).unwrap_or(i64::MAX) >= MOST {
        return Err(StoreError::refused(format!(
            "there are {many} webhooks already, and no more than {MOST} are possible; remove one first"
        )));
    }
    let label = new.label.trim();
    let row = Row {
        id: new_id(now),
        endpoint_id: tenant.is_none().then(|| endpoint.id.as_str().to_owned()),
        tenant_key: tenant.as_deref().map(fold),
        tenant,
        url: new.address.as_str().to_owned(),
        label: check_label(if label.is_empty() { new.address.host() } else { label })?,
        types: check_types(endpoint, &new.types)?,
        created_at: now,
        created_by: actor.label.clone(),
        paused_at: None,
        paused_by: None,
        paused_why: None,
        failing_since: None,
        last_ok_at: None,
        missed: 0,
    };
    diesel::insert_into(webhooks::table).values(&row).execute(&mut **tx)?;
    let webhook = Webhook::try_from(row)?;
    let shown = secrets::add(tx, keyring, &webhook.id, new.kind, now)?;
    for (id, _) in served(tx, &webhook)? {
        let seq = changes::last_number(tx, &id)?;
        begin_at(tx, &webhook, &id, seq)?;
    }
    tx.note(Note::new(actor, now, Action::WebhookAdd, &webhook.id).on(&endpoint.id).after(webhook.facts()));
    Ok((webhook, shown))
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

fn check_label(label: &str) -> Result<String, StoreError> {
    let label = label.trim();
    if label.is_empty() || label.chars().count() > LABEL_LENGTH || label.chars().any(char::is_control) {
        let sentence = format!("the label needs 1 to {LABEL_LENGTH} characters, on one line");
        return Err(StoreError::invalid("/label", sentence));
    }
    Ok(label.to_owned())
}

/// As kept. A pattern that fits nothing would silently send nothing.
fn check_types(endpoint: &Endpoint, types: &[String]) -> Result<String, StoreError> {
    let known = feed::types(&endpoint.catalog);
    if types.len() > MOST_TYPES {
        let sentence = format!("there are {} types, and no more than {MOST_TYPES} are taken", types.len());
        return Err(StoreError::invalid("/types", sentence));
    }
    for (at, pattern) in types.iter().enumerate() {
        if !known.iter().any(|name| feed::is_type(pattern, name)) {
            let shown: String = pattern.chars().take(100).collect();
            let sentence = format!(
                "`{shown}` is no event of this endpoint; there are {}, and `user.*` stands for all that begin so",
                known.join(", ")
            );
            return Err(StoreError::invalid(format!("/types/{at}"), sentence));
        }
    }
    serde_json::to_string(types).map_err(|e| StoreError::Damaged(e.to_string()))
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

/// Changes where to, which events, or the label.
///
/// # Errors
/// As [`add`] and [`find`].
pub fn change(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    id: &str,
    changes: &Changes,
    actor: &Actor,
    now: Millis,
) -> Result<Webhook, StoreError> {
    let before = find(tx, endpoint, Some(id))?;
    let url = changes.address.as_ref().map_or(before.url.as_str(), Address::as_str).to_owned();
    let label = match &changes.label {
        Some(label) => check_label(label)?,
        None => before.label.clone(),
    };
    let types = check_types(endpoint, changes.types.as_ref().unwrap_or(&before.types));
    let types = match (&changes.types, types) {
        // A type may have gone since: what is not changed is not judged.
        (None, Err(_)) => serde_json::to_string(&before.types).unwrap_or_else(|_| "[]".to_owned()),
        (_, judged) => judged?,
    };
    diesel::update(webhooks::table.filter(webhooks::id.eq(id)))
        .set((webhooks::url.eq(&url), webhooks::label.eq(&label), webhooks::types.eq(&types)))
        .execute(&mut **tx)?;
    let after = find(tx, endpoint, Some(id))?;
    let note = Note::new(actor, now, Action::WebhookChange, id).on(&endpoint.id);
    tx.note(note.change(&before.facts(), &after.facts()));
    Ok(after)
}

/// Stops sending until it is resumed. What happens meanwhile is sent then.
///
/// # Errors
/// As [`find`]; [`StoreError::Refused`] when it is paused already.
pub fn pause(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Webhook, StoreError> {
    if find(tx, endpoint, Some(id))?.paused.is_some() {
        return Err(StoreError::refused("the webhook is paused already"));
    }
    let by = if actor.label.is_empty() { actor.kind.as_str() } else { &actor.label };
    set_pause(tx, id, Some((now, by, "an operator paused it")))?;
    tx.note(Note::new(actor, now, Action::WebhookPause, id).on(&endpoint.id));
    find(tx, endpoint, Some(id))
}

pub(crate) fn set_pause(
    tx: &mut Tx<'_>,
    id: &str,
    pause: Option<(Millis, &str, &str)>,
) -> Result<(), StoreError> {
    diesel::update(webhooks::table.filter(webhooks::id.eq(id)))
        .set((
            webhooks::paused_at.eq(pause.map(|(at, ..)| at)),
            webhooks::paused_by.eq(pause.map(|(_, by, _)| by)),
            webhooks::paused_why.eq(pause.map(|(.., why)| why)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Sends again, from where it was; what waits is tried at once, and has its three days anew.
///
/// # Errors
/// As [`find`]; [`StoreError::Refused`] when it is not paused.
pub fn resume(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Webhook, StoreError> {
    if find(tx, endpoint, Some(id))?.paused.is_none() {
        return Err(StoreError::refused("the webhook is not paused"));
    }
    set_pause(tx, id, None)?;
    diesel::update(webhooks::table.filter(webhooks::id.eq(id)))
        .set(webhooks::failing_since.eq(None::<i64>))
        .execute(&mut **tx)?;
    queue::begin_anew(tx, id, now)?;
    tx.note(Note::new(actor, now, Action::WebhookResume, id).on(&endpoint.id));
    find(tx, endpoint, Some(id))
}

/// Replaces the secret: the new one signs beside the old one for [`OVERLAP`], then alone.
///
/// # Errors
/// As [`find`]; [`StoreError::Refused`] without a key to seal with.
pub fn rotate(
    tx: &mut Tx<'_>,
    keyring: &Keyring,
    endpoint: &Endpoint,
    (id, kind): (&str, Option<Kind>),
    actor: &Actor,
    now: Millis,
) -> Result<Shown, StoreError> {
    find(tx, endpoint, Some(id))?;
    let shown = secrets::rotate(tx, keyring, id, kind, now)?;
    tx.note(Note::new(actor, now, Action::WebhookRotate, id).on(&endpoint.id));
    Ok(shown)
}

/// Takes a webhook away, with its deliveries and secrets.
///
/// # Errors
/// As [`find`].
pub fn remove(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Webhook, StoreError> {
    let webhook = find(tx, endpoint, Some(id))?;
    diesel::delete(webhooks::table.filter(webhooks::id.eq(id))).execute(&mut **tx)?;
    let note = Note::new(actor, now, Action::WebhookRemove, id).on(&endpoint.id);
    tx.note(note.before(webhook.facts()));
    Ok(webhook)
}
