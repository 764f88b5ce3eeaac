//! Console sessions: kept by digest, ended by idleness, by age, or by hand.

use diesel::prelude::*;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::operators::{self, Operator};
use crate::schema::{operators as operator_table, sessions, sign_in_steps};
use crate::writer::Tx;

/// How long a session lives.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime {
    /// Without a request, in milliseconds.
    pub idle: Millis,
    /// In all, in milliseconds.
    pub absolute: Millis,
}

/// A live session and whose it is.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who signed in.
    pub operator: Operator,
    /// What every form of this session must carry.
    pub csrf: String,
    /// When it was last seen; callers touch it when that is a while ago.
    pub last_seen_at: Millis,
    /// When the password was last given: at the sign-in, or since.
    pub checked_at: Millis,
}

/// What is kept of a session's secret.
pub fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Opens a session; only the digest of `secret` is kept. Ended sessions are swept on the way.
pub fn create(
    tx: &mut Tx<'_>,
    operator: &Operator,
    secret: &str,
    csrf: &str,
    (address, agent): (&str, &str),
    lifetime: Lifetime,
    now: Millis,
) -> Result<(), StoreError> {
    diesel::delete(sessions::table.filter(
        sessions::created_at.le(now - lifetime.absolute).or(sessions::last_seen_at.le(now - lifetime.idle)),
    ))
    .execute(&mut **tx)?;
    diesel::insert_into(sessions::table)
        .values((
            sessions::digest.eq(digest(secret)),
            sessions::operator_id.eq(&operator.id),
            sessions::csrf.eq(csrf),
            sessions::created_at.eq(now),
            sessions::last_seen_at.eq(now),
            sessions::address.eq(address),
            sessions::agent.eq(agent),
            sessions::checked_at.eq(now),
        ))
        .execute(&mut **tx)?;
    diesel::update(operator_table::table.filter(operator_table::id.eq(&operator.id)))
        .set(operator_table::last_sign_in_at.eq(Some(now)))
        .execute(&mut **tx)?;
    let note = Note::new(&operator.actor().at(address), now, Action::SignIn, &operator.name);
    tx.note(note.after(json!({"agent": agent})));
    Ok(())
}

/// The live session of a secret; `None` when unknown, ended, or its operator is disabled.
pub fn find(
    conn: &mut Conn,
    secret: &str,
    lifetime: Lifetime,
    now: Millis,
) -> Result<Option<Session>, StoreError> {
    let row: Option<(String, String, i64, i64)> = sessions::table
        .filter(sessions::digest.eq(digest(secret)))
        .filter(sessions::created_at.gt(now - lifetime.absolute))
        .filter(sessions::last_seen_at.gt(now - lifetime.idle))
        .select((sessions::operator_id, sessions::csrf, sessions::last_seen_at, sessions::checked_at))
        .get_result(conn)
        .optional()?;
    let Some((operator_id, csrf, last_seen_at, checked_at)) = row else { return Ok(None) };
    let operator = operators::by_id(conn, &operator_id)?.filter(|o| o.disabled_at.is_none());
    Ok(operator.map(|operator| Session { operator, csrf, last_seen_at, checked_at }))
}

/// One of an operator's own sessions, as shown to them.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Names it in a form: a part of the digest, from which the secret cannot be had.
    pub handle: String,
    /// When it was opened.
    pub created_at: Millis,
    /// When it was last seen, at most a minute behind.
    pub last_seen_at: Millis,
    /// Where it was opened from.
    pub address: String,
    /// The browser, as it names itself.
    pub agent: String,
    /// Whether it is the one with this secret.
    pub is_this: bool,
}

/// The live sessions of an operator, the last seen first; `secret` is that of the session that asks.
pub fn list(
    conn: &mut Conn,
    operator: &Operator,
    secret: &str,
    lifetime: Lifetime,
    now: Millis,
) -> Result<Vec<OpenSession>, StoreError> {
    let own = digest(secret);
    let rows: Vec<(Vec<u8>, i64, i64, String, String)> = sessions::table
        .filter(sessions::operator_id.eq(&operator.id))
        .filter(sessions::created_at.gt(now - lifetime.absolute))
        .filter(sessions::last_seen_at.gt(now - lifetime.idle))
        .order((sessions::last_seen_at.desc(), sessions::created_at.desc()))
        .select((
            sessions::digest,
            sessions::created_at,
            sessions::last_seen_at,
            sessions::address,
            sessions::agent,
        ))
        .load(conn)?;
    let open = |(digest, created_at, last_seen_at, address, agent): (Vec<u8>, i64, i64, String, String)| {
        OpenSession {
            handle: handle(&digest),
            created_at,
            last_seen_at,
            address,
            agent,
            is_this: digest == own,
        }
    };
    Ok(rows.into_iter().map(open).collect())
}

/// Ends one of an operator's own sessions; `false` when it had ended already.
pub fn end_by_handle(
    tx: &mut Tx<'_>,
    operator: &Operator,
    wanted: &str,
    actor: &Actor,
    now: Millis,
) -> Result<bool, StoreError> {
    let digests: Vec<Vec<u8>> = sessions::table
        .filter(sessions::operator_id.eq(&operator.id))
        .select(sessions::digest)
        .load(&mut **tx)?;
    let Some(found) = digests.into_iter().find(|digest| handle(digest) == wanted) else { return Ok(false) };
    diesel::delete(sessions::table.filter(sessions::digest.eq(found))).execute(&mut **tx)?;
    let note = Note::new(actor, now, Action::OperatorEndSessions, &operator.name);
    tx.note(note.before(json!({"sessions": 1})));
    Ok(true)
}

fn handle(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Notes that the session was used.
pub fn touch(tx: &mut Tx<'_>, secret: &str, now: Millis) -> Result<(), StoreError> {
    diesel::update(sessions::table.filter(sessions::digest.eq(digest(secret))))
        .set(sessions::last_seen_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// Notes that the password was given again.
pub fn check(tx: &mut Tx<'_>, secret: &str, now: Millis) -> Result<(), StoreError> {
    diesel::update(sessions::table.filter(sessions::digest.eq(digest(secret))))
        .set(sessions::checked_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// How many live sessions each operator has, by id; who has none is missing.
pub fn counts(conn: &mut Conn, lifetime: Lifetime, now: Millis) -> Result<Vec<(String, i64)>, StoreError> {
    Ok(sessions::table
        .filter(sessions::created_at.gt(now - lifetime.absolute))
        .filter(sessions::last_seen_at.gt(now - lifetime.idle))
        .group_by(sessions::operator_id)
        .select((sessions::operator_id, diesel::dsl::count_star()))
        .load(conn)?)
}

/// Ends one session.
pub fn end(tx: &mut Tx<'_>, secret: &str) -> Result<(), StoreError> {
    diesel::delete(sessions::table.filter(sessions::digest.eq(digest(secret)))).execute(&mut **tx)?;
    Ok(())
}

/// Ends every session of one's own.
pub fn end_all(tx: &mut Tx<'_>, operator: &Operator, actor: &Actor, now: Millis) -> Result<(), StoreError> {
    let ended = operators::end_sessions(tx, operator)?;
    let note = Note::new(actor, now, Action::OperatorEndSessions, &operator.name);
    tx.note(note.before(json!({"sessions": ended})));
    Ok(())
}

/// How long somebody who gave the right password may take for the second factor, in milliseconds.
pub const STEP_LIFETIME: Millis = 5 * 60 * 1000;

/// Remembers that somebody gave the right password and has still to give the second factor.
pub fn begin_step(tx: &mut Tx<'_>, operator: &Operator, secret: &str, now: Millis) -> Result<(), StoreError> {
    diesel::delete(sign_in_steps::table.filter(sign_in_steps::created_at.le(now - STEP_LIFETIME)))
        .execute(&mut **tx)?;
    diesel::insert_into(sign_in_steps::table)
        .values((
            sign_in_steps::digest.eq(digest(secret)),
            sign_in_steps::operator_id.eq(&operator.id),
            sign_in_steps::created_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Who that was; `None` when it is too long ago, was finished, or the operator is disabled.
pub fn step(conn: &mut Conn, secret: &str, now: Millis) -> Result<Option<Operator>, StoreError> {
    let id: Option<String> = sign_in_steps::table
        .filter(sign_in_steps::digest.eq(digest(secret)))
        .filter(sign_in_steps::created_at.gt(now - STEP_LIFETIME))
        .select(sign_in_steps::operator_id)
        .get_result(conn)
        .optional()?;
    let operator = id.map(|id| operators::by_id(conn, &id)).transpose()?.flatten();
    Ok(operator.filter(|operator| operator.disabled_at.is_none()))
}

/// Forgets it; `false` when it was forgotten before.
pub fn end_step(tx: &mut Tx<'_>, secret: &str) -> Result<bool, StoreError> {
    let own = sign_in_steps::table.filter(sign_in_steps::digest.eq(digest(secret)));
    Ok(diesel::delete(own).execute(&mut **tx)? == 1)
}
