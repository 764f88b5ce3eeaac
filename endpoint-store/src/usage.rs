//! Who used which token, and who was turned away: gathered in memory, written in batches.
//!
//! A request only adds to a table in memory, whose size is bounded by the tokens there are; a task flushes
//! it every second, and once more when the server stops.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::observations::{self, Observed};
use crate::schema::{api_keys, endpoint_progress, refusals, token_usage};
use crate::writer::Tx;

/// Why a request was turned away, as explained to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// No `Authorization` header, or an empty one.
    NoToken,
    /// An `Authorization` header without the word `Bearer`.
    NoBearer,
    /// Not a token of ours at all.
    Malformed,
    /// Ours, but its check characters do not fit: mistyped or cut off.
    Mistyped,
    /// Well-formed, but never issued here.
    UnknownToken,
    /// The token of another endpoint.
    OtherEndpoint,
    /// A revoked token.
    Revoked,
    /// A token that was replaced by rotation and is retired.
    Retired,
    /// A token past its date.
    Expired,
    /// A good token at an address where no endpoint is.
    UnknownEndpoint,
    /// A good token at a path that SCIM does not have, as with `/v2` missing.
    WrongPath,
    /// A read-only token that tried to write.
    ReadOnly,
}

impl Cause {
    const ALL: [Self; 12] = [
        Self::NoToken,
        Self::NoBearer,
        Self::Malformed,
        Self::Mistyped,
        Self::UnknownToken,
        Self::OtherEndpoint,
        Self::Revoked,
        Self::Retired,
        Self::Expired,
        Self::UnknownEndpoint,
        Self::WrongPath,
        Self::ReadOnly,
    ];

    /// As stored and logged.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no-token",
            Self::NoBearer => "no-bearer",
            Self::Malformed => "malformed",
            Self::Mistyped => "mistyped",
            Self::UnknownToken => "unknown-token",
            Self::OtherEndpoint => "other-endpoint",
            Self::Revoked => "revoked",
            Self::Retired => "retired",
            Self::Expired => "expired",
            Self::UnknownEndpoint => "unknown-endpoint",
            Self::WrongPath => "wrong-path",
            Self::ReadOnly => "read-only",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|c| c.as_str() == text)
            .ok_or_else(|| StoreError::Damaged(format!("unknown cause `{text}`")))
    }
}

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

pub(crate) struct Tally {
    pub(crate) count: i64,
    pub(crate) first_at: Millis,
    pub(crate) last: Seen,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.first_at = self.first_at.min(other.first_at);
        if other.last.at >= self.last.at {
            self.last = other.last;
        }
    }
}

#[derive(Default)]
struct Pending {
    uses: HashMap<String, Tally>,
    key_uses: HashMap<String, Tally>,
    refusals: HashMap<(EndpointId, Cause, String), Tally>,
    observations: HashMap<(EndpointId, Observed), Tally>,
}

/// What has not been written yet.
#[derive(Default)]
pub struct Usage(Mutex<Pending>);

impl Usage {
    /// A token opened its endpoint.
    pub fn used(&self, token_id: &str, seen: Seen) {
        let tally = Tally { count: 1, first_at: seen.at, last: seen };
        add(&mut self.pending().uses, token_id.to_owned(), tally);
    }

    /// An API key opened the management API.
    pub fn key_used(&self, key_id: &str, seen: Seen) {
        let tally = Tally { count: 1, first_at: seen.at, last: seen };
        add(&mut self.pending().key_uses, key_id.to_owned(), tally);
    }

    /// A request was turned away. `token_id` only for tokens that are known: it bounds the table.
    pub fn turned_away(&self, endpoint: EndpointId, cause: Cause, token_id: Option<String>, seen: Seen) {
        let tally = Tally { count: 1, first_at: seen.at, last: seen };
        add(&mut self.pending().refusals, (endpoint, cause, token_id.unwrap_or_default()), tally);
    }

    /// Something was noticed in an endpoint's traffic. Past a few thousand different things at once it is let go:
    /// some of the names are the client's.
    pub fn observed(&self, endpoint: EndpointId, what: Observed, seen: Seen) {
        const MOST: usize = 5000;
        let tally = Tally { count: 1, first_at: seen.at, last: seen };
        let observations = &mut self.pending().observations;
        let key = (endpoint, what);
        if observations.len() < MOST || observations.contains_key(&key) {
            add(observations, key, tally);
        }
    }

    fn pending(&self) -> std::sync::MutexGuard<'_, Pending> {
        // A panic while adding leaves at worst one count short.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Option<Batch> {
        let pending = std::mem::take(&mut *self.pending());
        let any = !pending.uses.is_empty()
            || !pending.key_uses.is_empty()
            || !pending.refusals.is_empty()
            || !pending.observations.is_empty();
        any.then_some(Batch(pending))
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
        for (key, tally) in batch.0.observations {
            add(&mut pending.observations, key, tally);
        }
    }
}

fn add<K: Eq + std::hash::Hash>(table: &mut HashMap<K, Tally>, key: K, tally: Tally) {
    match table.entry(key) {
        std::collections::hash_map::Entry::Occupied(mut entry) => entry.get_mut().add(tally),
        std::collections::hash_map::Entry::Vacant(entry) => {
            entry.insert(tally);
        }
    }
}

/// What one flush writes.
pub(crate) struct Batch(Pending);

impl Batch {
    pub(crate) fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for (id, tally) in &self.0.uses {
            alone(tx, |tx| write_use(tx, id, tally))?;
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

fn write_use(tx: &mut Tx<'_>, id: &str, tally: &Tally) -> Result<(), StoreError> {
    diesel::update(token_usage::table.filter(token_usage::token_id.eq(id)))
        .set((
            token_usage::requests.eq(token_usage::requests + tally.count),
            token_usage::last_at.eq(Some(tally.last.at)),
            token_usage::last_address.eq(Some(&tally.last.address)),
            token_usage::last_agent.eq(Some(&tally.last.agent)),
            token_usage::last_operation.eq(Some(&tally.last.request)),
        ))
        .execute(&mut **tx)?;
    diesel::update(
        token_usage::table.filter(token_usage::token_id.eq(id)).filter(token_usage::first_at.is_null()),
    )
    .set(token_usage::first_at.eq(Some(tally.first_at)))
    .execute(&mut **tx)?;
    Ok(())
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
                refusals::first_at.eq(tally.first_at),
                refusals::last_at.eq(tally.last.at),
                refusals::last_address.eq(&tally.last.address),
                refusals::last_agent.eq(&tally.last.agent),
                refusals::last_request.eq(&tally.last.request),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
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
    /// Public id of the token, or empty.
    pub token_id: String,
    /// How many.
    pub attempts: i64,
    /// When the first came.
    pub first_at: Millis,
    /// The last one.
    pub last: Seen,
}

/// What was turned away at an endpoint, the latest first.
pub fn refusals(conn: &mut Conn, endpoint: &EndpointId, limit: i64) -> Result<Vec<Refusal>, StoreError> {
    type Row = (String, String, i64, i64, i64, String, String, String);
    let rows: Vec<Row> = refusals::table
        .filter(refusals::endpoint_id.eq(endpoint.as_str()))
        .order(refusals::last_at.desc())
        .limit(limit)
        .select((
            refusals::cause,
            refusals::token_id,
            refusals::attempts,
            refusals::first_at,
            refusals::last_at,
            refusals::last_address,
            refusals::last_agent,
            refusals::last_request,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(cause, token_id, attempts, first_at, at, address, agent, request)| {
            let cause = Cause::parse(&cause)?;
            Ok(Refusal { cause, token_id, attempts, first_at, last: Seen { at, address, agent, request } })
        })
        .collect()
}
