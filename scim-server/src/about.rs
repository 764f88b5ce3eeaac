//! What the console's page about the server shows: the values that the code obeys, in words.

use endpoint_admin::{About, Limit};
use endpoint_store::tokens::MAX_LIVE;
use scim_core::{filter, json, patch};

use crate::config::Config;
use crate::scim;

/// This process, and the limits in force.
pub(crate) fn about(config: &Config, node: &str) -> About {
    About { node: node.to_owned(), up_since: config.clock.now(), limits: limits(config) }
}

fn limits(config: &Config) -> Vec<Limit> {
    let fixed = |what, value: String, over| Limit { what, value, over, set_by: "" };
    let rate =
        |rate: Option<u32>| rate.map_or_else(|| "no limit".to_owned(), |rate| format!("{rate} a second"));
    vec![
        Limit {
            what: "Requests to one endpoint, on average",
            value: rate(config.rate),
            over: "429 with Retry-After, after a burst of four times as many",
            set_by: "--rate, or Settings",
        },
        Limit {
            what: "Wrong credentials from one address",
            value: rate(config.failed_rate),
            over: "429 with Retry-After",
            set_by: "--failed-rate",
        },
        Limit {
            what: "Connections to the database",
            value: config.connections.to_string(),
            over: "waits, then 503 with Retry-After",
            set_by: "--database-connections",
        },
        fixed("A request's body, Bulk too", format!("{} MiB", scim::MAX_BODY / 1024 / 1024), "413"),
        fixed("Operations of one Bulk request", number(scim::MAX_BULK), "413"),
        fixed("Operations of one PATCH", number(patch::MAX_OPERATIONS), "413"),
        fixed("A filter", format!("{} KiB", filter::MAX_LENGTH / 1024), "400 invalidFilter"),
        fixed("Terms of a filter", number(filter::MAX_TERMS), "400 invalidFilter"),
        fixed("Depth of a filter", number(filter::MAX_DEPTH), "400 invalidFilter"),
        fixed("Levels of JSON in each other", number(json::MAX_DEPTH), "400 invalidSyntax"),
        fixed(
            "Resources on one page",
            number(usize::try_from(scim::MAX_PAGE_SIZE).unwrap_or(usize::MAX)),
            "capped",
        ),
        fixed("Live tokens of one endpoint", number(MAX_LIVE), "refused, with the way out"),
    ]
}

/// With separators, as the pages show numbers.
fn number(of: usize) -> String {
    let digits = of.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
