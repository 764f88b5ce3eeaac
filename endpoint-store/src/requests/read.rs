//! Looking through the requests of an endpoint, the latest first.

use std::collections::HashMap;

use diesel::prelude::*;
use scim_core::dialect::Rule;
use scim_core::fold::fold;
use serde::{Deserialize, Serialize};

use super::bodies::{Bodies, bodies};
use crate::conn::Conn;
use crate::dialect::tables::RequestRow;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{requests, tokens};
use crate::usage::Cause;

/// Requests that are read at once.
const PORTION: i64 = 500;
/// Requests that are looked at for one page at most; the page may be short then, and still have a next one.
const LOOKED_AT: usize = 20_000;

/// What is known of a request beyond its columns.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) scim_type: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) detail: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) cause: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dropped: Vec<String>,
    #[serde(skip_serializing_if = "is_nought")]
    pub(super) skipped: i64,
    #[serde(skip_serializing_if = "is_nought")]
    pub(super) failed: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_nought(number: &i64) -> bool {
    *number == 0
}

/// One request, without its bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// As in `X-Request-Id`.
    pub id: String,
    /// When it came.
    pub at: Millis,
    /// Its method.
    pub method: String,
    /// Its path and query, masked.
    pub target: String,
    /// What it asked for, as in metrics; empty when path or method are none of SCIM's, or it was turned away before.
    pub operation: String,
    /// `User`, `Group`, …; empty where it is about none.
    pub resource_type: String,
    /// The resource; empty where it is about none, or many.
    pub resource_id: String,
    /// What the resource was called then.
    pub resource_name: String,
    /// Status of the answer.
    pub status: u16,
    /// The keyword of a refusal (RFC 7644 §3.12), or empty.
    pub scim_type: String,
    /// What the requester was told of a refusal; of a Bulk request, of its first refused operation.
    pub detail: String,
    /// Why it was turned away, which the requester was not told.
    pub cause: Option<Cause>,
    /// How long the answer took, in microseconds.
    pub micros: i64,
    /// Public id of the token, or empty.
    pub token_id: String,
    /// The token's label; empty when there is no such token, or no more.
    pub token_label: String,
    /// Where it came from.
    pub address: String,
    /// `User-Agent`, or empty.
    pub agent: String,
    /// Tolerances that it needed.
    pub rules: Vec<Rule>,
    /// Attributes that were left out.
    pub dropped: Vec<String>,
    /// Members that were left out because there is no such resource.
    pub skipped: i64,
    /// Operations of a Bulk request that were refused.
    pub failed: i64,
}

impl Request {
    fn of(row: RequestRow) -> Result<Self, StoreError> {
        let facts: Facts = serde_json::from_str(&row.facts)
            .map_err(|e| StoreError::Damaged(format!("a request in the log cannot be read: {e}")))?;
        let cause = (!facts.cause.is_empty()).then(|| Cause::parse(&facts.cause)).transpose()?;
        Ok(Self {
            id: row.id,
            at: row.at,
            method: row.method,
            target: row.target,
            operation: row.operation,
            resource_type: row.resource_type,
            resource_id: row.resource_id,
            resource_name: row.resource_name,
            status: u16::try_from(row.status).unwrap_or_default(),
            scim_type: facts.scim_type,
            detail: facts.detail,
            cause,
            micros: row.micros,
            token_id: row.token_id,
            token_label: String::new(),
            address: row.address,
            agent: row.agent,
            rules: facts.rules.iter().filter_map(|name| Rule::by_name(name)).collect(),
            dropped: facts.dropped,
            skipped: facts.skipped,
            failed: facts.failed,
        })
    }

    /// Whether it was refused, turned away, or failed.
    pub fn is_refused(&self) -> bool {
        self.status >= 400
    }

    /// Whether it changed something, or would have.
    pub fn is_write(&self) -> bool {
        matches!(self.operation.as_str(), "create" | "replace" | "patch" | "delete" | "bulk")
    }

    /// How long the answer took, in milliseconds.
    pub fn ms(&self) -> String {
        format!("{:.1}", self.micros as f64 / 1000.0)
    }
}

/// Which outcomes are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Any.
    #[default]
    All,
    /// What was refused, turned away, or failed.
    Refused,
    /// What changed something.
    Changes,
}

impl Outcome {
    /// Their words.
    pub const WORDS: &[&str] = &["all", "refused", "changes"];

    /// By its word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "all" => Some(Self::All),
            "refused" => Some(Self::Refused),
            "changes" => Some(Self::Changes),
            _ => None,
        }
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Refused => "refused",
            Self::Changes => "changes",
        }
    }
}

/// Which requests are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// How they ended.
    pub outcome: Outcome,
    /// The operation, as in metrics.
    pub operation: Option<String>,
    /// Public id of the token, or its label compared without case.
    pub token: Option<String>,
    /// Stands anywhere in the request's line; compared without case.
    pub text: Option<String>,
    /// Not before this moment.
    pub from: Option<Millis>,
    /// Before this moment.
    pub to: Option<Millis>,
}

impl Filter {
    /// Whether anything is asked for at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn matches(&self, request: &Request) -> bool {
        let outcome = match self.outcome {
            Outcome::All => true,
            Outcome::Refused => request.is_refused(),
            Outcome::Changes => request.is_write() && !request.is_refused(),
        };
        let token = self.token.as_deref().is_none_or(|wanted| {
            // As it is shown, `scim_…`, or without its prefix.
            let id = wanted.strip_prefix("scim_").unwrap_or(wanted);
            request.token_id == id || fold(&request.token_label) == fold(wanted)
        });
        outcome && token && self.text.as_deref().is_none_or(|text| has(request, &fold(text)))
    }
}

fn has(request: &Request, folded: &str) -> bool {
    let fields = [
        &request.resource_name,
        &request.resource_id,
        &request.target,
        &request.detail,
        &request.scim_type,
        &request.id,
        &request.agent,
        &request.address,
    ];
    let plain = percent_encoding::percent_decode_str(&request.target).decode_utf8_lossy();
    fields.into_iter().any(|field| fold(field).contains(folded)) || fold(&plain).contains(folded)
}

/// A part of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The latest first.
    pub requests: Vec<Request>,
    /// What `before` takes to go on; `None` on the last page.
    pub next: Option<String>,
}

/// At most `limit` requests of an endpoint that are older than the request `before`.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn page(
    conn: &mut Conn,
    endpoint: &EndpointId,
    filter: &Filter,
    before: Option<&str>,
    limit: usize,
) -> Result<Page, StoreError> {
    let labels = labels(conn, endpoint)?;
    let (mut below, mut seen) = (before.map(str::to_owned), 0);
    let mut requests = Vec::new();
    loop {
        let rows = portion(conn, endpoint, filter, below.as_deref())?;
        let last = i64::try_from(rows.len()).unwrap_or(i64::MAX) < PORTION;
        for row in rows {
            if requests.len() == limit || seen == LOOKED_AT {
                return Ok(Page { requests, next: below });
            }
            (below, seen) = (Some(row.id.clone()), seen + 1);
            let mut request = Request::of(row)?;
            request.token_label = labels.get(&request.token_id).cloned().unwrap_or_default();
            if filter.matches(&request) {
                requests.push(request);
            }
        }
        if last {
            return Ok(Page { requests, next: None });
        }
    }
}

fn portion(
    conn: &mut Conn,
    endpoint: &EndpointId,
    filter: &Filter,
    below: Option<&str>,
) -> Result<Vec<RequestRow>, StoreError> {
    let mut query = requests::table.into_boxed().filter(requests::endpoint_id.eq(endpoint.as_str()));
    if let Some(below) = below {
        query = query.filter(requests::id.lt(below));
    }
    match filter.outcome {
        Outcome::All => {}
        Outcome::Refused => query = query.filter(requests::status.ge(400)),
        Outcome::Changes => query = query.filter(requests::status.lt(400)),
    }
    if let Some(operation) = &filter.operation {
        query = query.filter(requests::operation.eq(operation));
    }
    if let Some(from) = filter.from {
        query = query.filter(requests::at.ge(from));
    }
    if let Some(to) = filter.to {
        query = query.filter(requests::at.lt(to));
    }
    Ok(query.order(requests::id.desc()).limit(PORTION).select(RequestRow::as_select()).load(conn)?)
}

/// The labels of an endpoint's tokens.
fn labels(conn: &mut Conn, endpoint: &EndpointId) -> Result<HashMap<String, String>, StoreError> {
    let all: Vec<(String, String)> = tokens::table
        .filter(tokens::endpoint_id.eq(endpoint.as_str()))
        .select((tokens::id, tokens::label))
        .load(conn)?;
    Ok(all.into_iter().collect())
}

/// One request of an endpoint, with its bodies.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn get(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<(Request, Bodies), StoreError> {
    let row: Option<RequestRow> = requests::table
        .filter(requests::endpoint_id.eq(endpoint.as_str()))
        .filter(requests::id.eq(id))
        .select(RequestRow::as_select())
        .get_result(conn)
        .optional()?;
    let row = row.ok_or_else(|| {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
        StoreError::NotFound(format!(
            "this endpoint has no request `{shown}` in its log; it was never here, or the log has forgotten it"
        ))
    })?;
    let mut request = Request::of(row)?;
    request.token_label = labels(conn, endpoint)?.get(&request.token_id).cloned().unwrap_or_default();
    let bodies = bodies(conn, endpoint, &[&request.id])?.remove(&request.id).unwrap_or_default();
    Ok((request, bodies))
}
