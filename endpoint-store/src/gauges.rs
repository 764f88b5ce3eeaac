//! The state of the whole in numbers, for whoever watches the server: asked for now and then, never by a request.

pub mod outward;

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::{Endpoint, EndpointId, Status};
use crate::error::StoreError;
use crate::health::{self, Condition, Health};
use crate::ids::Millis;
use crate::schema::endpoint_progress;
use crate::{Store, registry};

/// Endpoints whose rows are read by one statement.
const PORTION: usize = 500;

/// One endpoint.
#[derive(Debug, Clone)]
pub struct OfEndpoint {
    /// Which.
    pub endpoint: Arc<Endpoint>,
    /// When its oldest live token was issued.
    pub oldest_token: Option<Millis>,
    /// When the next of its live tokens ends.
    pub next_expiry: Option<Millis>,
    /// The number of its last change.
    pub last_change: Option<i64>,
    /// What its traffic says.
    pub health: Health,
    /// The same in a word.
    pub condition: Condition,
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Gauges {
    /// Database statements that were run since the start.
    pub statements: u64,
    /// Writes that are under way or wait for their turn.
    pub writes: usize,
    /// How many endpoints are in each state.
    pub endpoints: Vec<(Status, usize)>,
    /// Connections to the database that are open, and how many of them are in use: to read, and to write where there are several.
    pub connections: Vec<(&'static str, usize, usize)>,
    /// Readers of the change feed that wait for the next change.
    pub feed_waiting: usize,
    /// What flows out.
    pub outward: outward::Outward,
    /// The endpoints by slug, as many as were asked for.
    pub of_endpoint: Vec<OfEndpoint>,
}

/// Measures; `most` endpoints have numbers of their own.
///
/// # Errors
/// Those of [`Store::read`].
pub async fn measure(store: &Store, most: usize, now: Millis) -> Result<Gauges, StoreError> {
    let mut all = store.registry().endpoints();
    let states = [Status::Active, Status::Paused, Status::Disabled];
    let count = |status| (status, all.iter().filter(|endpoint| endpoint.status == status).count());
    let endpoints = states.map(count).into();
    all.sort_by(|a, b| a.slug.cmp(&b.slug));
    all.truncate(most);
    let ids: Vec<EndpointId> = all.iter().map(|endpoint| endpoint.id.clone()).collect();
    let read =
        move |conn: &mut Conn| Ok((heads(conn, &ids)?, healths(conn, &ids)?, outward::measure(conn, now)?));
    let (heads, mut health, outward) = store.read(read).await?;
    let mut lives = store.registry().lives(now);
    let of_endpoint = all.into_iter().map(|endpoint| {
        let registry::Lives { oldest, next_expiry } = lives.remove(&endpoint.id).unwrap_or_default();
        let last_change = heads.get(endpoint.id.as_str()).copied();
        let health = health.remove(endpoint.id.as_str()).unwrap_or_default();
        OfEndpoint {
            oldest_token: oldest,
            next_expiry,
            last_change,
            condition: health.condition(endpoint.status, now),
            health,
            endpoint,
        }
    });
    Ok(Gauges {
        statements: store.statements(),
        writes: store.writes_waiting(),
        endpoints,
        connections: store.connections(),
        feed_waiting: store.pulse().waiting(),
        outward,
        of_endpoint: of_endpoint.collect(),
    })
}

fn healths(conn: &mut Conn, endpoints: &[EndpointId]) -> Result<HashMap<String, Health>, StoreError> {
    let mut all = HashMap::new();
    for portion in endpoints.chunks(PORTION) {
        let ids: Vec<String> = portion.iter().map(|id| id.as_str().to_owned()).collect();
        all.extend(health::of_all(conn, &ids)?);
    }
    Ok(all)
}

fn heads(conn: &mut Conn, endpoints: &[EndpointId]) -> Result<HashMap<String, i64>, StoreError> {
    let mut heads = HashMap::new();
    for portion in endpoints.chunks(PORTION) {
        let ids: Vec<&str> = portion.iter().map(EndpointId::as_str).collect();
        let rows: Vec<(String, i64)> = endpoint_progress::table
            .filter(endpoint_progress::endpoint_id.eq_any(ids))
            .select((endpoint_progress::endpoint_id, endpoint_progress::last_change))
            .load(conn)?;
        heads.extend(rows);
    }
    Ok(heads)
}
