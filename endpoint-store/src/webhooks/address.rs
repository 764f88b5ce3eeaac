//! Where a webhook may send to. Whoever may add a webhook makes this server send requests: not into its own network,
//! unless the configuration says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::error::StoreError;

const LONGEST: usize = 2000;

/// A URL that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    /// Reads one. With `private`, networks that are not public and plain http are allowed.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] with what is wrong and what to do.
    pub fn parse(text: &str, private: bool) -> Result<Self, StoreError> {
        let wrong = |sentence: &str| StoreError::invalid("/url", sentence);
        let url = Url::parse(text.trim()).map_err(|e| {
            wrong(&format!("this is no URL ({e}); write it like https://app.example.com/hooks"))
        })?;
        if text.len() > LONGEST {
            return Err(wrong(&format!("the URL may have at most {LONGEST} characters")));
        }
        match url.scheme() {
            "https" => {}
            "http" if private => {}
            "http" => {
                return Err(wrong(
                    "http is not encrypted: use https, or set SCIM_WEBHOOK_ALLOW_PRIVATE=true if this is a network of your own",
                ));
            }
            _ => return Err(wrong("the URL must begin with https://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "the URL holds a name or password, which would be shown; the signature proves who sends",
            ));
        }
        if url.fragment().is_some() {
            return Err(wrong("the URL has a part behind #, which is never sent; leave it out"));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) => None,
            None => return Err(wrong("the URL names no host")),
        };
        if let Some(ip) = literal
            && !private
            && !is_public(ip)
        {
            return Err(wrong(&not_public(ip)));
        }
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL as it is sent to.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The host.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

/// The sentence for an address that is not public.
pub fn not_public(ip: IpAddr) -> String {
    format!(
        "{ip} is no public address; webhooks go to public ones, unless SCIM_WEBHOOK_ALLOW_PRIVATE=true is set"
    )
}

/// Whether an address belongs to the public internet: not to this machine, its networks, or those that are kept for
/// something else.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = ip.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let [a, b, c, ..] = ip.segments();
    match a {
        // 6to4: the IPv4 address is in it.
        0x2002 => {
            let ([high, low], [third, fourth]) = (b.to_be_bytes(), c.to_be_bytes());
            is_public_v4(Ipv4Addr::new(high, low, third, fourth))
        }
        // Teredo and other protocols' own, documentation.
        0x2001 if b < 0x0200 || b == 0x0db8 => false,
        0x3fff if b < 0x1000 => false,
        // All that is given out at present.
        0x2000..=0x3fff => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        for ip in [
            "8.8.8.8",
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "127.8.9.1",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.0.192",
            "198.18.0.1",
            "203.0.113.5",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:a9fe:a9fe",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "::7f00:1",
            "100::1",
            "3fff::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_url_is_looked_at_before_it_is_kept() {
        for good in ["https://example.com/a?b=c", "https://8.8.8.8:8443/", "https://[2606:4700::1111]/"] {
            assert!(Address::parse(good, false).is_ok(), "{good}");
        }
        for bad in [
            "example.com",
            "ftp://example.com",
            "http://example.com",
            "https://user:secret@example.com",
            "https://example.com/#a",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
            "file:///etc/passwd",
            "https://",
        ] {
            let refused = Address::parse(bad, false).err().map(|e| e.to_string());
            assert!(
                refused.as_ref().is_some_and(|sentence| !sentence.contains("secret")),
                "{bad}: {refused:?}"
            );
        }
        for private in ["http://127.0.0.1:8080/hook", "https://10.0.0.1/", "http://app.internal/"] {
            assert!(Address::parse(private, true).is_ok(), "{private}");
        }
    }
}
