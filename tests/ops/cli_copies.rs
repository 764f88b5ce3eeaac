//! `scim-server endpoint export`, `import` and `clone`: an endpoint as a file, and others like it.

use serde_json::{Value, json};

use crate::ops::{program_with_input, refusal, said};
use crate::support::both;
use crate::support::scim::{Scim, USER, text};

const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";

/// An extension whose attribute is looked up by an index of its own.
fn definitions() -> Value {
    json!({"extensions": [{"resourceType": "User", "schema": {
        "id": BADGE, "name": "Badge", "description": "Made by a test",
        "attributes": [{
            "name": "color", "type": "string", "multiValued": false, "required": false, "caseExact": false,
            "mutability": "readWrite", "returned": "default", "uniqueness": "none", "description": "Made by a test",
        }],
    }}]})
}

const SET: [&str; 3] = ["delete=deactivate", "rate=17", "history=30"];

both! {
    async fn what_is_exported_is_imported_whole(app: &App) {
        let slug = app.furniture().onelogin.slug.as_str();
        app.program(&[&["endpoint", "set", slug][..], &SET].concat()).await.done();
        program_with_input(app, &["endpoint", "schema", slug, "-"], &definitions().to_string()).done();
        app.scim(&app.furniture().onelogin).user("robertt").await;

        let file = said(app, &["endpoint", "export", slug]).await;
        for secret in app.furniture().secrets().iter().map(String::as_str).chain(["robertt", "scim_"]) {
            assert!(!file.contains(secret), "{secret} is in {file}");
        }
        let exported: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(exported, app.program(&["endpoint", "export", slug, "--json"]).await.json());

        let import = ["endpoint", "import", "-", "--name", "Acme twin", "--json"];
        let made = program_with_input(app, &import, &file).json();
        assert_eq!((&made["slug"], &made["idp"]), (&json!("acme-twin"), &json!("onelogin")));
        let again = app.program(&["endpoint", "export", "acme-twin", "--json"]).await.json();
        let but_for_the_name = |document: &Value| {
            let mut document = document.clone();
            document.as_object_mut().unwrap().remove("name").unwrap();
            document
        };
        assert_eq!(but_for_the_name(&again), but_for_the_name(&exported));

        let twin = Scim { address: app.address(), base: "/scim/acme-twin/v2".into(), token: text(&made["token"]["secret"]) };
        app.until(&twin.request("GET", "/Users"), 200).await;
        assert_eq!(twin.get("/Users").await.expect(200).json()["totalResults"], 0);
        let body = json!({"schemas": [USER, BADGE], "userName": "badged", BADGE: {"color": "red"}});
        assert_eq!(twin.post("/Users", &body).await.expect(201).json()[BADGE]["color"], "red");
        // Under its own name it gets a number.
        let third = program_with_input(app, &["endpoint", "import", "-", "--tenant", "Third", "--json"], &file).json();
        assert_eq!((&third["name"], &third["tenant"]), (&exported["name"], &json!("Third")));
        assert_eq!(third["slug"], format!("{slug}-2"));
    }

    async fn a_clone_is_empty_and_stands_alone(app: &App) {
        let (slug, scim) = (app.furniture().onelogin.slug.as_str(), app.scim(&app.furniture().onelogin));
        app.program(&[&["endpoint", "set", slug][..], &SET].concat()).await.done();
        scim.user("robertt").await;
        let made = app.program(&["endpoint", "clone", slug, "Staging", "--json"]).await.json();
        let settings = async |of: &str| app.program(&["endpoint", "show", of, "--json"]).await.json()["settings"].clone();
        assert_eq!(settings("staging").await, settings(slug).await);
        let staging = Scim { address: app.address(), base: "/scim/staging/v2".into(), token: text(&made["token"]["secret"]) };
        app.until(&staging.request("GET", "/Users"), 200).await;
        assert_eq!(staging.get("/Users").await.expect(200).json()["totalResults"], 0);
        // Neither follows the other, and neither takes the other's token.
        app.program(&["endpoint", "set", "staging", "rate=99"]).await.done();
        assert_eq!(settings(slug).await["rate"], "17");
        scim.with_token(&staging.token).get("/Users").await.expect(401);
        staging.with_token(&scim.token).get("/Users").await.expect(401);
    }

    async fn what_is_no_file_of_ours_makes_nothing(app: &App) {
        let whole = app.program(&["endpoint", "export", "generic", "--json"]).await.json();
        let with = |key: &str, value: Value| {
            let mut changed = whole.clone();
            changed[key] = value;
            changed.to_string()
        };
        for (file, said) in [
            (String::new(), "not JSON"),
            (with("format", json!("scim-endpoint/9")), "scim-endpoint/1"),
            (with("settings", json!({"colour": "red"})), "colour"),
            (with("definitions", json!({"extensions": [{}]})), "extensions"),
            (with("name", json!("---")), "name"),
            (with("secret", json!("x")), "secret"),
        ] {
            let sentence = program_with_input(app, &["endpoint", "import", "-"], &file);
            let sentence = sentence.refused();
            assert!(sentence.contains(said), "{file}: {sentence}");
        }
        let sentence = refusal(app, &["endpoint", "clone", "nobody", "Somebody"]).await;
        assert!(sentence.contains("nobody"), "{sentence}");
        let listed = app.program(&["endpoint", "list", "--json"]).await.json();
        assert_eq!(listed["endpoints"].as_array().unwrap().len(), 3);
    }
}
