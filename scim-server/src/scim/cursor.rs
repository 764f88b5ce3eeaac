//! Cursors (RFC 9865 §2): positions in a result, sealed so that nobody can make or change one, and bound to
//! the endpoint and to the query they came from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use endpoint_store::EndpointId;
use endpoint_store::directory::Position;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scim_core::error::{Kind, ScimError, ScimType};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Seconds until a cursor expires.
pub(super) const LIFETIME: u64 = 3600;
const SEAL: usize = 16;

/// What a cursor belongs to: the same cursor under another query or endpoint is refused.
pub(super) struct Binding<'a> {
    pub(super) key: &'a [u8; 32],
    pub(super) endpoint: &'a EndpointId,
    /// Everything that decides on the result: types, filter, order.
    pub(super) query: String,
}

#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(rename = "p")]
    position: Position,
    #[serde(rename = "x")]
    expires_at: i64,
}

impl Binding<'_> {
    /// The cursor of a position.
    pub(super) fn seal(&self, position: Position, now: i64) -> Result<String, ScimError> {
        let lifetime = i64::try_from(LIFETIME * 1000).unwrap_or(i64::MAX);
        let content = Content { position, expires_at: now.saturating_add(lifetime) };
        let content = serde_json::to_vec(&content).map_err(|_| ScimError::internal())?;
        let seal = self.mac(&content)?.finalize().into_bytes();
        let mut sealed = seal.get(..SEAL).unwrap_or_default().to_vec();
        sealed.extend(content);
        Ok(BASE64.encode(sealed))
    }

    /// The position of a cursor.
    ///
    /// # Errors
    /// 400 `invalidCursor` or `expiredCursor`.
    pub(super) fn open(&self, cursor: &str, now: i64) -> Result<Position, ScimError> {
        let invalid = || {
            refusal(
                ScimType::InvalidCursor,
                "The cursor is none of this endpoint, or of another query: a page is asked for with the filter and order of the \
                 page before, unchanged. Begin again without a cursor value.",
            )
        };
        let sealed = BASE64.decode(cursor).map_err(|_| invalid())?;
        let (seal, content) = sealed.split_at_checked(SEAL).ok_or_else(invalid)?;
        self.mac(content)?.verify_truncated_left(seal).map_err(|_| invalid())?;
        let content: Content = serde_json::from_slice(content).map_err(|_| invalid())?;
        if content.expires_at <= now {
            return Err(refusal(
                ScimType::ExpiredCursor,
                "The cursor is older than an hour and has expired. Begin again without a cursor value.",
            ));
        }
        Ok(content.position)
    }

    fn mac(&self, content: &[u8]) -> Result<Hmac<Sha256>, ScimError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key).map_err(|_| ScimError::internal())?;
        for part in [self.endpoint.as_str(), &self.query] {
            mac.update(&part.len().to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(content);
        Ok(mac)
    }
}

fn refusal(scim_type: ScimType, detail: &str) -> ScimError {
    ScimError::new(Kind::BadRequest, detail).with_type(scim_type)
}
