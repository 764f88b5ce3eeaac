//! Which resources a query finds, and where they stand in its order.

use std::time::{Duration, Instant};

use scim_core::error::ScimError;
use scim_core::path::AttrPath;
use scim_core::schema::ResourceType;
use scim_core::sort::Key;

use super::list::{ListQuery, Position, Shown};
use super::read::{Wanted, record};
use super::{counts, pages, rows};
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::filter_sql::{self, Candidates};

/// Resources that one list may look at when no index decides.
const BUDGET: usize = 200_000;
/// How long it may look.
const PATIENCE: Duration = Duration::from_secs(10);
const STRIDE: i64 = 500;
/// Rows that are kept for the answer when they had to be looked at anyway.
pub(super) const AT_HAND: usize = 200;

/// A resource that was found.
pub(super) struct Hit {
    pub(super) position: Position,
    /// Its row, if it is at hand.
    pub(super) row: Option<rows::Kept>,
}

/// Every resource that matches, in the order of types and ids.
pub(super) fn gather(
    conn: &mut Conn,
    endpoint: &EndpointId,
    query: &ListQuery,
    shown: &impl Shown,
) -> Result<Vec<Hit>, StoreError> {
    let mut look = Look { endpoint, query, shown, budget: BUDGET, started: Instant::now(), hits: Vec::new() };
    for (kind, rt) in query.types.iter().enumerate() {
        look.through(conn, (kind, rt))?;
    }
    Ok(look.hits)
}

/// One look through what may match.
struct Look<'a, S> {
    endpoint: &'a EndpointId,
    query: &'a ListQuery,
    shown: &'a S,
    budget: usize,
    started: Instant,
    hits: Vec<Hit>,
}

impl<S: Shown> Look<'_, S> {
    fn through(&mut self, conn: &mut Conn, (kind, rt): (usize, &ResourceType)) -> Result<(), StoreError> {
        let candidates = match &self.query.filter {
            Some(filter) => filter_sql::candidates(conn, self.endpoint, rt, filter, BUDGET)?,
            None => Candidates::All,
        };
        match candidates {
            Candidates::Ids { ids, exact } if exact && self.takes_the_index_at_its_word(conn, rt)? => {
                let hit = |id| Hit { position: Position { key: Key::Nothing, kind, id }, row: None };
                self.hits.extend(ids.into_iter().map(hit));
            }
            Candidates::Ids { ids, .. } => {
                self.spend(ids.len())?;
                for id in ids {
                    let row = rows::kept(conn, self.endpoint, &id)?;
                    if let Some((row, _)) = row.filter(|(row, _)| row.is_visible(rt)) {
                        self.judge(conn, (kind, rt), row)?;
                    }
                }
            }
            Candidates::All => {
                let mut after = String::new();
                loop {
                    let stride = pages::in_order(conn, self.endpoint, rt, &after, 0, STRIDE)?;
                    let Some(last) = stride.last() else { break };
                    after.clone_from(&last.id);
                    self.spend(stride.len())?;
                    for row in stride {
                        self.judge(conn, (kind, rt), row)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the ids of an index that decides the filter need no look at the resources: nothing sorts them, and none of
    /// them is hidden.
    fn takes_the_index_at_its_word(&self, conn: &mut Conn, rt: &ResourceType) -> Result<bool, StoreError> {
        Ok(self.query.sort.is_none() && counts::get(conn, self.endpoint, &rt.name)?.1 == 0)
    }

    fn judge(
        &mut self,
        conn: &mut Conn,
        (kind, rt): (usize, &ResourceType),
        row: rows::Kept,
    ) -> Result<(), StoreError> {
        let at_hand = (self.hits.len() < AT_HAND).then(|| row.clone());
        let id = row.id.clone();
        let found = record(conn, self.endpoint, rt, row, looked_at(rt, self.query))?;
        let whole = self.shown.whole(rt, &found)?;
        if self.query.filter.as_ref().is_none_or(|filter| filter.matches(rt, &whole)) {
            let key = self.query.sort.as_ref().map_or(Key::Nothing, |sort| sort.key(rt, &whole));
            self.hits.push(Hit { position: Position { key, kind, id }, row: at_hand });
        }
        Ok(())
    }

    fn spend(&mut self, resources: usize) -> Result<(), StoreError> {
        let left = self.budget.checked_sub(resources).filter(|_| self.started.elapsed() < PATIENCE);
        self.budget = left.ok_or_else(too_many)?;
        Ok(())
    }
}

fn too_many() -> StoreError {
    ScimError::too_many(format!(
        "This would have to look at more than {BUDGET} resources, or longer than {} s. Narrow the filter: `eq`, `sw` and \
         comparisons on userName, externalId, displayName, emails.value, members.value, id and meta.lastModified are \
         found by index, alone or joined with `and`.",
        PATIENCE.as_secs()
    ))
    .into()
}

/// Filter and order may look at members and groups that the answer does not show.
fn looked_at(rt: &ResourceType, query: &ListQuery) -> Wanted {
    let mentions = |is: &dyn Fn(&AttrPath) -> bool| {
        query.filter.as_ref().is_some_and(|filter| filter_sql::mentions(filter, is))
            || query.sort.as_ref().is_some_and(|sort| is(sort.path()))
    };
    let is_relation = |path: &AttrPath| rt.relation.as_ref().is_some_and(|name| path.reaches(name, None));
    // The groups of a user are part of its version.
    let is_groups = |path: &AttrPath| path.reaches("groups", None) || path.reaches("meta", Some("version"));
    Wanted { relation: mentions(&is_relation), memberships: mentions(&is_groups) }
}
