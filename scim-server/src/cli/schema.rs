//! `scim-server endpoint schema`: extensions and resource types of an endpoint's own, as JSON.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use endpoint_store::Endpoint;
use endpoint_store::caller::Actor;
use endpoint_store::endpoints;
use serde_json::{Value, json};

use super::output::{Answer, reason};
use super::{Context, Failure, Which, find, find_live};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Which endpoint, and what becomes of its schemas.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Names the endpoint.
    #[command(flatten)]
    pub which: Which,
    /// The definitions, `{"extensions": […], "resourceTypes": […]}`; `-` reads them from stdin
    pub file: Option<PathBuf>,
    /// Take all of its own definitions away
    #[arg(long, conflicts_with = "file")]
    pub clear: bool,
}

/// Shows the definitions, or replaces them.
///
/// # Errors
/// [`Failure`].
pub(super) async fn run(args: SchemaArgs, cx: &Context) -> Result<Answer, Failure> {
    let SchemaArgs { which, file, clear } = args;
    if file.is_none() && !clear {
        let endpoint = cx.read(move |conn| find(conn, &which.endpoint)).await?;
        return Ok(answer(&endpoint));
    }
    let definitions = file.as_deref().map(read).transpose()?;
    let now = cx.now;
    let changed = cx.write(move |tx| {
        let endpoint = find_live(tx, &which.endpoint)?;
        endpoints::set_definitions(tx, &endpoint.id, definitions.as_deref(), &Actor::cli(), now)
    });
    Ok(answer(&changed.await?))
}

fn answer(endpoint: &Endpoint) -> Answer {
    let own: Value =
        endpoint.definitions.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json!({}));
    let types: Vec<String> = endpoint
        .catalog
        .resource_types()
        .iter()
        .map(|rt| {
            let schemas: Vec<&str> = rt.schemas().map(|schema| schema.id.as_str()).collect();
            format!("/{}  {}", rt.endpoint, schemas.join(", "))
        })
        .collect();
    let own_text = serde_json::to_string_pretty(&own).unwrap_or_default();
    Answer { text: format!("{}\n\nDefinitions of its own:\n{own_text}", types.join("\n")), json: own }
}

/// The text of a file; `-` is stdin.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let fail =
        |e: &std::io::Error| Failure::new(&format!("{} cannot be read: {}", path.display(), reason(e)));
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(LARGEST).read_to_string(&mut text).map_err(|e| fail(&e))?;
    } else {
        let file = std::fs::File::open(path).map_err(|e| fail(&e))?;
        file.take(LARGEST).read_to_string(&mut text).map_err(|e| fail(&e))?;
    }
    Ok(text)
}
