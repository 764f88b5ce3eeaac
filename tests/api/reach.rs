//! Operators who are limited to tenants: for them, endpoints of others are not there, on every route of the table.

use scim_server::api::ROUTES;
use serde_json::{Value, json};

use super::isolation::Scene;
use super::{Api, pointers};
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::scim::text;

/// An admin who is limited to the tenant of the furniture.
async fn limited(app: &crate::support::app::App, role: &str) -> Api {
    let api = Api::of_role(app, role).await;
    let owner = Api::owner(app);
    let patched =
        owner.patch(&format!("/operators/some-{role}"), &json!({"tenants": ["ACME"]})).await.expect(200);
    assert_eq!(patched.json()["tenants"], json!(["ACME"]));
    api
}

both! {
    async fn no_route_opens_an_endpoint_of_another_tenant(app: &App) {
        let owner = Api::owner(app);
        let limited = limited(app, "admin").await;
        let mut scene = Scene::new(app, &owner, 1).await;
        let path = format!("/endpoints/{}", scene.endpoint);
        let tokens = format!("{path}/tokens");
        let state = async || {
            let mut endpoint = owner.get(&path).await.expect(200).json();
            // When something was used comes a moment later.
            endpoint["last_heard"] = Value::Null;
            let tokens = owner.all(&tokens).await;
            let tokens: Vec<_> = tokens.iter().map(|token| (token["id"].clone(), token["revoked_at"].clone())).collect();
            (endpoint, tokens, owner.walk("/endpoints", 100).await.len())
        };
        let before = state().await;
        let mut tried = 0;
        for route in ROUTES.iter().filter(|route| route.path.contains("{endpoint}")) {
            let answer = limited.send(&scene.request(route, &limited.key)).await.expect(404);
            let told = text(&answer.json()["detail"]);
            assert_eq!(told, format!("There is no endpoint `{}`; GET /api/v1/endpoints lists them.", scene.endpoint), "{route:?}");
            tried += 1;
        }
        assert!(tried > 30, "{tried}");
        assert_eq!(state().await, before, "nothing has changed");
        // Neither by its id, nor from the bin.
        let id = text(&before.0["id"]);
        limited.get(&format!("/endpoints/{id}")).await.expect(404);
        owner.delete(&path).await.expect(204);
        limited.send(&limited.request("POST", &format!("{path}/undelete"))).await.expect(404);
        assert_eq!(limited.walk("/endpoints?status=deleted", 100).await.len(), 0);
        owner.send(&owner.request("POST", &format!("{path}/undelete"))).await.expect(200);
        // With the tenant it is theirs, on every route that reads.
        owner.patch(&path, &json!({"tenant": "Acme"})).await.expect(200);
        let verify = owner.request("POST", &format!("{path}/verifications"));
        scene.verification = text(&owner.send(&verify).await.expect(201).json()["id"]);
        for route in ROUTES.iter().filter(|route| route.path.contains("{endpoint}") && route.method == "GET") {
            limited.send(&scene.request(route, &limited.key)).await.expect(200);
        }
    }

    async fn lists_show_their_own(app: &App) {
        let (owner, limited) = (Api::owner(app), limited(app, "operator").await);
        for (name, tenant) in [("Hidden", json!("Umbrella")), ("Nobodys", Value::Null)] {
            owner.post("/endpoints", &json!({"name": name, "tenant": tenant})).await.expect(201);
        }
        assert_eq!(owner.walk("/endpoints", 2).await.len(), 5);
        let seen = limited.walk("/endpoints", 2).await;
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(seen.iter().all(|endpoint| endpoint["tenant"] == "Acme"), "{seen:?}");
        assert_eq!(limited.walk("/endpoints?q=hid", 10).await.len(), 0);
        assert_eq!(limited.walk("/endpoints?tenant=umbrella", 10).await.len(), 0);
        let log = limited.get("/audit?format=ndjson").await.expect(200).text();
        for beyond in ["hidden", "nobodys", "olivia\"}"] {
            assert!(!log.contains(&format!("\"subject\":\"{beyond}")), "{log}");
        }
        assert!(log.contains("\"subject\":\"generic\""), "{log}");
        assert!(!log.contains("operator.create"), "{log}");
        assert!(owner.get("/audit?format=ndjson").await.expect(200).text().contains("\"subject\":\"hidden\""));
    }

    async fn endpoints_stay_within_the_tenants(app: &App) {
        let limited = limited(app, "operator").await;
        for body in [json!({"name": "A"}), json!({"name": "A", "tenant": "Umbrella"})] {
            assert_eq!(pointers(&limited.post("/endpoints", &body).await.expect(422)), ["/tenant"]);
        }
        let made = limited.post("/endpoints", &json!({"name": "A", "tenant": "acme"})).await.expect(201).json();
        let path = format!("/endpoints/{}", text(&made["slug"]));
        for tenant in [json!("Umbrella"), Value::Null] {
            assert_eq!(pointers(&limited.patch(&path, &json!({"tenant": tenant})).await.expect(422)), ["/tenant"]);
        }
        limited.patch(&path, &json!({"tenant": "ACME"})).await.expect(200);
        limited.post(&format!("{path}/clone"), &json!({"name": "B"})).await.expect(201);
    }

    async fn nobody_gives_more_than_they_have(app: &App) {
        let (owner, limited) = (Api::owner(app), limited(app, "admin").await);
        let body = json!({"name": "Eve", "role": "admin", "password": PASSWORD});
        let made = limited.post("/operators", &body).await.expect(201).json();
        assert_eq!(made["tenants"], json!(["ACME"]), "who makes an account gives it the own limit");
        for tenants in [Value::Null, json!([]), json!(["Umbrella"]), json!(["acme", "Umbrella"])] {
            limited.patch("/operators/Eve", &json!({"tenants": tenants})).await.expect(403);
            limited.patch("/operators/some-admin", &json!({"tenants": tenants})).await.expect(403);
        }
        // Neither through an account that sees more.
        owner.post("/operators", &json!({"name": "Free", "role": "auditor", "password": PASSWORD})).await.expect(201);
        limited.post("/operators/Free/reset-password", &json!({"password": PASSWORD})).await.expect(403);
        limited.post("/operators/Free/reset-password", &json!({})).await.expect(403);
        limited.send(&limited.request("POST", "/operators/Free/disable")).await.expect(403);
        limited.patch("/operators/Free", &json!({"role": "admin"})).await.expect(403);
        // An owner sees everything.
        owner.patch("/operators/olivia", &json!({"tenants": ["Acme"]})).await.expect(409);
        owner.patch("/operators/Eve", &json!({"role": "owner"})).await.expect(409);
        assert_eq!(pointers(&owner.patch("/operators/Eve", &json!({"tenants": ["a", " "]})).await.expect(422)), ["/tenants/1"]);
        owner.patch("/operators/Eve", &json!({"tenants": null, "role": "owner"})).await.expect(409);
        owner.patch("/operators/Eve", &json!({"tenants": null})).await.expect(200);
        owner.patch("/operators/Eve", &json!({"role": "owner"})).await.expect(200);
    }
}
