//! Following what other processes change: endpoints paused, tokens revoked, settings set.
//!
//! PostgreSQL tells (`NOTIFY`), and behind that the version in the database is looked up, since a message may be lost
//! with its connection, and a pooler in front of the database passes none. SQLite is only looked up. The connection is
//! the watch's own: readers and writers that use up theirs do not delay a revocation.
//!
//! Changes of directories are told to those who wait for them ([`crate::pulse`]) in the same two ways.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::conn::{self, Conn, DatabaseUrl};
use crate::dialect;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::pulse::Pulse;
use crate::registry::Registry;

/// How often messages that have arrived are taken: it costs no round trip.
const LISTEN: Duration = Duration::from_millis(40);
/// How often the version is looked up, told or not.
const LOOK: Duration = Duration::from_millis(400);
/// Ids in one query.
const VARIABLES: usize = 1000;
/// The first and the longest pause before connecting again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// A running watch; it ends when this is dropped.
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts the thread.
pub(crate) fn start(
    url: DatabaseUrl,
    registry: Arc<Registry>,
    pulse: Arc<Pulse>,
) -> Result<Watch, StoreError> {
    let (stop, stopped) = channel();
    let thread = std::thread::Builder::new()
        .name("store-watch".into())
        .spawn(move || run(&url, (&registry, &pulse), &Stop(stopped)))
        .map_err(|e| StoreError::Unavailable(format!("cannot start the watch: {e}")))?;
    Ok(Watch { stop: Some(stop), thread: Some(thread) })
}

struct Stop(Receiver<()>);

impl Stop {
    /// Sleeps; true when it is time to end.
    fn within(&self, time: Duration) -> bool {
        !matches!(self.0.recv_timeout(time), Err(RecvTimeoutError::Timeout))
    }
}

fn run(url: &DatabaseUrl, known: (&Registry, &Pulse), stop: &Stop) {
    let mut pause = BACK_OFF.0;
    let mut told = false;
    loop {
        let error = match connect(url, known.0).and_then(|conn| {
            if told {
                tracing::info!("changes of other processes are followed again");
            }
            (told, pause) = (false, BACK_OFF.0);
            follow(conn, known, stop)
        }) {
            Ok(()) => return,
            Err(error) => error,
        };
        if !told {
            tracing::warn!(%error, "changes of other processes cannot be followed; connecting again");
            told = true;
        }
        if stop.within(pause.mul_f64(0.5 + rand::random::<f64>() / 2.0)) {
            return;
        }
        pause = (pause * 2).min(BACK_OFF.1);
    }
}

fn connect(url: &DatabaseUrl, registry: &Registry) -> Result<Conn, StoreError> {
    let mut conn = conn::open(url)?;
    // First listen, then look: what changes between is told.
    dialect::listen(&mut conn)?;
    registry.refresh(&mut conn)?;
    Ok(conn)
}

/// Ends well only when it is told to stop.
fn follow(mut conn: Conn, (registry, pulse): (&Registry, &Pulse), stop: &Stop) -> Result<(), StoreError> {
    let step = if dialect::tells(&conn) { LISTEN } else { LOOK };
    let mut looked = Instant::now();
    look_at_changes(&mut conn, pulse)?;
    while !stop.within(step) {
        pass_on(&mut conn, pulse)?;
        let told = dialect::was_told(&mut conn)?;
        told.endpoints.iter().for_each(|endpoint| pulse.heard(endpoint));
        let is_time = looked.elapsed() >= LOOK;
        if told.registry || is_time {
            registry.refresh(&mut conn)?;
        }
        if is_time {
            look_at_changes(&mut conn, pulse)?;
            looked = Instant::now();
        }
    }
    Ok(())
}

/// Tells other processes what this one changed.
fn pass_on(conn: &mut Conn, pulse: &Pulse) -> Result<(), StoreError> {
    let changed = pulse.take_untold();
    if changed.is_empty() {
        return Ok(());
    }
    let changed: Vec<&str> = changed.iter().map(EndpointId::as_str).collect();
    dialect::tell_changes(conn, &changed)
}

/// Looks up the last changes of the endpoints that somebody waits for: what was written by a command, or by a server that
/// ended before it could tell.
fn look_at_changes(conn: &mut Conn, pulse: &Pulse) -> Result<(), StoreError> {
    use crate::schema::endpoint_progress as progress;
    use diesel::prelude::*;
    let waited_for = pulse.waited_for();
    for some in waited_for.chunks(VARIABLES) {
        let last: Vec<(String, i64)> = progress::table
            .filter(progress::endpoint_id.eq_any(some))
            .select((progress::endpoint_id, progress::last_change))
            .load(conn)?;
        last.iter().for_each(|(endpoint, number)| pulse.seen(endpoint, *number));
    }
    Ok(())
}
