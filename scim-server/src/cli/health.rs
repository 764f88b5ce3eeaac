//! `scim-server endpoint health` and `activity`: how its syncs are doing, and what happened.

use endpoint_store::activity::{self, Asked, plain};
use endpoint_store::health::{self, Condition, Report};
use endpoint_store::usage::Counts;
use serde_json::json;

use super::output::{Answer, clean, fields, moment, table};
use super::{Context, Failure, Which, find_live};
use crate::api::{ActivityView, HealthView};

pub(super) async fn health(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, report) = cx
        .read(move |conn| {
            let endpoint = find_live(conn, &which.endpoint)?;
            let report = health::report(conn, &endpoint, now)?;
            Ok((endpoint.slug, report))
        })
        .await?;
    let text = format!("{}\n\n{}", sentence(&slug, &report), told(&report, now));
    Ok(Answer { text, json: json!(HealthView::from(report)) })
}

fn sentence(slug: &str, report: &Report) -> String {
    match report.condition {
        Condition::Silent => format!(
            "Endpoint `{slug}` has gone silent: nothing came for longer than {}. Look at the identity provider's own log.",
            hours(report.health.patience)
        ),
        Condition::Failing => {
            format!(
                "Endpoint `{slug}` is failing: {} % of what it asks goes wrong.",
                report.day.error_percent()
            )
        }
        Condition::Fine => format!("Endpoint `{slug}` works as usual."),
        Condition::Unheard => format!("Endpoint `{slug}` has not been heard from yet."),
        Condition::Closed => format!("Endpoint `{slug}` is paused or disabled: nothing is expected."),
    }
}

fn hours(millis: Option<i64>) -> String {
    match millis.map(|millis| millis / 60_000) {
        None => "–".to_owned(),
        Some(minutes) if minutes < 120 => format!("{minutes} min"),
        Some(minutes) => format!("{} h", minutes / 60),
    }
}

fn told(report: &Report, now: i64) -> String {
    let counts = |counts: &Counts| {
        format!(
            "{} requests, {} changes; {} refused, {} with a wrong token, {} too fast, {} failed ({} %)",
            counts.requests,
            counts.changes,
            counts.refused,
            counts.denied,
            counts.limited,
            counts.failed,
            counts.error_percent()
        )
    };
    let health = &report.health;
    fields(&[
        ("Last heard", moment(health.last_heard, now)),
        ("Usual longest gap", hours(health.usual)),
        ("Silence is an alarm after", hours(health.patience)),
        ("Alarm if nothing comes", moment(health.silent_at, now)),
        ("Last hour", counts(&report.hour)),
        ("Last 24 hours", counts(&report.day)),
    ])
}

pub(super) async fn activity(cx: &Context, which: Which, lines: u16) -> Result<Answer, Failure> {
    let asked = Asked { lines: usize::from(lines), ..Asked::default() };
    let (slug, page) = cx
        .read(move |conn| {
            let endpoint = find_live(conn, &which.endpoint)?;
            let page = activity::page(conn, &endpoint, &asked)?;
            Ok((endpoint.slug, page))
        })
        .await?;
    let rows: Vec<[String; 3]> = page
        .lines
        .iter()
        .map(|line| {
            let errors =
                if line.errors > 0 { format!("; {} went wrong", line.errors) } else { String::new() };
            [
                moment(Some(line.last_at), cx.now),
                line.changes.to_string(),
                format!("{}{errors}", clean(&plain(&line.sentence))),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        format!("Nothing has changed at endpoint `{slug}` yet.")
    } else {
        table(["WHEN", "CHANGES", "WHAT"], &rows)
    };
    let lines: Vec<ActivityView> = page.lines.into_iter().map(ActivityView::from).collect();
    Ok(Answer { text, json: json!({ "activity": lines }) })
}
