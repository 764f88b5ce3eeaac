//! The log of deliveries: what was sent, what waits, what was given up, and sending it again.

use diesel::prelude::*;
use serde_json::json;

use super::Webhook;
use super::queue::Attempt;
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect::tables::WebhookDelivery as Row;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::webhook_deliveries as rows;
use crate::writer::Tx;

const DAY: Millis = 24 * 3_600_000;
/// How long it is remembered what arrived.
pub const KEPT_DELIVERED: Millis = 7 * DAY;
/// How long it is remembered what did not.
pub const KEPT_DEAD: Millis = 90 * DAY;
/// Rows that go in one write.
const PORTION: i64 = 500;

/// Where a delivery is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is sent, or tried again, when it is due.
    Waiting,
    /// It arrived.
    Delivered,
    /// It was tried for three days and is not tried any more, unless somebody asks for it.
    Dead,
}

impl State {
    /// All of them, as words.
    pub const WORDS: &[&str] = &["waiting", "delivered", "dead"];
    const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// By its word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A place in the log of a webhook for one endpoint: when it came up, the number of its change set, which of its events.
pub type Place = (Millis, i64, i64);

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of which endpoint.
    pub endpoint: EndpointId,
    /// Number of the change set; negative for a test.
    pub seq: i64,
    /// Which of its events.
    pub part: i64,
    /// Such as `user.created`.
    pub event: String,
    /// What it is about.
    pub resource_id: String,
    /// Its name, then.
    pub resource_name: String,
    /// Where it is.
    pub state: State,
    /// How often it was tried.
    pub attempts: i64,
    /// When it came up.
    pub created_at: Millis,
    /// When it is tried next.
    pub due_at: Millis,
    /// When it was tried first.
    pub first_at: Option<Millis>,
    /// When it was tried last.
    pub last_at: Option<Millis>,
    /// The last answer's status.
    pub last_status: Option<i64>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// How long the last attempt took.
    pub last_ms: Option<i64>,
}

impl Delivery {
    /// Names it among the deliveries of its webhook; also the header `webhook-id`.
    pub fn id(&self) -> String {
        format!("{}-{}-{}", self.endpoint.as_str(), self.seq, self.part)
    }

    /// Where it stands in the log.
    pub fn place(&self) -> Place {
        (self.created_at, self.seq, self.part)
    }

    /// Whether it was a test.
    pub fn is_test(&self) -> bool {
        self.seq < 0
    }
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let state = State::parse(&row.state)
            .ok_or_else(|| StoreError::Damaged(format!("unknown state of a delivery `{}`", row.state)))?;
        Ok(Self {
            endpoint: EndpointId(row.endpoint_id),
            seq: row.seq,
            part: row.part,
            event: row.event,
            resource_id: row.resource_id,
            resource_name: row.resource_name,
            state,
            attempts: row.attempts,
            created_at: row.created_at,
            due_at: row.due_at,
            first_at: row.first_at,
            last_at: row.last_at,
            last_status: row.last_status,
            last_error: row.last_error,
            last_ms: row.last_ms,
        })
    }
}

/// How many deliveries of a webhook are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not sent yet.
    pub waiting: i64,
    /// Given up.
    pub dead: i64,
    /// Arrived, of those that are remembered.
    pub delivered: i64,
    /// When the oldest that waits came up.
    pub oldest_at: Option<Millis>,
}

/// How many deliveries of a webhook are in each state.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn counts(conn: &mut Conn, webhook: &str) -> Result<Counts, StoreError> {
    let mut many = |state: State| -> Result<i64, StoreError> {
        Ok(rows::table
            .filter(rows::webhook_id.eq(webhook))
            .filter(rows::state.eq(state.as_str()))
            .count()
            .get_result(conn)?)
    };
    let (waiting, dead, delivered) = (many(State::Waiting)?, many(State::Dead)?, many(State::Delivered)?);
    let oldest_at = rows::table
        .filter(rows::webhook_id.eq(webhook))
        .filter(rows::state.eq(State::Waiting.as_str()))
        .order(rows::created_at)
        .limit(1)
        .select(rows::created_at)
        .get_result(conn)
        .optional()?;
    Ok(Counts { waiting, dead, delivered, oldest_at })
}

/// Deliveries of a webhook for one endpoint, the latest first, before a place.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn page(
    conn: &mut Conn,
    webhook: &str,
    endpoint: &EndpointId,
    state: Option<State>,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let mut query = rows::table
        .filter(rows::webhook_id.eq(webhook.to_owned()))
        .filter(rows::endpoint_id.eq(endpoint.as_str().to_owned()))
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(rows::state.eq(state.as_str()));
    }
    if let Some((at, seq, part)) = before {
        let earlier = rows::created_at.lt(at);
        let same = rows::created_at.eq(at);
        let smaller = rows::seq.lt(seq).or(rows::seq.eq(seq).and(rows::part.lt(part)));
        query = query.filter(earlier.or(same.and(smaller)));
    }
    let order = (rows::created_at.desc(), rows::seq.desc(), rows::part.desc());
    let found: Vec<Row> = query.order(order).limit(limit).select(Row::as_select()).load(conn)?;
    found.into_iter().map(Delivery::try_from).collect()
}

/// Which deliveries are sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// This one.
    One(String),
    /// All that were given up.
    Dead,
    /// All that came up in a span of time, the end not in it, whatever became of them.
    Between(Millis, Millis),
}

/// Sends deliveries of an endpoint again, and says how many. They are tried as if they were new, the oldest first.
///
/// # Errors
/// [`StoreError::NotFound`] for one that is not there, or is a test.
pub fn redeliver(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    webhook: &Webhook,
    again: &Again,
    actor: &Actor,
    now: Millis,
) -> Result<usize, StoreError> {
    let target = rows::table
        .filter(rows::webhook_id.eq(&webhook.id))
        .filter(rows::endpoint_id.eq(endpoint.id.as_str()))
        .filter(rows::seq.gt(0));
    let set = (
        rows::state.eq(State::Waiting.as_str()),
        rows::attempts.eq(0),
        rows::due_at.eq(now),
        rows::first_at.eq(None::<i64>),
    );
    let many = match again {
        Again::One(id) => {
            let missing = || StoreError::NotFound(format!("the webhook has no delivery `{id:.100}`"));
            let mut parts = id.rsplitn(3, '-');
            let mut number = || parts.next().and_then(|text| text.parse::<i64>().ok());
            let (part, seq) = (number().ok_or_else(missing)?, number().ok_or_else(missing)?);
            let one = target.filter(rows::seq.eq(seq)).filter(rows::part.eq(part));
            let of_endpoint = parts.next() == Some(endpoint.id.as_str());
            let many = if of_endpoint { diesel::update(one).set(set).execute(&mut **tx)? } else { 0 };
            if many == 0 {
                return Err(missing());
            }
            many
        }
        Again::Dead => {
            diesel::update(target.filter(rows::state.eq(State::Dead.as_str()))).set(set).execute(&mut **tx)?
        }
        Again::Between(from, to) => {
            let within = target.filter(rows::created_at.ge(from)).filter(rows::created_at.lt(to));
            diesel::update(within).set(set).execute(&mut **tx)?
        }
    };
    let what = match again {
        Again::One(id) => json!({"delivery": id, "deliveries": many}),
        Again::Dead => json!({"state": "dead", "deliveries": many}),
        Again::Between(..) => json!({"deliveries": many}),
    };
    tx.note(Note::new(actor, now, Action::WebhookRedeliver, &webhook.id).on(&endpoint.id).after(what));
    Ok(many)
}

/// Writes down what came of a test.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn note_test(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    webhook: &Webhook,
    attempt: &Attempt,
    actor: &Actor,
    now: Millis,
) -> Result<Delivery, StoreError> {
    let lowest: Option<i64> = rows::table
        .filter(rows::webhook_id.eq(&webhook.id))
        .filter(rows::endpoint_id.eq(endpoint.id.as_str()))
        .order(rows::seq)
        .limit(1)
        .select(rows::seq)
        .get_result(&mut **tx)
        .optional()?;
    let row = Row {
        endpoint_id: endpoint.id.as_str().to_owned(),
        webhook_id: webhook.id.clone(),
        seq: lowest.unwrap_or(0).min(0) - 1,
        part: 1,
        event: TEST.to_owned(),
        resource_id: webhook.id.clone(),
        resource_name: webhook.label.clone(),
        state: if attempt.error.is_none() { State::Delivered } else { State::Dead }.as_str().to_owned(),
        attempts: 1,
        created_at: now,
        due_at: now,
        first_at: Some(now),
        last_at: Some(now),
        last_status: attempt.status.map(i64::from),
        last_error: attempt.error.clone(),
        last_ms: Some(attempt.ms),
    };
    diesel::insert_into(rows::table).values(&row).execute(&mut **tx)?;
    let after = json!({"delivered": attempt.error.is_none(), "status": attempt.status});
    tx.note(Note::new(actor, now, Action::WebhookTest, &webhook.id).on(&endpoint.id).after(after));
    row.try_into()
}

/// What a test is called.
pub const TEST: &str = "webhook.test";

/// Forgets old lines of the log, a little at a time, and says whether there are more.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn prune(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    let delivered = rows::state
        .eq(State::Delivered.as_str())
        .and(rows::last_at.lt(now - KEPT_DELIVERED).assume_not_null());
    let dead = rows::state.eq(State::Dead.as_str()).and(rows::last_at.lt(now - KEPT_DEAD).assume_not_null());
    type Key = (String, String, i64, i64);
    let old: Vec<Key> = rows::table
        .filter(delivered.or(dead))
        .limit(PORTION)
        .select((rows::endpoint_id, rows::webhook_id, rows::seq, rows::part))
        .load(&mut **tx)?;
    for (endpoint, webhook, seq, part) in &old {
        diesel::delete(rows::table.find((endpoint, webhook, seq, part))).execute(&mut **tx)?;
    }
    Ok(i64::try_from(old.len()).unwrap_or(i64::MAX) == PORTION)
}

/// Takes away a part of an endpoint's deliveries, and says how many.
pub(crate) fn forget_endpoint(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    limit: i64,
) -> Result<usize, StoreError> {
    let some: Vec<(String, i64, i64)> = rows::table
        .filter(rows::endpoint_id.eq(endpoint.as_str()))
        .limit(limit)
        .select((rows::webhook_id, rows::seq, rows::part))
        .load(&mut **tx)?;
    for (webhook, seq, part) in &some {
        diesel::delete(rows::table.find((endpoint.as_str(), webhook, seq, part))).execute(&mut **tx)?;
    }
    Ok(some.len())
}
