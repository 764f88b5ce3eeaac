//! Readers that know nothing but the feed arrive at the directory, while many write, whichever server they ask.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::load::{Load, random};
use super::rounds;
use crate::api::Api;
use crate::support::backend::Backend;
use crate::support::furniture::{Endpoint, Furniture};
use crate::support::program::Server;
use crate::support::replica::Replica;

const CLIENTS: usize = 8;
const READERS: usize = 3;

fn endpoints(furniture: &Furniture) -> Vec<Endpoint> {
    vec![furniture.generic.clone(), furniture.onelogin.clone()]
}

/// Reads, in pages of every size, from one server or another, until told that nothing more comes; then to the end.
async fn reader(mut replica: Replica, apis: Vec<Api>, written: Arc<AtomicBool>) -> Replica {
    loop {
        let over = written.load(Ordering::SeqCst);
        let api = &apis[random(apis.len())];
        let read = replica.step(api, 1 + random(20), random(2)).await;
        if over && read == 0 {
            return replica;
        }
    }
}

fn api(address: SocketAddr, furniture: &Furniture) -> Api {
    Api::new(address, &furniture.owner_key)
}

async fn the_feed_alone_gives_the_directory(backend: Backend) {
    if !backend.available() {
        return;
    }
    let (database, furniture) = tokio::task::spawn_blocking(move || backend.furnished()).await.unwrap();
    let arguments = ["--database", &database.url, "--rate", "unlimited"];
    let servers = [
        Server::start(database.folder.path(), &arguments).await,
        Server::start(database.folder.path(), &arguments).await,
    ];
    let apis: Vec<Api> = servers.iter().map(|server| api(server.address, &furniture)).collect();
    let written = Arc::new(AtomicBool::new(false));
    let loads: Vec<Load> =
        servers.iter().map(|server| Load::start(server.address, &endpoints(&furniture), CLIENTS)).collect();
    let mut readers = Vec::new();
    for endpoint in endpoints(&furniture) {
        for number in 0..READERS {
            loads[number % loads.len()].under_way().await;
            // One has been there from the beginning, the others come when there is something already.
            let replica = match number {
                0 => Replica::empty(&endpoint.slug),
                _ => Replica::snapshot(&apis[number % apis.len()], &endpoint.slug).await,
            };
            let reading = reader(replica, apis.clone(), written.clone());
            readers.push((endpoint.slug.clone(), tokio::spawn(reading)));
        }
    }
    for _ in 0..rounds(5) {
        for load in &loads {
            load.under_way().await;
        }
    }
    for load in loads {
        load.stop().await;
    }
    written.store(true, Ordering::SeqCst);
    let mut events = 0;
    for (endpoint, reading) in readers {
        let replica = reading.await.unwrap();
        let kept = Replica::snapshot(&apis[0], &endpoint).await;
        assert!(kept.len() > 1, "something was written");
        replica.is(&kept);
        assert_eq!(replica.cursor, kept.cursor, "{endpoint}: read to the end");
        events += replica.events;
    }
    println!("{backend:?}: {} readers took {events} events over", 2 * READERS);
    super::check::sound(&database.url);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    the_feed_alone_gives_the_directory(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    the_feed_alone_gives_the_directory(Backend::Postgres).await;
}
