//! One's own API keys, on the account's page: which there are, issuing, and revoking.

use actix_web::http::StatusCode;
use endpoint_store::{
    StoreError,
    api_keys::{self, KeyRecord, MAX_LIVE, NewKey},
    tokens::Networks,
};
use scim_core::token::PlainKey;

use super::{account, token_form, tokens::shown};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    pages::{Answer, Choice, html, html_as, see, told},
    session::Operator,
    ui::{Days, Num, State, When},
};

/// A line of the list.
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) public: String,
    pub(crate) state: State,
    pub(crate) live: bool,
    pub(crate) made: When,
    pub(crate) expires: Option<(When, Days)>,
    pub(crate) used: Option<(When, String)>,
    pub(crate) requests: Num,
}

impl KeyRow {
    fn new(key: KeyRecord, now: i64) -> Self {
        let state = key.state(now);
        Self {
            public: format!("scimkey_{}_…", key.id),
            id: key.id,
            label: key.label,
            state: shown(state),
            live: state.is_live(),
            made: When::new(key.created_at, now),
            expires: key.expires_at.map(|at| (When::new(at, now), Days::until(at, now))),
            used: key.last_used.map(|used| (When::new(used.at, now), used.address)),
            requests: Num::of(key.requests),
        }
    }
}

/// A key that was issued by this very request: the only time its secret is shown.
pub(crate) struct IssuedKey {
    key: PlainKey,
    pub(crate) label: String,
}

impl IssuedKey {
    /// The secret, for the page.
    pub(crate) fn secret(&self) -> &str {
        self.key.reveal()
    }
}

/// The keys' part of the account's page.
pub(crate) struct KeysPart {
    pub(crate) issued: Option<IssuedKey>,
    pub(crate) live: Vec<KeyRow>,
    pub(crate) retired: Vec<KeyRow>,
    pub(crate) limit: usize,
    pub(crate) request_key: String,
    pub(crate) label: String,
    pub(crate) expiries: Vec<Choice>,
    pub(crate) errors: Errors,
}

impl KeysPart {
    /// As it is now, with an empty form.
    pub(crate) async fn of(operator: &Operator) -> Result<Self, PageError> {
        let (account, now) = (operator.account().clone(), operator.now());
        let all = operator.read(move |conn| api_keys::list(conn, &account)).await?;
        let (live, retired) = all.into_iter().map(|key| KeyRow::new(key, now)).partition(|row| row.live);
        Ok(Self {
            issued: None,
            live,
            retired,
            limit: MAX_LIVE,
            request_key: token_form::request_key(),
            label: String::new(),
            expiries: token_form::expiries(""),
            errors: Errors::default(),
        })
    }

    /// The form as it was sent, to be corrected.
    async fn again(operator: &Operator, form: &Form, errors: Errors) -> Result<Self, PageError> {
        let expiries = token_form::expiries(form.text("expires"));
        Ok(Self { label: form.text("label").to_owned(), expiries, errors, ..Self::of(operator).await? })
    }
}

/// Issues a key and shows it, in the answer to the form itself: it is kept nowhere to be shown later.
pub(crate) async fn issue(operator: Operator, form: Form) -> Answer {
    if form.text("label").is_empty() {
        let errors = Errors::one("label", "say what the key is for");
        return refused(&operator, &form, errors).await;
    }
    let (account, actor, now) = (operator.account().clone(), operator.actor(), operator.now());
    let wanted = token_form::wanted(&form, form.text("label"), Networks::default(), now);
    let new = NewKey { label: wanted.label, expires_at: wanted.expires_at, request_key: wanted.request_key };
    match operator.write(move |tx| api_keys::issue(tx, &account, &new, &actor, now)).await {
        Ok((key, record)) => {
            let issued = Some(IssuedKey { key, label: record.label });
            let keys = KeysPart { issued, ..KeysPart::of(&operator).await? };
            html(&account::page(&operator, keys).await?)
        }
        Err(error) => {
            let errors = Errors::one("label", told(error)?);
            refused(&operator, &form, errors).await
        }
    }
}

async fn refused(operator: &Operator, form: &Form, errors: Errors) -> Answer {
    let keys = KeysPart::again(operator, form, errors).await?;
    html_as(StatusCode::UNPROCESSABLE_ENTITY, &account::page(operator, keys).await?)
}

/// Revokes one of one's own keys.
pub(crate) async fn revoke(operator: Operator, form: Form) -> Answer {
    let (account, actor, now) = (operator.account().clone(), operator.actor(), operator.now());
    let key = form.text("key").to_owned();
    match operator.write(move |tx| api_keys::revoke(tx, &account, &key, &actor, now)).await {
        // Revoked before: it is as it is wanted.
        Ok(_) | Err(StoreError::Refused(_)) => Ok(see("/admin/account?done=key-revoked")),
        Err(other) => Err(other.into()),
    }
}
