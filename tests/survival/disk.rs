//! The file of SQLite in trouble: no room, held by another program, its log torn, the clock back.

use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use super::check::sound;
use crate::support::backend::{Backend, Database};
use crate::support::furniture::Furniture;
use crate::support::http::send;
use crate::support::program::Server;
use crate::support::scim::{Scim, check_contract, id, text, user};

async fn furnished() -> (Database, Furniture) {
    tokio::task::spawn_blocking(|| Backend::Sqlite.furnished()).await.unwrap()
}

async fn serve(database: &Database) -> Server {
    Server::start(database.folder.path(), &["--database", &database.url, "--rate", "unlimited"]).await
}

fn scim(server: &Server, furniture: &Furniture) -> Scim {
    let base = format!("/scim/{}/v2", furniture.generic.slug);
    Scim { address: server.address, base, token: furniture.generic.token.clone() }
}

/// A file that may not grow is what a full disk looks like to SQLite, without needing one: the limit is the process's own.
fn limit_files(server: &Server, bytes: Option<u64>) {
    let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let set = Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &format!("--fsize={limit}:")])
        .status();
    assert!(set.unwrap().success(), "prlimit sets the limit");
}

fn has_prlimit() -> bool {
    let there = Command::new("prlimit").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: prlimit is not installed");
    }
    there
}

#[tokio::test]
async fn a_full_disk_is_told_reads_go_on_and_writes_resume_when_there_is_room() {
    if !has_prlimit() {
        return;
    }
    let (database, furniture) = furnished().await;
    let arguments = ["--database", &database.url, "--rate", "unlimited"];
    let server = Server::start_with_limits(database.folder.path(), &arguments).await;
    let scim = scim(&server, &furniture);
    let kept = id(&scim.user("kept").await);
    let wal = format!("{}-wal", database.sqlite_file().display());
    limit_files(&server, Some(std::fs::metadata(&wal).unwrap().len()));
    let mut put_off = 0;
    for number in 0..5 {
        let request = scim.request("POST", "/Users").json(&user(&format!("full{number}")));
        let answer = send(scim.address, &request).await;
        check_contract(&request, &answer);
        assert_eq!(answer.status, 503, "{answer:#}");
        put_off += 1;
        scim.get(&format!("/Users/{kept}")).await.expect(200);
    }
    assert_eq!(scim.count("Users").await, 1, "{put_off} writes were put off and left nothing");
    limit_files(&server, None);
    for number in 0..5 {
        scim.user(&format!("full{number}")).await;
    }
    assert_eq!(scim.count("Users").await, 6);
    server.kill();
    sound(&database.url);
}

#[tokio::test]
async fn a_file_that_another_program_holds_is_told_and_freed() {
    let (database, furniture) = furnished().await;
    let server = serve(&database).await;
    let scim = scim(&server, &furniture);
    let mut other = SqliteConnection::establish(database.sqlite_file().to_str().unwrap()).unwrap();
    other.batch_execute("PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE").unwrap();
    let request = scim.request("POST", "/Users").json(&user("held"));
    let answer = send(scim.address, &request).await;
    check_contract(&request, &answer);
    assert_eq!(answer.status, 503, "{answer:#}");
    assert_eq!(scim.count("Users").await, 0, "reads go on");
    other.batch_execute("ROLLBACK").unwrap();
    scim.user("held").await;
    server.kill();
    sound(&database.url);
}

/// What was written last may be torn by a machine that fails: a start cuts it off and goes on with what is whole.
#[tokio::test]
async fn a_torn_log_costs_what_was_torn_and_no_more() {
    for tear in [tear_off, garble as fn(&Path)] {
        let (database, furniture) = furnished().await;
        let server = serve(&database).await;
        let client = scim(&server, &furniture);
        for number in 0..20 {
            client.user(&format!("user{number}")).await;
        }
        server.kill();
        let wal = format!("{}-wal", database.sqlite_file().display());
        tear(Path::new(&wal));
        let server = serve(&database).await;
        let client = scim(&server, &furniture);
        let left = client.count("Users").await;
        assert!((1..=20).contains(&left), "{left}");
        client.user("afterwards").await;
        server.kill();
        sound(&database.url);
    }
}

fn tear_off(wal: &Path) {
    let file = std::fs::OpenOptions::new().write(true).open(wal).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - 2000).unwrap();
}

fn garble(wal: &Path) {
    let mut bytes = std::fs::read(wal).unwrap();
    let begin = bytes.len() - 6000;
    bytes[begin..begin + 3000].fill(0x5a);
    std::fs::write(wal, bytes).unwrap();
}

/// The clock of the machine jumps back: numbers and versions go on, ids stay apart.
#[tokio::test]
async fn a_clock_that_jumps_back_disturbs_no_order() {
    let Some(app) = crate::support::app::App::furnished(Backend::Sqlite).await else { return };
    let scim = app.generic();
    let first = scim.user("first").await;
    app.retreat(std::time::Duration::from_secs(3600));
    let second = scim.user("second").await;
    assert_ne!(first["id"], second["id"]);
    let path = format!("/Users/{}", text(&first["id"]));
    let operations = serde_json::json!([{"op": "replace", "path": "nickName", "value": "later"}]);
    let changed = scim.patch(&path, operations).await.expect(200).json();
    assert_eq!(changed["meta"]["version"], "W/\"2\"");
    assert_eq!(scim.count("Users").await, 2);
    let database = app.stop().await;
    sound(&database.url);
}
