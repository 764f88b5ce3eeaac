//! Verify: plays what the identity provider does against a throw-away twin, and shows the reports.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    web,
};
use askama::Template;
use endpoint_store::{
    endpoints::EndpointSummary,
    verifications::{self, Outcome, Report, Step, Verification},
};

use super::tokens::maker;
use crate::{
    error::PageError,
    frame::{Frame, Head, Tab, idp_name},
    pages::{Answer, html, html_as, see, told},
    session::Operator,
    ui::{Num, State, Tone, When},
};

/// A line of the list.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) began: When,
    pub(crate) verdict: State,
    pub(crate) passed: Num,
    pub(crate) all: Num,
    pub(crate) idp: &'static str,
    pub(crate) took: String,
    pub(crate) by: String,
}

impl Row {
    fn new(verification: Verification, now: i64) -> Self {
        Self {
            began: When::new(verification.began_at, now),
            verdict: verdict(&verification),
            passed: Num::of(verification.passed),
            all: Num::of(verification.passed + verification.failed),
            idp: idp_name(verification.idp),
            took: seconds(verification.took_ms),
            by: maker(verification.made_by),
            id: verification.id,
        }
    }

    /// Whether every step came out as it must.
    pub(crate) fn is_good(&self) -> bool {
        self.passed == self.all
    }
}

fn verdict(verification: &Verification) -> State {
    if verification.has_passed() {
        State::new("Passed", "check", Tone::Ok)
    } else {
        State::new("Failed", "cross", Tone::Bad)
    }
}

fn seconds(ms: i64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

#[derive(Template)]
#[template(path = "pages/verify.html")]
struct ListPage {
    frame: Frame,
    head: Head,
    rows: Vec<Row>,
    kept: usize,
    refusal: Option<String>,
}

/// The reports that are kept, and the button.
pub(crate) async fn list(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&list_page(&operator, &summary, None).await?)
}

async fn list_page(
    operator: &Operator,
    summary: &EndpointSummary,
    refusal: Option<String>,
) -> Result<ListPage, PageError> {
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let all = operator.read(move |conn| verifications::list(conn, &id)).await?;
    let (frame, head) = operator.desk(summary, Tab::Connect);
    let rows = all.into_iter().map(|verification| Row::new(verification, now)).collect();
    Ok(ListPage { frame, head, rows, kept: verifications::KEPT, refusal })
}

/// Verifies, and leads to the report.
pub(crate) async fn run(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let verifier = operator.console().verifier()?;
    match verifier.verify(summary.endpoint.clone(), operator.actor()).await {
        Ok(made) => Ok(see(format!("/admin/endpoints/{}/verify/{}", summary.endpoint.slug, made.id))),
        Err(error) => {
            let refusal = Some(told(error)?);
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &list_page(&operator, &summary, refusal).await?)
        }
    }
}

/// One step of a report.
pub(crate) struct StepRow {
    pub(crate) number: usize,
    pub(crate) title: String,
    pub(crate) state: State,
    pub(crate) failed: bool,
    pub(crate) request: String,
    pub(crate) sent: Option<String>,
    pub(crate) expected: Vec<String>,
    pub(crate) status: Option<u16>,
    pub(crate) received: Option<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) advice: Vec<String>,
    pub(crate) ms: Option<String>,
}

impl StepRow {
    fn new(at: usize, step: Step) -> Self {
        let state = match step.outcome {
            Outcome::Passed => State::new("Passed", "check", Tone::Ok),
            Outcome::Failed => State::new("Failed", "cross", Tone::Bad),
            Outcome::Skipped => State::new("Not sent", "ring", Tone::Warn),
        };
        let laid_out = |json: &serde_json::Value| serde_json::to_string_pretty(json).unwrap_or_default();
        // An answer that was shortened is no JSON any more, and is shown as it came.
        let received = step.received.map(|text| match serde_json::from_str(&text) {
            Ok(json) => laid_out(&json),
            Err(_) => text,
        });
        Self {
            number: at + 1,
            state,
            failed: step.outcome == Outcome::Failed,
            request: format!("{} {}", step.method, step.path),
            sent: step.sent.as_ref().map(laid_out),
            expected: step.expected,
            status: step.status,
            received,
            wrong: step.wrong,
            advice: step.advice,
            ms: step.status.map(|_| format!("{}.{} ms", step.micros / 1000, step.micros / 100 % 10)),
            title: step.title,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/verification.html")]
struct ReportPage {
    frame: Frame,
    head: Head,
    row: Row,
    scenario: String,
    settings: Vec<(String, String)>,
    notes: Vec<String>,
    steps: Vec<StepRow>,
}

/// Something to do, and the steps that it would help.
struct Reason<'a> {
    /// What; none where the steps have to speak for themselves.
    advice: Option<&'a str>,
    steps: Vec<&'a StepRow>,
}

impl ReportPage {
    /// What to do about the steps that failed, each thing once, for the head of the page.
    fn reasons(&self) -> Vec<Reason<'_>> {
        let mut reasons: Vec<Reason<'_>> = Vec::new();
        for step in self.steps.iter().filter(|step| step.failed) {
            let own: Vec<Option<&str>> = step.advice.iter().map(|line| Some(line.as_str())).collect();
            for advice in if own.is_empty() { vec![None] } else { own } {
                match reasons.iter_mut().find(|reason| reason.advice == advice) {
                    Some(reason) => reason.steps.push(step),
                    None => reasons.push(Reason { advice, steps: vec![step] }),
                }
            }
        }
        reasons
    }
}

async fn found(
    operator: &Operator,
    summary: &EndpointSummary,
    id: String,
) -> Result<(Verification, Report), PageError> {
    let endpoint = summary.endpoint.id.clone();
    operator.read(move |conn| verifications::find(conn, &endpoint, &id)).await
}

/// One report.
pub(crate) async fn show(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (verification, report) = found(&operator, &summary, id).await?;
    let (frame, head) = operator.desk(&summary, Tab::Connect);
    html(&ReportPage {
        frame,
        head,
        row: Row::new(verification, operator.now()),
        scenario: report.scenario,
        settings: report.settings,
        notes: report.notes,
        steps: report.steps.into_iter().enumerate().map(|(at, step)| StepRow::new(at, step)).collect(),
    })
}

/// The same as a file, as the management API gives it.
pub(crate) async fn file(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (verification, report) = found(&operator, &summary, id).await?;
    let document = operator.console().verifier()?.document(&summary.endpoint, &verification, report);
    // A slug has nothing that needs quoting, and neither has an id.
    let name = format!("attachment; filename=\"{}.{}.json\"", summary.endpoint.slug, verification.id);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(serde_json::to_string_pretty(&document).map_err(PageError::internal)?))
}
