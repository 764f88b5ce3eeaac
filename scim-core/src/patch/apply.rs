//! Carrying out operations on a resource.

use serde_json::{Map, Value};

use super::{MAX_OPERATIONS, Op, Operation, Patch, Patched, RelationEdit, elements, members};
use crate::coerce::Coercer;
use crate::dialect::{Dialect, Rule};
use crate::error::{ScimError, describe, quote};
use crate::filter::Filter;
use crate::notes::Notes;
use crate::path::{AttrPath, PatchPath};
use crate::resource::Resource;
use crate::schema::{Attribute, Mutability, Resolved, ResourceType, Schema};
use crate::schemas;

/// The most that one PATCH may look at: comparisons times elements. Many filtered operations on a long
/// list would keep a processor busy for many seconds.
const MAX_WORK: usize = 1_000_000;

/// Carries out a PATCH, all of it or nothing: on `Err` the resource is as it was.
///
/// # Errors
/// * 400 `invalidPath`: a path names no attribute; the nearest known name is suggested
/// * 400 `noTarget`: a filter selects nothing
/// * 400 `mutability`: a read-only or immutable attribute would change, or a required one go
/// * 400 `invalidValue`: a value of the wrong type, or none where one is needed
/// * 400 `invalidFilter`: a filter that makes no sense for the attribute
/// * 413: more than [`MAX_OPERATIONS`] attributes are edited, or too much is compared
pub fn apply(
    resource_type: &ResourceType,
    resource: &mut Resource,
    patch: &Patch,
    dialect: Dialect,
) -> Result<Patched, ScimError> {
    let mut editor = Editor {
        resource_type,
        dialect,
        notes: patch.notes.clone(),
        resource: resource.clone(),
        relation: Vec::new(),
        edits: 0,
        work: 0,
    };
    for (index, operation) in patch.operations.iter().enumerate() {
        let place = |error: ScimError| error.at(format_args!("Operation {} ({operation})", index + 1));
        editor.operation(operation).map_err(place)?;
    }
    let mut patched = editor.resource;
    patched.prune(resource_type);
    // A resource that was kept before an attribute became required can still be patched.
    if resource.check_required(resource_type).is_ok() {
        patched.check_required(resource_type)?;
    }
    let changed = patched != *resource;
    *resource = patched;
    Ok(Patched { relation: editor.relation, notes: editor.notes, changed })
}

struct Editor<'a> {
    resource_type: &'a ResourceType,
    dialect: Dialect,
    notes: Notes,
    resource: Resource,
    relation: Vec<RelationEdit>,
    /// How many attributes were edited. An operation without a path edits several.
    edits: usize,
    /// How many elements were looked at, times the comparisons of the filter.
    work: usize,
}

/// Where and with what, once the path is found in the schema.
struct Target<'a, 'v> {
    at: String,
    resolved: Resolved<'a>,
    filter: Option<&'v Filter>,
    value: Option<&'v Value>,
}

impl<'a> Editor<'a> {
    fn coercer(&mut self) -> Coercer<'_> {
        Coercer { dialect: self.dialect, notes: &mut self.notes }
    }

    fn operation(&mut self, operation: &Operation) -> Result<(), ScimError> {
        let value = operation.value.as_ref();
        if let Some(path) = &operation.path {
            return self.at_path(operation.op, path, value);
        }
        match value {
            Some(Value::Object(map)) => self.merge(operation.op, map),
            other => Err(ScimError::invalid_value(format!(
                "without a path the value must be an object of attributes, but it is {}. Send a path.",
                other.map_or_else(|| "missing".into(), describe)
            ))),
        }
    }

    /// An operation without a path: each key of its value is one.
    fn merge(&mut self, op: Op, map: &Map<String, Value>) -> Result<(), ScimError> {
        map.iter().try_for_each(|(key, value)| self.key(op, key, value))
    }

    fn key(&mut self, op: Op, key: &str, value: &Value) -> Result<(), ScimError> {
        let resource_type = self.resource_type;
        if let Some(schema) = resource_type.extension(key) {
            if !schema.id.eq_ignore_ascii_case(key) {
                self.coercer().tolerates(Rule::PrivateUrns);
            }
            return self.extension(op, schema, Some(value));
        }
        if resource_type.schema.is_named(key)
            && let Value::Object(map) = value
        {
            return self.merge(op, map);
        }
        let Ok(path) = PatchPath::parse(key, self.dialect) else {
            self.notes.drop_value(key, Some(value));
            return Ok(());
        };
        let plain = path.attr.urn.is_none() && path.attr.sub.is_none() && path.filter.is_none();
        let known = resource_type.resolve_for_writing(&path.attr).is_some();
        if !known || !(plain || self.coercer().tolerates(Rule::DottedKeys)) {
            self.notes.drop_value(key, Some(value));
            return Ok(());
        }
        self.at_path(op, &path, Some(value)).map_err(|error| if plain { error } else { error.at(quote(key)) })
    }

    /// All of an extension.
    fn extension(&mut self, op: Op, schema: &'a Schema, value: Option<&Value>) -> Result<(), ScimError> {
        match value {
            Some(Value::Object(map)) if !map.is_empty() => {
                for (key, value) in map {
                    if schema.attribute(key).is_none() {
                        self.notes.drop_value(&format!("{}:{key}", schema.id), Some(value));
                        continue;
                    }
                    let path = PatchPath::to(AttrPath {
                        urn: Some(schema.id.clone()),
                        name: key.clone(),
                        sub: None,
                    });
                    let value = (op != Op::Remove).then_some(value);
                    self.at_path(op, &path, value)?;
                }
                Ok(())
            }
            None | Some(Value::Null | Value::Object(_)) => {
                if op != Op::Add {
                    self.resource.holder(Some(schema)).clear();
                }
                Ok(())
            }
            Some(other) => Err(ScimError::invalid_value(format!(
                "{} must be an object of its attributes, but came as {}.",
                schema.id,
                describe(other)
            ))),
        }
    }

    fn at_path(&mut self, op: Op, path: &PatchPath, value: Option<&Value>) -> Result<(), ScimError> {
        let resource_type = self.resource_type;
        self.edits += 1;
        if self.edits > MAX_OPERATIONS {
            return Err(ScimError::too_large(format!(
                "the PATCH edits more than {MAX_OPERATIONS} attributes. Send several requests."
            )));
        }
        if path.filter.is_none()
            && let Some(schema) = resource_type.extension(&path.attr.to_string())
        {
            return self.extension(op, schema, value);
        }
        let Some(resolved) = self.resolve(path)? else {
            self.notes.drop_value(&path.to_string(), value);
            return Ok(());
        };
        let target = Target { at: resolved.canonical(), resolved, filter: path.filter.as_ref(), value };
        self.target(op, &target)
    }

    /// Finds the attribute of a path; `None` if it is unknown and may be left out.
    fn resolve(&mut self, path: &PatchPath) -> Result<Option<Resolved<'a>>, ScimError> {
        let resource_type = self.resource_type;
        let mut attr = path.attr.clone();
        if let (Some(sub), None) = (&path.sub, &attr.sub) {
            attr.sub = Some(sub.clone());
        }
        let nested = path.filter.is_some() && path.attr.sub.is_some();
        if let Some(resolved) = resource_type.resolve_for_writing(&attr).filter(|_| !nested) {
            return Ok(Some(resolved));
        }
        let foreign = attr.urn.as_deref().is_some_and(schemas::is_vendor);
        if (foreign && self.coercer().tolerates(Rule::PrivateUrns))
            || self.coercer().tolerates(Rule::DropUnknownPatchPath)
        {
            return Ok(None);
        }
        let hint = resource_type.suggest(&attr);
        let hint = hint.map_or_else(String::new, |name| format!(" Did you mean {name}?"));
        Err(ScimError::invalid_path(format!(
            "a {} has no attribute {}.{hint}",
            resource_type.name,
            quote(&attr.to_string())
        )))
    }

    fn target(&mut self, op: Op, target: &Target<'a, '_>) -> Result<(), ScimError> {
        let Resolved { attribute, sub, .. } = target.resolved;
        if self.resource_type.is_relation(&target.resolved) && sub.is_none() {
            let mut coercer = self.coercer();
            let edit = members::edit(op, attribute, target.filter, target.value, &mut coercer)?;
            self.relation.extend(edit);
            return Ok(());
        }
        // Derived from what the resource has; clients send it along and mean nothing by it.
        if target.at == "schemas" {
            return Ok(());
        }
        if self.is_closed(target)? {
            return Ok(());
        }
        let fixed = attribute.mutability == Mutability::Immutable;
        let parts = !attribute.multi_valued && attribute.immutable_parts().next().is_some();
        let before = (fixed || parts).then(|| self.current(target).cloned()).flatten();
        if attribute.multi_valued {
            self.list(op, target)?;
        } else {
            self.single(op, target)?;
        }
        let Some(before) = before else { return Ok(()) };
        let after = self.current(target);
        if fixed && after != Some(&before) {
            return Err(elements::fixed_once_set(&target.at));
        }
        // With the whole value its parts may go.
        if !parts || (after.is_none() && sub.is_none()) {
            return Ok(());
        }
        elements::keeps_parts(&target.at, attribute, &before, after.unwrap_or(&Value::Null))
    }

    /// Whether the target is not for clients to write and the operation is to be left out.
    fn is_closed(&mut self, target: &Target<'_, '_>) -> Result<bool, ScimError> {
        let Resolved { attribute, sub, .. } = target.resolved;
        let in_relation = self.resource_type.is_relation(&target.resolved);
        let writable = attribute.is_writable() && sub.is_none_or(Attribute::is_writable);
        if writable && !in_relation {
            // A secret: accepted and thrown away.
            return Ok(!attribute.is_stored());
        }
        if self.coercer().tolerates(Rule::DropReadOnlyInPatch) {
            self.notes.drop_path(&target.at);
            return Ok(true);
        }
        let advice = if in_relation {
            "add and remove whole elements instead"
        } else {
            "leave it out: only the server writes it"
        };
        Err(ScimError::mutability(format!("{} cannot be changed; {advice}.", target.at)))
    }

    fn current(&self, target: &Target<'_, '_>) -> Option<&Value> {
        let map = self.resource.as_map();
        let holder = match target.resolved.extension {
            Some(schema) => map.get(&schema.id)?.as_object()?,
            None => map,
        };
        holder.get(&target.resolved.attribute.name)
    }

    fn set(&mut self, target: &Target<'_, '_>, value: Option<Value>) {
        let name = &target.resolved.attribute.name;
        let holder = self.resource.holder(target.resolved.extension);
        match value {
            Some(value) => holder.insert(name.clone(), value),
            None => holder.remove(name),
        };
    }

    fn list(&mut self, op: Op, target: &Target<'_, '_>) -> Result<(), ScimError> {
        let holder = self.resource.holder(target.resolved.extension);
        let list = match holder.remove(&target.resolved.attribute.name) {
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        self.work += list.len() * (1 + target.filter.map_or(0, Filter::terms));
        if self.work > MAX_WORK {
            return Err(ScimError::too_large(
                "the PATCH selects among too many elements with too many conditions. Send several requests.",
            ));
        }
        let has = |part: &Attribute| list.iter().any(|element| element.get(&part.name).is_some());
        if op == Op::Remove && target.resolved.sub.is_some_and(|part| part.required && has(part)) {
            return Err(required(op, &target.at));
        }
        let edit = elements::Edit {
            at: &target.at,
            attribute: target.resolved.attribute,
            sub: target.resolved.sub,
            filter: target.filter,
            value: target.value,
        };
        let list = edit.apply(op, list, &mut self.coercer())?;
        if list.is_empty() && target.resolved.attribute.required {
            return Err(required(op, &target.at));
        }
        self.set(target, (!list.is_empty()).then_some(Value::Array(list)));
        Ok(())
    }

    fn single(&mut self, op: Op, target: &Target<'_, '_>) -> Result<(), ScimError> {
        let Resolved { attribute, sub, .. } = target.resolved;
        if let Some(filter) = target.filter {
            if !attribute.is_complex() {
                return Err(ScimError::invalid_path(format!(
                    "{} is a single value: it has no elements to select with [ ].",
                    attribute.name
                )));
            }
            filter.check_element(attribute)?;
            let selected = self.current(target).is_some_and(|v| filter.matches_element(attribute, v));
            if !selected {
                return match op {
                    Op::Remove => Ok(()),
                    Op::Add | Op::Replace => Err(elements::selects_nothing(&target.at)),
                };
            }
        }
        let leaf = sub.unwrap_or(attribute);
        let raw = target.value.unwrap_or(&Value::Null);
        let value = match op {
            Op::Remove => None,
            Op::Add | Op::Replace => match self.coercer().attribute(&target.at, leaf, raw)? {
                None if elements::says_nothing(leaf, raw) => Some(Value::Object(Map::new())),
                value => value,
            },
        };
        if value.is_none() && leaf.required {
            return Err(required(op, &target.at));
        }
        let current = self.current(target).and_then(Value::as_object).cloned();
        let mut object = current.unwrap_or_default();
        match (sub, value) {
            (Some(sub), value) => elements::set(&mut object, attribute, sub, value),
            (None, Some(Value::Object(more))) => {
                elements::complete(&mut object, attribute, more, raw);
            }
            (None, value) => {
                self.set(target, value);
                return Ok(());
            }
        }
        self.set(target, (!object.is_empty()).then_some(Value::Object(object)));
        Ok(())
    }
}

/// RFC 7644 §3.5.2.2 wants `mutability` for the removal of a required attribute.
fn required(op: Op, at: &str) -> ScimError {
    let detail = format!("{at} is required and must keep a value. Replace it with another value instead.");
    match op {
        Op::Remove => ScimError::mutability(detail),
        Op::Add | Op::Replace => ScimError::invalid_value(detail),
    }
}
