//! Groups: their life, and what answers a PATCH.

use serde_json::{Value, json};

use super::set;
use crate::support::both;
use crate::support::scim::{GROUP, Scim, id, text};

fn group(name: &str) -> Value {
    json!({"schemas": [GROUP], "displayName": name})
}

async fn show(scim: &Scim, path: &str) -> Value {
    scim.get(path).await.expect(200).json()
}

both! {
    async fn a_group_and_its_members(app: &App) {
        let scim = app.generic();
        let robert = scim.user("robertt").await;
        let inner = scim.group("Inner", &[]).await;
        let body = json!({
            "schemas": [GROUP],
            "displayName": "Admins",
            "externalId": "g1",
            "members": [{"value": id(&robert), "display": "whoever", "type": "Group"}, {"value": id(&inner)}],
        });
        let answer = scim.post("/Groups", &body).await.expect(201);
        let made = answer.json();
        assert_eq!(answer.header("location"), made["meta"]["location"].as_str());
        assert_eq!(made["meta"]["resourceType"], "Group");
        assert_eq!((&made["displayName"], &made["externalId"]), (&json!("Admins"), &json!("g1")));
        let members = made["members"].as_array().expect("members");
        assert_eq!(members.len(), 2);
        for (resource, kind, name) in [(&robert, "User", "robertt"), (&inner, "Group", "Inner")] {
            let member = members.iter().find(|member| member["value"] == resource["id"]).expect("a member");
            assert_eq!(member["type"], kind, "what it is, not what the client calls it");
            assert_eq!(member["$ref"], resource["meta"]["location"]);
            assert!(member.get("display").is_none_or(|display| display == name), "{member}");
        }
        let path = format!("/Groups/{}", id(&made));
        assert_eq!(show(&scim, &path).await, made);

        let groups = show(&scim, &format!("/Users/{}", id(&robert))).await["groups"].clone();
        let expected = json!([
            {"value": made["id"], "$ref": made["meta"]["location"], "display": "Admins", "type": "direct"}
        ]);
        assert_eq!(groups, expected, "the user shows it too");

        for hidden in ["attributes=displayName", "excludedAttributes=members"] {
            assert_eq!(show(&scim, &format!("{path}?{hidden}")).await.get("members"), None, "{hidden}");
        }
        assert_eq!(
            scim.get("/Groups?excludedAttributes=members").await.expect(200).json()["Resources"][1]
                .get("members"),
            None
        );
    }

    async fn a_put_that_does_not_name_the_members_keeps_them(app: &App) {
        let scim = app.generic();
        let (robert, other) = (id(&scim.user("robertt").await), id(&scim.user("other").await));
        let admins = id(&scim.group("Admins", &[&robert]).await);
        let path = format!("/Groups/{admins}");
        let renamed = scim.put(&path, &group("Owners")).await.expect(200).json();
        assert_eq!(renamed["displayName"], "Owners");
        assert_eq!(renamed["members"][0]["value"], robert, "the answer shows them");
        assert_eq!(scim.members(&admins).await, [robert.as_str()]);

        let mut body = group("Owners");
        body["members"] = json!([{"value": other}]);
        scim.put(&path, &body).await.expect(200);
        assert_eq!(scim.members(&admins).await, [other]);
        for none in [json!([]), Value::Null] {
            body["members"] = json!([{"value": robert}]);
            scim.put(&path, &body).await.expect(200);
            body["members"] = none;
            assert_eq!(scim.put(&path, &body).await.expect(200).json().get("members"), None);
            assert!(scim.members(&admins).await.is_empty());
        }
    }

    async fn a_deleted_group_leaves_nothing_behind(app: &App) {
        let scim = app.generic();
        let robert = id(&scim.user("robertt").await);
        let inner = id(&scim.group("Inner", &[&robert]).await);
        let outer = id(&scim.group("Outer", &[&inner]).await);
        scim.delete(&format!("/Groups/{inner}")).await.expect(204);
        scim.get(&format!("/Groups/{inner}")).await.expect(404);
        assert!(scim.members(&outer).await.is_empty());
        assert_eq!(show(&scim, &format!("/Users/{robert}")).await.get("groups"), None);
        assert_eq!(scim.count("Groups").await, 1);
        assert!(scim.find("Groups", &format!("members.value eq \"{inner}\"")).await.is_empty());
    }

    async fn a_deleted_user_is_in_no_group(app: &App) {
        let scim = app.generic();
        let (robert, other) = (id(&scim.user("robertt").await), id(&scim.user("other").await));
        let groups = [scim.group("A", &[&robert, &other]).await, scim.group("B", &[&robert]).await];
        scim.delete(&format!("/Users/{robert}")).await.expect(204);
        assert_eq!(scim.members(&id(&groups[0])).await, [other]);
        assert!(scim.members(&id(&groups[1])).await.is_empty());
        for before in groups {
            let after = show(&scim, &format!("/Groups/{}", id(&before))).await;
            assert_ne!(after["meta"]["version"], before["meta"]["version"], "a group without him is another");
        }
        let back = id(&scim.user("robertt").await);
        assert_eq!(show(&scim, &format!("/Users/{back}")).await.get("groups"), None);
    }

    async fn a_patch_is_answered_as_the_preset_or_the_setting_says(app: &App) {
        let patch = async |scim: &Scim, path: &str| {
            let body = json!({"Operations": [{"op": "replace", "path": "displayName", "value": "Renamed"}]});
            scim.send(&scim.request("PATCH", path).json(&body)).await
        };
        for (endpoint, preset, other) in
            [(&app.furniture().generic, 200, "204"), (&app.furniture().onelogin, 204, "200")]
        {
            let scim = app.scim(endpoint);
            let path = format!("/Groups/{}", id(&scim.group("Admins", &[]).await));
            let answer = patch(&scim, &path).await.expect(preset);
            assert!(answer.header("etag").is_some());
            for query in ["attributes=displayName", "excludedAttributes=members"] {
                let answer = patch(&scim, &format!("{path}?{query}")).await.expect(200).json();
                assert_eq!(answer["displayName"], "Renamed", "who asks for attributes gets them");
            }
            set(app, endpoint, &[&format!("group-patch={other}")]).await;
            patch(&scim, &path).await.expect(other.parse().unwrap());
            let robert = format!("/Users/{}", id(&scim.user("robertt").await));
            let title = json!([{"op": "add", "path": "title", "value": "Clerk"}]);
            scim.patch(&robert, title).await.expect(200);
        }
    }

    async fn a_group_needs_a_name(app: &App) {
        let scim = app.generic();
        for body in [json!({"schemas": [GROUP]}), group(""), group("  ")] {
            let error = scim.post("/Groups", &body).await.expect(400).json();
            assert_eq!(error["scimType"], "invalidValue");
            assert!(text(&error["detail"]).contains("displayName"), "{error}");
        }
        let admins = scim.group("Admins", &[]).await;
        let path = format!("/Groups/{}", id(&admins));
        scim.patch(&path, json!([{"op": "remove", "path": "displayName"}])).await.expect(400);
        assert_eq!(show(&scim, &path).await, admins);
        assert_eq!(scim.count("Groups").await, 1);
    }

    async fn groups_within_groups(app: &App) {
        let scim = app.generic();
        let robert = id(&scim.user("robertt").await);
        let inner = id(&scim.group("Inner", &[&robert]).await);
        let middle = id(&scim.group("Middle", &[&inner]).await);
        let outer = id(&scim.group("Outer", &[&middle, &robert]).await);
        let groups = async || {
            let user = show(&scim, &format!("/Users/{robert}")).await;
            let groups = user["groups"].as_array().cloned().unwrap_or_default();
            let mut found: Vec<_> =
                groups.iter().map(|one| (text(&one["value"]), text(&one["type"]))).collect();
            found.sort();
            found
        };
        let expected = |pairs: &[(&String, &str)]| {
            let mut pairs: Vec<_> =
                pairs.iter().map(|(group, kind)| ((*group).clone(), (*kind).to_owned())).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(
            groups().await,
            expected(&[(&inner, "direct"), (&middle, "indirect"), (&outer, "direct")])
        );

        // A circle ends where it began, and each group is named once.
        let add = |member: &str| json!([{"op": "add", "path": "members", "value": [{"value": member}]}]);
        scim.patch(&format!("/Groups/{inner}"), add(&outer)).await.expect(200);
        scim.patch(&format!("/Groups/{inner}"), add(&middle)).await.expect(200);
        assert_eq!(
            groups().await,
            expected(&[(&inner, "direct"), (&middle, "indirect"), (&outer, "direct")])
        );
        assert_eq!(
            scim.get("/Users?count=10").await.expect(200).json()["Resources"][0]["groups"]
                .as_array()
                .map(Vec::len),
            Some(3)
        );
        scim.get(&format!("/Groups/{inner}")).await.expect(200);
        assert_eq!(scim.find("Users", &format!("groups.value eq \"{middle}\"")).await.len(), 1);

        // No group is a member of itself.
        scim.patch(&format!("/Groups/{inner}"), add(&inner)).await.expect(200);
        assert!(!scim.members(&inner).await.contains(&inner));

        let leave = json!([{"op": "remove", "path": format!("members[value eq \"{robert}\"]")}]);
        scim.patch(&format!("/Groups/{inner}"), leave).await.expect(200);
        assert_eq!(
            groups().await,
            expected(&[(&inner, "indirect"), (&middle, "indirect"), (&outer, "direct")])
        );
        scim.delete(&format!("/Groups/{outer}")).await.expect(204);
        assert_eq!(groups().await, []);
    }
}
