//! One user name, one user: compared without case, by the database itself, and never against oneself.

use serde_json::json;
use tokio::task::JoinSet;

use super::{set, sorted};
use crate::support::both;
use crate::support::http::Answer;
use crate::support::scim::{GROUP, USER, id, text, user};

/// It is the conflict of this attribute, and says so.
#[track_caller]
fn conflict(answer: Answer, attribute: &str) {
    let error = answer.expect(409).json();
    assert_eq!(error["scimType"], "uniqueness");
    assert!(text(&error["detail"]).contains(attribute), "it names the attribute: {error}");
}

both! {
    async fn a_user_name_is_taken_in_any_case(app: &App) {
        let scim = app.generic();
        for (taken, tried) in [
            ("robertt", vec!["robertt", "RobertT", "ROBERTT"]),
            ("Ärger@Straße.de", vec!["ärger@straße.de", "ÄRGER@STRASSE.DE"]),
            ("ΣΊΣΥΦΟΣ", vec!["σίσυφος", "σίσυφοσ"]),
        ] {
            let before = scim.user(taken).await;
            let count = scim.count("Users").await;
            for name in tried {
                conflict(scim.post("/Users", &user(name)).await, "userName");
            }
            assert_eq!(scim.count("Users").await, count, "nothing was stored");
            assert_eq!(scim.get(&format!("/Users/{}", id(&before))).await.expect(200).json(), before);
        }
        // What only looks alike is another name.
        for name in ["robertt ", "rob_rtt", "robert%", "röbertt"] {
            scim.user(name).await;
        }
    }

    async fn nobody_stands_in_their_own_way(app: &App) {
        let scim = app.generic();
        let path = format!("/Users/{}", id(&scim.user("robertt").await));
        scim.put(&path, &user("robertt")).await.expect(200);
        let other_case = scim.put(&path, &user("RobertT")).await.expect(200).json();
        assert_eq!(other_case["userName"], "RobertT", "as it was written last");
        let patched =
            scim.patch(&path, json!([{"op": "replace", "path": "userName", "value": "ROBERTT"}])).await;
        assert_eq!(patched.expect(200).json()["userName"], "ROBERTT");
        assert_eq!(scim.find("Users", r#"userName eq "robertt""#).await.len(), 1);
        assert_eq!(scim.count("Users").await, 1);
    }

    async fn a_rename_to_a_taken_name_changes_nothing(app: &App) {
        let scim = app.generic();
        scim.user("taken").await;
        let made = scim.user("robertt").await;
        let path = format!("/Users/{}", id(&made));
        conflict(scim.put(&path, &user("Taken")).await, "userName");
        let operations = json!([
            {"op": "replace", "path": "title", "value": "Clerk"},
            {"op": "replace", "path": "userName", "value": "TAKEN"},
        ]);
        conflict(scim.patch(&path, operations).await, "userName");
        assert_eq!(scim.get(&path).await.expect(200).json(), made);
    }

    async fn a_name_is_free_when_its_user_has_left_it(app: &App) {
        let scim = app.generic();
        let path = format!("/Users/{}", id(&scim.user("first").await));
        scim.put(&path, &user("second")).await.expect(200);
        let first = scim.user("FIRST").await;
        scim.delete(&path).await.expect(204);
        scim.user("second").await;
        scim.delete(&format!("/Users/{}", id(&first))).await.expect(204);
        scim.user("first").await;
        assert_eq!(sorted(&scim.find("Users", "userName pr").await, "userName"), ["first", "second"]);
    }

    async fn only_names_are_unique_and_only_within_type_and_endpoint(app: &App) {
        let scim = app.generic();
        let mut body = user("robertt");
        body["externalId"] = json!("00u1");
        scim.post("/Users", &body).await.expect(201);
        body["userName"] = json!("other");
        scim.post("/Users", &body).await.expect(201);
        scim.group("robertt", &[]).await;
        app.scim(&app.furniture().foreign).user("robertt").await;
        assert_eq!(scim.find("Users", r#"externalId eq "00u1""#).await.len(), 2);
    }

    async fn of_many_at_once_one_gets_the_name(app: &App) {
        let scim = app.generic();
        let mut tries = JoinSet::new();
        for number in 0..12 {
            let scim = scim.clone();
            let name = if number % 2 == 0 { "robertt" } else { "ROBERTT" };
            tries.spawn(async move { scim.post("/Users", &user(name)).await });
        }
        let mut made = 0;
        while let Some(answer) = tries.join_next().await {
            let answer = answer.unwrap();
            if answer.status == 201 {
                made += 1;
            } else {
                conflict(answer, "userName");
            }
        }
        assert_eq!(made, 1);
        assert_eq!(scim.count("Users").await, 1);
    }

    async fn a_group_name_is_taken_in_any_case_unless_the_endpoint_says_otherwise(app: &App) {
        let scim = app.generic();
        let admins = scim.group("Admins", &[]).await;
        let body = json!({"schemas": [GROUP], "displayName": "ADMINS"});
        conflict(scim.post("/Groups", &body).await, "displayName");
        let other = format!("/Groups/{}", id(&scim.group("Others", &[]).await));
        conflict(scim.put(&other, &body).await, "displayName");
        conflict(
            scim.patch(&other, json!([{"op": "replace", "path": "displayName", "value": "admins"}])).await,
            "displayName",
        );
        scim.put(&format!("/Groups/{}", id(&admins)), &body).await.expect(200);
        assert_eq!(scim.count("Groups").await, 2);

        set(app, &app.furniture().generic, &["group-names=free"]).await;
        // A user's display name is nobody's but theirs.
        for name in ["a", "b"] {
            let user = json!({"schemas": [USER], "userName": name, "displayName": "Admins"});
            scim.post("/Users", &user).await.expect(201);
        }
        scim.post("/Groups", &body).await.expect(201);
        assert_eq!(scim.find("Groups", r#"displayName eq "admins""#).await.len(), 2);
        conflict(scim.post("/Users", &user("A")).await, "userName");
    }
}
