//! Every page and form of the console with every role, generated from the table of pages and the table of acts. The same
//! for the management API stands in `api/isolation.rs`; both ask one table, `Act::TABLE`.

use endpoint_admin::{Access, Method, ROUTES, Route};
use endpoint_store::operators::Role;

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Answer, Request};
use crate::support::scim::id;

/// A path for a page; one with something new in it has no example before it has one here.
fn path(app: &App, route: &Route, user: &str, group: &str) -> String {
    let endpoint = &app.furniture().generic;
    let id = if route.path.contains("/users/") { user } else { group };
    let path = route.path.replace("{slug}", &endpoint.slug).replace("{token}", &endpoint.token_id);
    let path = path.replace("{id}", id).replace("{operator}", "mary").replace("{guest}", "nobody");
    let path = path.replace("{webhook}", "nobody").replace("{target}", "nobody");
    let path = path.replace("{request}", "nobody").replace("{link}", "nobody");
    let path = path.replace("{verification}", "nobody");
    assert!(!path.contains('{'), "{route:?} needs an example here");
    path
}

async fn of_role(app: &App, role: Role) -> Console {
    let name = format!("some-{}", role.as_str());
    let mut console = app.console();
    assert_eq!(console.sign_in(&name, PASSWORD).await.path, "/admin/");
    console
}

/// Asks as a page of the session would; forms are empty, so that what may be done changes little.
async fn ask(console: &mut Console, route: &Route, path: &str) -> Answer {
    match route.method {
        Method::Get => console.send(Request::new("GET", path)).await,
        Method::Post => {
            let page = console.visit("/admin/").await;
            let form = page.form_with("Sign out");
            let csrf = form.fields.iter().find(|field| field.name == "csrf").expect("a token").value.clone();
            console.send(console.form_request(path, &format!("csrf={csrf}"))).await
        }
    }
}

both! {
    async fn every_page_and_form_with_every_role(app: &App) {
        let user = id(&app.generic().user("seen").await);
        let group = id(&app.generic().group("Seen", &[&user]).await);
        for role in Role::ALL {
            let create = ["operator", "create", &format!("some-{}", role.as_str()), "--role", role.as_str(), "--password-stdin"];
            program_with_input(app, &create, PASSWORD).done();
        }
        app.program(&["operator", "create", "mary", "--role", "auditor", "--link"]).await.done();
        let mut tried = 0;
        for role in Role::ALL {
            let mut console = of_role(app, role).await;
            for route in ROUTES {
                let Some(act) = route.access.act(route.method) else { continue };
                assert!(!matches!(route.access, Access::Public | Access::SetUp | Access::Guest), "{route:?}");
                let path = path(app, route, &user, &group);
                let answer = ask(&mut console, route, &path).await;
                let refused = answer.status == 403 && answer.text().contains("needs the role");
                assert_eq!(!refused, role.may(act), "{route:?} as {}: {answer:#}", role.as_str());
                assert!(answer.status < 500, "{route:?} as {}: {answer:#}", role.as_str());
                if refused {
                    let told = answer.text();
                    assert!(told.contains(act.least().as_str()) && told.contains(role.as_str()), "{told}");
                }
                tried += 1;
                if console.cookies.is_empty() || !console.visit("/admin/").await.path.ends_with("/admin/") {
                    // It was the way out.
                    console = of_role(app, role).await;
                }
            }
        }
        assert!(tried > 200, "{tried}");
    }

    async fn owners_are_managed_by_owners(app: &App) {
        for role in ["admin", "owner"] {
            let create = ["operator", "create", &format!("some-{role}"), "--role", role, "--password-stdin"];
            program_with_input(app, &create, PASSWORD).done();
        }
        app.program(&["operator", "create", "mary", "--role", "auditor", "--link"]).await.done();
        let mut admin = of_role(app, Role::Admin).await;
        let page = admin.visit("/admin/operators/mary").await;
        let form = page.form_with("Change role");
        let csrf = form.fields.iter().find(|field| field.name == "csrf").unwrap().value.clone();
        assert!(!page.html().contains("value=\"owner\""), "no role is offered that may not be given");
        // What is not offered is refused all the same.
        for (path, body) in [
            ("mary/role", "role=owner"), ("some-owner/role", "role=auditor"), ("olivia/disable", ""), ("olivia/enable", ""),
            ("olivia/reset", ""), ("olivia/sign-out", ""),
        ] {
            let request = admin.form_request(&format!("/admin/operators/{path}"), &format!("csrf={csrf}&{body}"));
            let answer = admin.send(request).await;
            assert!(answer.status == 403 && answer.text().contains("owner"), "{path}: {answer:#}");
        }
        let request = admin.form_request("/admin/operators", &format!("csrf={csrf}&name=eve&role=owner"));
        assert_eq!(admin.send(request).await.status, 403);
        let list = app.program(&["operator", "list", "--json"]).await.json();
        let roles: Vec<_> = list["operators"].as_array().unwrap().iter().map(|one| (one["name"].clone(), one["role"].clone())).collect();
        assert_eq!(roles.iter().filter(|(_, role)| role == "owner").count(), 2, "{roles:?}");
        assert!(!admin.visit("/admin/operators/olivia").await.html().contains("Disable account"));
        // Whoever loses a role loses it at once.
        app.program(&["operator", "set-role", "some-admin", "--role", "auditor"]).await.done();
        assert_eq!(admin.visit("/admin/operators").await.answer.status, 403);
    }
}
