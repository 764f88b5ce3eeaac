//! The server: SCIM over HTTP, the console, and the command line, in one binary.
//!
//! [`build`] makes the whole server from its [`Config`]; `main` and the tests start the same one.

mod about;
pub mod api;
mod app;
pub mod cli;
pub mod config;
mod error;
mod health;
mod jobs;
mod limits;
mod metrics;
mod middleware;
pub mod proxies;
pub mod scim;
pub mod telemetry;
mod tls;
mod traces;
pub mod verify;

pub use app::{App, StartError, Stopper, build};
pub use config::Config;
