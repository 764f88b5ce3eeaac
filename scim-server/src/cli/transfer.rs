//! `scim-server backup`, `restore` and `copy`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use endpoint_store::transfer::{self, Tables};
use endpoint_store::{DatabaseUrl, StoreError};
use serde_json::{Map, Value, json};

use super::output::{Answer, count};
use super::{Failure, Format};
use crate::config::Config;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to make; it must not be there yet
    pub file: PathBuf,
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file made by `backup`
    pub file: PathBuf,
    /// Replace a SQLite database that holds something; its file is kept under another name
    #[arg(long)]
    pub force: bool,
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Arguments of `copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// Where to: sqlite:PATH or postgres://…; a database in which nothing has been done yet
    #[arg(long, value_name = "URL")]
    pub to: DatabaseUrl,
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Writes the database into a new file, while servers go on.
///
/// # Errors
/// [`Failure`]; then there is no file.
pub fn backup(args: &BackupArgs, config: &Config) -> Result<Answer, Failure> {
    let url = config.database.to_string();
    let tables = transfer::backup(&config.database, &args.file).map_err(|e| failure(&url, &e))?;
    let file = args.file.display().to_string();
    let bytes = args.file.metadata().map_or(0, |meta| meta.len());
    let text = format!("{file} has everything in {url}: {}, {bytes} bytes.", contents(&tables));
    Ok(Answer { json: json!({ "file": file, "bytes": bytes, "rows": rows(&tables) }), text })
}

/// Makes the database what the file holds.
///
/// # Errors
/// [`Failure`]; then the database is as it was.
pub fn restore(args: &RestoreArgs, config: &Config) -> Result<Answer, Failure> {
    let url = config.database.to_string();
    let restored =
        transfer::restore(&args.file, &config.database, args.force, config.clock.now()).map_err(|error| {
            match error {
                StoreError::Damaged(why) => {
                    Failure::new(&format!("the backup cannot be used: {why}; take another one"))
                }
                other => failure(&url, &other),
            }
        })?;
    let moved_to = restored.moved_to.map(|path| path.display().to_string());
    let mut text =
        format!("{url} has everything in {}: {}.", args.file.display(), contents(&restored.tables));
    if let Some(path) = &moved_to {
        text.push_str(&format!("\nWhat was there before is kept as {path}."));
    }
    let json = json!({
        "file": args.file.display().to_string(), "database": url, "rows": rows(&restored.tables), "moved_to": moved_to,
    });
    Ok(Answer { json, text })
}

/// Copies the database to another one.
///
/// # Errors
/// [`Failure`]; then there is nothing in the other one.
pub fn copy(args: &CopyArgs, config: &Config) -> Result<Answer, Failure> {
    let (from, to) = (config.database.to_string(), args.to.to_string());
    if transfer::is_in_use(&config.database) {
        let _ = writeln!(
            std::io::stderr(),
            "A server is running on {from}: what it writes from now on is not copied. Stop it before you move."
        );
    }
    let tables =
        transfer::copy(&config.database, &args.to, config.clock.now()).map_err(|e| failure(&from, &e))?;
    let text = format!("{to} has everything in {from}: {}.", contents(&tables));
    Ok(Answer { json: json!({ "from": from, "to": to, "rows": rows(&tables) }), text })
}

/// Two databases or files are concerned: the sentence of the store says which.
fn failure(url: &str, error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(why) => {
            Failure::new(&format!("{why}; check the paths, the permissions and the free space"))
        }
        other => Failure::of_database(url, other),
    }
}

fn rows(tables: &Tables) -> Value {
    tables.iter().map(|(table, rows)| ((*table).to_owned(), json!(rows))).collect::<Map<_, _>>().into()
}

fn contents(tables: &Tables) -> String {
    let of = |name: &str| tables.iter().find(|(table, _)| *table == name).map_or(0, |(_, rows)| *rows);
    format!(
        "{}, {}, {}, {}",
        count(of("endpoints"), "endpoint"),
        count(of("resources"), "resource"),
        count(of("members"), "membership"),
        count(of("changes"), "change")
    )
}
