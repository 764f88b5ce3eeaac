//! From the vault into the directory, and what is asked before.

use serde_json::json;

use super::{add, settled, until};
use crate::support::both;
use crate::support::scim::text;
use crate::support::vault::Vault;

both! {
    async fn what_is_there_is_listed(app: &App) {
        let vault = Vault::start().await;
        vault.switch(|switches| switches.page = 3);
        {
            let mut world = vault.world();
            for n in 0..8 {
                world.group(&format!("Vault group {n}"));
            }
            let ann = world.user("ann", Some("ann@example.com"));
            let group = world.group("From the vault");
            world.groups.get_mut(&group).unwrap().members.insert(ann);
        }
        let endpoint = app.fresh_endpoint("onelogin").await;
        let scim = app.scim(&endpoint);
        let ours = scim.user("ann").await;
        let add_there = scim.group("Vault group 3", &[]).await;
        add(app, &vault, &endpoint, &[]);
        let tested = app.program(&["target", "test", &endpoint.slug, "--json"]).await.json();
        assert_eq!(tested["ok"], true, "{tested:#}");
        let done = app.program(&["target", "import", &endpoint.slug, "--json"]).await.json();
        // The one that was made here may be there already.
        assert!(done["groups"]["made"].as_u64().unwrap() >= 8, "{done:#}");
        let found = scim.find("Groups", "displayName eq \"From the vault\"").await;
        assert_eq!(found.len(), 1);
        assert_eq!(scim.members(&text(&found[0]["id"])).await, [text(&ours["id"])]);
        assert_eq!(scim.find("Groups", "displayName eq \"vault group 3\"").await[0]["id"], add_there["id"]);
        // What belongs to a directory or the system stays where it is.
        for name in ["Everyone", "Domain Admins"] {
            assert!(scim.find("Groups", &format!("displayName eq \"{name}\"")).await.is_empty(), "{name}");
        }
        assert!(scim.find("Users", "userName eq \"scimapp\"").await.is_empty());
        assert_eq!(scim.find("Users", "userName eq \"ssadmin\"").await.len(), 1);
        // Again: nothing new.
        let again = app.program(&["target", "import", &endpoint.slug, "--json"]).await.json();
        assert_eq!((&again["groups"]["made"], &again["users"]["made"]), (&json!(0), &json!(0)), "{again:#}");
        // Somebody is put into the imported group here.
        let robert = scim.user("robertt").await;
        let join = json!([{"op": "add", "path": "members", "value": [{"value": robert["id"]}]}]);
        scim.patch(&format!("/Groups/{}", text(&found[0]["id"])), join).await;
        until(&vault, "the member", |world| world.members("From the vault") == ["ann", "robertt"]).await;
        assert_eq!(vault.world().group_named("From the vault").unwrap().members.len(), 2);
    }

    async fn what_is_missing_is_named(app: &App) {
        let vault = Vault::start().await;
        vault.switch(|switches| switches.lacks = vec!["Administer Groups"]);
        let endpoint = app.fresh_endpoint("generic").await;
        add(app, &vault, &endpoint, &[]);
        let tested = app.program(&["target", "test", &endpoint.slug]).await;
        assert_eq!(tested.code, Some(1), "{tested:?}");
        assert!(tested.stderr.contains("Administer Groups") && !tested.stderr.contains("Administer Users"), "{tested:?}");
        let refused = app.program(&["target", "import", &endpoint.slug]).await;
        assert!(refused.refused().contains("may not do this"), "{refused:?}");
        let none = app.program(&["target", "test", &app.furniture().generic.slug]).await;
        assert!(none.refused().contains("has no target"), "{none:?}");
    }

    async fn a_plan_changes_nothing_and_a_comparison_repairs(app: &App) {
        let vault = Vault::start().await;
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        let ann = text(&scim.user("ann").await["id"]);
        scim.group("Ops", &[&ann]).await;
        add(app, &vault, &endpoint, &[]);
        until(&vault, "the first sync", |world| world.members("Ops") == ["ann"]).await;
        settled(app, &endpoint).await;
        let equal = app.program(&["target", "plan", &endpoint.slug, "--json"]).await.json();
        assert_eq!((&equal["in_sync"], &equal["counts"]["stranger"]), (&json!(true), &json!(1)), "{equal:#}");
        // Somebody changes things there by hand.
        {
            let mut world = vault.world();
            let id = world.named("ann").unwrap().id;
            world.users.get_mut(&id).unwrap().enabled = false;
            world.users.get_mut(&id).unwrap().display = "Changed".into();
            let stranger = world.user("stranger", Some("stranger@example.org"));
            let group = world.group_named("Ops").unwrap().id;
            world.groups.get_mut(&group).unwrap().members.insert(stranger);
            world.groups.get_mut(&group).unwrap().name = "Renamed".into();
        }
        let drift = app.program(&["target", "plan", &endpoint.slug, "--json"]).await.json();
        assert_eq!((&drift["counts"]["enable"], &drift["counts"]["update"]), (&json!(1), &json!(1)), "{drift:#}");
        assert_eq!(vault.world().named("ann").unwrap().display, "Changed", "a plan changes nothing");
        app.program(&["target", "reconcile", &endpoint.slug]).await.done();
        until(&vault, "the repair", |world| {
            let ann = world.named("ann").unwrap();
            ann.enabled && ann.display == "Robert Tail" && world.group_named("Ops").is_some()
        }).await;
        // Whom we did not put in we do not take out.
        assert_eq!(vault.world().members("Ops"), ["ann", "stranger"]);
        settled(app, &endpoint).await;
        let after = app.program(&["target", "plan", &endpoint.slug, "--json"]).await.json();
        let told = |line: &&serde_json::Value| line["what"] == "stranger" && line["kind"] == "member";
        let told: Vec<_> = after["lines"].as_array().unwrap().iter().filter(told).map(|line| &line["name"]).collect();
        assert_eq!((&after["in_sync"], told), (&json!(true), vec![&json!("stranger in Ops")]), "{after:#}");
    }
}
