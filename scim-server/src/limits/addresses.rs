//! Addresses that send wrong credentials: beyond a rate they are told to wait, before anything is looked up.
//!
//! Who shares such an address and holds a good credential is not shut out: one that opened something from there since
//! this server started is let through to be judged as ever. Only one that was never good there waits with the others,
//! ten seconds at most until the next attempts are judged.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use endpoint_store::EndpointId;
use endpoint_store::usage::Seen;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Seconds' worth of failures that may come at once; for as long an address is told to wait.
const BURST: u32 = 10;
/// Addresses that are told to wait at the same time.
const BLOCKED: usize = 10_000;
/// Addresses whose failures are counted before the old ones are forgotten.
const COUNTED: usize = 20_000;
/// Parts of the table of good credentials, so that requests do not wait for each other.
const SHARDS: usize = 16;
/// Good credentials that each part remembers.
const REMEMBERED: usize = 2_000;

/// What is known of addresses that fail.
pub struct FailingAddresses {
    limiter: Option<DefaultKeyedRateLimiter<IpAddr>>,
    blocked: Mutex<HashMap<IpAddr, Blocked>>,
    /// How many there are, so that nobody takes the lock while there is none.
    count: AtomicUsize,
    /// Fingerprints of an address with a credential that was good there; their key is this process's own.
    good: [Mutex<HashSet<u64>>; SHARDS],
    hasher: RandomState,
}

struct Blocked {
    until: Instant,
    /// Where the last attempt that was judged is shown.
    endpoint: Option<EndpointId>,
    last: Seen,
    /// Requests that were told to wait since they were last told of.
    times: i64,
}

/// Requests from one address that were told to wait.
#[derive(Debug)]
pub struct Flood {
    /// The endpoint at which they came, if one could be told.
    pub endpoint: Option<EndpointId>,
    /// The last of them that was judged.
    pub last: Seen,
    /// How many.
    pub times: i64,
}

/// A host may have as many IPv6 addresses as it likes of the network it stands in.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(long) => {
            let [a, b, c, d, ..] = long.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        short @ IpAddr::V4(_) => short,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FailingAddresses {
    /// `rate` failures a second are judged; all of them without it.
    pub fn new(rate: Option<u32>) -> Self {
        let quota = rate.and_then(NonZeroU32::new).map(|rate| {
            let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
            Quota::per_second(rate).allow_burst(burst)
        });
        Self {
            limiter: quota.map(RateLimiter::keyed),
            blocked: Mutex::default(),
            count: AtomicUsize::new(0),
            good: Default::default(),
            hasher: RandomState::new(),
        }
    }

    /// The seconds that this request has to wait, if it has to.
    pub fn wait(&self, address: Option<IpAddr>, credential: Option<&str>) -> Option<u64> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let (address, now) = (network(address?), Instant::now());
        let mut blocked = lock(&self.blocked);
        let entry = blocked.get_mut(&address).filter(|entry| entry.until > now)?;
        if self.is_good(address, credential) {
            return None;
        }
        entry.times += 1;
        let left = entry.until.duration_since(now);
        Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// A credential was good. Remembers it for times when its address is flooded by others.
    pub fn succeeded(&self, address: Option<IpAddr>, credential: Option<&str>) {
        let (Some(_), Some(address)) = (&self.limiter, address) else { return };
        let fingerprint = self.fingerprint(network(address), credential);
        let Some(shard) = self.shard(fingerprint) else { return };
        let mut good = lock(shard);
        if good.len() >= REMEMBERED && !good.contains(&fingerprint) {
            good.clear();
        }
        good.insert(fingerprint);
    }

    /// A credential was wrong; whether its address is told to wait from now on.
    pub fn failed(&self, address: Option<IpAddr>, endpoint: Option<&EndpointId>, seen: &Seen) -> bool {
        let (Some(limiter), Some(address)) = (&self.limiter, address.map(network)) else { return false };
        if limiter.check_key(&address).is_ok() {
            return false;
        }
        let mut blocked = lock(&self.blocked);
        if blocked.len() >= BLOCKED && !blocked.contains_key(&address) {
            return false;
        }
        let now = Instant::now();
        let until = now + Duration::from_secs(BURST.into());
        let times = blocked.get(&address).map_or(0, |entry| entry.times);
        let new = blocked.get(&address).is_none_or(|entry| entry.until <= now);
        blocked.insert(address, Blocked { until, endpoint: endpoint.cloned(), last: seen.clone(), times });
        self.count.store(blocked.len(), Ordering::Relaxed);
        new
    }

    /// What has been told to wait since the last call. Forgets those whose time is over.
    pub fn sweep(&self) -> Vec<Flood> {
        if let Some(limiter) = self.limiter.as_ref().filter(|limiter| limiter.len() > COUNTED) {
            limiter.retain_recent();
        }
        if self.count.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let (mut floods, now) = (Vec::new(), Instant::now());
        let mut blocked = lock(&self.blocked);
        for entry in blocked.values_mut().filter(|entry| entry.times > 0) {
            let times = std::mem::take(&mut entry.times);
            floods.push(Flood { endpoint: entry.endpoint.clone(), last: entry.last.clone(), times });
        }
        blocked.retain(|_, entry| entry.until > now);
        self.count.store(blocked.len(), Ordering::Relaxed);
        floods
    }

    /// How many addresses are told to wait now.
    pub fn blocked(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn is_good(&self, address: IpAddr, credential: Option<&str>) -> bool {
        let fingerprint = self.fingerprint(address, credential);
        self.shard(fingerprint).is_some_and(|shard| lock(shard).contains(&fingerprint))
    }

    fn fingerprint(&self, address: IpAddr, credential: Option<&str>) -> u64 {
        self.hasher.hash_one((address, credential))
    }

    fn shard(&self, fingerprint: u64) -> Option<&Mutex<HashSet<u64>>> {
        self.good.get((fingerprint % SHARDS as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn seen() -> Seen {
        Seen::new(0, "192.0.2.1", "", "GET /scim/x/v2/Users")
    }

    fn flooded(addresses: &FailingAddresses, from: &str) -> Option<IpAddr> {
        let address = Some(from.parse().unwrap());
        for _ in 0..100 {
            addresses.failed(address, None, &seen());
        }
        address
    }

    #[test]
    fn who_fails_too_often_waits_and_nobody_else() {
        let addresses = FailingAddresses::new(Some(5));
        let friend = Some("192.0.2.2".parse().unwrap());
        assert_eq!(addresses.wait(friend, Some("Bearer a")), None);
        let flooder = flooded(&addresses, "192.0.2.1");
        let wait = addresses.wait(flooder, Some("Bearer a")).unwrap();
        assert!((1..=10).contains(&wait), "{wait}");
        assert_eq!(addresses.wait(friend, Some("Bearer a")), None);
        let flood = addresses.sweep().pop().unwrap();
        assert_eq!(flood.times, 1);
        assert!(addresses.sweep().is_empty() && addresses.blocked() == 1, "told once, and still waiting");
    }

    #[test]
    fn a_credential_that_was_good_from_there_is_judged_as_ever() {
        let addresses = FailingAddresses::new(Some(1));
        let shared = Some("192.0.2.1".parse().unwrap());
        addresses.succeeded(shared, Some("Bearer good"));
        flooded(&addresses, "192.0.2.1");
        assert_eq!(addresses.wait(shared, Some("Bearer good")), None);
        assert!(addresses.wait(shared, Some("Bearer other")).is_some());
        assert!(addresses.wait(shared, None).is_some());
        let elsewhere = flooded(&addresses, "192.0.2.3");
        assert!(addresses.wait(elsewhere, Some("Bearer good")).is_some(), "it was good elsewhere");
    }

    #[test]
    fn a_host_is_its_network() {
        let addresses = FailingAddresses::new(Some(1));
        flooded(&addresses, "2001:db8:1:2::1");
        assert!(addresses.wait(Some("2001:db8:1:2:ffff::9".parse().unwrap()), None).is_some());
        assert_eq!(addresses.wait(Some("2001:db8:1:3::1".parse().unwrap()), None), None);
        flooded(&addresses, "::ffff:192.0.2.9");
        assert!(addresses.wait(Some("192.0.2.9".parse().unwrap()), None).is_some());
    }

    #[test]
    fn without_a_rate_nobody_waits() {
        let addresses = FailingAddresses::new(None);
        let flooder = flooded(&addresses, "192.0.2.1");
        assert_eq!(addresses.wait(flooder, None), None);
    }
}
