//! One's own second factor: set up with an authenticator app, recovery codes, and its end.

use actix_web::http::StatusCode;
use askama::Template;
use endpoint_store::{
    sealed::SecretBytes,
    second_factor::{self, RecoveryCodes, secret_text, uri},
};

use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Section},
    pages::{Answer, html, html_as, see},
    session::Operator,
    ui::Qr,
};

/// What the app calls this console.
const ISSUER: &str = "SCIM endpoints";

#[derive(Template)]
#[template(path = "pages/second_factor.html")]
struct EnrolPage {
    frame: Frame,
    qr: Qr,
    secret: String,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "pages/recovery_codes.html")]
struct CodesPage {
    frame: Frame,
    codes: RecoveryCodes,
    fresh: bool,
}

fn enrol(operator: &Operator, secret: &SecretBytes, errors: Errors, status: StatusCode) -> Answer {
    let uri = uri(ISSUER, &operator.account().name, secret.reveal());
    let grouped = secret_text(secret.reveal());
    let groups: Vec<&str> = (0..grouped.len()).step_by(4).filter_map(|at| grouped.get(at..at + 4)).collect();
    let page = EnrolPage {
        frame: operator.frame(Section::Account),
        qr: Qr::of(&uri).ok_or_else(|| PageError::internal("the name does not fit into a QR code"))?,
        secret: groups.join(" "),
        errors,
    };
    html_as(status, &page)
}

/// Makes a secret and shows it: as a picture for the app, and as text.
pub(crate) async fn begin(operator: Operator) -> Answer {
    let (account, keyring) = (operator.account().clone(), operator.store().keyring().clone());
    let secret = operator.write(move |tx| second_factor::begin(tx, &keyring, &account)).await?;
    enrol(&operator, &secret, Errors::default(), StatusCode::OK)
}

/// Makes it count, when the app shows the right code, and shows the recovery codes.
pub(crate) async fn confirm(operator: Operator, form: Form) -> Answer {
    let (account, keyring) = (operator.account().clone(), operator.store().keyring().clone());
    let (code, actor, now) = (form.text("code").to_owned(), operator.actor(), operator.now());
    let (who, ring) = (account.clone(), keyring.clone());
    let confirmed = operator.write(move |tx| second_factor::confirm(tx, &ring, &who, &code, &actor, now));
    if let Some(codes) = confirmed.await? {
        return html(&CodesPage { frame: operator.frame(Section::Account), codes, fresh: true });
    }
    let secret = operator.read(move |conn| second_factor::pending(conn, &keyring, &account)).await?;
    let errors = Errors::one(
        "code",
        "that is not the code that belongs to this moment; look at the clock of the device, and type the next one",
    );
    enrol(&operator, &secret, errors, StatusCode::UNPROCESSABLE_ENTITY)
}

/// Makes new recovery codes and shows them; the former ones end.
pub(crate) async fn codes(operator: Operator) -> Answer {
    let (account, actor, now) = (operator.account().clone(), operator.actor(), operator.now());
    let codes = operator.write(move |tx| second_factor::new_codes(tx, &account, &actor, now)).await?;
    html(&CodesPage { frame: operator.frame(Section::Account), codes, fresh: false })
}

/// Removes it.
pub(crate) async fn remove(operator: Operator) -> Answer {
    let (account, actor, now) = (operator.account().clone(), operator.actor(), operator.now());
    operator.write(move |tx| second_factor::remove(tx, &account, &actor, now)).await?;
    Ok(see("/admin/account?done=second-factor-off"))
}
