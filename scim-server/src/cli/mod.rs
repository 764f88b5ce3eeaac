//! The command line. Commands act on the database directly and work while servers run.
//!
//! A command returns an [`Answer`], told as text or JSON, or a [`Failure`] of one sentence. Neither prints by itself.

pub mod database;
pub mod endpoint;
pub mod feed;
mod guest;
mod health;
pub mod key;
pub mod oauth;
pub mod operator;
pub mod output;
mod people;
mod rekey;
pub mod request;
mod rotation;
mod schema;
mod seed;
mod signals;
mod target;
mod telemetry;
pub mod token;
pub mod transfer;
mod verify;
pub mod webhook;

use std::ffi::OsString;
use std::io::Write;

use clap::{Args, Parser, Subcommand};
use endpoint_store::{Conn, DatabaseUrl, Endpoint, Millis, Store, StoreError, Tx, endpoints};

use crate::app::{App, StartError};
use crate::config::{Common, Config, ConfigError, ServeFlags};
use crate::telemetry::TelemetryError;
use endpoint::EndpointCommand;
use output::{Answer, plain};
use signals::Signals;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "scim-server", version, about = "SCIM 2.0 endpoints for identity providers, with a console")]
#[command(override_usage = "scim-server [OPTIONS] [COMMAND]")]
#[command(
    after_help = "Without a command it serves. Exit codes: 0 done, 1 refused or failed, 2 wrong usage."
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve SCIM and the console; what happens without a command
    #[command(after_long_help = crate::config::HELP)]
    Serve(Box<ServeFlags>),
    /// Make, list and change endpoints
    Endpoint(endpoint::EndpointArgs),
    /// Issue, list and revoke bearer tokens
    Token(token::TokenArgs),
    /// Make, list and end clients of OAuth 2.0, for identity providers that want access tokens
    Oauth(oauth::OauthArgs),
    /// Add, test and compare the applications behind an endpoint
    Target(target::TargetArgs),
    /// Make, list and change the accounts of the console
    Operator(operator::OperatorArgs),
    /// Send events of an endpoint to another program: add, test, list and repeat
    Webhook(webhook::WebhookArgs),
    /// Show what the identity provider of an endpoint sent, and explain it
    Request(request::RequestArgs),
    /// Show what happened in an endpoint's directory, in order, from a cursor on
    Changes(feed::ChangesArgs),
    /// Write an endpoint's whole directory, as it is at one moment, with the cursor that `changes` goes on from
    Snapshot(feed::SnapshotArgs),
    /// Bring the database to the schema of this release
    Migrate(Format),
    /// Look for faults in the database; without --repair nothing is changed
    Check(database::CheckArgs),
    /// Fill an endpoint with made-up users and groups
    Seed(seed::SeedArgs),
    /// Write everything into a new file, while servers go on
    Backup(transfer::BackupArgs),
    /// Make the database what a backup holds
    Restore(transfer::RestoreArgs),
    /// Copy everything to another database, as from SQLite to PostgreSQL
    Copy(transfer::CopyArgs),
    /// Seal every secret that must be read again with the first key
    Rekey(rekey::RekeyArgs),
}

/// How the outcome is printed.
#[derive(Debug, Clone, Copy, Args)]
pub struct Format {
    /// Print one JSON document on stdout
    #[arg(long, global = true)]
    pub json: bool,
}

/// Names one endpoint.
#[derive(Debug, Args)]
pub struct Which {
    /// Slug, former slug or id
    #[arg(value_name = "E")]
    pub endpoint: String,
}

/// Why a command did not do its work: one sentence that says what was wrong and what to do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// From a sentence; what is not for a terminal is taken out of it.
    pub fn new(sentence: &str) -> Self {
        Self(plain(sentence))
    }

    /// What to do about an error of the database at `url`.
    fn of_database(url: &str, error: &StoreError) -> Self {
        Self::new(&match error {
            StoreError::Unavailable(why) if url.starts_with("postgres") => {
                format!("the database {url} cannot be used: {}; check --database and its server", plain(why))
            }
            StoreError::Unavailable(why) => format!(
                "the database {url} cannot be used: {}; check --database, the permissions and the free space",
                plain(why)
            ),
            StoreError::Damaged(why) => {
                format!(
                    "the database {url} is damaged, or no database: {}; restore a backup of it",
                    plain(why)
                )
            }
            StoreError::Busy => format!("the database {url} is too busy; try again"),
            // Deep inside a file the sentence alone does not say where.
            StoreError::Invalid { pointer, sentence } if pointer.starts_with("/definitions/") => {
                format!("{sentence} (at {pointer})")
            }
            other => other.to_string(),
        })
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(&error.to_string())
    }
}

impl From<TelemetryError> for Failure {
    fn from(error: TelemetryError) -> Self {
        Self::new(&error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Database { url, error } => Self::of_database(&url, &error),
            other => Self::new(&other.to_string()),
        }
    }
}

/// Reads the command line; without a command it is `serve`.
///
/// # Errors
/// What clap has to say: a mistake, or the help that was asked for.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(with_default(args.into_iter().collect()))
}

/// Puts `serve` where the command would be, so that `scim-server --listen …` works.
fn with_default(mut args: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(arg) = args.get(at).and_then(|arg| arg.to_str()) {
        at += match arg {
            "--database" | "--config" | "--public-url" | "--key-file" => 2,
            a if ["--database=", "--config=", "--public-url=", "--key-file="]
                .iter()
                .any(|f| a.starts_with(f)) =>
            {
                1
            }
            _ => break,
        };
    }
    let is_command = |arg: &OsString| {
        let arg = arg.to_string_lossy();
        !arg.starts_with('-') || ["-h", "--help", "-V", "--version"].contains(&&*arg)
    };
    if !args.get(at).is_some_and(is_command) {
        args.insert(at.min(args.len()), "serve".into());
    }
    args
}

/// The database, and what a command is told about the rest of the world.
pub struct Context {
    store: Store,
    config: Config,
    now: Millis,
}

impl Context {
    /// Opens the database of the configuration.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be used.
    pub fn open(config: Config) -> Result<Self, Failure> {
        let keys = config.keys.clone();
        let store = Store::open_sealed(&config.database, endpoint_store::CONNECTIONS, keys)
            .map_err(|error| Failure::of_database(&config.database.to_string(), &error))?;
        let now = config.clock.now();
        Ok(Self { store, config, now })
    }

    fn failure(&self, error: &StoreError) -> Failure {
        Failure::of_database(&self.config.database.to_string(), error)
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&mut Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        self.store.read(read).await.map_err(|error| self.failure(&error))
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Failure> {
        self.store.write(write).await.map_err(|error| self.failure(&error))
    }
}

/// An endpoint by slug, former slug or id; also one in the bin.
fn find(conn: &mut Conn, which: &str) -> Result<Endpoint, StoreError> {
    endpoints::find(conn, which).map_err(|error| match error {
        StoreError::NotFound(what) => StoreError::NotFound(format!("{what}; `endpoint list` shows them")),
        other => other,
    })
}

/// The same, but not one in the bin.
fn find_live(conn: &mut Conn, which: &str) -> Result<Endpoint, StoreError> {
    let endpoint = find(conn, which)?;
    if endpoint.deleted_at.is_some() {
        let slug = &endpoint.slug;
        return Err(StoreError::refused(format!(
            "endpoint `{slug}` is in the bin; `endpoint undelete {slug}` takes it out"
        )));
    }
    Ok(endpoint)
}

/// The sentence that goes with a token in plain.
const SHOWN_ONCE: &str =
    "The token is shown now and never again: only a digest of it is kept. Copy it to where it belongs.";

/// Carries out any command but `serve`, and prints its outcome on stdout.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: Command, config: Config) -> Result<(), Failure> {
    let new_file = match &config.database {
        DatabaseUrl::Sqlite(path) if !path.exists() => Some(config.database.to_string()),
        _ => None,
    };
    let (json, outcome) = match command {
        Command::Endpoint(endpoint::EndpointArgs { format, command: EndpointCommand::Verify(which) }) => {
            return verify::run(&Context::open(config)?, which, format.json).await;
        }
        Command::Endpoint(args) => {
            (args.format.json, endpoint::run(args.command, &Context::open(config)?).await)
        }
        Command::Token(args) => (args.format.json, token::run(args.command, &Context::open(config)?).await),
        Command::Oauth(args) => (args.format.json, oauth::run(args.command, &Context::open(config)?).await),
        Command::Target(args) => {
            (args.format.json, target::run(args.command, args.format.json, config).await)
        }
        Command::Operator(args) => (args.format.json, operator::run(args.command, config).await),
        Command::Webhook(args) => {
            (args.format.json, webhook::run(args.command, &Context::open(config)?).await)
        }
        Command::Request(args) => {
            (args.format.json, request::run(args.command, &Context::open(config)?).await)
        }
        Command::Changes(args) => (args.format.json, feed::changes(&args, &Context::open(config)?).await),
        Command::Snapshot(args) => return feed::snapshot(&args, &Context::open(config)?).await,
        Command::Migrate(format) => (format.json, database::migrate(&config)),
        Command::Seed(args) => (args.format.json, seed::run(&args, &Context::open(config)?).await),
        Command::Backup(args) => (args.format.json, transfer::backup(&args, &config)),
        Command::Restore(args) => return print(&transfer::restore(&args, &config)?, args.format.json),
        Command::Copy(args) => (args.format.json, transfer::copy(&args, &config)),
        Command::Rekey(args) => return rekey::run(&args, &Context::open(config)?).await,
        Command::Check(args) => return database::check(&args, config).await,
        Command::Serve(_) => return Err(Failure::new("serving is not a command that ends")),
    };
    let answer = outcome?;
    if let Some(file) = new_file {
        // A typing error in the path would otherwise look like an empty installation.
        let _ = writeln!(std::io::stderr(), "There was no database {file}; it has been made.");
    }
    print(&answer, json)
}

fn print(answer: &Answer, json: bool) -> Result<(), Failure> {
    answer.write(json, &mut std::io::stdout().lock()).map_err(|error| {
        Failure::new(&format!(
            "the outcome could not be printed: {}; what was asked for is done",
            output::reason(&error)
        ))
    })
}

/// Serves until a signal comes and the requests under way are answered.
///
/// # Errors
/// [`Failure`] when the server cannot start, or a second signal cut it off.
pub async fn serve(config: Config) -> Result<(), Failure> {
    crate::telemetry::init(&config)?;
    let mut signals =
        Signals::new().map_err(|e| Failure::new(&format!("signals cannot be received: {e}")))?;
    let app = crate::app::build(config).await?;
    // Nobody may be reading; the server serves all the same.
    let _ = write!(std::io::stdout(), "{}", greeting(&app)).and_then(|()| std::io::stdout().flush());
    let stopper = app.stopper();
    let mut running = std::pin::pin!(app.run());
    let outcome = tokio::select! {
        outcome = &mut running => outcome,
        signal = signals.next() => {
            tracing::info!(signal, "stopping: no new requests, those under way are answered");
            actix_web::rt::spawn(stopper.stop());
            tokio::select! {
                outcome = running => outcome,
                () = signals.insist() => {
                    return Err(Failure::new("stopped at once by a second signal; requests under way were cut off"));
                }
            }
        }
    };
    outcome.map_err(|error| Failure::new(&format!("the server ended: {}", output::reason(&error))))
}

fn greeting(app: &App) -> String {
    let addresses =
        output::fields(&[("Console", app.console_url()), ("SCIM", app.public_url().scim_base("{endpoint}"))]);
    app.setup_link().map_or_else(
        || format!("{addresses}\n"),
        |link| format!("{addresses}\n\nThere is no operator yet. This link works once and makes the first owner:\n{link}\n"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str) -> String {
        let args = line.split(' ').map(OsString::from).collect();
        with_default(args).join(std::ffi::OsStr::new(" ")).to_string_lossy().into_owned()
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_it_serves() {
        assert_eq!(completed("x"), "x serve");
        assert_eq!(completed("x --listen 127.0.0.1:0"), "x serve --listen 127.0.0.1:0");
        assert_eq!(completed("x --database endpoint"), "x --database endpoint serve");
        assert_eq!(completed("x --config=f --listen a"), "x --config=f serve --listen a");
        assert_eq!(completed("x --database u endpoint list"), "x --database u endpoint list");
        assert_eq!(completed("x --help"), "x --help");
        assert_eq!(completed("x nonsense"), "x nonsense");
        assert_eq!(completed("x --database"), "x --database serve");
    }

    #[test]
    fn wrong_usage_is_code_2() {
        for line in [
            "x nonsense",
            "x endpoint",
            "x serve --listen nowhere",
            "x serve --rate 0",
            "x --public-url example.com",
            "x endpoint create A --idp nobody",
            "x endpoint set a",
            "x endpoint set a rate",
            "x token issue a --expires-in soon",
            "x operator create a --role owner",
        ] {
            let error = parse(line.split(' ').map(OsString::from)).err().map(|e| e.exit_code());
            assert_eq!(error, Some(2), "{line}");
        }
    }
}
