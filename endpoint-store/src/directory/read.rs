//! GET by id (RFC 7644 §3.4.1), and what every answer is rendered from.

use std::collections::HashMap;

use scim_core::error::ScimError;
use scim_core::resource::Resource;
use scim_core::schema::{Mutability, ResourceType};

use super::{members, rows};
use crate::caller::Caller;
use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;

/// Members that one list may show: one group may be larger, a page of such groups is too much for one answer.
const MOST_LINKS: usize = 100_000;

/// Which rows beside the resource itself the answer needs; what is not wanted is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The members of a group.
    pub relation: bool,
    /// The groups of a user.
    pub memberships: bool,
}

impl Wanted {
    /// Everything.
    pub const ALL: Self = Self { relation: true, memberships: true };
    /// The resource only.
    pub const NOTHING: Self = Self { relation: false, memberships: false };
}

/// Another resource that is a member, or has this one as a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: String,
    /// `User` or `Group`.
    pub resource_type: String,
    /// Its name.
    pub name: String,
    /// False for a membership through a nested group.
    pub direct: bool,
}

/// A resource as kept, with the rows that were wanted.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// Grows by one with every change.
    pub version: i64,
    /// When it was made.
    pub created_at: Millis,
    /// When it last changed.
    pub modified_at: Millis,
    /// Hidden from SCIM by the delete policy.
    pub hidden: bool,
    /// Whether it is in use.
    pub active: bool,
    /// Its name.
    pub name: String,
    /// Its attributes, as they are kept: see [`Record::resource`].
    pub kept: String,
    /// Its members, if wanted and the type has any.
    pub relation: Option<Vec<Link>>,
    /// The groups it is in, if wanted and the type has any.
    pub memberships: Option<Vec<Link>>,
}

impl Record {
    /// Its attributes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn resource(&self) -> Result<Resource, StoreError> {
        rows::resource_of(&self.id, &self.kept)
    }
}

/// A resource that SCIM may see.
///
/// # Errors
/// 404.
pub fn get(
    conn: &mut Conn,
    caller: &Caller,
    rt: &ResourceType,
    id: &str,
    wanted: Wanted,
) -> Result<Record, StoreError> {
    let endpoint = &caller.endpoint().id;
    let found = rows::kept(conn, endpoint, id)?.filter(|(row, _)| row.is_visible(rt));
    let (row, held) = found.ok_or_else(|| rows::not_found(rt))?;
    let held = if held { Held::Maybe } else { Held::Nowhere };
    let mut records = records(conn, endpoint, rt, vec![row], wanted, held)?;
    records.pop().ok_or_else(lost)
}

/// What is known beforehand of the groups that hold some resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Nothing.
    Maybe,
    /// No group holds any of them.
    Nowhere,
    /// Nothing; but they are neighbours in the order of ids, so that one walk along an index finds their groups.
    Together,
}

fn lost() -> StoreError {
    StoreError::Damaged("a row was lost while it was read".into())
}

/// A row with the rows that belong to it.
pub(super) fn record(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    row: impl Into<rows::Kept>,
    wanted: Wanted,
) -> Result<Record, StoreError> {
    records(conn, endpoint, rt, vec![row.into()], wanted, Held::Maybe)?.pop().ok_or_else(lost)
}

/// A row that was just made, and that nothing belongs to yet.
pub(super) fn record_of_new(rt: &ResourceType, row: rows::Row, wanted: Wanted) -> Record {
    Record {
        kept: row.body,
        relation: (wanted.relation && rt.relation.is_some()).then(Vec::new),
        memberships: (wanted.memberships && has_memberships(rt)).then(Vec::new),
        id: row.id,
        version: row.version,
        created_at: row.created_at,
        modified_at: row.modified_at,
        hidden: row.hidden,
        active: row.active,
        name: row.name,
    }
}

/// Rows with the rows that belong to them, in their order.
pub(super) fn records(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    rows: Vec<rows::Kept>,
    wanted: Wanted,
    held: Held,
) -> Result<Vec<Record>, StoreError> {
    let ids = || rows.iter().map(|row| row.id.as_str()).collect::<Vec<&str>>();
    let mut memberships = match (wanted.memberships && has_memberships(rt), held) {
        (false, _) => None,
        (true, Held::Nowhere) => Some(HashMap::new()),
        (true, held) => Some(members::groups_of(conn, endpoint, &ids(), held)?),
    };
    let alone = rows.len() == 1;
    let mut budget = MOST_LINKS;
    rows.into_iter()
        .map(|row| {
            let relation = (wanted.relation && rt.relation.is_some())
                .then(|| members::of(conn, endpoint, &row.id))
                .transpose()?;
            budget = budget.saturating_sub(relation.as_ref().map_or(0, Vec::len));
            if budget == 0 && !alone {
                return Err(too_many().into());
            }
            Ok(Record {
                kept: row.body,
                relation,
                memberships: memberships.as_mut().map(|all| all.remove(&row.id).unwrap_or_default()),
                id: row.id,
                version: row.version,
                created_at: row.created_at,
                modified_at: row.modified_at,
                hidden: row.hidden,
                active: row.active,
                name: row.name,
            })
        })
        .collect()
}

fn too_many() -> ScimError {
    ScimError::too_many(format!(
        "The groups of this page have more than {MOST_LINKS} members together. Ask with excludedAttributes=members, or for \
         fewer groups with `count`."
    ))
}

/// Types with a read-only `groups` show where they are a member (RFC 7643 §4.1.2).
fn has_memberships(rt: &ResourceType) -> bool {
    rt.attribute("groups").is_some_and(|groups| groups.mutability == Mutability::ReadOnly)
}
