//! Plays a scenario: says what is sent next, and judges what comes back. It speaks to nobody itself.

use endpoint_store::verifications::{Outcome, Step as Reported};
use scim_core::token::redact;
use serde_json::Value;

use super::facts::Facts;
use super::scenario::{Heard, Scenario, Variables};

/// Characters of an answer that are kept.
const LONGEST: usize = 4000;

/// One request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Value>,
}

/// What came of it.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) header: &'a dyn Fn(&str) -> Option<String>,
    pub(super) body: &'a [u8],
    pub(super) micros: u64,
}

/// A scenario in play.
pub(super) struct Play {
    scenario: Scenario,
    variables: Variables,
    facts: Facts,
    next: usize,
    told: Vec<Reported>,
}

impl Play {
    /// A play with these tokens: the right one, and one that was never issued.
    pub(super) fn new(scenario: Scenario, facts: Facts, token: &str, wrong_token: &str) -> Self {
        let mut variables = Variables::new(&scenario.variables);
        variables.set("token", token);
        variables.set("wrong_token", wrong_token);
        Self { scenario, variables, facts, next: 0, told: Vec::new() }
    }

    /// What is sent next; none at the end. Steps that cannot be sent are told as such, and passed over.
    pub(super) fn next(&mut self) -> Option<Request> {
        while let Some(step) = self.scenario.steps.get(self.next) {
            if step.when.as_deref().is_some_and(|when| !self.facts.holds(when)) {
                self.next += 1;
                continue;
            }
            let before = self.told.last();
            let pointless = step.follows && before.is_some_and(|told| told.outcome != Outcome::Passed);
            match self.request() {
                Ok(request) if !pointless => return Some(request),
                _ => {
                    let why = "not sent: it goes on from an earlier step, which failed".to_owned();
                    let told = self.reported(None, Outcome::Skipped, &[why]);
                    self.told.extend(told);
                    self.next += 1;
                }
            }
        }
        None
    }

    fn request(&self) -> Result<Request, String> {
        let step = self.scenario.steps.get(self.next).ok_or("the end")?;
        let body = if step.body.is_null() { None } else { Some(self.variables.fill_json(&step.body)?) };
        // What is expected may name something that an earlier step should have given.
        for expected in step.expect.json.values().chain(step.expect.headers.values()) {
            self.variables.fill_json(expected)?;
        }
        Ok(Request {
            method: step.method.clone(),
            path: self.variables.fill(&step.path)?,
            headers: step.headers(&self.scenario.default_headers, &self.variables)?,
            body,
        })
    }

    /// Judges the answer to what [`Play::next`] gave; `Err` is why there was none.
    pub(super) fn answered(&mut self, request: &Request, answer: Result<Answer<'_>, String>) {
        let Some(step) = self.scenario.steps.get(self.next) else { return };
        let (answer, wrong) = match answer {
            Ok(answer) => {
                let json: Option<Value> = serde_json::from_slice(answer.body).ok();
                let heard = Heard { status: answer.status, header: answer.header, json: json.as_ref() };
                let mut wrong = step.expect.judge(heard, &self.variables);
                if wrong.is_empty() {
                    self.variables.capture(step, json.as_ref());
                } else if let Some(detail) = detail(json.as_ref()) {
                    wrong.push(format!("the answer says: {detail}"));
                }
                (Some(answer), wrong)
            }
            Err(why) => (None, vec![format!("no answer came: {why}")]),
        };
        let outcome = if wrong.is_empty() { Outcome::Passed } else { Outcome::Failed };
        if let Some(mut told) = self.reported(Some(request), outcome, &wrong) {
            if let Some(answer) = answer {
                told.status = Some(answer.status);
                told.received = shortened(answer.body);
                told.micros = answer.micros;
            }
            self.told.push(told);
        }
        self.next += 1;
    }

    fn reported(&self, request: Option<&Request>, outcome: Outcome, wrong: &[String]) -> Option<Reported> {
        let step = self.scenario.steps.get(self.next)?;
        let (path, sent) = match request {
            Some(request) => (request.path.clone(), request.body.clone()),
            None => (step.path.clone(), None),
        };
        Some(Reported {
            title: step.title.clone(),
            outcome,
            method: step.method.clone(),
            path: redact(&path),
            sent,
            expected: step.expect.words(&self.variables),
            status: None,
            received: None,
            wrong: wrong.iter().map(|sentence| redact(sentence)).collect(),
            advice: if outcome == Outcome::Failed { self.facts.advice(&step.needs) } else { Vec::new() },
            micros: 0,
        })
    }

    /// Everything that was told.
    pub(super) fn end(self) -> Vec<Reported> {
        self.told
    }
}

/// The sentence of a SCIM error.
fn detail(json: Option<&Value>) -> Option<String> {
    Some(json?.get("detail")?.as_str()?.chars().take(500).collect())
}

/// What is kept of an answer.
fn shortened(body: &[u8]) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    let text = redact(&String::from_utf8_lossy(body));
    Some(match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use endpoint_store::settings::{Idp, Settings};
    use serde_json::json;

    use super::*;

    fn scenario() -> Scenario {
        let text = json!({
            "format": "scim-idp-trace/1", "idp": "okta", "title": "A test",
            "default_headers": {"Authorization": "Bearer {{token}}"},
            "steps": [
                {"name": "a", "title": "Creates", "method": "POST", "path": "/Users", "body": {"x": "{{token}}"},
                 "expect": {"status": [201]}, "capture": {"id": "$.id"}, "needs": ["dialect.boolean-text=on"]},
                {"name": "b", "title": "Reads", "method": "GET", "path": "/Users/{{id}}", "expect": {"status": [200]}},
                {"name": "e", "title": "Finds", "method": "GET", "path": "/Users", "expect": {"status": [200]}, "follows": true},
                {"name": "c", "title": "Elsewhere", "method": "GET", "path": "/", "expect": {"status": [200]},
                 "when": "delete=deactivate"},
                {"name": "d", "title": "Lists", "method": "GET", "path": "/Users", "expect": {"status": [200]}},
            ],
        });
        Scenario::parse(&text.to_string()).unwrap()
    }

    fn answer<'a>(status: u16, body: &'a [u8], header: &'a dyn Fn(&str) -> Option<String>) -> Answer<'a> {
        Answer { status, header, body, micros: 1 }
    }

    #[test]
    fn a_failed_step_says_why_and_what_builds_on_it_is_not_sent() {
        let mut settings = Settings::preset(Idp::Okta);
        settings.set("dialect.boolean-text", "off").unwrap();
        let mut play = Play::new(scenario(), Facts::new(Idp::Okta, &settings), "the-token", "another");
        let none = |_: &str| None;
        let first = play.next().unwrap();
        assert_eq!(first.headers, [("Authorization".to_owned(), "Bearer the-token".to_owned())]);
        play.answered(&first, Ok(answer(400, br#"{"detail":"no text, please"}"#, &none)));
        let last = play.next().unwrap();
        assert_eq!(last.path, "/Users");
        play.answered(&last, Err("gone".to_owned()));
        assert!(play.next().is_none());
        let told = play.end();
        let outcomes: Vec<Outcome> = told.iter().map(|step| step.outcome).collect();
        assert_eq!(outcomes, [Outcome::Failed, Outcome::Skipped, Outcome::Skipped, Outcome::Failed]);
        let first = told.first().unwrap();
        assert_eq!(first.wrong.first().unwrap(), "status 201 was expected, 400 came");
        assert!(first.wrong.last().unwrap().ends_with("no text, please"));
        assert!(first.advice.first().unwrap().contains("“boolean-text”"), "{:?}", first.advice);
        assert_eq!(told.last().unwrap().wrong, ["no answer came: gone"]);
    }

    #[test]
    fn steps_for_other_settings_are_left_out() {
        let facts = Facts::new(Idp::Okta, &Settings::preset(Idp::Okta));
        let mut play = Play::new(scenario(), facts, "t", "w");
        let none = |_: &str| None;
        while let Some(request) = play.next() {
            let status = if request.method == "POST" { 201 } else { 200 };
            play.answered(&request, Ok(answer(status, br#"{"id":"7"}"#, &none)));
        }
        let told = play.end();
        assert_eq!(told.len(), 4);
        assert!(told.iter().all(|step| step.outcome == Outcome::Passed && step.advice.is_empty()));
    }
}
