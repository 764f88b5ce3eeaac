//! The program as its operator meets it: command line, start and stop, sessions, log, and where secrets must not be.

mod activity;
mod check;
mod cli_copies;
mod cli_database;
mod cli_endpoint;
mod cli_operator;
mod cli_rotation;
mod cli_schema;
mod cli_token;
mod confirm;
mod console;
mod files;
mod flood;
mod floors;
mod forms;
mod guests;
mod health;
mod jobs;
mod keys;
mod metrics;
mod operators;
mod overview;
mod proxies;
mod reach;
mod requests_log;
mod roles;
mod second_factor;
mod secrets;
mod seed;
mod slow_reader;
mod starting;
mod stopping;
mod tap;
mod telemetry;
mod traces;
mod transfer;

use crate::support::app::App;
use crate::support::program::{Output, run_with_input};

/// A command on the database of a running server, with something on stdin.
pub(crate) fn program_with_input(app: &App, arguments: &[&str], input: &str) -> Output {
    let database = app.database();
    let all = [arguments, &["--database", &database.url]].concat();
    run_with_input(database.folder.path(), &all, input)
}

/// What a command prints for people.
pub(crate) async fn said(app: &App, arguments: &[&str]) -> String {
    app.program(arguments).await.done().stdout
}

/// The sentence of a command that must refuse.
pub(crate) async fn refusal(app: &App, arguments: &[&str]) -> String {
    app.program(arguments).await.refused().to_owned()
}
