//! What is sensitive asks for the password again when it was last given a while ago.
//!
//! The act itself is carried on by the page that asks: its form goes to the same address with the same fields, and the
//! password with them. Nothing is kept on the server meanwhile, and nothing in an address.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::REFERER},
};
use askama::Template;
use endpoint_store::{Tx, audit, operators, second_factor, sessions};
use zeroize::Zeroizing;

use crate::{
    console::Console,
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Section},
    pages::{html_as, outside::local, told},
    session::Operator,
    ui::When,
};

/// For so long the password need not be given again, in milliseconds.
pub(crate) const FRESH: i64 = 10 * 60 * 1000;
/// The field of the password, and that of the second factor; no other form has one of these names.
const FIELD: &str = "your_password";
const CODE: &str = "your_code";

/// Whether a request goes on.
pub(crate) enum Verdict {
    /// To its handler.
    Pass,
    /// After the password was given on this page.
    Ask(HttpResponse),
}

#[derive(Template)]
#[template(path = "pages/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    action: String,
    fields: Vec<(String, String)>,
    second_factor: bool,
    given: When,
    back: String,
    errors: Errors,
}

/// Lets a form through when the password was given lately or comes with it.
pub(crate) async fn check(
    console: &Console,
    operator: &Operator,
    request: &HttpRequest,
    form: &mut Form,
) -> Result<Verdict, PageError> {
    let (given, code) = (form.take(FIELD), form.take(CODE));
    let (now, age) = (operator.now(), operator.now().saturating_sub(operator.checked_at()));
    if (0..FRESH).contains(&age) {
        return Ok(Verdict::Pass);
    }
    let ask = |status: StatusCode, errors: Errors| page(operator, request, form, errors, status);
    let Some(password) = given else { return ask(StatusCode::FORBIDDEN, Errors::default()) };
    let name = operator.account().name.clone();
    if let Err(wait) = console.backoff.admit(&name, operator.address(), now) {
        let errors = Errors::one("your_password", format!("too many wrong ones: wait {}", wait.words()));
        return ask(StatusCode::TOO_MANY_REQUESTS, errors);
    }
    if let Some(errors) = wrong(console, operator, password, code.unwrap_or_default()).await? {
        return ask(StatusCode::UNPROCESSABLE_ENTITY, errors);
    }
    console.backoff.succeeded(&name, operator.address(), now);
    let secret = operator.secret().to_owned();
    console.store.write(move |tx| sessions::check(tx, &secret, now)).await?;
    Ok(Verdict::Pass)
}

/// What was wrong with what was given, if anything.
async fn wrong(
    console: &Console,
    operator: &Operator,
    password: Zeroizing<String>,
    code: Zeroizing<String>,
) -> Result<Option<Errors>, PageError> {
    let (account, actor, now) = (operator.account().clone(), operator.actor(), operator.now());
    let wanted = account.name.clone();
    let found = console.store.read(move |conn| operators::with_password(conn, &wanted)).await?;
    if !console.hasher.verify(password, found.map(|(_, hash)| hash)).await? {
        let note = move |tx: &mut Tx<'_>| {
            audit::confirm_failed(tx, &actor, now);
            Ok(())
        };
        console.store.write(note).await?;
        return Ok(Some(Errors::one("your_password", "that is not your password")));
    }
    if account.second_factor_since.is_none() {
        return Ok(None);
    }
    let keyring = console.store.keyring().clone();
    let proven = console.store.write(move |tx| {
        let proof = second_factor::verify(tx, &keyring, &account, &code, &actor, now)?;
        if proof.is_none() {
            audit::confirm_failed(tx, &actor, now);
        }
        Ok(proof)
    });
    Ok(match proven.await {
        Ok(Some(_)) => None,
        Ok(None) => Some(Errors::one("your_code", "that code is not right, or was used before")),
        Err(error) => Some(Errors::one("your_code", told(error)?)),
    })
}

fn page(
    operator: &Operator,
    request: &HttpRequest,
    form: &Form,
    errors: Errors,
    status: StatusCode,
) -> Result<Verdict, PageError> {
    let from = request.headers().get(REFERER).and_then(|from| from.to_str().ok()).unwrap_or_default();
    let path = from.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    let page = ConfirmPage {
        frame: operator.frame(Section::Elsewhere),
        action: request.path().to_owned(),
        fields: form.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        second_factor: operator.account().second_factor_since.is_some(),
        given: When::new(operator.checked_at(), operator.now()),
        back: local(path.unwrap_or_default()),
        errors,
    };
    Ok(Verdict::Ask(html_as(status, &page)?))
}
