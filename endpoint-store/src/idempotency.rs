//! The same request, sent again because its answer was lost, makes nothing twice.
//!
//! Kept is a digest of the key that came with the request, a digest of the request itself, and the id of what it made;
//! never the answer, which may hold a secret.

use diesel::prelude::*;
use sha2::{Digest, Sha256};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::operators::Operator;
use crate::schema::api_requests;
use crate::writer::Tx;

/// How long a key is remembered, in milliseconds.
pub const LIFETIME: Millis = 24 * 3_600_000;

/// A request with an `Idempotency-Key`.
#[derive(Debug, Clone)]
pub struct Once {
    key: Vec<u8>,
    fingerprint: Vec<u8>,
}

impl Once {
    /// `key` is the client's; `request` is everything that says what is wanted.
    pub fn new(key: &str, request: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in request {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Self { key: Sha256::digest(key.as_bytes()).to_vec(), fingerprint: hash.finalize().to_vec() }
    }
}

/// The id of what this very request has made before.
///
/// # Errors
/// [`StoreError::Refused`] when the key came with another request.
pub fn made_before(
    conn: &mut Conn,
    operator: &Operator,
    once: &Once,
    now: Millis,
) -> Result<Option<String>, StoreError> {
    let found: Option<(Vec<u8>, String)> = api_requests::table
        .filter(api_requests::operator_id.eq(&operator.id))
        .filter(api_requests::key_digest.eq(&once.key))
        .filter(api_requests::created_at.gt(now - LIFETIME))
        .select((api_requests::fingerprint, api_requests::made))
        .get_result(conn)
        .optional()?;
    match found {
        Some((fingerprint, _)) if fingerprint != once.fingerprint => Err(StoreError::refused(
            "this Idempotency-Key came with another request before; use a new key for a new request",
        )),
        found => Ok(found.map(|(_, made)| made)),
    }
}

/// Remembers what the request made, in the transaction that made it. Keys past their time are swept on the way.
///
/// # Errors
/// [`StoreError::Refused`] when the same request is being carried out at this moment.
pub fn remember(
    tx: &mut Tx<'_>,
    operator: &Operator,
    once: &Once,
    made: &str,
    now: Millis,
) -> Result<(), StoreError> {
    diesel::delete(api_requests::table.filter(api_requests::created_at.le(now - LIFETIME)))
        .execute(&mut **tx)?;
    let row = (
        api_requests::operator_id.eq(&operator.id),
        api_requests::key_digest.eq(&once.key),
        api_requests::fingerprint.eq(&once.fingerprint),
        api_requests::made.eq(made),
        api_requests::created_at.eq(now),
    );
    diesel::insert_into(api_requests::table).values(row).execute(&mut **tx).map_err(|e| {
        if StoreError::is_unique_violation(&e) {
            StoreError::refused("the same request is being carried out already; send it again in a moment")
        } else {
            e.into()
        }
    })?;
    Ok(())
}
