//! The life of a user: POST, GET, PUT, PATCH, DELETE, and what of one is shown.

use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{ENTERPRISE, USER, id, text, user};

/// A resource without what changes by itself.
fn content(resource: &Value) -> Value {
    let mut content = resource.clone();
    content.as_object_mut().expect("a resource is an object").remove("meta");
    content
}

fn keys(resource: &Value) -> Vec<&str> {
    let mut keys: Vec<_> =
        resource.as_object().expect("a resource is an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

both! {
    async fn a_created_user_is_answered_whole_and_found_again(app: &App) {
        let scim = app.generic();
        let answer = scim.post("/Users", &user("robertt")).await.expect(201);
        let made = answer.json();
        let location = text(&made["meta"]["location"]);
        assert_eq!(answer.header("location"), Some(location.as_str()));
        assert_eq!(answer.header("etag"), made["meta"]["version"].as_str());
        assert_eq!(location, format!("http://{}{}/Users/{}", scim.address, scim.base, id(&made)));
        assert_eq!(made["schemas"], json!([USER]));
        assert_eq!(made["userName"], "robertt");
        assert_eq!(made["name"], json!({"givenName": "Robert", "familyName": "Tail"}));
        assert_eq!(
            made["emails"],
            json!([{"value": "robertt@example.com", "type": "work", "primary": true}])
        );
        assert_eq!(made["active"], true, "who is not said to be inactive is active");
        assert_eq!(made["meta"]["resourceType"], "User");
        assert_eq!(made["meta"]["created"], made["meta"]["lastModified"]);

        let found = scim.get(&format!("/Users/{}", id(&made))).await.expect(200);
        assert_eq!(found.header("etag"), answer.header("etag"));
        assert_eq!(found.json(), made);
        assert_eq!(scim.find("Users", r#"userName eq "robertt""#).await, [made]);
        assert_eq!(scim.count("Users").await, 1);
    }

    async fn what_is_the_servers_own_is_not_taken_from_a_client(app: &App) {
        let scim = app.generic();
        let group = scim.group("Admins", &[]).await;
        let mut body = user("robertt");
        body["id"] = json!("mine");
        body["meta"] = json!({"resourceType": "Group", "created": "1999-01-01T00:00:00Z", "location": "http://evil.example"});
        body["groups"] = json!([{"value": id(&group)}]);
        body["password"] = json!("t0p-s3cret");
        let answer = scim.post("/Users", &body).await.expect(201);
        assert!(!answer.text().contains("t0p-s3cret"), "a password is never returned");
        let made = answer.json();
        assert_ne!(id(&made), "mine");
        assert_eq!(made["meta"]["resourceType"], "User");
        assert!(!text(&made["meta"]["created"]).starts_with("1999"));
        assert_eq!(made.get("groups"), None);
        assert!(scim.members(&id(&group)).await.is_empty());
        let path = format!("/Users/{}", id(&made));
        for answer in [scim.get(&path).await, scim.get(&format!("{path}?attributes=password")).await] {
            assert!(!answer.text().contains("password"), "{answer}");
        }
    }

    async fn names_match_in_any_case_and_what_is_unknown_is_left_out(app: &App) {
        let scim = app.generic();
        let body = json!({
            "SCHEMAS": [USER, ENTERPRISE],
            "USERNAME": "robertt",
            "Name": {"GIVENNAME": "Robert", "shoeSize": 46},
            "externalid": "00u1",
            "favouriteColour": "red",
            "title": null,
            "nickName": "",
            "phoneNumbers": [],
            "active": "False",
            ENTERPRISE.to_ascii_lowercase(): {"Department": "Sales", "unheardOf": true},
        });
        let made = scim.post("/Users", &body).await.expect(201).json();
        let expected = json!({
            "schemas": [USER, ENTERPRISE],
            "id": made["id"],
            "userName": "robertt",
            "name": {"givenName": "Robert"},
            "externalId": "00u1",
            "active": false,
            ENTERPRISE: {"department": "Sales"},
        });
        assert_eq!(content(&made), expected);
    }

    async fn a_put_replaces_everything_but_the_state_it_does_not_name(app: &App) {
        let scim = app.generic();
        let mut body = user("robertt");
        body["title"] = json!("Clerk");
        body["active"] = json!(false);
        let made = scim.post("/Users", &body).await.expect(201).json();
        let path = format!("/Users/{}", id(&made));

        let put = json!({"schemas": [USER], "id": "another", "userName": "robertty", "displayName": "Bob"});
        let answer = scim.put(&path, &put).await.expect(200);
        let expected = json!({"schemas": [USER], "id": made["id"], "userName": "robertty", "displayName": "Bob", "active": false});
        assert_eq!(content(&answer.json()), expected, "name, emails and title are gone, active is as it was");
        assert_eq!(answer.json()["meta"]["created"], made["meta"]["created"]);
        assert_eq!(scim.get(&path).await.expect(200).json(), answer.json());
        assert!(scim.find("Users", r#"userName eq "robertt""#).await.is_empty());
        assert_eq!(scim.find("Users", r#"userName eq "robertty""#).await.len(), 1);

        let put = json!({"schemas": [USER], "userName": "robertty", "active": true});
        assert_eq!(scim.put(&path, &put).await.expect(200).json()["active"], true);
    }

    async fn a_patch_changes_what_it_names(app: &App) {
        let scim = app.generic();
        let path = format!("/Users/{}", id(&scim.user("robertt").await));
        let operations = json!([
            {"op": "replace", "path": "userName", "value": "robertty"},
            {"op": "add", "path": "title", "value": "Clerk"},
            {"op": "replace", "path": "name.familyName", "value": "Tailor"},
            {"op": "remove", "path": "name.givenName"},
            {"op": "add", "path": "emails", "value": [{"value": "home@example.com", "type": "home"}]},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "work@example.com"},
            {"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Sales"},
            {"op": "Replace", "value": {"active": false, "nickName": "Bob"}},
        ]);
        let patched = scim.patch(&path, operations).await.expect(200).json();
        assert_eq!(patched["userName"], "robertty");
        assert_eq!(patched["title"], "Clerk");
        assert_eq!(patched["name"], json!({"familyName": "Tailor"}));
        assert_eq!(patched["active"], false);
        assert_eq!(patched["nickName"], "Bob");
        assert_eq!(patched[ENTERPRISE], json!({"department": "Sales"}));
        assert_eq!(
            patched["emails"],
            json!([
                {"value": "work@example.com", "type": "work", "primary": true},
                {"value": "home@example.com", "type": "home"},
            ])
        );
        assert_eq!(scim.get(&path).await.expect(200).json(), patched);
        assert_eq!(scim.find("Users", r#"emails eq "home@example.com""#).await.len(), 1);
        assert!(scim.find("Users", r#"emails eq "robertt@example.com""#).await.is_empty());

        let removed = scim.patch(&path, json!([{"op": "remove", "path": "emails[type eq \"home\"]"}])).await;
        assert_eq!(removed.expect(200).json()["emails"].as_array().map(Vec::len), Some(1));
    }

    async fn a_patch_is_done_as_a_whole_or_not_at_all(app: &App) {
        let scim = app.generic();
        let made = scim.user("robertt").await;
        let path = format!("/Users/{}", id(&made));
        for (second, kind) in [
            (json!({"op": "replace", "path": "favouriteColour", "value": "red"}), "invalidPath"),
            (json!({"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x"}), "noTarget"),
            (json!({"op": "replace", "path": "active", "value": "perhaps"}), "invalidValue"),
            (json!({"op": "replace", "path": "id", "value": "mine"}), "mutability"),
            (json!({"op": "remove", "path": "userName"}), "mutability"),
        ] {
            let operations = json!([{"op": "replace", "path": "title", "value": "Clerk"}, second]);
            let error = scim.patch(&path, operations).await.expect(400).json();
            assert_eq!(error["scimType"], kind, "{error}");
            assert!(text(&error["detail"]).contains("Operation 2"), "it says where: {error}");
            assert_eq!(scim.get(&path).await.expect(200).json(), made, "{second}");
        }
    }

    async fn a_deleted_user_is_gone(app: &App) {
        let scim = app.generic();
        let (gone, other) = (scim.user("robertt").await, scim.user("other").await);
        let path = format!("/Users/{}", id(&gone));
        let answer = scim.delete(&path).await.expect(204);
        assert!(answer.body.is_empty());
        scim.get(&path).await.expect(404);
        scim.put(&path, &user("robertt")).await.expect(404);
        scim.patch(&path, json!([{"op": "replace", "path": "active", "value": true}])).await.expect(404);
        scim.delete(&path).await.expect(404);
        assert!(scim.find("Users", r#"userName eq "robertt""#).await.is_empty());
        assert!(scim.find("Users", &format!("id eq \"{}\"", id(&gone))).await.is_empty());
        assert_eq!(scim.find("Users", "userName pr").await, [other]);
        assert_eq!(scim.count("Users").await, 1);

        let again = scim.user("robertt").await;
        assert_ne!(id(&again), id(&gone), "someone new");
        assert_eq!(scim.count("Users").await, 2);
    }

    async fn an_id_belongs_to_its_type(app: &App) {
        let scim = app.generic();
        let (user_id, group_id) = (id(&scim.user("robertt").await), id(&scim.group("Admins", &[]).await));
        for path in [
            format!("/Groups/{user_id}"),
            format!("/Users/{group_id}"),
            "/Users/nobody".to_owned(),
            "/Users/%25".to_owned(),
            format!("/Users/{}", user_id.to_ascii_uppercase() + "x"),
        ] {
            scim.get(&path).await.expect(404);
            scim.delete(&path).await.expect(404);
            scim.patch(&path, json!([{"op": "add", "path": "externalId", "value": "x"}])).await.expect(404);
        }
        scim.get(&format!("/Users/{user_id}")).await.expect(200);
        scim.get(&format!("/Groups/{group_id}")).await.expect(200);
    }

    async fn an_answer_shows_the_attributes_that_are_asked_for(app: &App) {
        let scim = app.generic();
        let mut body = user("robertt");
        body[ENTERPRISE] = json!({"department": "Sales", "division": "North"});
        let made = scim.post("/Users?attributes=userName", &body).await.expect(201);
        assert_eq!(keys(&made.json()), ["id", "schemas", "userName"]);
        assert!(made.header("location").is_some(), "headers are no attributes");
        let path = format!("/Users/{}", id(&made.json()));
        let get = async |query: &str| scim.get(&format!("{path}?{query}")).await.expect(200).json();

        let shown = get("attributes=USERNAME,name.givenName").await;
        assert_eq!(keys(&shown), ["id", "name", "schemas", "userName"]);
        assert_eq!(shown["name"], json!({"givenName": "Robert"}));
        assert_eq!(get("attributes=emails.value").await["emails"], json!([{"value": "robertt@example.com"}]));
        assert_eq!(keys(&get("attributes=favouriteColour").await), ["id", "schemas"]);
        assert_eq!(
            get(&format!("attributes={ENTERPRISE}:division")).await[ENTERPRISE],
            json!({"division": "North"})
        );
        assert_eq!(keys(&get(&format!("attributes={ENTERPRISE}")).await), ["id", "schemas", ENTERPRISE]);

        let shown = get("excludedAttributes=emails,name.familyName,meta,id").await;
        assert_eq!(keys(&shown), ["active", "id", "name", "schemas", ENTERPRISE, "userName"]);
        assert_eq!(shown["name"], json!({"givenName": "Robert"}));

        let list = scim.get("/Users?attributes=userName").await.expect(200).json();
        assert_eq!(keys(&list["Resources"][0]), ["id", "schemas", "userName"]);
        let patch = json!({"schemas": [], "Operations": [{"op": "add", "path": "title", "value": "Clerk"}]});
        let patched =
            scim.send(&scim.request("PATCH", &format!("{path}?attributes=title")).json(&patch)).await;
        assert_eq!(keys(&patched.expect(200).json()), ["id", "schemas", "title"]);
        scim.get(&format!("{path}?attributes=a%20b%5B")).await.expect(400);
    }
}
