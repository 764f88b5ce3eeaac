//! Bringing a database to the schema of this release, and refusing one that is ahead of it.

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::conn::Conn;
use crate::error::StoreError;

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// Applies what is missing and returns the versions applied, oldest first.
///
/// # Errors
/// [`StoreError::NewerSchema`] when the database has a migration that this release does not know.
pub(crate) fn migrate(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    match conn {
        Conn::Sqlite(c) => apply(c, SQLITE),
        Conn::Postgres(c) => apply(c, POSTGRES),
    }
}

/// Refuses a database that is ahead of this release or behind it, and changes nothing.
pub(crate) fn verify(conn: &mut Conn) -> Result<(), StoreError> {
    if is_older(conn)? { Err(StoreError::NotMigrated) } else { Ok(()) }
}

/// Refuses a database of a newer release, and says whether it lacks migrations.
pub(crate) fn is_older(conn: &mut Conn) -> Result<bool, StoreError> {
    let pending = match conn {
        Conn::Sqlite(c) => pending(c, &SQLITE)?,
        Conn::Postgres(c) => pending(c, &POSTGRES)?,
    };
    Ok(pending > 0)
}

/// The versions that were applied, the oldest first.
pub(crate) fn applied(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    let applied = match conn {
        Conn::Sqlite(c) => c.applied_migrations(),
        Conn::Postgres(c) => c.applied_migrations(),
    };
    let mut versions: Vec<String> = applied.map_err(|e| sort(&*e))?.iter().map(ToString::to_string).collect();
    versions.sort();
    Ok(versions)
}

fn apply<DB: Backend>(
    conn: &mut impl MigrationHarness<DB>,
    source: EmbeddedMigrations,
) -> Result<Vec<String>, StoreError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    pending(conn, &source)?;
    let applied = conn.run_pending_migrations(source).map_err(|e| sort(&*e))?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn pending<DB: Backend>(
    conn: &mut impl MigrationHarness<DB>,
    source: &EmbeddedMigrations,
) -> Result<usize, StoreError>
where
    EmbeddedMigrations: MigrationSource<DB>,
{
    let applied = conn.applied_migrations().map_err(|e| sort(&*e))?;
    let known: Vec<MigrationVersion<'static>> = MigrationSource::<DB>::migrations(source)
        .map_err(|e| sort(&*e))?
        .iter()
        .map(|m| Migration::<DB>::name(m).version().as_owned())
        .collect();
    match applied.iter().find(|version| !known.contains(version)) {
        Some(unknown) => Err(StoreError::NewerSchema { found: unknown.to_string() }),
        None => Ok(known.len() - applied.len()),
    }
}

fn sort(error: &(dyn std::error::Error + Send + Sync + 'static)) -> StoreError {
    match error.downcast_ref::<diesel::result::Error>() {
        Some(diesel::result::Error::DatabaseError(_, info)) => {
            let text = info.message().to_owned();
            if text.contains("not a database") || text.contains("malformed") {
                StoreError::Damaged(text)
            } else {
                StoreError::Unavailable(text)
            }
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}
