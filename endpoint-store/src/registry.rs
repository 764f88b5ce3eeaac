//! Endpoints, tokens and API keys in memory: a request is authenticated without a lock and without the database.
//!
//! The whole is replaced when anything in it changed: by the write that changed it, before that write is
//! answered, and within a second by every other process, which watches the version in the database.

mod door;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use diesel::prelude::*;
use scim_core::nearest::distance;
use scim_core::token::{
    KeyDigest, PlainAccess, PlainKey, PlainSecret, PlainToken, SecretDigest, TokenDigest,
};

use crate::access;
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
use crate::tokens::{self, Kind, Networks, Scope};
use crate::usage::Cause;

use door::{Door, credentials, parse};

/// The present snapshot, and the access tokens that were seen.
pub struct Registry {
    snapshot: ArcSwap<Snapshot>,
    pub(crate) access: access::Known,
}

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
    held: Held,
    label: String,
    scope: Scope,
    networks: Networks,
    created_at: Millis,
    expires_at: Option<Millis>,
    revoked: bool,
    rotation: Option<Rotation>,
}

/// What is kept of a secret, by what it is for.
enum Held {
    Bearer(TokenDigest),
    Client(SecretDigest),
}

struct KeyEntry {
    digest: KeyDigest,
    operator: Arc<Operator>,
    expires_at: Option<Millis>,
    revoked: bool,
}

/// The live tokens of an endpoint, summed up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lives {
    /// When the oldest was issued.
    pub(crate) oldest: Option<Millis>,
    /// When the next one ends.
    pub(crate) next_expiry: Option<Millis>,
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

/// A client of OAuth 2.0 that has proved itself.
#[derive(Debug)]
pub struct Client {
    /// Where it may go with what it gets.
    pub endpoint: Arc<Endpoint>,
    /// Its client id.
    pub id: String,
    /// What it may do.
    pub scope: Scope,
}

impl Registry {
    /// An empty one; `access_key` tells access tokens that were issued from made-up ones.
    pub(crate) fn new(access_key: [u8; 32]) -> Self {
        Self { snapshot: ArcSwap::default(), access: access::Known::new(access_key) }
    }

    /// An endpoint that is not in the bin, by slug, former slug or id.
    pub fn endpoint(&self, slug_or_id: &str) -> Option<Arc<Endpoint>> {
        self.snapshot.load().endpoint(slug_or_id)
    }

    /// Every endpoint that is not in the bin.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.snapshot.load().endpoints.values().cloned().collect()
    }

    /// Hands over every endpoint that is not in the bin, with whether a token opens it.
    pub(crate) fn survey(&self, now: Millis, mut take: impl FnMut(&Endpoint, bool)) {
        let snapshot = self.snapshot.load();
        let live = snapshot.tokens.values().filter(|token| token.dead(now).is_none());
        let open: HashSet<&EndpointId> = live.map(|token| &token.endpoint).collect();
        snapshot.endpoints.values().for_each(|endpoint| take(endpoint, open.contains(&endpoint.id)));
    }

    /// Moves whenever anything in it changes.
    pub(crate) fn version(&self) -> i64 {
        self.snapshot.load().version
    }

    /// The one endpoint whose slug, or a former one, differs from this by a letter or two. Looks at all of them.
    pub(crate) fn nearest(&self, slug: &str) -> Option<EndpointId> {
        let snapshot = self.snapshot.load();
        let (wanted, allowed) = (slug.replace('_', "-"), if slug.len() < 6 { 1 } else { 2 });
        let (mut least, mut best) = (allowed + 1, None);
        for (known, id) in &snapshot.slugs {
            if known.len().abs_diff(wanted.len()) > allowed || !snapshot.endpoints.contains_key(id) {
                continue;
            }
            let away = distance(&wanted, known);
            if away < least {
                (least, best) = (away, Some(id));
            } else if away == least && best != Some(id) {
                // Two are as near: whose it is cannot be told.
                best = None;
            }
        }
        best.cloned()
    }

    /// Who sends a request to `slug` with this `Authorization` header (RFC 6750 §2.1), from this address.
    ///
    /// # Errors
    /// [`TurnedAway`] with the cause, for the operator's eyes only.
    pub fn authenticate(
        &self,
        slug: &str,
        authorization: Option<&str>,
        address: Option<IpAddr>,
        request_id: &str,
        now: Millis,
    ) -> Result<Admitted, TurnedAway> {
        let snapshot = self.snapshot.load();
        let addressed = snapshot.endpoint(slug);
        let door = Door { snapshot: &snapshot, addressed: addressed.as_ref(), address, now };
        let meant = |cause| {
            // The id alone proves nothing, but it tells the operator which token was meant.
            let id = authorization
                .and_then(|text| PlainToken::id_within(text).or_else(|| PlainSecret::id_within(text)));
            door.turned(cause, id.and_then(|id| snapshot.token(id)))
        };
        let credentials = credentials(authorization).map_err(meant)?;
        let (id, entry, scope) = if PlainAccess::looks_like(credentials) {
            door.client_of(&self.access, credentials)?
        } else if PlainSecret::looks_like(credentials) {
            return Err(meant(Cause::ClientSecret));
        } else {
            let presented: PlainToken = parse(credentials).map_err(meant)?;
            let found = snapshot.token(presented.id()).filter(|(_, entry)| entry.is_token(&presented));
            let (id, entry) = found.ok_or_else(|| door.turned(Cause::UnknownToken, None))?;
            (id, entry, entry.scope)
        };
        let endpoint = door.open(id, entry)?;
        let (id, label) = (id.to_owned(), entry.label.clone());
        let actor = Actor { kind: ActorKind::Token, id, label, address: String::new() };
        let caller = Caller { endpoint, actor, request_id: request_id.to_owned() };
        Ok(Admitted { caller, scope })
    }

    /// The id of an access token in this header that is not known here, and may have been issued by another server.
    pub fn unheard_of(&self, authorization: Option<&str>) -> Option<String> {
        let text = credentials(authorization).ok().filter(|text| PlainAccess::looks_like(text))?;
        let presented = PlainAccess::parse(text).ok()?;
        self.access.is_unheard_of(&presented).then(|| presented.id().to_owned())
    }

    /// Which client of OAuth 2.0 asks at `slug` with this id and secret, from this address.
    ///
    /// # Errors
    /// [`TurnedAway`] with the cause, for the operator's eyes only.
    pub fn authenticate_client(
        &self,
        slug: &str,
        id: &str,
        secret: &str,
        address: Option<IpAddr>,
        now: Millis,
    ) -> Result<Client, TurnedAway> {
        let snapshot = self.snapshot.load();
        let addressed = snapshot.endpoint(slug);
        let door = Door { snapshot: &snapshot, addressed: addressed.as_ref(), address, now };
        let named = snapshot.token(id).filter(|(_, entry)| matches!(entry.held, Held::Client(_)));
        let presented: PlainSecret = parse(secret).map_err(|cause| door.turned(cause, named))?;
        let found = named.filter(|(id, entry)| *id == presented.id() && entry.is_client(&presented));
        let (id, entry) = found.ok_or_else(|| door.turned(Cause::UnknownToken, None))?;
        let endpoint = door.open(id, entry)?;
        Ok(Client { endpoint, id: id.to_owned(), scope: entry.scope })
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
        let presented: PlainKey = credentials(authorization).and_then(parse).map_err(Cause::as_str)?;
        let snapshot = self.snapshot.load();
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

    /// The live tokens of each endpoint that has any.
    pub(crate) fn lives(&self, now: Millis) -> HashMap<EndpointId, Lives> {
        let (snapshot, mut lives) = (self.snapshot.load(), HashMap::new());
        for token in snapshot.tokens.values().filter(|token| token.dead(now).is_none()) {
            let of: &mut Lives = lives.entry(token.endpoint.clone()).or_default();
            of.oldest = Some(of.oldest.map_or(token.created_at, |oldest| oldest.min(token.created_at)));
            of.next_expiry = of.next_expiry.into_iter().chain(token.expires_at).min();
        }
        lives
    }

    /// Whether a key that was presented before still opens the management API.
    pub fn key_lives(&self, key_id: &str, now: Millis) -> bool {
        self.snapshot.load().keys.get(key_id).is_some_and(|entry| {
            let expired = entry.expires_at.is_some_and(|at| at <= now);
            !entry.revoked && !expired && entry.operator.disabled_at.is_none()
        })
    }

    /// Reads everything anew; keeps a snapshot that is newer than what was read.
    pub(crate) fn reload(&self, conn: &mut Conn) -> Result<(), StoreError> {
        let fresh = Arc::new(Snapshot::read(conn)?);
        self.snapshot
            .rcu(|current| if current.version > fresh.version { current.clone() } else { fresh.clone() });
        Ok(())
    }

    /// Reloads if another process changed something.
    pub(crate) fn refresh(&self, conn: &mut Conn) -> Result<(), StoreError> {
        if version(conn)? == self.snapshot.load().version { Ok(()) } else { self.reload(conn) }
    }
}

impl Snapshot {
    fn token(&self, id: &str) -> Option<(&str, &TokenEntry)> {
        self.tokens.get_key_value(id).map(|(id, entry)| (id.as_str(), entry))
    }

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
    fn is_token(&self, presented: &PlainToken) -> bool {
        matches!(&self.held, Held::Bearer(digest) if digest.matches(&presented.digest()))
    }

    fn is_client(&self, presented: &PlainSecret) -> bool {
        matches!(&self.held, Held::Client(digest) if digest.matches(&presented.digest()))
    }

    /// Why it opens nothing, if it is so whatever the request.
    fn dead(&self, now: Millis) -> Option<Cause> {
        if self.revoked {
            Some(Cause::Revoked)
        } else if self.rotation.as_ref().is_some_and(|rotation| rotation.ended(now).is_some()) {
            Some(Cause::Retired)
        } else {
            self.expires_at.is_some_and(|at| at <= now).then_some(Cause::Expired)
        }
    }

    fn new(row: tokens::Row, rotation: Option<Rotation>) -> Result<Self, StoreError> {
        let digest: [u8; 32] = row
            .digest
            .try_into()
            .map_err(|_| StoreError::Damaged(format!("the digest of token {} has a wrong length", row.id)))?;
        Ok(Self {
            endpoint: EndpointId(row.endpoint_id),
            held: match row.kind.parse().map_err(StoreError::Damaged)? {
                Kind::Bearer => Held::Bearer(TokenDigest::from_bytes(digest)),
                Kind::Client => Held::Client(SecretDigest::from_bytes(digest)),
            },
            label: row.label,
            scope: row.scope.parse().map_err(StoreError::Damaged)?,
            networks: Networks::kept(row.networks.as_deref())?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked: row.revoked_at.is_some(),
            rotation,
        })
    }
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
