//! Who waits for changes of an endpoint is woken when there are some.
//!
//! The write that made a change wakes those who wait in this process; the watch passes the word on to
//! other processes, some of it together, so that no writer waits for a message to go out. A pulse says *look*, never what
//! there is to see: one that is lost costs time, not an event.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::endpoints::EndpointId;

/// Readers of one endpoint that may wait in one process at the same time.
pub const WAITING_AT_ONCE: usize = 200;
/// Readers of all endpoints together.
pub const WAITING_IN_ALL: usize = 1000;

/// The pulse of one process.
#[derive(Debug)]
pub struct Pulse {
    state: Mutex<State>,
    /// Beats with every change of any endpoint.
    any: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<EndpointId, watch::Sender<i64>>,
    /// Changed here, and not passed on yet.
    untold: BTreeSet<EndpointId>,
    closed: bool,
}

/// Waits for changes of one endpoint. What happens between two waits is not missed.
#[derive(Debug)]
pub struct Waiter(watch::Receiver<i64>);

/// The server stops: nobody is kept waiting any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopping;

impl Waiter {
    /// Comes back when something changed since the last call, or since the waiter was made.
    ///
    /// # Errors
    /// [`Stopping`].
    pub async fn changed(&mut self) -> Result<(), Stopping> {
        self.0.changed().await.map_err(|_| Stopping)
    }
}

impl Default for Pulse {
    fn default() -> Self {
        Self { state: Mutex::default(), any: watch::Sender::new(0) }
    }
}

impl Pulse {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place among those who wait for an endpoint; `None` when too many wait already, or the server stops.
    pub fn waiter(&self, endpoint: &EndpointId) -> Option<Waiter> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        state.waiting.retain(|_, sender| sender.receiver_count() > 0);
        let sender = state.waiting.entry(endpoint.clone()).or_insert_with(|| watch::Sender::new(0));
        let waiter = (sender.receiver_count() < WAITING_AT_ONCE).then(|| Waiter(sender.subscribe()));
        let all: usize = state.waiting.values().map(watch::Sender::receiver_count).sum();
        waiter.filter(|_| all <= WAITING_IN_ALL)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.values().map(watch::Sender::receiver_count).sum()
    }

    /// Beats with every change of any endpoint, and ends when the server stops.
    pub fn any(&self) -> watch::Receiver<u64> {
        self.any.subscribe()
    }

    /// Beats without a change: there is something else to do for those who deliver.
    pub fn nudge(&self) {
        self.any.send_modify(|beats| *beats = beats.wrapping_add(1));
    }

    /// A write of this process changed these.
    pub(crate) fn beat(&self, endpoints: &BTreeSet<EndpointId>) {
        if endpoints.is_empty() {
            return;
        }
        let mut state = self.state();
        for endpoint in endpoints {
            if let Some(sender) = state.waiting.get(endpoint) {
                sender.send_modify(|_| {});
            }
            if !state.untold.contains(endpoint) {
                state.untold.insert(endpoint.clone());
            }
        }
        drop(state);
        self.nudge();
    }

    /// Another process says that it changed this one.
    pub(crate) fn heard(&self, endpoint: &str) {
        if let Some(sender) = self.state().waiting.get(&EndpointId(endpoint.to_owned())) {
            sender.send_modify(|_| {});
        }
        self.nudge();
    }

    /// What was changed here since the last call, to be passed on.
    pub(crate) fn take_untold(&self) -> BTreeSet<EndpointId> {
        std::mem::take(&mut self.state().untold)
    }

    /// The endpoints that somebody waits for.
    pub(crate) fn waited_for(&self) -> Vec<String> {
        let state = self.state();
        let some = state.waiting.iter().filter(|(_, sender)| sender.receiver_count() > 0);
        some.map(|(endpoint, _)| endpoint.as_str().to_owned()).collect()
    }

    /// The number of an endpoint's last change was looked up; who waits is woken when it is another one than before.
    pub(crate) fn seen(&self, endpoint: &str, number: i64) {
        if let Some(sender) = self.state().waiting.get(&EndpointId(endpoint.to_owned())) {
            sender.send_if_modified(|known| {
                let moved = *known != number;
                *known = number;
                moved
            });
        }
    }

    /// Lets everybody who waits go, and keeps nobody waiting any more.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn id(name: &str) -> EndpointId {
        EndpointId(name.to_owned())
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_its_endpoint_alone() {
        let pulse = Pulse::default();
        let (mut first, mut second) = (pulse.waiter(&id("a")).unwrap(), pulse.waiter(&id("b")).unwrap());
        pulse.beat(&BTreeSet::from([id("a")]));
        first.changed().await.unwrap();
        assert!(!second.0.has_changed().unwrap());
        assert_eq!(pulse.take_untold(), BTreeSet::from([id("a")]));
        pulse.seen("b", 5);
        second.changed().await.unwrap();
        pulse.seen("b", 5);
        assert!(!second.0.has_changed().unwrap());
        pulse.close();
        assert_eq!(second.changed().await, Err(Stopping));
        assert!(pulse.waiter(&id("a")).is_none());
    }

    #[test]
    fn no_more_wait_than_may() {
        let pulse = Pulse::default();
        let waiters: Vec<_> = (0..WAITING_AT_ONCE).map(|_| pulse.waiter(&id("a")).unwrap()).collect();
        assert!(pulse.waiter(&id("a")).is_none());
        assert!(pulse.waiter(&id("b")).is_some());
        drop(waiters);
        assert!(pulse.waiter(&id("a")).is_some());
    }
}
