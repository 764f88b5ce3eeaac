//! What was counted goes into the database: a few statements for each token, in portions that keep nobody waiting.

use diesel::prelude::*;

use std::collections::BTreeMap;

use super::{Cause, Counts, Hour, Pending, Tally};
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::health;
use crate::ids::Millis;
use crate::observations;
use crate::schema::{api_keys, endpoint_hours, refusals, token_hours, token_usage, tokens};
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
        let judged = pending.judged;
        let begin = || Self(Pending { judged, ..Pending::default() });
        let mut portions = vec![begin()];
        let mut room = PORTION;
        macro_rules! deal {
            ($($table:ident),+) => {$(
                for (key, tally) in pending.$table {
                    if room == 0 {
                        portions.push(begin());
                        room = PORTION;
                    }
                    room -= 1;
                    if let Some(portion) = portions.last_mut() {
                        portion.0.$table.insert(key, tally);
                    }
                }
            )+};
        }
        deal!(uses, key_uses, refusals, observations, hours);
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
        // In one order, so that two servers do not wait for each other.
        let hours: BTreeMap<&(EndpointId, i64), &Hour> = self.0.hours.iter().collect();
        for ((endpoint, number), hour) in hours {
            alone(tx, |tx| write_hour(tx, endpoint, *number, &hour.counts))?;
        }
        let touched = if self.0.judged { self.touched() } else { BTreeMap::new() };
        for (endpoint, (heard, now)) in touched {
            alone(tx, |tx| health::judge(tx, endpoint, heard, now))?;
        }
        Ok(())
    }

    /// The endpoints about which something new is known, with when they were last heard and when that was.
    fn touched(&self) -> BTreeMap<&EndpointId, (Option<Millis>, Millis)> {
        let mut touched: BTreeMap<&EndpointId, (Option<Millis>, Millis)> = BTreeMap::new();
        let hours = self.0.hours.iter().map(|((endpoint, _), hour)| (endpoint, hour.heard, hour.last));
        let noticed =
            self.0.observations.iter().map(|((endpoint, _), one)| (endpoint, None, one.tally.last.at));
        for (endpoint, heard, last) in hours.chain(noticed) {
            let (before, now) = touched.entry(endpoint).or_default();
            (*before, *now) = ((*before).max(heard), (*now).max(last));
        }
        touched
    }
}

/// Adds to an hour, or begins it.
fn write_hour(tx: &mut Tx<'_>, endpoint: &EndpointId, hour: i64, counts: &Counts) -> Result<(), StoreError> {
    if add_to_hour(tx, endpoint, hour, counts)? {
        return Ok(());
    }
    let begun = tx.attempt(|tx| {
        diesel::insert_into(endpoint_hours::table)
            .values((
                endpoint_hours::endpoint_id.eq(endpoint.as_str()),
                endpoint_hours::hour.eq(hour),
                endpoint_hours::requests.eq(counts.requests),
                endpoint_hours::changes.eq(counts.changes),
                endpoint_hours::refused.eq(counts.refused),
                endpoint_hours::denied.eq(counts.denied),
                endpoint_hours::limited.eq(counts.limited),
                endpoint_hours::failed.eq(counts.failed),
            ))
            .execute(&mut **tx)?;
        Ok(())
    });
    match begun {
        // Another server began the hour at the same moment.
        Err(StoreError::Database(error)) if StoreError::is_unique_violation(&error) => {
            add_to_hour(tx, endpoint, hour, counts).map(drop)
        }
        other => other,
    }
}

fn add_to_hour(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    hour: i64,
    counts: &Counts,
) -> Result<bool, StoreError> {
    let row = endpoint_hours::table
        .filter(endpoint_hours::endpoint_id.eq(endpoint.as_str()))
        .filter(endpoint_hours::hour.eq(hour));
    let added = diesel::update(row)
        .set((
            endpoint_hours::requests.eq(endpoint_hours::requests + counts.requests),
            endpoint_hours::changes.eq(endpoint_hours::changes + counts.changes),
            endpoint_hours::refused.eq(endpoint_hours::refused + counts.refused),
            endpoint_hours::denied.eq(endpoint_hours::denied + counts.denied),
            endpoint_hours::limited.eq(endpoint_hours::limited + counts.limited),
            endpoint_hours::failed.eq(endpoint_hours::failed + counts.failed),
        ))
        .execute(&mut **tx)?;
    Ok(added > 0)
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
