//! `/endpoints/{endpoint}/webhooks`: where events are sent to, and what became of them.

use std::sync::Arc;

use endpoint_store::Endpoint;
use endpoint_store::webhooks::log::{self, Again, Counts, Delivery, State};
use endpoint_store::webhooks::{
    self, Address, Changes, Kind as SecretKind, NewWebhook, Scope, SecretRecord, Shown, Webhook,
};
use endpoint_targets::webhook as sending;
use scim_core::time::{format, parse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::params::{AFTER, Kind, LIMIT, Param, cursor};
use super::problem::{Place, Problem};
use super::{Exchange, Outcome, Page, Reply};

const STATE: Param =
    Param { name: "state", kind: Kind::Word(State::WORDS), about: "Only deliveries in this state." };

/// What `GET …/deliveries` takes.
pub(super) const QUERY: &[Param] = &[LIMIT, AFTER, STATE];

/// Why nothing is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookPause)]
pub(super) struct PauseView {
    #[schema(format = DateTime)]
    at: String,
    /// By whom; empty when the server paused it by itself.
    by: String,
    why: String,
}

/// What a webhook signs with, but the secret itself.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub(super) struct SecretView {
    /// `hmac` or `ed25519`.
    kind: &'static str,
    /// `whpk_…` of a key pair.
    public_key: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it stops signing; null while it is the present one.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl From<SecretRecord> for SecretView {
    fn from(secret: SecretRecord) -> Self {
        Self {
            kind: secret.kind.as_str(),
            public_key: secret.public_key,
            created_at: format(secret.created_at),
            expires_at: secret.expires_at.map(format),
        }
    }
}

/// One webhook.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    id: String,
    /// `endpoint`, or `tenant` for one that sends the events of every endpoint of the tenant.
    scope: &'static str,
    tenant: Option<String>,
    url: String,
    label: String,
    /// Which events; empty means all. `user.*` stands for all that begin so.
    types: Vec<String>,
    /// `active`, `failing` (nothing has arrived lately) or `paused`.
    state: &'static str,
    paused: Option<PauseView>,
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    #[schema(format = DateTime)]
    last_delivered_at: Option<String>,
    /// Deliveries that wait, were given up, and arrived within the last seven days.
    waiting: i64,
    dead: i64,
    delivered: i64,
    /// When the oldest that waits came up: how far behind the receiver is.
    #[schema(format = DateTime)]
    waiting_since: Option<String>,
    /// Changes that were forgotten before they could be sent.
    missed: i64,
    secrets: Vec<SecretView>,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
}

impl WebhookView {
    pub(crate) fn new(webhook: Webhook, counts: Counts, secrets: Vec<SecretRecord>, now: i64) -> Self {
        let state = match (&webhook.paused, webhook.failing_since) {
            (Some(_), _) => "paused",
            (None, Some(_)) => "failing",
            (None, None) => "active",
        };
        let live = secrets.into_iter().filter(|secret| secret.expires_at.is_none_or(|at| at > now));
        Self {
            scope: webhook.scope().as_str(),
            tenant: webhook.tenant,
            id: webhook.id,
            url: webhook.url,
            label: webhook.label,
            types: webhook.types,
            state,
            paused: webhook.paused.map(|pause| PauseView {
                at: format(pause.at),
                by: pause.by,
                why: pause.why,
            }),
            failing_since: webhook.failing_since.map(format),
            last_delivered_at: webhook.last_ok_at.map(format),
            waiting: counts.waiting,
            dead: counts.dead,
            delivered: counts.delivered,
            waiting_since: counts.oldest_at.map(format),
            missed: webhook.missed,
            secrets: live.map(SecretView::from).collect(),
            created_at: format(webhook.created_at),
            created_by: webhook.created_by,
        }
    }
}

/// A webhook with what its receiver needs, shown once.
#[derive(Serialize, ToSchema)]
pub(super) struct AddedWebhook {
    /// `whsec_…`: the receiver checks signatures with it. It is not shown again. Null for a key pair.
    secret: Option<String>,
    /// `whpk_…` of a key pair.
    public_key: Option<String>,
    #[serde(flatten)]
    webhook: WebhookView,
}

/// A webhook to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhookBody {
    /// https://…, at a public address.
    #[schema(max_length = 2000)]
    url: String,
    #[serde(default)]
    #[schema(max_length = 100)]
    label: String,
    /// Which events, such as `user.created` or `user.*`; empty means all.
    #[serde(default)]
    types: Vec<String>,
    /// `endpoint`, or `tenant` for every endpoint of this endpoint's tenant.
    #[serde(default)]
    scope: ScopeBody,
    /// `hmac`, or `ed25519` for a key pair.
    #[serde(default)]
    signature: SignatureBody,
}

#[derive(Deserialize, ToSchema, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookScope)]
enum ScopeBody {
    #[default]
    Endpoint,
    Tenant,
}

#[derive(Deserialize, ToSchema, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookSignature)]
enum SignatureBody {
    #[default]
    Hmac,
    Ed25519,
}

impl From<SignatureBody> for SecretKind {
    fn from(body: SignatureBody) -> Self {
        match body {
            SignatureBody::Hmac => Self::Hmac,
            SignatureBody::Ed25519 => Self::Ed25519,
        }
    }
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookPatch {
    #[schema(max_length = 2000, nullable = false)]
    url: Option<String>,
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    label: Option<String>,
    #[schema(nullable = false)]
    types: Option<Vec<String>>,
}

/// How the new one signs; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateSecretBody {
    #[schema(nullable = false)]
    signature: Option<SignatureBody>,
}

/// What is sent again: exactly one of `delivery`, `dead`, or `from` with `to`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeliverBody {
    /// Id of one delivery.
    #[schema(nullable = false)]
    delivery: Option<String>,
    /// True for all that were given up.
    #[serde(default)]
    dead: bool,
    /// All that came up from this moment on …
    #[schema(format = DateTime, nullable = false)]
    from: Option<String>,
    /// … and before this one.
    #[schema(format = DateTime, nullable = false)]
    to: Option<String>,
}

/// How many are sent again.
#[derive(Serialize, ToSchema)]
#[schema(as = Redelivered)]
pub(super) struct RedeliveredView {
    deliveries: usize,
}

/// One event on its way.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    /// Also the header `webhook-id`.
    id: String,
    /// Such as `user.created`.
    event: String,
    resource_id: String,
    resource_name: String,
    /// `waiting`, `delivered` or `dead`.
    state: &'static str,
    attempts: i64,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is tried next.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    #[schema(format = DateTime)]
    last_at: Option<String>,
    /// The receiver's last status.
    status: Option<i64>,
    /// What went wrong last, in a sentence.
    error: Option<String>,
    /// How long the last attempt took.
    ms: Option<i64>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            created_at: format(delivery.created_at),
            due_at: (delivery.state == State::Waiting).then(|| format(delivery.due_at)),
            last_at: delivery.last_at.map(format),
            status: delivery.last_status,
            error: delivery.last_error,
            ms: delivery.last_ms,
            event: delivery.event,
            resource_id: delivery.resource_id,
            resource_name: delivery.resource_name,
        }
    }
}

impl Exchange {
    /// The webhook of the path with its endpoint.
    async fn webhook(&self) -> Result<(Arc<Endpoint>, Webhook), Problem> {
        let (endpoint, id) = (self.endpoint()?, self.segment("webhook").to_owned());
        let owner = endpoint.clone();
        let webhook = self.read(move |conn| webhooks::find(conn, &owner, Some(&id))).await?;
        Ok((endpoint, webhook))
    }

    async fn view(&self, webhook: Webhook) -> Result<WebhookView, Problem> {
        let now = self.now;
        self.read(move |conn| {
            let (counts, secrets) = (log::counts(conn, &webhook.id)?, webhooks::secrets(conn, &webhook.id)?);
            Ok(WebhookView::new(webhook.clone(), counts, secrets, now))
        })
        .await
    }

    fn address(&self, url: &str) -> Result<Address, Problem> {
        Address::parse(url, self.api.sender.allows_private())
            .map_err(|error| Problem::of(error, &self.request_id))
    }

    async fn added(&self, webhook: Webhook, shown: &Shown) -> Outcome {
        let text = shown.reveal().to_owned();
        let (secret, public_key) = match shown.kind {
            SecretKind::Hmac => (Some(text), None),
            SecretKind::Ed25519 => (None, Some(text)),
        };
        let path = format!("{}/endpoints/{}/webhooks/{}", super::BASE, self.segment("endpoint"), webhook.id);
        let webhook = self.view(webhook).await?;
        Ok(Reply::json(&AddedWebhook { secret, public_key, webhook })?.made_at(path))
    }
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let (endpoint, now) = (x.endpoint()?, x.now);
    let views = x.read(move |conn| {
        let all = webhooks::of_endpoint(conn, &endpoint)?;
        let views = all.into_iter().map(|webhook| {
            let (counts, secrets) = (log::counts(conn, &webhook.id)?, webhooks::secrets(conn, &webhook.id)?);
            Ok(WebhookView::new(webhook, counts, secrets, now))
        });
        views.collect::<Result<Vec<_>, _>>()
    });
    Reply::json(&Page::whole(views.await?))
}

pub(super) async fn add(x: &Exchange) -> Outcome {
    let (endpoint, body) = (x.endpoint()?, x.body::<NewWebhookBody>()?);
    let new = NewWebhook {
        address: x.address(&body.url)?,
        label: body.label,
        types: body.types,
        scope: match body.scope {
            ScopeBody::Endpoint => Scope::Endpoint,
            ScopeBody::Tenant => Scope::Tenant,
        },
        kind: body.signature.into(),
    };
    let (keyring, actor, now) = (x.api.store.keyring().clone(), x.actor(), x.now);
    let write = x.write(move |tx| webhooks::add(tx, &keyring, &endpoint, &new, &actor, now));
    let (webhook, shown) = write.await?;
    x.added(webhook, &shown).await
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let (_, webhook) = x.webhook().await?;
    Reply::json(&x.view(webhook).await?)
}

pub(super) async fn patch(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), body) = (x.webhook().await?, x.body::<WebhookPatch>()?);
    let address = body.url.as_deref().map(|url| x.address(url)).transpose()?;
    let changes = Changes { address, label: body.label, types: body.types };
    let (actor, now) = (x.actor(), x.now);
    let write = x.write(move |tx| webhooks::change(tx, &endpoint, &webhook.id, &changes, &actor, now));
    Reply::json(&x.view(write.await?).await?)
}

pub(super) async fn remove(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), actor, now) = (x.webhook().await?, x.actor(), x.now);
    x.write(move |tx| webhooks::remove(tx, &endpoint, &webhook.id, &actor, now)).await?;
    Reply::done()
}

pub(super) async fn rotate(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), body) = (x.webhook().await?, x.body::<RotateSecretBody>()?);
    let (keyring, actor, now) = (x.api.store.keyring().clone(), x.actor(), x.now);
    let (kind, id) = (body.signature.map(SecretKind::from), webhook.id.clone());
    let write = x.write(move |tx| webhooks::rotate(tx, &keyring, &endpoint, (&id, kind), &actor, now));
    let shown = write.await?;
    x.added(webhook, &shown).await
}

pub(super) async fn test(x: &Exchange) -> Outcome {
    let (endpoint, webhook) = x.webhook().await?;
    let sent = sending::test(&x.api.store, &x.api.sender, (&endpoint, &webhook), &x.actor(), x.now).await;
    Reply::json(&DeliveryView::from(sent.map_err(|error| Problem::of(error, &x.request_id))?))
}

pub(super) async fn pause(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), actor, now) = (x.webhook().await?, x.actor(), x.now);
    let write = x.write(move |tx| webhooks::pause(tx, &endpoint, &webhook.id, &actor, now));
    Reply::json(&x.view(write.await?).await?)
}

pub(super) async fn resume(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), actor, now) = (x.webhook().await?, x.actor(), x.now);
    let write = x.write(move |tx| webhooks::resume(tx, &endpoint, &webhook.id, &actor, now));
    let webhook = write.await?;
    x.api.store.pulse().nudge();
    Reply::json(&x.view(webhook).await?)
}

pub(super) async fn deliveries(x: &Exchange) -> Outcome {
    let (endpoint, webhook) = x.webhook().await?;
    let state = x.query.get(STATE.name).and_then(State::parse);
    let before = match x.query.after()? {
        None => None,
        Some((at, place)) => {
            let numbers =
                place.split_once('.').and_then(|(seq, part)| Some((seq.parse().ok()?, part.parse().ok()?)));
            let place = at.parse().ok().zip(numbers).map(|(at, (seq, part))| (at, seq, part));
            Some(place.ok_or_else(|| {
                let detail = "`after` is no cursor of this list; take `next` of the page before as it is";
                Problem::bad_parameters(vec![Place::in_parameter(AFTER.name, detail)])
            })?)
        }
    };
    let limit = x.query.limit();
    let many = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut found =
        x.read(move |conn| log::page(conn, &webhook.id, &endpoint.id, state, before, many)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next = next.map(|last| cursor(&last.created_at.to_string(), &format!("{}.{}", last.seq, last.part)));
    Reply::json(&Page { items: found.into_iter().map(DeliveryView::from).collect(), next })
}

pub(super) async fn redeliver(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), body) = (x.webhook().await?, x.body::<RedeliverBody>()?);
    let moment = |name: &str, text: &str| {
        parse(text).ok_or_else(|| {
            let detail = format!("`{name}` is no time; write it like 2026-11-24T08:00:00Z");
            Problem::unprocessable(vec![Place::at(format!("/{name}"), detail)])
        })
    };
    let again = match (body.delivery, body.dead, body.from, body.to) {
        (Some(id), false, None, None) => Again::One(id),
        (None, true, None, None) => Again::Dead,
        (None, false, Some(from), Some(to)) => Again::Between(moment("from", &from)?, moment("to", &to)?),
        _ => {
            let detail =
                "exactly one of `delivery`, `dead: true`, or `from` with `to` says what is sent again";
            return Err(Problem::unprocessable(vec![Place::at("", detail)]));
        }
    };
    let (actor, now) = (x.actor(), x.now);
    let write = x.write(move |tx| log::redeliver(tx, &endpoint, &webhook, &again, &actor, now));
    let deliveries = write.await?;
    x.api.store.pulse().nudge();
    Reply::json(&RedeliveredView { deliveries })
}
