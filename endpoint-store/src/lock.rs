//! Who uses a SQLite file: servers and commands share it, a restore has it alone.
//!
//! The lock is the operating system's, on a file beside the database; it ends with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::StoreError;

/// Held for as long as it lives.
#[derive(Debug)]
pub(crate) struct FileLock(#[expect(dead_code, reason = "the lock ends when the file is closed")] File);

impl FileLock {
    /// For everybody who opens the database.
    pub(crate) fn share(database: &Path) -> Result<Self, StoreError> {
        let file = open(database)?;
        let mut outcome = file.try_lock_shared();
        // Who only asks whether the file is in use holds it for a moment.
        for _ in 0..10 {
            if !matches!(outcome, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
            outcome = file.try_lock_shared();
        }
        match outcome {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::Unavailable(format!("{} is being restored", database.display())))
            }
            Err(TryLockError::Error(e)) => {
                // The lock is a courtesy to `restore`; a file system without locks still serves.
                tracing::warn!(error = %e, "the database file cannot be locked: do not restore while this runs");
                Ok(Self(file))
            }
        }
    }

    /// For who replaces the file.
    pub(crate) fn own(database: &Path) -> Result<Self, StoreError> {
        let file = open(database)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::refused(format!(
                "{} is in use by a running server or command; stop it first",
                database.display()
            ))),
            Err(TryLockError::Error(e)) => Err(StoreError::Unavailable(format!(
                "cannot lock {}: {e}",
                beside(database, "-lock").display()
            ))),
        }
    }
}

/// Whether anybody has the database open through this program.
pub(crate) fn is_in_use(database: &Path) -> bool {
    beside(database, "-lock").exists()
        && open(database).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// The file of this name with an ending more: `scim.db-wal`.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn open(database: &Path) -> Result<File, StoreError> {
    // Two ways to name one file are one lock.
    let real = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let path = beside(&real, "-lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).map_err(|e| StoreError::Unavailable(format!("cannot open {}: {e}", path.display())))
}
