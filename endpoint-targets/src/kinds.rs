//! The kinds of targets there are. A new one is a file that implements [`Remote`] and a line in [`KINDS`].

use std::sync::Arc;

use endpoint_store::StoreError;
use endpoint_store::sealed::{Keyring, SecretBytes};
use endpoint_store::targets::{NewTarget, Target};

use crate::remote::{Failure, Remote};
use crate::{scim, secret_server};

/// A kind of target.
pub struct Kind {
    /// As stored and written.
    pub word: &'static str,
    /// As people call it.
    pub label: &'static str,
    /// Whether it needs the name of an account; the secret is a token otherwise.
    pub needs_username: bool,
    open: Open,
}

/// Makes the way to a target of its address and secret.
type Open = fn(&Target, SecretBytes) -> Result<Arc<dyn Remote>, Failure>;

/// All of them.
pub const KINDS: &[Kind] = &[
    Kind { word: "secret-server", label: "Secret Server", needs_username: true, open: secret_server::open },
    Kind { word: "scim", label: "SCIM 2.0 server", needs_username: false, open: scim::open },
];

/// The kind with this word.
///
/// # Errors
/// [`StoreError::Invalid`] naming those there are.
pub fn find(word: &str) -> Result<&'static Kind, StoreError> {
    KINDS.iter().find(|kind| kind.word == word).ok_or_else(|| {
        let words: Vec<&str> = KINDS.iter().map(|kind| kind.word).collect();
        StoreError::invalid(
            "/kind",
            format!("there is no kind `{word:.40}`; it is one of {}", words.join(", ")),
        )
    })
}

/// Whether what was chosen is enough for its kind.
///
/// # Errors
/// [`StoreError::Invalid`].
pub fn check(new: &NewTarget) -> Result<&'static Kind, StoreError> {
    let kind = find(&new.kind)?;
    let named = new.username.as_deref().is_some_and(|name| !name.trim().is_empty());
    match (kind.needs_username, named) {
        (true, false) => Err(StoreError::invalid(
            "/username",
            format!("{} needs the name of the application account that is used there", kind.label),
        )),
        (false, true) => Err(StoreError::invalid(
            "/username",
            format!("a {} is signed in to with a token, not with a name and password", kind.label),
        )),
        _ => Ok(kind),
    }
}

/// What speaks to a target.
///
/// # Errors
/// [`Failure::Denied`] when its secret cannot be opened.
pub fn open(target: &Target, keyring: &Keyring) -> Result<Arc<dyn Remote>, Failure> {
    let kind = find(&target.kind).map_err(|error| Failure::Denied(error.to_string()))?;
    let secret = target.secret(keyring).map_err(|error| Failure::Denied(error.to_string()))?;
    (kind.open)(target, secret)
}
