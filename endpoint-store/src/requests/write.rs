//! From what was heard to rows: masked off the threads that answer, and written as one batch.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use serde_json::Value;

use super::log::{Batch, Class, Heard, Unlogged};
use super::mask::{Mask, Masked};
use super::read::Facts;
use crate::dialect::tables::{Kept as _, RequestBody, RequestRow};
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::registry::Registry;
use crate::schema::{change_subjects, changes, request_drops, resources};
use crate::settings::Requests;
use crate::writer::Tx;
use crate::{Store, blocking};

/// Left out attributes of one request that are named.
const DROPPED: usize = 100;

/// Rows that are ready to be written.
pub(super) struct Prepared {
    rows: Vec<RequestRow>,
    bodies: Vec<RequestBody>,
    classes: Vec<(EndpointId, Class, i64)>,
    unlogged: Vec<(EndpointId, Unlogged)>,
}

impl Store {
    /// Writes down what was heard since the last call, a batch at a time; says whether more is waiting. What the database
    /// does not take counts as left out: the next requests are worth more than those of an outage.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn flush_requests(&self) -> Result<bool, StoreError> {
        let batch = self.0.requests.take();
        if batch.heard.is_empty() && batch.unlogged.is_empty() {
            return Ok(false);
        }
        let inner = self.0.clone();
        let prepared = Arc::new(blocking(move || Ok(prepare(batch, &inner.registry))).await?);
        let written = prepared.clone();
        if let Err(error) = self.write(move |tx| store(tx, &written)).await {
            for (endpoint, class, at) in &prepared.classes {
                self.0.requests.lost(endpoint, *class, *at);
            }
            for (endpoint, unlogged) in &prepared.unlogged {
                self.0.requests.put_back(endpoint, *unlogged);
            }
            return Err(error);
        }
        Ok(!prepared.rows.is_empty())
    }
}

/// Masks everything. What belongs to an endpoint that is gone, or keeps none by now, is let go.
fn prepare(batch: Batch, registry: &Registry) -> Prepared {
    let mut masks: HashMap<EndpointId, Option<Mask>> = HashMap::new();
    let mut prepared =
        Prepared { rows: Vec::new(), bodies: Vec::new(), classes: Vec::new(), unlogged: batch.unlogged };
    for heard in batch.heard {
        let mask = masks.entry(heard.endpoint.clone()).or_insert_with(|| {
            let endpoint = registry.endpoint(heard.endpoint.as_str())?;
            (endpoint.settings.requests != Requests::None).then(|| Mask::of(&endpoint.catalog))
        });
        let Some(mask) = mask else { continue };
        mask.next();
        prepared.classes.push((heard.endpoint.clone(), heard.class(), heard.at));
        let (row, body) = rows_of(&heard, mask);
        prepared.rows.push(row);
        prepared.bodies.extend(body);
    }
    // In one order on every server, so that none waits for another in a circle.
    prepared.unlogged.sort_by(|(a, _), (b, _)| a.cmp(b));
    prepared.unlogged.retain(|(endpoint, _)| registry.endpoint(endpoint.as_str()).is_some());
    prepared
}

fn rows_of(heard: &Heard, mask: &mut Mask) -> (RequestRow, Option<RequestBody>) {
    let size = |bytes: &[u8]| i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let (request_size, response_size) = (size(&heard.body), size(&heard.response));
    let asked = mask.body(&heard.body);
    let answered = mask.body(&heard.response);
    let text = |key: &str| answered.value.get(key).and_then(Value::as_str).unwrap_or_default();
    let refused = heard.status >= 400;
    let (failed, first_failure) = failures(&answered.value);
    let detail = if refused { text("detail") } else { &first_failure };
    let id = if heard.resource_id.is_empty() && !refused { text("id") } else { &heard.resource_id };
    let facts = Facts {
        scim_type: if refused { mask.sentence(text("scimType")) } else { String::new() },
        detail: mask.sentence(detail),
        cause: heard.cause.map(|cause| cause.as_str().to_owned()).unwrap_or_default(),
        rules: heard.rules.iter().map(|rule| (*rule).to_owned()).collect(),
        dropped: heard.dropped.iter().take(DROPPED).map(|path| mask.sentence(path)).collect(),
        skipped: i64::try_from(heard.skipped).unwrap_or(i64::MAX),
        failed,
    };
    let short = |text: &str| mask.sentence(text).chars().take(200).collect::<String>();
    let row = RequestRow {
        endpoint_id: heard.endpoint.as_str().to_owned(),
        id: heard.id.clone(),
        at: heard.at,
        method: short(&heard.method),
        target: mask.target(&heard.target),
        operation: heard.operation.unwrap_or_default().to_owned(),
        resource_type: heard.resource_type.as_ref().map(|rt| rt.name.clone()).unwrap_or_default(),
        resource_id: short(id),
        resource_name: short(&name_in(heard, &asked, &answered)),
        status: i64::from(heard.status),
        micros: i64::try_from(heard.took.as_micros()).unwrap_or(i64::MAX),
        token_id: heard.token_id.clone(),
        address: heard.address.clone(),
        agent: short(&heard.agent),
        facts: serde_json::to_string(&facts).unwrap_or_else(|_| "{}".to_owned()),
    };
    let body = (request_size > 0 || response_size > 0).then(|| RequestBody {
        endpoint_id: row.endpoint_id.clone(),
        id: row.id.clone(),
        request: asked.text,
        request_size,
        response: answered.text,
        response_size,
    });
    (row, body)
}

/// What a resource is called in the answer or in the request.
fn name_in(heard: &Heard, asked: &Masked, answered: &Masked) -> String {
    if !matches!(heard.operation, Some("create" | "replace" | "patch")) {
        return String::new();
    }
    let named = |value: &Value, name: &str| {
        let map = value.as_object()?;
        let (_, value) = map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        value.as_str().map(str::to_owned)
    };
    let unique = heard.resource_type.as_ref().and_then(|rt| Some(rt.unique_attributes().next()?.canonical()));
    let names = [unique.as_deref().unwrap_or("userName"), "userName", "displayName"];
    let values = [&answered.value, &asked.value];
    values.iter().find_map(|value| names.iter().find_map(|name| named(value, name))).unwrap_or_default()
}

/// How many operations of a Bulk answer were refused, and what the first was told.
fn failures(answer: &Value) -> (i64, String) {
    let operations = answer.get("Operations").and_then(Value::as_array);
    let refused = |one: &&Value| one.get("response").is_some_and(|response| response.get("detail").is_some());
    let all = operations.into_iter().flatten().filter(refused);
    let detail = |one: &Value| one.pointer("/response/detail").and_then(Value::as_str).map(str::to_owned);
    let count = i64::try_from(all.clone().count()).unwrap_or(i64::MAX);
    (count, all.clone().next().and_then(detail).unwrap_or_default())
}

/// One batch, in one transaction.
fn store(tx: &mut Tx<'_>, prepared: &Prepared) -> Result<(), StoreError> {
    let mut rows = prepared.rows.clone();
    name_resources(tx, &mut rows)?;
    RequestRow::insert(tx, &rows)?;
    RequestBody::insert(tx, &prepared.bodies)?;
    for (endpoint, unlogged) in &prepared.unlogged {
        let counted = tx.attempt(|tx| count(tx, endpoint, unlogged));
        counted.or_else(|error| if error.is_dangling() { Ok(()) } else { Err(error) })?;
    }
    Ok(())
}

/// People know users and groups by name; the path has ids only.
fn name_resources(tx: &mut Tx<'_>, rows: &mut [RequestRow]) -> Result<(), StoreError> {
    let mut unnamed: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows.iter().filter(|row| row.resource_name.is_empty() && !row.resource_id.is_empty()) {
        unnamed.entry(row.endpoint_id.clone()).or_default().push(row.resource_id.clone());
    }
    let mut names: HashMap<(String, String), String> = HashMap::new();
    for (endpoint, mut ids) in unnamed {
        ids.sort_unstable();
        ids.dedup();
        let known: Vec<(String, String)> = resources::table
            .filter(resources::endpoint_id.eq(&endpoint))
            .filter(resources::id.eq_any(&ids))
            .select((resources::id, resources::name))
            .load(&mut **tx)?;
        names.extend(known.into_iter().map(|(id, name)| ((endpoint.clone(), id), name)));
    }
    for row in rows.iter_mut().filter(|row| row.resource_name.is_empty() && !row.resource_id.is_empty()) {
        match names.get(&(row.endpoint_id.clone(), row.resource_id.clone())) {
            Some(name) => row.resource_name.clone_from(name),
            None if row.operation == "delete" && row.status < 400 => {
                row.resource_name = last_name(tx, &row.endpoint_id, &row.resource_id)?;
            }
            None => {}
        }
    }
    Ok(())
}

/// What a resource was called that is no longer there.
fn last_name(tx: &mut Tx<'_>, endpoint: &str, id: &str) -> Result<String, StoreError> {
    let last: Option<(String, String)> = changes::table
        .inner_join(change_subjects::table.on(
            change_subjects::endpoint_id.eq(changes::endpoint_id).and(change_subjects::seq.eq(changes::seq)),
        ))
        .filter(change_subjects::endpoint_id.eq(endpoint))
        .filter(change_subjects::subject_id.eq(id))
        .order(change_subjects::seq.desc())
        .limit(1)
        .select((changes::resource_id, changes::resource_name))
        .get_result(&mut **tx)
        .optional()?;
    Ok(last.filter(|(subject, _)| subject == id).map(|(_, name)| name).unwrap_or_default())
}

fn count(tx: &mut Tx<'_>, endpoint: &EndpointId, unlogged: &Unlogged) -> Result<(), StoreError> {
    if add(tx, endpoint, unlogged)? {
        return Ok(());
    }
    let of = |class| unlogged.of(class);
    let begun = tx.attempt(|tx| {
        diesel::insert_into(request_drops::table)
            .values((
                request_drops::endpoint_id.eq(endpoint.as_str()),
                request_drops::reads.eq(of(Class::Read)),
                request_drops::writes.eq(of(Class::Change)),
                request_drops::refusals.eq(of(Class::Refusal)),
                request_drops::first_at.eq(unlogged.first_at),
                request_drops::last_at.eq(unlogged.last_at),
            ))
            .execute(&mut **tx)?;
        Ok(())
    });
    match begun {
        // Another server began to count at the same moment.
        Err(StoreError::Database(error)) if StoreError::is_unique_violation(&error) => {
            add(tx, endpoint, unlogged).map(drop)
        }
        other => other,
    }
}

/// Adds to what was counted; false when nothing was yet.
fn add(tx: &mut Tx<'_>, endpoint: &EndpointId, unlogged: &Unlogged) -> Result<bool, StoreError> {
    let of = |class| unlogged.of(class);
    let row = request_drops::table.filter(request_drops::endpoint_id.eq(endpoint.as_str()));
    let counted = diesel::update(row)
        .set((
            request_drops::reads.eq(request_drops::reads + of(Class::Read)),
            request_drops::writes.eq(request_drops::writes + of(Class::Change)),
            request_drops::refusals.eq(request_drops::refusals + of(Class::Refusal)),
            request_drops::last_at.eq(unlogged.last_at),
        ))
        .execute(&mut **tx)?;
    Ok(counted > 0)
}
