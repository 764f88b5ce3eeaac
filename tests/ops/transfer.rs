//! `backup`, `restore` and `copy`: everything goes over, nothing is overwritten, and servers go on meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::backend::{Backend, Database, required};
use crate::support::both;
use crate::support::program::{Output, Server, run};
use crate::support::scim::{Scim, text, user};

fn on(database: &Database, arguments: &[&str]) -> Output {
    run(database.folder.path(), &[arguments, &["--database", &database.url]].concat())
}

/// Every backend that is there.
fn backends() -> impl Iterator<Item = Backend> {
    [Backend::Sqlite, Backend::Postgres].into_iter().filter(|backend| backend.available())
}

/// What the API says about everything in an endpoint.
async fn everything(scim: &Scim) -> (Value, Value) {
    let users = scim.get("/Users?count=1000").await.expect(200).json();
    (users, scim.get("/Groups?count=1000").await.expect(200).json())
}

async fn fill(scim: &Scim) {
    let mut ids = Vec::new();
    for name in ["anna", "Bjørn", "O'Brien \\ \u{1F600}\t"] {
        ids.push(text(&scim.user(name).await["id"]));
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    scim.group("All of them", &ids).await;
    scim.delete(&format!("/Users/{}", ids[0])).await.expect(204);
}

/// A server on another database answers the same, to the same token, and goes on from there.
async fn takes_over(database: &Database, scim: &Scim, before: &(Value, Value)) {
    on(database, &["check"]).done();
    let server = Server::start(database.folder.path(), &["--database", &database.url]).await;
    let scim = Scim { address: server.address, ..scim.clone() };
    let (users, groups) = everything(&scim).await;
    // The address is another one, and with it the locations.
    let plain = |value: &Value| value.to_string().replace(&format!(":{}/", server.address.port()), ":/");
    assert_eq!(strip(&plain(&users)), strip(&before.0.to_string()));
    assert_eq!(strip(&plain(&groups)), strip(&before.1.to_string()));
    scim.post("/Users", &user("anna")).await.expect(201);
    scim.post("/Users", &user("BJØRN")).await.expect(409);
    server.stop("TERM").await;
    on(database, &["check"]).done();
}

/// Without ports.
fn strip(text: &str) -> String {
    regex_lite::Regex::new(r"127\.0\.0\.1:\d*/").unwrap().replace_all(text, "/").into_owned()
}

both! {
    async fn a_backup_of_a_running_server_is_restored_on_either_database(app: &App) {
        let scim = app.generic();
        fill(&scim).await;
        let before = everything(&scim).await;
        let file = app.database().folder.path().join("backup.scim");
        let file = file.to_str().unwrap();
        let made = app.program(&["backup", file, "--json"]).await.json();
        assert_eq!((&made["rows"]["endpoints"], &made["rows"]["members"]), (&json!(3), &json!(2)), "{made}");
        only_for_its_owner(Path::new(file));
        let again = app.program(&["backup", file]).await;
        assert!(again.refused().contains("never overwrites"), "{again:?}");
        scim.user("later").await;
        for backend in backends() {
            let target = backend.empty();
            let restored = on(&target, &["restore", file, "--json"]).json();
            assert_eq!(restored["rows"], made["rows"]);
            let again = on(&target, &["restore", file]);
            assert!(again.refused().contains("nothing is overwritten"), "{again:?}");
            takes_over(&target, &scim, &before).await;
        }
    }

    async fn a_copy_has_everything_and_no_more_than_that(app: &App) {
        let scim = app.generic();
        fill(&scim).await;
        let before = everything(&scim).await;
        for backend in backends() {
            let target = backend.empty();
            let copied = app.program(&["copy", "--to", &target.url, "--json"]).await.json();
            assert_eq!(copied["rows"]["resources"], json!(3));
            assert!(!copied.to_string().contains("postgres@"), "{copied}");
            takes_over(&target, &scim, &before).await;
            let again = app.program(&["copy", "--to", &target.url]).await;
            assert_eq!(again.code, Some(1), "{again:?}");
            assert!(again.stderr.contains("nothing is overwritten"), "{again:?}");
        }
        let onto_itself = app.program(&["copy", "--to", &app.database().url]).await;
        assert!(onto_itself.stderr.contains("onto itself"), "{onto_itself:?}");
    }
}

#[cfg(unix)]
fn only_for_its_owner(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[cfg(not(unix))]
fn only_for_its_owner(_: &Path) {}

/// Every write that was answered before the backup began is in it, and what is in it is whole.
async fn loses_nothing(backend: Backend) {
    if !backend.available() {
        return;
    }
    let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
    let server =
        Server::start(database.folder.path(), &["--database", &database.url, "--rate", "unlimited"]).await;
    let scim = Scim {
        address: server.address,
        base: format!("/scim/{}/v2", furniture.generic.slug),
        token: furniture.generic.token.clone(),
    };
    let done = Arc::new(AtomicBool::new(false));
    let (said, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (scim, done, said) = (scim.clone(), done.clone(), said.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    if done.load(Ordering::SeqCst) {
                        return;
                    }
                    let name = format!("writer-{writer}-{number}");
                    scim.post("/Users", &user(&name)).await.expect(201);
                    said.send(name).unwrap();
                }
            })
        })
        .collect();
    for round in 0..3 {
        let mut known = Vec::new();
        while known.len() < 20 {
            known.push(hears.recv().await.unwrap());
        }
        while let Ok(name) = hears.try_recv() {
            known.push(name);
        }
        let folder = database.folder.path().to_owned();
        let (url, file) = (database.url.clone(), format!("backup-{round}.scim"));
        tokio::task::spawn_blocking(move || {
            run(&folder, &["backup", &file, "--database", &url]).done();
            let restored = format!("sqlite:restored-{round}.db");
            run(&folder, &["restore", &file, "--database", &restored]).done();
            run(&folder, &["check", "--database", &restored]).done();
            let path = folder.join(format!("restored-{round}.db"));
            let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
            let names = names(&mut connection);
            for name in known {
                assert!(names.contains(&name), "{name} was answered before the backup, and is not in it");
            }
        })
        .await
        .unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    server.stop("TERM").await;
}

fn names(connection: &mut SqliteConnection) -> std::collections::HashSet<String> {
    use diesel::{QueryableByName, RunQueryDsl as _};
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let rows = diesel::sql_query("SELECT name FROM resources").load::<Name>(connection).unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_during_writes_loses_nothing_sqlite() {
    loses_nothing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_during_writes_loses_nothing_postgres() {
    loses_nothing(Backend::Postgres).await;
}

/// What is there is replaced only by `--force`, never under a server, and is kept.
#[tokio::test]
async fn a_restore_never_overwrites() {
    let app = App::furnished(Backend::Sqlite).await.unwrap();
    let file = app.database().folder.path().join("backup.scim").display().to_string();
    app.generic().user("in-the-backup").await;
    app.program(&["backup", &file]).await.done();
    app.generic().user("later").await;
    for force in [&[][..], &["--force"]] {
        let refused = app.program(&[&["restore", file.as_str()][..], force].concat()).await;
        assert!(refused.refused().contains("in use"), "{refused:?}");
    }
    let scim = app.generic();
    assert_eq!(scim.find("Users", "userName eq \"later\"").await.len(), 1);
    let database = app.stop().await;

    let refused = on(&database, &["restore", &file]);
    assert!(refused.refused().contains("--force"), "{refused:?}");
    let forced = on(&database, &["restore", &file, "--force", "--json"]).json();
    let kept = text(&forced["moved_to"]);
    let mut former = SqliteConnection::establish(&kept).unwrap();
    assert!(names(&mut former).contains("later"), "the former database is kept whole");
    let mut restored = SqliteConnection::establish(database.sqlite_file().to_str().unwrap()).unwrap();
    let names = names(&mut restored);
    assert!(names.contains("in-the-backup") && !names.contains("later"), "{names:?}");
}

fn write_into(file: &Path, sql: &str) {
    SqliteConnection::establish(file.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
}

/// What is no backup is refused before anything is touched.
#[test]
fn a_bad_file_changes_nothing() {
    let (database, _) = Backend::Sqlite.furnished();
    let folder = database.folder.path();
    on(&database, &["backup", "good.scim"]).done();
    let good = std::fs::read(folder.join("good.scim")).unwrap();
    let mut torn = good.clone();
    for byte in &mut torn[8192..20000] {
        *byte ^= 0x55;
    }
    std::fs::write(folder.join("torn.scim"), torn).unwrap();
    std::fs::write(folder.join("cut.scim"), &good[..good.len() / 2]).unwrap();
    std::fs::write(
        folder.join("text.scim"),
        "once upon a time, in a file of more than a few bytes\n".repeat(100),
    )
    .unwrap();
    write_into(&folder.join("other.scim"), "CREATE TABLE cakes (id INTEGER)");
    std::fs::write(folder.join("newer.scim"), &good).unwrap();
    let newer = "INSERT INTO __diesel_schema_migrations VALUES ('9999', '2030-01-01')";
    write_into(&folder.join("newer.scim"), newer);
    let before = std::fs::read(database.sqlite_file()).unwrap();
    for (name, word) in [
        ("torn", "torn.scim"),
        ("cut", "cut.scim"),
        ("text", "text.scim"),
        ("other", "no backup"),
        ("newer", "newer"),
        ("missing", "no file"),
    ] {
        let file = format!("{name}.scim");
        let refused = on(&database, &["restore", &file, "--force"]);
        assert!(refused.refused().contains(word), "{name}: {refused:?}");
        let elsewhere = run(folder, &["restore", &file, "--database", "sqlite:new/scim.db"]);
        assert!(elsewhere.refused().contains(word), "{name}: {elsewhere:?}");
        assert!(!folder.join("new/scim.db").exists(), "{name} leaves no database behind");
    }
    assert!(std::fs::read(database.sqlite_file()).unwrap() == before, "the database is as it was");
    let left: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".scim-")), "{left:?}");
}

/// What failed at the source or at the target leaves nothing half done at the target.
#[test]
fn nothing_is_half_copied() {
    let (database, _) = Backend::Sqlite.furnished();
    if !Backend::Postgres.available() {
        assert!(!required("REQUIRE_POSTGRES"));
        return;
    }
    let target = Backend::Postgres.empty();
    // A row that PostgreSQL refuses, in one of the last tables.
    let orphan = "PRAGMA foreign_keys = OFF; INSERT INTO change_floors VALUES ('nobody', 1)";
    write_into(&database.sqlite_file(), orphan);
    let failed = on(&database, &["copy", "--to", &target.url]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let list = on(&target, &["endpoint", "list", "--json"]).json();
    assert_eq!(list["endpoints"], json!([]), "{failed:?}");
    assert_eq!(on(&target, &["operator", "list", "--json"]).json()["operators"], json!([]));
}
