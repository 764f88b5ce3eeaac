//! The one error of the protocol layer, named by meaning.
//!
//! A [`ScimError`] knows its HTTP status, its RFC 7644 §3.12 `scimType` (if there is one) and a
//! `detail` written for the person who reads it in the log of an identity provider: what was
//! wrong, where, and what to send instead. It never echoes more than a short excerpt of what came.

use serde_json::{Map, Value, json};

use crate::token::redact;

/// URN of the SCIM error message (RFC 7644 §3.12).
pub const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The most characters of foreign input that an error text repeats.
const EXCERPT: usize = 80;

/// The error keywords of RFC 7644 §3.12 (table 9) and, for cursors, of RFC 9865 §2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScimType {
    /// The filter is malformed or asks for something that cannot be compared.
    InvalidFilter,
    /// The filter yields more than the server is willing to calculate.
    TooMany,
    /// A value that must be unique is in use.
    Uniqueness,
    /// The attribute may not be changed that way.
    Mutability,
    /// The body is not what the operation needs.
    InvalidSyntax,
    /// The `path` of a PATCH operation is malformed or names nothing known.
    InvalidPath,
    /// The `path` of a PATCH operation selects nothing.
    NoTarget,
    /// A required value is missing or of the wrong kind.
    InvalidValue,
    /// The protocol version is not supported.
    InvalidVers,
    /// Sensitive data stood in a URL.
    Sensitive,
    /// The cursor was not made by this server.
    InvalidCursor,
    /// The cursor is too old.
    ExpiredCursor,
    /// The page size does not fit the cursor.
    InvalidCount,
}

impl ScimType {
    /// The keyword as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidVers => "invalidVers",
            Self::Sensitive => "sensitive",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
        }
    }
}

/// What an error means; [`ScimError::status`] turns it into a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request cannot be understood or breaks a rule: 400.
    BadRequest,
    /// The caller is not known: 401.
    Unauthorized,
    /// The caller is known and may not: 403.
    Forbidden,
    /// There is no such thing: 404.
    NotFound,
    /// The thing is there, the method is not: 405.
    MethodNotAllowed,
    /// Another resource stands in the way: 409.
    Conflict,
    /// The resource is not in the state the caller believed: 412.
    PreconditionFailed,
    /// More than the advertised limit: 413.
    TooLarge,
    /// The body is of a type that is not read here: 415.
    UnsupportedMediaType,
    /// Too often: 429.
    TooManyRequests,
    /// Known, but not offered: 501.
    NotImplemented,
    /// Our fault: 500.
    Internal,
    /// Not now: 503.
    Unavailable,
}

impl Kind {
    /// The HTTP status of this meaning.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict => 409,
            Self::PreconditionFailed => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::NotImplemented => 501,
            Self::Unavailable => 503,
        }
    }
}

/// Why a request was refused. `Display` is the detail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    kind: Kind,
    scim_type: Option<ScimType>,
    detail: String,
}

impl ScimError {
    /// An error of this meaning without a `scimType`. Details repeat what was sent; a token in it is left out.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, scim_type: None, detail: redact(&detail.into()) }
    }

    /// The same error with a `scimType`.
    #[must_use]
    pub fn with_type(mut self, scim_type: ScimType) -> Self {
        self.scim_type = Some(scim_type);
        self
    }

    /// The same error, told where it happened: `"{place}: {detail}"`.
    #[must_use]
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.detail = redact(&format!("{place}: {}", self.detail));
        self
    }

    fn bad(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, detail).with_type(scim_type)
    }

    /// 400 `invalidFilter`.
    #[must_use]
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidFilter, detail)
    }

    /// 400 `invalidSyntax`.
    #[must_use]
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidSyntax, detail)
    }

    /// 400 `invalidPath`.
    #[must_use]
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidPath, detail)
    }

    /// 400 `invalidValue`.
    #[must_use]
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::InvalidValue, detail)
    }

    /// 400 `noTarget`.
    #[must_use]
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::NoTarget, detail)
    }

    /// 400 `mutability`.
    #[must_use]
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::Mutability, detail)
    }

    /// 400 `tooMany`.
    #[must_use]
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::bad(ScimType::TooMany, detail)
    }

    /// 409 `uniqueness`.
    #[must_use]
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, detail).with_type(ScimType::Uniqueness)
    }

    /// 404.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, detail)
    }

    /// 403.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, detail)
    }

    /// 413.
    #[must_use]
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, detail)
    }

    /// 503.
    #[must_use]
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, detail)
    }

    /// 500 with a constant text: the reason belongs in the log, under the request id.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "The server failed to handle this request. Its X-Request-Id finds the reason in the server's log.",
        )
    }

    /// What the error means.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.kind.status()
    }

    /// The RFC 7644 §3.12 keyword, where there is one.
    #[must_use]
    pub const fn scim_type(&self) -> Option<ScimType> {
        self.scim_type
    }

    /// What was wrong and what to do, in plain words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The error document of RFC 7644 §3.12; `status` is text there.
    #[must_use]
    pub fn to_body(&self) -> Value {
        let mut body = Map::new();
        body.insert("schemas".into(), json!([ERROR_URN]));
        body.insert("status".into(), json!(self.status().to_string()));
        if let Some(scim_type) = self.scim_type {
            body.insert("scimType".into(), json!(scim_type.as_str()));
        }
        body.insert("detail".into(), json!(self.detail));
        Value::Object(body)
    }
}

/// Foreign text for use in an error: in quotes, cut to a short excerpt, control characters escaped.
pub(crate) fn quote(text: &str) -> String {
    let mut shown = String::from('"');
    for c in text.chars().take(EXCERPT) {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    let cut = text.chars().nth(EXCERPT).is_some();
    shown.push_str(if cut { "…\"" } else { "\"" });
    shown
}

/// What a JSON value is, for an error text: `the text "abc"`, `the number 5`, `a list`.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {}", quote(text)),
        Value::Array(list) => match list.len() {
            0 => "an empty list".into(),
            1 => "a list".into(),
            n => format!("a list of {n}"),
        },
        Value::Object(_) => "an object".into(),
    }
}
