//! Groups as operators keep them: each act is one that SCIM has, too, and leaves the same trace.

use scim_core::dialect::Dialect;
use scim_core::patch::{Op, Operation, Patch};
use scim_core::path::{AttrPath, PatchPath};
use scim_core::resource;
use scim_core::schema::ResourceType;
use serde_json::{Value, json};

use super::{Precondition, Record, Wanted, create, delete, patch, search};
use crate::audit::{Action, Note};
use crate::caller::Caller;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::writer::Tx;

fn group(caller: &Caller) -> Result<&ResourceType, StoreError> {
    let found = caller.endpoint().catalog.by_name("Group");
    found.map(AsRef::as_ref).ok_or_else(|| StoreError::NotFound("this endpoint has no groups".into()))
}

fn named(name: &str) -> Result<&str, StoreError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(StoreError::invalid("/name", "give the group a name"));
    }
    Ok(name)
}

/// Makes a group without members.
///
/// # Errors
/// 409 `uniqueness` when the name is taken; [`StoreError::Invalid`] when it is none.
pub fn create_group(tx: &mut Tx<'_>, caller: &Caller, name: &str, now: Millis) -> Result<Record, StoreError> {
    let rt = group(caller)?;
    let body = json!({"schemas": [rt.schema.id], "displayName": named(name)?});
    let incoming = resource::read(rt, &body, Dialect::generic())?;
    let (record, _) = create(tx, caller, rt, &incoming, Wanted::NOTHING, now)?;
    tx.note(note(caller, Action::GroupCreate, &record.id, now).after(json!({"name": record.name})));
    Ok(record)
}

/// Gives a group another name; its id and members stay.
///
/// # Errors
/// 404; 409 `uniqueness` when the name is taken; [`StoreError::Invalid`] when it is none.
pub fn rename_group(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: &str,
    name: &str,
    now: Millis,
) -> Result<(), StoreError> {
    let name = named(name)?;
    let before = name_of(tx, caller, id)?;
    change(tx, caller, id, (Op::Replace, "displayName", json!(name)), now)?;
    tx.note(note(caller, Action::GroupRename, id, now).before(before).after(json!({"name": name})));
    Ok(())
}

/// Puts somebody into a group; who is in it already stays.
///
/// # Errors
/// 404 for the group, 400 for a member that is not there.
pub fn add_member(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: &str,
    member: &str,
    now: Millis,
) -> Result<(), StoreError> {
    change(tx, caller, id, (Op::Add, "members", json!([{ "value": member }])), now)?;
    tx.note(note(caller, Action::MemberAdd, id, now).after(json!({"member": member})));
    Ok(())
}

/// Takes somebody out of a group; who is not in it stays out.
///
/// # Errors
/// 404 for the group.
pub fn remove_member(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: &str,
    member: &str,
    now: Millis,
) -> Result<(), StoreError> {
    change(tx, caller, id, (Op::Remove, "members", json!([{ "value": member }])), now)?;
    tx.note(note(caller, Action::MemberRemove, id, now).before(json!({"member": member})));
    Ok(())
}

/// Deletes a group; its members stay as they are.
///
/// # Errors
/// 404.
pub fn delete_group(tx: &mut Tx<'_>, caller: &Caller, id: &str, now: Millis) -> Result<(), StoreError> {
    let before = name_of(tx, caller, id)?;
    delete(tx, caller, group(caller)?, id, &Precondition::None, now)?;
    tx.note(note(caller, Action::GroupDelete, id, now).before(before));
    Ok(())
}

fn note(caller: &Caller, action: Action, id: &str, now: Millis) -> Note {
    Note::new(caller.actor(), now, action, id).on(&caller.endpoint().id)
}

fn name_of(tx: &mut Tx<'_>, caller: &Caller, id: &str) -> Result<Value, StoreError> {
    let found = search::find(tx, &caller.endpoint().id, group(caller)?, id)?;
    Ok(json!({"name": found.name}))
}

fn change(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: &str,
    (op, attribute, value): (Op, &str, Value),
    now: Millis,
) -> Result<(), StoreError> {
    let path = PatchPath { attr: AttrPath::named(attribute), filter: None, sub: None };
    let operation = Operation { op, path: Some(path), value: Some(value) };
    let wish = Patch { operations: vec![operation], notes: Default::default() };
    let how = (Dialect::generic(), &Precondition::None);
    let patched = patch(tx, caller, group(caller)?, id, &wish, how, Wanted::NOTHING, now)?;
    if !patched.notes.skipped_members.is_empty() {
        return Err(StoreError::refused(
            "this user was deleted and is hidden from SCIM; it cannot be in a group",
        ));
    }
    Ok(())
}
