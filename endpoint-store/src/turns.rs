//! Each endpoint's share of the writers: one whose writes wait for each other must not keep the others waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::endpoints::EndpointId;
use crate::error::StoreError;

/// How many writes of one endpoint may wait for their turn.
const WAITING: usize = 256;
/// How long a write waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hands out turns, to each endpoint in the order they were asked for.
pub(crate) struct Turns {
    /// At the same time and endpoint.
    at_once: usize,
    endpoints: Mutex<HashMap<EndpointId, Lane>>,
}

struct Lane {
    turns: Arc<Semaphore>,
    /// Those who have a turn, or wait for one.
    inside: usize,
}

/// A write's turn; it ends when this is dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    endpoint: EndpointId,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(crate) fn new(at_once: usize) -> Arc<Self> {
        Arc::new(Self { at_once, endpoints: Mutex::default() })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too many wait already, or none came in time.
    pub(crate) async fn take(self: &Arc<Self>, endpoint: &EndpointId) -> Result<Turn, StoreError> {
        let (mut turn, lane) = self.enter(endpoint)?;
        let permit = tokio::time::timeout(PATIENCE, lane.acquire_owned()).await;
        turn.permit = Some(permit.ok().and_then(Result::ok).ok_or(StoreError::Busy)?);
        Ok(turn)
    }

    fn enter(self: &Arc<Self>, endpoint: &EndpointId) -> Result<(Turn, Arc<Semaphore>), StoreError> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = endpoints
            .entry(endpoint.clone())
            .or_insert_with(|| Lane { turns: Arc::new(Semaphore::new(self.at_once)), inside: 0 });
        if lane.inside >= self.at_once + WAITING {
            return Err(StoreError::Busy);
        }
        lane.inside += 1;
        let turns = lane.turns.clone();
        Ok((Turn { turns: self.clone(), endpoint: endpoint.clone(), permit: None }, turns))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.permit = None;
        let mut endpoints = self.turns.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = endpoints.get_mut(&self.endpoint) {
            lane.inside -= 1;
            if lane.inside == 0 {
                endpoints.remove(&self.endpoint);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_endpoint_cannot_take_the_turns_of_another_and_nothing_is_left_behind() {
        let turns = Turns::new(1);
        let (busy, other) = (EndpointId("busy".into()), EndpointId("other".into()));
        let held = turns.take(&busy).await.ok();
        assert!(held.is_some());
        assert!(turns.take(&other).await.is_ok());
        let waits = tokio::time::timeout(Duration::from_millis(20), turns.take(&busy)).await;
        assert!(waits.is_err(), "the second of one endpoint waits");
        drop(waits);
        drop(held);
        assert!(turns.take(&busy).await.is_ok());
        assert!(turns.endpoints.lock().is_ok_and(|all| all.is_empty()));
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded() {
        let turns = Turns::new(1);
        let busy = EndpointId("busy".into());
        let entered: Vec<_> = (0..=WAITING).filter_map(|_| turns.enter(&busy).ok()).collect();
        assert_eq!(entered.len(), WAITING + 1);
        assert!(matches!(turns.take(&busy).await, Err(StoreError::Busy)));
        drop(entered);
        assert!(turns.take(&busy).await.is_ok());
    }
}
