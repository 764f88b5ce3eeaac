//! `/endpoints/{endpoint}/users`, `/groups` and `/resources/{type}`: the directory, to look at.

use std::sync::Arc;

use endpoint_store::changes::{self, Change};
use endpoint_store::directory::search::{self, Line};
use endpoint_store::directory::{Link, Record, members as member_rows};
use endpoint_store::endpoints::EndpointId;
use endpoint_store::{Conn, Endpoint, StoreError};
use scim_core::meta::Meta;
use scim_core::project::{self, Projection};
use scim_core::resource::Resource;
use scim_core::schema::ResourceType;
use scim_core::time::format;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::params::cursor;
use super::problem::Problem;
use super::{Exchange, Outcome, Page, Reply};

/// A line of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct ResourceLine {
    id: String,
    /// User name, or the name of the group.
    name: String,
    active: bool,
    /// Deleted by the identity provider and hidden from SCIM, as the delete policy says.
    hidden: bool,
    #[schema(format = DateTime)]
    modified_at: String,
    /// Its attributes, without groups and members.
    #[schema(value_type = Object)]
    attributes: Resource,
}

impl From<Line> for ResourceLine {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            name: line.name,
            active: line.active,
            hidden: line.hidden,
            modified_at: format(line.modified_at),
            attributes: line.resource,
        }
    }
}

/// One resource.
#[derive(Serialize, ToSchema)]
#[schema(as = Resource)]
pub(super) struct ResourceView {
    id: String,
    name: String,
    active: bool,
    hidden: bool,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    modified_at: String,
    /// How many members it has; null for a type without members.
    members: Option<i64>,
    /// As SCIM shows it, with its groups and without its members.
    #[schema(value_type = Object)]
    resource: Value,
}

/// A member of a group.
#[derive(Serialize, ToSchema)]
pub(super) struct MemberView {
    id: String,
    name: String,
    /// `User` or `Group`.
    r#type: String,
}

/// Who made a change.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActorView {
    /// `token`, `operator` or `cli`.
    pub(super) kind: String,
    /// Public id of the token, or id of the operator.
    pub(super) id: String,
    /// Label of the token or name of the operator, then.
    pub(super) label: String,
}

/// An attribute that a change changed.
#[derive(Serialize, ToSchema)]
pub(super) struct AttributeView {
    path: String,
    #[schema(value_type = Value)]
    before: Option<Value>,
    #[schema(value_type = Value)]
    after: Option<Value>,
}

/// One change of a resource, or of a group that it joined or left.
#[derive(Serialize, ToSchema)]
#[schema(as = Change)]
pub(super) struct ChangeView {
    /// Number within the endpoint; larger is later.
    number: i64,
    #[schema(format = DateTime)]
    at: String,
    by: ActorView,
    /// The `X-Request-Id` of the request that made it.
    request_id: String,
    /// `created`, `updated`, `deleted`, `hidden` or `restored`.
    kind: &'static str,
    /// Type, id and name of the resource that changed.
    resource_type: String,
    resource_id: String,
    resource_name: String,
    attributes: Vec<AttributeView>,
    members_added: Vec<String>,
    members_removed: Vec<String>,
}

impl From<Change> for ChangeView {
    fn from(change: Change) -> Self {
        let attributes = change.attributes().into_iter().map(|attribute| AttributeView {
            path: attribute.path,
            before: attribute.before,
            after: attribute.after,
        });
        Self {
            number: change.seq,
            at: format(change.at),
            attributes: attributes.collect(),
            by: ActorView { kind: change.actor_kind, id: change.actor_id, label: change.actor_label },
            request_id: change.request_id,
            kind: change.kind.as_str(),
            resource_type: change.resource_type,
            resource_id: change.resource_id,
            resource_name: change.resource_name,
            members_added: change.members.added.into_iter().collect(),
            members_removed: change.members.removed.into_iter().collect(),
        }
    }
}

pub(super) async fn users(x: &Exchange) -> Outcome {
    list(x, "User").await
}

pub(super) async fn user(x: &Exchange) -> Outcome {
    show(x, "User", x.segment("id")).await
}

pub(super) async fn user_history(x: &Exchange) -> Outcome {
    history(x, "User").await
}

pub(super) async fn groups(x: &Exchange) -> Outcome {
    list(x, "Group").await
}

pub(super) async fn group(x: &Exchange) -> Outcome {
    show(x, "Group", x.segment("id")).await
}

pub(super) async fn group_history(x: &Exchange) -> Outcome {
    history(x, "Group").await
}

pub(super) async fn resources(x: &Exchange) -> Outcome {
    list(x, x.segment("type")).await
}

pub(super) async fn resource(x: &Exchange) -> Outcome {
    show(x, x.segment("type"), x.segment("id")).await
}

pub(super) async fn resource_history(x: &Exchange) -> Outcome {
    history(x, x.segment("type")).await
}

/// The endpoint, and one of its types by name or by the segment of its path.
fn kind(x: &Exchange, name: &str) -> Result<(Arc<Endpoint>, Arc<ResourceType>), Problem> {
    let endpoint = x.endpoint()?;
    let found = endpoint.catalog.by_name(name).or_else(|| endpoint.catalog.by_endpoint(name)).cloned();
    let rt = found.ok_or_else(|| {
        let known: Vec<&str> = endpoint.catalog.resource_types().iter().map(|rt| rt.name.as_str()).collect();
        let named: String = name.chars().take(100).collect();
        Problem::not_found(format!(
            "This endpoint has no resource type `{named}`; it has {}",
            known.join(", ")
        ))
    })?;
    Ok((endpoint, rt))
}

async fn list(x: &Exchange, name: &str) -> Outcome {
    let (endpoint, rt) = kind(x, name)?;
    let (after, limit) = (x.query.after()?, x.query.limit());
    let wanted = search::Selection::of(x.query.get("q").unwrap_or_default());
    let id = endpoint.id.clone();
    let (lines, next) =
        x.read(move |conn| search::page(conn, &id, &rt, &wanted, after.as_ref(), limit)).await?;
    let next = next.map(|(name, id)| cursor(&name, &id));
    Reply::json(&Page { items: lines.into_iter().map(ResourceLine::from).collect(), next })
}

/// One resource of this type.
pub(super) async fn show(x: &Exchange, name: &str, wanted: &str) -> Outcome {
    let (endpoint, rt) = kind(x, name)?;
    let (id, wanted, of) = (endpoint.id.clone(), wanted.to_owned(), rt.clone());
    let (record, members) = x
        .read(move |conn| {
            let record = search::find(conn, &id, &of, &wanted)?;
            let has_members = of.relation.is_some();
            let members = has_members.then(|| search::member_count(conn, &id, &wanted)).transpose()?;
            Ok((record, members))
        })
        .await?;
    let base = x.api.public_url.scim_base(&endpoint.slug);
    let resource = record.resource().map_err(|error| Problem::of(error, &x.request_id))?;
    Reply::json(&ResourceView {
        id: record.id.clone(),
        name: record.name.clone(),
        active: record.active,
        hidden: record.hidden,
        created_at: format(record.created_at),
        modified_at: format(record.modified_at),
        members,
        resource: rendered(&rt, record, resource, &base),
    })
}

/// As SCIM shows it.
fn rendered(rt: &ResourceType, record: Record, resource: Resource, base: &str) -> Value {
    let meta = Meta {
        version: record.etag(),
        location: format!("{base}/{}/{}", rt.endpoint, record.id),
        id: record.id,
        created: record.created_at,
        last_modified: record.modified_at,
    };
    let group = |link: &Link| {
        let kind = if link.direct { "direct" } else { "indirect" };
        json!({"value": link.id, "$ref": format!("{base}/Groups/{}", link.id), "display": link.name, "type": kind})
    };
    let groups: Vec<Value> = record.memberships.iter().flatten().map(group).collect();
    let links = vec![("groups".to_owned(), groups)];
    Value::Object(project::render(rt, resource, &meta, links, &Projection::all()))
}

pub(super) async fn members(x: &Exchange) -> Outcome {
    let (endpoint, rt) = kind(x, "Group")?;
    let (after, limit) = (x.query.after()?, x.query.limit());
    let (id, group) = (endpoint.id.clone(), x.segment("id").to_owned());
    let after = after.map(|(_, id)| id).unwrap_or_default();
    let (links, more) = x
        .read(move |conn| {
            search::find(conn, &id, &rt, &group)?;
            member_rows::page_after(conn, &id, &group, &after, limit)
        })
        .await?;
    let next = links.last().filter(|_| more).map(|last| cursor("", &last.id));
    let view = |link: Link| MemberView { id: link.id, name: link.name, r#type: link.resource_type };
    Reply::json(&Page { items: links.into_iter().map(view).collect(), next })
}

async fn history(x: &Exchange, name: &str) -> Outcome {
    let (endpoint, rt) = kind(x, name)?;
    let limit = x.query.limit();
    let before = x.query.after()?.and_then(|(_, number)| number.parse().ok()).unwrap_or(i64::MAX);
    let (id, wanted) = (endpoint.id.clone(), x.segment("id").to_owned());
    let read = move |conn: &mut Conn| past(conn, &id, &rt, &wanted, before, limit);
    let mut found = x.read(read).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| cursor("", &last.seq.to_string()));
    Reply::json(&Page { items: found.into_iter().map(ChangeView::from).collect(), next })
}

/// What happened to a resource; one that was deleted still has its past.
fn past(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    id: &str,
    before: i64,
    limit: usize,
) -> Result<Vec<Change>, StoreError> {
    let size = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let found = changes::of_resource_before(conn, endpoint, id, before, size)?;
    let own = found.iter().any(|change| change.resource_id == id && change.resource_type == rt.name);
    if !own {
        search::find(conn, endpoint, rt, id)?;
    }
    Ok(found)
}
