//! A second database beside the one in use: a schema of its own on PostgreSQL, a folder of its own with SQLite.
//!
//! Whoever makes one claims it for as long as it lives: by a lock that ends with the process or its connection, however
//! that ends. One that nobody claims was left behind.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use crate::conn::{self, Conn, DatabaseUrl};
use crate::error::StoreError;
use crate::ids::entropy;
use crate::lock::{FileLock, beside};

/// What stands between the name of the database file and the number of a folder beside it.
const FOLDER: &str = "-twin-";
/// What the name of a schema begins with.
const SCHEMA: &str = "scim_twin_";
/// The file in such a folder.
const FILE: &str = "twin.db";

/// A place of its own for a whole database, and the claim on it.
pub(crate) enum Space {
    Folder { path: PathBuf, _claim: FileLock },
    Schema { name: String, claim: Conn },
}

impl Space {
    /// Makes an empty one beside this database.
    pub(crate) fn make(beside_url: &DatabaseUrl) -> Result<Self, StoreError> {
        let number = i64::from_ne_bytes(entropy::<8>()) & i64::MAX;
        match beside_url {
            DatabaseUrl::Sqlite(file) => {
                let path = beside(&real(file), &format!("{FOLDER}{number:016x}"));
                make_folder(&path)?;
                let claim = FileLock::share(&path.join(FILE))?;
                Ok(Self::Folder { path, _claim: claim })
            }
            DatabaseUrl::Postgres(_) => {
                let name = format!("{SCHEMA}{number:016x}");
                let mut claim = conn::open(beside_url)?;
                if !try_claim(&mut claim, number)? {
                    return Err(StoreError::Busy);
                }
                execute(&mut claim, &format!("CREATE SCHEMA {name}")).map_err(may_not)?;
                Ok(Self::Schema { name, claim })
            }
        }
    }

    /// Names the database in it.
    pub(crate) fn url(&self, beside_url: &DatabaseUrl) -> DatabaseUrl {
        match (self, beside_url) {
            (Self::Schema { name, .. }, DatabaseUrl::Postgres(url)) => {
                DatabaseUrl::Postgres(within(url, name))
            }
            (Self::Folder { path, .. }, _) => DatabaseUrl::Sqlite(path.join(FILE)),
            (Self::Schema { .. }, DatabaseUrl::Sqlite(_)) => beside_url.clone(),
        }
    }

    /// Refuses a way to it that would lead somewhere else: what stands between may leave out what the address asks for.
    pub(crate) fn check(&self, url: &DatabaseUrl) -> Result<(), StoreError> {
        let Self::Schema { name, .. } = self else { return Ok(()) };
        if let Conn::Postgres(c) = &mut conn::open(url)? {
            let at = diesel::sql_query("SELECT coalesce(current_schema(), '')::text AS name");
            let at: Named = at.get_result(c)?;
            if at.name != *name {
                return Err(StoreError::refused(
                    "the throw-away twin needs a connection with a search_path of its own, and what stands between this server \
                     and PostgreSQL (a pooler) left that out; use an address that leads to PostgreSQL itself",
                ));
            }
        }
        Ok(())
    }

    /// Takes it away with everything in it.
    pub(crate) fn remove(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Folder { path, .. } => remove_folder(path),
            Self::Schema { name, claim } => {
                execute(claim, &format!("DROP SCHEMA IF EXISTS {name} CASCADE")).map_err(Into::into)
            }
        }
    }
}

/// Takes away what nobody claims any more beside this database, and says how many there were.
pub(crate) fn sweep(beside_url: &DatabaseUrl) -> Result<usize, StoreError> {
    match beside_url {
        DatabaseUrl::Sqlite(file) => sweep_folders(&real(file)),
        DatabaseUrl::Postgres(_) => sweep_schemas(&mut conn::open(beside_url)?),
    }
}

fn sweep_folders(file: &Path) -> Result<usize, StoreError> {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else { return Ok(0) };
    let (from, folder) = (format!("{name}{FOLDER}"), file.parent().unwrap_or(Path::new(".")));
    let around = std::fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let mut swept = 0;
    for entry in around.into_iter().flatten().flatten() {
        let left = entry.file_name().to_str().is_some_and(|name| name.starts_with(&from));
        // Whoever has the lock alone knows that the maker has gone.
        if left && FileLock::own(&entry.path().join(FILE)).is_ok() {
            remove_folder(&entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

fn sweep_schemas(conn: &mut Conn) -> Result<usize, StoreError> {
    let Conn::Postgres(c) = conn else { return Ok(0) };
    let all: Vec<Named> =
        diesel::sql_query("SELECT nspname::text AS name FROM pg_namespace WHERE starts_with(nspname, $1)")
            .bind::<Text, _>(SCHEMA)
            .load(c)?;
    let mut swept = 0;
    for Named { name } in all {
        let number = name.strip_prefix(SCHEMA).and_then(|hex| i64::from_str_radix(hex, 16).ok());
        let Some(number) = number else { continue };
        if try_claim(conn, number)? {
            execute(conn, &format!("DROP SCHEMA IF EXISTS {SCHEMA}{number:016x} CASCADE"))?;
            swept += 1;
        }
    }
    // The claims end with this connection.
    Ok(swept)
}

/// Takes the lock of this number for the life of the connection, if nobody has it.
fn try_claim(conn: &mut Conn, number: i64) -> Result<bool, StoreError> {
    #[derive(QueryableByName)]
    struct Taken {
        #[diesel(sql_type = Bool)]
        taken: bool,
    }
    let Conn::Postgres(c) = conn else { return Ok(true) };
    let taken: Taken = diesel::sql_query("SELECT pg_try_advisory_lock($1) AS taken")
        .bind::<BigInt, _>(number)
        .get_result(c)?;
    Ok(taken.taken)
}

fn execute(conn: &mut Conn, statement: &str) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(c) => c.batch_execute(statement),
        Conn::Postgres(c) => c.batch_execute(statement),
    }
}

/// The rights of the database user do not suffice: said in words that its administrator can act on.
fn may_not(error: diesel::result::Error) -> StoreError {
    match &error {
        diesel::result::Error::DatabaseError(_, info) if info.message().contains("permission denied") => {
            StoreError::refused(
                "the user of the database may not make a schema there, which the throw-away twin lives in; \
                 let the owner of the database run: GRANT CREATE ON DATABASE … TO …",
            )
        }
        _ => error.into(),
    }
}

/// A libpq URL whose tables are those of one schema, and no others.
fn within(url: &str, schema: &str) -> String {
    let path = format!("-csearch_path%3D{schema}");
    match url.split_once("options=") {
        Some((before, after)) => format!("{before}options={path}%20{after}"),
        None => format!("{url}{}options={path}", if url.contains('?') { '&' } else { '?' }),
    }
}

fn real(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| StoreError::Unavailable(format!("cannot make {}: {e}", path.display())))
}

fn remove_folder(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Unavailable(format!("cannot remove {}: {e}", path.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_schema_is_named_beside_the_options_of_the_operator() {
        assert_eq!(within("postgres://u@h/d", "x"), "postgres://u@h/d?options=-csearch_path%3Dx");
        assert_eq!(within("postgres://u@h/d?a=b", "x"), "postgres://u@h/d?a=b&options=-csearch_path%3Dx");
        assert_eq!(
            within("postgres://u@h/d?options=-cjit%3Doff&a=b", "x"),
            "postgres://u@h/d?options=-csearch_path%3Dx%20-cjit%3Doff&a=b"
        );
    }

    #[test]
    fn what_nobody_claims_is_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("scim.db"));
        let mut claimed = Space::make(&url).unwrap();
        let left = folder.path().join("scim.db-twin-0000000000000001");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join(FILE), "half a database").unwrap();
        let other = folder.path().join("other.db-twin-0000000000000001");
        std::fs::create_dir(&other).unwrap();
        assert_eq!(sweep(&url).unwrap(), 1);
        assert!(!left.exists() && other.exists());
        let DatabaseUrl::Sqlite(file) = claimed.url(&url) else { unreachable!("SQLite has folders") };
        let path = file.parent().unwrap();
        assert!(path.exists(), "one that is in use stays");
        claimed.remove().unwrap();
        assert!(!path.exists());
    }
}
