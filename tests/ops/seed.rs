//! `scim-server seed`: made-up people that are as good as others.

use serde_json::json;

use crate::support::both;
use crate::support::scim::{Scim, text};

both! {
    async fn seeded_people_are_there_twice_and_sound(app: &App) {
        let scim = app.generic();
        scim.user("before").await;
        let slug = &app.furniture().generic.slug;
        let seed = ["seed", slug, "--users", "2100", "--groups", "3", "--members", "1200", "--json"];
        for round in 1..=2 {
            let made = app.program(&seed).await.json();
            assert_eq!((&made["users"], &made["memberships"]), (&json!(2100), &json!(3600)), "{made}");
            assert!(made["users_per_second"]["last_100k"].as_f64().is_some_and(|rate| rate > 0.0), "{made}");
            let total = |answer: serde_json::Value| answer["totalResults"].as_i64().unwrap();
            assert_eq!(total(scim.get("/Users?count=0").await.expect(200).json()), 2100 * round + 1);
            assert_eq!(total(scim.get("/Groups?count=0").await.expect(200).json()), 3 * round);
        }
        can_be_used(&scim).await;
        // Few new ones, and a group that also has those from before.
        app.program(&["seed", slug, "--users", "0", "--groups", "1", "--members", "4201"]).await.done();
        let refused = app.program(&["seed", slug, "--users", "0", "--groups", "1", "--members", "5000"]).await;
        assert!(refused.refused().contains("--users"), "{refused:?}");
        app.program(&["check"]).await.done();
    }
}

/// Found by every index, changed, and removed.
async fn can_be_used(scim: &Scim) {
    let list = scim.get("/Users?startIndex=1500&count=1").await.expect(200).json();
    let user = &list["Resources"][0];
    for (attribute, value) in [
        ("userName", &user["userName"]),
        ("externalId", &user["externalId"]),
        ("emails.value", &user["emails"][0]["value"]),
    ] {
        let found = scim.find("Users", &format!("{attribute} eq {value}")).await;
        assert_eq!(found.len(), 1, "{attribute} {value}");
        assert_eq!(found[0]["id"], user["id"]);
    }
    let again = scim.post("/Users", &json!({"schemas": user["schemas"], "userName": user["userName"]})).await;
    again.expect(409);
    let group = &scim.get("/Groups?count=1").await.expect(200).json()["Resources"][0];
    assert_eq!(group["members"].as_array().unwrap().len(), 1200);
    let member = text(&group["members"][7]["value"]);
    scim.delete(&format!("/Users/{member}")).await.expect(204);
    let group = scim.get(&format!("/Groups/{}", text(&group["id"]))).await.expect(200).json();
    assert_eq!(group["members"].as_array().unwrap().len(), 1199);
    scim.post("/Users", &json!({"schemas": user["schemas"], "userName": format!("replaces-{member}")}))
        .await
        .expect(201);
}
