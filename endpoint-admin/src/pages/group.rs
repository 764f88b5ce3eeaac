//! One group: its members, its name, its history, and its end.

use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    Caller, StoreError, Tx,
    directory::{Record, by_hand, members, search, search::Selection},
    endpoints::EndpointSummary,
};

use super::{
    facts::{self, Fact},
    history::{self, History},
    users::UserRow,
};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, resource_type, see, told},
    session::Operator,
    ui::{ListQuery, Num, Pager, When},
};

/// People to choose from when a name is not exact.
const CANDIDATES: i64 = 10;

/// A line of the member list.
pub(crate) struct MemberRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) path: &'static str,
}

/// The group.
pub(crate) struct GroupView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) facts: Vec<Fact>,
}

impl GroupView {
    fn new(record: &Record, now: i64) -> Result<Self, StoreError> {
        let mut facts = facts::of(record.resource()?.as_map());
        facts.retain(|fact| fact.label != "Display name");
        facts.push(Fact::code("Id here", record.id.as_str()));
        facts.push(Fact::text("Created", When::new(record.created_at, now).exact()));
        facts.push(Fact::text("Last changed", When::new(record.modified_at, now).exact()));
        Ok(Self { id: record.id.clone(), name: record.name.clone(), facts })
    }
}

#[derive(Template)]
#[template(path = "pages/group.html")]
pub(crate) struct GroupPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) group: GroupView,
    pub(crate) members: Vec<MemberRow>,
    pub(crate) list: Pager,
    pub(crate) candidates: Vec<UserRow>,
    pub(crate) typed: String,
    pub(crate) new_name: String,
    pub(crate) history: History,
    pub(crate) errors: Errors,
}

/// The page.
pub(crate) async fn show(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, &id).await?)
}

async fn page(operator: &Operator, summary: &EndpointSummary, group: &str) -> Result<GroupPage, PageError> {
    let rt = resource_type(&summary.endpoint, "Group")?;
    let (id, group, now) = (summary.endpoint.id.clone(), group.to_owned(), operator.now());
    let query = ListQuery::parse(operator.query());
    let ((offset, limit), before) = (query.window(), history::asked(operator.query()));
    let (users, text) = (resource_type(&summary.endpoint, "User")?, query.search.clone());
    let (record, (links, total, more), history) = operator
        .read(move |conn| {
            let record = search::find(conn, &id, &rt, &group)?;
            let members = if text.is_empty() {
                let (links, total) = members::page(conn, &id, &group, offset, limit)?;
                (links, total, false)
            } else {
                members::found(conn, &id, &group, (&users, &text), (offset, limit))?
            };
            Ok((record, members, history::of(conn, &id, &group, before, now)?))
        })
        .await?;
    let members = links.into_iter().map(|link| MemberRow {
        path: if link.resource_type == "Group" { "groups" } else { "users" },
        id: link.id,
        name: link.name,
        kind: link.resource_type,
    });
    let (frame, head) = operator.desk(summary, Tab::Groups);
    Ok(GroupPage {
        frame,
        head,
        new_name: record.name.clone(),
        group: GroupView::new(&record, now)?,
        members: members.collect(),
        list: Pager::new(query, u64::try_from(total).unwrap_or(0), "member", "members").with_more(more),
        candidates: Vec::new(),
        typed: String::new(),
        history,
        errors: Errors::default(),
    })
}

/// Does something with a group. `Err` is a refusal in words.
async fn change(
    operator: &Operator,
    summary: &EndpointSummary,
    work: impl Fn(&mut Tx<'_>, &Caller, i64) -> Result<(), StoreError> + Send + 'static,
) -> Result<Result<(), String>, PageError> {
    let (caller, now) = (operator.on(summary.endpoint.clone()), operator.now());
    match operator.write(move |tx| work(tx, &caller, now)).await {
        Ok(()) => Ok(Ok(())),
        Err(error) => told(error).map(Err),
    }
}

fn back(summary: &EndpointSummary, group: &str, done: &str) -> HttpResponse {
    see(format!("/admin/endpoints/{}/groups/{group}?done={done}", summary.endpoint.slug))
}

/// Gives the group another name; its id and members stay.
pub(crate) async fn rename(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let name = form.text("name").to_owned();
    let (group, wanted) = (id.clone(), name.clone());
    let rename =
        move |tx: &mut Tx<'_>, caller: &Caller, now| by_hand::rename_group(tx, caller, &group, &wanted, now);
    let Err(sentence) = change(&operator, &summary, rename).await? else {
        return Ok(back(&summary, &id, "group-renamed"));
    };
    let page = GroupPage {
        errors: Errors::one("name", sentence),
        new_name: name,
        ..page(&operator, &summary, &id).await?
    };
    html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// Adds a member by id, or by user name; a name that is not exact shows whom it may mean.
pub(crate) async fn add(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, group) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let typed = form.text("member").to_owned();
    let (member, candidates) = match form.text("id") {
        "" => whom(&operator, &summary, &typed).await?,
        id => (Some(id.to_owned()), Vec::new()),
    };
    let outcome = match member {
        Some(id) => {
            let of = group.clone();
            let add =
                move |tx: &mut Tx<'_>, caller: &Caller, now| by_hand::add_member(tx, caller, &of, &id, now);
            change(&operator, &summary, add).await?
        }
        None if typed.is_empty() => Err("type a user name".to_owned()),
        None if candidates.is_empty() => Err(format!("no user's name begins with “{typed}”")),
        None => Err(format!("no user is called exactly “{typed}”; choose below")),
    };
    let Err(sentence) = outcome else { return Ok(back(&summary, &group, "member-added")) };
    let page = GroupPage {
        errors: Errors::one("member", sentence),
        typed,
        candidates,
        ..page(&operator, &summary, &group).await?
    };
    html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

async fn whom(
    operator: &Operator,
    summary: &EndpointSummary,
    typed: &str,
) -> Result<(Option<String>, Vec<UserRow>), PageError> {
    if typed.is_empty() {
        return Ok((None, Vec::new()));
    }
    let (id, rt, name) =
        (summary.endpoint.id.clone(), resource_type(&summary.endpoint, "User")?, typed.to_owned());
    let now = operator.now();
    operator
        .read(move |conn| {
            if let Some(exact) = search::by_unique_name(conn, &id, &rt, &name)? {
                return Ok((Some(exact), Vec::new()));
            }
            let found = search::search(conn, &id, &rt, &Selection::of(&name), (0, CANDIDATES))?;
            let visible = found.lines.into_iter().filter(|line| !line.hidden);
            Ok((None, visible.map(|line| UserRow::new(line, now)).collect()))
        })
        .await
}

/// Removes a member.
pub(crate) async fn remove(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, group) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let member = form.text("id");
    if member.is_empty() {
        return Err(PageError::Bad("The form does not say whom to remove".into()));
    }
    let (of, member) = (group.clone(), member.to_owned());
    let remove =
        move |tx: &mut Tx<'_>, caller: &Caller, now| by_hand::remove_member(tx, caller, &of, &member, now);
    match change(&operator, &summary, remove).await? {
        Ok(()) => Ok(back(&summary, &group, "member-removed")),
        Err(sentence) => Err(PageError::Refused(sentence)),
    }
}

#[derive(Template)]
#[template(path = "pages/group_delete.html")]
pub(crate) struct GroupDeletePage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) errors: Errors,
}

/// Says what is at stake before a group is deleted.
pub(crate) async fn ask(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, group) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    html(&stake(&operator, &summary, group, Errors::default()).await?)
}

async fn stake(
    operator: &Operator,
    summary: &EndpointSummary,
    wanted: String,
    errors: Errors,
) -> Result<GroupDeletePage, PageError> {
    let (id, rt) = (summary.endpoint.id.clone(), resource_type(&summary.endpoint, "Group")?);
    let (record, members) = operator
        .read(move |conn| {
            Ok((search::find(conn, &id, &rt, &wanted)?, search::member_count(conn, &id, &wanted)?))
        })
        .await?;
    let (frame, head) = operator.desk(summary, Tab::Groups);
    let lose = match Num::of(members) {
        Num(0) => "It has no members.".to_owned(),
        some => format!("{} and stay here as users.", some.with("member leaves it", "members leave it")),
    };
    let what = format!(
        "{lose} This cannot be taken back; if {} still knows the group, it may report an error or make it again.",
        head.idp
    );
    Ok(GroupDeletePage { frame, head, id: record.id, name: record.name, what, errors })
}

/// Deletes a group, if its name was typed: there is no way back.
pub(crate) async fn delete(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, group) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let mut page = stake(&operator, &summary, group.clone(), Errors::default()).await?;
    if form.text("confirm") != page.name.trim() {
        page.errors.add("confirm", "that is not its name");
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (caller, now) = (operator.on(summary.endpoint.clone()), operator.now());
    operator.write(move |tx| by_hand::delete_group(tx, &caller, &group, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/groups?done=group-deleted", summary.endpoint.slug)))
}
