//! Discovery: what is advertised is what is enforced.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{ENTERPRISE, GROUP, LIST, Scim, USER, id, text, user};

async fn get(scim: &Scim, path: &str) -> Value {
    scim.get(path).await.expect(200).json()
}

/// The documents of a list.
async fn documents(scim: &Scim, path: &str) -> Vec<Value> {
    let list = get(scim, path).await;
    let documents = list["Resources"].as_array().expect("a list").clone();
    assert_eq!(list["schemas"], json!([LIST]));
    assert_eq!(list["totalResults"], documents.len());
    assert_eq!((&list["startIndex"], &list["itemsPerPage"]), (&json!(1), &json!(documents.len())));
    documents
}

fn url(scim: &Scim, path: &str) -> String {
    format!("http://{}{}{path}", scim.address, scim.base)
}

/// The attributes of a schema that fulfil a condition.
fn attributes<'a>(
    schema: &'a Value,
    wanted: impl Fn(&Value) -> bool + 'a,
) -> impl Iterator<Item = &'a Value> {
    schema["attributes"].as_array().expect("attributes").iter().filter(move |attribute| wanted(attribute))
}

both! {
    async fn the_documents_of_discovery(app: &App) {
        let scim = app.generic();
        let config = get(&scim, "/ServiceProviderConfig").await;
        assert_eq!(config["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]));
        assert_eq!(config["meta"]["location"], url(&scim, "/ServiceProviderConfig"));
        assert_eq!(config["meta"]["resourceType"], "ServiceProviderConfig");
        for flag in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
            assert!(config[flag]["supported"].is_boolean(), "{flag}: {config}");
        }
        assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");

        let types = documents(&scim, "/ResourceTypes").await;
        let names: Vec<_> = types.iter().map(|one| text(&one["name"])).collect();
        assert_eq!(names, ["User", "Group"]);
        for one in &types {
            let path = format!("/ResourceTypes/{}", text(&one["name"]));
            assert_eq!(&get(&scim, &path).await, one, "alone as in the list");
            assert_eq!(one["meta"]["location"], url(&scim, &path));
            // What it leads to is there.
            scim.get(&text(&one["endpoint"])).await.expect(200);
            scim.get(&format!("/Schemas/{}", text(&one["schema"]))).await.expect(200);
            for extension in one["schemaExtensions"].as_array().into_iter().flatten() {
                scim.get(&format!("/Schemas/{}", text(&extension["schema"]))).await.expect(200);
            }
        }
        let schemas = documents(&scim, "/Schemas").await;
        let mut ids: Vec<_> = schemas.iter().map(id).collect();
        ids.sort();
        assert_eq!(ids, [GROUP, USER, ENTERPRISE]);
        for schema in &schemas {
            let path = format!("/Schemas/{}", id(schema));
            assert_eq!(&get(&scim, &path).await, schema, "alone as in the list");
            assert_eq!(schema["meta"]["location"], url(&scim, &path));
            assert_eq!(schema["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"]));
            for attribute in attributes(schema, |_| true) {
                for part in ["name", "type", "description", "mutability", "returned"] {
                    assert!(
                        attribute[part].as_str().is_some_and(|text| !text.is_empty()),
                        "{part}: {attribute}"
                    );
                }
                for part in ["multiValued", "required"] {
                    assert!(attribute[part].is_boolean(), "{part}: {attribute}");
                }
            }
        }
    }

    async fn discovery_is_not_filtered(app: &App) {
        let scim = app.generic();
        for path in [
            "/ServiceProviderConfig",
            "/ResourceTypes",
            "/Schemas",
            "/ResourceTypes/User",
            &format!("/Schemas/{USER}"),
        ] {
            let error = scim.get(&format!("{path}?filter=name+eq+%22User%22")).await.expect(403).json();
            assert!(text(&error["detail"]).contains("filter"), "{error}");
            scim.get(&format!("{path}?startIndex=5&count=1&attributes=id")).await.expect(200);
            scim.get(&path.to_ascii_lowercase()).await.expect(200);
        }
        for path in ["/ResourceTypes/Thing", "/Schemas/urn:unheard-of", "/Schemas/User%20"] {
            scim.get(path).await.expect(404);
        }
        let reader = app.scim(&app.furniture().onelogin).with_token(&app.furniture().read_only);
        get(&reader, "/Schemas").await;
    }

    async fn bulk_takes_as_much_as_it_says(app: &App) {
        let scim = app.generic();
        let bulk = get(&scim, "/ServiceProviderConfig").await["bulk"].clone();
        assert_eq!(bulk["supported"], true);
        let most = usize::try_from(bulk["maxOperations"].as_u64().expect("a number")).unwrap();
        let delete = json!({"method": "DELETE", "path": "/Users/nobody"});
        let done =
            scim.post("/Bulk", &json!({"Operations": vec![delete.clone(); most]})).await.expect(200).json();
        assert_eq!(done["Operations"].as_array().map(Vec::len), Some(most));
        let create = json!({"method": "POST", "path": "/Users", "bulkId": "1", "data": user("robertt")});
        let mut operations = vec![delete; most];
        operations.insert(0, create.clone());
        let error = scim.post("/Bulk", &json!({"Operations": operations})).await.expect(413).json();
        assert!(text(&error["detail"]).contains(&most.to_string()), "{error}");
        assert_eq!(scim.count("Users").await, 0, "nothing of it was done");

        let size = usize::try_from(bulk["maxPayloadSize"].as_u64().expect("a number")).unwrap();
        let whole = |padding: usize| json!({"Operations": [create], "padding": "x".repeat(padding)});
        let room = size - whole(0).to_string().len();
        let error = scim.post("/Bulk", &whole(room + 1)).await.expect(413).json();
        assert!(text(&error["detail"]).contains(&size.to_string()), "{error}");
        assert_eq!(scim.count("Users").await, 0);
        scim.post("/Bulk", &whole(room)).await.expect(200);
        assert_eq!(scim.count("Users").await, 1);
    }

    async fn patch_sort_etag_and_passwords_are_as_advertised(app: &App) {
        let scim = app.generic();
        let config = get(&scim, "/ServiceProviderConfig").await;
        for flag in ["patch", "sort", "etag", "filter"] {
            assert_eq!(config[flag]["supported"], true, "{flag}");
        }
        assert_eq!(config["changePassword"]["supported"], false);
        for name in ["bert", "anna", "cleo"] {
            scim.user(name).await;
        }
        let sorted = get(&scim, "/Users?sortBy=userName&sortOrder=descending").await;
        let names: Vec<_> =
            sorted["Resources"].as_array().unwrap().iter().map(|one| text(&one["userName"])).collect();
        assert_eq!(names, ["cleo", "bert", "anna"]);

        let bert = scim.find("Users", r#"userName eq "bert""#).await.remove(0);
        let path = format!("/Users/{}", id(&bert));
        let stale = scim.request("DELETE", &path).header("If-Match", "W/\"999\"");
        scim.send(&stale).await.expect(412);
        let known = scim.request("GET", &path).header("If-None-Match", &text(&bert["meta"]["version"]));
        scim.send(&known).await.expect(304);
        let patched =
            scim.patch(&path, json!([{"op": "replace", "path": "password", "value": "t0p-s3cret"}])).await;
        assert_eq!(patched.expect(200).json(), bert, "a password changes nothing and is not shown");
    }

    async fn pages_and_cursors_are_as_advertised(app: &App) {
        let scim = app.generic();
        let paging = get(&scim, "/ServiceProviderConfig").await["pagination"].clone();
        assert_eq!((&paging["index"], &paging["cursor"]), (&json!(true), &json!(true)));
        assert_eq!(paging["defaultPaginationMethod"], "index");
        for name in ["anna", "bert", "cleo"] {
            scim.user(name).await;
        }
        let list = get(&scim, "/Users?count=1").await;
        assert_eq!(
            (&list["startIndex"], list.get("nextCursor")),
            (&json!(1), None),
            "by index unless asked otherwise"
        );
        let next = text(&get(&scim, "/Users?cursor=&count=1").await["nextCursor"]);
        let lifetime = paging["cursorTimeout"].as_u64().expect("seconds");
        app.advance(Duration::from_secs(lifetime - 60));
        get(&scim, &format!("/Users?cursor={next}&count=1")).await;
        app.advance(Duration::from_secs(61));
        let error = scim.get(&format!("/Users?cursor={next}&count=1")).await.expect(400).json();
        assert_eq!(error["scimType"], "expiredCursor");
    }

    async fn what_is_required_is_required(app: &App) {
        let scim = app.generic();
        for one in documents(&scim, "/ResourceTypes").await {
            let schema = get(&scim, &format!("/Schemas/{}", text(&one["schema"]))).await;
            let required: Vec<_> =
                attributes(&schema, |one| one["required"] == true).map(|one| text(&one["name"])).collect();
            assert_eq!(required.len(), 1, "{required:?}");
            let error = scim
                .post(&text(&one["endpoint"]), &json!({"schemas": [one["schema"]]}))
                .await
                .expect(400)
                .json();
            assert!(text(&error["detail"]).contains(&required[0]), "{error}");
            let body = json!({required[0].as_str(): "x"});
            scim.post(&text(&one["endpoint"]), &body).await.expect(201);

            let unique: Vec<_> = attributes(&schema, |one| one["uniqueness"] == "server")
                .map(|one| text(&one["name"]))
                .collect();
            assert_eq!(unique, required, "and is unique");
            scim.post(&text(&one["endpoint"]), &body).await.expect(409);
        }
    }

    async fn every_simple_attribute_is_what_its_schema_says(app: &App) {
        let scim = app.generic();
        let path = format!("/Users/{}", id(&scim.user("robertt").await));
        for urn in [USER, ENTERPRISE] {
            let schema = get(&scim, &format!("/Schemas/{urn}")).await;
            for attribute in attributes(&schema, |one| one["type"] == "string" && one["multiValued"] == false)
            {
                let full = format!("{urn}:{}", text(&attribute["name"]));
                let patched = scim
                    .patch(&path, json!([{"op": "add", "path": full, "value": "Some Value"}]))
                    .await
                    .expect(200)
                    .json();
                let holder = if urn == USER { &patched } else { &patched[urn] };
                let query = format!("filter={full}+eq+%22sOME+vALUE%22");
                if attribute["returned"] == "never" {
                    assert_eq!(holder.get(text(&attribute["name"])), None, "{attribute}");
                    scim.get(&format!("/Users?{query}")).await.expect(400);
                    continue;
                }
                assert_eq!(holder[text(&attribute["name"])], "Some Value", "{attribute}");
                let found = get(&scim, &format!("/Users?{query}")).await["totalResults"].clone();
                assert_eq!(found, u64::from(attribute["caseExact"] != true), "{attribute}");
            }
        }
        let before = get(&scim, &path).await;
        for name in ["groups", "id", "meta"] {
            let error =
                scim.patch(&path, json!([{"op": "replace", "path": name, "value": [{"value": "x"}]}])).await;
            assert_eq!(error.expect(400).json()["scimType"], "mutability", "{name}");
        }
        assert_eq!(get(&scim, &path).await, before);
    }
}
