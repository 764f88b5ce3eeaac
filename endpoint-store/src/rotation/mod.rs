//! The replacement of a token, with proof: the new one is issued while the old one lives, the old one is seen to fall
//! silent, and only then it is closed; for a day that can be taken back.
//!
//! ```text
//! new, active ── rotate ──▶ retiring ── silent for its quiet time, or final date, or now ──▶ retired
//!       ◀────── cancel ─────────┘                                                              │
//!       ◀────── take back, within 24 hours ────────────────────────────────────────────────────┘
//! ```

mod begin;
#[cfg(test)]
mod tests;

use diesel::prelude::*;
use scim_core::time::format;
use serde_json::json;

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{refusals, token_rotations, tokens as token_rows};
use crate::tokens::{self, Consent, MAX_LIVE, TokenRecord, TokenState};
use crate::usage::Cause;
use crate::writer::Tx;

pub use begin::{Plan, Rotated, rotate};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

/// For how long a token must have been silent before it retires by itself, unless somebody chose otherwise.
pub const QUIET: Millis = DAY;
/// The longest quiet time and the farthest final date, from now.
pub const LONGEST: Millis = 365 * DAY;
/// For how long a retired token can be taken back.
pub const UNDO: Millis = DAY;
/// A use is on record at most this long after it: what is not there by then did not happen.
const LAG: Millis = 10_000;
/// A server that has just come back gives those who could not reach it this long to come again.
const HEARING: Millis = HOUR;

/// How far the replacement of one token is.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = token_rotations, treat_none_as_default_value = false)]
pub struct Rotation {
    /// Public id of the token that is replaced.
    pub(crate) token_id: String,
    pub(crate) endpoint_id: String,
    /// Public id of the token that takes its place.
    pub successor: String,
    /// Since when.
    pub began_at: Millis,
    /// By whom.
    pub began_by: String,
    /// For how long it must have been silent before it retires by itself.
    pub quiet_for: Millis,
    /// When it retires although it is in use.
    pub retire_at: Option<Millis>,
    /// Requests it had opened before the rotation began.
    pub requests_before: i64,
    retired_at: Option<Millis>,
    /// Who retired it; nobody when it retired by itself.
    pub retired_by: Option<String>,
}

impl Rotation {
    /// When it ended, if it has: a final date needs nobody to act on it.
    pub(crate) fn ended(&self, now: Millis) -> Option<Millis> {
        self.retired_at.or(self.retire_at.filter(|at| *at <= now))
    }
}

impl TokenRecord {
    /// When a retiring token will retire if it is not used again; nothing for any other.
    pub fn retires_at(&self, now: Millis) -> Option<Millis> {
        let rotation = self.rotation.as_ref().filter(|_| self.state(now) == TokenState::Retiring)?;
        let quiet = self.quiet_since(rotation) + rotation.quiet_for;
        Some(rotation.retire_at.map_or(quiet, |date| date.min(quiet)))
    }

    /// Until when a retired token can be taken back, if it still can.
    pub fn undo_until(&self, now: Millis) -> Option<Millis> {
        let until = self.retired_at(now)? + UNDO;
        let expired = self.expires_at.is_some_and(|at| at <= now);
        (self.state(now) == TokenState::Retired && until > now && !expired).then_some(until)
    }

    /// Requests that it opened since its rotation began.
    pub fn requests_since_rotation(&self) -> i64 {
        self.rotation.as_ref().map_or(0, |rotation| self.requests - rotation.requests_before)
    }

    fn quiet_since(&self, rotation: &Rotation) -> Millis {
        self.last_used.as_ref().map_or(rotation.began_at, |used| used.at.max(rotation.began_at))
    }

    /// When it retired, if it is time to write that down; `up_since` is when this server began to listen.
    fn due(&self, up_since: Millis, now: Millis) -> Option<Millis> {
        let rotation = self.rotation.as_ref().filter(|rotation| rotation.retired_at.is_none())?;
        match self.state(now) {
            TokenState::Retired => rotation.retire_at,
            TokenState::Retiring => {
                let quiet = self.quiet_since(rotation) + rotation.quiet_for + LAG;
                let heard = up_since + rotation.quiet_for.min(HEARING);
                (quiet.max(heard) <= now).then_some(now)
            }
            _ => None,
        }
    }
}

/// Closes a retiring token now, effective on the next request; for a day that can be taken back.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Refused`] for one that is not retiring; [`StoreError::InUse`] when it carried
/// traffic within the hour and the consent is not enough.
pub fn retire(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    id: &str,
    consent: &Consent,
    actor: &Actor,
    now: Millis,
) -> Result<TokenRecord, StoreError> {
    dialect::lock_endpoint(tx, endpoint)?;
    let record = tokens::get(tx, endpoint, id)?;
    match record.state(now) {
        TokenState::Retiring => {}
        TokenState::Retired => return Err(StoreError::refused(format!("token `{id}` was retired before"))),
        other => {
            return Err(StoreError::refused(format!(
                "token `{id}` is {}, and only one that is being replaced retires; rotate it, or revoke it",
                other.as_str()
            )));
        }
    }
    consent.covers(&record, now)?;
    tx.note(state_note(actor, now, Action::TokenRetire, endpoint, &record, TokenState::Retired));
    close(tx, endpoint, id, now, Some(&actor.label))?;
    tokens::get(tx, endpoint, id)
}

fn state_note(
    actor: &Actor,
    now: Millis,
    action: Action,
    endpoint: &EndpointId,
    record: &TokenRecord,
    after: TokenState,
) -> Note {
    let before =
        json!({"state": record.state(now).as_str(), "label": record.label, "requests": record.requests});
    let note = Note::new(actor, now, action, &record.id).on(endpoint);
    note.before(before).after(json!({"state": after.as_str()}))
}

fn close(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    id: &str,
    at: Millis,
    by: Option<&str>,
) -> Result<(), StoreError> {
    let row = token_rotations::table
        .filter(token_rotations::endpoint_id.eq(endpoint.as_str()))
        .filter(token_rotations::token_id.eq(id));
    diesel::update(row)
        .set((token_rotations::retired_at.eq(Some(at)), token_rotations::retired_by.eq(by)))
        .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Ends rotations without retiring anything: the old token is as it was, the new one stays. `id` is either of them.
/// Returns what is no longer being replaced.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Refused`] when there is nothing to cancel.
pub fn cancel(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Vec<TokenRecord>, StoreError> {
    dialect::lock_endpoint(tx, endpoint)?;
    let named = tokens::get(tx, endpoint, id)?;
    if named.state(now) == TokenState::Retired {
        let sentence = format!("token `{id}` is retired already; within 24 hours it can be taken back");
        return Err(StoreError::refused(sentence));
    }
    let mut kept = tokens::list(tx, endpoint)?;
    kept.retain(|token| {
        let concerns = |rotation: &Rotation| token.id == id || rotation.successor == id;
        token.state(now) == TokenState::Retiring && token.rotation.as_ref().is_some_and(concerns)
    });
    if kept.is_empty() {
        return Err(StoreError::refused(format!(
            "token `{id}` is not being replaced, nor does it replace another"
        )));
    }
    for token in &kept {
        forget(tx, endpoint, &token.id)?;
    }
    // One that replaces several ends all their rotations in one act.
    let ended: Vec<&str> = kept.iter().map(|token| token.id.as_str()).collect();
    let note = Note::new(actor, now, Action::TokenCancelRotation, id).on(endpoint);
    tx.note(note.after(json!({"no_longer_replaced": ended})));
    Ok(kept.into_iter().map(|token| TokenRecord { rotation: None, ..token }).collect())
}

/// Opens a retired token again, within 24 hours: it is as if it had not been replaced.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Refused`] when it is not retired, it is too late, or five are live.
pub fn unretire(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<TokenRecord, StoreError> {
    dialect::lock_endpoint(tx, endpoint)?;
    let record = tokens::get(tx, endpoint, id)?;
    if record.state(now) != TokenState::Retired {
        let sentence = format!("token `{id}` is {}, not retired", record.state(now).as_str());
        return Err(StoreError::refused(sentence));
    }
    if record.undo_until(now).is_none() {
        return Err(StoreError::refused(format!(
            "token `{id}` cannot be taken back: it was retired more than 24 hours ago, or has expired; issue a new one"
        )));
    }
    let live = tokens::list(tx, endpoint)?.iter().filter(|token| token.state(now).is_live()).count();
    if live >= MAX_LIVE {
        return Err(StoreError::refused(format!(
            "this endpoint has {live} live tokens and may have {MAX_LIVE}; revoke one that is no longer used first"
        )));
    }
    tx.note(state_note(actor, now, Action::TokenUnretire, endpoint, &record, TokenState::Active));
    forget(tx, endpoint, id)?;
    // What was turned away while it was closed is explained by that, and mended.
    let explained =
        refusals::table.filter(refusals::cause.eq(Cause::Retired.as_str())).filter(refusals::token_id.eq(id));
    diesel::delete(explained).execute(&mut **tx)?;
    tokens::get(tx, endpoint, id)
}

fn forget(tx: &mut Tx<'_>, endpoint: &EndpointId, id: &str) -> Result<(), StoreError> {
    let row = token_rotations::table
        .filter(token_rotations::endpoint_id.eq(endpoint.as_str()))
        .filter(token_rotations::token_id.eq(id));
    diesel::delete(row).execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// The endpoints with tokens whose time to retire has come; `up_since` is when this server began to listen.
pub fn due(conn: &mut Conn, up_since: Millis, now: Millis) -> Result<Vec<EndpointId>, StoreError> {
    let open: Vec<String> = token_rotations::table
        .inner_join(token_rows::table)
        .filter(token_rotations::retired_at.is_null())
        .filter(token_rows::revoked_at.is_null())
        .select(token_rotations::endpoint_id)
        .distinct()
        .load(conn)?;
    let mut due = Vec::new();
    for id in open.into_iter().map(EndpointId) {
        if !silent(&tokens::list(conn, &id)?, up_since, now).is_empty() {
            due.push(id);
        }
    }
    Ok(due)
}

/// Retires them. Judged in the transaction: a use written meanwhile is seen.
pub fn retire_due(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    up_since: Millis,
    now: Millis,
) -> Result<(), StoreError> {
    dialect::lock_endpoint(tx, endpoint)?;
    for (id, at) in silent(&tokens::list(tx, endpoint)?, up_since, now) {
        let record = tokens::get(tx, endpoint, &id)?;
        let state = json!({"state": TokenState::Retired.as_str(), "retired_at": format(at)});
        let note = Note::new(&Actor::system(), now, Action::TokenRetire, &id).on(endpoint);
        tx.note(note.before(record.facts()).after(state));
        close(tx, endpoint, &id, at, None)?;
    }
    Ok(())
}

/// The ids of the tokens whose time has come, and when that was.
fn silent(all: &[TokenRecord], up_since: Millis, now: Millis) -> Vec<(String, Millis)> {
    let dead = |id: &str| {
        let found = all.iter().find(|token| token.id == id).map(|token| token.state(now));
        found.is_none_or(|state| matches!(state, TokenState::Revoked | TokenState::Expired))
    };
    let due = all.iter().filter_map(|token| {
        let (rotation, at) = (token.rotation.as_ref()?, token.due(up_since, now)?);
        // Nothing has taken its place: to close it as well would lock everybody out.
        let alone = token.state(now) == TokenState::Retiring && dead(&rotation.successor);
        (!alone).then(|| (token.id.clone(), at))
    });
    due.collect()
}
