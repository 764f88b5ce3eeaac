//! How many requests a second may come for an endpoint, or with an API key.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use endpoint_store::Endpoint;
use endpoint_store::settings::Rate;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// A burst is this many seconds' worth of requests.
const BURST: u32 = 4;

/// One bucket per endpoint or key that was used. Reading takes no lock; a new one or a changed rate replaces
/// the table.
pub struct RateLimits {
    default: Option<NonZeroU32>,
    buckets: ArcSwap<HashMap<String, Bucket>>,
    clock: DefaultClock,
}

#[derive(Clone)]
struct Bucket {
    rate: NonZeroU32,
    limiter: Arc<DefaultDirectRateLimiter>,
}

impl RateLimits {
    /// `default` is for endpoints without a rate of their own; `None` means no limit.
    pub fn new(default: Option<u32>) -> Self {
        Self {
            default: default.and_then(NonZeroU32::new),
            buckets: ArcSwap::default(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes one request from the endpoint's bucket.
    ///
    /// # Errors
    /// The whole seconds to wait, at least 1.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), u64> {
        let rate = match endpoint.settings.rate {
            Rate::Unlimited => None,
            Rate::Default => self.default,
            Rate::PerSecond(rate) => NonZeroU32::new(rate),
        };
        self.take(endpoint.id.as_str(), rate)
    }

    /// Takes one request from the bucket of an API key.
    ///
    /// # Errors
    /// The whole seconds to wait, at least 1.
    pub fn check_key(&self, key_id: &str) -> Result<(), u64> {
        self.take(key_id, self.default)
    }

    fn take(&self, id: &str, rate: Option<NonZeroU32>) -> Result<(), u64> {
        let Some(rate) = rate else { return Ok(()) };
        self.limiter(id, rate).check().map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }

    fn limiter(&self, id: &str, rate: NonZeroU32) -> Arc<DefaultDirectRateLimiter> {
        if let Some(bucket) = self.buckets.load().get(id).filter(|bucket| bucket.rate == rate) {
            return bucket.limiter.clone();
        }
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
        let limiter = Arc::new(RateLimiter::direct(Quota::per_second(rate).allow_burst(burst)));
        let fresh = Bucket { rate, limiter };
        self.buckets.rcu(|buckets| {
            let mut buckets = HashMap::clone(buckets);
            buckets.insert(id.to_owned(), fresh.clone());
            buckets
        });
        fresh.limiter
    }
}
