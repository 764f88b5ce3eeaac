//! An endpoint's own definitions through the management API.

use serde_json::{Value, json};

use super::{Api, pointers};
use crate::support::both;
use crate::support::scim::USER;

const BADGE: &str = "urn:example:ext:badge:User";
const ROOM: &str = "urn:example:ext:room:Device";

fn attribute(name: &str) -> Value {
    json!({"name": name, "type": "string", "multiValued": false})
}

pub(super) fn extension(of: &str, urn: &str) -> Value {
    json!({"resourceType": of, "schema": {"id": urn, "name": "Badge", "attributes": [attribute("color")]}})
}

fn device() -> Value {
    let serial = json!({"name": "serial", "type": "string", "required": true, "uniqueness": "server"});
    json!({"name": "Device", "endpoint": "Devices",
           "schema": {"id": "urn:example:Device", "name": "Device", "attributes": [serial, attribute("model")]}})
}

both! {
    async fn a_definition_at_a_time(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let at = |path: &str| format!("/endpoints/generic{path}");
        assert_eq!(api.get(&at("/schemas")).await.expect(200).json(), json!({}));
        api.put(&at("/resource-types/Device"), &device()).await.expect(201);
        let device_made = scim.post("/Devices", &json!({"schemas": ["urn:example:Device"], "serial": "A-1"})).await.expect(201).json();
        api.put(&at(&format!("/schemas/{BADGE}")), &extension("User", BADGE)).await.expect(201);
        let user = scim.post("/Users", &json!({"schemas": [USER, BADGE], "userName": "b", BADGE: {"color": "red"}})).await;
        assert_eq!(user.expect(201).json()[BADGE]["color"], "red");

        // An extension of a type of one's own stands with it.
        let room = api.put(&at(&format!("/schemas/{ROOM}")), &extension("Device", ROOM)).await.expect(201);
        assert_eq!(room.json(), extension("Device", ROOM));
        let whole = api.get(&at("/schemas")).await.expect(200).json();
        assert_eq!(whole["extensions"].as_array().map(Vec::len), Some(1), "{whole}");
        assert_eq!(whole["resourceTypes"][0]["extensions"][0]["schema"]["id"], ROOM, "{whole}");
        let shown = api.get(&at("/schemas/URN:EXAMPLE:ext:room:Device")).await.expect(200);
        assert_eq!(shown.json(), extension("Device", ROOM));

        // Who read before a change does not overwrite it.
        let tag = shown.header("etag").unwrap().to_owned();
        let put = |tag: &str, value: &Value| {
            api.request("PUT", &at(&format!("/schemas/{ROOM}")))
                .header("Content-Type", "application/json")
                .header("If-Match", tag)
                .body(value.to_string())
        };
        let mut wanted = extension("Device", ROOM);
        wanted["schema"]["attributes"].as_array_mut().unwrap().push(attribute("floor"));
        api.send(&put("\"0\"", &wanted)).await.expect(412);
        let now = api.send(&put(&tag, &wanted)).await.expect(200);
        assert_ne!(now.header("etag"), Some(tag.as_str()));
        api.send(&put(&tag, &wanted)).await.expect(412);
        let missing = api.request("PUT", &at("/schemas/urn:example:none:User")).header("Content-Type", "application/json")
            .header("If-Match", "*").body(extension("User", "urn:example:none:User").to_string());
        api.send(&missing).await.expect(412);

        // What hangs on a definition keeps it.
        api.delete(&at("/resource-types/Device")).await.expect(409);
        scim.delete(&format!("/Devices/{}", device_made["id"].as_str().unwrap())).await.expect(204);
        api.delete(&at("/resource-types/Device")).await.expect(204);
        api.get(&at(&format!("/schemas/{ROOM}"))).await.expect(404);
        api.delete(&at(&format!("/schemas/{BADGE}"))).await.expect(204);
        api.delete(&at(&format!("/schemas/{BADGE}"))).await.expect(404);
        assert_eq!(app.program(&["endpoint", "schema", "generic", "--json"]).await.json(), json!({}));
    }

    async fn the_whole_set(app: &App) {
        let api = Api::owner(app);
        let whole = json!({"extensions": [extension("User", BADGE)], "resourceTypes": [device()]});
        let set = api.put("/endpoints/generic/schemas", &whole).await.expect(200);
        assert_eq!(set.json(), whole);
        assert_eq!(app.program(&["endpoint", "schema", "generic", "--json"]).await.json(), whole);
        let shown = api.get("/endpoints/generic/schemas").await.expect(200);
        assert_eq!((shown.json(), shown.header("etag")), (whole, set.header("etag")));
        let stale = api.request("PUT", "/endpoints/generic/schemas").header("Content-Type", "application/json")
            .header("If-Match", "\"0\"").body("{}");
        api.send(&stale).await.expect(412);
        assert_eq!(api.put("/endpoints/generic/schemas", &json!({})).await.expect(200).json(), json!({}));
        // Nobody else has ever had them.
        assert_eq!(api.get("/endpoints/foreign/schemas").await.expect(200).json(), json!({}));
    }

    async fn refusals_name_the_place_and_change_nothing(app: &App) {
        let api = Api::owner(app);
        let broken = |pointer: &str, value: Value| {
            let mut whole = json!({"extensions": [extension("User", BADGE)], "resourceTypes": [device()]});
            let (parent, last) = pointer.rsplit_once('/').unwrap();
            whole.pointer_mut(parent).unwrap()[last] = value;
            whole
        };
        for (pointer, value) in [
            ("/extensions/0/resourceType", json!("Robot")),
            ("/extensions/0/schema/id", json!("badge")),
            ("/resourceTypes/0/endpoint", json!("a/b")),
            ("/resourceTypes/0/schema", json!([])),
            ("/resourceTypes/0/colour", json!("red")),
        ] {
            let answer = api.put("/endpoints/generic/schemas", &broken(pointer, value)).await.expect(422);
            assert_eq!(pointers(&answer), [pointer], "{answer}");
        }
        // Of one definition, the place is within it.
        let path = format!("/endpoints/generic/schemas/{BADGE}");
        let mut wrong = extension("User", BADGE);
        wrong["schema"]["attributes"][0]["type"] = json!("text");
        let answer = api.put(&path, &wrong).await.expect(422);
        assert_eq!(pointers(&answer), ["/schema/attributes/0/type"], "{answer}");
        let answer = api.put(&path, &extension("User", "urn:example:other:User")).await.expect(422);
        assert_eq!(pointers(&answer), ["/schema/id"], "{answer}");
        let answer = api.put("/endpoints/generic/resource-types/Robot", &device()).await.expect(422);
        assert_eq!(pointers(&answer), ["/name"], "{answer}");
        for path in ["/endpoints/nobody/schemas", "/endpoints/generic/resource-types/Device"] {
            api.get(path).await.expect(404);
        }
        // What is built in is served elsewhere, and says where.
        let built_in = api.get(&format!("/endpoints/generic/schemas/{USER}")).await.expect(404);
        assert!(built_in.text().contains("/scim/generic/v2/Schemas/"), "{built_in}");
        assert_eq!(api.get("/endpoints/generic/schemas").await.expect(200).json(), json!({}));
    }
}
