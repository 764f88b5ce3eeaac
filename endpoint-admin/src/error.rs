//! The one error of this floor: a page in plain words.
//!
//! Handlers return it; the `dress` middleware turns it into HTML with the frame of whoever asked.
//! Details of a fault go to the log under the request's id and never into the page.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use endpoint_store::StoreError;

use crate::{
    forms::{FORM_LIMIT, capitalise},
    password::PasswordError,
};

/// Why a page is not shown.
#[derive(Clone, Debug)]
pub(crate) enum PageError {
    /// Nobody is signed in, or no longer; `next` leads back after signing in.
    SignIn {
        /// The page that was asked for; `None` when it was a form, which is lost.
        next: Option<String>,
    },
    /// The role does not allow it.
    Forbidden(String),
    /// The form does not come from a page of this session.
    Forged,
    /// What was named does not exist.
    NotFound(String),
    /// The request makes no sense.
    Bad(String),
    /// What was wished cannot be done; the sentence says why and what to do.
    Refused(String),
    /// Too much.
    TooLarge {
        /// The most bytes the form may have.
        limit: usize,
    },
    /// More passwords are to be checked than there is room for. Nothing was done.
    Busy,
    /// The database is away or busy. Nothing was done.
    Unavailable(String),
    /// A fault of ours.
    Internal(String),
}

impl PageError {
    /// What was looked for does not exist.
    pub(crate) fn not_found(sentence: impl Into<String>) -> Self {
        Self::NotFound(sentence.into())
    }

    /// A fault, with details for the log.
    pub(crate) fn internal(detail: impl fmt::Display) -> Self {
        Self::Internal(detail.to_string())
    }

    /// The heading of its page.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "You are signed out",
            Self::Forbidden(_) => "Your role does not allow this",
            Self::Forged => "This form is no longer valid",
            Self::NotFound(_) => "There is nothing here",
            Self::Bad(_) => "That request made no sense",
            Self::Refused(_) => "That cannot be done",
            Self::TooLarge { .. } => "That was too much",
            Self::Busy => "Too many at once",
            Self::Unavailable(_) => "The database does not answer",
            Self::Internal(_) => "Something went wrong here",
        }
    }

    /// What happened and what to do, in plain words.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::SignIn { .. } => "Nothing was changed. Sign in, and send the form again.".into(),
            Self::Forbidden(text) | Self::NotFound(text) | Self::Bad(text) | Self::Refused(text) => capitalise(text),
            Self::Forged => "It was opened before you last signed in, or it comes from another site. Nothing was changed. \
                             Go back, load the page again, and repeat what you did."
                .into(),
            Self::TooLarge { limit } => format!("This form may have {} KiB. Nothing was changed.", limit / 1024),
            Self::Busy => {
                "More passwords are being checked than there is room for. Nothing was changed; wait a few seconds and try again.".into()
            }
            Self::Unavailable(_) => {
                "Nothing was half done. Wait a moment and try again; if it stays like this, look at the server's log.".into()
            }
            Self::Internal(_) => "Nothing was half done, and it is no fault of yours. Try again in a moment; if it stays like this, the number below leads whoever runs the server to the details.".into(),
        }
    }

    /// The page for an answer of the framework itself.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found("No page has this address."),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::Bad("This address does not take that kind of request.".into())
            }
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge { limit: FORM_LIMIT },
            status if status.is_client_error() => Self::Bad("The server could not read the request.".into()),
            status => Self::internal(format_args!("an answer of the framework with status {status}")),
        }
    }
}

impl From<PasswordError> for PageError {
    fn from(error: PasswordError) -> Self {
        if error == PasswordError::Busy { Self::Busy } else { Self::internal(error) }
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(sentence) => Self::NotFound(sentence),
            StoreError::Refused(sentence) | StoreError::Invalid { sentence, .. } => Self::Refused(sentence),
            StoreError::Forbidden(sentence) => Self::Forbidden(sentence),
            StoreError::InUse(_) | StoreError::Stale => Self::Refused(error.to_string()),
            StoreError::Scim(error) if error.status() == 404 => Self::NotFound(error.detail().to_owned()),
            StoreError::Scim(error) if error.status() < 500 => Self::Refused(error.detail().to_owned()),
            error if error.is_passing() => Self::Unavailable(error.to_string()),
            other => Self::internal(other),
        }
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal(detail) | Self::Unavailable(detail) => write!(f, "{}: {detail}", self.title()),
            other => f.write_str(&other.sentence()),
        }
    }
}

impl ResponseError for PageError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { next: Some(_) } => StatusCode::SEE_OTHER,
            Self::SignIn { next: None } | Self::Forbidden(_) | Self::Forged => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Without a body: `dress` writes the page.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}
