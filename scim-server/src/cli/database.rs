//! `scim-server migrate` and `scim-server check`.

use endpoint_store::{DatabaseUrl, Store};
use serde_json::json;

use super::output::{Answer, clean, count};
use super::{Context, Failure, print};
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

/// Looks for faults. What is found is printed before the command fails because of it.
///
/// # Errors
/// [`Failure`] when the database cannot be read, or has faults.
pub async fn check(config: Config, json: bool) -> Result<(), Failure> {
    let url = config.database.to_string();
    if let DatabaseUrl::Sqlite(path) = &config.database
        && !path.exists()
    {
        return Err(Failure::new(&format!("there is no database {url}; name another with --database")));
    }
    let faults = Context::open(config)?.read(endpoint_store::check::faults).await?;
    let text = if faults.is_empty() {
        format!("The database {url} is sound.")
    } else {
        faults.iter().map(|fault| clean(fault)).collect::<Vec<_>>().join("\n")
    };
    print(&Answer { json: json!({ "sound": faults.is_empty(), "faults": faults }), text }, json)?;
    match faults.len() {
        0 => Ok(()),
        n => Err(Failure::new(&format!(
            "the database {url} has {}; keep a copy of it, then restore a backup",
            count(i64::try_from(n).unwrap_or(i64::MAX), "fault")
        ))),
    }
}
