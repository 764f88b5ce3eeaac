//! The rows of the table.

use std::path::Path;

use crate::load::{Client, Load, Measured, Until, run};
use crate::process::{Process, command};
use crate::world::{Endpoint, add, person};
use crate::{Options, flood};

/// How often a read is measured; the round in the middle counts.
const ROUNDS: usize = 5;

/// A server with one endpoint full of people.
struct World<'a> {
    options: &'a Options,
    folder: &'a Path,
    database: String,
    server: Process,
    endpoint: Endpoint,
    other: Endpoint,
    ids: Vec<String>,
}

pub fn run_all(options: &Options) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("no folder");
    let database = format!("sqlite:{}/scim.db", folder.path().display());
    let endpoint = Endpoint::create(&database, "Bench");
    let other = Endpoint::create(&database, "Other");
    crowd(folder.path(), options.endpoints);
    let key = crate::feed::key(&database);
    let server = Process::server(&database);
    let started = std::time::Instant::now();
    let ids = endpoint.people(&server, 0..options.users);
    println!("{} users by Bulk: {:.1} s", ids.len(), started.elapsed().as_secs_f64());
    let world = World { options, folder: folder.path(), database, server, endpoint, other, ids };
    world.reads();
    world.writes();
    world.start();
    crate::feed::rows(options, &world.server, &world.endpoint, &key);
    println!("memory: {:.0} MB", world.server.memory());
    drop(world.server);
    if options.wants("flood") {
        flood::run(options, folder.path());
    }
}

impl World<'_> {
    fn reads(&self) {
        let id = |n: usize| &self.ids[n.wrapping_mul(7919) % self.ids.len()];
        let number = |n: usize| n.wrapping_mul(7919) % self.ids.len();
        let seed = |connection: usize, turn: usize| connection * 1_000_003 + turn;
        self.read("GET by id", &|c, t| format!("/Users/{}", id(seed(c, t))));
        self.read("userName eq", &|c, t| {
            filter(&format!("userName eq \"user{}@example.com\"", number(seed(c, t))))
        });
        self.read("externalId eq", &|c, t| filter(&format!("externalId eq \"ext-{}\"", number(seed(c, t)))));
        self.read("emails.value eq", &|c, t| {
            filter(&format!("emails.value eq \"mail{}@example.com\"", number(seed(c, t))))
        });
        self.read("userName sw", &|c, t| filter(&format!("userName sw \"user{}@\"", number(seed(c, t)))));
        self.read("list 100", &|_, _| "/Users?count=100".to_owned());
        self.read("list 100, deep", &|_, _| {
            format!("/Users?count=100&startIndex={}", self.ids.len() * 9 / 10)
        });
        self.read("list 100, by cursor", &|_, _| "/Users?count=100&cursor=".to_owned());
        self.read("list 100, sorted", &|_, _| "/Users?count=100&sortBy=userName".to_owned());
        self.request_log();
        self.wrong_token();
    }

    /// A read with the request log and without it, in turn.
    fn request_log(&self) {
        if !self.options.wants("request log") {
            return;
        }
        let load = Load { connections: 16, until: Until::Elapsed(self.options.seconds) };
        let with = |requests: &str| {
            let setting = format!("requests={requests}");
            command(&self.database, &["endpoint", "set", &self.endpoint.slug, &setting]);
            // The server hears of it within a second.
            std::thread::sleep(std::time::Duration::from_secs(2));
            run(&self.server, load, None, |c, t| {
                let id = &self.ids[(c * 1_000_003 + t).wrapping_mul(7919) % self.ids.len()];
                self.endpoint.request("GET", &format!("/Users/{id}"), "")
            })
        };
        let mut rounds: Vec<(Measured, Measured)> =
            (0..ROUNDS).map(|_| (with("10000"), with("none"))).collect();
        rounds.sort_by(|a, b| (a.0.cpu / a.1.cpu).total_cmp(&(b.0.cpu / b.1.cpu)));
        let (on, off) = &rounds[ROUNDS / 2];
        report("GET by id, request log on", on, None);
        report("GET by id, request log off", off, None);
        println!("{:<32} {:>50.2} × without it", "", on.cpu / off.cpu);
    }

    /// A read, beside a bare handler with the same bytes.
    fn read(&self, row: &str, path: &(dyn Fn(usize, usize) -> String + Sync)) {
        if self.options.wants(row) {
            let request = |c, t| self.endpoint.request("GET", &path(c, t), "");
            self.beside_bare(row, None, &request);
        }
    }

    fn wrong_token(&self) {
        if self.options.wants("wrong token") {
            // A good token of another endpoint takes the longest to be turned away.
            let stranger = Endpoint { slug: self.endpoint.slug.clone(), token: self.other.token.clone() };
            self.beside_bare("wrong token", Some(401), &|_, _| stranger.request("GET", "/Users", ""));
        }
    }

    /// Our server and the bare one in turn.
    fn beside_bare(
        &self,
        row: &str,
        expected: Option<u16>,
        request: &(dyn Fn(usize, usize) -> Vec<u8> + Sync),
    ) {
        let mut client = Client::connect(self.server.address());
        client.send(&request(0, 0));
        let file = self.folder.join("body");
        std::fs::write(&file, client.body()).expect("cannot write");
        let bare = Process::bare(&file);
        let load = Load { connections: 16, until: Until::Elapsed(self.options.seconds) };
        let mut rounds: Vec<(Measured, Measured)> = (0..ROUNDS)
            .map(|_| (run(&self.server, load, expected, request), run(&bare, load, None, request)))
            .collect();
        rounds.sort_by(|a, b| (a.0.cpu / a.1.cpu).total_cmp(&(b.0.cpu / b.1.cpu)));
        let (ours, bare) = &rounds[ROUNDS / 2];
        report(row, ours, Some(bare));
    }

    /// From the start of another process on the same database to its first answer.
    fn start(&self) {
        if !self.options.wants("start") {
            return;
        }
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let begun = std::time::Instant::now();
                let another = Process::server(&self.database);
                let path = format!("/Users/{}", self.ids[0]);
                let status =
                    Client::connect(another.address()).send(&self.endpoint.request("GET", &path, ""));
                assert_eq!(status, 200, "the first answer");
                begun.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{:<32} {:>9.0} ms", "start to the first answer", times[ROUNDS / 2]);
    }

    fn writes(&self) {
        if self.options.wants("POST user") {
            let load = Load { connections: 64, until: Until::Elapsed(self.options.seconds) };
            let ours = run(&self.server, load, None, |c, t| {
                let body = person(1_000_000_000 + c * 1_000_000 + t).to_string();
                self.endpoint.request("POST", "/Users", &body)
            });
            report("POST user, 64 connections", &ours, None);
            let commits = commits(self.folder, self.options.seconds);
            println!(
                "{:<32} {commits:>9.0}/s  {:>38.2} × that",
                "  one insert per commit",
                ours.rate() / commits
            );
        }
        self.members();
    }

    fn members(&self) {
        if self.options.wants("add one member") {
            let small = self.add_one_by_one("a group of 10", 10);
            let large = self.add_one_by_one("a large group", self.ids.len().min(100_000));
            println!("{:<32} {:>50.2} × the small one", "", large.cpu / small.cpu);
        }
        if self.options.wants("members at once") {
            let group = self.endpoint.group(&self.server, "Many", &[]);
            let each = self.ids.len().min(10_000) / 16;
            let load = Load { connections: 16, until: Until::Requests(each) };
            let ours = run(&self.server, load, None, |c, t| {
                let body = add(&self.ids[c * each + t..=c * each + t]);
                self.endpoint.request("PATCH", &format!("/Groups/{group}"), &body)
            });
            report("members at once, 16 connections", &ours, None);
            let mut client = Client::connect(self.server.address());
            client.send(&self.endpoint.request("GET", &format!("/Groups/{group}"), ""));
            let found: serde_json::Value = serde_json::from_slice(client.body()).expect("JSON");
            assert_eq!(found["members"].as_array().map(Vec::len), Some(each * 16), "members were lost");
        }
    }

    /// Adds the last people to a group that has the first ones.
    fn add_one_by_one(&self, name: &str, size: usize) -> Measured {
        let newcomers = 200.min(self.ids.len() / 2);
        let (first, last) = self.ids.split_at(self.ids.len() - newcomers);
        let group = self.endpoint.group(&self.server, name, &first[..size.min(first.len())]);
        let load = Load { connections: 1, until: Until::Requests(newcomers) };
        let ours = run(&self.server, load, None, |_, t| {
            let body = add(&last[t..=t]);
            self.endpoint.request("PATCH", &format!("/Groups/{group}?excludedAttributes=members"), &body)
        });
        report(&format!("add one member to {name}"), &ours, None);
        ours
    }
}

fn filter(text: &str) -> String {
    let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    format!("/Users?filter={text}")
}

/// Puts many endpoints with two tokens each beside those that are there. Nobody has the tokens.
fn crowd(folder: &Path, endpoints: usize) {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    let mut conn =
        diesel::SqliteConnection::establish(&folder.join("scim.db").to_string_lossy()).expect("cannot open");
    conn.batch_execute(&format!(
        "CREATE TEMP TABLE numbers AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {endpoints}) \
             SELECT i FROM n WHERE i <= {endpoints}; \
         CREATE TEMP TABLE one AS SELECT * FROM endpoints LIMIT 1; \
         INSERT INTO endpoints SELECT 'crowd-' || i, 'crowd-' || i, 'Crowd ' || i, 'crowd ' || i, tenant, idp, status, settings, \
             definitions, created_at, updated_at, deleted_at, purge_began_at FROM one, numbers; \
         INSERT INTO endpoint_slugs SELECT 'crowd-' || i, 'crowd-' || i FROM numbers; \
         INSERT INTO endpoint_progress (endpoint_id, last_change) SELECT 'crowd-' || i, 0 FROM numbers; \
         INSERT INTO tokens (id, endpoint_id, digest, label, scope, created_at, created_by) \
             SELECT printf('%011d%s', i, kind), 'crowd-' || i, randomblob(32), 'Crowd', 'write', 0, 'bench' \
             FROM numbers, (SELECT 'a' AS kind UNION SELECT 'b');"
    ))
    .expect("cannot make endpoints");
}

/// Rows per second that SQLite itself writes durably on this disk, one insert for each commit.
fn commits(folder: &Path, time: std::time::Duration) -> f64 {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    let path = folder.join("commits.db");
    let mut conn = diesel::SqliteConnection::establish(&path.to_string_lossy()).expect("cannot open");
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);")
        .expect("cannot prepare");
    let body = person(1).to_string();
    let insert = format!("INSERT INTO t (body) VALUES ('{body}')");
    let started = std::time::Instant::now();
    let mut rows = 0;
    while started.elapsed() < time {
        conn.batch_execute(&insert).expect("cannot insert");
        rows += 1;
    }
    f64::from(rows) / started.elapsed().as_secs_f64()
}

fn report(row: &str, ours: &Measured, bare: Option<&Measured>) {
    let beside =
        bare.map_or(String::new(), |bare| format!("{:.2} × bare ({:.0} µs)", ours.cpu / bare.cpu, bare.cpu));
    println!(
        "{row:<32} {:>9.0}/s  {:>6.0} µs cpu  p50 {:>6} µs  p99 {:>6} µs  {beside}",
        ours.rate(),
        ours.cpu,
        ours.latency(0.5),
        ours.latency(0.99)
    );
}
