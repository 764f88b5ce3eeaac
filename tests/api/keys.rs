//! API keys: from the command line, in the console, and how they end.

use std::time::Duration;

use serde_json::json;

use super::Api;
use crate::ops::{program_with_input, refusal, said};
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Request, send};
use crate::support::program::Server;
use crate::support::scim::text;

both! {
    async fn a_key_acts_for_its_operator_until_it_is_revoked(app: &App) {
        let issue = ["operator", "key", "issue", "olivia", "--label", "nightly", "--expires-in", "365d", "--json"];
        let issued = app.program(&issue).await.json();
        let api = Api { key: text(&issued["secret"]), ..Api::owner(app) };
        app.until(&api.request("GET", "/me"), 200).await;
        let me = api.get("/me").await.expect(200).json();
        assert_eq!((&me["operator"]["name"], &me["operator"]["role"]), (&json!("olivia"), &json!("owner")));
        assert_eq!((&me["key"]["id"], &me["key"]["label"]), (&issued["id"], &json!("nightly")));
        while api.get("/me").await.expect(200).json()["key"]["last_used"].is_null() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let listed = app.program(&["operator", "key", "list", "olivia", "--json"]).await.json();
        let found = listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == issued["id"]).unwrap();
        assert_eq!(found["state"], "active");
        assert!(found["last_used"]["request"].as_str().is_some_and(|request| request.starts_with("GET /api/v1/")));
        assert!(!listed.to_string().contains(&api.key));
        assert!(said(app, &["operator", "key", "list", "olivia"]).await.contains("nightly"));

        // Over the API it is dead on the next request, on this node; from the command line within a second.
        Api::owner(app).delete(&format!("/me/keys/{}", text(&issued["id"]))).await.expect(204);
        api.get("/me").await.expect(401);
        let other = app.program(&issue).await.json();
        let api = Api { key: text(&other["secret"]), ..api };
        app.until(&api.request("GET", "/me"), 200).await;
        app.program(&["operator", "key", "revoke", &api.key, "--json"]).await.json();
        app.until(&api.request("GET", "/me"), 401).await;
        let sentence = refusal(app, &["operator", "key", "revoke", &text(&other["id"])]).await;
        assert!(sentence.contains("revoked before"), "{sentence}");
    }

    async fn a_key_ends_with_its_time_and_with_its_operator(app: &App) {
        let create = ["operator", "create", "ben", "--role", "operator", "--password-stdin"];
        program_with_input(app, &create, PASSWORD).done();
        let issue = async |life: &str| {
            let arguments = ["operator", "key", "issue", "ben", "--expires-in", life, "--json"];
            let issued = app.program(&arguments).await.json();
            let api = Api { key: text(&issued["secret"]), ..Api::owner(app) };
            app.until(&api.request("GET", "/me"), 200).await;
            api
        };
        let (short, long) = (issue("1h").await, issue("never").await);
        app.advance(Duration::from_secs(3601));
        short.get("/me").await.expect(401);
        long.get("/me").await.expect(200);
        let owner = Api::owner(app);
        owner.send(&owner.request("POST", "/operators/ben/disable")).await.expect(200);
        long.get("/me").await.expect(401);
        let sentence = refusal(app, &["operator", "key", "issue", "ben"]).await;
        assert!(sentence.contains("disabled"), "{sentence}");
        // Letting the person in again does not bring back keys of which nobody knows who has them.
        owner.post("/operators/ben/reset-password", &json!({"password": PASSWORD})).await.expect(200);
        long.get("/me").await.expect(401);
    }

    async fn the_console_issues_shows_once_and_revokes(app: &App) {
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit("/admin/account").await;
        let form = page.form_with("request_key").with("label", "Terraform").with("expires", "30");
        let shown = console.submit(&page, &form).await;
        let html = shown.html();
        let at = html.find("scimkey_").expect("the key is shown");
        let key: String = html[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        assert_eq!((key.len(), shown.answer.header("cache-control")), (8 + 12 + 1 + 49, Some("no-store")));
        let api = Api { key: key.clone(), ..Api::owner(app) };
        assert_eq!(api.get("/me").await.expect(200).json()["key"]["label"], "Terraform");

        // Back, forward, and "send again?".
        let again = console.submit(&page, &form).await;
        assert!(!again.html().contains(&key), "shown once");
        assert_eq!(again.answer.status, 422);
        let page = console.visit("/admin/account").await;
        assert!(!page.html().contains(&key) && page.html().contains(&format!("scimkey_{}_…", &key[8..20])));
        let form = page.form_with("Revoke<span class=\"sr\"> Terraform");
        let done = console.submit(&page, &form).await;
        assert!(done.text().contains("The API key is revoked"), "{}", done.text());
        api.get("/me").await.expect(401);
    }

    async fn ten_keys_at_most(app: &App) {
        for _ in 1..10 {
            app.program(&["operator", "key", "issue", "olivia", "--json"]).await.json();
        }
        let sentence = refusal(app, &["operator", "key", "issue", "olivia"]).await;
        assert!(sentence.contains("10"), "{sentence}");
        let sentence = refusal(app, &["operator", "key", "list", "nobody"]).await;
        assert!(sentence.contains("nobody"), "{sentence}");
    }
}

/// The API lives with the console, and a key has a rate of its own.
#[tokio::test]
async fn on_the_address_of_the_console_and_at_the_rate_of_the_server() {
    let backend = crate::support::backend::Backend::Sqlite;
    let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
    let console = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let own = console.to_string();
    let arguments = ["--database", &database.url, "--console-listen", &own, "--rate", "1"];
    let mut server = Server::start(database.folder.path(), &arguments).await;
    server.wait_until("the console listens", |_| std::net::TcpStream::connect(console).is_ok()).await;
    let me = Request::new("GET", "/api/v1/me").bearer(&furniture.owner_key);
    send(server.address, &me).await.expect(404);
    send(console, &me).await.expect(200);
    // One a second, and four at once.
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(send(console, &me).await);
    }
    let slowed = answers.into_iter().find(|answer| answer.status == 429).expect("20 at once are too many");
    let wait = slowed.header("retry-after").and_then(|seconds| seconds.parse().ok());
    assert!(wait.is_some_and(|seconds: u64| seconds >= 1), "{slowed:#}");
    assert_eq!(slowed.header("content-type"), Some("application/problem+json"));
    // Whoever has no key learns nothing of that.
    send(console, &Request::new("GET", "/api/v1/me")).await.expect(401);
    server.stop("TERM").await;
}
