//! Black-box tests: everything over HTTP against the server that `main` starts, or through the binary itself.
//!
//! One binary for all of them, because linking the server takes longer than running most of them.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed, and panicking is how it says so"
)]

mod admin;
mod api;
mod idp;
mod ops;
mod requests;
mod scim;
mod support;
mod survival;
mod vault;
