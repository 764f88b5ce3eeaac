//! PATCH (RFC 7644 §3.5.2).

use scim_core::dialect::Dialect;
use scim_core::error::ScimError;
use scim_core::notes::Notes;
use scim_core::patch::{self as protocol, Patch, RelationEdit};
use scim_core::schema::ResourceType;

use super::read::{Record, Wanted};
use super::{Precondition, members, read, rows, update};
use crate::caller::Caller;
use crate::changes::MemberChange;
use crate::dialect;
use crate::endpoints::Endpoint;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::writer::Tx;

/// Members that the filters of one PATCH may look at: everybody's writes wait meanwhile.
const MOST_LOOKED_AT: i64 = 500_000;

/// What a PATCH led to.
#[derive(Debug, Clone)]
pub struct Patched {
    /// The resource afterwards.
    pub record: Record,
    /// What was tolerated or left out.
    pub notes: Notes,
}

/// Applies the operations in order, all or none. A PATCH that changes nothing leaves version and history
/// alone.
///
/// # Errors
/// 404; 412; 409 `uniqueness`; and the 400s of [`scim_core::patch::apply`].
#[expect(clippy::too_many_arguments, reason = "each is one part of the request")]
pub fn patch(
    tx: &mut Tx<'_>,
    caller: &Caller,
    rt: &ResourceType,
    id: &str,
    patch: &Patch,
    (dialect, precondition): (Dialect, &Precondition),
    wanted: Wanted,
    now: Millis,
) -> Result<Patched, StoreError> {
    let endpoint = &caller.endpoint().id;
    dialect::lock_endpoint(tx, endpoint)?;
    let mut row = rows::visible(tx, endpoint, rt, id)?;
    precondition.check(row.version)?;
    let before = row.resource()?;
    let mut after = before.clone();
    let outcome = protocol::apply(rt, &mut after, patch, dialect)?;
    let mut notes = outcome.notes;
    let mut moved = MemberChange::default();
    let mut budget = MOST_LOOKED_AT;
    for edit in &outcome.relation {
        if let RelationEdit::RemoveWhere(_) = edit {
            let size = members::count(tx, endpoint, id)?;
            budget = budget.checked_sub(size).ok_or_else(too_many)?;
        }
        apply_edit(tx, (caller.endpoint(), rt), id, edit, now, &mut moved, &mut notes)?;
    }
    update::keep(tx, caller, rt, &mut row, (&before, &after), moved, now)?;
    Ok(Patched { record: read::record(tx, endpoint, rt, row, wanted)?, notes })
}

fn too_many() -> ScimError {
    ScimError::too_many(format!(
        "The filters of this PATCH would have to look at more than {MOST_LOOKED_AT} members. Name the members that go: \
         members[value eq \"…\"]."
    ))
}

fn apply_edit(
    tx: &mut Tx<'_>,
    (endpoint, rt): (&Endpoint, &ResourceType),
    group: &str,
    edit: &RelationEdit,
    now: Millis,
    moved: &mut MemberChange,
    notes: &mut Notes,
) -> Result<(), StoreError> {
    match edit {
        RelationEdit::Add(references) => members::add(tx, endpoint, group, references, now, moved, notes),
        RelationEdit::Remove(ids) => members::remove(tx, &endpoint.id, group, ids, moved),
        RelationEdit::RemoveWhere(filter) => {
            let ids: Vec<String> = members::of(tx, &endpoint.id, group)?
                .into_iter()
                .filter(|link| members::fits(rt, link, filter))
                .map(|link| link.id)
                .collect();
            members::remove(tx, &endpoint.id, group, &ids, moved)
        }
        RelationEdit::Replace(references) => {
            members::replace(tx, endpoint, group, references, now, moved, notes)
        }
        RelationEdit::Clear => members::replace(tx, endpoint, group, &[], now, moved, notes),
    }
}
