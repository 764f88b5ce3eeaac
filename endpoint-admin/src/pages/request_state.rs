//! Requests as the console shows them: a state with word, icon and colour, and a row of a list.

use endpoint_store::requests::{End, Line, Request};
use scim_core::dialect::Rule;

use super::tokens::public_id;
use crate::ui::{State, Tone, When};

/// How a request ended.
pub(crate) fn state(end: End) -> State {
    match end {
        End::Done => State::new("Done", "check", Tone::Ok),
        End::Partly => State::new("Partly done", "warn", Tone::Warn),
        End::NotFound => State::new("Not found", "ring", Tone::Warn),
        End::TurnedAway => State::new("Turned away", "stop", Tone::Bad),
        End::ToldToWait => State::new("Told to wait", "clock", Tone::Warn),
        End::Closed => State::new("Not answered", "pause", Tone::Warn),
        End::Refused => State::new("Refused", "cross", Tone::Bad),
        End::Failed => State::new("Failed here", "warn", Tone::Bad),
    }
}

/// What the outcome says beyond the state's word.
pub(crate) fn why(end: End, outcome: &str) -> String {
    let more = outcome.split_once(": ").map(|(_, more)| more);
    match end {
        End::Done | End::NotFound => String::new(),
        End::Partly => outcome.trim_start_matches("done, but ").to_owned(),
        _ => more.unwrap_or_default().to_owned(),
    }
}

/// A tolerance beside a request.
pub(crate) struct Badge {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
}

impl Badge {
    fn of(rule: Rule) -> Self {
        Self { name: rule.name(), about: rule.describe() }
    }
}

/// Badges, as far as a row has room for them.
pub(crate) fn badges(request: &Request) -> Vec<Badge> {
    request.rules.iter().copied().take(4).map(Badge::of).collect()
}

/// One line of a list.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) at: When,
    pub(crate) asked: String,
    pub(crate) path: String,
    pub(crate) state: State,
    pub(crate) why: String,
    pub(crate) badges: Vec<Badge>,
    pub(crate) dropped: usize,
    pub(crate) ms: String,
    /// Label and public id.
    pub(crate) token: Option<(String, String)>,
    pub(crate) address: String,
}

impl Row {
    pub(crate) fn new(line: Line, now: i64) -> Self {
        let request = &line.request;
        let path = request.target.split_once("/v2").map_or(request.target.as_str(), |(_, behind)| behind);
        let path: String = path.chars().take(90).collect();
        Self {
            id: request.id.clone(),
            at: When::new(request.at, now),
            path: format!("{} {}", request.method, if path.is_empty() { "/" } else { &path }),
            state: state(line.end),
            why: why(line.end, &line.outcome),
            badges: badges(request),
            dropped: request.dropped.len(),
            ms: if request.micros > 0 { format!("{} ms", request.ms()) } else { "–".to_owned() },
            token: (!request.token_id.is_empty())
                .then(|| (request.token_label.clone(), public_id(&request.token_id))),
            address: request.address.clone(),
            asked: line.asked,
        }
    }
}
