//! `scim-server rekey`: another key for secrets that must be read again.

use clap::Args;
use endpoint_store::caller::Actor;
use endpoint_store::sealed;
use serde_json::json;

use super::output::{Answer, clean, count};
use super::{Context, Failure, Format, print};

/// Arguments of `rekey`.
#[derive(Debug, Args)]
pub struct RekeyArgs {
    /// Put a fresh key before the others in the key file first
    #[arg(long)]
    pub new_key: bool,
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
}

/// Seals everything anew with the first key. What was done is printed before the command fails because of the rest.
///
/// # Errors
/// [`Failure`] when there is no key, or something could not be opened.
pub(super) async fn run(args: &RekeyArgs, cx: &Context) -> Result<(), Failure> {
    let keyring = cx.store.keyring();
    keyring.check().map_err(|error| cx.failure(&error))?;
    let made = if args.new_key { Some(keyring.add_key().map_err(|error| cx.failure(&error))?) } else { None };
    let done = sealed::rekey(&cx.store, &Actor::cli(), cx.now).await.map_err(|error| cx.failure(&error))?;
    let source = keyring.source().to_string();
    let mut lines: Vec<String> = Vec::new();
    if let Some(id) = &made {
        lines.push(format!("The key `{id}` is the first one in {source} now."));
    }
    let number = |n: usize| count(i64::try_from(n).unwrap_or(i64::MAX), "secret");
    lines.push(format!(
        "{} sealed anew, {} had the first key already.",
        number(done.resealed),
        number(done.already)
    ));
    lines.extend(done.failed.iter().map(|sentence| clean(sentence)));
    if done.failed.is_empty() && done.resealed > 0 {
        lines.push("The former keys are only needed for older backups now.".to_owned());
    }
    let json = json!({
        "new_key": made, "resealed": done.resealed, "already": done.already, "failed": done.failed,
    });
    print(&Answer { json, text: lines.join("\n") }, args.format.json)?;
    if done.failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(&format!("{} could not be opened and stayed as before", number(done.failed.len()))))
}
