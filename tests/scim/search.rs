//! Queries by POST and on the base URL (RFC 7644 §3.4.2.1, §3.4.3), and `/Me` (§3.11).

use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{LIST, Scim, id};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

async fn furnish(scim: &Scim) -> (Vec<String>, String) {
    let mut users = Vec::new();
    for name in ["anna", "Bert", "chris"] {
        users.push(id(&scim.user(name).await));
    }
    let group = id(&scim.group("Annals", &[&users[0], &users[1]]).await);
    (users, group)
}

async fn search(scim: &Scim, path: &str, mut body: Value) -> Value {
    body["schemas"] = json!([SEARCH]);
    let list = scim.post(path, &body).await.expect(200).json();
    assert_eq!(list["schemas"], json!([LIST]));
    list
}

/// The ids of a list.
fn ids(list: &Value) -> Vec<String> {
    list["Resources"].as_array().unwrap().iter().map(id).collect()
}

both! {
    async fn a_search_says_in_a_body_what_a_list_says_in_its_url(app: &App) {
        let scim = app.generic();
        let (users, group) = furnish(&scim).await;
        let list = search(&scim, "/Users/.search", json!({
            "filter": "userName sw \"A\" or userName ew \"T\"", "sortBy": "userName", "sortOrder": "descending",
            "startIndex": 1, "count": 10, "attributes": ["userName", "emails.value"],
        })).await;
        assert_eq!(ids(&list), [users[1].clone(), users[0].clone()]);
        assert_eq!((&list["totalResults"], &list["startIndex"], &list["itemsPerPage"]), (&json!(2), &json!(1), &json!(2)));
        let first = &list["Resources"][0];
        assert_eq!(first["userName"], json!("Bert"));
        assert_eq!(first["emails"], json!([{"value": "Bert@example.com"}]));
        assert!(first.get("name").is_none() && first.get("meta").is_none(), "{first}");

        let list = search(&scim, "/Groups/.search", json!({"excludedAttributes": ["members"]})).await;
        assert_eq!(ids(&list), std::slice::from_ref(&group));
        assert!(list["Resources"][0].get("members").is_none());
        let list = search(&scim, "/Groups/.search", json!({"filter": format!("members.value eq \"{}\"", users[1])})).await;
        assert_eq!(ids(&list), [group]);
        let list = search(&scim, "/Users/.search", json!({"count": 0})).await;
        assert_eq!((&list["totalResults"], &list["Resources"]), (&json!(3), &json!([])));
        let list = search(&scim, "/users/.SEARCH", json!({"startIndex": 3, "count": 2})).await;
        assert_eq!(ids(&list), std::slice::from_ref(&users[2]));
    }

    async fn the_base_url_has_resources_of_all_types(app: &App) {
        let scim = app.generic();
        let (users, group) = furnish(&scim).await;
        let both = vec![users[0].clone(), group.clone()];
        let filter = "displayName co \"nn\" or userName co \"nn\"";
        let mut found = ids(&search(&scim, "/.search", json!({"filter": filter})).await);
        found.sort();
        let mut expected = both.clone();
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(scim.get("?count=0").await.expect(200).json()["totalResults"], json!(4));
        assert_eq!(ids(&scim.get("/?filter=meta.resourceType+eq+%22Group%22").await.expect(200).json()), std::slice::from_ref(&group));
        // A type that lacks the attribute has nothing that matches.
        assert_eq!(ids(&scim.get("?filter=userName+eq+%22anna%22").await.expect(200).json()), std::slice::from_ref(&users[0]));
        assert_eq!(ids(&scim.get("?filter=members+pr").await.expect(200).json()), std::slice::from_ref(&group));
        let each = scim.get("?attributes=displayName,userName").await.expect(200).json();
        assert!(each["Resources"].as_array().unwrap().iter().all(|one| one.get("meta").is_none()));
        let one = scim.get("?startIndex=4&count=1").await.expect(200).json();
        assert_eq!(ids(&one), [group]);
    }

    async fn what_cannot_be_searched_is_refused(app: &App) {
        let scim = app.generic();
        furnish(&scim).await;
        for (path, body, scim_type) in [
            ("/Users/.search", json!([]), "invalidSyntax"),
            ("/Users/.search", json!({"filter": 7, "schemas": {}}), "invalidFilter"),
            ("/Users/.search", json!({"filter": {}}), "invalidSyntax"),
            ("/Users/.search", json!({"filter": "shoeSize eq 7"}), "invalidFilter"),
            ("/.search", json!({"filter": "shoeSize eq 7"}), "invalidFilter"),
            ("/Users/.search", json!({"filter": "userName eq"}), "invalidFilter"),
            ("/Users/.search", json!({"sortBy": "shoeSize"}), "invalidPath"),
            ("/Users/.search", json!({"count": "many"}), "invalidValue"),
        ] {
            let error = scim.post(path, &body).await.expect(400).json();
            assert_eq!(error["scimType"], json!(scim_type), "{body}: {error}");
        }
        for method in ["GET", "PUT", "DELETE"] {
            let request = scim.request(method, "/.search");
            assert_eq!(scim.send(&request).await.expect(405).header("allow"), Some("POST"));
        }
    }

    async fn a_token_that_reads_may_search(app: &App) {
        let reader = app.scim(&app.furniture().onelogin).with_token(&app.furniture().read_only);
        search(&reader, "/Users/.search", json!({})).await;
        search(&reader, "/.search", json!({})).await;
    }

    async fn me_is_nobody(app: &App) {
        let scim = app.generic();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let mut request = scim.request(method, "/Me");
            if method != "GET" && method != "DELETE" {
                request = request.json(&json!({}));
            }
            let error = scim.send(&request).await.expect(501).json();
            assert!(error["detail"].as_str().unwrap().contains("/Me"), "{error}");
        }
    }
}
