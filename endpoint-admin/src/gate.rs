//! What every request passes before its handler: one place for all of it, driven by the route table.

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, header::CONTENT_TYPE},
    middleware::Next,
    web::Bytes,
};

use crate::{
    csrf,
    error::PageError,
    forms::Form,
    routes::Access,
    session::{Operator, console_of},
};

/// How long a form may take to arrive.
const FORM_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Lets a request through to its handler, or says why not.
pub(crate) async fn pass<B: MessageBody + 'static>(
    access: Access,
    limit: usize,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (request, mut payload) = request.into_parts();
    match admit((access, limit), &request, &mut payload).await {
        Ok(()) => {
            let answer = next.call(ServiceRequest::from_parts(request, payload)).await?;
            Ok(answer.map_into_boxed_body())
        }
        // As an answer, not as an error: the layer that writes its page needs the request.
        Err(refusal) => Ok(ServiceResponse::from_err(refusal, request)),
    }
}

async fn admit(
    (access, limit): (Access, usize),
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<(), PageError> {
    let console = console_of(request)?;
    let writes = request.method() == Method::POST;
    if writes && !csrf::same_origin(request.headers(), &console.public_url) {
        return Err(PageError::Forged);
    }
    let operator = match access {
        Access::Public | Access::SetUp => None,
        Access::Session | Access::Poll | Access::SelfService => {
            let found = Operator::find(&console, request, access != Access::Poll).await?;
            Some(found.ok_or_else(|| signed_out(request, writes))?)
        }
    };
    if writes {
        let form = read(request, payload, limit).await?;
        if let Some(operator) = &operator {
            if !csrf::token_matches(form.raw("csrf"), operator.csrf()) {
                return Err(PageError::Forged);
            }
            if access != Access::SelfService && !operator.role().may_write() {
                return Err(PageError::Forbidden("An auditor reads only. Nothing was changed".into()));
            }
        }
        request.extensions_mut().insert(form);
    }
    if let Some(operator) = operator {
        request.extensions_mut().insert(operator);
    }
    Ok(())
}

fn signed_out(request: &HttpRequest, writes: bool) -> PageError {
    let here = request.uri().path_and_query().map(|path| path.as_str().to_owned());
    PageError::SignIn { next: if writes { None } else { Some(here.unwrap_or_default()) } }
}

async fn read(request: &HttpRequest, payload: &mut Payload, limit: usize) -> Result<Form, PageError> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(PageError::Bad("A form is sent as application/x-www-form-urlencoded".into()));
    }
    // The same limit stands in the resource's PayloadConfig, which stops reading there.
    let arriving = tokio::time::timeout(FORM_PATIENCE, Bytes::from_request(request, payload));
    let arrived = arriving.await.map_err(|_| PageError::Bad("The form did not arrive in time".into()))?;
    let body = arrived.map_err(|error| match error.as_response_error().status_code().as_u16() {
        413 => PageError::TooLarge { limit },
        _ => PageError::Bad("The form did not arrive whole".into()),
    })?;
    Ok(Form::parse(&body))
}
