//! When something is done: targets that have work are served, each by one server at a time.
//!
//! What is in trouble is tried again, later and later, with a different pause each; a target that fails too often in a row
//! is left alone for a while (its circuit breaker opens), then one thing is tried, and if that works, all goes on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use endpoint_store::targets::queue::{self, Item, Kind, Outcome};
use endpoint_store::targets::{self, Account, Health, Target, takein};
use endpoint_store::{Millis, Store, StoreError, entropy, leases};
use tokio::task::JoinSet;

use crate::before::Asked;
use crate::bring::{Bring, Broken};
use crate::http::AT_ONCE;
use crate::remote::{Check, Failure, Remote};
use crate::{Trouble, import, kinds, reconcile};

/// How often it is asked which targets have work.
const ROUND: Duration = Duration::from_millis(300);
/// Items that are brought before what came of them is written.
const PORTION: usize = 32;
/// How long a server that is no longer heard of keeps others from serving a target.
const LEASE: Millis = 10_000;
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(3);

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// The way to a target, and as whom it is signed in to there.
type Way = (Account, Arc<dyn Remote>);

/// Serves targets.
#[derive(Clone)]
pub struct Deliverer(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    /// This process, among those that share the database.
    holder: String,
    /// The ways to targets, with the tokens that are in use there.
    ways: Mutex<HashMap<String, Way>>,
    asked: Asked,
}

/// What came of serving a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// Nothing is left that could be done now.
    Idle,
    /// Another server does it.
    Elsewhere,
    /// It is left alone for a while.
    Resting,
    /// It is not there any more.
    Gone,
}

impl Deliverer {
    /// For a server or a command.
    pub fn new(store: Store, clock: Clock) -> Self {
        let holder = entropy::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        Self(Arc::new(Inner { store, clock, holder, ways: Mutex::default(), asked: Asked::default() }))
    }

    /// Serves all targets until the server stops.
    pub async fn run(self) {
        let mut serving: HashMap<String, tokio::task::JoinHandle<()>> = HashMap::new();
        let mut interval = tokio::time::interval(ROUND);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            serving.retain(|_, task| !task.is_finished());
            let now = self.now();
            let work = self.0.store.read(move |conn| {
                let all = targets::all(conn)?;
                let busy = all.into_iter().map(|target| Ok((takein::has_work(conn, &target, now)?, target)));
                busy.collect::<Result<Vec<_>, StoreError>>()
            });
            let work = match work.await {
                Ok(work) => work,
                Err(error) => {
                    tracing::warn!(%error, "targets cannot be looked up; it is tried again");
                    continue;
                }
            };
            let all: Vec<Target> = work.iter().map(|(_, target)| target.clone()).collect();
            self.0.asked.refresh(&all);
            for (_, target) in work.into_iter().filter(|(busy, _)| *busy) {
                let id = target.id.clone();
                if serving.contains_key(&id) {
                    continue;
                }
                let this = self.clone();
                serving.insert(id, tokio::spawn(async move { this.serve_and_tell(target).await }));
            }
        }
    }

    async fn serve_and_tell(&self, target: Target) {
        if let Err(error) = self.serve(&target).await {
            tracing::warn!(%error, target = target.id, "a target could not be served; it is tried again");
        }
    }

    /// Does all that is waiting for a target, as long as no other server does.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn serve(&self, target: &Target) -> Result<Served, StoreError> {
        let lease = format!("target:{}", target.id);
        if !self.hold(&lease).await? {
            return Ok(Served::Elsewhere);
        }
        let renewing = tokio::spawn(self.clone().keep(lease.clone()));
        let served = self.work(target, &renewing).await;
        renewing.abort();
        let (holder, name) = (self.0.holder.clone(), lease);
        self.0.store.write(move |tx| leases::release(tx, &name, &holder)).await?;
        served
    }

    /// The way to a target.
    ///
    /// # Errors
    /// As [`kinds::open`].
    pub fn way(&self, target: &Target) -> Result<Arc<dyn Remote>, Failure> {
        let mut ways = self.0.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let account = target.account();
        if let Some((known, way)) = ways.get(&target.id)
            && *known == account
        {
            return Ok(way.clone());
        }
        let way = kinds::open(target, self.0.store.keyring())?;
        ways.insert(target.id.clone(), (account, way.clone()));
        Ok(way)
    }

    /// Looks whether all is there that a target needs.
    pub async fn check(&self, target: &Target) -> Check {
        match self.way(target) {
            Ok(way) => way.check().await,
            Err(failure) => {
                let mut check = Check::default();
                check.note("Secret", false, failure.to_string());
                check
            }
        }
    }

    /// Takes over what a target has, now.
    ///
    /// # Errors
    /// What the target or the store says; what was taken over before stays.
    pub async fn import(&self, target: &Target) -> Result<import::Imported, Trouble> {
        let way = self.way(target).map_err(Trouble::Target)?;
        Ok(import::run(&self.0.store, target, way.as_ref(), self.now()).await?)
    }

    /// Compares everything; with `repair` what differs is put into the queue.
    ///
    /// # Errors
    /// What the target or the store says.
    pub async fn compare(&self, target: &Target, repair: bool) -> Result<reconcile::Report, Trouble> {
        let way = self.way(target).map_err(Trouble::Target)?;
        Ok(reconcile::run(&self.0.store, target, way.as_ref(), repair, self.now()).await?)
    }

    /// Looks up which targets are asked before an answer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let all = self.0.store.read(targets::all).await?;
        self.0.asked.refresh(&all);
        Ok(())
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.0.asked
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    pub(crate) fn now(&self) -> Millis {
        (self.0.clock)()
    }

    async fn hold(&self, lease: &str) -> Result<bool, StoreError> {
        let (name, holder, now) = (lease.to_owned(), self.0.holder.clone(), self.now());
        self.0.store.write(move |tx| leases::hold(tx, &name, &holder, now, LEASE)).await
    }

    /// Ends when somebody else has the lease.
    async fn keep(self, lease: String) {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Ok(false) = self.hold(&lease).await {
                return;
            }
        }
    }

    async fn work(&self, target: &Target, lease: &tokio::task::JoinHandle<()>) -> Result<Served, StoreError> {
        loop {
            if lease.is_finished() {
                return Ok(Served::Elsewhere);
            }
            let (endpoint, id) = (target.endpoint.clone(), target.id.clone());
            let target = match self.0.store.read(move |conn| targets::find(conn, &endpoint, &id)).await {
                Err(StoreError::NotFound(_)) => return Ok(Served::Gone),
                found => found?,
            };
            let now = self.now();
            if target.is_resting(now) {
                return Ok(Served::Resting);
            }
            let taken = target.clone();
            let more =
                self.0.store.write_in(&target.endpoint, move |tx| takein::take_in(tx, &taken, now)).await?;
            let brought = self.portion(&target, more).await?;
            if !more && brought == 0 {
                return Ok(Served::Idle);
            }
        }
    }

    /// What was asked for, then a portion of what is waiting; how many things were tried.
    async fn portion(&self, target: &Target, more: bool) -> Result<usize, StoreError> {
        let now = self.now();
        let way = match self.way(target) {
            Ok(way) => way,
            Err(failure) => return self.rest(target, &failure).await,
        };
        // After a rest one thing is tried first: that one shows whether it is back.
        let most = if target.failures >= target.options.threshold { 1 } else { PORTION };
        if most > 1 && target.filled_to.is_none() && !more && self.wished(target, way.as_ref()).await? {
            return Ok(1);
        }
        for kind in Kind::ALL {
            let (of, limit) = (target.clone(), i64::try_from(most).unwrap_or(1));
            let due = self.0.store.read(move |conn| queue::due(conn, &of, kind, now, limit)).await?;
            // Who loses access goes alone and first: the same person may come back in what is waiting behind.
            let urgent: Vec<Item> = due.iter().filter(|item| item.next_at < 0).cloned().collect();
            let due = if urgent.is_empty() { due } else { urgent };
            if !due.is_empty() {
                return self.bring(target, &way, due).await;
            }
        }
        Ok(0)
    }

    /// Imports and comparisons; true when there was one.
    async fn wished(&self, target: &Target, way: &dyn Remote) -> Result<bool, StoreError> {
        let now = self.now();
        let due = target.import_every.is_some_and(|every| {
            target.imported_at.unwrap_or(target.created_at).saturating_add(every) <= now
        });
        let failed = if target.import_asked_at.is_some() || due {
            import::run(&self.0.store, target, way, now).await.err()
        } else if target.reconcile_asked_at.is_some() {
            reconcile::run(&self.0.store, target, way, true, now).await.err()
        } else {
            return Ok(false);
        };
        match failed {
            None => Ok(true),
            Some(Broken::Store(error)) => Err(error),
            Some(Broken::Target(failure)) => self.rest(target, &failure).await.map(|_| true),
        }
    }

    /// A failure that is about the whole target: nothing is tried for a while.
    async fn rest(&self, target: &Target, failure: &Failure) -> Result<usize, StoreError> {
        self.0.ways.lock().unwrap_or_else(PoisonError::into_inner).remove(&target.id);
        let failures = (target.failures + 1).max(target.options.threshold);
        let health = Health {
            failures,
            open_until: Some(self.now() + pause(failures - target.options.threshold, 30)),
            last_error: Some(failure.to_string()),
            last_ok_at: None,
        };
        let target = target.clone();
        self.0.store.write(move |tx| targets::note_health(tx, &target, &health)).await?;
        Ok(0)
    }

    /// Brings these items, a few at the same time, and keeps what came of it.
    async fn bring(
        &self,
        target: &Target,
        way: &Arc<dyn Remote>,
        due: Vec<Item>,
    ) -> Result<usize, StoreError> {
        let mut results: Vec<(Item, Result<Outcome, Failure>)> = Vec::with_capacity(due.len());
        let mut under_way: JoinSet<(Item, Result<Outcome, Broken>)> = JoinSet::new();
        let mut due = due.into_iter();
        loop {
            while under_way.len() < AT_ONCE
                && let Some(item) = due.next()
            {
                let (store, target, way) = (self.0.store.clone(), target.clone(), way.clone());
                under_way.spawn(async move {
                    let bring = Bring { store: &store, target: &target, remote: way.as_ref() };
                    let outcome = bring.item(&item).await;
                    (item, outcome)
                });
            }
            match under_way.join_next().await {
                None => break,
                Some(Ok((item, Ok(outcome)))) => results.push((item, Ok(outcome))),
                Some(Ok((item, Err(Broken::Target(failure))))) => results.push((item, Err(failure))),
                Some(Ok((_, Err(Broken::Store(error))))) => return Err(error),
                Some(Err(_)) => {
                    return Err(StoreError::Unavailable("the work on a target was given up".into()));
                }
            }
        }
        let (count, now) = (results.len(), self.now());
        let (health, outcomes) = judged(target, results, now);
        let target = target.clone();
        self.0
            .store
            .write(move |tx| {
                for (item, outcome) in &outcomes {
                    queue::settle(tx, &target, item, outcome, now)?;
                }
                targets::note_health(tx, &target, &health)
            })
            .await?;
        Ok(count)
    }
}

/// What is kept of each item, and how the target is doing after them.
fn judged(
    target: &Target,
    results: Vec<(Item, Result<Outcome, Failure>)>,
    now: Millis,
) -> (Health, Vec<(Item, Outcome)>) {
    let mut health = Health { failures: target.failures, ..Health::default() };
    let mut outcomes = Vec::with_capacity(results.len());
    for (item, result) in results {
        let outcome = match result {
            Ok(outcome) => {
                (health.failures, health.last_ok_at, health.last_error) = (0, Some(now), None);
                outcome
            }
            Err(Failure::Refused(_, sentence)) => {
                // It is there, and says no to this one.
                health.failures = 0;
                Outcome::Failed(sentence)
            }
            Err(Failure::Busy(after)) => {
                let least = after.and_then(|after| i64::try_from(after.as_millis()).ok()).unwrap_or(1000);
                let next_at = now + least.min(3_600_000) + pause(0, 1);
                Outcome::Again { reason: "it asks us to come slower".into(), next_at }
            }
            Err(failure) => {
                health.failures += 1;
                let reason = failure.to_string();
                health.last_error = Some(reason.clone());
                Outcome::Again { reason, next_at: now + pause(item.attempts, 1) }
            }
        };
        outcomes.push((item, outcome));
    }
    if target.failures < target.options.threshold {
        // However many failed together: the first pause is the short one.
        health.failures = health.failures.min(target.options.threshold);
    }
    let over = health.failures - target.options.threshold;
    if over >= 0 {
        health.open_until = Some(now + pause(over, 30));
    }
    (health, outcomes)
}

/// How long to wait after so many failures: twice as long each time, ten minutes at most, never the same for two.
fn pause(failures: i64, seconds: u64) -> Millis {
    let delays = ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(seconds))
        // A pause is lengthened at random, to twice as much at most.
        .with_max_delay(Duration::from_secs(300))
        .with_jitter()
        .without_max_times()
        .build();
    let at = usize::try_from(failures.clamp(0, 20)).unwrap_or(0);
    let delay = delays.into_iter().nth(at).unwrap_or(Duration::from_secs(600));
    i64::try_from(delay.as_millis()).unwrap_or(600_000)
}
