//! Sorted lists (RFC 7644 §3.4.2.3).

use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{ENTERPRISE, Scim, USER, text};

async fn person(scim: &Scim, name: &str, more: Value) {
    let mut body = json!({"schemas": [USER], "userName": name});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    scim.post("/Users", &body).await.expect(201);
}

/// The user names of a list, in its order.
async fn names(scim: &Scim, query: &str) -> Vec<String> {
    let list = scim.get(&format!("/Users?{query}")).await.expect(200).json();
    list["Resources"].as_array().unwrap().iter().map(|user| text(&user["userName"])).collect()
}

async fn furnish(scim: &Scim) {
    person(scim, "delta", json!({"name": {"familyName": "Äpfel"}, "title": "9", "active": false})).await;
    person(scim, "Alpha", json!({"name": {"familyName": "zebra"}, ENTERPRISE: {"department": "Sales"}}))
        .await;
    let mails = json!([{"value": "z@x.example"}, {"value": "b@x.example", "primary": true}]);
    person(scim, "charlie", json!({"name": {"familyName": "Apple"}, "emails": mails, "title": "10"})).await;
    let mails = json!([{"value": "C@x.example"}]);
    person(scim, "Bravo", json!({"emails": mails, ENTERPRISE: {"department": "development"}})).await;
}

both! {
    async fn by_any_attribute(app: &App) {
        let scim = app.generic();
        furnish(&scim).await;
        // Without case; what has no value comes last, and first when descending; equals stay as they were made.
        let table = [
            ("", ["delta", "Alpha", "charlie", "Bravo"]),
            ("sortBy=userName", ["Alpha", "Bravo", "charlie", "delta"]),
            ("sortBy=USERNAME&sortOrder=Descending", ["delta", "charlie", "Bravo", "Alpha"]),
            ("sortBy=urn:ietf:params:scim:schemas:core:2.0:User:userName", ["Alpha", "Bravo", "charlie", "delta"]),
            ("sortBy=name.familyName", ["charlie", "Alpha", "delta", "Bravo"]),
            ("sortBy=name.familyName&sortOrder=descending", ["Bravo", "delta", "Alpha", "charlie"]),
            ("sortBy=emails", ["charlie", "Bravo", "delta", "Alpha"]),
            ("sortBy=emails.value&sortOrder=descending", ["delta", "Alpha", "Bravo", "charlie"]),
            ("sortBy=title", ["charlie", "delta", "Alpha", "Bravo"]),
            ("sortBy=active", ["delta", "Alpha", "charlie", "Bravo"]),
            ("sortBy=meta.created", ["delta", "Alpha", "charlie", "Bravo"]),
            ("sortBy=id&sortOrder=descending", ["Bravo", "charlie", "Alpha", "delta"]),
            ("sortBy=nickName", ["delta", "Alpha", "charlie", "Bravo"]),
        ];
        for (query, expected) in table {
            assert_eq!(names(&scim, query).await, expected, "{query}");
        }
        for department in [format!("{ENTERPRISE}:department"), "department".to_owned()] {
            assert_eq!(names(&scim, &format!("sortBy={department}")).await, ["Bravo", "Alpha", "delta", "charlie"]);
        }
    }

    async fn pages_are_parts_of_one_order(app: &App) {
        let scim = app.generic();
        for number in [5, 3, 8, 1, 9, 2, 7, 4, 6, 0] {
            // All have the same title: the order of the pages is that of their making.
            person(&scim, &format!("user{number}"), json!({"title": "Guide"})).await;
        }
        for query in ["sortBy=userName", "sortBy=title", "sortBy=title&sortOrder=descending&filter=title+pr"] {
            let whole = names(&scim, query).await;
            let mut parts = Vec::new();
            for start in [1, 4, 7, 10, 13] {
                parts.extend(names(&scim, &format!("{query}&startIndex={start}&count=3")).await);
            }
            assert_eq!(parts, whole, "{query}");
        }
    }

    async fn what_cannot_be_sorted_by_is_refused(app: &App) {
        let scim = app.generic();
        let refusals = [
            ("sortBy=shoeSize", "invalidPath"),
            ("sortBy=members", "invalidPath"),
            ("sortBy=name..familyName", "invalidPath"),
            ("sortBy=userName&sortOrder=upwards", "invalidValue"),
        ];
        for (query, scim_type) in refusals {
            let error = scim.get(&format!("/Users?{query}")).await.expect(400).json();
            assert_eq!(error["scimType"], json!(scim_type), "{query}");
        }
        // An order without anything to sort by says nothing.
        scim.get("/Users?sortOrder=descending").await.expect(200);
        // One of the types has it: the others have no value for it.
        scim.get("?sortBy=members").await.expect(200);
    }
}
