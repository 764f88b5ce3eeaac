//! `scim-server endpoint schema`: extensions and resource types of an endpoint's own, from a file or from stdin.

use serde_json::{Value, json};

use crate::ops::{program_with_input, refusal, said};
use crate::support::both;
use crate::support::scim::{USER, text};

const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";
const DEVICE: &str = "urn:example:params:scim:schemas:Device";

fn schema(id: &str, name: &str, attribute: &str, required: bool) -> Value {
    json!({
        "id": id, "name": name, "description": "Made by a test",
        "attributes": [{
            "name": attribute, "type": "string", "multiValued": false, "required": required, "caseExact": false,
            "mutability": "readWrite", "returned": "default",
            "uniqueness": if required { "server" } else { "none" },
            "description": "Made by a test",
        }],
    })
}

fn definitions() -> Value {
    json!({
        "extensions": [{"resourceType": "User", "schema": schema(BADGE, "Badge", "color", false)}],
        "resourceTypes": [{"name": "Device", "endpoint": "Devices", "schema": schema(DEVICE, "Device", "serial", true)}],
    })
}

both! {
    async fn definitions_are_served_as_soon_as_they_are_set(app: &App) {
        let (generic, scim) = (&app.furniture().generic, app.generic());
        let file = app.database().folder.path().join("definitions.json");
        std::fs::write(&file, definitions().to_string()).unwrap();
        let set = app.program(&["endpoint", "schema", &generic.slug, file.to_str().unwrap(), "--json"]).await.json();
        assert_eq!(set, definitions());
        app.until(&scim.request("GET", "/Devices"), 200).await;

        let device = json!({"schemas": [DEVICE], "serial": "A-1"});
        let made = scim.post("/Devices", &device).await.expect(201).json();
        assert_eq!(made["serial"], "A-1");
        let body = json!({"schemas": [USER, BADGE], "userName": "badged", BADGE: {"color": "red"}});
        let user = scim.post("/Users", &body).await.expect(201).json();
        assert_eq!(user[BADGE]["color"], "red");
        // Nobody else has them.
        app.scim(&app.furniture().foreign).get("/Devices").await.expect(404);

        let shown = said(app, &["endpoint", "schema", &generic.slug]).await;
        assert!(shown.contains("/Devices") && shown.contains(BADGE), "{shown}");
    }

    async fn what_is_shown_can_be_given_back_on_stdin(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        let set = ["endpoint", "schema", slug, "-", "--json"];
        program_with_input(app, &set, &definitions().to_string()).done();
        let shown = said(app, &["endpoint", "schema", slug, "--json"]).await;
        let again = program_with_input(app, &set, &shown).json();
        assert_eq!(again, definitions());
    }

    async fn they_are_cleared_unless_something_hangs_on_them(app: &App) {
        let (slug, scim) = (app.furniture().generic.slug.as_str(), app.generic());
        program_with_input(app, &["endpoint", "schema", slug, "-"], &definitions().to_string()).done();
        app.until(&scim.request("GET", "/Devices"), 200).await;
        let made = scim.post("/Devices", &json!({"schemas": [DEVICE], "serial": "A-1"})).await.expect(201).json();

        let sentence = refusal(app, &["endpoint", "schema", slug, "--clear"]).await;
        assert!(sentence.contains("Device"), "{sentence}");
        scim.delete(&format!("/Devices/{}", text(&made["id"]))).await.expect(204);
        assert_eq!(app.program(&["endpoint", "schema", slug, "--clear", "--json"]).await.json(), json!({}));
        app.until(&scim.request("GET", "/Devices"), 404).await;
    }

    async fn what_is_not_sound_is_refused_and_changes_nothing(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        let twice = json!({"extensions": [
            {"resourceType": "User", "schema": schema(BADGE, "Badge", "color", false)},
            {"resourceType": "User", "schema": schema(BADGE, "Badge", "color", false)},
        ]});
        let taken = json!({"resourceTypes": [{"name": "Device", "endpoint": "Users", "schema": schema(DEVICE, "Device", "serial", true)}]});
        let nobody = json!({"extensions": [{"resourceType": "Robot", "schema": schema(BADGE, "Badge", "color", false)}]});
        for (wrong, part) in [
            (String::new(), ""),
            ("{".to_owned(), ""),
            ("[]".to_owned(), ""),
            (json!({"nonsense": []}).to_string(), "nonsense"),
            (twice.to_string(), "twice"),
            (taken.to_string(), "Users"),
            (nobody.to_string(), "Robot"),
        ] {
            let output = program_with_input(app, &["endpoint", "schema", slug, "-"], &wrong);
            assert!(output.refused().contains(part), "{wrong}: {output:?}");
        }
        let sentence = refusal(app, &["endpoint", "schema", slug, "no-such-file.json"]).await;
        assert!(sentence.contains("no-such-file.json"), "{sentence}");
        assert_eq!(app.program(&["endpoint", "schema", slug, "--json"]).await.json(), json!({}));
    }
}
