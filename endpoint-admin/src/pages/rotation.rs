//! Replacing a token without fear: issue, watch who uses which, and let the old one retire when nobody does.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    EndpointId, Millis, StoreError, Tx,
    endpoints::EndpointSummary,
    rotation::{self, Plan, Rotated},
    tokens::{self, Consent, Kind, MAX_LIVE, TokenRecord, TokenState},
    usage::{self, Refusal},
};

use super::{
    rotation_watch::Watch,
    token_form::{self, request_key},
    tokens::{Issued, TokenRow, sent_before},
};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    guides::Guide,
    pages::{Answer, Choice, html, html_as, see, told},
    session::Operator,
};

const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;
/// Quiet times to choose from.
const QUIET: [(&str, &str, Millis); 5] = [
    ("1", "1 hour", HOUR),
    ("24", "24 hours", DAY),
    ("72", "3 days", 3 * DAY),
    ("168", "7 days", 7 * DAY),
    ("720", "30 days", 30 * DAY),
];
const USUAL_QUIET: &str = "24";
/// Final dates to choose from, in days.
const FINAL: [(&str, &str, Option<i64>); 4] = [
    ("never", "no: only when nobody uses it any more", None),
    ("7", "in 7 days", Some(7)),
    ("30", "in 30 days", Some(30)),
    ("90", "in 90 days", Some(90)),
];

/// What the form shows.
pub(crate) struct RotateForm {
    pub(crate) request_key: String,
    pub(crate) label: String,
    pub(crate) quiet: Vec<Choice>,
    pub(crate) finals: Vec<Choice>,
    pub(crate) errors: Errors,
}

impl RotateForm {
    fn new() -> Self {
        Self::again(&Form::default(), Errors::default())
    }

    fn again(form: &Form, errors: Errors) -> Self {
        let known = |chosen: &str| QUIET.iter().any(|(value, ..)| *value == chosen);
        let quiet = if known(form.text("quiet")) { form.text("quiet") } else { USUAL_QUIET };
        let date = FINAL.iter().find(|(value, ..)| *value == form.text("final"));
        let date = date.map_or("never", |(value, ..)| *value);
        Self {
            request_key: request_key(),
            label: form.text("label").to_owned(),
            quiet: QUIET.iter().map(|(value, label, _)| Choice::new(value, *label, "", quiet)).collect(),
            finals: FINAL.iter().map(|(value, label, _)| Choice::new(value, *label, "", date)).collect(),
            errors,
        }
    }

    fn plan(form: &Form, token: String, now: Millis) -> Plan {
        let quiet = QUIET.iter().find(|(value, ..)| *value == form.text("quiet"));
        let date = FINAL.iter().find(|(value, ..)| *value == form.text("final"));
        Plan {
            token: Some(token),
            label: form.text("label").to_owned(),
            quiet_for: quiet.map_or(rotation::QUIET, |(.., length)| *length),
            retire_at: date.and_then(|(.., days)| *days).map(|days| now + days * DAY),
            request_key: token_form::sent_key(form),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/rotate.html")]
struct RotatePage {
    frame: Frame,
    head: Head,
    token: TokenRow,
    full: bool,
    limit: usize,
    form: RotateForm,
}

#[derive(Template)]
#[template(path = "pages/rotation.html")]
struct RotationPage {
    frame: Frame,
    head: Head,
    issued: Option<Issued>,
    token_name: &'static str,
    exchange: Vec<String>,
    /// Where clients of OAuth get access tokens.
    token_url: String,
    watch: Watch,
    /// Its label must be typed to retire it now.
    busy: bool,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "pages/rotation_progress.html")]
struct Fragment {
    watch: Watch,
}

#[derive(Template)]
#[template(path = "pages/rotation_over.html")]
struct Over;

/// The tokens of an endpoint and what was turned away.
struct Known {
    tokens: Vec<TokenRecord>,
    refusals: Vec<Refusal>,
}

impl Known {
    async fn read(operator: &Operator, summary: &EndpointSummary) -> Result<Self, PageError> {
        let id = summary.endpoint.id.clone();
        operator
            .read(move |conn| {
                let (tokens, refusals) = (tokens::list(conn, &id)?, usage::refusals(conn, &id, 100)?);
                Ok(Self { tokens, refusals })
            })
            .await
    }

    fn token(&self, id: &str) -> Result<&TokenRecord, PageError> {
        let found = self.tokens.iter().find(|token| token.id == id);
        found.ok_or_else(|| PageError::not_found("This endpoint has no such token."))
    }

    fn watch(&self, old: &TokenRecord, head: &Head, now: Millis) -> Watch {
        let successor = old.rotation.as_ref().map_or("", |rotation| rotation.successor.as_str());
        let new = self.tokens.iter().find(|token| token.id == successor);
        Watch::new(old, new, &self.refusals, head.idp_inside(), now)
    }
}

/// A token that can be replaced: the form. One that is or was: how far it is.
pub(crate) async fn show(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (known, now) = (Known::read(&operator, &summary).await?, operator.now());
    let record = known.token(&token)?;
    match record.state(now) {
        TokenState::New | TokenState::Active => {
            html(&form_page(&operator, &summary, &known, record, RotateForm::new()))
        }
        TokenState::Retiring | TokenState::Retired => {
            html(&watch_page(&operator, &summary, &known, record, None, Errors::default()))
        }
        TokenState::Expired | TokenState::Revoked => Err(PageError::Refused(format!(
            "The token “{}” is closed already, so there is nothing to replace: issue a new one",
            record.label
        ))),
    }
}

fn form_page(
    operator: &Operator,
    summary: &EndpointSummary,
    known: &Known,
    record: &TokenRecord,
    form: RotateForm,
) -> RotatePage {
    let now = operator.now();
    let live = known.tokens.iter().filter(|token| token.state(now).is_live()).count();
    let (frame, head) = operator.desk(summary, Tab::Tokens);
    let token = TokenRow::new(record.clone(), now);
    RotatePage { frame, head, token, full: live >= MAX_LIVE, limit: MAX_LIVE, form }
}

fn watch_page(
    operator: &Operator,
    summary: &EndpointSummary,
    known: &Known,
    record: &TokenRecord,
    issued: Option<Issued>,
    errors: Errors,
) -> RotationPage {
    let now = operator.now();
    let (frame, head) = operator.desk(summary, Tab::Tokens);
    let (_, token_name) = Guide::fields(summary.endpoint.idp);
    RotationPage {
        token_name: if token_name == "Authorization" { "Bearer Token" } else { token_name },
        exchange: match record.kind {
            Kind::Bearer => Guide::exchange(summary.endpoint.idp),
            Kind::Client => Guide::exchange_client(),
        },
        token_url: operator.public_url().token_url(&summary.endpoint.slug),
        watch: known.watch(record, &head, now),
        busy: record.is_busy(now),
        frame,
        head,
        issued,
        errors,
    }
}

/// What changes on the page while it is open.
pub(crate) async fn progress(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (known, now) = (Known::read(&operator, &summary).await?, operator.now());
    let record = known.token(&token)?;
    if !matches!(record.state(now), TokenState::Retiring | TokenState::Retired) {
        return html(&Over);
    }
    let (_, head) = operator.desk(&summary, Tab::Tokens);
    html(&Fragment { watch: known.watch(record, &head, now) })
}

/// Issues the new token and shows it, in the answer to the form itself: it is kept nowhere to be shown later.
pub(crate) async fn rotate(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let plan = RotateForm::plan(&form, token.clone(), now);
    match operator.write(move |tx| rotation::rotate(tx, &id, &plan, &actor, now)).await {
        Ok(Rotated { secret, token: new, .. }) => {
            let issued = Some(Issued::new((secret, new), now));
            let known = Known::read(&operator, &summary).await?;
            let record = known.token(&token)?;
            html(&watch_page(&operator, &summary, &known, record, issued, Errors::default()))
        }
        Err(error) => {
            if sent_before(&operator, &form).await?.is_some() {
                let slug = &summary.endpoint.slug;
                return Ok(see(format!("/admin/endpoints/{slug}/tokens/{token}/rotate?done=once")));
            }
            let form = RotateForm::again(&form, Errors::one("label", told(error)?));
            let known = Known::read(&operator, &summary).await?;
            let page = form_page(&operator, &summary, &known, known.token(&token)?, form);
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Closes the old token now. One that carried traffic within the hour needs its label typed.
pub(crate) async fn retire(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let (consent, wanted) = (Consent::Label(form.text("confirm").to_owned()), token.clone());
    let retired = operator.write(move |tx| rotation::retire(tx, &id, &wanted, &consent, &actor, now)).await;
    match retired {
        Ok(_) => {
            Ok(see(format!("/admin/endpoints/{}/tokens/{token}/rotate?done=retired", summary.endpoint.slug)))
        }
        Err(StoreError::InUse(record)) => {
            let sentence = if form.text("confirm").is_empty() {
                "it is in use; type its label"
            } else {
                "that is not its label"
            };
            let (known, errors) = (Known::read(&operator, &summary).await?, Errors::one("confirm", sentence));
            let page = watch_page(&operator, &summary, &known, &record, None, errors);
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(other) => Err(other.into()),
    }
}

/// Keeps the old token.
pub(crate) async fn cancel(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, token) = path.into_inner();
    let (actor, now) = (operator.actor(), operator.now());
    change(&operator, &slug, "rotation-cancelled", move |tx, id| {
        rotation::cancel(tx, id, &token, &actor, now).map(drop)
    })
    .await
}

/// Opens it again.
pub(crate) async fn unretire(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, token) = path.into_inner();
    let (actor, now) = (operator.actor(), operator.now());
    change(&operator, &slug, "unretired", move |tx, id| {
        rotation::unretire(tx, id, &token, &actor, now).map(drop)
    })
    .await
}

/// Does it, and says so above the list.
async fn change(
    operator: &Operator,
    slug: &str,
    done: &str,
    work: impl Fn(&mut Tx<'_>, &EndpointId) -> Result<(), StoreError> + Send + 'static,
) -> Answer {
    let summary = operator.endpoint(slug).await?;
    let id = summary.endpoint.id.clone();
    operator.write(move |tx| work(tx, &id)).await?;
    Ok(see(format!("/admin/endpoints/{}/tokens?done={done}", summary.endpoint.slug)))
}
