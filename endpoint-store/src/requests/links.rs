//! Links that show one request, masked, to somebody without an account: the administrator of the identity provider who is to
//! mend what was refused. Only the digest of the code is kept; the link ends by itself and can be revoked.

use diesel::prelude::*;
use scim_core::time::format;
use serde_json::json;

use super::bodies::Bodies;
use super::read::{Request, get};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::{self, Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::{Millis, new_id};
use crate::operators::{SetupCode, new_setup_code};
use crate::schema::request_links;
use crate::sessions::digest;
use crate::writer::Tx;

/// How long a link lives, in milliseconds.
const LIFETIME: Millis = 72 * 3_600_000;
/// Links of one endpoint that may be good at the same time.
const MAX_LIVE: usize = 50;

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It shows its request.
    Live,
    /// Its time is over.
    Expired,
    /// Taken back.
    Revoked,
}

impl LinkState {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// All that is known of a link but its code.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = request_links)]
pub struct Link {
    /// Names it.
    pub id: String,
    /// The request that it shows.
    pub request_id: String,
    /// When it was made.
    pub created_at: Millis,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
    /// By whom.
    pub revoked_by: Option<String>,
}

impl Link {
    /// Where it is in its life at `now`.
    pub fn state(&self, now: Millis) -> LinkState {
        if self.revoked_at.is_some() {
            LinkState::Revoked
        } else if self.expires_at <= now {
            LinkState::Expired
        } else {
            LinkState::Live
        }
    }
}

/// What a link shows; not masked yet.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The link.
    pub link: Link,
    /// Whose request it is.
    pub endpoint: Endpoint,
    /// The request.
    pub request: Request,
    /// What came and went.
    pub bodies: Bodies,
}

/// Makes a link to a request. Its code exists only in the returned value.
///
/// # Errors
/// [`StoreError::NotFound`] for a request that is not in the log; [`StoreError::Refused`] with fifty live links.
pub fn create_link(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    request: &str,
    actor: &Actor,
    now: Millis,
) -> Result<(SetupCode, Link), StoreError> {
    get(tx, endpoint, request)?;
    dialect::lock_endpoint(tx, endpoint)?;
    let live: i64 = request_links::table
        .filter(request_links::endpoint_id.eq(endpoint.as_str()))
        .filter(request_links::revoked_at.is_null())
        .filter(request_links::expires_at.gt(now))
        .count()
        .get_result(&mut **tx)?;
    if usize::try_from(live).unwrap_or(usize::MAX) >= MAX_LIVE {
        return Err(StoreError::refused(format!(
            "{live} links to requests of this endpoint are good, and more than {MAX_LIVE} may not be; revoke one first"
        )));
    }
    let slug = endpoints::find(tx, endpoint.as_str())?.slug;
    let (code, id) = (SetupCode::new(new_setup_code()), new_id(now));
    diesel::insert_into(request_links::table)
        .values((
            request_links::id.eq(&id),
            request_links::endpoint_id.eq(endpoint.as_str()),
            request_links::request_id.eq(request),
            request_links::digest.eq(digest(code.reveal())),
            request_links::created_at.eq(now),
            request_links::created_by.eq(&actor.label),
            request_links::expires_at.eq(now + LIFETIME),
        ))
        .execute(&mut **tx)?;
    let after = json!({"link": id, "request": request, "expires_at": format(now + LIFETIME)});
    tx.note(Note::new(actor, now, Action::RequestLink, &slug).on(endpoint).after(after));
    Ok((code, find(tx, endpoint, request, &id)?))
}

/// The links to a request, the newest first; dead ones too.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn links(conn: &mut Conn, endpoint: &EndpointId, request: &str) -> Result<Vec<Link>, StoreError> {
    Ok(request_links::table
        .filter(request_links::endpoint_id.eq(endpoint.as_str()))
        .filter(request_links::request_id.eq(request))
        .order((request_links::created_at.desc(), request_links::id.desc()))
        .limit(100)
        .select(Link::as_select())
        .load(conn)?)
}

fn find(conn: &mut Conn, endpoint: &EndpointId, request: &str, id: &str) -> Result<Link, StoreError> {
    let found = request_links::table
        .filter(request_links::endpoint_id.eq(endpoint.as_str()))
        .filter(request_links::request_id.eq(request))
        .filter(request_links::id.eq(id))
        .select(Link::as_select())
        .get_result(conn)
        .optional()?;
    found.ok_or_else(|| StoreError::NotFound(format!("this request has no link `{id}`")))
}

/// Takes a link back: from then on it shows nothing. One that is dead already stays as it is.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn revoke_link(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    request: &str,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Link, StoreError> {
    let link = find(tx, endpoint, request, id)?;
    if link.state(now) != LinkState::Live {
        return Ok(link);
    }
    diesel::update(request_links::table.filter(request_links::id.eq(id)))
        .set((request_links::revoked_at.eq(Some(now)), request_links::revoked_by.eq(Some(&actor.label))))
        .execute(&mut **tx)?;
    let slug = endpoints::find(tx, endpoint.as_str())?.slug;
    let note = Note::new(actor, now, Action::RequestLinkRevoke, &slug).on(endpoint);
    tx.note(note.before(json!({"link": id, "request": request})));
    find(tx, endpoint, request, id)
}

/// What the link with this code shows; `None` for a code that is unknown, expired or revoked, when the log has forgotten the
/// request, and when the endpoint is in the bin.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn open_link(conn: &mut Conn, code: &str, now: Millis) -> Result<Option<Opened>, StoreError> {
    let found: Option<(Link, String)> = request_links::table
        .filter(request_links::digest.eq(digest(code)))
        .select((Link::as_select(), request_links::endpoint_id))
        .get_result(conn)
        .optional()?;
    let Some((link, endpoint)) = found.filter(|(link, _)| link.state(now) == LinkState::Live) else {
        return Ok(None);
    };
    let endpoint = endpoints::find(conn, &endpoint)?;
    if endpoint.deleted_at.is_some() {
        return Ok(None);
    }
    match get(conn, &endpoint.id, &link.request_id) {
        Ok((request, bodies)) => Ok(Some(Opened { link, endpoint, request, bodies })),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
