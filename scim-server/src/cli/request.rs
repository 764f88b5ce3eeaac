//! `scim-server request list` and `show`: what the identity provider of an endpoint sent, explained.

use clap::{Args, Subcommand};
use endpoint_store::requests::{self, Explanation, Filter, OPERATIONS, Outcome, Request};
use serde_json::{Value, json};

use super::output::{Answer, clean, fields, moment, table};
use super::{Context, Failure, Format, Which, find_live};
use crate::api::{ExplainedView, RequestView};

/// Options and commands.
#[derive(Debug, Args)]
pub struct RequestArgs {
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: RequestCommand,
}

/// What can be done with the request log.
#[derive(Debug, Subcommand)]
pub enum RequestCommand {
    /// List the last requests of an endpoint, the latest first
    List {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// Only what was refused, turned away or failed
        #[arg(long, conflicts_with = "changes")]
        refused: bool,
        /// Only what changed something
        #[arg(long)]
        changes: bool,
        /// Only this operation: create, get, list, …
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(OPERATIONS))]
        operation: Option<String>,
        /// Only requests in which this stands: a name, an id, a part of a path
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
    },
    /// Explain one request
    Show {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// Id of the request, as the list and the header X-Request-Id have it
        request: String,
    },
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub(super) async fn run(command: RequestCommand, cx: &Context) -> Result<Answer, Failure> {
    match command {
        RequestCommand::List { which, refused, changes, operation, search, limit } => {
            let outcome = match (refused, changes) {
                (true, _) => Outcome::Refused,
                (_, true) => Outcome::Changes,
                _ => Outcome::All,
            };
            let filter = Filter { outcome, operation, text: search, ..Filter::default() };
            list(cx, which, filter, usize::from(limit)).await
        }
        RequestCommand::Show { which, request } => show(cx, which, request).await,
    }
}

async fn list(cx: &Context, which: Which, filter: Filter, limit: usize) -> Result<Answer, Failure> {
    let found = cx
        .read(move |conn| {
            let endpoint = find_live(conn, &which.endpoint)?;
            requests::lines(conn, &endpoint, &filter, None, limit)
        })
        .await?;
    let rows: Vec<[String; 6]> = found
        .lines
        .iter()
        .map(|line| {
            [
                line.request.id.clone(),
                moment(Some(line.request.at), cx.now),
                line.request.status.to_string(),
                line.asked.clone(),
                line.outcome.clone(),
                line.request.ms(),
            ]
        })
        .collect();
    let text = match rows.is_empty() {
        true => "No request is in the log that is wanted.".to_owned(),
        false => table(["ID", "WHEN", "STATUS", "ASKED", "OUTCOME", "MS"], &rows),
    };
    let records: Vec<RequestView> = found.lines.iter().map(RequestView::from).collect();
    Ok(Answer { json: json!({ "requests": records }), text })
}

async fn show(cx: &Context, which: Which, id: String) -> Result<Answer, Failure> {
    let (request, bodies, told) = cx
        .read(move |conn| {
            let endpoint = find_live(conn, &which.endpoint)?;
            let (request, bodies) = requests::get(conn, &endpoint.id, &id)?;
            let told = requests::explain(conn, &endpoint, &request, &bodies)?;
            Ok((request, bodies, told))
        })
        .await?;
    let mut text = explained(&request, &told, cx.now);
    for (title, body) in [("What came:", &bodies.request), ("What was answered:", &bodies.response)] {
        if let Some(pretty) = body.pretty() {
            let lines: Vec<String> = pretty.lines().map(clean).collect();
            text.push_str(&format!("\n\n{title}\n{}", lines.join("\n")));
        }
    }
    let json = serde_json::to_value(ExplainedView::new(&request, &bodies, &told)).unwrap_or(Value::Null);
    Ok(Answer { json, text })
}

fn explained(request: &Request, told: &Explanation, now: i64) -> String {
    let mut text = fields(&[
        ("Request", request.id.clone()),
        ("When", moment(Some(request.at), now)),
        ("Asked", told.asked.clone()),
        ("Outcome", format!("{} ({})", told.outcome, request.status)),
        ("Sent", format!("{} {}", request.method, request.target)),
        ("From", format!("{} {}", request.address, request.agent)),
        ("Took", format!("{} ms", request.ms())),
    ]);
    let mut part = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let lines: Vec<String> = lines.iter().map(|line| format!("- {}", clean(line))).collect();
            text.push_str(&format!("\n\n{title}\n{}", lines.join("\n")));
        }
    };
    part("Who:", told.recognised.clone());
    part("Understood:", told.understood.iter().map(|step| step.says.clone()).collect());
    part("The schema says:", told.verdict.clone());
    let change = |change: &endpoint_store::changes::Change| {
        format!(
            "{} {} “{}” (change {})",
            change.kind.as_str(),
            change.resource_type,
            change.resource_name,
            change.seq
        )
    };
    part("Changed:", told.changes.iter().map(change).collect());
    part("For the administrator of the identity provider:", told.advice.clone().into_iter().collect());
    text
}
