//! The lists of the console as files: whole, safe against formulas, as the page lists them.

use serde_json::{Value, json};

use crate::api::Api;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Answer, Request};
use crate::support::scim::{USER, id, text};

async fn signed_in(app: &App) -> Console {
    let mut console = app.console();
    assert_eq!(console.sign_in(&app.furniture().owner, PASSWORD).await.path, "/admin/");
    console
}

async fn get(console: &mut Console, path: &str) -> Answer {
    console.send(Request::new("GET", path)).await.expect(200)
}

/// The lines of a file with a JSON object on each.
fn objects(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    answer.text().lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

/// The records of a CSV file, its head first.
fn records(answer: &Answer) -> Vec<Vec<String>> {
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(answer.header("content-disposition").is_some_and(|text| text.ends_with(".csv\"")));
    // No value here has a comma in it.
    answer.text().lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

both! {
    async fn every_list_is_to_be_had_as_a_file(app: &App) {
        let (scim, slug) = (app.generic(), app.furniture().generic.slug.clone());
        let mut ids = Vec::new();
        // More than one portion, and a name that a spreadsheet would run.
        for number in 0..30 {
            ids.push(id(&scim.user(&format!("user{number:03}")).await));
        }
        app.program(&["seed", &slug, "--users", "600"]).await.done();
        let evil = json!({"schemas": [USER], "userName": "=cmd|' /C calc'!A0", "active": false});
        let evil = id(&scim.post("/Users", &evil).await.expect(201).json());
        let members: Vec<&str> = ids.iter().map(String::as_str).collect();
        let group = id(&scim.group("Everybody", &members).await);
        let mut console = signed_in(app).await;
        let at = |list: &str| format!("/admin/endpoints/{slug}/files/{list}");

        let users = records(&get(&mut console, &at("users?format=csv")).await);
        assert_eq!(users.len(), 1 + 631);
        assert_eq!(users[0][..3], ["id", "user_name", "name"]);
        let line = users.iter().find(|line| line[0] == evil).expect("he is in it");
        assert_eq!(line[1], "'=cmd|' /C calc'!A0");
        let names: Vec<&String> = users[1..].iter().map(|line| &line[0]).collect();
        let once: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(once.len(), names.len(), "nobody stands in it twice");

        let idle = objects(&get(&mut console, &at("users?format=ndjson&state=inactive")).await);
        assert!(idle.len() < 100 && idle.iter().any(|one| one["id"] == json!(evil)));
        assert!(idle.iter().all(|one| one["active"] == json!(false)), "{idle:?}");
        let found = objects(&get(&mut console, &at("users?format=ndjson&q=user00")).await);
        assert_eq!(found.len(), 10, "the search of the page holds for the file");
        // They stand far apart in the order of names.
        let found = objects(&get(&mut console, &at("users?format=ndjson&q=tail")).await);
        let tails = users.iter().filter(|line| line[2].ends_with("Tail")).count();
        assert_eq!(found.len(), tails, "the search looks at everybody");

        let groups = objects(&get(&mut console, &at("groups?format=ndjson")).await);
        assert_eq!((&groups[0]["name"], &groups[0]["members"]), (&json!("Everybody"), &json!(30)));
        let file = records(&get(&mut console, &at(&format!("groups/{group}"))).await);
        assert_eq!(file.len(), 31);
        let missing = console.send(Request::new("GET", &at("groups/nobody"))).await;
        assert_eq!(missing.status, 404);

        let tokens = get(&mut console, &at("tokens?format=ndjson")).await;
        for secret in app.furniture().secrets() {
            assert!(!tokens.text().contains(&secret), "a secret is in the file");
        }
        assert!(objects(&tokens).iter().any(|one| one["id"] == json!(app.furniture().generic.token_id)));

        let operators = objects(&get(&mut console, "/admin/files/operators?format=ndjson").await);
        assert_eq!((&operators[0]["name"], &operators[0]["role"]), (&json!("olivia"), &json!("owner")));
        app.program(&["endpoint", "delete", &app.furniture().foreign.slug]).await.done();
        let bin = objects(&get(&mut console, "/admin/files/bin?format=ndjson").await);
        assert_eq!(bin.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["Foreign"]);
    }

    async fn deliveries_and_targets_are_files_too(app: &App) {
        let (scim, slug, api) = (app.generic(), app.furniture().generic.slug.clone(), Api::owner(app));
        let body = json!({"url": "https://127.0.0.1:9/", "label": "nobody there"});
        let hook = text(&api.post(&format!("/endpoints/{slug}/webhooks"), &body).await.expect(201).json()["id"]);
        api.send(&api.request("POST", &format!("/endpoints/{slug}/webhooks/{hook}/test"))).await;
        let account = ["--kind", "secret-server", "--url", "http://127.0.0.1:9/", "--username", "scimapp"];
        let add = [&["target", "add", &slug], &account[..], &["--allow-http", "--password-stdin", "--json"]].concat();
        crate::ops::program_with_input(app, &add, "a-password-of-the-vault-9\n").done();
        let user = id(&scim.user("robertt").await);
        let mut console = signed_in(app).await;
        let path = format!("/admin/endpoints/{slug}/files/webhooks/{hook}");
        let sent = objects(&get(&mut console, &format!("{path}?format=ndjson&state=dead")).await);
        assert!(sent.iter().any(|one| one["event"] == json!("webhook.test") && one["state"] == json!("dead")), "{sent:?}");
        let delivered = get(&mut console, &format!("{path}?format=ndjson&state=delivered")).await;
        assert_eq!(delivered.text(), "", "the filter of the page holds for the file");
        let path = format!("/admin/endpoints/{slug}/files/targets?format=ndjson");
        for _ in 0..100 {
            let file = get(&mut console, &path).await;
            if file.text().contains(&user) {
                let items = objects(&file);
                let item = items.iter().find(|one| one["id"] == json!(user)).expect("it is there");
                assert_eq!((&item["kind"], &item["name"]), (&json!("user"), &json!("robertt")));
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("the target never takes him in");
    }

    async fn users_are_narrowed_and_put_in_order(app: &App) {
        let (scim, slug) = (app.generic(), app.furniture().generic.slug.clone());
        for name in ["anna", "bert", "cora", "dora"] {
            scim.user(name).await;
        }
        let found = scim.get("/Users?filter=userName+eq+%22bert%22").await.expect(200).json();
        let bert = text(&found["Resources"][0]["id"]);
        app.advance(std::time::Duration::from_secs(3600));
        scim.patch(&format!("/Users/{bert}"), json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
        let mut console = signed_in(app).await;
        let mut names = Vec::new();
        for query in ["state=inactive", "state=active", "state=active&sort=-name", "sort=-changed", "q=bert&state=active", "q=bert&state=inactive"] {
            let page = console.visit(&format!("/admin/endpoints/{slug}/users?{query}")).await;
            let html = page.html();
            let order: Vec<&str> = {
                let mut at: Vec<(usize, &str)> = ["anna", "bert", "cora", "dora"].into_iter()
                    .filter_map(|name| html.find(&format!(">{name}</a>")).map(|at| (at, name))).collect();
                at.sort_unstable();
                at.into_iter().map(|(_, name)| name).collect()
            };
            names.push(order.join(" "));
            if query == "state=active" {
                assert!(page.text().contains("3 users"), "{}", page.text());
            }
        }
        assert_eq!(names[..3], ["bert", "anna cora dora", "dora cora anna"]);
        assert!(names[3].starts_with("bert "), "{names:?}");
        assert_eq!(names[4..], ["", "bert"]);
    }

    async fn the_page_about_the_server_tells_what_is_in_force(app: &App) {
        let mut console = signed_in(app).await;
        let page = console.visit("/admin/system").await;
        let text = page.text();
        let kind = if app.database().url.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" };
        for told in [kind, env!("CARGO_PKG_VERSION"), "1 MiB", "5,000", "migrations are applied"] {
            assert!(text.contains(told), "{told:?} is missing in {text}");
        }
        // Where the database is may hold a password.
        assert!(!page.html().contains("postgres://"), "{text}");
    }
}
