//! `scim-server check` finds every kind of damage, says what to do, and mends what can be mended.

use serde_json::Value;

use crate::support::app::App;
use crate::support::both;
use crate::support::scim::id;
use crate::support::sql::execute;

async fn check(app: &App) -> (Vec<String>, String) {
    let output = app.program(&["check", "--json"]).await;
    let document: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let faults: Vec<String> = document["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(output.code, Some(i32::from(!faults.is_empty())), "{output:?}");
    assert_eq!(document["sound"], Value::Bool(faults.is_empty()));
    (faults, output.stderr)
}

/// Does the damage, and expects one fault with these words, that `--repair` mends.
async fn mends(app: &App, damage: &str, words: &[&str]) {
    execute(app.database(), damage);
    let (faults, advice) = check(app).await;
    assert_eq!(faults.len(), 1, "{damage}: {faults:?}");
    for word in words {
        assert!(faults[0].contains(word), "{damage}: {faults:?}");
    }
    assert!(advice.contains("check --repair"), "{advice}");
    let repaired = app.program(&["check", "--repair", "--json"]).await.json();
    assert_eq!(repaired["repaired"].as_array().unwrap().len(), 1, "{damage}: {repaired}");
    assert_eq!(check(app).await.0, Vec::<String>::new(), "{damage}");
}

both! {
    async fn what_follows_from_the_content_is_made_anew(app: &App) {
        let scim = app.generic();
        let (robert, anna) = (scim.user("robertt").await, scim.user("anna").await);
        scim.group("Both", &[&id(&robert), &id(&anna)]).await;
        assert!(check(app).await.0.is_empty());
        let of = |user: &Value| format!("resource_id = '{}'", id(user));
        mends(app, "UPDATE resource_counts SET visible = 41 WHERE resource_type = 'User'", &["41 visible", "User"]).await;
        mends(app, "DELETE FROM resource_counts WHERE resource_type = 'Group'", &["no counters for Group"]).await;
        mends(app, &format!("DELETE FROM resource_keys WHERE {}", of(&robert)), &["1 resources", &id(&robert)]).await;
        assert_eq!(scim.find("Users", "userName eq \"robertt\"").await.len(), 1);
        mends(app, &format!("UPDATE resource_keys SET value_key = value_key || 'x' WHERE {}", of(&anna)), &[&id(&anna)]).await;
        assert_eq!(scim.find("Users", "userName eq \"ANNA\"").await.len(), 1);
        mends(app, "UPDATE resource_keys SET value_key = 'zz' WHERE value_key = 'both'", &["1 resources"]).await;
        // Two that hold each other's name.
        let swap = format!(
            "UPDATE resource_keys SET is_unique = {no} WHERE attribute = 'userName'; UPDATE resource_keys SET value_key = \
             CASE value_key WHEN 'anna' THEN 'robertt' ELSE 'anna' END WHERE attribute = 'userName'; \
             UPDATE resource_keys SET is_unique = {yes} WHERE attribute = 'userName'",
            no = app.database().boolean(false), yes = app.database().boolean(true),
        );
        mends(app, &swap, &["2 resources"]).await;
        mends(app, "UPDATE resources SET name = 'somebody', name_key = 'somebody' WHERE name = 'anna'", &[&id(&anna)]).await;
        let inactive = format!("UPDATE resources SET active = {} WHERE name = 'anna'", app.database().boolean(false));
        mends(app, &inactive, &[&id(&anna)]).await;
        let gone = format!(
            "INSERT INTO resource_keys SELECT endpoint_id, resource_type, attribute, 'gone', 'gone', is_unique \
             FROM resource_keys WHERE {} AND attribute = 'userName'", of(&anna)
        );
        mends(app, &gone, &["1 index entries of resources"]).await;
    }

    async fn what_cannot_be_mended_is_named(app: &App) {
        let scim = app.generic();
        let (robert, anna) = (scim.user("robertt").await, scim.user("anna").await);
        scim.group("Both", &[&id(&robert), &id(&anna)]).await;
        let damage = [
            (format!("DELETE FROM resources WHERE id = '{}'", id(&robert)), "1 memberships of resources"),
            (format!("UPDATE resources SET body = '[]' WHERE id = '{}'", id(&anna)), "1 resources cannot be read"),
            ("DELETE FROM changes WHERE seq = 2".to_owned(), "index entries of changes"),
            ("UPDATE resources SET resource_type = 'Cake' WHERE name = 'Both'".to_owned(), "a type that the endpoint"),
            ("DELETE FROM endpoints WHERE slug = 'onelogin'".to_owned(), "tokens of an endpoint"),
        ];
        for (damage, words) in damage {
            execute(app.database(), &damage);
            let (faults, advice) = check(app).await;
            assert!(faults.iter().any(|fault| fault.contains(words)), "{damage}: {faults:?}");
            assert!(advice.contains("restore a backup"), "{advice}");
        }
        let (faults, _) = check(app).await;
        assert!(faults.iter().any(|fault| fault.contains("should run from 1 to 3 and has 2")), "{faults:?}");
        // What can be is mended all the same, and the rest is still named.
        let repaired = app.program(&["check", "--repair"]).await;
        assert_eq!(repaired.code, Some(1));
        assert!(repaired.stdout.contains("counted anew") && repaired.stdout.contains("cannot be read"), "{repaired:?}");
    }
}
