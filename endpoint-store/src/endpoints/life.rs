//! What happens to an endpoint after it was made.

use diesel::prelude::*;
use scim_core::fold::fold;
use serde_json::{Value, json};

use super::{
    Endpoint, EndpointId, Status, catalog, check_name, find, free_slug, name_taken, slug_for, to_json,
};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::dialect;
use crate::error::StoreError;
use crate::health;
use crate::ids::Millis;
use crate::schema::{endpoint_slugs, endpoints};
use crate::settings::{Idp, Settings};
use crate::writer::Tx;

/// How long an endpoint stays in the bin, in milliseconds.
pub const BIN_LIFETIME: Millis = 30 * 24 * 3_600_000;

/// Gives a new name and slug; the old slug keeps working.
pub fn rename(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    name: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    let name = check_name(name)?;
    let current = find(tx, id.as_str())?;
    let own: Vec<String> = endpoint_slugs::table
        .filter(endpoint_slugs::endpoint_id.eq(id.as_str()))
        .select(endpoint_slugs::slug)
        .load(&mut **tx)?;
    let wanted = slug_for(&name).unwrap_or_default();
    let slug = if own.contains(&wanted) {
        wanted
    } else {
        let slug = free_slug(tx, &name)?;
        diesel::insert_into(endpoint_slugs::table)
            .values((endpoint_slugs::slug.eq(&slug), endpoint_slugs::endpoint_id.eq(id.as_str())))
            .execute(&mut **tx)
            .map_err(name_taken)?;
        slug
    };
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((
            endpoints::name.eq(&name),
            endpoints::name_key.eq(fold(&name)),
            endpoints::slug.eq(&slug),
            endpoints::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    let renamed = Endpoint { name, slug, ..current.clone() };
    tx.note(changed(actor, now, Action::EndpointRename, &current, &renamed));
    tx.registry_changed();
    Ok(renamed)
}

/// A change of state that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// 503 until it is resumed.
    Pause,
    /// Ends a pause.
    Resume,
    /// 403 until it is enabled.
    Disable,
    /// Lets it answer after it was disabled.
    Enable,
}

impl Turn {
    /// The state afterwards. Only what undoes a state leaves it: resuming never enables what was disabled.
    fn from(self, slug: &str, status: Status) -> Result<Status, StoreError> {
        match (self, status) {
            (Self::Pause | Self::Resume, Status::Disabled) => {
                Err(StoreError::refused(format!("endpoint `{slug}` is disabled; enable it first")))
            }
            (Self::Enable, Status::Paused) => {
                Err(StoreError::refused(format!("endpoint `{slug}` is paused; resume it instead")))
            }
            (Self::Pause, _) => Ok(Status::Paused),
            (Self::Disable, _) => Ok(Status::Disabled),
            (Self::Resume | Self::Enable, _) => Ok(Status::Active),
        }
    }
}

/// Pauses, resumes, disables or enables.
///
/// # Errors
/// [`StoreError::Refused`] for a turn that does not lead out of the present state.
pub fn turn(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    turn: Turn,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    dialect::lock_endpoint(tx, id)?;
    let current = find(tx, id.as_str())?;
    let status = turn.from(&current.slug, current.status)?;
    set_status(tx, id, status, actor, now)?;
    Ok(Endpoint { status, ..current })
}

/// Makes it answer, pause or refuse, whatever it did before.
pub fn set_status(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    status: Status,
    actor: &Actor,
    now: Millis,
) -> Result<(), StoreError> {
    let current = find(tx, id.as_str())?;
    tx.note(changed(actor, now, status.as_action(), &current, &Endpoint { status, ..current.clone() }));
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::status.eq(status.as_str()), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Replaces the settings.
pub fn set_settings(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    settings: &Settings,
    actor: &Actor,
    now: Millis,
) -> Result<(), StoreError> {
    let current = find(tx, id.as_str())?;
    let changed_to = Endpoint { settings: settings.clone(), ..current.clone() };
    tx.note(changed(actor, now, Action::EndpointSettings, &current, &changed_to));
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::settings.eq(to_json(settings)?), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    if settings.silence != current.settings.silence {
        health::refresh(tx, &changed_to, now)?;
    }
    tx.registry_changed();
    Ok(())
}

/// Makes the endpoint one for another identity provider, with its preset.
pub fn set_idp(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    idp: Idp,
    actor: &Actor,
    now: Millis,
) -> Result<(), StoreError> {
    let current = find(tx, id.as_str())?;
    let preset = Settings::preset(idp);
    let mut other = Endpoint { idp, ..current.clone() };
    other.settings.group_patch = preset.group_patch;
    other.settings.dialect = preset.dialect;
    tx.note(changed(actor, now, Action::EndpointIdp, &current, &other));
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((
            endpoints::idp.eq(idp.as_str()),
            endpoints::settings.eq(to_json(&other.settings)?),
            endpoints::updated_at.eq(now),
        ))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Replaces the extensions and resource types of an endpoint's own; `None` takes all away. Index keys of what is
/// there follow.
///
/// # Errors
/// [`StoreError::Invalid`] for definitions that are not sound, with the place of the fault; [`StoreError::Refused`]
/// when they take away a type that has resources.
pub fn set_definitions(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    definitions: Option<&str>,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    let new = catalog(definitions)?;
    let current = find(tx, id.as_str())?;
    crate::directory::follow_catalog(tx, &current, &new)?;
    let note = Note::new(actor, now, Action::EndpointSchemas, &current.slug).on(id);
    tx.note(note.change(&parsed(current.definitions.as_deref()), &parsed(definitions)));
    // What the taken away definitions made is still kept in the resources; empty ones say that it may be there.
    let definitions = definitions.or(current.definitions.as_ref().map(|_| "{}"));
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::definitions.eq(definitions), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    find(tx, id.as_str())
}

/// Puts an endpoint into the bin, where it answers nobody.
///
/// # Errors
/// [`StoreError::Refused`] when it is there already.
pub fn delete(tx: &mut Tx<'_>, id: &EndpointId, actor: &Actor, now: Millis) -> Result<Endpoint, StoreError> {
    let current = find(tx, id.as_str())?;
    if current.deleted_at.is_some() {
        return Err(StoreError::refused(format!("endpoint `{}` is in the bin already", current.slug)));
    }
    tx.note(Note::new(actor, now, Action::EndpointDelete, &current.slug).on(id).before(facts(&current)));
    set_deleted(tx, current, Some(now))
}

/// Takes an endpoint out of the bin, with everything in it.
///
/// # Errors
/// [`StoreError::Refused`] when it is not there.
pub fn undelete(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    actor: &Actor,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    let current = find(tx, id.as_str())?;
    if current.deleted_at.is_none() {
        return Err(StoreError::refused(format!("endpoint `{}` is not in the bin", current.slug)));
    }
    tx.note(Note::new(actor, now, Action::EndpointUndelete, &current.slug).on(id).after(facts(&current)));
    set_deleted(tx, current, None)
}

fn set_deleted(tx: &mut Tx<'_>, endpoint: Endpoint, at: Option<Millis>) -> Result<Endpoint, StoreError> {
    let whole = endpoints::id.eq(endpoint.id.as_str()).and(endpoints::purge_began_at.is_null());
    let updated = diesel::update(endpoints::table.filter(whole))
        .set(endpoints::deleted_at.eq(at))
        .execute(&mut **tx)?;
    if updated == 0 {
        return Err(StoreError::refused(
            "this endpoint was in the bin for 30 days and is being removed: it cannot be taken out any more",
        ));
    }
    tx.registry_changed();
    Ok(Endpoint { deleted_at: at, ..endpoint })
}

/// What the audit log keeps of an endpoint.
pub(super) fn facts(endpoint: &Endpoint) -> Value {
    json!({
        "name": endpoint.name, "slug": endpoint.slug, "tenant": endpoint.tenant, "idp": endpoint.idp.as_str(),
        "status": endpoint.status.as_str(), "settings": endpoint.settings,
        "definitions": parsed(endpoint.definitions.as_deref()),
    })
}

/// The entry of a change, with what is different.
pub(super) fn changed(
    actor: &Actor,
    now: Millis,
    action: Action,
    before: &Endpoint,
    after: &Endpoint,
) -> Note {
    Note::new(actor, now, action, &after.slug).on(&after.id).change(&facts(before), &facts(after))
}

fn parsed(definitions: Option<&str>) -> Value {
    definitions.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}
