//! Content types (RFC 7644 §3.1, RFC 9110 §12.5.1): what is answered, and what is accepted.

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use actix_web::http::header::{self, Accept, Header as _};
use scim_core::error::{Kind, ScimError};

/// A content type of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/scim+json`.
    Scim,
    /// `application/json`, for clients that name only that (OneLogin).
    Json,
}

impl MediaType {
    /// As in the `Content-Type` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scim => "application/scim+json",
            Self::Json => "application/json",
        }
    }

    fn of(essence: &str) -> Option<Self> {
        [Self::Scim, Self::Json].into_iter().find(|m| m.as_str().eq_ignore_ascii_case(essence))
    }

    /// The type a request wants: what `Accept` prefers; if that names neither, the request's own type; else SCIM's.
    pub fn wanted_by(req: &HttpRequest) -> Self {
        let accepted = Accept::parse(req).ok().filter(|accept| !accept.0.is_empty());
        accepted
            .and_then(|accept| accept.ranked().iter().find_map(|mime| Self::of(mime.essence_str())))
            .or_else(|| Self::of(req.content_type()))
            .unwrap_or(Self::Scim)
    }
}

/// Refuses a body that does not say it is JSON; one that says nothing is taken for JSON.
///
/// # Errors
/// 415.
pub fn check_content_type(req: &HttpRequest) -> Result<(), ScimError> {
    let coding =
        req.headers().get(header::CONTENT_ENCODING).map(|coding| coding.to_str().unwrap_or("?").trim());
    if coding.is_some_and(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")) {
        return Err(ScimError::new(
            Kind::UnsupportedMediaType,
            "Compressed bodies are not understood; send the JSON as it is, without `Content-Encoding`.",
        ));
    }
    let essence = req.content_type();
    if MediaType::of(essence).is_some() || !req.headers().contains_key(header::CONTENT_TYPE) {
        return Ok(());
    }
    let shown: String = essence.chars().take(60).collect();
    Err(ScimError::new(
        Kind::UnsupportedMediaType,
        format!(
            "A body of type `{shown}` is not understood; send JSON with `Content-Type: application/scim+json`."
        ),
    ))
}
