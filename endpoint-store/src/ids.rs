//! Identifiers and secrets: the only place where the store meets randomness.

use uuid::Builder;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// Random bytes from the operating system's generator.
pub fn entropy<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut bytes);
    bytes
}

/// A new id, UUID version 7: ordered by the time it was made, so that lists are stable and inserts stay local.
pub fn new_id(now: Millis) -> String {
    let millis = u64::try_from(now).unwrap_or_default();
    Builder::from_unix_timestamp_millis(millis, &entropy()).into_uuid().to_string()
}
