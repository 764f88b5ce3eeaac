//! The second factor of operators: codes of an authenticator app, and recovery codes for when the app is lost.
//!
//! The app's secret is kept sealed ([`crate::sealed`]). A code opens once: the step of the last one is kept, and only later ones
//! are taken. Of recovery codes there are digests only; each is removed by its use.

use data_encoding::BASE32_NOPAD;
use diesel::prelude::*;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::{Millis, entropy};
use crate::operators::{self, Operator};
use crate::schema::{operators as table, recovery_codes};
use crate::sealed::{Keyring, Sealed, SecretBytes};
use crate::totp;
use crate::writer::Tx;

pub use crate::totp::{secret_text, uri};

/// Recovery codes that are made at once.
pub const RECOVERY_CODES: usize = 10;
/// Random bytes of one: 80 bits, which nobody finds from a digest.
const RECOVERY_BYTES: usize = 10;

/// Recovery codes that were just made: the only time they are known.
pub struct RecoveryCodes(Vec<Zeroizing<String>>);

impl RecoveryCodes {
    /// The codes, for the one page that shows them.
    pub fn reveal(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|code| code.as_str())
    }
}

/// What somebody gave as a second factor, and that it was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A code of the app.
    App,
    /// A recovery code; so many are left.
    Recovery {
        /// Codes that were not used yet.
        left: i64,
    },
}

fn context(operator: &Operator) -> String {
    format!("operator:{}", operator.id)
}

type Kept = (Option<String>, Option<i64>, Option<i64>);

/// The sealed secret, since when it counts, and the step of the last code.
fn kept(conn: &mut Conn, operator: &Operator) -> Result<Kept, StoreError> {
    let row = table::table.filter(table::id.eq(&operator.id));
    let row = row.select((table::totp_sealed, table::totp_since, table::totp_step)).get_result(conn);
    row.optional()?.ok_or_else(|| StoreError::NotFound(format!("there is no operator `{}`", operator.name)))
}

/// Makes a secret for the app. It does not count before a code was given by [`confirm`]; a former one that was never
/// confirmed is replaced.
///
/// # Errors
/// [`StoreError::Refused`] when there is a second factor already, or no key to seal it with.
pub fn begin(tx: &mut Tx<'_>, keyring: &Keyring, operator: &Operator) -> Result<SecretBytes, StoreError> {
    dialect::lock_operator(tx, &operator.id)?;
    if kept(tx, operator)?.1.is_some() {
        return Err(StoreError::refused("there is a second factor already; remove it first"));
    }
    let secret = SecretBytes::new(entropy::<{ totp::SECRET }>().to_vec());
    let sealed = keyring.seal(&context(operator), secret.reveal())?;
    diesel::update(table::table.filter(table::id.eq(&operator.id)))
        .set((table::totp_sealed.eq(Some(sealed.as_str())), table::totp_step.eq(None::<i64>)))
        .execute(&mut **tx)?;
    Ok(secret)
}

/// The secret that waits for its first code.
///
/// # Errors
/// [`StoreError::Refused`] when there is none, or it cannot be opened.
pub fn pending(conn: &mut Conn, keyring: &Keyring, operator: &Operator) -> Result<SecretBytes, StoreError> {
    match kept(conn, operator)? {
        (Some(sealed), None, _) => keyring.open(&context(operator), &Sealed::from_kept(&sealed)?),
        _ => Err(StoreError::refused("no second factor is being set up; begin again")),
    }
}

/// Makes the second factor count, when the app shows the right code; `None` when it does not. Gives the recovery codes.
///
/// # Errors
/// As [`pending`].
pub fn confirm(
    tx: &mut Tx<'_>,
    keyring: &Keyring,
    operator: &Operator,
    code: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Option<RecoveryCodes>, StoreError> {
    dialect::lock_operator(tx, &operator.id)?;
    let secret = pending(tx, keyring, operator)?;
    let Some(step) = totp::matching_step(secret.reveal(), &plain(code), None, now) else { return Ok(None) };
    diesel::update(table::table.filter(table::id.eq(&operator.id)))
        .set((table::totp_since.eq(Some(now)), table::totp_step.eq(Some(step))))
        .execute(&mut **tx)?;
    tx.note(Note::new(actor, now, Action::SecondFactorOn, &operator.name));
    make_codes(tx, operator).map(Some)
}

/// Whether this is a code of the app that was not used yet, or a recovery code, which is used up by this.
///
/// # Errors
/// [`StoreError::Refused`] when the secret cannot be opened.
pub fn verify(
    tx: &mut Tx<'_>,
    keyring: &Keyring,
    operator: &Operator,
    given: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Option<Proof>, StoreError> {
    dialect::lock_operator(tx, &operator.id)?;
    let (Some(sealed), Some(_), last) = kept(tx, operator)? else { return Ok(None) };
    let given = plain(given);
    if !totp::is_code(&given) {
        return use_recovery_code(tx, operator, &given, actor, now);
    }
    let secret = keyring.open(&context(operator), &Sealed::from_kept(&sealed)?)?;
    let Some(step) = totp::matching_step(secret.reveal(), &given, last, now) else { return Ok(None) };
    diesel::update(table::table.filter(table::id.eq(&operator.id)))
        .set(table::totp_step.eq(Some(step)))
        .execute(&mut **tx)?;
    Ok(Some(Proof::App))
}

fn use_recovery_code(
    tx: &mut Tx<'_>,
    operator: &Operator,
    given: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Option<Proof>, StoreError> {
    let used = diesel::delete(
        recovery_codes::table
            .filter(recovery_codes::operator_id.eq(&operator.id))
            .filter(recovery_codes::digest.eq(digest(operator, given))),
    )
    .execute(&mut **tx)?;
    if used != 1 {
        return Ok(None);
    }
    let left = codes_left(tx, operator)?;
    let note = Note::new(actor, now, Action::RecoveryCode, &operator.name);
    tx.note(note.after(json!({ "left": left })));
    Ok(Some(Proof::Recovery { left }))
}

/// How many recovery codes were not used yet.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn codes_left(conn: &mut Conn, operator: &Operator) -> Result<i64, StoreError> {
    let own = recovery_codes::table.filter(recovery_codes::operator_id.eq(&operator.id));
    Ok(own.count().get_result(conn)?)
}

/// Makes new recovery codes; former ones end.
///
/// # Errors
/// [`StoreError::Refused`] without a second factor.
pub fn new_codes(
    tx: &mut Tx<'_>,
    operator: &Operator,
    actor: &Actor,
    now: Millis,
) -> Result<RecoveryCodes, StoreError> {
    dialect::lock_operator(tx, &operator.id)?;
    if kept(tx, operator)?.1.is_none() {
        return Err(StoreError::refused("there is no second factor that they could stand in for"));
    }
    tx.note(Note::new(actor, now, Action::RecoveryCodesNew, &operator.name));
    make_codes(tx, operator)
}

fn make_codes(tx: &mut Tx<'_>, operator: &Operator) -> Result<RecoveryCodes, StoreError> {
    forget_codes(tx, operator)?;
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let text = Zeroizing::new(BASE32_NOPAD.encode(&entropy::<RECOVERY_BYTES>()).to_ascii_lowercase());
        let row = (
            recovery_codes::operator_id.eq(&operator.id),
            recovery_codes::digest.eq(digest(operator, &text)),
        );
        diesel::insert_into(recovery_codes::table).values(row).execute(&mut **tx)?;
        codes.push(Zeroizing::new(grouped(&text)));
    }
    Ok(RecoveryCodes(codes))
}

fn forget_codes(tx: &mut Tx<'_>, operator: &Operator) -> Result<(), StoreError> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::operator_id.eq(&operator.id)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Removes one's own second factor; false when there was none.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn remove(tx: &mut Tx<'_>, operator: &Operator, actor: &Actor, now: Millis) -> Result<bool, StoreError> {
    forget(tx, operator, Action::SecondFactorOff, actor, now)
}

/// Removes the second factor of somebody who lost it, and ends their sessions.
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::NotFound`]; [`StoreError::Refused`] when there is none.
pub fn reset(tx: &mut Tx<'_>, named: &str, actor: &Actor, now: Millis) -> Result<Operator, StoreError> {
    let operator = operators::manageable(tx, named, actor)?;
    if !forget(tx, &operator, Action::SecondFactorReset, actor, now)? {
        return Err(StoreError::refused(format!("`{}` has no second factor", operator.name)));
    }
    operators::end_sessions(tx, &operator)?;
    Ok(Operator { second_factor_since: None, ..operator })
}

fn forget(
    tx: &mut Tx<'_>,
    operator: &Operator,
    action: Action,
    actor: &Actor,
    now: Millis,
) -> Result<bool, StoreError> {
    dialect::lock_operator(tx, &operator.id)?;
    let had = kept(tx, operator)?.1.is_some();
    diesel::update(table::table.filter(table::id.eq(&operator.id)))
        .set((
            table::totp_sealed.eq(None::<String>),
            table::totp_since.eq(None::<i64>),
            table::totp_step.eq(None::<i64>),
        ))
        .execute(&mut **tx)?;
    forget_codes(tx, operator)?;
    if had {
        tx.note(Note::new(actor, now, action, &operator.name));
    }
    Ok(had)
}

/// What was typed, without what people put between and in the case that is compared.
fn plain(given: &str) -> Zeroizing<String> {
    let kept = given.chars().filter(|c| c.is_ascii_alphanumeric()).take(64);
    Zeroizing::new(kept.map(|c| c.to_ascii_lowercase()).collect())
}

fn grouped(text: &str) -> String {
    let mut grouped = String::with_capacity(text.len() + 4);
    for (at, letter) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            grouped.push('-');
        }
        grouped.push(letter);
    }
    grouped
}

fn digest(operator: &Operator, code: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(operator.id.as_bytes());
    hash.update([0]);
    hash.update(code.as_bytes());
    hash.finalize().to_vec()
}
