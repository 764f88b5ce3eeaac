//! Operations on the relation become edits of its rows.

use serde_json::Value;

use super::{Op, RelationEdit};
use crate::coerce::Coercer;
use crate::dialect::Rule;
use crate::error::ScimError;
use crate::filter::{CompareOp, Filter, Literal};
use crate::relation;
use crate::schema::Attribute;

/// What an operation on the relation attribute does to its rows; `None` for nothing.
pub(super) fn edit(
    op: Op,
    attribute: &Attribute,
    filter: Option<&Filter>,
    value: Option<&Value>,
    coercer: &mut Coercer<'_>,
) -> Result<Option<RelationEdit>, ScimError> {
    let name = &attribute.name;
    if let Some(filter) = filter {
        filter.check_element(attribute)?;
        return match op {
            Op::Remove => Ok(Some(match ids(filter) {
                Some(ids) => RelationEdit::Remove(ids),
                None => RelationEdit::RemoveWhere(filter.clone()),
            })),
            Op::Add | Op::Replace => Err(ScimError::invalid_path(format!(
                "elements of {name} can be added and removed, not changed. Send \"path\": \
                 \"{name}\" without a filter."
            ))),
        };
    }
    let value = value.unwrap_or(&Value::Null);
    match op {
        Op::Add => {
            let references = relation::read(name, attribute, value, coercer)?;
            Ok((!references.is_empty()).then_some(RelationEdit::Add(references)))
        }
        Op::Replace => {
            let references = relation::read(name, attribute, value, coercer)?;
            Ok(Some(RelationEdit::Replace(references)))
        }
        Op::Remove if value.is_null() => Ok(Some(RelationEdit::Clear)),
        Op::Remove => {
            if !coercer.tolerates(Rule::RemoveByValueList) {
                return Err(ScimError::invalid_value(format!(
                    "a remove carries no value. Send \"path\": \"{name}[value eq \\\"<id>\\\"]\"."
                )));
            }
            // An empty list removes none: only a remove without any value removes all.
            let references = relation::read(name, attribute, value, coercer)?;
            let ids: Vec<String> = references.into_iter().map(|r| r.value).collect();
            Ok((!ids.is_empty()).then_some(RelationEdit::Remove(ids)))
        }
    }
}

/// The ids that a filter names, if it does nothing else: `value eq "a" or value eq "b"`.
fn ids(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare { path, op: CompareOp::Eq, value: Literal::String(id) }
            if path.name.eq_ignore_ascii_case("value") =>
        {
            Some(vec![id.clone()])
        }
        Filter::Or(parts) => {
            let ids: Option<Vec<_>> = parts.iter().map(ids).collect();
            ids.map(|ids| ids.concat())
        }
        _ => None,
    }
}
