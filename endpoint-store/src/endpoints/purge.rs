//! The end of an endpoint: what was in the bin for 30 days goes for good, a little at a time, so that nobody waits.

use diesel::prelude::*;

use super::EndpointId;
use super::life::BIN_LIFETIME;
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::directory::rows;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoints, members, resources};
use crate::webhooks;
use crate::writer::Tx;
use crate::{history, requests, targets, verifications};

/// Rows of each kind that go in one write.
const PORTION: i64 = 500;

/// The endpoints whose time in the bin is over, or whose removal has begun.
pub fn due(conn: &mut Conn, now: Millis) -> Result<Vec<EndpointId>, StoreError> {
    let over =
        endpoints::deleted_at.lt(now - BIN_LIFETIME).or(endpoints::purge_began_at.is_not_null().nullable());
    let ids: Vec<String> =
        endpoints::table.filter(over).order(endpoints::deleted_at).select(endpoints::id).load(conn)?;
    Ok(ids.into_iter().map(EndpointId).collect())
}

/// Takes away a part of such an endpoint, and says whether there is more. Once this has begun, the endpoint cannot be
/// taken out of the bin: nobody gets half of it back.
pub fn purge(tx: &mut Tx<'_>, id: &EndpointId, now: Millis) -> Result<bool, StoreError> {
    if !begin(tx, id, now)? {
        return Ok(false);
    }
    // Members go before their groups: a large one would take all of them with it at once.
    if webhooks::log::forget_endpoint(tx, id, PORTION)? > 0
        || requests::forget_some(tx, id, PORTION)? > 0
        || remove_members(tx, id)? > 0
        || targets::forget_some(tx, id, PORTION)? > 0
        || remove_resources(tx, id)? > 0
        || history::forget(tx, id, Millis::MAX)?
    {
        return Ok(true);
    }
    verifications::forget(tx, id)?;
    let slug: String = endpoints::table
        .filter(endpoints::id.eq(id.as_str()))
        .select(endpoints::slug)
        .get_result(&mut **tx)?;
    tx.note(Note::new(&Actor::system(), now, Action::EndpointPurge, &slug).on(id));
    diesel::delete(endpoints::table.filter(endpoints::id.eq(id.as_str()))).execute(&mut **tx)?;
    tx.registry_changed();
    Ok(false)
}

/// Marks the endpoint, if it is still in the bin; false when it was taken out meanwhile.
fn begin(tx: &mut Tx<'_>, id: &EndpointId, now: Millis) -> Result<bool, StoreError> {
    diesel::update(
        endpoints::table
            .filter(endpoints::id.eq(id.as_str()))
            .filter(endpoints::deleted_at.lt(now - BIN_LIFETIME))
            .filter(endpoints::purge_began_at.is_null()),
    )
    .set(endpoints::purge_began_at.eq(now))
    .execute(&mut **tx)?;
    let begun: i64 = endpoints::table
        .filter(endpoints::id.eq(id.as_str()))
        .filter(endpoints::purge_began_at.is_not_null())
        .count()
        .get_result(&mut **tx)?;
    Ok(begun > 0)
}

fn remove_members(tx: &mut Tx<'_>, id: &EndpointId) -> Result<usize, StoreError> {
    let pairs: Vec<(String, String)> = members::table
        .filter(members::endpoint_id.eq(id.as_str()))
        .limit(2 * PORTION)
        .select((members::group_id, members::member_id))
        .load(&mut **tx)?;
    for (group, member) in &pairs {
        diesel::delete(
            members::table
                .filter(members::endpoint_id.eq(id.as_str()))
                .filter(members::group_id.eq(group))
                .filter(members::member_id.eq(member)),
        )
        .execute(&mut **tx)?;
    }
    Ok(pairs.len())
}

fn remove_resources(tx: &mut Tx<'_>, id: &EndpointId) -> Result<usize, StoreError> {
    let ids: Vec<String> = resources::table
        .filter(resources::endpoint_id.eq(id.as_str()))
        .limit(PORTION)
        .select(resources::id)
        .load(&mut **tx)?;
    for resource in &ids {
        rows::remove(tx, id.as_str(), resource)?;
    }
    Ok(ids.len())
}
