//! What is taken out of a request before it is kept: whatever is a secret by its name or by the schema, and tokens anywhere.

use std::collections::HashSet;

use scim_core::schema::Catalog;
use scim_core::token::redact;
use serde_json::Value;

/// Stands where a secret stood.
pub const MASK: &str = "•••";
/// Ends a text that was cut.
pub(super) const CUT: char = '…';

/// The longest body that is kept, in bytes.
const LONGEST: usize = 16 * 1024;
/// The longest body that is looked at.
const READ: usize = 256 * 1024;
/// The longest path and query that is kept, in characters.
const LONGEST_TARGET: usize = 2000;
/// The longest sentence that is kept, in characters.
const LONGEST_LINE: usize = 1000;
/// Secrets shorter than this are no secrets, and stand in too many words.
const SHORTEST: usize = 4;

/// Whatever has one of these in its name is taken for a secret.
const WORDS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "authorization",
    "apikey",
    "api_key",
    "privatekey",
];

/// The secrets of an endpoint's schemas, and those that one request held.
pub(super) struct Mask {
    never_shown: HashSet<String>,
    held: Vec<String>,
}

/// A body without its secrets.
pub(super) struct Masked {
    /// As it is kept; `None` when there was none, or nothing of it can be kept.
    pub(super) text: Option<String>,
    /// As it was understood, whole.
    pub(super) value: Value,
}

impl Mask {
    /// For an endpoint with these schemas.
    pub(super) fn of(catalog: &Catalog) -> Self {
        let attributes = catalog.resource_types().iter().flat_map(|rt| rt.attributes());
        let all = attributes.flat_map(|(_, one)| std::iter::once(one).chain(&one.sub_attributes));
        let never_shown = all.filter(|one| one.is_secret()).map(|one| one.name.to_ascii_lowercase());
        Self { never_shown: never_shown.collect(), held: Vec::new() }
    }

    /// Forgets what the request before held.
    pub(super) fn next(&mut self) {
        self.held.clear();
    }

    /// A body. What is no JSON is kept only when nothing in it looks like a secret.
    pub(super) fn body(&mut self, body: &[u8]) -> Masked {
        let nothing = Masked { text: None, value: Value::Null };
        if body.is_empty() || body.len() > READ {
            return nothing;
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            if self.looks_secret(&text) {
                return nothing;
            }
            let text = redact(&text).replace('\0', "");
            return Masked { text: Some(cut(text, LONGEST)), value: Value::Null };
        };
        self.walk(&mut value);
        Masked { text: Some(cut(redact(&value.to_string()), LONGEST)), value }
    }

    /// Path and query.
    pub(super) fn target(&self, target: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut shown = redact(path);
        if !query.is_empty() {
            shown.push('?');
            shown.push_str(&self.query(query));
        }
        self.line(&shown, LONGEST_TARGET)
    }

    fn query(&self, query: &str) -> String {
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, plain) = (decode(key), decode(value));
            if self.looks_secret(&name) {
                return format!("{key}={MASK}");
            }
            if self.looks_secret(&plain) {
                format!("{key}={}", redact(&without_literals(&plain)))
            } else {
                redact(pair)
            }
        };
        query.split('&').map(pair).collect::<Vec<_>>().join("&")
    }

    /// One line of text from outside, or one that repeats what came from outside.
    pub(super) fn sentence(&self, text: &str) -> String {
        self.line(&redact(text), LONGEST_LINE)
    }

    fn line(&self, text: &str, longest: usize) -> String {
        let text = self.held.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
        text.chars().filter(|c| !c.is_control()).take(longest).collect()
    }

    fn looks_secret(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        WORDS.iter().any(|word| text.contains(word))
            || self.never_shown.iter().any(|name| text.contains(name.as_str()))
    }

    fn is_secret(&self, name: &str) -> bool {
        let last = name.rsplit([':', '.']).next().unwrap_or(name).trim().to_ascii_lowercase();
        self.never_shown.contains(&last) || WORDS.iter().any(|word| last.contains(word))
    }

    fn walk(&mut self, value: &mut Value) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|one| self.walk(one)),
            Value::Object(map) => {
                // The value of an operation belongs to its path.
                let path = map.iter().find(|(key, _)| key.eq_ignore_ascii_case("path"));
                let named =
                    path.and_then(|(_, path)| path.as_str()).is_some_and(|path| self.looks_secret(path));
                for (key, value) in map.iter_mut() {
                    if self.is_secret(key) || (named && key.eq_ignore_ascii_case("value")) {
                        self.blot(value);
                    } else {
                        self.walk(value);
                    }
                }
            }
            // A filter, a path: what it compares with.
            Value::String(text) if text.contains('"') && self.looks_secret(text) => {
                *text = without_literals(text);
            }
            _ => {}
        }
    }

    fn blot(&mut self, value: &mut Value) {
        match value {
            Value::Null => return,
            Value::Array(list) => return list.iter_mut().for_each(|one| self.blot(one)),
            Value::Object(map) => return map.values_mut().for_each(|one| self.blot(one)),
            Value::String(text) => self.hold(text.clone()),
            Value::Number(number) => self.hold(number.to_string()),
            Value::Bool(_) => {}
        }
        *value = Value::String(MASK.to_owned());
    }

    fn hold(&mut self, secret: String) {
        if secret.chars().count() >= SHORTEST {
            self.held.push(secret);
        }
    }
}

/// A filter or path without the texts that it compares with; without quotes nothing behind the operator is known for sure.
fn without_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('"');
    out.push_str(parts.next().unwrap_or_default());
    let mut inside = true;
    for part in parts {
        out.push('"');
        out.push_str(if inside { MASK } else { part });
        inside = !inside;
    }
    if out == text { MASK.to_owned() } else { out }
}

/// A text of so many bytes at most, and a sign when it was longer.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mask() -> Mask {
        Mask::of(&Catalog::builtin())
    }

    #[test]
    fn secrets_go_wherever_they_stand() {
        for body in [
            json!({"userName": "a", "Password": "hunter22"}),
            json!({"Operations": [{"op": "replace", "value": "hunter22", "path": "urn:ietf:params:scim:schemas:core:2.0:User:password"}]}),
            json!({"Operations": [{"op": "replace", "value": {"password": "hunter22", "title": "x"}}]}),
            json!({"Operations": [{"method": "POST", "path": "/Users", "data": {"password": ["hunter22"]}}]}),
            json!({"filter": "password eq \"hunter22\""}),
            json!({"urn:x": {"clientSecret": {"now": "hunter22"}}}),
        ] {
            let masked = mask().body(body.to_string().as_bytes()).text.unwrap_or_default();
            assert!(!masked.contains("hunter22"), "{masked}");
            assert!(masked.contains(MASK), "{masked}");
        }
    }

    #[test]
    fn what_a_body_held_goes_out_of_sentences_too() {
        let mut mask = mask();
        mask.body(br#"{"password": "hunter22"}"#);
        assert_eq!(
            mask.sentence("password must be short, but is \"hunter22\"."),
            "password must be short, but is \"•••\"."
        );
        mask.next();
        assert_eq!(mask.sentence("hunter22"), "hunter22");
    }

    #[test]
    fn what_cannot_be_read_is_kept_only_without_secrets() {
        assert_eq!(mask().body(br#"{"password": "hunter22""#).text, None);
        assert_eq!(mask().body(b"{\"userName\": \"a\"").text.as_deref(), Some("{\"userName\": \"a\""));
        assert_eq!(mask().body(b"").text, None);
    }

    #[test]
    fn queries_lose_secrets_and_tokens() {
        let mask = mask();
        let token = format!("scim_{}_{}", "a".repeat(12), "b".repeat(49));
        assert_eq!(
            mask.target(&format!("/scim/x/v2/Users?access_token={token}")),
            "/scim/x/v2/Users?access_token=•••"
        );
        assert_eq!(mask.target(&format!("/scim/x/v2/{token}?a=b")), "/scim/x/v2/scim_…?a=b");
        assert_eq!(
            mask.target("/v2/Users?count=1&filter=password%20eq%20%22hunter22%22"),
            "/v2/Users?count=1&filter=password eq \"•••\""
        );
        assert_eq!(mask.target("/v2/Users?filter=password%20eq%20hunter22"), "/v2/Users?filter=•••");
        // A word of ours that looks secret by itself, with a quote behind it.
        let client = format!("scimsecret_{}_{}", "a".repeat(12), "b".repeat(49));
        assert_eq!(
            mask.target(&format!("/v2/Users?filter={client}+eq+%22x%22")),
            "/v2/Users?filter=scimsecret_… eq \"•••\""
        );
        let plain = "/v2/Users?filter=userName%20eq%20%22robertt%22";
        assert_eq!(mask.target(plain), plain);
    }

    #[test]
    fn long_bodies_are_cut_and_say_so() {
        let body = json!({"displayName": "ä".repeat(20_000)}).to_string();
        let masked = mask().body(body.as_bytes()).text.unwrap_or_default();
        assert!(masked.len() <= LONGEST + CUT.len_utf8());
        assert!(masked.ends_with(CUT));
    }
}
