//! Secrets that must be read again: the passwords of targets, what webhooks sign with, the second factors of operators.
//!
//! They are kept encrypted (XChaCha20-Poly1305), never in plain. The keys do not stand in the database, and so neither in
//! a backup, an export nor a copy of it: they come from a file, from the environment, or, with SQLite, from a file beside
//! the database that is made at first need. Of several keys the first seals and every one opens, so that keys can be
//! replaced while servers run. What is sealed names its key, and is bound to the place where it is kept: moved to
//! another row it does not open.

mod keys;
mod places;

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::conn::DatabaseUrl;
use crate::error::StoreError;
use crate::ids::entropy;

pub use keys::KeySource;
pub use places::{Rekeyed, rekey, unopened};

use keys::{Keys, Seen};

/// What sealed text begins with, so that another way of sealing can be told from this one later.
const VERSION: &str = "s1";
const NONCE: usize = 24;

/// A secret in plain: it can be neither printed, compared, copied nor serialised, and is wiped when dropped.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Takes a text over.
    pub fn from_text(text: String) -> Self {
        Self::new(text.into_bytes())
    }

    /// The bytes; the only way to see them. Use them, and do not keep them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// The same for what was sealed as a text.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it is none.
    pub fn reveal_text(&self) -> Result<&str, StoreError> {
        std::str::from_utf8(&self.0).map_err(|_| StoreError::Damaged("a sealed secret is no text".into()))
    }
}

/// A sealed secret: what may be kept, in a column whose name ends in `_sealed`.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// From the column where it was kept.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when this is no sealed text.
    pub fn from_kept(text: &str) -> Result<Self, StoreError> {
        let sealed = Self(text.to_owned());
        sealed.parts()?;
        Ok(sealed)
    }

    /// For the column where it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The short name of the key that sealed it.
    pub fn key_id(&self) -> &str {
        self.0.split('.').nth(1).unwrap_or_default()
    }

    /// Nonce, and what was encrypted under it.
    fn parts(&self) -> Result<([u8; NONCE], Vec<u8>), StoreError> {
        let damaged = || StoreError::Damaged("a sealed secret cannot be read: it was cut or changed".into());
        let mut parts = self.0.split('.');
        let (version, _, body) = (parts.next(), parts.next(), parts.next());
        let body = body.filter(|_| version == Some(VERSION) && parts.next().is_none()).ok_or_else(damaged)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| damaged())?;
        let (nonce, text) = bytes.split_at_checked(NONCE).ok_or_else(damaged)?;
        Ok((nonce.try_into().map_err(|_| damaged())?, text.to_vec()))
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({})", self.key_id())
    }
}

/// The keys of this installation. Cheap to clone; every clone is the same keyring.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    source: KeySource,
    /// The keys of the file as they were read last, with what tells whether it has changed since.
    read: Mutex<Option<(Seen, Keys)>>,
}

impl Keyring {
    /// Where the keys come from; nothing is read before they are needed.
    pub fn new(source: KeySource, database: &DatabaseUrl) -> Self {
        Self(Arc::new(Inner { source: source.beside(database), read: Mutex::new(None) }))
    }

    /// Seals a secret for one place. The context names that place, as in `webhook:{endpoint}:{id}`: it opens only there.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is no key; the sentence says what to set.
    pub fn seal(&self, context: &str, secret: &[u8]) -> Result<Sealed, StoreError> {
        self.keys(true)?.seal(context, secret)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when its key is missing or is another one; the sentence names it.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretBytes, StoreError> {
        let keys = self.keys(false)?;
        let id = sealed.key_id();
        let key = keys.find(id).ok_or_else(|| {
            StoreError::refused(format!(
                "this secret was sealed with the key `{id}`, which is not in {}: put that key there as one more line \
                 (a backup does not carry it), or set the secret anew",
                self.0.source
            ))
        })?;
        let (nonce, text) = sealed.parts()?;
        let payload = Payload { msg: &text, aad: &bound(id, context) };
        let plain = key.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| {
            StoreError::refused(format!(
                "this secret does not open with the key `{id}` of {}: it was changed or moved in the database, or sealed \
                 by another key of the same name; set the secret anew",
                self.0.source
            ))
        })?;
        Ok(SecretBytes::new(plain))
    }

    /// Whether sealing is possible, and the keys are readable: asked when a server starts.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a configured file that cannot be read or holds something else.
    pub fn check(&self) -> Result<(), StoreError> {
        if matches!(self.0.source, KeySource::Missing) {
            return Ok(());
        }
        self.keys(false).map(drop)
    }

    /// Puts a fresh key in front of the others in the file: it seals from now on, on every server that reads this file.
    /// Gives its short name.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the keys do not come from a file.
    pub fn add_key(&self) -> Result<String, StoreError> {
        let id = self.0.source.add_key()?;
        *self.read() = None;
        Ok(id)
    }

    /// Where the keys come from, for sentences.
    pub fn source(&self) -> &KeySource {
        &self.0.source
    }

    /// The keys as they are now. A file is read again when it has changed; with `make`, one beside the database is made
    /// if it is not there.
    fn keys(&self, make: bool) -> Result<Keys, StoreError> {
        let Some(path) = self.0.source.path() else { return self.0.source.given() };
        if make {
            self.0.source.make()?;
        }
        let mut read = self.read();
        let seen = Seen::of(path);
        match &*read {
            Some((before, keys)) if *before == seen => Ok(keys.clone()),
            _ => {
                let keys = self.0.source.load()?;
                *read = Some((seen, keys.clone()));
                Ok(keys)
            }
        }
    }

    fn read(&self) -> std::sync::MutexGuard<'_, Option<(Seen, Keys)>> {
        self.0.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn seal(&self, context: &str, secret: &[u8]) -> Result<Sealed, StoreError> {
        let key = self.first()?;
        let nonce = entropy::<NONCE>();
        let payload = Payload { msg: secret, aad: &bound(key.id(), context) };
        let text = key
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::refused("the secret is too long to be sealed"))?;
        let body = URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat());
        Ok(Sealed(format!("{VERSION}.{}.{body}", key.id())))
    }
}

impl keys::Key {
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.bytes()).into())
    }
}

/// What is authenticated beside the secret: the way of sealing, the key, and the place.
fn bound(key: &str, context: &str) -> Vec<u8> {
    format!("{VERSION}.{key}.{context}").into_bytes()
}

#[cfg(test)]
mod tests;
