//! How far an endpoint's first connection has come: the list that ticks on the Connect page.

use askama::Template;
use endpoint_store::{settings::Idp, usage};

use super::failures::Failure;
use crate::guides::Guide;
use crate::ui::{Num, When};

/// One step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// What is waited for.
    pub(crate) label: &'static str,
    /// When it happened.
    pub(crate) done: Option<When>,
    /// What to do in the identity provider until it does.
    pub(crate) todo: &'static str,
    next: bool,
}

impl Step {
    /// The class of the style sheet.
    pub(crate) fn class(&self) -> &'static str {
        match (self.done.is_some(), self.next) {
            (true, _) => "done",
            (false, true) => "now",
            (false, false) => "later",
        }
    }

    /// The icon beside it.
    pub(crate) fn icon(&self) -> &'static str {
        match (self.done.is_some(), self.next) {
            (true, _) => "check",
            (false, true) => "now",
            (false, false) => "ring",
        }
    }

    /// The same in a word, for those who do not see the icon.
    pub(crate) fn word(&self) -> &'static str {
        if self.done.is_some() { "done" } else { "not yet" }
    }
}

/// The list, and the attempts that failed.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// The four steps.
    pub(crate) steps: Vec<Step>,
    /// Attempts that were turned away, the latest first.
    pub(crate) failures: Vec<Failure>,
}

impl Progress {
    /// The steps of an endpoint for this identity provider.
    pub(crate) fn new(seen: &usage::Progress, failures: Vec<Failure>, idp: Idp, now: i64) -> Self {
        let todo = Guide::todo(idp);
        let times = [seen.first_request, seen.first_user, seen.first_group, seen.first_update];
        let labels = ["Test call seen", "First user arrived", "First group arrived", "First change arrived"];
        let next = times.iter().position(Option::is_none);
        let steps = labels.into_iter().zip(times).zip(todo).enumerate();
        let steps = steps.map(|(at, ((label, time), todo))| Step {
            label,
            done: When::maybe(time, now),
            todo,
            next: next == Some(at),
        });
        Self { steps: steps.collect(), failures }
    }

    /// Whether nothing more is waited for; an open page then asks less often.
    pub(crate) fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.steps.iter().all(|step| step.done.is_some())
    }

    /// What the live region says when it changes.
    pub(crate) fn words(&self) -> String {
        let mut done = self.steps.iter().filter(|step| step.done.is_some());
        let count = done.clone().count();
        let last = done.next_back().map_or("nothing has arrived yet", |step| step.label);
        let failed = match self.failures.len() {
            0 => String::new(),
            1 => "; one kind of attempt failed".to_owned(),
            more => format!("; {more} kinds of attempts failed"),
        };
        format!("{count} of {} done: {last}{failed}", self.steps.len())
    }
}

/// The list, and what changes with it at the head of the page, for a page to replace its own while it is open.
#[derive(Template)]
#[template(path = "pages/progress.html")]
pub(crate) struct Fragment {
    /// The list.
    pub(crate) progress: Progress,
    /// The last request with a token that was not revoked.
    pub(crate) heard: Option<When>,
    /// Users that SCIM shows.
    pub(crate) users: Num,
    /// Groups that SCIM shows.
    pub(crate) groups: Num,
}
