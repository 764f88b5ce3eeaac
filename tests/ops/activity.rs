//! Activity in sentences, and attributes that were left out and are accepted.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::Api;
use crate::idp::player::Player;
use crate::ops::said;
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::http::Request;
use crate::support::scim::{USER, id, text};

const ONELOGIN: &str = include_str!("../fixtures/idp/onelogin-our-template.json");
const MINUTES: Duration = Duration::from_secs(120);

async fn lines(api: &Api, path: &str) -> Vec<Value> {
    let page = api.get(&format!("/endpoints/{path}")).await.expect(200).json();
    page["items"].as_array().cloned().unwrap_or_default()
}

async fn sentences(api: &Api, path: &str) -> Vec<String> {
    lines(api, path).await.iter().map(|line| text(&line["sentence"])).collect()
}

both! {
    async fn a_played_life_is_told_in_sentences(app: &App) {
        let endpoint = app.furniture().onelogin.clone();
        let api = Api::owner(app);
        let mut player = Player::new(ONELOGIN, app.address(), &app.base_path(&endpoint), &endpoint.token);
        for step in ["create_group", "user_shows_group", "rename_user", "suspend_user", "reactivate_user"] {
            player.play_through(step).await;
            app.advance(MINUTES);
        }
        player.play().await;
        let told = sentences(&api, "onelogin/activity").await;
        assert_eq!(
            told,
            [
                "OneLogin deleted robertty and removed them from the group Vault Operators",
                "OneLogin activated robertty",
                "OneLogin deactivated robertty",
                "OneLogin renamed robertt to robertty",
                "OneLogin added robertt to the group Vault Operators",
                "OneLogin created robertt and created the group Vault Operators",
            ]
        );
    }

    async fn one_hand_is_one_line_and_hands_are_told_apart(app: &App) {
        let (scim, api) = (app.scim(&app.furniture().onelogin.clone()), Api::owner(app));
        let mut ids = Vec::new();
        for name in ["ann", "bob", "cid", "dan"] {
            ids.push(id(&scim.user(name).await));
        }
        let mut groups = Vec::new();
        for name in ["Keepers", "Movers", "Shakers"] {
            groups.push(id(&scim.group(name, &[&ids[0], &ids[1]]).await));
        }
        app.advance(MINUTES);
        let off = json!([{"op": "replace", "path": "active", "value": false}]);
        scim.patch(&format!("/Users/{}", ids[0]), off).await.expect(200);
        for group in &groups {
            let leave = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[0])}]);
            scim.patch(&format!("/Groups/{group}"), leave).await.expect(204);
        }
        app.advance(MINUTES);
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        let made = console.visit("/admin/endpoints/onelogin/groups").await;
        let form = made.form_with("Create").with("name", "Vault");
        let group = console.submit(&made, &form).await;
        let form = group.form_with("Rename").with("name", "Vault Keepers");
        console.submit(&group, &form).await.answer.expect(200);
        assert_eq!(sentences(&api, "onelogin/activity").await, [
            "olivia created the group Vault and renamed the group Vault to Vault Keepers",
            "OneLogin deactivated ann and removed them from the groups Keepers, Movers and Shakers",
            "OneLogin created 4 users (ann, bob, cid, …) and created the groups Keepers, Movers and Shakers",
        ]);
        // Paged, filtered, and with what it is made of.
        let first = api.get("/endpoints/onelogin/activity?limit=1").await.expect(200).json();
        assert_eq!(first["items"][0]["changes"], json!(2));
        let path = format!("onelogin/activity?limit=1&after={}", text(&first["next"]));
        let second = lines(&api, &path).await;
        assert_eq!((&second[0]["changes"], &second[0]["first"], &second[0]["last"]), (&json!(4), &json!(8), &json!(11)));
        assert_eq!(second[0]["steps"][3]["resource_id"], json!(ids[0]));
        assert!(!text(&second[0]["steps"][3]["request_id"]).is_empty());
        assert_eq!(sentences(&api, "onelogin/activity?actor=olivia&kind=created").await, ["olivia created the group Vault"]);
        assert_eq!(sentences(&api, "onelogin/activity?kind=deleted").await, [""; 0]);
        api.get("/endpoints/onelogin/activity?kind=x").await.expect(400);
        api.get("/endpoints/onelogin/activity?after=x").await.expect(400);
        // The console shows the same, with links; the command line and the files, too.
        let page = console.visit("/admin/endpoints/onelogin/activity").await;
        let shown = page.text();
        assert!(shown.contains("OneLogin deactivated ann and removed them from the groups Keepers"), "{shown}");
        let html = page.html();
        assert!(html.contains(&format!("href=\"/admin/endpoints/onelogin/users/{}\"", ids[0])), "{html}");
        assert!(html.contains(&format!("href=\"/admin/endpoints/onelogin/requests/{}\"", text(&second[0]["steps"][3]["request_id"]))));
        assert!(html.contains("data-poll=\"/admin/endpoints/onelogin/activity/latest\"") && html.contains("live=off"));
        assert!(!console.visit("/admin/endpoints/onelogin/activity?live=off").await.html().contains("data-poll"));
        assert!(console.visit("/admin/endpoints/onelogin/activity?kind=deleted").await.text().contains("No change is like that"));
        let part = console.visit("/admin/endpoints/onelogin/activity/latest").await;
        assert!(part.html().contains("data-say=\"olivia created") && !part.html().contains("<html"), "{}", part.html());
        let told = said(app, &["endpoint", "activity", "onelogin"]).await;
        assert!(told.contains("olivia created the group Vault"), "{told}");
        let file = console.send(Request::new("GET", "/admin/endpoints/onelogin/activity/file?format=ndjson")).await.expect(200);
        let rows: Vec<Value> = file.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((rows.len(), &rows[1]["changes"]), (3, &json!(4)));
        let file = console.send(Request::new("GET", "/admin/endpoints/onelogin/activity/file?format=csv")).await.expect(200);
        assert!(file.text().starts_with("first_at,last_at,actor_kind") && file.text().lines().count() == 4, "{}", file.text());
        // The overview has the latest of it, once the calls are counted.
        let begun = Instant::now();
        while !console.visit("/admin/").await.text().contains("OneLogin deactivated ann") {
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing is the latest");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn a_large_sync_is_one_line_and_many_lines_are_pages(app: &App) {
        let (scim, api) = (app.scim(&app.furniture().foreign.clone()), Api::owner(app));
        for number in 0..30 {
            let user = id(&scim.user(&format!("user{number}")).await);
            if number % 3 == 0 {
                let change = json!([{"op": "replace", "path": "active", "value": false}]);
                scim.patch(&format!("/Users/{user}"), change).await.expect(200);
            }
            app.advance(Duration::from_secs(6));
        }
        let slug = app.furniture().foreign.slug.clone();
        assert_eq!(sentences(&api, &format!("{slug}/activity")).await, ["Okta synced 30 users (30 created, 10 deactivated) in 2 min"]);
        for number in 0..40 {
            app.advance(MINUTES);
            scim.user(&format!("late{number}")).await;
        }
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        let page = console.visit(&format!("/admin/endpoints/{slug}/activity")).await;
        assert_eq!(page.html().matches("Okta created ").count(), 31, "thirty lines, and what is said");
        let html = page.html();
        let (before, _) = html.split_once("rel=\"next\"").unwrap();
        let (_, link) = before.rsplit_once("href=\"").unwrap();
        let older = console.visit(link.split('"').next().unwrap()).await.text();
        assert!(older.contains("Okta synced 30 users") && older.contains("late9") && !older.contains("late10"), "{older}");
    }

    async fn what_is_left_out_is_accepted_and_kept_from_then_on(app: &App) {
        let (scim, api) = (app.generic(), Api::owner(app));
        let body = |name: &str| json!({
            "schemas": [USER], "userName": name, "badgeNumber": 4711, "cars": [{"plate": "W 1", "electric": true}],
            "urn:acme:params:scim:2.0:User": {"floor": "3rd"},
        });
        let dropped = scim.post("/Users", &body("before")).await.expect(201);
        assert!(dropped.json().get("badgeNumber").is_none());
        let accept = "/endpoints/generic/evidence/accept";
        api.post(accept, &json!({"attribute": "shoeSize"})).await.expect(404);
        let accepted = api.post(accept, &json!({"attribute": "badgeNumber"})).await.expect(200).json();
        assert_eq!(text(&accepted["name"]), "urn:example:params:scim:schemas:extension:generic:1.0:User:badgeNumber");
        let again = api.post(accept, &json!({"attribute": "badgeNumber"})).await;
        assert_eq!(again.status, 409, "{again:#}");
        let evidence = api.get("/endpoints/generic/evidence").await.expect(200).json();
        let of = |name: &str| evidence["dropped"].as_array().unwrap().iter().find(|one| one["attribute"] == json!(name)).cloned().unwrap();
        assert_eq!((&of("badgeNumber")["verdict"], &of("badgeNumber")["shape"]), (&json!("accepted"), &json!("integer")));
        assert_eq!(of("cars")["shape"], json!("complex(plate:string,electric:boolean)[]"));
        assert_eq!(text(&of("cars")["request_id"]), dropped.header("x-request-id").unwrap());
        // The console does the same with one click.
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        for name in ["cars", "urn:acme:params:scim:2.0:User"] {
            let page = console.visit("/admin/endpoints/generic/evidence").await;
            assert!(page.html().contains(&format!("/admin/endpoints/generic/requests/{}", text(&of("cars")["request_id"]))));
            let form = page.form_with(&format!("value=\"{name}\""));
            let done = console.submit(&page, &form).await;
            assert!(done.text().contains("The attribute is part of the schema now"), "{}", done.text());
        }
        // What comes now is kept, by POST and by PATCH, found by a filter, and told in /Schemas.
        let kept = scim.post("/Users", &body("after")).await.expect(201).json();
        let own = "urn:example:params:scim:schemas:extension:generic:1.0:User";
        assert_eq!(kept[own], json!({"badgeNumber": 4711, "cars": [{"plate": "W 1", "electric": true}]}), "{kept:#}");
        assert_eq!(kept["urn:acme:params:scim:2.0:User"], json!({"floor": "3rd"}));
        let change = json!([{"op": "replace", "path": "badgeNumber", "value": 12}, {"op": "replace", "value": {"cars": [{"plate": "W 2"}]}}]);
        let changed = scim.patch(&format!("/Users/{}", id(&kept)), change).await.expect(200).json();
        assert_eq!(changed[own], json!({"badgeNumber": 12, "cars": [{"plate": "W 2"}]}));
        assert_eq!(scim.find("Users", "badgeNumber eq 12").await.len(), 1);
        let schema = scim.get(&format!("/Schemas/{own}")).await.expect(200).json();
        assert_eq!((&schema["attributes"][0]["name"], &schema["attributes"][0]["type"]), (&json!("badgeNumber"), &json!("integer")));
        // Undone on the schema page.
        let page = console.visit("/admin/endpoints/generic/schema").await;
        console.submit(&page, &page.form_with("Save schema").with("definitions", "")).await.answer.expect(200);
        scim.get(&format!("/Schemas/{own}")).await.expect(404);
        assert!(scim.post("/Users", &body("undone")).await.expect(201).json().get(own).is_none());
    }

    async fn another_provider_is_proposed_with_what_would_change(app: &App) {
        let (scim, api) = (app.scim(&app.furniture().onelogin.clone()), Api::owner(app));
        for _ in 0..4 {
            scim.send(&scim.request("GET", "/Users?count=0").header("User-Agent", "Okta SCIM Client 1.0.0")).await.expect(200);
        }
        let begun = Instant::now();
        let suggestion = loop {
            let suggestion = api.get("/endpoints/onelogin/evidence").await.expect(200).json()["suggestion"].clone();
            if suggestion.is_object() {
                break suggestion;
            }
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert_eq!(suggestion["idp"], json!("okta"));
        let changes = suggestion["changes"].as_array().cloned().unwrap_or_default();
        api.patch("/endpoints/onelogin", &json!({"idp": "okta"})).await.expect(200);
        let now = api.get("/endpoints/onelogin/evidence").await.expect(200).json();
        assert_eq!(now["suggestion"], Value::Null);
        assert!(changes.iter().all(|one| one["from"] != one["to"]), "{changes:?}");
    }
}
