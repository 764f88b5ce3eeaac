//! Changing how a target is signed in to and served.
//!
//! Its address stays: what is known of each user there is known of that place. Another address is another target.

use diesel::prelude::*;

use super::record::{Config, context};
use super::{Mode, Target, check_chosen, find, own};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::targets;
use crate::sealed::{Keyring, Sealed, SecretBytes};
use crate::writer::Tx;

/// What is changed about a target; `None` leaves it.
#[derive(Default)]
pub struct Changes {
    /// The account there.
    pub username: Option<String>,
    /// The account's password, or a token.
    pub secret: Option<SecretBytes>,
    /// The account's domain; an empty one takes it away.
    pub domain: Option<String>,
    /// When the identity provider is answered.
    pub mode: Option<Mode>,
    /// How often what is there is looked for anew; `Some(None)` for never.
    pub import_every: Option<Option<Millis>>,
    /// Failures in a row after which it is left alone for a while.
    pub threshold: Option<i64>,
    /// Length of a password that is made for a new account.
    pub password_length: Option<usize>,
    /// The symbols that such a password has at least one of.
    pub password_symbols: Option<String>,
}

impl Changes {
    /// Whether everything stays.
    pub fn is_empty(&self) -> bool {
        let Self {
            username,
            secret,
            domain,
            mode,
            import_every,
            threshold,
            password_length,
            password_symbols,
        } = self;
        username.is_none()
            && secret.is_none()
            && domain.is_none()
            && mode.is_none()
            && import_every.is_none()
            && threshold.is_none()
            && password_length.is_none()
            && password_symbols.is_none()
    }
}

/// Changes that can be made: looked at, and a new secret is sealed.
#[derive(Clone)]
pub struct Prepared {
    target: Target,
    sealed: Option<Sealed>,
    config: String,
}

/// Looks at what is changed about `target` and seals a new secret. It needs no database.
///
/// # Errors
/// [`StoreError::Invalid`] naming what cannot be taken; [`StoreError::Refused`] when there is no key to seal with.
pub fn prepare(keyring: &Keyring, target: &Target, changes: &Changes) -> Result<Prepared, StoreError> {
    let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut changed = target.clone();
    if let Some(username) = &changes.username {
        changed.username = text(username);
        if target.username.is_some() != changed.username.is_some() {
            let sentence = match target.username {
                Some(_) => "the name of the application account is empty; it is needed to sign in there",
                None => "this target is signed in to with a token, not with a name and password",
            };
            return Err(StoreError::invalid("/username", sentence));
        }
    }
    if let Some(domain) = &changes.domain {
        changed.domain = text(domain);
    }
    changed.mode = changes.mode.unwrap_or(changed.mode);
    changed.import_every = changes.import_every.unwrap_or(changed.import_every);
    let options = &mut changed.options;
    options.threshold = changes.threshold.unwrap_or(options.threshold);
    options.password_length = changes.password_length.unwrap_or(options.password_length);
    if let Some(symbols) = &changes.password_symbols {
        options.password_symbols.clone_from(symbols);
    }
    check_chosen(&changed.options, changed.import_every)?;
    let sealed = match &changes.secret {
        Some(secret) if secret.reveal().is_empty() => {
            return Err(StoreError::invalid("/secret", "the password or token is empty"));
        }
        Some(secret) => Some(keyring.seal(&context(&target.endpoint, &target.id), secret.reveal())?),
        None => None,
    };
    let config =
        serde_json::to_string(&Config::of(&changed)).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(Prepared { target: changed, sealed, config })
}

/// Makes the changes. What waits is tried at once with them: a target that rested because of a wrong password is awake.
///
/// # Errors
/// [`StoreError::NotFound`] when the target is gone.
pub fn change(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    prepared: &Prepared,
    actor: &Actor,
    now: Millis,
) -> Result<Target, StoreError> {
    let Prepared { target, sealed, config } = prepared;
    let before = find(tx, &endpoint.id, &target.id)?;
    let row = own(&endpoint.id, &target.id);
    diesel::update(row)
        .set((targets::config.eq(config), targets::failures.eq(0), targets::open_until.eq(None::<Millis>)))
        .execute(&mut **tx)?;
    if let Some(sealed) = sealed {
        diesel::update(own(&endpoint.id, &target.id))
            .set(targets::secret_sealed.eq(Some(sealed.as_str())))
            .execute(&mut **tx)?;
    }
    let after = find(tx, &endpoint.id, &target.id)?;
    let mut told = after.facts();
    if let (Some(_), Some(told)) = (sealed, told.as_object_mut()) {
        told.insert("secret".to_owned(), "replaced".into());
    }
    let note = Note::new(actor, now, Action::TargetChange, &after.url).on(&endpoint.id);
    tx.note(note.before(before.facts()).after(told));
    Ok(after)
}
