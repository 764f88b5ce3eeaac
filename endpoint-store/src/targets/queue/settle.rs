//! What came of trying an item, and trying it again.

use diesel::prelude::*;

use super::{Item, Kind, Mark, State, item, mark, of_target, one};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{resources, target_items};
use crate::targets::{Health, Target, clock, note_health};
use crate::writer::Tx;

/// What came of trying.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The target has what the directory has.
    Done {
        /// Its id there.
        remote_id: Option<String>,
        /// Its name there.
        remote_name: Option<String>,
        /// Whether it is there and enabled.
        present: bool,
        /// What is remarkable.
        reason: Option<String>,
    },
    /// It is none of ours, or needs nothing; the sentence says why.
    Left(String),
    /// It waits for another item.
    Blocked(String),
    /// It is tried again at that moment.
    Again {
        /// Why it did not work.
        reason: String,
        /// Not before.
        next_at: Millis,
    },
    /// The target refuses it.
    Failed(String),
}

/// Keeps what came of trying an item. When something changed meanwhile it goes on waiting, with what is known now.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn settle(
    tx: &mut Tx<'_>,
    target: &Target,
    item: &Item,
    outcome: &Outcome,
    now: Millis,
) -> Result<(), StoreError> {
    let own = || one(target.endpoint.as_str(), &target.id, &item.resource_id, &item.member_id);
    if let Outcome::Done { remote_id, remote_name, present, .. } = outcome {
        if let Some(remote) = remote_id {
            release(tx, target, item, remote)?;
        }
        diesel::update(own())
            .set((
                target_items::remote_id.eq(remote_id),
                target_items::remote_name.eq(remote_name),
                target_items::present.eq(*present),
            ))
            .execute(&mut **tx)?;
    }
    let unchanged =
        || own().filter(target_items::wanted.eq(item.wanted)).filter(target_items::state.ne("done"));
    let rest = |tx: &mut Tx<'_>, state: State, reason: Option<&str>| {
        diesel::update(unchanged())
            .set((target_items::state.eq(state.as_str()), target_items::reason.eq(reason.map(short))))
            .execute(&mut **tx)
    };
    match outcome {
        Outcome::Done { reason, .. } => {
            diesel::update(unchanged())
                .set((
                    target_items::state.eq(State::Done.as_str()),
                    target_items::attempts.eq(0_i64),
                    target_items::waiting_since.eq(None::<i64>),
                    target_items::done_at.eq(Some(now)),
                    target_items::reason.eq(reason.as_deref().map(short)),
                ))
                .execute(&mut **tx)?;
            if item.kind != Kind::Member {
                unblock(tx, target, &item.resource_id)?;
            }
        }
        Outcome::Left(reason) => {
            diesel::update(unchanged())
                .set(target_items::waiting_since.eq(None::<i64>))
                .execute(&mut **tx)?;
            rest(tx, State::Left, Some(reason))?;
        }
        Outcome::Blocked(reason) => {
            rest(tx, State::Blocked, Some(reason))?;
        }
        Outcome::Failed(reason) => {
            rest(tx, State::Failed, Some(reason))?;
        }
        Outcome::Again { reason, next_at } => {
            diesel::update(unchanged())
                .set((
                    target_items::attempts.eq(target_items::attempts + 1),
                    target_items::next_at.eq(*next_at),
                    target_items::reason.eq(Some(short(reason))),
                ))
                .execute(&mut **tx)?;
        }
    }
    if item.kind == Kind::User {
        clock::settle(tx, &target.endpoint, &item.resource_id, now)?;
    }
    Ok(())
}

/// A sentence of a bounded length: some of it comes from outside.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// What is in the target belongs to one item: one whose resource is gone lets go of it.
fn release(tx: &mut Tx<'_>, target: &Target, item: &Item, remote: &str) -> Result<(), StoreError> {
    let others = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::kind.eq(item.kind.as_str()))
        .filter(target_items::remote_id.eq(remote))
        .filter(target_items::resource_id.ne(&item.resource_id));
    diesel::update(others)
        .set((target_items::remote_id.eq(None::<String>), target_items::present.eq(false)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Memberships that waited for this user or group are tried again.
fn unblock(tx: &mut Tx<'_>, target: &Target, resource: &str) -> Result<(), StoreError> {
    let blocked = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::state.eq(State::Blocked.as_str()))
        .filter(target_items::resource_id.eq(resource).or(target_items::member_id.eq(resource)));
    diesel::update(blocked)
        .set((target_items::state.eq(State::Waiting.as_str()), target_items::next_at.eq(0_i64)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Which resource of the directory has this user or group of the target, if it is still there.
pub fn holder_of(
    conn: &mut Conn,
    target: &Target,
    kind: Kind,
    remote: &str,
) -> Result<Option<String>, StoreError> {
    let holders: Vec<String> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::kind.eq(kind.as_str()))
        .filter(target_items::remote_id.eq(remote))
        .select(target_items::resource_id)
        .load(conn)?;
    for id in holders {
        let live: Option<bool> = resources::table
            .filter(resources::endpoint_id.eq(target.endpoint.as_str()))
            .filter(resources::id.eq(&id))
            .select(resources::hidden)
            .get_result(conn)
            .optional()?;
        if live == Some(false) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Puts an item back into the queue, or makes it: for a comparison that found it to differ.
pub fn again(
    tx: &mut Tx<'_>,
    target: &Target,
    (resource, member): (&str, &str),
    kind: Kind,
    now: Millis,
) -> Result<(), StoreError> {
    let wanted = item(tx, target, resource, member)?.map_or(target.taken_in, |item| item.wanted);
    mark(tx, target, (resource, member), kind, Mark { seq: wanted, at: now, urgent: false })
}

/// Tries everything again that failed or waits for its next try, or one resource with its memberships.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn retry(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    target: &Target,
    resource: Option<&str>,
    actor: &Actor,
    now: Millis,
) -> Result<usize, StoreError> {
    let open = [State::Failed.as_str(), State::Waiting.as_str(), State::Left.as_str()];
    let mut items = of_target(endpoint.id.as_str(), &target.id)
        .filter(target_items::state.eq_any(open))
        .select((target_items::resource_id, target_items::member_id, target_items::kind))
        .into_boxed();
    if let Some(id) = resource {
        items = items.filter(target_items::resource_id.eq(id).or(target_items::member_id.eq(id)));
    }
    let items: Vec<(String, String, String)> = items.load(&mut **tx)?;
    for (resource, member, kind) in &items {
        again(tx, target, (resource, member), Kind::parse(kind)?, now)?;
    }
    note_health(tx, target, &Health::default())?;
    let note = Note::new(actor, now, Action::TargetRetry, &target.url).on(&endpoint.id);
    tx.note(note.after(serde_json::json!({"items": items.len(), "resource": resource})));
    Ok(items.len())
}
