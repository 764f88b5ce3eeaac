//! What is known of tokens: uses by the hour, attempts after their end, what was turned away and why, and where they may
//! come from.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ops::refusal;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::console::Console;
use crate::support::furniture::{Endpoint, PASSWORD};
use crate::support::http::{Request, send};
use crate::support::scim::text;
use crate::support::sql::number;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: Duration = Duration::from_secs(20);

async fn token(app: &App, endpoint: &Endpoint, id: &str) -> Value {
    let list = app.program(&["token", "list", &endpoint.slug, "--json"]).await.json();
    let found = list["tokens"].as_array().unwrap().iter().find(|token| token["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {list}")).clone()
}

/// What an endpoint turned away for this cause, once it is written down so many times.
async fn refused(app: &App, endpoint: &Endpoint, cause: &str, times: i64) -> Value {
    let begun = Instant::now();
    loop {
        let all = app.program(&["token", "refusals", &endpoint.slug, "--json"]).await.json();
        let found = all["refusals"].as_array().unwrap().iter().find(|one| one["cause"] == cause);
        if let Some(found) = found.filter(|found| found["times"] == times) {
            return found.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "not {cause} {times} times in {all}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn signed_in(app: &App) -> Console {
    let mut console = app.console();
    console.sign_in("olivia", PASSWORD).await;
    console
}

/// Counted by the hour, and kept over a stop; the command line's own clock is the system's.
async fn uses_survive_a_stop_and_count_for_a_day(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let generic = app.furniture().generic.clone();
    let second = app.program(&["token", "issue", &generic.slug, "--json"]).await.json();
    let other = app.generic().with_token(&text(&second["secret"]));
    app.until(&other.request("GET", "/Users"), 200).await;
    let first = app.generic().request("GET", "/Users").header("User-Agent", "First/1");
    app.generic().send(&first.header("X-Forwarded-For", "198.51.100.1")).await.expect(200);
    for _ in 0..4 {
        app.generic().get("/Groups").await.expect(200);
    }
    for _ in 0..4 {
        other.get("/Users").await.expect(200);
    }
    let app = app.restarted(Duration::ZERO).await;
    let token = token(&app, &generic, &generic.token_id).await;
    assert_eq!(
        (&token["requests"], &token["requests_24h"], &token["share_24h"]),
        (&json!(5), &json!(5), &json!(50))
    );
    assert_eq!(token["first_used"]["address"], "198.51.100.1");
    assert_eq!(token["first_used"]["agent"], "First/1");
    assert!(text(&token["first_used"]["request"]).ends_with("/Users"), "{token}");
    assert_eq!(token["last_used"]["address"], "127.0.0.1");
    assert!(text(&token["last_used"]["request"]).ends_with("/Groups"), "{token}");
    let page = signed_in(&app).await.visit("/admin/endpoints/generic/tokens").await;
    assert!(page.html().contains("<meter min=\"0\" max=\"100\" value=\"50\""), "{}", page.html());

    // A day later nothing of it is lately, and two days after that the hours are forgotten.
    let app = app.restarted(25 * HOUR).await;
    let page = signed_in(&app).await.visit("/admin/endpoints/generic/tokens").await;
    assert!(!page.html().contains("<meter"), "{}", page.html());
    assert!(number(app.database(), "SELECT count(*) FROM token_hours") > 0);
    let app = app.restarted(2 * DAY).await;
    let begun = Instant::now();
    while number(app.database(), "SELECT count(*) FROM token_hours") > 0 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn uses_survive_a_stop_and_count_for_a_day_sqlite() {
    uses_survive_a_stop_and_count_for_a_day(Backend::Sqlite).await;
}

#[tokio::test]
async fn uses_survive_a_stop_and_count_for_a_day_postgres() {
    uses_survive_a_stop_and_count_for_a_day(Backend::Postgres).await;
}

/// The end of a token is announced once for each warning, whoever serves.
async fn the_end_of_a_token_is_announced(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let generic = app.furniture().generic.clone();
    let issue = ["token", "issue", &generic.slug, "--label", "Yearly", "--expires-in", "365d", "--json"];
    let id = text(&app.program(&issue).await.json()["id"]);
    let sql = format!("SELECT coalesce(max(warned_days), 0) FROM tokens WHERE id = '{id}'");
    let mut app = app.restarted(300 * DAY).await;
    assert_eq!(number(app.database(), &sql), 0);
    for (later, warned) in [(6, 60), (30, 30), (20, 14), (3, 7), (5, 1)] {
        app = app.restarted(later * DAY).await;
        let begun = Instant::now();
        while number(app.database(), &sql) != warned {
            assert!(begun.elapsed() < PATIENCE, "{warned}: {}", number(app.database(), &sql));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut console = signed_in(&app).await;
        let overview = console.visit("/admin/").await.text();
        assert!(
            overview.contains("has a token that expires in") && overview.contains("Yearly"),
            "{overview}"
        );
        let tokens = console.visit("/admin/endpoints/generic/tokens").await.text();
        assert!(tokens.contains("“Yearly” expires in"), "{tokens}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_end_of_a_token_is_announced_sqlite() {
    the_end_of_a_token_is_announced(Backend::Sqlite).await;
}

#[tokio::test]
async fn the_end_of_a_token_is_announced_postgres() {
    the_end_of_a_token_is_announced(Backend::Postgres).await;
}

both! {
    async fn who_tries_a_dead_token_is_told(app: &App) {
        let (onelogin, generic) = (app.furniture().onelogin.clone(), app.furniture().generic.clone());
        let dead = app.scim(&onelogin).with_token(&app.furniture().revoked);
        for _ in 0..3 {
            dead.get("/Users").await.expect(401);
        }
        // Also where it does not belong, and later.
        app.advance(Duration::from_secs(1));
        let elsewhere = app.scim(&generic).with_token(&app.furniture().revoked);
        elsewhere.send(&elsewhere.request("GET", "/Users").header("X-Forwarded-For", "198.51.100.9")).await.expect(401);
        refused(app, &onelogin, "revoked", 3).await;
        refused(app, &generic, "revoked", 1).await;
        let id = &app.furniture().revoked[5..17];
        let revoked = token(app, &onelogin, id).await;
        assert_eq!(revoked["tries_since_end"]["times"], 4, "{revoked}");
        assert_eq!(revoked["tries_since_end"]["last"]["address"], "198.51.100.9");
        let page = signed_in(app).await.visit("/admin/endpoints/onelogin/tokens").await.text();
        assert!(page.contains("4 tries since, the last just now from 198.51.100.9"), "{page}");
    }

    async fn what_was_wrong_is_found_by_token_and_path(app: &App) {
        let furniture = app.furniture().clone();
        let (generic, foreign) = (&furniture.generic, &furniture.foreign);
        let ask = async |path: &str, authorization: &str| {
            send(app.address(), &Request::new("GET", path).header("Authorization", authorization)).await.status
        };
        let bearer = |token: &str| format!("Bearer {token}");
        // No endpoint has these addresses, so the token's own has to show it.
        assert_eq!(ask("/scim/nowhere-at-all/v2/Users", &generic.token).await, 401);
        let found = refused(app, generic, "no-bearer", 1).await;
        assert_eq!(found["token_id"], json!(generic.token_id));
        let cut = &generic.token[..generic.token.len() - 3];
        assert_eq!(ask("/scim/nowhere-at-all/v2/Users", &bearer(cut)).await, 401);
        let found = refused(app, generic, "mistyped", 1).await;
        assert_eq!(found["token_id"], json!(generic.token_id));
        assert_eq!(ask("/scim/nowhere-at-all/v2/Users", &bearer(&generic.token)).await, 401);
        refused(app, generic, "unknown-endpoint", 1).await;
        // Nothing but the address tells whose this is.
        for slug in ["genrric", "generik", "GENERIC_"] {
            assert_eq!(ask(&format!("/scim/{slug}/v2/Users"), "Bearer x").await, 401);
        }
        let found = refused(app, generic, "misspelt-endpoint", 3).await;
        assert!(text(&found["about"]).contains("differs from this endpoint's"), "{found}");
        assert_eq!(ask("/scim/quite-another/v2/Users", "Bearer x").await, 401);
        for path in ["/scim/generic/Users", "/scim/generic", "/scim/generic/users/1"] {
            assert_eq!(ask(path, &bearer(&generic.token)).await, 404, "{path}");
        }
        refused(app, generic, "missing-version", 3).await;
        assert_eq!(ask("/scim/generic/v1/Users", &bearer(&generic.token)).await, 404);
        assert_eq!(ask("/generic/v2/Users", &bearer(&generic.token)).await, 404);
        refused(app, generic, "wrong-path", 2).await;
        // Both endpoints are told of a token at the wrong one.
        assert_eq!(ask("/scim/generic/v2/Users", &bearer(&foreign.token)).await, 401);
        assert_eq!(refused(app, generic, "other-endpoint", 1).await["strayed"], false);
        assert_eq!(refused(app, foreign, "other-endpoint", 1).await["strayed"], true);

        let mut console = signed_in(app).await;
        let connect = console.visit("/admin/endpoints/foreign/connect").await.text();
        assert!(connect.contains("came to the address of another endpoint"), "{connect}");
        let overview = console.visit("/admin/").await.text();
        assert!(overview.contains("Generic turned away") && overview.contains("different endpoints"), "{overview}");
        let strange = number(app.database(), "SELECT count(*) FROM refusals WHERE last_request LIKE '%quite-another%'");
        assert_eq!(strange, 0, "what is like no endpoint is nobody's");
    }

    async fn a_token_comes_only_from_where_it_may(app: &App) {
        let generic = app.furniture().generic.clone();
        let issue = ["token", "issue", &generic.slug, "--label", "fixed", "--allow-from", "203.0.113.0/24", "--json"];
        let issued = app.program(&issue).await.json();
        let (id, scim) = (text(&issued["id"]), app.generic().with_token(&text(&issued["secret"])));
        let from = |address: &str| scim.request("GET", "/Users").header("X-Forwarded-For", address);
        app.until(&from("203.0.113.7"), 200).await;
        scim.send(&from("203.0.114.7")).await.expect(401);
        let found = refused(app, &generic, "foreign-address", 1).await;
        assert_eq!((&found["token_id"], &found["last"]["address"]), (&json!(id), &json!("203.0.114.7")));

        // In use from there, it is shut out only by somebody who insists.
        let sentence = refusal(app, &["token", "allow", &id, "2001:db8::/32"]).await;
        assert!(sentence.contains("203.0.113.7") && sentence.contains("--yes"), "{sentence}");
        app.program(&["token", "allow", &id, "203.0.113.0/24,2001:db8::/32"]).await.done();
        app.until(&from("2001:db8::9"), 200).await;
        let mut console = signed_in(app).await;
        let path = format!("/admin/endpoints/generic/tokens/{id}/networks");
        let page = console.visit(&path).await;
        let form = page.form_with("Save addresses");
        let bad = console.submit(&page, &form.clone().with("networks", "10.0.0.0/99")).await;
        assert_eq!(bad.answer.status, 422);
        assert!(bad.text().contains("10.0.0.0/99"), "{}", bad.text());
        let asked = console.submit(&page, &form.with("networks", "192.0.2.1")).await;
        assert_eq!(asked.answer.status, 422);
        let form = asked.form_with("Save addresses").with("confirm", "fixed");
        let saved = console.submit(&asked, &form).await;
        assert!(saved.text().contains("The addresses are saved"), "{}", saved.text());
        scim.send(&from("203.0.113.7")).await.expect(401);
        scim.send(&from("192.0.2.1")).await.expect(200);
        // The one that takes its place inherits it.
        let rotated = app.program(&["token", "rotate", &generic.slug, "--token", &id, "--json"]).await.json();
        let new = token(app, &generic, &text(&rotated["id"])).await;
        assert_eq!(new["allowed_networks"], json!(["192.0.2.1"]));
        let bad = app.program(&["token", "issue", &generic.slug, "--allow-from", "example.com"]).await;
        assert_eq!(bad.code, Some(2), "{bad:?}");
    }
}
