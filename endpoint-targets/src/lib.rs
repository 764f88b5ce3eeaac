//! What flows out of a directory: delivery from the change log, webhooks, and the applications behind us.
//!
//! An empty room with its door: everything that will live here reads one log,
//! [`endpoint_store::changes`], from a cursor of its own, and writes nothing back into the directory but
//! through the same use cases as everybody else. Until a target exists, the log is the way out.

/// The change log that every way out reads.
pub use endpoint_store::changes;
