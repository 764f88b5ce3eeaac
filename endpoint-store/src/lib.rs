//! Everything that is kept: endpoints, tokens, operators, directories, and the log of changes.
//!
//! One query text serves SQLite (embedded, the default) and PostgreSQL (many nodes). Every function about
//! an endpoint's data takes the endpoint, or a [`Caller`] bound to it, first after the connection; there is
//! one kind of write transaction, and only [`Store::write`] opens it.

pub mod attention;
pub mod caller;
pub mod changes;
pub mod check;
mod conn;
mod dialect;
pub mod directory;
pub mod endpoints;
mod error;
mod filter_sql;
pub mod ids;
mod lock;
mod migrate;
pub mod observations;
pub mod operators;
pub mod registry;
mod schema;
mod server_keys;
pub mod sessions;
pub mod settings;
pub mod tokens;
pub mod transfer;
pub mod usage;
mod writer;

use std::sync::Arc;

pub use caller::Caller;
pub use conn::{Conn, DatabaseUrl};
pub use endpoints::{Endpoint, EndpointId};
pub use error::StoreError;
pub use ids::{Millis, entropy};
pub use writer::Tx;

use lock::FileLock;
use registry::Registry;
use usage::Usage;
use writer::Writer;

const READERS: u32 = 8;
const WRITERS: u32 = 8;

/// The way to everything that is kept. Cheap to clone; every clone is the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    pool: conn::Pool,
    writes: Writes,
    registry: Arc<Registry>,
    usage: Usage,
    cursor_key: [u8; 32],
    /// Keeps a restore from replacing the file under us.
    _in_use: Option<FileLock>,
}

enum Writes {
    /// SQLite has one writer: a thread of our own that groups commits.
    Grouped(Writer),
    /// PostgreSQL has as many as there are connections; they are not the readers', so that writers that wait for a
    /// lock keep nobody from reading.
    Pooled(conn::Pool),
}

impl Store {
    /// Opens the database, and for SQLite makes the file and brings it to this release's schema.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Damaged`], [`StoreError::NewerSchema`], and for
    /// PostgreSQL [`StoreError::NotMigrated`].
    pub fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let registry = Arc::new(Registry::default());
        let cursor_key;
        let mut in_use = None;
        let writes = match url {
            DatabaseUrl::Sqlite(path) => {
                conn::prepare_file(path)?;
                in_use = Some(FileLock::share(path)?);
                let mut conn = conn::open(url)?;
                migrate::migrate(&mut conn)?;
                registry.reload(&mut conn)?;
                cursor_key = server_keys::get(&mut conn, "cursor")?;
                let (reloaded, url) = (registry.clone(), url.clone());
                Writes::Grouped(Writer::start(move || conn::open(&url), move |conn| reloaded.reload(conn))?)
            }
            DatabaseUrl::Postgres(_) => {
                let mut conn = conn::open(url)?;
                migrate::verify(&mut conn)?;
                registry.reload(&mut conn)?;
                cursor_key = server_keys::get(&mut conn, "cursor")?;
                Writes::Pooled(conn::pool(url, WRITERS)?)
            }
        };
        let pool = conn::pool(url, READERS)?;
        Ok(Self(Arc::new(Inner {
            pool,
            writes,
            registry,
            usage: Usage::default(),
            cursor_key,
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

    /// Reads, off the async workers.
    ///
    /// # Errors
    /// What `read` returns, or [`StoreError::Unavailable`] when no connection can be had.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let pool = self.0.pool.clone();
        blocking(move || read(&mut *checkout(&pool)?)).await
    }

    /// Reads a row or two. On SQLite, where they are in memory, that is cheaper than handing the work to another
    /// thread; with PostgreSQL, or when all connections are busy, it is [`Store::read`].
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_point<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if matches!(self.0.writes, Writes::Grouped(_))
            && let Some(mut conn) = self.0.pool.try_get()
        {
            return read(&mut conn);
        }
        self.read(read).await
    }

    /// Writes in one transaction, all or nothing, and returns once it is on disk.
    ///
    /// # Errors
    /// What `write` returns, [`StoreError::Busy`] when too many writes are waiting, or
    /// [`StoreError::Unavailable`]; in every case nothing was written.
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let write = move |tx: &mut Tx<'_>| {
            let value = write(tx)?;
            tx.seal()?;
            Ok(value)
        };
        match &self.0.writes {
            Writes::Grouped(writer) => writer.write(write).await,
            Writes::Pooled(pool) => {
                let (pool, registry) = (pool.clone(), self.0.registry.clone());
                blocking(move || {
                    let conn = &mut *checkout(&pool)?;
                    let (value, changed) = writer::alone(conn, write)?;
                    if changed && let Err(error) = registry.reload(conn) {
                        // What was written stands; the watch over the registry's version tries again.
                        tracing::error!(%error, "the registry could not be reloaded after a change");
                    }
                    Ok(value)
                })
                .await
            }
        }
    }

    /// Endpoints and tokens in memory.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// What seals the cursors of lists; the same on every node and after a restart.
    pub fn cursor_key(&self) -> &[u8; 32] {
        &self.0.cursor_key
    }

    /// Where uses and refusals are counted until [`Store::flush_usage`].
    pub fn usage(&self) -> &Usage {
        &self.0.usage
    }

    /// Whether the database answers, has this release's schema, and takes writes.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.read(migrate::verify).await?;
        self.write(|_| Ok(())).await
    }

    /// Takes over what other processes changed. Called several times a second.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; the next call tries again.
    pub async fn refresh_registry(&self) -> Result<(), StoreError> {
        let registry = self.0.registry.clone();
        self.read(move |conn| registry.refresh(conn)).await
    }

    /// Writes what was counted since the last call; on failure it is kept for the next.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn flush_usage(&self) -> Result<(), StoreError> {
        let Some(batch) = self.0.usage.take().map(Arc::new) else { return Ok(()) };
        let written = batch.clone();
        let outcome = self.write(move |tx| written.write(tx)).await;
        if matches!(outcome, Err(StoreError::Unavailable(_) | StoreError::Busy))
            && let Some(batch) = Arc::into_inner(batch)
        {
            self.0.usage.put_back(batch);
        }
        outcome
    }
}

fn checkout(pool: &conn::Pool) -> Result<r2d2::PooledConnection<conn::Manager>, StoreError> {
    pool.get().map_err(|e| StoreError::Unavailable(format!("no connection to the database: {e}")))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(StoreError::Unavailable(format!("the work was given up: {e}"))))
}
