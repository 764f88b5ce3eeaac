//! Attempts that were turned away, explained where the administrator looks for them: what came,
//! and what exactly to do about it.

use endpoint_store::{
    settings::Idp,
    usage::{Cause, Refusal},
};

use crate::{
    guides::Guide,
    ui::{Num, When},
};

/// Attempts are shown for a week, in milliseconds.
pub(crate) const SHOWN: i64 = 7 * 24 * 60 * 60 * 1000;
const RECENT: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * RECENT;

/// One kind of attempt.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What came.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) fix: String,
    /// How often.
    pub(crate) times: String,
    /// When last.
    pub(crate) last: When,
    /// From which address.
    pub(crate) address: String,
    /// The `User-Agent`.
    pub(crate) agent: String,
    /// Method and path.
    pub(crate) request: String,
}

/// What an explanation names.
pub(crate) struct Around<'a> {
    /// The SCIM base URL of this endpoint.
    pub(crate) base_url: &'a str,
    /// The identity provider's field for the base URL.
    pub(crate) url_field: &'a str,
    /// Its field for the token.
    pub(crate) token_field: &'a str,
    /// Where address and path of the attempt stand.
    pub(crate) shown: &'static str,
    /// The token's label or its endpoint's name, by public id.
    pub(crate) names: &'a dyn Fn(&str) -> Option<String>,
}

/// Whether an attempt still matters: it came after the last good call, or within the hour. Whoever uses a dead token
/// is not helped by the good calls of others, so that matters for a day.
pub(crate) fn matters(cause: Cause, at: i64, last_heard: Option<i64>, now: i64) -> bool {
    let age = now.saturating_sub(at);
    if cause == Cause::AccessExpired && last_heard.is_some_and(|heard| heard > at) {
        return false;
    }
    let recent = if cause.is_dead() || cause == Cause::ForeignAddress { DAY } else { RECENT };
    age < recent || (age < SHOWN && last_heard.is_none_or(|heard| at > heard))
}

/// What came and what to do about it, for a page that knows no more than the endpoint.
pub(crate) fn headline(cause: Cause, label: Option<&str>, base_url: &str, idp: Idp) -> (String, String) {
    let (url_field, token_field) = Guide::fields(idp);
    let around = Around { base_url, url_field, token_field, shown: "on Connect", names: &|_| None };
    // The label is that of another endpoint's token then.
    let label = label.filter(|_| cause != Cause::OtherEndpoint).map(str::to_owned);
    explain(cause, false, label, &around)
}

impl Failure {
    /// The explanation.
    pub(crate) fn new(refusal: Refusal, around: &Around<'_>, now: i64) -> Self {
        let (what, fix) = explain(refusal.cause, refusal.strayed, (around.names)(&refusal.token_id), around);
        Self {
            what,
            fix,
            times: Num::of(refusal.attempts).with("time", "times"),
            last: When::new(refusal.last.at, now),
            address: refusal.last.address,
            agent: refusal.last.agent,
            request: refusal.last.request,
        }
    }
}

fn explain(cause: Cause, strayed: bool, token: Option<String>, around: &Around<'_>) -> (String, String) {
    let Around { base_url, url_field, token_field, shown, .. } = around;
    let named = token.as_ref().map_or_else(|| "a token".to_owned(), |label| format!("the token “{label}”"));
    match cause {
        Cause::NoToken => (
            "A call came without a token".to_owned(),
            format!(
                "Paste the token into “{token_field}” and save. If you opened the address in a browser, this was you, and all is well."
            ),
        ),
        Cause::NoBearer => (
            match &token {
                Some(label) => format!("The token “{label}” came without the word “Bearer”"),
                None => "A token came without the word “Bearer”".to_owned(),
            },
            format!(
                "The header must read “Authorization: Bearer scim_…”. Paste the token into “{token_field}”, choose bearer token as the way to authenticate, and remove an Authorization line of your own from the custom headers."
            ),
        ),
        Cause::Malformed => (
            "What came is no token of ours".to_owned(),
            format!(
                "Ours begin with “scim_”. Clear “{token_field}” and paste the token whole; issue another if it is lost."
            ),
        ),
        Cause::Mistyped => (
            match &token {
                Some(label) => format!("The token “{label}” is cut off or mistyped"),
                None => "The token is cut off or mistyped".to_owned(),
            },
            format!(
                "Its last six characters check the rest, and they do not fit. Paste it again with the copy button, without blanks, into “{token_field}”."
            ),
        ),
        Cause::UnknownToken => (
            "A token came that was never issued here".to_owned(),
            format!(
                "It has the right form, so it is probably from another installation. Issue one here and paste it into “{token_field}”."
            ),
        ),
        Cause::OtherEndpoint if strayed => (
            format!("{} came to the address of another endpoint", upper(&named)),
            format!("“{url_field}” must be exactly {base_url}. The path that was called stands {shown}."),
        ),
        Cause::OtherEndpoint => (
            token.map_or_else(
                || "Another endpoint's token came".to_owned(),
                |name| format!("The token of the endpoint “{name}” came"),
            ),
            format!(
                "Address and token belong to different endpoints. Paste this endpoint's token into “{token_field}”, or the other endpoint's address into “{url_field}”."
            ),
        ),
        Cause::Revoked => (
            format!("{} was revoked and is still in use", upper(&named)),
            format!("Issue another and paste it into “{token_field}”; the revoked one stays closed."),
        ),
        Cause::Retired => (
            format!("{} was replaced and retired, and is still in use", upper(&named)),
            format!(
                "Paste the token that took its place into “{token_field}”. Within 24 hours after it retired it can be opened again: under Tokens, below the live ones."
            ),
        ),
        Cause::Expired => (
            format!("{} has expired", upper(&named)),
            format!("Issue another and paste it into “{token_field}”."),
        ),
        Cause::ForeignAddress => (
            format!("{} came from an address that it may not come from", upper(&named)),
            format!("The address stands {shown}. If it is the identity provider's, add it under Tokens, where it says where the token may come from; if nobody knows it, the token has leaked: rotate it."),
        ),
        Cause::ClientSecret => (
            match &token {
                Some(label) => format!("The secret of the client “{label}” came as if it were a token"),
                None => "A client secret came as if it were a token".to_owned(),
            },
            "It is exchanged for access tokens first: choose OAuth 2.0 client credentials as the way to authenticate, with the token URL under Tokens. Or issue a bearer token, which is sent itself.".to_owned(),
        ),
        Cause::AccessExpired => (
            "An access token came after its hour".to_owned(),
            "The provider fetches another one by itself; if it does not, its token URL is wrong.".to_owned(),
        ),
        Cause::Flood => (
            "One address sends wrong tokens without end, and was told to wait".to_owned(),
            format!("What came is explained by the other attempts. Stop what runs at the address that stands {shown}, or correct its token; good tokens that were used from there before still work."),
        ),
        Cause::UnknownEndpoint => (
            "A good token came to an address where no endpoint is".to_owned(),
            format!("“{url_field}” must be exactly {base_url}"),
        ),
        Cause::MisspeltEndpoint => (
            "Calls come to an address that is almost this one, where no endpoint is".to_owned(),
            format!("“{url_field}” must be exactly {base_url}. Compare it letter by letter with the path that stands {shown}."),
        ),
        Cause::MissingVersion => (
            "The address lacks /v2 at its end".to_owned(),
            format!("“{url_field}” must be exactly {base_url} — the provider itself adds /Users and /Groups."),
        ),
        Cause::WrongPath => (
            "A call with a good token went to a wrong path".to_owned(),
            format!(
                "“{url_field}” must be exactly {base_url} — the provider itself adds /Users and /Groups. The path that was called stands {shown}."
            ),
        ),
        Cause::ReadOnly => (
            format!("{} may only read, and tried to write", upper(&named)),
            format!("Issue a token that may read and write, and paste it into “{token_field}”."),
        ),
    }
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
