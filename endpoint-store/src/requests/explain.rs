//! What a request meant, made anew from what was kept: who sent it, what was understood, what the schema says, what
//! changed, and a sentence for the administrator of the identity provider.

use scim_core::dialect::Rule;
use scim_core::filter::Filter;
use scim_core::index;
use scim_core::path::PatchPath;
use scim_core::resource;
use scim_core::schema::ResourceType;
use serde_json::Value;

use super::bodies::Bodies;
use super::read::Request;
use super::steps::{Step, steps};
use super::words::{End, asked, condition, count, dialect, kind, outcome, parameter, taken};
use crate::changes::{self, Change};
use crate::conn::Conn;
use crate::directory::rows;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::filter_sql;
use crate::settings::Idp;
use crate::tokens::{self, Scope};
use crate::usage::Cause;

/// Changes of one request that are told.
const CHANGES: i64 = 50;

/// A request, explained.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What was asked, as a line.
    pub asked: String,
    /// How it ended, in a few words.
    pub outcome: String,
    /// The same for programs.
    pub end: End,
    /// Who sent it, and how that was recognised, or why not.
    pub recognised: Vec<String>,
    /// What was understood, step by step.
    pub understood: Vec<Step>,
    /// What the schema says about it.
    pub verdict: Vec<String>,
    /// What changed; at most fifty of them.
    pub changes: Vec<Change>,
    /// A sentence for the administrator of the identity provider; only for what did not end as it should.
    pub advice: Option<String>,
}

/// Explains a request of an endpoint.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn explain(
    conn: &mut Conn,
    endpoint: &Endpoint,
    request: &Request,
    bodies: &Bodies,
) -> Result<Explanation, StoreError> {
    let changes = match request.status < 400 && request.is_write() {
        true => changes::of_request(conn, &endpoint.id, &request.id, request.at, CHANGES)?,
        false => Vec::new(),
    };
    let holder = holder(conn, endpoint, request, bodies)?;
    Ok(Explanation {
        recognised: recognised(conn, &endpoint.id, request)?,
        advice: advice(endpoint, request, bodies, holder),
        changes,
        ..told(endpoint, request, bodies)
    })
}

/// All that can be said without looking into the directory.
pub(super) fn told(endpoint: &Endpoint, request: &Request, bodies: &Bodies) -> Explanation {
    Explanation {
        asked: asked(endpoint, request, Some(bodies)),
        outcome: outcome(request),
        end: End::of(request),
        recognised: vec![
            request.cause.map_or("It came with a token that opens this endpoint.", Cause::about).to_owned(),
        ],
        understood: understood(endpoint, request, bodies),
        verdict: verdict(endpoint, request, bodies),
        changes: Vec::new(),
        advice: advice(endpoint, request, bodies, None),
    }
}

fn recognised(conn: &mut Conn, endpoint: &EndpointId, request: &Request) -> Result<Vec<String>, StoreError> {
    let mut said = Vec::new();
    let token = match tokens::get(conn, endpoint, &request.token_id) {
        Ok(token) => Some(token),
        Err(StoreError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    let named = match (&token, request.token_id.as_str()) {
        (_, "") => None,
        (Some(token), id) => Some(format!("the token “{}” (scim_{id}_…)", token.label)),
        (None, id) => Some(format!("the token scim_{id}_…, which is none of this endpoint's")),
    };
    match (request.cause, named) {
        (None, Some(named)) => {
            let scope = token.map_or("", |token| match token.scope {
                Scope::Read => ", which may only read",
                Scope::Write => ", which may read and write",
            });
            said.push(format!("Recognised by {named}{scope}: its fingerprint is the one that is kept."));
        }
        (None, None) => said.push("No token was looked at.".to_owned()),
        (Some(cause), named) => {
            said.push(cause.about().to_owned());
            said.extend(named.map(|named| format!("It was {named}.")));
        }
    }
    Ok(said)
}

fn type_of<'a>(endpoint: &'a Endpoint, request: &Request) -> Option<&'a ResourceType> {
    endpoint.catalog.by_name(&request.resource_type).map(AsRef::as_ref)
}

fn step(says: impl Into<String>) -> Step {
    Step { says: says.into(), is_fault: false, rules: Vec::new() }
}

fn understood(endpoint: &Endpoint, request: &Request, bodies: &Bodies) -> Vec<Step> {
    let body = bodies.request.value();
    match request.operation.as_str() {
        "list" | "search" => asked_for(endpoint, request, body.as_ref()),
        "patch" | "create" | "replace" | "bulk" if body.is_none() && bodies.request.size > 0 => {
            let size = bodies.request.size;
            vec![step(match (bodies.request.is_cut(), bodies.request.text.is_some()) {
                (true, _) => format!(
                    "Only the beginning of its {size} bytes is kept, so its parts cannot be told again."
                ),
                (_, true) => format!("Its {size} bytes are no JSON."),
                _ => format!(
                    "Nothing of its {size} bytes is kept: they are too many, or no JSON that secrets could be taken out of."
                ),
            })]
        }
        "patch" => match type_of(endpoint, request).zip(body.as_ref()) {
            Some((rt, body)) => steps(rt, body, dialect(endpoint)),
            None => Vec::new(),
        },
        "create" | "replace" => body.as_ref().map(named).unwrap_or_default(),
        "bulk" => body.as_ref().map(bulk).unwrap_or_default(),
        "get" | "delete" => {
            vec![step(format!("By its id, {}, which is looked up directly.", request.resource_id))]
        }
        _ => Vec::new(),
    }
}

/// The attributes that a resource came with.
fn named(body: &Value) -> Vec<Step> {
    const MOST: usize = 40;
    let Some(map) = body.as_object() else { return vec![step("The body is no JSON object.")] };
    let names: Vec<&str> = map
        .keys()
        .map(String::as_str)
        .filter(|key| !key.eq_ignore_ascii_case("schemas"))
        .take(MOST)
        .collect();
    match names.is_empty() {
        true => vec![step("No attributes at all.")],
        false => vec![step(format!("A resource with {}.", names.join(", ")))],
    }
}

fn bulk(body: &Value) -> Vec<Step> {
    const MOST: usize = 100;
    let operations = body.get("Operations").and_then(Value::as_array);
    let text = |one: &Value, key: &str| one.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let all = operations.into_iter().flatten();
    all.take(MOST).map(|one| step(format!("{} {}.", text(one, "method"), text(one, "path")))).collect()
}

/// A query: its filter, printed back, and how it was answered.
fn asked_for(endpoint: &Endpoint, request: &Request, body: Option<&Value>) -> Vec<Step> {
    let rt = type_of(endpoint, request);
    let many = rt.map_or_else(|| "resource".to_owned(), |rt| kind(&rt.name).to_owned());
    let mut steps = Vec::new();
    match parameter(request, body, "filter").filter(|text| !text.trim().is_empty()) {
        None => steps.push(step(format!("No filter: every {many}, a page at a time."))),
        Some(text) => match Filter::parse(&text, dialect(endpoint)) {
            Err(error) => steps.push(Step {
                says: format!("The filter cannot be read: {}", error.detail()),
                is_fault: true,
                rules: Vec::new(),
            }),
            Ok(filter) => {
                steps.push(step(format!("The filter, as it was read: {filter}")));
                steps.push(step(format!("That is: whose {}.", condition(&filter))));
                steps.extend(rt.map(|rt| step(how(rt, &filter))));
            }
        },
    }
    for (name, before) in [
        ("sortBy", "Sorted by"),
        ("startIndex", "From number"),
        ("count", "At most this many:"),
        ("cursor", "Goes on from a cursor:"),
        ("attributes", "Only these attributes:"),
        ("excludedAttributes", "Without these attributes:"),
    ] {
        if let Some(value) = parameter(request, body, name).filter(|value| !value.is_empty()) {
            steps.push(step(format!("{before} {}.", value.chars().take(200).collect::<String>())));
        }
    }
    steps
}

fn how(rt: &ResourceType, filter: &Filter) -> String {
    let indexes = filter_sql::indexes(rt, filter);
    match indexes.as_slice() {
        [] => format!("No index helps with it: every {} was looked at, one by one.", kind(&rt.name)),
        [one] => format!("Answered by the index of {one}."),
        many => format!("Answered by the indexes of {}.", many.join(", ")),
    }
}

/// What the schema says: the refusal, what was tolerated, and what was left out.
fn verdict(endpoint: &Endpoint, request: &Request, bodies: &Bodies) -> Vec<String> {
    let mut said = Vec::new();
    if !request.detail.is_empty() && request.cause != Some(Cause::NoToken) && request.status != 401 {
        let keyword =
            if request.scim_type.is_empty() { String::new() } else { format!("{}: ", request.scim_type) };
        said.push(format!("{keyword}{}", request.detail));
    }
    let mut rules: Vec<Rule> = request.rules.clone();
    let mut dropped = request.dropped.clone();
    // A refusal comes before what was tolerated is noted: what can be read again tells it.
    if let (Some(rt), Some(body), "create" | "replace") =
        (type_of(endpoint, request), bodies.request.value(), request.operation.as_str())
        && let Ok(incoming) = resource::read(rt, &body, dialect(endpoint))
    {
        rules.extend(incoming.notes.rules.iter().copied().filter(|rule| !request.rules.contains(rule)));
        dropped.extend(incoming.notes.dropped.iter().filter(|path| !request.dropped.contains(path)).cloned());
    }
    said.extend(rules.iter().map(|rule| format!("Tolerated ({}): {}", rule.name(), rule.describe())));
    if !dropped.is_empty() {
        let names = dropped.iter().take(40).cloned().collect::<Vec<_>>().join(", ");
        said.push(format!(
            "Left out, because the schema has no such attribute or it may not be written: {names}."
        ));
    }
    if request.skipped > 0 {
        let many = count(request.skipped, "member was", "members were");
        said.push(format!("{many} left out, because no such resource is here."));
    }
    if said.is_empty() && request.status < 400 && request.is_write() {
        said.push("Nothing in it had to be tolerated or left out.".to_owned());
    }
    said
}

/// Who has the value that had to be unique.
struct Holder {
    value: String,
    name: String,
    id: String,
}

fn holder(
    conn: &mut Conn,
    endpoint: &Endpoint,
    request: &Request,
    bodies: &Bodies,
) -> Result<Option<Holder>, StoreError> {
    let Some((attribute, rt)) = taken(request).zip(type_of(endpoint, request)) else { return Ok(None) };
    let Ok(PatchPath { attr: path, .. }) = PatchPath::parse(attribute, dialect(endpoint)) else {
        return Ok(None);
    };
    let Some(value) = bodies.request.value().as_ref().and_then(|body| sent(body, &path.name)) else {
        return Ok(None);
    };
    let Some(key) = index::lookup(rt, &path, &value) else { return Ok(None) };
    let found = rows::with_key(conn, &endpoint.id, rt, &key, 2)?.unwrap_or_default();
    let other = found.into_iter().map(|(row, _)| row).find(|row| row.id != request.resource_id);
    Ok(other.map(|row| Holder { value, name: row.name, id: row.id }))
}

/// The value of an attribute in a resource or in a PATCH.
fn sent(body: &Value, attribute: &str) -> Option<String> {
    let map = body.as_object()?;
    let direct =
        map.iter().find(|(key, _)| key.eq_ignore_ascii_case(attribute)).and_then(|(_, v)| v.as_str());
    if let Some(text) = direct {
        return Some(text.to_owned());
    }
    let operations = map.iter().find(|(key, _)| key.eq_ignore_ascii_case("Operations"))?.1.as_array()?;
    operations.iter().find_map(|one| {
        let value = one.get("value")?;
        let is_it =
            one.get("path").and_then(Value::as_str).is_some_and(|path| path.eq_ignore_ascii_case(attribute));
        if is_it { value.as_str().map(str::to_owned) } else { sent(value, attribute) }
    })
}

/// The sentence for the administrator of the identity provider.
fn advice(endpoint: &Endpoint, request: &Request, bodies: &Bodies, holder: Option<Holder>) -> Option<String> {
    let end = End::of(request);
    if end == End::Done {
        return None;
    }
    let (idp, inside) = match endpoint.idp {
        Idp::Generic => ("The identity provider", "the identity provider"),
        known => (known.label(), known.label()),
    };
    let line = asked(endpoint, request, Some(bodies));
    let sent = format!(
        "{idp} sent this request on {}: {line} ({} {}).",
        moment(request),
        request.method,
        place(request)
    );
    let keyword =
        if request.scim_type.is_empty() { String::new() } else { format!(" {}", request.scim_type) };
    let status = request.status;
    let told = match (request.cause, request.detail.as_str()) {
        (Some(cause), _) => format!("It was turned away with status {status}. {}", cause.about()),
        (None, "") => format!("It was answered with status {status}."),
        (None, detail) => format!("It was answered with status {status}{keyword}: {detail}"),
    };
    let todo = match (holder, end) {
        (Some(holder), _) => format!(
            "The value “{}” belongs to “{}” (id {}) here. In {inside}, let the two be matched by that attribute, or give one of \
             them another value.",
            holder.value, holder.name, holder.id
        ),
        (None, end) => todo(end, request, inside),
    };
    Some(format!("{sent} {told} {todo}").trim_end().to_owned())
}

fn todo(end: End, request: &Request, inside: &str) -> String {
    match end {
        End::NotFound => format!(
            "What it asks for is not here, or no more. In {inside}, let the assignment be provisioned anew, so that it is looked up \
             by name and not by the old id."
        ),
        End::ToldToWait => {
            format!("{inside} may send the same again after the time that Retry-After says; nothing is lost.")
        }
        End::Closed => {
            "Whoever runs this endpoint has closed it for now; nothing has to be changed on your side."
                .to_owned()
        }
        End::Failed => format!(
            "That is a fault on our side, found in the server's log under the request id {}; the same request may be sent again.",
            request.id
        ),
        End::TurnedAway => String::new(),
        _ if request.cause.is_some() => String::new(),
        _ => match request.scim_type.as_str() {
            "invalidFilter" => format!("Change the filter, which is the matching rule, in {inside}."),
            "uniqueness" => format!(
                "In {inside}, let the two be matched by that attribute, or give one of them another value."
            ),
            "mutability" | "invalidValue" | "invalidSyntax" | "invalidPath" | "noTarget" => {
                format!("Change what is sent for it in the attribute mapping or the template of {inside}.")
            }
            _ => format!("Change what is sent in {inside}."),
        },
    }
}

fn moment(request: &Request) -> String {
    let exact = scim_core::time::format(request.at);
    format!("{} UTC", exact.get(..19).unwrap_or(&exact).replace('T', " at "))
}

/// The path behind `/v2`, as identity providers show it in their logs.
fn place(request: &Request) -> String {
    let place = request.target.split_once("/v2").map_or(request.target.as_str(), |(_, behind)| behind);
    let place = percent_encoding::percent_decode_str(place).decode_utf8_lossy();
    let shown: String = place.chars().filter(|c| !c.is_control()).take(160).collect();
    if shown.is_empty() { "/".to_owned() } else { shown }
}
