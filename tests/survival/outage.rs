//! PostgreSQL goes away and comes back while servers serve: they say so quickly, heal by themselves, and lose nothing.

use std::time::{Duration, Instant};

use super::check::sound;
use super::load::Load;
use crate::support::cluster::{Cluster, folder};
use crate::support::furniture::Furniture;
use crate::support::http::{Request, send};
use crate::support::program::Server;
use crate::support::scim::{Scim, check_contract, user};

/// Well below the patience of any identity provider.
const QUICK: Duration = Duration::from_secs(5);

struct Set {
    cluster: Cluster,
    _folder: tempfile::TempDir,
    url: String,
    furniture: Furniture,
    server: Server,
}

async fn start() -> Option<Set> {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap()?;
    let (url, folder) = (cluster.database("scim"), folder());
    let furniture = tokio::task::block_in_place(|| Furniture::install(folder.path(), &url));
    let arguments = ["--database", &url, "--rate", "unlimited", "--log", "warn"];
    let server = Server::start(folder.path(), &arguments).await;
    Some(Set { cluster, _folder: folder, url, furniture, server })
}

impl Set {
    fn scim(&self) -> Scim {
        let generic = &self.furniture.generic;
        let base = format!("/scim/{}/v2", generic.slug);
        Scim { address: self.server.address, base, token: generic.token.clone() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_away_the_answer_is_503_and_comes_quickly() {
    let Some(set) = start().await else { return };
    let scim = set.scim();
    let kept = scim.user("kept").await;
    let path = format!("/Users/{}", kept["id"].as_str().unwrap());
    tokio::task::block_in_place(|| set.cluster.down("fast"));
    let requests = [
        scim.request("GET", &path),
        scim.request("GET", "/Users"),
        scim.request("POST", "/Users").json(&user("away")),
        scim.request("DELETE", &path),
        Request::new("GET", "/readyz"),
    ];
    for request in &requests {
        let begun = Instant::now();
        let answer = send(set.server.address, request).await.expect(503);
        assert!(begun.elapsed() < QUICK, "{request}: after {:?}", begun.elapsed());
        if request.target != "/readyz" {
            check_contract(request, &answer);
        }
    }
    // The process lives, and says so.
    send(set.server.address, &Request::new("GET", "/healthz")).await.expect(200);

    tokio::task::block_in_place(|| set.cluster.up());
    let begun = Instant::now();
    while send(set.server.address, &scim.request("GET", &path)).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(20), "it heals by itself");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    scim.user("away").await;
    assert_eq!(scim.count("Users").await, 2);
    sound(&set.url);
}

/// Between two requests the database is restarted: the next ones are answered as if nothing had been.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_pays_for_a_restart_that_it_did_not_meet() {
    let Some(set) = start().await else { return };
    let scim = set.scim();
    for mode in ["fast", "immediate"] {
        // Several at once, so that the pools hold several connections.
        let many: Vec<_> = (0..8)
            .map(|number| {
                let scim = scim.clone();
                tokio::spawn(async move { scim.user(&format!("{mode}{number}")).await })
            })
            .collect();
        for one in many {
            one.await.unwrap();
        }
        tokio::task::block_in_place(|| {
            set.cluster.down(mode);
            set.cluster.up();
        });
        for number in 0..10 {
            scim.get("/Users?count=1").await.expect(200);
            scim.user(&format!("after-{mode}{number}")).await;
        }
    }
    assert_eq!(scim.count("Users").await, 36);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_lose_nothing() {
    let Some(set) = start().await else { return };
    let furniture = &set.furniture;
    let endpoints = [furniture.generic.clone(), furniture.onelogin.clone(), furniture.foreign.clone()];
    let load = Load::start(set.server.address, &endpoints, 8);
    for mode in ["fast", "immediate"] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| {
            set.cluster.down(mode);
            std::thread::sleep(Duration::from_millis(700));
            set.cluster.up();
        });
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    let ledger = load.stop().await;
    let sound = sound(&set.url);
    ledger.holds(&sound);
    assert!(ledger.put_off() > 0, "some met the outage: {}", ledger.summary());
    println!("{}; {} resources, {} changes", ledger.summary(), sound.resources, sound.changes);
}
