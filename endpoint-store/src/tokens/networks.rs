//! From where a token may come. The list is for identity providers with known addresses: a token that was stolen is
//! worth nothing elsewhere.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use diesel::prelude::*;
use ipnet::IpNet;
use serde_json::json;

use super::{Consent, TokenRecord, get};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::tokens;
use crate::writer::Tx;

/// Networks that one token may have.
const MOST: usize = 50;

/// The networks that a token may come from; none means from anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl FromStr for Networks {
    type Err = String;

    /// Reads addresses and networks with commas, blanks or line ends between them; nothing, or `any`, is anywhere.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("any") {
            return Ok(Self::default());
        }
        let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
        let mut networks = Vec::new();
        for part in parts {
            let network = read(part).ok_or_else(|| {
                let part: String = part.chars().take(60).collect();
                format!("`{part}` is neither an address nor a network; write for example 192.0.2.0/24 or 2001:db8::7")
            })?;
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        if networks.len() > MOST {
            return Err(format!("a token may have {MOST} networks; these are {}", networks.len()));
        }
        Ok(Self(networks))
    }
}

/// One part of the list, in its shortest form: no bits behind the prefix, and IPv4 as IPv4.
fn read(part: &str) -> Option<IpNet> {
    let network: IpNet = part.parse().ok().or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from))?;
    match (network.addr().to_canonical(), network) {
        (IpAddr::V4(address), IpNet::V6(long)) => {
            IpNet::new(address.into(), long.prefix_len().checked_sub(96)?).ok()
        }
        _ => Some(network),
    }
    .map(|network| network.trunc())
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            if network.prefix_len() == network.max_prefix_len() {
                write!(f, "{comma}{}", network.addr())?;
            } else {
                write!(f, "{comma}{network}")?;
            }
        }
        Ok(())
    }
}

impl Networks {
    /// As kept.
    pub(crate) fn kept(text: Option<&str>) -> Result<Self, StoreError> {
        text.unwrap_or_default().parse().map_err(StoreError::Damaged)
    }

    pub(super) fn kept_as(&self) -> Option<String> {
        (!self.is_any()).then(|| self.to_string())
    }

    /// Whether it is anywhere.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Each as text.
    pub fn list(&self) -> Vec<String> {
        self.0.iter().map(|network| Self(vec![*network]).to_string()).collect()
    }

    /// Whether a request from this address may use the token.
    pub fn allow(&self, address: Option<IpAddr>) -> bool {
        let within = |address: IpAddr| {
            let address = address.to_canonical();
            self.0.iter().any(|network| network.contains(&address))
        };
        self.is_any() || address.is_some_and(within)
    }
}

/// Says from where a token may come, effective on the next request.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Refused`] for a token that is not live; [`StoreError::InUse`] when it carried
/// traffic within the hour from an address that would be shut out, and the consent is not enough.
pub fn set_networks(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    id: &str,
    networks: &Networks,
    consent: &Consent,
    actor: &Actor,
    now: Millis,
) -> Result<TokenRecord, StoreError> {
    dialect::lock_endpoint(tx, endpoint)?;
    let record = get(tx, endpoint, id)?;
    let state = record.state(now);
    if !state.is_live() {
        return Err(StoreError::refused(format!(
            "token `{id}` is {}, so it opens nothing from anywhere; issue a new one",
            state.as_str()
        )));
    }
    let last = record.last_used.as_ref().and_then(|used| used.address.parse().ok());
    if last.is_some() && !networks.allow(last) {
        consent.covers(&record, now)?;
    }
    let note = Note::new(actor, now, Action::TokenUpdate, id).on(endpoint);
    let (before, after) = (record.networks.to_string(), networks.to_string());
    tx.note(note.before(json!({"networks": before})).after(json!({"networks": after})));
    diesel::update(tokens::table.filter(tokens::endpoint_id.eq(endpoint.as_str())).filter(tokens::id.eq(id)))
        .set(tokens::networks.eq(networks.kept_as()))
        .execute(&mut **tx)?;
    tx.registry_changed();
    get(tx, endpoint, id)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn networks_are_read_and_shown_in_their_shortest_form() {
        let read: Networks =
            " 10.1.2.3/8,192.0.2.7\n2001:DB8::1/32, 10.0.0.0/8 ::ffff:198.51.100.9 ".parse().unwrap();
        assert_eq!(read.to_string(), "10.0.0.0/8, 192.0.2.7, 2001:db8::/32, 198.51.100.9");
        assert_eq!(Networks::kept(read.kept_as().as_deref()).unwrap(), read);
        for (address, allowed) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::ffff:192.0.2.7", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(read.allow(Some(address.parse().unwrap())), allowed, "{address}");
        }
        assert!(!read.allow(None));
    }

    #[test]
    fn nothing_is_anywhere_and_nonsense_is_named() {
        for anywhere in ["", " ", "any", ","] {
            let read: Networks = anywhere.parse().unwrap();
            assert!(read.is_any() && read.allow(None) && read.kept_as().is_none());
        }
        for bad in ["10.0.0.0/33", "example.com", "10.0.0.1-10.0.0.9"] {
            assert!(bad.parse::<Networks>().unwrap_err().contains(bad));
        }
        let many: Vec<_> = (0..60).map(|last| format!("192.0.2.{last}")).collect();
        assert!(many.join(",").parse::<Networks>().unwrap_err().contains("50"));
    }
}
