//! The end of every change of a resource that is there.

use scim_core::resource::Resource;
use scim_core::schema::ResourceType;

use super::{keys, rows};
use crate::caller::Caller;
use crate::changes::{self, ChangeKind, MemberChange, NewChange};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::writer::Tx;

/// Writes the row, its index keys and one change set. A change that changed nothing leaves version and history alone.
pub(super) fn keep(
    tx: &mut Tx<'_>,
    caller: &Caller,
    rt: &ResourceType,
    row: &mut rows::Row,
    (before, after): (&Resource, &Resource),
    members: MemberChange,
    now: Millis,
) -> Result<(), StoreError> {
    if before == after && members.is_empty() {
        return Ok(());
    }
    row.version += 1;
    row.modified_at = now;
    if before != after {
        row.set_resource(rt, after)?;
        if !keys::stay(rt, before, after) {
            keys::sync(tx, caller.endpoint(), rt, &row.id, after, false)?;
        }
    }
    rows::update(tx, row)?;
    let change = NewChange {
        kind: ChangeKind::Updated,
        resource_type: &rt.name,
        resource_id: &row.id,
        resource_name: &row.name,
        before: Some(before),
        after: Some(after),
        members,
    };
    changes::append(tx, caller, &change, now)
}
