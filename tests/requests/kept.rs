//! What is kept, and what is not: no secret, none when none is wanted, no more than so many and for no longer than that.

use std::time::Duration;

use serde_json::json;

use super::{logged, shown, until};
use crate::api::Api;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::http::Request;
use crate::support::scim::{id, text, user};
use crate::support::sql::{execute, number};

const DAY: Duration = Duration::from_secs(24 * 3600);
const HIDDEN: &str = "Hidden-Password-4711";

/// Whether a text stands in any row of the log.
fn holds(app: &App, text: &str) -> bool {
    let requests = ["id", "method", "target", "resource_id", "resource_name", "address", "agent", "facts"];
    let bodies = ["request", "response"];
    let any = |table: &str, columns: &[&str]| {
        let likes: Vec<String> = columns.iter().map(|column| format!("{column} LIKE '%{text}%'")).collect();
        number(app.database(), &format!("SELECT count(*) FROM {table} WHERE {}", likes.join(" OR "))) > 0
    };
    any("requests", &requests) || any("request_bodies", &bodies)
}

both! {
    async fn no_secret_is_in_any_row(app: &App) {
        let scim = app.generic();
        let mut body = user("robertt");
        body["password"] = json!(HIDDEN);
        let robert = id(&scim.post("/Users", &body).await.expect(201).json());
        let replace = json!([{"op": "replace", "path": "password", "value": HIDDEN}, {"op": "replace", "value": {"password": HIDDEN}}]);
        scim.patch(&format!("/Users/{robert}"), replace).await.expect(200);
        scim.get(&format!("/Users?filter=password%20eq%20%22{HIDDEN}%22")).await;
        scim.send(&scim.request("POST", "/Users").json(&json!({"password": [HIDDEN], "userName": 7}))).await.expect(400);
        let broken = scim.request("POST", "/Users").header("Content-Type", "application/json").body(format!("{{\"password\": \"{HIDDEN}\""));
        scim.send(&broken).await.expect(400);
        let in_url = scim.request("GET", &format!("/Users?access_token={}", scim.token)).header("User-Agent", &scim.token);
        scim.send(&in_url).await;
        let last = logged(app, &scim.get(&format!("/Users/{}", scim.token)).await.expect(404)).await;
        assert!(holds(app, "robertt") && holds(app, "•••"), "they are there, but for the secrets");
        assert!(!holds(app, HIDDEN), "the password");
        assert!(!holds(app, &scim.token[20..40]), "the token");
        let told = shown(app, "generic", &last).await.to_string();
        assert!(!told.contains(&scim.token[20..40]), "{told}");
        if app.database().url.starts_with("sqlite:") {
            let file = app.database().sqlite_file();
            for path in [file.clone(), format!("{}-wal", file.display()).into()] {
                let bytes = std::fs::read(&path).unwrap_or_default();
                for secret in [HIDDEN, &scim.token[20..40]] {
                    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{path:?} holds {secret}");
                }
            }
        }
    }

    async fn none_is_kept_where_none_is_wanted(app: &App) {
        let scim = app.generic();
        logged(app, &scim.get("/Users").await.expect(200)).await;
        app.program(&["endpoint", "set", "generic", "requests=none"]).await.done();
        let api = Api::owner(app);
        let path = "/endpoints/generic/requests";
        // The server hears of the setting within a second; what comes after it is not kept.
        let mut quiet = false;
        for _ in 0..100 {
            let marker = scim.get("/Users").await.expect(200).header("x-request-id").unwrap().to_owned();
            logged(app, &app.scim(&app.furniture().onelogin).get("/Users").await.expect(200)).await;
            quiet = !api.get(path).await.expect(200).text().contains(&marker);
            if quiet {
                break;
            }
        }
        assert!(quiet, "requests are still kept");
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit("/admin/endpoints/generic/requests").await;
        assert!(page.text().contains("none is kept"), "{}", page.text());
        app.program(&["endpoint", "set", "generic", "requests=99"]).await.refused();
    }

    async fn filters_and_pages_stay_on_the_server(app: &App) {
        let scim = app.generic();
        for number in 0..5 {
            scim.user(&format!("user{number}")).await;
        }
        scim.post("/Users", &user("user0")).await.expect(409);
        let find = scim.get("/Users?filter=userName%20eq%20%22user3%22").await.expect(200);
        logged(app, &find).await;
        let api = Api::owner(app);
        let all = api.walk("/endpoints/generic/requests", 2).await;
        assert_eq!(all.len(), 7);
        let mut ids: Vec<String> = all.iter().map(|one| text(&one["id"])).collect();
        ids.dedup();
        assert_eq!(ids.len(), 7, "each once");
        let count = |query: &'static str| {
            let api = &api;
            async move { api.walk(&format!("/endpoints/generic/requests?{query}"), 3).await.len() }
        };
        assert_eq!(count("outcome=refused").await, 1);
        assert_eq!(count("outcome=changes").await, 5);
        assert_eq!(count("operation=list").await, 1);
        assert_eq!(count("q=USER3").await, 2);
        assert_eq!(count("q=userName+eq+%22user3").await, 1);
        assert_eq!(count("token=first+token").await, 7);
        assert_eq!(count("token=another").await, 0);
        assert_eq!(count("to=2020-01-01T00:00:00Z").await, 0);
        api.get("/endpoints/generic/requests?outcome=nice").await.expect(400);
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit("/admin/endpoints/generic/requests?outcome=refused").await;
        assert!(page.text().contains("userName is taken") && !page.text().contains("user4"), "{}", page.text());
        let csv = console.send(Request::new("GET", "/admin/endpoints/generic/requests/file?format=csv")).await.expect(200).text();
        assert_eq!(csv.lines().count(), 8, "{csv}");
        let lines = console.send(Request::new("GET", "/admin/endpoints/generic/requests/file?format=ndjson&outcome=refused")).await.expect(200).text();
        let [line] = lines.lines().collect::<Vec<_>>()[..] else { panic!("one line: {lines}") };
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["status"], &line["scim_type"]), (&json!(409), &json!("uniqueness")));
    }
}

/// A cell that a spreadsheet would run is none in the file.
async fn what_was_sent_is_no_formula(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let scim = app.generic();
    let mut body = user("=HYPERLINK(1)");
    body["displayName"] = json!("=1+1");
    let request = scim.request("POST", "/Users").header("User-Agent", "=cmd()").json(&body);
    logged(&app, &scim.send(&request).await.expect(201)).await;
    let mut console = app.console();
    console.sign_in("olivia", PASSWORD).await;
    let csv =
        console.send(Request::new("GET", "/admin/endpoints/generic/requests/file")).await.expect(200).text();
    assert!(csv.contains("'=cmd()") && csv.contains("'=HYPERLINK"), "{csv}");
    assert!(!csv.contains(",=") && !csv.contains(",\"="), "{csv}");
    app.stop().await;
}

#[tokio::test]
async fn what_was_sent_is_no_formula_sqlite() {
    what_was_sent_is_no_formula(Backend::Sqlite).await;
}

/// Requests go after two weeks, and what is written stays over a clean stop.
async fn requests_are_written_before_a_stop_and_forgotten_after_two_weeks(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let answer = app.generic().get("/Users").await.expect(200);
    let id = answer.header("x-request-id").unwrap().to_owned();
    let app = app.restarted(13 * DAY).await;
    let sql = format!("SELECT count(*) FROM requests WHERE id = '{id}'");
    assert_eq!(number(app.database(), &sql), 1, "written before the server stopped");
    let app = app.restarted(2 * DAY).await;
    until("the old request is forgotten", || number(app.database(), &sql) == 0).await;
    // Of more than are wanted the oldest go.
    let endpoint = &app.furniture().generic.id;
    let now = app.now();
    let rows: Vec<String> = (0..650)
        .map(|n| {
            format!(
                "('{endpoint}', 'a{n:04}', {now}, 'GET', '/', 'list', '', '', '', 200, 1, '', '', '', '{{}}')"
            )
        })
        .collect();
    execute(app.database(), &format!("INSERT INTO requests VALUES {}", rows.join(", ")));
    app.program(&["endpoint", "set", "generic", "requests=100"]).await.done();
    let app = app.restarted(Duration::ZERO).await;
    let all = "SELECT count(*) FROM requests WHERE id LIKE 'a%'";
    until("the oldest are gone", || number(app.database(), all) == 100).await;
    assert_eq!(
        number(app.database(), "SELECT count(*) FROM requests WHERE id < 'a0550' AND id LIKE 'a%'"),
        0
    );
    // And all of them when none is wanted.
    app.program(&["endpoint", "set", "generic", "requests=none"]).await.done();
    let app = app.restarted(Duration::ZERO).await;
    until("none is left", || number(app.database(), all) == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn requests_are_written_before_a_stop_and_forgotten_after_two_weeks_sqlite() {
    requests_are_written_before_a_stop_and_forgotten_after_two_weeks(Backend::Sqlite).await;
}

#[tokio::test]
async fn requests_are_written_before_a_stop_and_forgotten_after_two_weeks_postgres() {
    requests_are_written_before_a_stop_and_forgotten_after_two_weeks(Backend::Postgres).await;
}

/// Under a flood of reads some are left out, are counted, and are told of; a refusal among them is kept.
async fn what_comes_too_fast_is_counted(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    app.program(&["endpoint", "set", "generic", "rate=unlimited"]).await.done();
    let app = app.restarted(Duration::ZERO).await;
    let scim = app.generic();
    let reads = (0..16).map(|_| {
        let scim = scim.clone();
        tokio::spawn(async move {
            for _ in 0..150 {
                scim.get("/ServiceProviderConfig").await.expect(200);
            }
        })
    });
    let reads: Vec<_> = reads.collect();
    let refused = scim.get("/Users?filter=userName%20eq").await.expect(400);
    for read in reads {
        read.await.unwrap();
    }
    logged(&app, &refused).await;
    let kept = "SELECT count(*) FROM requests WHERE operation = 'service-provider-config'";
    let dropped = "SELECT CAST(coalesce(sum(reads), 0) AS BIGINT) FROM request_drops";
    let sum = || number(app.database(), kept) + number(app.database(), dropped);
    until("every read is kept or counted", || sum() == 16 * 150).await;
    if number(app.database(), dropped) > 0 {
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit("/admin/endpoints/generic/requests").await;
        assert!(page.text().contains("reads that succeeded"), "{}", page.text());
        let metrics =
            crate::support::http::send(app.address(), &Request::new("GET", "/metrics")).await.text();
        let line =
            metrics.lines().find(|line| line.starts_with("scim_requests_unlogged_total{class=\"read\"}"));
        assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{metrics}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_comes_too_fast_is_counted_sqlite() {
    what_comes_too_fast_is_counted(Backend::Sqlite).await;
}

#[tokio::test]
async fn what_comes_too_fast_is_counted_postgres() {
    what_comes_too_fast_is_counted(Backend::Postgres).await;
}
