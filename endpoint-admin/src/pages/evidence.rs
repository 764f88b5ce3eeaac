//! Evidence: what was noticed in an endpoint's traffic, for whoever has to explain it or to decide about it.

use actix_web::web;
use askama::Template;
use endpoint_store::{
    Endpoint,
    endpoints::accept::{self, Verdict},
    observations::{self, Observation, Observed},
    settings::Idp,
};
use scim_core::dialect::{Dialect, Rule};

use super::{likeness::Likeness, tolerances::Noticed};
use crate::{
    forms::Form,
    frame::{Frame, Head, Tab},
    pages::{Answer, html, see},
    session::Operator,
    ui::{Num, State, Tone},
};

/// A tolerance that was needed.
pub(crate) struct UsedRule {
    pub(crate) sentence: &'static str,
    pub(crate) state: State,
    pub(crate) noticed: Noticed,
}

/// An attribute that was left out.
pub(crate) struct Dropped {
    pub(crate) path: String,
    pub(crate) state: State,
    pub(crate) why: &'static str,
    /// How it can be accepted, if it can.
    pub(crate) accept: Option<Acceptable>,
    pub(crate) noticed: Noticed,
}

/// An attribute that can be accepted.
pub(crate) struct Acceptable {
    /// What its values look like.
    pub(crate) shape: String,
    /// The address of a draft that can be changed before.
    pub(crate) draft: String,
}

/// A provider that the calls look like.
pub(crate) struct Caller {
    pub(crate) label: &'static str,
    pub(crate) state: State,
    pub(crate) noticed: Noticed,
}

#[derive(Template)]
#[template(path = "pages/evidence.html")]
struct EvidencePage {
    frame: Frame,
    head: Head,
    likeness: Option<Likeness>,
    callers: Vec<Caller>,
    rules: Vec<UsedRule>,
    dropped: Vec<Dropped>,
    /// How many more there are.
    pub(crate) more_dropped: Option<String>,
}

/// Names that were left out, on the page.
const DROPPED: usize = 50;

/// The page.
pub(crate) async fn show(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let noticed = operator.read(move |conn| observations::list(conn, &id)).await?;
    let endpoint = &summary.endpoint;
    let dialect = endpoint.settings.dialect(endpoint.idp);
    let (mut callers, mut rules, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
    for one in &noticed {
        let seen = Noticed::new(one, now);
        match &one.what {
            Observed::LooksLike(idp) => callers.push(caller(endpoint.idp, *idp, seen)),
            Observed::Rule(rule) => rules.push(used(dialect, *rule, seen)),
            Observed::Dropped(path) => dropped.push(left_out(endpoint, path, one, seen)),
        }
    }
    let more = dropped.len().saturating_sub(DROPPED);
    dropped.truncate(DROPPED);
    let more_dropped = (more > 0).then(|| Num(more as u64).with("other name", "other names"));
    let (frame, head) = operator.desk(&summary, Tab::Evidence);
    let likeness = Likeness::of(endpoint, &noticed, now);
    html(&EvidencePage { frame, head, likeness, callers, rules, dropped, more_dropped })
}

fn caller(own: Idp, idp: Idp, noticed: Noticed) -> Caller {
    let state = if own == idp {
        State::new("As set up", "check", Tone::Ok)
    } else {
        State::new("Another one", "warn", Tone::Warn)
    };
    Caller { label: idp.label(), state, noticed }
}

fn used(dialect: Dialect, rule: Rule, noticed: Noticed) -> UsedRule {
    let state = if dialect.has(rule) {
        State::new("On", "check", Tone::Ok)
    } else {
        State::new("Off now", "stop", Tone::Calm)
    };
    UsedRule { sentence: rule.describe(), state, noticed }
}

fn left_out(endpoint: &Endpoint, path: &str, one: &Observation, noticed: Noticed) -> Dropped {
    let about = accept::type_of(&endpoint.catalog, &one.last_request);
    let verdict = accept::verdict(&endpoint.catalog, about, path);
    let state = match verdict {
        Verdict::Unknown => State::new("Unknown", "ring", Tone::Calm),
        Verdict::ReadOnly => State::new("Read-only", "key", Tone::Calm),
        Verdict::Standard => State::new("Not in the standard", "ring", Tone::Calm),
        Verdict::WithoutUrn => State::new("Without its URN", "warn", Tone::Warn),
        Verdict::Accepted => State::new("Accepted now", "check", Tone::Ok),
    };
    let why = verdict.about();
    let accept = (verdict == Verdict::Unknown).then(|| {
        let name = about.map_or("User", |rt| rt.name.as_str());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("accept", path)
            .append_pair("type", name)
            .finish();
        Acceptable {
            shape: accept::shape_of(one).words(),
            draft: format!("/admin/endpoints/{}/schema?{query}#definitions", endpoint.slug),
        }
    });
    Dropped { path: path.to_owned(), state, why, accept, noticed }
}

/// Takes an attribute that was left out into the endpoint's own schema.
pub(crate) async fn accept(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    // What is still counted in memory may be what is to be accepted.
    operator.store().flush_usage().await?;
    let (id, path) = (summary.endpoint.id.clone(), form.text("attribute").to_owned());
    let (actor, now) = (operator.actor(), operator.now());
    operator.write(move |tx| accept::accept(tx, &id, &path, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/evidence?done=attribute-accepted", summary.endpoint.slug)))
}
