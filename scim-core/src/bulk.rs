//! Bulk requests (RFC 7644 §3.7): reading them, and in which order their operations can be carried out.
//!
//! An operation may refer to a resource that another one makes, as `bulkId:<its bulkId>`, wherever an id may
//! stand. The order of the request does not matter: what is referred to is made first. Where references run
//! in a circle, one of its operations goes first without them and is completed afterwards (§3.7.1).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::error::{ScimError, quote};

/// URN of the request.
pub const REQUEST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// URN of the answer.
pub const RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
const REFERENCE: &str = "bulkId:";

/// What one operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Makes a resource.
    Post,
    /// Replaces one.
    Put,
    /// Modifies one.
    Patch,
    /// Deletes one.
    Delete,
}

impl Method {
    /// As in requests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn read(text: &str) -> Option<Self> {
        let known = [Self::Post, Self::Put, Self::Patch, Self::Delete];
        known.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text))
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub method: Method,
    /// Where, relative to the base URL: `/Users` or `/Users/<id>`.
    pub path: String,
    /// How others refer to what it makes.
    pub bulk_id: Option<String>,
    /// The version that is to be changed, an entity tag.
    pub version: Option<String>,
    /// The body.
    pub data: Value,
}

/// A bulk request, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Bulk {
    /// After so many failures the rest is not tried; `None` for no limit.
    pub fail_on_errors: Option<u64>,
    /// In the order of the request; those that cannot be read say why.
    pub operations: Vec<Result<Operation, ScimError>>,
}

/// Reads a bulk request.
///
/// # Errors
/// 400 `invalidSyntax` if it is none, 413 for more than `max_operations`.
pub fn parse(body: &Value, max_operations: usize) -> Result<Bulk, ScimError> {
    let fields = body.as_object().ok_or_else(|| {
        ScimError::invalid_syntax(format!(
            "A bulk request is a JSON object: {{\"schemas\": [\"{REQUEST_URN}\"], \"Operations\": […]}}."
        ))
    })?;
    let Some(Value::Array(list)) = field(fields, "Operations") else {
        return Err(ScimError::invalid_syntax("A bulk request needs `Operations`, a list."));
    };
    if list.len() > max_operations {
        return Err(ScimError::too_large(format!(
            "{} operations are more than the {max_operations} that one bulk request may have. Send several.",
            list.len()
        )));
    }
    let fail_on_errors = match field(fields, "failOnErrors") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_u64().filter(|n| *n > 0).ok_or_else(|| {
            ScimError::invalid_syntax(
                "failOnErrors is a whole number of at least 1: after so many failures the rest is not tried.",
            )
        })?),
    };
    Ok(Bulk { fail_on_errors, operations: list.iter().map(operation).collect() })
}

fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn operation(value: &Value) -> Result<Operation, ScimError> {
    let fields = value
        .as_object()
        .ok_or_else(|| ScimError::invalid_syntax("An operation is an object with method, path and data."))?;
    let text = |name: &str| match field(fields, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ScimError::invalid_syntax(format!("`{name}` of an operation is a text."))),
    };
    let method = text("method")?.unwrap_or_default();
    let method = Method::read(&method).ok_or_else(|| {
        ScimError::invalid_syntax(format!("method is POST, PUT, PATCH or DELETE, not {}.", quote(&method)))
    })?;
    let bulk_id = text("bulkId")?.filter(|id| !id.is_empty());
    if method == Method::Post && bulk_id.is_none() {
        return Err(ScimError::invalid_syntax(
            "A POST in a bulk request needs a `bulkId`, so that its answer can be told.",
        ));
    }
    let path = text("path")?
        .filter(|path| !path.is_empty())
        .ok_or_else(|| ScimError::invalid_syntax("An operation needs a `path`, for example \"/Users\"."))?;
    let data = field(fields, "data").cloned().unwrap_or(Value::Null);
    Ok(Operation { method, path, bulk_id, version: text("version")?, data })
}

/// One step of carrying out a bulk request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which operation of the request.
    pub index: usize,
    /// It refers to what is made later, in a circle: these references are added afterwards.
    pub incomplete: bool,
}

/// The order in which the operations can be carried out: that of the request, but what is referred to first.
#[must_use]
pub fn order(operations: &[Result<Operation, ScimError>]) -> Vec<Step> {
    let makers = operations.iter().enumerate().filter_map(|(index, operation)| {
        let operation = operation.as_ref().ok()?;
        Some((operation.bulk_id.as_deref()?, index))
    });
    let mut order = Order {
        operations,
        makers: makers.collect(),
        state: vec![State::Waiting; operations.len()],
        steps: Vec::with_capacity(operations.len()),
    };
    for index in 0..operations.len() {
        order.place(index);
    }
    order.steps
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// What it refers to is being placed.
    Begun,
    Placed,
}

/// An order under construction.
struct Order<'a> {
    operations: &'a [Result<Operation, ScimError>],
    /// Which operation has a bulkId.
    makers: HashMap<&'a str, usize>,
    state: Vec<State>,
    steps: Vec<Step>,
}

impl Order<'_> {
    /// Places an operation behind all that it refers to. References go from operation to operation at most once
    /// around, so the depth is bounded by the number of operations.
    fn place(&mut self, index: usize) {
        if self.state.get(index) != Some(&State::Waiting) {
            return;
        }
        self.set(index, State::Begun);
        let mut incomplete = false;
        let operations = self.operations;
        let found = operations.get(index).and_then(|operation| operation.as_ref().ok());
        for reference in found.map(references).unwrap_or_default() {
            // What nobody makes is not waited for: it fails when its turn comes.
            let Some(maker) = self.makers.get(reference).copied().filter(|maker| *maker != index) else {
                continue;
            };
            self.place(maker);
            // A circle: this one is carried out without what is not there yet.
            incomplete |= self.state.get(maker) == Some(&State::Begun);
        }
        self.set(index, State::Placed);
        self.steps.push(Step { index, incomplete });
    }

    fn set(&mut self, index: usize, state: State) {
        if let Some(slot) = self.state.get_mut(index) {
            *slot = state;
        }
    }
}

/// The bulkIds that an operation refers to, in its path and in its data.
fn references(operation: &Operation) -> Vec<&str> {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => found.extend(text.strip_prefix(REFERENCE)),
            Value::Array(list) => list.iter().for_each(|item| walk(item, found)),
            Value::Object(map) => map.values().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    found.extend(operation.path.rsplit('/').next().and_then(|last| last.strip_prefix(REFERENCE)));
    walk(&operation.data, &mut found);
    found
}

/// Puts ids in the place of references, in the path and in the data.
///
/// # Errors
/// 409 for a reference to something that this request did not make.
pub fn resolve(operation: &mut Operation, made: &HashMap<String, String>) -> Result<(), ScimError> {
    if let Some((head, last)) = operation.path.rsplit_once('/')
        && let Some(reference) = last.strip_prefix(REFERENCE)
    {
        operation.path = format!("{head}/{}", id_of(reference, made)?);
    }
    replace(&mut operation.data, made)
}

fn replace(value: &mut Value, made: &HashMap<String, String>) -> Result<(), ScimError> {
    match value {
        Value::String(text) => {
            if let Some(reference) = text.strip_prefix(REFERENCE) {
                *text = id_of(reference, made)?;
            }
            Ok(())
        }
        Value::Array(list) => list.iter_mut().try_for_each(|item| replace(item, made)),
        Value::Object(map) => map.values_mut().try_for_each(|item| replace(item, made)),
        _ => Ok(()),
    }
}

fn id_of(reference: &str, made: &HashMap<String, String>) -> Result<String, ScimError> {
    made.get(reference).cloned().ok_or_else(|| {
        ScimError::new(
            crate::error::Kind::Conflict,
            format!("bulkId {} is made by no operation of this request that succeeded.", quote(reference)),
        )
    })
}

/// Takes the elements of a list attribute that refer to what is not made yet out of the data, and returns the
/// bulkIds they refer to.
pub fn postpone(data: &mut Value, attribute: &str, made: &HashMap<String, String>) -> Vec<String> {
    let list = data.as_object_mut().and_then(|map| {
        map.iter_mut()
            .find(|(key, _)| key.eq_ignore_ascii_case(attribute))
            .and_then(|(_, v)| v.as_array_mut())
    });
    let Some(list) = list else { return Vec::new() };
    let mut postponed = Vec::new();
    list.retain(|element| {
        let reference =
            element.get("value").and_then(Value::as_str).and_then(|text| text.strip_prefix(REFERENCE));
        match reference {
            Some(reference) if !made.contains_key(reference) => {
                postponed.push(reference.to_owned());
                false
            }
            _ => true,
        }
    });
    postponed
}

/// The answer (RFC 7644 §3.7.3).
#[must_use]
pub fn response(results: Vec<Value>) -> Value {
    let mut response = Map::new();
    response.insert("schemas".into(), json!([RESPONSE_URN]));
    response.insert("Operations".into(), Value::Array(results));
    Value::Object(response)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn steps(operations: &Value) -> Vec<(usize, bool)> {
        let bulk = parse(&json!({ "Operations": operations }), 1000).unwrap();
        order(&bulk.operations).iter().map(|step| (step.index, step.incomplete)).collect()
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        let operations = json!([
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"members": [{"value": "bulkId:u"}]}},
            {"method": "PATCH", "path": "/Groups/bulkId:g", "data": {}},
            {"method": "post", "path": "/Users", "bulkId": "u", "data": {}},
        ]);
        assert_eq!(steps(&operations), [(2, false), (0, false), (1, false)]);
    }

    #[test]
    fn what_waits_for_nothing_does_not_overtake() {
        let operations = json!([
            {"method": "POST", "path": "/Users", "bulkId": "u", "data": {}},
            {"method": "PATCH", "path": "/Groups/7", "data": {"members": [{"value": "bulkId:u"}]}},
            {"method": "DELETE", "path": "/Groups/7"},
        ]);
        assert_eq!(steps(&operations), [(0, false), (1, false), (2, false)]);
    }

    #[test]
    fn a_long_chain_of_references_is_ordered() {
        let group = |n: usize| {
            json!({"method": "POST", "path": "/Groups", "bulkId": n.to_string(),
                   "data": {"members": [{"value": format!("bulkId:{}", (n + 1) % 1000)}]}})
        };
        let operations: Vec<Value> = (0..1000).map(group).collect();
        let steps = steps(&Value::Array(operations));
        assert_eq!(steps.first(), Some(&(999, true)));
        assert_eq!(steps.last(), Some(&(0, false)));
    }

    #[test]
    fn a_circle_is_opened_once() {
        let operations = json!([
            {"method": "POST", "path": "/Groups", "bulkId": "a", "data": {"members": [{"value": "bulkId:b"}]}},
            {"method": "POST", "path": "/Groups", "bulkId": "b", "data": {"members": [{"value": "bulkId:a"}]}},
        ]);
        assert_eq!(steps(&operations), [(1, true), (0, false)]);
    }

    #[test]
    fn unknown_references_fail_when_their_turn_comes() {
        let operations = json!([{"method": "DELETE", "path": "/Users/bulkId:nobody"}]);
        assert_eq!(steps(&operations), [(0, false)]);
        let bulk = parse(&json!({ "Operations": operations }), 1000).unwrap();
        let mut operation = bulk.operations.first().unwrap().clone().unwrap();
        assert_eq!(resolve(&mut operation, &HashMap::new()).unwrap_err().status(), 409);
    }

    #[test]
    fn limits_and_shapes() {
        let many = json!({"Operations": [{}, {}]});
        assert_eq!(parse(&many, 1).unwrap_err().status(), 413);
        assert_eq!(parse(&json!([]), 1).unwrap_err().status(), 400);
        assert_eq!(parse(&json!({"Operations": [], "failOnErrors": 0}), 1).unwrap_err().status(), 400);
        let bulk = parse(&json!({"Operations": [{"method": "POST", "path": "/Users"}]}), 1).unwrap();
        assert!(bulk.operations.first().unwrap().is_err());
    }
}
