//! Adding, changing, pausing and removing webhooks.

use diesel::prelude::*;
use scim_core::fold::fold;

use super::{Address, Kind, LABEL_LENGTH, MOST, MOST_TYPES, Scope, Shown, Webhook};
use super::{begin_at, find, of_endpoint, queue, secrets, served};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::changes;
use crate::dialect::tables::WebhookRow as Row;
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::feed;
use crate::ids::{Millis, new_id};
use crate::schema::webhooks;
use crate::sealed::Keyring;
use crate::writer::Tx;

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

/// Replaces the secret: the new one signs beside the old one for [`super::OVERLAP`], then alone.
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
