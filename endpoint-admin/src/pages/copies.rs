//! An endpoint as a file, and others like it.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    web,
};
use endpoint_store::{
    StoreError, Tx,
    endpoints::{self, NewEndpoint, document::Document},
};

use super::{
    new_endpoint::{self, NewEndpointPage},
    settings,
};
use crate::{
    forms::{Errors, Form},
    frame::Section,
    pages::{Answer, html_as},
    session::Operator,
};

/// The file.
pub(crate) async fn export(operator: Operator, slug: web::Path<String>) -> Answer {
    let endpoint = operator.endpoint(&slug).await?.endpoint;
    // A slug has nothing that needs quoting.
    let name = format!("attachment; filename=\"{}.endpoint.json\"", endpoint.slug);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(Document::of(&endpoint).to_text()?))
}

/// Makes an empty endpoint with the settings and schemas of this one, and shows Connect with its first token.
pub(crate) async fn clone(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (id, name) = (summary.endpoint.id.clone(), form.text("copy_name").to_owned());
    let plan = move |tx: &mut Tx<'_>| -> Result<NewEndpoint, StoreError> {
        Ok(NewEndpoint::like(&endpoints::find(tx, id.as_str())?, &name))
    };
    match new_endpoint::make(&operator, &form, plan).await? {
        Ok(connect) => Ok(connect),
        Err(sentence) => {
            let errors = Errors::one("copy_name", sentence);
            let page = settings::page(&operator, &summary, errors).await?;
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Makes an endpoint from a file, and shows Connect with its first token.
pub(crate) async fn import(operator: Operator, form: Form) -> Answer {
    let (text, name) = (form.text("document").to_owned(), form.text("import_name").to_owned());
    let plan = move |_: &mut Tx<'_>| -> Result<NewEndpoint, StoreError> {
        let mut new = Document::parse(&text)?.wanted()?;
        if !name.is_empty() {
            new.name.clone_from(&name);
        }
        Ok(new)
    };
    match new_endpoint::make(&operator, &form, plan).await? {
        Ok(connect) => Ok(connect),
        Err(sentence) => {
            let (frame, errors) = (operator.frame(Section::New), Errors::one("document", sentence));
            let page = NewEndpointPage::new(frame, operator.public_url().as_str(), &form, errors);
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}
