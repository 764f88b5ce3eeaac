//! What is tried again, and what never is.

use std::time::Duration;

use crate::error::StoreError;

/// A transaction that met others in another order is run this often in all.
const CONTENDED: u32 = 6;
/// Work that met a lost connection is run this often in all.
const LOST: u32 = 3;
/// The longest wait before the first repetition; it doubles.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs `attempt` until it succeeds, or fails for a reason that another run would not change.
///
/// Repeated is only what certainly left nothing behind: a transaction that the database broke off because of others,
/// and work whose connection was lost before its commit was sent. A commit without an answer
/// ([`StoreError::InDoubt`]) may stand, and is told, not repeated.
pub(crate) fn again<T>(mut attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let (mut contended, mut lost) = (0, 0);
    loop {
        let error = match attempt() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        match &error {
            StoreError::Contended(_) if contended + 1 < CONTENDED => {
                // Each waits another while, so that they do not meet again.
                std::thread::sleep((PAUSE * 2_u32.pow(contended)).mul_f64(rand::random()));
                contended += 1;
            }
            StoreError::Lost(_) if lost + 1 < LOST => lost += 1,
            StoreError::Contended(reason) | StoreError::Lost(reason) => {
                return Err(StoreError::Unavailable(reason.clone()));
            }
            _ => return Err(error),
        }
        tracing::debug!(%error, "tried again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a failing attempt is run, and what comes out.
    fn runs(error: fn() -> StoreError) -> (u32, StoreError) {
        let mut count = 0;
        let outcome = again::<()>(|| {
            count += 1;
            Err(error())
        });
        (count, outcome.err().unwrap_or(StoreError::Busy))
    }

    #[test]
    fn repetitions_are_bounded_and_end_as_unavailable() {
        let (count, error) = runs(|| StoreError::Contended("deadlock".into()));
        assert_eq!(count, CONTENDED);
        assert!(matches!(error, StoreError::Unavailable(_)));
        let (count, error) = runs(|| StoreError::Lost("gone".into()));
        assert_eq!(count, LOST);
        assert!(matches!(error, StoreError::Unavailable(_)));
    }

    #[test]
    fn a_commit_in_doubt_is_never_repeated() {
        let (count, error) = runs(|| StoreError::InDoubt("gone".into()));
        assert_eq!(count, 1);
        assert!(matches!(error, StoreError::InDoubt(_)));
    }

    #[test]
    fn success_ends_it() {
        let mut left = 3;
        let outcome = again(|| {
            left -= 1;
            if left == 0 { Ok("done") } else { Err(StoreError::Contended("x".into())) }
        });
        assert!(matches!(outcome, Ok("done")));
    }
}
