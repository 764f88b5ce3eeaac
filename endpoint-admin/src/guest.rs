//! Guests: a session of its own kind, made by opening a set-up link, that reaches one endpoint's pages below `/guest` and
//! nothing else. It has another cookie than operators, sent to those pages only.

use std::future::{Ready, ready};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponseBuilder, dev::Payload, http::header::SET_COOKIE,
};
use endpoint_store::guests;

use crate::{
    console::Console,
    error::PageError,
    frame::{Theme, cookie},
    session::Origin,
};

fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Secure-scim_guest" } else { "scim_guest" }
}

/// Hands the secret to the browser, until the link ends.
pub(crate) fn set_cookie(response: &mut HttpResponseBuilder, secret: &str, seconds: i64, secure: bool) {
    let (name, guard) = (cookie_name(secure), if secure { "; Secure" } else { "" });
    response.append_header((
        SET_COOKIE,
        format!("{name}={secret}; Path=/guest; Max-Age={seconds}; HttpOnly; SameSite=Lax{guard}"),
    ));
}

/// A guest who opened a link. Only the gate makes one.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) console: Console,
    pub(crate) inner: guests::Guest,
    pub(crate) address: String,
    pub(crate) theme: Theme,
    pub(crate) now: i64,
}

impl Guest {
    /// The guest behind a request.
    ///
    /// # Errors
    /// [`PageError::NotFound`] without a session, or when its link has ended: the same for every reason.
    pub(crate) async fn find(console: &Console, request: &HttpRequest) -> Result<Self, PageError> {
        let secret = cookie(request.headers(), cookie_name(console.cookies_secure));
        let secret = secret.filter(|secret| secret.len() == 64).map(str::to_owned);
        let now = console.clock.now();
        let found = match secret {
            Some(secret) => console.store.read(move |conn| guests::find(conn, &secret, now)).await?,
            None => None,
        };
        let inner = found.ok_or_else(closed)?;
        Ok(Self {
            console: console.clone(),
            inner,
            address: Origin::of(request).address,
            theme: Theme::of(request.headers()),
            now,
        })
    }
}

/// What everybody is told for whom nothing is open here.
pub(crate) fn closed() -> PageError {
    PageError::not_found(
        "No set-up link is open in this browser. A link works once, in the browser that opened it first, until it ends or is \
         revoked; ask whoever sent it for another",
    )
}

impl FromRequest for Guest {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.ok_or_else(|| PageError::internal("a page for guests is not listed as one")))
    }
}
