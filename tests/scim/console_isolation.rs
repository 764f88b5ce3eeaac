//! Every page of the console against every session that is none, generated from the table of pages.

use std::time::Duration;

use endpoint_admin::{Access, Method, ROUTES, Route};
use serde_json::Value;

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Answer, Request, send};
use crate::support::scim::{Scim, id, text};

/// What there is to see and to destroy.
struct Scene {
    scim: Scim,
    slug: String,
    token_id: String,
    user: String,
    group: String,
    operator: String,
    webhook: String,
    target: String,
    request: String,
    verification: String,
}

impl Scene {
    async fn new(app: &App) -> Self {
        let endpoint = &app.furniture().onelogin;
        let scim = app.scim(endpoint);
        let user = id(&scim.user("robertt").await);
        let request = crate::requests::logged(app, &scim.get(&format!("/Users/{user}")).await).await;
        let group = id(&scim.group("Secret Keepers", &[&user]).await);
        let operators = app.program(&["operator", "list", "--json"]).await.json();
        let operator = text(&operators["operators"][0]["id"]);
        let webhook = ["webhook", "add", &endpoint.slug, "--url", "https://hooks.example/", "--json"];
        let webhook = text(&app.program(&webhook).await.json()["id"]);
        let target = [
            &["target", "add", &endpoint.slug, "--kind", "scim", "--url", "http://127.0.0.1:9/"][..],
            &["--allow-http", "--token-stdin", "--json"],
        ]
        .concat();
        let target = text(&program_with_input(app, &target, "a-token-of-nobody\n").json()["id"]);
        let verify = ["endpoint", "verify", &endpoint.slug, "--json"];
        let verification = text(&app.program(&verify).await.json()["id"]);
        let (slug, token_id) = (endpoint.slug.clone(), endpoint.token_id.clone());
        Self { scim, slug, token_id, user, group, operator, webhook, target, request, verification }
    }

    /// A path for a page. One with something new in it has no example before it has one here.
    fn example_path(&self, route: &Route) -> String {
        let segments = route.path.split('/').map(|segment| match segment {
            "{slug}" => self.slug.as_str(),
            "{id}" if route.path.contains("/users/") => self.user.as_str(),
            "{id}" if route.path.contains("/groups/") => self.group.as_str(),
            "{token}" => self.token_id.as_str(),
            "{operator}" => self.operator.as_str(),
            "{guest}" => "nobody",
            "{webhook}" => self.webhook.as_str(),
            "{target}" => self.target.as_str(),
            "{request}" => self.request.as_str(),
            "{link}" => "no-link",
            "{verification}" => self.verification.as_str(),
            "{code}" => "made-up",
            "{hash}" => "0",
            "{file}" => "nothing.css",
            other if other.contains('{') => panic!("{route:?}: {other} needs an example here"),
            other => other,
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// A request to the page as the page itself would send it, but for the form's token.
    fn example(&self, route: &Route, console: &Console) -> Request {
        let path = self.example_path(route);
        match route.method {
            Method::Get => Request::new("GET", &path),
            Method::Post => console.form_request(
                &path,
                "csrf=0000&name=Intruder&copy_name=Intruder&document=%7B%7D&endpoint=nobody&password=correct-horse-battery-staple-1&again=correct-horse-battery-staple-1&status=disabled&idp=okta&role=admin\
                 &confirm=OneLogin&displayName=Intruders&label=intruder&scope=write&expires=never&delete=deactivate&theme=dark",
            ),
        }
    }

    /// Nothing of what only operators may know.
    #[track_caller]
    fn leaks_nothing(&self, app: &App, answer: &Answer, what: &str) {
        let everything = format!("{:?} {}", answer.headers, answer.text());
        let known = ["robertt", "Secret Keepers", "Acme", "olivia", "Foreign"].map(str::to_owned);
        for secret in known.iter().chain(&app.furniture().secrets()) {
            assert!(!everything.contains(secret.as_str()), "{what} shows {secret}: {answer:#}");
        }
    }
}

/// Everything that a form could have changed, as the command line and SCIM show it.
async fn state(app: &App, scene: &Scene) -> Vec<Value> {
    let mut state = vec![
        app.program(&["endpoint", "list", "--json"]).await.json(),
        app.program(&["endpoint", "show", &scene.slug, "--json"]).await.json()["settings"].clone(),
        app.program(&["operator", "list", "--json"]).await.json(),
        scene.scim.get("/Users").await.expect(200).json(),
        scene.scim.get("/Groups").await.expect(200).json(),
    ];
    let tokens = app.program(&["token", "list", &scene.slug, "--json"]).await.json();
    state.extend(tokens.as_array().into_iter().flatten().map(|token| token["id"].clone()));
    // How often a token was used is not what this is about.
    state.iter_mut().for_each(forget_use);
    state
}

fn forget_use(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|name, _| {
                !["last", "first", "requests", "tokens", "usage"].iter().any(|part| name.contains(part))
            });
            map.values_mut().for_each(forget_use);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_use),
        _ => {}
    }
}

async fn sign_in(app: &App) -> Console {
    let mut console = app.console();
    console.sign_in(&app.furniture().owner, PASSWORD).await;
    assert_eq!(console.cookies.len(), 1, "signed in: {:?}", console.cookies);
    console
}

fn cookie(console: &Console) -> String {
    console.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// Every cookie that opens nothing, with its name.
async fn cookies(app: &App) -> Vec<(&'static str, Option<String>)> {
    let mut gone = sign_in(app).await;
    let signed_out = cookie(&gone);
    let page = gone.visit("/admin/").await;
    let form = page.form_with("/admin/sign-out\"");
    gone.submit(&page, &form).await;
    let (name, value) = signed_out.split_once('=').expect("a cookie");
    vec![
        ("no cookie", None),
        ("an empty cookie", Some(format!("{name}="))),
        ("a made-up cookie", Some(format!("{name}={}", "0123456789abcdef".repeat(4)))),
        ("a long cookie", Some(format!("{name}={}", "f".repeat(4000)))),
        ("a bearer token", Some(format!("{name}={}", app.furniture().onelogin.token))),
        ("a cut cookie", Some(format!("{name}={}", &value[..value.len() - 1]))),
        ("a cookie signed out", Some(signed_out)),
    ]
}

fn with(request: &Request, cookie: Option<&str>) -> Request {
    match cookie {
        Some(cookie) => request.clone().header("Cookie", cookie),
        None => request.clone(),
    }
}

both! {
    async fn no_page_opens_without_a_session(app: &App) {
        let scene = Scene::new(app).await;
        let before = state(app, &scene).await;
        let console = app.console();
        let expired = cookie(&sign_in(app).await);
        for (name, cookie) in cookies(app).await.into_iter().chain([("expired", Some(expired))]) {
            if name == "expired" {
                app.advance(Duration::from_secs(13 * 3600));
            }
            for route in ROUTES {
                let request = with(&scene.example(route, &console), cookie.as_deref());
                let answer = send(app.address(), &request).await;
                let what = format!("{route:?} with {name}");
                scene.leaks_nothing(app, &answer, &what);
                assert!(answer.status < 500, "{what}: {answer:#}");
                match route.access {
                    Access::Public => {}
                    Access::SetUp | Access::Session | Access::Poll | Access::SelfService | Access::System | Access::People | Access::Guest => {
                        assert!(answer.status >= 300, "{what}: {answer:#}");
                        let leads_in =
                            answer.header("location").is_some_and(|to| !to.contains("/admin/sign-in"));
                        assert!(!leads_in, "{what}: {:?}", answer.headers);
                    }
                }
                if route.method == Method::Get && route.access != Access::Public {
                    let mut head = request;
                    head.method = "HEAD".to_owned();
                    assert!(send(app.address(), &head).await.status >= 300, "HEAD {what}");
                }
            }
        }
        assert_eq!(state(app, &scene).await, before, "nothing has changed");
    }

    // Were an example wrong, the matrix above would refuse something that does not exist.
    async fn with_a_session_every_page_is_there(app: &App) {
        let scene = Scene::new(app).await;
        let cookie = cookie(&sign_in(app).await);
        for route in ROUTES.iter().filter(|route| route.method == Method::Get) {
            let request = with(&scene.example(route, &app.console()), Some(&cookie));
            let answer = send(app.address(), &request).await;
            match route.access {
                Access::Session | Access::Poll | Access::System | Access::People => {
                    // A door leads on to one of its rooms.
                    let inside = answer.header("location").is_some_and(|to| to.contains(&scene.slug));
                    assert!(answer.status == 200 || inside, "{route:?}: {answer:#}");
                }
                Access::Public | Access::SetUp | Access::SelfService | Access::Guest => {
                    assert!(answer.status < 500, "{answer:#}");
                }
            }
        }
    }

    async fn no_form_is_taken_that_is_not_of_the_session(app: &App) {
        let scene = Scene::new(app).await;
        let before = state(app, &scene).await;
        let (console, cookie) = (app.console(), cookie(&sign_in(app).await));
        for route in ROUTES.iter().filter(|route| route.method == Method::Post) {
            let request = scene.example(route, &console);
            let elsewhere = request
                .clone()
                .header("Origin", "https://evil.example")
                .header("Sec-Fetch-Site", "cross-site");
            match route.access {
                Access::Session | Access::Poll | Access::SelfService | Access::System | Access::People | Access::Guest => {
                    for forged in [with(&request, Some(&cookie)), with(&elsewhere, Some(&cookie))] {
                        let answer = send(app.address(), &forged).await;
                        assert!((400..500).contains(&answer.status), "{route:?}: {answer:#}");
                    }
                }
                Access::Public | Access::SetUp => {
                    let answer = send(app.address(), &elsewhere).await;
                    assert!((400..500).contains(&answer.status), "{route:?}: {answer:#}");
                }
            }
        }
        assert_eq!(state(app, &scene).await, before, "nothing has changed");
        let page = send(app.address(), &with(&Request::new("GET", "/admin/"), Some(&cookie))).await;
        assert_eq!(page.status, 200, "and still signed in");
    }

    async fn a_bearer_token_is_no_session_and_a_session_no_bearer_token(app: &App) {
        let scene = Scene::new(app).await;
        let cookie = cookie(&sign_in(app).await);
        for route in ROUTES.iter().filter(|route| [Access::Session, Access::System, Access::People].contains(&route.access)) {
            let request = scene.example(route, &app.console()).bearer(&app.furniture().onelogin.token);
            let answer = send(app.address(), &request).await;
            scene.leaks_nothing(app, &answer, &format!("{route:?}"));
            assert!(answer.status >= 300, "{route:?}: {answer:#}");
        }
        let request =
            scene.scim.request("GET", "/Users").without_header("Authorization").header("Cookie", &cookie);
        scene.scim.send(&request).await.expect(401);
        let secret = cookie.split_once('=').expect("a cookie").1;
        scene.scim.with_token(secret).get("/Users").await.expect(401);
    }
}
