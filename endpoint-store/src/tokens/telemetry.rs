//! What a token was used for lately, and who tried it after its end.

use std::collections::HashMap;

use diesel::prelude::*;

use super::TokenRecord;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::token_hours;
use crate::usage::{self, HOUR, Seen};

/// Attempts with a token since it was revoked, retired or expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tries {
    /// How many.
    pub times: i64,
    /// The last one.
    pub last: Seen,
}

impl TokenRecord {
    /// Requests that it opened in the last 24 hours: in this hour of the clock and the 23 before it.
    pub fn in_day(&self, now: Millis) -> i64 {
        let since = now / HOUR - 23;
        self.hours.iter().filter(|(hour, _)| *hour >= since).map(|(_, requests)| requests).sum()
    }

    /// Its part of the endpoint's requests in the last 24 hours, in percent; nothing when there were none.
    pub fn share_of(&self, all: i64, now: Millis) -> Option<i64> {
        // Rounded, but one of many is not none.
        let part = self.in_day(now);
        (all > 0).then(|| ((200 * part + all) / (2 * all)).clamp(i64::from(part > 0), 100))
    }
}

/// Requests of all these tokens in the last 24 hours.
pub fn in_day_of_all(records: &[TokenRecord], now: Millis) -> i64 {
    records.iter().map(|record| record.in_day(now)).sum()
}

/// Adds to the tokens of an endpoint what is counted apart from them.
pub(super) fn complete(
    conn: &mut Conn,
    endpoint: &EndpointId,
    records: &mut [TokenRecord],
) -> Result<(), StoreError> {
    let rows: Vec<(String, i64, i64)> = token_hours::table
        .filter(token_hours::endpoint_id.eq(endpoint.as_str()))
        .select((token_hours::token_id, token_hours::hour, token_hours::requests))
        .load(conn)?;
    let mut hours: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    for (id, hour, requests) in rows {
        hours.entry(id).or_default().push((hour, requests));
    }
    let mortal = |record: &&TokenRecord| {
        record.revoked_at.is_some() || record.expires_at.is_some() || record.rotation.is_some()
    };
    let mortals: Vec<&str> = records.iter().filter(mortal).map(|record| record.id.as_str()).collect();
    let tried = if mortals.is_empty() { Vec::new() } else { usage::after_death(conn, &mortals)? };
    for record in records {
        record.hours = hours.remove(&record.id).unwrap_or_default();
        let tries = tried.iter().filter(|refusal| refusal.token_id == record.id);
        record.tries = tries.fold(None, |sum: Option<Tries>, refusal| {
            let (times, last) = sum.map_or((0, None), |sum| (sum.times, Some(sum.last)));
            let last = last.filter(|last| last.at >= refusal.last.at).unwrap_or_else(|| refusal.last.clone());
            Some(Tries { times: times + refusal.attempts, last })
        });
    }
    Ok(())
}
