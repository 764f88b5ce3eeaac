//! Bulk (RFC 7644 §3.7).
//!
//! Operations are carried out in portions, each one commit, so that a large request does not keep other
//! tenants' writes waiting. Each operation succeeds or fails alone.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use endpoint_store::directory::{self, Precondition, Record, Wanted};
use endpoint_store::settings::PasswordPolicy;
use endpoint_store::{Caller, StoreError, Tx};
use scim_core::bulk::{self, Bulk, Method, Operation, Step};
use scim_core::dialect::Dialect;
use scim_core::error::{Kind, ScimError};
use scim_core::notes::Notes;
use scim_core::schema::{Catalog, ResourceType};
use scim_core::{json, password, patch as protocol, resource};
use serde_json::{Value, json};

use super::{Exchange, before, dialect, preconditions};
use crate::error::explain;

/// The most operations of one request.
pub(super) const MAX_OPERATIONS: usize = 1000;
const PORTION: usize = 50;
/// A result shows the version only, and the groups of a user are part of that.
const WANTED: Wanted = Wanted { relation: false, memberships: true };

pub(super) async fn bulk(x: &Exchange) -> Result<HttpResponse, ScimError> {
    let request = bulk::parse(&json::parse(&x.body)?, MAX_OPERATIONS)?;
    let steps = bulk::order(&request.operations);
    let mut run = Run {
        caller: x.caller.clone(),
        catalog: x.endpoint().catalog.clone(),
        base: x.base.clone(),
        dialect: dialect(x),
        now: x.now,
        results: request.operations.iter().map(|_| None).collect(),
        request: Arc::new(request),
        made: HashMap::new(),
        notes: Notes::default(),
        postponed: Vec::new(),
        failures: 0,
    };
    // What a target is asked for before the answer is one operation at a time: each is refused alone.
    let alone = x.scim.deliverer.asks_before(&x.endpoint().id);
    for portion in steps.chunks(if alone { 1 } else { PORTION }) {
        let steps = portion.to_vec();
        let written =
            carry_out(x, &run, move |run, tx| steps.iter().try_for_each(|step| run.step(tx, *step)));
        match written.await {
            Ok(next) => run = next,
            Err(error) if alone && error.kind() != Kind::Unavailable => run.refused(portion, &error),
            Err(error) => return broken_off(x, run, &error),
        }
    }
    match carry_out(x, &run, Run::complete).await {
        Ok(next) => run = next,
        Err(error) => return broken_off(x, run, &error),
    }
    x.note(&run.notes);
    Ok(x.json(StatusCode::OK, &bulk::response(run.results.into_iter().flatten().collect())))
}

/// One commit. When the store fails, nothing of this portion was done; what portions before it did was.
async fn carry_out(
    x: &Exchange,
    run: &Run,
    portion: impl Fn(&mut Run, &mut Tx<'_>) -> Result<(), StoreError> + Clone + Send + Sync + 'static,
) -> Result<Run, ScimError> {
    let before = run.clone();
    let written = before::write(x, move |tx| {
        let mut next = before.clone();
        portion(&mut next, tx)?;
        Ok(next)
    });
    written.await.map_err(|e| explain(e, x.caller.request_id()))
}

/// The answer when the store failed on the way: what was done stands and is told, the rest has the failure.
fn broken_off(x: &Exchange, mut run: Run, error: &ScimError) -> Result<HttpResponse, ScimError> {
    if run.results.iter().all(Option::is_none) {
        return Err(error.clone());
    }
    for index in 0..run.results.len() {
        let result = run.result(index, Err(error.clone()));
        if let Some(slot) = run.results.get_mut(index) {
            slot.get_or_insert(result);
        }
    }
    x.note(&run.notes);
    Ok(x.json(StatusCode::OK, &bulk::response(run.results.into_iter().flatten().collect())))
}

/// A bulk request under way.
#[derive(Clone)]
struct Run {
    caller: Caller,
    catalog: Arc<Catalog>,
    base: String,
    dialect: Dialect,
    now: i64,
    request: Arc<Bulk>,
    /// In the order of the request; `None` for what was not tried.
    results: Vec<Option<Value>>,
    /// Ids by bulkId.
    made: HashMap<String, String>,
    notes: Notes,
    /// References in a circle, to be added when everything is there.
    postponed: Vec<Postponed>,
    failures: u64,
}

#[derive(Clone)]
struct Postponed {
    index: usize,
    rt: Arc<ResourceType>,
    id: String,
    bulk_ids: Vec<String>,
}

/// What an operation led to.
struct Done {
    status: StatusCode,
    record: Option<(Arc<ResourceType>, Record)>,
}

impl Run {
    /// What a target refused.
    fn refused(&mut self, portion: &[Step], error: &ScimError) {
        for step in portion {
            self.failures += 1;
            let result = self.result(step.index, Err(error.clone()));
            if let Some(slot) = self.results.get_mut(step.index) {
                *slot = Some(result);
            }
        }
    }

    /// Carries out one operation; only a failure of the store itself ends the portion.
    fn step(&mut self, tx: &mut Tx<'_>, step: Step) -> Result<(), StoreError> {
        if self.request.fail_on_errors.is_some_and(|most| self.failures >= most) {
            return Ok(());
        }
        let outcome = match self.request.operations.get(step.index) {
            Some(Ok(operation)) => {
                let operation = operation.clone();
                match self.operation(tx, operation, step) {
                    Err(StoreError::Scim(error)) => Err(error),
                    Err(fault) => return Err(fault),
                    Ok(done) => Ok(done),
                }
            }
            Some(Err(error)) => Err(error.clone()),
            None => return Ok(()),
        };
        if outcome.is_err() {
            self.failures += 1;
        }
        let result = self.result(step.index, outcome);
        if let Some(slot) = self.results.get_mut(step.index) {
            *slot = Some(result);
        }
        Ok(())
    }

    fn operation(
        &mut self,
        tx: &mut Tx<'_>,
        mut operation: Operation,
        step: Step,
    ) -> Result<Done, StoreError> {
        let (rt, has_id) = self.place(&operation)?;
        let mut postponed = Vec::new();
        if step.incomplete
            && let Some(relation) = &rt.relation
        {
            postponed = bulk::postpone(&mut operation.data, relation, &self.made);
        }
        bulk::resolve(&mut operation, &self.made)?;
        let id = operation.path.rsplit('/').next().filter(|_| has_id).unwrap_or_default().to_owned();
        if self.caller.endpoint().settings.password == PasswordPolicy::Refuse
            && password::is_named(&operation.data)
        {
            return Err(super::no_passwords().into());
        }
        let (done, notes) = tx.attempt(|tx| self.apply(tx, &rt, &id, &operation))?;
        self.notes.absorb(notes);
        if let Some((_, record)) = &done.record {
            if let Some(bulk_id) = operation.bulk_id {
                self.made.insert(bulk_id, record.id.clone());
            }
            if !postponed.is_empty() {
                let id = record.id.clone();
                self.postponed.push(Postponed { index: step.index, rt, id, bulk_ids: postponed });
            }
        }
        Ok(done)
    }

    /// The resource type of an operation's path, and whether the path names one resource.
    fn place(&self, operation: &Operation) -> Result<(Arc<ResourceType>, bool), ScimError> {
        let path = operation.path.strip_prefix(&self.base).unwrap_or(&operation.path);
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (segment, has_id) = match segments.as_slice() {
            [segment] => (*segment, false),
            [segment, _] => (*segment, true),
            _ => ("", false),
        };
        let rt = self.catalog.by_endpoint(segment).cloned().ok_or_else(|| {
            ScimError::invalid_value("The path of an operation is /<resource type> for POST and /<resource type>/<id> for all others.")
        })?;
        match (operation.method, has_id) {
            (Method::Post, false) | (Method::Put | Method::Patch | Method::Delete, true) => Ok((rt, has_id)),
            _ => Err(ScimError::invalid_value(format!(
                "{} does not fit the path: POST takes /{}, all others /{}/<id>.",
                operation.method.as_str(),
                rt.endpoint,
                rt.endpoint
            ))),
        }
    }

    fn apply(
        &self,
        tx: &mut Tx<'_>,
        rt: &Arc<ResourceType>,
        id: &str,
        operation: &Operation,
    ) -> Result<(Done, Notes), StoreError> {
        let mut notes = Notes::default();
        let (caller, now, wanted) = (&self.caller, self.now, WANTED);
        let precondition = operation.version.as_deref().map_or(Precondition::None, preconditions::of_version);
        let (status, record) = match operation.method {
            Method::Post => {
                let incoming = resource::read(rt, &operation.data, self.dialect)?;
                let (record, more) = directory::create(tx, caller, rt, &incoming, wanted, now)?;
                notes.absorb(incoming.notes);
                notes.absorb(more);
                (StatusCode::CREATED, Some(record))
            }
            Method::Put => {
                let incoming = resource::read(rt, &operation.data, self.dialect)?;
                let (record, more) =
                    directory::replace(tx, caller, rt, id, &incoming, &precondition, wanted, now)?;
                notes.absorb(incoming.notes);
                notes.absorb(more);
                (StatusCode::OK, Some(record))
            }
            Method::Patch => {
                let patch = protocol::parse(rt, &operation.data, self.dialect)?;
                let with = (self.dialect, &precondition);
                let patched = directory::patch(tx, caller, rt, id, &patch, with, wanted, now)?;
                notes.absorb(patched.notes);
                (StatusCode::OK, Some(patched.record))
            }
            Method::Delete => {
                directory::delete(tx, caller, rt, id, &precondition, now)?;
                (StatusCode::NO_CONTENT, None)
            }
        };
        Ok((Done { status, record: record.map(|record| (rt.clone(), record)) }, notes))
    }

    /// Adds the references that stood in a circle.
    fn complete(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for Postponed { index, rt, id, bulk_ids } in std::mem::take(&mut self.postponed) {
            let members: Vec<Value> = bulk_ids
                .iter()
                .filter_map(|bulk_id| self.made.get(bulk_id))
                .map(|id| json!({"value": id}))
                .collect();
            let Some(relation) = rt.relation.as_deref().filter(|_| !members.is_empty()) else { continue };
            let body = json!({"schemas": [protocol::PATCH_URN], "Operations": [{"op": "add", "path": relation, "value": members}]});
            let patch = protocol::parse(&rt, &body, self.dialect)?;
            let with = (self.dialect, &Precondition::None);
            let patched =
                tx.attempt(|tx| directory::patch(tx, &self.caller, &rt, &id, &patch, with, WANTED, self.now));
            let outcome = match patched {
                Ok(patched) => Ok(Done { status: StatusCode::CREATED, record: Some((rt, patched.record)) }),
                Err(StoreError::Scim(error)) => Err(error),
                Err(fault) => return Err(fault),
            };
            let result = self.result(index, outcome);
            if let Some(slot) = self.results.get_mut(index) {
                *slot = Some(result);
            }
        }
        Ok(())
    }

    /// One element of the answer (RFC 7644 §3.7.3).
    fn result(&self, index: usize, outcome: Result<Done, ScimError>) -> Value {
        let operation = self.request.operations.get(index).and_then(|operation| operation.as_ref().ok());
        let mut result = serde_json::Map::new();
        if let Some(operation) = operation {
            result.insert("method".into(), json!(operation.method.as_str()));
            if let Some(bulk_id) = &operation.bulk_id {
                result.insert("bulkId".into(), json!(bulk_id));
            }
        }
        match outcome {
            Ok(Done { status, record }) => {
                if let Some((rt, record)) = record {
                    result.insert(
                        "location".into(),
                        json!(format!("{}/{}/{}", self.base, rt.endpoint, record.id)),
                    );
                    result.insert("version".into(), json!(record.etag()));
                } else if let Some(operation) = operation {
                    result.insert(
                        "location".into(),
                        json!(format!("{}/{}", self.base, operation.path.trim_start_matches('/'))),
                    );
                }
                result.insert("status".into(), json!(status.as_str()));
            }
            Err(error) => {
                if let Some(operation) = operation.filter(|operation| operation.method != Method::Post) {
                    result.insert(
                        "location".into(),
                        json!(format!("{}/{}", self.base, operation.path.trim_start_matches('/'))),
                    );
                }
                result.insert("status".into(), json!(error.status().to_string()));
                result.insert("response".into(), error.to_body());
            }
        }
        Value::Object(result)
    }
}
