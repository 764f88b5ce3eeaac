//! What is sent twice is made once, and nobody overwrites what somebody else changed: for every route that says so.

use scim_server::api::ROUTES;
use serde_json::json;

use super::Api;
use super::isolation::Scene;
use crate::support::both;
use crate::support::http::Request;
use crate::support::scim::text;

both! {
    async fn what_is_sent_twice_is_made_once(app: &App) {
        let owner = Api::owner(app);
        let idempotent: Vec<_> = ROUTES.iter().filter(|route| route.takes_idempotency_key()).collect();
        assert!(idempotent.len() >= 9, "{idempotent:?}");
        for (number, route) in idempotent.into_iter().enumerate() {
            let scene = Scene::new(app, &owner, number).await;
            let request = || scene.request(route, &owner.key).header("Idempotency-Key", &format!("key-{number}"));
            if let Some(before) = number.checked_sub(1) {
                // The key of another request is refused.
                let other = scene.request(route, &owner.key).header("Idempotency-Key", &format!("key-{before}"));
                let other = owner.send(&other).await.expect(409).text();
                assert!(other.contains("Idempotency-Key"), "{route:?}: {other}");
            }
            let first = owner.send(&request()).await.expect(201).json();
            let again = owner.send(&request()).await.expect(200).json();
            let named = |made: &serde_json::Value| made["id"].clone();
            assert_eq!(named(&first), named(&again), "{route:?}");
            assert!(first["id"].is_string(), "{route:?}: {first}");
            for secret in ["secret", "url", "setup_url", "public_key"] {
                // The address of a target or webhook is no secret.
                let shown = again.get(secret).is_none_or(serde_json::Value::is_null);
                assert!(shown || first[secret] == again[secret] && text(&again[secret]).starts_with("http"), "{route:?}: {again}");
            }
            if route.path.ends_with("guest-links") {
                assert!(first["url"].is_string() && again["url"].is_null(), "the link is shown once");
            }
        }
    }

    async fn nobody_overwrites_what_somebody_else_changed(app: &App) {
        let owner = Api::owner(app);
        let conditional: Vec<_> = ROUTES.iter().filter(|route| route.takes_if_match()).collect();
        assert!(conditional.len() >= 7, "{conditional:?}");
        for (number, route) in conditional.into_iter().enumerate() {
            let scene = Scene::new(app, &owner, number).await;
            let request = || scene.request(route, &owner.key);
            let stale = request().header("If-Match", "\"0123456789abcdef01234567\"");
            owner.send(&stale).await.expect(412);
            let read = Request::new("GET", &request().target).bearer(&owner.key);
            let tag = owner.send(&read).await.expect(200).header("etag").expect("a tag").to_owned();
            let answer = owner.send(&request().header("If-Match", &tag)).await;
            assert!((200..300).contains(&answer.status), "{route:?}: {answer}");
            if route.method == "PATCH" {
                // It has changed: the tag that was read does not hold any more.
                owner.send(&request().header("If-Match", &tag)).await.expect(412);
            }
        }
    }

    async fn groups_are_kept_by_hand(app: &App) {
        let owner = Api::owner(app);
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        let at = format!("/endpoints/{}/groups", endpoint.slug);
        let made = owner.post(&at, &json!({"name": "Keepers"})).await.expect(201).json();
        assert_eq!((&made["name"], &made["members"]), (&json!("Keepers"), &json!(0)), "{made:#}");
        owner.post(&at, &json!({"name": "keepers"})).await.expect(409);
        owner.post(&at, &json!({"name": " "})).await.expect(422);
        let group = format!("{at}/{}", text(&made["id"]));
        let ann = text(&scim.user("ann").await["id"]);
        owner.post(&format!("{group}/members"), &json!({"id": ann})).await.expect(204);
        owner.post(&format!("{group}/members"), &json!({"id": ann})).await.expect(204);
        let nobody = owner.post(&format!("{group}/members"), &json!({"id": "nobody"})).await;
        assert!([400, 404, 409, 422].contains(&nobody.status), "{nobody}");
        assert_eq!(owner.patch(&group, &json!({"name": "Wardens"})).await.expect(200).json()["members"], 1);
        assert_eq!(scim.find("Groups", "displayName eq \"wardens\"").await.len(), 1, "SCIM sees it");
        let history = owner.get(&format!("{group}/history")).await.expect(200).json();
        let last = &history["items"][0];
        assert_eq!((&last["by"]["kind"], last["request_id"].is_string()), (&json!("api-key"), true), "{last:#}");
        owner.delete(&format!("{group}/members/{ann}")).await.expect(204);
        assert_eq!(owner.get(&group).await.expect(200).json()["members"], 0);
        owner.delete(&group).await.expect(204);
        owner.get(&group).await.expect(404);
        owner.delete(&group).await.expect(404);
    }
}
