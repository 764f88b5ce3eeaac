//! The change feed: what happened in an endpoint's directory as events, in the order of the change log, without a gap.
//!
//! [`events()`] makes events of a change set and is the only function that does: the feed, webhooks and targets say the
//! same of the same change. A [`Cursor`] is a place in the log; [`read()`] goes on from there, and [`snapshot`] gives the
//! whole directory with the cursor that belongs to it.

mod cursor;
mod events;
mod read;
pub mod snapshot;

pub use cursor::Cursor;
pub use events::{Event, EventKind, MEMBERS_PER_EVENT, events, is_type, types};
pub(crate) use read::rows_after;
pub use read::{Gone, Page, Place, end, read};
