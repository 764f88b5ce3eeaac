//! The file format of a scenario, `scim-idp-trace/1`, and its variables. `tests/idp/README.md` describes it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::check::{check, check_header, words};
use super::path::Path;

/// One session of an identity provider against one fresh endpoint.
#[derive(Debug, Clone, Deserialize)]
pub struct Scenario {
    /// `scim-idp-trace/1`.
    pub format: String,
    /// The preset of the endpoint.
    pub idp: String,
    /// A line for people.
    pub title: String,
    /// Start values.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Sent with every step.
    #[serde(default)]
    pub default_headers: BTreeMap<String, String>,
    /// In the order in which they are played.
    pub steps: Vec<Step>,
}

/// One request and what its answer must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Names it.
    pub name: String,
    /// What the identity provider does, in words.
    #[serde(default)]
    pub title: String,
    /// The method.
    pub method: String,
    /// Appended to the base URL and sent as written: a trailing `?` or `&` and a `+` are the point.
    pub path: String,
    /// They replace the default ones by name; null leaves one out.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    /// Null for none.
    #[serde(default)]
    pub body: Value,
    /// What the answer must be.
    pub expect: Expect,
    /// Variables that are taken out of the answer, by path.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
    /// Settings of the endpoint without which the step cannot come out well, as `name=value`.
    #[serde(default)]
    pub needs: Vec<String>,
    /// It looks at what the step before has done, and is pointless when that failed.
    #[serde(default)]
    pub follows: bool,
    /// The step is played only on endpoints with this setting, `name=value`.
    #[serde(default)]
    pub when: Option<String>,
    #[serde(default, rename = "lifecycle")]
    _lifecycle: IgnoredAny,
    #[serde(default, rename = "sourced")]
    _sourced: IgnoredAny,
    #[serde(default, rename = "note")]
    _note: IgnoredAny,
}

/// What an answer must be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Any of these.
    pub status: Vec<u16>,
    /// Checks by name.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    /// Checks by path.
    #[serde(default)]
    pub json: Map<String, Value>,
}

impl Scenario {
    /// Reads a scenario and checks what can be checked without playing it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if scenario.format != "scim-idp-trace/1" {
            return Err(format!("format {:?} is not scim-idp-trace/1", scenario.format));
        }
        scenario.steps.iter().try_for_each(Step::check)?;
        Ok(scenario)
    }
}

impl Step {
    /// Whether its paths can be read.
    pub(super) fn check(&self) -> Result<(), String> {
        for path in self.expect.json.keys().chain(self.capture.values()) {
            Path::parse(path).map_err(|error| format!("step {:?}: {error}", self.name))?;
        }
        Ok(())
    }

    /// The headers that it is sent with. An error names a variable that has no value.
    ///
    /// # Errors
    /// The variable.
    pub fn headers(
        &self,
        defaults: &BTreeMap<String, String>,
        variables: &Variables,
    ) -> Result<Vec<(String, String)>, String> {
        let is = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
        let kept = defaults.iter().filter(|(name, _)| !self.headers.keys().any(|own| is(own, name)));
        let own = self.headers.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        kept.map(|(name, value)| (name, value.as_str()))
            .chain(own)
            .map(|(name, value)| Ok((name.clone(), variables.fill(value)?)))
            .collect()
    }
}

/// What came back.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The status.
    pub status: u16,
    /// The value of a header by its name in lower case.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// The body, if it is JSON.
    pub json: Option<&'a Value>,
}

impl Expect {
    /// What is expected, in words, a line each.
    pub fn words(&self, variables: &Variables) -> Vec<String> {
        let filled = |expected: &Value| match variables.fill_json(expected) {
            Ok(expected) => words(&expected),
            Err(_) => words(expected),
        };
        let headers = self.headers.iter().map(|(name, value)| format!("header {name}: {}", filled(value)));
        let json = self.json.iter().map(|(path, value)| format!("{path}: {}", filled(value)));
        std::iter::once(format!("status {}", self.statuses())).chain(headers).chain(json).collect()
    }

    fn statuses(&self) -> String {
        self.status.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
    }

    /// What is otherwise than expected, a sentence each.
    pub fn judge(&self, heard: Heard<'_>, variables: &Variables) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.status.contains(&heard.status) {
            wrong.push(format!("status {} was expected, {} came", self.statuses(), heard.status));
        }
        for (name, expected) in &self.headers {
            let found = (heard.header)(name);
            let verdict = variables.fill_json(expected).and_then(|e| check_header(&e, found.as_deref()));
            if let Err(expected) = verdict {
                wrong.push(format!("header {name} should be {expected}, {}", came(found.map(Value::from))));
            }
        }
        for (path, expected) in &self.json {
            let found = heard.json.and_then(|json| Path::parse(path).ok()?.find(json));
            let verdict = variables.fill_json(expected).and_then(|e| check(&e, found.as_ref()));
            if let Err(expected) = verdict {
                wrong.push(format!("{path} should be {expected}, {}", came(found)));
            }
        }
        wrong
    }
}

fn came(found: Option<Value>) -> String {
    match found {
        Some(found) => format!("{found} came"),
        None => "nothing came".to_owned(),
    }
}

/// The variables of a running scenario.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those that a scenario starts with.
    pub fn new(start: &BTreeMap<String, String>) -> Self {
        Self(start.clone())
    }

    /// Gives one a value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// The value of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Takes what a step captures out of its answer.
    pub fn capture(&mut self, step: &Step, json: Option<&Value>) {
        let find = |path: &str| match Path::parse(path).ok()?.find(json?)? {
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        for (name, path) in &step.capture {
            if let Some(value) = find(path) {
                self.set(name, value);
            }
        }
    }

    /// Replaces every `{{name}}`.
    ///
    /// # Errors
    /// The name of one that has no value, because its capture has failed.
    pub fn fill(&self, text: &str) -> Result<String, String> {
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
    ///
    /// # Errors
    /// As [`Variables::fill`].
    pub fn fill_json(&self, value: &Value) -> Result<Value, String> {
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

#[cfg(test)]
mod tests {
    use super::{Scenario, Variables};

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
}
