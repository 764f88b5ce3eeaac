//! From which addresses a token may come.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    StoreError,
    endpoints::EndpointSummary,
    tokens::{self, Consent, Networks},
};

use super::tokens::TokenRow;
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, see, told},
    session::Operator,
};

#[derive(Template)]
#[template(path = "pages/networks.html")]
pub(crate) struct NetworksPage {
    frame: Frame,
    head: Head,
    token: TokenRow,
    /// The list as it is, or as it was typed.
    typed: String,
    /// The label must be typed, too: an address that is in use would be shut out.
    shuts_out: bool,
    errors: Errors,
}

/// The form.
pub(crate) async fn show(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, &token, None, Errors::default()).await?)
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    token: &str,
    typed: Option<&str>,
    errors: Errors,
) -> Result<NetworksPage, PageError> {
    let (id, wanted, now) = (summary.endpoint.id.clone(), token.to_owned(), operator.now());
    let record = operator.read(move |conn| tokens::get(conn, &id, &wanted)).await?;
    if !record.state(now).is_live() {
        let label = &record.label;
        return Err(PageError::Refused(format!(
            "The token “{label}” is closed: it opens nothing from anywhere"
        )));
    }
    let (frame, head) = operator.desk(summary, Tab::Tokens);
    let token = TokenRow::new(record, now);
    let typed = typed.unwrap_or(&token.networks).replace(", ", "\n");
    Ok(NetworksPage { frame, head, typed, token, shuts_out: false, errors })
}

/// Takes the list.
pub(crate) async fn save(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let typed = form.text("networks");
    let refused = async |errors: Errors, shuts_out: bool| {
        let page = page(&operator, &summary, &token, Some(typed), errors).await?;
        html_as(StatusCode::UNPROCESSABLE_ENTITY, &NetworksPage { shuts_out, ..page })
    };
    let networks = match typed.parse::<Networks>() {
        Ok(networks) => networks,
        Err(sentence) => return refused(Errors::one("networks", sentence), false).await,
    };
    let (id, named) = (summary.endpoint.id.clone(), token.clone());
    let (actor, now) = (operator.actor(), operator.now());
    let consent = Consent::Label(form.text("confirm").to_owned());
    let saved = operator
        .write(move |tx| tokens::set_networks(tx, &id, &named, &networks, &consent, &actor, now))
        .await;
    match saved {
        Ok(_) => Ok(see(format!("/admin/endpoints/{}/tokens?done=networks", summary.endpoint.slug))),
        Err(StoreError::InUse(_)) => {
            let sentence =
                "the address it was last used from is not in the list; add that, or type its label";
            refused(Errors::one("confirm", sentence), true).await
        }
        Err(StoreError::NotFound(sentence)) => Err(PageError::NotFound(sentence)),
        Err(error) => refused(Errors::one("networks", told(error)?), false).await,
    }
}
