//! Plays a scenario against an endpoint and reports what came out otherwise: step, expected, received.

use std::net::SocketAddr;

use scim_server::verify::scenario::{Heard, Scenario, Step, Variables};
use serde_json::Value;

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
                let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
                let wrong = self.judge(step, &answer, json.as_ref());
                if wrong.is_empty() {
                    Ok(json)
                } else {
                    Err(format!("  {}\n  sent      {request}\n  received  {answer}", wrong.join("\n  ")))
                }
            }
        };
        match outcome {
            Ok(json) => self.variables.capture(step, json.as_ref()),
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
        for (name, value) in step.headers(&self.scenario.default_headers, &self.variables)? {
            request = request.header(&name, &value);
        }
        if step.body.is_null() {
            Ok(request)
        } else {
            Ok(request.json(&self.variables.fill_json(&step.body)?))
        }
    }

    /// The deviations of an answer, a line each.
    fn judge(&self, step: &Step, answer: &Answer, json: Option<&Value>) -> Vec<String> {
        let header = |name: &str| answer.header(name).map(str::to_owned);
        step.expect.judge(Heard { status: answer.status, header: &header, json }, &self.variables)
    }
}
