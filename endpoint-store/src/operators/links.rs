//! Links through which operators set a password of their own: nobody else ever knows it. One at a time for each
//! account, good for one use and for three days; kept is the digest of its code.

use diesel::prelude::*;
use serde_json::json;

use super::manage::{check_new, manageable, with_password_hash};
use super::{Operator, Role, by_id, digest, insert, new_setup_code};
use crate::audit::{Action, Note};
use crate::caller::{Actor, ActorKind};
use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::operator_links;
use crate::writer::Tx;

/// How long a link lives, in milliseconds.
pub const LINK_LIFETIME: Millis = 72 * 3_600_000;

/// A link that was just made: the only time its code is known.
#[derive(Debug)]
pub struct Link {
    /// For the address `/setup/{code}`.
    pub code: SetupCode,
    /// When it ends by itself.
    pub expires_at: Millis,
}

/// A code in plain; it is not printed by accident.
pub struct SetupCode(zeroize::Zeroizing<String>);

impl SetupCode {
    /// Takes a code over.
    pub(crate) fn new(code: String) -> Self {
        Self(zeroize::Zeroizing::new(code))
    }

    /// The code, for the one address that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SetupCode(…)")
    }
}

/// Makes an account without a password, and the link by which its owner sets one.
///
/// # Errors
/// As [`super::create`].
pub fn invite(
    tx: &mut Tx<'_>,
    name: &str,
    role: Role,
    actor: &Actor,
    now: Millis,
) -> Result<(Operator, Link), StoreError> {
    dialect::lock_operators(tx)?;
    let reach = check_new(tx, actor, role)?;
    let operator = insert(tx, name, "", (role, reach), actor, now)?;
    let link = open(tx, &operator, actor, now)?;
    Ok((operator, link))
}

/// Takes the password of an account away and makes a link by which its owner sets another one. Sessions end, and a
/// disabled account is switched on, as by [`super::reset_password`].
///
/// # Errors
/// [`StoreError::Forbidden`]; [`StoreError::NotFound`]; [`StoreError::Refused`] for one's own account.
pub fn reset_by_link(
    tx: &mut Tx<'_>,
    named: &str,
    actor: &Actor,
    now: Millis,
) -> Result<(Operator, Link), StoreError> {
    let operator = manageable(tx, named, actor)?;
    if actor.kind == ActorKind::Operator && actor.id == operator.id {
        return Err(StoreError::refused(
            "this is your own account; change its password on the page “Your account”",
        ));
    }
    let before = operator.status();
    let operator = with_password_hash(tx, operator, "", actor, now)?;
    let link = open(tx, &operator, actor, now)?;
    tx.note(
        Note::new(actor, now, Action::OperatorReset, &operator.name)
            .change(&json!({"status": before.as_str()}), &json!({"status": operator.status().as_str()})),
    );
    Ok((operator, link))
}

fn open(tx: &mut Tx<'_>, operator: &Operator, actor: &Actor, now: Millis) -> Result<Link, StoreError> {
    let code = SetupCode::new(new_setup_code());
    let expires_at = now + LINK_LIFETIME;
    diesel::delete(operator_links::table.filter(operator_links::operator_id.eq(&operator.id)))
        .execute(&mut **tx)?;
    diesel::insert_into(operator_links::table)
        .values((
            operator_links::operator_id.eq(&operator.id),
            operator_links::digest.eq(digest(code.reveal())),
            operator_links::created_at.eq(now),
            operator_links::created_by.eq(&actor.label),
            operator_links::expires_at.eq(expires_at),
        ))
        .execute(&mut **tx)?;
    Ok(Link { code, expires_at })
}

/// Whose link has this code, if it is good now.
pub fn of_link(conn: &mut Conn, code: &str, now: Millis) -> Result<Option<Operator>, StoreError> {
    let id: Option<String> = operator_links::table
        .filter(operator_links::digest.eq(digest(code)))
        .filter(operator_links::expires_at.gt(now))
        .select(operator_links::operator_id)
        .get_result(conn)
        .optional()?;
    let operator = id.map(|id| by_id(conn, &id)).transpose()?.flatten();
    Ok(operator.filter(|operator| operator.disabled_at.is_none()))
}

/// When the link of each operator who has one ends, by id.
pub fn links(conn: &mut Conn) -> Result<Vec<(String, Millis)>, StoreError> {
    Ok(operator_links::table.select((operator_links::operator_id, operator_links::expires_at)).load(conn)?)
}

/// Uses up a link and sets the password, both or neither.
///
/// # Errors
/// [`StoreError::Refused`] for a code that is unknown, used or expired.
pub fn redeem_link(
    tx: &mut Tx<'_>,
    code: &str,
    password_hash: &str,
    address: &str,
    now: Millis,
) -> Result<Operator, StoreError> {
    dialect::lock_operators(tx)?;
    let refused =
        || StoreError::refused("this link was used or has expired; ask whoever sent it for another");
    let operator = of_link(tx, code, now)?.ok_or_else(refused)?;
    // Of two that use the link at once, one finds it used up.
    let used = diesel::delete(operator_links::table.filter(operator_links::digest.eq(digest(code))))
        .execute(&mut **tx)?;
    if used != 1 {
        return Err(refused());
    }
    let actor = operator.actor().at(address);
    let operator = with_password_hash(tx, operator, password_hash, &actor, now)?;
    tx.note(Note::new(&actor, now, Action::OperatorSetUp, &operator.name).after(json!({"status": "active"})));
    Ok(operator)
}
