//! Links for guests: one use, one browser, one endpoint, one token, and no other page of anything.

use std::time::Duration;

use endpoint_admin::{Access, Method, ROUTES};
use serde_json::json;

use crate::api::Api;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::{Console, Page};
use crate::support::furniture::PASSWORD;
use crate::support::http::{Request, send};
use crate::support::scim::{id, text};

const HOUR: Duration = Duration::from_secs(3600);

/// The path behind an address.
fn path(url: &str) -> String {
    url[url.find("/guest/open/").unwrap_or_else(|| panic!("no link: {url}"))..].to_owned()
}

async fn link(app: &App, options: &[&str]) -> (String, String) {
    let slug = app.furniture().generic.slug.clone();
    let made = [&["endpoint", "guest-link", &slug, "--json"], options].concat();
    let made = app.program(&made).await.json();
    (text(&made["id"]), path(&text(&made["url"])))
}

async fn open(console: &mut Console, path: &str) -> Page {
    let page = console.visit(path).await;
    assert_eq!(page.answer.status, 200, "{}", page.answer);
    console.submit(&page, &page.form_with("Open in this browser")).await
}

fn plain_token(page: &Page) -> Option<String> {
    let token = regex_lite::Regex::new("scim_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}").unwrap();
    token.find(&page.html()).map(|found| found.as_str().to_owned())
}

both! {
    async fn a_link_opens_once_in_one_browser_and_issues_one_token(app: &App) {
        let mut owner = app.console();
        owner.sign_in("olivia", PASSWORD).await;
        let connect = owner.visit("/admin/endpoints/generic/connect").await;
        assert!(connect.html().contains("/admin/endpoints/generic/guest-links"));
        let page = owner.visit("/admin/endpoints/generic/guest-links").await;
        let form = page.form_with("Make a link").with("may_issue", "1");
        let shown = owner.submit(&page, &form).await;
        let html = shown.html();
        let at = html.find("/guest/open/").unwrap_or_else(|| panic!("{}", shown.answer));
        let path = &html[at..at + "/guest/open/".len() + 32];
        assert!(!owner.visit("/admin/endpoints/generic/guest-links").await.html().contains("/guest/open/"), "shown once");

        // Programs that look at links in mails use nothing up.
        for _ in 0..2 {
            let looked = app.console().visit(path).await;
            assert_eq!(looked.answer.status, 200);
            assert_eq!(looked.answer.header("cache-control"), Some("no-store"));
        }
        let (mut guest, mut other) = (app.console(), app.console());
        let inside = open(&mut guest, path).await;
        assert_eq!(inside.path, "/guest/", "{}", inside.answer);
        let [cookie] = guest.set_cookies.as_slice() else { panic!("one cookie: {:?}", guest.set_cookies) };
        for part in ["scim_guest=", "; Path=/guest;", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert_eq!(other.visit(path).await.answer.status, 404, "it was opened elsewhere");
        assert_eq!(other.send(other.form_request(path, "")).await.status, 404);
        assert_eq!(other.visit("/guest/").await.answer.status, 404);
        for part in ["Generic", "/scim/generic/v2", "Test call seen"] {
            assert!(inside.html().contains(part), "{part}: {}", inside.answer);
        }

        let issued = guest.submit(&inside, &inside.form_with("Issue and show the token")).await;
        let token = plain_token(&issued).unwrap_or_else(|| panic!("no token: {}", issued.answer));
        app.generic().with_token(&token).get("/Users").await.expect(200);
        let again = guest.submit(&inside, &inside.form_with("Issue and show the token")).await;
        assert_eq!((again.answer.status, plain_token(&again)), (409, None));
        let reloaded = guest.visit("/guest/").await;
        assert!(plain_token(&reloaded).is_none() && reloaded.text().contains("Shown once"), "{}", reloaded.answer);
        let listed = owner.visit("/admin/endpoints/generic/guest-links").await;
        assert!(listed.text().contains("issued,") && listed.text().contains("127.0.0.1"), "{}", listed.text());
        assert!(owner.visit("/admin/audit").await.text().contains("A guest"));

        let revoked = owner.submit(&listed, &listed.form_with(">Revoke")).await;
        assert!(revoked.text().contains("The set-up link is revoked"), "{}", revoked.answer);
        assert_eq!(guest.visit("/guest/").await.answer.status, 404);
        app.generic().with_token(&token).get("/Users").await.expect(200);
    }

    async fn a_guest_reaches_nothing_else(app: &App) {
        let user = id(&app.generic().user("robertt").await);
        let group = id(&app.generic().group("Keepers", &[&user]).await);
        let (link, path) = link(app, &[]).await;
        let mut guest = app.console();
        open(&mut guest, &path).await;
        let secret = guest.cookies.values().next().unwrap().clone();
        let furniture = app.furniture();
        let mut tried = 0;
        for route in ROUTES.iter().filter(|route| route.access != Access::Public) {
            for slug in [&furniture.generic.slug, &furniture.foreign.slug] {
                let subject = if route.path.contains("/users/") { &user } else { &group };
                let path = route.path.replace("{slug}", slug).replace("{token}", &furniture.generic.token_id);
                let path = path.replace("{id}", subject).replace("{operator}", "olivia").replace("{guest}", &link).replace("{code}", "made-up");
                for name in ["scim_guest", "scim_session", "__Host-scim_session"] {
                    let request = match route.method {
                        Method::Get => Request::new("GET", &path),
                        Method::Post => guest.form_request(&path, "csrf=0&name=x&password=correct-horse-battery-1&again=correct-horse-battery-1"),
                    };
                    let answer = send(app.address(), &request.header("Cookie", &format!("{name}={secret}"))).await;
                    let own = route.access == Access::Guest && name == "scim_guest" && route.method == Method::Get;
                    assert_eq!(answer.status == 200, own, "{route:?} {name}: {answer:#}");
                    for beyond in ["robertt", "Keepers", "olivia", "Foreign", "OneLogin"] {
                        assert!(!answer.text().contains(beyond), "{route:?}: {answer:#}");
                    }
                }
                tried += 1;
            }
        }
        assert!(tried > 100, "{tried}");
        for route in scim_server::api::ROUTES.iter().filter(|route| route.least().is_some()) {
            let path = format!("/api/v1{}", route.path.replace("{endpoint}", "generic"));
            let request = Request::new(route.method.as_str(), &path).header("Cookie", &format!("scim_guest={secret}"));
            assert_eq!(send(app.address(), &request.clone()).await.status, 401, "{route:?}");
            assert_eq!(send(app.address(), &request.bearer(&secret)).await.status, 401, "{route:?}");
        }
        app.generic().with_token(&secret).get("/Users").await.expect(401);
    }

    async fn what_failed_is_shown_without_who_it_was_about(app: &App) {
        let foreign = app.scim(&app.furniture().foreign);
        let (_, path) = link(app, &[]).await;
        let mut guest = app.console();
        let page = open(&mut guest, &path).await;
        assert!(!page.html().contains("Issue and show the token"), "this link allows none");
        let csrf = "csrf=0";
        assert_eq!(guest.send(guest.form_request("/guest/token", csrf)).await.status, 403);
        app.generic().with_token(&foreign.token).get("/Users/4711-of-somebody?filter=userName+eq+%22robertt%22").await.expect(401);
        let begun = std::time::Instant::now();
        let text = loop {
            let text = guest.visit("/guest/progress").await.text();
            if text.contains("Attempts that failed") {
                break text;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert!(text.contains("Another endpoint's token came"), "{text}");
        for beyond in ["Foreign", "4711", "robertt"] {
            assert!(!text.contains(beyond), "{beyond}: {text}");
        }
    }

    async fn a_link_ends_by_its_date_and_with_its_endpoint(app: &App) {
        let (_, path) = link(app, &["--expires-in", "2h"]).await;
        let (_, unopened) = link(app, &["--expires-in", "2h"]).await;
        let (_, longer) = link(app, &[]).await;
        let (mut one, mut two) = (app.console(), app.console());
        open(&mut one, &path).await;
        open(&mut two, &longer).await;
        app.advance(HOUR * 3);
        assert_eq!(one.visit("/guest/").await.answer.status, 404);
        assert_eq!(app.console().visit(&unopened).await.answer.status, 404);
        assert_eq!(two.visit("/guest/").await.answer.status, 200);
        app.program(&["endpoint", "delete", "generic"]).await.done();
        assert_eq!(two.visit("/guest/").await.answer.status, 404);
        app.program(&["endpoint", "undelete", "generic"]).await.done();
        app.advance(HOUR * 70);
        assert_eq!(two.visit("/guest/").await.answer.status, 404, "72 hours");
    }

    async fn of_two_who_open_it_one_is_in(app: &App) {
        let (_, path) = link(app, &[]).await;
        let (mut one, mut two) = (app.console(), app.console());
        let forms = (one.form_request(&path, ""), two.form_request(&path, ""));
        let (a, b) = tokio::join!(one.send(forms.0), two.send(forms.1));
        let mut both = [a.status, b.status];
        both.sort_unstable();
        assert_eq!(both, [303, 404]);
        assert_eq!(one.cookies.len() + two.cookies.len(), 1);
    }

    async fn links_through_the_api_and_the_command_line(app: &App) {
        let owner = Api::owner(app);
        let made = owner.post("/endpoints/generic/guest-links", &json!({"may_issue_token": true, "expires_in_hours": 1})).await.expect(201).json();
        assert_eq!((&made["state"], &made["may_issue_token"]), (&json!("unopened"), &json!(true)));
        let mut guest = app.console();
        open(&mut guest, &path(&text(&made["url"]))).await;
        let listed = app.program(&["endpoint", "guest-links", "generic", "--json"]).await.json();
        assert_eq!(listed["guest_links"][0]["state"], "open", "{listed}");
        assert!(!owner.get("/endpoints/generic/guest-links").await.expect(200).text().contains("/guest/open/"));
        app.program(&["endpoint", "revoke-guest-link", "generic", &text(&made["id"])]).await.done();
        assert_eq!(guest.visit("/guest/").await.answer.status, 404);
        for body in [json!({"expires_in_hours": 0}), json!({"expires_in_hours": 721}), json!({"expires_in_hours": 1.5})] {
            owner.post("/endpoints/generic/guest-links", &body).await.expect(422);
        }
        for _ in 0..10 {
            owner.post("/endpoints/generic/guest-links", &json!({})).await.expect(201);
        }
        owner.post("/endpoints/generic/guest-links", &json!({})).await.expect(409);
        owner.delete("/endpoints/generic/guest-links/nothing").await.expect(404);
        owner.delete(&format!("/endpoints/foreign/guest-links/{}", text(&made["id"]))).await.expect(404);
    }
}
