//! Operators in the console: made by a link, changed, disabled, reset; and a password of one's own.

use std::time::Duration;

use serde_json::json;

use crate::api::Api;
use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::{Console, Page};
use crate::support::furniture::PASSWORD;
use crate::support::scim::text;

const OTHER: &str = "another-staple-for-the-horse-7";
const HOUR: Duration = Duration::from_secs(3600);

async fn signed_in(app: &App, name: &str, password: &str) -> Console {
    let mut console = app.console();
    assert_eq!(console.sign_in(name, password).await.path, "/admin/", "{name}");
    console
}

async fn is_inside(console: &mut Console) -> bool {
    console.visit("/admin/").await.path == "/admin/"
}

/// The path of the link on a page that shows it.
fn link(page: &Page) -> String {
    let html = page.html();
    let at = html.find("/setup/").unwrap_or_else(|| panic!("no link: {}", page.answer));
    html[at..at + "/setup/".len() + 32].to_owned()
}

async fn set_password(console: &mut Console, path: &str, password: &str) -> Page {
    let page = console.visit(path).await;
    assert_eq!(page.answer.status, 200, "{}", page.answer);
    let form = page.form_with("password").with("password", password).with("again", password);
    console.submit(&page, &form).await
}

async fn press(console: &mut Console, operator: &str, button: &str) -> Page {
    let page = console.visit(&format!("/admin/operators/{operator}")).await;
    console.submit(&page, &page.form_with(button)).await
}

both! {
    async fn an_operator_is_invited_and_sets_a_password(app: &App) {
        let mut owner = signed_in(app, "olivia", PASSWORD).await;
        let page = owner.visit("/admin/operators").await;
        let shown = owner.submit(&page, &page.form_with("Create operator").with("name", "Ann").with("role", "operator")).await;
        assert_eq!(shown.answer.status, 200, "{}", shown.answer);
        let path = link(&shown);
        assert!(!owner.visit("/admin/operators").await.html().contains("/setup/"), "shown once");
        assert_eq!(owner.submit(&page, &page.form_with("Create operator").with("name", "ANN")).await.answer.status, 422);
        assert_eq!(app.console().sign_in("Ann", "").await.answer.status, 422, "there is no password yet");
        assert_eq!(app.console().sign_in("Ann", PASSWORD).await.answer.status, 422);
        let refused = set_password(&mut app.console(), &path, "short").await;
        assert_eq!(refused.answer.status, 422, "a mistake does not use it up");
        let mut ann = app.console();
        let inside = set_password(&mut ann, &path, OTHER).await;
        assert_eq!(inside.path, "/admin/?done=set-up", "{}", inside.answer);
        assert!(is_inside(&mut ann).await);
        assert_eq!(app.console().visit(&path).await.answer.status, 404, "once");
        signed_in(app, "ann", OTHER).await;
        assert_eq!(ann.visit("/admin/operators").await.answer.status, 403);
        let listed = owner.visit("/admin/operators").await.text();
        assert!(listed.contains("Ann") && listed.contains("Operator"), "{listed}");
    }

    async fn a_link_ends_after_three_days_or_with_another_one(app: &App) {
        let made = app.program(&["operator", "create", "ben", "--role", "auditor", "--link", "--json"]).await.json();
        assert_eq!(made["status"], "invited");
        let path = |made: &serde_json::Value| {
            let url = text(&made["setup_url"]);
            url[url.find("/setup/").unwrap()..].to_owned()
        };
        let first = path(&made);
        assert_eq!(app.console().visit(&first).await.answer.status, 200);
        let reset = ["operator", "reset-password", "ben", "--link", "--json"];
        let second = path(&app.program(&reset).await.json());
        assert_eq!(app.console().visit(&first).await.answer.status, 404);
        app.advance(HOUR * 71);
        assert_eq!(app.console().visit(&second).await.answer.status, 200);
        app.advance(HOUR * 2);
        assert_eq!(app.console().visit(&second).await.answer.status, 404);
        let third = path(&app.program(&reset).await.json());
        app.program(&["operator", "disable", "ben"]).await.done();
        assert_eq!(app.console().visit(&third).await.answer.status, 404, "a disabled account has none");
        // Two who open one at the same time: one of them sets the password.
        let api = Api::owner(app);
        let made = api.post("/operators", &json!({"name": "Cy", "role": "admin"})).await.expect(201).json();
        let both = path(&made);
        let (mut one, mut two) = (app.console(), app.console());
        let (_, _) = tokio::join!(set_password(&mut one, &both, OTHER), set_password(&mut two, &both, PASSWORD));
        let inside = [is_inside(&mut one).await, is_inside(&mut two).await];
        assert_eq!(inside.iter().filter(|inside| **inside).count(), 1, "{inside:?}");
    }

    async fn an_operator_is_changed_disabled_and_let_in_again(app: &App) {
        let create = ["operator", "create", "ann", "--role", "operator", "--password-stdin"];
        program_with_input(app, &create, OTHER).done();
        let (mut owner, mut ann) = (signed_in(app, "olivia", PASSWORD).await, signed_in(app, "ann", OTHER).await);
        let page = owner.visit("/admin/operators/ann").await;
        let changed = owner.submit(&page, &page.form_with("Change role").with("role", "auditor")).await;
        assert!(changed.text().contains("The role is changed"), "{}", changed.answer);
        assert!(!ann.visit("/admin/").await.html().contains("/admin/endpoints/new"), "from the next request on");
        assert!(press(&mut owner, "ann", "End all sessions").await.text().contains("sessions of the operator are ended"));
        assert!(!is_inside(&mut ann).await);
        let mut ann = signed_in(app, "ann", OTHER).await;
        assert!(press(&mut owner, "ann", "Disable account").await.text().contains("The account is disabled"));
        assert!(!is_inside(&mut ann).await);
        assert_eq!(app.console().sign_in("ann", OTHER).await.answer.status, 422);
        assert!(press(&mut owner, "ann", "Enable account").await.text().contains("switched on"));
        let mut ann = signed_in(app, "ann", OTHER).await;
        let reset = press(&mut owner, "ann", "Reset and make a link").await;
        assert!(!is_inside(&mut ann).await);
        assert_eq!(app.console().sign_in("ann", OTHER).await.answer.status, 422, "the former password is gone");
        let mut ann = app.console();
        assert_eq!(set_password(&mut ann, &link(&reset), PASSWORD).await.path, "/admin/?done=set-up");
        // The only owner stays, whatever is tried.
        for (button, form) in [("Disable account", "disable"), ("Change role", "role")] {
            let page = owner.visit("/admin/operators/olivia").await;
            let wanted = page.form_with(button);
            let wanted = if form == "role" { wanted.with("role", "auditor") } else { wanted };
            let refused = owner.submit(&page, &wanted).await;
            assert_eq!(refused.answer.status, 422, "{form}: {}", refused.answer);
            assert!(refused.text().contains("only owner"), "{}", refused.text());
        }
        assert!(!owner.visit("/admin/operators/olivia").await.html().contains("Reset and make a link"));
    }

    async fn an_invited_owner_does_not_count(app: &App) {
        signed_in(app, "olivia", PASSWORD).await;
        app.program(&["operator", "create", "later", "--role", "owner", "--link"]).await.done();
        let refused = app.program(&["operator", "disable", "olivia"]).await;
        assert!(refused.refused().contains("only owner"), "{refused:?}");
        let refused = app.program(&["operator", "set-role", "olivia", "--role", "admin"]).await;
        assert!(refused.refused().contains("only owner"), "{refused:?}");
        app.program(&["operator", "disable", "later"]).await.done();
    }

    async fn ones_own_password_is_changed(app: &App) {
        let (mut one, mut other) = (signed_in(app, "olivia", PASSWORD).await, signed_in(app, "olivia", PASSWORD).await);
        let page = one.visit("/admin/account").await;
        let form = page.form_with("current").with("password", OTHER).with("again", OTHER);
        for (current, password, again, field) in [
            ("wrong-one-for-sure", OTHER, OTHER, "current"), (PASSWORD, "short", "short", "password"), (PASSWORD, OTHER, PASSWORD, "again"),
        ] {
            let form = form.clone().with("current", current).with("password", password).with("again", again);
            let refused = one.submit(&page, &form).await;
            assert_eq!(refused.answer.status, 422, "{}", refused.answer);
            assert!(refused.html().contains(&format!("id=\"{field}-error\"")), "{field}: {}", refused.answer);
            assert!(!refused.html().contains(PASSWORD) && !refused.html().contains(OTHER));
        }
        assert!(is_inside(&mut other).await);
        let done = one.submit(&page, &form.with("current", PASSWORD)).await;
        assert!(done.text().contains("Your password is changed"), "{}", done.answer);
        assert!(is_inside(&mut one).await && !is_inside(&mut other).await);
        assert_eq!(app.console().sign_in("olivia", PASSWORD).await.answer.status, 422);
        signed_in(app, "olivia", OTHER).await;
        // An API key goes on: it has nothing to do with the password.
        Api::owner(app).get("/me").await.expect(200);
    }

    async fn all_of_it_through_the_api(app: &App) {
        let owner = Api::owner(app);
        let made = owner.post("/operators", &json!({"name": "Dora", "role": "operator"})).await.expect(201).json();
        assert_eq!((&made["status"], &made["role"]), (&json!("invited"), &json!("operator")));
        let url = text(&made["setup_url"]);
        assert!(url.starts_with(&format!("http://{}/setup/", app.address())), "{url}");
        assert!(!owner.get("/operators/Dora").await.expect(200).text().contains("setup_url"));
        let mut dora = app.console();
        set_password(&mut dora, &url[url.find("/setup/").unwrap()..], OTHER).await;
        assert!(is_inside(&mut dora).await);
        let key = app.program(&["operator", "key", "issue", "Dora", "--json"]).await.json();
        let hers = owner.with_key(&text(&key["secret"]));
        app.until(&hers.request("GET", "/me"), 200).await;
        assert_eq!(owner.patch("/operators/Dora", &json!({"role": "auditor"})).await.expect(200).json()["role"], "auditor");
        hers.post("/endpoints", &json!({"name": "x"})).await.expect(403);
        owner.send(&owner.request("POST", "/operators/Dora/sign-out")).await.expect(204);
        assert!(!is_inside(&mut dora).await);
        owner.send(&owner.request("POST", "/operators/Dora/disable")).await.expect(200);
        hers.get("/me").await.expect(401);
        let on = owner.send(&owner.request("POST", "/operators/Dora/enable")).await.expect(200).json();
        assert_eq!(on["status"], "active");
        hers.get("/me").await.expect(401);
        let reset = owner.post("/operators/Dora/reset-password", &json!({})).await.expect(200).json();
        assert_eq!(reset["status"], "invited");
        assert!(reset["setup_url"].is_string(), "{reset}");
        owner.patch("/operators/olivia", &json!({"role": "admin"})).await.expect(409);
        let answer = owner.patch("/operators/Dora", &json!({"role": "king"})).await.expect(422);
        assert_eq!(answer.json()["errors"][0]["pointer"], "/role");
    }
}
