//! Pools of connections that know when the database went away.
//!
//! A loss that one connection met is taken to have met all that are as old: they are given up unseen, so that a restart
//! of PostgreSQL costs one failed statement, which is run again, and not one per connection. While no connection can
//! be made, waiting for one is short.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, Instrumentation, InstrumentationEvent, SimpleConnection};

use crate::conn::{Conn, DatabaseUrl};
use crate::error::StoreError;

/// How long one waits for a connection that others are using.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one waits while no connection can be made.
const PATIENCE_AWAY: Duration = Duration::from_millis(500);
/// How often a waiting one looks up whether the database is away.
const SLICE: Duration = Duration::from_millis(100);
/// Making connections is tried again after at most half of this.
const BACK_OFF: Duration = Duration::from_secs(2);
/// After this long without use, a connection to a server is asked whether it still lives.
const IDLE: Duration = Duration::from_secs(5);

/// What the pools of one store know about their database together.
#[derive(Default)]
pub(crate) struct Health {
    /// Moves with every loss; connections of an earlier one are not used any more.
    epoch: AtomicU64,
    /// The last attempt to connect failed.
    away: AtomicBool,
    /// The store is closed: no connection is made any more, and none is kept.
    closed: AtomicBool,
    /// Connections that are open or being opened.
    open: AtomicUsize,
    /// Statements that were run on connections of these pools.
    statements: Arc<AtomicU64>,
}

/// Counts the statements of one connection.
struct Counting(Arc<AtomicU64>);

impl Instrumentation for Counting {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Health {
    /// A connection of this epoch was lost: all of them count as lost, once.
    fn lost(&self, epoch: u64) {
        let _ = self.epoch.compare_exchange(epoch, epoch + 1, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// A connection in a pool.
pub(crate) struct Kept {
    conn: Conn,
    epoch: u64,
    used: Instant,
    /// After the connection: it is counted until it is closed.
    _counted: Counted,
}

/// One connection in [`Health::open`].
struct Counted(Arc<Health>);

impl Counted {
    fn new(health: &Arc<Health>) -> Self {
        health.open.fetch_add(1, Ordering::AcqRel);
        Self(health.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Deref for Kept {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Kept {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

/// How a pool opens its connections.
pub(crate) type Open = fn(&DatabaseUrl) -> Result<Conn, StoreError>;

/// r2d2's way to make connections. The derived one hides why opening failed.
struct Manager {
    url: DatabaseUrl,
    open: Open,
    health: Arc<Health>,
}

impl r2d2::ManageConnection for Manager {
    type Connection = Kept;
    type Error = StoreError;

    fn connect(&self) -> Result<Kept, StoreError> {
        let counted = Counted::new(&self.health);
        if self.health.closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("the store is closed".into()));
        }
        let epoch = self.health.epoch.load(Ordering::Acquire);
        let opened = (self.open)(&self.url).map(|mut conn| {
            conn.set_instrumentation(Counting(self.health.statements.clone()));
            conn
        });
        self.health.away.store(opened.is_err(), Ordering::Release);
        Ok(Kept { conn: opened?, epoch, used: Instant::now(), _counted: counted })
    }

    fn is_valid(&self, kept: &mut Kept) -> Result<(), StoreError> {
        if kept.epoch != self.health.epoch.load(Ordering::Acquire) {
            return Err(StoreError::Lost("it is older than the last loss".into()));
        }
        if kept.used.elapsed() > IDLE {
            kept.conn.batch_execute("SELECT 1")?;
        }
        Ok(())
    }

    fn has_broken(&self, kept: &mut Kept) -> bool {
        use diesel::connection::TransactionManager;
        kept.used = Instant::now();
        <Conn as diesel::Connection>::TransactionManager::is_broken_transaction_manager(&mut kept.conn)
            || kept.epoch != self.health.epoch.load(Ordering::Acquire)
            || self.health.closed.load(Ordering::Acquire)
            || std::thread::panicking()
    }
}

/// Closes every connection of pools that share their health, and waits for those that are in use or being made.
pub(crate) fn close(pools: &[&Pool]) {
    let Some(health) = pools.first().map(|pool| &pool.health) else { return };
    health.closed.store(true, Ordering::Release);
    let begun = Instant::now();
    loop {
        // One that comes out of its pool now is closed.
        for pool in pools {
            while pool.pool.try_get().is_some() {}
        }
        if health.open.load(Ordering::Acquire) == 0 || begun.elapsed() > PATIENCE {
            return;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A bounded number of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    pool: r2d2::Pool<Manager>,
    health: Arc<Health>,
}

impl Pool {
    /// Makes the pool and its first connection.
    pub(crate) fn new(
        url: &DatabaseUrl,
        open: Open,
        size: u32,
        health: &Arc<Health>,
    ) -> Result<Self, StoreError> {
        let pool = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(1))
            // SQLite is here as long as the process is; a server may have gone away.
            .test_on_check_out(matches!(url, DatabaseUrl::Postgres(_)))
            .connection_timeout(BACK_OFF)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(Manager { url: url.clone(), open, health: health.clone() })
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        Ok(Self { pool, health: health.clone() })
    }

    /// Connections that are open, and how many of them are in use.
    pub(crate) fn standing(&self) -> (usize, usize) {
        let state = self.pool.state();
        let number = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        (number(state.connections), number(state.connections.saturating_sub(state.idle_connections)))
    }

    /// Statements that were run on connections of this pool and those that share its health.
    pub(crate) fn statements(&self) -> u64 {
        self.health.statements.load(Ordering::Relaxed)
    }

    /// Works with a connection, waiting for one if all are in use.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut kept = self.checkout()?;
        self.on(&mut kept, work)
    }

    /// Works with a connection if one is free.
    pub(crate) fn try_with<T>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        self.pool.try_get().map(|mut kept| self.on(&mut kept, work))
    }

    fn on<T>(
        &self,
        kept: &mut Kept,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let outcome = work(kept);
        if outcome.as_ref().is_err_and(StoreError::is_loss) {
            self.health.lost(kept.epoch);
        }
        outcome
    }

    fn checkout(&self) -> Result<r2d2::PooledConnection<Manager>, StoreError> {
        let begun = Instant::now();
        loop {
            let error = match self.pool.get_timeout(SLICE) {
                Ok(kept) => return Ok(kept),
                Err(error) => error,
            };
            let away = self.health.away.load(Ordering::Acquire);
            if begun.elapsed() >= if away { PATIENCE_AWAY } else { PATIENCE } {
                return Err(StoreError::Unavailable(format!("no connection to the database: {error}")));
            }
        }
    }
}
