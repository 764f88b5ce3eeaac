//! Evidence: what was noticed in an endpoint's traffic, for whoever has to explain it or to decide about it.

use actix_web::web;
use askama::Template;
use endpoint_store::{
    Endpoint,
    observations::{self, Observation, Observed},
    settings::Idp,
};
use scim_core::{
    dialect::{Dialect, Rule},
    path::AttrPath,
    schema::{Catalog, ResourceType},
};

use super::{definitions, likeness::Likeness, tolerances::Noticed};
use crate::{
    frame::{Frame, Head, Tab},
    pages::{Answer, html},
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
    /// The address of a draft that accepts it.
    pub(crate) accept: Option<String>,
    pub(crate) noticed: Noticed,
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
    let likeness = Likeness::of(endpoint.idp, &noticed, now);
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
    let about = definitions::type_of(&endpoint.catalog, &one.last_request);
    let verdict = verdict(&endpoint.catalog, about, path);
    let (state, why) = match verdict {
        Verdict::Unknown => {
            (State::new("Unknown", "ring", Tone::Calm), "This endpoint's schema does not have it.")
        }
        Verdict::ReadOnly => (
            State::new("Read-only", "key", Tone::Calm),
            "Only the server sets it, so what a client sends is left out.",
        ),
        Verdict::Standard => (
            State::new("Not in the standard", "ring", Tone::Calm),
            "It came inside an attribute or schema of the standard, which cannot be extended. Have it sent under a URN of its own.",
        ),
        Verdict::WithoutUrn => (
            State::new("Without its URN", "warn", Tone::Warn),
            "An extension has it. Have it sent under its full name: the URN that the Schema page lists, a colon, and this name.",
        ),
        Verdict::Accepted => (
            State::new("Accepted now", "check", Tone::Ok),
            "The schema has it by now; what came before was left out.",
        ),
    };
    let accept = (verdict == Verdict::Unknown).then(|| {
        let name = about.map_or("User", |rt| rt.name.as_str());
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("accept", path)
            .append_pair("type", name)
            .finish();
        format!("/admin/endpoints/{}/schema?{query}#definitions", endpoint.slug)
    });
    Dropped { path: path.to_owned(), state, why, accept, noticed }
}

/// Why an attribute was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Unknown,
    ReadOnly,
    Standard,
    WithoutUrn,
    Accepted,
}

fn verdict(catalog: &Catalog, about: Option<&ResourceType>, path: &str) -> Verdict {
    let Ok(parsed) = AttrPath::parse(path) else { return Verdict::Unknown };
    let types = || catalog.resource_types().iter().map(AsRef::as_ref);
    let types: Vec<&ResourceType> = about.map_or_else(|| types().collect(), |rt| vec![rt]);
    if types.iter().any(|rt| rt.extension(path).is_some()) {
        return Verdict::Accepted;
    }
    if let Some(found) = types.iter().find_map(|rt| rt.resolve(&parsed)) {
        let readable = found.leaf().is_writable() && found.attribute.is_writable();
        return if readable { Verdict::Accepted } else { Verdict::ReadOnly };
    }
    if types.iter().any(|rt| rt.resolve_for_reading(&parsed).is_some()) {
        return Verdict::WithoutUrn;
    }
    let builtin = Catalog::builtin();
    let of_standard = match parsed.urn.as_deref() {
        Some(urn) => builtin.schema(urn).is_some(),
        None => parsed.sub.is_some() && types.iter().any(|rt| rt.attribute(&parsed.name).is_some()),
    };
    if of_standard { Verdict::Standard } else { Verdict::Unknown }
}

#[cfg(test)]
mod tests {
    use scim_core::schema::Catalog;

    use super::{Verdict, verdict};

    #[test]
    fn what_is_left_out_is_told_apart() {
        let catalog = Catalog::builtin();
        let said = |path| verdict(&catalog, catalog.by_name("User").map(AsRef::as_ref), path);
        assert_eq!(said("shoeSize"), Verdict::Unknown);
        assert_eq!(said("urn:okta:acme:1.0:user:custom"), Verdict::Unknown);
        assert_eq!(said("id"), Verdict::ReadOnly);
        assert_eq!(said("groups"), Verdict::ReadOnly);
        assert_eq!(said("name.nick"), Verdict::Standard);
        assert_eq!(
            said("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:floor"),
            Verdict::Standard
        );
        assert_eq!(said("userName"), Verdict::Accepted);
        assert_eq!(said("department"), Verdict::WithoutUrn);
    }
}
