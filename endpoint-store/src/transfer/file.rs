//! Files of databases: made under another name, looked over, and put in their place in one step.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::Tables;
use crate::conn;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::lock::{FileLock, beside};
use crate::migrate;

/// An empty file that only its owner can read, removed unless it is kept.
pub(super) struct Draft(NamedTempFile);

impl Draft {
    /// In the folder where it will be kept, so that it only needs another name then.
    pub(super) fn beside(file: &Path) -> Result<Self, StoreError> {
        let folder = folder_of(file);
        Builder::new()
            .prefix(".scim-")
            .tempfile_in(&folder)
            .map(Self)
            .map_err(|e| unavailable("make a file in", &folder, &e))
    }

    /// Where temporary files go.
    pub(super) fn anywhere() -> Result<Self, StoreError> {
        Builder::new()
            .prefix("scim-")
            .tempfile()
            .map(Self)
            .map_err(|e| unavailable("make a file in", &std::env::temp_dir(), &e))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives the file its name, unless there is one of this name.
    pub(super) fn keep(self, name: &Path) -> Result<(), StoreError> {
        self.reach_the_disk()?;
        self.0.persist_noclobber(name).map_err(|e| unavailable("write", name, &e.error))?;
        sync_folder(name)
    }

    /// Gives the file its name, also if it takes the place of another.
    fn replace(self, name: &Path) -> Result<(), StoreError> {
        self.reach_the_disk()?;
        self.0.persist(name).map_err(|e| unavailable("write", name, &e.error))?;
        sync_folder(name)
    }

    fn reach_the_disk(&self) -> Result<(), StoreError> {
        // Not by the handle it was made with: SQLite has written through its own.
        File::open(self.path())
            .and_then(|file| file.sync_all())
            .map_err(|e| unavailable("write", self.path(), &e))
    }
}

/// Where a SQLite database is to be, ours alone as long as this lives.
pub(super) struct Place {
    path: PathBuf,
    used: bool,
    _alone: FileLock,
}

impl Place {
    /// Refuses a database that is in use, and, without `force`, one that holds something.
    pub(super) fn claim(path: &Path, force: bool) -> Result<Self, StoreError> {
        let folder = folder_of(path);
        std::fs::create_dir_all(&folder).map_err(|e| unavailable("make the folder", &folder, &e))?;
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let alone = FileLock::own(&path)?;
        let used = path.metadata().is_ok_and(|file| file.len() > 0);
        if used && !force {
            refuse_used_file(&path)?;
        }
        Ok(Self { path, used, _alone: alone })
    }

    /// Puts the draft here. What was here before is kept under the name that is returned.
    pub(super) fn install(self, draft: Draft, now: Millis) -> Result<Option<PathBuf>, StoreError> {
        if !self.used {
            draft.replace(&self.path)?;
            return Ok(None);
        }
        // Of a sound database the log is emptied into the file. That of a damaged one goes with it: left here, it
        // would be read as the new file's.
        let emptied = conn::open(&conn::DatabaseUrl::Sqlite(self.path.clone()))
            .and_then(|mut old| dialect::empty_wal(&mut old));
        if let Err(error) = emptied {
            tracing::warn!(%error, "the former database could not be closed properly");
        }
        let stamp: String =
            scim_core::time::format(now).chars().filter(char::is_ascii_digit).take(14).collect();
        let aside = beside(&self.path, &format!(".before-{stamp}"));
        if aside.exists() {
            return Err(StoreError::refused(format!("{} is there already; try again", aside.display())));
        }
        for ending in ["-wal", "-shm"] {
            let companion = beside(&self.path, ending);
            if companion.exists() {
                let to = beside(&aside, ending);
                std::fs::rename(&companion, &to).map_err(|e| unavailable("rename", &companion, &e))?;
            }
        }
        // A second name first: there is a database under the first one at every moment.
        std::fs::hard_link(&self.path, &aside)
            .or_else(|_| std::fs::rename(&self.path, &aside))
            .map_err(|e| unavailable("rename", &self.path, &e))?;
        draft.replace(&self.path)?;
        Ok(Some(aside))
    }
}

fn refuse_used_file(path: &Path) -> Result<(), StoreError> {
    let what_to_do = "with `--force` its file is kept under another name, and the new one takes its place";
    let mut conn = conn::open(&conn::DatabaseUrl::Sqlite(path.to_owned()))?;
    if dialect::has_table(&mut conn, "endpoints")? {
        return super::refuse_used(&mut conn, what_to_do);
    }
    Err(StoreError::refused(format!(
        "{} is another database, and nothing is overwritten; {what_to_do}",
        path.display()
    )))
}

/// Fills an empty file with what a backup holds, in the schema of this release.
///
/// # Errors
/// [`StoreError::Damaged`] naming the backup, [`StoreError::NewerSchema`].
pub(super) fn stage(backup: &Path, draft: &Path) -> Result<Tables, StoreError> {
    let stage = || {
        let mut from = open_ours(backup)?;
        sound(&mut from)?;
        dialect::snapshot_into(&mut from, draft)?;
        migrate::migrate(&mut conn::open_draft(draft)?)?;
        check(draft)
    };
    stage().map_err(|error| match error {
        StoreError::Damaged(why) => StoreError::Damaged(format!("{}: {why}", backup.display())),
        other => other,
    })
}

/// Reads a file of this release's schema from beginning to end, and counts what is in it.
pub(super) fn check(file: &Path) -> Result<Tables, StoreError> {
    let mut conn = open_ours(file)?;
    sound(&mut conn)?;
    super::carry::count(&mut conn)
}

fn sound(conn: &mut conn::Conn) -> Result<(), StoreError> {
    let fault = match dialect::integrity_faults(conn)?.into_iter().next() {
        None => dialect::dangling_row(conn)?,
        fault => fault,
    };
    fault.map_or(Ok(()), |fault| Err(StoreError::Damaged(fault)))
}

fn open_ours(file: &Path) -> Result<conn::Conn, StoreError> {
    let mut conn = conn::open_backup(file)?;
    if !dialect::has_table(&mut conn, "__diesel_schema_migrations")? {
        return Err(StoreError::refused(format!("{} is no backup of scim-server", file.display())));
    }
    migrate::is_older(&mut conn)?;
    Ok(conn)
}

fn folder_of(file: &Path) -> PathBuf {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The name of a file is on disk when its folder is.
fn sync_folder(file: &Path) -> Result<(), StoreError> {
    let folder = folder_of(file);
    #[cfg(unix)]
    File::open(&folder).and_then(|f| f.sync_all()).map_err(|e| unavailable("write", &folder, &e))?;
    Ok(())
}

fn unavailable(what: &str, path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!("cannot {what} {}: {error}", path.display()))
}
