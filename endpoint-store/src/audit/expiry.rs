//! What happens without an operator: tokens and keys whose date has come, and sign-ins that fail.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use scim_core::time::format;
use serde_json::json;

use super::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::operators::Operator;
use crate::schema::{api_keys, audit_log, tokens};
use crate::writer::Tx;

/// Entries that are made in one write.
const PORTION: i64 = 200;

type Found = (String, Option<String>, String, Option<i64>);

/// Whether a token or key has expired whose end is not in the log yet.
pub fn expired(conn: &mut Conn, now: Millis) -> Result<bool, StoreError> {
    Ok(!due_tokens(conn, now)?.is_empty() || !due_keys(conn, now)?.is_empty())
}

/// Notes a part of them, and says whether there may be more.
pub fn note_expired(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    let (tokens, keys) = (due_tokens(tx, now)?, due_keys(tx, now)?);
    let more = [&tokens, &keys].iter().any(|due| i64::try_from(due.len()).unwrap_or(i64::MAX) == PORTION);
    let due = tokens.into_iter().map(|found| (Action::TokenExpire, found));
    for (action, (id, endpoint, label, at)) in
        due.chain(keys.into_iter().map(|found| (Action::KeyExpire, found)))
    {
        let note = Note::new(&Actor::system(), now, action, &id)
            .after(json!({"label": label, "expires_at": at.map(format)}));
        tx.note(match endpoint {
            Some(endpoint) => note.on(&EndpointId(endpoint)),
            None => note,
        });
    }
    Ok(more)
}

fn due_tokens(conn: &mut Conn, now: Millis) -> Result<Vec<Found>, StoreError> {
    let noted = audit_log::table
        .filter(audit_log::action.eq(Action::TokenExpire.as_str()))
        .filter(audit_log::subject.eq(tokens::id));
    Ok(tokens::table
        .filter(tokens::expires_at.le(now))
        .filter(tokens::revoked_at.is_null())
        .filter(not(exists(noted)))
        .limit(PORTION)
        .select((tokens::id, tokens::endpoint_id.nullable(), tokens::label, tokens::expires_at))
        .load(conn)?)
}

fn due_keys(conn: &mut Conn, now: Millis) -> Result<Vec<Found>, StoreError> {
    let noted = audit_log::table
        .filter(audit_log::action.eq(Action::KeyExpire.as_str()))
        .filter(audit_log::subject.eq(api_keys::id));
    let found: Vec<(String, String, Option<i64>)> = api_keys::table
        .filter(api_keys::expires_at.le(now))
        .filter(api_keys::revoked_at.is_null())
        .filter(not(exists(noted)))
        .limit(PORTION)
        .select((api_keys::id, api_keys::label, api_keys::expires_at))
        .load(conn)?;
    Ok(found.into_iter().map(|(id, label, at)| (id, None, label, at)).collect())
}

/// Notes that somebody gave a wrong password. A name that no operator has is not kept: people type passwords there.
pub fn sign_in_failed(tx: &mut Tx<'_>, account: Option<&Operator>, address: &str, now: Millis) {
    let subject = account.map_or("", |account| account.name.as_str());
    tx.note(Note::new(&Actor::system().at(address), now, Action::SignInFailed, subject));
}

/// Notes that somebody with a session could not prove again who they are.
pub fn confirm_failed(tx: &mut Tx<'_>, actor: &Actor, now: Millis) {
    tx.note(Note::new(actor, now, Action::ConfirmFailed, &actor.label));
}
