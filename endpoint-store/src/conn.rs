//! Connections: which database, how it is opened, and the pool that hands them out.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::error::StoreError;

/// A connection to either database. One query text serves both; `dialect.rs` has the few exceptions.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// The embedded database.
    Sqlite(SqliteConnection),
    /// The shared database of many nodes.
    Postgres(PgConnection),
}

/// Where everything is kept: `sqlite:PATH` or `postgres://…`. No other scheme is accepted.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// Path of the database file; its folder is made if missing.
    Sqlite(PathBuf),
    /// A libpq URL; it may hold a password and is therefore never printed.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err("the path is missing after `sqlite:`; for example sqlite:data/scim.db".into());
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err("a database is named sqlite:PATH or postgres://USER@HOST/NAME".into())
    }
}

impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Makes the folder and the file, readable by their owner only: the file holds people's data.
pub(crate) fn prepare_file(path: &Path) -> Result<(), StoreError> {
    let say = |what: &str, error: std::io::Error| {
        StoreError::Unavailable(format!("cannot {what} {}: {error}", path.display()))
    };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty() && !f.exists()) {
        std::fs::create_dir_all(folder).map_err(|e| say("make the folder of", e))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|e| say("open", e))
}

/// Opens one connection and sets what every connection needs.
pub(crate) fn open(url: &DatabaseUrl) -> Result<Conn, StoreError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.to_str().ok_or_else(|| StoreError::refused("the database path is not UTF-8"))?;
            let mut conn = SqliteConnection::establish(path)
                .map_err(|e| StoreError::Unavailable(format!("cannot open {path}: {e}")))?;
            // FULL: an answered write survives power loss. busy_timeout: the CLI may write while a server runs.
            conn.batch_execute(
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
            )?;
            Ok(Conn::Sqlite(conn))
        }
        DatabaseUrl::Postgres(url) => {
            let mut conn = PgConnection::establish(url)
                .map_err(|e| StoreError::Unavailable(format!("cannot connect to PostgreSQL: {e}")))?;
            conn.batch_execute("SET statement_timeout = '30s'; SET lock_timeout = '10s';")?;
            Ok(Conn::Postgres(conn))
        }
    }
}

/// Opens a SQLite file that is a whole database and is only read: a backup.
pub(crate) fn open_backup(path: &Path) -> Result<Conn, StoreError> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let name = absolute.to_str().ok_or_else(|| StoreError::refused("the path of the file is not UTF-8"))?;
    // In a URI these three mean something else.
    let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let mut conn = SqliteConnection::establish(&format!("file:{name}?mode=ro"))
        .map_err(|e| StoreError::Unavailable(format!("cannot open {}: {e}", path.display())))?;
    conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY;")?;
    Ok(Conn::Sqlite(conn))
}

/// Opens a SQLite file that nobody else knows of yet: it is made as a whole, or thrown away.
pub(crate) fn open_draft(path: &Path) -> Result<Conn, StoreError> {
    let name = path.to_str().ok_or_else(|| StoreError::refused("the path of the file is not UTF-8"))?;
    let mut conn = SqliteConnection::establish(name)
        .map_err(|e| StoreError::Unavailable(format!("cannot open {name}: {e}")))?;
    conn.batch_execute(
        "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; \
         PRAGMA temp_store = MEMORY; PRAGMA cache_size = -131072;",
    )?;
    Ok(Conn::Sqlite(conn))
}

/// r2d2's way to make connections. The derived one hides why opening failed.
pub(crate) struct Manager(pub(crate) DatabaseUrl);

impl r2d2::ManageConnection for Manager {
    type Connection = Conn;
    type Error = StoreError;

    fn connect(&self) -> Result<Conn, StoreError> {
        open(&self.0)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), StoreError> {
        Ok(conn.batch_execute("SELECT 1")?)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        use diesel::connection::TransactionManager;
        <Conn as Connection>::TransactionManager::is_broken_transaction_manager(conn)
            || std::thread::panicking()
    }
}

pub(crate) type Pool = r2d2::Pool<Manager>;

pub(crate) fn pool(url: &DatabaseUrl, size: u32) -> Result<Pool, StoreError> {
    let shared = matches!(url, DatabaseUrl::Postgres(_));
    r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(1))
        // A query at every checkout costs more than the read itself on SQLite; a remote server may have gone away.
        .test_on_check_out(shared)
        .connection_timeout(Duration::from_secs(5))
        .error_handler(Box::new(r2d2::NopErrorHandler))
        .build(Manager(url.clone()))
        .map_err(|e| StoreError::Unavailable(e.to_string()))
}
