//! A database per test, on either backend, cloned from a template that the program itself has migrated and furnished.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::furniture::Furniture;
use crate::support::postgres;

/// Where a test keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// A database of one test. It goes away with the test.
pub(crate) struct Database {
    pub(crate) url: String,
    /// A folder of the test's own: working directory, data, output.
    pub(crate) folder: TempDir,
    /// Name of the database on the PostgreSQL server.
    postgres: Option<String>,
}

struct Template {
    database: Database,
    furniture: Furniture,
}

impl Backend {
    /// Is it there? When not, the reason is printed; where `REQUIRE_POSTGRES=1`, that is a failure.
    pub(crate) fn available(self) -> bool {
        self == Self::Sqlite
            || match postgres::server() {
                Ok(_) => true,
                Err(reason) => {
                    assert!(!required("REQUIRE_POSTGRES"), "PostgreSQL is required here: {reason}");
                    println!("skipped: {reason}");
                    false
                }
            }
    }

    /// A furnished database and the credentials of what is in it.
    pub(crate) fn furnished(self) -> (Database, Furniture) {
        let template = self.template();
        (Database::new(self, Some(&template.database)), template.furniture.clone())
    }

    /// A database in which nothing has been done.
    pub(crate) fn empty(self) -> Database {
        Database::new(self, None)
    }

    fn template(self) -> &'static Template {
        static SQLITE: OnceLock<Template> = OnceLock::new();
        static POSTGRES: OnceLock<Template> = OnceLock::new();
        let cell = match self {
            Self::Sqlite => &SQLITE,
            Self::Postgres => &POSTGRES,
        };
        cell.get_or_init(|| {
            let database = self.empty();
            let furniture = Furniture::install(database.folder.path(), &database.url);
            Template { database, furniture }
        })
    }
}

impl Database {
    fn new(backend: Backend, template: Option<&Self>) -> Self {
        let folder = tempfile::Builder::new().prefix("scim-test-").tempdir().expect("a temporary folder");
        match backend {
            Backend::Sqlite => {
                let file = folder.path().join("data").join("scim.db");
                if let Some(template) = template {
                    copy_sqlite(&template.sqlite_file(), &file);
                }
                Self { url: format!("sqlite:{}", file.display()), folder, postgres: None }
            }
            Backend::Postgres => {
                let server = postgres::server().expect("asked for before");
                let name = server.create(template.and_then(|template| template.postgres.as_deref()));
                Self { url: server.url(&name), folder, postgres: Some(name) }
            }
        }
    }

    /// The file of a SQLite database.
    pub(crate) fn sqlite_file(&self) -> PathBuf {
        PathBuf::from(self.url.strip_prefix("sqlite:").expect("a SQLite database"))
    }

    /// How SQL on this database spells it.
    pub(crate) fn boolean(&self, value: bool) -> &'static str {
        match (self.postgres.is_some(), value) {
            (true, true) => "true",
            (true, false) => "false",
            (false, true) => "1",
            (false, false) => "0",
        }
    }

    /// The names of all tables.
    pub(crate) fn tables(&self) -> Vec<String> {
        crate::support::sql::names(
            self,
            match &self.postgres {
                Some(_) => {
                    "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public'"
                }
                None => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            },
        )
    }

    /// Every byte that is kept: the files of SQLite (with WAL), or every row of every table as text.
    pub(crate) fn dump(&self) -> Vec<(String, Vec<u8>)> {
        match &self.postgres {
            Some(name) => postgres::server().expect("asked for before").dump(name),
            None => files_under(&self.folder.path().join("data")),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let (Some(name), Ok(server)) = (&self.postgres, postgres::server()) {
            server.drop(name);
        }
    }
}

fn copy_sqlite(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().expect("a file in a folder")).expect("a folder for the data");
    std::fs::copy(from, to).expect("the template is a file");
    // The last one to close the database empties the WAL into it; should a WAL be left, it belongs to the copy.
    for ending in ["-wal", "-shm"] {
        let beside = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
        if beside(from).exists() {
            std::fs::copy(beside(from), beside(to)).expect("the file beside the template");
        }
    }
}

/// All files under a folder with their content.
pub(crate) fn files_under(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            files.extend(files_under(&entry));
        } else {
            files.push((entry.display().to_string(), std::fs::read(&entry).unwrap_or_default()));
        }
    }
    files
}

/// Does this environment demand what could otherwise be skipped?
pub(crate) fn required(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| !value.is_empty() && value != "0")
}
