//! Looking through the log, the latest entry first.

use diesel::prelude::*;
use scim_core::fold::fold;

use super::Entry;
use crate::caller::ActorKind;
use crate::conn::Conn;
use crate::endpoints;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::operators::{Operator, Reach};
use crate::schema::{audit_head, audit_log, endpoints as endpoint_table};

/// Entries that are read at once.
const PORTION: i64 = 500;
/// Entries that are looked at for one page at most; the page may be short then, and still have a next one.
const LOOKED_AT: usize = 20_000;

/// Which entries are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// About this endpoint: slug, former slug or id, also of one that is gone.
    pub endpoint: Option<String>,
    /// By this actor: kind, name or id; names are compared without case.
    pub actor: Option<String>,
    /// A word of [`super::Action`].
    pub action: Option<String>,
    /// Stands anywhere in the entry; compared without case.
    pub text: Option<String>,
    /// Not before this moment.
    pub from: Option<Millis>,
    /// Before this moment.
    pub to: Option<Millis>,
    /// For whose eyes: somebody who is limited to tenants sees what is about their endpoints, and what they did themselves.
    pub reader: Option<Reader>,
}

/// Somebody who is limited to tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    id: String,
    name: String,
    reach: Reach,
}

impl Reader {
    /// This operator, unless they see everything.
    fn of(operator: &Operator) -> Option<Self> {
        let (id, name, reach) = (operator.id.clone(), operator.name.clone(), operator.reach.clone());
        (reach != Reach::Everything).then_some(Self { id, name, reach })
    }
}

/// The position of the last entry: how many there are.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn last_position(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(audit_head::table.filter(audit_head::id.eq(1)).select(audit_head::position).get_result(conn)?)
}

/// A part of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The latest first.
    pub entries: Vec<Entry>,
    /// What `before` takes to go on; `None` on the last page.
    pub next: Option<i64>,
}

impl Filter {
    /// For the eyes of this operator.
    #[must_use]
    pub fn read_by(self, operator: &Operator) -> Self {
        Self { reader: Reader::of(operator), ..self }
    }

    /// Whether anything is asked for at all.
    pub fn is_empty(&self) -> bool {
        Self { reader: None, ..self.clone() } == Self::default()
    }

    fn matches(&self, entry: &Entry) -> bool {
        let actor = self.actor.as_deref().is_none_or(|wanted| {
            fold(&entry.actor_name) == fold(wanted) || entry.actor_id == wanted || entry.actor_kind == wanted
        });
        actor && self.text.as_deref().is_none_or(|text| has(entry, &fold(text)))
    }
}

fn has(entry: &Entry, folded: &str) -> bool {
    let optional = [&entry.endpoint_id, &entry.before, &entry.after].into_iter().flatten();
    let fields = [&entry.subject, &entry.actor_name, &entry.actor_id, &entry.address, &entry.action];
    fields.into_iter().chain(optional).any(|field| fold(field).contains(folded))
}

/// At most `limit` entries that are older than the position `before`.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn page(conn: &mut Conn, filter: &Filter, before: Option<i64>, limit: usize) -> Result<Page, StoreError> {
    let endpoint = filter.endpoint.as_deref().map(|named| id_of(conn, named)).transpose()?;
    let within = match &filter.reader {
        Some(reader) => reader.reach.spellings(conn)?,
        None => None,
    };
    let (mut below, mut seen) = (before.unwrap_or(i64::MAX), 0);
    let mut entries = Vec::new();
    loop {
        let portion = portion(conn, filter, (endpoint.as_deref(), within.as_deref()), below)?;
        let last = i64::try_from(portion.len()).unwrap_or(i64::MAX) < PORTION;
        for entry in portion {
            if entries.len() == limit || seen == LOOKED_AT {
                return Ok(Page { entries, next: Some(below) });
            }
            (below, seen) = (entry.position, seen + 1);
            if filter.matches(&entry) {
                entries.push(entry);
            }
        }
        if last {
            return Ok(Page { entries, next: None });
        }
    }
}

fn portion(
    conn: &mut Conn,
    filter: &Filter,
    (endpoint, within): (Option<&str>, Option<&[String]>),
    below: i64,
) -> Result<Vec<Entry>, StoreError> {
    let mut query = audit_log::table.into_boxed().filter(audit_log::position.lt(below));
    if let Some(endpoint) = endpoint {
        query = query.filter(audit_log::endpoint_id.eq(endpoint.to_owned()));
    }
    if let (Some(within), Some(reader)) = (within, &filter.reader) {
        let own = endpoint_table::table
            .filter(endpoint_table::tenant.is_not_null())
            .filter(endpoint_table::tenant.assume_not_null().eq_any(within.to_vec()))
            .select(endpoint_table::id);
        let about =
            audit_log::endpoint_id.is_not_null().and(audit_log::endpoint_id.assume_not_null().eq_any(own));
        let by_key = audit_log::actor_kind
            .eq(ActorKind::ApiKey.as_str())
            .and(audit_log::actor_name.eq(reader.name.clone()));
        query = query.filter(about.or(audit_log::actor_id.eq(reader.id.clone())).or(by_key));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit_log::action.eq(action.clone()));
    }
    if let Some(from) = filter.from {
        query = query.filter(audit_log::at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(audit_log::at.lt(to));
    }
    Ok(query.order(audit_log::position.desc()).limit(PORTION).select(Entry::as_select()).load(conn)?)
}

fn id_of(conn: &mut Conn, named: &str) -> Result<String, StoreError> {
    match endpoints::find(conn, named) {
        Ok(endpoint) => Ok(endpoint.id.as_str().to_owned()),
        // It may be gone: the log still has its id.
        Err(StoreError::NotFound(_)) => Ok(named.to_owned()),
        Err(error) => Err(error),
    }
}
