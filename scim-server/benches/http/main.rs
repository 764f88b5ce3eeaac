//! What requests cost over HTTP, beside the limits of the machine in the same run.
//!
//! ```sh
//! cargo bench -p scim-server --bench http                          # 10,000 users, all rows
//! cargo bench -p scim-server --bench http -- --users 1000000 list  # some rows, more users
//! cargo bench -p scim-server --bench http -- --endpoints 10000 GET # beside 10,000 other endpoints with two tokens each
//! ```
//!
//! Every row is a load on a server in a process of its own; `cpu` is that process's CPU time for one request. The
//! load generator runs on the same cores: compare the multiples, not the rates. `bare` is an actix-web handler that
//! answers the same bytes. Reads are measured in turn with it, five times each, and the medians are told.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark ends when something is not as expected"
)]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]
#![expect(unreachable_pub, reason = "a program, not a library")]

mod bare;
mod feed;
mod flood;
mod load;
mod process;
mod rows;
mod world;

use std::time::Duration;

struct Options {
    users: usize,
    /// Endpoints that stand beside the one under load.
    endpoints: usize,
    seconds: Duration,
    rows: Vec<String>,
}

impl Options {
    fn read() -> Self {
        let mut options =
            Self { users: 10_000, endpoints: 0, seconds: Duration::from_secs(1), rows: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number =
                || arguments.next().and_then(|n| n.parse::<u32>().ok()).expect("a number is missing");
            match argument.as_str() {
                "--users" => options.users = number() as usize,
                "--endpoints" => options.endpoints = number() as usize,
                "--seconds" => options.seconds = Duration::from_secs(number().into()),
                // What cargo itself adds.
                "--bench" => {}
                row => options.rows.push(row.to_owned()),
            }
        }
        options
    }

    fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| row.contains(wanted.as_str()))
    }
}

fn main() {
    if let Some("bare") = std::env::args().nth(1).as_deref() {
        bare::serve(&std::env::args().nth(2).expect("a file")).expect("the bare server failed");
        return;
    }
    rows::run_all(&Options::read());
}
