//! What needs action, as sentences: what is broken first, then what will be, then what is merely open.

use endpoint_store::{
    attention::{About, Expiring, Matter, TurnedAwayLately, What},
    health::Health,
};

use super::{failures, likeness};
use crate::ui::{Num, Tone, When, duration};

/// Lines that are shown.
pub(crate) const SHOWN: usize = 12;

/// Something to do.
pub(crate) struct Todo {
    pub(crate) tone: Tone,
    pub(crate) icon: &'static str,
    pub(crate) endpoint: String,
    pub(crate) text: String,
    /// What exactly to do, where that is known.
    pub(crate) fix: String,
    pub(crate) action: &'static str,
    pub(crate) link: String,
}

/// The most urgent of these matters, and whether there are more.
pub(crate) fn list(matters: &[Matter], base_of: &dyn Fn(&str) -> String, now: i64) -> (Vec<Todo>, bool) {
    let mut todo: Vec<Todo> = matters
        .iter()
        .filter(|matter| !is_told_already(matter, matters))
        .filter_map(|matter| of(matter, base_of, now))
        .collect();
    todo.sort_by_key(|item| match item.tone {
        Tone::Bad => 0,
        Tone::Warn => 1,
        _ => 2,
    });
    let more = todo.len() > SHOWN;
    todo.truncate(SHOWN);
    (todo, more)
}

/// Who was turned away is not called unheard, too: that is why.
fn is_told_already(matter: &Matter, all: &[Matter]) -> bool {
    matches!(matter.what, What::Unheard)
        && all
            .iter()
            .any(|other| other.about.slug == matter.about.slug && matches!(other.what, What::TurnedAway(_)))
}

fn of(matter: &Matter, base_of: &dyn Fn(&str) -> String, now: i64) -> Option<Todo> {
    let about = &matter.about;
    let item = |tone, icon, text: String, action, tab: &str| Todo {
        tone,
        icon,
        endpoint: about.name.clone(),
        text,
        fix: String::new(),
        action,
        link: format!("/admin/endpoints/{}/{tab}", about.slug),
    };
    Some(match &matter.what {
        What::Paused => {
            let text = "is paused: calls are asked to come back later.".to_owned();
            item(Tone::Warn, "pause", text, "Resume", "settings")
        }
        What::NoToken => {
            let text = "has no live token: every call gets 401.".to_owned();
            item(Tone::Bad, "key", text, "Issue a token", "tokens")
        }
        What::TurnedAway(list) => {
            let (text, fix) = turned_away(about, list, base_of, now)?;
            Todo { fix, ..item(Tone::Bad, "cross", text, "See why", "connect") }
        }
        What::Expiring(one) => expires(one, &item, now),
        What::Webhook(label, id, paused) => {
            let (tone, words) = match paused {
                true => (Tone::Warn, "is paused: nothing is sent"),
                false => (Tone::Bad, "is failing: nothing arrives"),
            };
            let text = format!("has a webhook that {words}: “{label}”.");
            item(tone, "warn", text, "Look", &format!("webhooks/{id}"))
        }
        What::GivenUp(many) => {
            let many = Num::of(*many).with("event that was", "events that were");
            item(Tone::Bad, "cross", format!("has {many} given up."), "Retry", "webhooks")
        }
        What::TargetAway(url) => {
            let text = format!("cannot reach its target “{url}”; what changes waits.");
            item(Tone::Bad, "cross", text, "Look", "targets")
        }
        What::RefusedByTargets(many) => {
            let text = format!("has {} that a target refuses.", Num::of(*many).with("thing", "things"));
            item(Tone::Warn, "warn", text, "See why", "targets")
        }
        What::Stranger(idp) => {
            let own = likeness::settings_for(about.idp);
            let text = format!("looks like {}, settings are for {own}.", idp.label());
            item(Tone::Warn, "warn", text, "Decide", "evidence")
        }
        What::Silent(health) => item(Tone::Bad, "warn", silent(health, now), "Look", "activity#health"),
        What::Failing(health) => {
            let text = format!(
                "is failing: {} of {} in the last 24 hours went wrong.",
                Num::of(health.refused),
                Num::of(health.asked).with("call", "calls")
            );
            item(Tone::Bad, "cross", text, "See which", "activity#health")
        }
        What::Unheard => {
            item(Tone::Calm, "ring", "has not been heard from yet.".to_owned(), "Connect", "connect")
        }
    })
}

fn silent(health: &Health, now: i64) -> String {
    let last = health.last_heard.map_or_else(String::new, |at| When::new(at, now).words());
    let usual = health
        .usual
        .map_or_else(String::new, |usual| format!("; usually something comes within {}", duration(usual)));
    format!("has gone silent: the last call came {last}{usual}.")
}

fn turned_away(
    about: &About,
    list: &[TurnedAwayLately],
    base_of: &dyn Fn(&str) -> String,
    now: i64,
) -> Option<(String, String)> {
    let matters = |one: &&TurnedAwayLately| failures::matters(one.cause, one.last_at, about.last_heard, now);
    let list: Vec<_> = list.iter().filter(matters).collect();
    let latest = list.iter().max_by_key(|one| one.last_at)?;
    let attempts = Num::of(list.iter().map(|one| one.attempts).sum());
    let (what, fix) =
        failures::headline(latest.cause, latest.label.as_deref(), &base_of(&about.slug), about.idp);
    let others = match list.len() - 1 {
        0 => String::new(),
        1 => ", and one other kind".to_owned(),
        more => format!(", and {more} other kinds"),
    };
    let text = format!(
        "turned away {}, the last {}. {what}{others}.",
        attempts.with("attempt", "attempts"),
        When::new(latest.last_at, now).words()
    );
    Some((text, fix))
}

/// A token that ends soon: the nearer, the louder.
fn expires(
    one: &Expiring,
    item: &dyn Fn(Tone, &'static str, String, &'static str, &str) -> Todo,
    now: i64,
) -> Todo {
    let tone = match one.days {
        1 => Tone::Bad,
        days if days <= 14 => Tone::Warn,
        _ => Tone::Calm,
    };
    let text = format!("has a token that expires {}: “{}”.", When::new(one.at, now).words(), one.label);
    item(tone, "clock", text, "Rotate it", &format!("tokens/{}/rotate", one.token_id))
}
