//! What came out when the scenario of an identity provider was played against a twin of an endpoint.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect;
use crate::endpoints::{self, EndpointId};
use crate::error::StoreError;
use crate::ids::{Millis, new_id};
use crate::schema::verifications;
use crate::settings::Idp;
use crate::writer::Tx;

/// Reports that are kept for each endpoint.
pub const KEPT: usize = 20;

/// How one step came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As the identity provider needs it.
    Passed,
    /// Otherwise.
    Failed,
    /// Not sent, because something that it builds on had failed.
    Skipped,
}

impl Outcome {
    /// As kept and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One step of a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What the identity provider does, in words.
    pub title: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Method of the request.
    pub method: String,
    /// Path behind the base URL, as it was sent.
    pub path: String,
    /// Body of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Value>,
    /// What the answer had to be, a line each.
    pub expected: Vec<String>,
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<String>,
    /// What was otherwise, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<String>,
    /// What to do about it, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,
    /// How long the answer took, in thousandths of a millisecond.
    pub micros: u64,
}

/// A whole play, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was played.
    pub scenario: String,
    /// The settings of the twin, by name.
    pub settings: Vec<(String, String)>,
    /// What whoever reads it should know, a sentence each.
    pub notes: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl Report {
    /// How many steps came out so.
    pub fn count(&self, outcome: Outcome) -> i64 {
        let count = self.steps.iter().filter(|step| step.outcome == outcome).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    }
}

/// One verification, without its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Names it.
    pub id: String,
    /// Whose scenario was played.
    pub idp: Idp,
    /// Steps that came out as they must.
    pub passed: i64,
    /// Steps that did not, or could not be sent.
    pub failed: i64,
    /// When it began.
    pub began_at: Millis,
    /// How long it took in all, in milliseconds.
    pub took_ms: i64,
    /// Who asked for it.
    pub made_by: String,
}

impl Verification {
    /// Whether everything came out as the identity provider needs it.
    pub fn has_passed(&self) -> bool {
        self.failed == 0
    }
}

type Line = (String, String, i64, i64, i64, i64, String);

macro_rules! line {
    () => {
        (
            verifications::id,
            verifications::idp,
            verifications::passed,
            verifications::failed,
            verifications::began_at,
            verifications::took_ms,
            verifications::made_by,
        )
    };
}

fn read(line: Line) -> Result<Verification, StoreError> {
    let (id, idp, passed, failed, began_at, took_ms, made_by) = line;
    let idp = idp.parse().map_err(StoreError::Damaged)?;
    Ok(Verification { id, idp, passed, failed, began_at, took_ms, made_by })
}

/// Keeps a report; of more than [`KEPT`] the oldest goes.
///
/// # Errors
/// [`StoreError::NotFound`] when the endpoint has gone meanwhile.
pub fn keep(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    (idp, report): (Idp, &Report),
    (began_at, took_ms): (Millis, i64),
    actor: &Actor,
) -> Result<Verification, StoreError> {
    dialect::lock_endpoint(tx, endpoint)?;
    let slug = endpoints::find(tx, endpoint.as_str())?.slug;
    let kept = Verification {
        id: new_id(began_at),
        idp,
        passed: report.count(Outcome::Passed),
        failed: report.count(Outcome::Failed) + report.count(Outcome::Skipped),
        began_at,
        took_ms,
        made_by: actor.label.clone(),
    };
    let text = serde_json::to_string(report).map_err(|e| StoreError::Damaged(e.to_string()))?;
    diesel::insert_into(verifications::table)
        .values((
            verifications::endpoint_id.eq(endpoint.as_str()),
            verifications::id.eq(&kept.id),
            verifications::idp.eq(idp.as_str()),
            verifications::passed.eq(kept.passed),
            verifications::failed.eq(kept.failed),
            verifications::began_at.eq(began_at),
            verifications::took_ms.eq(took_ms),
            verifications::made_by.eq(&kept.made_by),
            verifications::report.eq(text),
        ))
        .execute(&mut **tx)?;
    for old in list(tx, endpoint)?.into_iter().skip(KEPT) {
        diesel::delete(verifications::table.find((endpoint.as_str(), old.id))).execute(&mut **tx)?;
    }
    let note = Note::new(actor, began_at.saturating_add(took_ms), Action::EndpointVerify, &slug).on(endpoint);
    tx.note(note.after(json!({
        "verification": kept.id, "idp": idp.as_str(), "passed": kept.passed, "failed": kept.failed,
    })));
    Ok(kept)
}

/// The verifications of an endpoint, the latest first. There are [`KEPT`] at most.
///
/// # Errors
/// [`StoreError::Damaged`].
pub fn list(conn: &mut Conn, endpoint: &EndpointId) -> Result<Vec<Verification>, StoreError> {
    let lines: Vec<Line> = verifications::table
        .filter(verifications::endpoint_id.eq(endpoint.as_str()))
        .order((verifications::began_at.desc(), verifications::id.desc()))
        .select(line!())
        .load(conn)?;
    lines.into_iter().map(read).collect()
}

/// One verification with its report.
///
/// # Errors
/// [`StoreError::NotFound`].
pub fn find(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<(Verification, Report), StoreError> {
    let found: Option<(Line, String)> = verifications::table
        .find((endpoint.as_str(), id))
        .select((line!(), verifications::report))
        .get_result(conn)
        .optional()?;
    let (line, report) = found.ok_or_else(|| {
        StoreError::NotFound(format!(
            "this endpoint has no verification `{id}`; the last {KEPT} are kept, and older ones are gone"
        ))
    })?;
    let report = serde_json::from_str(&report)
        .map_err(|e| StoreError::Damaged(format!("report of verification {id}: {e}")))?;
    Ok((read(line)?, report))
}

/// Forgets the verifications of an endpoint that is being removed.
pub(crate) fn forget(tx: &mut Tx<'_>, endpoint: &EndpointId) -> Result<(), StoreError> {
    diesel::delete(verifications::table.filter(verifications::endpoint_id.eq(endpoint.as_str())))
        .execute(&mut **tx)?;
    Ok(())
}
