//! The replacement of a token, with proof: the new one is issued while the old one lives, the old one is seen to fall
//! silent, and only then it is closed; for a day that can be taken back.
//!
//! ```text
//! new, active ── rotate ──▶ retiring ── silent for its quiet time, or final date, or now ──▶ retired
//!       ◀────── cancel ─────────┘                                                              │
//!       ◀────── take back, within 24 hours ────────────────────────────────────────────────────┘
//! ```

use diesel::prelude::*;
use scim_core::token::PlainToken;

use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{refusals, token_rotations, tokens as token_rows};
use crate::tokens::{self, Consent, LABEL_LENGTH, MAX_LIVE, NewToken, TokenRecord, TokenState};
use crate::usage::Cause;
use crate::writer::Tx;

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

/// What is wanted of a rotation.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Public id of the token to replace; without it, the endpoint's only one.
    pub token: Option<String>,
    /// What to call the new one; empty takes the old one's label with the day.
    pub label: String,
    /// For how long the old one must have been silent before it retires by itself, in milliseconds.
    pub quiet_for: Millis,
    /// When it retires although it is in use.
    pub retire_at: Option<Millis>,
    /// Sent along by a form so that sending it again does not issue a second token.
    pub request_key: Option<String>,
}

/// What came of it. The plain token exists only here.
pub struct Rotated {
    /// The new bearer token.
    pub secret: PlainToken,
    /// What is known of it.
    pub token: TokenRecord,
    /// The one that it replaces.
    pub retiring: TokenRecord,
}

/// Issues a token in the place of another, with the same scope and the same length of life; both live until the old one
/// retires.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Invalid`] for times out of bounds; [`StoreError::Refused`] when no token or
/// several could be meant, the one meant is not live or is being replaced already, or five are live.
pub fn rotate(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    plan: &Plan,
    actor: &Actor,
    now: Millis,
) -> Result<Rotated, StoreError> {
    check(plan, now)?;
    dialect::lock_endpoint(tx, endpoint)?;
    let all = tokens::list(tx, endpoint)?;
    let old = chosen(&all, plan.token.as_deref(), now)?.clone();
    let live = all.iter().filter(|token| token.state(now).is_live()).count();
    if live >= MAX_LIVE {
        return Err(StoreError::refused(format!(
            "this endpoint has {live} live tokens and may have {MAX_LIVE}, so there is no room for the new one; revoke \
             or retire one that is no longer used first"
        )));
    }
    let label = if plan.label.trim().is_empty() { next_label(&old.label, now) } else { plan.label.clone() };
    let expires_at = old.expires_at.map(|end| now + (end - old.created_at));
    let new = NewToken { label, scope: old.scope, expires_at, request_key: plan.request_key.clone() };
    let (secret, token) = tokens::issue(tx, endpoint, &new, actor, now)?;
    tx.note(actor, "token rotation begun", &old.id);
    let rotation = Rotation {
        token_id: old.id.clone(),
        endpoint_id: endpoint.as_str().to_owned(),
        successor: token.id.clone(),
        began_at: now,
        began_by: actor.label.clone(),
        quiet_for: plan.quiet_for,
        retire_at: plan.retire_at,
        requests_before: old.requests,
        retired_at: None,
        retired_by: None,
    };
    diesel::insert_into(token_rotations::table).values(&rotation).execute(&mut **tx)?;
    Ok(Rotated { secret, token, retiring: TokenRecord { rotation: Some(rotation), ..old } })
}

fn check(plan: &Plan, now: Millis) -> Result<(), StoreError> {
    if !(MINUTE..=LONGEST).contains(&plan.quiet_for) {
        let sentence = "the quiet time is at least a minute and at most 365 days";
        return Err(StoreError::invalid("/overlap_hours", sentence));
    }
    if plan.retire_at.is_some_and(|at| at <= now || at > now + LONGEST) {
        let sentence = "the final date must be in the future, and within 365 days";
        return Err(StoreError::invalid("/retire_at", sentence));
    }
    Ok(())
}

/// The token to replace.
fn chosen<'t>(
    all: &'t [TokenRecord],
    named: Option<&str>,
    now: Millis,
) -> Result<&'t TokenRecord, StoreError> {
    if let Some(id) = named {
        let token = all.iter().find(|token| token.id == id);
        let token =
            token.ok_or_else(|| StoreError::NotFound(format!("this endpoint has no token `{id}`")))?;
        return match token.state(now) {
            TokenState::New | TokenState::Active => Ok(token),
            TokenState::Retiring => Err(StoreError::refused(format!(
                "token `{id}` is being replaced already, by `{}`; cancel that rotation first, or rotate the new token",
                token.rotation.as_ref().map_or("", |rotation| rotation.successor.as_str())
            ))),
            dead => Err(StoreError::refused(format!(
                "token `{id}` is {}, so there is nothing to replace; issue a new one",
                dead.as_str()
            ))),
        };
    }
    let mut open =
        all.iter().filter(|token| matches!(token.state(now), TokenState::New | TokenState::Active));
    let first = open.next().ok_or_else(|| {
        StoreError::refused("this endpoint has no live token that could be replaced; issue a new one")
    })?;
    let others: Vec<String> = open.map(|token| format!("`{}` (“{}”)", token.id, token.label)).collect();
    if others.is_empty() {
        return Ok(first);
    }
    Err(StoreError::refused(format!(
        "this endpoint has several live tokens: `{}` (“{}”), {}; name the one to replace",
        first.id,
        first.label,
        others.join(", ")
    )))
}

/// The old label with the day of the rotation, in place of that of the rotation before.
fn next_label(label: &str, now: Millis) -> String {
    let base = match label.rsplit_once(" (rotated ") {
        Some((base, day)) if day.len() == 11 && day.ends_with(')') => base,
        _ => label,
    };
    let day = scim_core::time::format(now);
    let suffix = format!(" (rotated {})", day.get(..10).unwrap_or_default());
    let base: String = base.chars().take(LABEL_LENGTH - suffix.len()).collect();
    base + &suffix
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
    tx.note(actor, "token retired", id);
    close(tx, endpoint, id, now, Some(&actor.label))?;
    tokens::get(tx, endpoint, id)
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
        tx.note(actor, "token rotation cancelled", &token.id);
        forget(tx, endpoint, &token.id)?;
    }
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
    tx.note(actor, "token taken back", id);
    forget(tx, endpoint, id)?;
    // What was turned away while it was closed is explained by that, and mended.
    let explained = refusals::table
        .filter(refusals::endpoint_id.eq(endpoint.as_str()))
        .filter(refusals::cause.eq(Cause::Retired.as_str()))
        .filter(refusals::token_id.eq(id));
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
        if tokens::list(conn, &id)?.iter().any(|token| token.due(up_since, now).is_some()) {
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
    for token in tokens::list(tx, endpoint)? {
        if let Some(at) = token.due(up_since, now) {
            tracing::info!(deed = "token retired by itself", subject = token.id);
            close(tx, endpoint, &token.id, at, None)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::tokens::Scope;
    use crate::usage::Seen;

    /// A token issued at 0, which expires at 100 days and was rotated at 10 days with a quiet time of a day.
    fn token(used: Option<Millis>, rotation: Option<Rotation>) -> TokenRecord {
        let seen = |at| Seen { at, address: String::new(), agent: String::new(), request: String::new() };
        TokenRecord {
            id: "old".into(),
            label: "Old".into(),
            scope: Scope::Write,
            created_at: 0,
            created_by: String::new(),
            expires_at: Some(100 * DAY),
            revoked_at: None,
            revoked_by: None,
            requests: 7,
            first_used_at: used,
            last_used: used.map(seen),
            rotation,
        }
    }

    fn rotation(retire_at: Option<Millis>, retired_at: Option<Millis>) -> Option<Rotation> {
        Some(Rotation {
            token_id: "old".into(),
            endpoint_id: "e".into(),
            successor: "new".into(),
            began_at: 10 * DAY,
            began_by: String::new(),
            quiet_for: DAY,
            retire_at,
            requests_before: 5,
            retired_at,
            retired_by: None,
        })
    }

    #[test]
    fn states_by_what_happened_and_by_the_clock() {
        use TokenState::{Active, Expired, New, Retired, Retiring, Revoked};
        let revoked =
            TokenRecord { revoked_at: Some(12 * DAY), ..token(None, rotation(None, Some(11 * DAY))) };
        let table = [
            ("never used", token(None, None), DAY, New),
            ("used", token(Some(DAY), None), DAY, Active),
            ("past its date", token(Some(DAY), None), 100 * DAY, Expired),
            ("being replaced", token(Some(DAY), rotation(None, None)), 10 * DAY, Retiring),
            ("being replaced for weeks", token(None, rotation(None, None)), 90 * DAY, Retiring),
            ("before its final date", token(None, rotation(Some(20 * DAY), None)), 20 * DAY - 1, Retiring),
            ("on its final date", token(None, rotation(Some(20 * DAY), None)), 20 * DAY, Retired),
            ("retired", token(None, rotation(None, Some(11 * DAY))), 11 * DAY, Retired),
            ("retired, long ago", token(None, rotation(None, Some(11 * DAY))), 200 * DAY, Retired),
            ("expired while it retires", token(None, rotation(None, None)), 100 * DAY, Expired),
            ("revoked after it retired", revoked, 13 * DAY, Revoked),
        ];
        for (name, token, now, state) in table {
            assert_eq!(token.state(now), state, "{name}");
            let live = matches!(state, New | Active | Retiring);
            assert_eq!(state.is_live(), live, "{name}");
        }
    }

    #[test]
    fn it_is_due_when_it_was_silent_for_long_enough_and_somebody_listened() {
        let due = |used, retire_at, up_since, now| token(used, rotation(retire_at, None)).due(up_since, now);
        // Silence counts from the later of its last use and the begin, and is believed once it is on record.
        assert_eq!(due(None, None, 0, 11 * DAY), None);
        assert_eq!(due(None, None, 0, 11 * DAY + LAG), Some(11 * DAY + LAG));
        assert_eq!(due(Some(DAY), None, 0, 11 * DAY + LAG), Some(11 * DAY + LAG));
        assert_eq!(due(Some(15 * DAY), None, 0, 16 * DAY + LAG - 1), None);
        assert_eq!(due(Some(15 * DAY), None, 0, 16 * DAY + LAG), Some(16 * DAY + LAG));
        // While no server was up, nobody could call: they get an hour to come again.
        assert_eq!(due(Some(15 * DAY), None, 30 * DAY, 30 * DAY + HOUR - 1), None);
        assert!(due(Some(15 * DAY), None, 30 * DAY, 30 * DAY + HOUR).is_some());
        // The final date holds although it is in use, and although nobody was there to see it.
        assert_eq!(due(Some(20 * DAY), Some(20 * DAY), 0, 20 * DAY), Some(20 * DAY));
        assert_eq!(due(Some(20 * DAY), Some(20 * DAY), 40 * DAY, 40 * DAY), Some(20 * DAY));
        // Nothing is written twice, and nothing of a token that is dead anyway.
        assert_eq!(token(None, rotation(None, Some(11 * DAY))).due(0, 50 * DAY), None);
        assert_eq!(due(None, None, 0, 100 * DAY), None);
        assert_eq!(token(None, None).due(0, 50 * DAY), None);
    }

    #[test]
    fn it_can_be_taken_back_for_a_day() {
        let retired = token(None, rotation(None, Some(11 * DAY)));
        assert_eq!(retired.undo_until(12 * DAY - 1), Some(12 * DAY));
        assert_eq!(retired.undo_until(12 * DAY), None);
        let expired = token(None, rotation(None, Some(100 * DAY - 1)));
        assert_eq!(expired.undo_until(100 * DAY), None);
        assert_eq!(token(None, rotation(None, None)).undo_until(11 * DAY), None);
    }

    #[test]
    fn a_label_carries_the_day_of_the_last_rotation_alone() {
        let now = 1_795_479_360_000;
        assert_eq!(next_label("OneLogin", now), "OneLogin (rotated 2026-11-24)");
        assert_eq!(next_label("OneLogin (rotated 2026-01-02)", now), "OneLogin (rotated 2026-11-24)");
        assert_eq!(next_label(&"é".repeat(100), now).chars().count(), 100);
    }
}
