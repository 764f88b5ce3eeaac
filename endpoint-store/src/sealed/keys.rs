//! Keys, and where they come from.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::conn::DatabaseUrl;
use crate::error::StoreError;
use crate::ids::entropy;
use crate::lock::beside;

const KEY: usize = 32;
/// More keys than anybody replaces at a time; a file with more of them is another file.
const MOST_KEYS: usize = 32;
const LONGEST: u64 = 64 * 1024;

/// One key and its short name.
pub(super) struct Key {
    id: String,
    bytes: Zeroizing<[u8; KEY]>,
}

impl Key {
    fn new(bytes: Zeroizing<[u8; KEY]>) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"scim-server sealing key\0");
        digest.update(bytes.as_slice());
        let id = digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Self { id, bytes }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY] {
        &self.bytes
    }
}

/// Keys as they are at one moment; the first one seals.
#[derive(Clone)]
pub(super) struct Keys(Arc<Vec<Key>>);

impl Keys {
    /// Reads keys as they are written: base64 or hexadecimal, one a line or with commas between; `#` begins a comment.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<Key> = Vec::new();
        let words = text.lines().enumerate().flat_map(|(at, line)| {
            let line = line.split('#').next().unwrap_or_default();
            line.split(|c: char| c == ',' || c.is_whitespace())
                .filter(|w| !w.is_empty())
                .map(move |w| (at + 1, w))
        });
        for (line, word) in words {
            let key = Key::new(bytes_of(word).ok_or_else(|| {
                format!("line {line} is no key: a key is 32 random bytes as base64 or hexadecimal, for example from `openssl rand -base64 32`")
            })?);
            if keys.iter().all(|known| known.id != key.id) {
                keys.push(key);
            }
        }
        if keys.len() > MOST_KEYS {
            return Err(format!("there are {} keys, and no more than {MOST_KEYS} are taken", keys.len()));
        }
        Ok(Self(Arc::new(keys)))
    }

    pub(super) fn none() -> Self {
        Self(Arc::new(Vec::new()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn first(&self) -> Result<&Key, StoreError> {
        self.0.first().ok_or_else(|| StoreError::refused(NO_KEY))
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }
}

fn bytes_of(word: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let bytes = Zeroizing::new(if word.len() == 2 * KEY {
        let digits = word.as_bytes().chunks(2);
        digits
            .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect::<Option<Vec<u8>>>()?
    } else {
        STANDARD.decode(word).ok()?
    });
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

const NO_KEY: &str = "secrets that must be read again are kept encrypted, and this server has no key for that: make one with \
     `openssl rand -base64 32`, put it into a file that every server on this database can read, and name that file with \
     --key-file or SCIM_KEY_FILE (or set SCIM_KEY)";

/// Where the keys come from.
#[derive(Clone, Default)]
pub enum KeySource {
    /// With SQLite the file `<database>.key` beside the database, made at first need; with PostgreSQL there is none.
    #[default]
    Default,
    /// A file that the operator made.
    File(PathBuf),
    /// Keys in the environment.
    Given(GivenKeys),
    /// The file beside the SQLite database of this path.
    #[doc(hidden)]
    Beside(PathBuf),
    /// None: sealing is refused, and says what to set.
    #[doc(hidden)]
    Missing,
}

/// Keys from the environment; they are never printed.
#[derive(Clone)]
pub struct GivenKeys(Keys);

impl KeySource {
    /// Keys from the value of an environment variable.
    ///
    /// # Errors
    /// What is wrong with it; the value itself is not repeated.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let keys = Keys::parse(text)?;
        if keys.is_empty() {
            return Err("there is no key in it: a key is 32 random bytes as base64 or hexadecimal".into());
        }
        Ok(Self::Given(GivenKeys(keys)))
    }

    /// What the default means for this database.
    pub(super) fn beside(self, database: &DatabaseUrl) -> Self {
        match (self, database) {
            (Self::Default, DatabaseUrl::Sqlite(path)) => Self::Beside(beside(path, ".key")),
            (Self::Default, DatabaseUrl::Postgres(_)) => Self::Missing,
            (other, _) => other,
        }
    }

    /// The file, if it is one.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Beside(path) => Some(path),
            Self::Default | Self::Given(_) | Self::Missing => None,
        }
    }

    /// Keys that stand in no file.
    pub(super) fn given(&self) -> Result<Keys, StoreError> {
        match self {
            Self::Given(GivenKeys(keys)) => Ok(keys.clone()),
            _ => Ok(Keys::none()),
        }
    }

    /// The keys in the file. One beside the database may be missing: then nothing was sealed here yet.
    pub(super) fn load(&self) -> Result<Keys, StoreError> {
        let Some(path) = self.path() else { return self.given() };
        let text = match read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && matches!(self, Self::Beside(_)) => {
                return Ok(Keys::none());
            }
            Err(e) => {
                return Err(StoreError::refused(format!(
                    "the key file {} cannot be read: {e}; it must be there and readable for who runs the server",
                    path.display()
                )));
            }
        };
        let unusable = |why: String| {
            StoreError::refused(format!("the key file {} cannot be used: {why}", path.display()))
        };
        let keys = Keys::parse(&text).map_err(unusable)?;
        if keys.is_empty() {
            return Err(unusable("there is no key in it".into()));
        }
        Ok(keys)
    }

    /// Makes the file beside the database, unless it is there.
    pub(super) fn make(&self) -> Result<(), StoreError> {
        let Self::Beside(path) = self else { return Ok(()) };
        if path.exists() {
            return Ok(());
        }
        let (_, line) = fresh();
        let text = Zeroizing::new(format!("{HEAD}{}\n", line.as_str()));
        // Another process may have been first; then its key is ours.
        match draft(path, &text)?.persist_noclobber(path) {
            Ok(_) => {
                tracing::warn!(
                    file = %path.display(),
                    "a key was made for secrets that must be read again; a backup of the database does not carry it: keep a copy"
                );
                Ok(())
            }
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(unwritable(path, &error.error)),
        }
    }

    /// Puts a fresh key before the others in the file.
    pub(super) fn add_key(&self) -> Result<String, StoreError> {
        let Some(path) = self.path() else {
            return Err(StoreError::refused(
                "the keys do not come from a file: put a new key before the others yourself, on every server, and run \
                 `rekey` without --new-key",
            ));
        };
        self.make()?;
        self.load()?;
        let before = read(path).map_err(|e| unwritable(path, &e))?;
        let (id, line) = fresh();
        let text = Zeroizing::new(format!("{}\n{}", line.as_str(), before.as_str()));
        draft(path, &text)?.persist(path).map_err(|error| unwritable(path, &error.error))?;
        Ok(id)
    }
}

const HEAD: &str = "# Keys of scim-server for secrets that must be read again. The first one seals, all of them open.\n\
    # Without this file those secrets are lost; a backup of the database does not carry it.\n";

fn fresh() -> (String, Zeroizing<String>) {
    let bytes = Zeroizing::new(entropy::<KEY>());
    let line = Zeroizing::new(STANDARD.encode(bytes.as_slice()));
    (Key::new(bytes).id, line)
}

fn read(path: &Path) -> std::io::Result<Zeroizing<String>> {
    if path.metadata()?.len() > LONGEST {
        return Err(std::io::Error::other("it is too long to be a file of keys"));
    }
    std::fs::read_to_string(path).map(Zeroizing::new)
}

/// A file beside the one that is meant, readable by its owner only, on disk before it gets its name.
fn draft(path: &Path, text: &str) -> Result<tempfile::NamedTempFile, StoreError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".scim-key-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::refused(format!(
        "the key file {} cannot be written: {error}; who runs this must be able to write to its folder, or name another \
         file with --key-file",
        path.display()
    ))
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::Beside(path) => write!(f, "the key file {}", path.display()),
            Self::Given(_) => f.write_str("SCIM_KEY"),
            Self::Default | Self::Missing => {
                f.write_str("the configuration (set --key-file or SCIM_KEY_FILE)")
            }
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What tells a file from what it was: when it was written, how long it is, and which one it is.
#[derive(PartialEq, Eq)]
pub(super) struct Seen(Option<(Option<SystemTime>, u64, u64)>);

impl Seen {
    pub(super) fn of(path: &Path) -> Self {
        Self(path.metadata().ok().map(|meta| (meta.modified().ok(), meta.len(), file_number(&meta))))
    }
}

#[cfg(unix)]
fn file_number(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn file_number(_: &std::fs::Metadata) -> u64 {
    0
}
