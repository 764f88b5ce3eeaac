//! Several programs on one database behave as one.

use std::time::{Duration, Instant};

use crate::support::backend::{Backend, Database};
use crate::support::console::Console;
use crate::support::furniture::{Furniture, PASSWORD};
use crate::support::http::{Request, send};
use crate::support::program::{Server, run};
use crate::support::scim::{Scim, text};

/// What is promised, and what one hanging machine may add before a test calls it broken.
const PROMISED: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// Two servers on one database.
pub(super) struct Pair {
    database: Database,
    furniture: Furniture,
    servers: [Server; 2],
}

impl Pair {
    pub(super) async fn start(backend: Backend) -> Option<Self> {
        if !backend.available() {
            return None;
        }
        let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
        let arguments = ["--database", &database.url, "--rate", "unlimited"];
        let start = || Server::start(database.folder.path(), &arguments);
        let servers = [start().await, start().await];
        Some(Self { database, furniture, servers })
    }

    /// A client of the endpoint `generic` on one of them.
    pub(super) fn scim(&self, server: usize) -> Scim {
        let generic = &self.furniture.generic;
        let base = format!("/scim/{}/v2", generic.slug);
        Scim { address: self.servers[server].address, base, token: generic.token.clone() }
    }

    fn command(&self, arguments: &[&str]) -> crate::support::program::Output {
        let all = [arguments, &["--database", &self.database.url]].concat();
        run(self.database.folder.path(), &all)
    }

    /// How long it takes until both answer with this status.
    async fn until(&self, token: &str, path: &str, status: u16) -> Duration {
        let begun = Instant::now();
        for server in 0..self.servers.len() {
            let request = self.scim(server).with_token(token).request("GET", path);
            loop {
                let answer = send(self.servers[server].address, &request).await;
                if answer.status == status {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "still {answer:#} instead of {status}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        begun.elapsed()
    }
}

async fn commands_reach_both(backend: Backend) {
    let Some(pair) = Pair::start(backend).await else { return };
    let slug = pair.furniture.generic.slug.clone();
    let first = pair.furniture.generic.token.clone();
    let mut delays = Vec::new();
    for _ in 0..3 {
        let issued = pair.command(&["token", "issue", &slug, "--json"]).json();
        let secret = text(&issued["secret"]);
        delays.push(pair.until(&secret, "/Users?count=0", 200).await);
        pair.command(&["token", "revoke", &text(&issued["id"]), "--yes"]).done();
        delays.push(pair.until(&secret, "/Users?count=0", 401).await);
        pair.command(&["endpoint", "pause", &slug]).done();
        delays.push(pair.until(&first, "/Users?count=0", 503).await);
        pair.command(&["endpoint", "resume", &slug]).done();
        delays.push(pair.until(&first, "/Users?count=0", 200).await);
    }
    delays.sort();
    println!("{backend:?}: a command is followed after {delays:?}");
    // One slow moment of the machine is no fault; being slow as a rule is.
    assert!(delays[delays.len() / 2] < PROMISED, "{delays:?}");
}

/// What is done in the console of the first server holds at once there and soon on the second.
async fn the_console_of_one_reaches_the_other(backend: Backend) {
    let Some(pair) = Pair::start(backend).await else { return };
    let generic = &pair.furniture.generic;
    let mut console = Console::new(pair.servers[0].address);
    console.sign_in(&pair.furniture.owner, PASSWORD).await;
    let page =
        console.visit(&format!("/admin/endpoints/{}/tokens/{}/revoke", generic.slug, generic.token_id)).await;
    let form = page.form_with(&format!("{}/revoke", generic.token_id));
    console.submit(&page, &form).await.answer.expect(200);
    let request: Request = pair.scim(0).request("GET", "/Users?count=0");
    send(pair.servers[0].address, &request).await.expect(401);
    let delay = pair.until(&generic.token, "/Users?count=0", 401).await;
    println!("{backend:?}: the console is followed after {delay:?}");
}

/// A definition made for an endpoint on one server is served, and its attributes are taken, on the other.
async fn what_one_writes_the_other_reads_at_once(backend: Backend) {
    let Some(pair) = Pair::start(backend).await else { return };
    for number in 0..10 {
        let (writer, reader) = (pair.scim(number % 2), pair.scim((number + 1) % 2));
        let user = writer.user(&format!("user{number}")).await;
        let path = format!("/Users/{}", text(&user["id"]));
        reader.get(&path).await.expect(200);
        reader.delete(&path).await.expect(204);
        writer.get(&path).await.expect(404);
    }
}

/// The connection on which changes are told is broken; the next change is followed all the same.
#[tokio::test]
async fn a_broken_watch_connects_again() {
    let Some(pair) = Pair::start(Backend::Postgres).await else { return };
    let slug = pair.furniture.generic.slug.clone();
    let first = pair.furniture.generic.token.clone();
    let server = crate::support::postgres::server().unwrap();
    let name = pair.database.url.rsplit('/').next().unwrap().split('?').next().unwrap();
    server.break_connections(name);
    pair.command(&["endpoint", "pause", &slug]).done();
    pair.until(&first, "/Users?count=0", 503).await;
    server.break_connections(name);
    pair.command(&["endpoint", "resume", &slug]).done();
    pair.until(&first, "/Users?count=0", 200).await;
    // And no request has to pay for it: each of both pools had connections that are gone now.
    for server in 0..2 {
        pair.scim(server).user(&format!("after{server}")).await;
    }
}

macro_rules! on_both {
    ($($name:ident)+) => {$(
        mod $name {
            use super::*;
            #[tokio::test]
            async fn sqlite() { super::$name(Backend::Sqlite).await; }
            #[tokio::test]
            async fn postgres() { super::$name(Backend::Postgres).await; }
        }
    )+};
}
on_both! { commands_reach_both the_console_of_one_reaches_the_other what_one_writes_the_other_reads_at_once }
