//! Is the chain whole? Every entry is read once, a portion at a time.

use diesel::prelude::*;

use super::{Entry, hex};
use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::schema::{audit_head, audit_log};

/// Entries in memory at once.
const PORTION: i64 = 1000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Entries that were read and fit, up to the first that does not.
    pub sound: i64,
    /// The hash at the end of the chain; written down elsewhere, it proves later what stood here now.
    pub head: String,
    /// The first link that does not fit.
    pub broken: Option<Broken>,
}

/// A link that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which entry.
    pub position: i64,
    /// What does not fit, as the end of a sentence about that entry.
    pub what: &'static str,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {} of the audit log {}", self.position, self.what)
    }
}

/// Follows the chain from its first entry to its end, as it is at one moment.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn verify(conn: &mut Conn) -> Result<Chain, StoreError> {
    dialect::begin_snapshot(conn)?;
    let chain = follow(conn);
    dialect::rollback(conn);
    chain
}

/// The same inside of a snapshot that has begun.
pub(crate) fn follow(conn: &mut Conn) -> Result<Chain, StoreError> {
    let end: Option<(i64, Vec<u8>)> = audit_head::table
        .filter(audit_head::id.eq(1))
        .select((audit_head::position, audit_head::hash))
        .get_result(conn)
        .optional()?;
    let (mut sound, mut hash) = (0, vec![0; 32]);
    let head = hex(end.as_ref().map_or(&[], |(_, hash)| hash.as_slice()));
    loop {
        let entries: Vec<Entry> = audit_log::table
            .filter(audit_log::position.gt(sound))
            .order(audit_log::position)
            .limit(PORTION)
            .select(Entry::as_select())
            .load(conn)?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            if let Some(what) = misfit(&entry, sound, &hash) {
                // Of a gap the entry that is missing is the one to name.
                return Ok(Chain { sound, head, broken: Some(Broken { position: sound + 1, what }) });
            }
            (sound, hash) = (entry.position, entry.hash);
        }
    }
    let broken = match end {
        Some((position, _)) if position > sound => {
            Some((sound + 1, "is missing, and so is what came after it"))
        }
        Some((position, head)) if position == sound && head == hash => None,
        _ => Some((sound, "is not the one that the end of the chain was written for")),
    };
    Ok(Chain { sound, head, broken: broken.map(|(position, what)| Broken { position, what }) })
}

fn misfit(entry: &Entry, before: i64, hash: &[u8]) -> Option<&'static str> {
    if entry.position != before + 1 {
        Some("is missing")
    } else if entry.previous != hash {
        Some(
            "does not follow the one before it: it, or the one before, was put in another's place or changed",
        )
    } else if entry.hash != entry.digest() {
        Some("was changed: its hash does not fit what it says")
    } else {
        None
    }
}
