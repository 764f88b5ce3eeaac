//! What servers do in the background, a little at a time: they forget old changes and empty the bin.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::scim::{id, text};
use crate::support::sql::{execute, number};

const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a count is what it should be.
async fn until(app: &App, sql: &str, expected: i64) {
    let begun = Instant::now();
    loop {
        let found = number(app.database(), sql);
        if found == expected {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "still {found} instead of {expected}: {sql}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn changes_of(endpoint: &str) -> String {
    format!("SELECT count(*) FROM changes WHERE endpoint_id = '{endpoint}'")
}

async fn old_changes_are_forgotten(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let (generic, onelogin) = (app.furniture().generic.clone(), app.furniture().onelogin.clone());
    app.program(&["endpoint", "set", &generic.slug, "history=30"]).await.done();
    app.program(&["endpoint", "set", &onelogin.slug, "history=forever"]).await.done();
    app.scim(&onelogin).user("remembered").await;
    // More than goes in one portion, and one change that alone concerns more than that.
    app.program(&["seed", &generic.slug, "--users", "1300", "--groups", "1", "--members", "1300"])
        .await
        .done();
    let old = app.generic().user("old").await;
    let app = app.restarted(29 * DAY).await;
    assert_eq!(number(app.database(), &changes_of(&generic.id)), 1302);
    app.generic().user("young").await;
    let app = app.restarted(2 * DAY).await;
    until(&app, &changes_of(&generic.id), 1).await;
    assert_eq!(number(app.database(), &changes_of(&onelogin.id)), 1);
    let floor = format!("SELECT pruned_up_to FROM change_floors WHERE endpoint_id = '{}'", generic.id);
    assert_eq!(number(app.database(), &floor), 1302);
    let subjects = format!("SELECT count(*) FROM change_subjects WHERE endpoint_id = '{}'", generic.id);
    assert_eq!(number(app.database(), &subjects), 1);
    // The people stay, and the next change has the next number.
    app.program(&["check"]).await.done();
    app.generic()
        .patch(&format!("/Users/{}", id(&old)), json!([{"op": "replace", "path": "title", "value": "x"}]))
        .await
        .expect(200);
    let last = format!("SELECT max(seq) FROM changes WHERE endpoint_id = '{}'", generic.id);
    assert_eq!(number(app.database(), &last), 1304);
    app.program(&["check"]).await.done();
    // A log that lost more than it says is found out.
    execute(
        app.database(),
        &format!("DELETE FROM changes WHERE endpoint_id = '{}' AND seq = 1303", generic.id),
    );
    let output = app.program(&["check"]).await;
    assert!(output.stdout.contains("should run from 1303 to 1304"), "{output:?}");
    app.stop().await;
}

#[tokio::test]
async fn old_changes_are_forgotten_sqlite() {
    old_changes_are_forgotten(Backend::Sqlite).await;
}

#[tokio::test]
async fn old_changes_are_forgotten_postgres() {
    old_changes_are_forgotten(Backend::Postgres).await;
}

/// Either all of an endpoint comes out of the bin or nothing.
async fn the_bin_is_emptied(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let (generic, onelogin) = (app.furniture().generic.clone(), app.furniture().onelogin.clone());
    app.scim(&onelogin).user("stays").await;
    app.program(&["seed", &generic.slug, "--users", "1200", "--groups", "2", "--members", "1200"])
        .await
        .done();
    app.program(&["endpoint", "delete", &generic.slug]).await.done();
    let app = app.restarted(29 * DAY).await;
    app.program(&["endpoint", "undelete", &generic.slug]).await.done();
    app.program(&["endpoint", "delete", &generic.slug]).await.done();
    // The server's clock is ahead of the command line's: it is due by the former only.
    let app = app.restarted(2 * DAY).await;
    let of_endpoint =
        |table: &str, column: &str| format!("SELECT count(*) FROM {table} WHERE {column} = '{}'", generic.id);
    until(&app, "SELECT count(*) FROM endpoints WHERE purge_began_at IS NOT NULL", 1).await;
    let undeleted = app.program(&["endpoint", "undelete", &generic.slug]).await;
    // Where it is gone already, there is nothing of that name.
    let sentence = undeleted.refused();
    assert!(sentence.contains("being removed") || sentence.contains("there is no endpoint"), "{sentence}");
    until(&app, &of_endpoint("endpoints", "id"), 0).await;
    for table in
        ["resources", "resource_keys", "members", "changes", "change_subjects", "tokens", "change_floors"]
    {
        assert_eq!(number(app.database(), &of_endpoint(table, "endpoint_id")), 0, "{table}");
    }
    assert_eq!(app.scim(&onelogin).find("Users", "userName eq \"stays\"").await.len(), 1);
    app.program(&["check"]).await.done();
    app.stop().await;
}

#[tokio::test]
async fn the_bin_is_emptied_sqlite() {
    the_bin_is_emptied(Backend::Sqlite).await;
}

#[tokio::test]
async fn the_bin_is_emptied_postgres() {
    the_bin_is_emptied(Backend::Postgres).await;
}

/// The lease of a job that died ends, and another server takes it over.
async fn a_job_is_taken_over(backend: Backend) {
    let Some(app) = App::furnished(backend).await else { return };
    let generic = app.furniture().generic.clone();
    app.program(&["endpoint", "set", &generic.slug, "history=7"]).await.done();
    app.generic().user("old").await;
    let made = number(app.database(), "SELECT max(at) FROM changes");
    execute(app.database(), &format!("INSERT INTO leases VALUES ('history', 'somebody', {made})"));
    let app = app.restarted(8 * DAY).await;
    until(&app, &changes_of(&generic.id), 0).await;
    assert_eq!(number(app.database(), "SELECT count(*) FROM leases WHERE holder = 'somebody'"), 0);
    let shown: Value = app.program(&["endpoint", "show", &generic.slug, "--json"]).await.json();
    assert_eq!(text(&shown["settings"]["history"]), "7");
    app.stop().await;
}

#[tokio::test]
async fn a_job_is_taken_over_sqlite() {
    a_job_is_taken_over(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_job_is_taken_over_postgres() {
    a_job_is_taken_over(Backend::Postgres).await;
}
