//! How one target is signed in to and served.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    StoreError,
    endpoints::EndpointSummary,
    sealed::SecretBytes,
    targets::{self, Mode, Target, edit},
};
use endpoint_targets::kinds;

use super::targets::{HOUR, field};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, see, told},
    session::Operator,
};

#[derive(Template)]
#[template(path = "pages/target.html")]
pub(crate) struct TargetPage {
    frame: Frame,
    head: Head,
    id: String,
    url: String,
    kind: &'static str,
    /// `None` for one that is signed in to with a token.
    account: Option<String>,
    typed: Typed,
    errors: Errors,
}

/// What is chosen, or was typed; never the password.
struct Typed {
    username: String,
    domain: String,
    before: bool,
    hours: String,
    threshold: String,
    length: String,
    symbols: String,
}

impl Typed {
    fn of(target: &Target) -> Self {
        Self {
            username: target.username.clone().unwrap_or_default(),
            domain: target.domain.clone().unwrap_or_default(),
            before: target.mode == Mode::BeforeAnswer,
            hours: target.import_every.map(|every| (every / HOUR).to_string()).unwrap_or_default(),
            threshold: target.options.threshold.to_string(),
            length: target.options.password_length.to_string(),
            symbols: target.options.password_symbols.clone(),
        }
    }

    fn read(form: &Form) -> Self {
        Self {
            username: form.text("username").to_owned(),
            domain: form.text("domain").to_owned(),
            before: !form.text("before").is_empty(),
            hours: form.text("hours").to_owned(),
            threshold: form.text("threshold").to_owned(),
            length: form.text("length").to_owned(),
            symbols: form.text("symbols").to_owned(),
        }
    }

    /// What the store takes; an empty password leaves the one there is.
    fn changes(&self, target: &Target, secret: &str) -> Result<edit::Changes, Errors> {
        let mut errors = Errors::default();
        let mut number = |name: &'static str, text: &str| {
            text.parse::<i64>().map_err(|_| errors.add(name, "write a whole number")).unwrap_or_default()
        };
        let hours = if self.hours.is_empty() { None } else { Some(number("hours", &self.hours)) };
        let (threshold, length) = (number("threshold", &self.threshold), number("length", &self.length));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(edit::Changes {
            username: target.username.as_ref().map(|_| self.username.clone()),
            secret: (!secret.is_empty()).then(|| SecretBytes::from_text(secret.to_owned())),
            domain: Some(self.domain.clone()),
            mode: Some(if self.before { Mode::BeforeAnswer } else { Mode::Queued }),
            import_every: Some(hours.map(|hours| hours.saturating_mul(HOUR))),
            threshold: Some(threshold),
            password_length: Some(usize::try_from(length).unwrap_or(0)),
            password_symbols: Some(self.symbols.clone()),
        })
    }
}

/// The form.
pub(crate) async fn show(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let target = find(&operator, &summary, id).await?;
    html(&page(&operator, &summary, &target, Typed::of(&target), Errors::default()))
}

async fn find(operator: &Operator, summary: &EndpointSummary, id: String) -> Result<Target, PageError> {
    let endpoint = summary.endpoint.id.clone();
    operator.read(move |conn| targets::find(conn, &endpoint, &id)).await
}

fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    target: &Target,
    typed: Typed,
    errors: Errors,
) -> TargetPage {
    let (frame, head) = operator.desk(summary, Tab::Targets);
    TargetPage {
        frame,
        head,
        id: target.id.clone(),
        url: target.url.clone(),
        kind: kinds::find(&target.kind).map_or("", |kind| kind.label),
        account: target.username.clone(),
        typed,
        errors,
    }
}

/// Takes what was chosen.
pub(crate) async fn save(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let target = find(&operator, &summary, id).await?;
    let refused = |errors: Errors| {
        let page = page(&operator, &summary, &target, Typed::read(&form), errors);
        html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    let changes = match Typed::read(&form).changes(&target, form.raw("secret")) {
        Ok(changes) => changes,
        Err(errors) => return refused(errors),
    };
    let prepared = match edit::prepare(operator.store().keyring(), &target, &changes) {
        Ok(prepared) => prepared,
        Err(StoreError::Invalid { pointer, sentence }) => {
            return refused(Errors::one(field(&pointer), sentence));
        }
        Err(error) => return refused(Errors::one("secret", told(error)?)),
    };
    let (endpoint, actor, now) = (summary.endpoint.clone(), operator.actor(), operator.now());
    operator.write(move |tx| edit::change(tx, &endpoint, &prepared, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/targets?done=target-changed", summary.endpoint.slug)))
}
