//! `scim-server migrate` and `scim-server check`.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;

use crate::support::backend::{Backend, Database};
use crate::support::both;
use crate::support::program::{Output, run};

fn on(database: &Database, arguments: &[&str]) -> Output {
    run(database.folder.path(), &[arguments, &["--database", &database.url]].concat())
}

fn migrates_once_and_says_so(backend: Backend) {
    if !backend.available() {
        return;
    }
    let database = backend.empty();
    let first = on(&database, &["migrate", "--json"]).json();
    let applied = first["applied"].as_array().expect("a list").len();
    assert!(applied > 0, "{first}");
    assert_eq!(on(&database, &["migrate", "--json"]).json(), json!({"applied": []}));
    let said = on(&database, &["migrate"]).done().stdout;
    assert!(said.contains("already") && !said.contains("postgres@"), "{said}");
    assert_eq!(on(&database, &["check", "--json"]).json(), json!({"sound": true, "faults": []}));
}

#[test]
fn migrates_once_and_says_so_sqlite() {
    migrates_once_and_says_so(Backend::Sqlite);
}

#[test]
fn migrates_once_and_says_so_postgres() {
    migrates_once_and_says_so(Backend::Postgres);
}

both! {
    async fn a_database_in_use_is_sound(app: &App) {
        let scim = app.generic();
        let user = scim.user("checked").await;
        scim.group("Checked", &[user["id"].as_str().unwrap()]).await;
        scim.delete(&format!("/Users/{}", user["id"].as_str().unwrap())).await.expect(204);
        let said = app.program(&["check"]).await.done();
        assert!(said.stdout.contains("is sound") && said.stderr.is_empty(), "{said:?}");
        assert_eq!(app.program(&["migrate", "--json"]).await.json(), json!({"applied": []}));
        scim.get("/Users").await.expect(200);
    }
}

/// What `check` finds is its outcome: the list on stdout, the verdict on stderr and in the exit code.
#[test]
fn faults_are_listed_and_end_with_1() {
    let (database, _) = Backend::Sqlite.furnished();
    let mut connection = SqliteConnection::establish(database.sqlite_file().to_str().unwrap()).unwrap();
    let lie = "INSERT INTO resource_counts SELECT id, 'User', 3, 0 FROM endpoints WHERE slug = 'generic' \
               ON CONFLICT DO UPDATE SET visible = 3";
    connection.batch_execute(lie).unwrap();
    drop(connection);
    let output = on(&database, &["check", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["sound"], json!(false));
    assert!(document["faults"][0].as_str().is_some_and(|fault| fault.contains("3 visible")), "{document}");
    assert!(output.stderr.contains("fault") && output.stderr.trim_end().lines().count() == 1, "{output:?}");
}

/// `check` looks only; a typing error in a path must not leave a new database behind.
#[test]
fn what_is_not_there_is_not_made_by_check() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["check", "--database", "sqlite:nowhere/scim.db"]);
    assert!(output.refused().contains("nowhere/scim.db"), "{output:?}");
    assert!(!folder.path().join("nowhere").exists());
}

/// Somebody else is writing at this moment; that is no failure of the command.
#[test]
fn commands_wait_for_a_writer_and_see_what_it_wrote() {
    let (database, furniture) = Backend::Sqlite.furnished();
    let mut connection = SqliteConnection::establish(database.sqlite_file().to_str().unwrap()).unwrap();
    connection.batch_execute("BEGIN IMMEDIATE; UPDATE endpoints SET tenant = 'Moved'").unwrap();
    let (folder, url, slug) =
        (database.folder.path().to_owned(), database.url.clone(), furniture.generic.slug);
    let waiting =
        std::thread::spawn(move || run(&folder, &["endpoint", "pause", &slug, "--json", "--database", &url]));
    connection.batch_execute("COMMIT").unwrap();
    let paused = waiting.join().unwrap().json();
    assert_eq!((&paused["status"], &paused["tenant"]), (&json!("paused"), &json!("Moved")));
}
