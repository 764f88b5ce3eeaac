//! Operators through the management API: admins manage all but owners.

use serde_json::json;

use super::{Api, pointers};
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::scim::text;

const OTHER: &str = "another-staple-for-the-horse-7";

both! {
    async fn an_operator_is_made_disabled_and_let_in_again(app: &App) {
        let api = Api::owner(app);
        let body = json!({"name": "Ann", "role": "operator", "password": OTHER});
        let made = api.post("/operators", &body).await.expect(201);
        assert!(!made.text().contains(OTHER) && !made.text().contains("argon2"), "{made}");
        let path = format!("/operators/{}", text(&made.json()["id"]));
        assert_eq!(app.console().sign_in("ann", OTHER).await.path, "/admin/");
        assert_eq!(api.get("/operators/ANN").await.expect(200).json()["id"], made.json()["id"]);
        api.post("/operators", &body).await.expect(409);
        assert!(api.get(&path).await.expect(200).json()["last_sign_in_at"].is_string());

        api.send(&api.request("POST", &format!("{path}/disable"))).await.expect(200);
        assert_eq!(app.console().sign_in("ann", OTHER).await.answer.status, 422);
        let on = api.post(&format!("{path}/reset-password"), &json!({"password": PASSWORD})).await.expect(200);
        assert_eq!(on.json()["status"], "active");
        assert_eq!(app.console().sign_in("ann", PASSWORD).await.path, "/admin/");
        for (body, place) in [
            (json!({"name": "B", "role": "king", "password": OTHER}), "/role"),
            (json!({"name": "", "role": "admin", "password": OTHER}), "/name"),
            (json!({"name": "B", "role": "admin", "password": "short"}), "/password"),
        ] {
            assert_eq!(pointers(&api.post("/operators", &body).await.expect(422)), [place]);
        }
        assert_eq!(api.all("/operators").await.len(), 2);
    }

    async fn owners_are_managed_by_owners(app: &App) {
        let (owner, admin) = (Api::owner(app), Api::of_role(app, "admin").await);
        let body = |name: &str, role: &str| json!({"name": name, "role": role, "password": OTHER});
        let refused = admin.post("/operators", &body("Eve", "owner")).await.expect(403);
        assert!(refused.text().contains("owner"), "{refused}");
        admin.post("/operators", &body("Ada", "admin")).await.expect(201);
        admin.send(&admin.request("POST", "/operators/olivia/disable")).await.expect(403);
        admin.post("/operators/olivia/reset-password", &json!({"password": OTHER})).await.expect(403);
        let keys = admin.all("/operators/olivia/keys").await;
        admin.delete(&format!("/operators/olivia/keys/{}", text(&keys[0]["id"]))).await.expect(403);
        // The only one cannot lock everybody out.
        owner.send(&owner.request("POST", "/operators/olivia/disable")).await.expect(409);
        owner.post("/operators", &body("Second", "owner")).await.expect(201);
        owner.send(&owner.request("POST", "/operators/olivia/disable")).await.expect(200);
        owner.get("/me").await.expect(401);
    }

    async fn two_owners_cannot_switch_each_other_off(app: &App) {
        let mut left = ("olivia".to_owned(), Api::owner(app));
        for round in 0..5 {
            let name = format!("owner-{round}");
            left.1.post("/operators", &json!({"name": name, "role": "owner", "password": OTHER})).await.expect(201);
            let issued = app.program(&["operator", "key", "issue", &name, "--json"]).await.json();
            let new = Api { address: app.address(), key: text(&issued["secret"]) };
            app.until(&new.request("GET", "/me"), 200).await;
            let one = left.1.request("POST", &format!("/operators/{name}/disable"));
            let other = new.request("POST", &format!("/operators/{}/disable", left.0));
            let (one, other) = tokio::join!(left.1.send(&one), new.send(&other));
            // Who comes later is the last owner, or has a key that opens nothing any more.
            assert!((one.status == 200) != (other.status == 200), "round {round}: {one} {other}");
            if other.status == 200 {
                left = (name, new);
            }
            left.1.get("/me").await.expect(200);
        }
    }
}
