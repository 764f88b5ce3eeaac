//! SQL on a test's database, for what no interface of the product can do: breaking it, and counting rows.

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, SqliteConnection};

use crate::support::backend::Database;

/// Runs statements without regard for what refers to what.
pub(crate) fn execute(database: &Database, sql: &str) {
    let outcome = if database.url.starts_with("sqlite:") {
        let path = database.sqlite_file();
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        connection.batch_execute(&format!("PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = OFF; {sql}"))
    } else {
        let mut connection = PgConnection::establish(&database.url).unwrap();
        connection.batch_execute(&format!("SET session_replication_role = replica; {sql}"))
    };
    outcome.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The one number that a query gives.
pub(crate) fn number(database: &Database, sql: &str) -> i64 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        number: i64,
    }
    let query = diesel::sql_query(format!("SELECT ({sql}) AS number"));
    let row: Row = if database.url.starts_with("sqlite:") {
        let path = database.sqlite_file();
        query.get_result(&mut SqliteConnection::establish(path.to_str().unwrap()).unwrap()).unwrap()
    } else {
        query.get_result(&mut PgConnection::establish(&database.url).unwrap()).unwrap()
    };
    row.number
}

/// The names that a query gives in a column `name`.
pub(crate) fn names(database: &Database, sql: &str) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let query = diesel::sql_query(sql);
    let rows: Vec<Row> = if database.url.starts_with("sqlite:") {
        let path = database.sqlite_file();
        query.load(&mut SqliteConnection::establish(path.to_str().unwrap()).unwrap()).unwrap()
    } else {
        query.load(&mut PgConnection::establish(&database.url).unwrap()).unwrap()
    };
    rows.into_iter().map(|row| row.name).collect()
}
