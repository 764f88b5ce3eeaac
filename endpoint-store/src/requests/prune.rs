//! How long requests are kept: as many as the endpoint's setting says, and for two weeks at most. What is too old or too
//! much goes in the background, the oldest first.

use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::{self, Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{request_bodies, request_drops, request_links, requests};
use crate::settings::Requests;
use crate::writer::Tx;

/// For how long they are kept at most.
pub const LONGEST: Millis = 14 * 24 * 3_600_000;
/// For how long dead links stay in their list.
const LINKS: Millis = 30 * 24 * 3_600_000;
/// Requests that go in one write.
const PORTION: i64 = 500;

/// The id of the latest request that is one too many; those before it are, too.
fn surplus(conn: &mut Conn, endpoint: &Endpoint, now: Millis) -> Result<Option<String>, StoreError> {
    let of = requests::table.filter(requests::endpoint_id.eq(endpoint.id.as_str()));
    let most = match endpoint.settings.requests {
        Requests::None => 0,
        Requests::Last(most) => i64::from(most),
    };
    let beyond: Option<String> = of
        .order(requests::id.desc())
        .offset(most)
        .limit(1)
        .select(requests::id)
        .get_result(conn)
        .optional()?;
    if beyond.is_some() {
        return Ok(beyond);
    }
    let oldest: Vec<(String, i64)> =
        of.order(requests::id).limit(PORTION).select((requests::id, requests::at)).load(conn)?;
    Ok(oldest.into_iter().take_while(|(_, at)| *at < now - LONGEST).last().map(|(id, _)| id))
}

/// Whether an endpoint has requests that are too old, or more than there should be.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn is_due(conn: &mut Conn, endpoint: &Endpoint, now: Millis) -> Result<bool, StoreError> {
    Ok(surplus(conn, endpoint, now)?.is_some())
}

/// Forgets a part of what is too old or too much by the setting of this moment, and says whether there is more.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn prune(tx: &mut Tx<'_>, id: &EndpointId, now: Millis) -> Result<bool, StoreError> {
    let endpoint = match endpoints::find(tx, id.as_str()) {
        Err(StoreError::NotFound(_)) => return Ok(false),
        found => found?,
    };
    let Some(last) = surplus(tx, &endpoint, now)? else { return Ok(false) };
    if endpoint.settings.requests == Requests::None {
        // Who keeps none is told of none that were left out.
        diesel::delete(request_drops::table.filter(request_drops::endpoint_id.eq(id.as_str())))
            .execute(&mut **tx)?;
    }
    remove(tx, id, Some(&last), PORTION)?;
    Ok(surplus(tx, &endpoint, now)?.is_some())
}

/// Takes away some of an endpoint's requests, and says how many.
pub(crate) fn forget_some(tx: &mut Tx<'_>, id: &EndpointId, limit: i64) -> Result<usize, StoreError> {
    remove(tx, id, None, limit)
}

fn remove(tx: &mut Tx<'_>, id: &EndpointId, last: Option<&str>, limit: i64) -> Result<usize, StoreError> {
    let mut oldest = requests::table.into_boxed().filter(requests::endpoint_id.eq(id.as_str()));
    if let Some(last) = last {
        oldest = oldest.filter(requests::id.le(last));
    }
    let ids: Vec<String> = oldest.order(requests::id).limit(limit).select(requests::id).load(&mut **tx)?;
    let Some(end) = ids.last() else { return Ok(0) };
    diesel::delete(
        request_bodies::table
            .filter(request_bodies::endpoint_id.eq(id.as_str()))
            .filter(request_bodies::id.le(end)),
    )
    .execute(&mut **tx)?;
    diesel::delete(
        requests::table.filter(requests::endpoint_id.eq(id.as_str())).filter(requests::id.le(end)),
    )
    .execute(&mut **tx)?;
    Ok(ids.len())
}

/// Forgets links that ended a month ago.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn forget_links(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    diesel::delete(request_links::table.filter(request_links::expires_at.lt(now - LINKS)))
        .execute(&mut **tx)?;
    Ok(false)
}
