//! The end: a signal finishes what is under way, writes what was counted, and the next start sees everything.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::backend::Backend;
use crate::support::furniture::Furniture;
use crate::support::program::{Server, run};
use crate::support::scim::{Scim, text, user};

/// What the server logs when it has understood a signal.
const STOPPING: &str = "stopping";

/// A connection on which the head of a request and a part of its body have been sent.
async fn begin(scim: &Scim, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(scim.address).await.unwrap();
    let head = format!(
        "POST {}/Users HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        scim.base,
        scim.address,
        scim.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: it is at work on this request, not merely connected.
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 100 Continue"), "{}", String::from_utf8_lossy(&answer));
    stream.write_all(&body[..body.len() / 2]).await.unwrap();
    stream
}

async fn finish(mut stream: TcpStream, body: &[u8]) -> String {
    stream.write_all(&body[body.len() / 2..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn scim(address: SocketAddr, furniture: &Furniture) -> Scim {
    let generic = &furniture.generic;
    Scim { address, base: format!("/scim/{}/v2", generic.slug), token: generic.token.clone() }
}

async fn drains(backend: Backend, signal: &str) {
    if !backend.available() {
        return;
    }
    let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
    let folder = database.folder.path();
    let server = Server::start(folder, &["--database", &database.url]).await;
    let (address, client) = (server.address, scim(server.address, &furniture));
    let kept = client.user("kept").await;
    client.group("Kept", &[kept["id"].as_str().unwrap()]).await;
    // Somebody who holds a connection open and says nothing keeps nobody waiting.
    let idle = TcpStream::connect(address).await.unwrap();

    let body = serde_json::to_vec(&user("under-way")).unwrap();
    let under_way = begin(&client, &body).await;
    let output = folder.join(format!("output-{}", address.port()));
    let rest = async {
        while !std::fs::read_to_string(&output).unwrap_or_default().contains(STOPPING) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        finish(under_way, &body).await
    };
    let (answer, (status, output)) = tokio::join!(rest, server.stop(signal));
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}\n{output}");
    assert_eq!(status.code(), Some(0), "{output}");
    assert!(!output.contains("panicked"), "{output}");
    drop(idle);
    if backend == Backend::Sqlite {
        for ending in ["-wal", "-shm"] {
            let file = format!("{}{ending}", database.sqlite_file().display());
            assert!(!std::path::Path::new(&file).exists(), "{file} is left");
        }
    }

    // Three requests with the token, all of them written down.
    let list =
        run(folder, &["token", "list", &furniture.generic.slug, "--json", "--database", &database.url]);
    let token = token(&list.json(), &furniture.generic.token_id);
    assert_eq!((&token["requests"], &token["state"]), (&json!(3), &json!("active")), "{token}");
    run(folder, &["check", "--database", &database.url]).done();

    let server = Server::start(folder, &["--database", &database.url]).await;
    let client = scim(server.address, &furniture);
    for name in ["kept", "under-way"] {
        assert_eq!(client.find("Users", &format!("userName eq \"{name}\"")).await.len(), 1, "{name}");
    }
    let groups = client.find("Groups", "displayName eq \"Kept\"").await;
    assert_eq!(text(&groups[0]["members"][0]["value"]), text(&kept["id"]));
    assert!(!server.output().contains("/setup/"), "there is an owner: no set-up link");
    let (status, _) = server.stop(signal).await;
    assert_eq!(status.code(), Some(0));
}

fn token(list: &Value, id: &str) -> Value {
    let found = list["tokens"].as_array().unwrap().iter().find(|token| token["id"] == json!(id));
    found.unwrap_or_else(|| panic!("no {id} in {list}")).clone()
}

#[tokio::test]
async fn sigterm_drains_sqlite() {
    drains(Backend::Sqlite, "TERM").await;
}

#[tokio::test]
async fn sigint_drains_sqlite() {
    drains(Backend::Sqlite, "INT").await;
}

#[tokio::test]
async fn sigterm_drains_postgres() {
    drains(Backend::Postgres, "TERM").await;
}

#[tokio::test]
async fn sigint_drains_postgres() {
    drains(Backend::Postgres, "INT").await;
}

/// The link of a start that nobody used is dead after the next one: it stands in a log somewhere.
#[tokio::test]
async fn every_start_has_a_set_up_link_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut codes = Vec::new();
    for _ in 0..2 {
        let mut server = Server::start(folder.path(), &[]).await;
        server.wait_until("a set-up link", |output| output.contains("/setup/")).await;
        let output = server.output();
        let (_, code) = output.split_once("/setup/").unwrap();
        codes.push(code.split_whitespace().next().unwrap().to_owned());
        for (index, code) in codes.iter().enumerate() {
            let page = crate::support::http::Request::new("GET", &format!("/setup/{code}"));
            let page = crate::support::http::send(server.address, &page).await;
            assert_eq!(page.status, if index + 1 == codes.len() { 200 } else { 404 }, "{page:#}");
        }
        server.stop("TERM").await;
    }
    assert_ne!(codes[0], codes[1]);
}
