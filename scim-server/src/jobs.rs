//! What is done in the background: the bin is emptied, old changes are forgotten, replaced tokens retire, and what has
//! expired is written into the audit log.
//!
//! A job works in portions, each one short write, with a pause after it; of several servers on one database one has the
//! job at a time (`endpoint_store::leases`).

use std::time::Duration;

use endpoint_admin::Clock;
use endpoint_store::leases::{self, Portion};
use endpoint_store::targets::clock;
use endpoint_store::{Millis, Store, StoreError, Tx, audit, endpoints, entropy, history, rotation};

/// How often it is asked whether there is something to do.
const ROUND: Duration = Duration::from_secs(600);
/// The same for tokens that are being replaced: somebody watches.
const WATCH: Duration = Duration::from_secs(5);
/// Between two portions, so that requests have their turns.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the jobs until the server stops.
pub(crate) async fn run(store: Store, clock: Clock) {
    let holder: String = entropy::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    let jobs = Jobs { store, up_since: clock.now(), clock, holder };
    tokio::join!(jobs.tidy(), jobs.retire());
}

struct Jobs {
    store: Store,
    clock: Clock,
    /// This process, among those that share the database.
    holder: String,
    /// When this process began to listen.
    up_since: Millis,
}

impl Jobs {
    async fn tidy(&self) {
        loop {
            note("bin", self.empty_bin().await);
            note("history", self.forget().await);
            note("expiry", self.note_expired().await);
            note("clock", self.portions("clock", clock::forget).await);
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn retire(&self) {
        loop {
            note("rotation", self.retire_silent().await);
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Closes replaced tokens that have been silent for long enough, or whose final date has come.
    async fn retire_silent(&self) -> Result<(), StoreError> {
        let (up_since, now) = (self.up_since, self.clock.now());
        for id in self.store.read(move |conn| rotation::due(conn, up_since, now)).await? {
            // What is only counted in memory yet was said, too.
            self.store.flush_usage().await?;
            let work = move |tx: &mut Tx<'_>, now| {
                rotation::retire_due(tx, &id, up_since, now)?;
                Ok(false)
            };
            self.portions("rotation", work).await?;
        }
        Ok(())
    }

    /// Removes for good what has been in the bin for 30 days.
    async fn empty_bin(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for id in self.store.read(move |conn| endpoints::due_for_purge(conn, now)).await? {
            self.portions("bin", move |tx, now| endpoints::purge(tx, &id, now)).await?;
        }
        Ok(())
    }

    /// Forgets changes that are older than the setting of their endpoint.
    async fn forget(&self) -> Result<(), StoreError> {
        let (now, all) = (self.clock.now(), self.store.registry().endpoints());
        for id in self.store.read(move |conn| history::due(conn, &all, now)).await? {
            self.portions("history", move |tx, now| history::prune(tx, &id, now)).await?;
        }
        Ok(())
    }

    /// Writes into the audit log which tokens and keys have expired.
    async fn note_expired(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if self.store.read(move |conn| audit::expired(conn, now)).await? {
            self.portions("expiry", audit::note_expired).await?;
        }
        Ok(())
    }

    /// Works on one thing until it is done, or another server is found to do it.
    async fn portions(
        &self,
        job: &'static str,
        work: impl Fn(&mut Tx<'_>, Millis) -> Result<bool, StoreError> + Clone + Send + 'static,
    ) -> Result<(), StoreError> {
        loop {
            let (work, holder, now) = (work.clone(), self.holder.clone(), self.clock.now());
            let write =
                self.store.write(move |tx| leases::portion(tx, job, &holder, now, |tx| work(tx, now)));
            match write.await? {
                Portion::More => tokio::time::sleep(PAUSE).await,
                Portion::Done | Portion::Elsewhere => return Ok(()),
            }
        }
    }
}

fn note(job: &'static str, outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, job, "a background job failed; it is tried again");
    }
}
