//! Bearer tokens: issued once in plain, kept as a digest, revoked for good.

pub mod expiry;
mod kind;
mod networks;
mod state;
mod telemetry;

use diesel::prelude::*;
use scim_core::time::format;
use serde_json::{Value, json};

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::{Millis, entropy};
use crate::rotation::Rotation;
use crate::schema::{token_rotations, token_usage, tokens};
use crate::usage::Seen;
use crate::writer::Tx;

pub use kind::{Kind, Secret};
pub use networks::{Networks, set_networks};
pub use state::{Scope, TokenState};
pub use telemetry::{Tries, in_day_of_all};

/// Live tokens an endpoint may have at once.
pub const MAX_LIVE: usize = 5;
pub(crate) const LABEL_LENGTH: usize = 100;

/// All that is known of a token but its secret.
#[derive(Debug, Clone)]
pub struct TokenRecord {
    /// Public id; part of the token.
    pub id: String,
    /// What operators call it.
    pub label: String,
    /// Whether it is sent itself.
    pub kind: Kind,
    /// What it may do.
    pub scope: Scope,
    /// From where it may come.
    pub networks: Networks,
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
    /// Its first use.
    pub first_used: Option<Seen>,
    /// Its last use.
    pub last_used: Option<Seen>,
    /// Requests in each hour since 1970 that it was used in, for the last two days.
    pub(crate) hours: Vec<(i64, i64)>,
    /// Attempts with it since it ended.
    pub tries: Option<Tries>,
    /// How far its replacement is, if it is or was replaced.
    pub rotation: Option<Rotation>,
}

impl TokenRecord {
    /// Where it is in its life at `now`.
    pub fn state(&self, now: Millis) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.retired_at(now).is_some() {
            TokenState::Retired
        } else if self.expires_at.is_some_and(|at| at <= now) {
            TokenState::Expired
        } else if self.rotation.is_some() {
            TokenState::Retiring
        } else if self.first_used.is_some() {
            TokenState::Active
        } else {
            TokenState::New
        }
    }

    /// What the audit log keeps of it.
    pub(crate) fn facts(&self) -> Value {
        json!({
            "id": self.id, "kind": self.kind.as_str(), "label": self.label, "scope": self.scope.as_str(),
            "networks": self.networks.to_string(), "expires_at": self.expires_at.map(format),
        })
    }

    /// When it was retired, if it was: by its final date without anybody's help.
    pub fn retired_at(&self, now: Millis) -> Option<Millis> {
        self.rotation.as_ref()?.ended(now)
    }

    /// True when it was used in the hour before `now`: revoking it probably breaks a working sync.
    pub fn is_busy(&self, now: Millis) -> bool {
        self.last_used.as_ref().is_some_and(|used| now - used.at < 3_600_000)
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = tokens, treat_none_as_default_value = false)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) endpoint_id: String,
    pub(crate) digest: Vec<u8>,
    pub(crate) label: String,
    pub(crate) scope: String,
    pub(crate) created_at: i64,
    created_by: String,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    revoked_by: Option<String>,
    request_key: Option<String>,
    pub(crate) networks: Option<String>,
    pub(crate) kind: String,
}

#[derive(Default, Queryable, Selectable, Insertable)]
#[diesel(table_name = token_usage, treat_none_as_default_value = false)]
struct UsageRow {
    token_id: String,
    endpoint_id: String,
    requests: i64,
    first_at: Option<i64>,
    last_at: Option<i64>,
    last_address: Option<String>,
    last_agent: Option<String>,
    last_operation: Option<String>,
    first_address: Option<String>,
    first_agent: Option<String>,
    first_operation: Option<String>,
}

fn seen(
    at: Option<Millis>,
    address: Option<String>,
    agent: Option<String>,
    request: Option<String>,
) -> Option<Seen> {
    let text = Option::unwrap_or_default;
    Some(Seen { at: at?, address: text(address), agent: text(agent), request: text(request) })
}

impl TryFrom<(Row, UsageRow, Option<Rotation>)> for TokenRecord {
    type Error = StoreError;

    fn try_from((row, usage, rotation): (Row, UsageRow, Option<Rotation>)) -> Result<Self, StoreError> {
        Ok(Self {
            rotation,
            kind: row.kind.parse().map_err(StoreError::Damaged)?,
            scope: row.scope.parse().map_err(StoreError::Damaged)?,
            networks: Networks::kept(row.networks.as_deref())?,
            first_used: seen(usage.first_at, usage.first_address, usage.first_agent, usage.first_operation),
            last_used: seen(usage.last_at, usage.last_address, usage.last_agent, usage.last_operation),
            hours: Vec::new(),
            tries: None,
            id: row.id,
            label: row.label,
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoked_by: row.revoked_by,
            requests: usage.requests,
        })
    }
}

/// What an operator chooses for a new token.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What to call it; empty takes the day it is made.
    pub label: String,
    /// Whether it is sent itself.
    pub kind: Kind,
    /// What it may do.
    pub scope: Scope,
    /// From where it may come.
    pub networks: Networks,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// Sent along by a form so that sending it again does not issue a second token.
    pub request_key: Option<String>,
}

/// Issues a token. The plain token exists only in the returned value.
///
/// # Errors
/// [`StoreError::Refused`] with five live ones, a date in the past, or a `request_key` used before.
pub fn issue(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    new: &NewToken,
    actor: &Actor,
    now: Millis,
) -> Result<(Secret, TokenRecord), StoreError> {
    if new.expires_at.is_some_and(|at| at <= now) {
        return Err(StoreError::invalid(
            "/expires_at",
            "the token would have expired already; choose a later date",
        ));
    }
    dialect::lock_endpoint(tx, endpoint)?;
    let live = list(tx, endpoint)?.iter().filter(|t| t.state(now).is_live()).count();
    if live >= MAX_LIVE {
        return Err(StoreError::refused(format!(
            "this endpoint has {live} live tokens and may have {MAX_LIVE}; revoke one that is no longer used first"
        )));
    }
    let token = Secret::mint(new.kind, &entropy());
    let label = new.label.trim();
    let row = Row {
        id: token.id().to_owned(),
        endpoint_id: endpoint.as_str().to_owned(),
        digest: token.digest().to_vec(),
        label: if label.is_empty() {
            format!("issued {}", format(now).get(..10).unwrap_or_default())
        } else {
            label.chars().filter(|c| !c.is_control()).take(LABEL_LENGTH).collect()
        },
        scope: new.scope.as_str().to_owned(),
        created_at: now,
        created_by: actor.label.clone(),
        expires_at: new.expires_at,
        revoked_at: None,
        revoked_by: None,
        request_key: new.request_key.clone(),
        networks: new.networks.kept_as(),
        kind: new.kind.as_str().to_owned(),
    };
    diesel::insert_into(tokens::table).values(&row).execute(&mut **tx).map_err(|e| {
        if StoreError::is_unique_violation(&e) {
            StoreError::refused("this form was sent before: its token was issued and shown then")
        } else {
            e.into()
        }
    })?;
    let usage =
        UsageRow { token_id: row.id.clone(), endpoint_id: row.endpoint_id.clone(), ..UsageRow::default() };
    diesel::insert_into(token_usage::table).values(&usage).execute(&mut **tx)?;
    tx.registry_changed();
    let record = TokenRecord::try_from((row, usage, None))?;
    tx.note(Note::new(actor, now, Action::TokenIssue, &record.id).on(endpoint).after(record.facts()));
    Ok((token, record))
}

/// The endpoint for which a form with this key has issued a token before.
pub fn endpoint_of_request(conn: &mut Conn, request_key: &str) -> Result<Option<EndpointId>, StoreError> {
    Ok(tokens::table
        .filter(tokens::request_key.eq(request_key))
        .select(tokens::endpoint_id)
        .get_result(conn)
        .optional()?
        .map(EndpointId))
}

/// Every token of an endpoint, the newest first; dead ones too.
pub fn list(conn: &mut Conn, endpoint: &EndpointId) -> Result<Vec<TokenRecord>, StoreError> {
    let rows: Vec<(Row, UsageRow, Option<Rotation>)> = tokens::table
        .inner_join(token_usage::table)
        .left_join(token_rotations::table)
        .filter(tokens::endpoint_id.eq(endpoint.as_str()))
        .order((tokens::created_at.desc(), tokens::id))
        .select((Row::as_select(), UsageRow::as_select(), Option::<Rotation>::as_select()))
        .load(conn)?;
    let mut records = rows.into_iter().map(TokenRecord::try_from).collect::<Result<Vec<_>, _>>()?;
    telemetry::complete(conn, endpoint, &mut records)?;
    Ok(records)
}

/// One token of an endpoint.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn get(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<TokenRecord, StoreError> {
    list(conn, endpoint)?
        .into_iter()
        .find(|t| t.id == id)
        .ok_or_else(|| StoreError::NotFound(format!("this endpoint has no token `{id}`")))
}

/// The endpoint a token belongs to, for commands that name only the token.
pub fn endpoint_of(conn: &mut Conn, id: &str) -> Result<EndpointId, StoreError> {
    tokens::table
        .filter(tokens::id.eq(id))
        .select(tokens::endpoint_id)
        .get_result(conn)
        .optional()?
        .map(EndpointId)
        .ok_or_else(|| {
            StoreError::NotFound(format!("there is no token `{id}`; `token list ENDPOINT` shows the ids"))
        })
}

/// How sure somebody is that a token that is in use may be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Nothing was said about it.
    Unsaid,
    /// Its label was typed, as read on the page that says what is at stake.
    Label(String),
    /// Whoever asks insists.
    Insists,
}

impl Consent {
    /// Whether it is enough to close this token.
    pub(crate) fn covers(&self, record: &TokenRecord, now: Millis) -> Result<(), StoreError> {
        let agreed = match self {
            Self::Insists => true,
            Self::Label(label) => *label == record.label,
            Self::Unsaid => false,
        };
        if record.state(now).is_live() && record.is_busy(now) && !agreed {
            return Err(StoreError::InUse(Box::new(record.clone())));
        }
        Ok(())
    }
}

/// Revokes a token, effective on the next request.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Refused`] when it was revoked before; [`StoreError::InUse`] when it carried
/// traffic within the hour and the consent is not enough. Judged in the transaction: a use written now is seen.
pub fn revoke(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    id: &str,
    consent: &Consent,
    actor: &Actor,
    now: Millis,
) -> Result<TokenRecord, StoreError> {
    dialect::lock_endpoint(tx, endpoint)?;
    let record = get(tx, endpoint, id)?;
    if record.revoked_at.is_some() {
        return Err(StoreError::refused(format!("token `{id}` was revoked before")));
    }
    consent.covers(&record, now)?;
    tx.note(Note::new(actor, now, Action::TokenRevoke, id).on(endpoint).before(record.facts()).after(
        json!({
            "state": TokenState::Revoked.as_str(), "requests": record.requests,
        }),
    ));
    diesel::update(tokens::table.filter(tokens::endpoint_id.eq(endpoint.as_str())).filter(tokens::id.eq(id)))
        .set((tokens::revoked_at.eq(Some(now)), tokens::revoked_by.eq(Some(&actor.label))))
        .execute(&mut **tx)?;
    tx.registry_changed();
    get(tx, endpoint, id)
}

/// Every token of every endpoint with its replacement, for the registry.
pub(crate) fn all(conn: &mut Conn) -> Result<Vec<(Row, Option<Rotation>)>, StoreError> {
    Ok(tokens::table
        .left_join(token_rotations::table)
        .select((Row::as_select(), Option::<Rotation>::as_select()))
        .load(conn)?)
}
