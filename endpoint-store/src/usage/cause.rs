//! Why a request was turned away, as explained to operators. The requester learns none of it.

use crate::error::StoreError;

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $about:literal;)+) => {
        /// Why a request was turned away.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Cause { $($(#[$doc])* $name),+ }

        impl Cause {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As stored and logged.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// What came, and what to do about it, in a sentence for any identity provider.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => $about),+ }
            }
        }
    };
}

causes! {
    /// No `Authorization` header, or an empty one.
    NoToken = "no-token", "A call came without a token; paste the token into the identity provider.";
    /// An `Authorization` header without the word `Bearer`.
    NoBearer = "no-bearer", "The header must read `Authorization: Bearer scim_…`; choose bearer token as the way to authenticate.";
    /// Not a token of ours at all.
    Malformed = "malformed", "What came is no token of ours; clear the field and paste the token whole.";
    /// Ours, but its check characters do not fit: mistyped or cut off.
    Mistyped = "mistyped", "The token is cut off or mistyped; paste it again with the copy button.";
    /// Well-formed, but never issued here.
    UnknownToken = "unknown-token", "The token was never issued here, so it is from another installation; issue one here.";
    /// The token of another endpoint.
    OtherEndpoint = "other-endpoint", "Address and token belong to different endpoints; correct one of them.";
    /// A revoked token.
    Revoked = "revoked", "The token was revoked and is still in use; replace it there by a live one.";
    /// A token that was replaced by rotation and is retired.
    Retired = "retired", "The token was replaced and is still in use; paste the one that took its place.";
    /// A token past its date.
    Expired = "expired", "The token has expired and is still in use; issue another.";
    /// A token whose list of networks does not have the address it came from.
    ForeignAddress = "foreign-address", "The token came from an address that it may not come from; find out who sent it, or allow the address.";
    /// The secret of an OAuth 2.0 client, sent as if it were a token.
    ClientSecret = "client-secret", "A client secret came where an access token belongs; choose OAuth 2.0 client credentials as the way to authenticate, with the token URL.";
    /// An access token whose hour is over.
    AccessExpired = "access-expired", "An access token came after its hour; the identity provider fetches another one by itself.";
    /// So many wrong credentials from one address that further ones were not looked at.
    Flood = "flood", "An address sends wrong credentials faster than is judged, and was told to wait; stop whatever runs there.";
    /// A good token at an address where no endpoint is.
    UnknownEndpoint = "unknown-endpoint", "A good token came to an address where no endpoint is; correct the SCIM Base URL.";
    /// A call to the address of no endpoint, which is almost this one's.
    MisspeltEndpoint = "misspelt-endpoint", "Calls come to an address that differs from this endpoint's by a letter or two; correct the SCIM Base URL.";
    /// A good token at a path from which only `/v2` is missing.
    MissingVersion = "missing-version", "The SCIM Base URL ends in /v2, and that is missing; add it.";
    /// A good token at a path that SCIM does not have.
    WrongPath = "wrong-path", "A good token came to a path that SCIM does not have; correct the SCIM Base URL.";
    /// A read-only token that tried to write.
    ReadOnly = "read-only", "The token may only read and tried to write; issue one that may do both.";
}

impl Cause {
    /// Attempts with a token that was alive once.
    pub const DEAD: [Self; 3] = [Self::Revoked, Self::Retired, Self::Expired];

    /// Whether it is one of [`Cause::DEAD`].
    pub fn is_dead(self) -> bool {
        Self::DEAD.contains(&self)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.iter().copied().find(|cause| cause.as_str() == text);
        found.ok_or_else(|| StoreError::Damaged(format!("unknown cause `{text}`")))
    }
}
