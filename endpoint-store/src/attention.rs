//! What wants a hand, across all endpoints: looked up from the side of the trouble, a bounded number of each kind, so that it
//! costs the same with ten endpoints and with ten thousand.

use std::collections::BTreeSet;

use diesel::prelude::*;

use crate::Store;
use crate::conn::Conn;
use crate::endpoints::{self as all_endpoints, Endpoint, EndpointId, Status};
use crate::error::StoreError;
use crate::health::Health;
use crate::ids::Millis;
use crate::operators::Reach;
use crate::schema::{
    endpoint_health, endpoints, refusals, target_items, targets, token_rotations, tokens, webhook_cursors,
    webhook_deliveries, webhooks,
};
use crate::settings::Idp;
use crate::targets::queue;
use crate::tokens::expiry;
use crate::usage::Cause;
use crate::webhooks::log::State;

/// Refusals that are looked at.
const REFUSALS: i64 = 200;
/// Tenants that are named.
const TENANTS: usize = 100;
/// Days before their end for which tokens are looked at.
const SOON: Millis = 60 * 24 * 3_600_000;

/// The endpoint that something is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its place in the URL.
    pub slug: String,
    /// What operators call it.
    pub name: String,
    /// The identity provider it is made for.
    pub idp: Idp,
    /// When a good token was last used.
    pub last_heard: Option<Millis>,
}

/// What wants a hand.
#[derive(Debug, Clone)]
pub enum What {
    /// It asks everybody to come back later.
    Paused,
    /// No token opens it.
    NoToken,
    /// What was turned away lately.
    TurnedAway(Vec<TurnedAwayLately>),
    /// A token ends soon.
    Expiring(Expiring),
    /// A webhook does not send: its label, its id, and whether it is paused.
    Webhook(String, String, bool),
    /// Events that were given up.
    GivenUp(i64),
    /// A target cannot be reached or does not work.
    TargetAway(String),
    /// Users, groups and memberships that a target refuses.
    RefusedByTargets(i64),
    /// The calls look like another identity provider's.
    Stranger(Idp),
    /// Nothing came for much longer than usual.
    Silent(Health),
    /// Too much of what comes goes wrong.
    Failing(Health),
    /// Nothing has come yet.
    Unheard,
}

/// Something that wants a hand, and where.
#[derive(Debug, Clone)]
pub struct Matter {
    /// Where.
    pub about: About,
    /// What.
    pub what: What,
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

/// How many endpoints there are, and how many of them are switched off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// All that are not in the bin.
    pub all: usize,
    /// Those that are disabled.
    pub off: usize,
    /// Some of the tenants, in their order.
    pub tenants: BTreeSet<String>,
}

/// What is known in memory: how many endpoints somebody sees, and up to `most` of them that no token opens.
pub fn census(store: &Store, reach: &Reach, most: usize, now: Millis) -> (Census, Vec<EndpointId>) {
    let mut census = Census::default();
    let mut closed = Vec::new();
    store.registry().survey(now, |endpoint, has_token| {
        if !reach.covers(endpoint.tenant.as_deref()) {
            return;
        }
        if let Some(tenant) = endpoint.tenant.as_ref().filter(|_| census.tenants.len() < TENANTS)
            && !census.tenants.contains(tenant)
        {
            census.tenants.insert(tenant.clone());
        }
        census.all += 1;
        census.off += usize::from(endpoint.status == Status::Disabled);
        if !has_token && endpoint.status != Status::Disabled && closed.len() < most {
            closed.push(endpoint.id.clone());
        }
    });
    (census, closed)
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What whoever asks sees.
    pub reach: Reach,
    /// At most so many of each kind.
    pub most: usize,
    /// What was turned away or given up before is history.
    pub since: Millis,
    /// Endpoints that no token opens, from [`census`].
    pub closed: Vec<EndpointId>,
}

/// What every query about an endpoint selects.
type Named = (String, String, String, String, Option<i64>);

macro_rules! named {
    () => {
        (endpoints::id, endpoints::slug, endpoints::name, endpoints::idp, endpoint_health::last_heard)
    };
}

/// Endpoints with their health, as far as somebody sees them and they are not switched off on purpose.
macro_rules! seen {
    ($source:expr, $within:expr) => {{
        let mut query = $source
            .filter(endpoints::deleted_at.is_null())
            .filter(endpoints::status.ne(Status::Disabled.as_str()))
            .into_boxed();
        if let Some(within) = $within {
            let own = endpoints::tenant.assume_not_null().eq_any(within.clone());
            query = query.filter(endpoints::tenant.is_not_null().and(own));
        }
        query
    }};
}

fn about((_, slug, name, idp, last_heard): Named) -> Result<About, StoreError> {
    Ok(About { slug, name, idp: idp.parse().map_err(StoreError::Damaged)?, last_heard })
}

/// Everything that wants a hand, in no particular order.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn look(conn: &mut Conn, asked: &Asked, now: Millis) -> Result<Vec<Matter>, StoreError> {
    let within = asked.reach.spellings(conn)?;
    let look = Look {
        within,
        most: i64::try_from(asked.most).unwrap_or(i64::MAX),
        since: asked.since,
        found: Vec::new(),
    };
    look.all(conn, &asked.closed, now)
}

struct Look {
    within: Option<Vec<String>>,
    most: i64,
    since: Millis,
    found: Vec<Matter>,
}

impl Look {
    fn all(mut self, conn: &mut Conn, closed: &[EndpointId], now: Millis) -> Result<Vec<Matter>, StoreError> {
        self.states(conn, closed)?;
        self.conditions(conn, now)?;
        self.turned_away(conn)?;
        self.expiring(conn, now)?;
        self.webhooks(conn)?;
        self.targets(conn)?;
        Ok(self.found)
    }

    fn add(&mut self, named: Named, what: What) -> Result<(), StoreError> {
        self.found.push(Matter { about: about(named)?, what });
        Ok(())
    }

    fn states(&mut self, conn: &mut Conn, closed: &[EndpointId]) -> Result<(), StoreError> {
        let rows: Vec<Named> = seen!(endpoints::table.inner_join(endpoint_health::table), &self.within)
            .filter(endpoints::status.eq(Status::Paused.as_str()))
            .order((endpoints::name_key, endpoints::id))
            .limit(self.most)
            .select(named!())
            .load(conn)?;
        rows.into_iter().try_for_each(|row| self.add(row, What::Paused))?;
        if closed.is_empty() {
            return Ok(());
        }
        let ids: Vec<&str> = closed.iter().map(EndpointId::as_str).collect();
        let rows: Vec<Named> = seen!(endpoints::table.inner_join(endpoint_health::table), &self.within)
            .filter(endpoints::id.eq_any(ids))
            .order((endpoints::name_key, endpoints::id))
            .limit(self.most)
            .select(named!())
            .load(conn)?;
        rows.into_iter().try_for_each(|row| self.add(row, What::NoToken))
    }

    fn conditions(&mut self, conn: &mut Conn, now: Millis) -> Result<(), StoreError> {
        macro_rules! health {
            ($holds:expr, $first:expr) => {
                seen!(endpoints::table.inner_join(endpoint_health::table), &self.within)
                    .filter(endpoints::status.eq(Status::Active.as_str()))
                    .filter($holds)
                    .order($first)
                    .limit(self.most)
                    .select((named!(), Health::as_select()))
                    .load::<(Named, Health)>(conn)?
            };
        }
        for (named, health) in health!(endpoint_health::silent_at.le(now), endpoint_health::silent_at.desc())
        {
            self.add(named, What::Silent(health))?;
        }
        for (named, health) in
            health!(endpoint_health::failing_since.is_not_null(), endpoint_health::failing_since.desc())
        {
            self.add(named, What::Failing(health))?;
        }
        for (named, _) in health!(endpoint_health::last_heard.is_null(), (endpoints::name_key, endpoints::id))
        {
            self.add(named, What::Unheard)?;
        }
        let rows: Vec<(Named, Option<String>)> =
            seen!(endpoints::table.inner_join(endpoint_health::table), &self.within)
                .filter(endpoint_health::stranger.is_not_null())
                .order((endpoints::name_key, endpoints::id))
                .limit(self.most)
                .select((named!(), endpoint_health::stranger))
                .load(conn)?;
        for (named, idp) in rows {
            // A provider of a newer release is none of ours.
            if let Some(idp) = idp.and_then(|idp| idp.parse().ok()) {
                self.add(named, What::Stranger(idp))?;
            }
        }
        Ok(())
    }

    fn turned_away(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        type Row = (Named, String, i64, i64, Option<String>);
        let source = refusals::table
            .inner_join(endpoints::table.on(endpoints::id.eq(refusals::endpoint_id)))
            .inner_join(endpoint_health::table.on(endpoint_health::endpoint_id.eq(refusals::endpoint_id)))
            .left_join(tokens::table.on(tokens::id.eq(refusals::token_id)));
        let rows: Vec<Row> = seen!(source, &self.within)
            .filter(refusals::last_at.gt(self.since))
            .order(refusals::last_at.desc())
            .limit(REFUSALS)
            .select((
                named!(),
                refusals::cause,
                refusals::attempts,
                refusals::last_at,
                tokens::label.nullable(),
            ))
            .load(conn)?;
        let mut all: Vec<(Named, Vec<TurnedAwayLately>)> = Vec::new();
        for (named, cause, attempts, last_at, label) in rows {
            // A cause of a newer release is none of ours.
            let Ok(cause) = Cause::parse(&cause) else { continue };
            let one = TurnedAwayLately { cause, attempts, last_at, label };
            match all.iter_mut().find(|(known, _)| known.0 == named.0) {
                Some((_, list)) => list.push(one),
                None => all.push((named, vec![one])),
            }
        }
        all.into_iter().try_for_each(|(named, list)| self.add(named, What::TurnedAway(list)))
    }

    fn expiring(&mut self, conn: &mut Conn, now: Millis) -> Result<(), StoreError> {
        type Row = (Named, String, String, Millis, Option<Millis>);
        let source = tokens::table
            .inner_join(endpoints::table.on(endpoints::id.eq(tokens::endpoint_id)))
            .inner_join(endpoint_health::table.on(endpoint_health::endpoint_id.eq(tokens::endpoint_id)))
            .left_join(token_rotations::table);
        let rows: Vec<Row> = seen!(source, &self.within)
            .filter(tokens::revoked_at.is_null())
            .filter(tokens::expires_at.gt(now))
            .filter(tokens::expires_at.le(now + SOON))
            // One that is being replaced needs no other reminder.
            .filter(token_rotations::began_at.nullable().is_null())
            .order(tokens::expires_at)
            .limit(4 * self.most)
            .select((named!(), tokens::id, tokens::label, tokens::created_at, tokens::expires_at))
            .load(conn)?;
        for (named, token_id, label, created_at, expires_at) in rows {
            let Some(at) = expires_at else { continue };
            if let Some(days) = expiry::warning(created_at, at, now) {
                self.add(named, What::Expiring(Expiring { token_id, label, at, days }))?;
            }
        }
        Ok(())
    }

    /// Webhooks that are paused or to which nothing arrives; one of a tenant is told at its first endpoint.
    fn webhooks(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        type Row = (String, String, Option<String>, Option<i64>);
        let rows: Vec<Row> = webhooks::table
            .filter(webhooks::paused_at.is_not_null().or(webhooks::failing_since.is_not_null()))
            .order(webhooks::id)
            .limit(4 * self.most)
            .select((webhooks::id, webhooks::label, webhooks::endpoint_id, webhooks::paused_at))
            .load(conn)?;
        for (id, label, endpoint, paused_at) in rows {
            let endpoint = match endpoint {
                Some(endpoint) => Some(endpoint),
                None => webhook_cursors::table
                    .filter(webhook_cursors::webhook_id.eq(&id))
                    .order(webhook_cursors::endpoint_id)
                    .limit(1)
                    .select(webhook_cursors::endpoint_id)
                    .get_result(conn)
                    .optional()?,
            };
            if let Some(named) = endpoint.map(|id| self.named(conn, &id)).transpose()?.flatten() {
                self.add(named, What::Webhook(label, id, paused_at.is_some()))?;
            }
        }
        let given_up: Vec<(String, i64)> = webhook_deliveries::table
            .filter(webhook_deliveries::state.eq(State::Dead.as_str()))
            .filter(webhook_deliveries::seq.gt(0))
            .filter(webhook_deliveries::last_at.gt(self.since))
            .group_by(webhook_deliveries::endpoint_id)
            .order(diesel::dsl::count_star().desc())
            .limit(self.most)
            .select((webhook_deliveries::endpoint_id, diesel::dsl::count_star()))
            .load(conn)?;
        for (id, many) in given_up {
            if let Some(named) = self.named(conn, &id)? {
                self.add(named, What::GivenUp(many))?;
            }
        }
        Ok(())
    }

    fn targets(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        let source = targets::table
            .inner_join(endpoints::table.on(endpoints::id.eq(targets::endpoint_id)))
            .inner_join(endpoint_health::table.on(endpoint_health::endpoint_id.eq(targets::endpoint_id)));
        let away: Vec<(Named, String)> = seen!(source, &self.within)
            .filter(targets::open_until.is_not_null())
            .order((endpoints::name_key, targets::id))
            .limit(self.most)
            .select((named!(), targets::url))
            .load(conn)?;
        away.into_iter().try_for_each(|(named, url)| self.add(named, What::TargetAway(url)))?;
        let refused: Vec<(String, i64)> = targets::table
            .inner_join(
                target_items::table.on(target_items::endpoint_id
                    .eq(targets::endpoint_id)
                    .and(target_items::target_id.eq(targets::id))),
            )
            .filter(target_items::state.eq(queue::State::Failed.as_str()))
            .group_by(targets::endpoint_id)
            .order(diesel::dsl::count_star().desc())
            .limit(self.most)
            .select((targets::endpoint_id, diesel::dsl::count_star()))
            .load(conn)?;
        for (id, many) in refused {
            if let Some(named) = self.named(conn, &id)? {
                self.add(named, What::RefusedByTargets(many))?;
            }
        }
        Ok(())
    }

    /// An endpoint, if it is one of those that are looked at.
    fn named(&self, conn: &mut Conn, id: &str) -> Result<Option<Named>, StoreError> {
        let row = seen!(endpoints::table.inner_join(endpoint_health::table), &self.within)
            .filter(endpoints::id.eq(id.to_owned()))
            .select(named!())
            .get_result(conn)
            .optional()?;
        Ok(row)
    }
}

/// The endpoints that somebody sees and that were heard last.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn heard_last(conn: &mut Conn, reach: &Reach, most: i64) -> Result<Vec<Endpoint>, StoreError> {
    let within = reach.spellings(conn)?;
    let ids: Vec<String> = seen!(endpoints::table.inner_join(endpoint_health::table), &within)
        .filter(endpoint_health::last_heard.is_not_null())
        .order(endpoint_health::last_heard.desc())
        .limit(most)
        .select(endpoints::id)
        .load(conn)?;
    ids.iter().map(|id| all_endpoints::find(conn, id)).collect()
}

/// When any endpoint that somebody sees was last heard.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn last_heard(conn: &mut Conn, reach: &Reach) -> Result<Option<Millis>, StoreError> {
    let within = reach.spellings(conn)?;
    let last: Option<Option<i64>> = seen!(endpoints::table.inner_join(endpoint_health::table), &within)
        .filter(endpoint_health::last_heard.is_not_null())
        .order(endpoint_health::last_heard.desc())
        .limit(1)
        .select(endpoint_health::last_heard)
        .get_result(conn)
        .optional()?;
    Ok(last.flatten())
}
