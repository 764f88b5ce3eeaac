//! One's own account: who one is, the session, light or dark, and the way out.

use actix_web::{HttpResponse, http::header::{LOCATION, SET_COOKIE}};
use askama::Template;
use endpoint_store::{operators::Role, sessions};

use crate::{
    error::PageError,
    forms::Form,
    frame::{Frame, Section, THEME_COOKIE, Theme},
    pages::{Answer, html, outside::local},
    session::{self, Operator},
};

#[derive(Template)]
#[template(path = "pages/account.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    role: &'static str,
    may: &'static str,
}

/// The page.
pub(crate) async fn show(operator: Operator) -> Answer {
    let (role, may) = match operator.role() {
        Role::Owner => ("Owner", "may do everything"),
        Role::Admin => ("Admin", "may do everything but manage owners"),
        Role::Operator => ("Operator", "manages endpoints, tokens and directories"),
        Role::Auditor => ("Auditor", "reads everything and changes nothing"),
    };
    html(&AccountPage { frame: operator.frame(Section::Account), name: operator.account().name.clone(), role, may })
}

/// Ends this session.
pub(crate) async fn sign_out(operator: Operator) -> Answer {
    let secret = operator.secret().to_owned();
    operator.write(move |tx| sessions::end(tx, &secret)).await?;
    Ok(outside("/admin/sign-in?out=1", &operator))
}

/// Ends every session of whoever asks.
pub(crate) async fn sign_out_everywhere(operator: Operator) -> Answer {
    let account = operator.account().clone();
    operator.write(move |tx| sessions::end_all(tx, &account)).await?;
    Ok(outside("/admin/sign-in?out=all", &operator))
}

fn outside(path: &str, operator: &Operator) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    session::clear_cookie(&mut response, operator.cookies_secure());
    response.insert_header((LOCATION, path)).finish()
}

/// Keeps the choice of light or dark in a cookie for a year.
pub(crate) async fn theme(operator: Operator, form: Form) -> Result<HttpResponse, PageError> {
    let theme = Theme::parse(form.text("theme"));
    let guard = if operator.cookies_secure() { "; Secure" } else { "" };
    let cookie =
        format!("{THEME_COOKIE}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax{guard}", theme.name());
    Ok(HttpResponse::SeeOther()
        .insert_header((SET_COOKIE, cookie))
        .insert_header((LOCATION, local(form.raw("back"))))
        .finish())
}
