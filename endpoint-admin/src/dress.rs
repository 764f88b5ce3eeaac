//! What every answer gets on its way out: the headers of a careful site, and a page for each error.

use actix_web::{
    Error, HttpMessage, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, LOCATION,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
    middleware::Next,
};

use crate::{
    error::PageError,
    frame::{Frame, Section, Theme},
    pages::{errors, outside::local},
    session::{Operator, request_id},
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; font-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The outermost layer of the console.
pub(crate) async fn dress<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?;
    let mut response = match page_for(&response) {
        Some(page) => {
            let allow = response.headers().get(ALLOW).cloned();
            let mut page = response.into_response(page).map_into_boxed_body();
            if let Some(allow) = allow {
                page.headers_mut().insert(ALLOW, allow);
            }
            page
        }
        None => response.map_into_boxed_body(),
    };
    secure(response.headers_mut());
    Ok(response)
}

/// The page to show instead of an answer that is an error without words.
fn page_for<B>(response: &ServiceResponse<B>) -> Option<HttpResponse> {
    let status = response.status();
    if let Some(error) = response.response().error() {
        return Some(write(response.request(), &error_of(error)));
    }
    let wordless = response.headers().get("content-type").is_none();
    let failed = status.is_client_error() || status.is_server_error();
    (failed && wordless).then(|| {
        let mut page = write(response.request(), &PageError::of_status(status));
        *page.status_mut() = status;
        page
    })
}

fn error_of(error: &Error) -> PageError {
    let known = error.as_error::<PageError>().cloned();
    known.unwrap_or_else(|| PageError::of_status(error.as_response_error().status_code()))
}

fn write(request: &actix_web::HttpRequest, error: &PageError) -> HttpResponse {
    if let PageError::SignIn { next: Some(next) } = error {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("next", &local(next)).finish();
        return HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/admin/sign-in?{query}")))
            .finish();
    }
    let id = request_id(request);
    let status = error.status_code();
    if status.is_server_error() {
        tracing::error!(request_id = %id, %error, "a page could not be shown");
    }
    let operator = request.extensions().get::<Operator>().cloned();
    let frame = operator.map_or_else(
        || Frame { theme: Theme::of(request.headers()), ..Frame::default() },
        |operator| operator.frame(Section::Elsewhere),
    );
    let mut page = errors::page(
        frame,
        error,
        request.path().starts_with("/guest"),
        status.is_server_error().then_some(id),
    );
    *page.status_mut() = status;
    page
}

fn secure(headers: &mut HeaderMap) {
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with it browsers send `Origin: null`, and our own forms look forged.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
