//! What is issued: a bearer token, which is sent itself, or a client of OAuth 2.0, whose secret is exchanged for access
//! tokens of an hour. Their lives are the same: label, scope, networks, expiry, rotation, revocation, counts.

use std::str::FromStr;

use scim_core::token::{PlainSecret, PlainToken};

/// Whether a token is sent itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// `Authorization: Bearer scim_…`, for as long as it lives.
    #[default]
    Bearer,
    /// OAuth 2.0 client credentials (RFC 6749 §4.4): its id is the client id.
    Client,
}

impl Kind {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Client => "client",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bearer" => Ok(Self::Bearer),
            "client" => Ok(Self::Client),
            _ => Err(format!("`{text}` is no kind of token; it is `bearer` or `client`")),
        }
    }
}

/// What was issued, in plain: only where it is handed to its owner.
pub enum Secret {
    /// A bearer token.
    Bearer(PlainToken),
    /// The secret of a client.
    Client(PlainSecret),
}

impl Secret {
    pub(super) fn mint(kind: Kind, entropy: &[u8; 48]) -> Self {
        match kind {
            Kind::Bearer => Self::Bearer(PlainToken::mint(entropy)),
            Kind::Client => Self::Client(PlainSecret::mint(entropy)),
        }
    }

    /// The public part: the id of the token, or the client id.
    pub fn id(&self) -> &str {
        match self {
            Self::Bearer(token) => token.id(),
            Self::Client(secret) => secret.id(),
        }
    }

    /// The plain text, for the one moment when its owner is shown it.
    pub fn reveal(&self) -> &str {
        match self {
            Self::Bearer(token) => token.reveal(),
            Self::Client(secret) => secret.reveal(),
        }
    }

    pub(super) fn digest(&self) -> [u8; 32] {
        match self {
            Self::Bearer(token) => *token.digest().as_bytes(),
            Self::Client(secret) => *secret.digest().as_bytes(),
        }
    }
}
