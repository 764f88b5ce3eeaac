//! The change feed as an application reads it: pages, waiting, streams, and a snapshot to begin with.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Api;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::replica::Replica;
use crate::support::scim::{id, text, user};

const DAY: Duration = Duration::from_secs(24 * 3600);
const CHANGES: &str = "/endpoints/generic/changes";

/// The names of events.
fn names(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("items").iter().map(|event| text(&event["type"])).collect()
}

/// A page of the feed.
async fn page(api: &Api, query: &str) -> Value {
    api.get(&format!("{CHANGES}?{query}")).await.expect(200).json()
}

/// A stream of events on a connection of its own.
struct Stream {
    connection: TcpStream,
    received: String,
}

impl Stream {
    async fn open(api: &Api, path: &str, last: &str) -> Self {
        let mut connection = TcpStream::connect(api.address).await.unwrap();
        let head = format!(
            "GET /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\
             Last-Event-ID: {last}\r\n\r\n",
            api.key
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        Self { connection, received: String::new() }
    }

    /// Reads until this was received.
    async fn until(&mut self, what: &str) {
        let mut buffer = [0; 4096];
        while !self.received.contains(what) {
            let read = tokio::time::timeout(Duration::from_secs(60), self.connection.read(&mut buffer)).await;
            let read = read.unwrap_or_else(|_| panic!("never {what}: {}", self.received)).unwrap();
            assert!(read > 0, "ended before {what}: {}", self.received);
            self.received.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }

    /// Reads until the server ends it.
    async fn read_to_end(&mut self) {
        let mut rest = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut self.connection, &mut rest);
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("the stream ends").unwrap();
        self.received.push_str(&String::from_utf8_lossy(&rest));
    }

    fn fields(&self, name: &str) -> Vec<String> {
        let of = |line: &str| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned);
        self.received.lines().filter_map(of).collect()
    }
}

both! {
    async fn everything_that_happens_is_told_in_order(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let empty = page(&api, "").await;
        assert_eq!((names(&empty).len(), &empty["more"]), (0, &json!(false)));
        let start = text(&empty["next"]);
        let user = id(&scim.user("robertt").await);
        let group = id(&scim.group("Keepers", &[&user]).await);
        let path = format!("/Users/{user}");
        scim.patch(&path, json!([{"op": "replace", "path": "userName", "value": "robertty"}])).await.expect(200);
        scim.patch(&path, json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
        scim.patch(&path, json!([{"op": "replace", "value": {"active": true, "title": "Dr."}}])).await.expect(200);
        scim.delete(&path).await.expect(204);
        let all = page(&api, &format!("after={start}")).await;
        let expected = [
            "user.created", "group.created", "member.added", "user.updated", "user.deactivated", "user.updated",
            "user.reactivated", "member.removed", "user.deleted",
        ];
        assert_eq!(names(&all), expected);
        let items = all["items"].as_array().unwrap();
        let renamed = &items[3];
        assert_eq!(renamed["data"]["id"], json!(user));
        assert_eq!(renamed["data"]["before"]["userName"], "robertt");
        assert_eq!(renamed["data"]["after"]["userName"], "robertty");
        assert_eq!(renamed["data"]["changed"], json!(["userName"]));
        assert_eq!(renamed["data"]["by"]["kind"], "token");
        assert!(renamed["data"]["request_id"].as_str().is_some_and(|id| id.len() == 32), "{renamed}");
        assert_eq!((&items[2]["data"]["id"], &items[2]["data"]["members"]), (&json!(group), &json!([user])));
        assert_eq!(items[8]["data"]["after"], Value::Null);

        // One at a time, across the events of one change, it is the same.
        let (mut after, mut walked) = (start, Vec::new());
        loop {
            let one = page(&api, &format!("after={after}&limit=1")).await;
            walked.extend(one["items"].as_array().unwrap().clone());
            after = text(&one["next"]);
            if one["more"] == json!(false) && names(&one).is_empty() {
                break;
            }
        }
        assert_eq!(walked, *items);
        assert_eq!(after, text(&all["next"]));
    }

    async fn a_hidden_user_is_deactivated_and_comes_back(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        api.patch("/endpoints/generic", &json!({"settings": {"delete": "deactivate"}})).await.expect(200);
        let first = id(&scim.user("robertt").await);
        scim.delete(&format!("/Users/{first}")).await.expect(204);
        assert_eq!(id(&scim.user("robertt").await), first);
        let all = page(&api, "").await;
        assert_eq!(names(&all), ["user.created", "user.deactivated", "user.reactivated"]);
        assert_eq!((&all["items"][1]["data"]["hidden"], &all["items"][2]["data"]["hidden"]), (&json!(true), &json!(false)));
        assert!(all["items"].as_array().unwrap().iter().all(|event| event["data"]["id"] == json!(first)));
    }

    async fn who_waits_is_answered_when_it_happens(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let now = text(&page(&api, "after=now").await["next"]);
        // Longer than anybody waits here: the answer comes because something happened.
        let waiting = tokio::spawn({
            let (api, now) = (api.clone(), now.clone());
            async move { page(&api, &format!("after={now}&wait=60")).await }
        });
        scim.user("robertt").await;
        assert_eq!(names(&waiting.await.unwrap()), ["user.created"]);
        // Another process writes: that is seen, too.
        let now = text(&page(&api, "after=now").await["next"]);
        let waiting = tokio::spawn({
            let (api, now) = (api.clone(), now.clone());
            async move { page(&api, &format!("after={now}&wait=60")).await }
        });
        app.program(&["seed", "generic", "--users", "1"]).await.done();
        assert_eq!(names(&waiting.await.unwrap()), ["user.created"]);
        // And nothing, when nothing happens.
        let now = text(&page(&api, "after=now").await["next"]);
        let nothing = page(&api, &format!("after={now}&wait=1")).await;
        assert_eq!((names(&nothing).len(), &nothing["next"]), (0, &json!(now)));
    }

    async fn a_stream_goes_on_where_it_was_broken_off(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        scim.user("first").await;
        let mut stream = Stream::open(&api, CHANGES, "").await;
        stream.until("first").await;
        assert!(stream.received.starts_with("HTTP/1.1 200"), "{}", stream.received);
        scim.user("second").await;
        stream.until("second").await;
        assert_eq!(stream.fields("event"), ["user.created", "user.created"]);
        let last = stream.fields("id").pop().unwrap();
        drop(stream);
        scim.user("third").await;
        let mut stream = Stream::open(&api, CHANGES, &last).await;
        stream.until("third").await;
        let told: Value = serde_json::from_str(&stream.fields("data")[0]).unwrap();
        assert_eq!((&told["data"]["after"]["userName"], &told["cursor"]), (&json!("third"), &json!(stream.fields("id")[0])));
        // A key that dies ends it.
        let key = api.get("/me/keys").await.expect(200).json();
        let key = text(&key["items"][0]["id"]);
        api.delete(&format!("/me/keys/{key}")).await.expect(204);
        scim.user("fourth").await;
        stream.read_to_end().await;
        assert!(!stream.received.contains("fourth"), "{}", stream.received);
    }

    async fn a_snapshot_and_what_follows_is_the_directory(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let user = id(&scim.user("before").await);
        scim.group("Keepers", &[&user]).await;
        let mut replica = Replica::snapshot(&api, "generic").await;
        let late = id(&scim.user("late").await);
        scim.group("Others", &[&user, &late]).await;
        scim.delete(&format!("/Users/{user}")).await.expect(204);
        replica.follow(&api).await;
        replica.is(&Replica::snapshot(&api, "generic").await);
        assert_eq!(replica.len(), 3);
        // On the command line it is the same.
        let lines = app.program(&["snapshot", "generic"]).await.done().stdout;
        Replica::of(&lines).is(&replica);
        let file = app.database().folder.path().join("snapshot.ndjson");
        let path = file.to_str().unwrap();
        app.program(&["snapshot", "generic", path]).await.done();
        Replica::of(&std::fs::read_to_string(&file).unwrap()).is(&replica);
        app.program(&["snapshot", "generic", path]).await.refused();
        let told = app.program(&["changes", "generic", "--limit", "2", "--json"]).await.json();
        assert_eq!(names(&told), ["user.created", "group.created"]);
    }

    async fn a_cursor_is_good_for_its_own_feed_alone(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        scim.user("robertt").await;
        let next = text(&page(&api, "").await["next"]);
        for wrong in [format!("/endpoints/onelogin/changes?after={next}"), format!("{CHANGES}?after=x{next}"), format!("{CHANGES}?after=1-0-0-00")] {
            let refused = api.get(&wrong).await.expect(400).json();
            assert_eq!(refused["errors"][0]["parameter"], "after", "{refused}");
        }
        for wrong in ["wait=61", "wait=-1", "wait=soon", "limit=0"] {
            api.get(&format!("{CHANGES}?{wrong}")).await.expect(400);
        }
        api.get("/endpoints/nowhere/changes").await.expect(404);
        api.get("/endpoints/nowhere/snapshot").await.expect(404);
        app.program(&["changes", "onelogin", "--after", &next]).await.refused();
    }

    async fn no_more_wait_than_may_and_the_end_lets_them_go(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let mut streams = Vec::new();
        scim.user("robertt").await;
        for _ in 0..endpoint_store::pulse::WAITING_AT_ONCE {
            let mut stream = Stream::open(&api, CHANGES, "").await;
            stream.until("robertt").await;
            streams.push(stream);
        }
        let refused = api.get(&format!("{CHANGES}?wait=5")).await.expect(503);
        assert!(refused.header("retry-after").is_some(), "{refused:#}");
        // Who does not wait, and other endpoints, are not concerned.
        page(&api, "").await;
        api.get("/endpoints/onelogin/changes?wait=1").await.expect(200);
        // All of them are told of the next one.
        scim.post("/Users", &user("next-one")).await.expect(201);
        for stream in &mut streams {
            stream.until("next-one").await;
        }
    }
}

async fn what_is_forgotten_is_gone_and_not_left_out(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    app.program(&["endpoint", "set", "generic", "history=7"]).await.done();
    let api = Api::owner(&app);
    app.generic().user("old").await;
    let old = text(&page(&api, "limit=1").await["next"]);
    app.generic().user("older").await;
    let oldest = text(&page(&api, "").await["next"]);
    let app = app.restarted(8 * DAY).await;
    let (api, scim) = (Api::owner(&app), app.generic());
    scim.user("young").await;
    // The log is shortened in the background; until then everything is there.
    let gone = loop {
        let answer = api.get(&format!("{CHANGES}?after={old}")).await;
        if answer.status == 410 {
            break answer.json();
        }
        assert_eq!(names(&answer.expect(200).json()), ["user.created", "user.created"]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(text(&gone["detail"]).contains("snapshot"), "{gone}");
    // Who has read up to where the log begins now misses nothing.
    assert_eq!(names(&page(&api, &format!("after={oldest}")).await), ["user.created"]);
    assert_eq!(names(&page(&api, "").await), ["user.created"]);
    let request = api.request("GET", &format!("{CHANGES}?after={old}")).header("Accept", "text/event-stream");
    api.send(&request).await.expect(410);
    let refused = app.program(&["changes", "generic", "--after", &old]).await;
    assert!(refused.refused().contains("snapshot"));
    let mut replica = Replica::snapshot(&api, "generic").await;
    replica.follow(&api).await;
    assert_eq!(replica.len(), 3);
    app.stop().await;
}

#[tokio::test]
async fn what_is_forgotten_is_gone_sqlite() {
    what_is_forgotten_is_gone_and_not_left_out(Backend::Sqlite).await;
}

#[tokio::test]
async fn what_is_forgotten_is_gone_postgres() {
    what_is_forgotten_is_gone_and_not_left_out(Backend::Postgres).await;
}

/// After a backup was restored, a cursor from later times is not taken for one of the other log.
#[tokio::test]
async fn a_log_that_was_set_back_is_another_log() {
    use crate::support::program::run;

    let app = App::furnished(Backend::Sqlite).await.unwrap();
    let api = Api::owner(&app);
    app.generic().user("kept").await;
    let kept = text(&page(&api, "").await["next"]);
    let file = app.database().folder.path().join("all.backup").display().to_string();
    app.program(&["backup", &file]).await.done();
    app.generic().user("lost").await;
    let lost = text(&page(&api, "").await["next"]);
    let furniture = app.furniture().clone();
    let database = app.stop().await;
    run(database.folder.path(), &["restore", &file, "--force", "--database", &database.url]).done();
    let app = App::again(database, furniture).await;
    let api = Api::owner(&app);
    let gone = api.get(&format!("{CHANGES}?after={lost}")).await.expect(410).json();
    assert!(text(&gone["detail"]).contains("backup"), "{gone}");
    app.generic().user("another").await;
    api.get(&format!("{CHANGES}?after={lost}")).await.expect(410);
    assert_eq!(names(&page(&api, &format!("after={kept}")).await), ["user.created"]);
    app.stop().await;
}

/// A server that stops does not wait for its readers.
#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let app = App::furnished(Backend::Sqlite).await.unwrap();
    let (api, scim) = (Api::owner(&app), app.generic());
    scim.user("robertt").await;
    let mut stream = Stream::open(&api, CHANGES, "").await;
    stream.until("robertt").await;
    let begun = std::time::Instant::now();
    let (_, ()) = tokio::join!(app.stop(), stream.read_to_end());
    // What is under way may take 15 seconds: nothing was.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
