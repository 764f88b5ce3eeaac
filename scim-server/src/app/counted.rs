//! What is counted in memory, and written down now and then.

use std::sync::Arc;
use std::time::Duration;

use endpoint_store::Store;
use tokio::sync::Notify;

use crate::limits::FailingAddresses;
use crate::metrics::Metrics;

/// How often counted uses are written.
const TICK: Duration = Duration::from_millis(300);
/// With every tenth of these ticks, also what is counted by endpoint and hour.
const HOURS: u64 = 10;

/// What is counted in memory.
#[derive(Clone)]
pub(super) struct Counted {
    pub(super) store: Store,
    pub(super) metrics: Metrics,
    pub(super) addresses: Arc<FailingAddresses>,
}

impl Counted {
    /// Tells the endpoints concerned how much was not looked at.
    pub(super) fn take_floods(&self) {
        for flood in self.addresses.sweep() {
            if let Some(endpoint) = flood.endpoint {
                self.store.usage().flooded(endpoint, flood.last, flood.times);
            }
        }
    }
}

/// Writes down who used which token, and takes over what was measured.
pub(super) async fn tick(counted: Counted, enough: Arc<Notify>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for tick in 1_u64.. {
        tokio::select! {
            _ = interval.tick() => {}
            () = enough.notified() => return,
        }
        counted.metrics.keep_up();
        counted.take_floods();
        let store = &counted.store;
        let written = if tick % HOURS == 0 { store.flush_usage().await } else { store.flush_tokens().await };
        if let Err(error) = written {
            tracing::warn!(%error, "the uses of tokens could not be written; they are kept for the next try");
        }
        if let Err(error) = counted.store.flush_requests().await {
            tracing::warn!(%error, "a part of the request log could not be written and is counted as left out");
        }
        counted.metrics.unlogged(counted.store.requests());
    }
}
