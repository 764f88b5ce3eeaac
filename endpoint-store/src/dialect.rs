//! The only file that asks which database it is: transactions and row locks.

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;

/// Begins the one kind of write transaction.
///
/// SQLite takes the write lock at once: a transaction that reads first and writes later fails with
/// "database is locked" whatever the timeout.
pub(crate) fn begin_write(conn: &mut Conn) -> Result<(), StoreError> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?,
        Conn::Postgres(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN")?,
    }
    Ok(())
}

/// Commits what [`begin_write`] began.
pub(crate) fn commit(conn: &mut Conn) -> Result<(), StoreError> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::commit_transaction(c)?,
        Conn::Postgres(c) => AnsiTransactionManager::commit_transaction(c)?,
    }
    Ok(())
}

/// Rolls back what [`begin_write`] began; a failure here leaves a connection that the pool discards.
pub(crate) fn rollback(conn: &mut Conn) {
    let outcome = match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::rollback_transaction(c),
        Conn::Postgres(c) => AnsiTransactionManager::rollback_transaction(c),
    };
    if let Err(error) = outcome {
        tracing::warn!(%error, "rolling back failed");
    }
}

/// Makes the writers of one endpoint's directory wait for each other until the transaction ends: the first statement
/// of every directory write.
///
/// They meet at this row anyway, where the change log takes its number. Taken first, it keeps them from meeting
/// anywhere else in another order. SQLite has one writer.
pub(crate) fn lock_endpoint(conn: &mut Conn, endpoint: &EndpointId) -> Result<(), StoreError> {
    use crate::schema::endpoint_progress;
    if let Conn::Postgres(c) = conn {
        endpoint_progress::table
            .filter(endpoint_progress::endpoint_id.eq(endpoint.as_str()))
            .select(endpoint_progress::endpoint_id)
            .for_update()
            .load::<String>(c)?;
    }
    Ok(())
}

/// What the database itself says about its health; empty when sound.
pub(crate) fn integrity_faults(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    #[derive(QueryableByName)]
    struct Orphan {
        #[diesel(sql_type = diesel::sql_types::Text)]
        table: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        parent: String,
    }
    let Conn::Sqlite(c) = conn else {
        // PostgreSQL checks its constraints at every write and its pages at every read.
        return Ok(Vec::new());
    };
    let mut faults: Vec<String> = diesel::sql_query("PRAGMA integrity_check")
        .load::<Line>(c)?
        .into_iter()
        .map(|line| line.integrity_check)
        .filter(|line| line != "ok")
        .collect();
    let orphans = diesel::sql_query("PRAGMA foreign_key_check").load::<Orphan>(c)?;
    faults.extend(orphans.iter().map(|o| format!("a row of {} points to nothing in {}", o.table, o.parent)));
    Ok(faults)
}
