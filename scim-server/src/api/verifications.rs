//! `/endpoints/{endpoint}/verifications`: scenarios of identity providers, played against a twin of an endpoint.

use endpoint_store::Endpoint;
use endpoint_store::verifications::{self, Report, Step, Verification};
use scim_core::time::format;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::problem::Problem;
use super::route::BASE;
use super::{Exchange, Outcome, Page, Reply};

/// A verification, without its steps.
#[derive(Serialize, ToSchema)]
#[schema(as = Verification)]
pub(crate) struct VerificationView {
    id: String,
    /// `passed` or `failed`.
    verdict: &'static str,
    /// Whose scenario was played.
    idp: &'static str,
    /// Steps that came out as they must.
    passed: i64,
    /// Steps that did not, or could not be sent.
    failed: i64,
    #[schema(format = DateTime)]
    began_at: String,
    took_ms: i64,
    made_by: String,
}

impl VerificationView {
    fn new(verification: &Verification) -> Self {
        Self {
            id: verification.id.clone(),
            verdict: if verification.has_passed() { "passed" } else { "failed" },
            idp: verification.idp.as_str(),
            passed: verification.passed,
            failed: verification.failed,
            began_at: format(verification.began_at),
            took_ms: verification.took_ms,
            made_by: verification.made_by.clone(),
        }
    }
}

/// One step.
#[derive(Serialize, ToSchema)]
#[schema(as = VerificationStep)]
struct StepView {
    /// What the identity provider does, in words.
    title: String,
    /// `passed`, `failed`, or `skipped` when it goes on from a step that failed.
    outcome: &'static str,
    method: String,
    /// Behind the base URL, as it was sent.
    path: String,
    /// The body of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<Value>,
    expected: Vec<String>,
    /// Of the answer; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The answer, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<String>,
    /// What was otherwise than expected.
    wrong: Vec<String>,
    /// What to do about it.
    advice: Vec<String>,
    /// Milliseconds until the answer was read.
    ms: f64,
}

impl StepView {
    fn new(step: Step) -> Self {
        Self {
            title: step.title,
            outcome: step.outcome.as_str(),
            method: step.method,
            path: step.path,
            sent: step.sent,
            expected: step.expected,
            status: step.status,
            received: step.received,
            wrong: step.wrong,
            advice: step.advice,
            ms: f64::from(u32::try_from(step.micros).unwrap_or(u32::MAX)) / 1000.0,
        }
    }
}

/// A setting that the twin had.
#[derive(Serialize, ToSchema)]
struct SettingView {
    name: String,
    value: String,
}

/// A verification with its report.
#[derive(Serialize, ToSchema)]
#[schema(as = VerificationReport)]
pub(crate) struct ReportView {
    #[serde(flatten)]
    verification: VerificationView,
    /// Id of the endpoint.
    endpoint: String,
    scenario: String,
    /// What the twin was set to.
    settings: Vec<SettingView>,
    notes: Vec<String>,
    steps: Vec<StepView>,
}

impl ReportView {
    pub(crate) fn new(endpoint: &Endpoint, verification: &Verification, report: Report) -> Self {
        let settings = report.settings.into_iter().map(|(name, value)| SettingView { name, value });
        Self {
            verification: VerificationView::new(verification),
            endpoint: endpoint.id.as_str().to_owned(),
            scenario: report.scenario,
            settings: settings.collect(),
            notes: report.notes,
            steps: report.steps.into_iter().map(StepView::new).collect(),
        }
    }
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let id = x.endpoint()?.id.clone();
    let all = x.read(move |conn| verifications::list(conn, &id)).await?;
    Reply::json(&Page::whole(all.iter().map(VerificationView::new)))
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    let (of, id) = (endpoint.id.clone(), x.segment("verification").to_owned());
    let (verification, report) = x.read(move |conn| verifications::find(conn, &of, &id)).await?;
    Reply::json(&ReportView::new(&endpoint, &verification, report))
}

pub(super) async fn run(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    let verified = x.api.verifier.run(Endpoint::clone(&endpoint), x.actor()).await;
    let (verification, report) = verified.map_err(|error| Problem::of(error, &x.request_id))?;
    let location = format!("{BASE}/endpoints/{}/verifications/{}", endpoint.id.as_str(), verification.id);
    Ok(Reply::json(&ReportView::new(&endpoint, &verification, report))?.made_at(location))
}
