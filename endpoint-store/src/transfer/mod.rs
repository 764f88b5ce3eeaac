//! Backup, restore and copy: a whole installation as one file, and from one database to another.
//!
//! There is one mechanism. A backup is a SQLite file with every table in it, whatever database it was made from, and a
//! copy is a backup that is restored at once. Rows go over as they are: ids, tokens' digests, the change log. What is
//! read is one snapshot, what is written is one transaction or one file that gets its name when it is whole, and it is
//! read back and compared before that.

mod carry;
mod file;

use std::path::{Path, PathBuf};

use crate::conn::{self, Conn, DatabaseUrl};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::lock::{self, FileLock};
use crate::{dialect, migrate, writer};

/// What went over: each table with the number of its rows.
pub type Tables = Vec<(&'static str, i64)>;

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// What is in the database now.
    pub tables: Tables,
    /// Where the former SQLite file is.
    pub moved_to: Option<PathBuf>,
}

/// Writes everything in the database into a new file, while servers go on.
///
/// # Errors
/// [`StoreError::Refused`] when the file is there already or the database is not.
pub fn backup(source: &DatabaseUrl, file: &Path) -> Result<Tables, StoreError> {
    if file.symlink_metadata().is_ok() {
        return Err(StoreError::refused(format!(
            "{} is there already; a backup never overwrites: choose another name",
            file.display()
        )));
    }
    let _in_use = share(source)?;
    let draft = file::Draft::beside(file)?;
    let tables = export(source, draft.path())?;
    draft.keep(file)?;
    Ok(tables)
}

/// Makes the database what the file holds. A SQLite database must not be in use; one that holds something is only
/// replaced by `force`, and kept under another name. A PostgreSQL database must be empty.
///
/// # Errors
/// [`StoreError::Refused`], [`StoreError::Damaged`] and [`StoreError::NewerSchema`], before anything was changed.
pub fn restore(file: &Path, target: &DatabaseUrl, force: bool, now: Millis) -> Result<Restored, StoreError> {
    if !file.is_file() {
        return Err(StoreError::refused(format!("there is no file {}", file.display())));
    }
    match target {
        DatabaseUrl::Sqlite(path) => {
            let place = file::Place::claim(path, force)?;
            let draft = file::Draft::beside(path)?;
            let tables = file::stage(file, draft.path())?;
            Ok(Restored { tables, moved_to: place.install(draft, now)? })
        }
        DatabaseUrl::Postgres(_) => {
            let mut conn = empty_postgres(target)?;
            // A file of an older release is brought to this one's schema in a copy.
            let draft = file::Draft::anywhere()?;
            file::stage(file, draft.path())?;
            let tables = carry_into(&mut conn::open_backup(draft.path())?, &mut conn)?;
            Ok(Restored { tables, moved_to: None })
        }
    }
}

/// Copies everything from one database to another. The target must be empty, or not there.
///
/// # Errors
/// As [`backup`] and [`restore`].
pub fn copy(source: &DatabaseUrl, target: &DatabaseUrl, now: Millis) -> Result<Tables, StoreError> {
    if source == target {
        return Err(StoreError::refused("a database cannot be copied onto itself"));
    }
    let _in_use = share(source)?;
    match target {
        DatabaseUrl::Sqlite(path) => {
            let place = file::Place::claim(path, false)?;
            let draft = file::Draft::beside(path)?;
            let tables = export(source, draft.path())?;
            place.install(draft, now)?;
            Ok(tables)
        }
        DatabaseUrl::Postgres(_) => {
            let mut from = conn::open(source)?;
            migrate::verify(&mut from)?;
            carry_into(&mut from, &mut empty_postgres(target)?)
        }
    }
}

/// Whether a server or a command has this database open, as far as that can be told: SQLite only.
pub fn is_in_use(database: &DatabaseUrl) -> bool {
    matches!(database, DatabaseUrl::Sqlite(path) if lock::is_in_use(path))
}

/// A SQLite database that is to be read must be there, and stay.
fn share(source: &DatabaseUrl) -> Result<Option<FileLock>, StoreError> {
    let DatabaseUrl::Sqlite(path) = source else { return Ok(None) };
    if !path.is_file() {
        return Err(StoreError::refused(format!(
            "there is no database {source}; name another with --database"
        )));
    }
    FileLock::share(path).map(Some)
}

/// Fills an empty file with what the database holds at this moment.
fn export(source: &DatabaseUrl, file: &Path) -> Result<Tables, StoreError> {
    let mut from = conn::open(source)?;
    migrate::verify(&mut from)?;
    if dialect::snapshot_into(&mut from, file)? {
        return file::check(file);
    }
    let mut draft = conn::open_draft(file)?;
    migrate::migrate(&mut draft)?;
    let tables = carry_into(&mut from, &mut draft)?;
    drop(draft);
    file::check(file)?;
    Ok(tables)
}

/// A PostgreSQL database of this release's schema in which nobody has done anything.
fn empty_postgres(target: &DatabaseUrl) -> Result<Conn, StoreError> {
    let mut conn = conn::open(target)?;
    migrate::migrate(&mut conn)?;
    refuse_used(&mut conn, "make an empty database and name that one")?;
    Ok(conn)
}

/// Refuses a database with endpoints or operators in it.
fn refuse_used(conn: &mut Conn, what_to_do: &str) -> Result<(), StoreError> {
    use crate::schema::{endpoints, operators};
    use diesel::prelude::*;
    let endpoints: i64 = endpoints::table.count().get_result(conn)?;
    let operators: i64 = operators::table.count().get_result(conn)?;
    if endpoints + operators == 0 {
        return Ok(());
    }
    Err(StoreError::refused(format!(
        "the database holds {endpoints} endpoints and {operators} operators already, and nothing is overwritten; \
         {what_to_do}"
    )))
}

/// One transaction: everything that `from` holds takes the place of what little is in `to`, is read back, and compared.
fn carry_into(from: &mut Conn, to: &mut Conn) -> Result<Tables, StoreError> {
    dialect::begin_snapshot(from)?;
    let outcome = writer::alone(to, None, |tx| {
        dialect::be_patient(tx)?;
        // Once more, now that it is this transaction's.
        refuse_used(tx, "make an empty database and name that one")?;
        dialect::tables::clear(tx)?;
        let sent = carry::send(from, tx)?;
        let arrived = carry::read(tx)?;
        match sent.iter().zip(&arrived).find(|(sent, arrived)| sent != arrived) {
            None => Ok(sent.into_iter().map(|(table, print)| (table, print.rows)).collect()),
            Some((sent, _)) => Err(StoreError::Damaged(format!(
                "the table {} did not arrive as it was sent; nothing was written",
                sent.0
            ))),
        }
    });
    dialect::rollback(from);
    outcome.map(|(tables, _)| tables)
}
