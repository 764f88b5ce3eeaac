//! The one error of this floor.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use scim_core::error::ScimError;

/// Why the store could not do what it was asked.
///
/// The upper floors decide how it is told: a SCIM body, a page, or a sentence on stderr. `Display` is a
/// sentence for the operator's log; only [`StoreError::Scim`], [`StoreError::Refused`],
/// [`StoreError::Forbidden`], [`StoreError::Invalid`], [`StoreError::InUse`], [`StoreError::Stale`] and [`StoreError::NotFound`] are meant for the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The protocol refuses the request (RFC 7644 §3.12).
    #[error("{0}")]
    Scim(#[from] ScimError),
    /// An operator's wish cannot be granted; the sentence says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The role of whoever asks does not allow it; the sentence says which one does.
    #[error("{0}")]
    Forbidden(String),
    /// A value that was given cannot be taken; the sentence says why and what to do.
    #[error("{sentence}")]
    Invalid {
        /// Which value: a JSON pointer (RFC 6901) into what was given.
        pointer: String,
        /// What is wrong with it.
        sentence: String,
    },
    /// The token carried traffic within the hour, and nobody insisted on revoking it.
    #[error("token `{}` (“{}”) is in use; whatever uses it would fail at once, so give that a new token first", .0.id, .0.label)]
    InUse(Box<crate::tokens::TokenRecord>),
    /// What is kept is no longer what the requester knows; nothing was changed.
    #[error("it was changed in the meantime; read it again and repeat the change")]
    Stale,
    /// What was named does not exist; the sentence says what was looked for.
    #[error("{0}")]
    NotFound(String),
    /// The database is away, locked, full or read-only. Nothing was half done; the caller may try again.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// More writes are waiting than the queue holds.
    #[error("too many writes are waiting for the database")]
    Busy,
    /// The database broke a transaction off because it met others in another order. The store runs it again; told
    /// outside only as [`StoreError::Unavailable`].
    #[error("writes were in each other's way: {0}")]
    Contended(String),
    /// The connection broke before anything was committed. The store tries another one; told outside only as
    /// [`StoreError::Unavailable`].
    #[error("the connection to the database broke: {0}")]
    Lost(String),
    /// The connection broke while a commit was under way: all of the write stands, or nothing.
    #[error("the connection to the database broke during a commit: {0}")]
    InDoubt(String),
    /// The database was migrated by a newer release.
    #[error(
        "the database has schema {found}, which this release does not know; start the release that made it, or a newer one"
    )]
    NewerSchema {
        /// The newest migration found in the database.
        found: String,
    },
    /// The database lacks migrations that this release needs.
    #[error("the database is not migrated yet: run `scim-server migrate` first")]
    NotMigrated,
    /// What is stored cannot be read back.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// A fault of the program or of the query; details are for the log.
    #[error("database error: {0}")]
    Database(DieselError),
}

impl StoreError {
    /// A refusal in the operator's words.
    pub fn refused(sentence: impl Into<String>) -> Self {
        Self::Refused(sentence.into())
    }

    /// A value that cannot be taken, with its place.
    pub fn invalid(pointer: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::Invalid { pointer: pointer.into(), sentence: sentence.into() }
    }

    /// The same with the place told from further out.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Invalid { pointer, sentence } => {
                Self::Invalid { pointer: format!("{place}{pointer}"), sentence }
            }
            other => other,
        }
    }

    /// The database failed; as opposed to a request that was refused.
    pub(crate) fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Scim(_)
                | Self::Refused(_)
                | Self::Forbidden(_)
                | Self::Invalid { .. }
                | Self::InUse(_)
                | Self::Stale
                | Self::NotFound(_)
        )
    }

    /// Why, without the sentence around it: for an error that is told again as unavailable.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unavailable(reason) | Self::Lost(reason) | Self::Contended(reason) => reason.clone(),
            other => other.to_string(),
        }
    }

    /// True when the connection is of no use any more.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::InDoubt(_))
    }

    /// True when the requester may come again later: the database is away or overburdened.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Busy | Self::Contended(_) | Self::Lost(_) | Self::InDoubt(_)
        )
    }

    /// True when a row refers to one that is not there any more.
    pub(crate) fn is_dangling(&self) -> bool {
        matches!(self, Self::Database(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)))
    }

    /// True for the violation of a unique constraint.
    pub(crate) fn is_unique_violation(error: &DieselError) -> bool {
        matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
    }
}

/// Parts of messages by which a failure is sorted: SQLite and PostgreSQL tell most of it only in words.
const CONTENDED: [&str; 2] = ["deadlock detected", "could not serialize access"];
const LOST: [&str; 9] = [
    "server closed the connection",
    "terminating connection",
    "the connection unexpectedly",
    "connection to server",
    "no connection to the server",
    "the database system is",
    "could not receive data from server",
    "could not send data to server",
    "connection not open",
];
const AWAY: [&str; 10] = [
    "canceling statement",
    "database is locked",
    "database table is locked",
    "disk is full",
    "readonly database",
    "unable to open database file",
    "disk I/O error",
    "could not extend file",
    "No space left on device",
    "too many clients",
];
const DAMAGED: [&str; 3] = ["malformed", "not a database", "invalid page"];

/// Sorted by what the caller can do about it.
impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let error = match error {
            DieselError::RollbackErrorOnCommit { commit_error, .. } => *commit_error,
            other => other,
        };
        let text = match &error {
            DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand,
                info,
            ) => return Self::Lost(info.message().to_owned()),
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, info) => {
                return Self::Contended(info.message().to_owned());
            }
            DieselError::DatabaseError(_, info) => info.message().to_owned(),
            DieselError::BrokenTransactionManager => return Self::Lost("it was broken before".into()),
            _ => return Self::Database(error),
        };
        let says = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if says(&CONTENDED) {
            Self::Contended(text)
        } else if says(&LOST) {
            Self::Lost(text)
        } else if says(&AWAY) {
            Self::Unavailable(text)
        } else if says(&DAMAGED) {
            Self::Damaged(text)
        } else {
            Self::Database(error)
        }
    }
}
