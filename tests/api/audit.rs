//! The audit log: every act leaves one entry, nothing else does, and whoever touches the log is found out.

use std::time::{Duration, Instant};

use diesel::sql_types::BigInt;
use diesel::{Connection as _, RunQueryDsl as _, SqliteConnection};
use scim_server::api::ROUTES;
use serde_json::{Value, json};

use super::Api;
use super::isolation::Scene;
use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::program::run;
use crate::support::scim::text;
use crate::support::sql::{execute, number};

async fn latest(api: &Api) -> Value {
    api.get("/audit?limit=1").await.expect(200).json()["items"][0].clone()
}

async fn position(api: &Api) -> i64 {
    latest(api).await["position"].as_i64().unwrap()
}

/// What `check` says about the log.
async fn faults(app: &App) -> Vec<String> {
    let output = app.program(&["check", "--json"]).await;
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let all = document["faults"].as_array().unwrap().iter().map(text);
    let faults: Vec<String> = all.filter(|fault| fault.contains("audit log")).collect();
    assert_eq!(output.code, Some(i32::from(!faults.is_empty())), "{output:?}");
    faults
}

async fn key_of(app: &App, operator: &str) -> String {
    let issued = app.program(&["operator", "key", "issue", operator, "--json"]).await.json();
    text(&issued["id"])
}

both! {
    async fn every_act_of_the_table_leaves_one_entry(app: &App) {
        let owner = Api::owner(app);
        let mut acts = 0;
        for (at, route) in ROUTES.iter().enumerate().filter(|(_, route)| route.method != "GET") {
            let mut scene = Scene::new(app, &owner, at).await;
            scene.make_ready(route, &owner).await;
            if route.path.contains("{key}") {
                let whose = if route.path.starts_with("/me") { "olivia" } else { &scene.operator };
                scene.key = key_of(app, whose).await;
            }
            let before = position(&owner).await;
            let answer = owner.send(&scene.request(route, &owner.key)).await;
            assert!((200..300).contains(&answer.status), "{route:?}: {answer:#}");
            let entry = latest(&owner).await;
            assert_eq!(entry["position"].as_i64().unwrap(), before + 1, "{route:?}: {entry}");
            assert_eq!(entry["actor"]["kind"], "api-key", "{route:?}");
            assert_eq!(entry["actor"]["name"], "olivia", "{route:?}");
            assert_eq!(entry["address"], "127.0.0.1", "{route:?}");
            assert!(entry["subject"].as_str().is_some_and(|subject| !subject.is_empty()), "{route:?}: {entry}");
            assert_eq!(entry["endpoint_id"].is_string(), route.path.starts_with("/endpoints"), "{route:?}: {entry}");
            // What was refused, or asked for again with the same key, is no act.
            let bad = scene.request(route, &owner.key).body("{".to_owned());
            if route.takes_body() {
                owner.send(&bad).await.expect(400);
            }
            acts += 1;
            assert_eq!(position(&owner).await, before + 1, "{route:?}");
        }
        assert!(acts > 20, "{acts}");
        assert_eq!(faults(app).await, Vec::<String>::new());
        let chain = owner.get("/audit/chain").await.expect(200).json();
        assert_eq!(chain["sound"], true, "{chain}");
        assert_eq!(chain["entries"], position(&owner).await);
        assert_eq!(chain["head"], latest(&owner).await["hash"]);
    }

    async fn what_is_rolled_back_leaves_none(app: &App) {
        let owner = Api::owner(app);
        let slug = &app.furniture().generic.slug;
        let before = position(&owner).await;
        // Refused after something was done already: the name is changed before the setting is looked at.
        let patch = json!({"name": "Another", "settings": {"delete": "nonsense"}});
        owner.patch(&format!("/endpoints/{slug}"), &patch).await.expect(422);
        owner.post("/operators", &json!({"name": "olivia", "role": "auditor", "password": PASSWORD})).await.expect(409);
        owner.send(&owner.request("POST", "/operators/olivia/disable")).await.expect(409);
        app.program(&["endpoint", "undelete", slug]).await;
        assert_eq!(position(&owner).await, before);
        assert_eq!(number(app.database(), "SELECT count(*) FROM audit_log"), before);
    }

    async fn who_did_what_is_found_again(app: &App) {
        let owner = Api::owner(app);
        let slug = app.furniture().generic.slug.clone();
        let id = text(&owner.get(&format!("/endpoints/{slug}")).await.expect(200).json()["id"]);
        let begun = position(&owner).await;
        app.advance(Duration::from_secs(3600));
        owner.patch(&format!("/endpoints/{slug}"), &json!({"tenant": "Umbrella"})).await.expect(200);
        let entry = latest(&owner).await;
        assert_eq!(entry["after"], json!({"tenant": "Umbrella"}));
        assert!(entry["before"].as_object().is_some_and(|before| before.len() == 1), "{entry}");
        app.program(&["endpoint", "pause", &slug]).await.done();
        let entry = latest(&owner).await;
        assert_eq!(entry["actor"]["kind"], "cli");
        assert_eq!((&entry["action"], &entry["subject"]), (&json!("endpoint.pause"), &json!(slug)));
        for (query, count) in [
            ("action=endpoint.pause", 1), ("actor=CLI&action=endpoint.pause", 0), ("actor=OLIVIA&action=endpoint.update", 1),
            ("q=uMBRELLa", 1), ("q=nowhere", 0), (&format!("endpoint={slug}&action=endpoint.pause"), 1),
            (&format!("endpoint={id}&action=endpoint.update"), 1), ("endpoint=nowhere", 0),
        ] {
            let found = owner.walk(&format!("/audit?{query}"), 1).await;
            assert_eq!(found.len(), count, "{query}: {found:?}");
        }
        let at = text(&latest(&owner).await["at"]);
        let update = owner.walk("/audit?action=endpoint.update", 5).await;
        assert_eq!(owner.walk(&format!("/audit?from={}&action=endpoint.update", text(&update[0]["at"])), 5).await.len(), 1);
        assert_eq!(owner.walk(&format!("/audit?to={}&action=endpoint.update", text(&update[0]["at"])), 5).await.len(), 0, "{at}");
        let all = owner.walk("/audit", 2).await;
        let positions: Vec<_> = all.iter().map(|entry| entry["position"].as_i64().unwrap()).collect();
        assert_eq!(positions, (1..=begun + 2).rev().collect::<Vec<_>>());
        owner.get("/audit?from=tomorrow").await.expect(400);
        owner.get("/audit?after=WyJ4IiwieSJd").await.expect(400);
        owner.get("/audit?action=nonsense").await.expect(400);
    }

    async fn it_goes_into_files(app: &App) {
        let owner = Api::owner(app);
        owner.post("/operators", &json!({"name": "=cmd()", "role": "auditor", "password": PASSWORD})).await.expect(201);
        let items = owner.walk("/audit", 500).await;
        let file = owner.get("/audit?format=ndjson").await.expect(200);
        assert_eq!(file.header("content-type"), Some("application/x-ndjson"));
        let lines: Vec<Value> = file.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, items);
        let file = owner.get("/audit?format=csv&action=operator.create").await.expect(200);
        assert!(file.header("content-disposition").unwrap().contains("audit-log.csv"), "{file:#}");
        let sheet = file.text();
        assert!(sheet.starts_with("position,at,actor_kind,"), "{sheet}");
        assert!(sheet.contains(",operator.create,,'=cmd(),"), "{sheet}");
        assert!(!sheet.contains(",=cmd()"), "{sheet}");
    }

    async fn damage_is_found(app: &App) {
        let owner = Api::owner(app);
        for number in 0..4 {
            owner.post("/endpoints", &json!({"name": format!("Made {number}")})).await.expect(201);
        }
        let last = position(&owner).await;
        assert!(last >= 5, "{last}");
        assert_eq!(faults(app).await, Vec::<String>::new());
        let swap = |one: i64, other: i64| format!(
            "UPDATE audit_log SET position = -1 WHERE position = {one}; UPDATE audit_log SET position = {one} WHERE \
             position = {other}; UPDATE audit_log SET position = {other} WHERE position = -1"
        );
        let damages = [
            ("UPDATE audit_log SET subject = subject || 'x' WHERE position = 3".to_owned(), 3, "was changed",
             "UPDATE audit_log SET subject = substr(subject, 1, length(subject) - 1) WHERE position = 3".to_owned()),
            ("UPDATE audit_log SET at = at + 1 WHERE position = 2".to_owned(), 2, "was changed",
             "UPDATE audit_log SET at = at - 1 WHERE position = 2".to_owned()),
            (swap(2, 4), 2, "does not follow", swap(2, 4)),
            ("CREATE TABLE aside AS SELECT * FROM audit_log WHERE position = 3; DELETE FROM audit_log WHERE position = 3"
                .to_owned(), 3, "is missing", "INSERT INTO audit_log SELECT * FROM aside; DROP TABLE aside".to_owned()),
            (format!("CREATE TABLE aside AS SELECT * FROM audit_log WHERE position = {last}; \
                      DELETE FROM audit_log WHERE position = {last}"), last, "is missing",
             "INSERT INTO audit_log SELECT * FROM aside; DROP TABLE aside".to_owned()),
            (format!("UPDATE audit_head SET position = {}", last - 1), last, "is not the one",
             format!("UPDATE audit_head SET position = {last}")),
        ];
        for (damage, at, words, undo) in damages {
            execute(app.database(), &damage);
            let found = faults(app).await;
            assert_eq!(found.len(), 1, "{damage}: {found:?}");
            assert!(found[0].starts_with(&format!("entry {at} of the audit log {words}")), "{damage}: {found:?}");
            let chain = owner.get("/audit/chain").await.expect(200).json();
            assert_eq!((&chain["sound"], &chain["broken_at"]), (&json!(false), &json!(at)), "{damage}: {chain}");
            execute(app.database(), &undo);
            assert_eq!(faults(app).await, Vec::<String>::new(), "{undo}");
        }
    }

    async fn several_at_once_make_one_chain(app: &App) {
        let owner = Api::owner(app);
        let before = position(&owner).await;
        // The server, and other processes on the same database.
        let program = async |n: usize| drop(app.program(&["endpoint", "create", &format!("Other {n}")]).await.done());
        let through_api = async |n: usize| {
            for part in 0..10 {
                owner.post("/endpoints", &json!({"name": format!("Api {n} {part}")})).await.expect(201);
            }
        };
        tokio::join!(
            program(1), program(2), program(3), program(4),
            through_api(1), through_api(2), through_api(3), through_api(4),
        );
        assert_eq!(position(&owner).await, before + 44);
        assert_eq!(faults(app).await, Vec::<String>::new());
    }

    async fn sign_ins_are_kept_and_secrets_are_not(app: &App) {
        let owner = Api::owner(app);
        let secret = "a password that nobody has";
        let enter = async |name: &str, password: &str| {
            let mut console = app.console();
            console.sign_in(name, password).await;
        };
        enter("olivia", secret).await;
        let failed = latest(&owner).await;
        assert_eq!((&failed["action"], &failed["subject"]), (&json!("operator.sign-in-failed"), &json!("olivia")));
        assert_eq!((&failed["actor"]["kind"], &failed["address"]), (&json!("system"), &json!("127.0.0.1")));
        // People type passwords into the field for the name.
        enter(secret, "x").await;
        assert_eq!(latest(&owner).await["subject"], "");
        enter("olivia", PASSWORD).await;
        let entered = latest(&owner).await;
        assert_eq!((&entered["action"], &entered["actor"]["kind"]), (&json!("operator.sign-in"), &json!("operator")));
        // After five wrong ones the door is shut for a while, and the log does not grow.
        for _ in 0..8 {
            enter("nobody at all", secret).await;
        }
        assert_eq!(position(&owner).await, entered["position"].as_i64().unwrap() + 5);
        let slug = &app.furniture().generic.slug;
        let issued = owner.post(&format!("/endpoints/{slug}/tokens"), &json!({"label": "Backup"})).await.expect(201).json();
        let plain = text(&issued["secret"]);
        let (label, _) = plain.split_at(60);
        owner.post(&format!("/endpoints/{slug}/tokens"), &json!({"label": plain})).await.expect(201);
        let log = owner.get("/audit?format=ndjson").await.expect(200).text();
        for secret in [secret, PASSWORD, label, &plain[20..60], &owner.key[20..]] {
            assert!(!log.contains(secret), "{secret}");
        }
        assert!(log.contains("Backup"));
    }
}

/// The job looks when a server starts.
#[tokio::test]
async fn what_expires_is_noted_once() {
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    let slug = app.furniture().generic.slug.clone();
    let issued = app.program(&["token", "issue", &slug, "--expires-in", "1d", "--json"]).await.json();
    let wanted = format!("/audit?action=token.expire&q={}", text(&issued["id"]));
    let mut app = app;
    for _ in 0..2 {
        app = app.restarted(Duration::from_secs(25 * 3600)).await;
        let owner = Api::owner(&app);
        let begun = Instant::now();
        let found = loop {
            let found = owner.walk(&wanted, 10).await;
            if !found.is_empty() || begun.elapsed() > Duration::from_secs(20) {
                break found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["actor"]["kind"], "system");
    }
    app.stop().await;
}

/// Removal by the job, a backup and a restore leave it as it is.
async fn it_outlives_endpoints_and_goes_into_backups(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let made = Api::owner(&app).post("/endpoints", &json!({"name": "Short lived"})).await.expect(201).json();
    Api::owner(&app).delete("/endpoints/short-lived").await.expect(204);
    let app = app.restarted(Duration::from_secs(31 * 24 * 3600)).await;
    let owner = Api::owner(&app);
    let wanted = format!("/audit?endpoint={}", text(&made["id"]));
    let begun = Instant::now();
    while owner.walk(&wanted, 10).await.len() < 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "never removed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let actions: Vec<_> = owner.walk(&wanted, 10).await.iter().map(|entry| text(&entry["action"])).collect();
    assert_eq!(actions, ["endpoint.purge", "endpoint.delete", "endpoint.create"]);
    assert_eq!(number(app.database(), "SELECT count(*) FROM endpoints WHERE slug = 'short-lived'"), 0);
    assert_eq!(faults(&app).await, Vec::<String>::new());

    let before = position(&owner).await;
    let folder = app.database().folder.path().to_owned();
    let file = folder.join("kept.scim").display().to_string();
    app.program(&["backup", &file]).await.done();
    let restored = folder.join("restored.db");
    let target = format!("sqlite:{}", restored.display());
    let work = move || {
        run(&folder, &["restore", &file, "--database", &target]).done();
        run(&folder, &["check", "--database", &target]).done();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
    let count = "SELECT count(*) FROM audit_log";
    let mut restored = SqliteConnection::establish(restored.to_str().unwrap()).unwrap();
    let kept: i64 =
        diesel::select(diesel::dsl::sql::<BigInt>(&format!("({count})"))).get_result(&mut restored).unwrap();
    assert_eq!(kept, before);
    app.stop().await;
}

#[tokio::test]
async fn it_outlives_endpoints_and_goes_into_backups_on_sqlite() {
    it_outlives_endpoints_and_goes_into_backups(Backend::Sqlite).await;
}

#[tokio::test]
async fn it_outlives_endpoints_and_goes_into_backups_on_postgres() {
    it_outlives_endpoints_and_goes_into_backups(Backend::Postgres).await;
}

both! {
    async fn the_page_filters_verifies_and_hands_out_files(app: &App) {
        let slug = app.furniture().generic.slug.clone();
        app.program(&["endpoint", "pause", &slug]).await.done();
        let create = ["operator", "create", "arthur", "--role", "auditor", "--password-stdin"];
        program_with_input(app, &create, PASSWORD).done();
        let mut console = app.console();
        console.sign_in("arthur", PASSWORD).await;
        let page = console.visit("/admin/").await;
        assert!(page.html().contains("href=\"/admin/audit\""), "the navigation leads there");
        let page = console.visit("/admin/audit").await;
        assert!(page.text().contains("Verify the chain"), "{}", page.text());
        let shown = console.visit(&format!("/admin/audit?action=endpoint.pause&endpoint={slug}&actor=cli")).await;
        assert!(shown.html().contains("<code>endpoint.pause</code>"), "{}", shown.text());
        assert!(!shown.html().contains("<code>operator.create</code>"), "{}", shown.text());
        let older = console.visit("/admin/audit?before=2").await;
        assert!(older.text().contains("Newest"), "{}", older.text());
        assert!(!older.html().contains("endpoint.pause</code>"));
        let none = console.visit("/admin/audit?q=nothing+like+that").await;
        assert!(none.text().contains("No entry matches"), "{}", none.text());
        let verified = console.visit("/admin/audit?verify=1").await;
        assert!(verified.text().contains("The chain is whole"), "{}", verified.text());
        let file = console.visit("/admin/audit/file?format=ndjson&action=endpoint.pause").await.answer.expect(200);
        let line: Value = serde_json::from_str(file.text().trim()).unwrap();
        assert_eq!(line["subject"], json!(slug));
        let file = console.visit("/admin/audit/file?format=csv").await.answer.expect(200);
        assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
        execute(app.database(), "UPDATE audit_log SET actor_name = 'somebody else' WHERE position = 2");
        let broken = console.visit("/admin/audit?verify=1").await;
        assert!(broken.text().contains("entry 2 of the audit log was changed"), "{}", broken.text());
    }
}
