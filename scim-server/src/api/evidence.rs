//! `/endpoints/{endpoint}/evidence` and `/refusals`: what was noticed, and what was turned away.

use endpoint_store::observations::{self, Observation, Observed};
use endpoint_store::usage::{self, Refusal};
use scim_core::time::format;
use serde::Serialize;
use utoipa::ToSchema;

use super::tokens::UseView;
use super::{Exchange, Outcome, Page, Reply};

/// Causes that are listed; there are not many more.
const MOST: i64 = 500;

/// How often something was noticed.
#[derive(Serialize, ToSchema)]
pub(super) struct NoticedView {
    times: i64,
    #[schema(format = DateTime)]
    first_at: String,
    #[schema(format = DateTime)]
    last_at: String,
    /// Method and path of the last request.
    last_request: String,
}

impl NoticedView {
    fn new(one: &Observation) -> Self {
        Self {
            times: one.hits,
            first_at: format(one.first_at),
            last_at: format(one.last_at),
            last_request: one.last_request.clone(),
        }
    }
}

/// A tolerance that requests needed.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleView {
    rule: &'static str,
    about: &'static str,
    /// Whether it is switched on now.
    on: bool,
    #[serde(flatten)]
    noticed: NoticedView,
}

/// An attribute that was left out of what was kept.
#[derive(Serialize, ToSchema)]
pub(super) struct DroppedView {
    attribute: String,
    #[serde(flatten)]
    noticed: NoticedView,
}

/// An identity provider that requests look like.
#[derive(Serialize, ToSchema)]
pub(super) struct LikenessView {
    idp: &'static str,
    #[serde(flatten)]
    noticed: NoticedView,
}

/// What was noticed in an endpoint's traffic, the most frequent first.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = Evidence)]
pub(super) struct EvidenceView {
    rules: Vec<RuleView>,
    dropped: Vec<DroppedView>,
    looks_like: Vec<LikenessView>,
}

/// Attempts that were turned away for one cause.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub(super) struct RefusalView {
    cause: &'static str,
    /// What came, and what to do about it.
    about: &'static str,
    /// Whether it is this endpoint's token that came to another endpoint's address.
    strayed: bool,
    /// Public id of the token, if it is one of ours.
    token_id: Option<String>,
    times: i64,
    #[schema(format = DateTime)]
    first_at: String,
    last: UseView,
}

impl RefusalView {
    fn new(refusal: &Refusal) -> Self {
        Self {
            cause: refusal.cause.as_str(),
            about: refusal.cause.about(),
            strayed: refusal.strayed,
            token_id: Some(refusal.token_id.clone()).filter(|id| !id.is_empty()),
            times: refusal.attempts,
            first_at: format(refusal.first_at),
            last: UseView::new(&refusal.last),
        }
    }
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    let id = endpoint.id.clone();
    let all = x.read(move |conn| observations::list(conn, &id)).await?;
    let dialect = endpoint.settings.dialect(endpoint.idp);
    let mut evidence = EvidenceView::default();
    for one in &all {
        let noticed = NoticedView::new(one);
        match &one.what {
            Observed::Rule(rule) => evidence.rules.push(RuleView {
                rule: rule.name(),
                about: rule.describe(),
                on: dialect.has(*rule),
                noticed,
            }),
            Observed::Dropped(path) => {
                evidence.dropped.push(DroppedView { attribute: path.clone(), noticed });
            }
            Observed::LooksLike(idp) => {
                evidence.looks_like.push(LikenessView { idp: idp.as_str(), noticed });
            }
        }
    }
    Reply::json(&evidence)
}

pub(super) async fn refusals(x: &Exchange) -> Outcome {
    let id = x.endpoint()?.id.clone();
    let all = x.read(move |conn| usage::refusals(conn, &id, MOST)).await?;
    Reply::json(&Page::whole(all.iter().map(RefusalView::new)))
}
