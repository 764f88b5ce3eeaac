//! DELETE (RFC 7644 §3.6), as the endpoint's delete policy says.

use scim_core::schema::ResourceType;
use serde_json::Value;

use super::{Precondition, counts, keys, members, rows, update};
use crate::caller::{ActorKind, Caller};
use crate::changes::{self, ChangeKind, MemberChange, NewChange};
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::settings::DeletePolicy;
use crate::writer::Tx;

/// Deletes a resource for SCIM. Under the policy `deactivate`, one that has a state (`active`) is
/// deactivated, leaves its groups and is hidden; everything else, and whatever an operator deletes, is
/// removed for good.
///
/// # Errors
/// 404; 412.
pub fn delete(
    tx: &mut Tx<'_>,
    caller: &Caller,
    rt: &ResourceType,
    id: &str,
    precondition: &Precondition,
    now: Millis,
) -> Result<(), StoreError> {
    let endpoint = &caller.endpoint().id;
    dialect::lock_endpoint(tx, endpoint)?;
    let mut row = rows::visible(tx, endpoint, rt, id)?;
    precondition.check(row.version)?;
    let before = row.resource()?;
    leave_groups(tx, caller, id, now)?;
    let mut members = MemberChange::default();
    if rt.relation.is_some() {
        members.removed = members::ids(tx, endpoint, id)?.into_iter().collect();
    }
    let hides = caller.endpoint().settings.delete == DeletePolicy::Deactivate
        && caller.actor().kind == ActorKind::Token;
    let state = rt.state.as_deref().filter(|_| hides);
    let after = match state {
        Some(state) => {
            let mut map = before.clone().into_map();
            map.insert(state.to_owned(), Value::Bool(false));
            let after = scim_core::resource::Resource::from_stored(map);
            row.set_resource(rt, &after)?;
            row.version += 1;
            row.modified_at = now;
            row.hidden = true;
            rows::update(tx, &row)?;
            keys::sync(tx, caller.endpoint(), rt, id, &after, true)?;
            counts::add(tx, endpoint, &rt.name, (-1, 1))?;
            Some(after)
        }
        None => {
            rows::remove(tx, endpoint.as_str(), id)?;
            counts::add(tx, endpoint, &rt.name, (-1, 0))?;
            None
        }
    };
    let change = NewChange {
        kind: if after.is_some() { ChangeKind::Hidden } else { ChangeKind::Deleted },
        resource_type: &rt.name,
        resource_id: id,
        resource_name: &row.name,
        before: Some(&before),
        after: after.as_ref(),
        members,
    };
    changes::append(tx, caller, &change, now)
}

/// Takes a resource out of every group that holds it; each group's history tells.
fn leave_groups(tx: &mut Tx<'_>, caller: &Caller, id: &str, now: Millis) -> Result<(), StoreError> {
    let endpoint = &caller.endpoint().id;
    for group in members::groups_holding(tx, endpoint, id)? {
        let mut left = MemberChange::default();
        members::remove(tx, endpoint, &group, &[id.to_owned()], &mut left)?;
        let Some(mut row) = rows::find(tx, endpoint, &group)? else { continue };
        let Some(rt) = caller.endpoint().catalog.by_name(&row.resource_type) else { continue };
        let content = row.resource()?;
        update::keep(tx, caller, rt, &mut row, (&content, &content), left, now)?;
    }
    Ok(())
}
