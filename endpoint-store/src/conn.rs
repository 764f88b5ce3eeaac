//! Connections: which database, and how it is opened.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::checkpoint::LONGEST;

/// How much of a SQLite file is read where the system has it in memory already, in bytes: no copy and no system call per page.
/// What lies behind is read the usual way.
const MAPPED: u64 = 0x7fff_0000;
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

/// Opens a connection that writes: its statements are few and find one row each, so that PostgreSQL plans each of them
/// once and not for every execution, which takes as long as the writing.
pub(crate) fn open_to_write(url: &DatabaseUrl) -> Result<Conn, StoreError> {
    let mut conn = open(url)?;
    if let Conn::Postgres(c) = &mut conn {
        c.batch_execute("SET plan_cache_mode = 'force_generic_plan'")?;
    }
    Ok(conn)
}

/// Opens one connection and sets what every connection needs.
pub(crate) fn open(url: &DatabaseUrl) -> Result<Conn, StoreError> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let path = path.to_str().ok_or_else(|| StoreError::refused("the database path is not UTF-8"))?;
            let mut conn = SqliteConnection::establish(path)
                .map_err(|e| StoreError::Unavailable(format!("cannot open {path}: {e}")))?;
            // FULL: an answered write survives power loss. busy_timeout: the CLI may write while a server runs.
            conn.batch_execute(&format!(
                "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = {LONGEST}; \
                 PRAGMA mmap_size = {MAPPED};",
            ))?;
            Ok(Conn::Sqlite(conn))
        }
        DatabaseUrl::Postgres(url) => {
            let mut conn = PgConnection::establish(&bounded(url))
                .map_err(|e| StoreError::Unavailable(format!("cannot connect to PostgreSQL: {e}")))?;
            conn.batch_execute(
                "SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET client_min_messages = 'error';",
            )?;
            speak_english(&mut conn);
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

/// Adds bounds to a libpq URL that does not set them itself: a server that has gone silent is noticed within seconds,
/// not after the hours that TCP allows.
fn bounded(url: &str) -> String {
    const BOUNDS: [(&str, &str); 5] = [
        ("connect_timeout", "3"),
        ("tcp_user_timeout", "10000"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "5"),
        ("keepalives_count", "2"),
    ];
    let mut bounded = url.to_owned();
    for (name, value) in BOUNDS {
        if !url.contains(&format!("{name}=")) {
            let separator = if bounded.contains('?') { '&' } else { '?' };
            bounded.push_str(&format!("{separator}{name}={value}"));
        }
    }
    bounded
}

/// Failures are told apart by their words where diesel keeps the code to itself. Only a superuser may choose the
/// language; where another may not, what is not understood counts as a fault instead of being tried again.
fn speak_english(conn: &mut PgConnection) {
    let asked = conn.batch_execute(
        "SELECT set_config('lc_messages', 'C', false) \
         WHERE current_setting('lc_messages') !~* '^(c|posix|en)([._-]|$)' AND current_setting('lc_messages') <> ''",
    );
    if let Err(error) = asked {
        tracing::warn!(%error, "PostgreSQL speaks another language than English; set lc_messages = 'C' for its role");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_added_and_those_of_the_operator_stay() {
        let plain = bounded("postgres://u@h/db");
        assert!(plain.starts_with("postgres://u@h/db?connect_timeout=3&"), "{plain}");
        assert!(plain.contains("&tcp_user_timeout=10000"));
        let own = bounded("postgres://u@h/db?sslmode=require&connect_timeout=60");
        assert!(own.contains("connect_timeout=60") && !own.contains("connect_timeout=3&"), "{own}");
        assert!(own.contains("sslmode=require&"));
    }
}
