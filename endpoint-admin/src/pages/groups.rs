//! The groups of an endpoint, and a form for a new one: identity providers that cannot make groups
//! find those that are here.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    directory::{by_hand, search},
    endpoints::EndpointSummary,
};

use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, resource_type, see, told},
    session::Operator,
    ui::{ListQuery, Num, Pager, When},
};

/// A line of the list.
pub(crate) struct GroupRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) members: Num,
    pub(crate) changed: When,
}

#[derive(Template)]
#[template(path = "pages/groups.html")]
pub(crate) struct GroupsPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) rows: Vec<GroupRow>,
    pub(crate) list: Pager,
    pub(crate) name: String,
    pub(crate) errors: Errors,
}

/// The list.
pub(crate) async fn list(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, String::new(), Errors::default()).await?)
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    name: String,
    errors: Errors,
) -> Result<GroupsPage, PageError> {
    let (query, rt) = (ListQuery::parse(operator.query()), resource_type(&summary.endpoint, "Group")?);
    let (id, asked, now) = (summary.endpoint.id.clone(), query.clone(), operator.now());
    let (found, counts) = operator
        .read(move |conn| {
            let found = search::search(conn, &id, &rt, &asked.selection(), asked.window())?;
            let ids: Vec<&str> = found.lines.iter().map(|line| line.id.as_str()).collect();
            let counts = search::member_counts(conn, &id, &ids)?;
            Ok((found, counts))
        })
        .await?;
    let list = Pager::of(query, &found, "group", "groups");
    let rows = found.lines.into_iter().map(|line| GroupRow {
        members: Num::of(counts.get(&line.id).copied().unwrap_or(0)),
        changed: When::new(line.modified_at, now),
        id: line.id,
        name: line.name,
    });
    let (frame, head) = operator.desk(summary, Tab::Groups);
    Ok(GroupsPage { frame, head, rows: rows.collect(), list, name, errors })
}

/// Makes a group, by the same way as SCIM does.
pub(crate) async fn create(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let name = form.text("name").to_owned();
    match make(&operator, &summary, &name).await? {
        Ok(id) => {
            Ok(see(format!("/admin/endpoints/{}/groups/{id}?done=group-created", summary.endpoint.slug)))
        }
        Err(sentence) => {
            let page = page(&operator, &summary, name, Errors::one("name", sentence)).await?;
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

async fn make(
    operator: &Operator,
    summary: &EndpointSummary,
    name: &str,
) -> Result<Result<String, String>, PageError> {
    let (caller, now, name) = (operator.on(summary.endpoint.clone()), operator.now(), name.to_owned());
    match operator.write(move |tx| by_hand::create_group(tx, &caller, &name, now)).await {
        Ok(record) => Ok(Ok(record.id)),
        Err(error) => told(error).map(Err),
    }
}
