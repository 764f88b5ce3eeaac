//! Walks by cursor (RFC 9865).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::both;
use crate::support::http::Answer;
use crate::support::scim::{Scim, id, text};

/// How a walk asks for its pages.
enum Way {
    /// GET with these parameters.
    Get(&'static str),
    /// POST of a search request with these fields.
    Search(Value),
}

impl Way {
    async fn page(&self, scim: &Scim, resource: &str, cursor: &str) -> Value {
        let answer = match self {
            Self::Get(query) => scim.get(&format!("{resource}?{query}&cursor={cursor}&count=7")).await,
            Self::Search(fields) => {
                let mut body = fields.clone();
                body["cursor"] = json!(cursor);
                body["count"] = json!(7);
                scim.post(&format!("{resource}/.search"), &body).await
            }
        };
        answer.expect(200).json()
    }
}

/// Walks to the end; between the pages some resources come and others go. Gives how often each id was seen.
async fn walk(
    scim: &Scim,
    resource: &str,
    way: &Way,
    transient: &mut Vec<String>,
) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    let mut cursor = String::new();
    for page in 0.. {
        let list = way.page(scim, resource, &cursor).await;
        let resources = list["Resources"].as_array().unwrap();
        assert_eq!(list["itemsPerPage"], json!(resources.len()));
        assert!(list.get("startIndex").is_none(), "a walk by cursor has no positions");
        for resource in resources {
            *seen.entry(id(resource)).or_default() += 1;
        }
        match list.get("nextCursor") {
            Some(next) => cursor = text(next),
            None => return seen,
        }
        assert!(page < 100, "the walk does not end");
        // One that may have been seen goes, one that may not have been seen goes, two come.
        let middle = transient.len() / 2;
        for gone in [transient.remove(middle), transient.remove(0)] {
            scim.delete(&format!("/Users/{gone}")).await.expect(204);
        }
        for number in 0..2 {
            let name = format!("{}-after-{}", ["aa", "zz"][number], transient.last().unwrap());
            transient.push(id(&scim.user(&name).await));
        }
    }
    unreachable!("the walk ends or fails")
}

/// Asks with a cursor that must be refused.
#[track_caller]
fn refused(answer: Answer, scim_type: &str) {
    let body = answer.expect(400).json();
    assert_eq!(body["scimType"], json!(scim_type), "{body}");
}

async fn first_cursor(scim: &Scim, query: &str) -> String {
    text(&scim.get(&format!("/Users?{query}&cursor&count=2")).await.expect(200).json()["nextCursor"])
}

both! {
    async fn who_was_there_throughout_is_seen_once(app: &App) {
        let ways = [
            ("/Users", Way::Get("")),
            ("/Users", Way::Get("filter=userName+pr")),
            ("/Users", Way::Get("sortBy=userName")),
            ("/Users", Way::Get("sortBy=emails&sortOrder=descending&filter=active+eq+true")),
            ("", Way::Get("attributes=userName")),
            ("/Users", Way::Search(json!({"sortBy": "meta.created", "attributes": ["userName"]}))),
        ];
        let scim = app.generic();
        let (mut stay, mut transient) = (Vec::new(), Vec::new());
        for number in 0..26 {
            stay.push(id(&scim.user(&format!("stay{number}")).await));
            transient.push(id(&scim.user(&format!("go{number}")).await));
        }
        for (resource, way) in &ways {
            let seen = walk(&scim, resource, way, &mut transient).await;
            for id in &stay {
                assert_eq!(seen.get(id), Some(&1), "{id}");
            }
            assert!(seen.values().all(|times| *times == 1), "nobody is seen twice");
        }
    }

    async fn who_was_there_throughout_is_seen_once_while_others_work(app: &App) {
        let scim = app.generic();
        let mut stay = Vec::new();
        for number in 0..40 {
            stay.push(id(&scim.user(&format!("stay{number}")).await));
        }
        let others: Vec<_> = (0..3)
            .map(|client| {
                let scim = scim.clone();
                tokio::spawn(async move {
                    for number in 0..20 {
                        let user = id(&scim.user(&format!("other{client}-{number}")).await);
                        scim.delete(&format!("/Users/{user}")).await.expect(204);
                    }
                })
            })
            .collect();
        let mut walks = 0;
        loop {
            let working = others.iter().any(|other| !other.is_finished());
            let mut seen = BTreeMap::new();
            let mut cursor = Some(String::new());
            while let Some(at) = cursor {
                let list = Way::Get("").page(&scim, "/Users", &at).await;
                for resource in list["Resources"].as_array().unwrap() {
                    *seen.entry(id(resource)).or_insert(0) += 1;
                }
                cursor = list.get("nextCursor").map(text);
            }
            assert!(stay.iter().all(|id| seen.get(id) == Some(&1)), "{seen:?}");
            assert!(seen.values().all(|times| *times == 1), "{seen:?}");
            walks += 1;
            if !working && walks > 2 {
                break;
            }
        }
        for other in others {
            other.await.unwrap();
        }
    }

    async fn a_cursor_belongs_to_its_endpoint_and_query(app: &App) {
        let (scim, foreign) = (app.generic(), app.scim(&app.furniture().foreign));
        for number in 0..5 {
            scim.user(&format!("user{number}")).await;
            foreign.user(&format!("user{number}")).await;
        }
        let plain = first_cursor(&scim, "").await;
        let filtered = first_cursor(&scim, "filter=userName+sw+%22u%22").await;
        let sorted = first_cursor(&scim, "sortBy=userName").await;
        scim.get(&format!("/Users?cursor={plain}")).await.expect(200);
        scim.get(&format!("/Users?filter=userName+sw+%22u%22&cursor={filtered}")).await.expect(200);
        scim.get(&format!("/Users?sortBy=userName&cursor={sorted}")).await.expect(200);

        refused(foreign.get(&format!("/Users?cursor={plain}")).await, "invalidCursor");
        refused(scim.get(&format!("/Groups?cursor={plain}")).await, "invalidCursor");
        refused(scim.get(&format!("?cursor={plain}")).await, "invalidCursor");
        refused(scim.get(&format!("/Users?cursor={filtered}")).await, "invalidCursor");
        refused(scim.get(&format!("/Users?filter=userName+sw+%22x%22&cursor={filtered}")).await, "invalidCursor");
        refused(scim.get(&format!("/Users?sortBy=userName&sortOrder=descending&cursor={sorted}")).await, "invalidCursor");
        refused(scim.get(&format!("/Users?sortBy=displayName&cursor={sorted}")).await, "invalidCursor");
        for broken in ["x", "AAAA", &plain[1..], &format!("{plain}AAAA"), &plain.replacen(&plain[30..31], "-", 1)] {
            refused(scim.get(&format!("/Users?cursor={broken}")).await, "invalidCursor");
        }
        let search = json!({"cursor": filtered});
        refused(scim.post("/Users/.search", &search).await, "invalidCursor");
    }

    async fn a_cursor_lives_for_an_hour(app: &App) {
        let scim = app.generic();
        for number in 0..5 {
            scim.user(&format!("user{number}")).await;
        }
        let config = scim.get("/ServiceProviderConfig").await.expect(200).json();
        assert_eq!(config["pagination"]["cursor"], json!(true));
        let lifetime = config["pagination"]["cursorTimeout"].as_u64().unwrap();
        let cursor = first_cursor(&scim, "").await;
        app.advance(Duration::from_secs(lifetime - 60));
        scim.get(&format!("/Users?cursor={cursor}")).await.expect(200);
        app.advance(Duration::from_secs(61));
        refused(scim.get(&format!("/Users?cursor={cursor}")).await, "expiredCursor");
    }

    async fn the_size_of_a_page_is_a_number(app: &App) {
        let scim = app.generic();
        for number in 0..3 {
            scim.user(&format!("user{number}")).await;
        }
        for count in ["many", "1.5", "%20-"] {
            refused(scim.get(&format!("/Users?cursor&count={count}")).await, "invalidCount");
        }
        // Without a walk by cursor it is the fault of RFC 7644.
        refused(scim.get("/Users?count=many").await, "invalidValue");
        let whole = scim.get("/Users?cursor&count=3").await.expect(200).json();
        assert_eq!((&whole["totalResults"], whole.get("nextCursor")), (&json!(3), None));
        let beyond = scim.get("/Users?cursor=&count=999999999999").await.expect(200).json();
        assert_eq!(beyond["itemsPerPage"], json!(3));
        for none in ["0", "-4"] {
            let none = scim.get(&format!("/Users?cursor&count={none}")).await.expect(200).json();
            assert_eq!((&none["totalResults"], &none["Resources"]), (&json!(3), &json!([])));
        }
    }
}
