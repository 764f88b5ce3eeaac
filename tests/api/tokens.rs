//! Bearer tokens through the management API.

use serde_json::json;

use super::{Api, pointers};
use crate::support::both;
use crate::support::scim::text;

both! {
    async fn a_token_is_issued_used_and_revoked(app: &App) {
        let api = Api::owner(app);
        let body = json!({"label": "For reports", "scope": "read", "expires_in_days": 1});
        let issued = api.post("/endpoints/generic/tokens", &body).await.expect(201).json();
        let scim = app.generic().with_token(&text(&issued["secret"]));
        scim.get("/Users").await.expect(200);
        scim.post("/Users", &json!({"userName": "x"})).await.expect(403);
        assert_eq!(issued["created_by"], "olivia");

        let path = format!("/endpoints/generic/tokens/{}", text(&issued["id"]));
        let listed = || async {
            let all = api.all("/endpoints/generic/tokens").await;
            all.into_iter().find(|token| token["id"] == issued["id"]).unwrap()
        };
        while listed().await["last_used"].is_null() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(listed().await.get("secret").is_none());
        // It carried traffic within the hour.
        let refused = api.delete(&path).await.expect(409);
        assert!(refused.text().contains("confirm"), "{refused}");
        api.delete(&format!("{path}?confirm=for%20reports")).await.expect(409);
        scim.get("/Users").await.expect(200);
        api.delete(&format!("{path}?confirm=For%20reports")).await.expect(204);
        scim.get("/Users").await.expect(401);
        api.delete(&path).await.expect(204);
        let token = listed().await;
        assert_eq!((&token["state"], &token["revoked_by"]), (&json!("revoked"), &json!("olivia")));
        // Of another endpoint, there is no such token.
        let foreign = format!("/endpoints/onelogin/tokens/{}", text(&issued["id"]));
        api.delete(&foreign).await.expect(404);
    }

    async fn at_most_five_live_and_none_twice(app: &App) {
        let api = Api::owner(app);
        let issue = || {
            api.request("POST", "/endpoints/generic/tokens").header("Idempotency-Key", "t1")
                .header("Content-Type", "application/json").body("{}")
        };
        let first = api.send(&issue()).await.expect(201).json();
        let again = api.send(&issue()).await.expect(200).json();
        assert_eq!((&again["id"], &again["secret"]), (&first["id"], &json!(null)));
        for days in [json!(1), json!(36_500.0), json!(null)] {
            let body = json!({"expires_in_days": days});
            api.post("/endpoints/generic/tokens", &body).await.expect(201);
        }
        api.post("/endpoints/generic/tokens", &json!({})).await.expect(409);
        for (body, place) in [
            (json!({"scope": "all"}), "/scope"),
            (json!({"scope": null}), "/scope"),
            (json!({"label": 7}), "/label"),
            (json!({"label": "x".repeat(101)}), "/label"),
            (json!({"expires_in_days": 40_000}), "/expires_in_days"),
            (json!({"expires_in_days": -1}), "/expires_in_days"),
            (json!({"expires_in_days": 1.5}), "/expires_in_days"),
            (json!({"expires_in_days": 1e300}), "/expires_in_days"),
            (json!({"secret": "x"}), "/secret"),
        ] {
            let answer = api.post("/endpoints/generic/tokens", &body).await.expect(422);
            assert_eq!(pointers(&answer), [place], "{body}");
        }
        api.post("/endpoints/nobody/tokens", &json!({})).await.expect(404);
    }
}
