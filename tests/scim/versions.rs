//! Entity tags: a change on what somebody no longer knows is refused, what somebody knows is not sent again.

use serde_json::json;

use crate::support::both;
use crate::support::http::Request;
use crate::support::scim::{Scim, id, text, user};

const TITLE: &str = r#"{"Operations": [{"op": "replace", "path": "title", "value": "Clerk"}]}"#;

fn put(scim: &Scim, path: &str) -> Request {
    let mut body = user("robertt");
    body["title"] = json!("Head");
    scim.request("PUT", path).json(&body)
}

fn patch(scim: &Scim, path: &str) -> Request {
    scim.request("PATCH", path).header("Content-Type", "application/scim+json").body(TITLE)
}

async fn tag(scim: &Scim, path: &str) -> String {
    scim.get(path).await.expect(200).header("etag").expect("an entity tag").to_owned()
}

both! {
    async fn every_change_moves_the_version_and_nothing_else_does(app: &App) {
        let scim = app.generic();
        let made = scim.user("robertt").await;
        let path = format!("/Users/{}", id(&made));
        let first = tag(&scim, &path).await;
        assert!(first.starts_with("W/\"") && first.ends_with('"'), "a weak tag: {first}");
        assert_eq!(made["meta"]["version"], first);

        scim.put(&path, &user("robertt")).await.expect(200);
        scim.patch(&path, json!([{"op": "replace", "path": "userName", "value": "robertt"}]))
            .await
            .expect(200);
        scim.patch(&path, json!([{"op": "add", "path": "emails", "value": made["emails"]}]))
            .await
            .expect(200);
        scim.patch(&path, json!([{"op": "remove", "path": "title"}])).await.expect(200);
        scim.put(&path, &json!({"userName": 7})).await.expect(400);
        assert_eq!(
            scim.get(&path).await.expect(200).json(),
            made,
            "nothing has changed, so neither has the version"
        );

        app.advance(std::time::Duration::from_secs(5));
        let answer = scim.send(&patch(&scim, &path)).await.expect(200);
        let second = tag(&scim, &path).await;
        assert_ne!(second, first);
        assert_eq!(answer.header("etag"), Some(second.as_str()));
        assert_eq!(answer.json()["meta"]["version"], second);
        assert_eq!(answer.json()["meta"]["created"], made["meta"]["created"]);
        let modified = text(&answer.json()["meta"]["lastModified"]);
        assert!(modified > text(&made["meta"]["lastModified"]), "{modified}");
    }

    async fn if_match_refuses_a_change_on_another_version(app: &App) {
        let scim = app.generic();
        let path = format!("/Users/{}", id(&scim.user("robertt").await));
        let old = tag(&scim, &path).await;
        scim.send(&patch(&scim, &path)).await.expect(200);
        let now = scim.get(&path).await.expect(200);
        let current = now.header("etag").unwrap().to_owned();

        let delete = scim.request("DELETE", &path);
        for stale in [old.as_str(), "W/\"999\"", "\"made-up\"", "no tag at all", &format!("{old}, W/\"77\"")]
        {
            for request in [put(&scim, &path), patch(&scim, &path), delete.clone()] {
                let answer = scim.send(&request.header("If-Match", stale)).await;
                assert_eq!(answer.status, 412, "If-Match: {stale}: {answer:#}");
            }
        }
        assert_eq!(scim.get(&path).await.expect(200).json(), now.json(), "nothing has changed");

        scim.send(&put(&scim, &path).header("If-Match", &current)).await.expect(200);
        scim.send(&patch(&scim, &path).header("If-Match", "*")).await.expect(200);
        let several = format!("{old}, {}", tag(&scim, &path).await);
        scim.send(&put(&scim, &path).header("If-Match", &several)).await.expect(200);
        scim.send(&delete.clone().header("If-Match", &tag(&scim, &path).await)).await.expect(204);
        scim.send(&delete.header("If-Match", "*")).await.expect(404);
    }

    async fn if_none_match_spares_what_is_known(app: &App) {
        let scim = app.generic();
        let path = format!("/Users/{}", id(&scim.user("robertt").await));
        let current = tag(&scim, &path).await;
        let get = |tags: &str| scim.request("GET", &path).header("If-None-Match", tags);
        for known in [current.as_str(), "*", &format!("W/\"77\", {current}")] {
            let answer = scim.send(&get(known)).await.expect(304);
            assert_eq!(answer.header("etag"), Some(current.as_str()));
        }
        scim.send(&get("W/\"77\"")).await.expect(200);
        scim.send(&get("no tag at all")).await.expect(200);
        scim.send(&patch(&scim, &path)).await.expect(200);
        scim.send(&get(&current)).await.expect(200);
    }

    async fn the_version_of_a_group_moves_with_its_members(app: &App) {
        let scim = app.generic();
        let robert = id(&scim.user("robertt").await);
        let group = format!("/Groups/{}", id(&scim.group("Admins", &[]).await));
        let mut tags = vec![tag(&scim, &group).await];
        let add = json!([{"op": "add", "path": "members", "value": [{"value": robert}]}]);
        scim.patch(&group, add.clone()).await.expect(200);
        tags.push(tag(&scim, &group).await);
        scim.patch(&group, add).await.expect(200);
        assert_eq!(tags.last(), Some(&tag(&scim, &group).await), "who is in already does not come again");
        scim.delete(&format!("/Users/{robert}")).await.expect(204);
        tags.push(tag(&scim, &group).await);
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "one for each state: {tags:?}");
    }

    async fn the_version_of_a_user_moves_with_the_groups_it_shows(app: &App) {
        let scim = app.generic();
        let robert = id(&scim.user("robertt").await);
        let path = format!("/Users/{robert}");
        let fresh = |tag: &str| scim.request("GET", &path).header("If-None-Match", tag);
        let mut tags = vec![tag(&scim, &path).await];
        let inner = id(&scim.group("Clerks", &[&robert]).await);
        tags.push(changed(&scim, &path, &tags).await);
        let outer = id(&scim.group("Staff", &[&inner]).await);
        tags.push(changed(&scim, &path, &tags).await);
        let rename = json!([{"op": "replace", "path": "displayName", "value": "Crew"}]);
        scim.patch(&format!("/Groups/{outer}"), rename).await.expect(200);
        tags.push(changed(&scim, &path, &tags).await);

        let now = scim.get(&path).await.expect(200);
        let current = tags.last().unwrap().clone();
        assert_eq!(now.json()["meta"]["version"], current, "the header and meta say the same");
        assert_eq!(scim.find("Users", "userName eq \"robertt\"").await, [now.json()], "and a list too");
        let by_version = format!("meta.version eq {}", json!(current));
        assert_eq!(scim.find("Users", &by_version).await.len(), 1, "and a filter");
        let search = scim.post("/.search", &json!({"filter": "userName eq \"robertt\""})).await.expect(200);
        assert_eq!(search.json()["Resources"], json!([now.json()]), "and a search");
        let put = scim.send(&scim.request("PUT", &path).json(&user("robertt"))).await.expect(200);
        assert_eq!(put.json(), now.json(), "and a PUT that changes nothing");
        assert_eq!(put.header("etag"), Some(current.as_str()));
        let bulk = json!({"Operations": [{"method": "PATCH", "path": path, "version": current, "data":
            {"Operations": [{"op": "replace", "path": "userName", "value": "robertt"}]}}]});
        let bulk = scim.post("/Bulk", &bulk).await.expect(200).json();
        assert_eq!(bulk["Operations"][0]["version"], current, "and Bulk: {bulk:#}");

        let without = scim.get(&format!("{path}?excludedAttributes=groups")).await.expect(200);
        assert_eq!(without.header("etag"), Some(tags[0].as_str()), "what is not shown is not part of it");
        assert_eq!(without.json()["meta"]["version"], tags[0]);

        scim.send(&fresh(&current)).await.expect(304);
        scim.patch(&format!("/Groups/{inner}"), json!([{"op": "remove", "path": "members"}])).await.expect(200);
        scim.send(&fresh(&current)).await.expect(200);
        assert_eq!(tag(&scim, &path).await, tags[0], "without groups it is the version of the user alone");
        scim.send(&fresh(&tags[0])).await.expect(304);

        // Nobody can write groups through the user: a change of them alone refuses no update.
        scim.send(&patch(&scim, &path).header("If-Match", &current)).await.expect(200);
        let refused = scim.send(&patch(&scim, &path).header("If-Match", &current)).await;
        assert_eq!(refused.status, 412, "but a change of the user does: {refused:#}");
    }
}

/// The present tag, which is none of those before; and these are not taken for it.
async fn changed(scim: &Scim, path: &str, before: &[String]) -> String {
    let now = tag(scim, path).await;
    for old in before {
        assert_ne!(*old, now);
        scim.send(&scim.request("GET", path).header("If-None-Match", old)).await.expect(200);
    }
    now
}
