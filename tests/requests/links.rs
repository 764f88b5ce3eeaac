//! A link shows one request to somebody outside: masked, until it ends or is revoked.

use std::time::Duration;

use serde_json::json;

use super::logged;
use crate::api::Api;
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::scim::{text, user};
use crate::support::sql::number;

const HOUR: Duration = Duration::from_secs(3600);

both! {
    async fn a_link_shows_one_request_masked_until_it_ends(app: &App) {
        let scim = app.scim(&app.furniture().onelogin);
        scim.user("robertt").await;
        let mut body = user("robertt");
        body["displayName"] = json!("Robert Tail");
        let refused = logged(app, &scim.post("/Users", &body).await.expect(409)).await;
        let mut console = app.console();
        console.sign_in("olivia", PASSWORD).await;
        let place = format!("/admin/endpoints/{}/requests/{refused}", app.furniture().onelogin.slug);
        let page = console.visit(&place).await;
        let made = console.submit(&page, &page.form_with("Make a link")).await;
        let html = made.html();
        let at = html.find("/guest/request/").unwrap_or_else(|| panic!("{}", made.answer));
        let path = html[at..at + "/guest/request/".len() + 32].to_owned();
        let code = &path["/guest/request/".len()..];
        assert!(!console.visit(&place).await.html().contains(code), "shown once");
        assert_eq!(number(app.database(), &format!("SELECT count(*) FROM request_links WHERE id = '{code}' OR created_by = '{code}'")), 0);

        let shown = app.console().visit(&path).await;
        assert_eq!((shown.answer.status, shown.answer.header("cache-control")), (200, Some("no-store")));
        let html = shown.html();
        for part in ["noindex", "userName must be unique", "Refused", "xxxxxxx@xxxxxxx.xxx", "urn:ietf:params:scim:schemas:core:2.0:User"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        for hidden in ["robertt", "Robert", "Tail", "@example.com", "first token", &app.furniture().onelogin.token_id, "127.0.0.1", "Make a link"] {
            assert!(!html.contains(hidden), "{hidden}: {html}");
        }
        // The same for every reason that it shows nothing.
        let wrong = app.console().visit("/guest/request/0123456789abcdef0123456789abcdef").await;
        assert_eq!(wrong.answer.status, 404);
        assert!(console.visit("/admin/audit").await.text().contains("request-link.create"));

        let page = console.visit(&place).await;
        let revoked = console.submit(&page, &page.form_with(">Revoke")).await;
        assert!(revoked.text().contains("The link is revoked"), "{}", revoked.text());
        assert_eq!(app.console().visit(&path).await.answer.status, 404);

        let api = Api::owner(app);
        let links = format!("/endpoints/{}/requests/{refused}/links", app.furniture().onelogin.slug);
        let made = api.send(&api.request("POST", &links)).await.expect(201).json();
        let url = text(&made["url"]);
        let path = url[url.find("/guest/").unwrap()..].to_owned();
        app.advance(71 * HOUR);
        assert_eq!(app.console().visit(&path).await.answer.status, 200);
        app.advance(2 * HOUR);
        assert_eq!(app.console().visit(&path).await.answer.status, 404, "72 hours");
        let list = api.get(&links).await.expect(200).json();
        assert_eq!((&list["items"][0]["state"], &list["items"][1]["state"]), (&json!("expired"), &json!("revoked")));
        api.delete(&format!("{links}/nothing")).await.expect(404);
    }

    async fn a_guest_sees_the_last_requests_masked(app: &App) {
        let scim = app.generic();
        scim.user("robertt").await;
        logged(app, &scim.post("/Users", &user("robertt")).await.expect(409)).await;
        let made = app.program(&["endpoint", "guest-link", "generic", "--json"]).await.json();
        let url = text(&made["url"]);
        let mut guest = app.console();
        let page = guest.visit(&url[url.find("/guest/").unwrap()..]).await;
        let inside = guest.submit(&page, &page.form_with("Open in this browser")).await;
        let text = inside.text();
        assert!(text.contains("The last requests") && text.contains("Create user “xxxxxxx”"), "{text}");
        assert!(!inside.html().contains("robertt"), "{text}");
    }
}
