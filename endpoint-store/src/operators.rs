//! The people who run the platform, and the one-use code that makes the first of them.

mod acts;
mod links;
mod manage;
mod reach;

use std::sync::Arc;

use diesel::prelude::*;
use scim_core::fold::fold;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::audit::{Action, Note};
use crate::caller::{Actor, ActorKind, Caller};
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::ids::{Millis, entropy, new_id};
use crate::schema::{operators, setup_codes};
use crate::writer::Tx;

pub use acts::Act;
pub use links::{LINK_LIFETIME, Link, SetupCode, invite, links, of_link, redeem_link, reset_by_link};
pub(crate) use manage::end_sessions;
pub use manage::{change_password, disable, enable, manageable, reset_password, set_role, sign_out};
pub(crate) use reach::check_tenant;
pub use reach::{Reach, set_reach};

/// What an operator is; each role may all that the ones before it may. What that is, [`Act::TABLE`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads only.
    Auditor,
    /// Endpoints, tokens and their directories.
    Operator,
    /// Everything but owners.
    Admin,
    /// Everything.
    Owner,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Auditor, Self::Operator, Self::Admin, Self::Owner];

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|r| r.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no role; it is owner, admin, operator or auditor"))
    }
}

/// Whether somebody can sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Yes.
    Active,
    /// Not before they set a password through their link.
    Invited,
    /// Switched off.
    Disabled,
}

impl Status {
    /// As shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invited => "invited",
            Self::Disabled => "disabled",
        }
    }
}

/// A person with an account in the console.
#[derive(Debug, Clone)]
pub struct Operator {
    /// Never changes.
    pub id: String,
    /// What they sign in with; compared without case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When the account was made.
    pub created_at: Millis,
    /// When it was switched off.
    pub disabled_at: Option<Millis>,
    /// Last successful sign-in.
    pub last_sign_in_at: Option<Millis>,
    /// Whether there is a password; without one there is, or was, a link to set it.
    pub has_password: bool,
    /// Since when a second factor is asked for at the sign-in.
    pub second_factor_since: Option<Millis>,
    /// Which endpoints they see.
    pub reach: Reach,
}

impl Operator {
    /// Whether they can sign in.
    pub fn status(&self) -> Status {
        match (self.disabled_at, self.has_password) {
            (Some(_), _) => Status::Disabled,
            (None, true) => Status::Active,
            (None, false) => Status::Invited,
        }
    }

    /// Entity tag of what can be set about them.
    pub fn tag(&self) -> String {
        let status = self.status().as_str();
        crate::version::tag(&(&self.id, &self.name, self.role.as_str(), status, self.reach.tenants()))
    }

    /// As the change log keeps it.
    pub fn actor(&self) -> Actor {
        let (id, label) = (self.id.clone(), self.name.clone());
        Actor { kind: ActorKind::Operator, id, label, address: String::new() }
    }

    /// This operator at work on one endpoint's directory.
    pub fn on(&self, endpoint: Arc<Endpoint>, request_id: impl Into<String>) -> Caller {
        Caller { endpoint, actor: self.actor(), request_id: request_id.into() }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = operators, treat_none_as_default_value = false)]
pub(crate) struct Row {
    id: String,
    name: String,
    name_key: String,
    password_hash: String,
    role: String,
    created_at: i64,
    disabled_at: Option<i64>,
    last_sign_in_at: Option<i64>,
    totp_since: Option<i64>,
    tenants: Option<String>,
}

impl TryFrom<Row> for Operator {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            reach: Reach::from_kept(row.tenants.as_deref())?,
            role: row.role.parse().map_err(StoreError::Damaged)?,
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            last_sign_in_at: row.last_sign_in_at,
            has_password: !row.password_hash.is_empty(),
            second_factor_since: row.totp_since,
        })
    }
}

/// Makes an account, limited to the tenants that whoever makes it is limited to. `password_hash` is a PHC string; the password itself never reaches the store.
///
/// # Errors
/// [`StoreError::Invalid`] for an unusable name, [`StoreError::Refused`] for a taken one, [`StoreError::Forbidden`].
pub fn create(
    tx: &mut Tx<'_>,
    name: &str,
    password_hash: &str,
    role: Role,
    actor: &Actor,
    now: Millis,
) -> Result<Operator, StoreError> {
    dialect::lock_operators(tx)?;
    let reach = manage::check_new(tx, actor, role)?;
    insert(tx, name, password_hash, (role, reach), actor, now)
}

fn insert(
    tx: &mut Tx<'_>,
    name: &str,
    password_hash: &str,
    (role, reach): (Role, Reach),
    actor: &Actor,
    now: Millis,
) -> Result<Operator, StoreError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(StoreError::invalid("/name", "the name needs 1 to 100 characters, on one line"));
    }
    let row = Row {
        id: new_id(now),
        name: name.to_owned(),
        name_key: fold(name),
        password_hash: password_hash.to_owned(),
        role: role.as_str().to_owned(),
        created_at: now,
        disabled_at: None,
        last_sign_in_at: None,
        totp_since: None,
        tenants: reach.to_kept(),
    };
    diesel::insert_into(operators::table).values(&row).execute(&mut **tx).map_err(|e| {
        if StoreError::is_unique_violation(&e) {
            StoreError::refused(format!("there is an operator `{name}` already"))
        } else {
            e.into()
        }
    })?;
    let after = match reach.tenants() {
        None => json!({"role": role.as_str()}),
        Some(tenants) => json!({"role": role.as_str(), "tenants": tenants}),
    };
    tx.note(Note::new(actor, now, Action::OperatorCreate, &row.name).after(after));
    row.try_into()
}

/// An account by name, with the hash to check a password against; an empty one fits no password.
pub fn with_password(conn: &mut Conn, name: &str) -> Result<Option<(Operator, String)>, StoreError> {
    let row: Option<Row> = operators::table
        .filter(operators::name_key.eq(fold(name.trim())))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(|row| {
        let hash = row.password_hash.clone();
        Ok((row.try_into()?, hash))
    })
    .transpose()
}

/// An account by name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn find(conn: &mut Conn, name: &str) -> Result<Operator, StoreError> {
    with_password(conn, name)?
        .map(|(operator, _)| operator)
        .ok_or_else(|| StoreError::NotFound(format!("there is no operator `{name}`")))
}

pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<Operator>, StoreError> {
    let row: Option<Row> =
        operators::table.filter(operators::id.eq(id)).select(Row::as_select()).get_result(conn).optional()?;
    row.map(Operator::try_from).transpose()
}

/// An account by id or name.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn find_by(conn: &mut Conn, id_or_name: &str) -> Result<Operator, StoreError> {
    match by_id(conn, id_or_name)? {
        Some(operator) => Ok(operator),
        None => find(conn, id_or_name),
    }
}

/// All accounts by name.
pub fn list(conn: &mut Conn) -> Result<Vec<Operator>, StoreError> {
    let rows: Vec<Row> = operators::table.order(operators::name_key).select(Row::as_select()).load(conn)?;
    rows.into_iter().map(Operator::try_from).collect()
}

/// True until the first operator exists.
pub fn is_setup_open(conn: &mut Conn) -> Result<bool, StoreError> {
    let n: i64 = operators::table.count().get_result(conn)?;
    Ok(n == 0)
}

/// A code for the one-use set-up link: 128 random bits, readable aloud.
pub fn new_setup_code() -> String {
    entropy::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Keeps the digest of a new set-up code; earlier codes end.
pub fn open_setup(tx: &mut Tx<'_>, code: &str, now: Millis, expires_at: Millis) -> Result<(), StoreError> {
    diesel::delete(setup_codes::table).execute(&mut **tx)?;
    diesel::insert_into(setup_codes::table)
        .values((
            setup_codes::digest.eq(digest(code)),
            setup_codes::created_at.eq(now),
            setup_codes::expires_at.eq(expires_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Whether a set-up code would be accepted now.
pub fn is_setup_code(conn: &mut Conn, code: &str, now: Millis) -> Result<bool, StoreError> {
    let n: i64 = setup_codes::table
        .filter(setup_codes::digest.eq(digest(code)))
        .filter(setup_codes::expires_at.gt(now))
        .count()
        .get_result(conn)?;
    Ok(n == 1 && is_setup_open(conn)?)
}

/// Uses up the set-up code and makes the first owner, both or neither.
///
/// # Errors
/// [`StoreError::Refused`] for a code that is unknown, used or expired.
pub fn redeem_setup(
    tx: &mut Tx<'_>,
    code: &str,
    name: &str,
    password_hash: &str,
    address: &str,
    now: Millis,
) -> Result<Operator, StoreError> {
    let is_good = is_setup_code(tx, code, now)?;
    // Of two that use the link at once, one finds it used up.
    let used_up = is_good && diesel::delete(setup_codes::table).execute(&mut **tx)? == 1;
    if !used_up {
        return Err(StoreError::refused(
            "this set-up link was used or has expired; restart the server for a new one, or sign in",
        ));
    }
    let (id, label) = (String::new(), name.trim().to_owned());
    let own = Actor { kind: ActorKind::Operator, id, label, address: address.to_owned() };
    insert(tx, name, password_hash, (Role::Owner, Reach::Everything), &own, now)
}

fn digest(code: &str) -> Vec<u8> {
    Sha256::digest(code.as_bytes()).to_vec()
}
