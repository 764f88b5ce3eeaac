//! The request log: what identity providers sent and what they were told, so that a failed sync can be explained.
//!
//! A request only hands itself to a bounded queue ([`Log`]). The server writes what waits several times a second, masked
//! (`mask`): no password, token or secret is kept, and of a body no more than its beginning. An explanation is made
//! anew whenever somebody looks ([`explain`]), from what was kept and the dialect of that moment.

mod bodies;
mod explain;
mod lines;
mod links;
mod log;
mod mask;
mod prune;
mod read;
mod shape;
mod steps;
mod words;
mod write;

pub use bodies::{Bodies, Body, Dropped, bodies, dropped};
pub use explain::{Explanation, explain};
pub use lines::{Line, Lines, lines};
pub use links::{Link, LinkState, Opened, create_link, links, open_link, revoke_link};
pub use log::{Class, Heard, Log};
pub use mask::MASK;
pub(crate) use prune::forget_some;
pub use prune::{LONGEST, forget_links, is_due, prune};
pub use read::{Filter, Outcome, Page, Request, get, page};
pub use shape::shaped;
pub use steps::Step;
pub use words::{End, asked, outcome};

/// The operations that can be asked for, as in metrics.
pub const OPERATIONS: &[&str] = &[
    "create",
    "get",
    "list",
    "search",
    "replace",
    "patch",
    "delete",
    "bulk",
    "service-provider-config",
    "resource-types",
    "resource-type",
    "schemas",
    "schema",
    "me",
];
