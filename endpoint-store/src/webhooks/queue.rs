//! From the change log to deliveries, and from deliveries to what is sent next.
//!
//! Order: of the deliveries of one webhook about one resource only the oldest that waits may be sent. Those about other
//! resources do not wait for it. Everything that changes here is done under the webhook's lease, so that one server sends
//! at a time; a server that dies leaves the lease to run out, and what it had sent without writing it down is sent again.

use std::collections::HashSet;

use diesel::prelude::*;

use super::log::{Delivery, State};
use super::retry::{self, Next};
use super::{Webhook, begin_at, served, set_pause};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::changes::{self, Change};
use crate::conn::Conn;
use crate::dialect::tables::{ChangeRow, WebhookDelivery as Row};
use crate::endpoints::{self, Endpoint, EndpointId};
use crate::error::StoreError;
use crate::feed::{self, Cursor, Event, Gone};
use crate::history;
use crate::ids::Millis;
use crate::leases;
use crate::schema::{
    changes as change_log, endpoint_progress, endpoints as endpoints_table, webhook_cursors,
    webhook_deliveries as rows, webhooks,
};
use crate::writer::Tx;

/// How long a server that is no longer heard of keeps others from sending: longer than one request may take.
pub const LEASE: Millis = 15_000;
/// Change sets that are turned into deliveries in one write.
const PORTION: i64 = 100;
/// With more deliveries waiting the log is not read on: it keeps the rest.
const MOST_WAITING: i64 = 5_000;

/// What there is to do for a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// The log has more than was read.
    pub behind: bool,
    /// When the next delivery is due; the past for one that is.
    pub due_at: Option<Millis>,
}

/// One event to send.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The delivery.
    pub delivery: Delivery,
    /// Of which endpoint.
    pub endpoint: EndpointId,
    /// What is sent; `None` when the log has forgotten it.
    pub event: Option<Event>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// What went wrong; `None` when it arrived.
    pub error: Option<String>,
    /// How long it took.
    pub ms: i64,
    /// How long the receiver asks to wait.
    pub wish: Option<Millis>,
}

/// Looks whether there is anything to do, without taking the lease.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn work(conn: &mut Conn, webhook: &Webhook) -> Result<Work, StoreError> {
    let of_webhook = webhook_cursors::table.filter(webhook_cursors::webhook_id.eq(&webhook.id));
    let behind: Option<String> = of_webhook
        .inner_join(
            endpoint_progress::table.on(endpoint_progress::endpoint_id.eq(webhook_cursors::endpoint_id)),
        )
        .inner_join(endpoints_table::table.on(endpoints_table::id.eq(webhook_cursors::endpoint_id)))
        .filter(endpoints_table::deleted_at.is_null())
        .filter(endpoint_progress::last_change.ne(webhook_cursors::seq))
        .limit(1)
        .select(webhook_cursors::endpoint_id)
        .get_result(conn)
        .optional()?;
    let mut behind = behind.is_some();
    if !behind && webhook.endpoint.is_none() {
        let known: Vec<String> = of_webhook.select(webhook_cursors::endpoint_id).load(conn)?;
        let known: HashSet<String> = known.into_iter().collect();
        behind = served(conn, webhook)?.iter().any(|(id, _)| !known.contains(id.as_str()));
    }
    let due_at: Option<i64> = rows::table
        .filter(rows::webhook_id.eq(&webhook.id))
        .filter(rows::state.eq(State::Waiting.as_str()))
        .order(rows::due_at)
        .limit(1)
        .select(rows::due_at)
        .get_result(conn)
        .optional()?;
    Ok(Work { behind, due_at })
}

/// Reads on in the log and gives what may be sent now; `None` when another server sends for this webhook, or it is paused
/// or gone.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn claim(
    tx: &mut Tx<'_>,
    id: &str,
    holder: &str,
    limit: i64,
    now: Millis,
) -> Result<Option<Vec<Claim>>, StoreError> {
    if !leases::hold(tx, &lease_of(id), holder, now, LEASE)? {
        return Ok(None);
    }
    let Some(webhook) = super::all(tx)?.into_iter().find(|webhook| webhook.id == id) else { return Ok(None) };
    if webhook.paused.is_some() {
        return Ok(None);
    }
    read_on(tx, &webhook, now)?;
    heads(tx, id, limit, now)?.into_iter().map(|row| claimed(tx, row)).collect::<Result<_, _>>().map(Some)
}

/// The name of the lease under which one server sends.
pub fn lease_of(id: &str) -> String {
    format!("webhook:{id}")
}

fn read_on(tx: &mut Tx<'_>, webhook: &Webhook, now: Millis) -> Result<(), StoreError> {
    let waiting: i64 = rows::table
        .filter(rows::webhook_id.eq(&webhook.id))
        .filter(rows::state.eq(State::Waiting.as_str()))
        .count()
        .get_result(&mut **tx)?;
    if waiting >= MOST_WAITING {
        return Ok(());
    }
    for (id, created_at) in served(tx, webhook)? {
        let seq: Option<i64> =
            cursor_of(webhook, &id).select(webhook_cursors::seq).get_result(&mut **tx).optional()?;
        let seq = match seq {
            Some(seq) => seq,
            None => {
                // An endpoint that was made after the webhook is sent from its beginning; one that came to the tenant
                // later, from now on.
                let begin = if created_at >= webhook.created_at { 0 } else { changes::last_number(tx, &id)? };
                begin_at(tx, webhook, &id, begin)?;
                begin
            }
        };
        let last: i64 = endpoint_progress::table
            .filter(endpoint_progress::endpoint_id.eq(id.as_str()))
            .select(endpoint_progress::last_change)
            .get_result(&mut **tx)?;
        if seq != last {
            read_endpoint(tx, webhook, &id, seq, now)?;
        }
    }
    Ok(())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn cursor_of<'a>(webhook: &'a Webhook, endpoint: &'a EndpointId) -> _ {
    let (id, endpoint): (&'a str, &'a str) = (webhook.id.as_str(), endpoint.as_str());
    webhook_cursors::table
        .filter(webhook_cursors::endpoint_id.eq(endpoint))
        .filter(webhook_cursors::webhook_id.eq(id))
}

fn read_endpoint(
    tx: &mut Tx<'_>,
    webhook: &Webhook,
    id: &EndpointId,
    seq: i64,
    now: Millis,
) -> Result<(), StoreError> {
    let endpoint = endpoints::find(tx, id.as_str())?;
    let found = match feed::rows_after(tx, id, Cursor { seq, part: 0, at: 0 }, PORTION)? {
        Ok(found) => found,
        Err(gone) => return skip(tx, webhook, id, seq, gone),
    };
    let Some(last) = found.last().map(|row| row.seq) else { return Ok(()) };
    let mut waiting = Vec::new();
    for row in found {
        let change = Change::try_from(row)?;
        let wanted = feed::events(&endpoint, &change).into_iter().filter(|event| webhook.wants(&event.name));
        waiting.extend(wanted.map(|event| row_of(webhook, id, &change, &event, now)));
    }
    for row in &waiting {
        diesel::insert_into(rows::table).values(row).execute(&mut **tx)?;
    }
    diesel::update(cursor_of(webhook, id)).set(webhook_cursors::seq.eq(last)).execute(&mut **tx)?;
    Ok(())
}

/// The log begins later than where this webhook stood, or was set back: what is missing is counted, and it goes on.
fn skip(tx: &mut Tx<'_>, webhook: &Webhook, id: &EndpointId, seq: i64, gone: Gone) -> Result<(), StoreError> {
    let to = match gone {
        Gone::Forgotten => history::pruned_up_to(tx, id)?,
        Gone::SetBack => changes::last_number(tx, id)?,
    };
    tracing::warn!(webhook = webhook.id, endpoint = id.as_str(), %gone, "events were missed by a webhook");
    diesel::update(webhooks::table.filter(webhooks::id.eq(&webhook.id)))
        .set(webhooks::missed.eq(webhooks::missed + (to - seq).max(0)))
        .execute(&mut **tx)?;
    diesel::update(cursor_of(webhook, id)).set(webhook_cursors::seq.eq(to)).execute(&mut **tx)?;
    Ok(())
}

fn row_of(webhook: &Webhook, endpoint: &EndpointId, change: &Change, event: &Event, now: Millis) -> Row {
    Row {
        endpoint_id: endpoint.as_str().to_owned(),
        webhook_id: webhook.id.clone(),
        seq: event.seq,
        part: i64::try_from(event.part).unwrap_or(i64::MAX),
        event: event.name.clone(),
        resource_id: event.resource_id.clone(),
        resource_name: change.resource_name.clone(),
        state: State::Waiting.as_str().to_owned(),
        attempts: 0,
        created_at: now,
        due_at: now,
        first_at: None,
        last_at: None,
        last_status: None,
        last_error: None,
        last_ms: None,
    }
}

/// Deliveries that are due and have no older one about their resource before them.
fn heads(conn: &mut Conn, webhook: &str, limit: i64, now: Millis) -> Result<Vec<Row>, StoreError> {
    let older = diesel::alias!(rows as older);
    let waiting = State::Waiting.as_str();
    let before = older
        .filter(older.field(rows::webhook_id).eq(rows::webhook_id))
        .filter(older.field(rows::endpoint_id).eq(rows::endpoint_id))
        .filter(older.field(rows::resource_id).eq(rows::resource_id))
        .filter(older.field(rows::state).eq(waiting))
        .filter(
            older
                .field(rows::seq)
                .lt(rows::seq)
                .or(older.field(rows::seq).eq(rows::seq).and(older.field(rows::part).lt(rows::part))),
        );
    Ok(rows::table
        .filter(rows::webhook_id.eq(webhook))
        .filter(rows::state.eq(waiting))
        .filter(rows::due_at.le(now))
        .filter(diesel::dsl::not(diesel::dsl::exists(before)))
        .order((rows::due_at, rows::seq, rows::part))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?)
}

fn claimed(conn: &mut Conn, row: Row) -> Result<Claim, StoreError> {
    let endpoint = EndpointId(row.endpoint_id.clone());
    let delivery = Delivery::try_from(row)?;
    let owner = endpoints::find(conn, endpoint.as_str())?;
    let event = event_of(conn, &owner, &delivery)?;
    Ok(Claim { delivery, endpoint, event })
}

/// What a delivery sends, from the log.
fn event_of(conn: &mut Conn, endpoint: &Endpoint, delivery: &Delivery) -> Result<Option<Event>, StoreError> {
    let row: Option<ChangeRow> = change_log::table
        .filter(change_log::endpoint_id.eq(endpoint.id.as_str()))
        .filter(change_log::seq.eq(delivery.seq))
        .select(ChangeRow::as_select())
        .get_result(conn)
        .optional()?;
    let change = row.map(Change::try_from).transpose()?;
    let events = change.map(|change| feed::events(endpoint, &change)).unwrap_or_default();
    Ok(events.into_iter().find(|event| i64::try_from(event.part).ok() == Some(delivery.part)))
}

/// Writes down what came of attempts, under the lease of the one who made them. Pauses a webhook that has failed for long.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn settle(
    tx: &mut Tx<'_>,
    webhook: &str,
    holder: &str,
    outcomes: &[(Claim, Attempt, u16)],
    now: Millis,
) -> Result<(), StoreError> {
    leases::hold(tx, &lease_of(webhook), holder, now, LEASE)?;
    for (claim, attempt, chance) in outcomes {
        let delivery = &claim.delivery;
        let first_at = delivery.first_at.unwrap_or(now);
        let attempts = delivery.attempts + 1;
        let (state, due_at) = match &attempt.error {
            None => (State::Delivered, now),
            Some(_) if claim.event.is_none() => (State::Dead, now),
            Some(_) => match retry::after(attempts, first_at, now, attempt.wish, *chance) {
                Next::At(at) => (State::Waiting, at),
                Next::Dead => (State::Dead, now),
            },
        };
        diesel::update(
            rows::table
                .filter(rows::endpoint_id.eq(claim.endpoint.as_str()))
                .filter(rows::webhook_id.eq(webhook))
                .filter(rows::seq.eq(delivery.seq))
                .filter(rows::part.eq(delivery.part)),
        )
        .set((
            rows::state.eq(state.as_str()),
            rows::attempts.eq(attempts),
            rows::due_at.eq(due_at),
            rows::first_at.eq(Some(first_at)),
            rows::last_at.eq(Some(now)),
            rows::last_status.eq(attempt.status.map(i64::from)),
            rows::last_error.eq(&attempt.error),
            rows::last_ms.eq(Some(attempt.ms)),
        ))
        .execute(&mut **tx)?;
    }
    tell_webhook(tx, webhook, outcomes, now)
}

fn tell_webhook(
    tx: &mut Tx<'_>,
    id: &str,
    outcomes: &[(Claim, Attempt, u16)],
    now: Millis,
) -> Result<(), StoreError> {
    let own = webhooks::table.filter(webhooks::id.eq(id));
    if outcomes.iter().any(|(_, attempt, _)| attempt.error.is_none()) {
        diesel::update(own)
            .set((webhooks::failing_since.eq(None::<i64>), webhooks::last_ok_at.eq(Some(now))))
            .execute(&mut **tx)?;
        return Ok(());
    }
    let mut failed = outcomes.iter().filter(|(claim, ..)| claim.event.is_some());
    let Some((_, last, _)) = failed.next_back() else { return Ok(()) };
    let since: Option<Option<i64>> = own.select(webhooks::failing_since).get_result(&mut **tx).optional()?;
    let Some(since) = since else { return Ok(()) };
    let since = since.unwrap_or(now);
    diesel::update(own).set(webhooks::failing_since.eq(Some(since))).execute(&mut **tx)?;
    let why = if last.status == Some(410) {
        "the receiver answered 410: it does not want these events any more"
    } else if now - since >= retry::FAILING {
        "nothing has arrived for three days"
    } else {
        return Ok(());
    };
    set_pause(tx, id, Some((now, "", why)))?;
    let after = serde_json::json!({"why": why, "last_status": last.status});
    tx.note(Note::new(&Actor::system(), now, Action::WebhookPause, id).after(after));
    Ok(())
}

/// What waits is tried at once, as if it never had been.
pub(super) fn begin_anew(tx: &mut Tx<'_>, webhook: &str, now: Millis) -> Result<(), StoreError> {
    diesel::update(
        rows::table.filter(rows::webhook_id.eq(webhook)).filter(rows::state.eq(State::Waiting.as_str())),
    )
    .set((rows::due_at.eq(now), rows::first_at.eq(None::<i64>), rows::attempts.eq(0)))
    .execute(&mut **tx)?;
    Ok(())
}
