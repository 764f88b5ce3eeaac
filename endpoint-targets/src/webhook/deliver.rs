//! Sending what waits. Of several servers on one database one sends for a webhook at a time; a slow receiver keeps nobody
//! else waiting.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use endpoint_store::caller::Actor;
use endpoint_store::webhooks::log::{Delivery, TEST, note_test};
use endpoint_store::webhooks::queue::{self, Attempt, Claim};
use endpoint_store::webhooks::{self, Webhook};
use endpoint_store::{Endpoint, Millis, Store, StoreError};
use scim_core::time::format;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::send::{Message, Sender};
use super::sign::signatures;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// How often it is asked whether there is something to do, told or not.
const LOOK: Duration = Duration::from_secs(1);
/// After being told: what comes together is done together.
const GATHER: Duration = Duration::from_millis(25);
/// The longest that a receiver to which nothing arrived is left alone.
const LONGEST_HOLD: Duration = Duration::from_secs(15);
/// Requests to one receiver at the same time.
const AT_ONCE: i64 = 16;
/// A larger body is sent without what was before and after.
const LARGEST: usize = 512 * 1024;

/// Everything that sending needs.
#[derive(Clone)]
struct Deliverer {
    store: Store,
    sender: Sender,
    clock: Clock,
    /// This process, among those that share the database.
    holder: Arc<str>,
}

/// Sends until the future is dropped. `holder` names this process.
pub async fn run(store: Store, sender: Sender, clock: Clock, holder: &str) {
    let deliverer = Deliverer { store, sender, clock, holder: holder.into() };
    let mut changes = deliverer.store.pulse().any();
    let (mut known, mut working) = (HashMap::new(), JoinSet::new());
    loop {
        changes.mark_unchanged();
        if let Err(error) = deliverer.look(&mut known, &mut working).await {
            tracing::warn!(%error, "webhooks could not be looked after; it is tried again");
        }
        tokio::select! {
            Some(done) = working.join_next() => match done {
                Ok((id, end)) => settle(&mut known, id, end),
                Err(error) => {
                    tracing::error!(%error, "sending webhooks failed");
                    // Which one it was is not known; those that still run keep a second one out by their lease.
                    known.clear();
                }
            },
            _ = changes.changed() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// What is known of a webhook in this process.
#[derive(Debug, Clone, Copy)]
enum Known {
    /// Somebody is at it.
    Busy {
        /// How often in a row nothing arrived before.
        failed: u32,
    },
    /// Nothing arrived: the receiver has some time to itself.
    Held { until: Instant, failed: u32 },
}

/// How working one off ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing is due.
    Done,
    /// Nothing arrived.
    Failed,
}

/// Keeps a receiver that is down from being asked by every delivery that waits.
fn settle(known: &mut HashMap<String, Known>, id: String, end: End) {
    let before = match known.remove(&id) {
        Some(Known::Busy { failed } | Known::Held { failed, .. }) => failed,
        None => 0,
    };
    if end == End::Failed {
        let pause = LOOK.saturating_mul(1 << before.min(4)).min(LONGEST_HOLD);
        known.insert(id, Known::Held { until: Instant::now() + pause, failed: before + 1 });
    }
}

impl Deliverer {
    fn now(&self) -> Millis {
        (self.clock)()
    }

    /// Starts work for every webhook that has some and is not at it.
    async fn look(
        &self,
        known: &mut HashMap<String, Known>,
        working: &mut JoinSet<(String, End)>,
    ) -> Result<(), StoreError> {
        for webhook in self.store.read(webhooks::all).await? {
            let failed = match known.get(&webhook.id) {
                Some(Known::Busy { .. }) => continue,
                Some(Known::Held { until, .. }) if *until > Instant::now() => continue,
                Some(Known::Held { failed, .. }) => *failed,
                None => 0,
            };
            if webhook.paused.is_some() {
                continue;
            }
            let (asked, now) = (webhook.clone(), self.now());
            let work = self.store.read(move |conn| queue::work(conn, &asked)).await?;
            if work.behind || work.due_at.is_some_and(|at| at <= now) {
                known.insert(webhook.id.clone(), Known::Busy { failed });
                let this = self.clone();
                working.spawn(async move {
                    let id = webhook.id.clone();
                    let end = this.work_off(&webhook).await.unwrap_or_else(|error| {
                        tracing::warn!(webhook = id, %error, "a webhook could not be worked off; it is tried again");
                        End::Failed
                    });
                    (id, end)
                });
            }
        }
        Ok(())
    }

    /// Sends for one webhook until nothing is due, or nothing arrives.
    async fn work_off(&self, webhook: &Webhook) -> Result<End, StoreError> {
        loop {
            let (id, holder, now) = (webhook.id.clone(), self.holder.clone(), self.now());
            let claim = self.store.write(move |tx| queue::claim(tx, &id, &holder, AT_ONCE, now));
            let Some(claims) = claim.await? else {
                // Another server is at it, or it is paused.
                tokio::time::sleep(LOOK).await;
                return Ok(End::Done);
            };
            if claims.is_empty() {
                return Ok(End::Done);
            }
            let outcomes = self.send_all(webhook, claims).await;
            let failed = outcomes.iter().all(|(_, attempt, _)| attempt.error.is_some());
            let (id, holder, now) = (webhook.id.clone(), self.holder.clone(), self.now());
            let settle = self.store.write(move |tx| queue::settle(tx, &id, &holder, &outcomes, now));
            settle.await?;
            if failed {
                return Ok(End::Failed);
            }
        }
    }

    async fn send_all(&self, webhook: &Webhook, claims: Vec<Claim>) -> Vec<(Claim, Attempt, u16)> {
        let mut sending = JoinSet::new();
        for claim in claims {
            let (this, webhook) = (self.clone(), webhook.clone());
            sending.spawn(async move {
                let attempt = this.attempt(&webhook, &claim).await;
                (claim, attempt, rand::random_range(0..=1000))
            });
        }
        sending.join_all().await
    }

    async fn attempt(&self, webhook: &Webhook, claim: &Claim) -> Attempt {
        let Some(event) = &claim.event else {
            return failure("the change log has forgotten this event; it cannot be sent any more".into());
        };
        let body = bounded(event.body());
        deliver(&self.store, &self.sender, webhook, (&claim.delivery.id(), body), self.now()).await
    }
}

fn failure(error: String) -> Attempt {
    Attempt { status: None, error: Some(error), ms: 0, wish: None }
}

/// As it is sent: one that is too large is sent without the content, which the receiver can read.
fn bounded(mut event: Value) -> Vec<u8> {
    let body = event.to_string().into_bytes();
    if body.len() <= LARGEST {
        return body;
    }
    if let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) {
        data.insert("before".into(), Value::Null);
        data.insert("after".into(), Value::Null);
        data.insert("omitted".into(), json!(["before", "after"]));
    }
    event.to_string().into_bytes()
}

/// Signs a message with every live secret and sends it once.
async fn deliver(
    store: &Store,
    sender: &Sender,
    webhook: &Webhook,
    (id, body): (&str, Vec<u8>),
    now: Millis,
) -> Attempt {
    let (keyring, of) = (store.keyring().clone(), webhook.id.clone());
    let secrets = store.read(move |conn| webhooks::live_secrets(conn, &keyring, &of, now)).await;
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(error) => return failure(format!("it could not be signed: {error}")),
    };
    let timestamp = now / 1000;
    let signatures = signatures(&secrets, id, timestamp, &body);
    sender.send(&webhook.url, Message { id, timestamp, signatures: &signatures, body }).await
}

/// Sends a test at once, and writes down what came of it.
///
/// # Errors
/// As [`Store::write`]; that the receiver did not take it stands in the delivery.
pub async fn test(
    store: &Store,
    sender: &Sender,
    (endpoint, webhook): (&Arc<Endpoint>, &Webhook),
    actor: &Actor,
    now: Millis,
) -> Result<Delivery, StoreError> {
    let id = format!("test-{}-{now}", webhook.id);
    let body = json!({"type": TEST, "timestamp": format(now), "data": {
        "id": webhook.id, "endpoint": {"id": endpoint.id.as_str(), "slug": endpoint.slug},
        "message": "This is a test: nothing has happened.",
    }});
    let attempt = deliver(store, sender, webhook, (&id, body.to_string().into_bytes()), now).await;
    let (endpoint, webhook, actor) = (endpoint.clone(), webhook.clone(), actor.clone());
    store.write(move |tx| note_test(tx, &endpoint, &webhook, &attempt, &actor, now)).await
}
