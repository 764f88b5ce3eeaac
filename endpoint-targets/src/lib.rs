//! What flows out of a directory: webhooks, and the applications behind an endpoint.
//!
//! A kind of application is one file (or folder) that implements [`Remote`] and a line in [`kinds`]. Everything that is
//! the same for all of them lives beside it: when something is done ([`deliver`]), what is done about one user, group or
//! membership (`bring`), taking over what is there ([`import`]), and comparing all of it ([`reconcile`]). The store says
//! what is waiting and keeps what came of it; nothing here writes into a directory but through its use cases. Webhooks
//! ([`webhook`]) send the events of the change log, each from a cursor of its own.

mod before;
mod bring;
pub mod deliver;
mod http;
pub mod import;
pub mod kinds;
pub mod probe;
pub mod reconcile;
pub mod remote;
mod scim;
mod secret_server;
pub mod webhook;

/// The change log that every way out reads.
pub use endpoint_store::changes;
pub use http::client;
pub use remote::{Check, Failure, Refusal, Remote};

/// What kept something that was asked for from being done.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The target.
    #[error("{0}")]
    Target(Failure),
    /// The store.
    #[error("{0}")]
    Store(endpoint_store::StoreError),
}

impl From<bring::Broken> for Trouble {
    fn from(broken: bring::Broken) -> Self {
        match broken {
            bring::Broken::Target(failure) => Self::Target(failure),
            bring::Broken::Store(error) => Self::Store(error),
        }
    }
}
