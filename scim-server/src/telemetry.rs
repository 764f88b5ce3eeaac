//! Log lines: to stderr, as text or JSON, and never with a secret in them.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry};

use crate::config::{Config, LogFormat};

/// The targets that are checked for what they log: our crates, and the line per request.
const OWN: [&str; 6] =
    ["request", "scim_server", "endpoint_admin", "endpoint_targets", "endpoint_store", "scim_core"];

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Why there is no log.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error(
        "the log filter `{0}` cannot be read; write a level (error, warn, info, debug, trace, off), \
         or levels per part such as `info,scim_server=debug`"
    )]
    Filter(String),
    /// Somebody else in this process receives the log already.
    #[error("the log goes elsewhere already; it can be set up only once in a process")]
    Twice,
}

/// Sends the log of this process to stderr, as the configuration says.
///
/// # Errors
/// [`TelemetryError`].
pub fn init(config: &Config) -> Result<(), TelemetryError> {
    let filter = filter(&config.log)?;
    let own = filter_fn(harmless);
    let lines = match config.log_format {
        LogFormat::Text => layer()
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .with_writer(std::io::stderr)
            .with_filter(own)
            .boxed(),
        LogFormat::Json => {
            layer().json().flatten_event(true).with_writer(std::io::stderr).with_filter(own).boxed()
        }
    };
    Registry::default().with(lines).with(filter).try_init().map_err(|_| TelemetryError::Twice)
}

/// `EnvFilter` would take any word for the name of a part, and then log nothing but that part.
fn filter(text: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = || TelemetryError::Filter(text.to_owned());
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    // Spans in brackets may have commas of their own; those are left to the filter.
    let whole = text.contains('[') || parts.iter().all(|part| part.contains('=') || is_level(part));
    let directives = if text.contains('[') { text.to_owned() } else { parts.join(",") };
    if whole { EnvFilter::try_new(directives).map_err(|_| wrong()) } else { Err(wrong()) }
}

/// Libraries are heard from `warn` on: what they say at `info` nobody needs, and below that HTTP libraries write
/// down headers and frames, with tokens among them.
fn harmless(metadata: &Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::WARN || OWN.contains(&root)
}

#[cfg(test)]
mod tests {
    use super::{TelemetryError, filter};

    #[test]
    fn levels_and_parts_are_filters() {
        for good in ["info", "WARN", "off", "info,scim_server=debug", "warn, endpoint_store=trace"] {
            assert!(filter(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for bad in ["", "loud", "info,loud", "scim_server=loud", "info,=,"] {
            assert_eq!(filter(bad).err(), Some(TelemetryError::Filter(bad.to_owned())), "{bad}");
        }
    }
}
