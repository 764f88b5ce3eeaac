//! Two walls against forged requests.
//!
//! Every POST must come from a page of this console, as the browser says by `Sec-Fetch-Site` or
//! `Origin`; that alone guards sign-in and set-up, where there is no session yet. Every form of a
//! session also carries the session's own random token.

use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use subtle::ConstantTimeEq;

use crate::console::PublicUrl;

/// Whether the token of a form is the session's, in time that tells nothing about it.
pub(crate) fn token_matches(sent: &str, expected: &str) -> bool {
    !expected.is_empty() && bool::from(sent.as_bytes().ct_eq(expected.as_bytes()))
}

/// Whether the browser sent this POST from one of our own pages.
///
/// `Sec-Fetch-Site` decides where there is one; browsers leave it out on plain http, but send
/// `Origin` with every POST. A client that sends neither is no browser, so nobody's cookies can be
/// abused by it.
pub(crate) fn same_origin(headers: &HeaderMap, public_url: &PublicUrl) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN) else { return true };
    let Some((_, host)) = origin.split_once("://") else { return false };
    let ours = public_url.as_str();
    let own_origin = ours.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    own_origin || text(HOST).is_some_and(|own| own.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{same_origin, token_matches};
    use crate::console::PublicUrl;

    fn asked(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        same_origin(&headers, &PublicUrl::new("https://scim.example.com/base/"))
    }

    #[test]
    fn only_our_own_pages_may_post() {
        assert!(asked(&[]));
        assert!(asked(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(!asked(&[("sec-fetch-site", "cross-site"), ("origin", "https://scim.example.com")]));
        assert!(!asked(&[("sec-fetch-site", "same-site")]));
        assert!(asked(&[("origin", "https://scim.example.com")]));
        assert!(asked(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]));
        assert!(!asked(&[("origin", "https://scim.example.com.evil.test"), ("host", "scim.example.com")]));
        assert!(!asked(&[("origin", "https://scim.example.co"), ("host", "scim.example.com")]));
        assert!(!asked(&[("origin", "null"), ("host", "scim.example.com")]));
    }

    #[test]
    fn an_empty_token_never_matches() {
        assert!(token_matches("abc", "abc"));
        assert!(!token_matches("abd", "abc"));
        assert!(!token_matches("", ""));
    }
}
