//! The log as people read it: each request as a line.

use super::bodies::bodies;
use super::read::{Filter, Request, page};
use super::words::{End, asked, outcome};
use crate::conn::Conn;
use crate::endpoints::Endpoint;
use crate::error::StoreError;

/// One request as a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The request.
    pub request: Request,
    /// What was asked.
    pub asked: String,
    /// How it ended, in a few words.
    pub outcome: String,
    /// The same for programs.
    pub end: End,
}

/// A part of the log in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The latest first.
    pub lines: Vec<Line>,
    /// What `before` takes to go on; `None` on the last page.
    pub next: Option<String>,
}

/// As [`page`], in words. Bodies are read of those requests alone that say what they want in them.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn lines(
    conn: &mut Conn,
    endpoint: &Endpoint,
    filter: &Filter,
    before: Option<&str>,
    limit: usize,
) -> Result<Lines, StoreError> {
    let found = page(conn, &endpoint.id, filter, before, limit)?;
    let speaks = |request: &&Request| matches!(request.operation.as_str(), "patch" | "search" | "bulk");
    let ids: Vec<&str> = found.requests.iter().filter(speaks).map(|request| request.id.as_str()).collect();
    let bodies = bodies(conn, &endpoint.id, &ids)?;
    let lines = found.requests.into_iter().map(|request| Line {
        asked: asked(endpoint, &request, bodies.get(&request.id)),
        outcome: outcome(&request),
        end: End::of(&request),
        request,
    });
    Ok(Lines { lines: lines.collect(), next: found.next })
}
