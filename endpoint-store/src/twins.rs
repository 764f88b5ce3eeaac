//! A throw-away installation beside the one in use, for trying out how an endpoint answers.
//!
//! It is a whole database of its own, on the same server or the same disk, with the same tables. So nothing of it can be
//! seen in a list, a feed, a count or a log of the installation, whatever reads them, and nothing in it can reach a target or
//! a webhook. It goes away when its value does; one whose process died is found by [`sweep`].

use crate::Store;
use crate::conn::DatabaseUrl;
use crate::dialect::spaces::{self, Space};
use crate::error::StoreError;
use crate::sealed::KeySource;

/// Connections of a twin for reading and for writing together: one client asks one thing after the other.
const CONNECTIONS: u32 = 2;

/// The place of a throw-away installation. Dropping it takes away everything in it.
pub struct Twin {
    space: Option<Space>,
    url: DatabaseUrl,
}

impl Twin {
    /// Makes an empty installation beside this one. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the user of a PostgreSQL database may not make schemas; [`StoreError::Unavailable`].
    pub fn beside(store: &Store) -> Result<Self, StoreError> {
        let space = Space::make(store.url())?;
        let url = space.url(store.url());
        // From here on it goes away whatever happens.
        let twin = Self { space: Some(space), url };
        if let Some(space) = &twin.space {
            space.check(&twin.url)?;
        }
        Store::migrate(&twin.url)?;
        Ok(twin)
    }

    /// Opens it. The store must be closed before the twin goes.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open(&self) -> Result<Store, StoreError> {
        let url = self.url.clone();
        crate::blocking(move || Store::open_sealed(&url, CONNECTIONS, KeySource::default())).await
    }

    /// Takes it away. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then a later sweep does it.
    pub fn remove(mut self) -> Result<(), StoreError> {
        self.space.take().map_or(Ok(()), |mut space| space.remove())
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        if let Some(mut space) = self.space.take()
            && let Err(error) = space.remove()
        {
            tracing::warn!(%error, "a throw-away twin could not be removed; it is swept later");
        }
    }
}

/// Takes away twins whose process died, and says how many there were. Blocks.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub fn sweep(store: &Store) -> Result<usize, StoreError> {
    spaces::sweep(store.url())
}
