//! What is counted in memory goes into the database.

use std::sync::Arc;

use crate::error::StoreError;
use crate::{Store, blocking, usage};

impl Store {
    /// Writes what was counted since the last call; on failure it is kept for the next.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn flush_usage(&self) -> Result<(), StoreError> {
        self.flush(true).await
    }

    /// The same without what is counted by endpoint and hour, for a call several times a second: that can wait a little, and
    /// is judged whenever it is written.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn flush_tokens(&self) -> Result<(), StoreError> {
        self.flush(false).await
    }

    async fn flush(&self, with_hours: bool) -> Result<(), StoreError> {
        self.explain_strays().await?;
        let (mut outcome, mut away) = (Ok(()), false);
        for batch in self.0.usage.take(with_hours) {
            if away {
                self.0.usage.put_back(batch);
                continue;
            }
            let batch = Arc::new(batch);
            let written = batch.clone();
            if let Err(error) = self.write(move |tx| written.write(tx)).await {
                away = matches!(error, StoreError::Unavailable(_) | StoreError::Busy);
                if let Some(batch) = Arc::into_inner(batch).filter(|_| away) {
                    self.0.usage.put_back(batch);
                }
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Finds out to which endpoints those calls were probably meant that came to the address of none.
    async fn explain_strays(&self) -> Result<(), StoreError> {
        if !self.0.usage.strays.any() {
            return Ok(());
        }
        let inner = self.0.clone();
        let found = blocking(move || Ok(inner.usage.strays.resolve(&inner.registry))).await?;
        for (endpoint, tally) in found {
            self.0.usage.refused(endpoint, usage::Cause::MisspeltEndpoint, None, tally);
        }
        Ok(())
    }
}
