//! What others notice of a flood: the latency of one endpoint that is asked at a steady pace, while nobody else asks,
//! while another endpoint is asked far beyond its rate, and while wrong tokens come without end.
//!
//! ```sh
//! cargo bench -p scim-server --bench http -- flood
//! ```
//!
//! Limits are those of an installation that nobody configured, but for the endpoint that is watched, which has none. The
//! floods come from the same address as the steady calls, which is the worst case for these.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::Options;
use crate::load::{Client, Request, request};
use crate::process::{Process, command};
use crate::world::Endpoint;

/// Requests per second of the endpoint that is watched.
const STEADY: u32 = 200;
/// Requests per second of a flood: forty times what an endpoint may send.
const FLOOD: u32 = 2000;
const CONNECTIONS: u32 = 8;
/// How much a flood may add to the 99th percentile of others.
const MORE: f64 = 1.5;

pub fn run(options: &Options, folder: &Path) {
    let database = format!("sqlite:{}/flood.db", folder.display());
    let watched = Endpoint::create(&database, "Watched");
    let other = Endpoint::create(&database, "Flooder");
    command(&database, &["endpoint", "set", &watched.slug, "rate=unlimited"]);
    let server = Process::with_limits(&database);
    let id = watched.people(&server, 0..100).remove(0);
    let steady = watched.request("GET", &format!("/Users/{id}"), "");
    let over_rate = other.request("GET", "/Users", "");
    let path = format!("/scim/{}/v2/Users", other.slug);
    let wrong = |n: usize| request("GET", &path, &format!("scim_{n:012}_wrong"), "");

    let time = options.seconds.max(Duration::from_secs(10));
    let calm = during(&server, &steady, time, None);
    report("steady, alone", &calm, None);
    let flooded = during(&server, &steady, time, Some(&|_| over_rate.clone()));
    report("steady, another over its rate", &flooded, Some(&calm));
    let flooded = during(&server, &steady, time, Some(&wrong));
    report("steady, wrong tokens", &flooded, Some(&calm));
}

struct Seen {
    latencies: Vec<u32>,
    /// Requests of the flood.
    flood: usize,
}

impl Seen {
    fn latency(&self, part: f64) -> u32 {
        self.latencies[((self.latencies.len() - 1) as f64 * part) as usize]
    }
}

/// Asks at a steady pace, with a flood beside it or without.
fn during(
    server: &Process,
    steady: &Request,
    time: Duration,
    flood: Option<&(dyn Fn(usize) -> Request + Sync)>,
) -> Seen {
    let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        if let Some(make) = flood {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let mut client = Client::connect(server.address());
                    let pace = Duration::from_secs(1) / FLOOD * CONNECTIONS;
                    at_pace(pace, || {
                        client.send(&make(sent.fetch_add(1, Ordering::Relaxed)));
                        !stop.load(Ordering::Relaxed)
                    });
                });
            }
        }
        let mut client = Client::connect(server.address());
        let (mut latencies, begun) = (Vec::new(), Instant::now());
        at_pace(Duration::from_secs(1) / STEADY, || {
            let asked = Instant::now();
            assert_eq!(client.send(steady), 200, "the endpoint that is watched is served");
            latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            begun.elapsed() < time
        });
        stop.store(true, Ordering::Relaxed);
        latencies.sort_unstable();
        Seen { latencies, flood: sent.load(Ordering::Relaxed) }
    })
}

/// Begins the work anew at every beat, as long as it says so.
fn at_pace(pace: Duration, mut work: impl FnMut() -> bool) {
    let mut next = Instant::now();
    while work() {
        next += pace;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn report(row: &str, seen: &Seen, calm: Option<&Seen>) {
    let beside = calm.map_or(String::new(), |calm| {
        let more = f64::from(seen.latency(0.99)) / f64::from(calm.latency(0.99));
        let verdict = if more <= MORE { "within" } else { "BEYOND" };
        format!("{more:.2} × alone ({verdict} {MORE})")
    });
    println!(
        "{row:<32} {:>7} asked  {:>7} of the flood  p50 {:>6} µs  p99 {:>6} µs  {beside}",
        seen.latencies.len(),
        seen.flood,
        seen.latency(0.5),
        seen.latency(0.99)
    );
}
