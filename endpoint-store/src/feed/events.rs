//! From a change set to events. Pure: the same change gives the same events, on every node and at every repetition.

use scim_core::schema::{Catalog, ResourceType};
use scim_core::time::format;
use serde_json::{Map, Value, json};

use crate::changes::{Change, ChangeKind};
use crate::endpoints::{Endpoint, EndpointId};
use crate::ids::Millis;

/// Members that one event names; a change of more gives several.
pub const MEMBERS_PER_EVENT: usize = 500;

/// What happened, whatever the type of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was made.
    Created,
    /// Its attributes changed.
    Updated,
    /// It is no longer in use: its state went from true to false, or it was hidden by the delete policy.
    Deactivated,
    /// It is in use again.
    Reactivated,
    /// It was removed for good.
    Deleted,
    /// Members came.
    MemberAdded,
    /// Members went.
    MemberRemoved,
}

impl EventKind {
    const OF_RESOURCES: [Self; 5] =
        [Self::Created, Self::Updated, Self::Deactivated, Self::Reactivated, Self::Deleted];

    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deactivated => "deactivated",
            Self::Reactivated => "reactivated",
            Self::Deleted => "deleted",
            Self::MemberAdded => "added",
            Self::MemberRemoved => "removed",
        }
    }

    /// The name of the event, such as `user.created`, `device.deleted` or `member.added`.
    fn name(self, resource_type: &str) -> String {
        match self {
            Self::MemberAdded | Self::MemberRemoved => format!("member.{}", self.word()),
            _ => format!("{}.{}", resource_type.to_ascii_lowercase(), self.word()),
        }
    }
}

/// Every event that an endpoint's resource types can give.
pub fn types(catalog: &Catalog) -> Vec<String> {
    let mut names = Vec::new();
    for rt in catalog.resource_types() {
        for kind in EventKind::OF_RESOURCES {
            let of_state = matches!(kind, EventKind::Deactivated | EventKind::Reactivated);
            if rt.state.is_some() || !of_state {
                names.push(kind.name(&rt.name));
            }
        }
    }
    names.push(EventKind::MemberAdded.name(""));
    names.push(EventKind::MemberRemoved.name(""));
    names
}

/// Whether a pattern such as `user.created`, `user.*` or `*` stands for an event of this name.
pub fn is_type(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(prefix) => prefix.ends_with('.') && name.starts_with(prefix),
        None => pattern == name,
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Such as `user.created`.
    pub name: String,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Millis,
    /// Number of the change set.
    pub seq: i64,
    /// Which of its events, from 1.
    pub part: usize,
    /// The resource; of members that came or went, the group.
    pub resource_id: String,
    /// Everything about it.
    pub data: Value,
}

impl Event {
    /// The event as it is sent: `type`, `timestamp` and `data`.
    pub fn body(&self) -> Value {
        json!({"type": self.name, "timestamp": format(self.at), "data": self.data})
    }

    /// A name for this event that no other one has, of whichever endpoint.
    pub fn id(&self, endpoint: &EndpointId) -> String {
        format!("{}-{}-{}", endpoint.as_str(), self.seq, self.part)
    }
}

/// The events of one change set, in their order; there is at least one.
///
/// Attributes that nobody may see are left out, and so are all attributes of a type that the endpoint no longer has.
pub fn events(endpoint: &Endpoint, change: &Change) -> Vec<Event> {
    let rt = endpoint.catalog.by_name(&change.resource_type).map(AsRef::as_ref);
    let common = common(endpoint, change, rt);
    let mut found: Vec<(EventKind, Value)> = Vec::new();
    let mut of_members = Vec::new();
    for (kind, ids) in
        [(EventKind::MemberRemoved, &change.members.removed), (EventKind::MemberAdded, &change.members.added)]
    {
        let ids: Vec<&String> = ids.iter().collect();
        for some in ids.chunks(MEMBERS_PER_EVENT) {
            let mut data = common.clone();
            data.insert("members".into(), json!(some));
            of_members.push((kind, Value::Object(data)));
        }
    }
    // Who is deleted loses its members first, so that nobody is ever a member of something that is not there.
    if change.kind == ChangeKind::Deleted {
        found.append(&mut of_members);
    }
    for kind in of_resource(change, rt.and_then(|rt| rt.state.as_deref())) {
        found.push((kind, Value::Object(with_content(&common, change, rt))));
    }
    found.append(&mut of_members);
    found
        .into_iter()
        .zip(1..)
        .map(|((kind, data), part)| Event {
            name: kind.name(&change.resource_type),
            kind,
            at: change.at,
            seq: change.seq,
            part,
            resource_id: change.resource_id.clone(),
            data,
        })
        .collect()
}

/// What happened to the resource itself; nothing when only members came or went.
fn of_resource(change: &Change, state: Option<&str>) -> Vec<EventKind> {
    match change.kind {
        ChangeKind::Created => return vec![EventKind::Created],
        ChangeKind::Deleted => return vec![EventKind::Deleted],
        ChangeKind::Hidden => return vec![EventKind::Deactivated],
        ChangeKind::Updated | ChangeKind::Restored => {}
    }
    let in_use = |resource: &Value| {
        state.and_then(|state| resource.get(state)).and_then(Value::as_bool).unwrap_or(true)
    };
    let before = in_use(&change.before) && change.kind != ChangeKind::Restored;
    let after = in_use(&change.after);
    let differ = change.attributes();
    let other = differ.iter().any(|attribute| Some(attribute.path.as_str()) != state);
    let mut kinds = Vec::new();
    let nothing_else = change.members.is_empty() && before == after;
    if other || nothing_else {
        kinds.push(EventKind::Updated);
    }
    match (before, after) {
        (true, false) => kinds.push(EventKind::Deactivated),
        (false, true) => kinds.push(EventKind::Reactivated),
        _ => {}
    }
    kinds
}

fn common(endpoint: &Endpoint, change: &Change, rt: Option<&ResourceType>) -> Map<String, Value> {
    let hidden = match change.kind {
        ChangeKind::Hidden => true,
        // A resource that is hidden is changed by nothing but its return.
        _ => false,
    };
    let mut data = Map::new();
    data.insert("id".into(), json!(change.resource_id));
    data.insert("resource_type".into(), json!(change.resource_type));
    data.insert("name".into(), json!(change.resource_name));
    if rt.is_some_and(|rt| rt.state.is_some()) {
        data.insert("hidden".into(), json!(hidden));
    }
    data.insert("endpoint".into(), json!({"id": endpoint.id.as_str(), "slug": endpoint.slug}));
    data.insert("change".into(), json!(change.seq));
    data.insert(
        "by".into(),
        json!({"kind": change.actor_kind, "id": change.actor_id, "label": change.actor_label}),
    );
    data.insert("request_id".into(), json!(change.request_id));
    data
}

fn with_content(
    common: &Map<String, Value>,
    change: &Change,
    rt: Option<&ResourceType>,
) -> Map<String, Value> {
    let mut data = common.clone();
    let secret = |path: &str| rt.is_none_or(|rt| is_secret(rt, path));
    let changed: Vec<String> = match change.kind {
        ChangeKind::Created | ChangeKind::Deleted => Vec::new(),
        _ => change.attributes().into_iter().map(|attribute| attribute.path).collect(),
    };
    let changed: Vec<String> = changed.into_iter().filter(|path| !secret(path)).collect();
    data.insert("changed".into(), json!(changed));
    data.insert("before".into(), shown(rt, &change.before));
    data.insert("after".into(), shown(rt, &change.after));
    data
}

/// The attributes that may be seen.
pub(super) fn shown(rt: Option<&ResourceType>, resource: &Value) -> Value {
    let Value::Object(map) = resource else { return Value::Null };
    let Some(rt) = rt else { return json!({}) };
    let mut map = map.clone();
    for (extension, attribute) in rt.attributes() {
        let holder = match extension {
            None => Some(&mut map),
            Some(schema) => map.get_mut(&schema.id).and_then(Value::as_object_mut),
        };
        let Some(holder) = holder else { continue };
        if attribute.is_secret() {
            holder.remove(&attribute.name);
            continue;
        }
        for sub in attribute.sub_attributes.iter().filter(|sub| sub.is_secret()) {
            match holder.get_mut(&attribute.name) {
                Some(Value::Object(value)) => drop(value.remove(&sub.name)),
                Some(Value::Array(list)) => {
                    for element in list.iter_mut().filter_map(Value::as_object_mut) {
                        element.remove(&sub.name);
                    }
                }
                _ => {}
            }
        }
    }
    Value::Object(map)
}

/// Whether the path of a difference leads to what nobody may see.
fn is_secret(rt: &ResourceType, path: &str) -> bool {
    rt.attributes().any(|(extension, attribute)| {
        let base = match extension {
            None => attribute.name.clone(),
            Some(schema) => format!("{}:{}", schema.id, attribute.name),
        };
        let below = |sub: &str| path == format!("{base}.{sub}");
        (attribute.is_secret() && (path == base || path.starts_with(&format!("{base}."))))
            || attribute.sub_attributes.iter().any(|sub| sub.is_secret() && below(&sub.name))
    })
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
