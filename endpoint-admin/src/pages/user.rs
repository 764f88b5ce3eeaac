//! One user: names and addresses first, groups, history, raw JSON last.

use actix_web::web;
use askama::Template;
use endpoint_store::{
    StoreError,
    directory::{Link, Record, search},
};
use scim_core::{meta::Meta, project, resource::Resource, schema::ResourceType};
use serde_json::{Value, json};

use super::{
    facts::{self, Fact},
    history::{self, History},
    target_state::{self, Presence},
    users::{full_name, user_state},
};
use crate::{
    frame::{Frame, Head, Tab},
    pages::{Answer, html, resource_type},
    session::Operator,
    ui::{ListQuery, Pager, State, When},
};

/// The user.
pub(crate) struct UserView {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) user_name: String,
    pub(crate) state: State,
    pub(crate) hidden: bool,
    pub(crate) facts: Vec<Fact>,
    pub(crate) version: String,
    pub(crate) json: String,
}

impl UserView {
    /// The user as it is at `now`; `base_url` is the endpoint's.
    pub(crate) fn new(
        rt: &ResourceType,
        record: &Record,
        base_url: &str,
        now: i64,
    ) -> Result<Self, StoreError> {
        let resource = record.resource()?;
        let map = resource.as_map();
        let name = full_name(map);
        let meta = Meta {
            id: record.id.clone(),
            created: record.created_at,
            last_modified: record.modified_at,
            version: record.etag(),
            location: format!("{base_url}/{}/{}", rt.endpoint, record.id),
        };
        let mut facts = facts::of(map);
        facts.push(Fact::code("Id here", record.id.as_str()));
        facts.push(Fact::text("Created", When::new(record.created_at, now).exact()));
        facts.push(Fact::text("Last changed", When::new(record.modified_at, now).exact()));
        Ok(Self {
            id: record.id.clone(),
            label: if name.is_empty() { record.name.clone() } else { name },
            user_name: record.name.clone(),
            state: user_state(record.active, record.hidden),
            hidden: record.hidden,
            facts,
            version: meta.version.clone(),
            json: json_of(rt, (record, resource), &meta, base_url),
        })
    }
}

fn json_of(
    rt: &ResourceType,
    (record, resource): (&Record, Resource),
    meta: &Meta,
    base_url: &str,
) -> String {
    let group = |link: &Link| {
        let location = format!("{base_url}/Groups/{}", link.id);
        json!({"value": link.id, "$ref": location, "display": link.name, "type": if link.direct { "direct" } else { "indirect" }})
    };
    let groups: Vec<Value> = record.memberships.iter().flatten().map(group).collect();
    let links = vec![("groups".to_owned(), groups)];
    let shown = project::render(rt, resource, meta, links, &project::Projection::all());
    serde_json::to_string_pretty(&Value::Object(shown)).unwrap_or_default()
}

#[derive(Template)]
#[template(path = "pages/user.html")]
pub(crate) struct UserPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) user: UserView,
    /// A page of them.
    pub(crate) groups: Vec<Link>,
    pub(crate) list: Pager,
    pub(crate) history: History,
    pub(crate) presences: Vec<Presence>,
}

/// The page.
pub(crate) async fn show(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, user) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (id, rt, now) =
        (summary.endpoint.id.clone(), resource_type(&summary.endpoint, "User")?, operator.now());
    let (kind, before) = (rt.clone(), history::asked(operator.query()));
    let (record, history, presences) = operator
        .read(move |conn| {
            let record = match search::find(conn, &id, &kind, &user) {
                Err(StoreError::NotFound(sentence)) => {
                    return Err(StoreError::NotFound(
                        history::end(conn, &id, &user, now)?.unwrap_or(sentence),
                    ));
                }
                found => found?,
            };
            let presences = target_state::presences(conn, &id, &user, now)?;
            Ok((record, history::of(conn, &id, &user, before, now)?, presences))
        })
        .await?;
    let base_url = operator.public_url().scim_base(&summary.endpoint.slug);
    let user = UserView::new(&rt, &record, &base_url, now)?;
    let memberships = record.memberships.unwrap_or_default();
    let query = ListQuery::parse(operator.query());
    let list = Pager::new(query.clone(), memberships.len() as u64, "group", "groups");
    let groups = query.slice(memberships.into_iter());
    let (frame, head) = operator.desk(&summary, Tab::Users);
    html(&UserPage { frame, head, user, groups, list, history, presences })
}
