//! `scim-server webhook`: where events of an endpoint are sent to.

use std::sync::Arc;

use clap::{Args, Subcommand};
use endpoint_store::caller::Actor;
use endpoint_store::webhooks::log::{self, Again, Delivery, State};
use endpoint_store::webhooks::{self, Address, Changes, Kind, NewWebhook, Scope, Shown, Webhook};
use endpoint_store::{Conn, Endpoint, Millis, StoreError};
use endpoint_targets::webhook::{self as sending, Sender};
use serde_json::{Value, json};

use super::output::{Answer, count, fields, moment, table};
use super::{Context, Failure, Format, Which, find_live};
use crate::api::{DeliveryView, WebhookView};

/// Options and commands.
#[derive(Debug, Args)]
pub struct WebhookArgs {
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: WebhookCommand,
}

/// Names one webhook of an endpoint.
#[derive(Debug, Args)]
pub struct Which1 {
    /// The endpoint.
    #[command(flatten)]
    pub which: Which,
    /// Id of the webhook, as `webhook list` shows it; not needed when there is one only
    #[arg(value_name = "WEBHOOK_ID")]
    pub webhook: Option<String>,
}

/// What can be done with webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhookCommand {
    /// Add a webhook; what its receiver checks signatures with is shown once
    Add {
        /// The endpoint.
        #[command(flatten)]
        which: Which,
        /// Where to: https://… at a public address
        #[arg(long, value_name = "URL")]
        url: String,
        /// What to call it; without it, the host
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
        /// Which events, with commas between: user.created, user.*; without it, all
        #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
        types: Vec<String>,
        /// Send the events of every endpoint of this endpoint's tenant, also of later ones
        #[arg(long)]
        for_tenant: bool,
        /// Sign with a key pair (Ed25519) in place of a shared secret
        #[arg(long)]
        ed25519: bool,
    },
    /// List the webhooks that send events of an endpoint
    List(Which),
    /// Change where a webhook sends to, which events, or its label
    Set {
        /// Which one.
        #[command(flatten)]
        which: Which1,
        /// Where to
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// What to call it
        #[arg(long)]
        label: Option<String>,
        /// Which events, with commas between; `*` for all
        #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
        types: Option<Vec<String>>,
    },
    /// Send a test at once; exit code 1 when it does not arrive
    Test(Which1),
    /// Replace what it signs with: old and new sign side by side for 24 hours
    Rotate {
        /// Which one.
        #[command(flatten)]
        which: Which1,
        /// Sign with a key pair (Ed25519) from now on
        #[arg(long, conflicts_with = "hmac")]
        ed25519: bool,
        /// Sign with a shared secret from now on
        #[arg(long)]
        hmac: bool,
    },
    /// Send nothing until it is resumed
    Pause(Which1),
    /// Send again, from where it was
    Resume(Which1),
    /// Show what was sent and what waits, the latest first
    Deliveries {
        /// Which one.
        #[command(flatten)]
        which: Which1,
        /// Only those that are waiting, delivered, or dead (given up)
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<State>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1000))]
        limit: i64,
    },
    /// Send deliveries again: all that were given up, or those that are named
    Redeliver {
        /// Which one.
        #[command(flatten)]
        which: Which1,
        /// Id of one delivery, as `webhook deliveries` shows it
        #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
        delivery: Option<String>,
        /// All that came up from this moment on, such as 2026-11-24T08:00:00Z …
        #[arg(long, value_name = "TIME", requires = "to", value_parser = time)]
        from: Option<Millis>,
        /// … and before this one
        #[arg(long, value_name = "TIME", requires = "from", value_parser = time)]
        to: Option<Millis>,
    },
    /// Take a webhook away, with its deliveries
    Remove(Which1),
}

fn state(text: &str) -> Result<State, String> {
    State::parse(text)
        .ok_or_else(|| format!("`{text}` is no state; it is one of {}", State::WORDS.join(", ")))
}

fn time(text: &str) -> Result<Millis, String> {
    scim_core::time::parse(text)
        .ok_or_else(|| format!("`{text}` is no time; write it like 2026-11-24T08:00:00Z"))
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: WebhookCommand, cx: &Context) -> Result<Answer, Failure> {
    match command {
        WebhookCommand::Add { which, url, label, types, for_tenant, ed25519 } => {
            let new = NewWebhook {
                address: address(cx, &url)?,
                label,
                types,
                scope: if for_tenant { Scope::Tenant } else { Scope::Endpoint },
                kind: if ed25519 { Kind::Ed25519 } else { Kind::Hmac },
            };
            add(&which, new, cx).await
        }
        WebhookCommand::List(which) => list(&which, cx).await,
        WebhookCommand::Set { which, url, label, types } => {
            let address = url.map(|url| address(cx, &url)).transpose()?;
            let types = types.map(|types| if types == ["*"] { Vec::new() } else { types });
            set(&which, Changes { address, label, types }, cx).await
        }
        WebhookCommand::Test(which) => test(&which, cx).await,
        WebhookCommand::Rotate { which, ed25519, hmac } => {
            let kind = match (ed25519, hmac) {
                (true, _) => Some(Kind::Ed25519),
                (_, true) => Some(Kind::Hmac),
                _ => None,
            };
            rotate(&which, kind, cx).await
        }
        WebhookCommand::Pause(which) => turn(&which, true, cx).await,
        WebhookCommand::Resume(which) => turn(&which, false, cx).await,
        WebhookCommand::Deliveries { which, state, limit } => deliveries(&which, state, limit, cx).await,
        WebhookCommand::Redeliver { which, delivery, from, to } => {
            let again = match (delivery, from, to) {
                (Some(id), ..) => Again::One(id),
                (None, Some(from), Some(to)) => Again::Between(from, to),
                _ => Again::Dead,
            };
            redeliver(&which, again, cx).await
        }
        WebhookCommand::Remove(which) => remove(&which, cx).await,
    }
}

fn address(cx: &Context, url: &str) -> Result<Address, Failure> {
    Address::parse(url, cx.config.webhook_allow_private).map_err(|error| cx.failure(&error))
}

fn of(conn: &mut Conn, which: &str, webhook: Option<&str>) -> Result<(Endpoint, Webhook), StoreError> {
    let endpoint = find_live(conn, which)?;
    let webhook = webhooks::find(conn, &endpoint, webhook)?;
    Ok((endpoint, webhook))
}

impl Context {
    async fn webhook(&self, which: &Which1) -> Result<(Endpoint, Webhook), Failure> {
        let (named, id) = (which.which.endpoint.clone(), which.webhook.clone());
        self.read(move |conn| of(conn, &named, id.as_deref())).await
    }

    async fn webhook_view(&self, webhook: Webhook) -> Result<Value, Failure> {
        let now = self.now;
        self.read(move |conn| view(conn, &webhook, now)).await
    }
}

fn view(conn: &mut Conn, webhook: &Webhook, now: Millis) -> Result<Value, StoreError> {
    let (counts, secrets) = (log::counts(conn, &webhook.id)?, webhooks::secrets(conn, &webhook.id)?);
    Ok(json!(WebhookView::new(webhook.clone(), counts, secrets, now)))
}

/// A webhook with what is shown once.
async fn shown(webhook: Webhook, shown: &Shown, cx: &Context) -> Result<Answer, Failure> {
    let text = shown.reveal().to_owned();
    let mut json = cx.webhook_view(webhook.clone()).await?;
    let (name, explained) = match shown.kind {
        Kind::Hmac => {
            ("secret", "The receiver checks signatures with the secret. It is shown now and never again.")
        }
        Kind::Ed25519 => ("public_key", "The receiver checks signatures with the public key."),
    };
    if let Some(map) = json.as_object_mut() {
        map.insert("secret".into(), Value::Null);
        map.insert(name.into(), text.clone().into());
    }
    let title = if shown.kind == Kind::Hmac { "Secret" } else { "Public key" };
    let told = fields(&[("Id", webhook.id), ("Label", webhook.label), ("URL", webhook.url), (title, text)]);
    Ok(Answer { json, text: format!("{told}\n\n{explained}") })
}

async fn add(which: &Which, new: NewWebhook, cx: &Context) -> Result<Answer, Failure> {
    let (named, keyring, now) = (which.endpoint.clone(), cx.store.keyring().clone(), cx.now);
    let write = cx.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        webhooks::add(tx, &keyring, &endpoint, &new, &Actor::cli(), now)
    });
    let (webhook, secret) = write.await?;
    shown(webhook, &secret, cx).await
}

async fn rotate(which: &Which1, kind: Option<Kind>, cx: &Context) -> Result<Answer, Failure> {
    let (endpoint, webhook) = cx.webhook(which).await?;
    let (keyring, id, now) = (cx.store.keyring().clone(), webhook.id.clone(), cx.now);
    let write =
        cx.write(move |tx| webhooks::rotate(tx, &keyring, &endpoint, (&id, kind), &Actor::cli(), now));
    shown(webhook, &write.await?, cx).await
}

async fn list(which: &Which, cx: &Context) -> Result<Answer, Failure> {
    let (named, now) = (which.endpoint.clone(), cx.now);
    let read = cx.read(move |conn| {
        let endpoint = find_live(conn, &named)?;
        let all = webhooks::of_endpoint(conn, &endpoint)?;
        all.iter().map(|webhook| view(conn, webhook, now)).collect::<Result<Vec<_>, _>>()
    });
    let views = read.await?;
    let told = |view: &Value, name: &str| match view.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let row = |view: &Value| {
        ["id", "label", "scope", "state", "waiting", "dead", "url"].map(|name| told(view, name))
    };
    let rows: Vec<[String; 7]> = views.iter().map(row).collect();
    let text = if rows.is_empty() {
        "There is no webhook; `webhook add` makes one.".to_owned()
    } else {
        table(["ID", "LABEL", "SCOPE", "STATE", "WAITING", "DEAD", "URL"], &rows)
    };
    Ok(Answer { json: json!({ "webhooks": views }), text })
}

async fn set(which: &Which1, changes: Changes, cx: &Context) -> Result<Answer, Failure> {
    let ((endpoint, webhook), now) = (cx.webhook(which).await?, cx.now);
    let write =
        cx.write(move |tx| webhooks::change(tx, &endpoint, &webhook.id, &changes, &Actor::cli(), now));
    let webhook = write.await?;
    let text = format!("The webhook “{}” is changed.", webhook.label);
    Ok(Answer { json: cx.webhook_view(webhook).await?, text })
}

async fn test(which: &Which1, cx: &Context) -> Result<Answer, Failure> {
    let (endpoint, webhook) = cx.webhook(which).await?;
    let (endpoint, sender) = (Arc::new(endpoint), Sender::new(cx.config.webhook_allow_private));
    let sent = sending::test(&cx.store, &sender, (&endpoint, &webhook), &Actor::cli(), cx.now).await;
    let delivery = sent.map_err(|error| cx.failure(&error))?;
    match &delivery.last_error {
        Some(error) => Err(Failure::new(&format!("the test did not arrive at {}: {error}", webhook.url))),
        None => {
            let (status, ms) =
                (delivery.last_status.unwrap_or_default(), delivery.last_ms.unwrap_or_default());
            let text = format!("The test arrived: {} answered {status} in {ms} ms.", webhook.url);
            Ok(Answer { json: json!(DeliveryView::from(delivery)), text })
        }
    }
}

async fn turn(which: &Which1, pause: bool, cx: &Context) -> Result<Answer, Failure> {
    let ((endpoint, webhook), now) = (cx.webhook(which).await?, cx.now);
    let act = if pause { webhooks::pause } else { webhooks::resume };
    let write = cx.write(move |tx| act(tx, &endpoint, &webhook.id, &Actor::cli(), now));
    let webhook = write.await?;
    let said = if pause { "is paused: what happens is sent when it is resumed" } else { "sends again" };
    let text = format!("The webhook “{}” {said}.", webhook.label);
    Ok(Answer { json: cx.webhook_view(webhook).await?, text })
}

async fn deliveries(
    which: &Which1,
    state: Option<State>,
    limit: i64,
    cx: &Context,
) -> Result<Answer, Failure> {
    let (endpoint, webhook) = cx.webhook(which).await?;
    let found: Vec<Delivery> =
        cx.read(move |conn| log::page(conn, &webhook.id, &endpoint.id, state, None, limit)).await?;
    let row = |delivery: &Delivery| {
        let outcome = match (&delivery.last_error, delivery.last_status) {
            (Some(error), _) => error.clone(),
            (None, Some(status)) => status.to_string(),
            (None, None) => String::new(),
        };
        [
            delivery.id(),
            delivery.event.clone(),
            delivery.resource_name.clone(),
            delivery.state.as_str().to_owned(),
            delivery.attempts.to_string(),
            moment(delivery.last_at, cx.now),
            outcome,
        ]
    };
    let rows: Vec<[String; 7]> = found.iter().map(row).collect();
    let text = if rows.is_empty() {
        "There is no such delivery.".to_owned()
    } else {
        table(["ID", "EVENT", "NAME", "STATE", "ATTEMPTS", "LAST", "OUTCOME"], &rows)
    };
    let views: Vec<Value> = found.into_iter().map(|delivery| json!(DeliveryView::from(delivery))).collect();
    Ok(Answer { json: json!({ "deliveries": views }), text })
}

async fn redeliver(which: &Which1, again: Again, cx: &Context) -> Result<Answer, Failure> {
    let ((endpoint, webhook), now) = (cx.webhook(which).await?, cx.now);
    let paused = webhook.paused.is_some();
    let write = cx.write(move |tx| log::redeliver(tx, &endpoint, &webhook, &again, &Actor::cli(), now));
    let many = write.await?;
    let said = count(i64::try_from(many).unwrap_or(i64::MAX), "delivery").replace("deliverys", "deliveries");
    let when = if paused { "when the webhook is resumed" } else { "by the running server" };
    Ok(Answer { json: json!({ "deliveries": many }), text: format!("{said} will be sent again {when}.") })
}

async fn remove(which: &Which1, cx: &Context) -> Result<Answer, Failure> {
    let ((endpoint, webhook), now) = (cx.webhook(which).await?, cx.now);
    let write = cx.write(move |tx| webhooks::remove(tx, &endpoint, &webhook.id, &Actor::cli(), now));
    let webhook = write.await?;
    let json = json!({"id": webhook.id, "url": webhook.url, "removed": true});
    Ok(Answer { json, text: format!("The webhook “{}” to {} is removed.", webhook.label, webhook.url) })
}
