//! The forms of the console: forged ones change nothing, auditors read only, and a token is shown once.

use endpoint_admin::{Access, Method, ROUTES};
use serde_json::Value;

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::{Console, Page};
use crate::support::furniture::PASSWORD;
use crate::support::html::tags;
use crate::support::http::{Answer, Request};
use crate::support::scim::text;

/// What the paths of the route table stand for here.
struct Places {
    user: String,
    group: String,
    webhook: String,
    target: String,
    request: String,
    verification: String,
}

impl Places {
    async fn make(app: &App) -> Self {
        let user = text(&app.generic().user("seen").await["id"]);
        let group = text(&app.generic().group("Seen", &[&user]).await["id"]);
        let slug = &app.furniture().generic.slug;
        let add = ["webhook", "add", slug, "--url", "https://hooks.example/", "--json"];
        let webhook = text(&app.program(&add).await.json()["id"]);
        let account = ["--kind", "secret-server", "--url", "http://127.0.0.1:9/", "--username", "scimapp"];
        let all = [&["target", "add", slug], &account[..], &["--allow-http", "--password-stdin", "--json"]];
        let target =
            text(&program_with_input(app, &all.concat(), "a-password-of-the-vault-9\n").json()["id"]);
        let request = crate::requests::logged(app, &app.generic().get("/Users").await).await;
        let verify = ["endpoint", "verify", slug, "--json"];
        let verification = text(&app.program(&verify).await.json()["id"]);
        Self { user, group, webhook, target, request, verification }
    }

    fn fill(&self, app: &App, pattern: &str) -> String {
        let id = if pattern.contains("/users/") { &self.user } else { &self.group };
        let generic = &app.furniture().generic;
        let path = pattern.replace("{slug}", &generic.slug).replace("{token}", &generic.token_id);
        let path = path
            .replace("{operator}", "arthur")
            .replace("{guest}", "nobody")
            .replace("{webhook}", &self.webhook)
            .replace("{target}", &self.target)
            .replace("{request}", &self.request)
            .replace("{link}", "nobody")
            .replace("{verification}", &self.verification)
            .replace("{id}", id)
            .replace("{code}", "0123456789abcdef0123456789abcdef");
        assert!(!path.contains('{'), "{pattern} has a place that this test does not know");
        path
    }

    /// Every form that somebody who is signed in may send, with a body that could do its work.
    fn forms(&self, app: &App, which: &[Access]) -> Vec<(String, String)> {
        let member = &self.user;
        let body = format!(
            "name=Changed&label=Changed&tenant=Changed&idp=okta&displayName=Changed&delete=deactivate&status=paused\
             &scope=write&expires=never&user={member}&member={member}&members={member}&confirm=first+token&theme=dark&role=admin&username=changed&threshold=5&length=20\
             &definitions=%7B%7D&copy_name=Changed&kind=scim&secret=changed&url=https%3A%2F%2Fchanged.example\
             &document=%7B%22format%22%3A%22scim-endpoint%2F1%22%2C%22name%22%3A%22Changed%22%2C%22idp%22%3A%22okta%22%7D"
        );
        let posts =
            ROUTES.iter().filter(|route| route.method == Method::Post && which.contains(&route.access));
        posts.map(|route| (self.fill(app, route.path), body.clone())).collect()
    }
}

/// All that a form of the console could change.
async fn state(app: &App) -> Vec<Value> {
    let slug = app.furniture().generic.slug.as_str();
    let mut all = Vec::new();
    for command in [
        &["endpoint", "list", "--json"][..],
        &["endpoint", "list", "--deleted", "--json"],
        &["endpoint", "schema", slug, "--json"],
        &["webhook", "list", slug, "--json"],
        &["operator", "list", "--json"],
    ] {
        all.push(app.program(command).await.json());
    }
    let tokens = app.program(&["token", "list", slug, "--json"]).await.json();
    let tokens = tokens["tokens"].as_array().unwrap().iter();
    all.extend(tokens.map(|token| serde_json::json!([token["id"], token["revoked_at"], token["label"]])));
    let targets = app.program(&["target", "list", slug, "--json"]).await.json();
    let targets = targets["targets"].as_array().unwrap().iter();
    all.extend(targets.map(|target| {
        serde_json::json!([target["id"], target["url"], target["imported_at"], target["username"]])
    }));
    for path in ["/Users", "/Groups"] {
        all.push(app.generic().get(path).await.expect(200).json()["Resources"].clone());
    }
    for endpoint in all[0]["endpoints"].as_array_mut().unwrap() {
        // Reading through SCIM, as this function does, is noticed there.
        endpoint["last_heard"] = Value::Null;
    }
    all
}

async fn signed_in(app: &App, name: &str) -> Console {
    let mut console = app.console();
    assert_eq!(console.sign_in(name, PASSWORD).await.path, "/admin/");
    console
}

/// The token that the forms of this session carry.
async fn csrf(console: &mut Console) -> String {
    let page = console.visit("/admin/").await;
    let form = page.form_with("Sign out");
    form.fields.iter().find(|field| field.name == "csrf").expect("forms have a token").value.clone()
}

/// Plain tokens on a page.
fn tokens_in(page: &Page) -> Vec<String> {
    let token = regex_lite::Regex::new("scim_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}").unwrap();
    let mut found: Vec<_> = token.find_iter(&page.html()).map(|one| one.as_str().to_owned()).collect();
    found.sort();
    found.dedup();
    found
}

const SIGNED_IN: [Access; 4] = [Access::Session, Access::SelfService, Access::System, Access::People];

both! {
    async fn a_form_without_the_token_of_the_session_is_refused(app: &App) {
        let places = Places::make(app).await;
        let (mut console, mut other) = (signed_in(app, "olivia").await, signed_in(app, "olivia").await);
        let stolen = csrf(&mut other).await;
        let own = csrf(&mut console).await;
        assert_ne!(own, stolen, "every session has its own");
        let before = state(app).await;
        for (path, body) in places.forms(app, &SIGNED_IN) {
            for token in ["", "&csrf=", "&csrf=wrong", &format!("&csrf={stolen}"), &format!("&csrf={}", &own[1..])] {
                let request = console.form_request(&path, &format!("{body}{token}"));
                let answer = console.send(request).await;
                assert_eq!(answer.status, 403, "{answer:#}");
                assert!(answer.text().contains("Nothing was changed"), "{answer:#}");
            }
        }
        assert_eq!(state(app).await, before);
        assert_eq!(console.visit("/admin/").await.path, "/admin/", "still signed in");
    }

    async fn a_form_of_another_site_is_refused(app: &App) {
        let places = Places::make(app).await;
        let mut console = signed_in(app, "olivia").await;
        let own = csrf(&mut console).await;
        let before = state(app).await;
        let mut all = places.forms(app, &[Access::Session, Access::SelfService, Access::People, Access::Public, Access::SetUp]);
        for (_, body) in &mut all {
            body.push_str(&format!("&csrf={own}&password={PASSWORD}&again={PASSWORD}"));
        }
        let origin = |request: Request, origin: &str| request.without_header("Sec-Fetch-Site").header("Origin", origin);
        for (path, body) in all {
            let form = console.form_request(&path, &body);
            let port = app.address().port();
            for forged in [
                origin(form.clone(), "https://evil.example"),
                origin(form.clone(), "null"),
                origin(form.clone(), &format!("http://127.0.0.1:{port}.evil.example")),
                origin(form.clone(), &format!("http://127.0.0.1:{}", port - 1)),
                form.clone().header("Sec-Fetch-Site", "cross-site"),
                form.clone().header("Sec-Fetch-Site", "same-site"),
            ] {
                let answer = console.send(forged).await;
                assert_eq!(answer.status, 403, "{answer:#}");
            }
        }
        assert_eq!(state(app).await, before);
    }

    async fn a_form_that_is_no_form_is_refused(app: &App) {
        let mut console = signed_in(app, "olivia").await;
        let own = csrf(&mut console).await;
        let before = state(app).await;
        let path = "/admin/endpoints/generic/status";
        let good = console.form_request(path, &format!("csrf={own}&status=paused"));
        for (request, status) in [
            (good.clone().header("Content-Type", "application/json"), 400),
            (good.clone().header("Content-Type", "multipart/form-data; boundary=x"), 400),
            (good.clone().without_header("Content-Type"), 400),
            (console.form_request(path, &format!("csrf={own}&status={}", "x".repeat(2_000_000))), 413),
        ] {
            let answer = console.send(request).await;
            assert_eq!(answer.status, status, "{answer:#}");
        }
        assert_eq!(state(app).await, before);
    }

    async fn an_auditor_reads_only(app: &App) {
        let places = Places::make(app).await;
        let create = ["operator", "create", "arthur", "--role", "auditor", "--password-stdin"];
        program_with_input(app, &create, PASSWORD).done();
        let mut console = signed_in(app, "arthur").await;
        let own = csrf(&mut console).await;
        let before = state(app).await;
        for (path, body) in places.forms(app, &[Access::Session, Access::People]) {
            let answer = console.send(console.form_request(&path, &format!("{body}&csrf={own}"))).await;
            assert_eq!(answer.status, 403, "{answer:#}");
            assert!(answer.text().contains("auditor"), "{answer:#}");
        }
        assert_eq!(state(app).await, before);
        for route in ROUTES.iter().filter(|route| route.method == Method::Get && route.access == Access::Session) {
            let page = console.visit(&places.fill(app, route.path)).await;
            assert!([200, 403].contains(&page.answer.status), "{route:?}: {}", page.answer);
        }
        assert_eq!(console.visit("/admin/endpoints/generic/users").await.answer.status, 200);
    }

    async fn pages_are_kept_nowhere_and_run_no_script_of_others(app: &App) {
        let places = Places::make(app).await;
        let mut console = signed_in(app, "olivia").await;
        for route in ROUTES.iter().filter(|route| route.method == Method::Get && !route.path.contains("assets")) {
            let mut browser = if route.access == Access::Public { app.console() } else { console.clone() };
            let page = browser.visit(&places.fill(app, route.path)).await;
            check_page(route.path, &page.answer);
        }
        let assets: Vec<_> = tags(&console.visit("/admin/").await.html())
            .into_iter()
            .filter_map(|tag| tag.attribute("src").or(tag.attribute("href")).map(str::to_owned))
            .filter(|path| path.contains("/assets/"))
            .collect();
        assert!(!assets.is_empty(), "the pages have a style");
        for path in assets {
            let asset = console.send(Request::new("GET", path.split('#').next().unwrap())).await.expect(200);
            let kept = asset.header("cache-control").unwrap_or_default();
            assert!(kept.contains("immutable"), "{path}: {kept}");
            assert_eq!(asset.header("x-content-type-options"), Some("nosniff"), "{path}");
        }
    }

    async fn a_new_endpoint_shows_its_token_once(app: &App) {
        let mut console = signed_in(app, "olivia").await;
        let page = console.visit("/admin/endpoints/new").await;
        let form = page.form_with("request_key").with("idp", "onelogin").with("name", "Acme Shown").with("tenant", "Acme");
        let shown = console.submit(&page, &form).await;
        let [token] = tokens_in(&shown).try_into().unwrap_or_else(|all| panic!("one token: {all:?}"));
        assert!(shown.html().contains("/scim/acme-shown/v2"));
        assert_eq!(shown.answer.header("cache-control"), Some("no-store"));
        let users = Request::new("GET", "/scim/acme-shown/v2/Users").bearer(&token);
        crate::support::http::send(app.address(), &users).await.expect(200);

        // Back, forward, and "send again?".
        let again = console.submit(&page, &form).await;
        assert_eq!((again.answer.status, tokens_in(&again)), (200, Vec::new()));
        assert!(again.text().contains("cannot be shown again"), "it says why: {}", again.text());
        for path in ["/admin/endpoints/acme-shown/connect", "/admin/endpoints/acme-shown/tokens", "/admin/"] {
            assert_eq!(tokens_in(&console.visit(path).await), Vec::<String>::new(), "{path}");
        }
        let list = app.program(&["token", "list", "acme-shown", "--json"]).await.json();
        assert_eq!(list["tokens"].as_array().map(Vec::len), Some(1), "{list}");
        let list = app.program(&["endpoint", "list", "--json"]).await.json();
        assert_eq!(list["endpoints"].as_array().map(Vec::len), Some(4), "{list}");
    }

    async fn an_issued_token_is_shown_once(app: &App) {
        let mut console = signed_in(app, "olivia").await;
        let page = console.visit("/admin/endpoints/generic/tokens").await;
        let form = page.form_with("request_key").with("label", "For the new server").with("scope", "read");
        let shown = console.submit(&page, &form).await;
        let [token] = tokens_in(&shown).try_into().unwrap_or_else(|all| panic!("one token: {all:?}"));
        assert_eq!(shown.answer.header("cache-control"), Some("no-store"));
        app.generic().with_token(&token).get("/Users").await.expect(200);
        let again = console.submit(&page, &form).await;
        assert_eq!((again.answer.status, tokens_in(&again)), (200, Vec::new()));
        let list = app.program(&["token", "list", "generic", "--json"]).await.json();
        assert_eq!(list["tokens"].as_array().map(Vec::len), Some(2), "{list}");
    }
}

fn check_page(path: &str, answer: &Answer) {
    let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{path} has no {name}"));
    let policy = header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
    assert_eq!(header("cache-control"), "no-store", "{path}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
    assert!(["same-origin", "no-referrer"].contains(&header("referrer-policy")), "{path}");
    assert!(!header("x-request-id").is_empty(), "{path}");
    for tag in tags(&answer.text()) {
        let inline = ["style", "onclick", "onload", "onsubmit", "onchange", "oninput", "onerror", "onfocus"];
        for name in inline {
            assert!(tag.attribute(name).is_none(), "{path}: <{} {name}=…>", tag.name);
        }
        assert!(tag.name != "style", "{path}: an inline style");
        assert!(tag.name != "script" || tag.attribute("src").is_some(), "{path}: an inline script");
        for link in ["src", "href", "action"].iter().filter_map(|name| tag.attribute(name)) {
            let own = link.starts_with(['/', '#', '?']) && !link.starts_with("//");
            assert!(own || tag.name == "a", "{path}: <{}> leads to {link}", tag.name);
        }
    }
}
