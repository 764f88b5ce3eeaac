//! From the directory into the vault.

use serde_json::json;

use super::{add, settled, until};
use crate::support::both;
use crate::support::scim::text;
use crate::support::vault::Vault;

both! {
    async fn users_and_groups_follow(app: &App) {
        let vault = Vault::start().await;
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        let before = scim.user("early").await;
        add(app, &vault, &endpoint, &[]);
        until(&vault, "the first sync", |world| world.named("early").is_some()).await;
        let robert = scim.user("robertt").await;
        let id = text(&robert["id"]);
        until(&vault, "a new user", |world| world.named("robertt").is_some()).await;
        let there = vault.world().named("robertt").unwrap();
        assert_eq!((there.display.as_str(), there.email.as_deref()), ("Robert Tail", Some("robertt@example.com")));
        // Renamed: the display name follows, the login name stays.
        let rename = json!([
            {"op": "replace", "path": "userName", "value": "robertty"},
            {"op": "replace", "path": "displayName", "value": "robertty"},
        ]);
        scim.patch(&format!("/Users/{id}"), rename).await.expect(200);
        until(&vault, "the new display name", |world| world.named("robertt").unwrap().display == "robertty").await;
        assert!(vault.world().named("robertty").is_none());
        // A group with both of them, renamed, and left by one.
        let group = scim.group("Operators", &[&id, &text(&before["id"])]).await;
        let group_id = text(&group["id"]);
        until(&vault, "the members", |world| world.members("Operators") == ["early", "robertt"]).await;
        scim.patch(&format!("/Groups/{group_id}"), json!([{"op": "replace", "path": "displayName", "value": "Ops"}])).await;
        until(&vault, "the new name", |world| world.group_named("Ops").is_some()).await;
        let leave = json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}]);
        scim.patch(&format!("/Groups/{group_id}"), leave).await;
        until(&vault, "one member", |world| world.members("Ops") == ["early"]).await;
        // Disabled and enabled.
        for active in [false, true, false] {
            scim.patch(&format!("/Users/{id}"), json!([{"op": "replace", "path": "active", "value": active}])).await.expect(200);
            until(&vault, "the state", |world| world.named("robertt").unwrap().enabled == active).await;
        }
        // Deleted is disabled, and a re-hire is enabled again.
        scim.delete(&format!("/Users/{id}")).await.expect(204);
        scim.delete(&format!("/Groups/{group_id}")).await.expect(204);
        until(&vault, "the group's end", |world| !world.group_named("Ops").unwrap().enabled).await;
        settled(app, &endpoint).await;
        assert!(!vault.world().named("robertt").unwrap().enabled);
        let number = vault.world().users.len();
        scim.user("robertt").await;
        until(&vault, "the re-hire", |world| world.named("robertt").unwrap().enabled).await;
        assert_eq!(vault.world().users.len(), number, "the same account");
        let world = vault.world();
        assert!(world.calls.iter().all(|call| call.method != "DELETE" || call.path.contains("/groups/")));
        assert_eq!(world.calls_of("GET", "/secrets"), 0);
        // It is always told how much is wanted, and a password is sent with a new account and nowhere else.
        let lists = ["/api/v1/users", "/api/v1/groups"];
        assert!(world.calls.iter().all(|call| {
            call.method != "GET" || !lists.contains(&call.path.as_str()) || call.query.contains("take=")
        }));
        let with_password = world.calls.iter().filter(|call| call.body.get("password").is_some());
        assert_eq!(with_password.count(), world.calls.iter().filter(|call| call.method == "POST" && call.path.ends_with("/users")).count() - world.calls_of("POST", "/groups/"));
        assert!(world.passwords.iter().all(|password| password.len() == 32));
    }

    async fn a_taken_name_takes_the_address(app: &App) {
        let vault = Vault::start().await;
        vault.world().user("ann", Some("another.ann@example.org"));
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        add(app, &vault, &endpoint, &[]);
        scim.user("ann").await;
        until(&vault, "the address as name", |world| world.named("ann@example.com").is_some()).await;
        // The same person, by address, under another login name: adopted, not made again.
        vault.world().user("bob.there", Some("BOB@example.com"));
        let users = vault.world().users.len();
        scim.user("bob").await;
        let target = settled(app, &endpoint).await;
        assert_eq!(vault.world().users.len(), users, "{target:#}");
        assert_eq!(vault.world().named("bob.there").unwrap().display, "Robert Tail");
        // Neither the system's own nor an application is touched.
        scim.user("scimapp").await;
        settled(app, &endpoint).await;
        assert!(vault.world().named("scimapp@example.com").is_some());
        assert!(vault.world().named("scimapp").unwrap().application);
    }
}

both! {
    async fn before_the_answer_the_vault_decides(app: &App) {
        let mut vault = Vault::start().await;
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        add(app, &vault, &endpoint, &["--mode", "before-answer"]);
        // A running server knows it within a second.
        let mut n = 0;
        loop {
            let name = format!("early{n}");
            scim.user(&name).await;
            if vault.world().named(&name).is_some() {
                break;
            }
            n += 1;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let ann = text(&scim.user("ann").await["id"]);
        assert!(vault.world().named("ann").is_some(), "there when it is answered");
        let group = text(&scim.group("Ops", &[&ann]).await["id"]);
        assert_eq!(vault.world().members("Ops"), ["ann"]);
        // Refused there is refused here.
        let enabled = vault.world().enabled();
        vault.switch(|switches| switches.licences = enabled);
        let refused = scim.post("/Users", &crate::support::scim::user("bob")).await.expect(400).json();
        assert!(text(&refused["detail"]).contains("license"), "{refused}");
        assert!(scim.find("Users", "userName eq \"bob\"").await.is_empty());
        vault.switch(|switches| switches.licences = usize::MAX);
        // Away: nothing is kept.
        vault.die();
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        let away = scim.patch(&format!("/Users/{ann}"), off.clone()).await.expect(503);
        assert!(away.header("retry-after").is_some());
        let still = scim.get(&format!("/Users/{ann}")).await.expect(200).json();
        assert_ne!(still["active"], false, "{still}");
        vault.come_back().await;
        scim.patch(&format!("/Users/{ann}"), off).await.expect(200);
        assert!(!vault.world().named("ann").unwrap().enabled);
        scim.delete(&format!("/Groups/{group}")).await.expect(204);
        assert!(!vault.world().group_named("Ops").unwrap().enabled);
        // Bulk: one by one.
        let bulk = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [
                {"method": "POST", "path": "/Users", "bulkId": "1", "data": {"schemas": [crate::support::scim::USER], "userName": "scimapp"}},
                {"method": "POST", "path": "/Users", "bulkId": "2", "data": crate::support::scim::user("carl")},
            ],
        });
        let done = scim.post("/Bulk", &bulk).await.expect(200).json();
        let statuses: Vec<_> = done["Operations"].as_array().unwrap().iter().map(|one| text(&one["status"])).collect();
        assert_eq!(statuses, ["409", "201"], "{done}");
        assert!(vault.world().named("carl").is_some());
    }
}
