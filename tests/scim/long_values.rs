//! Values far longer than a name: what is kept is found again, what is not kept is refused with a sentence, and both
//! databases do the same. An index has a largest key (PostgreSQL: a third of a page, after compression), which random
//! text meets and repeated letters do not.

use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{GROUP, Scim, text, user};

/// Text without a pattern that could be compressed.
fn noise(length: usize) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15 ^ length as u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[(state >> 40) as usize % LETTERS.len()])
    };
    (0..length).map(|_| next()).collect()
}

/// Kept and found by a filter, or refused in words that name the attribute.
async fn kept_or_refused(scim: &Scim, resource: &str, attribute: &str, body: &Value, value: &str) {
    let before = scim.count(resource).await;
    let answer = scim.post(&format!("/{resource}"), body).await;
    match answer.status {
        201 => {
            // A filter has a limit of its own, 8 KiB.
            if value.len() < 8000 {
                let found = scim.find(resource, &format!("{attribute} eq \"{value}\"")).await;
                assert_eq!(found.len(), 1, "{attribute} of {} characters is found", value.len());
            }
        }
        400 => {
            let refused = answer.json();
            assert_eq!(refused["scimType"], "invalidValue", "{refused}");
            let name = attribute.split('.').next().unwrap();
            assert!(text(&refused["detail"]).contains(name), "it says which: {refused}");
            assert_eq!(scim.count(resource).await, before, "nothing is stored");
        }
        other => panic!("{attribute} of {} characters gives {other}", value.len()),
    }
}

both! {
    async fn are_kept_or_refused_but_no_fault_of_the_server(app: &App) {
        let scim = app.generic();
        for length in [100, 1000, 3000, 6000, 50_000] {
            let long = noise(length);
            let name = |prefix: &str| user(&format!("{prefix}{length}"));
            kept_or_refused(&scim, "Users", "userName", &user(&long), &long).await;
            for attribute in ["externalId", "displayName"] {
                let mut body = name(attribute);
                body[attribute] = json!(long);
                kept_or_refused(&scim, "Users", attribute, &body, &long).await;
            }
            for part in ["givenName", "familyName"] {
                let mut body = name(part);
                body["name"] = json!({part: long});
                kept_or_refused(&scim, "Users", &format!("name.{part}"), &body, &long).await;
            }
            let mut body = name("emails");
            body["emails"] = json!([{"value": long}]);
            kept_or_refused(&scim, "Users", "emails.value", &body, &long).await;
            let body = json!({"schemas": [GROUP], "displayName": long});
            kept_or_refused(&scim, "Groups", "displayName", &body, &long).await;
        }
    }

    async fn are_told_apart_by_their_ends(app: &App) {
        let scim = app.generic();
        let begin = noise(1500);
        for end in ["a", "b"] {
            scim.user(&format!("{begin}{end}")).await;
        }
        scim.post("/Users", &user(&format!("{begin}A"))).await.expect(409);
        for (filter, expected) in [
            (format!("userName eq \"{begin}A\""), &["a"][..]),
            (format!("userName ne \"{begin}a\""), &["b"]),
            (format!("userName eq \"{begin}\""), &[]),
            (format!("userName sw \"{begin}\""), &["a", "b"]),
            (format!("userName sw \"{begin}b\""), &["b"]),
            (format!("userName co \"{}\"", &begin[600..]), &["a", "b"]),
            (format!("userName co \"{}b\"", &begin[1400..]), &["b"]),
            (format!("userName ew \"{}a\"", &begin[1400..]), &["a"]),
            (format!("userName gt \"{begin}a\""), &["b"]),
            (format!("userName ge \"{begin}a\""), &["a", "b"]),
            (format!("userName lt \"{begin}b\""), &["a"]),
            (format!("emails.value sw \"{begin}b\""), &["b"]),
        ] {
            let found = scim.find("Users", &filter).await;
            let mut ends: Vec<_> = found.iter().map(|user| text(&user["userName"])[begin.len()..].to_owned()).collect();
            ends.sort();
            assert_eq!(ends, expected, "{}…", &filter[..filter.len().min(30)]);
        }
    }
}
