//! What is done in the background: the bin is emptied, old changes, requests, counts and access tokens are forgotten, replaced tokens retire,
//! the end of tokens is announced in the server's log, what has expired is written into the audit log, and webhooks are sent.
//!
//! A job works in portions, each one short write, with a pause after it; of several servers on one database one has the
//! job at a time (`endpoint_store::leases`).

use std::time::Duration;

use endpoint_admin::Clock;
use endpoint_store::health::{self, Alarm};
use endpoint_store::leases::{self, Portion};
use endpoint_store::targets::clock;
use endpoint_store::tokens::expiry;
use endpoint_store::{
    EndpointId, Millis, Store, StoreError, Tx, access, audit, endpoints, entropy, history, requests,
    rotation, usage, webhooks,
};
use endpoint_targets::webhook::{self, Sender};

use crate::verify;

/// How often it is asked whether there is something to do.
const ROUND: Duration = Duration::from_secs(600);
/// The same for tokens that are being replaced: somebody watches.
const WATCH: Duration = Duration::from_secs(5);
/// The same for request logs that have grown.
const SHORTEN: Duration = Duration::from_secs(20);
/// The same for endpoints that may have gone silent.
const LISTEN: Duration = Duration::from_secs(15);
/// Between two portions, so that requests have their turns.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs the jobs until the server stops.
pub(crate) async fn run(store: Store, clock: Clock, sender: Sender, holder: String) {
    let jobs = Jobs { store, up_since: clock.now(), clock, holder };
    let sending = webhook::run(jobs.store.clone(), sender, jobs.clock.0.clone(), &jobs.holder);
    tokio::join!(jobs.tidy(), jobs.retire(), jobs.shorten(), jobs.listen(), sending);
}

/// A name for this process, among those that share the database.
pub(crate) fn holder() -> String {
    entropy::<8>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives back what this process has to do, so that another one need not wait.
pub(crate) async fn release(store: &Store, holder: String) {
    if let Err(error) = store.write(move |tx| leases::release_all(tx, &holder)).await {
        tracing::warn!(%error, "other servers wait until the leases of this one have run out");
    }
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
            note("warnings", self.warn_of_expiry().await);
            note("access", self.portions("access", access::forget).await);
            note("counts", self.portions("counts", usage::forget_hours).await);
            note("hours", self.portions("hours", health::forget_hours).await);
            note("webhook-log", self.portions("webhook-log", webhooks::log::prune).await);
            note("requests", self.forget_requests(None).await);
            note("request-links", self.portions("request-links", requests::forget_links).await);
            note("twins", verify::sweep(&self.store).await);
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

    /// Busy endpoints fill their request logs between two rounds.
    async fn shorten(&self) {
        loop {
            tokio::time::sleep(SHORTEN).await;
            note("requests", self.forget_requests(Some(self.store.requests().grown())).await);
        }
    }

    /// Forgets requests that are too old or too many, of these endpoints or of all.
    async fn forget_requests(&self, of: Option<Vec<EndpointId>>) -> Result<(), StoreError> {
        let (registry, now) = (self.store.registry(), self.clock.now());
        let all = match of {
            None => registry.endpoints(),
            Some(ids) => ids.iter().filter_map(|id| registry.endpoint(id.as_str())).collect(),
        };
        for endpoint in all {
            let (asked, id) = (endpoint.clone(), endpoint.id.clone());
            if self.store.read(move |conn| requests::is_due(conn, &asked, now)).await? {
                self.portions("requests", move |tx, now| requests::prune(tx, &id, now)).await?;
            }
        }
        Ok(())
    }

    async fn listen(&self) {
        loop {
            note("health", self.judge().await);
            note("silence", self.announce().await);
            tokio::time::sleep(LISTEN).await;
        }
    }

    /// Learns the rhythm of endpoints anew, a few at a time.
    async fn judge(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        if self.store.read(move |conn| health::due(conn, now)).await? {
            self.portions("health", health::judge_due).await?;
        }
        Ok(())
    }

    /// Says in the log which endpoints have gone silent, and which are heard again: once, by one of the servers.
    async fn announce(&self) -> Result<(), StoreError> {
        let (up_since, now) = (self.up_since, self.clock.now());
        while self.store.read(move |conn| health::is_untold(conn, up_since, now)).await? {
            let holder = self.holder.clone();
            let given = self.store.write(move |tx| {
                let mut given = Vec::new();
                let portion = leases::portion(tx, "silence", &holder, now, |tx| {
                    let more;
                    (given, more) = health::announce(tx, up_since, now)?;
                    Ok(more)
                })?;
                Ok((portion, given))
            });
            let (portion, given) = given.await?;
            given.iter().for_each(tell);
            if portion != Portion::More {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
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

    /// Says in the log which tokens end soon: once for each warning, by one of the servers.
    async fn warn_of_expiry(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        while !self.store.read(move |conn| expiry::due(conn, now)).await?.is_empty() {
            let holder = self.holder.clone();
            let given = self.store.write(move |tx| {
                let mut given = Vec::new();
                let portion = leases::portion(tx, "warnings", &holder, now, |tx| {
                    let more;
                    (given, more) = expiry::give(tx, now)?;
                    Ok(more)
                })?;
                Ok((portion, given))
            });
            let (portion, given) = given.await?;
            for token in &given {
                tracing::warn!(
                    endpoint = token.endpoint,
                    token = token.token_id,
                    label = token.label,
                    expires_at = scim_core::time::format(token.expires_at),
                    "a token expires within {} {}; rotate it",
                    token.days,
                    if token.days == 1 { "day" } else { "days" }
                );
            }
            if portion != Portion::More {
                break;
            }
            tokio::time::sleep(PAUSE).await;
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

fn tell(alarm: &Alarm) {
    let endpoint = alarm.endpoint.as_str();
    let last_heard = scim_core::time::format(alarm.last_heard);
    if alarm.silent {
        let usual_minutes = alarm.usual.map(|millis| millis / 60_000);
        tracing::warn!(
            endpoint,
            last_heard,
            usual_minutes,
            "an endpoint has gone silent: nothing came for much longer than usual; look at the identity provider's own log"
        );
    } else {
        tracing::info!(endpoint, last_heard, "an endpoint that had gone silent is heard again");
    }
}

fn note(job: &'static str, outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, job, "a background job failed; it is tried again");
    }
}
