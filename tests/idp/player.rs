//! Plays a scenario against an endpoint and reports what came out otherwise: step, expected, received.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;

use crate::idp::check::{check, check_header};
use crate::idp::path::Path;
use crate::idp::scenario::{Scenario, Step, Variables};
use crate::support::http::{Answer, Request, send};

/// A scenario in play.
pub(crate) struct Player {
    scenario: Scenario,
    pub(crate) variables: Variables,
    address: SocketAddr,
    base_path: String,
    next: usize,
    report: Vec<String>,
}

impl Player {
    /// A player of a scenario file for the endpoint under `base_path` (`/scim/onelogin/v2`).
    pub(crate) fn new(text: &str, address: SocketAddr, base_path: &str, token: &str) -> Self {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("unreadable scenario: {error}"));
        let mut variables = Variables::new(&scenario.variables);
        variables.set("token", token);
        let base_path = base_path.trim_end_matches('/').to_owned();
        Self { scenario, variables, address, base_path, next: 0, report: Vec::new() }
    }

    /// The same, with the base path exactly as somebody typed it.
    pub(crate) fn as_typed(text: &str, address: SocketAddr, base_path: &str, token: &str) -> Self {
        Self { base_path: base_path.to_owned(), ..Self::new(text, address, base_path, token) }
    }

    /// Plays what is left and fails with the whole report if anything came out otherwise.
    pub(crate) async fn play(&mut self) {
        self.play_and_report().await;
        self.finish();
    }

    /// Plays what is left; what came out otherwise, if anything did.
    pub(crate) async fn play_and_report(&mut self) -> Option<String> {
        while self.next < self.scenario.steps.len() {
            self.play_next().await;
        }
        (!self.report.is_empty()).then(|| self.report.join("\n"))
    }

    /// Plays up to and including the named step, and fails at once if anything came out otherwise.
    pub(crate) async fn play_through(&mut self, name: &str) {
        let last = self.scenario.steps.iter().position(|step| step.name == name);
        let last = last.unwrap_or_else(|| panic!("{} has no step {name:?}", self.scenario.title));
        assert!(last >= self.next, "step {name:?} has been played");
        while self.next <= last {
            self.play_next().await;
        }
        self.finish();
    }

    fn finish(&self) {
        assert!(
            self.report.is_empty(),
            "{} ({})\n{}",
            self.scenario.title,
            self.scenario.idp,
            self.report.join("\n")
        );
    }

    /// A step that cannot be sent, because a capture before it failed, is reported and passed over.
    async fn play_next(&mut self) {
        let index = self.next;
        self.next += 1;
        let step = &self.scenario.steps[index];
        let outcome = match self.request(step) {
            Err(error) => Err(format!("  not sent: {error}")),
            Ok(request) => {
                let answer = send(self.address, &request).await;
                let json = serde_json::from_slice(&answer.body).ok();
                match self.judge(step, &answer, json.as_ref()) {
                    wrong if wrong.is_empty() => Ok(captured(step, json.as_ref())),
                    wrong => Err(format!("{wrong}  sent      {request}\n  received  {answer}")),
                }
            }
        };
        match outcome {
            Ok(captured) => captured.into_iter().for_each(|(name, value)| self.variables.set(&name, value)),
            Err(text) => {
                let line =
                    format!("step {} of {} {:?}\n{text}", index + 1, self.scenario.steps.len(), step.name);
                self.report.push(line);
            }
        }
    }

    fn request(&self, step: &Step) -> Result<Request, String> {
        let target = format!("{}{}", self.base_path, self.variables.fill(&step.path)?);
        let mut request = Request::new(&step.method, &target);
        for (name, value) in &self.scenario.default_headers {
            request = request.header(name, &self.variables.fill(value)?);
        }
        for (name, value) in &step.headers {
            // null = this step goes without the default header.
            request = match value.as_str() {
                Some(value) => request.header(name, &self.variables.fill(value)?),
                None => request.without_header(name),
            };
        }
        if step.body.is_null() {
            Ok(request)
        } else {
            Ok(request.json(&self.variables.fill_json(&step.body)?))
        }
    }

    /// The deviations of an answer, a line each.
    fn judge(&self, step: &Step, answer: &Answer, json: Option<&Value>) -> String {
        let mut wrong = String::new();
        let mut miss = |place: &str, expected: &str| {
            let _ = writeln!(wrong, "  expected  {place} {expected}");
        };
        if !step.expect.status.contains(&answer.status) {
            miss("status", &format!("one of {:?}", step.expect.status));
        }
        for (name, expected) in &step.expect.headers {
            let verdict = self
                .variables
                .fill_json(expected)
                .and_then(|expected| check_header(&expected, answer.header(name)));
            if let Err(expected) = verdict {
                miss(&format!("header {name}"), &expected);
            }
        }
        for (path, expected) in &step.expect.json {
            let verdict = self.variables.fill_json(expected).and_then(|expected| {
                let found = json.and_then(|json| Path::parse(path).ok()?.find(json));
                check(&expected, found.as_ref()).map_err(|expected| match found {
                    Some(found) => format!("{expected}, found {found}"),
                    None => format!("{expected}, found nothing"),
                })
            });
            if let Err(expected) = verdict {
                miss(path, &expected);
            }
        }
        wrong
    }
}

fn captured(step: &Step, json: Option<&Value>) -> Vec<(String, String)> {
    let find = |path: &str| match Path::parse(path).ok()?.find(json?)? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    step.capture.iter().filter_map(|(name, path)| Some((name.clone(), find(path)?))).collect()
}
