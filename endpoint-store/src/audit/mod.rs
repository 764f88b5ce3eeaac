//! The audit log: who did what, when, from where, and what was before and after.
//!
//! An act is noted in the transaction that does it (`Tx::note`), so there is no act without its entry and no
//! entry of an act that was rolled back. Entries are only ever added. Each carries the hash of the one before it, and
//! `audit_head` the hash of the last: a row that was changed, removed or moved is found by [`verify()`]. What identity
//! providers change in a directory stands in the change log of the endpoint ([`crate::changes`]), not here.

mod action;
mod expiry;
mod read;
mod verify;

use diesel::prelude::*;
use scim_core::token::redact;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::caller::Actor;
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{audit_head, audit_log};
use crate::writer::Tx;

pub use action::Action;
pub use expiry::{confirm_failed, expired, note_expired, sign_in_failed};
pub use read::{Filter, Page, Reader, last_position, page};
pub(crate) use verify::follow;
pub use verify::{Broken, Chain, verify};

/// The most of `before` or `after` that is kept as it is, in bytes; of more only length and digest.
const LONGEST: usize = 16 * 1024;

/// One act, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log, treat_none_as_default_value = false)]
pub struct Entry {
    /// Place in the log, from 1, without gaps.
    pub position: i64,
    /// When, in milliseconds.
    pub at: Millis,
    /// What kind of hand: `operator`, `cli`, `api-key` or `system`.
    pub actor_kind: String,
    /// Id of the operator, public id of the API key, or empty.
    pub actor_id: String,
    /// Name of the operator, also of whose API key it is, or the operating system's user.
    pub actor_name: String,
    /// Where the request came from; empty where that is not known.
    pub address: String,
    /// A word of [`Action`].
    pub action: String,
    /// Id of the endpoint that it is about.
    pub endpoint_id: Option<String>,
    /// What it was done to: a slug, a name, the public id of a token or key.
    pub subject: String,
    /// What was before, as JSON: of a change only what is different.
    pub before: Option<String>,
    /// What is after, as JSON.
    pub after: Option<String>,
    /// The hash of the entry before.
    pub previous: Vec<u8>,
    /// SHA-256 over `previous` and all fields above.
    pub hash: Vec<u8>,
}

impl Entry {
    /// SHA-256 over the hash before and every field, each with its length, so that no two entries have one encoding.
    fn digest(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        let mut field = |bytes: Option<&[u8]>| {
            digest.update([u8::from(bytes.is_some())]);
            let bytes = bytes.unwrap_or_default();
            digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(bytes);
        };
        field(Some(&self.previous));
        field(Some(&self.position.to_be_bytes()));
        field(Some(&self.at.to_be_bytes()));
        for text in [&self.actor_kind, &self.actor_id, &self.actor_name, &self.address, &self.action] {
            field(Some(text.as_bytes()));
        }
        field(self.endpoint_id.as_ref().map(String::as_bytes));
        field(Some(self.subject.as_bytes()));
        field(self.before.as_ref().map(String::as_bytes));
        field(self.after.as_ref().map(String::as_bytes));
        digest.finalize().to_vec()
    }

    /// The hash as text, to be compared with one that was written down elsewhere.
    pub fn hash_text(&self) -> String {
        hex(&self.hash)
    }

    /// The hash of the entry before, as text.
    pub fn previous_text(&self) -> String {
        hex(&self.previous)
    }

    /// Into the server's log, with the hash: whoever keeps that elsewhere can prove what stood here.
    pub(crate) fn tell(&self) {
        tracing::info!(
            actor = self.actor_kind,
            id = self.actor_id,
            name = self.actor_name,
            address = self.address,
            action = self.action,
            endpoint = self.endpoint_id,
            subject = self.subject,
            position = self.position,
            hash = self.hash_text(),
            "audit"
        );
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One act, as it is noted.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    actor: Actor,
    at: Millis,
    action: Action,
    endpoint: Option<String>,
    subject: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Note {
    /// Somebody does something to `subject`.
    pub(crate) fn new(actor: &Actor, at: Millis, action: Action, subject: &str) -> Self {
        let (actor, subject) = (actor.clone(), subject.to_owned());
        Self { actor, at, action, endpoint: None, subject, before: None, after: None }
    }

    /// It is about this endpoint.
    pub(crate) fn on(self, endpoint: &EndpointId) -> Self {
        Self { endpoint: Some(endpoint.as_str().to_owned()), ..self }
    }

    /// What was before, for what is gone afterwards.
    pub(crate) fn before(self, before: Value) -> Self {
        Self { before: Some(before), ..self }
    }

    /// What is after, for what is new.
    pub(crate) fn after(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }

    /// What is different: of two objects only the members that are.
    pub(crate) fn change(self, before: &Value, after: &Value) -> Self {
        let (before, after) = (without_same(before, after), without_same(after, before));
        Self { before: Some(before), after: Some(after), ..self }
    }
}

fn without_same(of: &Value, other: &Value) -> Value {
    let Some(map) = of.as_object() else { return of.clone() };
    let mut left = Map::new();
    for (name, value) in map {
        match other.get(name) {
            Some(same) if same == value => {}
            Some(inner) if inner.is_object() && value.is_object() => {
                left.insert(name.clone(), without_same(value, inner));
            }
            _ => {
                left.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(left)
}

/// As kept: no longer than is sensible, and without tokens that somebody pasted into a field.
fn text(value: &Value) -> String {
    let text = value.to_string();
    if text.len() > LONGEST {
        return json!({"bytes": text.len(), "sha256": hex(&Sha256::digest(text.as_bytes()))}).to_string();
    }
    let shown = redact(&text);
    // What was taken out may have taken a quotation mark along.
    if serde_json::from_str::<Value>(&shown).is_ok() { shown } else { json!({"redacted": true}).to_string() }
}

/// Adds to the log; whoever else wants to waits until this transaction ends.
pub(crate) fn append(tx: &mut Tx<'_>, notes: Vec<Note>) -> Result<Vec<Entry>, StoreError> {
    let (mut position, mut head) = dialect::lock_audit_head(tx)?;
    let mut entries = Vec::with_capacity(notes.len());
    for note in notes {
        position += 1;
        let mut entry = Entry {
            position,
            at: note.at,
            actor_kind: note.actor.kind.as_str().to_owned(),
            actor_id: note.actor.id,
            actor_name: redact(&note.actor.label),
            address: note.actor.address,
            action: note.action.as_str().to_owned(),
            endpoint_id: note.endpoint,
            subject: redact(&note.subject),
            before: note.before.as_ref().map(text),
            after: note.after.as_ref().map(text),
            previous: head,
            hash: Vec::new(),
        };
        entry.hash = entry.digest();
        head = entry.hash.clone();
        diesel::insert_into(audit_log::table).values(&entry).execute(&mut **tx)?;
        entries.push(entry);
    }
    diesel::update(audit_head::table.filter(audit_head::id.eq(1)))
        .set((audit_head::position.eq(position), audit_head::hash.eq(head)))
        .execute(&mut **tx)?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            position: 1,
            at: 2,
            actor_kind: "operator".into(),
            actor_id: "a".into(),
            actor_name: "b".into(),
            address: "c".into(),
            action: "token.issue".into(),
            endpoint_id: None,
            subject: "d".into(),
            before: None,
            after: None,
            previous: vec![0; 32],
            hash: Vec::new(),
        }
    }

    #[test]
    fn no_field_can_be_moved_into_another() {
        let others = [
            Entry { position: 2, ..entry() },
            Entry { at: 3, ..entry() },
            Entry { actor_kind: "cli".into(), ..entry() },
            Entry { actor_id: "ab".into(), actor_name: String::new(), ..entry() },
            Entry { actor_id: String::new(), actor_name: "ab".into(), ..entry() },
            Entry { address: String::new(), ..entry() },
            Entry { action: "token.revoke".into(), ..entry() },
            Entry { endpoint_id: Some(String::new()), ..entry() },
            Entry { subject: "e".into(), ..entry() },
            Entry { before: Some("1".into()), ..entry() },
            Entry { after: Some("1".into()), ..entry() },
            Entry { previous: vec![1; 32], ..entry() },
        ];
        let mut digests: Vec<_> = others.iter().map(Entry::digest).collect();
        digests.push(entry().digest());
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), others.len() + 1);
    }

    #[test]
    fn a_change_shows_what_is_different() {
        let (before, after) =
            (json!({"a": 1, "b": {"c": 1, "d": 2}}), json!({"a": 1, "b": {"c": 1, "d": 3}, "e": 4}));
        let note = Note::new(&Actor::system(), 0, Action::EndpointUpdate, "x").change(&before, &after);
        assert_eq!(note.before, Some(json!({"b": {"d": 2}})));
        assert_eq!(note.after, Some(json!({"b": {"d": 3}, "e": 4})));
    }

    #[test]
    fn what_is_kept_is_short_and_without_secrets() {
        let token = scim_core::token::PlainToken::mint(&[7; 48]);
        let kept = text(&json!({"label": format!("old {} one", token.reveal())}));
        assert!(!kept.contains(token.reveal()), "{kept}");
        assert!(serde_json::from_str::<Value>(&kept).is_ok(), "{kept}");
        assert!(text(&json!({"all": "x".repeat(LONGEST)})).len() < 200);
    }
}
