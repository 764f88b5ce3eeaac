//! A page for everything that goes wrong, in plain words and with a way on.

use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use crate::{
    error::PageError,
    frame::Frame,
    pages::html_as,
};

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage {
    frame: Frame,
    title: &'static str,
    what: String,
    ways: Vec<(&'static str, &'static str)>,
    request_id: Option<String>,
}

/// The page of an error.
pub(crate) fn page(frame: Frame, error: &PageError, request_id: Option<String>) -> HttpResponse {
    let inside = frame.who.is_some();
    let ways = match error {
        PageError::SignIn { .. } => vec![("Sign in", "/admin/sign-in")],
        _ if inside => vec![("To the overview", "/admin/")],
        _ => vec![("To the console", "/admin/")],
    };
    let page = ErrorPage { frame, title: error.title(), what: error.sentence(), ways, request_id };
    html_as(error.status_code(), &page).unwrap_or_else(|_| HttpResponse::new(error.status_code()))
}
