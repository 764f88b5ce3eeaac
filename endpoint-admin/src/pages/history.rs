//! What happened to a user or group: what changed, when, and by which token.

use std::collections::{BTreeSet, HashMap};

use endpoint_store::{
    Conn, StoreError,
    changes::{self, Change, ChangeKind},
    directory::search,
    endpoints::EndpointId,
};

use super::{facts, tokens::public_id};
use crate::ui::{Num, When};

/// Changes on one page.
const SHOWN: usize = 20;
/// Members whose names one change lists.
const NAMED: usize = 5;

/// One attribute that changed.
pub(crate) struct Diff {
    pub(crate) attribute: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// One change.
pub(crate) struct Event {
    pub(crate) what: String,
    pub(crate) at: When,
    pub(crate) by: String,
    pub(crate) request_id: String,
    pub(crate) rows: Vec<Diff>,
}

/// A part of a resource's history.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) events: Vec<Event>,
    /// Its beginning, when this is not it.
    pub(crate) newest: Option<String>,
    /// What came before.
    pub(crate) older: Option<String>,
}

/// The number before which the address asks for changes.
pub(crate) fn asked(query: &str) -> Option<i64> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == "before").and_then(|(_, number)| number.parse().ok())
}

/// The latest changes that concern a resource, newest first, before a number.
pub(crate) fn of(
    conn: &mut Conn,
    endpoint: &EndpointId,
    id: &str,
    before: Option<i64>,
    now: i64,
) -> Result<History, StoreError> {
    let one_more = i64::try_from(SHOWN).unwrap_or(i64::MAX).saturating_add(1);
    let mut changes = changes::of_resource_before(conn, endpoint, id, before.unwrap_or(i64::MAX), one_more)?;
    let goes_on = changes.len() > SHOWN;
    changes.truncate(SHOWN);
    let older = changes.last().filter(|_| goes_on).map(|last| format!("?before={}#history", last.seq));
    let own = changes.iter().filter(|change| change.resource_id == id).map(|change| &change.members);
    let named = own.flat_map(|moved| moved.added.iter().take(NAMED).chain(moved.removed.iter().take(NAMED)));
    let named: BTreeSet<String> = named.cloned().collect();
    let names = search::names(conn, endpoint, &named.into_iter().collect::<Vec<_>>())?;
    let events = changes.into_iter().map(|change| event(change, id, &names, now)).collect();
    Ok(History { events, older, newest: before.map(|_| "?#history".to_owned()) })
}

/// How a resource that is no longer there came to its end.
pub(crate) fn end(
    conn: &mut Conn,
    endpoint: &EndpointId,
    id: &str,
    now: i64,
) -> Result<Option<String>, StoreError> {
    let last = changes::of_resource(conn, endpoint, id, 1)?.into_iter().next();
    let deleted = last.filter(|change| change.kind == ChangeKind::Deleted && change.resource_id == id);
    Ok(deleted.map(|change| {
        let when = When::new(change.at, now);
        format!(
            "“{}” was deleted {} ({}) by {}",
            change.resource_name,
            when.words(),
            when.exact(),
            actor(&change)
        )
    }))
}

fn event(change: Change, id: &str, names: &HashMap<String, String>, now: i64) -> Event {
    let own = change.resource_id == id;
    let rows = change.attributes().into_iter().filter(|_| own && change.kind != ChangeKind::Created);
    let rows: Vec<_> = rows
        .map(|attribute| Diff {
            attribute: attribute.path,
            before: attribute.before.as_ref().map(facts::text),
            after: attribute.after.as_ref().map(facts::text),
        })
        .collect();
    Event {
        what: if own { own_words(&change, &rows, names) } else { group_words(&change, id) },
        at: When::new(change.at, now),
        by: actor(&change),
        request_id: change.request_id,
        rows,
    }
}

/// What happened to the resource itself.
fn own_words(change: &Change, rows: &[Diff], names: &HashMap<String, String>) -> String {
    let mut words: Vec<String> = Vec::new();
    match change.kind {
        ChangeKind::Created => words.push("Created".into()),
        ChangeKind::Deleted => words.push("Deleted".into()),
        ChangeKind::Hidden => {
            words.push("Deleted by the identity provider: deactivated and hidden from SCIM".into());
        }
        ChangeKind::Restored => {
            words.push("Created again by the identity provider: back under the same id".into());
        }
        ChangeKind::Updated => match rows {
            [] => {}
            [one] if one.attribute == "active" => {
                words.push(
                    if one.after.as_deref() == Some("yes") { "Activated" } else { "Deactivated" }.into(),
                );
            }
            [one] => words
                .push(format!("{} changed", facts::label(one.attribute.rsplit('.').next().unwrap_or("")))),
            many => words.push(format!("{} attributes changed", many.len())),
        },
    }
    words.extend(people("added", &change.members.added, names));
    words.extend(people("removed", &change.members.removed, names));
    if words.is_empty() { "Changed".into() } else { words.join("; ") }
}

fn people(verb: &str, ids: &BTreeSet<String>, names: &HashMap<String, String>) -> Option<String> {
    if ids.is_empty() {
        return None;
    }
    let known: Vec<_> = ids.iter().take(NAMED).filter_map(|id| names.get(id).map(String::as_str)).collect();
    let count = Num(ids.len() as u64).with("member", "members");
    let more = if ids.len() > known.len() && !known.is_empty() { ", …" } else { "" };
    Some(if known.is_empty() {
        format!("{count} {verb}")
    } else {
        format!("{count} {verb}: {}{more}", known.join(", "))
    })
}

/// What happened to the resource by a change of a group.
fn group_words(change: &Change, id: &str) -> String {
    let group = &change.resource_name;
    if change.members.added.iter().any(|member| member == id) {
        format!("Added to the group “{group}”")
    } else if change.kind == ChangeKind::Deleted {
        format!("Left the group “{group}”, which was deleted")
    } else {
        format!("Removed from the group “{group}”")
    }
}

fn actor(change: &Change) -> String {
    match change.actor_kind.as_str() {
        "token" => format!("token “{}” ({})", change.actor_label, public_id(&change.actor_id)),
        "operator" => format!("{} in the console", change.actor_label),
        _ if change.actor_label.is_empty() => "command line".to_owned(),
        _ => format!("{} at the command line", change.actor_label),
    }
}
