//! A target as it is kept.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::THRESHOLD;
use crate::caller::{Actor, ActorKind, Caller};
use crate::dialect::tables::TargetRow as Row;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::sealed::{Keyring, Sealed, SecretBytes};
use crate::version;

/// When the identity provider is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// At once; the target follows.
    Queued,
    /// After the target has taken the change; what the target refuses, the identity provider is refused.
    BeforeAnswer,
}

impl Mode {
    /// As stored and written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::BeforeAnswer => "before-answer",
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Queued, Self::BeforeAnswer]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no mode; it is `queued` or `before-answer`"))
    }
}

/// What can be chosen beyond address and account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Options {
    /// Failures in a row after which the target is left alone for a while.
    pub threshold: i64,
    /// Length of a password that is made for a new account, used once and kept nowhere.
    pub password_length: usize,
    /// The symbols that such a password has at least one of; none when empty.
    pub password_symbols: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { threshold: THRESHOLD, password_length: 32, password_symbols: "!#%*+-=?@_".to_owned() }
    }
}

/// As whom a target is signed in to; its secret only sealed. For telling whether it is still the same.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    username: Option<String>,
    domain: Option<String>,
    secret: Option<String>,
}

/// One target, without its secret.
#[derive(Debug, Clone)]
pub struct Target {
    /// Whose directory goes there.
    pub endpoint: EndpointId,
    /// Its id.
    pub id: String,
    /// `secret-server`, `scim`, …: which file of the floor above speaks to it.
    pub kind: String,
    /// Its base URL.
    pub url: String,
    /// The account that is used there.
    pub username: Option<String>,
    /// The domain of that account, and of the users that are made.
    pub domain: Option<String>,
    /// When the identity provider is answered.
    pub mode: Mode,
    /// Whether it may be spoken to without TLS.
    pub allow_http: bool,
    /// What else can be chosen.
    pub options: Options,
    /// When it was added.
    pub created_at: Millis,
    /// By whom.
    pub created_by: String,
    /// The last change that was taken in.
    pub taken_in: i64,
    /// How far the first sync has come; `None` when it is over.
    pub filled_to: Option<String>,
    /// Failures in a row.
    pub failures: i64,
    /// Until when nothing is tried.
    pub open_until: Option<Millis>,
    /// What the last failure was, in a sentence.
    pub last_error: Option<String>,
    /// When it last did what it was asked.
    pub last_ok_at: Option<Millis>,
    /// After how many milliseconds what is there is looked for anew; never when absent.
    pub import_every: Option<Millis>,
    /// When somebody asked for an import that was not done yet.
    pub import_asked_at: Option<Millis>,
    /// When an import last ended.
    pub imported_at: Option<Millis>,
    /// When somebody asked for a comparison that was not done yet.
    pub reconcile_asked_at: Option<Millis>,
    /// When a comparison last ended.
    pub reconciled_at: Option<Millis>,
    /// What it found.
    pub report: Option<Value>,
    secret: Option<Sealed>,
}

impl Target {
    /// Its password or token. The only use is to sign in there.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is none, or when its key is missing.
    pub fn secret(&self, keyring: &Keyring) -> Result<SecretBytes, StoreError> {
        let sealed = self.secret.as_ref().ok_or_else(|| {
            StoreError::refused("this target has no password or token; remove it and add it with one")
        })?;
        keyring.open(&context(&self.endpoint, &self.id), sealed)
    }

    /// As whom it is signed in to: another one needs another way there.
    pub fn account(&self) -> Account {
        Account {
            username: self.username.clone(),
            domain: self.domain.clone(),
            secret: self.secret.as_ref().map(|sealed| sealed.as_str().to_owned()),
        }
    }

    /// The hand that takes over what was there already.
    pub fn caller(&self, endpoint: std::sync::Arc<Endpoint>) -> Caller {
        let (id, label) = (self.id.clone(), self.url.clone());
        let actor = Actor { kind: ActorKind::Target, id, label, address: String::new() };
        Caller { endpoint, actor, request_id: String::new() }
    }

    /// How it is doing, in a word: `ok`, `first-sync`, `troubled` or `resting`.
    pub fn standing(&self, now: Millis) -> &'static str {
        match () {
            () if self.is_resting(now) => "resting",
            () if self.failures > 0 => "troubled",
            () if self.filled_to.is_some() => "first-sync",
            () => "ok",
        }
    }

    /// Whether it is left alone at this moment, because it failed too often in a row.
    pub fn is_resting(&self, now: Millis) -> bool {
        self.open_until.is_some_and(|until| until > now)
    }

    /// Entity tag of what can be set about it.
    pub fn tag(&self) -> String {
        version::tag(&(&self.id, self.facts(), self.secret.as_ref().map(Sealed::as_str)))
    }

    pub(super) fn facts(&self) -> Value {
        json!({
            "kind": self.kind, "url": self.url, "username": self.username, "domain": self.domain,
            "mode": self.mode.as_str(), "allow_http": self.allow_http, "import_every": self.import_every,
            "options": self.options,
        })
    }
}

pub(super) fn context(endpoint: &EndpointId, id: &str) -> String {
    format!("target:{}:{id}", endpoint.as_str())
}

/// What is chosen once, as it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) username: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) mode: String,
    pub(super) allow_http: bool,
    pub(super) import_every: Option<Millis>,
    #[serde(default)]
    pub(super) options: Options,
}

impl Config {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            username: target.username.clone(),
            domain: target.domain.clone(),
            mode: target.mode.as_str().to_owned(),
            allow_http: target.allow_http,
            import_every: target.import_every,
            options: target.options.clone(),
        }
    }
}

/// What was seen last, as it is kept. Only whoever serves the target writes it.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Seen {
    pub(super) error: Option<String>,
    pub(super) ok_at: Option<Millis>,
    pub(super) imported_at: Option<Millis>,
    pub(super) reconciled_at: Option<Millis>,
    pub(super) report: Option<Value>,
}

impl TryFrom<Row> for Target {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let damaged = |e: serde_json::Error| StoreError::Damaged(format!("target {}: {e}", row.id));
        let config: Config = serde_json::from_str(&row.config).map_err(damaged)?;
        let seen: Seen = serde_json::from_str(&row.seen).map_err(damaged)?;
        Ok(Self {
            mode: config.mode.parse().map_err(StoreError::Damaged)?,
            options: config.options,
            report: seen.report,
            secret: row.secret_sealed.as_deref().map(Sealed::from_kept).transpose()?,
            endpoint: EndpointId(row.endpoint_id),
            id: row.id,
            kind: row.kind,
            url: row.url,
            username: config.username,
            domain: config.domain,
            allow_http: config.allow_http,
            created_at: row.created_at,
            created_by: row.created_by,
            taken_in: row.taken_in,
            filled_to: row.filled_to,
            failures: row.failures,
            open_until: row.open_until,
            last_error: seen.error,
            last_ok_at: seen.ok_at,
            import_every: config.import_every,
            import_asked_at: row.import_asked_at,
            imported_at: seen.imported_at,
            reconcile_asked_at: row.reconcile_asked_at,
            reconciled_at: seen.reconciled_at,
        })
    }
}
