//! What a token may do, and where it is in its life.

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// GET only.
    Read,
    /// Everything.
    Write,
}

impl Scope {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => Err(format!("`{text}` is no scope; it is `read` or `write`")),
        }
    }
}

/// Where a token is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// Live and never used.
    New,
    /// Live and used.
    Active,
    /// Live, but being replaced: it retires when it is silent, or on its final date.
    Retiring,
    /// Replaced, and closed.
    Retired,
    /// Past its date.
    Expired,
    /// Revoked by somebody.
    Revoked,
}

impl TokenState {
    /// As shown by the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// True while the token opens its endpoint.
    pub fn is_live(self) -> bool {
        matches!(self, Self::New | Self::Active | Self::Retiring)
    }
}
