//! Access tokens: what a client of OAuth 2.0 gets for its secret, for an hour (RFC 6749 §4.4).
//!
//! Kept is a digest. A server knows those that it issued; one that another server issued is looked up when it comes for
//! the first time. Its id follows from its secret under a key of the installation, so that one which was made up is known
//! as such without asking the database. Whether it opens anything is decided by its client, which is in memory.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use diesel::prelude::*;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scim_core::token::{AccessDigest, PlainAccess};
use sha2::Sha256;

use crate::Store;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::{Millis, entropy};
use crate::registry::Client;
use crate::schema::access_tokens;
use crate::tokens::Scope;
use crate::writer::Tx;

/// How long an access token lives.
pub const LIFETIME: Millis = 3_600_000;
/// For how long one is told from one that never was, after its end.
const REMEMBERED: Millis = 3_600_000;
/// Access tokens that a client may have; beyond it the oldest end.
const MOST: i64 = 1000;
/// Rows that go in one write.
const PORTION: i64 = 500;
/// Access tokens in memory.
const IN_MEMORY: usize = 20_000;

/// What is known of one.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) digest: AccessDigest,
    /// Public id of the client.
    pub(crate) client: String,
    pub(crate) scope: Scope,
    pub(crate) expires_at: Millis,
}

/// Those that were seen here.
pub(crate) struct Known {
    key: [u8; 32],
    all: ArcSwap<HashMap<String, Arc<Access>>>,
}

impl Known {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, all: ArcSwap::default() }
    }

    fn seal(&self, secret: &[u8]) -> [u8; 16] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return [0; 16] };
        mac.update(secret);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        let (half, _) = whole.split_at(16);
        half.try_into().unwrap_or_default()
    }

    pub(crate) fn get(&self, presented: &PlainAccess) -> Option<Arc<Access>> {
        self.all.load().get(presented.id()).filter(|one| one.digest.matches(&presented.digest())).cloned()
    }

    /// Whether it may have been issued, and is not known here.
    pub(crate) fn is_unheard_of(&self, presented: &PlainAccess) -> bool {
        !self.all.load().contains_key(presented.id()) && presented.is_sealed(|secret| self.seal(secret))
    }

    pub(crate) fn remember(&self, id: &str, access: Access, now: Millis) {
        let access = Arc::new(access);
        self.all.rcu(|all| {
            let mut all = HashMap::clone(all);
            if all.len() >= IN_MEMORY {
                all.retain(|_, one| one.expires_at > now);
            }
            if all.len() >= IN_MEMORY {
                all.clear();
            }
            all.insert(id.to_owned(), access.clone());
            all
        });
    }

    pub(crate) fn mint(&self) -> PlainAccess {
        PlainAccess::mint_sealed(&entropy(), |secret| self.seal(secret))
    }
}

impl Store {
    /// Issues an access token to a client that has proved itself. The plain token exists only in the returned value.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn issue_access(
        &self,
        client: &Client,
        scope: Scope,
        now: Millis,
    ) -> Result<PlainAccess, StoreError> {
        let known = &self.0.registry.access;
        let token = known.mint();
        let (id, digest, owner) = (token.id().to_owned(), token.digest(), client.id.clone());
        let endpoint = client.endpoint.id.clone();
        self.write(move |tx| keep(tx, (&id, &digest), &endpoint, &owner, scope, now)).await?;
        let (digest, client) = (token.digest(), client.id.clone());
        let expires_at = now + LIFETIME;
        known.remember(token.id(), Access { digest, client, scope, expires_at }, now);
        Ok(token)
    }

    /// Looks up an access token that another server may have issued.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn learn_access(&self, id: String, now: Millis) -> Result<(), StoreError> {
        let wanted = id.clone();
        if let Some(found) = self.read_point(move |conn| find(conn, &wanted)).await? {
            self.0.registry.access.remember(&id, found, now);
        }
        Ok(())
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = access_tokens)]
struct Row {
    id: String,
    endpoint_id: String,
    token_id: String,
    digest: Vec<u8>,
    scope: String,
    issued_at: i64,
    expires_at: i64,
}

/// Keeps an access token of a client; what has ended, and what is more than a client may have, goes.
pub(crate) fn keep(
    tx: &mut Tx<'_>,
    token: (&str, &AccessDigest),
    endpoint: &EndpointId,
    client: &str,
    scope: Scope,
    now: Millis,
) -> Result<(), StoreError> {
    let row = Row {
        id: token.0.to_owned(),
        endpoint_id: endpoint.as_str().to_owned(),
        token_id: client.to_owned(),
        digest: token.1.as_bytes().to_vec(),
        scope: scope.as_str().to_owned(),
        issued_at: now,
        expires_at: now + LIFETIME,
    };
    diesel::insert_into(access_tokens::table).values(&row).execute(&mut **tx)?;
    let of_client = access_tokens::table.filter(access_tokens::token_id.eq(client));
    let beyond: Vec<String> = of_client
        .order(access_tokens::issued_at.desc())
        .offset(MOST)
        .limit(PORTION)
        .select(access_tokens::id)
        .load(&mut **tx)?;
    if !beyond.is_empty() {
        diesel::delete(access_tokens::table.filter(access_tokens::id.eq_any(beyond))).execute(&mut **tx)?;
    }
    Ok(())
}

/// The access token of this id, if it was issued.
pub(crate) fn find(conn: &mut Conn, id: &str) -> Result<Option<Access>, StoreError> {
    let row: Option<Row> = access_tokens::table
        .filter(access_tokens::id.eq(id))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(|row| {
        let digest: [u8; 32] = row.digest.try_into().map_err(|_| {
            StoreError::Damaged(format!("the digest of access token {} has a wrong length", row.id))
        })?;
        Ok(Access {
            digest: AccessDigest::from_bytes(digest),
            client: row.token_id,
            scope: row.scope.parse().map_err(StoreError::Damaged)?,
            expires_at: row.expires_at,
        })
    })
    .transpose()
}

/// Forgets a part of those that ended some time ago, and says whether there may be more.
///
/// # Errors
/// Those of the database.
pub fn forget(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    let ended: Vec<String> = access_tokens::table
        .filter(access_tokens::expires_at.lt(now - REMEMBERED))
        .limit(PORTION)
        .select(access_tokens::id)
        .load(&mut **tx)?;
    let more = i64::try_from(ended.len()).unwrap_or(i64::MAX) == PORTION;
    if !ended.is_empty() {
        diesel::delete(access_tokens::table.filter(access_tokens::id.eq_any(ended))).execute(&mut **tx)?;
    }
    Ok(more)
}
