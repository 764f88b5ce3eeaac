//! Links for the customer's administrator: which there are, making one, and taking one back.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    endpoints::EndpointSummary,
    guests::{self, GuestLink, GuestState},
    operators::SetupCode,
};

use super::tokens::{maker, public_id};
use crate::{
    error::PageError,
    forms::Form,
    frame::{Frame, Head, Tab},
    pages::{Answer, Choice, html, html_as, see, told},
    session::Operator,
    ui::{ListQuery, Pager, State, Tone, When},
};

const HOUR: i64 = 3_600_000;
const LIVES: [(&str, &str); 4] =
    [("24", "in 24 hours"), ("72", "in 72 hours"), ("168", "in a week"), ("720", "in 30 days")];

/// A line of the list.
pub(crate) struct LinkRow {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) live: bool,
    pub(crate) may_issue: bool,
    pub(crate) made: When,
    pub(crate) made_by: String,
    pub(crate) ends: When,
    pub(crate) opened: Option<(When, String)>,
    pub(crate) token: Option<String>,
}

impl LinkRow {
    fn new(link: GuestLink, now: i64) -> Self {
        let state = link.state(now);
        Self {
            id: link.id,
            state: match state {
                GuestState::Unopened => State::new("Not opened yet", "new", Tone::Calm),
                GuestState::Open => State::new("Open", "check", Tone::Ok),
                GuestState::Expired => State::new("Expired", "clock", Tone::Calm),
                GuestState::Revoked => State::new("Revoked", "stop", Tone::Calm),
            },
            live: state.is_live(),
            may_issue: link.may_issue,
            made: When::new(link.created_at, now),
            made_by: maker(link.created_by),
            ends: When::new(link.expires_at, now),
            opened: link.opened_at.map(|at| (When::new(at, now), link.opened_from.unwrap_or_default())),
            token: link.token_id.as_deref().map(public_id),
        }
    }
}

/// A link that was made by this very request.
pub(crate) struct Made {
    code: SetupCode,
    base: String,
    pub(crate) ends: When,
}

impl Made {
    /// The address, for the page.
    pub(crate) fn url(&self) -> String {
        format!("{}/guest/open/{}", self.base, self.code.reveal())
    }
}

#[derive(Template)]
#[template(path = "pages/guest_links.html")]
pub(crate) struct LinksPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) made: Option<Made>,
    pub(crate) rows: Vec<LinkRow>,
    pub(crate) list: Pager,
    pub(crate) lives: Vec<Choice>,
    pub(crate) refusal: Option<String>,
}

/// The list.
pub(crate) async fn list(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary).await?)
}

async fn page(operator: &Operator, summary: &EndpointSummary) -> Result<LinksPage, PageError> {
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let links = operator.read(move |conn| guests::list(conn, &id)).await?;
    let query = ListQuery::parse(operator.query());
    let (frame, head) = operator.desk(summary, Tab::Connect);
    Ok(LinksPage {
        frame,
        head,
        made: None,
        list: Pager::new(query.clone(), links.len() as u64, "link", "links"),
        rows: query.slice(links.into_iter().map(|link| LinkRow::new(link, now))),
        lives: LIVES.map(|(value, label)| Choice::new(value, label, "", "72")).into(),
        refusal: None,
    })
}

/// Makes a link and shows it, in the answer to the form itself.
pub(crate) async fn create(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let hours =
        LIVES.iter().find(|(value, _)| *value == form.text("expires")).map_or("72", |(value, _)| value);
    let lifetime = hours.parse().unwrap_or(72) * HOUR;
    let may_issue = form.text("may_issue") == "1";
    match operator.write(move |tx| guests::create(tx, &id, may_issue, lifetime, &actor, now)).await {
        Ok((code, link)) => {
            let base = operator.public_url().as_str().to_owned();
            let made = Some(Made { code, base, ends: When::new(link.expires_at, now) });
            html(&LinksPage { made, ..page(&operator, &summary).await? })
        }
        Err(error) => {
            let refusal = Some(told(error)?);
            let page = LinksPage { refusal, ..page(&operator, &summary).await? };
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Takes a link back.
pub(crate) async fn revoke(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, link) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    operator.write(move |tx| guests::revoke(tx, &id, &link, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/guest-links?done=guest-link-revoked", summary.endpoint.slug)))
}
