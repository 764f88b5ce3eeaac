//! Clients that write everything SCIM can write, and remember what they were told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::check::Sound;
use crate::support::furniture::Endpoint;
use crate::support::http::{Answer, attempt};
use crate::support::scim::{GROUP, PATCH_OP, Scim, check_contract, text, user};

const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const PORTION: usize = 5;

/// What clients were told, by request id.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Done: with this many change sets at least.
    done: Vec<(String, usize)>,
    /// Refused or put off: nothing of it may be there.
    undone: Vec<String>,
    /// The server said that it does not know.
    in_doubt: usize,
    /// No answer.
    unanswered: usize,
}

impl Ledger {
    pub(super) fn add(&mut self, other: Self) {
        self.done.extend(other.done);
        self.undone.extend(other.undone);
        self.in_doubt += other.in_doubt;
        self.unanswered += other.unanswered;
    }

    /// Everything acknowledged is there, and nothing that was refused.
    pub(super) fn holds(&self, sound: &Sound) {
        for (request, changes) in &self.done {
            let left = sound.requests.get(request).map_or(0, |left| left.changes);
            assert!(
                left >= *changes,
                "request {request} was acknowledged: {changes} changes expected, {left} are there"
            );
        }
        for request in &self.undone {
            assert!(
                !sound.requests.contains_key(request),
                "request {request} was refused and left something"
            );
        }
    }

    pub(super) fn summary(&self) -> String {
        format!(
            "{} acknowledged, {} refused or put off, {} in doubt, {} unanswered",
            self.done.len(),
            self.undone.len(),
            self.in_doubt,
            self.unanswered
        )
    }

    pub(super) fn acknowledged(&self) -> usize {
        self.done.len()
    }

    pub(super) fn put_off(&self) -> usize {
        self.undone.len()
    }
}

/// Clients at work.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Ledger>>,
}

impl Load {
    /// Starts `count` clients on the endpoints, in turns.
    pub(super) fn start(address: SocketAddr, endpoints: &[Endpoint], count: usize) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..count)
            .map(|number| {
                let endpoint = &endpoints[number % endpoints.len()];
                let base = format!("/scim/{}/v2", endpoint.slug);
                let scim = Scim { address, base, token: endpoint.token.clone() };
                let client = Client {
                    scim,
                    stop: stop.clone(),
                    acknowledged: acknowledged.clone(),
                    users: Vec::new(),
                    ledger: Ledger::default(),
                };
                tokio::spawn(client.work())
            })
            .collect();
        Self { stop, acknowledged, clients }
    }

    /// Waits until clients are busy, and some random while more.
    pub(super) async fn under_way(&self) {
        let wanted = self.acknowledged.load(Ordering::SeqCst) + 1 + random(40);
        while self.acknowledged.load(Ordering::SeqCst) < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(u64::try_from(random(20_000)).unwrap())).await;
    }

    /// Lets the requests under way end, and gives what was told.
    pub(super) async fn stop(self) -> Ledger {
        self.stop.store(true, Ordering::SeqCst);
        let mut ledger = Ledger::default();
        for client in self.clients {
            ledger.add(client.await.unwrap());
        }
        ledger
    }
}

struct Client {
    scim: Scim,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    /// Users that this client made and knows to be there.
    users: Vec<String>,
    ledger: Ledger,
}

impl Client {
    async fn work(mut self) -> Ledger {
        let mut group = None;
        while !self.stop.load(Ordering::SeqCst) {
            let Some(id) = group.clone() else {
                let body = json!({"schemas": [GROUP], "displayName": unique("Group")});
                group = self.write("POST", "/Groups", &body, 1).await.map(|made| text(&made.json()["id"]));
                continue;
            };
            match random(8) {
                0..=2 => self.create().await,
                3 => self.change().await,
                4 => self.replace().await,
                5 => self.join(&id).await,
                6 => self.bulk().await,
                _ => self.delete().await,
            }
        }
        self.ledger
    }

    async fn create(&mut self) {
        let made = self.write("POST", "/Users", &user(&unique("user")), 1).await;
        self.users.extend(made.map(|answer| text(&answer.json()["id"])));
    }

    async fn change(&mut self) {
        let Some(user) = self.one() else { return };
        let value = json!({"nickName": unique("nick"), "name.familyName": unique("Tail")});
        let body = json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "value": value}]});
        self.write("PATCH", &format!("/Users/{user}"), &body, 1).await;
    }

    async fn replace(&mut self) {
        let Some(id) = self.one() else { return };
        self.write("PUT", &format!("/Users/{id}"), &user(&unique("renamed")), 1).await;
    }

    /// One user joins the group, and one may leave it, in one request.
    async fn join(&mut self, group: &str) {
        let (Some(come), Some(gone)) = (self.one(), self.one()) else { return };
        let body = json!({"schemas": [PATCH_OP], "Operations": [
            {"op": "remove", "path": format!("members[value eq \"{gone}\"]")},
            {"op": "add", "path": "members", "value": [{"value": come}]},
            {"op": "replace", "path": "displayName", "value": unique("Group")},
        ]});
        self.write("PATCH", &format!("/Groups/{group}"), &body, 1).await;
    }

    async fn bulk(&mut self) {
        let operations: Vec<_> = (0..PORTION)
            .map(|_| json!({"method": "POST", "path": "/Users", "bulkId": unique("bulk"), "data": user(&unique("bulk"))}))
            .collect();
        self.write("POST", "/Bulk", &json!({"schemas": [BULK], "Operations": operations}), PORTION).await;
    }

    async fn delete(&mut self) {
        let Some(id) = self.one() else { return };
        self.users.retain(|known| *known != id);
        self.write("DELETE", &format!("/Users/{id}"), &Value::Null, 1).await;
    }

    fn one(&self) -> Option<String> {
        (!self.users.is_empty()).then(|| self.users[random(self.users.len())].clone())
    }

    /// Sends a write and keeps what was told; the answer if it was done.
    async fn write(&mut self, method: &str, path: &str, body: &Value, changes: usize) -> Option<Answer> {
        let mut request = self.scim.request(method, path);
        if !body.is_null() {
            request = request.json(body);
        }
        let Some(answer) = attempt(self.scim.address, &request).await else {
            self.ledger.unanswered += 1;
            // Somebody who waits for a server that is down does not do it in a tight loop.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return None;
        };
        check_contract(&request, &answer);
        let id = answer.header("x-request-id").unwrap().to_owned();
        match answer.status {
            200 if path == "/Bulk" && answer.text().contains("\"503\"") => self.ledger.in_doubt += 1,
            200..=204 => {
                self.ledger.done.push((id, changes));
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
                return Some(answer);
            }
            503 if answer.text().contains("may have been made") => self.ledger.in_doubt += 1,
            503 => {
                self.ledger.undone.push(id);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // Deleted by a request of this client that was never answered.
            404 => self.ledger.undone.push(id),
            _ => panic!("{answer:#}"),
        }
        None
    }
}

/// A name that nobody has had.
fn unique(what: &str) -> String {
    static COUNTER: AtomicUsize = AtomicUsize::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{}-{number}", std::process::id())
}

/// Below a bound.
pub(super) fn random(bound: usize) -> usize {
    use std::hash::{BuildHasher as _, Hasher as _};
    let bits = std::hash::RandomState::new().build_hasher().finish();
    usize::try_from(bits % u64::try_from(bound).unwrap()).unwrap()
}
