//! PUT (RFC 7644 §3.5.1).

use scim_core::notes::Notes;
use scim_core::resource::{self, Incoming};
use scim_core::schema::ResourceType;

use super::read::{Record, Wanted};
use super::{Precondition, members, read, rows, update};
use crate::caller::Caller;
use crate::changes::MemberChange;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::writer::Tx;

/// Replaces the attributes of a resource; its members only if the body names them. A PUT that changes
/// nothing leaves version and history alone.
///
/// # Errors
/// 404; 409 `uniqueness`; 400 `mutability` for immutable attributes; 412.
#[expect(clippy::too_many_arguments, reason = "each is one part of the request")]
pub fn replace(
    tx: &mut Tx<'_>,
    caller: &Caller,
    rt: &ResourceType,
    id: &str,
    incoming: &Incoming,
    precondition: &Precondition,
    wanted: Wanted,
    now: Millis,
) -> Result<(Record, Notes), StoreError> {
    let endpoint = &caller.endpoint().id;
    dialect::lock_endpoint(tx, endpoint)?;
    let mut row = rows::visible(tx, endpoint, rt, id)?;
    precondition.check(row.version)?;
    let before = row.resource()?;
    let after = resource::replace(rt, &before, incoming)?;
    let mut notes = Notes::default();
    let mut moved = MemberChange::default();
    if let Some(references) = &incoming.relation {
        members::replace(tx, caller.endpoint(), id, references, now, &mut moved, &mut notes)?;
    }
    update::keep(tx, caller, rt, &mut row, (&before, &after), moved, now)?;
    Ok((read::record(tx, endpoint, rt, row, wanted)?, notes))
}
