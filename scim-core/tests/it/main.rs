//! Behaviour of the protocol core, table by table.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod answers;
mod basics;
mod filter;
mod patch;
mod patch_relation;
mod path;
mod properties;
mod resource;
mod rfc;
mod support;
mod token;
