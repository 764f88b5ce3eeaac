//! Links for guests: the administrator of a customer's identity provider sees how to connect one endpoint, and nothing else.
//!
//! A link works once: whoever opens it first gets a session that only this browser has, until the link ends or is revoked. Kept
//! are digests, of the link's code and of the session's secret. Whether the guest may issue a token, one for each
//! link, is said when the link is made.

use diesel::prelude::*;
use scim_core::time::format;
use serde_json::json;

use crate::audit::{Action, Note};
use crate::caller::{Actor, ActorKind};
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::{self, Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::{Millis, new_id};
use crate::operators::{SetupCode, new_setup_code};
use crate::schema::guest_links;
use crate::sessions::digest;
use crate::tokens::{self, Kind, Networks, NewToken, Scope, Secret, TokenRecord};
use crate::writer::Tx;

/// How long a link lives unless said otherwise, in milliseconds.
pub const LIFETIME: Millis = 72 * 3_600_000;
/// How long it may live at most.
pub const LONGEST: Millis = 30 * 24 * 3_600_000;
/// Links of one endpoint that may be good at the same time.
pub const MAX_LIVE: usize = 10;
/// What the token is called that a guest issues.
const LABEL: &str = "Issued through a set-up link";

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestState {
    /// Nobody opened it yet.
    Unopened,
    /// Somebody did; their browser has the session.
    Open,
    /// Its time is over.
    Expired,
    /// Taken back.
    Revoked,
}

impl GuestState {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unopened => "unopened",
            Self::Open => "open",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Whether it opens anything.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Unopened | Self::Open)
    }
}

/// All that is known of a link but its code.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = guest_links)]
pub struct GuestLink {
    /// Names it.
    pub id: String,
    /// Whether the guest may issue a token.
    pub may_issue: bool,
    /// When it was made.
    pub created_at: Millis,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// When it was opened.
    pub opened_at: Option<Millis>,
    /// From which address.
    pub opened_from: Option<String>,
    /// The token that the guest issued.
    pub token_id: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// By whom.
    pub revoked_by: Option<String>,
}

impl GuestLink {
    /// Where it is in its life at `now`.
    pub fn state(&self, now: Millis) -> GuestState {
        if self.revoked_at.is_some() {
            GuestState::Revoked
        } else if self.expires_at <= now {
            GuestState::Expired
        } else if self.opened_at.is_some() {
            GuestState::Open
        } else {
            GuestState::Unopened
        }
    }
}

/// A guest with a session: bound to one endpoint.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The link that was opened.
    pub link: GuestLink,
    /// The endpoint; no other is ever shown.
    pub endpoint: Endpoint,
    /// What every form of the session carries.
    pub csrf: String,
}

/// Makes a link. Its code exists only in the returned value.
///
/// # Errors
/// [`StoreError::Refused`] with ten live ones; [`StoreError::Invalid`] for a lifetime that is too long or over.
pub fn create(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    may_issue: bool,
    lifetime: Millis,
    actor: &Actor,
    now: Millis,
) -> Result<(SetupCode, GuestLink), StoreError> {
    if !(1..=LONGEST).contains(&lifetime) {
        return Err(StoreError::invalid("/expires_in_hours", "a set-up link lives for 30 days at most"));
    }
    dialect::lock_endpoint(tx, endpoint)?;
    let live = list(tx, endpoint)?.iter().filter(|link| link.state(now).is_live()).count();
    if live >= MAX_LIVE {
        return Err(StoreError::refused(format!(
            "{live} set-up links of this endpoint are open, and more than {MAX_LIVE} may not be; revoke one first"
        )));
    }
    let slug = endpoints::find(tx, endpoint.as_str())?.slug;
    let (code, id) = (SetupCode::new(new_setup_code()), new_id(now));
    diesel::insert_into(guest_links::table)
        .values((
            guest_links::id.eq(&id),
            guest_links::endpoint_id.eq(endpoint.as_str()),
            guest_links::digest.eq(digest(code.reveal())),
            guest_links::may_issue.eq(may_issue),
            guest_links::created_at.eq(now),
            guest_links::created_by.eq(&actor.label),
            guest_links::expires_at.eq(now + lifetime),
        ))
        .execute(&mut **tx)?;
    let after = json!({"link": id, "may_issue": may_issue, "expires_at": format(now + lifetime)});
    tx.note(Note::new(actor, now, Action::GuestLink, &slug).on(endpoint).after(after));
    Ok((code, get(tx, endpoint, &id)?))
}

/// The links of an endpoint, the newest first; dead ones too.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn list(conn: &mut Conn, endpoint: &EndpointId) -> Result<Vec<GuestLink>, StoreError> {
    Ok(guest_links::table
        .filter(guest_links::endpoint_id.eq(endpoint.as_str()))
        .order((guest_links::created_at.desc(), guest_links::id.desc()))
        .select(GuestLink::as_select())
        .load(conn)?)
}

/// One link of an endpoint.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn get(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<GuestLink, StoreError> {
    let found = guest_links::table
        .filter(guest_links::endpoint_id.eq(endpoint.as_str()))
        .filter(guest_links::id.eq(id))
        .select(GuestLink::as_select())
        .get_result(conn)
        .optional()?;
    found.ok_or_else(|| StoreError::NotFound(format!("this endpoint has no set-up link `{id}`")))
}

/// Takes a link back: from the next request on it opens nothing. One that is dead already stays as it is.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn revoke(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<GuestLink, StoreError> {
    let link = get(tx, endpoint, id)?;
    if link.revoked_at.is_some() {
        return Ok(link);
    }
    diesel::update(guest_links::table.filter(guest_links::id.eq(id)))
        .set((guest_links::revoked_at.eq(Some(now)), guest_links::revoked_by.eq(Some(&actor.label))))
        .execute(&mut **tx)?;
    let slug = endpoints::find(tx, endpoint.as_str())?.slug;
    let note = Note::new(actor, now, Action::GuestLinkRevoke, &slug).on(endpoint);
    tx.note(note.before(json!({"link": id, "state": link.state(now).as_str()})));
    get(tx, endpoint, id)
}

/// The endpoint behind a code that nobody used yet.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn unopened(conn: &mut Conn, code: &str, now: Millis) -> Result<Option<Endpoint>, StoreError> {
    let id: Option<String> = guest_links::table
        .filter(guest_links::digest.eq(digest(code)))
        .filter(guest_links::opened_at.is_null())
        .filter(guest_links::revoked_at.is_null())
        .filter(guest_links::expires_at.gt(now))
        .select(guest_links::endpoint_id)
        .get_result(conn)
        .optional()?;
    let endpoint = id.map(|id| endpoints::find(conn, &id)).transpose()?;
    Ok(endpoint.filter(|endpoint| endpoint.deleted_at.is_none()))
}

/// Opens a link for the browser that has this secret. When it ends is in the answer.
///
/// # Errors
/// [`StoreError::Refused`] for a code that is unknown, used, revoked or expired.
pub fn open(
    tx: &mut Tx<'_>,
    code: &str,
    (secret, csrf): (&str, &str),
    address: &str,
    now: Millis,
) -> Result<Millis, StoreError> {
    let refused = || {
        StoreError::refused(
            "this set-up link was opened before, was revoked or has expired; ask whoever sent it for another",
        )
    };
    let endpoint = unopened(tx, code, now)?.ok_or_else(refused)?;
    // Of two that open it at once, one finds it opened.
    let opened = diesel::update(
        guest_links::table
            .filter(guest_links::digest.eq(digest(code)))
            .filter(guest_links::opened_at.is_null())
            .filter(guest_links::revoked_at.is_null()),
    )
    .set((
        guest_links::opened_at.eq(Some(now)),
        guest_links::opened_from.eq(Some(address)),
        guest_links::session_digest.eq(Some(digest(secret))),
        guest_links::csrf.eq(Some(csrf)),
    ))
    .execute(&mut **tx)?;
    if opened != 1 {
        return Err(refused());
    }
    let guest = find(tx, secret, now)?.ok_or_else(refused)?;
    let note = Note::new(&guest.actor(address), now, Action::GuestLinkOpen, &endpoint.slug).on(&endpoint.id);
    tx.note(note.after(json!({"link": guest.link.id})));
    Ok(guest.link.expires_at)
}

/// The guest with the session of this secret; `None` when the link is dead or its endpoint in the bin.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn find(conn: &mut Conn, secret: &str, now: Millis) -> Result<Option<Guest>, StoreError> {
    let found: Option<(GuestLink, String, Option<String>)> = guest_links::table
        .filter(guest_links::session_digest.eq(Some(digest(secret))))
        .select((GuestLink::as_select(), guest_links::endpoint_id, guest_links::csrf))
        .get_result(conn)
        .optional()?;
    let Some((link, endpoint, Some(csrf))) = found else { return Ok(None) };
    if link.state(now) != GuestState::Open {
        return Ok(None);
    }
    let endpoint = endpoints::find(conn, &endpoint)?;
    Ok(endpoint.deleted_at.is_none().then_some(Guest { link, endpoint, csrf }))
}

impl Guest {
    /// As the audit log keeps it: the link, not a person.
    pub fn actor(&self, address: &str) -> Actor {
        let (id, label) = (self.link.id.clone(), String::new());
        Actor { kind: ActorKind::Guest, id, label, address: address.to_owned() }
    }

    /// Whether the guest may still issue a token.
    pub fn may_issue(&self) -> bool {
        self.link.may_issue && self.link.token_id.is_none()
    }
}

/// Issues the one token that the link allows.
///
/// # Errors
/// [`StoreError::Forbidden`] when the link does not allow it, [`StoreError::Refused`] when it was issued, and as
/// [`tokens::issue`].
pub fn issue_token(
    tx: &mut Tx<'_>,
    guest: &Guest,
    address: &str,
    now: Millis,
) -> Result<(Secret, TokenRecord), StoreError> {
    if !guest.link.may_issue {
        return Err(StoreError::Forbidden(
            "this link does not allow to issue a token; ask whoever sent it".into(),
        ));
    }
    dialect::lock_endpoint(tx, &guest.endpoint.id)?;
    let link = get(tx, &guest.endpoint.id, &guest.link.id)?;
    if link.state(now) != GuestState::Open || link.token_id.is_some() {
        return Err(StoreError::refused(
            "the token of this link was issued and shown before; if it is lost, ask whoever sent the link for another",
        ));
    }
    let new = NewToken {
        label: LABEL.to_owned(),
        kind: Kind::Bearer,
        scope: Scope::Write,
        networks: Networks::default(),
        expires_at: None,
        request_key: None,
    };
    let (plain, record) = tokens::issue(tx, &guest.endpoint.id, &new, &guest.actor(address), now)?;
    diesel::update(guest_links::table.filter(guest_links::id.eq(&link.id)))
        .set(guest_links::token_id.eq(Some(&record.id)))
        .execute(&mut **tx)?;
    Ok((plain, record))
}
