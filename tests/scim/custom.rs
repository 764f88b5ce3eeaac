//! Resource types and extensions of an endpoint's own: data, and every operation works with them.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::http::Answer;
use crate::support::scim::{Scim, id, user};

const DEVICE: &str = "urn:example:params:scim:schemas:acme:1.0:Device";
const LEASE: &str = "urn:example:params:scim:schemas:acme:1.0:Lease";
const BADGE: &str = "urn:example:params:scim:schemas:acme:1.0:Badge";

/// An attribute; `more` are its characteristics beside the usual ones.
fn attribute(name: &str, kind: &str, more: Value) -> Value {
    let mut attribute = json!({
        "name": name, "type": kind, "description": name, "multiValued": false, "required": false, "caseExact": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none",
    });
    if let Value::Object(more) = more {
        attribute.as_object_mut().unwrap().extend(more);
    }
    attribute
}

fn definitions() -> Value {
    let ports = json!([
        attribute("value", "integer", json!({})),
        attribute("type", "string", json!({"canonicalValues": ["usb", "hdmi"]})),
        attribute("primary", "boolean", json!({})),
    ]);
    let device = json!({"id": DEVICE, "name": "Device", "description": "What is lent", "attributes": [
        attribute("serial", "string", json!({"required": true, "uniqueness": "server"})),
        attribute("model", "string", json!({})),
        attribute("maker", "string", json!({"mutability": "immutable"})),
        attribute("weight", "decimal", json!({})),
        attribute("bought", "dateTime", json!({})),
        attribute("pin", "string", json!({"mutability": "writeOnly", "returned": "never"})),
        attribute("remarks", "string", json!({"returned": "request"})),
        attribute("tags", "string", json!({"multiValued": true})),
        attribute("ports", "complex", json!({"multiValued": true, "subAttributes": ports})),
    ]});
    let lease =
        json!({"id": LEASE, "name": "Lease", "attributes": [attribute("until", "dateTime", json!({}))]});
    let badge =
        json!({"id": BADGE, "name": "Badge", "attributes": [attribute("number", "integer", json!({}))]});
    json!({
        "extensions": [{"resourceType": "User", "schema": badge}],
        "resourceTypes": [{
            "name": "Device", "endpoint": "Devices", "description": "Devices of people", "indexed": ["model"],
            "schema": device, "extensions": [{"schema": lease}],
        }],
    })
}

fn device(serial: &str) -> Value {
    json!({
        "schemas": [DEVICE, LEASE], "serial": serial, "model": "X1", "maker": "Acme", "weight": 1.25, "externalId": serial,
        "bought": "2026-01-02T03:04:05Z", "pin": "1234", "remarks": "scratched",
        "ports": [{"value": 1, "type": "usb", "primary": true}, {"value": 2, "type": "hdmi"}],
        LEASE: {"until": "2027-01-01T00:00:00Z"},
    })
}

/// The endpoint with definitions of its own, once the server knows them.
async fn acme(app: &App) -> Scim {
    let file = app.database().folder.path().join("definitions.json");
    std::fs::write(&file, definitions().to_string()).unwrap();
    let slug = &app.furniture().generic.slug;
    app.program(&["endpoint", "schema", slug, &file.display().to_string()]).await.done();
    let scim = app.generic();
    app.until(&scim.request("GET", "/ResourceTypes/Device"), 200).await;
    scim
}

#[track_caller]
fn refused(answer: Answer, status: u16, scim_type: &str) {
    let error = answer.expect(status).json();
    assert_eq!(error["scimType"], json!(scim_type), "{error}");
}

both! {
    async fn discovery_shows_them(app: &App) {
        let scim = acme(app).await;
        let types = scim.get("/ResourceTypes").await.expect(200).json();
        assert_eq!(types["totalResults"], json!(3));
        let device = scim.get("/ResourceTypes/device").await.expect(200).json();
        assert_eq!((&device["endpoint"], &device["schema"]), (&json!("/Devices"), &json!(DEVICE)));
        assert_eq!(device["schemaExtensions"], json!([{"schema": LEASE, "required": false}]));
        let schema = scim.get(&format!("/Schemas/{DEVICE}")).await.expect(200).json();
        let served: Vec<_> = schema["attributes"].as_array().unwrap().iter().map(|a| a["name"].clone()).collect();
        assert_eq!(json!(served), json!(["serial", "model", "maker", "weight", "bought", "pin", "remarks", "tags", "ports"]));
        let user = scim.get("/ResourceTypes/User").await.expect(200).json();
        assert!(user["schemaExtensions"].as_array().unwrap().contains(&json!({"schema": BADGE, "required": false})));
        // They belong to this endpoint alone.
        let foreign = app.scim(&app.furniture().foreign);
        foreign.get("/Devices").await.expect(404);
        foreign.get(&format!("/Schemas/{DEVICE}")).await.expect(404);
        foreign.get("/ResourceTypes/Device").await.expect(404);
    }

    async fn a_resource_lives_through_every_operation(app: &App) {
        let scim = acme(app).await;
        let made = scim.post("/Devices", &device("S-1")).await.expect(201);
        let created = made.json();
        let path = format!("/Devices/{}", id(&created));
        assert_eq!(made.header("location").unwrap(), created["meta"]["location"]);
        assert_eq!(created["meta"]["resourceType"], json!("Device"));
        assert_eq!(created["schemas"], json!([DEVICE, LEASE]));
        assert_eq!((&created["weight"], &created["ports"][1]["value"]), (&json!(1.25), &json!(2)));
        assert!(created.get("pin").is_none(), "{created}");
        // What is returned on request comes with the write that names it (RFC 7643 §7), and then no more.
        assert_eq!(created["remarks"], json!("scratched"));
        assert!(scim.get(&path).await.expect(200).json().get("remarks").is_none());
        refused(scim.post("/Devices", &device("s-1")).await, 409, "uniqueness");
        refused(scim.post("/Devices", &json!({"model": "X1"})).await, 400, "invalidValue");
        refused(scim.post("/Devices", &json!({"serial": "S-9", "weight": "heavy"})).await, 400, "invalidValue");
        scim.get(&path.replace("Devices", "Users")).await.expect(404);

        let asked = scim.get(&format!("{path}?attributes=remarks,ports.type,pin")).await.expect(200).json();
        assert_eq!(asked["remarks"], json!("scratched"));
        assert_eq!(asked["ports"], json!([{"type": "usb"}, {"type": "hdmi"}]));
        assert!(asked.get("pin").is_none() && asked.get("model").is_none(), "{asked}");

        let patched = scim.patch(&path, json!([
            {"op": "replace", "path": "model", "value": "X2"},
            {"op": "replace", "path": "ports[type eq \"hdmi\"].value", "value": 7},
            {"op": "add", "path": "ports", "value": [{"value": 3, "type": "usb", "primary": true}]},
            {"op": "remove", "path": format!("{LEASE}:until")},
        ])).await.expect(200).json();
        assert_eq!((&patched["model"], patched["schemas"].as_array().unwrap().len()), (&json!("X2"), 1));
        let ports = json!([{"value": 1, "type": "usb", "primary": false}, {"value": 7, "type": "hdmi"}, {"value": 3, "type": "usb", "primary": true}]);
        assert_eq!(patched["ports"], ports);
        refused(scim.patch(&path, json!([{"op": "replace", "path": "maker", "value": "Other"}])).await, 400, "mutability");
        refused(scim.patch(&path, json!([{"op": "remove", "path": "serial"}])).await, 400, "mutability");
        refused(scim.patch(&path, json!([{"op": "replace", "path": "colour", "value": "red"}])).await, 400, "invalidPath");

        let whole = json!({"schemas": [DEVICE], "serial": "S-1b", "maker": "Acme"});
        let tagged = scim.request("PUT", &path).header("If-Match", "W/\"1\"").json(&whole);
        scim.send(&tagged).await.expect(412);
        let replaced = scim.put(&path, &whole).await.expect(200);
        assert!(replaced.json().get("model").is_none(), "{replaced}");
        let unchanged = scim.request("GET", &path).header("If-None-Match", replaced.header("etag").unwrap());
        scim.send(&unchanged).await.expect(304);
        scim.delete(&path).await.expect(204);
        scim.get(&path).await.expect(404);
        scim.post("/Devices", &device("S-1B")).await.expect(201);
    }

    async fn values_are_of_their_types(app: &App) {
        let scim = acme(app).await;
        let path = format!("/Devices/{}", id(&scim.post("/Devices", &device("S-1")).await.expect(201).json()));
        for (operation, attribute, expected) in [
            (json!({"op": "add", "path": "weight", "value": 2.5}), "weight", json!(2.5)),
            (json!({"op": "replace", "path": "weight", "value": 3}), "weight", json!(3)),
            (json!({"op": "add", "path": "bought", "value": "2026-05-06T07:08:09+02:00"}), "bought", json!("2026-05-06T07:08:09+02:00")),
            (json!({"op": "add", "path": "tags", "value": ["a"]}), "tags", json!(["a"])),
            (json!({"op": "add", "path": "tags", "value": ["b", "a"]}), "tags", json!(["a", "b"])),
            (json!({"op": "add", "path": "tags", "value": "c"}), "tags", json!(["a", "b", "c"])),
            (json!({"op": "remove", "path": "tags[value eq \"b\"]"}), "tags", json!(["a", "c"])),
            (json!({"op": "replace", "path": "tags", "value": ["d"]}), "tags", json!(["d"])),
        ] {
            let patched = scim.patch(&path, json!([operation])).await.expect(200).json();
            assert_eq!(patched[attribute], expected, "{operation}");
        }
        for (attribute, wrong) in [("weight", json!("heavy")), ("weight", json!(true)), ("bought", json!("soon")), ("tags", json!([{"x": 1}]))] {
            let operation = json!([{"op": "add", "path": attribute, "value": wrong}]);
            refused(scim.patch(&path, operation).await, 400, "invalidValue");
        }
    }

    async fn queries_find_them(app: &App) {
        let scim = acme(app).await;
        scim.user("S-user").await;
        for (number, model) in ["b", "a", "B", "c"].into_iter().enumerate() {
            let mut body = device(&format!("S-{number}"));
            body["model"] = json!(model);
            body["weight"] = json!(number);
            scim.post("/Devices", &body).await.expect(201);
        }
        for (filter, expected) in [
            ("serial eq \"s-2\"", 1),
            ("model eq \"b\"", 2),
            ("model sw \"B\" and weight gt 1", 1),
            ("bought lt \"2026-01-02T04:04:05+02:00\"", 0),
            ("bought ge \"2026-01-02T04:04:05+01:00\"", 4),
            ("ports[type eq \"hdmi\" and value eq 2]", 4),
            (&format!("{LEASE}:until pr and externalId eq \"S-3\""), 1),
            ("not (weight le 2)", 1),
        ] {
            assert_eq!(scim.find("Devices", filter).await.len(), expected, "{filter}");
        }
        refused(scim.get("/Devices?filter=userName+pr").await, 400, "invalidFilter");
        let sorted = scim.get("/Devices?sortBy=model&attributes=model").await.expect(200).json();
        let models: Vec<_> = sorted["Resources"].as_array().unwrap().iter().map(|one| one["model"].clone()).collect();
        assert_eq!(json!(models), json!(["a", "b", "B", "c"]));
        let searched = scim.post("/.search", &json!({"filter": "serial pr or userName pr"})).await.expect(200).json();
        assert_eq!(searched["totalResults"], json!(5));
        let mut cursor = String::new();
        let mut seen = 0;
        loop {
            let page = scim.get(&format!("/Devices?count=3&cursor={cursor}")).await.expect(200).json();
            seen += page["Resources"].as_array().unwrap().len();
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, 4);
    }

    async fn bulk_makes_them(app: &App) {
        let scim = acme(app).await;
        let operations = json!([
            {"method": "PATCH", "path": "/Devices/bulkId:d", "data": {"Operations": [{"op": "replace", "path": "model", "value": "X9"}]}},
            {"method": "POST", "path": "/Devices", "bulkId": "d", "data": device("S-1")},
        ]);
        let answer = scim.post("/Bulk", &json!({"Operations": operations})).await.expect(200).json();
        assert_eq!(answer["Operations"][0]["status"], json!("200"), "{answer}");
        assert_eq!(scim.find("Devices", "model eq \"X9\"").await.len(), 1);
    }

    async fn people_have_badges(app: &App) {
        let scim = acme(app).await;
        let mut body = user("badged");
        body[BADGE] = json!({"number": 7});
        let made = scim.post("/Users", &body).await.expect(201).json();
        assert_eq!(made[BADGE], json!({"number": 7}));
        assert!(made["schemas"].as_array().unwrap().contains(&json!(BADGE)));
        let path = format!("/Users/{}", id(&made));
        let add = json!([{"op": "add", "value": {format!("{BADGE}:number"): 8}}]);
        assert_eq!(scim.patch(&path, add).await.expect(200).json()[BADGE]["number"], json!(8));
        assert_eq!(scim.find("Users", &format!("{BADGE}:number gt 7")).await.len(), 1);
        let only = scim.get(&format!("{path}?attributes={BADGE}")).await.expect(200).json();
        assert_eq!((&only[BADGE]["number"], only.get("userName")), (&json!(8), None));
        refused(scim.patch(&path, json!([{"op": "add", "path": format!("{BADGE}:number"), "value": "x"}])).await, 400, "invalidValue");
    }

    async fn definitions_go_when_nothing_needs_them(app: &App) {
        let scim = acme(app).await;
        let made = id(&scim.post("/Devices", &device("S-1")).await.expect(201).json());
        let clear = ["endpoint", "schema", &app.furniture().generic.slug, "--clear"];
        assert!(app.program(&clear).await.refused().contains("Device"));
        scim.delete(&format!("/Devices/{made}")).await.expect(204);
        app.program(&clear).await.done();
        app.until(&scim.request("GET", "/ResourceTypes/Device"), 404).await;
        scim.get("/Devices").await.expect(404);
        scim.get(&format!("/Schemas/{BADGE}")).await.expect(404);
    }
}
