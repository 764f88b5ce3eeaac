//! What was counted goes into the database: a few statements for each token, in portions that keep nobody waiting.

use diesel::prelude::*;

use super::{Cause, Pending, Tally};
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::observations;
use crate::schema::{api_keys, refusals, token_hours, token_usage, tokens};
use crate::writer::Tx;

/// An hour in milliseconds: the width of what is counted together.
pub(crate) const HOUR: Millis = 3_600_000;
/// For how many hours the counts of each hour are kept.
const KEPT: i64 = 48;
/// Entries that one transaction writes.
const PORTION: usize = 250;

/// What one write takes.
#[derive(Default)]
pub(crate) struct Batch(pub(super) Pending);

impl Batch {
    /// In portions, each for a write of its own.
    pub(super) fn portions(pending: Pending) -> Vec<Self> {
        let mut portions = vec![Self::default()];
        let mut room = PORTION;
        macro_rules! deal {
            ($($table:ident),+) => {$(
                for (key, tally) in pending.$table {
                    if room == 0 {
                        portions.push(Self::default());
                        room = PORTION;
                    }
                    room -= 1;
                    if let Some(portion) = portions.last_mut() {
                        portion.0.$table.insert(key, tally);
                    }
                }
            )+};
        }
        deal!(uses, key_uses, refusals, observations);
        portions
    }

    pub(crate) fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for ((id, hour), tally) in &self.0.uses {
            alone(tx, |tx| write_use(tx, id, *hour, tally))?;
        }
        for (id, tally) in &self.0.key_uses {
            alone(tx, |tx| write_key_use(tx, id, tally))?;
        }
        for ((endpoint, cause, token_id), tally) in &self.0.refusals {
            alone(tx, |tx| write_refusal(tx, endpoint, *cause, token_id, tally))?;
        }
        for ((endpoint, what), tally) in &self.0.observations {
            alone(tx, |tx| observations::write(tx, endpoint, what, tally))?;
        }
        Ok(())
    }
}

/// One entry, which is let go when its endpoint is gone: it must not keep the others from being written.
fn alone(
    tx: &mut Tx<'_>,
    write: impl FnOnce(&mut Tx<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    tx.attempt(write).or_else(|error| if error.is_dangling() { Ok(()) } else { Err(error) })
}

/// Several servers count the same token: what another one saw later or earlier stays.
fn write_use(tx: &mut Tx<'_>, id: &str, hour: i64, tally: &Tally) -> Result<(), StoreError> {
    let row = token_usage::table.filter(token_usage::token_id.eq(id));
    let last = (
        token_usage::requests.eq(token_usage::requests + tally.count),
        token_usage::last_at.eq(Some(tally.last.at)),
        token_usage::last_address.eq(Some(&tally.last.address)),
        token_usage::last_agent.eq(Some(&tally.last.agent)),
        token_usage::last_operation.eq(Some(&tally.last.request)),
    );
    let is_later = token_usage::last_at.is_null().or(token_usage::last_at.le(tally.last.at));
    if diesel::update(row.filter(is_later)).set(last).execute(&mut **tx)? == 0 {
        diesel::update(row)
            .set(token_usage::requests.eq(token_usage::requests + tally.count))
            .execute(&mut **tx)?;
    }
    let is_first = token_usage::first_at.is_null().or(token_usage::first_at.gt(tally.first().at));
    diesel::update(row.filter(is_first))
        .set((
            token_usage::first_at.eq(Some(tally.first().at)),
            token_usage::first_address.eq(Some(&tally.first().address)),
            token_usage::first_agent.eq(Some(&tally.first().agent)),
            token_usage::first_operation.eq(Some(&tally.first().request)),
        ))
        .execute(&mut **tx)?;
    if count_hour(tx, id, hour, tally.count)? {
        return Ok(());
    }
    let owner: Option<String> = tokens::table
        .filter(tokens::id.eq(id))
        .select(tokens::endpoint_id)
        .get_result(&mut **tx)
        .optional()?;
    let Some(owner) = owner else { return Ok(()) };
    let begun = tx.attempt(|tx| {
        diesel::insert_into(token_hours::table)
            .values((
                token_hours::token_id.eq(id),
                token_hours::hour.eq(hour),
                token_hours::endpoint_id.eq(owner),
                token_hours::requests.eq(tally.count),
            ))
            .execute(&mut **tx)?;
        Ok(())
    });
    match begun {
        // Another server began the hour at the same moment.
        Err(StoreError::Database(error)) if StoreError::is_unique_violation(&error) => {
            count_hour(tx, id, hour, tally.count).map(drop)
        }
        other => other,
    }
}

fn count_hour(tx: &mut Tx<'_>, id: &str, hour: i64, count: i64) -> Result<bool, StoreError> {
    let row = token_hours::table.filter(token_hours::token_id.eq(id)).filter(token_hours::hour.eq(hour));
    let counted = diesel::update(row)
        .set(token_hours::requests.eq(token_hours::requests + count))
        .execute(&mut **tx)?;
    Ok(counted > 0)
}

/// Forgets the oldest hour that is older than is shown anywhere, and says whether there may be another.
///
/// # Errors
/// Those of the database.
pub fn forget_hours(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    let oldest: Option<i64> =
        token_hours::table.select(diesel::dsl::min(token_hours::hour)).get_result(&mut **tx)?;
    let Some(hour) = oldest.filter(|hour| *hour < now / HOUR - KEPT) else { return Ok(false) };
    diesel::delete(token_hours::table.filter(token_hours::hour.eq(hour))).execute(&mut **tx)?;
    Ok(true)
}

fn write_key_use(tx: &mut Tx<'_>, id: &str, tally: &Tally) -> Result<(), StoreError> {
    diesel::update(api_keys::table.filter(api_keys::id.eq(id)))
        .set((
            api_keys::requests.eq(api_keys::requests + tally.count),
            api_keys::last_at.eq(Some(tally.last.at)),
            api_keys::last_address.eq(Some(&tally.last.address)),
            api_keys::last_agent.eq(Some(&tally.last.agent)),
            api_keys::last_request.eq(Some(&tally.last.request)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn write_refusal(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    cause: Cause,
    token_id: &str,
    tally: &Tally,
) -> Result<(), StoreError> {
    let updated = diesel::update(
        refusals::table
            .filter(refusals::endpoint_id.eq(endpoint.as_str()))
            .filter(refusals::cause.eq(cause.as_str()))
            .filter(refusals::token_id.eq(token_id)),
    )
    .set((
        refusals::attempts.eq(refusals::attempts + tally.count),
        refusals::last_at.eq(tally.last.at),
        refusals::last_address.eq(&tally.last.address),
        refusals::last_agent.eq(&tally.last.agent),
        refusals::last_request.eq(&tally.last.request),
    ))
    .execute(&mut **tx)?;
    if updated == 0 {
        diesel::insert_into(refusals::table)
            .values((
                refusals::endpoint_id.eq(endpoint.as_str()),
                refusals::cause.eq(cause.as_str()),
                refusals::token_id.eq(token_id),
                refusals::attempts.eq(tally.count),
                refusals::first_at.eq(tally.first().at),
                refusals::last_at.eq(tally.last.at),
                refusals::last_address.eq(&tally.last.address),
                refusals::last_agent.eq(&tally.last.agent),
                refusals::last_request.eq(&tally.last.request),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
