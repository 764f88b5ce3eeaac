//! The second step of signing in, for operators with a second factor.
//!
//! Whoever gave the right password gets the random key of this step in the form, good for five minutes. A session there is
//! none before the code was right.

use actix_web::http::StatusCode;
use askama::Template;
use endpoint_store::{
    StoreError, Tx, audit,
    operators::Operator as Account,
    second_factor::{self, Proof},
    sessions,
};

use super::outside::{enter_with, local};
use crate::{
    error::PageError,
    forms::{Form, capitalise},
    frame::Frame,
    pages::{Answer, html, html_as},
    session::{self, Origin, Visitor, random},
};

#[derive(Template)]
#[template(path = "pages/sign_in_code.html")]
struct CodePage {
    frame: Frame,
    step: String,
    next: String,
    refusal: Option<String>,
}

/// What the right password leads to.
pub(crate) enum Passed {
    /// A session, with its secret.
    Session(String),
    /// The question for the second factor, with the key of this step.
    Step(String),
}

/// After the right password.
pub(crate) fn pass(
    tx: &mut Tx<'_>,
    account: &Account,
    origin: &Origin,
    now: i64,
) -> Result<Passed, StoreError> {
    if account.second_factor_since.is_none() {
        return session::open(tx, account, origin, now).map(Passed::Session);
    }
    let step = random();
    sessions::begin_step(tx, account, &step, now)?;
    Ok(Passed::Step(step))
}

/// Into the console, or to the question.
pub(crate) fn go_on(frame: Frame, passed: Passed, next: &str, secure: bool) -> Answer {
    match passed {
        Passed::Session(secret) => Ok(enter_with(&secret, next, secure)),
        Passed::Step(step) => html(&CodePage { frame, step, next: next.to_owned(), refusal: None }),
    }
}

/// Checks the code.
pub(crate) async fn enter(visitor: Visitor, form: Form) -> Answer {
    let console = visitor.console().clone();
    let (now, address) = (console.clock.now(), visitor.origin.address.clone());
    let (step, next) = (form.text("step").to_owned(), local(form.raw("next")));
    let asked = step.clone();
    let found = console.store.read(move |conn| sessions::step(conn, &asked, now)).await?;
    let account = found.ok_or(PageError::SignIn { next: Some(next.clone()) })?;
    let again = |status: StatusCode, sentence: &str| {
        let refusal = Some(capitalise(sentence));
        let (frame, step, next) = (visitor.frame.clone(), step.clone(), next.clone());
        html_as(status, &CodePage { frame, step, next, refusal })
    };
    if let Err(wait) = console.backoff.admit(&account.name, &address, now) {
        let sentence = format!("too many wrong codes: wait {}, then try again", wait.words());
        return again(StatusCode::TOO_MANY_REQUESTS, &sentence);
    }
    let (origin, keyring) = (visitor.origin.clone(), console.store.keyring().clone());
    let (own, name, code) = (step.clone(), account.name.clone(), form.text("code").to_owned());
    let entered = console.store.write(move |tx| {
        let actor = account.actor().at(&origin.address);
        // Of two that use one step at once, one finds it used up.
        match second_factor::verify(tx, &keyring, &account, &code, &actor, now)? {
            Some(proof) if sessions::end_step(tx, &own)? => {
                Ok(Some((proof, session::open(tx, &account, &origin, now)?)))
            }
            _ => {
                audit::sign_in_failed(tx, Some(&account), &origin.address, now);
                Ok(None)
            }
        }
    });
    match entered.await {
        Ok(Some((proof, secret))) => {
            console.backoff.succeeded(&name, &address, now);
            let next = if proof == Proof::App { next.as_str() } else { "/admin/account?done=recovery" };
            Ok(enter_with(&secret, next, console.cookies_secure))
        }
        Ok(None) => {
            tracing::warn!(%address, "a sign-in to the console failed at the second factor");
            let sentence = "that code is not right, or was used before; wait for the next one";
            again(StatusCode::UNPROCESSABLE_ENTITY, sentence)
        }
        Err(StoreError::Refused(sentence)) => again(StatusCode::CONFLICT, &sentence),
        Err(other) => Err(other.into()),
    }
}
