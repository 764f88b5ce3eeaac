//! What happened at an endpoint, told as people would: changes of one hand that follow each other closely are one line.
//!
//! `fold` and `words` are pure; [`page`] reads a bounded part of the change log for them.

mod fold;
mod words;

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;

use crate::changes::{Change, ChangeKind};
use crate::conn::Conn;
use crate::dialect::tables::ChangeRow as Row;
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::health;
use crate::ids::Millis;
use crate::schema::{changes, resources};
use crate::usage::HOUR;

pub use fold::{Act, Hand, Step};
pub use words::{Piece, plain};

/// Changes that one page reads at most.
const READ: i64 = 500;
/// Numbers that one page looks through for changes of the wanted kind.
const LOOKED_THROUGH: i64 = 5000;
/// Members whose names are looked up for one page.
const NAMED: usize = 500;
/// Changes of one line that are kept one by one.
pub const KEPT: usize = 50;

/// Which part of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Only changes before this number.
    pub before: Option<i64>,
    /// Only those of this token, operator or target, by id or name.
    pub actor: Option<String>,
    /// Only those of this kind.
    pub kind: Option<ChangeKind>,
    /// At most so many lines.
    pub lines: usize,
    /// Reads no more changes than this, for a look at the latest alone; 0 reads as many as a page may.
    pub read: i64,
}

impl Asked {
    fn most(&self) -> i64 {
        if self.read > 0 { self.read.min(READ) } else { READ }
    }
}

/// One line: what one hand did in one go.
#[derive(Debug, Clone)]
pub struct Line {
    /// Who.
    pub hand: Hand,
    /// What, with the things that it was done to.
    pub sentence: Vec<Piece>,
    /// When it began.
    pub first_at: Millis,
    /// When it ended.
    pub last_at: Millis,
    /// Number of its first change.
    pub first: i64,
    /// Number of its last change.
    pub last: i64,
    /// Changes in it.
    pub changes: usize,
    /// The latest of them one by one, the latest first.
    pub steps: Vec<Step>,
    /// Requests that went wrong in the hours it was made in; told at the latest line of an hour alone.
    pub errors: i64,
}

/// One page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The latest first.
    pub lines: Vec<Line>,
    /// `before` of the next page; there may be nothing on it when changes are filtered.
    pub next: Option<i64>,
}

/// What happened before some number, the latest first.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn page(conn: &mut Conn, endpoint: &Endpoint, asked: &Asked) -> Result<Page, StoreError> {
    let before = match asked.before {
        Some(before) => before,
        None => crate::changes::last_number(conn, &endpoint.id)? + 1,
    };
    let filtered = asked.actor.is_some() || asked.kind.is_some();
    let floor = if filtered { before - LOOKED_THROUGH } else { i64::MIN };
    let rows = read(conn, endpoint, asked, before, floor)?;
    let full = rows.len() as i64 == asked.most();
    let steps = rows
        .into_iter()
        .map(|row| Change::try_from(row).map(Step::from))
        .collect::<Result<Vec<Step>, StoreError>>()?;
    let last_read = steps.last().map(|step| step.seq);
    let folded = fold::fold(steps, asked.lines);
    let next = match folded.rest {
        Some(last) => Some(last),
        None if full => last_read,
        None if filtered && floor > 1 => Some(floor),
        None => None,
    };
    let (rest, names) = (folded.rest, names(conn, endpoint, &folded.bursts)?);
    let mut lines: Vec<Line> =
        folded.bursts.into_iter().map(|burst| words::line(burst, endpoint.idp, &names)).collect();
    if full && rest.is_none() {
        // More of it may stand before what was read.
        let cut = lines.iter_mut().find(|line| Some(line.first) == last_read);
        cut.into_iter()
            .for_each(|line| line.sentence.push(Piece::Text("; there is more before that".into())));
    }
    tell_errors(conn, endpoint, &mut lines)?;
    Ok(Page { lines, next })
}

fn read(
    conn: &mut Conn,
    endpoint: &Endpoint,
    asked: &Asked,
    before: i64,
    floor: i64,
) -> Result<Vec<Row>, StoreError> {
    let mut query = changes::table
        .filter(changes::endpoint_id.eq(endpoint.id.as_str()))
        .filter(changes::seq.lt(before))
        .filter(changes::seq.ge(floor))
        .into_boxed();
    if let Some(actor) = &asked.actor {
        query = query.filter(changes::actor_id.eq(actor).or(changes::actor_label.eq(actor)));
    }
    if let Some(kind) = asked.kind {
        query = query.filter(changes::kind.eq(kind.as_str()));
    }
    Ok(query.order(changes::seq.desc()).limit(asked.most()).select(Row::as_select()).load(conn)?)
}

/// The names of members that came or went, as they are now; who is gone may be named by a change of the same page.
fn names(
    conn: &mut Conn,
    endpoint: &Endpoint,
    bursts: &[fold::Burst],
) -> Result<HashMap<String, String>, StoreError> {
    let steps = || bursts.iter().flat_map(|burst| &burst.steps);
    let mut names: HashMap<String, String> =
        steps().map(|step| (step.resource_id.clone(), step.resource_name.clone())).collect();
    let mut wanted: Vec<&str> = steps()
        .flat_map(|step| &step.acts)
        .flat_map(|act| match act {
            Act::Added(ids) | Act::Removed(ids) => ids.iter().take(words::SHOWN).collect(),
            _ => Vec::new(),
        })
        .map(String::as_str)
        .filter(|id| !names.contains_key(*id))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.truncate(NAMED);
    if wanted.is_empty() {
        return Ok(names);
    }
    let found: Vec<(String, String)> = resources::table
        .filter(resources::endpoint_id.eq(endpoint.id.as_str()))
        .filter(resources::id.eq_any(wanted))
        .select((resources::id, resources::name))
        .load(conn)?;
    names.extend(found);
    Ok(names)
}

/// Tells at the latest line of each hour what went wrong in it. Errors are counted by the hour, not by the request.
fn tell_errors(conn: &mut Conn, endpoint: &Endpoint, lines: &mut [Line]) -> Result<(), StoreError> {
    let hours = |line: &Line| line.first_at / HOUR..=line.last_at / HOUR;
    let (Some(first), Some(last)) = (
        lines.iter().map(|line| line.first_at / HOUR).min(),
        lines.iter().map(|line| line.last_at / HOUR).max(),
    ) else {
        return Ok(());
    };
    let counted = health::hours_between(conn, &[endpoint.id.as_str().to_owned()], first, last)?;
    let mut left: BTreeMap<i64, i64> =
        counted.into_iter().map(|(_, hour, counts)| (hour, counts.errors() - counts.denied)).collect();
    for line in lines.iter_mut().filter(|line| line.hand.kind == "token") {
        line.errors = hours(line).filter_map(|hour| left.remove(&hour)).sum();
    }
    Ok(())
}
