//! Refusals of the management API: `application/problem+json` (RFC 9457).

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use endpoint_store::StoreError;
use endpoint_store::operators::Role;
use scim_core::error::{Kind, ScimError};
use scim_core::token::redact;
use serde::Serialize;
use utoipa::ToSchema;

/// How long a client is asked to wait when the database cannot take its request, in seconds.
const RETRY_AFTER: u64 = 5;

/// Where a request is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Place {
    /// A JSON pointer (RFC 6901) into the body; empty for the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) pointer: Option<String>,
    /// The name of a query parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) parameter: Option<String>,
    /// What is wrong, and what would be right.
    pub(super) detail: String,
}

impl Place {
    pub(super) fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, detail: redact(&detail.into()) }
    }

    pub(super) fn in_parameter(name: &str, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.to_owned()), detail: redact(&detail.into()) }
    }
}

/// Why a request was refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// What kind of problem; always `about:blank`: the status says it.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was wrong, and what to do.
    detail: String,
    /// The places that are wrong, when they are known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Place>,
}

/// A refusal.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<Place>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: sentence(&detail.into()), errors: Vec::new(), headers: Vec::new() }
    }

    /// What every request without a good key gets: the same bytes whatever was wrong with it.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "A valid API key is needed: send the header `Authorization: Bearer scimkey_…`. The console issues keys under \
             Account, the command line with `operator key issue`.",
        )
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// The role of the key's operator does not allow it.
    pub(super) fn forbidden(own: Role, least: Role) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            format!(
                "This needs the role {}; the key's operator has the role {}.",
                least.as_str(),
                own.as_str()
            ),
        )
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// A body that is JSON, but not what is wanted; one place or several.
    pub(super) fn unprocessable(errors: Vec<Place>) -> Self {
        Self::with_places(StatusCode::UNPROCESSABLE_ENTITY, errors)
    }

    /// A query or header that cannot be read.
    pub(super) fn bad_parameters(errors: Vec<Place>) -> Self {
        Self::with_places(StatusCode::BAD_REQUEST, errors)
    }

    fn with_places(status: StatusCode, errors: Vec<Place>) -> Self {
        let details: Vec<&str> = errors.iter().map(|place| place.detail.as_str()).collect();
        let detail = sentence(&details.join("; "));
        Self { errors, ..Self::new(status, detail) }
    }

    pub(super) fn too_many(wait: u64) -> Self {
        let detail =
            format!("Too many requests with this key; wait {wait} s and send the same request again.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with(header::RETRY_AFTER, wait.into())
    }

    /// Adds a header to the answer.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What the requester is told about a failure of the store; details of faults go to the log only.
    pub(super) fn of(error: StoreError, request_id: &str) -> Self {
        match error {
            StoreError::Scim(error) => error.into(),
            StoreError::NotFound(sentence) => Self::not_found(sentence),
            StoreError::Refused(sentence) => Self::new(StatusCode::CONFLICT, sentence),
            StoreError::Forbidden(sentence) => Self::new(StatusCode::FORBIDDEN, sentence),
            StoreError::Invalid { pointer, sentence } => {
                Self::unprocessable(vec![Place::at(pointer, sentence)])
            }
            StoreError::InUse(token) => Self::new(
                StatusCode::CONFLICT,
                format!(
                    "the token “{}” carried traffic within the hour; whatever uses it would fail at once. Give that a \
                     new token first, or insist with `?confirm=` and the token's label",
                    token.label
                ),
            ),
            StoreError::Stale => Self::new(StatusCode::PRECONDITION_FAILED, error.to_string()),
            StoreError::Busy | StoreError::Unavailable(_) => {
                tracing::error!(request_id, %error, "the store is not available");
                Self::unavailable()
            }
            fault => {
                tracing::error!(request_id, error = %fault, "a request failed in the store");
                Self::internal()
            }
        }
    }

    fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server cannot reach its database just now. Nothing was changed; send the same request again.",
        )
        .with(header::RETRY_AFTER, RETRY_AFTER.into())
    }

    /// A fault of ours.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong in the server. Its log has the details under the X-Request-Id of this answer.",
        )
    }

    pub(super) fn respond(self) -> HttpResponse {
        let mut builder = HttpResponseBuilder::new(self.status);
        builder.content_type("application/problem+json");
        for header in self.headers {
            builder.insert_header(header);
        }
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Refused"),
            status: self.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        builder.body(serde_json::to_string(&body).unwrap_or_default())
    }
}

impl From<ScimError> for Problem {
    fn from(error: ScimError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match error.kind() {
            Kind::Unavailable => Self::unavailable(),
            _ => Self::new(status, error.detail()),
        }
    }
}

/// The lower floors begin in lower case and end without a stop; nothing in it is a secret.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let mut out: String = first.into_iter().flatten().chain(letters).collect();
    if !out.is_empty() && !out.ends_with(['.', '?', '!']) {
        out.push('.');
    }
    redact(&out)
}
