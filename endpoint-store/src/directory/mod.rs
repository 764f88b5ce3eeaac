//! The directory of one endpoint: the SCIM use cases, where protocol and data meet.
//!
//! Each operation is one function that takes the [`Caller`](crate::caller::Caller) right after the transaction, so that it can
//! reach no other endpoint. Handlers call these and nothing below.
//!
//! The rules: one write appends one change set; uniqueness is the database's constraint over folded keys;
//! members are rows, so that adding one touches no other; a body that does not name the members leaves
//! them alone.

pub mod by_hand;
mod catalog;
mod counts;
mod create;
mod delete;
mod gather;
pub(crate) mod keys;
mod list;
mod load;
pub mod members;
mod pages;
mod patch;
mod read;
mod replace;
pub(crate) mod rows;
pub mod search;
mod update;
mod version;

pub(crate) use catalog::follow as follow_catalog;
pub use create::create;
pub use delete::delete;
pub use list::{ListQuery, Listed, Position, Shown, Window, list};
pub use load::{ids, load};
pub use patch::{Patched, patch};
pub use read::{Link, Record, Wanted, get};
pub use replace::replace;

use scim_core::error::{Kind, ScimError};

/// What the requester knows of the resource it wants to change (RFC 7644 §3.14, `If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: change it whatever its version.
    None,
    /// It must have one of these versions.
    Versions(Vec<i64>),
}

impl Precondition {
    fn check(&self, version: i64) -> Result<(), ScimError> {
        match self {
            Self::Versions(expected) if !expected.contains(&version) => Err(ScimError::new(
                Kind::PreconditionFailed,
                format!(
                    "If-Match does not hold: the resource is at version W/\"{version}\". Read it again and repeat the change."
                ),
            )),
            _ => Ok(()),
        }
    }
}
