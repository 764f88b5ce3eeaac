//! What a webhook signs with (Standard Webhooks): a shared secret, or a key pair of which the receiver has the public half.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use zeroize::Zeroizing;

use crate::conn::Conn;
use crate::dialect::tables::WebhookSecret as Row;
use crate::error::StoreError;
use crate::ids::{Millis, entropy, new_id};
use crate::schema::webhook_secrets;
use crate::sealed::{Keyring, Sealed, SecretBytes};
use crate::writer::Tx;

/// How long an old secret signs beside the new one.
pub const OVERLAP: Millis = 24 * 3_600_000;
const LENGTH: usize = 32;

/// How a webhook signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HMAC-SHA256 with a secret that both have (`v1`).
    Hmac,
    /// Ed25519: the receiver has the public key only (`v1a`).
    Ed25519,
}

impl Kind {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Ed25519 => "ed25519",
        }
    }

    /// By its name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Hmac, Self::Ed25519].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What the receiver needs, shown once.
pub struct Shown {
    /// How it signs.
    pub kind: Kind,
    /// The shared secret (`whsec_…`), or the public key (`whpk_…`).
    text: Zeroizing<String>,
}

impl Shown {
    /// The text; for its receiver only.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// All that is known of a secret but itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Names it.
    pub id: String,
    /// How it signs.
    pub kind: Kind,
    /// `whpk_…`, of a key pair.
    pub public_key: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Option<Millis>,
}

fn context(webhook: &str, id: &str) -> String {
    format!("webhook:{webhook}:{id}")
}

pub(super) fn add(
    tx: &mut Tx<'_>,
    keyring: &Keyring,
    webhook: &str,
    kind: Kind,
    now: Millis,
) -> Result<Shown, StoreError> {
    let id = new_id(now);
    let bytes = Zeroizing::new(entropy::<LENGTH>());
    let (text, public_key) = match kind {
        Kind::Hmac => (format!("whsec_{}", STANDARD.encode(bytes.as_slice())), None),
        Kind::Ed25519 => {
            let public = format!("whpk_{}", STANDARD.encode(public_half(bytes.as_slice())?));
            (public.clone(), Some(public))
        }
    };
    let row = Row {
        webhook_id: webhook.to_owned(),
        secret_sealed: keyring.seal(&context(webhook, &id), bytes.as_slice())?.as_str().to_owned(),
        id,
        kind: kind.as_str().to_owned(),
        public_key,
        created_at: now,
        expires_at: None,
    };
    diesel::insert_into(webhook_secrets::table).values(&row).execute(&mut **tx)?;
    Ok(Shown { kind, text: Zeroizing::new(text) })
}

fn public_half(seed: &[u8]) -> Result<Vec<u8>, StoreError> {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    let pair = Ed25519KeyPair::from_seed_unchecked(seed)
        .map_err(|_| StoreError::Damaged("a key pair cannot be made".into()))?;
    Ok(pair.public_key().as_ref().to_vec())
}

pub(super) fn rotate(
    tx: &mut Tx<'_>,
    keyring: &Keyring,
    webhook: &str,
    kind: Option<Kind>,
    now: Millis,
) -> Result<Shown, StoreError> {
    let known = records(tx, webhook)?;
    let kind = kind.or(known.last().map(|last| last.kind)).unwrap_or(Kind::Hmac);
    let newest = known.last().map(|last| last.id.clone()).unwrap_or_default();
    // Two live at once: what was on its way out goes now.
    let of_webhook = webhook_secrets::table.filter(webhook_secrets::webhook_id.eq(webhook));
    diesel::delete(of_webhook.filter(webhook_secrets::id.ne(&newest))).execute(&mut **tx)?;
    diesel::update(of_webhook).set(webhook_secrets::expires_at.eq(Some(now + OVERLAP))).execute(&mut **tx)?;
    add(tx, keyring, webhook, kind, now)
}

/// The secrets of a webhook, the newest last.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn records(conn: &mut Conn, webhook: &str) -> Result<Vec<SecretRecord>, StoreError> {
    let record = |row: Row| {
        let kind = Kind::parse(&row.kind)
            .ok_or_else(|| StoreError::Damaged(format!("unknown kind of secret `{}`", row.kind)))?;
        let Row { id, public_key, created_at, expires_at, .. } = row;
        Ok(SecretRecord { id, kind, public_key, created_at, expires_at })
    };
    rows(conn, webhook)?.into_iter().map(record).collect()
}

fn rows(conn: &mut Conn, webhook: &str) -> Result<Vec<Row>, StoreError> {
    Ok(webhook_secrets::table
        .filter(webhook_secrets::webhook_id.eq(webhook))
        .order(webhook_secrets::id)
        .select(Row::as_select())
        .load(conn)?)
}

/// The secrets that sign at this moment, opened; the newest first.
///
/// # Errors
/// [`StoreError::Refused`] when one does not open.
pub fn live(
    conn: &mut Conn,
    keyring: &Keyring,
    webhook: &str,
    now: Millis,
) -> Result<Vec<(Kind, SecretBytes)>, StoreError> {
    let live = rows(conn, webhook)?.into_iter().rev().filter(|row| row.expires_at.is_none_or(|at| at > now));
    live.map(|row| {
        let sealed = Sealed::from_kept(&row.secret_sealed)?;
        let opened = keyring.open(&context(webhook, &row.id), &sealed)?;
        let kind = Kind::parse(&row.kind)
            .ok_or_else(|| StoreError::Damaged(format!("unknown kind of secret `{}`", row.kind)))?;
        Ok((kind, opened))
    })
    .collect()
}
