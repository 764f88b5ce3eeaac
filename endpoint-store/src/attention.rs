//! Every endpoint at a glance: what an overview needs to say which of them want a hand. A fixed number of queries,
//! however many endpoints there are.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::Status;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::observations;
use crate::rotation::Rotation;
use crate::schema::{
    endpoints, refusals, target_items, targets, token_rotations, token_usage, tokens, webhook_cursors,
    webhook_deliveries, webhooks,
};
use crate::settings::Idp;
use crate::targets::queue;
use crate::tokens::expiry;
use crate::usage::Cause;
use crate::webhooks::log::State;

/// One endpoint.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Its place in the URL.
    pub slug: String,
    /// What operators call it.
    pub name: String,
    /// The customer.
    pub tenant: Option<String>,
    /// The identity provider it is made for.
    pub idp: Idp,
    /// Whether it answers.
    pub status: Status,
    /// When a token that was not revoked was last used.
    pub last_heard: Option<Millis>,
    /// Tokens that open it.
    pub live_tokens: usize,
    /// The live tokens that end soon.
    pub expiring: Vec<Expiring>,
    /// What was turned away lately.
    pub turned_away: Vec<TurnedAwayLately>,
    /// Webhooks that do not send: label, id, and whether they are paused; one of a tenant is told at its first endpoint.
    pub webhooks: Vec<(String, String, bool)>,
    /// Deliveries that were given up, lately.
    pub given_up: i64,
    /// Addresses of targets that cannot be reached or do not work.
    pub targets_away: Vec<String>,
    /// Users, groups and memberships that a target refuses.
    pub refused_by_targets: i64,
    /// Requests that look like an identity provider's.
    pub looks_like: Vec<(Idp, i64)>,
}

/// A live token that ends soon.
#[derive(Debug, Clone)]
pub struct Expiring {
    /// Its public id.
    pub token_id: String,
    /// Its label.
    pub label: String,
    /// When it ends.
    pub at: Millis,
    /// The warning that holds: within so many days.
    pub days: i64,
}

/// Attempts that were turned away for one cause.
#[derive(Debug, Clone)]
pub struct TurnedAwayLately {
    /// Why.
    pub cause: Cause,
    /// How many.
    pub attempts: i64,
    /// When last.
    pub last_at: Millis,
    /// Label of the token, if it is one that is known.
    pub label: Option<String>,
}

/// Every endpoint that is not in the bin, by name; attempts before `turned_away_since` are history.
pub fn glance(conn: &mut Conn, turned_away_since: Millis, now: Millis) -> Result<Vec<Glance>, StoreError> {
    let mut all = skeletons(conn)?;
    let places: HashMap<String, usize> =
        all.iter().enumerate().map(|(at, (id, _))| (id.clone(), at)).collect();
    let mut at = |id: &str, add: &mut dyn FnMut(&mut Glance)| {
        if let Some((_, glance)) = places.get(id).and_then(|place| all.get_mut(*place)) {
            add(glance);
        }
    };
    type Used = (String, String, String, Millis, Option<i64>, Option<i64>, Option<Rotation>);
    let used: Vec<Used> = tokens::table
        .inner_join(token_usage::table)
        .left_join(token_rotations::table)
        .filter(tokens::revoked_at.is_null())
        .select((
            tokens::endpoint_id,
            tokens::id,
            tokens::label,
            tokens::created_at,
            tokens::expires_at,
            token_usage::last_at,
            Option::<Rotation>::as_select(),
        ))
        .load(conn)?;
    for (id, token_id, label, created_at, expires_at, last_at, rotation) in used {
        at(&id, &mut |glance| {
            glance.last_heard = glance.last_heard.max(last_at);
            let open = rotation.as_ref().is_none_or(|rotation| rotation.ended(now).is_none());
            if open && expires_at.is_none_or(|end| end > now) {
                glance.live_tokens += 1;
                // One that is being replaced needs no other reminder.
                let end = expires_at.filter(|_| rotation.is_none());
                let soon = end.and_then(|at| Some((at, expiry::warning(created_at, at, now)?)));
                glance.expiring.extend(soon.map(|(at, days)| Expiring {
                    token_id: token_id.clone(),
                    label: label.clone(),
                    at,
                    days,
                }));
            }
        });
    }
    let refused: Vec<(String, String, i64, i64, Option<String>)> = refusals::table
        .left_join(tokens::table.on(tokens::id.eq(refusals::token_id)))
        .filter(refusals::last_at.gt(turned_away_since))
        .select((
            refusals::endpoint_id,
            refusals::cause,
            refusals::attempts,
            refusals::last_at,
            tokens::label.nullable(),
        ))
        .load(conn)?;
    for (id, cause, attempts, last_at, label) in refused {
        // A cause of a newer release is none of ours.
        let Ok(cause) = Cause::parse(&cause) else { continue };
        at(&id, &mut |glance| {
            glance.turned_away.push(TurnedAwayLately { cause, attempts, last_at, label: label.clone() });
        });
    }
    for (id, label, webhook, paused) in troubled_webhooks(conn)? {
        at(&id, &mut |glance| glance.webhooks.push((label.clone(), webhook.clone(), paused)));
    }
    let given_up: Vec<(String, i64)> = webhook_deliveries::table
        .filter(webhook_deliveries::state.eq(State::Dead.as_str()))
        .filter(webhook_deliveries::seq.gt(0))
        .filter(webhook_deliveries::last_at.gt(turned_away_since))
        .group_by(webhook_deliveries::endpoint_id)
        .select((webhook_deliveries::endpoint_id, diesel::dsl::count_star()))
        .load(conn)?;
    for (id, many) in given_up {
        at(&id, &mut |glance| glance.given_up = many);
    }
    let away: Vec<(String, String)> = targets::table
        .filter(targets::open_until.is_not_null())
        .select((targets::endpoint_id, targets::url))
        .load(conn)?;
    for (id, url) in away {
        at(&id, &mut |glance| glance.targets_away.push(url.clone()));
    }
    let refused: Vec<(String, i64)> = targets::table
        .inner_join(target_items::table.on(
            target_items::endpoint_id.eq(targets::endpoint_id).and(target_items::target_id.eq(targets::id)),
        ))
        .filter(target_items::state.eq(queue::State::Failed.as_str()))
        .group_by(targets::endpoint_id)
        .select((targets::endpoint_id, diesel::dsl::count_star()))
        .load(conn)?;
    for (id, many) in refused {
        at(&id, &mut |glance| glance.refused_by_targets = many);
    }
    for (id, idp, hits) in observations::likenesses(conn)? {
        at(&id, &mut |glance| glance.looks_like.push((idp, hits)));
    }
    Ok(all.into_iter().map(|(_, glance)| glance).collect())
}

/// Webhooks that are paused or to which nothing arrives, with the endpoint where they are told.
fn troubled_webhooks(conn: &mut Conn) -> Result<Vec<(String, String, String, bool)>, StoreError> {
    type Row = (String, String, Option<String>, Option<String>, Option<i64>);
    let rows: Vec<Row> = webhooks::table
        .filter(webhooks::paused_at.is_not_null().or(webhooks::failing_since.is_not_null()))
        .select((
            webhooks::id,
            webhooks::label,
            webhooks::endpoint_id,
            webhooks::tenant_key,
            webhooks::paused_at,
        ))
        .load(conn)?;
    let mut found = Vec::new();
    for (id, label, endpoint, tenant, paused_at) in rows {
        let endpoint = match (endpoint, tenant) {
            (Some(endpoint), _) => Some(endpoint),
            (None, _) => webhook_cursors::table
                .filter(webhook_cursors::webhook_id.eq(&id))
                .order(webhook_cursors::endpoint_id)
                .limit(1)
                .select(webhook_cursors::endpoint_id)
                .get_result(conn)
                .optional()?,
        };
        found.extend(endpoint.map(|endpoint| (endpoint, label, id, paused_at.is_some())));
    }
    Ok(found)
}

fn skeletons(conn: &mut Conn) -> Result<Vec<(String, Glance)>, StoreError> {
    type Skeleton = (String, String, String, Option<String>, String, String);
    let rows: Vec<Skeleton> = endpoints::table
        .filter(endpoints::deleted_at.is_null())
        .order((endpoints::name_key, endpoints::id))
        .select((
            endpoints::id,
            endpoints::slug,
            endpoints::name,
            endpoints::tenant,
            endpoints::idp,
            endpoints::status,
        ))
        .load(conn)?;
    let glance = |(id, slug, name, tenant, idp, status): Skeleton| {
        let glance = Glance {
            slug,
            name,
            tenant,
            idp: idp.parse().map_err(StoreError::Damaged)?,
            status: Status::parse(&status)?,
            last_heard: None,
            live_tokens: 0,
            expiring: Vec::new(),
            turned_away: Vec::new(),
            webhooks: Vec::new(),
            given_up: 0,
            targets_away: Vec::new(),
            refused_by_targets: 0,
            looks_like: Vec::new(),
        };
        Ok((id, glance))
    };
    rows.into_iter().map(glance).collect()
}
