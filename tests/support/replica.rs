//! A directory as an application keeps it that knows nothing but the change feed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::api::Api;
use crate::support::scim::text;

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    kind: String,
    hidden: bool,
    attributes: Value,
    members: BTreeSet<String>,
}

/// The copy, and how far it has read.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    endpoint: String,
    entries: BTreeMap<String, Entry>,
    pub(crate) cursor: String,
    /// Number of the change that was told last.
    last: i64,
    /// Events that were told.
    pub(crate) events: usize,
}

impl Replica {
    /// Begins with nothing, at the beginning of the log.
    pub(crate) fn empty(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            entries: BTreeMap::new(),
            cursor: String::new(),
            last: 0,
            events: 0,
        }
    }

    /// Begins with a snapshot.
    pub(crate) async fn snapshot(api: &Api, endpoint: &str) -> Self {
        let answer = api.get(&format!("/endpoints/{endpoint}/snapshot")).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        Self::of(&answer.text())
    }

    /// The same from its lines.
    pub(crate) fn of(lines: &str) -> Self {
        let mut replica = Self::empty("");
        let mut ended = None;
        let mut memberships = 0;
        for line in lines.lines() {
            assert_eq!(ended, None, "nothing comes after the end");
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let data = &line["data"];
            match line["type"].as_str().unwrap() {
                "snapshot" => {
                    replica.cursor = text(&data["cursor"]);
                    replica.endpoint = text(&data["endpoint"]["slug"]);
                }
                "resource" => {
                    let entry = Entry {
                        kind: text(&data["resource_type"]),
                        hidden: data["hidden"].as_bool().unwrap(),
                        attributes: data["attributes"].clone(),
                        members: BTreeSet::new(),
                    };
                    assert!(replica.entries.insert(text(&data["id"]), entry).is_none(), "told twice: {line}");
                }
                "members" => {
                    for member in data["members"].as_array().unwrap() {
                        let group = replica
                            .entries
                            .get_mut(data["id"].as_str().unwrap())
                            .expect("the group is there");
                        assert!(group.members.insert(text(member)), "told twice: {line}");
                        memberships += 1;
                    }
                }
                "end" => {
                    ended =
                        Some((data["resources"].as_u64().unwrap(), data["memberships"].as_u64().unwrap()));
                }
                other => panic!("{other}"),
            }
        }
        let there = u64::try_from(replica.entries.len()).unwrap();
        assert_eq!(ended, Some((there, memberships)), "the snapshot is whole");
        assert!(!replica.cursor.is_empty(), "it begins with its cursor");
        replica
    }

    /// How many resources there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Both hold the same.
    #[track_caller]
    pub(crate) fn is(&self, other: &Self) {
        for (id, entry) in &self.entries {
            assert_eq!(Some(entry), other.entries.get(id), "{id}");
        }
        assert_eq!(self.entries.len(), other.entries.len());
    }

    /// Reads on until there is nothing more.
    pub(crate) async fn follow(&mut self, api: &Api) {
        while self.step(api, 500, 0).await > 0 {}
    }

    /// Reads one page, and waits for it if need be; how many events it had.
    pub(crate) async fn step(&mut self, api: &Api, limit: usize, wait: usize) -> usize {
        let after = if self.cursor.is_empty() { String::new() } else { format!("&after={}", self.cursor) };
        let path = format!("/endpoints/{}/changes?limit={limit}&wait={wait}{after}", self.endpoint);
        let page = api.get(&path).await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        items.iter().for_each(|event| self.take(event));
        self.cursor = text(&page["next"]);
        items.len()
    }

    /// Takes an event over; fails on one that does not follow from what is known.
    pub(crate) fn take(&mut self, event: &Value) {
        let data = &event["data"];
        let (id, number) = (text(&data["id"]), data["change"].as_i64().unwrap());
        let follows = self.last == 0 || number == self.last || number == self.last + 1;
        assert!(follows, "change {number} came after {}", self.last);
        (self.last, self.events) = (number, self.events + 1);
        let name = text(&event["type"]);
        let (_, what) = name.split_once('.').unwrap();
        let known = self.entries.get_mut(&id);
        if name.starts_with("member.") {
            let members = &mut known.unwrap_or_else(|| panic!("no group: {event}")).members;
            for member in data["members"].as_array().unwrap() {
                let moved = if what == "added" {
                    members.insert(text(member))
                } else {
                    members.remove(member.as_str().unwrap())
                };
                assert!(moved, "moved already: {event}");
            }
            return;
        }
        match (what, known) {
            ("created", None) => {
                assert_eq!(data["before"], Value::Null);
                let entry = Entry {
                    kind: text(&data["resource_type"]),
                    hidden: false,
                    attributes: data["after"].clone(),
                    members: BTreeSet::new(),
                };
                self.entries.insert(id, entry);
            }
            ("deleted", Some(entry)) => {
                assert_eq!((&entry.attributes, entry.members.len()), (&data["before"], 0), "{event}");
                self.entries.remove(&id);
            }
            ("updated" | "deactivated" | "reactivated", Some(entry)) => {
                // One change may give two events, with the same before and after.
                assert!(
                    entry.attributes == data["before"] || entry.attributes == data["after"],
                    "{entry:?} before {event}"
                );
                entry.attributes = data["after"].clone();
                entry.hidden = data["hidden"].as_bool().unwrap_or(false);
            }
            (_, known) => panic!("{known:?} before {event}"),
        }
    }
}
