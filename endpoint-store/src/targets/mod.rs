//! Targets: applications behind an endpoint that are kept equal to its directory.
//!
//! A target has a place in the endpoint's change log and one item for each user, group and membership ([`queue`]). What
//! the log tells marks items as waiting; then each is brought to the state that the directory has at that moment, so
//! that doing it twice, late, or after a crash comes to the same. Nothing here talks to a target: that is the floor above.

pub mod clock;
pub mod edit;
pub mod import;
pub mod queue;
mod record;
pub mod steps;
pub mod takein;
pub mod wish;

use diesel::prelude::*;
use serde_json::Value;

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::changes;
use crate::conn::Conn;
use crate::dialect;
use crate::dialect::tables::TargetRow as Row;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::{Millis, new_id};
use crate::schema::{endpoints, target_items, targets};
use crate::sealed::{Keyring, Sealed, SecretBytes};
use crate::writer::Tx;

pub use record::{Account, Mode, Options, Target};
use record::{Config, Seen, context};

/// Targets that an endpoint may have.
pub const MOST: usize = 10;
/// Failures in a row after which a target is left alone for a while, unless it says otherwise.
pub const THRESHOLD: i64 = 20;
const LONGEST_URL: usize = 500;
/// The longest time between two imports, in milliseconds: a year.
const LONGEST_PAUSE: Millis = 366 * 24 * 3_600_000;

/// What is chosen for a new target.
pub struct NewTarget {
    /// `secret-server`, `scim`, …
    pub kind: String,
    /// Its base URL.
    pub url: String,
    /// The account there.
    pub username: Option<String>,
    /// The account's password, or a token.
    pub secret: SecretBytes,
    /// The account's domain.
    pub domain: Option<String>,
    /// When the identity provider is answered.
    pub mode: Mode,
    /// Whether http will do.
    pub allow_http: bool,
    /// After how many milliseconds what is there is looked for anew.
    pub import_every: Option<Millis>,
    /// What else can be chosen.
    pub options: Options,
}

/// A target that can be added: everything about it is looked at and its secret is sealed.
#[derive(Clone)]
pub struct Prepared(Row);

/// Looks at what was chosen and seals the secret. It needs no database.
///
/// # Errors
/// [`StoreError::Invalid`] naming what cannot be taken; [`StoreError::Refused`] when there is no key to seal with.
pub fn prepare(
    keyring: &Keyring,
    endpoint: &EndpointId,
    new: &NewTarget,
    now: Millis,
) -> Result<Prepared, StoreError> {
    let id = new_id(now);
    let url = address(&new.url, new.allow_http)?;
    check_chosen(&new.options, new.import_every)?;
    if new.secret.reveal().is_empty() {
        return Err(StoreError::invalid("/secret", "the password or token is empty"));
    }
    let sealed: Sealed = keyring.seal(&context(endpoint, &id), new.secret.reveal())?;
    let text =
        |given: &Option<String>| given.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
    let config = Config {
        username: text(&new.username),
        domain: text(&new.domain),
        mode: new.mode.as_str().to_owned(),
        allow_http: new.allow_http,
        import_every: new.import_every,
        options: new.options.clone(),
    };
    let config = serde_json::to_string(&config).map_err(|e| StoreError::Damaged(e.to_string()))?;
    Ok(Prepared(Row {
        endpoint_id: endpoint.as_str().to_owned(),
        id,
        kind: new.kind.clone(),
        url,
        secret_sealed: Some(sealed.as_str().to_owned()),
        config,
        created_at: now,
        created_by: String::new(),
        taken_in: 0,
        filled_to: Some(String::new()),
        failures: 0,
        open_until: None,
        import_asked_at: None,
        reconcile_asked_at: None,
        seen: "{}".to_owned(),
    }))
}

fn check_chosen(options: &Options, import_every: Option<Millis>) -> Result<(), StoreError> {
    let Options { threshold, password_length, password_symbols } = options;
    if !(1..=50).contains(threshold) {
        return Err(StoreError::invalid("/threshold", "the number of failures in a row is from 1 to 50"));
    }
    if !(8..=128).contains(password_length) {
        return Err(StoreError::invalid(
            "/password_length",
            "a password that is made has 8 to 128 characters",
        ));
    }
    if password_symbols.len() > 32 || !password_symbols.chars().all(|c| c.is_ascii_punctuation()) {
        return Err(StoreError::invalid(
            "/password_symbols",
            "the symbols of a password are up to 32 ASCII punctuation marks",
        ));
    }
    if import_every.is_some_and(|every| !(60_000..=LONGEST_PAUSE).contains(&every)) {
        return Err(StoreError::invalid(
            "/import_every",
            "an import is made once a minute at most, and once a year at least",
        ));
    }
    Ok(())
}

/// A base URL without what does not belong into one. Addresses inside the network are the usual case, and welcome.
fn address(url: &str, allow_http: bool) -> Result<String, StoreError> {
    let url = url.trim().trim_end_matches('/');
    let refuse = |why: &str| Err(StoreError::invalid("/url", why));
    let secure = url.strip_prefix("https://");
    let Some(rest) = secure.or_else(|| url.strip_prefix("http://")) else {
        return refuse("the URL begins with https://, for example https://vault.example.com/SecretServer");
    };
    if secure.is_none() && !allow_http {
        return refuse(
            "the URL begins with http://, and passwords would go over it in plain; use https, or allow http on purpose",
        );
    }
    let bad = rest.is_empty() || rest.starts_with('/') || url.len() > LONGEST_URL;
    if bad || rest.contains(|c: char| " ?#@\\".contains(c) || c.is_control()) {
        return refuse(
            "the URL is a scheme, a host and perhaps a port and a path, without name, password, ? and #",
        );
    }
    Ok(url.to_owned())
}

/// Adds a target. Everything that is in the directory goes there from now on.
///
/// # Errors
/// [`StoreError::Refused`] with ten of them, or when the same one is there already.
pub fn add(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    prepared: &Prepared,
    actor: &Actor,
    now: Millis,
) -> Result<Target, StoreError> {
    dialect::lock_endpoint(tx, &endpoint.id)?;
    let there = list(tx, &endpoint.id)?;
    if there.len() >= MOST {
        return Err(StoreError::refused(format!("an endpoint may have {MOST} targets; remove one first")));
    }
    let mut row = prepared.0.clone();
    if there.iter().any(|target| target.url == row.url && target.kind == row.kind) {
        return Err(StoreError::refused(format!(
            "endpoint `{}` has a target at {} already; remove that one first",
            endpoint.slug, row.url
        )));
    }
    row.created_by = actor.label.clone();
    row.taken_in = changes::last_number(tx, &endpoint.id)?;
    diesel::insert_into(targets::table).values(&row).execute(&mut **tx)?;
    let target = Target::try_from(row)?;
    let note = Note::new(actor, now, Action::TargetAdd, &target.url).on(&endpoint.id);
    tx.note(note.after(target.facts()));
    Ok(target)
}

/// The targets of an endpoint, the oldest first.
pub fn list(conn: &mut Conn, endpoint: &EndpointId) -> Result<Vec<Target>, StoreError> {
    let rows: Vec<Row> = targets::table
        .filter(targets::endpoint_id.eq(endpoint.as_str()))
        .order(targets::id)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Target::try_from).collect()
}

/// The targets of every endpoint that is in use. For whoever serves them.
pub fn all(conn: &mut Conn) -> Result<Vec<Target>, StoreError> {
    let rows: Vec<Row> = targets::table
        .inner_join(endpoints::table.on(endpoints::id.eq(targets::endpoint_id)))
        .filter(endpoints::deleted_at.is_null())
        .order((targets::endpoint_id, targets::id))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Target::try_from).collect()
}

/// One target of an endpoint.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn find(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<Target, StoreError> {
    let row: Option<Row> = own(endpoint, id).select(Row::as_select()).get_result(conn).optional()?;
    row.ok_or_else(|| StoreError::NotFound(format!("this endpoint has no target `{id:.80}`")))?.try_into()
}

/// The target that is meant: the only one when none is named.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none, [`StoreError::Refused`] when there are several.
pub fn meant(conn: &mut Conn, endpoint: &Endpoint, id: Option<&str>) -> Result<Target, StoreError> {
    if let Some(id) = id {
        return find(conn, &endpoint.id, id);
    }
    let mut all = list(conn, &endpoint.id)?;
    match (all.pop(), all.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(StoreError::NotFound(format!(
            "endpoint `{0}` has no target; `target add {0} --kind secret-server --url …` adds one",
            endpoint.slug
        ))),
        (Some(_), false) => Err(StoreError::refused(format!(
            "endpoint `{0}` has several targets; name one, `target list {0}` shows them",
            endpoint.slug
        ))),
    }
}

/// Takes a target away. What it has stays as it is there.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn remove(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    id: &str,
    actor: &Actor,
    now: Millis,
) -> Result<Target, StoreError> {
    let target = find(tx, &endpoint.id, id)?;
    let note = Note::new(actor, now, Action::TargetRemove, &target.url).on(&endpoint.id);
    tx.note(note.before(target.facts()));
    let items = target_items::table
        .filter(target_items::endpoint_id.eq(endpoint.id.as_str()))
        .filter(target_items::target_id.eq(id));
    diesel::delete(items).execute(&mut **tx)?;
    diesel::delete(own(&endpoint.id, id)).execute(&mut **tx)?;
    Ok(target)
}

/// What somebody can ask for; it is done in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Take over what is there.
    Import,
    /// Compare everything, and repair.
    Reconcile,
}

/// Notes that somebody asks for something.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn ask(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    id: &str,
    what: Ask,
    actor: &Actor,
    now: Millis,
) -> Result<Target, StoreError> {
    let target = find(tx, &endpoint.id, id)?;
    let action = match what {
        Ask::Import => {
            diesel::update(own(&endpoint.id, id))
                .set(targets::import_asked_at.eq(Some(now)))
                .execute(&mut **tx)?;
            Action::TargetImport
        }
        Ask::Reconcile => {
            diesel::update(own(&endpoint.id, id))
                .set(targets::reconcile_asked_at.eq(Some(now)))
                .execute(&mut **tx)?;
            Action::TargetReconcile
        }
    };
    tx.note(Note::new(actor, now, action, &target.url).on(&endpoint.id));
    find(tx, &endpoint.id, id)
}

/// An import has ended.
pub fn imported(tx: &mut Tx<'_>, target: &Target, now: Millis) -> Result<(), StoreError> {
    diesel::update(own(&target.endpoint, &target.id))
        .set(targets::import_asked_at.eq(None::<i64>))
        .execute(&mut **tx)?;
    see(tx, target, |seen| seen.imported_at = Some(now))
}

/// A comparison has ended.
pub fn reconciled(tx: &mut Tx<'_>, target: &Target, report: &Value, now: Millis) -> Result<(), StoreError> {
    diesel::update(own(&target.endpoint, &target.id))
        .set(targets::reconcile_asked_at.eq(None::<i64>))
        .execute(&mut **tx)?;
    see(tx, target, |seen| {
        seen.reconciled_at = Some(now);
        seen.report = Some(report.clone());
    })
}

/// How a target is doing, after something was tried.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Failures in a row.
    pub failures: i64,
    /// Until when nothing is tried.
    pub open_until: Option<Millis>,
    /// What the last failure was; `None` leaves what is there.
    pub last_error: Option<String>,
    /// When it last did what it was asked; `None` leaves what is there.
    pub last_ok_at: Option<Millis>,
}

/// Keeps how a target is doing.
pub fn note_health(tx: &mut Tx<'_>, target: &Target, health: &Health) -> Result<(), StoreError> {
    diesel::update(own(&target.endpoint, &target.id))
        .set((targets::failures.eq(health.failures), targets::open_until.eq(health.open_until)))
        .execute(&mut **tx)?;
    if health.last_ok_at.is_none() && health.last_error.is_none() {
        return Ok(());
    }
    see(tx, target, |seen| {
        if let Some(at) = health.last_ok_at {
            (seen.ok_at, seen.error) = (Some(at), None);
        }
        if health.last_error.is_some() {
            seen.error.clone_from(&health.last_error);
        }
    })
}

/// Changes what was seen of a target.
fn see(tx: &mut Tx<'_>, target: &Target, change: impl FnOnce(&mut Seen)) -> Result<(), StoreError> {
    let own_row = || own(&target.endpoint, &target.id);
    let kept: Option<String> = own_row().select(targets::seen).get_result(&mut **tx).optional()?;
    let Some(kept) = kept else { return Ok(()) };
    let damaged = |e: serde_json::Error| StoreError::Damaged(format!("target {}: {e}", target.id));
    let mut seen: Seen = serde_json::from_str(&kept).map_err(damaged)?;
    change(&mut seen);
    let text = serde_json::to_string(&seen).map_err(damaged)?;
    diesel::update(own_row()).set(targets::seen.eq(text)).execute(&mut **tx)?;
    Ok(())
}

#[diesel::dsl::auto_type(no_type_alias)]
fn own<'a>(endpoint: &'a EndpointId, id: &'a str) -> _ {
    let endpoint: &'a str = endpoint.as_str();
    targets::table.filter(targets::endpoint_id.eq(endpoint)).filter(targets::id.eq(id))
}

/// The part of the rows of a target that goes before its endpoint: there may be many.
pub(crate) fn forget_some(tx: &mut Tx<'_>, endpoint: &EndpointId, most: i64) -> Result<usize, StoreError> {
    let keys: Vec<(String, String, String)> = target_items::table
        .filter(target_items::endpoint_id.eq(endpoint.as_str()))
        .limit(most)
        .select((target_items::target_id, target_items::resource_id, target_items::member_id))
        .load(&mut **tx)?;
    for (target, resource, member) in &keys {
        let one = target_items::table
            .filter(target_items::endpoint_id.eq(endpoint.as_str()))
            .filter(target_items::target_id.eq(target))
            .filter(target_items::resource_id.eq(resource))
            .filter(target_items::member_id.eq(member));
        diesel::delete(one).execute(&mut **tx)?;
    }
    Ok(keys.len())
}
