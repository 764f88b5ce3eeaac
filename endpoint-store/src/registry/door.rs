//! What a credential opens: the judgement on one request, by what is in memory.

use std::net::IpAddr;
use std::sync::Arc;

use scim_core::token::{Malformed, Plain, PlainAccess, Purpose};

use super::{Snapshot, TokenEntry, TurnedAway};
use crate::access::{self, Access};
use crate::endpoints::Endpoint;
use crate::ids::Millis;
use crate::tokens::Scope;
use crate::usage::Cause;

/// One request at the door: where it wants to go, and from where it comes.
pub(super) struct Door<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) addressed: Option<&'s Arc<Endpoint>>,
    pub(super) address: Option<IpAddr>,
    pub(super) now: Millis,
}

impl<'s> Door<'s> {
    pub(super) fn turned(&self, cause: Cause, entry: Option<(&str, &TokenEntry)>) -> TurnedAway {
        let own = self.addressed.map(|endpoint| endpoint.id.clone());
        TurnedAway {
            cause,
            endpoint: own.or_else(|| entry.map(|(_, token)| token.endpoint.clone())),
            token_id: entry.map(|(id, _)| id.to_owned()),
        }
    }

    /// The client that an access token belongs to, and what it may do with it.
    pub(super) fn client_of(
        &self,
        known: &access::Known,
        credentials: &str,
    ) -> Result<(&'s str, &'s TokenEntry, Scope), TurnedAway> {
        let presented: PlainAccess = parse(credentials).map_err(|cause| self.turned(cause, None))?;
        let access: Option<Arc<Access>> = known.get(&presented);
        let client = access.as_ref().and_then(|access| self.snapshot.token(&access.client));
        let (Some(access), Some((id, entry))) = (access, client) else {
            return Err(self.turned(Cause::UnknownToken, None));
        };
        if access.expires_at <= self.now && entry.dead(self.now).is_none() {
            return Err(self.turned(Cause::AccessExpired, Some((id, entry))));
        }
        let reads = [access.scope, entry.scope].contains(&Scope::Read);
        Ok((id, entry, if reads { Scope::Read } else { Scope::Write }))
    }

    /// The endpoint that is addressed, if the token opens it.
    pub(super) fn open(&self, id: &str, entry: &TokenEntry) -> Result<Arc<Endpoint>, TurnedAway> {
        let refused = |cause| Err(self.turned(cause, Some((id, entry))));
        if let Some(cause) = entry.dead(self.now) {
            return refused(cause);
        }
        match self.addressed {
            None => refused(Cause::UnknownEndpoint),
            Some(addressed) if addressed.id != entry.endpoint => refused(Cause::OtherEndpoint),
            Some(_) if !entry.networks.allow(self.address) => refused(Cause::ForeignAddress),
            Some(addressed) => Ok(addressed.clone()),
        }
    }
}

/// What stands behind `Bearer` in an `Authorization` header; the scheme is compared without case (RFC 9110 §11.1).
pub(super) fn credentials(authorization: Option<&str>) -> Result<&str, Cause> {
    let header = authorization.map(str::trim).filter(|h| !h.is_empty()).ok_or(Cause::NoToken)?;
    match header.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => Ok(rest.trim()),
        _ if header.eq_ignore_ascii_case("bearer") => Err(Cause::NoToken),
        _ => Err(Cause::NoBearer),
    }
}

pub(super) fn parse<P: Purpose>(credentials: &str) -> Result<Plain<P>, Cause> {
    Plain::parse(credentials).map_err(|e| match e {
        Malformed::Mistyped => Cause::Mistyped,
        _ => Cause::Malformed,
    })
}
