//! The only file that asks which database it is: transactions, row locks, inserts that may find their row there.

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

/// Makes writers of one resource wait for each other until the transaction ends.
///
/// SQLite has one writer anyway. PostgreSQL would otherwise silently lose one of two concurrent updates.
pub(crate) fn lock_resource(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<(), StoreError> {
    use crate::schema::resources;
    if let Conn::Postgres(c) = conn {
        resources::table
            .filter(resources::endpoint_id.eq(endpoint.as_str()))
            .filter(resources::id.eq(id))
            .select(resources::id)
            .for_update()
            .load::<String>(c)?;
    }
    Ok(())
}

/// Makes the row of counters of a type unless it is there. Of several that make it at once all but one wait for that
/// one, holding no other lock.
pub(crate) fn make_counts(
    conn: &mut Conn,
    endpoint: &EndpointId,
    resource_type: &str,
) -> Result<(), StoreError> {
    use crate::schema::resource_counts::{dsl, table};
    let row = (
        dsl::endpoint_id.eq(endpoint.as_str()),
        dsl::resource_type.eq(resource_type),
        dsl::visible.eq(0_i64),
        dsl::hidden.eq(0_i64),
    );
    match conn {
        Conn::Sqlite(c) => diesel::insert_into(table).values(row).on_conflict_do_nothing().execute(c)?,
        Conn::Postgres(c) => diesel::insert_into(table).values(row).on_conflict_do_nothing().execute(c)?,
    };
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
