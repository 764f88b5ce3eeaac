//! The file format of a scenario, `scim-idp-trace/1`, and its variables.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::idp::path::Path;

/// One session of an identity provider against one fresh endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) format: String,
    pub(crate) idp: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) default_headers: BTreeMap<String, String>,
    pub(crate) steps: Vec<Step>,
}

/// One request and what its answer must be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) method: String,
    /// Appended to the base URL and sent as written: a trailing `?` or `&` and a `+` are the point.
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Value,
    pub(crate) expect: Expect,
    #[serde(default)]
    pub(crate) capture: BTreeMap<String, String>,
    #[serde(default, rename = "lifecycle")]
    _lifecycle: IgnoredAny,
    #[serde(default, rename = "sourced")]
    _sourced: IgnoredAny,
    #[serde(default, rename = "note")]
    _note: IgnoredAny,
}

/// What an answer must be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) status: Vec<u16>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) json: Map<String, Value>,
}

impl Scenario {
    /// Reads a scenario and checks what can be checked without playing it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if scenario.format != "scim-idp-trace/1" {
            return Err(format!("format {:?} is not scim-idp-trace/1", scenario.format));
        }
        for step in &scenario.steps {
            for path in step.expect.json.keys().chain(step.capture.values()) {
                Path::parse(path).map_err(|error| format!("step {:?}: {error}", step.name))?;
            }
        }
        Ok(scenario)
    }
}

/// The variables of a running scenario.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(crate) fn new(start: &BTreeMap<String, String>) -> Self {
        Self(start.clone())
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Replaces every `{{name}}`; a name without a value is an error (its capture has failed).
    pub(crate) fn fill(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) =
                after.split_once("}}").ok_or_else(|| format!("{text:?} has {{{{ without }}}}"))?;
            filled.push_str(before);
            filled.push_str(self.get(name).ok_or_else(|| format!("{{{{{name}}}}} has no value"))?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The same within a JSON value, keys included.
    pub(crate) fn fill_json(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(list) => list.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?,
            Value::Object(map) => map
                .iter()
                .map(|(key, item)| Ok((self.fill(key)?, self.fill_json(item)?)))
                .collect::<Result<Map<_, _>, String>>()?
                .into(),
            other => other.clone(),
        })
    }
}

#[test]
fn variables_fill_text_keys_and_values() {
    let mut variables = Variables::default();
    variables.set("a", "1");
    assert_eq!(variables.fill("/Users/{{a}}?"), Ok("/Users/1?".to_owned()));
    assert!(variables.fill("{{b}}").is_err());
    assert_eq!(
        variables.fill_json(&serde_json::json!({"k{{a}}": ["{{a}}", 2, null]})),
        Ok(serde_json::json!({"k1": ["1", 2, null]}))
    );
}

#[test]
fn a_scenario_with_a_wrong_path_or_format_is_refused() {
    let text = |format: &str, path: &str| {
        serde_json::json!({"format": format, "idp": "x", "title": "x", "steps": [
            {"name": "s", "method": "GET", "path": "/Users", "expect": {"status": [200], "json": {path: 1}}},
        ]})
        .to_string()
    };
    assert!(Scenario::parse(&text("scim-idp-trace/1", "$.a")).is_ok());
    assert!(Scenario::parse(&text("scim-idp-trace/2", "$.a")).is_err());
    assert!(Scenario::parse(&text("scim-idp-trace/1", "a")).is_err());
}
