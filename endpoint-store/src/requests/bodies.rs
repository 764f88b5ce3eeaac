//! Bodies of requests and answers as they are kept, and what could not be kept.

use std::collections::HashMap;

use diesel::prelude::*;

use super::mask::CUT;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{request_bodies, request_drops};

/// A body as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    /// Masked, and maybe cut; `None` when there was none or nothing of it is kept.
    pub text: Option<String>,
    /// Bytes that came or went.
    pub size: i64,
}

impl Body {
    /// Whether only its beginning is kept.
    pub fn is_cut(&self) -> bool {
        self.text.as_ref().is_some_and(|text| text.ends_with(CUT))
    }

    /// The body as JSON, if it is kept whole.
    pub fn value(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.text.as_deref()?).ok()
    }

    /// The body as people read it.
    pub fn pretty(&self) -> Option<String> {
        let text = self.text.as_deref()?;
        Some(
            self.value()
                .and_then(|value| serde_json::to_string_pretty(&value).ok())
                .unwrap_or_else(|| text.to_owned()),
        )
    }
}

/// Request and answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bodies {
    /// What came.
    pub request: Body,
    /// What went.
    pub response: Body,
}

/// The bodies of some requests of an endpoint, by id.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn bodies(
    conn: &mut Conn,
    endpoint: &EndpointId,
    ids: &[&str],
) -> Result<HashMap<String, Bodies>, StoreError> {
    type Row = (String, Option<String>, i64, Option<String>, i64);
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Row> = request_bodies::table
        .filter(request_bodies::endpoint_id.eq(endpoint.as_str()))
        .filter(request_bodies::id.eq_any(ids))
        .select((
            request_bodies::id,
            request_bodies::request,
            request_bodies::request_size,
            request_bodies::response,
            request_bodies::response_size,
        ))
        .load(conn)?;
    let bodies = |(id, request, asked, response, answered)| {
        let request = Body { text: request, size: asked };
        (id, Bodies { request, response: Body { text: response, size: answered } })
    };
    Ok(rows.into_iter().map(bodies).collect())
}

/// How many requests of an endpoint were not kept because they came too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Reads that succeeded.
    pub reads: i64,
    /// Changes.
    pub writes: i64,
    /// Refusals.
    pub refusals: i64,
    /// Since when it is counted.
    pub first_at: Millis,
    /// When it last happened.
    pub last_at: Millis,
}

impl Dropped {
    /// All kinds together.
    pub fn all(&self) -> i64 {
        self.reads + self.writes + self.refusals
    }
}

/// How many requests of an endpoint were not kept; `None` when all were.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn dropped(conn: &mut Conn, endpoint: &EndpointId) -> Result<Option<Dropped>, StoreError> {
    let row: Option<(i64, i64, i64, i64, i64)> = request_drops::table
        .filter(request_drops::endpoint_id.eq(endpoint.as_str()))
        .select((
            request_drops::reads,
            request_drops::writes,
            request_drops::refusals,
            request_drops::first_at,
            request_drops::last_at,
        ))
        .get_result(conn)
        .optional()?;
    Ok(row.map(|(reads, writes, refusals, first_at, last_at)| Dropped {
        reads,
        writes,
        refusals,
        first_at,
        last_at,
    }))
}
