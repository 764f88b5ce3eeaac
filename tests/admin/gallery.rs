//! Pictures of an installation as its people have it: several customers, made-up people, a history. They are written to
//! `target/screenshots/gallery-*.png`, and are those of the README.

use std::time::Duration;

use serde_json::json;

use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::scim::{ENTERPRISE, GROUP, Scim, USER, id, text};

const HOUR: Duration = Duration::from_secs(3600);

/// Name, preset, customer, people.
const ENDPOINTS: [(&str, &str, &str, &str); 5] = [
    ("Acme OneLogin", "onelogin", "Acme Ltd", "1240"),
    ("Globex Okta", "okta", "Globex Corporation", "412"),
    ("Initech Entra ID", "entra", "Initech", "96"),
    ("Hooli JumpCloud", "jumpcloud", "Hooli", "38"),
    ("Umbrella SailPoint", "sailpoint", "Umbrella Health", "0"),
];

/// Makes an endpoint and gives a client of it.
async fn endpoint(app: &App, (name, idp, tenant, people): (&str, &str, &str, &str)) -> (String, Scim) {
    let create = ["endpoint", "create", name, "--idp", idp, "--tenant", tenant, "--json"];
    let made = app.program(&create).await.json();
    let slug = text(&made["slug"]);
    if people != "0" {
        app.program(&["seed", &slug, "--users", people, "--groups", "9", "--members", "24"]).await.done();
    }
    let token = text(&made["token"]["secret"]);
    let scim = Scim { address: app.address(), base: format!("/scim/{slug}/v2"), token };
    (slug, scim)
}

/// The life of one person, with days between its steps.
async fn robert(app: &App, scim: &Scim) -> String {
    let body = json!({
        "schemas": [USER, ENTERPRISE], "userName": "robertt", "externalId": "187203948",
        "name": {"givenName": "Robert", "familyName": "Tail", "formatted": "Robert Tail"}, "displayName": "Robert Tail",
        "title": "Technician", "emails": [{"value": "robert.tail@acme.example", "type": "work", "primary": true}],
        "phoneNumbers": [{"value": "+44 20 7946 0018", "type": "work"}],
        "addresses": [{"streetAddress": "12 Foundry Lane", "locality": "Sheffield", "postalCode": "S1 4QT", "country": "GB", "type": "work"}],
        (ENTERPRISE): {"department": "Operations", "employeeNumber": "0004711", "costCenter": "2200"},
    });
    let robert = id(&scim.post("/Users", &body).await.expect(201).json());
    app.advance(20 * HOUR);
    for name in ["Vault Operators", "Night Shift"] {
        let group = json!({"schemas": [GROUP], "displayName": name});
        let group = id(&scim.post("/Groups", &group).await.expect(201).json());
        let join = json!([{"op": "add", "path": "members", "value": [{"value": robert}]}]);
        scim.patch(&format!("/Groups/{group}"), join).await;
        app.advance(9 * HOUR);
    }
    let rename = json!([{"op": "replace", "value": {"userName": "robertty", "title": "Senior Technician"}}]);
    scim.patch(&format!("/Users/{robert}"), rename).await.expect(200);
    robert
}

#[tokio::test]
async fn an_installation_as_its_people_have_it() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::new(Backend::Sqlite).await.expect("SQLite is always there");
    let create = ["operator", "create", "olivia", "--role", "owner", "--password-stdin"];
    crate::ops::program_with_input(&app, &create, PASSWORD).done();
    let mut all = Vec::new();
    for one in ENDPOINTS {
        all.push(endpoint(&app, one).await);
    }
    let (slug, scim) = all[0].clone();
    app.until(&scim.request("GET", "/ServiceProviderConfig"), 200).await;
    app.program(&["token", "issue", &slug, "--label", "monitoring, reads only", "--scope", "read"])
        .await
        .done();
    let robert = robert(&app, &scim).await;
    app.advance(3 * HOUR);
    for (_, scim) in &all[..4] {
        for _ in 0..7 {
            scim.get("/Users?count=1").await.expect(200);
        }
    }
    scim.send(&scim.request("GET", "/Users").bearer(&format!("{}x", scim.token))).await.expect(401);
    app.program(&["endpoint", "pause", &all[3].0]).await.done();
    browser.goto(&format!("http://{}/admin/sign-in", app.address())).await;
    browser.fill("name", "olivia").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.wait_for_text("Endpoints").await;
    let at = |page: &str| format!("/admin/endpoints/{slug}/{page}");
    // The counts of the hour are written every three seconds.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    for (name, path) in [
        ("overview", "/admin/".to_owned()),
        ("connect", at("connect")),
        ("tokens", at("tokens")),
        ("users", at("users")),
        ("user", at(&format!("users/{robert}"))),
        ("groups", at("groups")),
        ("activity", at("activity")),
        ("requests", at("requests")),
        ("evidence", at("evidence")),
        ("settings", at("settings")),
        ("audit", "/admin/audit".to_owned()),
        ("system", "/admin/system".to_owned()),
    ] {
        browser.goto(&format!("http://{}{path}", app.address())).await;
        browser.shot(&format!("gallery-{name}")).await;
    }
    browser.assert_clean();
    app.stop().await;
}
