//! Every SCIM route against every credential that is not one of its endpoint, generated from the table of
//! routes; and one endpoint's data against another's token.

use std::time::Duration;

use scim_core::token::PlainToken;
use scim_server::scim::{Operation, ROUTES, Route, Shape};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::http::{Answer, Request};
use crate::support::scim::{Scim, USER, id, text, user};

/// A path for a route, about a user with this id. A new kind of path does not compile before it has an example.
fn example_path(route: &Route, user: &str) -> String {
    match route.shape {
        Shape::Named(name) => format!("/{name}"),
        Shape::NamedItem("ResourceTypes") => "/ResourceTypes/User".to_owned(),
        Shape::NamedItem("Schemas") => format!("/Schemas/{USER}"),
        Shape::NamedItem(name) => panic!("the route {name}/… needs an example here"),
        Shape::Root => "/".to_owned(),
        Shape::RootSearch => "/.search".to_owned(),
        Shape::Search => "/Users/.search".to_owned(),
        Shape::Collection => "/Users".to_owned(),
        Shape::Item => format!("/Users/{user}"),
    }
}

/// A body with which the route would do its work, and the status when it does.
fn example_work(route: &Route) -> (Option<Value>, u16) {
    let patch = json!({"op": "replace", "path": "title", "value": "Clerk"});
    let delete = json!({"method": "DELETE", "path": "/Users/nobody"});
    match route.operation {
        Operation::ServiceProviderConfig
        | Operation::ResourceTypes
        | Operation::ResourceType
        | Operation::Schemas
        | Operation::Schema
        | Operation::List
        | Operation::Get => (None, 200),
        Operation::Search => (Some(json!({"filter": "userName pr"})), 200),
        Operation::Bulk => (Some(json!({"Operations": [delete]})), 200),
        Operation::Create => (Some(user("intruder")), 201),
        Operation::Replace => (Some(user("replaced")), 200),
        Operation::Patch => (Some(json!({"Operations": [patch]})), 200),
        Operation::Delete => (None, 204),
        Operation::Me => (Some(json!({})), 501),
    }
}

fn example(scim: &Scim, route: &Route, user: &str) -> (Request, u16) {
    let request = scim.request(route.method.as_str(), &example_path(route, user));
    match example_work(route) {
        (Some(body), status) if !["GET", "DELETE"].contains(&route.method.as_str()) => {
            (request.json(&body), status)
        }
        (_, status) => (request, status),
    }
}

/// The last character is part of the checksum.
fn mistyped(token: &str) -> String {
    let last = if token.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &token[..token.len() - 1])
}

/// The secret of a new client of OAuth at an endpoint, and an access token of it.
async fn client(app: &App, slug: &str) -> (String, String) {
    let made = app.program(&["oauth", "client", "add", slug, "--json"]).await.json();
    let (id, secret) = (text(&made["client_id"]), text(&made["client_secret"]));
    let asks = Request::new("POST", &format!("/scim/{slug}/oauth/token"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"));
    app.until(&asks, 200).await;
    let access = crate::support::http::send(app.address(), &asks).await.expect(200).json();
    (secret, text(&access["access_token"]))
}

/// Every `Authorization` that opens nothing, with its name; expired is what the clock has to be moved for.
async fn credentials(app: &App) -> Vec<(&'static str, Option<String>)> {
    let furniture = app.furniture();
    let slug = &furniture.onelogin.slug;
    let restricted = ["token", "issue", slug, "--allow-from", "203.0.113.0/24,2001:db8::/32", "--json"];
    let restricted = text(&app.program(&restricted).await.json()["secret"]);
    let from_there = app.scim(&furniture.onelogin).with_token(&restricted).request("GET", "/Users");
    app.until(&from_there.header("X-Forwarded-For", "203.0.113.7"), 200).await;
    let (own_secret, _) = client(app, slug).await;
    let (_, foreign_access) = client(app, &furniture.foreign.slug).await;
    let good = &furniture.onelogin.token;
    let bearer = |token: &str| Some(format!("Bearer {token}"));
    let unknown = PlainToken::mint(&[7; 48]);
    vec![
        ("no header", None),
        ("an empty header", Some(String::new())),
        ("a scheme without a token", Some("Bearer".to_owned())),
        ("a scheme with blanks", Some("Bearer   ".to_owned())),
        ("no scheme", Some(good.clone())),
        ("another scheme", Some(format!("Token {good}"))),
        ("a password", Some("Basic b2xpdmlhOnBhc3N3b3Jk".to_owned())),
        ("two tokens", Some(format!("Bearer {good} {good}"))),
        ("a quoted token", bearer(&format!("\"{good}\""))),
        ("malformed", bearer("nonsense")),
        ("only the public part", bearer(&format!("scim_{}", furniture.onelogin.token_id))),
        ("cut off", bearer(&good[..good.len() - 1])),
        ("in another case", bearer(&good.to_ascii_uppercase())),
        ("mistyped", bearer(&mistyped(good))),
        ("no ASCII", bearer("scim_\u{fc}\u{2603}")),
        ("unknown", bearer(unknown.reveal())),
        ("another endpoint's", bearer(&furniture.foreign.token)),
        ("revoked", bearer(&furniture.revoked)),
        ("from elsewhere", bearer(&restricted)),
        ("a client's secret", bearer(&own_secret)),
        ("an access token of another endpoint", bearer(&foreign_access)),
        ("expired", bearer(&furniture.short_lived)),
    ]
}

fn with(request: &Request, authorization: Option<&str>) -> Request {
    match authorization {
        Some(text) => request.clone().header("Authorization", text),
        None => request.clone().without_header("Authorization"),
    }
}

/// What a stranger sees: everything but the request's own id and the time.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    headers.sort();
    (answer.status, headers, answer.text())
}

both! {
    async fn no_route_opens_without_a_token_of_its_endpoint(app: &App) {
        let scim = app.scim(&app.furniture().onelogin);
        let robert = id(&scim.user("robertt").await);
        let before = scim.get("/Users").await.expect(200).text();
        scim.with_token(&app.furniture().short_lived).get("/Users").await.expect(200);
        app.advance(Duration::from_secs(25 * 3600));
        scim.with_token(&app.furniture().short_lived).get("/Users").await.expect(401);

        let stranger = scim.send(&with(&scim.request("GET", "/Users"), None)).await.expect(401);
        assert_eq!(stranger.header("www-authenticate"), Some("Bearer"));
        let expected = seen(&stranger);
        let credentials = credentials(app).await;
        for route in ROUTES {
            let (request, _) = example(&scim, route, &robert);
            for (name, authorization) in &credentials {
                let answer = scim.send(&with(&request, authorization.as_deref())).await;
                assert_eq!(seen(&answer), expected, "{route:?}: {name}");
            }
        }
        assert_eq!(scim.get("/Users").await.expect(200).text(), before, "nothing has changed");
        assert_eq!(scim.count("Groups").await, 0);
    }

    // Were an example wrong, the matrix above would refuse something that does not exist.
    async fn with_a_token_every_route_does_its_work(app: &App) {
        let scim = app.scim(&app.furniture().onelogin);
        // The scheme is compared without case (RFC 9110 §11.1).
        for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
            let header = format!("{scheme} {}", scim.token);
            scim.send(&with(&scim.request("GET", "/Users"), Some(&header))).await.expect(200);
        }
        for (number, route) in ROUTES.iter().enumerate() {
            let name = format!("robert{number}");
            let made = id(&scim.user(&name).await);
            let (request, status) = example(&scim, route, &made);
            scim.send(&request).await.expect(status);
            for left in scim.find("Users", "userName pr").await {
                scim.delete(&format!("/Users/{}", id(&left))).await.expect(204);
            }
        }
    }

    async fn a_stranger_learns_nothing_from_what_else_is_wrong(app: &App) {
        let scim = app.scim(&app.furniture().onelogin);
        let expected = seen(&scim.send(&with(&scim.request("GET", "/Users"), None)).await.expect(401));
        let unknown = Scim { base: "/scim/unheard-of/v2".to_owned(), ..scim.clone() };
        let odd = Scim { base: "/scim/%00/v2".to_owned(), ..scim.clone() };
        for (name, authorization) in credentials(app).await {
            if name == "expired" {
                continue;
            }
            let large = scim.request("POST", "/Users").json(&json!({"userName": "x".repeat(60_000)}));
            for request in [
                scim.request("GET", "/Users/nobody"),
                scim.request("GET", "/Things"),
                scim.request("GET", "/Users/%00"),
                scim.request("GET", "/Users?filter=((("),
                scim.request("TRACE", "/Users"),
                scim.request("POST", "/Users").header("Content-Type", "application/scim+json").body("{"),
                large,
                Scim { base: scim.base.replace("v2", "v1"), ..scim.clone() }.request("GET", "/Users"),
                unknown.request("GET", "/Users"),
                unknown.request("POST", "/Users").json(&user("intruder")),
                odd.request("GET", "/Users"),
            ] {
                let answer = scim.send(&with(&request, authorization.as_deref())).await;
                assert_eq!(seen(&answer), expected, "{name}: {request}");
            }
        }
        // A good token does not tell either whether there is such an endpoint; and it is none in a URL.
        assert_eq!(seen(&unknown.get("/Users").await), expected);
        let in_query = format!("/Users?access_token={}", scim.token);
        assert_eq!(seen(&scim.send(&with(&scim.request("GET", &in_query), None)).await), expected);
    }

    async fn what_belongs_to_another_endpoint_does_not_exist(app: &App) {
        let (ours, theirs) = (app.generic(), app.scim(&app.furniture().foreign));
        let mut body = user("f0reigner");
        body["externalId"] = json!("f0reign");
        let their_user = theirs.post("/Users", &body).await.expect(201).json();
        let their_group = theirs.group("f0reigners", &[&id(&their_user)]).await;
        ours.group("Ours", &[&id(&ours.user("ours").await)]).await;

        for (resource, theirs) in [("Users", &their_user), ("Groups", &their_group)] {
            for route in ROUTES.iter().filter(|route| route.shape == Shape::Item) {
                let body = match route.operation {
                    Operation::Replace => json!({"userName": "ours2", "displayName": "Ours2"}),
                    _ => json!({"Operations": [{"op": "add", "path": "externalId", "value": "x"}]}),
                };
                let try_one = async |id: &str| {
                    let request = ours.request(route.method.as_str(), &format!("/{resource}/{id}"));
                    let request = if example_work(route).0.is_some() { request.json(&body) } else { request };
                    ours.send(&request).await.expect(404)
                };
                let (foreign, unheard_of) = (try_one(&id(theirs)).await, try_one("unheard-of").await);
                assert_eq!(seen(&foreign), seen(&unheard_of), "{route:?}");
            }
        }
        for (resource, filter) in [
            ("Users", format!("id eq \"{}\"", id(&their_user))),
            ("Users", "userName eq \"f0reigner\"".to_owned()),
            ("Users", "userName sw \"f0\"".to_owned()),
            ("Users", "externalId eq \"f0reign\"".to_owned()),
            ("Users", "emails.value eq \"f0reigner@example.com\"".to_owned()),
            ("Users", format!("groups.value eq \"{}\"", id(&their_group))),
            ("Groups", format!("id eq \"{}\"", id(&their_group))),
            ("Groups", "displayName eq \"f0reigners\"".to_owned()),
            ("Groups", format!("members.value eq \"{}\"", id(&their_user))),
            ("", format!("id eq \"{}\" or externalId eq \"f0reign\"", id(&their_user))),
        ] {
            assert_eq!(ours.find(resource, &filter).await, [] as [Value; 0], "{filter}");
        }
        for path in ["/", "/Users", "/Groups", "/Users?sortBy=userName", "/?filter=id+pr", "/Users?cursor="] {
            let list = ours.get(path).await.expect(200).text();
            for marker in ["f0reign", &id(&their_user), &id(&their_group)] {
                assert!(!list.contains(marker), "{path}: {list}");
            }
        }
        assert_eq!((ours.count("Users").await, ours.count("Groups").await), (1, 1));

        let bulk = json!({"Operations": [
            {"method": "DELETE", "path": format!("/Users/{}", id(&their_user))},
            {"method": "PUT", "path": format!("/Groups/{}", id(&their_group)), "data": {"displayName": "Ours3"}},
        ]});
        let done = ours.post("/Bulk", &bulk).await.expect(200).json();
        for operation in done["Operations"].as_array().expect("results") {
            assert_eq!(text(&operation["status"]), "404", "{operation}");
        }
        let user = theirs.get(&format!("/Users/{}", id(&their_user))).await.expect(200).json();
        assert_eq!(
            (&user["userName"], &user["groups"][0]["value"]),
            (&json!("f0reigner"), &their_group["id"])
        );
        let alone = theirs.get(&format!("/Users/{}?excludedAttributes=groups", id(&their_user))).await;
        assert_eq!(alone.expect(200).json()["meta"]["version"], their_user["meta"]["version"]);
    }

    async fn a_cursor_of_another_endpoint_leads_nowhere(app: &App) {
        let (ours, theirs) = (app.generic(), app.scim(&app.furniture().foreign));
        for name in ["a", "b", "c"] {
            ours.user(name).await;
            theirs.user(name).await;
        }
        let page = theirs.get("/Users?cursor=&count=1").await.expect(200).json();
        let cursor = text(&page["nextCursor"]);
        theirs.get(&format!("/Users?cursor={cursor}&count=1")).await.expect(200);
        let error = ours.get(&format!("/Users?cursor={cursor}&count=1")).await.expect(400).json();
        assert_eq!(error["scimType"], "invalidCursor");
    }
}
