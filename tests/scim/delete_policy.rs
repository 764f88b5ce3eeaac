//! What DELETE does: remove for good, or deactivate and hide until the same person comes back.

use serde_json::json;

use super::set;
use crate::support::both;
use crate::support::scim::{id, user};

both! {
    async fn a_deactivated_user_is_hidden_from_scim(app: &App) {
        let scim = app.generic();
        set(app, &app.furniture().generic, &["delete=deactivate"]).await;
        let robert = id(&scim.user("robertt").await);
        let other = id(&scim.user("other").await);
        let group = id(&scim.group("Admins", &[&robert, &other]).await);
        let path = format!("/Users/{robert}");

        scim.delete(&path).await.expect(204);
        scim.get(&path).await.expect(404);
        scim.put(&path, &user("robertt")).await.expect(404);
        scim.patch(&path, json!([{"op": "replace", "path": "active", "value": true}])).await.expect(404);
        scim.delete(&path).await.expect(404);
        let by_name = r#"userName eq "robertt""#;
        for filter in
            [by_name, &format!("id eq \"{robert}\""), &format!("not (not ({by_name}))"), "active eq false"]
        {
            assert!(scim.find("Users", filter).await.is_empty(), "{filter}");
        }
        assert_eq!(scim.find("Users", "userName pr").await.len(), 1);
        assert_eq!(scim.count("Users").await, 1);
        assert_eq!(scim.members(&group).await, [other], "out of the groups");
        assert!(scim.find("Groups", &format!("members.value eq \"{robert}\"")).await.is_empty());

        // Who is hidden is not there for groups either.
        let add = json!([{"op": "add", "path": "members", "value": [{"value": robert}]}]);
        scim.patch(&format!("/Groups/{group}"), add).await.expect(200);
        assert_eq!(scim.members(&group).await.len(), 1);
    }

    async fn who_comes_back_is_the_same(app: &App) {
        let scim = app.generic();
        set(app, &app.furniture().generic, &["delete=deactivate"]).await;
        let mut body = user("robertt");
        body["title"] = json!("Clerk");
        let before = scim.post("/Users", &body).await.expect(201).json();
        let group = id(&scim.group("Admins", &[&id(&before)]).await);
        scim.delete(&format!("/Users/{}", id(&before))).await.expect(204);

        let answer = scim.post("/Users", &user("ROBERTT")).await.expect(201);
        let back = answer.json();
        assert_eq!(back["id"], before["id"], "the same id");
        assert_eq!(back["active"], true);
        assert_eq!(back["userName"], "ROBERTT");
        assert_eq!(back.get("title"), None, "with what is sent now, not with what was");
        assert_eq!(back.get("groups"), None);
        assert_eq!(back["meta"]["created"], before["meta"]["created"]);
        assert_ne!(back["meta"]["version"], before["meta"]["version"]);
        assert_eq!(answer.header("location"), back["meta"]["location"].as_str());
        assert!(scim.members(&group).await.is_empty());
        assert_eq!(scim.get(&format!("/Users/{}", id(&before))).await.expect(200).json(), back);
        assert_eq!(scim.count("Users").await, 1);

        // Any number of times, and inactive if that is what is said.
        scim.delete(&format!("/Users/{}", id(&back))).await.expect(204);
        assert_eq!(scim.count("Users").await, 0);
        let mut body = user("robertt");
        body["active"] = json!(false);
        let again = scim.post("/Users", &body).await.expect(201).json();
        assert_eq!((&again["id"], &again["active"]), (&before["id"], &json!(false)));
    }

    async fn a_hidden_user_holds_no_name(app: &App) {
        let scim = app.generic();
        set(app, &app.furniture().generic, &["delete=deactivate"]).await;
        let robert = id(&scim.user("robertt").await);
        let other = id(&scim.user("other").await);
        scim.delete(&format!("/Users/{robert}")).await.expect(204);
        let renamed = json!([{"op": "replace", "path": "userName", "value": "RobertT"}]);
        scim.patch(&format!("/Users/{other}"), renamed).await.expect(200);
        let error = scim.post("/Users", &user("robertt")).await.expect(409).json();
        assert_eq!(error["scimType"], "uniqueness");
        scim.get(&format!("/Users/{robert}")).await.expect(404);
        assert_eq!(scim.count("Users").await, 1, "the refused one is as hidden as before");
        scim.delete(&format!("/Users/{other}")).await.expect(204);
        assert_eq!(id(&scim.user("robertt").await), other, "the one who left last");
    }

    async fn groups_and_what_the_other_policy_says_are_removed(app: &App) {
        let scim = app.generic();
        let policy = async |policy: &str| set(app, &app.furniture().generic, &[policy]).await;
        policy("delete=deactivate").await;
        let group = id(&scim.group("Admins", &[]).await);
        scim.delete(&format!("/Groups/{group}")).await.expect(204);
        assert_ne!(id(&scim.group("Admins", &[]).await), group, "a group has no state to deactivate");

        let robert = id(&scim.user("robertt").await);
        policy("delete=remove").await;
        scim.delete(&format!("/Users/{robert}")).await.expect(204);
        assert_ne!(id(&scim.user("robertt").await), robert);
    }
}
