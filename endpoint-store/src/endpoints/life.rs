//! What happens to an endpoint after it was made.

use diesel::prelude::*;
use scim_core::fold::fold;

use super::{
    Endpoint, EndpointId, Status, catalog, check_name, find, free_slug, name_taken, slug_for, to_json,
};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoint_slugs, endpoints};
use crate::settings::{Idp, Settings};
use crate::writer::Tx;

/// How long an endpoint stays in the bin, in milliseconds.
pub const BIN_LIFETIME: Millis = 30 * 24 * 3_600_000;

/// Gives a new name and slug; the old slug keeps working.
pub fn rename(tx: &mut Tx<'_>, id: &EndpointId, name: &str, now: Millis) -> Result<Endpoint, StoreError> {
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
    tx.registry_changed();
    Ok(Endpoint { name, slug, ..current })
}

/// Pauses, resumes, disables or enables.
pub fn set_status(tx: &mut Tx<'_>, id: &EndpointId, status: Status, now: Millis) -> Result<(), StoreError> {
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
    now: Millis,
) -> Result<(), StoreError> {
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::settings.eq(to_json(settings)?), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Makes the endpoint one for another identity provider, with its preset.
pub fn set_idp(tx: &mut Tx<'_>, id: &EndpointId, idp: Idp, now: Millis) -> Result<(), StoreError> {
    let settings = {
        let kept = find(tx, id.as_str())?.settings;
        let preset = Settings::preset(idp);
        Settings { group_patch: preset.group_patch, dialect: preset.dialect, ..kept }
    };
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((
            endpoints::idp.eq(idp.as_str()),
            endpoints::settings.eq(to_json(&settings)?),
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
/// [`StoreError::Refused`] for definitions that are not sound, or that take away a type that has resources.
pub fn set_definitions(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    definitions: Option<&str>,
    now: Millis,
) -> Result<Endpoint, StoreError> {
    let new = catalog(definitions).map_err(StoreError::Refused)?;
    let current = find(tx, id.as_str())?;
    crate::directory::follow_catalog(tx, &current, &new)?;
    // What the taken away definitions made is still kept in the resources; empty ones say that it may be there.
    let definitions = definitions.or(current.definitions.as_ref().map(|_| "{}"));
    diesel::update(endpoints::table.filter(endpoints::id.eq(id.as_str())))
        .set((endpoints::definitions.eq(definitions), endpoints::updated_at.eq(now)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    find(tx, id.as_str())
}

/// Puts an endpoint into the bin (`Some(now)`), where it answers nobody, or takes it out again (`None`).
///
/// # Errors
/// [`StoreError::Refused`] for an endpoint whose removal has begun.
pub fn set_deleted(tx: &mut Tx<'_>, id: &EndpointId, at: Option<Millis>) -> Result<(), StoreError> {
    let whole = endpoints::id.eq(id.as_str()).and(endpoints::purge_began_at.is_null());
    let updated = diesel::update(endpoints::table.filter(whole))
        .set(endpoints::deleted_at.eq(at))
        .execute(&mut **tx)?;
    if updated == 0 {
        return Err(StoreError::refused(
            "this endpoint was in the bin for 30 days and is being removed: it cannot be taken out any more",
        ));
    }
    tx.registry_changed();
    Ok(())
}
