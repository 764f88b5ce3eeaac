//! The only place where an error becomes a SCIM body.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, HttpResponseBuilder};
use endpoint_store::StoreError;
use scim_core::error::{Kind, ScimError};

use crate::scim::negotiate::MediaType;

/// How long a client is asked to wait when the database cannot take its request, in seconds.
const RETRY_AFTER: &str = "5";

/// The body of the one 401, written once: a flood of wrong tokens is answered as cheaply as can be.
static UNAUTHORIZED: LazyLock<Bytes> = LazyLock::new(|| {
    let error = ScimError::new(
        Kind::Unauthorized,
        "A valid bearer token for this endpoint is needed: send the header `Authorization: Bearer <token>` with the token \
         that was issued for this SCIM base URL.",
    );
    Bytes::from(error.to_body().to_string())
});

/// What every request without the right token gets: the same bytes whatever was wrong with it.
pub(crate) fn unauthorized(media: MediaType) -> HttpResponse {
    HttpResponse::Unauthorized()
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(media.as_str())))
        .insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
        .body(UNAUTHORIZED.clone())
}

/// The answer to a refused request (RFC 7644 §3.12).
pub(crate) fn respond(error: &ScimError, media: MediaType) -> HttpResponse {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponseBuilder::new(status);
    builder.content_type(media.as_str());
    if error.kind() == Kind::Unavailable {
        builder.insert_header((header::RETRY_AFTER, RETRY_AFTER));
    }
    builder.body(error.to_body().to_string())
}

/// What the requester is told about a failure of the store; details of faults go to the log only.
pub(crate) fn explain(error: StoreError, request_id: &str) -> ScimError {
    match error {
        StoreError::Scim(error) => error,
        StoreError::NotFound(sentence) => ScimError::not_found(sentence),
        StoreError::Refused(sentence) | StoreError::Invalid { sentence, .. } => {
            ScimError::invalid_value(sentence)
        }
        error @ StoreError::InDoubt(_) => {
            tracing::error!(request_id, %error, "whether a write stands is not known");
            ScimError::unavailable(
                "The server lost its database while it was writing. The change may have been made or not, but not a part of it; \
                 read the resource, then send the request again if it is missing.",
            )
        }
        error if error.is_passing() => {
            tracing::error!(request_id, %error, "the store is not available");
            ScimError::unavailable(
                "The server cannot reach its database just now. Nothing was changed; send the same request again.",
            )
        }
        fault => {
            tracing::error!(request_id, error = %fault, "a request failed in the store");
            ScimError::internal()
        }
    }
}
