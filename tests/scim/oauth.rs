//! OAuth 2.0 client credentials: what a client gets, what it opens, and what everybody else is told.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scim_core::token::PlainSecret;
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Answer, Request, send};
use crate::support::program::Server;
use crate::support::scim::{Scim, text, user};
use crate::support::sql::number;

/// A client of the endpoint that most tests use, made by the command line.
struct Client {
    id: String,
    secret: String,
}

impl Client {
    async fn add(app: &App, options: &[&str]) -> Self {
        let all = [&["oauth", "client", "add", "generic", "--json"], options].concat();
        let made = app.program(&all).await.json();
        assert!(text(&made["token_url"]).ends_with("/scim/generic/oauth/token"), "{made}");
        Self { id: text(&made["client_id"]), secret: text(&made["client_secret"]) }
    }

    fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)))
    }

    fn form(&self) -> String {
        format!("grant_type=client_credentials&client_id={}&client_secret={}", self.id, self.secret)
    }

    /// An access token, once the server knows the client.
    async fn access(&self, app: &App) -> Value {
        app.until(&asks("generic", &self.form()), 200).await;
        send(app.address(), &asks("generic", &self.form())).await.expect(200).json()
    }
}

fn asks(slug: &str, body: &str) -> Request {
    Request::new("POST", &format!("/scim/{slug}/oauth/token"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(body)
}

fn with(app: &App, access: &Value) -> Scim {
    app.generic().with_token(&text(&access["access_token"]))
}

/// What a stranger sees: everything but the request's own id and the time.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    headers.sort();
    (answer.status, headers, answer.text())
}

both! {
    async fn a_client_gets_access_for_an_hour(app: &App) {
        let client = Client::add(app, &["--label", "Okta"]).await;
        app.until(&asks("generic", &client.form()), 200).await;
        let basic = asks("generic", "grant_type=client_credentials").header("Authorization", &client.basic());
        let answer = send(app.address(), &basic).await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
        let access = answer.json();
        assert_eq!((&access["token_type"], &access["expires_in"], &access["scope"]), (&json!("Bearer"), &json!(3600), &json!("write")));
        let scim = with(app, &access);
        let made = scim.user("robertt").await;
        assert_eq!(scim.get(&format!("/Users/{}", text(&made["id"]))).await.expect(200).json()["userName"], "robertt");

        // Only the digest is kept, and the client is who did it.
        let secret = text(&access["access_token"]);
        assert_eq!(number(app.database(), &format!("SELECT count(*) FROM access_tokens WHERE id = '{}'", &secret[7..19])), 1);
        assert_eq!(number(app.database(), &format!("SELECT count(*) FROM changes WHERE actor_id = '{}'", client.id)), 1);
        app.advance(Duration::from_secs(59 * 60));
        scim.get("/Users").await.expect(200);
        app.advance(Duration::from_secs(61));
        scim.get("/Users").await.expect(401);
        with(app, &client.access(app).await).get("/Users").await.expect(200);
    }

    async fn scopes_are_never_widened(app: &App) {
        let (writer, reader) = (Client::add(app, &[]).await, Client::add(app, &["--scope", "read"]).await);
        for (client, asked, expected) in [
            (&writer, "read", json!("read")), (&writer, "write", json!("write")), (&writer, "read%20write", json!("write")),
            (&writer, "scim%20openid", json!("write")), (&writer, "", json!("write")), (&reader, "read", json!("read")),
            (&reader, "scim", json!("read")),
        ] {
            client.access(app).await;
            let request = asks("generic", &format!("{}&scope={asked}", client.form()));
            let access = send(app.address(), &request).await.expect(200).json();
            assert_eq!(access["scope"], expected, "{asked}");
            let status = if expected == "read" { 403 } else { 201 };
            let name = format!("user-{asked}-{}", client.id);
            let made = with(app, &access).post("/Users", &user(&name)).await.expect(status);
            assert!(status == 403 || made.json()["id"].is_string());
        }
        let request = asks("generic", &format!("{}&scope=write", reader.form()));
        assert_eq!(send(app.address(), &request).await.expect(400).json()["error"], "invalid_scope");
    }

    async fn whoever_is_no_client_learns_nothing(app: &App) {
        let client = Client::add(app, &[]).await;
        let dead = Client::add(app, &[]).await;
        let bound = Client::add(app, &["--allow-from", "203.0.113.0/24"]).await;
        app.until(&asks("generic", &bound.form()).header("X-Forwarded-For", "203.0.113.5"), 200).await;
        dead.access(app).await;
        app.program(&["oauth", "client", "revoke", &dead.id, "--yes"]).await.done();
        app.until(&asks("generic", &dead.form()), 401).await;

        let stranger = send(app.address(), &asks("generic", "grant_type=client_credentials")).await.expect(401);
        assert_eq!(stranger.header("www-authenticate"), Some("Basic realm=\"scim\""));
        assert_eq!(stranger.json()["error"], "invalid_client");
        let expected = seen(&stranger);
        let form = |id: &str, secret: &str| format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let foreign = &app.furniture().foreign;
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (name, request) in [
            ("an unknown endpoint", asks("unheard-of", &client.form())),
            ("another endpoint's client", asks("foreign", &client.form())),
            ("a revoked client", asks("generic", &dead.form())),
            ("from elsewhere", asks("generic", &bound.form())),
            ("another client's secret", asks("generic", &form(&client.id, &bound.secret))),
            ("an unknown client", asks("generic", &form("000000000000", PlainSecret::mint(&[7; 48]).reveal()))),
            ("mistyped", asks("generic", &form(&client.id, &client.secret[..client.secret.len() - 1]))),
            ("nonsense", asks("generic", &form("x", "y"))),
            ("a bearer token", asks("foreign", &form(&foreign.token_id, &foreign.token))),
            ("no secret", asks("generic", &form(&client.id, ""))),
            ("a wrong grant", asks("generic", "grant_type=password&client_id=x&client_secret=y")),
            ("Basic without colon", asks("generic", "").header("Authorization", &basic("x"))),
            ("Basic nonsense", asks("generic", "").header("Authorization", "Basic %%%")),
            ("Bearer", asks("generic", "").bearer(&app.furniture().generic.token)),
        ] {
            assert_eq!(seen(&send(app.address(), &request).await), expected, "{name}");
        }
        // What is wrong with a request of a client is told.
        let good = client.access(app).await;
        for (body, error) in [
            ("grant_type=authorization_code", "unsupported_grant_type"), ("x=y", "invalid_request"),
            ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
            ("grant_type=client_credentials&client_secret=x", "invalid_request"),
            ("grant_type=client_credentials&client_id=another", "invalid_request"),
        ] {
            let request = asks("generic", body).header("Authorization", &client.basic());
            let answer = send(app.address(), &request).await.expect(400);
            assert_eq!(answer.json()["error"], error, "{body}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        let json = asks("generic", "{}").header("Content-Type", "application/json");
        assert_eq!(send(app.address(), &json).await.expect(400).json()["error"], "invalid_request");
        let mut get = asks("generic", "");
        get.method = "GET".to_owned();
        assert_eq!(send(app.address(), &get).await.expect(405).header("allow"), Some("POST"));

        // The secret is no token, an access token opens one endpoint, and one that is made up none.
        let unauthorized = app.generic().with_token("x").get("/Users").await.expect(401).text();
        let access = text(&good["access_token"]);
        let made_up = format!("{}{}", &access[..access.len() - 8], "00000000");
        for token in [&client.secret, &made_up] {
            assert_eq!(app.generic().with_token(token).get("/Users").await.expect(401).text(), unauthorized);
        }
        assert_eq!(app.scim(foreign).with_token(&access).get("/Users").await.expect(401).text(), unauthorized);
        with(app, &good).get("/Users").await.expect(200);
        send(app.address(), &Request::new("GET", "/api/v1/me").bearer(&access)).await.expect(401);
    }

    async fn access_dies_with_its_client_on_every_server(app: &App) {
        let client = Client::add(app, &[]).await;
        let access = client.access(app).await;
        let here = with(app, &access);
        here.get("/Users").await.expect(200);
        let other = Server::start(app.database().folder.path(), &["--database", &app.database().url]).await;
        let there = Scim { address: other.address, ..here.clone() };
        there.get("/Users").await.expect(200);
        app.program(&["endpoint", "pause", "generic"]).await.done();
        app.until(&here.request("GET", "/Users"), 503).await;
        send(app.address(), &asks("generic", &client.form())).await.expect(503);
        app.program(&["endpoint", "resume", "generic"]).await.done();
        app.until(&here.request("GET", "/Users"), 200).await;

        // Rotated as a token is: the old one goes on until it is silent.
        let rotated = app.program(&["oauth", "client", "rotate", "generic", "--json"]).await.json();
        assert_eq!(rotated["retiring"]["id"], json!(client.id));
        let new = Client { id: text(&rotated["client_id"]), secret: text(&rotated["client_secret"]) };
        let renewed = new.access(app).await;
        here.get("/Users").await.expect(200);
        let refused = app.program(&["oauth", "client", "revoke", &client.id]).await;
        assert!(refused.refused().contains("is in use"), "{refused:?}");
        app.program(&["oauth", "client", "revoke", &client.id, "--yes"]).await.done();
        app.until(&here.request("GET", "/Users"), 401).await;
        let begun = std::time::Instant::now();
        while there.send(&there.request("GET", "/Users")).await.status != 401 {
            assert!(begun.elapsed() < Duration::from_secs(20));
        }
        with(app, &renewed).get("/Users").await.expect(200);
        let list = app.program(&["oauth", "client", "list", "generic", "--json"]).await.json();
        let states: Vec<_> = list["tokens"].as_array().unwrap().iter().map(|one| text(&one["state"])).collect();
        assert_eq!(states.len(), 2, "clients only: {list}");
        assert!(states.contains(&"revoked".to_owned()), "{list}");
        other.stop("TERM").await;
    }

    async fn what_clients_read_about_it(app: &App) {
        for path in ["/.well-known/oauth-authorization-server/scim/generic", "/scim/generic/.well-known/oauth-authorization-server"] {
            let found = send(app.address(), &Request::new("GET", path)).await.expect(200).json();
            let issuer = format!("http://{}/scim/generic", app.address());
            assert_eq!(found["issuer"], json!(issuer), "{path}");
            assert_eq!(found["token_endpoint"], json!(format!("{issuer}/oauth/token")));
            assert_eq!(found["grant_types_supported"], json!(["client_credentials"]));
        }
        // It does not tell which endpoints there are.
        let there = send(app.address(), &Request::new("GET", "/.well-known/oauth-authorization-server/scim/generic")).await.text();
        let not_there = send(app.address(), &Request::new("GET", "/.well-known/oauth-authorization-server/scim/unheard")).await;
        assert_eq!(not_there.expect(200).text(), there.replace("generic", "unheard"));
        send(app.address(), &Request::new("GET", "/.well-known/oauth-authorization-server/scim/%3Cb%3E")).await.expect(404);
        send(app.address(), &Request::new("GET", "/.well-known/oauth-authorization-server/")).await.expect(404);
    }

    async fn the_console_and_the_api_issue_clients(app: &App) {
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let page = console.visit("/admin/endpoints/generic/tokens").await;
        let form = page.form_with("Issue token").with("label", "Entra").with("kind", "client");
        let shown = console.submit(&page, &form).await;
        for part in ["Client secret, shown this once", "Token URL", "/scim/generic/oauth/token", "Client ID"] {
            assert!(shown.text().contains(part), "{part}: {}", shown.text());
        }
        let secret = regex_lite::Regex::new("scimsecret_([0-9A-Za-z]{12})_[0-9A-Za-z]{49}").unwrap();
        let found = shown.html();
        let found = secret.captures(&found).expect("the secret");
        let client = Client { id: found[1].to_owned(), secret: found[0].to_owned() };
        client.access(app).await;
        let connect = console.visit("/admin/endpoints/foreign/connect").await.text();
        assert!(connect.contains("Or OAuth 2.0 client credentials"), "{connect}");
        let api = |path: &str| Request::new("POST", path).bearer(&app.furniture().owner_key).header("Content-Type", "application/json");
        let request = api("/api/v1/endpoints/generic/tokens").body(json!({"kind": "client"}).to_string());
        let made = send(app.address(), &request).await.expect(201).json();
        assert_eq!(made["kind"], "client");
        let client = Client { id: text(&made["id"]), secret: text(&made["secret"]) };
        assert_eq!(client.access(app).await["scope"], "write");
    }
}
