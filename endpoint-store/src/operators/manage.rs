//! What some operators do to others: roles, on and off, the way in again, the end of sessions.
//!
//! Every one of these acts looks again, in its own transaction, at the role of who does it: it may have changed since the
//! request was let in.

use diesel::prelude::*;
use serde_json::json;

use super::{Act, Operator, Reach, Role, Status, by_id, find_by, reach};
use crate::api_keys;
use crate::audit::{Action, Note};
use crate::caller::{Actor, ActorKind};
use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{operator_links, operators, sessions, sign_in_steps};
use crate::writer::Tx;

/// The account of an actor; `None` for the command line and the server itself, which may do everything.
pub(super) fn account_of(conn: &mut Conn, actor: &Actor) -> Result<Option<Operator>, StoreError> {
    let gone = || StoreError::Forbidden("the account that asks is not there any more".into());
    match actor.kind {
        ActorKind::Cli | ActorKind::System => Ok(None),
        ActorKind::Operator => by_id(conn, &actor.id)?.map(Some).ok_or_else(gone),
        ActorKind::ApiKey => api_keys::owner_of(conn, &actor.id).map(Some),
        ActorKind::Token | ActorKind::Guest | ActorKind::Target => Err(gone()),
    }
}

/// Refuses an actor who may not manage an operator of this role.
pub(super) fn check(tx: &mut Tx<'_>, actor: &Actor, role: Role) -> Result<(), StoreError> {
    let Some(own) = account_of(tx, actor)? else { return Ok(()) };
    if own.disabled_at.is_none() && own.role.may_manage(role) {
        return Ok(());
    }
    let least = Act::managing(role).least();
    Err(StoreError::Forbidden(format!(
        "{} `{}` is managed by the role {} or above; you have the role {}",
        if role == Role::Owner { "an" } else { "the role" },
        role.as_str(),
        least.as_str(),
        own.role.as_str()
    )))
}

/// The same for an account that is to be made; what it reaches is what its maker reaches.
pub(super) fn check_new(tx: &mut Tx<'_>, actor: &Actor, role: Role) -> Result<Reach, StoreError> {
    check(tx, actor, role)?;
    Ok(account_of(tx, actor)?.map_or(Reach::Everything, |own| own.reach))
}

/// The account of this id or name, if the actor may manage it; nobody else changes accounts until the transaction ends.
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::NotFound`].
pub fn manageable(tx: &mut Tx<'_>, named: &str, actor: &Actor) -> Result<Operator, StoreError> {
    // Two owners that switch each other off at the same moment must not both succeed.
    dialect::lock_operators(tx)?;
    let operator = find_by(tx, named)?;
    check(tx, actor, operator.role)?;
    match account_of(tx, actor)? {
        Some(own) if !own.reach.includes(&operator.reach) => Err(reach::beyond(&own.reach)),
        _ => Ok(operator),
    }
}

/// Refuses to do without this owner when no other one can sign in.
fn keep_an_owner(tx: &mut Tx<'_>, operator: &Operator) -> Result<(), StoreError> {
    if operator.role != Role::Owner || operator.status() == Status::Disabled {
        return Ok(());
    }
    let others: i64 = operators::table
        .filter(operators::role.eq(Role::Owner.as_str()))
        .filter(operators::id.ne(&operator.id))
        .filter(operators::disabled_at.is_null())
        .filter(operators::password_hash.ne(""))
        .count()
        .get_result(&mut **tx)?;
    if others == 0 {
        let name = &operator.name;
        return Err(StoreError::refused(format!("`{name}` is the only owner; make another owner first")));
    }
    Ok(())
}

/// Ends the sessions of an operator, also those that wait for their second factor, and says how many there were.
pub(crate) fn end_sessions(tx: &mut Tx<'_>, operator: &Operator) -> Result<usize, StoreError> {
    diesel::delete(sign_in_steps::table.filter(sign_in_steps::operator_id.eq(&operator.id)))
        .execute(&mut **tx)?;
    Ok(diesel::delete(sessions::table.filter(sessions::operator_id.eq(&operator.id))).execute(&mut **tx)?)
}

/// Gives an account another role, from its next request on.
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::Refused`] for the last owner; [`StoreError::NotFound`].
pub fn set_role(
    tx: &mut Tx<'_>,
    named: &str,
    role: Role,
    actor: &Actor,
    now: Millis,
) -> Result<Operator, StoreError> {
    let operator = manageable(tx, named, actor)?;
    check(tx, actor, role)?;
    if operator.role == role {
        return Ok(operator);
    }
    keep_an_owner(tx, &operator)?;
    if role == Role::Owner && operator.reach != Reach::Everything {
        return Err(StoreError::refused("an owner is not limited to tenants; lift the limit first"));
    }
    diesel::update(operators::table.filter(operators::id.eq(&operator.id)))
        .set(operators::role.eq(role.as_str()))
        .execute(&mut **tx)?;
    tx.note(
        Note::new(actor, now, Action::OperatorRole, &operator.name)
            .change(&json!({"role": operator.role.as_str()}), &json!({"role": role.as_str()})),
    );
    tx.registry_changed();
    Ok(Operator { role, ..operator })
}

/// Switches an account off, and ends its sessions and its link; its API keys open nothing from the next request on.
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::Refused`] for the last owner: nobody could let anyone in any more.
pub fn disable(tx: &mut Tx<'_>, named: &str, actor: &Actor, now: Millis) -> Result<Operator, StoreError> {
    let operator = manageable(tx, named, actor)?;
    keep_an_owner(tx, &operator)?;
    diesel::update(operators::table.filter(operators::id.eq(&operator.id)))
        .set(operators::disabled_at.eq(Some(now)))
        .execute(&mut **tx)?;
    diesel::delete(operator_links::table.filter(operator_links::operator_id.eq(&operator.id)))
        .execute(&mut **tx)?;
    end_sessions(tx, &operator)?;
    tx.note(
        Note::new(actor, now, Action::OperatorDisable, &operator.name)
            .change(&json!({"status": operator.status().as_str()}), &json!({"status": "disabled"})),
    );
    tx.registry_changed();
    Ok(Operator { disabled_at: Some(now), ..operator })
}

/// Switches an account on again, with the password that it had. Its API keys are revoked: whoever lets a person in again
/// does not know who still has them.
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::NotFound`].
pub fn enable(tx: &mut Tx<'_>, named: &str, actor: &Actor, now: Millis) -> Result<Operator, StoreError> {
    let operator = manageable(tx, named, actor)?;
    if operator.disabled_at.is_none() {
        return Ok(operator);
    }
    api_keys::revoke_all(tx, &operator, actor, now)?;
    diesel::update(operators::table.filter(operators::id.eq(&operator.id)))
        .set(operators::disabled_at.eq(None::<i64>))
        .execute(&mut **tx)?;
    let on = Operator { disabled_at: None, ..operator };
    tx.note(
        Note::new(actor, now, Action::OperatorEnable, &on.name)
            .change(&json!({"status": "disabled"}), &json!({"status": on.status().as_str()})),
    );
    tx.registry_changed();
    Ok(on)
}

/// Sets a new password, switches the account on, and ends its sessions and its link. The API keys of an account that was
/// off are revoked, as by [`enable`].
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::NotFound`].
pub fn reset_password(
    tx: &mut Tx<'_>,
    named: &str,
    password_hash: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Operator, StoreError> {
    let operator = manageable(tx, named, actor)?;
    let before = operator.status();
    let on = with_password_hash(tx, operator, password_hash, actor, now)?;
    tx.note(
        Note::new(actor, now, Action::OperatorResetPassword, &on.name)
            .change(&json!({"status": before.as_str()}), &json!({"status": "active"})),
    );
    Ok(on)
}

/// The account with this password hash, on, without sessions and links.
pub(super) fn with_password_hash(
    tx: &mut Tx<'_>,
    operator: Operator,
    password_hash: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Operator, StoreError> {
    if operator.disabled_at.is_some() {
        api_keys::revoke_all(tx, &operator, actor, now)?;
    }
    diesel::update(operators::table.filter(operators::id.eq(&operator.id)))
        .set((operators::password_hash.eq(password_hash), operators::disabled_at.eq(None::<i64>)))
        .execute(&mut **tx)?;
    diesel::delete(operator_links::table.filter(operator_links::operator_id.eq(&operator.id)))
        .execute(&mut **tx)?;
    end_sessions(tx, &operator)?;
    tx.registry_changed();
    Ok(Operator { disabled_at: None, has_password: !password_hash.is_empty(), ..operator })
}

/// Ends every session of an operator.
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::NotFound`].
pub fn sign_out(tx: &mut Tx<'_>, named: &str, actor: &Actor, now: Millis) -> Result<Operator, StoreError> {
    let operator = manageable(tx, named, actor)?;
    let ended = end_sessions(tx, &operator)?;
    let note = Note::new(actor, now, Action::OperatorEndSessions, &operator.name);
    tx.note(note.before(json!({"sessions": ended})));
    Ok(operator)
}

/// Replaces one's own password. Every other session ends; the one with `kept` goes on.
///
/// # Errors
/// [`StoreError::NotFound`] when the account is gone.
pub fn change_password(
    tx: &mut Tx<'_>,
    operator: &Operator,
    password_hash: &str,
    kept: &[u8],
    actor: &Actor,
    now: Millis,
) -> Result<(), StoreError> {
    let changed = diesel::update(operators::table.filter(operators::id.eq(&operator.id)))
        .filter(operators::disabled_at.is_null())
        .set(operators::password_hash.eq(password_hash))
        .execute(&mut **tx)?;
    if changed == 0 {
        return Err(StoreError::NotFound("the account is not there any more".into()));
    }
    let ended = diesel::delete(
        sessions::table.filter(sessions::operator_id.eq(&operator.id)).filter(sessions::digest.ne(kept)),
    )
    .execute(&mut **tx)?;
    diesel::delete(sign_in_steps::table.filter(sign_in_steps::operator_id.eq(&operator.id)))
        .execute(&mut **tx)?;
    let note = Note::new(actor, now, Action::OperatorPassword, &operator.name);
    tx.note(note.after(json!({"other_sessions_ended": ended})));
    Ok(())
}
