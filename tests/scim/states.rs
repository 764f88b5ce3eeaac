//! What an endpoint answers by its state, by the scope of the token, and by the forms of its URL.

use serde_json::json;

use super::seen;
use crate::support::both;
use crate::support::furniture::Endpoint;
use crate::support::http::Request;
use crate::support::scim::{Scim, id, user};

/// One request of every kind.
fn requests(scim: &Scim, user_id: &str) -> Vec<Request> {
    let item = format!("/Users/{user_id}");
    let patch = json!({"Operations": [{"op": "replace", "path": "title", "value": "Clerk"}]});
    vec![
        scim.request("GET", "/ServiceProviderConfig"),
        scim.request("GET", "/Users"),
        scim.request("GET", &item),
        scim.request("POST", "/Users").json(&user("another")),
        scim.request("PUT", &item).json(&user("changed")),
        scim.request("PATCH", &item).json(&patch),
        scim.request("DELETE", &item),
    ]
}

both! {
    async fn a_paused_endpoint_says_when_to_come_back(app: &App) {
        let (scim, slug) = (app.generic(), &app.furniture().generic.slug);
        let robert = scim.user("robertt").await;
        app.program(&["endpoint", "pause", slug]).await.done();
        seen(app).await;
        for request in requests(&scim, &id(&robert)) {
            let answer = scim.send(&request).await.expect(503);
            let wait: u64 =
                answer.header("retry-after").and_then(|text| text.parse().ok()).expect("whole seconds");
            assert!(wait > 0);
        }
        scim.with_token("scim_wrong").get("/Users").await.expect(401);
        app.program(&["endpoint", "resume", slug]).await.done();
        seen(app).await;
        assert_eq!(scim.find("Users", "userName pr").await, [robert], "as before the pause");
    }

    async fn a_disabled_endpoint_refuses(app: &App) {
        let (scim, slug) = (app.generic(), &app.furniture().generic.slug);
        let robert = scim.user("robertt").await;
        app.program(&["endpoint", "disable", slug]).await.done();
        seen(app).await;
        for request in requests(&scim, &id(&robert)) {
            assert_eq!(scim.send(&request).await.expect(403).header("retry-after"), None);
        }
        app.scim(&app.furniture().foreign).get("/Users").await.expect(200);
        app.program(&["endpoint", "enable", slug]).await.done();
        seen(app).await;
        assert_eq!(scim.find("Users", "userName pr").await, [robert]);
    }

    async fn a_token_that_may_only_read_changes_nothing(app: &App) {
        let furniture = app.furniture();
        let writer = app.scim(&furniture.onelogin);
        let reader = writer.with_token(&furniture.read_only);
        let robert = writer.user("robertt").await;
        for request in requests(&reader, &id(&robert)) {
            let status = if request.method == "GET" { 200 } else { 403 };
            reader.send(&request).await.expect(status);
        }
        reader.post("/Users/.search", &json!({"filter": "userName pr"})).await.expect(200);
        let group = json!({"displayName": "Admins"});
        reader.post("/Groups", &group).await.expect(403);
        let bulk =
            json!({"Operations": [{"method": "POST", "path": "/Groups", "bulkId": "1", "data": group}]});
        reader.post("/Bulk", &bulk).await.expect(403);
        assert_eq!(writer.find("Users", "userName pr").await, [robert]);
        assert_eq!(writer.count("Groups").await, 0);
    }

    async fn an_endpoint_answers_under_its_slug_its_id_and_its_former_slugs(app: &App) {
        let furniture = app.furniture();
        let scim = app.generic();
        let robert = scim.user("robertt").await;
        let new =
            app.program(&["endpoint", "rename", &furniture.generic.slug, "Brand New", "--json"]).await.json();
        seen(app).await;
        let new_slug = new["slug"].as_str().expect("the new slug").to_owned();
        assert_ne!(new_slug, furniture.generic.slug);
        let shouted = furniture.generic.slug.to_ascii_uppercase();
        for name in [&new_slug, &furniture.generic.slug, &furniture.generic.id, &shouted] {
            let base = format!("/scim/{name}/v2");
            let found = Scim { base, ..scim.clone() }.find("Users", "userName pr").await;
            assert_eq!(found[0]["id"], robert["id"]);
            let location = found[0]["meta"]["location"].as_str().expect("a URL");
            assert!(
                location.contains(&format!("/scim/{new_slug}/v2/")),
                "URLs are of the present: {location}"
            );
        }
    }

    async fn a_deleted_endpoint_is_as_unknown_as_one_that_never_was(app: &App) {
        let (scim, slug) = (app.generic(), &app.furniture().generic.slug);
        let robert = scim.user("robertt").await;
        let never = Scim { base: "/scim/never-was/v2".to_owned(), ..scim.clone() };
        let unknown = never.get("/Users").await.expect(401);
        app.program(&["endpoint", "delete", slug]).await.done();
        seen(app).await;
        for request in requests(&scim, &id(&robert)) {
            assert_eq!(scim.send(&request).await.expect(401).body, unknown.body);
        }
        app.program(&["endpoint", "undelete", slug]).await.done();
        seen(app).await;
        assert_eq!(scim.find("Users", "userName pr").await, [robert]);
    }

    async fn the_forms_of_a_path(app: &App) {
        let scim = app.generic();
        let robert = id(&scim.user("robertt").await);
        for path in [
            format!("/Users/{robert}"),
            format!("/Users/{robert}/"),
            format!("//Users//{robert}"),
            format!("/users/{robert}?"),
            format!("/USERS/{robert}?&"),
            format!("/Users/{robert}?&unknown=x&"),
        ] {
            scim.get(&path).await.expect(200);
        }
        assert_eq!(
            scim.get("/users/?filter=userName+eq+%22robertt%22&").await.expect(200).json()["totalResults"],
            1
        );
        let head = scim.send(&scim.request("HEAD", &format!("/Users/{robert}"))).await.expect(200);
        assert!(head.body.is_empty());
        assert!(head.header("etag").is_some());
        let wrong_version = Scim { base: scim.base.replace("/v2", "/v1"), ..scim.clone() };
        wrong_version.get("/Users").await.expect(404);
    }
}

/// What kind of JSON comes back for these headers.
async fn kind_for(scim: &Scim, path: &str, accept: Option<&str>, content_type: Option<&str>) -> String {
    let mut request = scim.request(if content_type.is_some() { "POST" } else { "GET" }, path);
    if let Some(accept) = accept {
        request = request.header("Accept", accept);
    }
    if let Some(kind) = content_type {
        request = request.header("Content-Type", kind).body(r#"{"filter": "userName pr"}"#);
    }
    scim.send(&request).await.header("content-type").expect("a content type").to_owned()
}

both! {
    async fn the_content_type_is_the_one_that_is_asked_for(app: &App) {
        const SCIM: &str = "application/scim+json";
        const JSON: &str = "application/json";
        let scim = app.generic();
        let unauthorized = scim.with_token("scim_wrong");
        for (accept, content_type, expected) in [
            (None, None, SCIM),
            (Some("*/*"), None, SCIM),
            (Some("text/html"), None, SCIM),
            (Some(SCIM), None, SCIM),
            (Some(JSON), None, JSON),
            (Some("application/json, text/plain, */*"), None, JSON),
            (Some("application/json;q=0.5, application/scim+json"), None, SCIM),
            (Some("APPLICATION/JSON; charset=utf-8"), None, JSON),
            (None, Some(JSON), JSON),
            (None, Some("application/json; charset=utf-8"), JSON),
            (None, Some("application/scim+json;charset=UTF-8"), SCIM),
            (Some("*/*"), Some(JSON), JSON),
            (Some(SCIM), Some(JSON), SCIM),
            (Some(JSON), Some(SCIM), JSON),
        ] {
            let path = if content_type.is_some() { "/Users/.search" } else { "/Users" };
            for (scim, path) in [(&scim, path), (&scim, "/nowhere"), (&unauthorized, path)] {
                let kind = kind_for(scim, path, accept, content_type).await;
                assert!(kind.starts_with(expected), "{accept:?} {content_type:?} {path}: {kind}");
            }
        }
    }

    async fn the_endpoint_of_another_name_is_not_reached(app: &App) {
        let Endpoint { slug, token, .. } = &app.furniture().generic;
        for path in [format!("/scim/{slug}"), format!("/scim/{slug}/"), format!("/scim/{slug}/Users")] {
            let scim = Scim { address: app.address(), base: String::new(), token: token.clone() };
            let error = scim.get(&path).await.expect(404).json();
            assert!(
                error["detail"].as_str().is_some_and(|text| text.contains("/v2")),
                "it says what is missing: {error}"
            );
        }
    }
}
