//! *Verify*: the program plays an identity provider against a throw-away twin of an endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use endpoint_store::settings::Idp;
use serde_json::{Value, json};

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::backend::{Backend, Database};
use crate::support::both;
use crate::support::furniture::{Endpoint, PASSWORD};
use crate::support::http::{Answer, Request, send};
use crate::support::program::Server;
use crate::support::scim::text;
use crate::support::sql;

fn request(app: &App, method: &str, endpoint: &Endpoint, rest: &str) -> Request {
    let path = format!("/api/v1/endpoints/{}/verifications{rest}", endpoint.slug);
    Request::new(method, &path).bearer(&app.furniture().owner_key)
}

async fn ask(app: &App, method: &str, endpoint: &Endpoint, rest: &str) -> Answer {
    send(app.address(), &request(app, method, endpoint, rest)).await
}

/// Verifies an endpoint and gives the report.
async fn verified(app: &App, endpoint: &Endpoint) -> Value {
    ask(app, "POST", endpoint, "").await.expect(201).json()
}

/// Verifies an endpoint that has this setting.
async fn verified_with(app: &App, endpoint: &Endpoint, setting: &str) -> Value {
    let path = format!("/api/v1/endpoints/{}", endpoint.slug);
    let (name, value) = setting.split_once('=').unwrap();
    let patch = Request::new("PATCH", &path)
        .bearer(&app.furniture().owner_key)
        .header("Content-Type", "application/json")
        .body(json!({"settings": {name: value}}).to_string());
    send(app.address(), &patch).await.expect(200);
    verified(app, endpoint).await
}

fn steps<'a>(report: &'a Value, outcome: &str) -> Vec<&'a Value> {
    report["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] == outcome).collect()
}

/// What did not come out as it must, for messages.
fn told(report: &Value) -> String {
    let steps = report["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] != "passed");
    steps.map(|step| serde_json::to_string_pretty(step).unwrap()).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn passed(report: &Value) {
    assert_eq!(report["verdict"], "passed", "{}", told(report));
    assert_eq!(report["failed"], 0);
    assert_eq!(report["passed"].as_u64(), Some(report["steps"].as_array().unwrap().len() as u64));
}

/// How many rows each table has.
fn rows(database: &Database) -> BTreeMap<String, i64> {
    let names = database.tables();
    names
        .into_iter()
        .map(|name| (name.clone(), sql::number(database, &format!("SELECT count(*) FROM {name}"))))
        .collect()
}

/// How many twins there are at this moment.
fn twins(database: &Database) -> usize {
    if database.url.starts_with("sqlite:") {
        let folder = database.sqlite_file().parent().unwrap().to_owned();
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        return entries.filter(|name| name.to_string_lossy().contains("-twin-")).count();
    }
    let all =
        sql::number(database, "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'scim_twin_')");
    usize::try_from(all).unwrap()
}

/// What is counted of requests, in an order of its own.
fn lines(metrics: &str) -> BTreeSet<&str> {
    metrics.lines().filter(|line| line.starts_with("scim_") && line.contains("requests_total")).collect()
}

both! {
    async fn every_preset_passes(app: &App) {
        for idp in Idp::ALL {
            let endpoint = app.fresh_endpoint(idp.as_str()).await;
            let report = verified(app, &endpoint).await;
            passed(&report);
            assert_eq!(report["idp"], idp.as_str());
            assert!(report["passed"].as_i64().unwrap() > 20, "{idp:?}: {report}");
            // The other delete policy is played otherwise.
            let other = verified_with(app, &endpoint, "delete=deactivate").await;
            passed(&other);
            let last = |report: &Value| report["steps"].as_array().unwrap().last().unwrap()["title"].clone();
            if !steps(&other, "passed").iter().any(|step| step["method"] == "DELETE" && text(&step["path"]).starts_with("/Users")) {
                assert_eq!(idp, Idp::Okta, "only one deletes no users");
            } else {
                assert_ne!(last(&report), last(&other), "{idp:?}");
            }
        }
    }

    async fn a_setting_that_the_provider_needs_fails_in_its_step_and_says_so(app: &App) {
        for (idp, setting, title, name) in [
            ("entra", "dialect.boolean-text=off", "Disables the user, with the text “False”", "boolean-text"),
            ("entra", "dialect.bare-word-filter=off", "Finds the user by a value without quotes", "bare-word-filter"),
            ("entra", "group-patch=200", "Adds two members", "group-patch"),
            ("onelogin", "dialect.object-for-list=off", "Updates the user from OneLogin’s stock template", "object-for-list"),
            ("onelogin", "dialect.scim-1-1-group-patch=off", "Adds a member in the form of SCIM 1.1", "scim-1-1-group-patch"),
            ("okta", "unknown-members=refuse", "Push Groups: one of the members does not exist", "unknown-members"),
            ("authentik", "dialect.missing-schemas=off", "Updates the group by one PATCH", "missing-schemas"),
            ("ping", "dialect.one-primary=off", "Updates the user with two e-mails", "one-primary"),
            ("generic", "group-names=free", "Creating a group under a name that is taken", "group-names"),
        ] {
            let endpoint = app.fresh_endpoint(idp).await;
            let report = verified_with(app, &endpoint, setting).await;
            assert_eq!(report["verdict"], "failed", "{idp} with {setting}");
            let failed = steps(&report, "failed");
            let step = failed.iter().find(|step| text(&step["title"]).starts_with(title));
            let step = step.unwrap_or_else(|| panic!("{idp} with {setting}:\n{}", told(&report)));
            assert!(!step["wrong"].as_array().unwrap().is_empty(), "{step}");
            let advice = text(&step["advice"][0]);
            assert!(advice.contains(name) && advice.contains("Settings"), "{advice}");
            // What has nothing to do with it is played all the same.
            assert!(steps(&report, "passed").iter().any(|step| text(&step["title"]).contains("never issued")));
            assert!(failed.len() < 8, "{idp} with {setting}:\n{}", told(&report));
        }
    }

    async fn schemas_of_its_own_are_played_too(app: &App) {
        let endpoint = app.fresh_endpoint("okta").await;
        let definitions = json!({
            "extensions": [{"resourceType": "User", "required": true, "schema": {
                "id": "urn:example:badge:User", "name": "Badge", "attributes": [
                    {"name": "number", "type": "string", "required": true, "uniqueness": "server"},
                    {"name": "color", "type": "string", "canonicalValues": ["red", "blue"]},
                    {"name": "floors", "type": "integer", "multiValued": true},
                    {"name": "issued", "type": "dateTime", "mutability": "immutable"},
                    {"name": "desk", "type": "complex", "subAttributes": [{"name": "room", "type": "string"}]},
                ]}}],
            "resourceTypes": [{"name": "Device", "endpoint": "Devices", "schema": {
                "id": "urn:example:Device", "name": "Device", "attributes": [
                    {"name": "serial", "type": "string", "required": true, "uniqueness": "server"},
                    {"name": "active", "type": "boolean"}]}}],
        });
        let path = format!("/api/v1/endpoints/{}/schemas", endpoint.slug);
        let put = Request::new("PUT", &path)
            .bearer(&app.furniture().owner_key)
            .header("Content-Type", "application/json")
            .body(definitions.to_string());
        send(app.address(), &put).await.expect(200);
        let report = verified(app, &endpoint).await;
        passed(&report);
        let titles: Vec<String> = steps(&report, "passed").iter().map(|step| text(&step["title"])).collect();
        for part in ["urn:example:badge:User", "own type Device", "Deletes the Device"] {
            assert!(titles.iter().any(|title| title.contains(part)), "{part} in {titles:#?}");
        }
        let created = steps(&report, "passed").into_iter().find(|step| step["title"].as_str().unwrap().starts_with("Creates the user"));
        assert!(created.unwrap()["sent"]["urn:example:badge:User"]["number"].is_string(), "what is required is sent");
        assert!(report["notes"].to_string().contains("urn:example:badge:User"), "{}", report["notes"]);
    }

    async fn the_twin_leaves_nothing_behind_but_the_report(app: &App) {
        let endpoint = &app.furniture().onelogin;
        app.scim(endpoint).user("somebody").await;
        let metrics = async || send(app.address(), &Request::new("GET", "/metrics")).await.expect(200).text();
        // What was counted before is written before; the counts of the hour every three seconds.
        tokio::time::sleep(Duration::from_secs(4)).await;
        let (before, counted) = (rows(app.database()), metrics().await);
        let seen = async || {
            let list = app.program(&["endpoint", "list", "--json"]).await.json();
            let changes = app.program(&["changes", &endpoint.slug, "--json"]).await;
            (list, changes.stdout)
        };
        let known = seen().await;
        let report = verified(app, endpoint).await;
        passed(&report);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut expected = before;
        for table in ["verifications", "audit_log"] {
            *expected.get_mut(table).unwrap() += 1;
        }
        assert_eq!(rows(app.database()), expected);
        assert_eq!(twins(app.database()), 0);
        assert_eq!(seen().await, known);
        assert_eq!(lines(&metrics().await), lines(&counted));
        let audit = send(app.address(), &Request::new("GET", "/api/v1/audit?limit=1").bearer(&app.furniture().owner_key)).await;
        let entry = audit.expect(200).json()["items"][0].clone();
        assert_eq!(entry["action"], "endpoint.verify", "{entry}");
        assert_eq!(entry["after"]["verification"], report["id"], "{entry}");
        // Neither the report nor anything that is kept holds a token of the twin.
        let token = regex_lite::Regex::new("scim_[0-9A-Za-z]{12}_[0-9A-Za-z]{20}").unwrap();
        assert!(!token.is_match(&report.to_string()));
        for (name, bytes) in app.database().dump() {
            assert!(!token.is_match(&String::from_utf8_lossy(&bytes)), "{name}");
        }
    }

    async fn reports_are_kept_listed_and_told_alike_everywhere(app: &App) {
        let endpoint = &app.furniture().generic;
        assert_eq!(ask(app, "GET", endpoint, "").await.expect(200).json()["items"], json!([]));
        let copies: Vec<String> = (10..35)
            .map(|n| format!("('{}', 'old-{n}', 'generic', 1, 0, {n}, 5, 'olivia', '{{\"scenario\":\"old\",\"settings\":[],\"notes\":[],\"steps\":[]}}')", endpoint.id))
            .collect();
        sql::execute(app.database(), &format!("INSERT INTO verifications VALUES {}", copies.join(", ")));
        let report = verified(app, endpoint).await;
        let list = ask(app, "GET", endpoint, "").await.expect(200).json()["items"].clone();
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), 20, "the last twenty");
        assert_eq!(list[0]["id"], report["id"]);
        assert_eq!(list[19]["id"], "old-16");
        let one = ask(app, "GET", endpoint, &format!("/{}", text(&report["id"]))).await.expect(200).json();
        assert_eq!(one, report);
        ask(app, "GET", endpoint, "/old-10").await.expect(404);
        // Another endpoint has no such report.
        ask(app, "GET", &app.furniture().foreign, &format!("/{}", text(&report["id"]))).await.expect(404);
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let path = format!("/admin/endpoints/{}/verify/{}/file", endpoint.slug, text(&report["id"]));
        let file = console.visit(&path).await.answer;
        assert!(file.header("content-disposition").is_some_and(|value| value.starts_with("attachment")));
        assert_eq!(file.json(), report);
    }

    async fn the_command_line_says_by_its_exit_code(app: &App) {
        let endpoint = app.fresh_endpoint("jumpcloud").await;
        let good = app.program(&["endpoint", "verify", &endpoint.slug, "--json"]).await;
        let report = good.json();
        passed(&report);
        let kept = ask(app, "GET", &endpoint, &format!("/{}", text(&report["id"]))).await.expect(200).json();
        assert_eq!(kept, report);
        app.program(&["endpoint", "set", &endpoint.slug, "dialect.remove-by-value-list=off"]).await.done();
        let bad = app.program(&["endpoint", "verify", &endpoint.slug]).await;
        assert_eq!(bad.code, Some(1), "{bad:?}");
        assert!(bad.stdout.contains("FAILED") && bad.stdout.contains("remove-by-value-list"), "{}", bad.stdout);
        assert!(bad.stderr.contains("did not come out as JumpCloud needs them"), "{}", bad.stderr);
        assert!(!format!("{}{}", bad.stdout, bad.stderr).contains("scim_"), "no token is shown");
        assert_eq!(app.program(&["endpoint", "verify", "nobody"]).await.code, Some(1));
        assert_eq!(twins(app.database()), 0);
    }

    async fn one_at_a_time_and_only_by_those_who_may(app: &App) {
        let endpoint = &app.furniture().onelogin;
        let (first, second) = tokio::join!(ask(app, "POST", endpoint, ""), ask(app, "POST", endpoint, ""));
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{first:#} {second:#}");
        for role in ["auditor", "operator"] {
            let create = ["operator", "create", role, "--role", role, "--password-stdin"];
            program_with_input(app, &create, PASSWORD).done();
            let mut console = app.console();
            console.sign_in(role, PASSWORD).await;
            let path = format!("/admin/endpoints/{}/verify", endpoint.slug);
            let list = console.visit(&path).await;
            assert_eq!(list.answer.status, 200);
            assert_eq!(list.html().contains("Verify now"), role == "operator");
            if role == "operator" {
                let report = console.submit(&list, &list.form_with("Verify now")).await;
                assert!(report.path.starts_with(&format!("{path}/")), "{}", report.path);
                assert!(report.text().contains("Passed. All"), "{}", report.text());
                assert!(report.text().contains("API Status → Enable: looks up a user that cannot exist"));
            }
        }
    }
}

/// The server dies in the middle of a verification; the next one takes away what it left.
async fn swept(backend: Backend) {
    if !backend.available() {
        return;
    }
    let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
    let arguments = ["--database", &database.url, "--log", "warn"];
    let server = Server::start(database.folder.path(), &arguments).await;
    let path = format!("/api/v1/endpoints/{}/verifications", furniture.onelogin.slug);
    let post = Request::new("POST", &path).bearer(&furniture.owner_key);
    let address = server.address;
    let asked =
        tokio::spawn(async move { tokio::time::timeout(Duration::from_secs(60), hope(address, post)).await });
    let begun = Instant::now();
    while twins(&database) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no twin is seen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    server.kill();
    let _ = asked.await;
    assert_eq!(twins(&database), 1, "it was left behind");
    let server = Server::start(database.folder.path(), &arguments).await;
    let begun = Instant::now();
    while twins(&database) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it is still there: {}", server.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(sql::number(&database, "SELECT count(*) FROM verifications"), 0, "nothing is half done");
    server.stop("TERM").await;
}

/// Sends a request whose answer may never come.
async fn hope(address: std::net::SocketAddr, request: Request) {
    let _ = tokio::spawn(async move { send(address, &request).await }).await;
}

#[tokio::test]
async fn a_twin_that_a_crash_left_is_swept_on_sqlite() {
    swept(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_twin_that_a_crash_left_is_swept_on_postgresql() {
    swept(Backend::Postgres).await;
}
