//! What the console, the command line and the management API do to an endpoint in one step.

use diesel::prelude::*;
use serde_json::json;

use super::{Endpoint, EndpointId, NewEndpoint, check_tenant, create, find, life};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::dialect;
use crate::error::StoreError;
use crate::health;
use crate::ids::Millis;
use crate::observations;
use crate::operators;
use crate::schema::endpoints;
use crate::settings::Idp;
use crate::tokens::{self, NewToken, Secret, TokenRecord};
use crate::version::Expected;
use crate::writer::Tx;

/// Makes an endpoint with its first token, all or nothing.
///
/// # Errors
/// As [`create`] and [`tokens::issue`].
pub fn create_with_token(
    tx: &mut Tx<'_>,
    new: &NewEndpoint,
    token: &NewToken,
    actor: &Actor,
    now: Millis,
) -> Result<(Endpoint, Secret, TokenRecord), StoreError> {
    let acts = |tx: &mut Tx<'_>| {
        let endpoint = create(tx, new, actor, now)?;
        let (plain, record) = tokens::issue(tx, &endpoint.id, token, actor, now)?;
        Ok((endpoint, plain, record))
    };
    tx.as_one(acts, |(endpoint, _, record)| {
        let note = Note::new(actor, now, Action::EndpointCreate, &endpoint.slug).on(&endpoint.id);
        note.after(json!({"endpoint": life::facts(endpoint), "token": record.facts()}))
    })
}

/// What is to be different about an endpoint; `None` leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Another name, and with it another address; the old one keeps working.
    pub name: Option<String>,
    /// Another tenant, or none.
    pub tenant: Option<Option<String>>,
    /// Another identity provider, with its preset.
    pub idp: Option<Idp>,
    /// Settings by name, after the preset.
    pub settings: Vec<(String, String)>,
}

/// Changes an endpoint, all or nothing.
///
/// # Errors
/// [`StoreError::Stale`], [`StoreError::Invalid`] with the place, [`StoreError::Refused`].
pub fn update(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    change: &Change,
    expected: &Expected,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    dialect::lock_endpoint(tx, id)?;
    let current = find(tx, id.as_str())?;
    expected.check(Some(&current.tag()))?;
    tx.as_one(
        |tx| apply(tx, &current, change, actor, now),
        |after| life::changed(actor, now, Action::EndpointUpdate, &current, after),
    )
}

fn apply(
    tx: &mut Tx<'_>,
    current: &Endpoint,
    change: &Change,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    let id = &current.id;
    if let Some(name) = change.name.as_deref().filter(|name| *name != current.name) {
        life::rename(tx, id, name, actor, now)?;
    }
    if let Some(tenant) = &change.tenant {
        let tenant = check_tenant(tenant.as_deref())?;
        operators::check_tenant(tx, actor, tenant.as_deref())?;
        diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
            .set((endpoints::tenant.eq(tenant), endpoints::updated_at.eq(now)))
            .execute(&mut **tx)?;
    }
    if let Some(idp) = change.idp.filter(|idp| *idp != current.idp) {
        change_idp(tx, id, idp, actor, now)?;
    }
    if !change.settings.is_empty() {
        let mut settings = find(tx, id.as_str())?.settings;
        settings.set_all(&change.settings)?;
        life::set_settings(tx, id, &settings, actor, now)?;
    }
    tx.registry_changed();
    find(tx, id.as_str())
}

/// Makes the endpoint one for another identity provider; what was noticed so far spoke about the old settings.
fn change_idp(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    idp: Idp,
    actor: &Actor,
    now: Millis,
) -> Result<(), StoreError> {
    life::set_idp(tx, id, idp, actor, now)?;
    observations::forget(tx, id)?;
    let endpoint = find(tx, id.as_str())?;
    health::refresh(tx, &endpoint, now)
}
