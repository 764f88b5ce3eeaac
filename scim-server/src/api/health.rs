//! `/endpoints/{endpoint}/health` and `/activity`: how its syncs are doing, and what happened, in sentences.

use endpoint_store::activity::{self, Asked, Line, Step, plain};
use endpoint_store::changes::ChangeKind;
use endpoint_store::health::{self, HourOf, Report};
use endpoint_store::usage::Counts;
use scim_core::time::format;
use serde::Serialize;
use utoipa::ToSchema;

use super::directory::ActorView;
use super::params::{AFTER, cursor};
use super::problem::{Place, Problem};
use super::{Exchange, Outcome, Page, Reply};

/// Answers of some time.
#[derive(Serialize, ToSchema)]
#[schema(as = Counts)]
pub(crate) struct CountsView {
    /// Requests with a good token.
    requests: i64,
    /// Those of them that asked for a change and got it.
    changes: i64,
    /// Those of them that were refused for what they asked (4xx).
    refused: i64,
    /// Requests whose credential was turned away (401); not among `requests`.
    denied: i64,
    /// Requests that were told to come slower (429).
    limited: i64,
    /// Requests that failed through no fault of theirs (5xx).
    failed: i64,
    /// The part of all of them that went wrong.
    error_percent: i64,
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        let Counts { requests, changes, refused, denied, limited, failed } = counts;
        Self { requests, changes, refused, denied, limited, failed, error_percent: counts.error_percent() }
    }
}

/// One hour of the clock.
#[derive(Serialize, ToSchema)]
#[schema(as = Hour)]
pub(crate) struct HourView {
    /// When it began.
    #[schema(format = DateTime)]
    from: String,
    #[serde(flatten)]
    counts: CountsView,
}

/// How the syncs of an endpoint are doing.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthView {
    /// `silent`, `failing`, `fine`, `unheard`, or `closed` when it is paused or disabled.
    condition: &'static str,
    /// The last request with a good token.
    #[schema(format = DateTime)]
    last_heard: Option<String>,
    /// The usual longest time between two hours with traffic, in seconds; days of the week that are always quiet are left out.
    usual_gap_seconds: Option<i64>,
    /// How long a silence is nothing special, in seconds; null when silence is never an alarm.
    patience_seconds: Option<i64>,
    /// When it counts as silent if nothing comes.
    #[schema(format = DateTime)]
    silent_at: Option<String>,
    /// Since when too much of what it asks goes wrong.
    #[schema(format = DateTime)]
    failing_since: Option<String>,
    /// This hour of the clock and the one before it.
    last_hour: CountsView,
    /// This hour of the clock and the 23 before it.
    last_24_hours: CountsView,
    /// The same one by one, the oldest first.
    hours: Vec<HourView>,
}

impl From<Report> for HealthView {
    fn from(report: Report) -> Self {
        let Report { health, condition, hour, day, hours } = report;
        let hour_view = |one: HourOf| HourView { from: format(one.from), counts: one.counts.into() };
        Self {
            condition: condition.as_str(),
            last_heard: health.last_heard.map(format),
            usual_gap_seconds: health.usual.map(|millis| millis / 1000),
            patience_seconds: health.patience.map(|millis| millis / 1000),
            silent_at: health.silent_at.map(format),
            failing_since: health.failing_since.map(format),
            last_hour: hour.into(),
            last_24_hours: day.into(),
            hours: hours.into_iter().map(hour_view).collect(),
        }
    }
}

/// One change of a line.
#[derive(Serialize, ToSchema)]
#[schema(as = ActivityStep)]
pub(crate) struct StepView {
    /// Number within the endpoint, as in the history.
    number: i64,
    #[schema(format = DateTime)]
    at: String,
    /// The `X-Request-Id` of the request that made it.
    request_id: String,
    resource_type: String,
    resource_id: String,
    /// Its name, then.
    resource_name: String,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        Self {
            number: step.seq,
            at: format(step.at),
            request_id: step.request_id,
            resource_type: step.resource_type,
            resource_id: step.resource_id,
            resource_name: step.resource_name,
        }
    }
}

/// What one hand did in one go.
#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
pub(crate) struct ActivityView {
    /// What happened, for people.
    sentence: String,
    by: ActorView,
    #[schema(format = DateTime)]
    first_at: String,
    #[schema(format = DateTime)]
    last_at: String,
    /// Number of its first change.
    first: i64,
    /// Number of its last change.
    last: i64,
    /// Changes in it.
    changes: usize,
    /// Requests that went wrong in the hours in which it was made; told at the latest line of an hour alone.
    errors: i64,
    /// The latest 50 of its changes, the latest first.
    steps: Vec<StepView>,
}

impl From<Line> for ActivityView {
    fn from(line: Line) -> Self {
        Self {
            sentence: plain(&line.sentence),
            by: ActorView { kind: line.hand.kind, id: line.hand.id, label: line.hand.label },
            first_at: format(line.first_at),
            last_at: format(line.last_at),
            first: line.first,
            last: line.last,
            changes: line.changes,
            errors: line.errors,
            steps: line.steps.into_iter().map(StepView::from).collect(),
        }
    }
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let (endpoint, now) = (x.endpoint()?, x.now);
    let report = x.read(move |conn| health::report(conn, &endpoint, now)).await?;
    Reply::json(&HealthView::from(report))
}

pub(super) async fn activity(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    let before = match x.query.after()? {
        None => None,
        Some((number, _)) => Some(number.parse().map_err(|_| {
            let detail = "`after` is no cursor of this list; take `next` of the page before as it is";
            Problem::bad_parameters(vec![Place::in_parameter(AFTER.name, detail)])
        })?),
    };
    let asked = Asked {
        before,
        actor: x.query.get("actor").map(str::to_owned),
        kind: x.query.get("kind").and_then(ChangeKind::by_name),
        lines: x.query.limit(),
        read: 0,
    };
    let page = x.read(move |conn| activity::page(conn, &endpoint, &asked)).await?;
    let next = page.next.map(|number| cursor(&number.to_string(), ""));
    Reply::json(&Page { items: page.lines.into_iter().map(ActivityView::from).collect(), next })
}
