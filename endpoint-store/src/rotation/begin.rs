//! The begin of a rotation: which token is meant, and the one that takes its place.

use diesel::prelude::*;
use scim_core::time::format;
use serde_json::json;

use super::{LONGEST, MINUTE, Rotation};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::token_rotations;
use crate::tokens::{self, LABEL_LENGTH, MAX_LIVE, NewToken, Secret, TokenRecord, TokenState};
use crate::writer::Tx;

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
    pub secret: Secret,
    /// What is known of it.
    pub token: TokenRecord,
    /// The one that it replaces.
    pub retiring: TokenRecord,
}

/// Issues a token in the place of another, with the same scope, networks and length of life; both live until the old one
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
    let (networks, request_key) = (old.networks.clone(), plan.request_key.clone());
    let new = NewToken { label, kind: old.kind, scope: old.scope, networks, expires_at, request_key };
    let (secret, token) = tx.as_one(
        |tx| tokens::issue(tx, endpoint, &new, actor, now),
        |(_, token)| {
            Note::new(actor, now, Action::TokenRotate, &old.id).on(endpoint).before(old.facts()).after(
                json!({
                    "successor": token.facts(), "quiet_for_seconds": plan.quiet_for / 1000,
                    "retire_at": plan.retire_at.map(format),
                }),
            )
        },
    )?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_carries_the_day_of_the_last_rotation_alone() {
        let now = 1_795_479_360_000;
        assert_eq!(next_label("OneLogin", now), "OneLogin (rotated 2026-11-24)");
        assert_eq!(next_label("OneLogin (rotated 2026-01-02)", now), "OneLogin (rotated 2026-11-24)");
        assert_eq!(next_label(&"é".repeat(100), now).chars().count(), 100);
    }
}
