//! What flows out of a directory: webhooks, and the applications behind us.
//!
//! Everything that lives here reads one log, [`endpoint_store::changes`], from a cursor of its own, and writes nothing
//! back into the directory but through the same use cases as everybody else.

pub mod webhook;

/// The change log that every way out reads.
pub use endpoint_store::changes;
