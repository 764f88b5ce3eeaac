//! One request for somebody without an account, who was given a link: masked, so that it tells nobody's name or address.

use actix_web::web;
use askama::Template;
use endpoint_store::requests;

use super::request::Told;
use crate::{
    error::PageError,
    frame::{Frame, idp_name},
    pages::{Answer, html},
    session::Visitor,
    ui::When,
};

#[derive(Template)]
#[template(path = "pages/request_guest.html")]
struct RequestGuestPage {
    frame: Frame,
    name: String,
    idp: &'static str,
    told: Told,
    ends: When,
}

/// The page behind a link.
pub(crate) async fn show(visitor: Visitor, code: web::Path<String>) -> Answer {
    let (code, console) = (code.into_inner(), visitor.console().clone());
    let now = console.clock.now();
    let found = console.store.read(move |conn| requests::open_link(conn, &code, now)).await?;
    let opened = found.ok_or_else(closed)?;
    let endpoint = &opened.endpoint;
    let (request, bodies, told) = requests::shaped(endpoint, &opened.request, &opened.bodies);
    html(&RequestGuestPage {
        name: endpoint.name.clone(),
        idp: idp_name(endpoint.idp),
        told: Told::new(&request, &bodies, &told, now),
        ends: When::new(opened.link.expires_at, now),
        frame: visitor.frame,
    })
}

/// The same for every reason: the link is unknown, expired or revoked, or the log has forgotten its request.
fn closed() -> PageError {
    PageError::not_found(
        "This link shows nothing: it has expired, was revoked, or the request is no longer kept. Ask whoever sent it for another",
    )
}
