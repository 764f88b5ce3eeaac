//! The change log: one change set per write, in its transaction, numbered per endpoint without gaps.
//!
//! History, and later webhooks, targets and undo, all read this one log. The number is taken from the
//! endpoint's own row, whose lock makes writers of one endpoint wait for each other: a reader never sees
//! a number before a smaller one is there.

use std::collections::BTreeSet;

use diesel::prelude::*;
use scim_core::resource::Resource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::caller::{ActorKind, Caller};
use crate::conn::Conn;
use crate::dialect::tables::{ChangeRow as Row, ChangeSubject, Kept as _};
use crate::dialect::{self, on_each};
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{change_subjects, changes, endpoint_progress};
use crate::statements::{self, Ticks};
use crate::writer::Tx;

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was made.
    Created,
    /// Attributes or members changed.
    Updated,
    /// It was removed for good.
    Deleted,
    /// It was deactivated and hidden from SCIM, as the endpoint's delete policy says.
    Hidden,
    /// A hidden one was created again and is back under its id.
    Restored,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Created, Self::Updated, Self::Deleted, Self::Hidden, Self::Restored];

    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Hidden => "hidden",
            Self::Restored => "restored",
        }
    }

    /// The kind of this word.
    pub fn by_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        Self::by_name(text).ok_or_else(|| StoreError::Damaged(format!("unknown change kind `{text}`")))
    }
}

/// Members that a change added or removed, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberChange {
    /// Those that were not there before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub added: BTreeSet<String>,
    /// Those that are no longer there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<String>,
}

impl MemberChange {
    /// True when nobody came or went.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// One change set, as read from the log.
#[derive(Debug, Clone)]
pub struct Change {
    /// Number within the endpoint, from 1.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// `token`, `operator` or `cli`.
    pub actor_kind: String,
    /// Public id of the token or id of the operator.
    pub actor_id: String,
    /// Label of the token or name of the operator, then.
    pub actor_label: String,
    /// The request that made it.
    pub request_id: String,
    /// What happened.
    pub kind: ChangeKind,
    /// `User`, `Group`, …
    pub resource_type: String,
    /// The resource.
    pub resource_id: String,
    /// Its name, then.
    pub resource_name: String,
    /// Attributes before; null when it was not there.
    pub before: Value,
    /// Attributes after; null when it is no longer there.
    pub after: Value,
    /// Members that came or went.
    pub members: MemberChange,
}

/// One attribute that differs between before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeChange {
    /// As in `name.givenName`.
    pub path: String,
    /// `None` when it was not set.
    pub before: Option<Value>,
    /// `None` when it is no longer set.
    pub after: Option<Value>,
}

impl Change {
    /// What differs between before and after, sub-attributes one by one, lists as a whole.
    pub fn attributes(&self) -> Vec<AttributeChange> {
        let mut out = Vec::new();
        differ("", Some(&self.before), Some(&self.after), &mut out);
        out
    }
}

fn differ(path: &str, before: Option<&Value>, after: Option<&Value>, out: &mut Vec<AttributeChange>) {
    let object = |v: Option<&Value>| match v {
        Some(Value::Object(map)) => Some(map.clone()),
        None | Some(Value::Null) => Some(serde_json::Map::new()),
        _ => None,
    };
    if before == after {
        return;
    }
    let leaf = |v: Option<&Value>| v.filter(|v| !v.is_null()).cloned();
    match (object(before), object(after)) {
        (Some(old), Some(new)) => {
            let mut names: Vec<&String> = old.keys().collect();
            names.extend(new.keys().filter(|k| !old.contains_key(*k)));
            for name in names {
                let separator = match path {
                    "" => "",
                    p if p.starts_with("urn:") => ":",
                    _ => ".",
                };
                differ(&format!("{path}{separator}{name}"), old.get(name), new.get(name), out);
            }
        }
        _ => out.push(AttributeChange { path: path.to_owned(), before: leaf(before), after: leaf(after) }),
    }
}

/// What a write appends.
pub(crate) struct NewChange<'a> {
    pub(crate) kind: ChangeKind,
    pub(crate) resource_type: &'a str,
    pub(crate) resource_id: &'a str,
    pub(crate) resource_name: &'a str,
    pub(crate) before: Option<&'a Resource>,
    pub(crate) after: Option<&'a Resource>,
    pub(crate) members: MemberChange,
}

/// A change set as it is kept.
pub(crate) fn row_of(caller: &Caller, seq: i64, new: &NewChange<'_>, now: Millis) -> Result<Row, StoreError> {
    let json = |resource: Option<&Resource>| resource.map(serde_json::to_string).transpose();
    let members = (!new.members.is_empty()).then(|| serde_json::to_string(&new.members)).transpose();
    let damaged = |e: serde_json::Error| StoreError::Damaged(e.to_string());
    Ok(Row {
        endpoint_id: caller.endpoint().id.as_str().to_owned(),
        seq,
        at: now,
        actor_kind: caller.actor().kind.as_str().to_owned(),
        actor_id: caller.actor().id.clone(),
        actor_label: caller.actor().label.clone(),
        request_id: caller.request_id().to_owned(),
        kind: new.kind.as_str().to_owned(),
        resource_type: new.resource_type.to_owned(),
        resource_id: new.resource_id.to_owned(),
        resource_name: new.resource_name.to_owned(),
        before: json(new.before).map_err(damaged)?,
        after: json(new.after).map_err(damaged)?,
        members: members.map_err(damaged)?,
    })
}

/// Whom a change concerns, each once.
pub(crate) fn subjects_of<'a>(new: &'a NewChange<'_>) -> Vec<&'a str> {
    let mut subjects: Vec<&str> = vec![new.resource_id];
    subjects.extend(new.members.added.iter().chain(&new.members.removed).map(String::as_str));
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

/// Appends the change sets of resources that were made together. The first number is taken for all of them.
pub(crate) fn append_all(
    tx: &mut Tx<'_>,
    caller: &Caller,
    new: &[NewChange<'_>],
    now: Millis,
) -> Result<(), StoreError> {
    const SUBJECTS: usize = 2000;
    tx.directory_changed(&caller.endpoint().id);
    let endpoint = caller.endpoint().id.as_str();
    let many = i64::try_from(new.len()).unwrap_or(i64::MAX);
    let last: i64 =
        diesel::update(endpoint_progress::table.filter(endpoint_progress::endpoint_id.eq(endpoint)))
            .set(endpoint_progress::last_change.eq(endpoint_progress::last_change + many))
            .returning(endpoint_progress::last_change)
            .get_result(&mut **tx)?;
    let numbered: Vec<(i64, &NewChange<'_>)> = (last - many + 1..).zip(new).collect();
    let rows: Vec<Row> =
        numbered.iter().map(|(seq, new)| row_of(caller, *seq, new, now)).collect::<Result<_, _>>()?;
    Row::insert(tx, &rows)?;
    let mut subjects = numbered.iter().flat_map(|(seq, new)| {
        subjects_of(new).into_iter().map(move |subject| ChangeSubject {
            endpoint_id: endpoint.to_owned(),
            subject_id: subject.to_owned(),
            seq: *seq,
        })
    });
    loop {
        let some: Vec<ChangeSubject> = subjects.by_ref().take(SUBJECTS).collect();
        if some.is_empty() {
            return Ok(());
        }
        ChangeSubject::insert(tx, &some)?;
    }
}

/// The number of the last change of an endpoint; 0 before the first.
pub fn last_number(conn: &mut Conn, endpoint: &EndpointId) -> Result<i64, StoreError> {
    Ok(endpoint_progress::table
        .filter(endpoint_progress::endpoint_id.eq(endpoint.as_str()))
        .select(endpoint_progress::last_change)
        .get_result(conn)?)
}

/// Appends a change set and ticks the endpoint's milestones.
pub(crate) fn append(
    tx: &mut Tx<'_>,
    caller: &Caller,
    new: &NewChange<'_>,
    now: Millis,
) -> Result<(), StoreError> {
    let (mut row, ticks) = (row_of(caller, 0, new, now)?, ticks(caller, new, now));
    let subjects = subjects_of(new);
    let at_once = statements::Append { row: &row, subjects: &subjects, ticks };
    tx.directory_changed(&caller.endpoint().id);
    if dialect::at_once(tx, at_once)?.is_some() {
        return Ok(());
    }
    let number = statements::Number { endpoint: &row.endpoint_id, ticks };
    let number = dialect::stated(tx, number)?.first().copied();
    row.seq =
        number.ok_or_else(|| StoreError::Damaged("an endpoint has no place in the change log".into()))?;
    on_each!(&mut **tx, c => diesel::insert_into(changes::table).values(&row).execute(c))?;
    for subject in subjects {
        let subject = (
            change_subjects::endpoint_id.eq(&row.endpoint_id),
            change_subjects::subject_id.eq(subject),
            change_subjects::seq.eq(row.seq),
        );
        on_each!(&mut **tx, c => diesel::insert_into(change_subjects::table).values(subject).execute(c))?;
    }
    Ok(())
}

/// The milestones that a change of an identity provider would be the first of.
pub(crate) fn ticks(caller: &Caller, new: &NewChange<'_>, now: Millis) -> Ticks {
    if caller.actor().kind != ActorKind::Token {
        return Ticks::default();
    }
    let made = matches!(new.kind, ChangeKind::Created | ChangeKind::Restored);
    Ticks {
        user: (made && new.resource_type == "User").then_some(now),
        group: (new.resource_type == "Group").then_some(now),
        update: (!made).then_some(now),
    }
}

impl TryFrom<Row> for Change {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        fn parse<T: serde::de::DeserializeOwned + Default>(text: Option<String>) -> Result<T, StoreError> {
            text.map_or_else(|| Ok(T::default()), |t| serde_json::from_str(&t))
                .map_err(|e| StoreError::Damaged(format!("a change set cannot be read: {e}")))
        }
        Ok(Self {
            kind: ChangeKind::parse(&row.kind)?,
            before: parse(row.before)?,
            after: parse(row.after)?,
            members: parse(row.members)?,
            seq: row.seq,
            at: row.at,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_label: row.actor_label,
            request_id: row.request_id,
            resource_type: row.resource_type,
            resource_id: row.resource_id,
            resource_name: row.resource_name,
        })
    }
}

/// The latest changes that concern a resource: its own, and memberships it gained or lost; newest first.
pub fn of_resource(
    conn: &mut Conn,
    endpoint: &EndpointId,
    resource_id: &str,
    limit: i64,
) -> Result<Vec<Change>, StoreError> {
    of_resource_before(conn, endpoint, resource_id, i64::MAX, limit)
}

/// The same, before a number.
pub fn of_resource_before(
    conn: &mut Conn,
    endpoint: &EndpointId,
    resource_id: &str,
    before: i64,
    limit: i64,
) -> Result<Vec<Change>, StoreError> {
    let rows: Vec<Row> = changes::table
        .inner_join(change_subjects::table.on(
            change_subjects::endpoint_id.eq(changes::endpoint_id).and(change_subjects::seq.eq(changes::seq)),
        ))
        .filter(change_subjects::endpoint_id.eq(endpoint.as_str()))
        .filter(change_subjects::subject_id.eq(resource_id))
        .filter(change_subjects::seq.lt(before))
        .order(change_subjects::seq.desc())
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Change::try_from).collect()
}

/// The changes that one request made, in their order. Numbers follow time closely, so they are looked for around the
/// moment `at`, in a bounded part of the log.
pub fn of_request(
    conn: &mut Conn,
    endpoint: &EndpointId,
    request_id: &str,
    at: Millis,
    limit: i64,
) -> Result<Vec<Change>, StoreError> {
    const AROUND: i64 = 2000;
    let here = changes::endpoint_id.eq(endpoint.as_str());
    let ends = (diesel::dsl::min(changes::seq), diesel::dsl::max(changes::seq));
    let (Some(mut low), Some(mut high)) =
        changes::table.filter(here).select(ends).get_result::<(Option<i64>, Option<i64>)>(conn)?
    else {
        return Ok(Vec::new());
    };
    while low < high {
        let middle = low + (high - low) / 2;
        let when: Option<i64> = changes::table
            .filter(here)
            .filter(changes::seq.eq(middle))
            .select(changes::at)
            .get_result(conn)
            .optional()?;
        if when.is_some_and(|when| when < at) { low = middle + 1 } else { high = middle }
    }
    let rows: Vec<Row> = changes::table
        .filter(here)
        .filter(changes::seq.between(low - AROUND, low + AROUND))
        .filter(changes::request_id.eq(request_id))
        .order(changes::seq)
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Change::try_from).collect()
}

/// The latest changes of an endpoint, newest first.
pub fn latest(conn: &mut Conn, endpoint: &EndpointId, limit: i64) -> Result<Vec<Change>, StoreError> {
    let rows: Vec<Row> = changes::table
        .filter(changes::endpoint_id.eq(endpoint.as_str()))
        .order(changes::seq.desc())
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Change::try_from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_name_the_sub_attribute() {
        let mut out = Vec::new();
        let before = serde_json::json!({"userName": "a", "name": {"givenName": "R", "familyName": "T"}, "urn:x:y": {"department": "A"}});
        let after =
            serde_json::json!({"userName": "b", "name": {"givenName": "R"}, "urn:x:y": {"department": "B"}});
        differ("", Some(&before), Some(&after), &mut out);
        let paths: Vec<&str> = out.iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["userName", "name.familyName", "urn:x:y:department"]);
        assert_eq!(out.get(1).and_then(|c| c.after.clone()), None);
    }
}
