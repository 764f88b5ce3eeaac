//! The server is killed at random moments under load; what it acknowledged is there, and nothing is there by half.

use super::check::sound;
use super::load::{Ledger, Load};
use super::rounds;
use crate::support::backend::Backend;
use crate::support::cluster::{Cluster, folder};
use crate::support::furniture::{Endpoint, Furniture};
use crate::support::program::Server;

const CLIENTS: usize = 8;
/// A new database after so many rounds: the check reads the whole change log.
const LIFETIME: usize = 25;

fn endpoints(furniture: &Furniture) -> Vec<Endpoint> {
    vec![furniture.generic.clone(), furniture.onelogin.clone(), furniture.foreign.clone()]
}

async fn furnish(folder: &std::path::Path, url: &str) -> Furniture {
    let (folder, url) = (folder.to_owned(), url.to_owned());
    tokio::task::spawn_blocking(move || Furniture::install(&folder, &url)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_on_sqlite() {
    let mut total = Ledger::default();
    let rounds = rounds(5);
    for life in 0..rounds.div_ceil(LIFETIME) {
        let (database, furniture) =
            tokio::task::spawn_blocking(|| Backend::Sqlite.furnished()).await.unwrap();
        let mut ledger = Ledger::default();
        for _ in life * LIFETIME..rounds.min((life + 1) * LIFETIME) {
            let arguments = ["--database", &database.url, "--rate", "unlimited"];
            let server = Server::start(database.folder.path(), &arguments).await;
            let load = Load::start(server.address, &endpoints(&furniture), CLIENTS);
            load.under_way().await;
            server.kill();
            ledger.add(load.stop().await);
            ledger.holds(&sound(&database.url));
        }
        total.add(ledger);
    }
    assert!(total.acknowledged() > rounds, "{}", total.summary());
    println!("SQLite, {rounds} rounds: {}", total.summary());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_or_its_postgresql() {
    let Some(cluster) = tokio::task::spawn_blocking(Cluster::start).await.unwrap() else { return };
    let folder = folder();
    let mut total = Ledger::default();
    let rounds = rounds(4);
    for life in 0..rounds.div_ceil(LIFETIME) {
        let url = cluster.database(&format!("life{life}"));
        let furniture = furnish(folder.path(), &url).await;
        let mut ledger = Ledger::default();
        for round in life * LIFETIME..rounds.min((life + 1) * LIFETIME) {
            let arguments = ["--database", &url, "--rate", "unlimited", "--log", "error"];
            let server = Server::start(folder.path(), &arguments).await;
            let load = Load::start(server.address, &endpoints(&furniture), CLIENTS);
            load.under_way().await;
            if round % 2 == 0 {
                server.kill();
            } else {
                tokio::task::block_in_place(|| {
                    cluster.down("immediate");
                    cluster.up();
                });
                load.under_way().await;
            }
            ledger.add(load.stop().await);
            ledger.holds(&sound(&url));
        }
        total.add(ledger);
    }
    assert!(total.acknowledged() > rounds, "{}", total.summary());
    println!("PostgreSQL, {rounds} rounds: {}", total.summary());
}
