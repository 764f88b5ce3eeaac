//! What is known of the database itself: for whoever runs the server.

use diesel::prelude::*;

use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::migrate;
use crate::schema::leases;

/// Work in the background, and until when one of the servers has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is done.
    pub name: String,
    /// By which process; a name that it made itself when it started.
    pub holder: String,
    /// Until when, unless it is renewed.
    pub until: Millis,
}

/// The database at one moment.
#[derive(Debug, Clone)]
pub struct Database {
    /// What it says it is: `SQLite 3.50.4`, `PostgreSQL 15.14`.
    pub version: String,
    /// Bytes on its disk; of SQLite without the write-ahead log.
    pub bytes: i64,
    /// The migrations that were applied, the oldest first.
    pub migrations: Vec<String>,
    /// Who does what in the background.
    pub leases: Vec<Lease>,
}

/// Most leases that are told; there is one for each kind of work and each webhook and target.
const LEASES: i64 = 50;

/// Looks at the database.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn database(conn: &mut Conn) -> Result<Database, StoreError> {
    let (version, bytes) = dialect::about(conn)?;
    let rows: Vec<(String, String, i64)> = leases::table
        .order(leases::until.desc())
        .limit(LEASES)
        .select((leases::name, leases::holder, leases::until))
        .load(conn)?;
    let leases = rows.into_iter().map(|(name, holder, until)| Lease { name, holder, until }).collect();
    Ok(Database { version, bytes, migrations: migrate::applied(conn)?, leases })
}
