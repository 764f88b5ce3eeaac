//! `scim-server oauth client`: clients of OAuth 2.0 (client credentials) in place of bearer tokens.
//!
//! A client lives as a token does: it has label, scope, networks and expiry, is rotated and revoked, and counts among the
//! five that an endpoint may have. `token list`, `token allow` and what belongs to a rotation take its id, too.

use clap::{Args, Subcommand};
use endpoint_store::caller::Actor;
use endpoint_store::rotation::{self, Plan};
use endpoint_store::tokens::{self, Kind, Networks, NewToken, Scope, Secret, TokenRecord, TokenState};
use endpoint_store::{Conn, EndpointId, Millis, StoreError};
use serde_json::{Value, json};

use super::output::{Answer, clean, fields, time};
use super::token::{Lifetime, expiry, id_of, length, lifetime, revoke};
use super::{Context, Failure, Format, Which, find_live, telemetry};

const SHOWN_ONCE: &str =
    "The secret is shown now and never again: only a digest of it is kept. Copy it to where it belongs.";

/// Options and commands.
#[derive(Debug, Args)]
pub struct OauthArgs {
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: OauthCommand,
}

/// What there is of OAuth.
#[derive(Debug, Subcommand)]
pub enum OauthCommand {
    /// Clients, which exchange their secret for access tokens of an hour
    #[command(subcommand)]
    Client(ClientCommand),
}

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Make a client; its secret is shown once
    Add {
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
        /// Addresses and networks that it may come from, with commas between them: 192.0.2.0/24,2001:db8::7
        #[arg(long, value_name = "NETWORKS", default_value = "any", hide_default_value = true)]
        allow_from: Networks,
    },
    /// List the clients of an endpoint, dead ones too
    List(Which),
    /// Replace a client: make a new one with its own secret; the old one retires when nobody uses it any more
    Rotate {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// Id of the client to replace; needed when there are several
        #[arg(long, value_name = "ID")]
        client: Option<String>,
        /// The old one retires when it has not been used for this long: 90m, 24h, 7d
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = length)]
        overlap: Millis,
    },
    /// End a client and its access tokens for good, from the next request on
    Revoke {
        /// Id of the client, as `oauth client list` shows it
        client_id: String,
        /// Revoke it even if it was used within the last hour
        #[arg(long)]
        yes: bool,
    },
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: OauthCommand, cx: &Context) -> Result<Answer, Failure> {
    let OauthCommand::Client(command) = command;
    match command {
        ClientCommand::Add { which, label, scope, expires_in, allow_from: networks } => {
            let expires_at = expires_in.end(cx.now);
            let new = NewToken { label, kind: Kind::Client, scope, networks, expires_at, request_key: None };
            add(cx, which, new).await
        }
        ClientCommand::List(which) => telemetry::list(cx, which, Some(Kind::Client)).await,
        ClientCommand::Rotate { which, client, overlap } => {
            rotate(cx, which, client.map(id_of), overlap).await
        }
        ClientCommand::Revoke { client_id, yes } => revoke(cx, id_of(client_id), yes).await,
    }
}

async fn add(cx: &Context, which: Which, new: NewToken) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, (secret, client)) = cx
        .write(move |tx| {
            let endpoint = find_live(tx, &which.endpoint)?;
            Ok((endpoint.slug, tokens::issue(tx, &endpoint.id, &new, &Actor::cli(), now)?))
        })
        .await?;
    let (json, values) = shown(cx, &slug, &secret, &client);
    let title = format!("Client “{}” of endpoint `{slug}` is made.", clean(&client.label));
    Ok(Answer { json, text: format!("{title}\n\n{}\n\n{SHOWN_ONCE}", fields(&values)) })
}

type Values = Vec<(&'static str, String)>;

fn shown(cx: &Context, slug: &str, secret: &Secret, client: &TokenRecord) -> (Value, Values) {
    let base = cx.config.base_url(slug);
    let issuer = base.strip_suffix("/v2").unwrap_or(&base);
    let token_url = format!("{issuer}/oauth/token");
    let json = json!({
        "client_id": client.id,
        "client_secret": secret.reveal(),
        "token_url": token_url,
        "issuer": issuer,
        "label": client.label,
        "scope": client.scope.as_str(),
        "endpoint": slug,
        "created_at": time(Some(client.created_at)),
        "expires_at": time(client.expires_at),
    });
    let values = vec![
        ("SCIM Base URL", base.clone()),
        ("Token URL", token_url),
        ("Client ID", client.id.clone()),
        ("Client Secret", secret.reveal().to_owned()),
        ("Expires", expiry(client, cx.now)),
    ];
    (json, values)
}

async fn rotate(
    cx: &Context,
    which: Which,
    client: Option<String>,
    overlap: Millis,
) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, done) = cx
        .write(move |tx| {
            let endpoint = find_live(tx, &which.endpoint)?;
            let old = the_client(tx, &endpoint.id, client.as_deref(), now)?;
            let plan = Plan {
                token: Some(old),
                label: String::new(),
                quiet_for: overlap,
                retire_at: None,
                request_key: None,
            };
            Ok((endpoint.slug, rotation::rotate(tx, &endpoint.id, &plan, &Actor::cli(), now)?))
        })
        .await?;
    let (mut json, values) = shown(cx, &slug, &done.secret, &done.token);
    if let Some(map) = json.as_object_mut() {
        map.insert("retiring".to_owned(), telemetry::record(&done.retiring, &slug, now));
    }
    let title = format!("Client “{}” of endpoint `{slug}` is made.", clean(&done.token.label));
    let old = format!(
        "The old client `{}` (“{}”) still works, and retires when it has not been used for the overlap. `oauth client \
         list {slug}` shows who uses which; `token cancel-rotation {}` keeps the old one.",
        done.retiring.id,
        clean(&done.retiring.label),
        done.retiring.id
    );
    Ok(Answer { json, text: format!("{title}\n\n{}\n\n{SHOWN_ONCE}\n\n{old}", fields(&values)) })
}

/// The id of the client to replace: the one that is named, or the only one.
fn the_client(
    conn: &mut Conn,
    endpoint: &EndpointId,
    named: Option<&str>,
    now: Millis,
) -> Result<String, StoreError> {
    let mut all = tokens::list(conn, endpoint)?;
    all.retain(|token| token.kind == Kind::Client);
    if let Some(id) = named {
        let found = all.iter().find(|client| client.id == id);
        return found.map(|client| client.id.clone()).ok_or_else(|| {
            StoreError::NotFound(format!(
                "this endpoint has no client `{id}`; `oauth client list` shows them"
            ))
        });
    }
    all.retain(|client| matches!(client.state(now), TokenState::New | TokenState::Active));
    match all.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(StoreError::refused("this endpoint has no live client; `oauth client add` makes one")),
        several => {
            let ids: Vec<String> = several.iter().map(|client| format!("`{}`", client.id)).collect();
            let ids = ids.join(", ");
            Err(StoreError::refused(format!(
                "this endpoint has several clients: {ids}; name one with --client"
            )))
        }
    }
}
