//! How what flows out is doing: targets, webhooks, and the deprovision clock.
//!
//! Cheap as long as little waits: what is done is not counted.

use std::collections::BTreeMap;

use diesel::dsl::{count_star, max, min};
use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoint_progress, target_items, webhook_cursors, webhook_deliveries};
use crate::targets::{self, Target, clock, queue};
use crate::webhooks::{self, log};

/// Targets that are looked at one by one.
const MOST_TARGETS: usize = 1000;

/// What waits on the way from one endpoint, to all its targets or webhooks together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// It will be tried, or tried again.
    pub waiting: i64,
    /// A target refused it, or a webhook was given up on it.
    pub lost: i64,
    /// Since when the oldest that waits does.
    pub oldest: Option<Millis>,
    /// Changes of the log that were not looked at yet, of the one that is furthest behind.
    pub behind: i64,
}

/// One endpoint from which something flows out.
#[derive(Debug, Clone, Default)]
pub struct OfEndpoint {
    /// On the way to targets; `None` without any.
    pub targets: Option<Waiting>,
    /// On the way to webhooks; `None` without any.
    pub webhooks: Option<Waiting>,
    /// How long deactivations took in the last 24 hours; `None` without a target.
    pub deprovisions: Option<clock::Figures>,
}

/// All that flows out.
#[derive(Debug, Clone, Default)]
pub struct Outward {
    /// Targets by how they are doing: `ok`, `first-sync`, `troubled`, `resting`.
    pub targets: [(&'static str, usize); 4],
    /// Webhooks by how they are doing: `ok`, `failing`, `paused`.
    pub webhooks: [(&'static str, usize); 3],
    /// By endpoint.
    pub of_endpoint: BTreeMap<EndpointId, OfEndpoint>,
}

/// Measures all of it.
///
/// # Errors
/// Those of [`crate::Store::read`].
pub fn measure(conn: &mut Conn, now: Millis) -> Result<Outward, StoreError> {
    let mut outward = Outward {
        targets: ["ok", "first-sync", "troubled", "resting"].map(|state| (state, 0)),
        webhooks: ["ok", "failing", "paused"].map(|state| (state, 0)),
        of_endpoint: BTreeMap::new(),
    };
    of_targets(conn, &mut outward, now)?;
    of_webhooks(conn, &mut outward)?;
    Ok(outward)
}

fn count<const N: usize>(states: &mut [(&'static str, usize); N], state: &str) {
    if let Some((_, n)) = states.iter_mut().find(|(known, _)| *known == state) {
        *n += 1;
    }
}

fn of_targets(conn: &mut Conn, outward: &mut Outward, now: Millis) -> Result<(), StoreError> {
    let all = targets::all(conn)?;
    for target in &all {
        count(&mut outward.targets, target.standing(now));
    }
    for target in all.iter().take(MOST_TARGETS) {
        let of = outward.of_endpoint.entry(target.endpoint.clone()).or_default();
        let waiting = of.targets.get_or_insert_default();
        of_target(conn, target, waiting)?;
        if of.deprovisions.is_none() {
            of.deprovisions = Some(clock::of_a_day(conn, &target.endpoint, now)?);
        }
    }
    Ok(())
}

fn of_target(conn: &mut Conn, target: &Target, all: &mut Waiting) -> Result<(), StoreError> {
    use queue::State;
    for state in [State::Waiting, State::Blocked, State::Failed] {
        let (n, oldest): (i64, Option<i64>) = target_items::table
            .filter(target_items::endpoint_id.eq(target.endpoint.as_str()))
            .filter(target_items::target_id.eq(&target.id))
            .filter(target_items::state.eq(state.as_str()))
            .select((count_star(), min(target_items::waiting_since)))
            .get_result(conn)?;
        if state == State::Failed {
            all.lost += n;
        } else {
            all.waiting += n;
            all.oldest = earlier(all.oldest, oldest);
        }
    }
    let last = crate::changes::last_number(conn, &target.endpoint)?;
    all.behind = all.behind.max(last.saturating_sub(target.taken_in));
    Ok(())
}

fn earlier(one: Option<Millis>, other: Option<Millis>) -> Option<Millis> {
    one.into_iter().chain(other).min()
}

fn of_webhooks(conn: &mut Conn, outward: &mut Outward) -> Result<(), StoreError> {
    for webhook in webhooks::all(conn)? {
        let state = match () {
            () if webhook.paused.is_some() => "paused",
            () if webhook.failing_since.is_some() => "failing",
            () => "ok",
        };
        count(&mut outward.webhooks, state);
    }
    let behind: Vec<(String, Option<i64>)> = webhook_cursors::table
        .inner_join(
            endpoint_progress::table.on(endpoint_progress::endpoint_id.eq(webhook_cursors::endpoint_id)),
        )
        .group_by(webhook_cursors::endpoint_id)
        .select((webhook_cursors::endpoint_id, max(endpoint_progress::last_change - webhook_cursors::seq)))
        .load(conn)?;
    for (endpoint, behind) in behind {
        let of = outward.of_endpoint.entry(EndpointId(endpoint)).or_default();
        of.webhooks.get_or_insert_default().behind = behind.unwrap_or(0).max(0);
    }
    let states = [log::State::Waiting, log::State::Dead];
    let rows: Vec<(String, String, i64, Option<i64>)> = webhook_deliveries::table
        .filter(webhook_deliveries::state.eq_any(states.map(log::State::as_str)))
        .group_by((webhook_deliveries::endpoint_id, webhook_deliveries::state))
        .select((
            webhook_deliveries::endpoint_id,
            webhook_deliveries::state,
            count_star(),
            min(webhook_deliveries::created_at),
        ))
        .load(conn)?;
    for (endpoint, state, n, oldest) in rows {
        let of = outward.of_endpoint.entry(EndpointId(endpoint)).or_default();
        let all = of.webhooks.get_or_insert_default();
        if state == log::State::Dead.as_str() {
            all.lost = n;
        } else {
            (all.waiting, all.oldest) = (n, oldest);
        }
    }
    Ok(())
}
