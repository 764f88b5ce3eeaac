//! Endpoints through the management API.

use serde_json::json;

use super::{Api, pointers};
use crate::support::both;
use crate::support::scim::{Scim, text};

both! {
    async fn a_new_endpoint_works_at_once(app: &App) {
        let api = Api::owner(app);
        let body = json!({"name": "Acme Okta", "idp": "okta", "tenant": "Acme", "settings": {"rate": 17, "delete": "deactivate"},
                          "token": {"label": "for Okta", "expires_in_days": 90}});
        let answer = api.post("/endpoints", &body).await.expect(201);
        let made = answer.json();
        let path = answer.header("location").unwrap().strip_prefix("/api/v1").unwrap().to_owned();
        assert_eq!((&made["slug"], &made["idp"], &made["tenant"]), (&json!("acme-okta"), &json!("okta"), &json!("Acme")));
        assert_eq!((&made["settings"]["rate"], &made["settings"]["delete"]), (&json!("17"), &json!("deactivate")));
        assert_eq!((&made["token"]["label"], &made["token"]["scope"]), (&json!("for Okta"), &json!("write")));
        let scim = Scim {
            address: app.address(),
            base: "/scim/acme-okta/v2".to_owned(),
            token: text(&made["token"]["secret"]),
        };
        scim.user("robertt").await;
        let shown = api.get(&path).await.expect(200);
        assert_eq!(shown.header("etag"), answer.header("etag"));
        let shown = shown.json();
        assert_eq!((&shown["id"], &shown["users"]), (&made["id"], &json!(1)));
        assert!(shown.get("token").is_none());
        // The console and the command line see the same.
        let listed = app.program(&["endpoint", "show", "acme-okta", "--json"]).await.json();
        assert_eq!((&listed["id"], &listed["settings"]), (&made["id"], &made["settings"]));
    }

    async fn an_export_is_what_makes_another(app: &App) {
        let api = Api::owner(app);
        let wish = json!({"settings": {"rate": 17, "delete": "deactivate"}, "tenant": "Acme"});
        api.patch("/endpoints/generic", &wish).await.expect(200);
        let extension = crate::api::schemas::extension("User", "urn:example:ext:badge:User");
        api.put("/endpoints/generic/schemas", &json!({"extensions": [extension]})).await.expect(200);
        let mut document = api.get("/endpoints/generic/export").await.expect(200).json();
        assert_eq!((&document["format"], &document["idp"]), (&json!("scim-endpoint/1"), &json!("generic")));
        document["name"] = json!("Twin");
        let twin = api.post("/endpoints", &document).await.expect(201).json();
        assert!(twin["token"]["secret"].is_string());
        assert_eq!(api.get("/endpoints/twin/export").await.expect(200).json(), document);

        let body = json!({"name": "Clone", "token": {"label": "for staging"}});
        let clone = api.post("/endpoints/twin/clone", &body).await.expect(201).json();
        assert_eq!((&clone["settings"], &clone["users"]), (&twin["settings"], &json!(0)));
        assert_eq!((&clone["token"]["label"], &clone["tenant"]), (&json!("for staging"), &json!("Acme")));
        let copied = api.get("/endpoints/clone/schemas").await.expect(200).json();
        assert_eq!(copied, json!({"extensions": [extension]}));

        for (path, value, place) in [
            ("format", json!("scim-endpoint/2"), "/format"),
            ("definitions", json!({"extensions": [{"resourceType": "User"}]}), "/definitions/extensions/0"),
            ("definitions", json!({"colour": "red"}), "/definitions/colour"),
        ] {
            let mut wrong = document.clone();
            wrong[path] = value;
            assert_eq!(pointers(&api.post("/endpoints", &wrong).await.expect(422)), [place], "{path}");
        }
        api.post("/endpoints/twin/clone", &json!({})).await.expect(422);
        api.post("/endpoints/nobody/clone", &body).await.expect(404);
        api.delete("/endpoints/twin").await.expect(204);
        let binned = api.post("/endpoints/twin/clone", &body).await.expect(404);
        assert!(binned.text().contains("undelete"), "{binned}");
    }

    async fn the_same_request_makes_nothing_twice(app: &App) {
        let api = Api::owner(app);
        let request = |key: &str, name: &str| {
            api.request("POST", "/endpoints")
                .header("Content-Type", "application/json")
                .header("Idempotency-Key", key)
                .body(json!({"name": name}).to_string())
        };
        let first = api.send(&request("one", "Twice")).await.expect(201).json();
        let again = api.send(&request("one", "Twice")).await.expect(200).json();
        assert_eq!((&again["id"], &again["token"]["id"]), (&first["id"], &first["token"]["id"]));
        assert!(first["token"]["secret"].is_string() && again["token"]["secret"].is_null());
        let other = api.send(&request("one", "Thrice")).await.expect(409);
        assert!(other.text().contains("Idempotency-Key"), "{other}");
        // Another key, or another operator's same key, is another request.
        api.send(&request("two", "Twice")).await.expect(201);
        let admin = Api::of_role(app, "admin").await;
        let theirs = admin.send(&request("one", "Twice").bearer(&admin.key)).await.expect(201).json();
        assert_eq!(theirs["slug"], "twice-3");
        // After a day it is forgotten.
        app.advance(std::time::Duration::from_secs(25 * 3600));
        api.send(&request("one", "Twice")).await.expect(201);
        for bad in ["", "two words", &"x".repeat(201)] {
            api.send(&request(bad, "Never")).await.expect(400);
        }
    }

    async fn wrong_wishes_are_refused_with_their_places(app: &App) {
        let api = Api::owner(app);
        for (body, places) in [
            (json!({}), vec![""]),
            (json!({"name": 7}), vec!["/name"]),
            (json!({"name": "---"}), vec!["/name"]),
            (json!({"name": "x".repeat(101)}), vec!["/name"]),
            (json!({"name": "a", "colour": "red"}), vec!["/colour"]),
            (json!({"name": "a", "idp": "myspace"}), vec!["/idp"]),
            (json!({"name": "a", "idp": null}), vec!["/idp"]),
            (json!({"name": "a", "tenant": "x".repeat(101)}), vec!["/tenant"]),
            (json!({"name": "a", "token": {"scope": "all"}}), vec!["/token/scope"]),
            (json!({"name": "a", "token": []}), vec!["/token"]),
            (json!(["a"]), vec![""]),
            (json!({"name": "a", "token": {"expires_in_days": 0}}), vec!["/token/expires_in_days"]),
            (json!({"name": "a", "settings": {"delete": "x", "rate": 0, "password": "accept", "dialect.x": "on"}}),
             vec!["/settings/delete", "/settings/dialect.x", "/settings/rate"]),
        ] {
            let answer = api.post("/endpoints", &body).await.expect(422);
            assert_eq!(pointers(&answer), places, "{body}: {answer}");
        }
        assert_eq!(api.walk("/endpoints", 100).await.len(), 3);
    }

    async fn a_change_is_whole_and_meets_what_was_read(app: &App) {
        let api = Api::owner(app);
        let shown = api.get("/endpoints/generic").await.expect(200);
        let tag = shown.header("etag").unwrap().to_owned();
        let patch = |tag: &str, body: serde_json::Value| {
            api.request("PATCH", "/endpoints/generic")
                .header("Content-Type", "application/merge-patch+json")
                .header("If-Match", tag)
                .body(body.to_string())
        };
        let wish = json!({"name": "Renamed", "tenant": null, "idp": "entra", "settings": {"delete": "deactivate"}});
        let changed = api.send(&patch(&tag, wish)).await.expect(200);
        let new_tag = changed.header("etag").unwrap().to_owned();
        assert_ne!(new_tag, tag);
        let changed = changed.json();
        assert_eq!((&changed["slug"], &changed["idp"]), (&json!("renamed"), &json!("entra")));
        assert_eq!((&changed["tenant"], &changed["settings"]["delete"]), (&json!(null), &json!("deactivate")));
        // The old address keeps working, here as for SCIM; who read before the change does not overwrite it.
        api.send(&patch(&tag, json!({"tenant": "Late"}))).await.expect(412);
        api.send(&patch(&format!("W/{new_tag}"), json!({"tenant": "Weak"}))).await.expect(412);
        api.send(&patch("nonsense", json!({"tenant": "Late"}))).await.expect(400);
        api.send(&patch("*", json!({"tenant": "Star"}))).await.expect(200);
        app.generic().get("/Users").await.expect(200);
        // All or nothing.
        let refused = api.patch("/endpoints/renamed", &json!({"name": "Half", "settings": {"rate": "x"}})).await;
        assert_eq!(pointers(&refused.expect(422)), ["/settings/rate"]);
        let shown = api.get("/endpoints/renamed").await.expect(200).json();
        assert_eq!((&shown["name"], &shown["tenant"]), (&json!("Renamed"), &json!("Star")));
        for body in [json!({"name": null}), json!({"slug": "x"}), json!([])] {
            api.patch("/endpoints/renamed", &body).await.expect(422);
        }
        api.patch("/endpoints/nobody", &json!({})).await.expect(404);
    }

    async fn lists_are_paged_and_narrowed(app: &App) {
        let api = Api::owner(app);
        for number in 0..7 {
            let tenant = if number % 2 == 0 { "Zürich Ltd" } else { "Other" };
            api.post("/endpoints", &json!({"name": format!("Page {number}"), "tenant": tenant})).await.expect(201);
        }
        let names = |items: &[serde_json::Value]| items.iter().map(|one| text(&one["name"])).collect::<Vec<_>>();
        let whole = names(&api.walk("/endpoints", 100).await);
        assert_eq!(whole.len(), 10);
        for limit in [1, 3, 10] {
            assert_eq!(names(&api.walk("/endpoints", limit).await), whole, "{limit}");
        }
        assert_eq!(names(&api.walk("/endpoints?tenant=z%C3%BCrich%20LTD", 3).await).len(), 4);
        assert_eq!(names(&api.walk("/endpoints?tenant=z%C3%BCrich", 3).await).len(), 0);
        assert_eq!(names(&api.walk("/endpoints?q=page%203", 3).await), ["Page 3"]);
        assert_eq!(names(&api.walk("/endpoints?q=other", 2).await).len(), 3);
        api.send(&api.request("POST", "/endpoints/page-1/pause")).await.expect(200);
        api.delete("/endpoints/page-2").await.expect(204);
        assert_eq!(names(&api.walk("/endpoints?status=paused", 3).await), ["Page 1"]);
        assert_eq!(names(&api.walk("/endpoints?status=deleted", 3).await), ["Page 2"]);
        assert_eq!(names(&api.walk("/endpoints", 3).await).len(), 9);
    }

    async fn states_follow_each_other(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let turn = async |way: &str, status: u16| {
            api.send(&api.request("POST", &format!("/endpoints/generic/{way}"))).await.expect(status)
        };
        turn("pause", 200).await;
        scim.get("/Users").await.expect(503);
        turn("enable", 409).await;
        turn("resume", 200).await;
        scim.get("/Users").await.expect(200);
        turn("disable", 200).await;
        scim.get("/Users").await.expect(403);
        turn("resume", 409).await;
        assert_eq!(turn("enable", 200).await.json()["status"], "active");
        turn("undelete", 409).await;
        scim.user("kept").await;

        let tag = api.get("/endpoints/generic").await.expect(200).header("etag").unwrap().to_owned();
        let delete = |tag: &str| api.request("DELETE", "/endpoints/generic").header("If-Match", tag);
        api.send(&delete("\"other\"")).await.expect(412);
        api.send(&delete(&tag)).await.expect(204);
        scim.get("/Users").await.expect(401);
        for path in ["", "/tokens", "/users", "/schemas", "/evidence", "/refusals"] {
            api.get(&format!("/endpoints/generic{path}")).await.expect(404);
        }
        let gone = turn("pause", 404).await;
        assert!(gone.text().contains("undelete"), "{gone}");
        api.delete("/endpoints/generic").await.expect(404);
        assert_eq!(turn("undelete", 200).await.json()["users"], 1);
        assert_eq!(scim.count("Users").await, 1);
    }
}
