//! The console: pages that an operator uses, complete without JavaScript.
//!
//! One mount point, [`configure`], builds every page from one table, [`ROUTES`]. The table says
//! who may see a page, and the `gate` module enforces it before a handler runs; a handler reaches
//! the store through an `Operator` only, or, before anyone signed in, through a `Visitor`.
//!
//! ```text
//! ROUTES → gate (origin, session, role, form, CSRF token) → handler → store
//!                                                              ↓
//!                              dress (error pages, headers) ← page (an askama struct)
//! ```

mod assets;
pub mod audit_file;
mod backoff;
mod confirm;
mod console;
mod csrf;
mod dress;
mod error;
mod forms;
mod frame;
mod gate;
mod guest;
mod guides;
pub mod list_file;
mod pages;
pub mod password;
mod request_file;
mod routes;
mod session;
mod ui;

pub use console::{ClientAddress, Console, PublicUrl, RequestId, Verify};
pub use pages::system::{About, Limit};
pub use routes::{Access, Method, ROUTES, Route, configure, configure_guests};
pub use ui::Clock;

/// The release, as the footer shows it.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
