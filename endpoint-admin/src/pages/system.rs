//! The server itself: version, database, limits in force, work in the background.

use askama::Template;
use endpoint_store::system::{self, Lease};
use endpoint_store::{DatabaseUrl, audit};

use crate::{
    frame::{Frame, Section},
    pages::{Answer, html},
    session::Operator,
    ui::{Num, State, Tone, When},
};

/// What the program knows of itself, told once by whoever starts it.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The name of this process among those that share the database.
    pub node: String,
    /// When it started.
    pub up_since: i64,
    /// The limits in force: what, how much, and how it is changed.
    pub limits: Vec<Limit>,
}

/// A limit in force.
#[derive(Clone, Debug)]
pub struct Limit {
    /// What is limited.
    pub what: &'static str,
    /// To how much.
    pub value: String,
    /// What happens beyond.
    pub over: &'static str,
    /// Where it is set; empty where it is fixed.
    pub set_by: &'static str,
}

/// Work in the background.
struct Job {
    name: String,
    what: &'static str,
    state: State,
    is_on: bool,
    is_here: bool,
    holder: String,
    until: When,
}

impl Job {
    fn new(lease: Lease, node: &str, now: i64) -> Self {
        let is_on = lease.until > now;
        let state = if is_on {
            State::new("Under way", "now", Tone::Ok)
        } else {
            State::new("At rest", "ring", Tone::Calm)
        };
        Self {
            what: words(&lease.name),
            state,
            is_on,
            is_here: lease.holder == node,
            until: When::new(lease.until, now),
            name: lease.name,
            holder: lease.holder,
        }
    }
}

/// What a kind of work does, in words.
fn words(name: &str) -> &'static str {
    let kind = name.split([':', '/', ' ']).next().unwrap_or(name);
    match kind {
        "bin" => "Removes for good what was in the bin for 30 days",
        "history" => "Forgets changes that are older than their endpoint remembers",
        "expiry" => "Writes down which tokens and keys have expired",
        "warnings" => "Says in the log which tokens end soon",
        "access" => "Forgets access tokens that have expired",
        "counts" => "Forgets old counts of requests",
        "webhook-log" => "Forgets old deliveries",
        "clock" => "Forgets old times of the deprovision clock",
        "rotation" => "Retires replaced tokens that nobody uses",
        "webhook" | "webhooks" => "Sends a webhook",
        "target" | "targets" => "Serves a target",
        _ => "Works in the background",
    }
}

#[derive(Template)]
#[template(path = "pages/system.html")]
struct SystemPage {
    frame: Frame,
    up_since: When,
    node: String,
    public_url: String,
    console_url: String,
    kind: &'static str,
    place: String,
    version: String,
    size: String,
    migrations: Vec<String>,
    entries: Num,
    statements: Num,
    waiting: Num,
    endpoints: Num,
    jobs: Vec<Job>,
    limits: Vec<Limit>,
}

/// Bytes as people say them.
fn size(bytes: i64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes.max(0) as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS.get(unit).copied().unwrap_or_default())
}

/// The page.
pub(crate) async fn show(operator: Operator) -> Answer {
    let (now, console) = (operator.now(), operator.console());
    let (database, entries) =
        operator.read(|conn| Ok((system::database(conn)?, audit::last_position(conn)?))).await?;
    let store = operator.store();
    let (kind, place) = match store.url() {
        DatabaseUrl::Sqlite(path) => ("SQLite, one file", path.display().to_string()),
        // Its address may hold a password.
        DatabaseUrl::Postgres(_) => ("PostgreSQL, for several servers", String::new()),
    };
    html(&SystemPage {
        frame: operator.frame(Section::System),
        up_since: When::new(console.about.up_since, now),
        node: console.about.node.clone(),
        public_url: console.public_url.to_string(),
        console_url: console.own_url.to_string(),
        kind,
        place,
        version: database.version,
        size: size(database.bytes),
        migrations: database.migrations,
        entries: Num::of(entries),
        statements: Num(store.statements()),
        waiting: Num(store.writes_waiting() as u64),
        endpoints: Num(store.registry().endpoints().len() as u64),
        jobs: database.leases.into_iter().map(|lease| Job::new(lease, &console.about.node, now)).collect(),
        limits: console.about.limits.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let sizes = [0, 512 * 1024, 1536 * 1024, 3 * 1024 * 1024 * 1024].map(size);
        assert_eq!(sizes, ["0.0 KiB", "512.0 KiB", "1.5 MiB", "3.0 GiB"]);
    }
}
