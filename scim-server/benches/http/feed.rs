//! The change feed: many who read on, and many who wait for the next event.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use crate::Options;
use crate::load::{Client, Load, Request, Until, request, run};
use crate::process::{Process, command, program};
use crate::world::{Endpoint, person};

/// Events of one page.
const PAGE: usize = 100;
/// Readers of the larger rows.
const MANY: usize = 100;

/// An API key of a new auditor.
pub fn key(database: &str) -> String {
    let mut create = program(database);
    create.args(["operator", "create", "reader", "--role", "auditor", "--password-stdin"]);
    let mut child = create.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cannot start");
    let mut input = child.stdin.take().expect("no input");
    input.write_all(b"correct-horse-battery-staple\n").expect("cannot write");
    drop(input);
    assert!(child.wait().expect("cannot wait").success(), "no operator");
    let issued = command(database, &["operator", "key", "issue", "reader"]);
    issued["secret"].as_str().expect("a key").to_owned()
}

struct Feed<'a> {
    server: &'a Process,
    endpoint: &'a Endpoint,
    key: &'a str,
}

impl Feed<'_> {
    fn request(&self, query: &str) -> Request {
        let path = format!("/api/v1/endpoints/{}/changes?{query}", self.endpoint.slug);
        request("GET", &path, self.key, "")
    }

    /// The cursor before every page.
    fn cursors(&self) -> Vec<String> {
        let (mut client, mut cursors) = (Client::connect(self.server.address()), Vec::new());
        let mut after = String::new();
        loop {
            let query = if after.is_empty() { String::new() } else { format!("&after={after}") };
            client.send(&self.request(&format!("limit={PAGE}{query}")));
            let page: Value = serde_json::from_slice(client.body()).expect("JSON");
            if page["items"].as_array().is_none_or(|items| items.len() < PAGE) {
                return cursors;
            }
            after = page["next"].as_str().expect("a cursor").to_owned();
            cursors.push(after.clone());
        }
    }

    fn read(&self, options: &Options, readers: usize, cursors: &[String]) {
        // The last one has no whole page behind it.
        let whole = cursors.len().saturating_sub(1).max(1);
        let load = Load { connections: readers, until: Until::Elapsed(options.seconds) };
        let ours = run(self.server, load, None, |connection, turn| {
            let at = (connection * 7919 + turn) % whole;
            self.request(&format!("limit={PAGE}&after={}", cursors[at]))
        });
        println!(
            "{:<32} {:>9.0} events/s  {:>6.1} µs cpu each  p50 {:>6} µs  p99 {:>6} µs for {PAGE}",
            format!("feed, {readers} readers"),
            ours.rate() * PAGE as f64,
            ours.cpu / PAGE as f64,
            ours.latency(0.5),
            ours.latency(0.99)
        );
    }

    /// How long it takes from sending a write until so many who wait have its event.
    fn wait(&self, readers: usize, rounds: usize) {
        let mut writer = Client::connect(self.server.address());
        let mut lags = Vec::new();
        for round in 0..rounds {
            writer.send(&self.request("after=now"));
            let now: Value = serde_json::from_slice(writer.body()).expect("JSON");
            let ask = self.request(&format!("after={}&wait=60", now["next"].as_str().expect("a cursor")));
            let waiting = std::sync::Barrier::new(readers + 1);
            let (ended, begun) = std::thread::scope(|scope| {
                let asking: Vec<_> = (0..readers)
                    .map(|_| {
                        let (ask, waiting) = (&ask, &waiting);
                        scope.spawn(move || {
                            let mut client = Client::connect(self.server.address());
                            waiting.wait();
                            client.send(ask);
                            Instant::now()
                        })
                    })
                    .collect();
                waiting.wait();
                // They are asking; the write need not be the first to arrive.
                std::thread::sleep(std::time::Duration::from_millis(50));
                let begun = Instant::now();
                let body = person(2_000_000_000 + readers * 1000 + round).to_string();
                assert_eq!(writer.send(&self.endpoint.request("POST", "/Users", &body)), 201);
                (
                    asking.into_iter().map(|one| one.join().expect("a reader failed")).collect::<Vec<_>>(),
                    begun,
                )
            });
            lags.extend(ended.into_iter().map(|at| at.saturating_duration_since(begun).as_micros()));
        }
        lags.sort_unstable();
        println!(
            "{:<32} p50 {:>6} µs  p99 {:>6} µs from the write to the reader",
            format!("feed, {readers} waiting"),
            lags[lags.len() / 2],
            lags[lags.len() * 99 / 100]
        );
    }
}

/// The rows of the feed.
pub fn rows(options: &Options, server: &Process, endpoint: &Endpoint, key: &str) {
    if !options.wants("feed") {
        return;
    }
    let feed = Feed { server, endpoint, key };
    let cursors = feed.cursors();
    for readers in [1, MANY] {
        feed.read(options, readers, &cursors);
    }
    for readers in [1, MANY] {
        feed.wait(readers, 10);
    }
}
