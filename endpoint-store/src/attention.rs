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
    endpoints, refusals, token_rotations, token_usage, tokens, webhook_cursors, webhook_deliveries, webhooks,
};
use crate::settings::Idp;
use crate::webhooks::log::State;

/// One endpoint.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Its place in the URL.
    pub slug: String,
    /// What operators call it.
    pub name: String,
    /// The identity provider it is made for.
    pub idp: Idp,
    /// Whether it answers.
    pub status: Status,
    /// When a token that was not revoked was last used.
    pub last_heard: Option<Millis>,
    /// Tokens that open it.
    pub live_tokens: usize,
    /// Label and end of the live tokens that end soon.
    pub expiring: Vec<(String, Millis)>,
    /// What was turned away lately: how many for one cause, and when last.
    pub turned_away: Vec<(i64, Millis)>,
    /// Webhooks that do not send: label, id, and whether they are paused; one of a tenant is told at its first endpoint.
    pub webhooks: Vec<(String, String, bool)>,
    /// Deliveries that were given up, lately.
    pub given_up: i64,
    /// Requests that look like an identity provider's.
    pub looks_like: Vec<(Idp, i64)>,
}

/// What counts as lately and as soon.
#[derive(Debug, Clone, Copy)]
pub struct Horizon {
    /// Attempts before it are history.
    pub turned_away_since: Millis,
    /// Tokens that end before it end soon.
    pub expires_before: Millis,
}

/// Every endpoint that is not in the bin, by name.
pub fn glance(conn: &mut Conn, horizon: Horizon, now: Millis) -> Result<Vec<Glance>, StoreError> {
    let mut all = skeletons(conn)?;
    let places: HashMap<String, usize> =
        all.iter().enumerate().map(|(at, (id, _))| (id.clone(), at)).collect();
    let mut at = |id: &str, add: &mut dyn FnMut(&mut Glance)| {
        if let Some((_, glance)) = places.get(id).and_then(|place| all.get_mut(*place)) {
            add(glance);
        }
    };
    type Used = (String, String, Option<i64>, Option<i64>, Option<Rotation>);
    let used: Vec<Used> = tokens::table
        .inner_join(token_usage::table)
        .left_join(token_rotations::table)
        .filter(tokens::revoked_at.is_null())
        .select((
            tokens::endpoint_id,
            tokens::label,
            tokens::expires_at,
            token_usage::last_at,
            Option::<Rotation>::as_select(),
        ))
        .load(conn)?;
    for (id, label, expires_at, last_at, rotation) in used {
        at(&id, &mut |glance| {
            glance.last_heard = glance.last_heard.max(last_at);
            let open = rotation.as_ref().is_none_or(|rotation| rotation.ended(now).is_none());
            if open && expires_at.is_none_or(|end| end > now) {
                glance.live_tokens += 1;
                // One that is being replaced needs no other reminder.
                let end = expires_at.filter(|end| rotation.is_none() && *end < horizon.expires_before);
                glance.expiring.extend(end.map(|end| (label.clone(), end)));
            }
        });
    }
    let refused: Vec<(String, i64, i64)> = refusals::table
        .filter(refusals::last_at.gt(horizon.turned_away_since))
        .select((refusals::endpoint_id, refusals::attempts, refusals::last_at))
        .load(conn)?;
    for (id, attempts, last_at) in refused {
        at(&id, &mut |glance| glance.turned_away.push((attempts, last_at)));
    }
    for (id, label, webhook, paused) in troubled_webhooks(conn)? {
        at(&id, &mut |glance| glance.webhooks.push((label.clone(), webhook.clone(), paused)));
    }
    let given_up: Vec<(String, i64)> = webhook_deliveries::table
        .filter(webhook_deliveries::state.eq(State::Dead.as_str()))
        .filter(webhook_deliveries::seq.gt(0))
        .filter(webhook_deliveries::last_at.gt(horizon.turned_away_since))
        .group_by(webhook_deliveries::endpoint_id)
        .select((webhook_deliveries::endpoint_id, diesel::dsl::count_star()))
        .load(conn)?;
    for (id, many) in given_up {
        at(&id, &mut |glance| glance.given_up = many);
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
    let rows: Vec<(String, String, String, String, String)> = endpoints::table
        .filter(endpoints::deleted_at.is_null())
        .order((endpoints::name_key, endpoints::id))
        .select((endpoints::id, endpoints::slug, endpoints::name, endpoints::idp, endpoints::status))
        .load(conn)?;
    let glance = |(id, slug, name, idp, status): (String, String, String, String, String)| {
        let glance = Glance {
            slug,
            name,
            idp: idp.parse().map_err(StoreError::Damaged)?,
            status: Status::parse(&status)?,
            last_heard: None,
            live_tokens: 0,
            expiring: Vec::new(),
            turned_away: Vec::new(),
            webhooks: Vec::new(),
            given_up: 0,
            looks_like: Vec::new(),
        };
        Ok((id, glance))
    };
    rows.into_iter().map(glance).collect()
}
