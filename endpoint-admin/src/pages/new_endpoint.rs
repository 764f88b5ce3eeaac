//! A new endpoint: provider, name, tenant; then straight to Connect with its first token.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use endpoint_store::{
    StoreError, Tx,
    endpoints::{self, NewEndpoint},
    settings::Idp,
    tokens::Networks,
};

use super::{
    connect,
    token_form::{expiries, request_key, wanted},
    tokens::{Issued, sent_before},
};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Section},
    pages::{Answer, Choice, html, html_as, see, told},
    session::Operator,
};

/// One identity provider to choose.
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) example: String,
    pub(crate) chosen: bool,
}

#[derive(Template)]
#[template(path = "pages/new_endpoint.html")]
pub(crate) struct NewEndpointPage {
    pub(crate) frame: Frame,
    pub(crate) request_key: String,
    pub(crate) base: String,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) expiries: Vec<Choice>,
    pub(crate) policies: Vec<Choice>,
    pub(crate) more: bool,
    pub(crate) document: String,
    pub(crate) import_name: String,
    pub(crate) errors: Errors,
}

impl NewEndpointPage {
    /// The form, empty or as it was sent.
    pub(crate) fn new(frame: Frame, base: &str, form: &Form, errors: Errors) -> Self {
        let chosen = form.text("idp");
        let policy = if form.text("delete").is_empty() { "remove" } else { form.text("delete") };
        let tiles = Idp::ALL.iter().map(|idp| Tile {
            name: idp.as_str(),
            label: idp.label(),
            example: match idp {
                Idp::Generic => "Acme directory".to_owned(),
                known => format!("Acme {}", known.label()),
            },
            chosen: idp.as_str() == chosen,
        });
        Self {
            frame,
            request_key: request_key(),
            base: base.to_owned(),
            tiles: tiles.collect(),
            name: form.text("name").to_owned(),
            tenant: form.text("tenant").to_owned(),
            expiries: expiries(form.text("expires")),
            policies: delete_policies(policy),
            more: policy == "deactivate",
            document: form.text("document").to_owned(),
            import_name: form.text("import_name").to_owned(),
            errors,
        }
    }
}

/// What a delete of the provider does, as sentences.
pub(crate) fn delete_policies(chosen: &str) -> Vec<Choice> {
    vec![
        Choice::new(
            "remove",
            "Remove the user",
            "It is gone from here and from every group; created again, the same person gets a new id.",
            chosen,
        ),
        Choice::new(
            "deactivate",
            "Deactivate the user and hide it from SCIM",
            "It leaves its groups and stays visible here; created again, the same person gets the same id back.",
            chosen,
        ),
    ]
}

/// The form.
pub(crate) async fn show(operator: Operator) -> Answer {
    let mut page = NewEndpointPage::new(
        operator.frame(Section::New),
        operator.public_url().as_str(),
        &Form::default(),
        Errors::default(),
    );
    if let Some([only]) = operator.reach().tenants() {
        page.tenant.clone_from(only);
    }
    html(&page)
}

/// Makes the endpoint with its first token, both or neither, and shows Connect with the token in it.
pub(crate) async fn create(operator: Operator, form: Form) -> Answer {
    let mut errors = Errors::default();
    let idp: Option<Idp> = form.text("idp").parse().ok();
    if idp.is_none() {
        errors.add("idp", "choose the identity provider; “Other SCIM client” fits any");
    }
    if endpoints::slug_for(form.text("name")).is_none() {
        errors.add("name", "the name needs at least one letter a–z or digit: the address is made from it");
    }
    if form.text("tenant").chars().count() > 100 {
        errors.add("tenant", "the tenant may have at most 100 characters");
    }
    if let (Some(idp), true) = (idp, errors.is_empty()) {
        let mut new = NewEndpoint::new(form.text("name"), idp);
        new.tenant = Some(form.text("tenant").to_owned()).filter(|tenant| !tenant.is_empty());
        if form.text("delete") == "deactivate" {
            new.settings.push(("delete".to_owned(), "deactivate".to_owned()));
        }
        match make(&operator, &form, move |_| Ok(new.clone())).await? {
            Ok(connect) => return Ok(connect),
            Err(error) => errors.add("name", error),
        }
    }
    let page =
        NewEndpointPage::new(operator.frame(Section::New), operator.public_url().as_str(), &form, errors);
    html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// Makes an endpoint with its first token, both or neither, and shows Connect with the token in it; else says why not.
pub(super) async fn make(
    operator: &Operator,
    form: &Form,
    plan: impl Fn(&mut Tx<'_>) -> Result<NewEndpoint, StoreError> + Send + 'static,
) -> Result<Result<HttpResponse, String>, PageError> {
    let (actor, now) = (operator.actor(), operator.now());
    let token = wanted(form, "First token", Networks::default(), now);
    let made = operator.write(move |tx| {
        let new = plan(tx)?;
        endpoints::create_with_token(tx, &new, &token, &actor, now)
    });
    match made.await {
        Ok((endpoint, token, record)) => {
            let summary = operator.endpoint(&endpoint.slug).await?;
            let issued = Issued::new((token, record), now);
            html(&connect::page(operator, &summary, Some(issued)).await?).map(Ok)
        }
        Err(error) => match sent_before(operator, form).await? {
            Some(slug) => Ok(Ok(see(format!("/admin/endpoints/{slug}/connect?done=once")))),
            None => told(error).map(Err),
        },
    }
}
