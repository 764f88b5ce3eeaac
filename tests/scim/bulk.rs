//! Bulk (RFC 7644 §3.7).

use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{ENTERPRISE, ERROR, PATCH_OP, Scim, id, text, user};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// Sends operations and gives their results; `more` are other fields of the request.
async fn bulk(scim: &Scim, operations: Value, more: Value) -> Vec<Value> {
    let mut body = json!({"schemas": [REQUEST]});
    body["Operations"] = operations;
    if let Value::Object(more) = more {
        body.as_object_mut().unwrap().extend(more);
    }
    let answer = scim.post("/Bulk", &body).await.expect(200).json();
    assert_eq!(answer["schemas"], json!([RESPONSE]));
    answer["Operations"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["status"].as_str().unwrap()).collect()
}

fn post(bulk_id: &str, path: &str, data: Value) -> Value {
    let mut operation = json!({"method": "POST", "path": path, "bulkId": bulk_id});
    operation["data"] = data;
    operation
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"displayName": name, "members": members})
}

/// The id at the end of a result's location.
fn made(result: &Value) -> String {
    text(&result["location"]).rsplit('/').next().unwrap().to_owned()
}

both! {
    async fn each_operation_has_its_result(app: &App) {
        let scim = app.generic();
        let old = id(&scim.user("old").await);
        let gone = id(&scim.user("gone").await);
        let rename = json!({"schemas": [PATCH_OP], "Operations": [{"op": "replace", "path": "title", "value": "Guide"}]});
        let results = bulk(&scim, json!([
            post("new", "/Users", user("new")),
            {"method": "PATCH", "path": format!("/Users/{old}"), "data": rename},
            {"method": "PUT", "path": format!("/Users/{old}"), "data": user("older")},
            {"method": "DELETE", "path": format!("/Users/{gone}")},
            {"method": "DELETE", "path": format!("/Users/{gone}"), "bulkId": "again"},
            post("twice", "/Users", user("NEW")),
        ]), json!({})).await;
        assert_eq!(statuses(&results), ["201", "200", "200", "204", "404", "409"]);
        assert_eq!((&results[0]["method"], &results[0]["bulkId"]), (&json!("POST"), &json!("new")));
        let new = scim.get(&format!("/Users/{}", made(&results[0]))).await.expect(200);
        assert_eq!(results[0]["location"], new.json()["meta"]["location"]);
        assert_eq!(results[0]["version"], json!(new.header("etag").unwrap()));
        for (result, id) in [(&results[1], &old), (&results[2], &old), (&results[3], &gone), (&results[4], &gone)] {
            assert_eq!(&made(result), id);
        }
        assert_ne!(results[1]["version"], results[2]["version"]);
        let older = scim.get(&format!("/Users/{old}")).await.expect(200).json();
        assert_eq!((&older["userName"], older.get("title")), (&json!("older"), None));
        for (result, status) in [(&results[4], "404"), (&results[5], "409")] {
            assert_eq!(result["response"]["schemas"], json!([ERROR]));
            assert_eq!(result["response"]["status"], json!(status));
        }
        assert_eq!(results[4]["bulkId"], json!("again"));
        assert_eq!(results[5]["response"]["scimType"], json!("uniqueness"));
        assert!(results[5].get("location").is_none(), "nothing was made");
        assert_eq!(scim.count("Users").await, 2);
    }

    async fn references_may_come_before_what_they_refer_to(app: &App) {
        let scim = app.generic();
        let add = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:boss"}]}]});
        let results = bulk(&scim, json!([
            {"method": "PATCH", "path": "/Groups/bulkId:guides", "data": add},
            post("guides", "/Groups", group("Guides", &["bulkId:tom"])),
            post("tom", "/Users", json!({"userName": "tom", ENTERPRISE: {"manager": {"value": "bulkId:boss"}}})),
            post("boss", "/Users", user("boss")),
        ]), json!({})).await;
        assert_eq!(statuses(&results), ["200", "201", "201", "201"]);
        let (guides, tom, boss) = (made(&results[1]), made(&results[2]), made(&results[3]));
        assert_eq!(made(&results[0]), guides);
        let mut members = vec![tom.clone(), boss.clone()];
        members.sort();
        assert_eq!(scim.members(&guides).await, members);
        let tom = scim.get(&format!("/Users/{tom}")).await.expect(200).json();
        assert_eq!(tom[ENTERPRISE]["manager"]["value"], json!(boss));
    }

    async fn otherwise_the_order_is_that_of_the_request(app: &App) {
        let scim = app.generic();
        let guides = id(&scim.group("Guides", &[]).await);
        let path = format!("/Groups/{guides}");
        let add = json!({"Operations": [{"op": "add", "path": "members", "value": [{"value": "bulkId:tom"}]}]});
        // The second refers to the first and comes before the third, which does not wait for anything.
        let results = bulk(&scim, json!([
            post("tom", "/Users", user("tom")),
            {"method": "PATCH", "path": path, "data": add},
            {"method": "DELETE", "path": path},
            post("again", "/Groups", group("Guides", &[])),
        ]), json!({})).await;
        assert_eq!(statuses(&results), ["201", "200", "204", "201"]);
    }

    async fn groups_may_be_members_of_each_other(app: &App) {
        let scim = app.generic();
        let results = bulk(&scim, json!([
            post("a", "/Groups", group("A", &["bulkId:b", "bulkId:u"])),
            post("b", "/Groups", group("B", &["bulkId:c"])),
            post("c", "/Groups", group("C", &["bulkId:a"])),
            post("u", "/Users", user("ursula")),
        ]), json!({})).await;
        assert_eq!(statuses(&results), ["201", "201", "201", "201"]);
        let ids: Vec<_> = results.iter().map(made).collect();
        let mut members = vec![ids[1].clone(), ids[3].clone()];
        members.sort();
        assert_eq!(scim.members(&ids[0]).await, members);
        assert_eq!(scim.members(&ids[1]).await, [ids[2].clone()]);
        assert_eq!(scim.members(&ids[2]).await, [ids[0].clone()]);
        for (result, id) in results.iter().zip(&ids).take(3) {
            let found = scim.get(&format!("/Groups/{id}")).await.expect(200);
            assert_eq!(result["version"], json!(found.header("etag").unwrap()), "the version is that of the end");
        }
    }

    async fn what_refers_to_a_failure_fails(app: &App) {
        let scim = app.generic();
        scim.user("taken").await;
        let results = bulk(&scim, json!([
            post("g", "/Groups", group("G", &["bulkId:u"])),
            post("u", "/Users", user("taken")),
            post("h", "/Groups", group("H", &["bulkId:nobody"])),
            {"method": "DELETE", "path": "/Users/bulkId:u"},
            post("fine", "/Users", user("fine")),
        ]), json!({})).await;
        assert_eq!(statuses(&results), ["409", "409", "409", "409", "201"]);
        assert_eq!(scim.count("Groups").await, 0);
    }

    async fn after_so_many_failures_the_rest_is_not_tried(app: &App) {
        let scim = app.generic();
        let bad = |bulk_id: &str| post(bulk_id, "/Users", json!({"displayName": "without a name"}));
        let operations = json!([bad("a"), post("b", "/Users", user("b")), bad("c"), post("d", "/Users", user("d"))]);
        let results = bulk(&scim, operations.clone(), json!({"failOnErrors": 2})).await;
        assert_eq!(statuses(&results), ["400", "201", "400"]);
        assert_eq!(scim.count("Users").await, 1);
        let results = bulk(&scim, operations.clone(), json!({"failOnErrors": 1})).await;
        assert_eq!(statuses(&results), ["400"]);
        let results = bulk(&scim, operations, json!({})).await;
        assert_eq!(statuses(&results), ["400", "409", "400", "201"]);
        let request = json!({"Operations": [], "failOnErrors": 0});
        scim.post("/Bulk", &request).await.expect(400);
    }

    async fn operations_that_are_none_fail_alone(app: &App) {
        let scim = app.generic();
        let before = scim.user("before").await;
        let path = format!("/Users/{}", id(&before));
        let wrong_version = json!({"method": "DELETE", "path": path, "version": "W/\"999\""});
        let right_version = json!({"method": "DELETE", "path": path, "version": before["meta"]["version"]});
        let results = bulk(&scim, json!([
            {"method": "POST", "path": "/Users", "data": user("no bulk id")},
            {"method": "GET", "path": "/Users"},
            {"method": "POST", "bulkId": "x", "data": {}},
            {"method": "POST", "path": "/Users/7", "bulkId": "x", "data": user("x")},
            {"method": "PATCH", "path": "/Users", "data": {}},
            {"method": "POST", "path": "/Cars", "bulkId": "y", "data": {}},
            "nothing",
            wrong_version,
            right_version,
        ]), json!({})).await;
        assert_eq!(statuses(&results), ["400", "400", "400", "400", "400", "400", "400", "412", "204"]);
        assert!(results[..8].iter().all(|result| result["response"]["detail"].is_string()));
    }

    async fn limits_are_those_that_discovery_names(app: &App) {
        let scim = app.generic();
        let config = scim.get("/ServiceProviderConfig").await.expect(200).json()["bulk"].clone();
        assert_eq!(config["supported"], json!(true));
        let most = config["maxOperations"].as_u64().unwrap();
        let largest = usize::try_from(config["maxPayloadSize"].as_u64().unwrap()).unwrap();
        let operations = |number: u64| -> Value {
            (0..number).map(|n| post(&n.to_string(), "/Users", json!({"userName": format!("u{n}")}))).collect()
        };
        let results = bulk(&scim, operations(most), json!({})).await;
        assert!(results.iter().all(|result| result["status"] == json!("201")));
        assert_eq!(scim.count("Users").await, most);
        let error = scim.post("/Bulk", &json!({"Operations": operations(most + 1)})).await.expect(413).json();
        assert!(error["detail"].as_str().unwrap().contains(&most.to_string()), "{error}");
        let padded = |length: usize| {
            let empty = json!({"Operations": [], "padding": ""}).to_string().len();
            json!({"Operations": [], "padding": "x".repeat(length - empty)})
        };
        assert_eq!(scim.post("/Bulk", &padded(largest)).await.expect(200).json()["Operations"], json!([]));
        let error = scim.post("/Bulk", &padded(largest + 1)).await.expect(413).json();
        assert!(error["detail"].as_str().unwrap().contains(&largest.to_string()), "{error}");
    }

    async fn a_token_that_reads_may_not(app: &App) {
        let reader = app.scim(&app.furniture().onelogin).with_token(&app.furniture().read_only);
        reader.post("/Bulk", &json!({"Operations": [post("x", "/Users", user("x"))]})).await.expect(403);
        assert_eq!(reader.count("Users").await, 0);
    }
}
