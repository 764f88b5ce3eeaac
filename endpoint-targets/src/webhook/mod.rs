//! Webhooks: events of the change log, signed and sent (Standard Webhooks), in order per resource, until they arrive.

mod deliver;
mod send;
mod sign;

pub use deliver::{Clock, run, test};
pub use send::Sender;
