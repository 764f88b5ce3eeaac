//! API keys: with one, a program uses the management API in the name of an operator and with that operator's role.
//! Issued once in plain, kept as a digest, revoked for good; they open nothing while the operator is disabled.

use diesel::prelude::*;
use scim_core::time::format;
use scim_core::token::PlainKey;
use serde_json::json;

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::{Millis, entropy};
use crate::operators::{self, Operator};
use crate::registry::readable;
use crate::schema::{api_keys, operators as operator_table};
use crate::tokens::TokenState;
use crate::usage::Seen;
use crate::writer::Tx;

/// Live keys an operator may have at once.
pub const MAX_LIVE: usize = 10;
const LABEL_LENGTH: usize = 100;

/// All that is known of a key but its secret.
#[derive(Debug, Clone)]
pub struct KeyRecord {
    /// Public id; part of the key.
    pub id: String,
    /// Whose it is.
    pub operator_id: String,
    /// What its owner calls it.
    pub label: String,
    /// When it was issued.
    pub created_at: Millis,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// By whom.
    pub revoked_by: Option<String>,
    /// Requests that it opened, at most a second behind.
    pub requests: i64,
    /// Its last use.
    pub last_used: Option<Seen>,
}

impl KeyRecord {
    /// Where it is in its life at `now`, as for tokens.
    pub fn state(&self, now: Millis) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            TokenState::Expired
        } else if self.last_used.is_some() {
            TokenState::Active
        } else {
            TokenState::New
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
pub(crate) struct Row {
    pub(crate) id: String,
    operator_id: String,
    pub(crate) digest: Vec<u8>,
    label: String,
    created_at: i64,
    created_by: String,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    revoked_by: Option<String>,
    request_key: Option<String>,
    requests: i64,
    last_at: Option<i64>,
    last_address: Option<String>,
    last_agent: Option<String>,
    last_request: Option<String>,
}

impl From<Row> for KeyRecord {
    fn from(row: Row) -> Self {
        Self {
            last_used: row.last_at.map(|at| Seen {
                at,
                address: row.last_address.unwrap_or_default(),
                agent: row.last_agent.unwrap_or_default(),
                request: row.last_request.unwrap_or_default(),
            }),
            id: row.id,
            operator_id: row.operator_id,
            label: row.label,
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoked_by: row.revoked_by,
            requests: row.requests,
        }
    }
}

/// What is chosen for a new key.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What to call it; empty takes the day it is made.
    pub label: String,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// Sent along by a form so that sending it again does not issue a second key.
    pub request_key: Option<String>,
}

/// Issues a key to an operator. The plain key exists only in the returned value.
///
/// # Errors
/// [`StoreError::Refused`] with ten live ones, for an operator who is disabled, or with a `request_key` used before;
/// [`StoreError::Invalid`] for a date in the past.
pub fn issue(
    tx: &mut Tx<'_>,
    operator: &Operator,
    new: &NewKey,
    actor: &Actor,
    now: Millis,
) -> Result<(PlainKey, KeyRecord), StoreError> {
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(StoreError::invalid(
            "/expires_at",
            "the key would have expired already; choose a later date",
        ));
    }
    dialect::lock_operator(tx, &operator.id)?;
    if operators::by_id(tx, &operator.id)?.is_none_or(|current| current.disabled_at.is_some()) {
        return Err(StoreError::refused(format!(
            "`{}` is disabled, and a key would open nothing",
            operator.name
        )));
    }
    let live = list(tx, operator)?.iter().filter(|key| key.state(now).is_live()).count();
    if live >= MAX_LIVE {
        return Err(StoreError::refused(format!(
            "`{}` has {live} live API keys and may have {MAX_LIVE}; revoke one that is no longer used first",
            operator.name
        )));
    }
    let key = PlainKey::mint(&entropy());
    let row = row(operator, &key, new, actor, now);
    diesel::insert_into(api_keys::table).values(&row).execute(&mut **tx).map_err(|e| {
        if StoreError::is_unique_violation(&e) {
            StoreError::refused("this form was sent before: its key was issued and shown then")
        } else {
            e.into()
        }
    })?;
    let after =
        json!({"label": row.label, "operator": operator.name, "expires_at": row.expires_at.map(format)});
    tx.note(Note::new(actor, now, Action::KeyIssue, &row.id).after(after));
    tx.registry_changed();
    Ok((key, row.into()))
}

fn row(operator: &Operator, key: &PlainKey, new: &NewKey, actor: &Actor, now: Millis) -> Row {
    let label = new.label.trim();
    Row {
        id: key.id().to_owned(),
        operator_id: operator.id.clone(),
        digest: key.digest().as_bytes().to_vec(),
        label: if label.is_empty() {
            format!("issued {}", format(now).get(..10).unwrap_or_default())
        } else {
            label.chars().filter(|c| !c.is_control()).take(LABEL_LENGTH).collect()
        },
        created_at: now,
        created_by: actor.label.clone(),
        expires_at: new.expires_at,
        revoked_at: None,
        revoked_by: None,
        request_key: new.request_key.clone(),
        requests: 0,
        last_at: None,
        last_address: None,
        last_agent: None,
        last_request: None,
    }
}

/// Every key of an operator, the newest first; dead ones too.
pub fn list(conn: &mut Conn, operator: &Operator) -> Result<Vec<KeyRecord>, StoreError> {
    let rows: Vec<Row> = api_keys::table
        .filter(api_keys::operator_id.eq(&operator.id))
        .order((api_keys::created_at.desc(), api_keys::id))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(KeyRecord::from).collect())
}

/// One key of an operator.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn get(conn: &mut Conn, operator: &Operator, id: &str) -> Result<KeyRecord, StoreError> {
    let row: Option<Row> = api_keys::table
        .filter(api_keys::operator_id.eq(&operator.id))
        .filter(api_keys::id.eq(id))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(KeyRecord::from)
        .ok_or_else(|| StoreError::NotFound(format!("`{}` has no API key `{id}`", operator.name)))
}

/// Whose key it is, for commands that name only the key.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn owner_of(conn: &mut Conn, id: &str) -> Result<Operator, StoreError> {
    let owner: Option<String> = api_keys::table
        .filter(api_keys::id.eq(id))
        .select(api_keys::operator_id)
        .get_result(conn)
        .optional()?;
    let owner = owner.map(|owner| operators::by_id(conn, &owner)).transpose()?.flatten();
    owner.ok_or_else(|| StoreError::NotFound(format!("there is no API key `{id}`")))
}

/// Revokes a key, effective on the next request.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Refused`] when it was revoked before.
pub fn revoke(
    tx: &mut Tx<'_>,
    operator: &Operator,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<KeyRecord, StoreError> {
    let record = get(tx, operator, id)?;
    if record.revoked_at.is_some() {
        return Err(StoreError::refused(format!("API key `{id}` was revoked before")));
    }
    diesel::update(api_keys::table.filter(api_keys::id.eq(id)))
        .set((api_keys::revoked_at.eq(Some(now)), api_keys::revoked_by.eq(Some(&actor.label))))
        .execute(&mut **tx)?;
    let before =
        json!({"label": record.label, "operator": operator.name, "state": record.state(now).as_str()});
    tx.note(Note::new(actor, now, Action::KeyRevoke, id).before(before).after(json!({"state": "revoked"})));
    tx.registry_changed();
    get(tx, operator, id)
}

/// Revokes every live key of an operator.
pub(crate) fn revoke_all(
    tx: &mut Tx<'_>,
    operator: &Operator,
    actor: &Actor,
    now: Millis,
) -> Result<(), StoreError> {
    diesel::update(
        api_keys::table.filter(api_keys::operator_id.eq(&operator.id)).filter(api_keys::revoked_at.is_null()),
    )
    .set((api_keys::revoked_at.eq(Some(now)), api_keys::revoked_by.eq(Some(&actor.label))))
    .execute(&mut **tx)?;
    tx.registry_changed();
    Ok(())
}

/// Every key with its owner, for the registry.
pub(crate) fn all(conn: &mut Conn) -> Result<Vec<(Row, Operator)>, StoreError> {
    let rows: Vec<(Row, operators::Row)> = api_keys::table
        .inner_join(operator_table::table)
        .select((Row::as_select(), operators::Row::as_select()))
        .load(conn)?;
    let with_owner = |(row, owner): (Row, operators::Row)| Some((row, readable(owner.try_into())?));
    Ok(rows.into_iter().filter_map(with_owner).collect())
}
