//! `/endpoints/{endpoint}/evidence` and `/refusals`: what was noticed, and what was turned away.

use endpoint_store::endpoints::accept;
use endpoint_store::observations::{self, Observation, Observed, stranger_among};
use endpoint_store::settings::Idp;
use endpoint_store::usage::{self, Refusal};
use scim_core::time::format;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoints::find_live;
use super::problem::Problem;
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
    /// The `X-Request-Id` of a request that it was noticed in, where it is known.
    request_id: Option<String>,
}

impl NoticedView {
    fn new(one: &Observation) -> Self {
        Self {
            times: one.hits,
            first_at: format(one.first_at),
            last_at: format(one.last_at),
            last_request: one.last_request.clone(),
            request_id: Some(one.example.request_id.clone()).filter(|id| !id.is_empty()),
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
    /// Why it is left out: `unknown` can be accepted; `read-only`, `of-the-standard`, `without-its-urn`, or `accepted` by now.
    verdict: &'static str,
    about: &'static str,
    /// What its values look like, such as `string` or `complex(value:string)[]`, where any were seen.
    shape: Option<String>,
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
    /// What would change if the endpoint were set up for the provider that its calls look like.
    suggestion: Option<SuggestionView>,
}

/// Another identity provider, and what would be different.
#[derive(Serialize, ToSchema)]
pub(super) struct SuggestionView {
    /// As `PATCH` of the endpoint takes it.
    idp: &'static str,
    changes: Vec<TurnView>,
}

/// A setting that would be different.
#[derive(Serialize, ToSchema)]
pub(super) struct TurnView {
    setting: String,
    from: String,
    to: String,
}

/// What is to be accepted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AcceptAttribute)]
pub(super) struct AcceptBody {
    /// As the evidence lists it under `dropped`.
    #[schema(min_length = 1, max_length = 200)]
    attribute: String,
}

/// What was accepted.
#[derive(Serialize, ToSchema)]
#[schema(as = AcceptedAttribute)]
pub(super) struct AcceptedView {
    attribute: String,
    /// Its full name in the endpoint's own schema, which `/schemas` lists and where it can be taken away again.
    name: String,
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
                let about = accept::type_of(&endpoint.catalog, &one.last_request);
                let verdict = accept::verdict(&endpoint.catalog, about, path);
                evidence.dropped.push(DroppedView {
                    attribute: path.clone(),
                    verdict: verdict.as_str(),
                    about: verdict.about(),
                    shape: Some(one.example.shape.clone()).filter(|shape| !shape.is_empty()),
                    noticed,
                });
            }
            Observed::LooksLike(idp) => {
                evidence.looks_like.push(LikenessView { idp: idp.as_str(), noticed });
            }
        }
    }
    let seen: Vec<(Idp, i64)> = all
        .iter()
        .filter_map(|one| match one.what {
            Observed::LooksLike(idp) => Some((idp, one.hits)),
            _ => None,
        })
        .collect();
    evidence.suggestion = stranger_among(endpoint.idp, &seen).map(|(idp, _)| SuggestionView {
        idp: idp.as_str(),
        changes: endpoint
            .settings
            .turned(endpoint.idp, idp)
            .into_iter()
            .map(|turn| TurnView { setting: turn.key, from: turn.from, to: turn.to })
            .collect(),
    });
    Reply::json(&evidence)
}

pub(super) async fn accept(x: &Exchange) -> Outcome {
    let AcceptBody { attribute } = x.body()?;
    let (named, path, actor, now) = (x.segment("endpoint").to_owned(), attribute.clone(), x.actor(), x.now);
    // What is still counted in memory may be what is to be accepted.
    x.api.store.flush_usage().await.map_err(|error| Problem::of(error, &x.request_id))?;
    let (_, name) = x
        .write(move |tx| {
            let id = find_live(tx, &named)?.id;
            accept::accept(tx, &id, &path, &actor, now)
        })
        .await?;
    Reply::json(&AcceptedView { attribute, name })
}

pub(super) async fn refusals(x: &Exchange) -> Outcome {
    let id = x.endpoint()?.id.clone();
    let all = x.read(move |conn| usage::refusals(conn, &id, MOST)).await?;
    Reply::json(&Page::whole(all.iter().map(RefusalView::new)))
}
