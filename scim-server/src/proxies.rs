//! Which address a request comes from, when it came through proxies.
//!
//! What a client writes about itself is worth nothing. Only what a proxy of ours adds is believed: the header is read
//! from its end, over the addresses of our proxies, to the first that is none of them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word counts; none by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// Reads addresses and networks such as `10.0.0.0/8`, with commas between them.
    ///
    /// # Errors
    /// A sentence that names the part that is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(|part| {
            let address = || part.parse::<IpAddr>().ok().map(IpNet::from);
            part.parse().ok().or_else(address).ok_or_else(|| {
                format!(
                    "`{part}` is neither an address nor a network; write for example 10.0.0.0/8 or 192.0.2.7"
                )
            })
        });
        networks.collect::<Result<_, _>>().map(Self)
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of whoever sent a request, as far as it can be believed; `None` only without a peer.
    pub(crate) fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer?.ip().to_canonical();
        if !self.has(client) {
            return Some(client);
        }
        for step in steps(headers).into_iter().rev() {
            // Behind a step that cannot be read everything may be made up.
            let Some(address) = step else { break };
            client = address;
            if !self.has(client) {
                break;
            }
        }
        Some(client)
    }
}

/// The addresses that the way leads over, the farthest first; `None` for what is no address. `Forwarded` (RFC 7239)
/// counts only where there is no `X-Forwarded-For`: a proxy that writes one of them leaves the client's other one alone.
fn steps(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let items = |name: HeaderName| {
        let values = headers.get_all(name).map(|value| value.to_str().unwrap_or("?"));
        values.flat_map(|value| value.split(',')).map(str::trim).collect::<Vec<_>>()
    };
    let plain = items(FORWARDED_FOR);
    if !plain.is_empty() {
        return plain.into_iter().map(address).collect();
    }
    items(FORWARDED).into_iter().map(|element| named_for(element).and_then(address)).collect()
}

/// The value of `for` in one element of `Forwarded`.
fn named_for(element: &str) -> Option<&str> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    })
}

/// An address, also with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let read = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    read.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn client(peer: &str, lines: &[(&str, &str)]) -> String {
        let proxies = Proxies::parse("10.0.0.0/8, 192.0.2.7,2001:db8::/32").unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse().unwrap(), value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 443);
        proxies.client(Some(peer), &headers).unwrap().to_string()
    }

    #[test]
    fn only_what_our_proxies_say_is_believed() {
        const XFF: &str = "X-Forwarded-For";
        for (peer, lines, expected) in [
            ("10.0.0.1", &[][..], "10.0.0.1"),
            ("203.0.113.9", &[(XFF, "198.51.100.1")], "203.0.113.9"),
            ("10.0.0.1", &[(XFF, "198.51.100.1")], "198.51.100.1"),
            // What the client wrote before the first proxy added the true one.
            ("10.0.0.1", &[(XFF, "1.1.1.1, 198.51.100.1, 192.0.2.7")], "198.51.100.1"),
            ("10.0.0.1", &[(XFF, "1.1.1.1"), (XFF, "198.51.100.1")], "198.51.100.1"),
            ("10.0.0.1", &[(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", &[(XFF, "198.51.100.1, nonsense")], "10.0.0.1"),
            ("10.0.0.1", &[(XFF, "198.51.100.1, unknown, 10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[(XFF, "198.51.100.1:55")], "198.51.100.1"),
            ("10.0.0.1", &[(XFF, "[2001:db9::1]:55")], "2001:db9::1"),
            ("::ffff:10.0.0.1", &[(XFF, "::ffff:198.51.100.1")], "198.51.100.1"),
            (
                "10.0.0.1",
                &[("Forwarded", "for=1.1.1.1, For=\"[2001:db9::1]:4711\";proto=https")],
                "2001:db9::1",
            ),
            ("10.0.0.1", &[("Forwarded", "for=198.51.100.1;by=_x"), (XFF, "198.51.100.2")], "198.51.100.2"),
            ("10.0.0.1", &[("Forwarded", "for=_hidden")], "10.0.0.1"),
            ("10.0.0.1", &[("Forwarded", "proto=https")], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        assert_eq!(Proxies::parse("").unwrap(), Proxies::default());
        for bad in ["10.0.0.0/33", "proxy.example.com", "10.0.0.1, x"] {
            let sentence = Proxies::parse(bad).unwrap_err();
            assert!(sentence.contains(bad.rsplit(", ").next().unwrap()), "{sentence}");
        }
    }
}
