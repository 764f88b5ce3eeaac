//! Pages for those who are not signed in: the one-use set-up link, and sign-in.

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use endpoint_store::{StoreError, Tx, audit, operators};
use zeroize::Zeroizing;

use super::sign_in_code;
use crate::{
    console::Console,
    error::PageError,
    forms::{Errors, Form, capitalise},
    frame::Frame,
    pages::{Answer, html, html_as, see, told},
    password,
    session::{self, Operator, Visitor, console_of},
};

/// `/` and `/admin` lead to the overview.
pub(crate) async fn home() -> HttpResponse {
    see("/admin/")
}

/// Every address of the console that no page has.
pub(crate) async fn nothing_here(request: HttpRequest) -> Answer {
    // Whoever is signed in stays so to the eye, too.
    if let Ok(Some(operator)) = Operator::find(&console_of(&request)?, &request, false).await {
        request.extensions_mut().insert(operator);
    }
    Err(PageError::not_found("No page has this address. It may be mistyped, or be of an older release."))
}

#[derive(Template)]
#[template(path = "pages/setup.html")]
struct SetUpPage {
    frame: Frame,
    code: String,
    /// For whom the link is; nobody, where it makes the first owner.
    invited: bool,
    name: String,
    errors: Errors,
}

/// What a link of `/setup/` is good for.
enum SetUp {
    FirstOwner,
    Password(operators::Operator),
}

impl SetUp {
    async fn of(console: &Console, code: &str, now: i64) -> Result<Self, PageError> {
        let code = code.to_owned();
        let found = console
            .store
            .read(move |conn| {
                if operators::is_setup_code(conn, &code, now)? {
                    return Ok(Some(Self::FirstOwner));
                }
                Ok(operators::of_link(conn, &code, now)?.map(Self::Password))
            })
            .await?;
        found.ok_or_else(|| {
            PageError::not_found(
                "This set-up link was used or has expired. If you have an account, sign in; otherwise ask whoever sent it for \
                 another. If there is no account at all, restart the server: it prints a new link",
            )
        })
    }

    /// The name that is set already.
    fn name(&self) -> Option<&str> {
        match self {
            Self::FirstOwner => None,
            Self::Password(account) => Some(&account.name),
        }
    }
}

/// The form for the first owner, behind the link that the server printed, or for an operator's own password.
pub(crate) async fn set_up(visitor: Visitor, code: web::Path<String>) -> Answer {
    let code = code.into_inner();
    let now = visitor.console().clock.now();
    let set_up = SetUp::of(visitor.console(), &code, now).await?;
    html(&SetUpPage {
        frame: visitor.frame,
        code,
        invited: set_up.name().is_some(),
        name: set_up.name().unwrap_or_default().to_owned(),
        errors: Errors::default(),
    })
}

/// Makes the first owner, or sets an operator's password, and signs them in.
pub(crate) async fn redeem(visitor: Visitor, code: web::Path<String>, form: Form) -> Answer {
    let code = code.into_inner();
    let console = visitor.console().clone();
    let now = console.clock.now();
    // Before the costly hash: whoever has no code gets no work done.
    let set_up = SetUp::of(&console, &code, now).await?;
    let invited = set_up.name().is_some();
    let name = set_up.name().unwrap_or_else(|| form.text("name")).to_owned();
    let mut errors = Errors::default();
    if name.is_empty() {
        errors.add("name", "say what you want to be called");
    }
    if let Err(wrong) = password::check(form.raw("password")) {
        errors.add("password", wrong);
    } else if form.raw("password") != form.raw("again") {
        errors.add("again", "the two passwords differ");
    }
    if errors.is_empty() {
        let hash = console.hasher.hash(Zeroizing::new(form.raw("password").to_owned())).await?;
        let (redeemed, owner, origin) = (code.clone(), name.clone(), visitor.origin.clone());
        let made = console.store.write(move |tx| {
            let account = if invited {
                operators::redeem_link(tx, &redeemed, &hash, &origin.address, now)?
            } else {
                operators::redeem_setup(tx, &redeemed, &owner, &hash, &origin.address, now)?
            };
            sign_in_code::pass(tx, &account, &origin, now)
        });
        let done = if invited { "set-up" } else { "welcome" };
        match made.await {
            Ok(passed) => {
                let next = format!("/admin/?done={done}");
                return sign_in_code::go_on(visitor.frame, passed, &next, console.cookies_secure);
            }
            Err(StoreError::Refused(sentence)) if invited => return Err(PageError::not_found(sentence)),
            Err(error) => errors.add("name", told(error)?),
        }
    }
    let page = SetUpPage { frame: visitor.frame, code, invited, name, errors };
    html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage {
    frame: Frame,
    name: String,
    next: String,
    reason: Option<&'static str>,
    refusal: Option<String>,
}

/// The sign-in form.
pub(crate) async fn sign_in(visitor: Visitor) -> Answer {
    let asked = |key: &str| {
        let mut pairs = form_urlencoded::parse(visitor.query.as_bytes());
        pairs.find_map(|(name, value)| (name == key).then(|| value.into_owned()))
    };
    let next = local(asked("next").as_deref().unwrap_or_default());
    let reason = match asked("out").as_deref() {
        Some("1") => Some("You are signed out."),
        Some("all") => Some("You are signed out in every browser."),
        _ if next != HOME => Some("To see that page. A session ends after an hour without a click."),
        _ => None,
    };
    html(&SignInPage { frame: visitor.frame, name: String::new(), next, reason, refusal: None })
}

/// Checks name and password. Wrong ones cost the same time whether the name exists or not.
pub(crate) async fn enter(visitor: Visitor, form: Form) -> Answer {
    let console = visitor.console().clone();
    let (name, address) = (form.text("name").to_owned(), visitor.origin.address.clone());
    let (now, next) = (console.clock.now(), local(form.raw("next")));
    let again = |status: StatusCode, sentence: String| {
        let (frame, name, next) = (visitor.frame.clone(), name.clone(), next.clone());
        html_as(status, &SignInPage { frame, name, next, reason: None, refusal: Some(capitalise(&sentence)) })
    };
    if let Err(wait) = console.backoff.admit(&name, &address, now) {
        return again(
            StatusCode::TOO_MANY_REQUESTS,
            format!("too many wrong passwords: wait {}, then try again", wait.words()),
        );
    }
    if form.raw("password").len() > 4 * password::MAX_LENGTH || name.chars().count() > 100 {
        return again(StatusCode::UNPROCESSABLE_ENTITY, "name and password do not fit together".into());
    }
    let wanted = name.clone();
    let found = console.store.read(move |conn| operators::with_password(conn, &wanted)).await?;
    let known = found.as_ref().map(|(account, _)| account.clone());
    let (account, hash) = found.filter(|(account, _)| account.disabled_at.is_none()).unzip();
    let right = console.hasher.verify(Zeroizing::new(form.raw("password").to_owned()), hash).await?;
    let Some(account) = account.filter(|_| right) else {
        tracing::warn!(%address, "a sign-in to the console failed");
        let note = move |tx: &mut Tx<'_>| {
            audit::sign_in_failed(tx, known.as_ref(), &address, now);
            Ok(())
        };
        console.store.write(note).await?;
        return again(StatusCode::UNPROCESSABLE_ENTITY, "name and password do not fit together".into());
    };
    if account.second_factor_since.is_none() {
        console.backoff.succeeded(&name, &address, now);
    } else {
        // Whoever knows the password must not guess codes without end.
        console.backoff.passed(&name, &address, now);
    }
    let origin = visitor.origin.clone();
    let passed = console.store.write(move |tx| sign_in_code::pass(tx, &account, &origin, now)).await?;
    sign_in_code::go_on(visitor.frame, passed, &next, console.cookies_secure)
}

/// Hands the session to the browser and leads on.
pub(crate) fn enter_with(secret: &str, next: &str, secure: bool) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    session::set_cookie(&mut response, secret, secure);
    response.insert_header((actix_web::http::header::LOCATION, next)).finish()
}

const HOME: &str = "/admin/";

/// Where to go after signing in: a page of this console, whatever the address says.
pub(crate) fn local(next: &str) -> String {
    let plain = next.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    // A form's address, or the sign-in page itself, is no place to come back to.
    let inside = next.starts_with(HOME) && !next.starts_with("/admin/sign-");
    // Somebody pasted a token into the address bar: it must not wander on.
    let plain = plain && scim_core::token::redact(next) == next;
    if plain && inside && next.len() <= 1000 { next.to_owned() } else { HOME.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn after_signing_in_one_stays_in_the_console() {
        assert_eq!(local("/admin/endpoints/a/users?q=b"), "/admin/endpoints/a/users?q=b");
        let token = scim_core::token::PlainToken::mint(&[7; 48]);
        assert_eq!(local(&format!("/admin/endpoints/{}", token.reveal())), "/admin/");
        for elsewhere in
            ["", "//evil.test", "https://evil.test/admin/", "/admin", "/\\evil.test", "/admin/\r\nX: y"]
        {
            assert_eq!(local(elsewhere), "/admin/");
        }
        assert_eq!(local("/admin/sign-out"), "/admin/");
    }
}
