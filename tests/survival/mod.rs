//! What must hold when things break: programs killed, databases restarted, disks full, many servers on one database.
//!
//! The ordinary run takes seconds. `SURVIVAL_ROUNDS=200 cargo test -p scim-server --test main survival -- --nocapture` takes as
//! long as it takes, and prints its figures.

mod check;
mod disk;
mod feed;
mod killed;
mod linear;
mod load;
mod nodes;
mod outage;

/// Rounds of this run: what the environment asks for, else the ordinary number.
fn rounds(ordinary: usize) -> usize {
    std::env::var("SURVIVAL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ordinary)
}
