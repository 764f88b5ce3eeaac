//! The directory, evidence and refusals through the management API.

use serde_json::json;

use super::Api;
use crate::support::both;
use crate::support::scim::{id, text};

both! {
    async fn users_and_groups_are_found_and_shown(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let robert = id(&scim.user("robertt").await);
        for number in 0..5 {
            scim.user(&format!("user{number}")).await;
        }
        // Names that are alike only up to their ends, and longer than an index key.
        for end in ["a", "b", "c"] {
            scim.user(&format!("long{}{end}", "x".repeat(900))).await;
        }
        let group = id(&scim.group("Keepers", &[&robert]).await);
        let names = |items: &[serde_json::Value]| items.iter().map(|one| text(&one["name"])).collect::<Vec<_>>();
        let whole = names(&api.walk("/endpoints/generic/users", 100).await);
        assert_eq!(whole.len(), 9);
        for limit in [1, 2, 4] {
            assert_eq!(names(&api.walk("/endpoints/generic/users", limit).await), whole);
            assert_eq!(names(&api.walk("/endpoints/generic/users?q=USER", limit).await).len(), 5);
        }
        assert_eq!(names(&api.walk("/endpoints/generic/resources/users", 3).await), whole);
        api.get("/endpoints/generic/resources/robots").await.expect(404);

        let shown = api.get(&format!("/endpoints/generic/users/{robert}")).await.expect(200).json();
        let served = scim.get(&format!("/Users/{robert}")).await.expect(200).json();
        assert_eq!((&shown["resource"]["userName"], &shown["resource"]["groups"]), (&served["userName"], &served["groups"]));
        assert_eq!(shown["members"], json!(null));
        let shown = api.get(&format!("/endpoints/generic/groups/{group}")).await.expect(200).json();
        assert_eq!((&shown["members"], &shown["name"]), (&json!(1), &json!("Keepers")));
        let members = api.walk(&format!("/endpoints/generic/groups/{group}/members"), 1).await;
        assert_eq!(members, [json!({"id": robert, "name": "robertt", "type": "User"})]);
        // A user is no group, and one endpoint's is none of another's.
        api.get(&format!("/endpoints/generic/groups/{robert}")).await.expect(404);
        api.get(&format!("/endpoints/onelogin/users/{robert}")).await.expect(404);
        api.get(&format!("/endpoints/onelogin/users/{robert}/history")).await.expect(404);
    }

    async fn history_is_told_to_its_end(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let robert = id(&scim.user("robertt").await);
        let path = format!("/Users/{robert}");
        for title in ["Clerk", "Chief"] {
            scim.patch(&path, json!([{"op": "replace", "path": "title", "value": title}])).await.expect(200);
        }
        let group = id(&scim.group("Keepers", &[&robert]).await);
        let at = format!("/endpoints/generic/users/{robert}/history");
        let all = api.walk(&at, 100).await;
        let kinds: Vec<_> = all.iter().map(|change| text(&change["kind"])).collect();
        assert_eq!(kinds, ["created", "updated", "updated", "created"]);
        assert_eq!((&all[0]["resource_id"], &all[0]["members_added"]), (&json!(group), &json!([robert])));
        assert_eq!(all[1]["attributes"], json!([{"path": "title", "before": "Clerk", "after": "Chief"}]));
        assert_eq!((&all[1]["by"]["kind"], &all[1]["by"]["label"]), (&json!("token"), &json!("first token")));
        for limit in [1, 3] {
            assert_eq!(api.walk(&at, limit).await, all);
        }
        // What is gone keeps its past; what never was has none.
        scim.delete(&path).await.expect(204);
        assert_eq!(api.walk(&at, 100).await[0]["kind"], "deleted");
        api.get("/endpoints/generic/users/nobody/history").await.expect(404);
        api.get(&format!("/endpoints/generic/groups/{robert}/history")).await.expect(404);
    }

    async fn evidence_and_refusals_are_told(app: &App) {
        let (api, scim) = (Api::owner(app), app.scim(&app.furniture().onelogin));
        scim.post("/Users", &json!({"userName": "a", "shoeSize": 42, "active": "True"})).await.expect(201);
        scim.with_token("nonsense").get("/Users").await.expect(401);
        loop {
            let evidence = api.get("/endpoints/onelogin/evidence").await.expect(200).json();
            let refusals = api.all("/endpoints/onelogin/refusals").await;
            if evidence["dropped"] == json!([]) || refusals.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
            assert_eq!(evidence["dropped"][0]["attribute"], "shoeSize");
            let rule = evidence["rules"].as_array().unwrap().iter().find(|rule| rule["rule"] == "boolean-text").unwrap();
            assert_eq!((&rule["times"], &rule["on"]), (&json!(1), &json!(true)));
            assert_eq!((&refusals[0]["cause"], &refusals[0]["times"]), (&json!("malformed"), &json!(1)));
            break;
        }
    }
}
