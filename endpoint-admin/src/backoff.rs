//! Sign-in slows down for whoever guesses, by account and address.
//!
//! Five failures are free; each one after that doubles the wait, up to fifteen minutes. The table
//! lives in memory and is bounded: when it is full, the entry that waits least makes room.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};

const FREE: u32 = 5;
const LONGEST: i64 = 15 * 60 * 1000;
const FORGOTTEN: i64 = 60 * 60 * 1000;
const ROOM: usize = 10_000;

#[derive(Clone, Copy, Default)]
struct Entry {
    failures: u32,
    last: i64,
}

impl Entry {
    /// When the next attempt is allowed.
    fn open_at(self) -> i64 {
        let Some(over) = self.failures.checked_sub(FREE) else { return self.last };
        let wait = (1000_i64 << over.min(20)).min(LONGEST);
        self.last.saturating_add(wait)
    }
}

/// The failures of the last hour.
#[derive(Default)]
pub(crate) struct Backoff(Mutex<HashMap<[u8; 32], Entry>>);

impl Backoff {
    /// How many seconds this account must wait at this address; `None` when it may try.
    pub(crate) fn wait(&self, account: &str, address: &str, now: i64) -> Option<u64> {
        let entry = self.lock().get(&key(account, address)).copied()?;
        let left = entry.open_at().saturating_sub(now);
        u64::try_from(left).ok().filter(|left| *left > 0).map(|left| left.div_ceil(1000))
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, account: &str, address: &str, now: i64) {
        let mut entries = self.lock();
        if entries.len() >= ROOM {
            entries.retain(|_, entry| now.saturating_sub(entry.last) < FORGOTTEN);
        }
        if entries.len() >= ROOM
            && let Some(least) = entries.iter().min_by_key(|(_, entry)| entry.open_at()).map(|(key, _)| *key)
        {
            entries.remove(&least);
        }
        let entry = entries.entry(key(account, address)).or_default();
        if now.saturating_sub(entry.last) >= FORGOTTEN {
            entry.failures = 0;
        }
        *entry = Entry { failures: entry.failures.saturating_add(1), last: now };
    }

    /// Forgets the failures of an account that signed in.
    pub(crate) fn succeeded(&self, account: &str, address: &str) {
        self.lock().remove(&key(account, address));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        // A panic elsewhere cannot leave the table half changed: entries are replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key of fixed size, so that long names cost no memory.
fn key(account: &str, address: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(scim_core::fold::fold(account.trim()).as_bytes());
    hash.update([0]);
    hash.update(address.as_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{Backoff, ROOM};

    #[test]
    fn five_tries_are_free_then_the_wait_doubles() {
        let backoff = Backoff::default();
        for _ in 0..4 {
            backoff.failed("Ann", "10.0.0.1", 0);
        }
        assert_eq!(backoff.wait("ann", "10.0.0.1", 0), None);
        backoff.failed("ann ", "10.0.0.1", 0);
        assert_eq!(backoff.wait("ann", "10.0.0.1", 0), Some(1));
        backoff.failed("ann", "10.0.0.1", 1000);
        assert_eq!(backoff.wait("ann", "10.0.0.1", 1000), Some(2));
        assert_eq!(backoff.wait("ann", "10.0.0.2", 1000), None);
        for _ in 0..60 {
            backoff.failed("ann", "10.0.0.1", 1000);
        }
        assert_eq!(backoff.wait("ann", "10.0.0.1", 1000), Some(900));
        backoff.succeeded("ann", "10.0.0.1");
        assert_eq!(backoff.wait("ann", "10.0.0.1", 1000), None);
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let backoff = Backoff::default();
        for n in 0..ROOM + 5 {
            backoff.failed(&n.to_string(), "a", 0);
        }
        assert!(backoff.lock().len() <= ROOM);
    }
}
