//! How fast requests may come: for an endpoint, with an API key, and from an address that sends wrong credentials.

mod addresses;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{HeaderName, HeaderValue};
use arc_swap::ArcSwap;
use endpoint_store::Endpoint;
use endpoint_store::settings::Rate;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

pub(crate) use addresses::FailingAddresses;

/// A burst is this many seconds' worth of requests.
const BURST: u32 = 4;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

type Limiter = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

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
    limiter: Arc<Limiter>,
    policy: HeaderValue,
}

/// What is left of a limit, for the headers of the answer (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug)]
pub struct Allowance {
    policy: HeaderValue,
    left: u32,
    /// Seconds until all of it is there again.
    until_full: u32,
}

/// A request that came too early.
#[derive(Debug)]
pub struct TooFast {
    /// The whole seconds to wait, at least 1.
    pub wait: u64,
    allowance: Allowance,
}

impl Allowance {
    /// Adds `RateLimit-Policy` and `RateLimit`.
    pub fn tell(self, response: &mut HttpResponse) {
        let left = format!("\"endpoint\";r={};t={}", self.left, self.until_full);
        response.headers_mut().insert(POLICY, self.policy);
        if let Ok(left) = HeaderValue::from_maybe_shared(left) {
            response.headers_mut().insert(LEFT, left);
        }
    }
}

impl TooFast {
    /// Adds the same to the refusal.
    pub fn tell(self, response: &mut HttpResponse) {
        self.allowance.tell(response);
    }
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

    /// Takes one request from the endpoint's bucket, and says what is left; nothing without a limit.
    ///
    /// # Errors
    /// [`TooFast`].
    pub fn check(&self, endpoint: &Endpoint) -> Result<Option<Allowance>, TooFast> {
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
        self.take(key_id, self.default).map(drop).map_err(|fast| fast.wait)
    }

    fn take(&self, id: &str, rate: Option<NonZeroU32>) -> Result<Option<Allowance>, TooFast> {
        let Some(rate) = rate else { return Ok(None) };
        let bucket = self.bucket(id, rate);
        let allowance = |left: u32| Allowance {
            policy: bucket.policy.clone(),
            left,
            until_full: rate.get().saturating_mul(BURST).saturating_sub(left).div_ceil(rate.get()),
        };
        match bucket.limiter.check() {
            Ok(state) => Ok(Some(allowance(state.remaining_burst_capacity()))),
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                let wait = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(TooFast { wait: wait.max(1), allowance: allowance(0) })
            }
        }
    }

    fn bucket(&self, id: &str, rate: NonZeroU32) -> Bucket {
        if let Some(bucket) = self.buckets.load().get(id).filter(|bucket| bucket.rate == rate) {
            return bucket.clone();
        }
        let burst = rate.saturating_mul(NonZeroU32::MIN.saturating_add(BURST - 1));
        let limiter = RateLimiter::direct(Quota::per_second(rate).allow_burst(burst));
        let policy = HeaderValue::from_maybe_shared(format!("\"endpoint\";q={burst};w={BURST}"));
        let fresh = Bucket {
            rate,
            limiter: Arc::new(limiter.with_middleware::<StateInformationMiddleware>()),
            policy: policy.unwrap_or_else(|_| HeaderValue::from_static("\"endpoint\"")),
        };
        self.buckets.rcu(|buckets| {
            let mut buckets = HashMap::clone(buckets);
            buckets.insert(id.to_owned(), fresh.clone());
            buckets
        });
        fresh
    }
}
