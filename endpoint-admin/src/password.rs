//! Operators' passwords: Argon2id, off the async workers, a few at a time.
//!
//! Parameters are OWASP's first choice for Argon2id with little memory: 19 MiB, two passes, one
//! lane. There are no composition rules: length is what counts, and any character may be used.

use std::sync::{Arc, LazyLock};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// The fewest characters a password may have.
pub const MIN_LENGTH: usize = 12;
/// The most; more would let a form keep the hash function busy.
pub const MAX_LENGTH: usize = 1000;
/// Hashes computed at the same time: each takes 19 MiB and a processor for some 50 ms.
const PARALLEL: usize = 2;

/// Who may wait for that at the same time; more are told to come again.
const WAITING: usize = 64;

/// What compares to no password: checked when nobody has the name, so that it takes as long.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this password").ok());

/// Why a password was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PasswordError {
    /// Shorter than [`MIN_LENGTH`].
    #[error("use at least {MIN_LENGTH} characters; {0} were given")]
    TooShort(usize),
    /// Longer than [`MAX_LENGTH`].
    #[error("use at most {MAX_LENGTH} characters")]
    TooLong,
    /// The hash could not be computed.
    #[error("the password could not be hashed")]
    Failed,
    /// More are waiting than [`Hasher`] lets.
    #[error("too many passwords are being checked; wait a few seconds and try again")]
    Busy,
}

/// Whether the password may be used at all.
///
/// # Errors
/// [`PasswordError::TooShort`] or [`PasswordError::TooLong`], counted in characters.
pub fn check(password: &str) -> Result<(), PasswordError> {
    match password.chars().count() {
        short if short < MIN_LENGTH => Err(PasswordError::TooShort(short)),
        long if long > MAX_LENGTH => Err(PasswordError::TooLong),
        _ => Ok(()),
    }
}

/// The PHC string to store for a password. Takes some 50 ms: call it on a thread that may block.
///
/// # Errors
/// [`PasswordError::Failed`] when the system has no memory or randomness left.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let hash = argon2()?.hash_password(password.as_bytes()).map_err(|_| PasswordError::Failed)?;
    Ok(hash.to_string())
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|_| PasswordError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn verify(password: &str, stored: Option<&str>) -> bool {
    let known = stored.is_some();
    let Some(text) = stored.or(NOBODY.as_deref()) else { return false };
    let Ok(hash) = PasswordHash::new(text) else { return false };
    let matches = argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), &hash).is_ok());
    known && matches
}

/// Hashes and checks passwords for the pages, a bounded number at a time; a bounded number waits.
#[derive(Clone)]
pub struct Hasher {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Hasher {
    /// One for the process; clones share its bound.
    fn default() -> Self {
        Self { working: Arc::new(Semaphore::new(PARALLEL)), waiting: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Hasher {
    /// [`hash`] on the blocking pool.
    ///
    /// # Errors
    /// As [`hash`], and [`PasswordError::Busy`].
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<String, PasswordError> {
        self.turn(move || hash(&password)).await?
    }

    /// Whether the password belongs to the stored hash; `None` and an empty one take as long and are never true.
    ///
    /// # Errors
    /// [`PasswordError::Busy`], [`PasswordError::Failed`].
    pub(crate) async fn verify(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<bool, PasswordError> {
        let stored = stored.filter(|hash| !hash.is_empty());
        self.turn(move || verify(&password, stored.as_deref())).await
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = self.waiting.clone().try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = self.working.clone().acquire_owned().await.map_err(|_| PasswordError::Failed)?;
        // Both last as long as the work, also when nobody waits for the answer any more.
        let work = move || {
            let _held = (place, turn);
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| PasswordError::Failed)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::{PasswordError, check, hash, verify};

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(check("elf Zeichen"), Err(PasswordError::TooShort(11)));
        assert_eq!(check("zwölf Zeiche"), Ok(()));
        assert_eq!(check(&"ü".repeat(1001)), Err(PasswordError::TooLong));
    }

    #[test]
    fn a_password_opens_its_own_hash_only() {
        let stored = hash("correct horse battery").unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse battery", Some(&stored)));
        assert!(!verify("correct horse batterz", Some(&stored)));
        assert!(!verify("nobody has this password", None));
    }

    #[tokio::test]
    async fn more_than_may_wait_are_told_so() {
        let hasher = super::Hasher::default();
        let places: Vec<_> =
            (0..super::WAITING).map(|_| hasher.waiting.clone().try_acquire_owned().unwrap()).collect();
        let asked = async || hasher.verify("x".to_owned().into(), None).await;
        assert_eq!(asked().await, Err(PasswordError::Busy));
        drop(places);
        assert_eq!(asked().await, Ok(false));
    }
}
