//! Each resource behaves as if one request came after the other, whichever of two servers it goes to.
//!
//! Clients run random requests at the same time and note when each began and ended. A history is in order when the requests can
//! be put one after the other, none before one that had ended when it began, so that a plain model gives the same answers
//! (Wing and Gong, 1993).

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::load::random;
use super::nodes::Pair;
use super::rounds;
use crate::support::backend::Backend;
use crate::support::http::Answer;
use crate::support::scim::{PATCH_OP, Scim, text, user};

const CLIENTS: usize = 4;
const REQUESTS: usize = 8;

/// What the model knows of the one user of a name: id, version, nickname.
type State = Option<(String, i64, String)>;

#[derive(Debug, Clone)]
enum Request {
    Create(String),
    Get(String),
    Put(String, String),
    /// With If-Match, if a version is named.
    Patch(String, String, Option<i64>),
    Delete(String),
    List,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// The user as it is now.
    Shown(String, i64, String),
    Done,
    NotFound,
    Taken,
    Stale,
    Nobody,
}

#[derive(Debug, Clone)]
struct Event {
    began: u64,
    ended: u64,
    request: Request,
    outcome: Outcome,
}

impl Event {
    /// The state after this request came to this state, if its answer is then right.
    fn apply(&self, state: &State) -> Option<State> {
        let found = |id: &String| state.as_ref().filter(|(known, ..)| known == id);
        let shown =
            |(id, version, nick): &(String, i64, String)| Outcome::Shown(id.clone(), *version, nick.clone());
        let (outcome, next) = match &self.request {
            // The server chooses the id.
            Request::Create(nick) => match (state, &self.outcome) {
                (Some(_), _) => (Outcome::Taken, state.clone()),
                (None, Outcome::Shown(id, ..)) => {
                    let made = (id.clone(), 1, nick.clone());
                    (shown(&made), Some(made))
                }
                (None, _) => return None,
            },
            Request::Get(id) => (found(id).map_or(Outcome::NotFound, shown), state.clone()),
            Request::List => (state.as_ref().map_or(Outcome::Nobody, shown), state.clone()),
            Request::Put(id, nick) => changed(found(id), nick, None, state),
            Request::Patch(id, nick, expected) => changed(found(id), nick, *expected, state),
            Request::Delete(id) => match found(id) {
                Some(_) => (Outcome::Done, None),
                None => (Outcome::NotFound, state.clone()),
            },
        };
        (outcome == self.outcome).then_some(next)
    }
}

fn changed(
    found: Option<&(String, i64, String)>,
    nick: &str,
    expected: Option<i64>,
    state: &State,
) -> (Outcome, State) {
    match found {
        None => (Outcome::NotFound, state.clone()),
        Some((_, version, _)) if expected.is_some_and(|e| e != *version) => (Outcome::Stale, state.clone()),
        Some((id, version, _)) => {
            let next = (id.clone(), version + 1, nick.to_owned());
            (Outcome::Shown(next.0.clone(), next.1, next.2.clone()), Some(next))
        }
    }
}

/// Whether the events can have come one after the other.
fn in_order(events: &[Event]) -> bool {
    assert!(events.len() <= 128, "one bit for each");
    let all = u128::MAX >> (128 - events.len());
    let (mut seen, mut open) = (HashSet::new(), vec![(0_u128, State::None)]);
    while let Some((done, state)) = open.pop() {
        if done == all {
            return true;
        }
        let left = || events.iter().enumerate().filter(|(index, _)| done & (1 << index) == 0);
        let first_end = left().map(|(_, event)| event.ended).min().unwrap();
        for (index, event) in left().filter(|(_, event)| event.began < first_end) {
            if let Some(next) = event.apply(&state) {
                let step = (done | (1 << index), next);
                if seen.insert(step.clone()) {
                    open.push(step);
                }
            }
        }
    }
    false
}

/// One user name, and what has been seen of it.
struct Slot {
    name: String,
    ids: Mutex<Vec<(String, i64)>>,
    events: Mutex<Vec<Event>>,
}

static TICK: AtomicU64 = AtomicU64::new(0);

fn tick() -> u64 {
    TICK.fetch_add(1, Ordering::SeqCst)
}

impl Slot {
    fn choose(&self) -> Request {
        let nick = format!("nick{}", tick());
        let known = self.ids.lock().unwrap();
        // Mostly the latest: requests shall meet.
        let id = match known.len() {
            0 => return if random(3) == 0 { Request::List } else { Request::Create(nick) },
            many if random(5) == 0 => known[random(many)].clone(),
            many => known[many - 1].clone(),
        };
        match random(9) {
            0 => Request::Create(nick),
            1 => Request::Get(id.0),
            2 | 3 => Request::Put(id.0, nick),
            4 => Request::Patch(id.0, nick, None),
            5 | 6 => Request::Patch(id.0, nick, Some(id.1)),
            7 => Request::Delete(id.0),
            _ => Request::List,
        }
    }

    fn body(&self, nick: &str) -> Value {
        let mut body = user(&self.name);
        body["nickName"] = json!(nick);
        body
    }

    async fn send(&self, scim: &Scim, request: &Request) -> Answer {
        let wire = match request {
            Request::Create(nick) => scim.request("POST", "/Users").json(&self.body(nick)),
            Request::Get(id) => scim.request("GET", &format!("/Users/{id}")),
            Request::Put(id, nick) => scim.request("PUT", &format!("/Users/{id}")).json(&self.body(nick)),
            Request::Patch(id, nick, expected) => {
                let operations = json!([{"op": "replace", "path": "nickName", "value": nick}]);
                let body = json!({"schemas": [PATCH_OP], "Operations": operations});
                let request = scim.request("PATCH", &format!("/Users/{id}")).json(&body);
                match expected {
                    Some(version) => request.header("If-Match", &format!("W/\"{version}\"")),
                    None => request,
                }
            }
            Request::Delete(id) => scim.request("DELETE", &format!("/Users/{id}")),
            Request::List => {
                scim.request("GET", &format!("/Users?filter=userName%20eq%20%22{}%22", self.name))
            }
        };
        scim.send(&wire).await
    }

    fn shown(&self, user: &Value) -> Outcome {
        let version = text(&user["meta"]["version"]);
        let version = version
            .trim_start_matches("W/\"")
            .trim_end_matches('"')
            .split('-')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let id = text(&user["id"]);
        self.ids.lock().unwrap().push((id.clone(), version));
        Outcome::Shown(id, version, text(&user["nickName"]))
    }

    async fn client(self: Arc<Self>, scims: [Scim; 2]) {
        for _ in 0..REQUESTS {
            let request = self.choose();
            let began = tick();
            let answer = self.send(&scims[random(2)], &request).await;
            let ended = tick();
            let outcome = match (answer.status, &request) {
                (204, _) => Outcome::Done,
                (404, _) => Outcome::NotFound,
                (409, _) => Outcome::Taken,
                (412, _) => Outcome::Stale,
                (200, Request::List) => match answer.json()["Resources"].as_array().unwrap().as_slice() {
                    [] => Outcome::Nobody,
                    [one] => self.shown(one),
                    more => panic!("two of one name: {more:?}"),
                },
                (200 | 201, _) => self.shown(&answer.json()),
                _ => panic!("{answer:#}"),
            };
            self.events.lock().unwrap().push(Event { began, ended, request, outcome });
        }
    }
}

async fn histories(backend: Backend) {
    let Some(pair) = Pair::start(backend).await else { return };
    let rounds = rounds(6);
    for round in 0..rounds {
        let slot =
            Arc::new(Slot { name: format!("slot{round}"), ids: Mutex::default(), events: Mutex::default() });
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| tokio::spawn(slot.clone().client([pair.scim(0), pair.scim(1)]))).collect();
        for client in clients {
            client.await.unwrap();
        }
        let mut events = std::mem::take(&mut *slot.events.lock().unwrap());
        events.sort_by_key(|event| event.began);
        assert!(in_order(&events), "no order explains these answers: {events:#?}");
    }
    println!(
        "{backend:?}: {rounds} histories of {} requests through two servers are in order",
        CLIENTS * REQUESTS
    );
}

#[tokio::test]
async fn on_sqlite() {
    histories(Backend::Sqlite).await;
}

#[tokio::test]
async fn on_postgres() {
    histories(Backend::Postgres).await;
}

/// What must not be explained: a read of the past, a lost update, two who both made the same user, a precondition that held
/// twice.
#[test]
fn what_is_out_of_order_is_seen() {
    let id = || "a".to_owned();
    let event = |began, ended, request, outcome| Event { began, ended, request, outcome };
    let shown = |version, nick: &str| Outcome::Shown(id(), version, nick.to_owned());
    let made = event(0, 1, Request::Create("x".into()), shown(1, "x"));
    let put = event(2, 3, Request::Put(id(), "y".into()), shown(2, "y"));
    let read = |began, ended, outcome| event(began, ended, Request::Get(id()), outcome);
    assert!(in_order(&[made.clone(), put.clone(), read(4, 5, shown(2, "y"))]));
    assert!(in_order(&[
        made.clone(),
        event(2, 5, Request::Put(id(), "y".into()), shown(2, "y")),
        read(3, 4, shown(1, "x"))
    ]));
    assert!(!in_order(&[made.clone(), put.clone(), read(4, 5, shown(1, "x"))]), "a read of the past");
    let other = event(2, 3, Request::Put(id(), "z".into()), shown(2, "z"));
    assert!(!in_order(&[made.clone(), put, other]), "a lost update");
    let twin = event(0, 2, Request::Create("z".into()), Outcome::Shown("b".into(), 1, "z".into()));
    assert!(!in_order(&[made.clone(), twin]), "two of one name");
    let guarded = |nick: &str| event(2, 3, Request::Patch(id(), nick.into(), Some(1)), shown(2, nick));
    assert!(!in_order(&[made, guarded("y"), guarded("z")]), "a precondition that held twice");
}
