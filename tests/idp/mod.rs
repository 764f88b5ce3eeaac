//! Identity providers as data: what they send, played against the server. See `README.md` beside this file.

pub(crate) mod check;
pub(crate) mod path;
pub(crate) mod player;
pub(crate) mod scenario;
mod scenarios;
