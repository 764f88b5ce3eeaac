//! `scim-server endpoint verify`: plays what the identity provider does against a twin of an endpoint.

use std::io::Write as _;

use endpoint_store::caller::Actor;
use endpoint_store::verifications::{Outcome, Report, Step, Verification};
use serde_json::Value;

use super::output::{Answer, clean};
use super::{Context, Failure, Which, find_live, print};
use crate::api::ReportView;
use crate::verify::Verifier;

/// Verifies, prints the report, and fails when a step did.
pub(super) async fn run(cx: &Context, which: Which, json: bool) -> Result<(), Failure> {
    let endpoint = cx.read(move |conn| find_live(conn, &which.endpoint)).await?;
    let _ = writeln!(
        std::io::stderr(),
        "Playing {} against a twin of `{}` …",
        endpoint.idp.label(),
        endpoint.slug
    );
    let verifier = Verifier::new(cx.store.clone(), cx.config.clock.clone());
    let verified = verifier.run(endpoint.clone(), Actor::cli()).await;
    let (verification, report) = verified.map_err(|error| cx.failure(&error))?;
    let text = told(&verification, &report);
    let view = serde_json::to_value(ReportView::new(&endpoint, &verification, report));
    let record: Value = view.map_err(|error| Failure::new(&error.to_string()))?;
    print(&Answer { json: record, text }, json)?;
    if verification.has_passed() {
        return Ok(());
    }
    Err(Failure::new(&format!(
        "{} of {} steps did not come out as {} needs them",
        verification.failed,
        verification.failed + verification.passed,
        endpoint.idp.label()
    )))
}

fn told(verification: &Verification, report: &Report) -> String {
    let mut lines: Vec<String> = report.steps.iter().flat_map(step).collect();
    lines.push(String::new());
    lines.extend(report.notes.iter().map(|note| clean(note)));
    let verdict = if verification.has_passed() { "PASSED" } else { "FAILED" };
    lines.push(format!(
        "{verdict}: {} of {} steps, in {} ms. Kept as verification {}.",
        verification.passed,
        verification.passed + verification.failed,
        verification.took_ms,
        verification.id
    ));
    lines.join("\n")
}

fn step(step: &Step) -> Vec<String> {
    let word = match step.outcome {
        Outcome::Passed => "passed ",
        Outcome::Failed => "FAILED ",
        Outcome::Skipped => "skipped",
    };
    let ms = format!("{}.{} ms", step.micros / 1000, step.micros / 100 % 10);
    let mut lines = vec![format!("{word} {ms:>10}  {}", clean(&step.title))];
    if step.outcome != Outcome::Passed {
        lines.push(format!("          {} {}", step.method, clean(&step.path)));
        lines.extend(step.wrong.iter().chain(&step.advice).map(|line| format!("          {}", clean(line))));
    }
    lines
}
