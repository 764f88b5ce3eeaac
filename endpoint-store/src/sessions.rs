//! Console sessions: kept by digest, ended by idleness, by age, or by hand.

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::operators::{self, Operator};
use crate::schema::{operators as operator_table, sessions};
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
}

fn digest(secret: &str) -> Vec<u8> {
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
        ))
        .execute(&mut **tx)?;
    diesel::update(operator_table::table.filter(operator_table::id.eq(&operator.id)))
        .set(operator_table::last_sign_in_at.eq(Some(now)))
        .execute(&mut **tx)?;
    Ok(())
}

/// The live session of a secret; `None` when unknown, ended, or its operator is disabled.
pub fn find(
    conn: &mut Conn,
    secret: &str,
    lifetime: Lifetime,
    now: Millis,
) -> Result<Option<Session>, StoreError> {
    let row: Option<(String, String, i64)> = sessions::table
        .filter(sessions::digest.eq(digest(secret)))
        .filter(sessions::created_at.gt(now - lifetime.absolute))
        .filter(sessions::last_seen_at.gt(now - lifetime.idle))
        .select((sessions::operator_id, sessions::csrf, sessions::last_seen_at))
        .get_result(conn)
        .optional()?;
    let Some((operator_id, csrf, last_seen_at)) = row else { return Ok(None) };
    let operator = operators::by_id(conn, &operator_id)?.filter(|o| o.disabled_at.is_none());
    Ok(operator.map(|operator| Session { operator, csrf, last_seen_at }))
}

/// Notes that the session was used.
pub fn touch(tx: &mut Tx<'_>, secret: &str, now: Millis) -> Result<(), StoreError> {
    diesel::update(sessions::table.filter(sessions::digest.eq(digest(secret))))
        .set(sessions::last_seen_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// Ends one session.
pub fn end(tx: &mut Tx<'_>, secret: &str) -> Result<(), StoreError> {
    diesel::delete(sessions::table.filter(sessions::digest.eq(digest(secret)))).execute(&mut **tx)?;
    Ok(())
}

/// Ends every session of an operator.
pub fn end_all(tx: &mut Tx<'_>, operator: &Operator) -> Result<(), StoreError> {
    diesel::delete(sessions::table.filter(sessions::operator_id.eq(&operator.id))).execute(&mut **tx)?;
    Ok(())
}
