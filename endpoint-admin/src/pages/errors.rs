//! A page for everything that goes wrong, in plain words and with a way on.

use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use crate::{error::PageError, frame::Frame, pages::html_as};

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage {
    frame: Frame,
    title: &'static str,
    what: String,
    /// The status, for whoever tells somebody else.
    status: u16,
    ways: Vec<(&'static str, &'static str)>,
    request_id: Option<String>,
}

/// The page of an error; `is_guest`: on a page for guests, who have no console.
pub(crate) fn page(
    frame: Frame,
    error: &PageError,
    is_guest: bool,
    request_id: Option<String>,
) -> HttpResponse {
    let inside = frame.who.is_some();
    let ways = match error {
        PageError::SignIn { .. } => vec![("Sign in", "/admin/sign-in")],
        PageError::NotFound(_) if inside => {
            vec![("To the overview", "/admin/"), ("Look in the bin", "/admin/bin")]
        }
        PageError::Forbidden(_) if inside => {
            vec![("To the overview", "/admin/"), ("Your account", "/admin/account")]
        }
        _ if inside => vec![("To the overview", "/admin/")],
        // A guest has no console to go to.
        _ if is_guest => Vec::new(),
        _ => vec![("Sign in to the console", "/admin/")],
    };
    let status = error.status_code().as_u16();
    let page = ErrorPage { frame, title: error.title(), what: error.sentence(), status, ways, request_id };
    html_as(error.status_code(), &page).unwrap_or_else(|_| HttpResponse::new(error.status_code()))
}
