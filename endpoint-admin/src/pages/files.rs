//! The lists of the console as files: one handler for each, over the same use case as its page.

use actix_web::web;
use endpoint_store::{
    Conn, StoreError,
    directory::{
        members,
        search::{self, Line, Place},
    },
    endpoints::{self, EndpointSummary, Selection},
    operators,
    targets::{self, Target, queue},
    tokens,
    webhooks::{self, log},
};
use scim_core::{fold::fold, time::format};
use serde_json::{Value, json};

use super::{
    users::{email, full_name},
    webhook::Wanted,
};
use crate::{
    list_file::{Format, PORTION, Row, download},
    pages::{Answer, resource_type},
    session::Operator,
    ui::ListQuery,
};

type Portion<P> = Result<(Vec<Row>, Option<P>), StoreError>;

/// The columns of each list.
const USERS: &[&str] =
    &["id", "user_name", "name", "email", "external_id", "active", "hidden", "last_modified"];
const GROUPS: &[&str] = &["id", "name", "external_id", "members", "last_modified"];
const MEMBERS: &[&str] = &["id", "type", "name"];
const TOKENS: &[&str] = &[
    "id",
    "label",
    "kind",
    "scope",
    "state",
    "networks",
    "created",
    "created_by",
    "expires",
    "revoked",
    "revoked_by",
    "requests",
    "first_used",
    "last_used",
    "last_address",
    "last_agent",
    "last_operation",
];
const TARGETS: &[&str] = &[
    "target",
    "kind",
    "id",
    "member",
    "name",
    "state",
    "reason",
    "remote_name",
    "attempts",
    "waiting_since",
    "done",
];
const DELIVERIES: &[&str] = &[
    "id",
    "event",
    "resource",
    "name",
    "state",
    "attempts",
    "happened",
    "last_tried",
    "status",
    "error",
    "ms",
];
const OPERATORS: &[&str] =
    &["id", "name", "role", "tenants", "state", "second_factor", "created", "last_sign_in"];
const BIN: &[&str] =
    &["id", "address", "name", "tenant", "idp", "users", "groups", "deleted", "removed_for_good"];

/// A time that may not have come.
fn time(at: Option<i64>) -> Value {
    at.map_or(Value::Null, |at| json!(format(at)))
}

fn format_of(operator: &Operator) -> Format {
    Format::asked(operator.query())
}

/// The name of a file about an endpoint.
fn named(what: &str, summary: &EndpointSummary) -> String {
    format!("{}-{what}", summary.endpoint.slug)
}

/// The users that the page lists, all of them.
pub(crate) async fn users(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, rt) = (summary.endpoint.id.clone(), resource_type(&summary.endpoint, "User")?);
    let wanted = ListQuery::parse(operator.query()).selection();
    let row = |line: Line| {
        let map = line.resource.as_map();
        let changed = format(line.modified_at);
        let values = json!([
            line.id,
            line.name,
            full_name(map),
            email(map),
            map.get("externalId"),
            line.active,
            line.hidden,
            changed
        ]);
        Row::new(USERS, values_of(values))
    };
    let portion = move |conn: &mut Conn, after: Option<&Place>| -> Portion<Place> {
        let (lines, next) = search::walk(conn, &id, &rt, &wanted, after, PORTION)?;
        Ok((lines.into_iter().map(row).collect(), next))
    };
    Ok(download(operator.store(), (&named("users", &summary), USERS), format_of(&operator), portion))
}

/// The values of an array.
fn values_of(values: Value) -> Vec<Value> {
    match values {
        Value::Array(values) => values,
        other => vec![other],
    }
}

/// The groups that the page lists.
pub(crate) async fn groups(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, rt) = (summary.endpoint.id.clone(), resource_type(&summary.endpoint, "Group")?);
    let wanted = ListQuery::parse(operator.query()).selection();
    let portion = move |conn: &mut Conn, after: Option<&Place>| -> Portion<Place> {
        let (lines, next) = search::walk(conn, &id, &rt, &wanted, after, PORTION)?;
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        let counts = search::member_counts(conn, &id, &ids)?;
        let row = |line: &Line| {
            let members = counts.get(&line.id).copied().unwrap_or(0);
            let outside = line.resource.as_map().get("externalId");
            let values = json!([line.id, line.name, outside, members, format(line.modified_at)]);
            Row::new(GROUPS, values_of(values))
        };
        Ok((lines.iter().map(row).collect(), next))
    };
    Ok(download(operator.store(), (&named("groups", &summary), GROUPS), format_of(&operator), portion))
}

/// The members of a group.
pub(crate) async fn members(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, group) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (id, rt) = (summary.endpoint.id.clone(), resource_type(&summary.endpoint, "Group")?);
    let (of, wanted) = (id.clone(), group.clone());
    // Of a group that is not there one is told so, and not given an empty file.
    operator.read(move |conn| search::find(conn, &of, &rt, &wanted)).await?;
    let portion = move |conn: &mut Conn, after: Option<&String>| -> Portion<String> {
        let (links, more) =
            members::page_after(conn, &id, &group, after.map_or("", String::as_str), PORTION)?;
        let next = links.last().filter(|_| more).map(|link| link.id.clone());
        let row = |link: &endpoint_store::directory::Link| {
            Row::new(MEMBERS, vec![json!(link.id), json!(link.resource_type), json!(link.name)])
        };
        Ok((links.iter().map(row).collect(), next))
    };
    Ok(download(operator.store(), (&named("members", &summary), MEMBERS), format_of(&operator), portion))
}

/// All tokens, without their secrets; of an endpoint they are few.
pub(crate) async fn tokens(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let row = move |token: tokens::TokenRecord| {
        let state = token.state(now).as_str();
        let used = token.last_used;
        let seen =
            |of: fn(&endpoint_store::usage::Seen) -> &str| used.as_ref().map(|seen| of(seen).to_owned());
        let values = json!([
            token.id,
            token.label,
            token.kind.as_str(),
            token.scope.as_str(),
            state,
            token.networks.to_string(),
            format(token.created_at),
            token.created_by,
            time(token.expires_at),
            time(token.revoked_at),
            token.revoked_by,
            token.requests,
            time(token.first_used.map(|seen| seen.at)),
            time(used.as_ref().map(|seen| seen.at)),
            seen(|seen| &seen.address),
            seen(|seen| &seen.agent),
            seen(|seen| &seen.request),
        ]);
        Row::new(TOKENS, values_of(values))
    };
    let portion = move |conn: &mut Conn, _: Option<&()>| -> Portion<()> {
        Ok((tokens::list(conn, &id)?.into_iter().map(row).collect(), None))
    };
    Ok(download(operator.store(), (&named("tokens", &summary), TOKENS), format_of(&operator), portion))
}

/// A place in what the targets have: the target's place among them, and the ids of the last item.
type InTargets = (usize, String, String);

/// What every target has of each user, group and membership, and what waits.
pub(crate) async fn targets(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let id = summary.endpoint.id.clone();
    let portion = move |conn: &mut Conn, after: Option<&InTargets>| -> Portion<InTargets> {
        let at = after.map_or(0, |(at, ..)| *at);
        let Some(target) = targets::list(conn, &id)?.into_iter().nth(at) else {
            return Ok((Vec::new(), None));
        };
        let last = after.map(|(_, resource, member)| (resource.clone(), member.clone()));
        let limit = i64::try_from(PORTION).unwrap_or(i64::MAX);
        let items = queue::page(conn, &target, last.as_ref(), limit)?;
        let next = match items.last() {
            Some((item, _)) if items.len() == PORTION => {
                (at, item.resource_id.clone(), item.member_id.clone())
            }
            _ => (at + 1, String::new(), String::new()),
        };
        Ok((items.into_iter().map(|(item, name)| target_row(&target, item, &name)).collect(), Some(next)))
    };
    Ok(download(operator.store(), (&named("targets", &summary), TARGETS), format_of(&operator), portion))
}

fn target_row(target: &Target, item: queue::Item, name: &str) -> Row {
    let member = Some(item.member_id).filter(|id| !id.is_empty());
    let values = json!([
        target.url,
        item.kind.as_str(),
        item.resource_id,
        member,
        name,
        item.state.as_str(),
        item.reason,
        item.remote_name,
        item.attempts,
        time(item.waiting_since),
        time(item.done_at),
    ]);
    Row::new(TARGETS, values_of(values))
}

/// The deliveries of a webhook that are remembered, the latest first.
pub(crate) async fn deliveries(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, hook) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (endpoint, wanted) = (summary.endpoint.clone(), hook.clone());
    operator.read(move |conn| webhooks::find(conn, &endpoint, Some(&wanted))).await?;
    let (id, asked) = (summary.endpoint.id.clone(), Wanted::parse(operator.query()));
    let portion = move |conn: &mut Conn, before: Option<&log::Place>| -> Portion<log::Place> {
        let limit = i64::try_from(PORTION).unwrap_or(i64::MAX);
        let page = log::page(conn, &hook, &id, asked.state, before.copied(), limit)?;
        let next = page.last().filter(|_| page.len() == PORTION).map(log::Delivery::place);
        Ok((page.iter().map(delivery_row).collect(), next))
    };
    Ok(download(
        operator.store(),
        (&named("deliveries", &summary), DELIVERIES),
        format_of(&operator),
        portion,
    ))
}

fn delivery_row(one: &log::Delivery) -> Row {
    let values = json!([
        one.id(),
        one.event,
        one.resource_id,
        one.resource_name,
        one.state.as_str(),
        one.attempts,
        format(one.created_at),
        time(one.last_at),
        one.last_status,
        one.last_error,
        one.last_ms,
    ]);
    Row::new(DELIVERIES, values_of(values))
}

/// The operators that the page lists; they are few.
pub(crate) async fn operators(operator: Operator) -> Answer {
    let text = fold(&ListQuery::parse(operator.query()).search);
    let row = |one: operators::Operator| {
        let values = json!([
            one.id,
            one.name,
            one.role.as_str(),
            one.reach.tenants().map(|tenants| tenants.join("; ")),
            one.status().as_str(),
            one.second_factor_since.is_some(),
            format(one.created_at),
            time(one.last_sign_in_at),
        ]);
        Row::new(OPERATORS, values_of(values))
    };
    let portion = move |conn: &mut Conn, _: Option<&()>| -> Portion<()> {
        let all = operators::list(conn)?.into_iter().filter(|one| fold(&one.name).starts_with(&text));
        Ok((all.map(row).collect(), None))
    };
    Ok(download(operator.store(), ("operators", OPERATORS), format_of(&operator), portion))
}

/// The endpoints in the bin that the page lists.
pub(crate) async fn bin(operator: Operator) -> Answer {
    let wanted = Selection {
        search: ListQuery::parse(operator.query()).search,
        binned: true,
        within: operator.reach().clone(),
        ..Selection::default()
    };
    let portion = move |conn: &mut Conn, after: Option<&(String, String)>| -> Portion<(String, String)> {
        let (lines, more) = endpoints::page(conn, &wanted, after, PORTION)?;
        let last = lines.last().filter(|_| more);
        let next = last.map(|line| (fold(&line.endpoint.name), line.endpoint.id.as_str().to_owned()));
        Ok((lines.into_iter().map(bin_row).collect(), next))
    };
    Ok(download(operator.store(), ("bin", BIN), format_of(&operator), portion))
}

fn bin_row(line: EndpointSummary) -> Row {
    let endpoint = line.endpoint;
    let values = json!([
        endpoint.id.as_str(),
        endpoint.slug,
        endpoint.name,
        endpoint.tenant,
        endpoint.idp.as_str(),
        line.users,
        line.groups,
        time(endpoint.deleted_at),
        time(endpoint.deleted_at.map(|at| at + endpoints::BIN_LIFETIME)),
    ]);
    Row::new(BIN, values_of(values))
}
