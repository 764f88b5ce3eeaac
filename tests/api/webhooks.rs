//! Webhooks from the change to the receiver: signed, in order, again and again until they arrive.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Api, pointers};
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::program::{Server, run};
use crate::support::receiver::{Message, Receiver};
use crate::support::scim::{Scim, id, text};

const HOUR: Duration = Duration::from_secs(3600);
const PATIENCE: Duration = Duration::from_secs(60);
const HOOKS: &str = "/endpoints/generic/webhooks";

async fn add(api: &Api, receiver: &Receiver, more: Value) -> Value {
    let mut body = json!({"url": receiver.url});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.post(HOOKS, &body).await.expect(201).json()
}

async fn act(api: &Api, hook: &Value, end: &str, status: u16) -> Value {
    let path = format!("{HOOKS}/{}/{end}", text(&hook["id"]));
    api.send(&api.request("POST", &path)).await.expect(status).json()
}

async fn deliveries(api: &Api, hook: &Value, state: &str) -> Vec<Value> {
    api.walk(&format!("{HOOKS}/{}/deliveries?state={state}", text(&hook["id"])), 100).await
}

/// Waits until something holds of a webhook.
async fn until(api: &Api, hook: &Value, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let (begun, path) = (Instant::now(), format!("{HOOKS}/{}", text(&hook["id"])));
    loop {
        let now = api.get(&path).await.expect(200).json();
        if holds(&now) {
            return now;
        }
        assert!(begun.elapsed() < PATIENCE, "never {what}: {now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn names(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(Message::event).collect()
}

both! {
    async fn what_happens_arrives_signed(app: &App) {
        let (api, scim, receiver) = (Api::owner(app), app.generic(), Receiver::start().await);
        scim.user("before").await;
        let hook = add(&api, &receiver, json!({})).await;
        let secret = text(&hook["secret"]);
        assert!(secret.starts_with("whsec_"), "{hook}");
        let user = id(&scim.user("robertt").await);
        let group = id(&scim.group("Keepers", &[&user]).await);
        let path = format!("/Users/{user}");
        scim.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
        let taken = receiver.takes(4).await;
        let events: BTreeSet<_> = names(&taken).into_iter().collect();
        assert_eq!(events, BTreeSet::from(["user.created", "group.created", "member.added", "user.deactivated"]));
        for message in &taken {
            assert!(message.is_signed_by(&secret), "{message:?}");
            assert!(message.timestamp.parse::<i64>().is_ok());
            assert!(message.body["timestamp"].is_string());
        }
        let of = |id: &str| names(&taken).into_iter().zip(&taken).filter(|(_, one)| one.body["data"]["id"] == *id)
            .map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!((of(&user), of(&group)), (vec!["user.created", "user.deactivated"], vec!["group.created", "member.added"]));
        let ids: BTreeSet<_> = taken.iter().map(|message| &message.id).collect();
        assert_eq!(ids.len(), 4, "each has an id of its own");
        // The feed says the same.
        let feed = api.get("/endpoints/generic/changes").await.expect(200).json();
        let told = feed["items"].as_array().unwrap().iter().find(|event| event["type"] == "user.deactivated").unwrap();
        let sent = taken.iter().find(|message| message.event() == "user.deactivated").unwrap();
        assert_eq!((&told["data"], &told["timestamp"]), (&sent.body["data"], &sent.body["timestamp"]));
        let now = until(&api, &hook, "delivered", |now| now["delivered"] == 4).await;
        assert_eq!((&now["state"], &now["waiting"]), (&json!("active"), &json!(0)));
        assert!(!api.get(HOOKS).await.text().contains(&secret), "shown once");
    }

    async fn it_is_tried_again_and_keeps_its_order(app: &App) {
        let (api, scim, receiver) = (Api::owner(app), app.generic(), Receiver::start().await);
        let hook = add(&api, &receiver, json!({"types": ["user.*"]})).await;
        let stubborn = id(&scim.user("stubborn").await);
        receiver.takes(1).await;
        receiver.about(&stubborn, 500);
        let path = format!("/Users/{stubborn}");
        for title in ["one", "two", "three"] {
            scim.patch(&path, json!([{"op": "replace", "path": "title", "value": title}])).await.expect(200);
        }
        scim.group("Not wanted", &[]).await;
        scim.user("another").await;
        // The other one does not wait for it.
        receiver.until("another", |came| came.iter().any(|one| one.raw.contains("another"))).await;
        let waiting = until(&api, &hook, "tried", |now| now["waiting"] == 3).await;
        assert_eq!(waiting["dead"], 0);
        let tried = deliveries(&api, &hook, "waiting").await;
        let attempts: Vec<_> = tried.iter().map(|one| one["attempts"].as_i64().unwrap()).collect();
        assert_eq!(attempts.iter().filter(|many| **many > 0).count(), 1, "only the first of them: {attempts:?}");
        receiver.about("nobody", 500);
        app.advance(Duration::from_secs(60));
        let taken = receiver.takes(5).await;
        let of: Vec<_> = taken.iter().filter(|one| one.body["data"]["id"] == *stubborn)
            .map(|one| one.body["data"]["after"]["title"].clone()).collect();
        assert_eq!(of, [Value::Null, json!("one"), json!("two"), json!("three")]);
        let first: Vec<_> = receiver.came().into_iter().filter(|one| one.body["data"]["after"]["title"] == "one").collect();
        assert!(first.len() > 1 && first.iter().all(|one| one.id == first[0].id), "a repetition has the same id");
        until(&api, &hook, "at rest", |now| now["state"] == "active" && now["waiting"] == 0).await;
        assert!(receiver.came().iter().all(|one| one.event() != "group.created"), "filtered");
    }

    async fn what_never_arrives_is_given_up_and_the_webhook_paused(app: &App) {
        let (api, scim, receiver) = (Api::owner(app), app.generic(), Receiver::start().await);
        let hook = add(&api, &receiver, json!({})).await;
        receiver.always(Some(503));
        scim.user("first").await;
        receiver.until("tried", |came| !came.is_empty()).await;
        let failing = until(&api, &hook, "failing", |now| now["state"] == "failing").await;
        assert!(failing["failing_since"].is_string());
        app.advance(73 * HOUR);
        let paused = until(&api, &hook, "paused", |now| now["state"] == "paused").await;
        assert_eq!((&paused["paused"]["by"], &paused["dead"]), (&json!(""), &json!(1)), "{paused}");
        let dead = deliveries(&api, &hook, "dead").await;
        assert!(text(&dead[0]["error"]).contains("503"), "{dead:?}");
        let mut console = app.console();
        console.sign_in("olivia", crate::support::furniture::PASSWORD).await;
        let overview = console.visit("/admin/").await.answer.text();
        assert!(overview.contains("is paused: nothing is sent") && overview.contains("given up"), "{overview}");
        // What happens while it is paused is kept.
        scim.user("second").await;
        receiver.always(None);
        act(&api, &hook, "resume", 200).await;
        act(&api, &hook, "resume", 409).await;
        assert_eq!(receiver.takes(1).await[0].body["data"]["name"], "second");
        // And what was given up comes when it is asked for.
        let path = format!("{HOOKS}/{}/redeliver", text(&hook["id"]));
        assert_eq!(api.post(&path, &json!({"dead": true})).await.expect(200).json()["deliveries"], 1);
        let taken = receiver.takes(2).await;
        assert_eq!(taken[1].body["data"]["name"], "first");
        let one = text(&deliveries(&api, &hook, "delivered").await[0]["id"]);
        assert_eq!(api.post(&path, &json!({"delivery": one})).await.expect(200).json()["deliveries"], 1);
        assert_eq!(receiver.takes(3).await[2].id, one);
        // What is on its way at this moment is not sent once more.
        until(&api, &hook, "settled", |now| now["waiting"] == 0).await;
        let range = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
        assert_eq!(api.post(&path, &range).await.expect(200).json()["deliveries"], 2);
        receiver.takes(5).await;
        for wrong in [json!({}), json!({"dead": true, "delivery": one}), json!({"from": "2020-01-01T00:00:00Z"}), json!({"from": "x", "to": "y"})] {
            api.post(&path, &wrong).await.expect(422);
        }
        api.post(&path, &json!({"delivery": "x-1-1"})).await.expect(404);
    }

    async fn who_does_not_want_it_any_more_says_so(app: &App) {
        let (api, receiver) = (Api::owner(app), Receiver::start().await);
        let hook = add(&api, &receiver, json!({})).await;
        receiver.always(Some(410));
        app.generic().user("unwanted").await;
        let paused = until(&api, &hook, "paused", |now| now["state"] == "paused").await;
        assert!(text(&paused["paused"]["why"]).contains("410"), "{paused}");
        let entry = &api.get("/audit?action=webhook.pause").await.json()["items"][0];
        assert_eq!(entry["actor"]["kind"], "system", "{entry}");
    }

    async fn two_secrets_sign_while_one_replaces_the_other(app: &App) {
        let (api, scim, receiver) = (Api::owner(app), app.generic(), Receiver::start().await);
        let hook = add(&api, &receiver, json!({})).await;
        let rotate = async |body: Value| {
            api.post(&format!("{HOOKS}/{}/rotate", text(&hook["id"])), &body).await.expect(201).json()
        };
        let (old, new) = (text(&hook["secret"]), text(&rotate(json!({})).await["secret"]));
        assert_ne!(old, new);
        scim.user("both").await;
        let both = receiver.takes(1).await[0].clone();
        assert!(both.is_signed_by(&old) && both.is_signed_by(&new));
        app.advance(25 * HOUR);
        scim.user("new-alone").await;
        let alone = receiver.takes(2).await[1].clone();
        assert!(!alone.is_signed_by(&old) && alone.is_signed_by(&new));
        let pair = rotate(json!({"signature": "ed25519"})).await;
        assert!(pair["secret"].is_null() && text(&pair["public_key"]).starts_with("whpk_"), "{pair}");
        scim.user("pair").await;
        let signed = receiver.takes(3).await[2].clone();
        let kinds: Vec<_> = signed.signature.split(' ').map(|one| one.split(',').next().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["v1a", "v1"]);
        // Nothing of it stands in the database.
        let secrets = [old, new];
        for (name, bytes) in app.database().dump() {
            let kept = String::from_utf8_lossy(&bytes);
            assert!(!secrets.iter().any(|secret| kept.contains(&secret["whsec_".len()..])), "in {name}");
        }
    }

    async fn a_tenants_webhook_hears_all_its_endpoints(app: &App) {
        let (api, receiver) = (Api::owner(app), Receiver::start().await);
        let hook = add(&api, &receiver, json!({"scope": "tenant", "types": ["user.created"]})).await;
        assert_eq!((&hook["scope"], &hook["tenant"]), (&json!("tenant"), &json!("Acme")));
        app.generic().user("here").await;
        app.scim(&app.furniture().onelogin).user("there").await;
        let made = api.post("/endpoints", &json!({"name": "Later", "tenant": "ACME"})).await.expect(201).json();
        let later = Scim { address: app.address(), base: "/scim/later/v2".into(), token: text(&made["token"]["secret"]) };
        later.user("later").await;
        let other = api.post("/endpoints", &json!({"name": "Other", "tenant": "Zeta"})).await.expect(201).json();
        let other = Scim { address: app.address(), base: "/scim/other/v2".into(), token: text(&other["token"]["secret"]) };
        other.user("stranger").await;
        let taken = receiver.takes(3).await;
        let names: BTreeSet<_> = taken.iter().map(|one| text(&one.body["data"]["name"])).collect();
        assert_eq!(names, ["here", "there", "later"].map(str::to_owned).into());
        // It is listed at each of them, and nowhere else.
        assert_eq!(api.all("/endpoints/later/webhooks").await[0]["id"], hook["id"]);
        assert_eq!(api.all("/endpoints/other/webhooks").await.len(), 0);
        api.get(&format!("/endpoints/other/webhooks/{}", text(&hook["id"]))).await.expect(404);
    }

    async fn it_is_managed_and_refusals_say_why(app: &App) {
        let (api, receiver) = (Api::owner(app), Receiver::start().await);
        for (body, place) in [
            (json!({"url": "example.com"}), "/url"),
            (json!({"url": "ftp://example.com"}), "/url"),
            (json!({"url": "https://user:pass@example.com"}), "/url"),
            (json!({"url": "https://example.com", "types": ["user.created", "user.exploded"]}), "/types/1"),
            (json!({"url": "https://example.com", "label": "x".repeat(101)}), "/label"),
            (json!({"url": "https://example.com", "scope": "world"}), "/scope"),
            (json!({"url": "https://example.com", "secret": "mine"}), "/secret"),
        ] {
            let refused = api.post(HOOKS, &body).await.expect(422);
            assert_eq!(pointers(&refused), [place], "{body}");
        }
        let hook = add(&api, &receiver, json!({"label": "App"})).await;
        let path = format!("{HOOKS}/{}", text(&hook["id"]));
        assert_eq!(act(&api, &hook, "test", 200).await["state"], "delivered");
        assert_eq!(receiver.came()[0].event(), "webhook.test");
        assert!(receiver.came()[0].is_signed_by(&text(&hook["secret"])));
        receiver.answer(&[401]);
        let failed = act(&api, &hook, "test", 200).await;
        assert_eq!((&failed["state"], &failed["status"]), (&json!("dead"), &json!(401)));
        act(&api, &hook, "pause", 200).await;
        app.generic().user("kept").await;
        let changed = api.patch(&path, &json!({"label": "Other", "types": ["user.created"]})).await.expect(200).json();
        assert_eq!((&changed["label"], &changed["state"]), (&json!("Other"), &json!("paused")));
        act(&api, &hook, "resume", 200).await;
        receiver.takes(2).await;
        api.delete(&path).await.expect(204);
        api.get(&path).await.expect(404);
        let acts = api.walk("/audit?q=webhook", 100).await;
        let acts: Vec<_> = acts.iter().map(|entry| text(&entry["action"])).collect();
        let expected = ["webhook.remove", "webhook.resume", "webhook.change", "webhook.pause", "webhook.test", "webhook.test", "webhook.add"];
        assert_eq!(acts, expected);
        for _ in 0..20 {
            api.post(HOOKS, &json!({"url": "https://example.com"})).await.expect(201);
        }
        api.post(HOOKS, &json!({"url": "https://example.com"})).await.expect(409);
    }

    async fn the_command_line_does_the_same(app: &App) {
        let (scim, receiver) = (app.generic(), Receiver::start().await);
        let added = run_with(app, &["webhook", "add", "generic", "--url", &receiver.url, "--json"]).await.json();
        let secret = text(&added["secret"]);
        assert!(added["id"].is_string() && secret.starts_with("whsec_"), "{added}");
        run_with(app, &["webhook", "test", "generic"]).await.done();
        scim.user("robertt").await;
        let taken = receiver.takes(2).await;
        assert!(taken.iter().all(|message| message.is_signed_by(&secret)));
        let list = run_with(app, &["webhook", "list", "generic", "--json"]).await.json();
        assert_eq!(list["webhooks"][0]["id"], added["id"]);
        let log = run_with(app, &["webhook", "deliveries", "generic", "--json"]).await.json();
        assert_eq!(log["deliveries"].as_array().unwrap().len(), 2, "{log}");
        let id = text(&added["id"]);
        run_with(app, &["webhook", "redeliver", "generic", &id, "--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"]).await.done();
        receiver.takes(3).await;
        receiver.always(Some(500));
        let refused = run_with(app, &["webhook", "test", "generic"]).await;
        assert!(refused.refused().contains("500"));
        for end in ["pause", "resume"] {
            run_with(app, &["webhook", end, "generic", &id]).await.done();
        }
        run_with(app, &["webhook", "rotate", "generic", "--ed25519"]).await.done();
        run_with(app, &["webhook", "set", "generic", "--types", "user.created"]).await.done();
        run_with(app, &["webhook", "remove", "generic", &id]).await.done();
        run_with(app, &["webhook", "test", "generic"]).await.refused();
        // Without leave, nothing goes into a network of one's own.
        for url in [receiver.url.as_str(), "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/"] {
            let refused = app.program(&["webhook", "add", "generic", "--url", url]).await;
            assert!(refused.refused().contains("SCIM_WEBHOOK_ALLOW_PRIVATE"), "{refused:?}");
        }
    }
}

/// A command where webhooks may go to this machine.
async fn run_with(app: &App, arguments: &[&str]) -> crate::support::program::Output {
    let settings = app.database().folder.path().join("scim-server.toml");
    std::fs::write(&settings, "webhook_allow_private = true\n").unwrap();
    let output = app.program(arguments).await;
    std::fs::remove_file(&settings).unwrap();
    output
}

/// Servers die in mid-flow: everything arrives, and in order for each user.
async fn nothing_is_lost_when_servers_die(backend: Backend) {
    if !backend.available() {
        return;
    }
    let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
    let receiver = Receiver::start().await;
    let folder = database.folder.path();
    std::fs::write(folder.join("scim-server.toml"), "webhook_allow_private = true\n").unwrap();
    let arguments = ["--database", &database.url, "--rate", "unlimited"];
    let add = ["webhook", "add", "generic", "--url", &receiver.url, "--database", &database.url];
    run(folder, &add).done();
    let mut made = 0;
    let mut users = Vec::new();
    let rounds = 4;
    for round in 0..rounds {
        let servers = [Server::start(folder, &arguments).await, Server::start(folder, &arguments).await];
        let scim = |server: usize| Scim {
            address: servers[server].address,
            base: "/scim/generic/v2".into(),
            token: furniture.generic.token.clone(),
        };
        for number in 0..15 {
            users.push(id(&scim(number % 2).user(&format!("u{round}-{number}")).await));
            let path = format!("/Users/{}", users[number]);
            let title = format!("{round}.{number}");
            scim(number % 2)
                .patch(&path, json!([{"op": "replace", "path": "title", "value": title}]))
                .await
                .expect(200);
            made += 2;
        }
        if round + 1 == rounds {
            receiver
                .until("all of them", |came| {
                    came.iter().map(|one| &one.id).collect::<BTreeSet<_>>().len() >= made
                })
                .await;
        }
        // In the midst of sending.
        for server in servers {
            server.kill();
        }
    }
    let came = receiver.taken();
    let ids: BTreeSet<_> = came.iter().map(|one| &one.id).collect();
    assert_eq!(ids.len(), made, "nothing is lost");
    println!("{backend:?}: {made} events, {} repeated", came.len() - made);
    for user in users {
        let changes: Vec<i64> = came
            .iter()
            .filter(|one| one.body["data"]["id"] == *user)
            .map(|one| one.body["data"]["change"].as_i64().unwrap())
            .collect();
        let mut first_seen = Vec::new();
        for change in changes {
            if !first_seen.contains(&change) {
                first_seen.push(change);
            }
        }
        assert!(first_seen.is_sorted(), "{user}: {first_seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_sqlite() {
    nothing_is_lost_when_servers_die(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_postgres() {
    nothing_is_lost_when_servers_die(Backend::Postgres).await;
}
