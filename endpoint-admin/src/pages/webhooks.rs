//! Webhooks of an endpoint: where its events are sent to, and adding one.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    StoreError,
    endpoints::EndpointSummary,
    feed,
    webhooks::{self, Address, Kind, NewWebhook, Scope, Shown, Webhook, log},
};

use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as},
    session::Operator,
    ui::{Num, State, Tone, When},
};

/// What a webhook signs with, shown by the answer to the form that made it and nowhere else.
pub(crate) struct ShownSecret {
    shown: Shown,
    /// The webhook's label.
    pub(crate) label: String,
    /// Where to go on.
    pub(crate) back: String,
}

impl ShownSecret {
    pub(crate) fn new(shown: Shown, webhook: &Webhook, slug: &str) -> Self {
        let back = format!("/admin/endpoints/{slug}/webhooks/{}", webhook.id);
        Self { shown, label: webhook.label.clone(), back }
    }

    /// Whether it is a secret, not a public key.
    pub(crate) fn is_secret(&self) -> bool {
        self.shown.kind == Kind::Hmac
    }

    /// The text, for the page.
    pub(crate) fn text(&self) -> &str {
        self.shown.reveal()
    }
}

/// A line of the list.
pub(crate) struct WebhookRow {
    pub(crate) link: String,
    pub(crate) label: String,
    pub(crate) url: String,
    pub(crate) tenant: Option<String>,
    pub(crate) types: String,
    pub(crate) state: State,
    pub(crate) last: Option<When>,
    pub(crate) waiting: Num,
    pub(crate) dead: Num,
}

/// The state of a webhook in a word.
pub(crate) fn state_of(webhook: &Webhook) -> State {
    match (&webhook.paused, webhook.failing_since) {
        (Some(_), _) => State::new("Paused", "pause", Tone::Warn),
        (None, Some(_)) => State::new("Failing", "cross", Tone::Bad),
        (None, None) => State::new("Active", "check", Tone::Ok),
    }
}

/// The events in words.
pub(crate) fn types_of(webhook: &Webhook) -> String {
    if webhook.types.is_empty() { "all events".to_owned() } else { webhook.types.join(", ") }
}

/// The form that adds one, as it was filled in.
#[derive(Default)]
pub(crate) struct NewForm {
    pub(crate) url: String,
    pub(crate) label: String,
    pub(crate) types: String,
    pub(crate) for_tenant: bool,
    pub(crate) ed25519: bool,
    pub(crate) errors: Errors,
}

impl NewForm {
    fn of(form: &Form, errors: Errors) -> Self {
        Self {
            url: form.text("url").to_owned(),
            label: form.text("label").to_owned(),
            types: form.text("types").to_owned(),
            for_tenant: form.text("scope") == "tenant",
            ed25519: form.text("signature") == "ed25519",
            errors,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/webhooks.html")]
pub(crate) struct WebhooksPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) shown: Option<ShownSecret>,
    pub(crate) rows: Vec<WebhookRow>,
    pub(crate) known: String,
    pub(crate) feed: String,
    pub(crate) form: NewForm,
}

/// The list.
pub(crate) async fn list(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, None, NewForm::default()).await?)
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    shown: Option<ShownSecret>,
    form: NewForm,
) -> Result<WebhooksPage, PageError> {
    let (endpoint, now) = (summary.endpoint.clone(), operator.now());
    let found = operator
        .read(move |conn| {
            let all = webhooks::of_endpoint(conn, &endpoint)?;
            all.into_iter().map(|one| Ok((log::counts(conn, &one.id)?, one))).collect::<Result<Vec<_>, _>>()
        })
        .await?;
    let slug = &summary.endpoint.slug;
    let rows = found.into_iter().map(|(counts, webhook)| WebhookRow {
        link: format!("/admin/endpoints/{slug}/webhooks/{}", webhook.id),
        state: state_of(&webhook),
        types: types_of(&webhook),
        last: When::maybe(webhook.last_ok_at, now),
        waiting: Num::of(counts.waiting),
        dead: Num::of(counts.dead),
        label: webhook.label,
        url: webhook.url,
        tenant: webhook.tenant,
    });
    let (rows, known) = (rows.collect(), feed::types(&summary.endpoint.catalog).join(", "));
    let feed = format!("{}/api/v1/endpoints/{slug}/changes", operator.public_url().as_str());
    let (frame, head) = operator.desk(summary, Tab::Webhooks);
    Ok(WebhooksPage { frame, head, shown, rows, known, feed, form })
}

/// The patterns of a field, with commas or blanks between.
pub(crate) fn patterns(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Beside the field that is wrong; anything else is no matter of this form.
pub(crate) fn beside(error: StoreError) -> Result<Errors, PageError> {
    match error {
        StoreError::Invalid { pointer, sentence } => {
            let field =
                ["label", "types"].into_iter().find(|field| pointer.starts_with(&format!("/{field}")));
            Ok(Errors::one(field.unwrap_or("url"), sentence))
        }
        StoreError::Refused(sentence) => Ok(Errors::one("url", sentence)),
        other => Err(other.into()),
    }
}

/// Adds one, and shows its secret in the answer to the form itself.
pub(crate) async fn add(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let again = async |errors| {
        let form = NewForm::of(&form, errors);
        html_as(StatusCode::UNPROCESSABLE_ENTITY, &page(&operator, &summary, None, form).await?)
    };
    let address = match Address::parse(form.text("url"), operator.sender().allows_private()) {
        Ok(address) => address,
        Err(error) => return again(beside(error)?).await,
    };
    let asked = NewForm::of(&form, Errors::default());
    let new = NewWebhook {
        address,
        types: patterns(&asked.types),
        label: asked.label,
        scope: if asked.for_tenant { Scope::Tenant } else { Scope::Endpoint },
        kind: if asked.ed25519 { Kind::Ed25519 } else { Kind::Hmac },
    };
    let (endpoint, actor, now) = (summary.endpoint.clone(), operator.actor(), operator.now());
    let keyring = operator.store().keyring().clone();
    match operator.write(move |tx| webhooks::add(tx, &keyring, &endpoint, &new, &actor, now)).await {
        Ok((webhook, shown)) => {
            let shown = ShownSecret::new(shown, &webhook, &summary.endpoint.slug);
            html(&page(&operator, &summary, Some(shown), NewForm::default()).await?)
        }
        Err(error) => again(beside(error)?).await,
    }
}
