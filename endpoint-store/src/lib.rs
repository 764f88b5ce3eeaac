//! Everything that is kept: endpoints, tokens, operators, directories, and the log of changes.
//!
//! One query text serves SQLite (embedded, the default) and PostgreSQL (many nodes). Every function about
//! an endpoint's data takes the endpoint, or a [`Caller`] bound to it, first after the connection; there is
//! one kind of write transaction, and only [`Store::write`] opens it.

pub mod access;
pub mod activity;
pub mod api_keys;
pub mod attention;
pub mod audit;
pub mod caller;
pub mod changes;
pub mod check;
mod checkpoint;
mod conn;
mod dialect;
pub mod directory;
pub mod endpoints;
mod error;
pub mod feed;
mod filter_sql;
mod flush;
pub mod gauges;
pub mod guests;
pub mod health;
pub mod history;
pub mod idempotency;
pub mod ids;
pub mod leases;
mod lock;
mod migrate;
pub mod observations;
pub mod operators;
mod pool;
pub mod pulse;
pub mod registry;
pub mod requests;
mod retry;
pub mod rotation;
mod schema;
pub mod sealed;
pub mod second_factor;
mod server_keys;
pub mod sessions;
pub mod settings;
mod statements;
pub mod system;
pub mod targets;
pub mod tokens;
mod totp;
pub mod transfer;
mod turns;
pub mod twins;
pub mod usage;
pub mod verifications;
pub mod version;
mod watch;
pub mod webhooks;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

pub use caller::Caller;
pub use conn::{Conn, DatabaseUrl};
pub use endpoints::{Endpoint, EndpointId};
pub use error::StoreError;
pub use ids::{Millis, entropy};
pub use watch::Watch;
pub use writer::Tx;

use lock::FileLock;
use pool::{Health, Pool};
use pulse::Pulse;
use registry::Registry;
use sealed::{KeySource, Keyring};
use turns::{Turn, Turns};
use usage::Usage;
use writer::Writer;

/// How long a read waits for its turn with a connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many of one endpoint look through much at the same time.
const LOOKING_AT_ONCE: usize = 2;
/// Connections for reading and for writing together, unless the operator says otherwise.
pub const CONNECTIONS: u32 = 16;
/// Writes of one endpoint that may be in the queue of the one writer of SQLite at the same time.
const QUEUED_AT_ONCE: usize = 256;
/// Connections that one endpoint may hold on PostgreSQL: one writes, the next one is ready.
const WRITING_AT_ONCE: usize = 2;

/// The way to everything that is kept. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    url: DatabaseUrl,
    readers: Pool,
    writes: Writes,
    turns: Arc<Turns>,
    /// Each endpoint's share of the readers that look through much.
    looks: Arc<Turns>,
    /// As many as there are connections to read with: nobody waits for one on a thread of his own.
    reading: Arc<Semaphore>,
    registry: Arc<Registry>,
    usage: Usage,
    requests: requests::Log,
    /// Writes that were asked for and are not answered yet.
    waiting: AtomicUsize,
    cursor_key: [u8; 32],
    keyring: Keyring,
    /// Wakes those who wait for changes.
    pulse: Arc<Pulse>,
    /// As many as may be under way at once.
    snapshots: Arc<Semaphore>,
    /// Keeps a restore from replacing the file under us.
    _in_use: Option<FileLock>,
}

impl Inner {
    fn close_pools(&self) {
        match &self.writes {
            Writes::Grouped(_) => pool::close(&[&self.readers]),
            Writes::Pooled(writers) => pool::close(&[&self.readers, writers]),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Some are made in the background and would be closed there, maybe after the program has ended.
        self.close_pools();
    }
}

enum Writes {
    /// SQLite has one writer: a thread of our own that groups commits.
    Grouped(Writer),
    /// PostgreSQL has as many as there are connections; they are not the readers', so that writers that wait for a
    /// lock keep nobody from reading.
    Pooled(Pool),
}

impl Store {
    /// Opens the database, and for SQLite makes the file and brings it to this release's schema.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`], [`StoreError::NewerSchema`], and for
    /// PostgreSQL [`StoreError::NotMigrated`].
    pub fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        Self::open_with(url, CONNECTIONS)
    }

    /// The same with another number of connections: half of them read, and on PostgreSQL half of them write.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(url: &DatabaseUrl, connections: u32) -> Result<Self, StoreError> {
        Self::open_sealed(url, connections, KeySource::default())
    }

    /// The same with keys, for secrets that must be read again, from elsewhere than the file beside the database.
    ///
    /// # Errors
    /// As [`Store::open`]; the keys are not read before they are needed.
    pub fn open_sealed(url: &DatabaseUrl, connections: u32, keys: KeySource) -> Result<Self, StoreError> {
        let half = (connections / 2).max(1);
        let (health, pulse) = (Arc::new(Health::default()), Arc::new(Pulse::default()));
        let mut in_use = None;
        if let DatabaseUrl::Sqlite(path) = url {
            conn::prepare_file(path)?;
            in_use = Some(FileLock::share(path)?);
        }
        let mut conn = conn::open(url)?;
        let is_file = matches!(url, DatabaseUrl::Sqlite(_));
        if is_file {
            migrate::migrate(&mut conn)?;
        } else {
            migrate::verify(&mut conn)?;
        }
        let registry = Arc::new(Registry::new(server_keys::get(&mut conn, "access")?));
        registry.reload(&mut conn)?;
        let cursor_key = server_keys::get(&mut conn, "cursor")?;
        let (writes, at_once) = if is_file {
            let (reloaded, url) = (registry.clone(), url.clone());
            let pulse = pulse.clone();
            let writer = Writer::start(move || conn::open(&url), move |conn| reloaded.reload(conn), pulse)?;
            (Writes::Grouped(writer), QUEUED_AT_ONCE)
        } else {
            (Writes::Pooled(Pool::new(url, conn::open_to_write, half, &health)?), WRITING_AT_ONCE)
        };
        let readers = Pool::new(url, conn::open, half, &health)?;
        let keyring = Keyring::new(keys, url);
        let (url, usage, turns) = (url.clone(), Usage::default(), Turns::new(at_once));
        Ok(Self(Arc::new(Inner {
            url,
            readers,
            writes,
            turns,
            looks: Turns::new(LOOKING_AT_ONCE),
            reading: Arc::new(Semaphore::new(usize::try_from(half).unwrap_or(1))),
            registry,
            usage,
            requests: requests::Log::default(),
            waiting: AtomicUsize::new(0),
            cursor_key,
            keyring,
            pulse,
            snapshots: Arc::new(Semaphore::new(feed::snapshot::AT_ONCE)),
            _in_use: in_use,
        })))
    }

    /// Brings a database to this release's schema and returns the versions that were applied.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn migrate(url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
        let mut _in_use = None;
        if let DatabaseUrl::Sqlite(path) = url {
            conn::prepare_file(path)?;
            _in_use = Some(FileLock::share(path)?);
        }
        migrate::migrate(&mut conn::open(url)?)
    }

    /// Reads, off the async workers. On PostgreSQL `read` is run again on another connection when its own was lost: it
    /// must begin anew every time.
    ///
    /// # Errors
    /// What `read` returns, or [`StoreError::Unavailable`] when no connection can be had.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pool = self.0.readers.clone();
        let patience = tokio::time::timeout(PATIENCE, self.0.reading.clone().acquire_owned());
        let place = patience.await.ok().and_then(Result::ok).ok_or(StoreError::Busy)?;
        blocking(move || {
            let _held = place;
            retry::again(|| pool.with(&read))
        })
        .await
    }

    /// Looks through a part of one endpoint's directory. Those who do that on one endpoint take turns, so that they do not
    /// use up what the others need.
    ///
    /// # Errors
    /// As [`Store::read`], and [`StoreError::Busy`] when too many wait already.
    pub async fn read_in<T: Send + 'static>(
        &self,
        endpoint: &EndpointId,
        read: impl Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.0.looks.take(endpoint).await?;
        // The turn lasts as long as the work, also when nobody waits for the answer any more.
        self.read(move |conn| {
            let _held = &turn;
            read(conn)
        })
        .await
    }

    /// Reads a row or two. On SQLite, where they are in memory, that is cheaper than handing the work to another
    /// thread; with PostgreSQL, or when all connections are busy, it is [`Store::read`].
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_point<T: Send + 'static>(
        &self,
        read: impl Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if matches!(self.0.writes, Writes::Grouped(_))
            && let Some(outcome) = self.0.readers.try_with(&read)
        {
            return outcome;
        }
        self.read(read).await
    }

    /// Writes in one transaction, all or nothing, and returns once it is on disk.
    ///
    /// On PostgreSQL `write` is run again, a bounded number of times, when the database broke the transaction off because
    /// of others or the connection was lost before the commit: it must begin anew every time, and do nothing outside of
    /// the transaction.
    ///
    /// # Errors
    /// What `write` returns, [`StoreError::Busy`] when too many writes are waiting, or
    /// [`StoreError::Unavailable`]; in every case nothing was written. [`StoreError::InDoubt`] when the answer to the commit
    /// was lost.
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.carry_out(None, write).await
    }

    /// Writes to the directory of one endpoint, whose writers take turns: they wait for each other in the database
    /// anyway, and here they do not use up what other endpoints need.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_in<T: Send + 'static>(
        &self,
        endpoint: &EndpointId,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.0.turns.take(endpoint).await?;
        let endpoint = endpoint.clone();
        self.carry_out(Some((endpoint, turn)), write).await
    }

    async fn carry_out<T: Send + 'static>(
        &self,
        turn: Option<(EndpointId, Turn)>,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let write = move |tx: &mut Tx<'_>| {
            let value = write(tx)?;
            tx.seal()?;
            Ok(value)
        };
        let _counted = Waiting::count(&self.0.waiting);
        let pool = match &self.0.writes {
            Writes::Grouped(writer) => return writer.write(write).await,
            Writes::Pooled(pool) => pool.clone(),
        };
        let (registry, pulse) = (self.0.registry.clone(), self.0.pulse.clone());
        // The turn goes along: it lasts as long as the work, also when nobody waits for the answer any more.
        blocking(move || {
            let endpoint = turn.as_ref().map(|(endpoint, _)| endpoint);
            retry::again(|| pool.with(|conn| written(conn, (&registry, &pulse), endpoint, &write)))
        })
        .await
    }

    /// Carries out the writes that are waiting, and closes every connection: the last one to close a SQLite file takes
    /// its write-ahead log over into it. What is asked for later is refused as unavailable.
    pub async fn close(&self) {
        let inner = self.0.clone();
        let _ = tokio::task::spawn_blocking(move || inner.close_pools()).await;
        if let Writes::Grouped(writer) = &self.0.writes {
            writer.close().await;
        }
    }

    /// Writes that are under way or wait for their turn.
    pub fn writes_waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    /// Connections to the database by what they are for: how many are open, and how many of those are in use.
    pub fn connections(&self) -> Vec<(&'static str, usize, usize)> {
        let of = |name, pool: &Pool| {
            let (open, used) = pool.standing();
            (name, open, used)
        };
        match &self.0.writes {
            Writes::Grouped(_) => vec![of("read", &self.0.readers)],
            Writes::Pooled(writers) => vec![of("read", &self.0.readers), of("write", writers)],
        }
    }

    /// Database statements that were run since the start, those of SQLite's one writer not counted.
    pub fn statements(&self) -> u64 {
        self.0.readers.statements()
    }

    /// Which database it is; shown without what is secret in its address.
    pub fn url(&self) -> &DatabaseUrl {
        &self.0.url
    }

    /// Endpoints and tokens in memory.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// What seals the cursors of lists; the same on every node and after a restart.
    pub fn cursor_key(&self) -> &[u8; 32] {
        &self.0.cursor_key
    }

    /// What seals and opens secrets that must be read again.
    pub fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    /// Who waits for changes is woken by it.
    pub fn pulse(&self) -> &Pulse {
        &self.0.pulse
    }

    /// The whole directory of an endpoint as it is at one moment, part by part, and the cursor that belongs to it.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when as many are under way as may be.
    pub fn snapshot(
        &self,
        endpoint: Arc<Endpoint>,
    ) -> Result<tokio::sync::mpsc::Receiver<Result<feed::snapshot::Part, StoreError>>, StoreError> {
        let permit = self.0.snapshots.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        Ok(feed::snapshot::start(self.0.url.clone(), endpoint, permit))
    }

    /// Where uses and refusals are counted until [`Store::flush_usage`].
    pub fn usage(&self) -> &Usage {
        &self.0.usage
    }

    /// Where requests wait until [`Store::flush_requests`].
    pub fn requests(&self) -> &requests::Log {
        &self.0.requests
    }

    /// Whether the database answers, has this release's schema, and takes writes.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.read(migrate::verify).await?;
        self.write(|_| Ok(())).await
    }

    /// Follows what other processes change, until the answer is dropped: within a second it is known here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the thread cannot be started.
    pub fn watch(&self) -> Result<Watch, StoreError> {
        watch::start(self.0.url.clone(), self.0.registry.clone(), self.0.pulse.clone())
    }
}

/// Counts for as long as somebody waits for a write, also when they go away.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One write on a connection of its own; what is kept in memory follows before the answer.
fn written<T>(
    conn: &mut Conn,
    (registry, pulse): (&Registry, &Pulse),
    endpoint: Option<&EndpointId>,
    write: &impl Fn(&mut Tx<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let (value, wake) = writer::alone(conn, endpoint, write)?;
    wake.tell(pulse);
    if wake.registry_changed
        && let Err(error) = registry.reload(conn)
    {
        // What was written stands; the watch over the registry's version tries again.
        tracing::error!(%error, "the registry could not be reloaded after a change");
    }
    Ok(value)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(StoreError::Unavailable(format!("the work was given up: {e}"))))
}
