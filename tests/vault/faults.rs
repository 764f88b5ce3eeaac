//! What happens on the way: lost answers, old versions, strange answers, a vault that dies, a server that is killed.

use std::time::Duration;

use serde_json::json;

use super::{add, listed, settled, until};
use crate::support::both;
use crate::support::scim::text;
use crate::support::vault::{Fault, Vault};

both! {
    async fn strange_answers_come_to_the_same(app: &App) {
        let mut vault = Vault::start().await;
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        add(app, &vault, &endpoint, &["--threshold", "50"]);
        let faults = [
            Fault::LostAfter, Fault::LostBefore, Fault::Broken, Fault::Page503, Fault::Page200, Fault::TooMany, Fault::Cut,
            Fault::SaysNo, Fault::LostAfter, Fault::LostAfter,
        ];
        vault.world().faults.extend(faults);
        let mut ids = Vec::new();
        for n in 0..6 {
            ids.push(text(&scim.user(&format!("user{n}")).await["id"]));
        }
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let group = text(&scim.group("Ops", &ids).await["id"]);
        // Waiting ones are tried again as time goes by.
        let seen = |world: &crate::support::vault::World| world.members("Ops").len() == 6;
        for _ in 0..60 {
            if seen(&vault.world()) {
                break;
            }
            app.advance(Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        until(&vault, "all of them", seen).await;
        // It dies in mid-flow, and returns.
        vault.die();
        scim.patch(&format!("/Users/{}", ids[0]), json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
        scim.patch(&format!("/Groups/{group}"), json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ids[1])}])).await;
        let late = scim.user("late").await;
        assert_eq!(listed(app, &endpoint).await["queue"]["failed"], 0, "{late}");
        vault.come_back().await;
        for _ in 0..60 {
            if vault.world().named("late").is_some() && !vault.world().named("user0").unwrap().enabled {
                break;
            }
            app.advance(Duration::from_secs(60));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        until(&vault, "what was missed", |world| world.named("late").is_some() && world.members("Ops").len() == 5).await;
        let names: Vec<String> = vault.world().users.values().map(|user| user.name.clone()).collect();
        let mut once = names.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), names.len(), "no duplicates: {names:?}");
        assert_eq!(names.len(), 2 + 7, "{names:?}");
    }

    async fn old_versions_and_other_answers(app: &App) {
        let vault = Vault::start().await;
        vault.switch(|switches| {
            switches.old = true;
            switches.capital = true;
            switches.bad_token = 401;
            switches.unknown = 404;
            switches.strict_members = true;
            switches.no_sorting = true;
            switches.page = 2;
        });
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        add(app, &vault, &endpoint, &[]);
        let ann = text(&scim.user("ann").await["id"]);
        let group = text(&scim.group("Ops", &[&ann]).await["id"]);
        until(&vault, "the member", |world| world.members("Ops") == ["ann"]).await;
        vault.world().end_tokens();
        scim.patch(&format!("/Users/{ann}"), json!([{"op": "replace", "path": "displayName", "value": "Ann"}])).await.expect(200);
        scim.patch(&format!("/Groups/{group}"), json!([{"op": "replace", "path": "displayName", "value": "Operators"}])).await;
        until(&vault, "both changes", |world| {
            world.named("ann").unwrap().display == "Ann" && world.group_named("Operators").is_some()
        }).await;
        assert_eq!(vault.world().named("ann").unwrap().email.as_deref(), Some("ann@example.com"), "PUT keeps the rest");
        scim.delete(&format!("/Users/{ann}")).await.expect(204);
        until(&vault, "the end", |world| !world.named("ann").unwrap().enabled && world.members("Operators").is_empty()).await;
        assert_eq!(vault.world().calls_of("PATCH", "/users/"), 1, "asked once");
    }

    async fn what_it_refuses_is_told_in_its_words(app: &App) {
        let vault = Vault::start().await;
        vault.switch(|switches| switches.licences = 3);
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        add(app, &vault, &endpoint, &[]);
        scim.user("ann").await;
        scim.user("bob").await;
        let begun = std::time::Instant::now();
        while listed(app, &endpoint).await["queue"]["failed"] != 1 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:#}", listed(app, &endpoint).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        vault.switch(|switches| switches.licences = 10);
        app.program(&["target", "retry", &endpoint.slug]).await.done();
        settled(app, &endpoint).await;
        assert!(vault.world().named("ann").is_some() && vault.world().named("bob").is_some());
    }
}

/// The server is killed at random moments while the vault loses answers; in the end both sides are equal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_nothing_is_lost_and_nothing_is_there_twice() {
    use crate::support::app::App;
    use crate::support::backend::Backend;
    use crate::support::program::Server;
    use crate::support::scim::Scim;
    let rounds: usize = std::env::var("VAULT_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let app = App::furnished(Backend::Sqlite).await.unwrap();
    let vault = Vault::start().await;
    let endpoint = app.furniture().generic.clone();
    add(&app, &vault, &endpoint, &["--threshold", "50"]);
    let database = app.stop().await;
    let arguments = ["--database", &database.url, "--rate", "unlimited", "--log", "error"];
    let mut made = 0;
    for round in 0..rounds {
        let server = Server::start(database.folder.path(), &arguments).await;
        let path = format!("/scim/{}/v2", endpoint.slug);
        let scim = Scim { address: server.address, base: path, token: endpoint.token.clone() };
        vault.world().faults.extend([Fault::LostAfter, Fault::LostAfter]);
        let first = vault.world().users.len();
        for _ in 0..12 {
            let id = text(&scim.user(&format!("user{made}")).await["id"]);
            if made % 3 == 0 {
                scim.delete(&format!("/Users/{id}")).await.expect(204);
            }
            made += 1;
        }
        // At another moment each round.
        until(&vault, "some of them", |world| world.users.len() >= first + 1 + round % 5).await;
        server.kill();
    }
    vault.world().faults.clear();
    let server = Server::start(database.folder.path(), &arguments).await;
    until(&vault, "all of them", |world| {
        (0..made)
            .filter(|n| n % 3 != 0)
            .all(|n| world.named(&format!("user{n}")).is_some_and(|one| one.enabled))
            && (0..made)
                .filter(|n| n % 3 == 0)
                .all(|n| world.named(&format!("user{n}")).is_none_or(|one| !one.enabled))
    })
    .await;
    let mut names: Vec<String> = vault.world().users.values().map(|user| user.name.clone()).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "somebody is there twice: {names:?}");
    assert!(names.iter().all(|name| !name.contains('@')), "somebody was made under another name: {names:?}");
    drop(server);
}
