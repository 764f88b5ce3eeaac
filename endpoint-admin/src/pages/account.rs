//! One's own account: who one is, the session, light or dark, and the way out.

use actix_web::{
    HttpResponse,
    http::header::{LOCATION, SET_COOKIE},
};
use askama::Template;
use endpoint_store::{
    second_factor,
    sessions::{self, OpenSession},
};

use super::{
    api_keys::KeysPart,
    operators::{role_sentence, role_word},
};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Section, THEME_COOKIE, Theme},
    pages::{Answer, html, outside::local, see},
    session::{self, Operator},
    ui::When,
};

/// A session, one's own or another's.
pub(crate) struct SessionRow {
    pub(crate) handle: String,
    pub(crate) browser: String,
    pub(crate) agent: String,
    pub(crate) address: String,
    pub(crate) opened: When,
    pub(crate) seen: When,
    pub(crate) ends: When,
    pub(crate) is_this: bool,
}

impl SessionRow {
    /// As it is at `now`.
    pub(crate) fn new(open: OpenSession, now: i64) -> Self {
        let ends =
            (open.created_at + session::LIFETIME.absolute).min(open.last_seen_at + session::LIFETIME.idle);
        Self {
            browser: browser(&open.agent),
            agent: open.agent,
            address: open.address,
            opened: When::new(open.created_at, now),
            seen: When::new(open.last_seen_at, now),
            ends: When::new(ends, now),
            is_this: open.is_this,
            handle: open.handle,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/account.html")]
pub(crate) struct AccountPage {
    frame: Frame,
    keys: KeysPart,
    name: String,
    role: &'static str,
    may: String,
    sessions: Vec<SessionRow>,
    second_factor: Option<When>,
    codes_left: i64,
    password_errors: Errors,
}

impl AccountPage {
    /// The same with what was wrong with a new password.
    pub(crate) fn with_password_errors(self, password_errors: Errors) -> Self {
        Self { password_errors, ..self }
    }
}

/// The page.
pub(crate) async fn show(operator: Operator) -> Answer {
    let keys = KeysPart::of(&operator).await?;
    html(&page(&operator, keys).await?)
}

/// The page with this part about keys.
pub(crate) async fn page(operator: &Operator, keys: KeysPart) -> Result<AccountPage, PageError> {
    let (role, may) = (role_word(operator.role()), role_sentence(operator.role()));
    let (account, secret, now) = (operator.account().clone(), operator.secret().to_owned(), operator.now());
    let (open, codes_left) = operator
        .read(move |conn| {
            let open = sessions::list(conn, &account, &secret, session::LIFETIME, now)?;
            Ok((open, second_factor::codes_left(conn, &account)?))
        })
        .await?;
    Ok(AccountPage {
        keys,
        sessions: open.into_iter().map(|open| SessionRow::new(open, now)).collect(),
        frame: operator.frame(Section::Account),
        name: operator.account().name.clone(),
        role,
        may,
        second_factor: When::maybe(operator.account().second_factor_since, now),
        codes_left,
        password_errors: Errors::default(),
    })
}

/// Ends this session.
pub(crate) async fn sign_out(operator: Operator) -> Answer {
    let secret = operator.secret().to_owned();
    operator.write(move |tx| sessions::end(tx, &secret)).await?;
    Ok(outside("/admin/sign-in?out=1", &operator))
}

/// Ends one of one's own sessions, in another browser or in this one.
pub(crate) async fn end_session(operator: Operator, form: Form) -> Answer {
    let (account, secret, now) = (operator.account().clone(), operator.secret().to_owned(), operator.now());
    let (handle, actor) = (form.text("session").to_owned(), operator.actor());
    let own = operator
        .write(move |tx| {
            let open = sessions::list(tx, &account, &secret, session::LIFETIME, now)?;
            sessions::end_by_handle(tx, &account, &handle, &actor, now)?;
            Ok(open.iter().any(|open| open.is_this && open.handle == handle))
        })
        .await?;
    if own {
        Ok(outside("/admin/sign-in?out=1", &operator))
    } else {
        Ok(see("/admin/account?done=session-ended"))
    }
}

/// Ends every session of whoever asks.
pub(crate) async fn sign_out_everywhere(operator: Operator) -> Answer {
    let (account, actor, now) = (operator.account().clone(), operator.actor(), operator.now());
    operator.write(move |tx| sessions::end_all(tx, &account, &actor, now)).await?;
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

/// A browser in words, as far as it says what it is: `Firefox on Windows`.
fn browser(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let name = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "A browser that does not say its name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_named() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!(browser(edge), "Edge on Windows");
        assert_eq!(
            browser("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"),
            "Firefox on Linux"
        );
        assert_eq!(browser(""), "A browser that does not say its name");
    }
}
