//! `/endpoints/{endpoint}/tokens`: bearer tokens, shown once.

use endpoint_store::Millis;
use endpoint_store::tokens::{self, Consent, Kind, Networks, NewToken, Scope, Secret, TokenRecord, expiry};
use endpoint_store::usage::Seen;
use scim_core::time::format;
use scim_core::token::{PlainSecret, PlainToken};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::endpoints::{find_live, present};
use super::problem::{Place, Problem};
use super::rotation::RotationView;
use super::route::BASE;
use super::{Exchange, Outcome, Page, Reply};

const DAY: Millis = 24 * 3_600_000;

/// What a token may do.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum TokenScope {
    Read,
    Write,
}

/// What is issued.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum TokenKind {
    /// A token that is sent itself.
    Bearer,
    /// A client of OAuth 2.0, whose secret is exchanged for access tokens.
    Client,
}

/// A new token.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(super) struct NewTokenBody {
    /// What to call it: where it goes.
    #[serde(default)]
    #[schema(required = false, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    label: String,
    /// `write` when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = TokenScope, required = false)]
    scope: Option<TokenScope>,
    /// `bearer` when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = TokenKind, required = false)]
    kind: Option<TokenKind>,
    /// After how many days it ends by itself; never when absent or null.
    #[serde(default, deserialize_with = "whole")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 36500)]
    expires_in_days: Option<i64>,
    /// Addresses and networks such as `192.0.2.0/24` that it may come from; from anywhere when absent or empty.
    #[serde(default)]
    #[schema(required = false, max_items = 50)]
    allowed_networks: Vec<String>,
}

/// What can be changed about a live token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TokenPatch)]
pub(super) struct TokenPatchBody {
    /// Addresses and networks such as `192.0.2.0/24` that it may come from; from anywhere when empty.
    #[schema(max_items = 50)]
    allowed_networks: Vec<String>,
}

/// The list of networks at this place of the body.
fn networks(list: &[String], place: &str) -> Result<Networks, Vec<Place>> {
    let mut wrong = Vec::new();
    for (at, text) in list.iter().enumerate() {
        let pointer = || std::format!("{place}/allowed_networks/{at}");
        match text.parse::<Networks>() {
            Ok(one) if one.list().len() == 1 => {}
            Ok(_) => wrong.push(Place::at(pointer(), "write one address or network in each item")),
            Err(sentence) => wrong.push(Place::at(pointer(), sentence)),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    list.join(",")
        .parse()
        .map_err(|sentence: String| vec![Place::at(std::format!("{place}/allowed_networks"), sentence)])
}

/// A whole number, or null. To JSON Schema `90.0` is one, too.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    let exact = number.map(|number| integer(&number).ok_or(number));
    exact.transpose().map_err(|number| D::Error::custom(format_args!("{number} is no whole number")))
}

/// A number as a whole one, if it is.
pub(super) fn integer(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
        // Of the text, because a cast would cut off what does not fit.
        std::format!("{float:.0}").parse().ok()
    })
}

impl NewTokenBody {
    /// What the store takes; `place` is where it stands in the body.
    ///
    /// # Errors
    /// 422 with the places that are wrong.
    pub(super) fn read(self, place: &str, now: Millis) -> Result<NewToken, Problem> {
        let mut wrong = Vec::new();
        if self.label.chars().count() > 100 || self.label.chars().any(char::is_control) {
            let detail = "the label may have at most 100 characters, on one line";
            wrong.push(Place::at(format!("{place}/label"), detail));
        }
        if self.expires_in_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            let detail = "a token lives for 1 to 36500 days, or for ever without a number";
            wrong.push(Place::at(format!("{place}/expires_in_days"), detail));
        }
        let networks = networks(&self.allowed_networks, place).unwrap_or_else(|places| {
            wrong.extend(places);
            Networks::default()
        });
        if !wrong.is_empty() {
            return Err(Problem::unprocessable(wrong));
        }
        let scope = match self.scope {
            Some(TokenScope::Read) => Scope::Read,
            Some(TokenScope::Write) | None => Scope::Write,
        };
        let expires_at = self.expires_in_days.map(|days| now + days * DAY);
        let label = self.label.trim().to_owned();
        let kind = match self.kind {
            Some(TokenKind::Client) => Kind::Client,
            Some(TokenKind::Bearer) | None => Kind::Bearer,
        };
        Ok(NewToken { label, kind, scope, networks, expires_at, request_key: None })
    }
}

/// The last use of a token or a key.
#[derive(Serialize, ToSchema)]
pub(super) struct UseView {
    #[schema(format = DateTime)]
    at: String,
    address: String,
    agent: String,
    /// Method and path.
    request: String,
}

impl UseView {
    pub(super) fn new(seen: &Seen) -> Self {
        Self {
            at: format(seen.at),
            address: seen.address.clone(),
            agent: seen.agent.clone(),
            request: seen.request.clone(),
        }
    }
}

/// Attempts with a token since it ended.
#[derive(Serialize, ToSchema)]
pub(super) struct TriesView {
    times: i64,
    last: UseView,
}

/// All that is known of a token but its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenView {
    /// Public; a part of the token. Of a client it is the client id.
    id: String,
    label: String,
    /// `bearer`, or `client` for OAuth 2.0 client credentials.
    kind: &'static str,
    /// `read` or `write`.
    scope: &'static str,
    /// Where it may come from; from anywhere when empty.
    allowed_networks: Vec<String>,
    /// `new`, `active`, `retiring`, `retired`, `expired` or `revoked`.
    state: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// It ends within so many days: 60, 30, 14, 7 or 1. Null before, and for one that is not live.
    expires_within_days: Option<i64>,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    revoked_by: Option<String>,
    /// Requests that it opened, at most a second behind.
    requests: i64,
    /// Those of the last 24 hours.
    requests_24h: i64,
    #[schema(format = DateTime)]
    first_used_at: Option<String>,
    first_used: Option<UseView>,
    last_used: Option<UseView>,
    /// Attempts with it since it was revoked, retired or expired.
    tries_since_end: Option<TriesView>,
    /// How far its replacement is, if it is or was replaced.
    rotation: Option<RotationView>,
}

impl TokenView {
    pub(super) fn new(token: &TokenRecord, now: Millis) -> Self {
        let live = token.state(now).is_live();
        let end = token.expires_at.filter(|_| live);
        let tries = token.tries.as_ref().filter(|_| !live);
        Self {
            id: token.id.clone(),
            label: token.label.clone(),
            kind: token.kind.as_str(),
            scope: token.scope.as_str(),
            allowed_networks: token.networks.list(),
            expires_within_days: end.and_then(|end| expiry::warning(token.created_at, end, now)),
            requests_24h: token.in_day(now),
            first_used: token.first_used.as_ref().map(UseView::new),
            tries_since_end: tries.map(|t| TriesView { times: t.times, last: UseView::new(&t.last) }),
            state: token.state(now).as_str(),
            created_at: format(token.created_at),
            created_by: token.created_by.clone(),
            expires_at: token.expires_at.map(format),
            revoked_at: token.revoked_at.map(format),
            revoked_by: token.revoked_by.clone(),
            requests: token.requests,
            first_used_at: token.first_used.as_ref().map(|used| format(used.at)),
            last_used: token.last_used.as_ref().map(UseView::new),
            rotation: RotationView::of(token, now),
        }
    }
}

/// A token that was issued.
#[derive(Serialize, ToSchema)]
pub(super) struct IssuedToken {
    #[serde(flatten)]
    token: TokenView,
    /// The bearer token or client secret, shown this once; null when this request had issued it before.
    secret: Option<String>,
}

impl IssuedToken {
    pub(super) fn new(token: &TokenRecord, secret: Option<&Secret>, now: Millis) -> Self {
        let secret = secret.map(|secret| secret.reveal().to_owned());
        Self { token: TokenView::new(token, now), secret }
    }
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let id = x.endpoint()?.id.clone();
    let all = x.read(move |conn| tokens::list(conn, &id)).await?;
    Reply::json(&Page::whole(all.iter().map(|token| TokenView::new(token, x.now))))
}

pub(super) async fn issue(x: &Exchange) -> Outcome {
    let new = x.body::<NewTokenBody>()?.read("", x.now)?;
    let (named, actor, now) = (x.segment("endpoint").to_owned(), x.actor(), x.now);
    let (endpoint, secret, record) = x
        .once(move |tx, before| {
            let endpoint = find_live(tx, &named)?;
            let (secret, record) = match before {
                Some(made) => (None, tokens::get(tx, &endpoint.id, made)?),
                None => {
                    let (secret, record) = tokens::issue(tx, &endpoint.id, &new, &actor, now)?;
                    (Some(secret), record)
                }
            };
            let id = record.id.clone();
            Ok(((endpoint, secret, record), id))
        })
        .await?;
    let location = format!("{BASE}/endpoints/{}/tokens/{}", endpoint.id.as_str(), record.id);
    let reply = Reply::json(&IssuedToken::new(&record, secret.as_ref(), x.now))?;
    Ok(if secret.is_some() { reply.made_at(location) } else { reply })
}

/// The token of the path. Somebody who holds the whole token may put it where its id belongs.
pub(super) fn id_of(x: &Exchange) -> String {
    let token = x.segment("token").to_owned();
    match (PlainToken::parse(&token), PlainSecret::parse(&token)) {
        (Ok(plain), _) => plain.id().to_owned(),
        (_, Ok(plain)) => plain.id().to_owned(),
        _ => token,
    }
}

/// What was said about closing a token in use.
pub(super) fn consent(x: &Exchange) -> Consent {
    x.query.get("confirm").map_or(Consent::Unsaid, |label| Consent::Label(label.to_owned()))
}

pub(super) async fn patch(x: &Exchange) -> Outcome {
    let networks =
        networks(&x.body::<TokenPatchBody>()?.allowed_networks, "").map_err(Problem::unprocessable)?;
    let (named, token, consent) = (x.segment("endpoint").to_owned(), id_of(x), consent(x));
    let (actor, now) = (x.actor(), x.now);
    let record = x
        .write(move |tx| {
            let endpoint = find_live(tx, &named)?;
            tokens::set_networks(tx, &endpoint.id, &token, &networks, &consent, &actor, now)
        })
        .await?;
    Reply::json(&TokenView::new(&record, now))
}

pub(super) async fn revoke(x: &Exchange) -> Outcome {
    let (named, token, consent) = (x.segment("endpoint").to_owned(), id_of(x), consent(x));
    let (actor, now) = (x.actor(), x.now);
    x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        let record = tokens::get(tx, &endpoint.id, &token)?;
        if record.revoked_at.is_some() {
            // It is as it is wanted: asking again is no mistake.
            return Ok(record);
        }
        tokens::revoke(tx, &endpoint.id, &token, &consent, &actor, now)
    })
    .await?;
    Reply::done()
}
