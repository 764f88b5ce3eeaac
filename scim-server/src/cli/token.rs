//! `scim-server token`: bearer tokens of endpoints.

use clap::{Args, Subcommand};
use endpoint_store::caller::Actor;
use endpoint_store::rotation::Plan;
use endpoint_store::tokens::{self, Consent, NewToken, Scope, TokenRecord};
use endpoint_store::{Millis, StoreError};
use scim_core::token::PlainToken;
use serde_json::{Value, json};

use super::output::{Answer, clean, count, fields, moment, table, time};
use super::{Context, Failure, Format, SHOWN_ONCE, Which, find, find_live, rotation};

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;
/// The longest life that a token may be given.
const LONGEST: Millis = 100 * 365 * DAY;

/// Options and commands.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Issue a token; it is shown once
    Issue {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// What to call it
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
        /// What it may do: read, or write (everything)
        #[arg(long, default_value = "write")]
        scope: Scope,
        /// When it ends by itself: 90m, 12h, 365d, 52w, or never
        #[arg(long, value_name = "TIME", default_value = "never", value_parser = lifetime)]
        expires_in: Lifetime,
    },
    /// List the tokens of an endpoint, dead ones too
    List(Which),
    /// Replace a token: issue a new one; the old one retires when nobody uses it any more
    Rotate {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// Id of the token to replace; needed when several are live
        #[arg(long, value_name = "ID")]
        token: Option<String>,
        /// What to call the new one; without it, the old one's label with the day
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
        /// The old one retires when it has not been used for this long: 90m, 24h, 7d
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = length)]
        overlap: Millis,
        /// It retires after this long although it is used: 12h, 30d, or never
        #[arg(long, value_name = "TIME", default_value = "never", value_parser = lifetime)]
        at_most: Lifetime,
    },
    /// End a rotation: the old token stays as it was, and so does the new one
    CancelRotation {
        /// Id of the old token or of the new one
        token_id: String,
    },
    /// Retire a token that is being replaced now, without waiting until it is silent
    Retire {
        /// Id of the token, as `token list` shows it
        token_id: String,
        /// Retire it even if it was used within the last hour
        #[arg(long)]
        yes: bool,
    },
    /// Open a token again that retired within the last 24 hours
    Unretire {
        /// Id of the token, as `token list` shows it
        token_id: String,
    },
    /// End a token for good, from the next request on
    Revoke {
        /// Id of the token, as `token list` shows it
        token_id: String,
        /// Revoke it even if it was used within the last hour
        #[arg(long)]
        yes: bool,
    },
}

/// How long a token lives; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(Option<Millis>);

impl Lifetime {
    /// When it ends, beginning now.
    pub(super) fn end(self, now: Millis) -> Option<Millis> {
        self.0.map(|length| now.saturating_add(length))
    }
}

/// Reads `90m`, `12h`, `365d`, `52w` or `never`.
pub(super) fn lifetime(text: &str) -> Result<Lifetime, String> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    let units = [("m", MINUTE), ("h", HOUR), ("d", DAY), ("w", 7 * DAY)];
    let length = units.iter().find_map(|(unit, length)| {
        let number = text.strip_suffix(unit).filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?;
        number.parse::<Millis>().ok()?.checked_mul(*length)
    });
    match length {
        Some(length) if (1..=LONGEST).contains(&length) => Ok(Lifetime(Some(length))),
        Some(_) => Err("a token lives for at least a minute and at most 36500d, or write never".into()),
        None => Err(format!(
            "`{text}` is no time; write a number with m (minutes), h, d or w, for example 365d, or never"
        )),
    }
}

/// Reads `90m`, `24h` or `7d`.
pub(super) fn length(text: &str) -> Result<Millis, String> {
    let length = lifetime(text).ok().and_then(|lifetime| lifetime.0);
    length.ok_or_else(|| {
        format!("`{text}` is no time; write a number with m (minutes), h, d or w, for example 24h")
    })
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: TokenCommand, cx: &Context) -> Result<Answer, Failure> {
    match command {
        TokenCommand::Issue { which, label, scope, expires_in } => {
            let expires_at = expires_in.end(cx.now);
            issue(cx, which, NewToken { label, scope, expires_at, request_key: None }).await
        }
        TokenCommand::List(which) => list(cx, which).await,
        TokenCommand::Rotate { which, token, label, overlap, at_most } => {
            let (token, retire_at) = (token.map(id_of), at_most.end(cx.now));
            let plan = Plan { token, label, quiet_for: overlap, retire_at, request_key: None };
            rotation::rotate(cx, which, plan).await
        }
        TokenCommand::CancelRotation { token_id } => rotation::cancel(cx, id_of(token_id)).await,
        TokenCommand::Retire { token_id, yes } => rotation::retire(cx, id_of(token_id), yes).await,
        TokenCommand::Unretire { token_id } => rotation::unretire(cx, id_of(token_id)).await,
        TokenCommand::Revoke { token_id, yes } => revoke(cx, id_of(token_id), yes).await,
    }
}

/// Somebody who holds the whole token may paste it where its id belongs.
fn id_of(text: String) -> String {
    PlainToken::parse(&text).map_or(text, |token| token.id().to_owned())
}

async fn issue(cx: &Context, which: Which, new: NewToken) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, (secret, token)) = cx
        .write(move |tx| {
            let endpoint = find_live(tx, &which.endpoint)?;
            Ok((endpoint.slug, tokens::issue(tx, &endpoint.id, &new, &Actor::cli(), now)?))
        })
        .await?;
    let json = json!({
        "id": token.id,
        "secret": secret.reveal(),
        "label": token.label,
        "scope": token.scope.as_str(),
        "endpoint": slug,
        "created_at": time(Some(token.created_at)),
        "expires_at": time(token.expires_at),
    });
    let values = [
        ("SCIM Base URL", cx.config.base_url(&slug)),
        ("SCIM Bearer Token", secret.reveal().to_owned()),
        ("Token id", token.id.clone()),
        ("Scope", token.scope.as_str().to_owned()),
        ("Expires", expiry(&token, now)),
    ];
    let title = format!("Token “{}” of endpoint `{slug}` is issued.", clean(&token.label));
    Ok(Answer { json, text: format!("{title}\n\n{}\n\n{SHOWN_ONCE}", fields(&values)) })
}

pub(super) fn expiry(token: &TokenRecord, now: Millis) -> String {
    token.expires_at.map_or_else(|| "never".to_owned(), |at| moment(Some(at), now))
}

async fn list(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let (slug, tokens) = cx
        .read(move |conn| {
            let endpoint = find(conn, &which.endpoint)?;
            Ok((endpoint.slug, tokens::list(conn, &endpoint.id)?))
        })
        .await?;
    let rows: Vec<[String; 8]> = tokens
        .iter()
        .map(|t| {
            [
                t.id.clone(),
                t.label.clone(),
                t.state(cx.now).as_str().to_owned(),
                t.scope.as_str().to_owned(),
                moment(Some(t.created_at), cx.now),
                expiry(t, cx.now),
                t.requests.to_string(),
                moment(t.last_used.as_ref().map(|used| used.at), cx.now),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        format!("Endpoint `{slug}` has no token; `token issue {slug}` issues one.")
    } else {
        table(["ID", "LABEL", "STATE", "SCOPE", "MADE", "EXPIRES", "REQUESTS", "LAST USED"], &rows)
    };
    let records: Vec<Value> = tokens.iter().map(|t| record(t, &slug, cx.now)).collect();
    Ok(Answer { json: json!({ "tokens": records }), text })
}

pub(super) fn record(token: &TokenRecord, slug: &str, now: Millis) -> Value {
    json!({
        "id": token.id,
        "label": token.label,
        "scope": token.scope.as_str(),
        "state": token.state(now).as_str(),
        "endpoint": slug,
        "created_at": time(Some(token.created_at)),
        "created_by": token.created_by,
        "expires_at": time(token.expires_at),
        "revoked_at": time(token.revoked_at),
        "revoked_by": token.revoked_by,
        "rotation": token.rotation.as_ref().map(|rotation| json!({
            "successor": rotation.successor,
            "began_at": time(Some(rotation.began_at)),
            "began_by": rotation.began_by,
            "overlap_seconds": rotation.quiet_for / 1000,
            "retire_at": time(rotation.retire_at),
            "retires_at": time(token.retires_at(now)),
            "requests_since": token.requests_since_rotation(),
            "retired_at": time(token.retired_at(now)),
            "retired_by": rotation.retired_by,
            "undo_until": time(token.undo_until(now)),
        })),
        "requests": token.requests,
        "first_used_at": time(token.first_used_at),
        "last_used_at": time(token.last_used.as_ref().map(|used| used.at)),
        "last_used": token.last_used.as_ref().map(|used| json!({
            "at": time(Some(used.at)),
            "address": used.address,
            "agent": used.agent,
            "request": used.request,
        })),
    })
}

async fn revoke(cx: &Context, id: String, yes: bool) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, token) = cx
        .write(move |tx| {
            let owner = tokens::endpoint_of(tx, &id)?;
            let endpoint = find(tx, owner.as_str())?;
            let consent = if yes { Consent::Insists } else { Consent::Unsaid };
            let revoked = tokens::revoke(tx, &owner, &id, &consent, &Actor::cli(), now);
            let token = revoked.map_err(|error| match error {
                StoreError::InUse(token) => StoreError::refused(busy(&token, &endpoint.slug, "revoke", now)),
                other => other,
            })?;
            Ok((endpoint.slug, token))
        })
        .await?;
    let text = format!(
        "Token `{}` (“{}”) of endpoint `{slug}` is revoked; it {}.",
        token.id,
        clean(&token.label),
        past(&token, now)
    );
    Ok(Answer { json: record(&token, &slug, now), text })
}

pub(super) fn busy(token: &TokenRecord, slug: &str, verb: &str, now: Millis) -> String {
    format!(
        "token `{}` (“{}”) of endpoint `{slug}` is in use: it {}; whatever sends them would fail at once, so give \
         that a new token first (`token issue {slug}`), or {verb} this one all the same with --yes",
        token.id,
        token.label,
        past(token, now)
    )
}

/// What a token has done so far.
pub(super) fn past(token: &TokenRecord, now: Millis) -> String {
    match &token.last_used {
        None => "was never used".to_owned(),
        Some(used) => format!(
            "opened {}, the last {} from {}",
            count(token.requests, "request"),
            moment(Some(used.at), now),
            if used.address.is_empty() { "an unknown address".to_owned() } else { clean(&used.address) }
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use endpoint_store::settings::Idp;
    use endpoint_store::usage::Seen;

    use super::*;
    use crate::cli::endpoint::{self, EndpointCommand};
    use crate::config::{Common, Config, ServeFlags};

    /// A context on a database of its own, with one endpoint, and what its making answered.
    async fn furnished(folder: &std::path::Path) -> (Context, Value) {
        let database = Some(format!("sqlite:{}", folder.join("scim.db").display()));
        let common = Common { database, ..Common::default() };
        let config = Config::load(&common, &ServeFlags::default(), &|_| None).unwrap();
        let cx = Context::open(config).unwrap();
        let create = EndpointCommand::Create { name: "One".into(), idp: Idp::OneLogin, tenant: None };
        let made = endpoint::run(create, &cx).await.unwrap().json;
        (cx, made)
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[tokio::test]
    async fn making_an_endpoint_answers_with_its_first_token() {
        let folder = tempfile::tempdir().unwrap();
        let (_, made) = furnished(folder.path()).await;
        assert_eq!(keys(&made), ["id", "slug", "name", "tenant", "idp", "status", "base_url", "token"]);
        let token = made.get("token").unwrap();
        assert_eq!(keys(token), ["id", "secret", "label", "expires_at"]);
        assert!(PlainToken::parse(token.get("secret").and_then(Value::as_str).unwrap()).is_ok());
    }

    #[tokio::test]
    async fn a_token_in_use_is_revoked_only_by_insistence() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, made) = furnished(folder.path()).await;
        let token = |part: &str| made.pointer(&format!("/token/{part}")).and_then(Value::as_str).unwrap();
        let revoke =
            |token_id: &str, yes| run(TokenCommand::Revoke { token_id: token_id.to_owned(), yes }, &cx);
        let seen =
            Seen { at: cx.now, address: "10.0.0.7".into(), agent: String::new(), request: "GET /".into() };
        cx.store.usage().used(token("id"), seen);
        cx.store.flush_usage().await.unwrap();

        let refusal = revoke(token("id"), false).await.unwrap_err().to_string();
        for part in ["first token", "1 request,", "from 10.0.0.7", "just now", "--yes"] {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
        let done = revoke(token("secret"), true).await.unwrap();
        assert_eq!(done.json.get("state"), Some(&json!("revoked")));
        assert!(revoke(token("id"), true).await.is_err(), "a second time");
    }

    #[tokio::test]
    async fn a_token_that_was_never_used_is_revoked_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, made) = furnished(folder.path()).await;
        let token_id = made.pointer("/token/id").and_then(Value::as_str).unwrap().to_owned();
        let done = run(TokenCommand::Revoke { token_id, yes: false }, &cx).await.unwrap();
        assert!(done.text.contains("was never used"), "{}", done.text);
    }

    #[test]
    fn lifetimes_are_numbers_with_units() {
        let known = [
            ("never", None),
            ("90m", Some(90 * MINUTE)),
            ("12h", Some(12 * HOUR)),
            ("365d", Some(365 * DAY)),
            ("52w", Some(364 * DAY)),
            ("36500d", Some(36_500 * DAY)),
        ];
        for (text, length) in known {
            assert_eq!(lifetime(text), Ok(Lifetime(length)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_an_example() {
        for text in
            ["", "d", "365", "1y", "-1d", "+1d", "1.5d", "1 d", "0d", "36501d", "Never", "99999999999999999d"]
        {
            assert!(lifetime(text).is_err_and(|why| why.contains("never")), "{text}");
        }
    }
}
