//! One line in the log for every request, with what an operator looks for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::furniture::Furniture;
use crate::support::http::{Answer, Request, send};
use crate::support::program::Server;
use crate::support::scim::{Scim, user};

/// The lines of requests by their id; every line must be a JSON object.
fn request_lines(output: &str) -> BTreeMap<String, Value> {
    let mut lines = BTreeMap::new();
    // The greeting stands on stdout, which the tests' server writes into the same file.
    for line in output.lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        if line["target"] == "request" {
            let id = line["request_id"].as_str().expect("an id").to_owned();
            assert!(lines.insert(id, line.clone()).is_none(), "two lines of one request: {line}");
        }
    }
    lines
}

/// The id that an answer carries.
fn id(answer: &Answer) -> &str {
    answer.header("x-request-id").unwrap_or_else(|| panic!("no id: {answer:#}"))
}

async fn open() -> (crate::support::backend::Database, Furniture, Server) {
    let (database, furniture) = tokio::task::spawn_blocking(|| Backend::Sqlite.furnished()).await.unwrap();
    let server =
        Server::start(database.folder.path(), &["--database", &database.url, "--log-format", "json"]).await;
    (database, furniture, server)
}

#[tokio::test]
async fn every_request_has_one_line_with_its_facts() {
    let (_database, furniture, server) = open().await;
    let generic = &furniture.generic;
    let scim =
        Scim { address: server.address, base: "/scim/generic/v2".to_owned(), token: generic.token.clone() };
    let made = scim.post("/Users", &user("logged")).await.expect(201);
    let path = format!("/Users/{}", made.json()["id"].as_str().unwrap());
    let token = generic.token_id.as_str();
    let expected = [
        (made.clone(), "POST", "/scim/generic/v2/Users".to_owned(), token),
        (
            scim.get(&format!("{path}?attributes=userName")).await,
            "GET",
            format!("/scim/generic/v2{path}"),
            token,
        ),
        (scim.get("/Users/nobody").await, "GET", "/scim/generic/v2/Users/nobody".to_owned(), token),
        (scim.post("/Users", &user("logged")).await, "POST", "/scim/generic/v2/Users".to_owned(), token),
        (scim.delete(&path).await, "DELETE", format!("/scim/generic/v2{path}"), token),
    ];
    let (_, output) = server.stop("TERM").await;
    let lines = request_lines(&output);
    for (answer, method, path, token) in expected {
        let line = lines.get(id(&answer)).unwrap_or_else(|| panic!("no line of {answer:#}\n{output}"));
        assert_eq!(line["level"], "INFO", "{line}");
        assert_eq!((&line["method"], &line["path"]), (&json!(method), &json!(path)), "{line}");
        assert_eq!((&line["endpoint"], &line["token"]), (&json!("generic"), &json!(token)), "{line}");
        assert_eq!(line["status"], json!(answer.status), "{line}");
        let ms = line["ms"].as_str().map(str::parse::<f64>);
        assert!(line["ms"].is_number() || matches!(ms, Some(Ok(_))), "{line}");
    }
    // Ids are given by the server, one each.
    assert_eq!(lines.len(), 5, "{output}");
}

#[tokio::test]
async fn who_was_turned_away_is_told_with_the_cause() {
    let (_database, furniture, server) = open().await;
    let ask = |authorization: Option<String>| {
        let request = Request::new("GET", "/scim/onelogin/v2/Users");
        match authorization {
            Some(value) => request.header("Authorization", &value),
            None => request,
        }
    };
    let mut causes = Vec::new();
    for authorization in [
        None,
        Some(furniture.onelogin.token.clone()),
        Some(format!("Bearer {}", furniture.foreign.token)),
        Some(format!("Bearer {}", furniture.revoked)),
        Some("Bearer nonsense".to_owned()),
    ] {
        causes.push(send(server.address, &ask(authorization)).await.expect(401));
    }
    let (_, output) = server.stop("TERM").await;
    let lines = request_lines(&output);
    let mut seen: Vec<_> = causes
        .iter()
        .map(|answer| {
            lines[id(answer)]["cause"].as_str().unwrap_or_else(|| panic!("{:?}", lines[id(answer)]))
        })
        .collect();
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), count, "one cause each, though the answers are the same: {seen:?}");
    assert_eq!(lines[id(&causes[3])]["token"], json!(&furniture.revoked[5..17]), "the dead token is named");
}

#[tokio::test]
async fn pages_and_health_have_their_lines_too() {
    let (_database, _, server) = open().await;
    let mut asked = Vec::new();
    for path in ["/healthz", "/admin/sign-in", "/nowhere", "/admin/nowhere", "/setup/0123456789abcdef"] {
        asked.push((path, send(server.address, &Request::new("GET", path)).await));
    }
    let (_, output) = server.stop("TERM").await;
    let lines = request_lines(&output);
    for (path, answer) in asked {
        let line = &lines[id(&answer)];
        let logged = if path.starts_with("/setup/") { "/setup/…" } else { path };
        assert_eq!((&line["path"], &line["status"]), (&json!(logged), &json!(answer.status)), "{line}");
    }
}

/// What somebody sends must not look like another line, nor change what stands before it.
#[tokio::test]
async fn a_request_cannot_write_lines_of_its_own() {
    let (_database, furniture, server) = open().await;
    let text = Server::start(_database.folder.path(), &["--database", &_database.url]).await;
    for server in [&server, &text] {
        for path in ["/scim/x%0A2026-01-01T00:00:00Z%20INFO%20request:%20forged/v2/Users", "/%1B%5B2Jforged"]
        {
            let request = Request::new("GET", path).bearer(&furniture.generic.token);
            let request = request.header("User-Agent", "forged").header("X-Request-Id", "forged");
            let answer = send(server.address, &request).await;
            assert_ne!(id(&answer), "forged", "ids are the server's own");
        }
    }
    let (_, json) = server.stop("TERM").await;
    assert_eq!(request_lines(&json).len(), 2, "{json}");
    let (_, text) = text.stop("TERM").await;
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert_eq!(text.lines().filter(|line| line.contains("forged")).count(), 2, "{text}");
}
