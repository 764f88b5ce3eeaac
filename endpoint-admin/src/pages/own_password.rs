//! A new password of one's own, on the account's page.

use actix_web::http::StatusCode;
use endpoint_store::{Tx, audit, operators, sessions};
use zeroize::Zeroizing;

use super::{account, api_keys::KeysPart};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    pages::{Answer, html_as, see},
    password,
    session::Operator,
};

/// Sets it, when the former one was given. Every other session ends.
pub(crate) async fn change(operator: Operator, form: Form) -> Answer {
    let mut errors = Errors::default();
    if let Err(wrong) = password::check(form.raw("password")) {
        errors.add("password", wrong);
    } else if form.raw("password") != form.raw("again") {
        errors.add("again", "the two passwords differ");
    }
    if errors.is_empty()
        && let Some(sentence) = not_theirs(&operator, &form).await?
    {
        errors.add("current", sentence);
    }
    if !errors.is_empty() {
        let keys = KeysPart::of(&operator).await?;
        let page = account::page(&operator, keys).await?.with_password_errors(errors);
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let hash = operator.console().hasher.hash(Zeroizing::new(form.raw("password").to_owned())).await?;
    let (account, actor, now) = (operator.account().clone(), operator.actor(), operator.now());
    let secret = operator.secret().to_owned();
    let kept = sessions::digest(&secret);
    let set = move |tx: &mut Tx<'_>| {
        operators::change_password(tx, &account, &hash, &kept, &actor, now)?;
        sessions::check(tx, &secret, now)
    };
    operator.write(set).await?;
    Ok(see("/admin/account?done=password-changed"))
}

/// What to say when the present password is not the one that was given.
async fn not_theirs(operator: &Operator, form: &Form) -> Result<Option<String>, PageError> {
    let (console, now) = (operator.console(), operator.now());
    let name = operator.account().name.clone();
    if let Err(wait) = console.backoff.admit(&name, operator.address(), now) {
        return Ok(Some(format!("too many wrong ones: wait {}", wait.words())));
    }
    let wanted = name.clone();
    let found = operator.read(move |conn| operators::with_password(conn, &wanted)).await?;
    let given = Zeroizing::new(form.raw("current").to_owned());
    if console.hasher.verify(given, found.map(|(_, hash)| hash)).await? {
        console.backoff.succeeded(&name, operator.address(), now);
        return Ok(None);
    }
    let actor = operator.actor();
    let note = move |tx: &mut Tx<'_>| {
        audit::confirm_failed(tx, &actor, now);
        Ok(())
    };
    operator.write(note).await?;
    Ok(Some("that is not your present password".into()))
}
