//! The console for operators who are limited to tenants: every page and form of an endpoint of another one is not there.

use endpoint_admin::{Method, ROUTES};

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::Request;
use crate::support::scim::{Scim, id, text};

/// An admin who is limited, signed in, with the token of the session's forms.
async fn limited(app: &App) -> (Console, String) {
    let create = ["operator", "create", "lena", "--role", "admin", "--password-stdin"];
    program_with_input(app, &create, PASSWORD).done();
    let set = app
        .program(&["operator", "set-tenants", "lena", "--tenant", "Acme", "--tenant", "acme", "--json"])
        .await;
    assert_eq!(set.json()["tenants"], serde_json::json!(["Acme"]));
    let mut console = app.console();
    assert_eq!(console.sign_in("lena", PASSWORD).await.path, "/admin/");
    let page = console.visit("/admin/").await;
    let form = page.form_with("Sign out");
    let csrf = form.fields.iter().find(|field| field.name == "csrf").unwrap().value.clone();
    (console, csrf)
}

both! {
    async fn no_page_and_no_form_opens_an_endpoint_of_another_tenant(app: &App) {
        let made = app.program(&["endpoint", "create", "Hidden", "--tenant", "Umbrella", "--json"]).await.json();
        let scim = Scim { address: app.address(), base: "/scim/hidden/v2".into(), token: text(&made["token"]["secret"]) };
        app.until(&scim.request("GET", "/Users"), 200).await;
        let user = id(&scim.user("robertt").await);
        let group = id(&scim.group("Secret Keepers", &[&user]).await);
        let state = async || {
            let show = app.program(&["endpoint", "show", "hidden", "--json"]).await.json();
            let tokens = app.program(&["token", "list", "hidden", "--json"]).await.json();
            (show["settings"].clone(), show["status"].clone(), tokens["tokens"].as_array().map(Vec::len), scim.get("/Groups").await.json()["totalResults"].clone())
        };
        let before = state().await;
        let (mut console, csrf) = limited(app).await;
        let mut tried = 0;
        for route in ROUTES.iter().filter(|route| route.path.contains("{slug}")) {
            let subject = if route.path.contains("/users/") { &user } else { &group };
            let path = route.path.replace("{token}", &text(&made["token"]["id"])).replace("{id}", subject);
            let path = path.replace("{guest}", "nobody");
            for slug in ["hidden", "HIDDEN", "hi%64den", &text(&made["id"])] {
                let path = path.replace("{slug}", slug);
                let request = match route.method {
                    Method::Get => Request::new("GET", &path),
                    Method::Post => console.form_request(&path, &format!(
                        "csrf={csrf}&confirm=Hidden&name=Intruder&label=x&scope=write&status=disabled&idp=okta&definitions=%7B%7D&copy_name=X")),
                };
                let answer = console.send(request).await;
                assert_eq!(answer.status, 404, "{route:?} {slug}: {answer:#}");
                for secret in ["robertt", "Secret Keepers", "Umbrella"] {
                    assert!(!answer.text().contains(secret), "{route:?}: {answer:#}");
                }
            }
            tried += 1;
        }
        assert!(tried > 30, "{tried}");
        assert_eq!(state().await, before);
        // Their own are there.
        assert_eq!(console.visit("/admin/endpoints/generic/users").await.answer.status, 200);
    }

    async fn what_lists_shows_their_own(app: &App) {
        let made = app.program(&["endpoint", "create", "Hidden", "--tenant", "Umbrella", "--json"]).await.json();
        let scim = Scim { address: app.address(), base: "/scim/hidden/v2".into(), token: text(&made["token"]["secret"]) };
        app.until(&scim.request("GET", "/Users"), 200).await;
        // A token of the hidden endpoint comes to one of theirs: whose it is, is not said.
        let stray = app.generic().with_token(&scim.token);
        stray.get("/Users").await.expect(401);
        let (mut console, csrf) = limited(app).await;
        for path in ["/admin/", "/admin/?q=hid", "/admin/audit", "/admin/audit/file?format=ndjson", "/admin/bin", "/admin/endpoints/generic/connect"] {
            let page = console.visit(path).await;
            assert_eq!(page.answer.status, 200, "{path}: {}", page.answer);
            let html = page.html();
            assert!(!html.contains("Hidden") && !html.contains("/hidden") && !html.contains("Umbrella"), "{path}: {html}");
        }
        assert!(console.visit("/admin/audit").await.html().contains("generic"));
        app.program(&["endpoint", "delete", "hidden"]).await.done();
        assert!(!console.visit("/admin/bin").await.html().contains("Hidden"));
        let undelete = console.form_request("/admin/bin/undelete", &format!("csrf={csrf}&endpoint={}", text(&made["id"])));
        assert_eq!(console.send(undelete).await.status, 404);
        // A new endpoint is of one of their tenants.
        let page = console.visit("/admin/endpoints/new").await;
        let form = page.form_with("request_key").with("idp", "generic").with("name", "Mine");
        for tenant in ["", "Umbrella"] {
            let refused = console.submit(&page, &form.clone().with("tenant", tenant)).await;
            assert_eq!(refused.answer.status, 422, "{}", refused.answer);
            assert!(refused.text().contains("limited to tenants"), "{}", refused.text());
        }
        let made = console.submit(&page, &form.with("tenant", "acme")).await;
        assert!(made.text().contains("shown this once"), "{}", made.answer);
    }

    async fn the_limit_is_set_in_the_console(app: &App) {
        let (mut lena, _) = limited(app).await;
        let mut owner = app.console();
        owner.sign_in("olivia", PASSWORD).await;
        assert!(owner.visit("/admin/operators").await.text().contains("only Acme"));
        let page = owner.visit("/admin/operators/lena").await;
        let form = page.form_with("Change tenants").with("tenants", "Umbrella\r\n\r\n Initech ");
        let done = owner.submit(&page, &form).await;
        assert!(done.text().contains("only endpoints of Umbrella, Initech"), "{}", done.answer);
        assert_eq!(lena.visit("/admin/endpoints/generic/users").await.answer.status, 404, "from the next request on");
        let form = page.form_with("Change tenants").with("tenants", "");
        owner.submit(&page, &form).await;
        assert_eq!(lena.visit("/admin/endpoints/generic/users").await.answer.status, 200);
        assert!(!owner.visit("/admin/operators/olivia").await.html().contains("Change tenants"), "an owner sees everything");
    }
}
