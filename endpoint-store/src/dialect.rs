//! The only file that asks which database it is: transactions, row locks, messages, and (in `tables`) whole tables.

use std::collections::BTreeSet;

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager};
use diesel::prelude::*;
use diesel::query_dsl::LoadQuery;
use diesel::result::Error as DieselError;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::writer::Tx;

pub(crate) mod spaces;
pub(crate) mod tables;

/// Runs a query on the connection itself instead of through the common one. Diesel then finds its prepared statement by the
/// type of the query; through the common one the text is built anew every time, to be looked up by. For what many requests run.
macro_rules! on_each {
    ($conn:expr, $c:ident => $run:expr) => {
        match &mut *$conn {
            $crate::conn::Conn::Sqlite($c) => $run,
            $crate::conn::Conn::Postgres($c) => $run,
        }
    };
}
pub(crate) use on_each;

/// Begins the one kind of write transaction.
///
/// SQLite takes the write lock at once: a transaction that reads first and writes later fails with
/// "database is locked" whatever the timeout.
///
/// PostgreSQL also takes the lock of [`lock_endpoint`] in the same round trip when the endpoint is told.
pub(crate) fn begin_write(conn: &mut Conn, endpoint: Option<&EndpointId>) -> Result<(), StoreError> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?,
        Conn::Postgres(c) => match endpoint {
            None => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN")?,
            Some(endpoint) => {
                let quoted = endpoint.as_str().replace('\'', "''");
                let both = format!(
                    "BEGIN; SELECT 1 FROM endpoint_progress WHERE endpoint_id = '{quoted}' FOR UPDATE"
                );
                AnsiTransactionManager::begin_transaction_sql(c, &both)?;
            }
        },
    }
    Ok(())
}

/// Begins a transaction that sees the database as it is at its first query, however long it reads. It ends by
/// [`rollback`]. It keeps no writer waiting.
pub(crate) fn begin_snapshot(conn: &mut Conn) -> Result<(), StoreError> {
    match conn {
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN DEFERRED")?,
        Conn::Postgres(c) => {
            AnsiTransactionManager::begin_transaction_sql(
                c,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            )?;
            diesel::sql_query("SET LOCAL statement_timeout = 0").execute(c)?;
        }
    }
    Ok(())
}

/// Lets the statements of the present transaction take as long as they need.
pub(crate) fn be_patient(conn: &mut Conn) -> Result<(), StoreError> {
    if let Conn::Postgres(c) = conn {
        diesel::sql_query("SET LOCAL statement_timeout = 0").execute(c)?;
    }
    Ok(())
}

/// Writes the whole of a SQLite database, as it is at this moment, into an empty file. Writers go on meanwhile.
///
/// False for a database that cannot do that.
pub(crate) fn snapshot_into(conn: &mut Conn, file: &std::path::Path) -> Result<bool, StoreError> {
    let Conn::Sqlite(c) = conn else { return Ok(false) };
    let name = file.to_str().ok_or_else(|| StoreError::refused("the path of the file is not UTF-8"))?;
    diesel::sql_query("VACUUM INTO ?").bind::<diesel::sql_types::Text, _>(name).execute(c)?;
    Ok(true)
}

/// Whether a SQLite database has a table of this name.
pub(crate) fn has_table(conn: &mut Conn, name: &str) -> Result<bool, StoreError> {
    let Conn::Sqlite(c) = conn else { return Ok(false) };
    let found: i64 = diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ",
    )
    .bind::<diesel::sql_types::Text, _>(name)
    .get_result(c)?;
    Ok(found > 0)
}

/// Takes the write-ahead log over into the file as far as that keeps nobody waiting, if at least so many pages of it
/// have not been.
pub(crate) fn checkpoint(conn: &mut Conn, worth: i64) -> Result<(), StoreError> {
    #[derive(QueryableByName)]
    struct Log {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        log: i64,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        checkpointed: i64,
    }
    let Conn::Sqlite(c) = conn else { return Ok(()) };
    let log: Log = diesel::sql_query("PRAGMA wal_checkpoint(NOOP)").get_result(c)?;
    if log.log - log.checkpointed >= worth {
        c.batch_execute("PRAGMA wal_checkpoint(PASSIVE)")?;
    }
    Ok(())
}

/// Takes what is in the write-ahead log over into the file itself.
pub(crate) fn empty_wal(conn: &mut Conn) -> Result<(), StoreError> {
    if let Conn::Sqlite(c) = conn {
        c.batch_execute("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// Commits what [`begin_write`] began.
///
/// # Errors
/// [`StoreError::InDoubt`] when the connection broke before the answer: the server may have committed.
pub(crate) fn commit(conn: &mut Conn) -> Result<(), StoreError> {
    match conn {
        Conn::Sqlite(c) => Ok(AnsiTransactionManager::commit_transaction(c)?),
        Conn::Postgres(c) => {
            AnsiTransactionManager::commit_transaction(c).map_err(|error| match StoreError::from(error) {
                StoreError::Lost(reason) => StoreError::InDoubt(reason),
                other => other,
            })
        }
    }
}

/// Asks to be told of changes of the registry and of directories.
pub(crate) fn listen(conn: &mut Conn) -> Result<(), StoreError> {
    if let Conn::Postgres(c) = conn {
        c.batch_execute("LISTEN scim_registry; LISTEN scim_changes")?;
    }
    Ok(())
}

/// Tells those who listen, once the transaction is committed.
pub(crate) fn tell(conn: &mut Conn) -> Result<(), StoreError> {
    if let Conn::Postgres(c) = conn {
        c.batch_execute("NOTIFY scim_registry")?;
    }
    Ok(())
}

/// Whether this kind of database tells at all.
pub(crate) fn tells(conn: &Conn) -> bool {
    matches!(conn, Conn::Postgres(_))
}

/// Tells those who listen that these endpoints changed. Not part of the writes that changed them: transactions that
/// notify wait for each other at their commit.
pub(crate) fn tell_changes(conn: &mut Conn, endpoints: &[&str]) -> Result<(), StoreError> {
    use diesel::sql_types::{Array, Text};
    if let Conn::Postgres(c) = conn {
        diesel::sql_query("SELECT pg_notify('scim_changes', endpoint) FROM unnest($1) AS endpoint")
            .bind::<Array<Text>, _>(endpoints)
            .execute(c)?;
    }
    Ok(())
}

/// What was told since the last call.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) registry: bool,
    /// Endpoints that changed.
    pub(crate) endpoints: BTreeSet<String>,
}

/// Which messages came since the last call; looks only at what has arrived.
pub(crate) fn was_told(conn: &mut Conn) -> Result<Told, StoreError> {
    let mut told = Told::default();
    let Conn::Postgres(c) = conn else { return Ok(told) };
    for message in c.notifications_iter() {
        let message = message?;
        if message.channel == "scim_changes" {
            told.endpoints.insert(message.payload);
        } else {
            told.registry = true;
        }
    }
    Ok(told)
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
pub(crate) fn lock_endpoint(tx: &mut Tx<'_>, endpoint: &EndpointId) -> Result<(), StoreError> {
    use crate::schema::endpoint_progress;
    if !tx.locks(endpoint)
        && let Conn::Postgres(c) = &mut **tx
    {
        endpoint_progress::table
            .filter(endpoint_progress::endpoint_id.eq(endpoint.as_str()))
            .select(endpoint_progress::endpoint_id)
            .for_update()
            .load::<String>(c)?;
    }
    Ok(())
}

/// Runs a statement that only PostgreSQL knows and gives its rows; `None` on SQLite, where the caller goes the longer way.
pub(crate) fn at_once<'q, S>(conn: &mut Conn, statement: S) -> Result<Option<Vec<i64>>, DieselError>
where
    S: LoadQuery<'q, PgConnection, i64>,
{
    match conn {
        Conn::Sqlite(_) => Ok(None),
        Conn::Postgres(c) => statement.internal_load(c)?.collect::<QueryResult<_>>().map(Some),
    }
}

/// Runs a statement that both databases know by the same text, and gives its rows.
pub(crate) fn stated<'q, S>(conn: &mut Conn, statement: S) -> Result<Vec<i64>, DieselError>
where
    S: LoadQuery<'q, SqliteConnection, i64> + LoadQuery<'q, PgConnection, i64>,
{
    on_each!(conn, c => statement.internal_load(c)?.collect())
}

/// The condition of the index of those that are not in use, on a table of this name, in the very words that the index has:
/// SQLite takes it for no others.
pub(crate) fn not_in_use(conn: &Conn, table: &str) -> String {
    match conn {
        Conn::Sqlite(_) => format!("{table}.active = 0"),
        Conn::Postgres(_) => format!("NOT {table}.active"),
    }
}

/// Whether [`at_once`] does anything here.
pub(crate) fn has_at_once(conn: &Conn) -> bool {
    matches!(conn, Conn::Postgres(_))
}

/// Makes whoever changes what belongs to one operator wait for each other until the transaction ends.
pub(crate) fn lock_operator(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    use crate::schema::operators;
    if let Conn::Postgres(c) = conn {
        operators::table.filter(operators::id.eq(id)).select(operators::id).for_update().load::<String>(c)?;
    }
    Ok(())
}

/// Makes whoever changes accounts wait for each other until the transaction ends. Accounts are few.
pub(crate) fn lock_operators(conn: &mut Conn) -> Result<(), StoreError> {
    use crate::schema::operators;
    if let Conn::Postgres(c) = conn {
        operators::table.order(operators::id).select(operators::id).for_update().load::<String>(c)?;
    }
    Ok(())
}

/// The end of the audit log's chain, position and hash. Whoever adds to it waits here for the one before, until the
/// transaction ends.
pub(crate) fn lock_audit_head(conn: &mut Conn) -> Result<(i64, Vec<u8>), StoreError> {
    use crate::schema::audit_head;
    let head =
        audit_head::table.filter(audit_head::id.eq(1)).select((audit_head::position, audit_head::hash));
    Ok(match conn {
        Conn::Sqlite(c) => head.get_result(c)?,
        Conn::Postgres(c) => head.for_update().get_result(c)?,
    })
}

/// What the database says it is, and how many bytes it takes.
pub(crate) fn about(conn: &mut Conn) -> Result<(String, i64), StoreError> {
    #[derive(QueryableByName)]
    struct About {
        #[diesel(sql_type = diesel::sql_types::Text)]
        version: String,
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        bytes: i64,
    }
    let (name, about): (_, About) = match conn {
        Conn::Sqlite(c) => (
            "SQLite",
            diesel::sql_query(
                "SELECT sqlite_version() AS version, page_count * page_size AS bytes \
                 FROM pragma_page_count(), pragma_page_size()",
            )
            .get_result(c)?,
        ),
        Conn::Postgres(c) => (
            "PostgreSQL",
            diesel::sql_query(
                "SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS bytes",
            )
            .get_result(c)?,
        ),
    };
    Ok((format!("{name} {}", about.version), about.bytes))
}

/// What the database itself says about its health; empty when sound.
pub(crate) fn integrity_faults(conn: &mut Conn) -> Result<Vec<String>, StoreError> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let Conn::Sqlite(c) = conn else {
        // PostgreSQL checks its pages at every read.
        return Ok(Vec::new());
    };
    let lines = diesel::sql_query("PRAGMA integrity_check").load::<Line>(c)?;
    Ok(lines.into_iter().map(|line| line.integrity_check).filter(|line| line != "ok").collect())
}

/// A sentence about a row that points to nothing, if there is one.
pub(crate) fn dangling_row(conn: &mut Conn) -> Result<Option<String>, StoreError> {
    #[derive(QueryableByName)]
    struct Orphan {
        #[diesel(sql_type = diesel::sql_types::Text)]
        table: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        parent: String,
    }
    let Conn::Sqlite(c) = conn else {
        // PostgreSQL checks its constraints at every write.
        return Ok(None);
    };
    let orphan = diesel::sql_query("SELECT \"table\", parent FROM pragma_foreign_key_check() LIMIT 1");
    let orphan: Option<Orphan> = orphan.get_result(c).optional()?;
    Ok(orphan.map(|o| format!("a row of {} points to nothing in {}", o.table, o.parent)))
}
