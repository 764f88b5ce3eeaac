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
    /// Lets an attempt through, or says how many seconds to wait. The attempt counts as a failure until
    /// [`Backoff::succeeded`]: of many that come at once, only those that are free get to be checked.
    pub(crate) fn admit(&self, account: &str, address: &str, now: i64) -> Result<(), u64> {
        let mut entries = self.lock();
        let key = key(account, address);
        let left = entries.get(&key).map_or(0, |entry| entry.open_at().saturating_sub(now));
        if let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) {
            return Err(left.div_ceil(1000));
        }
        if entries.len() >= ROOM {
            entries.retain(|_, entry| now.saturating_sub(entry.last) < FORGOTTEN);
        }
        if entries.len() >= ROOM
            && let Some(least) = entries.iter().min_by_key(|(_, entry)| entry.open_at()).map(|(key, _)| *key)
        {
            entries.remove(&least);
        }
        let entry = entries.entry(key).or_default();
        if now.saturating_sub(entry.last) >= FORGOTTEN {
            entry.failures = 0;
        }
        *entry = Entry { failures: entry.failures.saturating_add(1), last: now };
        Ok(())
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
            assert_eq!(backoff.admit("Ann", "10.0.0.1", 0), Ok(()));
        }
        assert_eq!(backoff.admit("ann ", "10.0.0.1", 0), Ok(()));
        assert_eq!(backoff.admit("ann", "10.0.0.1", 0), Err(1));
        assert_eq!(backoff.admit("ann", "10.0.0.1", 1000), Ok(()));
        assert_eq!(backoff.admit("ann", "10.0.0.1", 1000), Err(2));
        assert_eq!(backoff.admit("ann", "10.0.0.2", 1000), Ok(()));
        backoff.succeeded("ann", "10.0.0.1");
        assert_eq!(backoff.admit("ann", "10.0.0.1", 1000), Ok(()));
    }

    #[test]
    fn the_wait_has_an_end() {
        let backoff = Backoff::default();
        let mut now = 0;
        for _ in 0..60 {
            now += backoff.admit("ann", "a", now).err().map_or(0, |seconds| seconds.cast_signed() * 1000);
        }
        assert!(matches!(backoff.admit("ann", "a", now), Ok(()) | Err(..=900)));
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let backoff = Backoff::default();
        for n in 0..ROOM + 5 {
            assert_eq!(backoff.admit(&n.to_string(), "a", 0), Ok(()));
        }
        assert!(backoff.lock().len() <= ROOM);
    }
}
