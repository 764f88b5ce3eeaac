//! Paging by index: which part of the list comes, in which order, and what is said about it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sorted;
use crate::support::app::App;
use crate::support::both;
use crate::support::scim::{LIST, Scim, id, text, user};

/// An endpoint with seven users, and their names in the order in which they were made.
async fn seven(app: &App) -> (Scim, Vec<String>) {
    let scim = app.generic();
    // Made in another order than that of the alphabet.
    let names: Vec<_> = ["gina", "anna", "fred", "bert", "emil", "cleo", "dora"].map(str::to_owned).into();
    for name in &names {
        scim.user(name).await;
    }
    (scim, names)
}

async fn page(scim: &Scim, query: &str) -> Value {
    let list = scim.get(&format!("/Users?{query}")).await.expect(200).json();
    assert_eq!(list["schemas"], json!([LIST]));
    for number in ["totalResults", "startIndex", "itemsPerPage"] {
        assert!(list[number].is_u64(), "{number} is a number: {list}");
    }
    let resources = list["Resources"].as_array().expect("Resources is there, be it empty");
    assert_eq!(list["itemsPerPage"], resources.len(), "what came, not what was asked for");
    list
}

fn names(list: &Value) -> Vec<String> {
    list["Resources"].as_array().expect("a list").iter().map(|one| text(&one["userName"])).collect()
}

both! {
    async fn a_page_is_what_is_asked_for(app: &App) {
        let (scim, all) = seven(app).await;
        for (query, start, part) in [
            ("", 1, 0..7),
            ("startIndex=1&count=3", 1, 0..3),
            ("startIndex=4&count=3", 4, 3..6),
            ("startIndex=7&count=3", 7, 6..7),
            ("startIndex=3", 3, 2..7),
            ("count=2", 1, 0..2),
            ("COUNT=2&STARTINDEX=2", 2, 1..3),
            ("startIndex=0&count=2", 1, 0..2),
            ("startIndex=-5&count=2", 1, 0..2),
            ("startIndex=&count=", 1, 0..7),
            ("count=5000", 1, 0..7),
            ("count=99999999999999999999999999999999999999999999", 1, 0..7),
            ("count=0", 1, 0..0),
            ("count=-1", 1, 0..0),
            ("startIndex=8&count=3", 8, 0..0),
            ("startIndex=100000000", 100_000_000, 0..0),
        ] {
            for filter in ["", "&filter=userName+pr"] {
                let list = page(&scim, &format!("{query}{filter}")).await;
                assert_eq!(names(&list), all[part.clone()], "{query}{filter}");
                assert_eq!(list["totalResults"], 7, "all of them, whatever the page: {query}{filter}");
                assert_eq!(list["startIndex"], start, "{query}{filter}");
            }
        }
        let beyond = page(&scim, "startIndex=99999999999999999999999999999999999999999999").await;
        assert_eq!((names(&beyond), &beyond["totalResults"]), (vec![], &json!(7)));
    }

    async fn what_is_no_number_is_refused(app: &App) {
        let (scim, _) = seven(app).await;
        for query in [
            "count=ten",
            "count=1.5",
            "count=1e3",
            "startIndex=one",
            "startIndex=0x10",
            "count=%2B",
            "startIndex=-",
        ] {
            let error = scim.get(&format!("/Users?{query}")).await.expect(400).json();
            assert_eq!(error["scimType"], "invalidValue", "{query}");
            let name = query.split('=').next().unwrap();
            assert!(text(&error["detail"]).contains(name), "{query}: {error}");
        }
    }

    async fn total_and_page_are_those_of_the_filter(app: &App) {
        let (scim, _) = seven(app).await;
        let filter = "filter=userName+co+%22e%22";
        let whole = page(&scim, filter).await;
        assert_eq!(names(&whole), ["fred", "bert", "emil", "cleo"]);
        assert_eq!(whole["totalResults"], 4);
        let list = page(&scim, &format!("{filter}&startIndex=2&count=2")).await;
        assert_eq!(
            (names(&list), &list["totalResults"]),
            (vec!["bert".to_owned(), "emil".to_owned()], &json!(4))
        );
        let none = page(&scim, "filter=userName+eq+%22nobody%22").await;
        assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(0), &json!([])));
        let total = page(&scim, &format!("{filter}&count=0")).await;
        assert_eq!((&total["totalResults"], &total["Resources"]), (&json!(4), &json!([])));
    }

    async fn the_order_stays_when_resources_change(app: &App) {
        let (scim, all) = seven(app).await;
        let fred = page(&scim, "filter=userName+eq+%22fred%22").await["Resources"][0].clone();
        scim.put(&format!("/Users/{}", id(&fred)), &user("alfred")).await.expect(200);
        let mut expected = all;
        expected[2] = "alfred".to_owned();
        for size in [1, 2, 3, 7] {
            let mut walked = Vec::new();
            for start in (1..=7).step_by(size) {
                walked.extend(names(&page(&scim, &format!("startIndex={start}&count={size}")).await));
            }
            assert_eq!(walked, expected, "in pages of {size}");
        }
        let gone = page(&scim, "count=1").await["Resources"][0].clone();
        scim.delete(&format!("/Users/{}", id(&gone))).await.expect(204);
        let list = page(&scim, "count=3").await;
        assert_eq!((names(&list).as_slice(), &list["totalResults"]), (&expected[1..4], &json!(6)));
    }

    async fn groups_and_the_base_url_are_paged_alike(app: &App) {
        let (scim, _) = seven(app).await;
        for name in ["Admins", "Others"] {
            scim.group(name, &[]).await;
        }
        let list = scim.get("/Groups?startIndex=2&count=1").await.expect(200).json();
        assert_eq!(
            (&list["totalResults"], &list["Resources"][0]["displayName"]),
            (&json!(2), &json!("Others"))
        );
        let everything = scim.get("/?count=0").await.expect(200).json();
        assert_eq!(everything["totalResults"], 9);
        let mut kinds = Vec::new();
        for start in 1..=9 {
            let list = scim.get(&format!("/?startIndex={start}&count=1")).await.expect(200).json();
            kinds.extend(list["Resources"].as_array().expect("a list").iter().map(|one| one["meta"].clone()));
        }
        assert_eq!(
            sorted(&kinds, "resourceType"),
            ["Group", "Group", "User", "User", "User", "User", "User", "User", "User"]
        );
        let filtered = scim.get("/?filter=displayName+eq+%22admins%22").await.expect(200).json();
        assert_eq!(filtered["totalResults"], 1);
    }

    async fn a_page_is_never_longer_than_is_said(app: &App) {
        let scim = app.generic();
        let post = |number: usize| {
            let data = json!({"userName": format!("user{number}")});
            json!({"method": "POST", "path": "/Users", "bulkId": number.to_string(), "data": data})
        };
        for numbers in [0..600, 600..1005] {
            let operations: Vec<_> = numbers.map(post).collect();
            scim.post("/Bulk", &json!({"Operations": operations})).await.expect(200);
        }
        let config = scim.get("/ServiceProviderConfig").await.expect(200).json();
        let (default, most) =
            (&config["pagination"]["defaultPageSize"], &config["pagination"]["maxPageSize"]);
        assert_eq!((default, most), (&json!(100), &json!(1000)));
        assert_eq!(config["filter"]["maxResults"], *most);
        for filter in ["", "&filter=userName+pr"] {
            let short = page(&scim, filter).await;
            assert_eq!((&short["itemsPerPage"], &short["totalResults"]), (default, &json!(1005)));
            let first = page(&scim, &format!("count=1005{filter}")).await;
            assert_eq!((&first["itemsPerPage"], &first["totalResults"]), (most, &json!(1005)));
            let rest = page(&scim, &format!("startIndex=1001&count=1000{filter}")).await;
            assert_eq!(rest["itemsPerPage"], 5);
            let all: BTreeSet<_> = names(&first).into_iter().chain(names(&rest)).collect();
            assert_eq!(all.len(), 1005, "everybody once");
        }
    }
}
