//! Requests in words: what was asked, and how it ended. Both are made from what is kept each time they are shown.

use scim_core::dialect::Dialect;
use scim_core::filter::{CompareOp, Filter};
use scim_core::patch::{self, Op, Operation};
use scim_core::schema::ResourceType;
use serde_json::Value;

use super::bodies::Bodies;
use super::read::Request;
use crate::endpoints::Endpoint;
use crate::usage::Cause;

/// Attributes that a line names.
const NAMED: usize = 3;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it was asked.
    Done,
    /// A Bulk request of which some operations were refused.
    Partly,
    /// There is no such thing here.
    NotFound,
    /// It did not get in.
    TurnedAway,
    /// It came too fast.
    ToldToWait,
    /// The endpoint does not answer now.
    Closed,
    /// It was understood, and not done.
    Refused,
    /// Our fault.
    Failed,
}

impl End {
    /// As programs have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly",
            Self::NotFound => "not-found",
            Self::TurnedAway => "turned-away",
            Self::ToldToWait => "told-to-wait",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// What became of a request.
    pub fn of(request: &Request) -> Self {
        match request.status {
            0..=399 if request.failed > 0 => Self::Partly,
            0..=399 => Self::Done,
            401 => Self::TurnedAway,
            403 if request.cause == Some(Cause::ReadOnly) => Self::TurnedAway,
            403 if request.operation.is_empty() => Self::Closed,
            503 if request.operation.is_empty() => Self::Closed,
            404 if request.cause.is_none() => Self::NotFound,
            429 => Self::ToldToWait,
            500.. if request.status != 501 => Self::Failed,
            _ => Self::Refused,
        }
    }
}

/// How a request ended, in a few words: `done`, `refused: userName is taken`.
pub fn outcome(request: &Request) -> String {
    match End::of(request) {
        End::Done if request.status == 304 => "not changed since".to_owned(),
        End::Done => "done".to_owned(),
        End::Partly => format!("done, but {} refused", count(request.failed, "operation", "operations")),
        End::NotFound => "not found".to_owned(),
        End::TurnedAway => format!("turned away: {}", request.cause.map_or("not let in", short)),
        End::ToldToWait => "told to wait: too many requests".to_owned(),
        End::Closed if request.status == 503 => "not answered: the endpoint is paused".to_owned(),
        End::Closed => "not answered: the endpoint is disabled".to_owned(),
        End::Failed => "failed on our side".to_owned(),
        End::Refused => format!("refused: {}", why(request)),
    }
}

/// The first sentence of a refusal.
fn why(request: &Request) -> String {
    if let Some(cause) = request.cause {
        return short(cause).to_owned();
    }
    if let Some(attribute) = taken(request) {
        return format!("{attribute} is taken");
    }
    let first = request.detail.split_once(". ").map_or(request.detail.as_str(), |(first, _)| first);
    let first = first.trim_end_matches('.');
    if first.is_empty() {
        return format!("status {}", request.status);
    }
    let shown: String = first.chars().take(120).collect();
    if shown.len() < first.len() { format!("{shown}…") } else { shown }
}

/// The attribute of a value that another resource has.
pub(super) fn taken(request: &Request) -> Option<&str> {
    let is = request.scim_type == "uniqueness";
    request.detail.split_once(" must be unique").map(|(attribute, _)| attribute).filter(|_| is)
}

/// A cause in a few words.
fn short(cause: Cause) -> &'static str {
    match cause {
        Cause::NoToken => "no token",
        Cause::NoBearer => "“Bearer” is missing",
        Cause::Malformed => "no token of ours",
        Cause::Mistyped => "the token is cut off or mistyped",
        Cause::UnknownToken => "an unknown token",
        Cause::OtherEndpoint => "another endpoint's token",
        Cause::Revoked => "the token is revoked",
        Cause::Retired => "the token was replaced",
        Cause::Expired => "the token has expired",
        Cause::ForeignAddress => "from a foreign address",
        Cause::ClientSecret => "a client secret instead of an access token",
        Cause::AccessExpired => "the access token has expired",
        Cause::Flood => "too many wrong credentials",
        Cause::UnknownEndpoint | Cause::MisspeltEndpoint => "no endpoint is at this address",
        Cause::MissingVersion => "/v2 is missing in the address",
        Cause::WrongPath => "no such path",
        Cause::ReadOnly => "the token may only read",
    }
}

/// What was asked, as a line: `Create user “robertt”`, `Find users whose userName is “robertt”`.
pub fn asked(endpoint: &Endpoint, request: &Request, bodies: Option<&Bodies>) -> String {
    let body = bodies.and_then(|bodies| bodies.request.value());
    let rt = endpoint.catalog.by_name(&request.resource_type);
    let what = noun(&request.resource_type, request);
    match request.operation.as_str() {
        "create" => format!("Create {what}"),
        "get" => format!("Read {what}"),
        "replace" => format!("Replace {what}"),
        "delete" => format!("Delete {what}"),
        "patch" => match rt.zip(body.as_ref()) {
            Some((rt, body)) => patched(rt, body, dialect(endpoint), &what),
            None => format!("Change {what}"),
        },
        "list" | "search" => found(endpoint, rt.map(AsRef::as_ref), request, body.as_ref()),
        "bulk" => {
            let operations = body.as_ref().and_then(|body| body.get("Operations")?.as_array().map(Vec::len));
            operations.map_or_else(
                || "Bulk: many operations at once".to_owned(),
                |n| format!("Bulk: {} at once", count(n as i64, "operation", "operations")),
            )
        }
        "service-provider-config" => "Ask what this server can do".to_owned(),
        "resource-types" | "resource-type" => "Read the resource types".to_owned(),
        "schemas" | "schema" => "Read the schemas".to_owned(),
        "me" => "Ask who it is (/Me)".to_owned(),
        _ => {
            let path = request.target.split('?').next().unwrap_or_default();
            let shown: String = path.chars().take(80).collect();
            format!("{} {shown}", request.method)
        }
    }
}

pub(super) fn dialect(endpoint: &Endpoint) -> Dialect {
    endpoint.settings.dialect(endpoint.idp)
}

/// `user`, as in the middle of a sentence; types of an endpoint's own keep their name.
pub(super) fn kind(resource_type: &str) -> &str {
    match resource_type {
        "User" => "user",
        "Group" => "group",
        "" => "resource",
        other => other,
    }
}

/// `user “robertt”`, or with the id where no name is known.
fn noun(resource_type: &str, request: &Request) -> String {
    let kind = kind(resource_type);
    match (request.resource_name.as_str(), request.resource_id.as_str()) {
        ("", "") => format!("a {kind}"),
        ("", id) => format!("{kind} {}", id.chars().take(40).collect::<String>()),
        (name, _) => format!("{kind} “{name}”"),
    }
}

/// A parameter of a request, from its query or from the body of a search.
pub(super) fn parameter(request: &Request, body: Option<&Value>, name: &str) -> Option<String> {
    if request.operation == "search" {
        let map = body?.as_object()?;
        let value = map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1;
        return Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let (_, query) = request.target.split_once('?')?;
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let mut found = pairs.filter(|(key, _)| key.trim_end_matches('?').eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim_end_matches(['?', '&']).to_owned())
}

fn found(endpoint: &Endpoint, rt: Option<&ResourceType>, request: &Request, body: Option<&Value>) -> String {
    let many = rt.map_or_else(|| "resources".to_owned(), |rt| format!("{}s", kind(&rt.name)));
    let filter = parameter(request, body, "filter").filter(|text| !text.trim().is_empty());
    match filter {
        None => format!("List {many}"),
        Some(text) => match Filter::parse(&text, dialect(endpoint)) {
            Ok(filter) => format!("Find {many} whose {}", condition(&filter)),
            Err(_) => format!("Find {many} by a filter: {}", text.chars().take(80).collect::<String>()),
        },
    }
}

/// A filter as people say it: `userName is “robertt”`.
pub(super) fn condition(filter: &Filter) -> String {
    let join = |parts: &[Filter], word: &str| parts.iter().map(condition).collect::<Vec<_>>().join(word);
    match filter {
        Filter::And(parts) => join(parts, " and "),
        Filter::Or(parts) => join(parts, " or "),
        Filter::Not(inner) => format!("not ({})", condition(inner)),
        Filter::Present(path) => format!("{path} is set"),
        Filter::ValuePath { path, filter } => format!("{path} have one whose {}", condition(filter)),
        Filter::Compare { path, op, value } => {
            let value = value.as_text().map_or_else(|| "nothing".to_owned(), |text| format!("“{text}”"));
            format!("{path} {} {value}", verb(*op))
        }
    }
}

fn verb(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "is",
        CompareOp::Ne => "is not",
        CompareOp::Co => "contains",
        CompareOp::Sw => "begins with",
        CompareOp::Ew => "ends with",
        CompareOp::Gt => "is after",
        CompareOp::Ge => "is not before",
        CompareOp::Lt => "is before",
        CompareOp::Le => "is not after",
    }
}

/// A whole PATCH as one line.
fn patched(rt: &ResourceType, body: &Value, dialect: Dialect, what: &str) -> String {
    let Ok(patch) = patch::parse(rt, body, dialect) else { return format!("Change {what}") };
    let (mut added, mut removed, mut names) = (0, 0, Vec::new());
    for operation in &patch.operations {
        match (is_relation(rt, operation), operation.op) {
            (true, Op::Add) => added += elements(operation),
            (true, Op::Remove) if is_all(operation) => return format!("Remove all members of {what}"),
            (true, Op::Remove) => removed += elements(operation).max(1),
            (true, Op::Replace) => {
                return format!(
                    "Give {what} {} and no others",
                    count(elements(operation), "member", "members")
                );
            }
            (false, _) => names.extend(named(operation)),
        }
    }
    if let ([(name, Some(Value::Bool(active)))], 0, 0) = (names.as_slice(), added, removed)
        && rt.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case(name))
    {
        return format!("{} {what}", if *active { "Activate" } else { "Deactivate" });
    }
    let mut parts = Vec::new();
    if added > 0 {
        parts.push(format!("add {} to {what}", count(added, "member", "members")));
    }
    if removed > 0 {
        parts.push(format!("remove {} from {what}", count(removed, "member", "members")));
    }
    if !names.is_empty() {
        let shown: Vec<&str> = names.iter().take(NAMED).map(|(name, _)| name.as_str()).collect();
        let more =
            if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
        parts.push(format!("change {}{more} of {what}", shown.join(", ")));
    }
    let line = if parts.is_empty() { format!("change {what}") } else { parts.join("; ") };
    capital(&line)
}

pub(super) fn capital(line: &str) -> String {
    let mut letters = line.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn is_relation(rt: &ResourceType, operation: &Operation) -> bool {
    let path = operation.path.as_ref();
    path.and_then(|path| rt.resolve(&path.attr)).is_some_and(|resolved| rt.is_relation(&resolved))
}

/// Whether a remove names no member.
pub(super) fn is_all(operation: &Operation) -> bool {
    operation.value.is_none() && operation.path.as_ref().is_some_and(|path| path.filter.is_none())
}

pub(super) fn elements(operation: &Operation) -> i64 {
    match &operation.value {
        Some(Value::Array(list)) => i64::try_from(list.len()).unwrap_or(i64::MAX),
        Some(Value::Null) | None => 0,
        Some(_) => 1,
    }
}

/// The attributes that an operation names, with their values where they are plain.
fn named(operation: &Operation) -> Vec<(String, Option<Value>)> {
    match (&operation.path, &operation.value) {
        (Some(path), value) => vec![(path.to_string(), value.as_ref().map(truth))],
        (None, Some(Value::Object(map))) => {
            map.iter().map(|(key, value)| (key.clone(), Some(truth(value)))).collect()
        }
        _ => Vec::new(),
    }
}

/// `"False"` as the boolean that it stands for.
fn truth(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if text.eq_ignore_ascii_case("true") => Value::Bool(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Value::Bool(false),
        _ => value.clone(),
    }
}

/// `1 member`, `3 members`.
pub(super) fn count(n: i64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
