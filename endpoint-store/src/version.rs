//! Which version of something a requester knows (RFC 9110 §13.1.1): nobody overwrites what somebody else changed.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::StoreError;

/// A strong entity tag, without its quotes: a digest of what can be set. Equal values have equal tags on every node.
pub fn tag(value: &impl Serialize) -> String {
    // A value that cannot be written down has no fields of ours in it; an empty one then never matches.
    let text = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(&text).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// What a requester takes the present version for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It does not say.
    Anything,
    /// That there is one at all.
    Something,
    /// One of these tags.
    Tags(Vec<String>),
}

impl Expected {
    /// Whether `current` is what was expected; `None` when there is nothing yet.
    ///
    /// # Errors
    /// [`StoreError::Stale`].
    pub fn check(&self, current: Option<&str>) -> Result<(), StoreError> {
        let holds = match self {
            Self::Anything => true,
            Self::Something => current.is_some(),
            Self::Tags(tags) => current.is_some_and(|current| tags.iter().any(|tag| tag == current)),
        };
        if holds { Ok(()) } else { Err(StoreError::Stale) }
    }
}
