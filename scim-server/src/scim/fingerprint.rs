//! Which identity provider a request looks like. Evidence for the operator, never a decision.

use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderMap};
use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use endpoint_store::settings::Idp;

/// What only one client sends, in its `User-Agent`.
const AGENTS: [(&str, Idp); 9] = [
    ("okta", Idp::Okta),
    ("onelogin", Idp::OneLogin),
    ("jumpcloud", Idp::JumpCloud),
    ("authentik", Idp::Authentik),
    ("sailpoint", Idp::SailPoint),
    ("rippling", Idp::Rippling),
    ("pingidentity", Idp::Ping),
    ("pingone", Idp::Ping),
    ("google-auto-provisioning", Idp::Google),
];

/// Looks for all of them at once: it is done for every request.
static IN_AGENT: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = AGENTS.iter().map(|(word, _)| word);
    AhoCorasickBuilder::new().ascii_case_insensitive(true).build(words).ok()
});

/// What only one client writes, in its query or its body.
const WORDS: [(&[u8], Idp); 4] = [
    (b"http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM", Idp::Entra),
    (b"urn:okta:", Idp::Okta),
    (b"urn:scim:schemas:extension:enterprise:2.0\"", Idp::OneLogin),
    (b"urn:scim:schemas:core:2.0\"", Idp::OneLogin),
];

/// A flag that Entra ID's administrators append to the URL.
const ENTRA_FLAGS: [&str; 2] = ["aadOptscim062020", "AzureAdScimPatch2017"];

/// How much of a body is looked at: schemas stand at its beginning.
const LOOK: usize = 2048;

pub(super) fn guess(headers: &HeaderMap, query: &str, body: &[u8]) -> Option<Idp> {
    if ENTRA_FLAGS.iter().any(|flag| query.contains(flag)) {
        return Some(Idp::Entra);
    }
    let agent = headers.get(header::USER_AGENT).map(header::HeaderValue::as_bytes).unwrap_or_default();
    if let Some(word) = IN_AGENT.as_ref().and_then(|words| words.find(agent)) {
        return AGENTS.get(word.pattern().as_usize()).map(|(_, idp)| *idp);
    }
    if body.is_empty() {
        return None;
    }
    let head = body.get(..LOOK).unwrap_or(body);
    let has = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    WORDS.iter().find(|(word, _)| has(word)).map(|(_, idp)| *idp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_one_client_only() {
        let none = HeaderMap::new();
        assert_eq!(guess(&none, "aadOptscim062020", b""), Some(Idp::Entra));
        assert_eq!(guess(&none, "", br#"{"schemas":["urn:scim:schemas:core:2.0"]}"#), Some(Idp::OneLogin));
        assert_eq!(guess(&none, "filter=x", br#"{"userName":"x"}"#), None);
        let mut okta = HeaderMap::new();
        okta.insert(header::USER_AGENT, header::HeaderValue::from_static("Okta SCIM Client 1.0.0"));
        assert_eq!(guess(&okta, "", b""), Some(Idp::Okta));
    }
}
