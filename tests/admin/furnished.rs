//! A console with something on every page, and the address of each page in it.

use std::time::Duration;

use endpoint_admin::{Method, ROUTES};
use serde_json::json;

use crate::api::Api;
use crate::idp::player::Player;
use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::receiver::Receiver;
use crate::support::scim::{ENTERPRISE, GROUP, Scim, USER, id, text, user};

const ONELOGIN: &str = include_str!("../fixtures/idp/onelogin-our-template.json");
const HOUR: Duration = Duration::from_secs(3600);

/// What stands in the addresses of pages.
pub(crate) struct Furnished {
    pub(crate) app: App,
    user: String,
    hidden: String,
    deleted: String,
    group: String,
    empty_group: String,
    webhook: String,
    target: String,
    refused: String,
    changed: String,
    link: String,
    verified: String,
    failed: String,
}

/// A page to look at.
pub(crate) struct Page {
    /// The name of its picture.
    pub(crate) name: &'static str,
    pub(crate) path: String,
}

impl Furnished {
    pub(crate) async fn new() -> Self {
        let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
        let scim = app.scim(&app.furniture().onelogin);
        let deleted = play(&scim).await;
        let (user, group) = people(&scim).await;
        let empty_group = id(&scim.group("Nobody yet", &[]).await);
        let hidden = hidden(&app, &scim).await;
        let create = ["operator", "create", "ottokar", "--role", "operator", "--password-stdin"];
        program_with_input(&app, &create, PASSWORD).done();
        for options in [&["--may-issue-token"][..], &["--expires-in", "1h"]] {
            let link = [&["endpoint", "guest-link", &app.furniture().onelogin.slug], options].concat();
            app.program(&link).await.done();
        }
        app.program(&["operator", "create", "ines", "--role", "auditor", "--link"]).await.done();
        app.program(&["endpoint", "pause", &app.furniture().generic.slug]).await.done();
        // So that something on the pages lies further back than just now.
        app.advance(3 * HOUR);
        failures(&app, &scim).await;
        let webhook = webhook(&app, &scim).await;
        oddities(&scim).await;
        strangers(&app).await;
        let target = target(&app);
        let (refused, changed, link) = requests(&app, &scim, &group).await;
        let (verified, failed) = verifications(&app).await;
        Self {
            app,
            user,
            hidden,
            deleted,
            group,
            empty_group,
            webhook,
            target,
            refused,
            changed,
            link,
            verified,
            failed,
        }
    }

    /// The pages of every line of the table; one that is new there has to be named here.
    pub(crate) fn pages(&self) -> Vec<Page> {
        let mut pages = Vec::new();
        for route in ROUTES.iter().filter(|route| route.method == Method::Get) {
            for (name, path) in self.addresses(route.path) {
                pages.push(Page { name, path });
            }
        }
        pages
    }

    fn addresses(&self, route: &str) -> Vec<(&'static str, String)> {
        let furniture = self.app.furniture();
        let at = |id: &str| {
            let path = route.replace("{slug}", &furniture.onelogin.slug);
            let path = path.replace("{webhook}", &self.webhook).replace("{target}", &self.target);
            path.replace("{id}", id)
                .replace("{operator}", "ottokar")
                .replace("{token}", &furniture.onelogin.token_id)
        };
        let of = |slug: &str| route.replace("{slug}", slug);
        let search = |query: &str| format!("{}?{query}", at(""));
        let Self { user, hidden, deleted, group, empty_group, .. } = self;
        let foreign = &furniture.foreign.slug;
        if matches!(route, "/" | "/admin" | "/admin/endpoints/{slug}") {
            // They lead to pages that stand below.
            return vec![];
        }
        match route.strip_prefix("/admin").unwrap_or(route) {
            "/setup/{code}" => vec![("set-up-used", "/setup/used-before".to_owned())],
            // A file, and a part of a page.
            "/assets/{hash}/{file}"
            | "/endpoints/{slug}/export"
            | "/file"
            | "/endpoints/{slug}/connect/progress"
            | "/endpoints/{slug}/requests/latest"
            | "/endpoints/{slug}/requests/file"
            | "/endpoints/{slug}/activity/latest"
            | "/endpoints/{slug}/activity/file"
            | "/endpoints/{slug}/tokens/{token}/rotate/progress" => vec![],
            "/sign-in" => vec![("sign-in", at(""))],
            "/account" => vec![("account", at(""))],
            "/operators" => vec![("operators", at("")), ("operators-search", search("q=nobody"))],
            "/operators/{operator}" => vec![
                ("operator", at("")),
                ("operator-me", route.replace("{operator}", &furniture.owner)),
                ("operator-invited", route.replace("{operator}", "ines")),
            ],
            "/system" => vec![("system", at(""))],
            "/audit" => vec![
                ("audit", at("")),
                ("audit-verified", search("verify=1&action=token.issue")),
                ("audit-none", search("q=nothing+like+that&from=2026-01-01&to=2099-12-31")),
            ],
            // Files.
            "/audit/file" => vec![],
            files if files.contains("/files/") => vec![],
            "/" => vec![
                ("overview", at("")),
                ("overview-search", search("q=nothing")),
                ("overview-sorted", search("sort=-users&idp=onelogin")),
                ("no-such-page", "/admin/nowhere".to_owned()),
            ],
            "/bin" => vec![("bin", at("")), ("bin-search", search("q=nothing"))],
            "/endpoints/new" => vec![("new-endpoint", at(""))],
            "/endpoints/{slug}/connect" => vec![
                ("connect", at("")),
                ("connect-paused", of(&furniture.generic.slug)),
                ("connect-okta", of(foreign)),
                ("no-such-endpoint", of("nowhere")),
            ],
            "/endpoints/{slug}/activity" => vec![
                ("activity", at("")),
                ("activity-none", of(foreign)),
                ("activity-filtered", search("kind=deleted&actor=nobody")),
            ],
            "/endpoints/{slug}/guest-links" => {
                vec![("guest-links", at("")), ("guest-links-none", of(foreign))]
            }
            // Looked at by the walk of a guest.
            "/guest/" | "/guest/progress" => vec![],
            "/guest/request/{code}" => vec![("request-guest", self.link.clone())],
            "/guest/open/{code}" => vec![("guest-used", "/guest/open/used-before".to_owned())],
            "/endpoints/{slug}/tokens" => vec![("tokens", at(""))],
            "/endpoints/{slug}/tokens/{token}/revoke" => vec![("revoke", at(""))],
            "/endpoints/{slug}/tokens/{token}/networks" => vec![("networks", at(""))],
            "/endpoints/{slug}/tokens/{token}/rotate" => vec![("rotate", at(""))],
            "/endpoints/{slug}/users" => vec![
                ("users", at("")),
                ("users-page-2", search("page=2&sort=-name")),
                ("users-search", search("q=nothing")),
                ("users-found", search("q=user0&sort=-changed")),
                ("users-inactive", search("state=inactive")),
                ("users-none", of(foreign)),
            ],
            "/endpoints/{slug}/users/{id}" => {
                vec![("user", at(user)), ("user-hidden", at(hidden)), ("user-deleted", at(deleted))]
            }
            "/endpoints/{slug}/groups" => {
                vec![("groups", at("")), ("groups-search", search("q=nothing")), ("groups-none", of(foreign))]
            }
            "/endpoints/{slug}/groups/{id}" => vec![
                ("group", at(group)),
                ("group-empty", at(empty_group)),
                ("group-found", format!("{}?q=user0", at(group))),
                ("group-search", format!("{}?q=nothing", at(group))),
            ],
            "/endpoints/{slug}/groups/{id}/delete" => vec![("group-delete", at(group))],
            "/endpoints/{slug}/requests" => vec![
                ("requests", at("")),
                ("requests-refused", search("outcome=refused")),
                ("requests-search", search("q=nothing-like-that")),
                ("requests-none", of("nobody-asked")),
            ],
            "/endpoints/{slug}/requests/{request}" => vec![
                ("request-refused", at("").replace("{request}", &self.refused)),
                ("request-changed", at("").replace("{request}", &self.changed)),
                ("request-forgotten", at("").replace("{request}", "0")),
            ],
            "/endpoints/{slug}/targets" => vec![("targets", at("")), ("targets-none", of(foreign))],
            "/endpoints/{slug}/targets/{target}" => vec![("target", at(""))],
            "/endpoints/{slug}/evidence" => vec![("evidence", at("")), ("evidence-none", of(foreign))],
            "/endpoints/{slug}/webhooks" => vec![("webhooks", at("")), ("webhooks-none", of(foreign))],
            "/endpoints/{slug}/webhooks/{webhook}" => {
                vec![("webhook", at("")), ("webhook-none", search("state=delivered&before=1.1.1"))]
            }
            "/endpoints/{slug}/verify" => {
                vec![("verify", at("")), ("verify-none", of(&furniture.generic.slug))]
            }
            "/endpoints/{slug}/verify/{verification}" => vec![
                ("verification", at("").replace("{verification}", &self.verified)),
                ("verification-failed", of(foreign).replace("{verification}", &self.failed)),
            ],
            // A file.
            "/endpoints/{slug}/verify/{verification}/file" => vec![],
            "/endpoints/{slug}/schema" => vec![
                ("schema", at("")),
                ("schema-none", of(foreign)),
                ("schema-draft", format!("{}?example=attribute", of(foreign))),
            ],
            "/endpoints/{slug}/settings" => {
                vec![("settings", at("")), ("settings-paused", of(&furniture.generic.slug))]
            }
            other => panic!("{other} is a page that nobody looks at: give it a name and an address here"),
        }
    }

    /// The address of a page by its name.
    pub(crate) fn path_of(&self, name: &str) -> String {
        let page = self.pages().into_iter().find(|page| page.name == name);
        page.unwrap_or_else(|| panic!("no page is called {name:?}")).path
    }

    pub(crate) async fn sign_in(&self, browser: &mut Browser) {
        browser.goto(&self.url("/admin/sign-in")).await;
        browser.fill("name", &self.app.furniture().owner).await;
        browser.fill("password", PASSWORD).await;
        browser.click("Sign in").await;
        browser.wait_for_text("Overview").await;
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address())
    }
}

/// One report where all is well, and one where a setting keeps the provider from its work.
async fn verifications(app: &App) -> (String, String) {
    let furniture = app.furniture();
    let verified = app.program(&["endpoint", "verify", &furniture.onelogin.slug, "--json"]).await.json();
    let foreign = &furniture.foreign.slug;
    app.program(&["endpoint", "set", foreign, "unknown-members=refuse", "group-names=free"]).await.done();
    let failed = app.program(&["endpoint", "verify", foreign, "--json"]).await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let failed: serde_json::Value = serde_json::from_str(&failed.stdout).expect("a report");
    (text(&verified["id"]), text(&failed["id"]))
}

/// An application behind the endpoint that does not answer.
fn target(app: &App) -> String {
    let slug = &app.furniture().onelogin.slug;
    let options =
        ["--kind", "secret-server", "--url", "http://127.0.0.1:9/SecretServer", "--username", "scimapp"];
    let all =
        [&["target", "add", slug], &options[..], &["--password-stdin", "--allow-http", "--json"]].concat();
    text(&program_with_input(app, &all, "a-password-of-the-vault-9\n").json()["id"])
}

/// One life from the test call to the deletion; gives back who was deleted.
async fn play(scim: &Scim) -> String {
    let mut player = Player::new(ONELOGIN, scim.address, &scim.base, &scim.token);
    player.play().await;
    player.variables.get("user_id").expect("he was created").to_owned()
}

/// More people than fit on a page, one of them with everything that is long, and a group of them all.
async fn people(scim: &Scim) -> (String, String) {
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(id(&scim.user(&format!("user{number:03}")).await));
    }
    let long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
    let mail = format!("{long}@example.com").replace('D', "d");
    let whole = json!({
        "schemas": [USER, ENTERPRISE], "userName": mail.clone(),
        "name": {"givenName": "Anne-Marie Josephine", "familyName": long, "formatted": format!("Anne-Marie {long}")},
        "displayName": format!("Anne-Marie {long}"), "title": "Head of very many things, and of some others besides",
        "emails": [{"value": mail.clone(), "type": "work", "primary": true},
            {"value": "am@example.org", "type": "home"}],
        "phoneNumbers": [{"value": "+43 1 234 567 890", "type": "mobile"}],
        "addresses": [{"streetAddress": "Donaustraße 1", "locality": "Wien", "postalCode": "1020", "country": "AT"}],
        "externalId": "0".repeat(120), "locale": "de-AT",
        (ENTERPRISE): {"department": "Ships", "employeeNumber": "4711", "manager": {"value": ids[0]}},
    });
    let user = id(&scim.post("/Users", &whole).await.expect(201).json());
    let changes = json!([{"op": "replace", "value": {"displayName": "Anne-Marie", "nickName": "Am", "active": false}},
        {"op": "remove", "path": "title"}]);
    scim.patch(&format!("/Users/{user}"), changes).await;
    scim.patch(&format!("/Users/{user}"), json!([{"op": "replace", "path": "active", "value": true}])).await;
    ids.push(user.clone());
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let group = id(&scim.group(&format!("Everybody in the {long}"), &members).await);
    let nested =
        json!({"schemas": [GROUP], "displayName": "Groups in groups", "members": [{"value": group}]});
    scim.post("/Groups", &nested).await.expect(201);
    (user, group)
}

/// Somebody who was deleted while the policy keeps him, and a resource type of the endpoint's own.
async fn hidden(app: &App, scim: &Scim) -> String {
    let mut console = app.console();
    console.sign_in(&app.furniture().owner, PASSWORD).await;
    let endpoint = format!("/admin/endpoints/{}", app.furniture().onelogin.slug);
    let page = console.visit(&format!("{endpoint}/settings")).await;
    let form = page.form_with("name=\"delete\"").with("delete", "deactivate");
    console.submit(&page, &form).await.answer.expect(200);
    let page = console.visit(&format!("{endpoint}/schema?example=type")).await;
    console.submit(&page, &page.form_with("Save schema")).await.answer.expect(200);
    let gone = id(&scim.user("zz-hidden").await);
    scim.delete(&format!("/Users/{gone}")).await.expect(204);
    gone
}

/// A webhook whose receiver takes some and not all, with a second secret, and another one that is paused.
async fn webhook(app: &App, scim: &Scim) -> String {
    let receiver = Receiver::start().await;
    let (slug, api) = (&app.furniture().onelogin.slug, Api::owner(app));
    let path = format!("/endpoints/{slug}/webhooks");
    let body = json!({"url": receiver.url, "label": "Payroll, with a rather long label that somebody thought of", "scope": "tenant"});
    let hook = text(&api.post(&path, &body).await.expect(201).json()["id"]);
    api.post(&format!("{path}/{hook}/rotate"), &json!({"signature": "ed25519"})).await.expect(201);
    let other = json!({"url": "https://hooks.example.com/scim", "types": ["user.*", "member.added"]});
    let other = text(&api.post(&path, &other).await.expect(201).json()["id"]);
    api.send(&api.request("POST", &format!("{path}/{other}/pause"))).await.expect(200);
    receiver.answer(&[200, 503]);
    api.send(&api.request("POST", &format!("{path}/{hook}/test"))).await.expect(200);
    scim.user("sent-again").await;
    receiver.until("refused", |came| came.len() == 2).await;
    hook
}

/// Attempts that fail, each for another reason.
async fn failures(app: &App, scim: &Scim) {
    let furniture = app.furniture();
    let probe = scim.request("GET", "/Users");
    for token in [&furniture.revoked, &furniture.foreign.token, &"x".repeat(200)] {
        scim.send(&probe.clone().bearer(token)).await.expect(401);
    }
    scim.send(&probe.without_header("Authorization")).await.expect(401);
    scim.send(&scim.request("GET", "/Userz")).await.expect(404);
    let reader = scim.with_token(&furniture.read_only);
    reader.delete("/Users/nobody").await.expect(403);
}

/// What a provider does that the standard does not say, and in words that are another provider's.
async fn oddities(scim: &Scim) {
    let mut body = user("oddity");
    body["favouriteColour"] = json!("blue");
    body["urn:example:a-schema-with-a-rather-long-name-that-nobody-knows:2.0:User"] = json!({"size": 3});
    let request = scim.request("POST", "/Users").header("User-Agent", "Okta SCIM Client 1.0.0").json(&body);
    let odd = id(&scim.send(&request).await.expect(201).json());
    scim.patch(&format!("/Users/{odd}"), json!([{"op": "Replace", "path": "active", "value": "False"}]))
        .await;
}

/// A refusal, a change with members, and a link that shows the refusal outside.
async fn requests(app: &App, scim: &Scim, group: &str) -> (String, String, String) {
    let refused = scim.post("/Users", &user("user000")).await.expect(409);
    let refused = crate::requests::logged(app, &refused).await;
    let more = id(&scim.user("one-more").await);
    let members = json!([{"op": "Add", "path": "members", "value": [{"value": more}]}]);
    let changed = crate::requests::logged(app, &scim.patch(&format!("/Groups/{group}"), members).await).await;
    app.program(&["endpoint", "create", "Nobody asked"]).await.done();
    let path = format!("/endpoints/{}/requests/{refused}/links", app.furniture().onelogin.slug);
    let api = Api::owner(app);
    let url = text(&api.send(&api.request("POST", &path)).await.expect(201).json()["url"]);
    let link = url[url.find("/guest/").expect("a link")..].to_owned();
    (refused, changed, link)
}

/// OneLogin calls the endpoint that is set up for Okta.
async fn strangers(app: &App) {
    let scim = app.scim(&app.furniture().foreign);
    for _ in 0..5 {
        let request = scim.request("GET", "/Users?filter=userName+eq+%22x%22&");
        scim.send(&request.header("User-Agent", "OneLogin SCIM")).await.expect(200);
    }
}
