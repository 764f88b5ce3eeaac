//! What a guest sees: how to connect one endpoint, what has arrived there, and one token, if the link allows it.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use endpoint_store::{
    StoreError, guests,
    requests::{self, Filter, Line, Request},
};

use super::{
    connect::{self, Seen},
    failures::Failure,
    progress::Progress,
    request_state::Row,
    tokens::{Issued, public_id},
};
use crate::{
    error::PageError,
    forms::Form,
    frame::{Frame, idp_name},
    guest::{self, Guest, closed},
    guides::Guide,
    pages::{Answer, html, told},
    session::{Visitor, random},
    ui::When,
};

/// Requests that a guest sees.
const REQUESTS: usize = 10;

#[derive(Template)]
#[template(path = "pages/guest_open.html")]
struct OpenPage {
    frame: Frame,
    code: String,
    name: String,
}

/// The page behind a link. Nothing is bound by looking: programs that check links in mails do that, too.
pub(crate) async fn door(visitor: Visitor, code: web::Path<String>) -> Answer {
    let (code, console) = (code.into_inner(), visitor.console().clone());
    let (asked, now) = (code.clone(), console.clock.now());
    let found = console.store.read(move |conn| guests::unopened(conn, &asked, now)).await?;
    let endpoint = found.ok_or_else(closed)?;
    html(&OpenPage { frame: visitor.frame, code, name: endpoint.name })
}

/// Binds the link to this browser.
pub(crate) async fn open(visitor: Visitor, code: web::Path<String>) -> Answer {
    let (code, console) = (code.into_inner(), visitor.console().clone());
    let (secret, csrf, now) = (random(), random(), console.clock.now());
    let (kept, address) = (secret.clone(), visitor.origin.address.clone());
    let opened = console.store.write(move |tx| guests::open(tx, &code, (&kept, &csrf), &address, now));
    let ends = match opened.await {
        Ok(ends) => ends,
        Err(StoreError::Refused(sentence)) => return Err(PageError::not_found(sentence)),
        Err(other) => return Err(other.into()),
    };
    let mut response = HttpResponse::SeeOther();
    guest::set_cookie(&mut response, &secret, (ends - now) / 1000, console.cookies_secure);
    Ok(response.insert_header((LOCATION, "/guest/")).finish())
}

#[derive(Template)]
#[template(path = "pages/guest.html")]
struct GuestPage {
    frame: Frame,
    name: String,
    idp: &'static str,
    base_url: String,
    guide: Guide,
    progress: Progress,
    issued: Option<Issued>,
    token: Option<String>,
    may_issue: bool,
    csrf: String,
    ends: When,
    used: Option<(When, String)>,
    requests: Vec<Row>,
    refusal: Option<String>,
}

#[derive(Template)]
#[template(path = "partials/progress.html")]
struct ProgressPart {
    progress: Progress,
}

/// What the guest may know of the traffic: nothing of other endpoints, and no paths with ids of people in them.
async fn seen(guest: &Guest) -> Result<(Progress, Seen), PageError> {
    let (endpoint, now) = (guest.inner.endpoint.clone(), guest.now);
    let id = endpoint.id.clone();
    let nobody = |_: &endpoint_store::Endpoint| false;
    let seen = guest.console.store.read(move |conn| connect::seen(conn, &id, &nobody, now)).await?;
    let base = guest.console.public_url.scim_base(&endpoint.slug);
    let mut progress = connect::arrived(&endpoint, &base, &seen, now);
    progress.failures.iter_mut().for_each(mask);
    Ok((progress, seen))
}

/// The request without what stands behind the type of resource: an id, a name in a filter.
fn mask(failure: &mut Failure) {
    let (method, path) = failure.request.split_once(' ').unwrap_or(("", &failure.request));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let kept: Vec<&str> = path.split('/').take(5).collect();
    let more = if path.split('/').count() > 5 || failure.request.contains('?') { "…" } else { "" };
    failure.request = format!("{method} {}{more}", kept.join("/")).trim().to_owned();
}

/// The last requests, masked: what was asked and how it ended, and of whom no more than the shape of a name.
async fn last(guest: &Guest) -> Result<Vec<Row>, PageError> {
    let (endpoint, now) = (guest.inner.endpoint.clone(), guest.now);
    let read = move |conn: &mut endpoint_store::Conn| {
        let found = requests::page(conn, &endpoint.id, &Filter::default(), None, REQUESTS)?.requests;
        let ids: Vec<&str> = found.iter().map(|request| request.id.as_str()).collect();
        let bodies = requests::bodies(conn, &endpoint.id, &ids)?;
        let masked = |request: &Request| {
            let bodies = bodies.get(&request.id).cloned().unwrap_or_default();
            let (request, _, told) = requests::shaped(&endpoint, request, &bodies);
            Row::new(Line { request, asked: told.asked, outcome: told.outcome, end: told.end }, now)
        };
        Ok(found.iter().map(masked).collect())
    };
    Ok(guest.console.store.read(read).await?)
}

async fn page(
    guest: &Guest,
    issued: Option<Issued>,
    refusal: Option<String>,
) -> Result<GuestPage, PageError> {
    let (progress, seen) = seen(guest).await?;
    let endpoint = &guest.inner.endpoint;
    let public_url = &guest.console.public_url;
    let used = seen.tokens.iter().filter_map(|token| token.last_used.as_ref()).max_by_key(|used| used.at);
    Ok(GuestPage {
        frame: Frame { theme: guest.theme, ..Frame::default() },
        name: endpoint.name.clone(),
        idp: idp_name(endpoint.idp),
        guide: Guide::at(public_url, endpoint)?,
        base_url: public_url.scim_base(&endpoint.slug),
        progress,
        token: guest.inner.link.token_id.as_deref().map(public_id),
        may_issue: guest.inner.may_issue(),
        csrf: guest.inner.csrf.clone(),
        ends: When::new(guest.inner.link.expires_at, guest.now),
        requests: last(guest).await?,
        used: used.map(|used| (When::new(used.at, guest.now), used.address.clone())),
        issued,
        refusal,
    })
}

/// The page.
pub(crate) async fn show(guest: Guest) -> Answer {
    html(&page(&guest, None, None).await?)
}

/// The list that ticks.
pub(crate) async fn progress(guest: Guest) -> Answer {
    html(&ProgressPart { progress: seen(&guest).await?.0 })
}

/// Issues the one token of the link and shows it, in the answer to the form itself.
pub(crate) async fn issue(guest: Guest, _form: Form) -> Answer {
    let (inner, address, now) = (guest.inner.clone(), guest.address.clone(), guest.now);
    let issued = guest.console.store.write(move |tx| guests::issue_token(tx, &inner, &address, now)).await;
    match issued {
        Ok(issued) => html(&page(&guest, Some(Issued::new(issued, now)), None).await?),
        Err(error) => {
            let refusal = Some(told(error)?);
            crate::pages::html_as(actix_web::http::StatusCode::CONFLICT, &page(&guest, None, refusal).await?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, mask};
    use crate::ui::When;

    #[test]
    fn requests_are_shown_without_who_they_are_about() {
        let masked = |request: &str| {
            let mut failure = Failure {
                what: String::new(),
                fix: String::new(),
                times: String::new(),
                last: When::new(0, 0),
                address: String::new(),
                agent: String::new(),
                request: request.to_owned(),
            };
            mask(&mut failure);
            failure.request
        };
        assert_eq!(masked("GET /scim/acme/v2/Users/4711/x"), "GET /scim/acme/v2/Users…");
        assert_eq!(masked("GET /scim/acme/v2/Users?filter=userName"), "GET /scim/acme/v2/Users…");
        assert_eq!(masked("POST /scim/acme/v2/Users"), "POST /scim/acme/v2/Users");
    }
}
