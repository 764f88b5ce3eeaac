//! Every route of the table with every credential that opens nothing, and with every role.

use std::time::Duration;

use scim_core::token::{PlainKey, PlainToken};
use scim_server::api::{BASE, ROUTES, Route};
use serde_json::{Value, json};

use super::Api;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Answer, Request, send};
use crate::support::scim::{id, text};
use crate::support::totp::enrol;

const URN: &str = "urn:example:ext:badge:User";

fn extension() -> Value {
    json!({"resourceType": "User", "schema": {"id": URN, "name": "Badge", "attributes": [
        {"name": "color", "type": "string", "multiValued": false}]}})
}

fn device() -> Value {
    json!({"name": "Device", "endpoint": "Devices", "schema": {"id": "urn:example:Device", "name": "Device",
        "attributes": [{"name": "serial", "type": "string", "required": true, "uniqueness": "server"}]}})
}

/// One where nothing answers.
fn target(name: &str) -> Value {
    json!({
        "kind": "secret-server", "url": format!("http://127.0.0.1:9/{name}"), "username": "scimapp",
        "secret": "a-secret-of-a-target-1", "allow_http": true,
    })
}

/// Something for every route to work on, made anew for each, because some take it away.
pub(super) struct Scene {
    pub(super) endpoint: String,
    token: String,
    user: String,
    group: String,
    webhook: String,
    pub(super) operator: String,
    pub(super) key: String,
    link: String,
    request: String,
    request_link: String,
    target: String,
    pub(super) verification: String,
}

impl Scene {
    pub(super) async fn new(app: &App, owner: &Api, number: usize) -> Self {
        let made =
            owner.post("/endpoints", &json!({"name": format!("Scene {number}")})).await.expect(201).json();
        let endpoint = text(&made["slug"]);
        let scim = crate::support::scim::Scim {
            address: app.address(),
            base: format!("/scim/{endpoint}/v2"),
            token: text(&made["token"]["secret"]),
        };
        let mut body = crate::support::scim::user("robertt");
        body["shoeSize"] = json!(46);
        let user = id(&scim.post("/Users", &body).await.expect(201).json());
        let group = id(&scim.group("Keepers", &[&user]).await);
        let definitions = json!({"extensions": [extension()], "resourceTypes": [device()]});
        owner.put(&format!("/endpoints/{endpoint}/schemas"), &definitions).await.expect(200);
        let target =
            owner.post(&format!("/endpoints/{endpoint}/targets"), &target("scene")).await.expect(201).json();
        let token = owner.post(&format!("/endpoints/{endpoint}/tokens"), &json!({})).await.expect(201).json();
        let links = format!("/endpoints/{endpoint}/guest-links");
        let link =
            text(&owner.post(&links, &json!({"may_issue_token": true})).await.expect(201).json()["id"]);
        // Nobody listens there.
        let webhook = json!({"url": "http://127.0.0.1:9/hook"});
        let webhook =
            owner.post(&format!("/endpoints/{endpoint}/webhooks"), &webhook).await.expect(201).json();
        let body = json!({"name": format!("mary-{number}"), "role": "auditor", "password": PASSWORD});
        let operator = text(&owner.post("/operators", &body).await.expect(201).json()["name"]);
        let (token, webhook, key) = (text(&token["id"]), text(&webhook["id"]), "000000000000".to_owned());
        let target = text(&target["id"]);
        let request = crate::requests::logged(app, &scim.get("/Users").await).await;
        let links = format!("/endpoints/{endpoint}/requests/{request}/links");
        let made = owner.send(&owner.request("POST", &links)).await.expect(201).json();
        let request_link = text(&made["id"]);
        let verification = "nobody".to_owned();
        Self {
            endpoint,
            token,
            user,
            group,
            webhook,
            operator,
            key,
            link,
            request,
            request_link,
            target,
            verification,
        }
    }

    /// A path for a route. One with something new in it has no example before it has one here.
    fn path(&self, route: &Route) -> String {
        let segments = route.path.split('/').map(|segment| match segment {
            "{endpoint}" => self.endpoint.as_str(),
            "{token}" => self.token.as_str(),
            "{webhook}" => self.webhook.as_str(),
            "{urn}" => URN,
            "{name}" => "Device",
            "{type}" => "User",
            "{id}" if route.path.contains("/groups/") => self.group.as_str(),
            "{id}" => self.user.as_str(),
            "{operator}" => self.operator.as_str(),
            "{key}" => self.key.as_str(),
            "{link}" if route.path.contains("/requests/") => self.request_link.as_str(),
            "{link}" => self.link.as_str(),
            "{request}" => self.request.as_str(),
            "{target}" => self.target.as_str(),
            "{member}" => self.user.as_str(),
            "{verification}" => self.verification.as_str(),
            other if other.contains('{') => panic!("{route:?}: {other} needs an example here"),
            other => other,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// Brings about the state in which the route does its work.
    pub(super) async fn make_ready(&self, route: &Route, owner: &Api) {
        let endpoint = format!("/endpoints/{}", self.endpoint);
        if route.path.ends_with("/undelete") {
            owner.delete(&endpoint).await.expect(204);
        }
        if route.path.ends_with("/enable") && route.path.starts_with("/operators") {
            owner
                .send(&owner.request("POST", &format!("/operators/{}/disable", self.operator)))
                .await
                .expect(200);
        }
        if route.path.ends_with("/reset-second-factor") {
            let mut console = Console::new(owner.address);
            console.sign_in(&self.operator, PASSWORD).await;
            enrol(&mut console, now()).await;
        }
        if route.path.ends_with("{webhook}/resume") {
            let pause = format!("{endpoint}/webhooks/{}/pause", self.webhook);
            owner.send(&owner.request("POST", &pause)).await.expect(200);
        } else if route.path.ends_with("/resume") {
            owner.send(&owner.request("POST", &format!("{endpoint}/pause"))).await.expect(200);
        }
        if ["/retire", "/unretire", "/cancel-rotation"].iter().any(|end| route.path.ends_with(end)) {
            let token = format!("{endpoint}/tokens/{}", self.token);
            owner.post(&format!("{token}/rotate"), &json!({})).await.expect(201);
            if route.path.ends_with("/unretire") {
                owner.send(&owner.request("POST", &format!("{token}/retire"))).await.expect(200);
            }
        }
    }

    /// The request with which the route does its work.
    pub(super) fn request(&self, route: &Route, key: &str) -> Request {
        let request = Request::new(route.method.as_str(), &format!("{BASE}{}", self.path(route))).bearer(key);
        let body = match (route.method.as_str(), route.path) {
            _ if !route.takes_body() => return request,
            ("POST", "/endpoints") => json!({"name": "Intruder"}),
            ("POST", path) if path.ends_with("/clone") => json!({"name": "Intruder"}),
            ("PATCH", path) if path.ends_with("{token}") => json!({"allowed_networks": ["192.0.2.0/24"]}),
            ("PATCH", "/operators/{operator}") => json!({"role": "operator"}),
            ("PATCH", "/endpoints/{endpoint}") => json!({"tenant": "Intruders"}),
            ("POST", path) if path.ends_with("/webhooks") => json!({"url": "https://intruder.example/"}),
            ("POST", path) if path.ends_with("/groups") => json!({"name": "Intruders"}),
            ("PATCH", path) if path.ends_with("/groups/{id}") => json!({"name": "Intruders"}),
            ("POST", path) if path.ends_with("/members") => json!({"id": self.user}),
            ("PATCH", path) if path.ends_with("{target}") => json!({"threshold": 5}),
            ("PATCH", path) if path.ends_with("{webhook}") => json!({"label": "intruder"}),
            ("POST", path) if path.ends_with("{webhook}/rotate") => json!({}),
            ("POST", path) if path.ends_with("/redeliver") => json!({"dead": true}),
            ("PUT", path) if path.ends_with("/schemas") => json!({}),
            ("PUT", path) if path.ends_with("{urn}") => extension(),
            ("PUT", path) if path.ends_with("{name}") => device(),
            ("POST", path) if path.ends_with("/guest-links") => json!({"expires_in_hours": 24}),
            ("POST", path) if path.ends_with("/targets") => target("intruder"),
            ("POST", path) if path.ends_with("/tokens") => json!({"label": "intruder"}),
            ("POST", path) if path.ends_with("/accept") => json!({"attribute": "shoeSize"}),
            ("POST", "/operators") => {
                json!({"name": format!("in-{}", self.operator), "role": "auditor", "password": PASSWORD})
            }
            ("POST", path) if path.ends_with("/rotate") => json!({"label": "intruder"}),
            ("POST", path) if path.ends_with("/reset-password") => json!({"password": PASSWORD}),
            _ => panic!("{route:?} needs an example here"),
        };
        request.header("Content-Type", "application/json").body(body.to_string())
    }
}

/// The time of a server whose clock was not moved.
#[expect(clippy::disallowed_methods, reason = "the test stands in for a device with a clock of its own")]
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    i64::try_from(now).unwrap()
}

/// What a stranger sees: everything but the request's own id and the time.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    headers.sort();
    (answer.status, headers, answer.text())
}

/// Every credential that opens nothing, with its name, as headers.
async fn credentials(app: &App, owner: &Api) -> Vec<(&'static str, &'static str, String)> {
    let good = owner.key.clone();
    let issue = async |life: &str| {
        app.program(&["operator", "key", "issue", "olivia", "--expires-in", life, "--json"]).await.json()
    };
    let (revoked, short) = (issue("never").await, issue("1d").await);
    let short_key = Api { key: text(&short["secret"]), ..owner.clone() };
    app.until(&short_key.request("GET", "/me"), 200).await;
    owner.delete(&format!("/me/keys/{}", text(&revoked["id"]))).await.expect(204);
    let disabled = Api::of_role(app, "auditor").await;
    owner.send(&owner.request("POST", "/operators/some-auditor/disable")).await.expect(200);

    let mut console = app.console();
    console.sign_in("olivia", PASSWORD).await;
    let jar: Vec<_> = console.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert!(!jar.is_empty(), "signed in");
    let secret = console.cookies.values().next().unwrap().clone();

    let last = if good.ends_with('0') { '1' } else { '0' };
    let bearer = |text: &str| format!("Bearer {text}");
    vec![
        ("no header", "X-Nothing", String::new()),
        ("an empty header", "Authorization", String::new()),
        ("a scheme alone", "Authorization", "Bearer".to_owned()),
        ("no scheme", "Authorization", good.clone()),
        ("another scheme", "Authorization", format!("Token {good}")),
        ("a password", "Authorization", "Basic b2xpdmlhOnBhc3N3b3Jk".to_owned()),
        ("nonsense", "Authorization", bearer("nonsense")),
        ("cut off", "Authorization", bearer(&good[..good.len() - 1])),
        ("mistyped", "Authorization", bearer(&format!("{}{last}", &good[..good.len() - 1]))),
        ("in another case", "Authorization", bearer(&good.to_ascii_uppercase())),
        ("unknown", "Authorization", bearer(PlainKey::mint(&[7; 48]).reveal())),
        ("an unknown token", "Authorization", bearer(PlainToken::mint(&[7; 48]).reveal())),
        ("a SCIM token", "Authorization", bearer(&app.furniture().generic.token)),
        ("a session's secret", "Authorization", bearer(&secret)),
        ("a session", "Cookie", jar.join("; ")),
        ("a key as a cookie", "Cookie", format!("scim_session={good}")),
        ("revoked", "Authorization", bearer(&text(&revoked["secret"]))),
        ("of a disabled operator", "Authorization", bearer(&disabled.key)),
        ("expired", "Authorization", bearer(&short_key.key)),
    ]
}

both! {
    async fn no_route_opens_without_a_key(app: &App) {
        let owner = Api::owner(app);
        let scene = Scene::new(app, &owner, 0).await;
        let credentials = credentials(app, &owner).await;
        app.advance(Duration::from_secs(25 * 3600));
        let state = async || {
            let endpoints = owner.walk("/endpoints", 100).await;
            let operators = owner.all("/operators").await;
            let tokens = owner.all(&format!("/endpoints/{}/tokens", scene.endpoint)).await;
            (endpoints, operators, tokens)
        };
        let before = state().await;
        let stranger = send(app.address(), &Request::new("GET", "/api/v1/me")).await.expect(401);
        assert_eq!(stranger.header("www-authenticate"), Some("Bearer"));
        let expected = seen(&stranger);
        for route in ROUTES {
            for (name, header, value) in &credentials {
                let request = scene.request(route, "").without_header("Authorization").header(header, value);
                let answer = send(app.address(), &request).await;
                if route.least().is_none() {
                    assert_eq!(answer.status, 200, "{route:?}: {name}");
                } else {
                    assert_eq!(seen(&answer), expected, "{route:?}: {name}");
                }
            }
        }
        // Neither does it tell what else is wrong, or what there is.
        for (method, path) in
            [("GET", "/nothing"), ("DELETE", "/me"), ("GET", "/endpoints?x=1"), ("POST", "/endpoints"), ("GET", "")]
        {
            let answer = send(app.address(), &Request::new(method, &format!("/api/v1{path}"))).await;
            assert_eq!(seen(&answer), expected, "{method} {path}");
        }
        assert_eq!(state().await, before, "nothing has changed");
    }

    async fn every_route_takes_its_least_role_and_no_lesser(app: &App) {
        let owner = Api::owner(app);
        let mut keys = Vec::new();
        for role in ["auditor", "operator", "admin"] {
            keys.push((role, Api::of_role(app, role).await));
        }
        keys.push(("owner", owner.clone()));
        let rank = |role: &str| ["auditor", "operator", "admin", "owner"].iter().position(|known| *known == role);
        let mut number = 1;
        let shared = Scene::new(app, &owner, number).await;
        for route in ROUTES {
            let Some(least) = route.least() else { continue };
            for (role, api) in &keys {
                let allowed = rank(role) >= rank(least.as_str());
                // What reads, or must not work, can be tried on the same; what changes things needs new ones.
                let fresh = if allowed && route.method != "GET" {
                    number += 1;
                    Some(Scene::new(app, &owner, number).await)
                } else {
                    None
                };
                let scene = fresh.as_ref().unwrap_or(&shared);
                if allowed {
                    scene.make_ready(route, &owner).await;
                }
                let answer = api.send(&scene.request(route, &api.key)).await;
                if !allowed {
                    let answer = answer.expect(403);
                    let detail = text(&answer.json()["detail"]);
                    assert!(detail.contains(least.as_str()) && detail.contains(role), "{detail}");
                } else if route.path.contains("{key}") || route.path.contains("{verification}") {
                    answer.expect(404);
                } else {
                    assert!((200..300).contains(&answer.status), "{route:?} as {role}: {answer:#}");
                }
            }
        }
    }

    async fn paths_and_methods_that_are_not_there_are_told(app: &App) {
        let owner = Api::owner(app);
        for path in ["/nothing", "/endpoints/", "/endpoints//tokens", "", "/me/keys/", "/ME"] {
            owner.get(path).await.expect(404);
        }
        let answer = owner.send(&owner.request("PUT", "/endpoints")).await.expect(405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
        for method in ["OPTIONS", "TRACE", "QUERY"] {
            owner.send(&owner.request(method, "/me")).await.expect(405);
        }
        let head = owner.send(&owner.request("HEAD", "/me")).await.expect(200);
        assert_eq!(head.text(), "");
        let bad = owner.get("/endpoints?limt=5&limit=0&status=gone&limit=5&limit=6").await.expect(400).json();
        let wrong: Vec<_> = bad["errors"].as_array().unwrap().iter().map(|e| text(&e["parameter"])).collect();
        assert_eq!(wrong, ["limt", "limit", "status", "limit"], "{bad}");
        for after in ["x", "e30", "W10"] {
            owner.get(&format!("/endpoints?after={after}")).await.expect(400);
        }
    }

    async fn bodies_that_are_none_are_refused(app: &App) {
        let owner = Api::owner(app);
        let post = |kind: &str, body: &str| {
            owner.request("POST", "/endpoints").header("Content-Type", kind).body(body.to_owned())
        };
        for (kind, body, status) in [
            ("application/json", "{", 400),
            ("application/json", "", 400),
            ("application/json", "{\"name\": \"a\\u0000\"}", 400),
            ("application/json", "[]", 422),
            ("application/json", "\"name\"", 422),
            ("text/plain", "{\"name\": \"a\"}", 415),
            ("application/x-www-form-urlencoded", "name=a", 415),
            ("application/scim+json", "{\"name\": \"a\"}", 415),
            ("application/merge-patch+json", "{\"name\": \"a\"}", 415),
        ] {
            owner.send(&post(kind, body)).await.expect(status);
        }
        let compressed = post("application/json", "{}").header("Content-Encoding", "gzip");
        owner.send(&compressed).await.expect(415);
        let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1024 * 1024));
        owner.send(&post("application/json", &large)).await.expect(413);
        assert_eq!(owner.walk("/endpoints", 100).await.len(), 3);
    }
}
