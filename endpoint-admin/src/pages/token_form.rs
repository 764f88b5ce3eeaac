//! The form that issues a token, shared by a new endpoint and the token list.

use endpoint_store::tokens::{Kind, Networks, NewToken, Scope};

use crate::{
    forms::{Errors, Form},
    pages::Choice,
    session::random,
};

const DAY: i64 = 24 * 60 * 60 * 1000;
const EXPIRIES: [(&str, &str, Option<i64>); 4] = [
    ("30", "in 30 days", Some(30)),
    ("90", "in 90 days", Some(90)),
    ("365", "in a year", Some(365)),
    ("never", "never", None),
];
const USUAL: &str = "365";

/// What the form shows.
#[derive(Clone, Debug)]
pub(crate) struct TokenForm {
    /// A random key of this form, so that sending it again issues nothing.
    pub(crate) request_key: String,
    /// What was typed.
    pub(crate) label: String,
    /// Whether it is a client of OAuth.
    pub(crate) client: bool,
    /// Whether the token may write.
    pub(crate) write: bool,
    /// From where it may come, as typed.
    pub(crate) networks: String,
    /// The dates to choose from.
    pub(crate) expiries: Vec<Choice>,
    /// What is wrong.
    pub(crate) errors: Errors,
}

impl TokenForm {
    /// An empty form.
    pub(crate) fn new() -> Self {
        Self {
            request_key: request_key(),
            label: String::new(),
            client: false,
            write: true,
            networks: String::new(),
            expiries: expiries(USUAL),
            errors: Errors::default(),
        }
    }

    /// The form as it was sent, to be corrected.
    pub(crate) fn again(form: &Form, errors: Errors) -> Self {
        Self {
            request_key: request_key(),
            label: form.text("label").to_owned(),
            client: form.text("kind") == "client",
            write: form.text("scope") != "read",
            networks: form.text("networks").to_owned(),
            expiries: expiries(form.text("expires")),
            errors,
        }
    }
}

/// A key for one form.
pub(crate) fn request_key() -> String {
    random().chars().take(32).collect()
}

/// The key that came with a form; one that is no key counts as none.
pub(crate) fn sent_key(form: &Form) -> Option<String> {
    let key = form.text("request_key");
    (key.len() == 32 && key.chars().all(|c| c.is_ascii_alphanumeric())).then(|| key.to_owned())
}

/// The dates to choose from.
pub(crate) fn expiries(chosen: &str) -> Vec<Choice> {
    let known = EXPIRIES.iter().any(|(value, ..)| *value == chosen);
    let chosen = if known { chosen } else { USUAL };
    EXPIRIES.iter().map(|(value, label, _)| Choice::new(value, *label, "", chosen)).collect()
}

/// The token that a form asks for.
pub(crate) fn wanted(form: &Form, label: &str, networks: Networks, now: i64) -> NewToken {
    let asked = form.text("expires");
    let entry = EXPIRIES.iter().find(|(value, ..)| *value == asked);
    let days = entry.map_or(Some(365), |(.., days)| *days);
    NewToken {
        label: label.to_owned(),
        scope: if form.text("scope") == "read" { Scope::Read } else { Scope::Write },
        kind: if form.text("kind") == "client" { Kind::Client } else { Kind::Bearer },
        networks,
        expires_at: days.map(|days| now + days * DAY),
        request_key: sent_key(form),
    }
}
