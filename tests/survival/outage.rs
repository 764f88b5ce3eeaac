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

/// Two writes that take the same two rows in opposite order: the database breaks one off, the store runs it again, and
/// neither requester hears of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_deadlock_is_run_again() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use endpoint_store::caller::Actor;
    use endpoint_store::{EndpointId, Store, endpoints};

    use crate::support::backend::Backend;

    if !Backend::Postgres.available() {
        return;
    }
    let (database, furniture) = tokio::task::spawn_blocking(|| Backend::Postgres.furnished()).await.unwrap();
    let store = Store::open(&database.url.parse().unwrap()).unwrap();
    let find = |slug: &str| store.registry().endpoint(slug).unwrap().id.clone();
    let (first, second) = (find(&furniture.generic.slug), find(&furniture.foreign.slug));
    let (runs, met) = (Arc::new(AtomicUsize::new(0)), Arc::new(std::sync::Barrier::new(2)));
    let write = |one: EndpointId, other: EndpointId, name: &'static str| {
        let (store, runs, met) = (store.clone(), runs.clone(), met.clone());
        tokio::spawn(async move {
            let write = store.write(move |tx| {
                let run = runs.fetch_add(1, Ordering::SeqCst);
                endpoints::rename(tx, &one, &format!("{name} one"), &Actor::cli(), 0)?;
                // Both hold their first row; the run that repeats one of them waits for nobody.
                if run < 2 {
                    met.wait();
                }
                endpoints::rename(tx, &other, &format!("{name} other"), &Actor::cli(), 0)
            });
            write.await.map(drop)
        })
    };
    let (left, right) = (write(first.clone(), second.clone(), "Left"), write(second, first, "Right"));
    assert!(left.await.unwrap().is_ok() && right.await.unwrap().is_ok());
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one of the two was run again, once");
}
