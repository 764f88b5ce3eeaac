//! What the management API takes and gives about webhooks.

use endpoint_store::webhooks::log::{Counts, Delivery, State};
use endpoint_store::webhooks::{Kind as SecretKind, SecretRecord, Webhook};
use scim_core::time::format;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why nothing is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookPause)]
pub(super) struct PauseView {
    #[schema(format = DateTime)]
    pub(super) at: String,
    /// By whom; empty when the server paused it by itself.
    pub(super) by: String,
    pub(super) why: String,
}

/// What a webhook signs with, but the secret itself.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub(super) struct SecretView {
    /// `hmac` or `ed25519`.
    pub(super) kind: &'static str,
    /// `whpk_…` of a key pair.
    pub(super) public_key: Option<String>,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    /// When it stops signing; null while it is the present one.
    #[schema(format = DateTime)]
    pub(super) expires_at: Option<String>,
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
    pub(super) id: String,
    /// `endpoint`, or `tenant` for one that sends the events of every endpoint of the tenant.
    pub(super) scope: &'static str,
    pub(super) tenant: Option<String>,
    pub(super) url: String,
    pub(super) label: String,
    /// Which events; empty means all. `user.*` stands for all that begin so.
    pub(super) types: Vec<String>,
    /// `active`, `failing` (nothing has arrived lately) or `paused`.
    pub(super) state: &'static str,
    pub(super) paused: Option<PauseView>,
    #[schema(format = DateTime)]
    pub(super) failing_since: Option<String>,
    #[schema(format = DateTime)]
    pub(super) last_delivered_at: Option<String>,
    /// Deliveries that wait, were given up, and arrived within the last seven days.
    pub(super) waiting: i64,
    pub(super) dead: i64,
    pub(super) delivered: i64,
    /// When the oldest that waits came up: how far behind the receiver is.
    #[schema(format = DateTime)]
    pub(super) waiting_since: Option<String>,
    /// Changes that were forgotten before they could be sent.
    pub(super) missed: i64,
    pub(super) secrets: Vec<SecretView>,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    pub(super) created_by: String,
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
    /// `whsec_…`: the receiver checks signatures with it. It is not shown again: null when this request had added it before. Null for a key pair, too.
    pub(super) secret: Option<String>,
    /// `whpk_…` of a key pair.
    pub(super) public_key: Option<String>,
    #[serde(flatten)]
    pub(super) webhook: WebhookView,
}

/// A webhook to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhookBody {
    /// https://…, at a public address.
    #[schema(max_length = 2000)]
    pub(super) url: String,
    #[serde(default)]
    #[schema(max_length = 100)]
    pub(super) label: String,
    /// Which events, such as `user.created` or `user.*`; empty means all.
    #[serde(default)]
    pub(super) types: Vec<String>,
    /// `endpoint`, or `tenant` for every endpoint of this endpoint's tenant.
    #[serde(default)]
    pub(super) scope: ScopeBody,
    /// `hmac`, or `ed25519` for a key pair.
    #[serde(default)]
    pub(super) signature: SignatureBody,
}

#[derive(Deserialize, ToSchema, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookScope)]
pub(super) enum ScopeBody {
    #[default]
    Endpoint,
    Tenant,
}

#[derive(Deserialize, ToSchema, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookSignature)]
pub(super) enum SignatureBody {
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
    pub(super) url: Option<String>,
    #[schema(min_length = 1, max_length = 100, nullable = false)]
    pub(super) label: Option<String>,
    #[schema(nullable = false)]
    pub(super) types: Option<Vec<String>>,
}

/// How the new one signs; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateSecretBody {
    #[schema(nullable = false)]
    pub(super) signature: Option<SignatureBody>,
}

/// What is sent again: exactly one of `delivery`, `dead`, or `from` with `to`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeliverBody {
    /// Id of one delivery.
    #[schema(nullable = false)]
    pub(super) delivery: Option<String>,
    /// True for all that were given up.
    #[serde(default)]
    pub(super) dead: bool,
    /// All that came up from this moment on …
    #[schema(format = DateTime, nullable = false)]
    pub(super) from: Option<String>,
    /// … and before this one.
    #[schema(format = DateTime, nullable = false)]
    pub(super) to: Option<String>,
}

/// How many are sent again.
#[derive(Serialize, ToSchema)]
#[schema(as = Redelivered)]
pub(super) struct RedeliveredView {
    pub(super) deliveries: usize,
}

/// One event on its way.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    /// Also the header `webhook-id`.
    pub(super) id: String,
    /// Such as `user.created`.
    pub(super) event: String,
    pub(super) resource_id: String,
    pub(super) resource_name: String,
    /// `waiting`, `delivered` or `dead`.
    pub(super) state: &'static str,
    pub(super) attempts: i64,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
    /// When it is tried next.
    #[schema(format = DateTime)]
    pub(super) due_at: Option<String>,
    #[schema(format = DateTime)]
    pub(super) last_at: Option<String>,
    /// The receiver's last status.
    pub(super) status: Option<i64>,
    /// What went wrong last, in a sentence.
    pub(super) error: Option<String>,
    /// How long the last attempt took.
    pub(super) ms: Option<i64>,
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
