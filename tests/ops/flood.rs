//! Addresses that send wrong credentials without end are told to wait; nobody else notices.

use serde_json::json;

use crate::support::backend::{Backend, Database};
use crate::support::console::Console;
use crate::support::furniture::{Furniture, PASSWORD};
use crate::support::http::{Answer, Request, send};
use crate::support::program::{Server, run};
use crate::support::scim::{Scim, check_contract};

/// A server that judges one wrong credential a second from each address, and ten at once.
async fn open(backend: Backend) -> Option<(Database, Furniture, Server)> {
    if !backend.available() {
        return None;
    }
    let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
    let options = ["--database", &database.url, "--failed-rate", "1", "--trusted-proxies", "127.0.0.1"];
    let server = Server::start(database.folder.path(), &options).await;
    Some((database, furniture, server))
}

/// Asks with a wrong token until the address is told to wait; what that answer is.
async fn flood(scim: &Scim, address: &str) -> Answer {
    for _ in 0..200 {
        let request = scim.with_token("scim_000000000000_x").request("GET", "/Users");
        let answer = scim.send(&request.header("X-Forwarded-For", address)).await;
        if answer.status != 401 {
            return answer.expect(429);
        }
    }
    panic!("never told to wait");
}

async fn an_address_that_fails_waits_and_nobody_else(backend: Backend) {
    let Some((database, furniture, server)) = open(backend).await else { return };
    let scim = |endpoint: &crate::support::furniture::Endpoint| Scim {
        address: server.address,
        base: format!("/scim/{}/v2", endpoint.slug),
        token: endpoint.token.clone(),
    };
    let (generic, foreign) = (scim(&furniture.generic), scim(&furniture.foreign));
    let from = |scim: &Scim, address: &str| scim.request("GET", "/Users").header("X-Forwarded-For", address);
    generic.send(&from(&generic, "198.51.100.1")).await.expect(200);

    let told = flood(&generic, "198.51.100.1").await;
    let wait: u32 = told.header("retry-after").and_then(|text| text.parse().ok()).expect("whole seconds");
    assert!((1..=10).contains(&wait), "{wait}");
    // Whatever it asks for, also where there is nothing.
    let nowhere = Request::new("GET", "/scim/nowhere/v2/Users").header("X-Forwarded-For", "198.51.100.1");
    let answer = send(server.address, &nowhere).await;
    check_contract(&nowhere, &answer);
    assert_eq!(answer.status, 429);
    // A token that was good from there still is; one that never was there waits.
    generic.send(&from(&generic, "198.51.100.1")).await.expect(200);
    foreign.send(&from(&foreign, "198.51.100.1")).await.expect(429);
    foreign.send(&from(&foreign, "198.51.100.2")).await.expect(200);
    // Neither does it try API keys meanwhile.
    let key = Request::new("GET", "/api/v1/me").bearer("scimkey_x").header("X-Forwarded-For", "198.51.100.1");
    assert_eq!(send(server.address, &key).await.expect(429).json()["status"], 429);

    let mut console = Console::new(server.address);
    console.sign_in("olivia", PASSWORD).await;
    let (mut overview, mut tries) = (String::new(), 0);
    while !overview.contains("sends wrong tokens without end") {
        foreign.send(&from(&foreign, "198.51.100.1")).await.expect(429);
        overview = console.visit("/admin/endpoints/generic/connect").await.text();
        tries += 1;
        assert!(tries < 300, "{overview}");
    }
    assert!(overview.contains("198.51.100.1"), "{overview}");
    let metrics = send(server.address, &Request::new("GET", "/metrics")).await.expect(200).text();
    assert!(metrics.contains("scim_rate_limited_total{limit=\"address\"}"), "{metrics}");
    assert!(metrics.contains("scim_addresses_waiting 1"), "{metrics}");
    let (_, output) = server.stop("TERM").await;
    let said = output.lines().filter(|line| line.contains("is told to wait")).count();
    assert!((1..5).contains(&said), "once for each time: {output}");
    let list = ["token", "refusals", "generic", "--json", "--database", &database.url];
    let refusals = run(database.folder.path(), &list).json();
    let floods = refusals["refusals"].as_array().unwrap().iter().find(|one| one["cause"] == "flood");
    assert_eq!(floods.expect("the flood is listed")["last"]["address"], json!("198.51.100.1"));
}

#[tokio::test]
async fn an_address_that_fails_waits_and_nobody_else_sqlite() {
    an_address_that_fails_waits_and_nobody_else(Backend::Sqlite).await;
}

#[tokio::test]
async fn an_address_that_fails_waits_and_nobody_else_postgres() {
    an_address_that_fails_waits_and_nobody_else(Backend::Postgres).await;
}
