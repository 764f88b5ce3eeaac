//! `scim-server migrate` and `scim-server check`.

use clap::Args;
use endpoint_store::check::{self, Fault};
use endpoint_store::{DatabaseUrl, Store, sealed};
use serde_json::json;

use super::output::{Answer, clean, count};
use super::{Context, Failure, Format, print};
use crate::config::Config;

/// Brings the database to the schema of this release; a database that is missing is made.
///
/// # Errors
/// [`Failure`], also for a database of a newer release.
pub fn migrate(config: &Config) -> Result<Answer, Failure> {
    let url = config.database.to_string();
    let applied = Store::migrate(&config.database).map_err(|error| Failure::of_database(&url, &error))?;
    let text = if applied.is_empty() {
        format!("The database {url} has the schema of this release already.")
    } else {
        let migrations = count(i64::try_from(applied.len()).unwrap_or(i64::MAX), "migration");
        format!(
            "The database {url} now has the schema of this release ({migrations}: {}).",
            applied.join(", ")
        )
    };
    Ok(Answer { json: json!({ "applied": applied }), text })
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Make anew what follows from what is there: counters, index entries, names and states
    #[arg(long)]
    pub repair: bool,
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Looks for faults, after mending what can be mended if that is asked for. What is found is printed before the
/// command fails because of it.
///
/// # Errors
/// [`Failure`] when the database cannot be read, or has faults.
pub async fn check(args: &CheckArgs, config: Config) -> Result<(), Failure> {
    let url = config.database.to_string();
    if let DatabaseUrl::Sqlite(path) = &config.database
        && !path.exists()
    {
        return Err(Failure::new(&format!("there is no database {url}; name another with --database")));
    }
    let context = Context::open(config)?;
    let repaired = if args.repair {
        check::repair(&context.store).await.map_err(|error| context.failure(&error))?
    } else {
        Vec::new()
    };
    let faults = context.read(check::faults).await?;
    let keyring = context.store.keyring().clone();
    let unopened = context.read(move |conn| sealed::unopened(conn, &keyring)).await?;
    let mut lines: Vec<String> = repaired.iter().map(|line| clean(line)).collect();
    lines.extend(faults.iter().map(|fault| clean(&fault.sentence)));
    lines.extend(unopened.iter().map(|sentence| clean(sentence)));
    if faults.is_empty() {
        lines.push(format!("The database {url} is sound."));
    }
    let sentences: Vec<&str> = faults.iter().map(|fault| fault.sentence.as_str()).collect();
    let mut json = json!({ "sound": faults.is_empty(), "faults": sentences });
    if !unopened.is_empty()
        && let Some(document) = json.as_object_mut()
    {
        document.insert("unopened".to_owned(), json!(unopened));
    }
    if args.repair
        && let Some(document) = json.as_object_mut()
    {
        document.insert("repaired".to_owned(), json!(repaired));
    }
    print(&Answer { json, text: lines.join("\n") }, args.format.json)?;
    verdict(&url, &faults)?;
    if unopened.is_empty() {
        return Ok(());
    }
    let secrets = count(i64::try_from(unopened.len()).unwrap_or(i64::MAX), "secret");
    Err(Failure::new(&format!(
        "the database {url} is sound, but {secrets} in it cannot be opened: put the missing keys back, or set them anew"
    )))
}

fn verdict(url: &str, faults: &[Fault]) -> Result<(), Failure> {
    let mendable = faults.iter().filter(|fault| fault.repairable).count();
    let what_to_do = match faults.len() - mendable {
        0 if mendable == 0 => return Ok(()),
        0 => "`scim-server check --repair` mends that".to_owned(),
        n => format!("{n} cannot be mended: keep a copy of the database, then restore a backup"),
    };
    let found = count(i64::try_from(faults.len()).unwrap_or(i64::MAX), "fault");
    Err(Failure::new(&format!("the database {url} has {found}; {what_to_do}")))
}
