//! Who used which token, and who was turned away: gathered in memory, written in batches.
//!
//! A request only adds to a table in memory, whose size is bounded by the tokens there are; a task flushes
//! it several times a second, and once more when the server stops.

mod cause;
mod hours;
mod strays;
mod write;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::observations::{Example, Noticed, Observed};
use crate::schema::{endpoint_progress, refusals, token_usage, tokens};

pub use cause::Cause;
pub use hours::Counts;
pub(crate) use hours::Hour;
use hours::Hours;
use strays::Strays;
pub use write::forget_hours;
pub(crate) use write::{Batch, HOUR};

/// A request as far as it is remembered: never its query, body or credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Millis,
    /// From which address.
    pub address: String,
    /// `User-Agent`, or empty.
    pub agent: String,
    /// Method and path.
    pub request: String,
}

impl Seen {
    /// Cuts what a client may choose to 200 characters without control characters, and blots out tokens.
    pub fn new(at: Millis, address: &str, agent: &str, request: &str) -> Self {
        let tame = |text: &str| -> String {
            scim_core::token::redact(text).chars().filter(|c| !c.is_control()).take(200).collect()
        };
        Self { at, address: address.to_owned(), agent: tame(agent), request: tame(request) }
    }
}

/// Something that happened once or more.
pub(crate) struct Tally {
    pub(crate) count: i64,
    /// Nothing while the last time is the first.
    first: Option<Seen>,
    pub(crate) last: Seen,
}

impl Tally {
    fn one(seen: Seen) -> Self {
        Self { count: 1, first: None, last: seen }
    }

    pub(crate) fn first(&self) -> &Seen {
        self.first.as_ref().unwrap_or(&self.last)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.count += other.count;
        let earlier = if other.last.at >= self.last.at {
            let before = std::mem::replace(&mut self.last, other.last);
            self.first.get_or_insert(before);
            other.first
        } else {
            Some(other.first.unwrap_or(other.last))
        };
        if let Some(earlier) = earlier.filter(|seen| seen.at < self.first().at) {
            self.first = Some(earlier);
        }
    }
}

#[derive(Default)]
struct Pending {
    /// By token and hour.
    uses: HashMap<(String, i64), Tally>,
    key_uses: HashMap<String, Tally>,
    refusals: HashMap<(EndpointId, Cause, String), Tally>,
    observations: HashMap<(EndpointId, Observed), Noticed>,
    /// Only on its way into the database: until then it is counted apart.
    hours: HashMap<(EndpointId, i64), Hour>,
    /// Whether what is known of an endpoint is judged anew when this is written.
    judged: bool,
}

/// What has not been written yet.
#[derive(Default)]
pub struct Usage {
    pending: Mutex<Pending>,
    hours: Hours,
    pub(crate) strays: Strays,
}

impl Usage {
    /// A token opened its endpoint.
    pub fn used(&self, token_id: &str, seen: Seen) {
        let key = (token_id.to_owned(), seen.at / HOUR);
        add(&mut self.pending().uses, key, Tally::one(seen));
    }

    /// An API key opened the management API.
    pub fn key_used(&self, key_id: &str, seen: Seen) {
        add(&mut self.pending().key_uses, key_id.to_owned(), Tally::one(seen));
    }

    /// A request was turned away. `token_id` only for tokens that are known: it bounds the table.
    pub fn turned_away(&self, endpoint: EndpointId, cause: Cause, token_id: Option<String>, seen: Seen) {
        self.refused(endpoint, cause, token_id, Tally::one(seen));
    }

    /// So many requests like the one that was seen last were not looked at.
    pub fn flooded(&self, endpoint: EndpointId, seen: Seen, times: i64) {
        self.refused(endpoint, Cause::Flood, None, Tally { count: times, ..Tally::one(seen) });
    }

    /// A request came to the address of no endpoint, and nothing else tells whose it is.
    pub fn strayed(&self, slug: &str, seen: Seen) {
        self.strays.add(slug, seen);
    }

    /// A request with a good token was answered. This is in the way of every request: see `hours.rs` for what it costs.
    pub fn answered(&self, endpoint: &EndpointId, status: u16, is_change: bool, at: Millis) {
        self.hours.answered(endpoint, status, is_change, at);
    }

    /// A request was answered with 401 at this endpoint.
    pub fn denied(&self, endpoint: &EndpointId, at: Millis) {
        self.hours.denied(endpoint, 1, at);
    }

    pub(crate) fn refused(&self, endpoint: EndpointId, cause: Cause, token_id: Option<String>, tally: Tally) {
        add(&mut self.pending().refusals, (endpoint, cause, token_id.unwrap_or_default()), tally);
    }

    /// Something was noticed in an endpoint's traffic. Past a few thousand different things at once it is let go:
    /// some of the names are the client's.
    pub fn observed(&self, endpoint: EndpointId, what: Observed, seen: Seen) {
        self.observed_in(endpoint, what, seen, Example::default());
    }

    /// The same with the request that it was noticed in.
    pub fn observed_in(&self, endpoint: EndpointId, what: Observed, seen: Seen, example: Example) {
        const MOST: usize = 5000;
        let observations = &mut self.pending().observations;
        let key = (endpoint, what);
        if observations.len() < MOST || observations.contains_key(&key) {
            let noticed = Noticed { tally: Tally::one(seen), example };
            match observations.entry(key) {
                Entry::Occupied(mut entry) => entry.get_mut().add(noticed),
                Entry::Vacant(entry) => drop(entry.insert(noticed)),
            }
        }
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        // A panic while adding leaves at worst one count short.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted, in portions for a write each; the hours of endpoints only when they are asked for.
    pub(crate) fn take(&self, with_hours: bool) -> Vec<Batch> {
        let mut pending = std::mem::take(&mut *self.pending());
        if with_hours {
            pending.hours = self.hours.take();
            pending.judged = true;
        }
        let any = !pending.uses.is_empty()
            || !pending.key_uses.is_empty()
            || !pending.refusals.is_empty()
            || !pending.observations.is_empty()
            || !pending.hours.is_empty();
        if any { Batch::portions(pending) } else { Vec::new() }
    }

    pub(crate) fn put_back(&self, batch: Batch) {
        let mut pending = self.pending();
        for (key, tally) in batch.0.uses {
            add(&mut pending.uses, key, tally);
        }
        for (key, tally) in batch.0.key_uses {
            add(&mut pending.key_uses, key, tally);
        }
        for (key, tally) in batch.0.refusals {
            add(&mut pending.refusals, key, tally);
        }
        for (key, noticed) in batch.0.observations {
            match pending.observations.entry(key) {
                Entry::Occupied(mut entry) => entry.get_mut().add(noticed),
                Entry::Vacant(entry) => drop(entry.insert(noticed)),
            }
        }
        drop(pending);
        for ((endpoint, number), hour) in batch.0.hours {
            self.hours.add(&endpoint, number, hour);
        }
    }
}

fn add<K: Eq + std::hash::Hash>(table: &mut HashMap<K, Tally>, key: K, tally: Tally) {
    match table.entry(key) {
        Entry::Occupied(mut entry) => entry.get_mut().add(tally),
        Entry::Vacant(entry) => {
            entry.insert(tally);
        }
    }
}

/// How far the first connection of an endpoint has come; each step with the time it was first taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first request with a good token.
    pub first_request: Option<Millis>,
    /// The first user created by the IdP.
    pub first_user: Option<Millis>,
    /// The first group created or filled by the IdP.
    pub first_group: Option<Millis>,
    /// The first change of something that was there.
    pub first_update: Option<Millis>,
}

/// The steps an endpoint has taken.
pub fn progress(conn: &mut Conn, endpoint: &EndpointId) -> Result<Progress, StoreError> {
    let first_request: Option<i64> = token_usage::table
        .filter(token_usage::endpoint_id.eq(endpoint.as_str()))
        .select(diesel::dsl::min(token_usage::first_at))
        .get_result(conn)?;
    let (first_user, first_group, first_update) = endpoint_progress::table
        .filter(endpoint_progress::endpoint_id.eq(endpoint.as_str()))
        .select((
            endpoint_progress::first_user_at,
            endpoint_progress::first_group_at,
            endpoint_progress::first_update_at,
        ))
        .get_result(conn)?;
    Ok(Progress { first_request, first_user, first_group, first_update })
}

/// Attempts that were turned away for one cause.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Why.
    pub cause: Cause,
    /// Whether it is this endpoint's token that came to another endpoint's address.
    pub strayed: bool,
    /// Public id of the token, or empty.
    pub token_id: String,
    /// How many.
    pub attempts: i64,
    /// When the first came.
    pub first_at: Millis,
    /// The last one.
    pub last: Seen,
}

/// What was turned away at an endpoint, the latest first; also its own tokens at the address of another one.
pub fn refusals(conn: &mut Conn, endpoint: &EndpointId, limit: i64) -> Result<Vec<Refusal>, StoreError> {
    let here = refusals::endpoint_id.eq(endpoint.as_str());
    let own = tokens::table
        .filter(tokens::endpoint_id.eq(endpoint.as_str()))
        .select(tokens::id)
        .load::<String>(conn)?;
    let elsewhere = refusals::cause.eq(Cause::OtherEndpoint.as_str()).and(refusals::token_id.eq_any(own));
    let rows: Vec<RefusalRow> = refusals::table
        .filter(here.or(elsewhere))
        .order(refusals::last_at.desc())
        .limit(limit)
        .select(RefusalRow::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| row.read(Some(endpoint))).collect()
}

/// Attempts with these tokens after their end, at whatever address.
pub(crate) fn after_death(conn: &mut Conn, tokens: &[&str]) -> Result<Vec<Refusal>, StoreError> {
    let rows: Vec<RefusalRow> = refusals::table
        .filter(refusals::token_id.eq_any(tokens))
        .filter(refusals::cause.eq_any(Cause::DEAD.map(Cause::as_str)))
        .select(RefusalRow::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| row.read(None)).collect()
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = refusals)]
struct RefusalRow {
    endpoint_id: String,
    cause: String,
    token_id: String,
    attempts: i64,
    first_at: i64,
    last_at: i64,
    last_address: String,
    last_agent: String,
    last_request: String,
}

impl RefusalRow {
    /// As seen from an endpoint.
    fn read(self, from: Option<&EndpointId>) -> Result<Refusal, StoreError> {
        Ok(Refusal {
            cause: Cause::parse(&self.cause)?,
            strayed: from.is_some_and(|endpoint| endpoint.as_str() != self.endpoint_id),
            token_id: self.token_id,
            attempts: self.attempts,
            first_at: self.first_at,
            last: Seen {
                at: self.last_at,
                address: self.last_address,
                agent: self.last_agent,
                request: self.last_request,
            },
        })
    }
}
