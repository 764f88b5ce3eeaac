//! How far a rotation is, in words for somebody who was woken up for it.

use endpoint_store::{
    Millis,
    tokens::{TokenRecord, TokenState},
    usage::{Cause, Refusal},
};

use super::tokens::{TokenRow, maker};
use crate::ui::{Num, When};

/// One of the two tokens.
pub(crate) struct Side {
    /// Which of the two it is.
    pub(crate) role: &'static str,
    pub(crate) row: TokenRow,
    /// Requests since the rotation began.
    pub(crate) since: Num,
}

/// A step of the way.
pub(crate) struct Step {
    pub(crate) class: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) word: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) when: Option<When>,
}

/// All that the page shows of it.
pub(crate) struct Watch {
    pub(crate) old_id: String,
    pub(crate) old_label: String,
    /// Requests that the old one opened since the rotation began.
    pub(crate) old_since: Num,
    pub(crate) sides: Vec<Side>,
    pub(crate) steps: Vec<Step>,
    /// What is the case, and what to do.
    pub(crate) verdict: String,
    /// `ok`, `warn` or `info`.
    pub(crate) tone: &'static str,
    pub(crate) retiring: bool,
    /// Whether the new token was used.
    pub(crate) arrived: bool,
    /// Until when the old one can be opened again.
    pub(crate) undo: Option<When>,
    pub(crate) began: When,
    pub(crate) began_by: String,
}

impl Watch {
    /// Of the old token and the one that takes its place.
    pub(crate) fn new(
        old: &TokenRecord,
        new: Option<&TokenRecord>,
        refusals: &[Refusal],
        idp: &str,
        now: Millis,
    ) -> Self {
        let rotation = old.rotation.as_ref();
        let began_at = rotation.map_or(old.created_at, |rotation| rotation.began_at);
        let facts = Facts { old, new, idp, now };
        let (tone, verdict) = facts.verdict(refusals);
        let mut sides = Vec::new();
        if let Some(new) = new {
            let row = TokenRow::new(new.clone(), now);
            sides.push(Side { role: "New token", row, since: Num::of(new.requests) });
        }
        let row = TokenRow::new(old.clone(), now);
        sides.push(Side { role: "Old token", row, since: Num::of(old.requests_since_rotation()) });
        Self {
            old_id: old.id.clone(),
            old_label: old.label.clone(),
            old_since: Num::of(old.requests_since_rotation()),
            sides,
            steps: facts.steps(began_at),
            verdict,
            tone,
            retiring: old.state(now) == TokenState::Retiring,
            arrived: facts.arrived().is_some(),
            undo: When::maybe(old.undo_until(now), now),
            began: When::new(began_at, now),
            began_by: maker(rotation.map(|rotation| rotation.began_by.clone()).unwrap_or_default()),
        }
    }

    /// The icon beside the verdict.
    pub(crate) fn icon(&self) -> &'static str {
        match self.tone {
            "ok" => "check",
            "warn" => "warn",
            _ => "info",
        }
    }

    /// What the live region says when it changes.
    pub(crate) fn words(&self) -> &str {
        &self.verdict
    }
}

struct Facts<'a> {
    old: &'a TokenRecord,
    new: Option<&'a TokenRecord>,
    idp: &'a str,
    now: Millis,
}

impl Facts<'_> {
    fn arrived(&self) -> Option<Millis> {
        self.new.and_then(|new| Some(new.first_used.as_ref()?.at))
    }

    fn last_old(&self) -> Option<When> {
        self.old.last_used.as_ref().map(|used| When::new(used.at, self.now))
    }

    /// The last call with the old token, if it came after the first one with the new.
    fn straggler(&self) -> Option<When> {
        let (arrived, used) = (self.arrived()?, self.old.last_used.as_ref()?);
        (used.at > arrived).then(|| When::new(used.at, self.now))
    }

    fn verdict(&self, refusals: &[Refusal]) -> (&'static str, String) {
        let idp = self.idp;
        if let Some(at) = self.old.retired_at(self.now) {
            return self.after(at, refusals);
        }
        if self.new.is_some_and(|new| !new.state(self.now).is_live()) {
            return ("warn", "The new token is closed, so the old one does not retire by itself. Cancel this rotation, and rotate again.".to_owned());
        }
        let Some(_) = self.arrived() else {
            let end = self.old.retires_at(self.now).map(|at| When::new(at, self.now).words());
            let end = end.map_or(String::new(), |end| {
                format!(" If no call comes with either, the old one retires {end} all the same.")
            });
            let todo = "Nobody has used the new token yet. Paste it into";
            return ("info", format!("{todo} {idp}; the old one goes on working meanwhile.{end}"));
        };
        if let Some(last) = self.straggler() {
            return (
                "warn",
                format!(
                    "The old token was used after the new one, last {}: something may still have it. Its last call stands below, with the address it came from. Every such call puts its end off.",
                    last.words()
                ),
            );
        }
        ("ok", "Only the new token is used now. There is nothing more to do: the old one retires by itself when it has been silent for long enough.".to_owned())
    }

    /// What is to be said once the old token is closed.
    fn after(&self, at: Millis, refusals: &[Refusal]) -> (&'static str, String) {
        let when = When::new(at, self.now).words();
        let closed = |refusal: &&Refusal| refusal.cause == Cause::Retired && refusal.token_id == self.old.id;
        let Some(tried) = refusals.iter().find(closed) else {
            return ("ok", format!("Done: the old token retired {when}, and nobody has tried it since."));
        };
        let calls = Num::of(tried.attempts).with("call", "calls");
        let last = When::new(tried.last.at, self.now).words();
        let agent =
            if tried.last.agent.is_empty() { String::new() } else { format!(" ({})", tried.last.agent) };
        let address = &tried.last.address;
        (
            "warn",
            format!(
                "The old token retired {when}, and {calls} came with it since, the last {last} from {address}{agent}: something still has it. Give it the new token, or open the old one again."
            ),
        )
    }

    /// Whether the old token was closed although it had not been silent for its quiet time.
    fn was_cut_off(&self) -> bool {
        let Some((rotation, at)) = self.old.rotation.as_ref().zip(self.old.retired_at(self.now)) else {
            return false;
        };
        let last =
            self.old.last_used.as_ref().map_or(rotation.began_at, |used| used.at.max(rotation.began_at));
        at - last < rotation.quiet_for
    }

    /// What is said about the silence of the old token.
    fn silence(&self) -> String {
        let now = self.now;
        let retired = self.old.retired_at(now);
        let rotation = self.old.rotation.as_ref();
        let quiet = rotation.map_or(0, |rotation| rotation.quiet_for);
        let mut wait = match self.last_old() {
            None => "It was never used.".to_owned(),
            Some(last) => format!("Its last call came {}.", last.words()),
        };
        if let Some(at) = self.old.retires_at(now) {
            let end = When::new(at, now);
            wait += &format!(
                " It retires when it has been silent for {}: {} ({}) if no other call comes.",
                length(quiet),
                end.words(),
                end.exact()
            );
        }
        if let Some(date) = rotation.and_then(|rotation| rotation.retire_at).filter(|_| retired.is_none()) {
            wait += &format!(" On {} it retires even if it is in use.", When::new(date, now).exact());
        }
        if retired.is_some() && self.was_cut_off() {
            wait += &format!(" It was closed before it had been silent for {}.", length(quiet));
        }
        wait
    }

    /// What is said about its end.
    fn end(&self) -> String {
        let by = self.old.rotation.as_ref().and_then(|rotation| rotation.retired_by.clone());
        match (self.old.retired_at(self.now), by) {
            (None, _) => {
                "From then on whoever uses it gets 401. For 24 hours after it, it can be opened again."
                    .to_owned()
            }
            (Some(_), None) => "By itself.".to_owned(),
            (Some(_), Some(by)) => format!("By {}.", maker(by)),
        }
    }

    fn steps(&self, began_at: Millis) -> Vec<Step> {
        let now = self.now;
        let retired = self.old.retired_at(now);
        let arrived = self.arrived();
        let silent = retired.filter(|_| !self.was_cut_off());
        let done = [Some(began_at), arrived, silent, retired];
        // Once it is closed nothing more is waited for.
        let next = done.iter().position(Option::is_none).filter(|_| retired.is_none());
        let told = [
            ("New token issued", String::new()),
            (
                "New token in use",
                if arrived.is_some() {
                    String::new()
                } else {
                    format!("Waiting for the first call with it from {}.", self.idp)
                },
            ),
            ("Old token silent", self.silence()),
            ("Old token retired", self.end()),
        ];
        let steps = told.into_iter().zip(done).enumerate();
        steps
            .map(|(at, ((title, text), done))| {
                Step::new(title, text, When::maybe(done, now), next == Some(at))
            })
            .collect()
    }
}

impl Step {
    fn new(title: &str, text: String, when: Option<When>, next: bool) -> Self {
        let (class, icon, word) = match (when.is_some(), next) {
            (true, _) => ("done", "check", "done"),
            (false, true) => ("now", "now", "not yet"),
            (false, false) => ("later", "ring", "not yet"),
        };
        Self { class, icon, word, title: title.to_owned(), text, when }
    }
}

fn length(ms: Millis) -> String {
    let (minutes, hours) = (ms / 60_000, ms / 3_600_000);
    match (minutes, hours) {
        (_, 48..) if hours % 24 == 0 => format!("{} days", hours / 24),
        (_, 2..) if minutes % 60 == 0 => format!("{hours} hours"),
        (60, _) => "1 hour".to_owned(),
        _ => format!("{minutes} minutes"),
    }
}
