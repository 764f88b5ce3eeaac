//! Query parameters: what a route takes stands in the table, and nothing else is taken.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::problem::{Place, Problem};

/// Results on a page, unless asked otherwise.
const PAGE: usize = 100;
/// Results on a page at most.
const LARGEST_PAGE: usize = 500;
/// The longest value of a parameter, in characters.
const LONGEST: usize = 1000;

/// What a parameter may hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A point in time (RFC 3339).
    Moment,
    /// A whole number of results.
    Limit,
    /// A whole number from the first to the second.
    Number(u32, u32),
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One query parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
}

/// How many results.
pub(super) const LIMIT: Param =
    Param { name: "limit", kind: Kind::Limit, about: "Results on this page at most." };
/// Where the page before ended.
pub(super) const AFTER: Param = Param {
    name: "after",
    kind: Kind::Text,
    about: "`next` of the page before. Without it the first page is answered.",
};

impl Param {
    /// As OpenAPI has it.
    pub(super) fn document(&self) -> Value {
        let schema = match self.kind {
            Kind::Text => json!({"type": "string", "maxLength": LONGEST}),
            Kind::Moment => json!({"type": "string", "format": "date-time"}),
            Kind::Limit => {
                json!({"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE})
            }
            Kind::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Kind::Word(words) => json!({"type": "string", "enum": words}),
        };
        json!({"name": self.name, "in": "query", "required": false, "description": self.about, "schema": schema})
    }

    fn fault(&self, value: &str) -> Option<String> {
        match self.kind {
            Kind::Text => (value.chars().count() > LONGEST)
                .then(|| format!("`{}` may have at most {LONGEST} characters", self.name)),
            Kind::Moment => scim_core::time::parse(value)
                .is_none()
                .then(|| format!("`{}` is no time; write it like 2026-11-24T08:00:00Z", self.name)),
            Kind::Limit => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let good = digits && value.parse().is_ok_and(|n: usize| (1..=LARGEST_PAGE).contains(&n));
                (!good).then(|| format!("`{}` is a whole number from 1 to {LARGEST_PAGE}", self.name))
            }
            Kind::Number(least, most) => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let good = digits && value.parse().is_ok_and(|n: u32| (least..=most).contains(&n));
                (!good).then(|| format!("`{}` is a whole number from {least} to {most}", self.name))
            }
            Kind::Word(words) => {
                (!words.contains(&value)).then(|| format!("`{}` is one of {}", self.name, words.join(", ")))
            }
        }
    }
}

/// The parameters of a request, checked.
#[derive(Debug, Default)]
pub(super) struct Query(HashMap<&'static str, String>);

impl Query {
    /// Reads a query string.
    ///
    /// # Errors
    /// 400 naming every parameter that is unknown, there twice, or has a wrong value.
    pub(super) fn read(text: &str, known: &[Param]) -> Result<Self, Problem> {
        let mut found = HashMap::new();
        let mut faults = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let Some(param) = known.iter().find(|param| param.name == name) else {
                let names: Vec<&str> = known.iter().map(|param| param.name).collect();
                let takes = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let shown: String = name.chars().take(100).collect();
                let detail = format!("there is no parameter `{shown}` here; known are: {takes}");
                faults.push(Place::in_parameter(&shown, detail));
                continue;
            };
            if let Some(fault) = param.fault(&value) {
                faults.push(Place::in_parameter(param.name, fault));
            } else if found.insert(param.name, value.into_owned()).is_some() {
                faults.push(Place::in_parameter(param.name, format!("`{}` is there twice", param.name)));
            }
        }
        if faults.is_empty() { Ok(Self(found)) } else { Err(Problem::bad_parameters(faults)) }
    }

    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A number that is there; the door has looked at it already.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(|n| n.parse().ok())
    }

    /// How many results a page has.
    pub(super) fn limit(&self) -> usize {
        self.get(LIMIT.name).and_then(|n| n.parse().ok()).unwrap_or(PAGE)
    }

    /// Where the page before ended.
    ///
    /// # Errors
    /// 400 for a cursor that is none of ours.
    pub(super) fn after(&self) -> Result<Option<(String, String)>, Problem> {
        let Some(cursor) = self.get(AFTER.name) else { return Ok(None) };
        let place = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|json| serde_json::from_slice(&json).ok());
        place.map(Some).ok_or_else(|| {
            let detail = "`after` is no cursor of this list; take `next` of the page before as it is";
            Problem::bad_parameters(vec![Place::in_parameter(AFTER.name, detail)])
        })
    }
}

/// A place in a list, as `next` tells it.
pub(super) fn cursor(key: &str, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!([key, id]).to_string())
}
