//! The request log as the management API and the command line show it.

use endpoint_store::changes::Change;
use endpoint_store::requests::{Bodies, Body, Explanation, Line, Link, Request, Step};
use scim_core::time::format;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The token that a request came with.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestToken)]
struct RequestTokenView {
    /// Its public id.
    id: String,
    /// Its label; empty when it is none of this endpoint's.
    label: String,
}

/// One request of an identity provider.
#[derive(Serialize, ToSchema)]
#[schema(as = LoggedRequest)]
pub(crate) struct RequestView {
    /// The same as in `X-Request-Id`.
    id: String,
    #[schema(format = DateTime)]
    at: String,
    method: String,
    /// Path and query, without secrets.
    target: String,
    /// What was asked, as a line for people.
    asked: String,
    /// How it ended, in a few words for people.
    outcome: String,
    /// The same for programs: `done`, `partly`, `not-found`, `turned-away`, `told-to-wait`, `closed`, `refused`, `failed`.
    end: &'static str,
    /// As in `/metrics`: `create`, `list`, …; null when the path or the method is none of SCIM's, or nobody looked.
    operation: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    /// What the resource was called then.
    resource_name: Option<String>,
    status: u16,
    /// The keyword of a refusal (RFC 7644 §3.12).
    scim_type: Option<String>,
    /// What the requester was told of a refusal.
    detail: Option<String>,
    /// Why it was turned away, which the requester was not told.
    cause: Option<&'static str>,
    /// How long the answer took, in milliseconds.
    ms: f64,
    token: Option<RequestTokenView>,
    address: String,
    agent: String,
    /// Tolerances that it needed.
    rules: Vec<&'static str>,
    /// Attributes that were left out.
    dropped: Vec<String>,
    /// Members that were left out.
    skipped_members: i64,
    /// Operations of a Bulk request that were refused.
    failed_operations: i64,
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl RequestView {
    fn new(request: &Request, asked: &str, outcome: &str, end: &'static str) -> Self {
        let token = || RequestTokenView { id: request.token_id.clone(), label: request.token_label.clone() };
        Self {
            id: request.id.clone(),
            at: format(request.at),
            method: request.method.clone(),
            target: request.target.clone(),
            asked: asked.to_owned(),
            outcome: outcome.to_owned(),
            end,
            operation: said(&request.operation),
            resource_type: said(&request.resource_type),
            resource_id: said(&request.resource_id),
            resource_name: said(&request.resource_name),
            status: request.status,
            scim_type: said(&request.scim_type),
            detail: said(&request.detail),
            cause: request.cause.map(|cause| cause.as_str()),
            ms: request.micros as f64 / 1000.0,
            token: (!request.token_id.is_empty()).then(token),
            address: request.address.clone(),
            agent: request.agent.clone(),
            rules: request.rules.iter().map(|rule| rule.name()).collect(),
            dropped: request.dropped.clone(),
            skipped_members: request.skipped,
            failed_operations: request.failed,
        }
    }
}

impl From<&Line> for RequestView {
    fn from(line: &Line) -> Self {
        Self::new(&line.request, &line.asked, &line.outcome, line.end.as_str())
    }
}

/// One step of a request, as it was understood.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestStep)]
struct StepView {
    says: String,
    /// Whether it cannot be understood.
    fault: bool,
    /// Tolerances that reading it needed.
    rules: Vec<&'static str>,
}

impl From<&Step> for StepView {
    fn from(step: &Step) -> Self {
        let rules = step.rules.iter().map(|rule| rule.name()).collect();
        Self { says: step.says.clone(), fault: step.is_fault, rules }
    }
}

/// One change that a request made.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestChange)]
struct RequestChangeView {
    /// Its number in the change log.
    number: i64,
    kind: &'static str,
    resource_type: String,
    resource_id: String,
    resource_name: String,
    before: Value,
    after: Value,
    members_added: usize,
    members_removed: usize,
}

impl From<&Change> for RequestChangeView {
    fn from(change: &Change) -> Self {
        Self {
            number: change.seq,
            kind: change.kind.as_str(),
            resource_type: change.resource_type.clone(),
            resource_id: change.resource_id.clone(),
            resource_name: change.resource_name.clone(),
            before: change.before.clone(),
            after: change.after.clone(),
            members_added: change.members.added.len(),
            members_removed: change.members.removed.len(),
        }
    }
}

/// A body without secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestBody)]
struct BodyView {
    /// As it is kept; null when there was none, or nothing of it can be kept.
    text: Option<String>,
    /// Bytes that came or went.
    size: i64,
    /// Whether only the beginning is kept.
    cut: bool,
}

impl From<&Body> for BodyView {
    fn from(body: &Body) -> Self {
        Self { text: body.text.clone(), size: body.size, cut: body.is_cut() }
    }
}

/// One request, explained.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedRequest)]
pub(crate) struct ExplainedView {
    #[serde(flatten)]
    request: RequestView,
    /// Who sent it and how that was recognised, or why not.
    recognised: Vec<String>,
    /// What was understood, step by step.
    understood: Vec<StepView>,
    /// What the schema says about it.
    verdict: Vec<String>,
    /// What changed; at most fifty of them.
    changes: Vec<RequestChangeView>,
    /// A sentence for the administrator of the identity provider; null where all went as it should.
    advice: Option<String>,
    request_body: BodyView,
    response_body: BodyView,
}

impl ExplainedView {
    pub(crate) fn new(request: &Request, bodies: &Bodies, told: &Explanation) -> Self {
        Self {
            request: RequestView::new(request, &told.asked, &told.outcome, told.end.as_str()),
            recognised: told.recognised.clone(),
            understood: told.understood.iter().map(StepView::from).collect(),
            verdict: told.verdict.clone(),
            changes: told.changes.iter().map(RequestChangeView::from).collect(),
            advice: told.advice.clone(),
            request_body: BodyView::from(&bodies.request),
            response_body: BodyView::from(&bodies.response),
        }
    }
}

/// All that is known of a link to a request but its code.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestLink)]
pub(super) struct RequestLinkView {
    id: String,
    /// `live`, `expired` or `revoked`.
    state: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

impl RequestLinkView {
    pub(super) fn new(link: &Link, now: i64) -> Self {
        Self {
            id: link.id.clone(),
            state: link.state(now).as_str(),
            created_at: format(link.created_at),
            created_by: link.created_by.clone(),
            expires_at: format(link.expires_at),
            revoked_at: link.revoked_at.map(format),
        }
    }
}

/// A link that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeRequestLink {
    #[serde(flatten)]
    pub(super) link: RequestLinkView,
    /// The address to send, shown this once.
    pub(super) url: String,
}
