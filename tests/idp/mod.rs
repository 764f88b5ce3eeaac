//! Identity providers as data: what they send, played against the server. See `README.md` beside this file.

pub(crate) mod player;
mod scenarios;
mod verify;
