//! Endpoints, tokens and API keys in memory: a request is authenticated without a lock and without the database.
//!
//! The whole is replaced when anything in it changed: by the write that changed it, before that write is
//! answered, and within a second by every other process, which watches the version in the database.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use diesel::prelude::*;
use scim_core::token::{KeyDigest, Malformed, Plain, PlainKey, PlainToken, Purpose, TokenDigest};

use crate::api_keys;
use crate::caller::{Actor, ActorKind, Caller};
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::{self, Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::operators::Operator;
use crate::rotation::Rotation;
use crate::schema::{endpoint_slugs, registry_version};
use crate::tokens::{self, Scope};
use crate::usage::Cause;

/// The present snapshot.
#[derive(Default)]
pub struct Registry(ArcSwap<Snapshot>);

#[derive(Default)]
struct Snapshot {
    version: i64,
    endpoints: HashMap<EndpointId, Arc<Endpoint>>,
    slugs: HashMap<String, EndpointId>,
    tokens: HashMap<String, TokenEntry>,
    keys: HashMap<String, KeyEntry>,
}

struct TokenEntry {
    endpoint: EndpointId,
    digest: TokenDigest,
    label: String,
    scope: Scope,
    expires_at: Option<Millis>,
    revoked: bool,
    rotation: Option<Rotation>,
}

struct KeyEntry {
    digest: KeyDigest,
    operator: Arc<Operator>,
    expires_at: Option<Millis>,
    revoked: bool,
}

/// Who holds an API key.
#[derive(Debug, Clone)]
pub struct KeyHolder {
    /// In whose name, and with whose role.
    pub operator: Arc<Operator>,
    /// Public id of the key.
    pub key_id: String,
}

/// A request whose token opens the endpoint it addresses.
#[derive(Debug)]
pub struct Admitted {
    /// Bound to the endpoint.
    pub caller: Caller,
    /// What the token may do.
    pub scope: Scope,
}

/// A request that is turned away. The requester learns none of this; the operator does.
#[derive(Debug, PartialEq, Eq)]
pub struct TurnedAway {
    /// Why.
    pub cause: Cause,
    /// On which endpoint's page to explain it: the one addressed, else the one the token belongs to.
    pub endpoint: Option<EndpointId>,
    /// Public id of the token, when it is one of ours.
    pub token_id: Option<String>,
}

impl Registry {
    /// An endpoint that is not in the bin, by slug, former slug or id.
    pub fn endpoint(&self, slug_or_id: &str) -> Option<Arc<Endpoint>> {
        self.0.load().endpoint(slug_or_id)
    }

    /// Every endpoint that is not in the bin.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.0.load().endpoints.values().cloned().collect()
    }

    /// Who sends a request to `slug` with this `Authorization` header (RFC 6750 §2.1).
    ///
    /// # Errors
    /// [`TurnedAway`] with the cause, for the operator's eyes only.
    pub fn authenticate(
        &self,
        slug: &str,
        authorization: Option<&str>,
        request_id: &str,
        now: Millis,
    ) -> Result<Admitted, TurnedAway> {
        let snapshot = self.0.load();
        let endpoint = snapshot.endpoint(slug);
        let turned = |cause, entry: Option<(&str, &TokenEntry)>| TurnedAway {
            cause,
            endpoint: endpoint
                .as_ref()
                .map(|e| e.id.clone())
                .or_else(|| entry.map(|(_, t)| t.endpoint.clone())),
            token_id: entry.map(|(id, _)| id.to_owned()),
        };
        let presented: PlainToken = bearer(authorization).map_err(|cause| turned(cause, None))?;
        let found = snapshot.tokens.get_key_value(presented.id()).map(|(id, entry)| (id.as_str(), entry));
        let Some((id, entry)) = found.filter(|(_, entry)| entry.digest.matches(&presented.digest())) else {
            return Err(turned(Cause::UnknownToken, None));
        };
        let refused = |cause| Err(turned(cause, Some((id, entry))));
        if entry.revoked {
            return refused(Cause::Revoked);
        }
        if entry.rotation.as_ref().is_some_and(|rotation| rotation.ended(now).is_some()) {
            return refused(Cause::Retired);
        }
        if entry.expires_at.is_some_and(|at| at <= now) {
            return refused(Cause::Expired);
        }
        match &endpoint {
            None => refused(Cause::UnknownEndpoint),
            Some(addressed) if addressed.id != entry.endpoint => refused(Cause::OtherEndpoint),
            Some(addressed) => {
                let (id, label) = (id.to_owned(), entry.label.clone());
                let actor = Actor { kind: ActorKind::Token, id, label, address: String::new() };
                let caller = Caller { endpoint: addressed.clone(), actor, request_id: request_id.to_owned() };
                Ok(Admitted { caller, scope: entry.scope })
            }
        }
    }

    /// Who sends a request to the management API with this `Authorization` header.
    ///
    /// # Errors
    /// The cause in a word, for the server's log only.
    pub fn authenticate_key(
        &self,
        authorization: Option<&str>,
        now: Millis,
    ) -> Result<KeyHolder, &'static str> {
        let presented: PlainKey = bearer(authorization).map_err(Cause::as_str)?;
        let snapshot = self.0.load();
        let entry = snapshot.keys.get(presented.id());
        let entry = entry.filter(|entry| entry.digest.matches(&presented.digest()));
        let entry = entry.ok_or("unknown-key")?;
        if entry.revoked {
            Err("revoked")
        } else if entry.expires_at.is_some_and(|at| at <= now) {
            Err("expired")
        } else if entry.operator.disabled_at.is_some() {
            Err("operator-disabled")
        } else {
            Ok(KeyHolder { operator: entry.operator.clone(), key_id: presented.id().to_owned() })
        }
    }

    /// Whether a key that was presented before still opens the management API.
    pub fn key_lives(&self, key_id: &str, now: Millis) -> bool {
        self.0.load().keys.get(key_id).is_some_and(|entry| {
            let expired = entry.expires_at.is_some_and(|at| at <= now);
            !entry.revoked && !expired && entry.operator.disabled_at.is_none()
        })
    }

    /// Reads everything anew; keeps a snapshot that is newer than what was read.
    pub(crate) fn reload(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let fresh = Arc::new(Snapshot::read(conn)?);
        self.0.rcu(|current| if current.version > fresh.version { current.clone() } else { fresh.clone() });
        Ok(())
    }

    /// Reloads if another process changed something.
    pub(crate) fn refresh(&self, conn: &mut Conn) -> Result<(), StoreError> {
        if version(conn)? == self.0.load().version { Ok(()) } else { self.reload(conn) }
    }
}

impl Snapshot {
    fn endpoint(&self, slug_or_id: &str) -> Option<Arc<Endpoint>> {
        // Slugs and ids are lower-case; people type what they like.
        let wanted = slug_or_id.to_ascii_lowercase();
        let id = self.slugs.get(&wanted).cloned().unwrap_or(EndpointId(wanted));
        self.endpoints.get(&id).cloned()
    }

    fn read(conn: &mut Conn) -> Result<Self, StoreError> {
        // The version first: what changes while the rest is read moves it again.
        let version = version(conn)?;
        let endpoints: HashMap<_, _> =
            endpoints::all(conn)?.into_iter().map(|e| (e.id.clone(), Arc::new(e))).collect();
        let slugs = endpoint_slugs::table
            .select((endpoint_slugs::slug, endpoint_slugs::endpoint_id))
            .load::<(String, String)>(conn)?
            .into_iter()
            .map(|(slug, id)| (slug, EndpointId(id)))
            .collect();
        let tokens = tokens::all(conn)?.into_iter().filter_map(|(row, rotation)| {
            let id = row.id.clone();
            readable(TokenEntry::new(row, rotation)).map(|entry| (id, entry))
        });
        let keys = api_keys::all(conn)?.into_iter().filter_map(|(row, operator)| {
            let id = row.id.clone();
            readable(KeyEntry::new(row, operator)).map(|entry| (id, entry))
        });
        Ok(Self { version, endpoints, slugs, tokens: tokens.collect(), keys: keys.collect() })
    }
}

impl KeyEntry {
    fn new(row: api_keys::Row, operator: Operator) -> Result<Self, StoreError> {
        let digest: [u8; 32] = row.digest.try_into().map_err(|_| {
            StoreError::Damaged(format!("the digest of API key {} has a wrong length", row.id))
        })?;
        Ok(Self {
            digest: KeyDigest::from_bytes(digest),
            operator: Arc::new(operator),
            expires_at: row.expires_at,
            revoked: row.revoked_at.is_some(),
        })
    }
}

/// One row that cannot be read, as of a newer release, must not keep all others from being obeyed.
pub(crate) fn readable<T>(row: Result<T, StoreError>) -> Option<T> {
    row.map_err(|error| tracing::error!(%error, "left out of what is served")).ok()
}

impl TokenEntry {
    fn new(row: tokens::Row, rotation: Option<Rotation>) -> Result<Self, StoreError> {
        let digest: [u8; 32] = row
            .digest
            .try_into()
            .map_err(|_| StoreError::Damaged(format!("the digest of token {} has a wrong length", row.id)))?;
        Ok(Self {
            endpoint: EndpointId(row.endpoint_id),
            digest: TokenDigest::from_bytes(digest),
            label: row.label,
            scope: row.scope.parse().map_err(StoreError::Damaged)?,
            expires_at: row.expires_at,
            revoked: row.revoked_at.is_some(),
            rotation,
        })
    }
}

/// The credential of an `Authorization` header; the scheme is compared without case (RFC 9110 §11.1).
fn bearer<P: Purpose>(authorization: Option<&str>) -> Result<Plain<P>, Cause> {
    let header = authorization.map(str::trim).filter(|h| !h.is_empty()).ok_or(Cause::NoToken)?;
    let credentials = match header.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ if header.eq_ignore_ascii_case("bearer") => return Err(Cause::NoToken),
        _ => return Err(Cause::NoBearer),
    };
    Plain::parse(credentials).map_err(|e| match e {
        Malformed::Mistyped => Cause::Mistyped,
        _ => Cause::Malformed,
    })
}

fn version(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(registry_version::table
        .filter(registry_version::id.eq(1))
        .select(registry_version::version)
        .get_result(conn)?)
}

/// Moves the version, so that every process reloads, and tells those that listen. Part of the transaction that changed
/// something.
pub(crate) fn bump(conn: &mut Conn) -> Result<(), StoreError> {
    diesel::update(registry_version::table.filter(registry_version::id.eq(1)))
        .set(registry_version::version.eq(registry_version::version + 1))
        .execute(conn)?;
    dialect::tell(conn)
}
