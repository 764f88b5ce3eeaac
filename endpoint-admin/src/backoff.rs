//! Sign-in slows down for whoever guesses, and locks nobody out.
//!
//! Three counts, each with some failures free, after which every further one doubles the wait up to a bound:
//!
//! | of | free | longest wait | against |
//! |---|---|---|---|
//! | an account from one address | 5 | 15 minutes | guessing |
//! | an address, whatever the account | 30 | 60 seconds | one password tried on many accounts |
//! | an account, whatever the address | 50 | 60 seconds | guessing from many addresses |
//!
//! The third does not count for an address from which the account signed in before: whoever floods an account with
//! guesses does not keep its owner out. An address is the first 64 bits of an IPv6 address: one line has all below it.
//! The table lives in memory and is bounded: when it is full, the entry that waits least makes room.

use std::{
    collections::HashMap,
    net::Ipv6Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};

const MINUTE: i64 = 60 * 1000;
const FORGOTTEN: i64 = 60 * MINUTE;
/// How long it is remembered from where an account signed in.
const KNOWN: i64 = 30 * 24 * 60 * MINUTE;
const ROOM: usize = 10_000;

type Key = [u8; 32];

/// What is counted together, and how far it slows down.
#[derive(Clone, Copy)]
struct Count {
    kind: u8,
    free: u32,
    longest: i64,
}

const PAIR: Count = Count { kind: 0, free: 5, longest: 15 * MINUTE };
const ADDRESS: Count = Count { kind: 1, free: 30, longest: MINUTE };
const ACCOUNT: Count = Count { kind: 2, free: 50, longest: MINUTE };

#[derive(Clone, Copy, Default)]
struct Entry {
    failures: u32,
    last: i64,
    /// When the next attempt is allowed.
    open_at: i64,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Key, Entry>,
    /// From where accounts signed in, and when last.
    known: HashMap<Key, i64>,
}

/// The failures of the last hour.
#[derive(Default)]
pub(crate) struct Backoff(Mutex<Table>);

/// How long to wait, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) u64);

impl Wait {
    /// For a sentence.
    pub(crate) fn words(self) -> String {
        match self.0 {
            1 => "1 second".to_owned(),
            seconds @ ..90 => format!("{seconds} seconds"),
            seconds => format!("{} minutes", seconds.div_ceil(60)),
        }
    }
}

impl Backoff {
    /// Lets an attempt through, or says how long to wait. The attempt counts as a failure until
    /// [`Backoff::succeeded`]: of many that come at once, only those that are free get to be checked.
    pub(crate) fn admit(&self, account: &str, address: &str, now: i64) -> Result<(), Wait> {
        let mut table = self.lock();
        let known = table.known.get(&key(PAIR, account, address)).is_some_and(|at| now - *at < KNOWN);
        let mut counts = vec![(PAIR, key(PAIR, account, address)), (ADDRESS, key(ADDRESS, "", address))];
        if !known {
            counts.push((ACCOUNT, key(ACCOUNT, account, "")));
        }
        let left = |key: &Key| table.entries.get(key).map_or(0, |entry| entry.open_at.saturating_sub(now));
        let longest = counts.iter().map(|(_, key)| left(key)).max().unwrap_or(0);
        if let Some(left) = u64::try_from(longest).ok().filter(|left| *left > 0) {
            return Err(Wait(left.div_ceil(1000)));
        }
        for (count, key) in counts {
            table.failed(count, key, now);
        }
        Ok(())
    }

    /// The attempt was none that failed, but there is another one to pass: failures before it stay, and the next step need
    /// not wait.
    pub(crate) fn passed(&self, account: &str, address: &str, now: i64) {
        let mut table = self.lock();
        for own in [key(PAIR, account, address), key(ADDRESS, "", address), key(ACCOUNT, account, "")] {
            if let Some(entry) = table.entries.get_mut(&own) {
                entry.failures = entry.failures.saturating_sub(1);
                entry.open_at = now;
            }
        }
    }

    /// Forgets the failures of an account that signed in, from this address.
    pub(crate) fn succeeded(&self, account: &str, address: &str, now: i64) {
        self.passed(account, address, now);
        let mut table = self.lock();
        table.entries.remove(&key(PAIR, account, address));
        if table.known.len() >= ROOM {
            table.known.retain(|_, at| now - *at < KNOWN);
        }
        if table.known.len() < ROOM {
            table.known.insert(key(PAIR, account, address), now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere cannot leave the table half changed: entries are replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn failed(&mut self, count: Count, key: Key, now: i64) {
        if self.entries.len() >= ROOM && !self.entries.contains_key(&key) {
            self.entries.retain(|_, entry| now.saturating_sub(entry.last) < FORGOTTEN);
            let least = self.entries.iter().min_by_key(|(_, entry)| entry.open_at).map(|(key, _)| *key);
            if let Some(least) = least.filter(|_| self.entries.len() >= ROOM) {
                self.entries.remove(&least);
            }
        }
        let entry = self.entries.entry(key).or_default();
        let before = if now.saturating_sub(entry.last) >= FORGOTTEN { 0 } else { entry.failures };
        let failures = before.saturating_add(1);
        let over = failures.checked_sub(count.free);
        let wait = over.map_or(0, |over| (1000_i64 << over.min(20)).min(count.longest));
        *entry = Entry { failures, last: now, open_at: now.saturating_add(wait) };
    }
}

/// A key of fixed size, so that long names cost no memory.
fn key(count: Count, account: &str, address: &str) -> Key {
    let mut hash = Sha256::new();
    hash.update([count.kind]);
    hash.update(scim_core::fold::fold(account.trim()).as_bytes());
    hash.update([0]);
    match address.parse::<Ipv6Addr>() {
        Ok(address) if address.to_ipv4_mapped().is_none() => {
            hash.update((u128::from(address) >> 64).to_be_bytes());
        }
        _ => hash.update(address.as_bytes()),
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNT, ADDRESS, Backoff, ROOM, Wait};

    #[test]
    fn five_tries_are_free_then_the_wait_doubles() {
        let backoff = Backoff::default();
        for _ in 0..4 {
            assert_eq!(backoff.admit("Ann", "10.0.0.1", 0), Ok(()));
        }
        assert_eq!(backoff.admit("ann ", "10.0.0.1", 0), Ok(()));
        assert_eq!(backoff.admit("ann", "10.0.0.1", 0), Err(Wait(1)));
        assert_eq!(backoff.admit("ann", "10.0.0.1", 1000), Ok(()));
        assert_eq!(backoff.admit("ann", "10.0.0.1", 1000), Err(Wait(2)));
        assert_eq!(backoff.admit("ann", "10.0.0.2", 1000), Ok(()));
        backoff.succeeded("ann", "10.0.0.1", 1000);
        assert_eq!(backoff.admit("ann", "10.0.0.1", 1000), Ok(()));
    }

    #[test]
    fn the_wait_has_an_end() {
        let backoff = Backoff::default();
        let mut now = 0;
        for _ in 0..60 {
            now += backoff.admit("ann", "a", now).err().map_or(0, |wait| wait.0.cast_signed() * 1000);
        }
        assert!(matches!(backoff.admit("ann", "a", now), Ok(()) | Err(Wait(..=900))));
    }

    #[test]
    fn one_address_does_not_try_many_accounts() {
        let backoff = Backoff::default();
        for n in 0..ADDRESS.free {
            assert_eq!(backoff.admit(&n.to_string(), "10.0.0.1", 0), Ok(()));
        }
        assert_eq!(backoff.admit("another", "10.0.0.1", 0), Err(Wait(1)));
        assert_eq!(backoff.admit("another", "10.0.0.2", 0), Ok(()));
        // A line has more addresses than can be counted.
        for n in 0..ADDRESS.free {
            assert_eq!(backoff.admit(&n.to_string(), &format!("2001:db8::{n:x}"), 0), Ok(()));
        }
        assert_eq!(backoff.admit("another", "2001:db8::ffff", 0), Err(Wait(1)));
        assert_eq!(backoff.admit("another", "2001:db8:0:1::1", 0), Ok(()));
    }

    #[test]
    fn who_guesses_from_everywhere_is_slowed_and_the_owner_is_not() {
        let backoff = Backoff::default();
        assert_eq!(backoff.admit("ann", "10.0.0.1", 0), Ok(()));
        backoff.succeeded("ann", "10.0.0.1", 0);
        let admitted = (0..200).filter(|n| backoff.admit("ann", &format!("10.1.0.{n}"), 0).is_ok()).count();
        assert_eq!(admitted, ACCOUNT.free as usize);
        let mut now = 0;
        for n in 0..100 {
            now += backoff
                .admit("ann", &format!("10.2.0.{n}"), now)
                .err()
                .map_or(0, |w| w.0.cast_signed() * 1000);
        }
        assert!(matches!(backoff.admit("ann", "10.3.0.1", now), Ok(()) | Err(Wait(..=60))));
        assert_eq!(backoff.admit("ann", "10.0.0.1", now), Ok(()));
    }

    #[test]
    fn the_second_step_does_not_wait_for_the_first() {
        let backoff = Backoff::default();
        for _ in 0..8 {
            let _ = backoff.admit("ann", "a", 0);
        }
        assert_eq!(backoff.admit("ann", "a", 1000), Ok(()));
        backoff.passed("ann", "a", 1000);
        assert_eq!(backoff.admit("ann", "a", 1000), Ok(()));
        // What failed before is not forgiven by it.
        assert_eq!(backoff.admit("ann", "a", 1000), Err(Wait(2)));
    }

    #[test]
    fn the_table_does_not_grow_without_end() {
        let backoff = Backoff::default();
        for n in 0..ROOM + 5 {
            assert_eq!(backoff.admit(&n.to_string(), &n.to_string(), 0), Ok(()));
        }
        assert!(backoff.lock().entries.len() <= ROOM);
    }
}
