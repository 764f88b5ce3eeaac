//! Credentials: bearer tokens of endpoints, `scim_<id>_<secret><crc>`, and API keys of operators,
//! `scimkey_<id>_<secret><crc>`; and for OAuth 2.0 client secrets, `scimsecret_…`, and access tokens, `scimat_…`.
//!
//! | part | base62 characters | what |
//! |---|---|---|
//! | id | 12 | public name, shown in lists and logs |
//! | secret | 43 | 256 random bits |
//! | crc | 6 | CRC-32 of everything before it |
//!
//! The checksum tells a typing error from a dead token without a look-up, and lets scanners find
//! leaked tokens. The plain text lives in [`Plain`] only, which cannot be printed, copied or
//! serialised and is wiped when dropped; what is kept is the [`Digest`]. Both carry what they are for
//! in their type: a token can be neither given nor compared where a key is wanted.

use std::borrow::Cow;
use std::marker::PhantomData;

use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 12;
const SECRET: usize = 43;
const CRC: usize = 6;
/// How often something may be percent-encoded on its way to us: by a client, and once more by what stands between.
const ENCODINGS: usize = 4;

/// What a credential is for.
pub trait Purpose {
    /// What its text begins with.
    const PREFIX: &'static str;
}

/// Opens one SCIM endpoint.
#[derive(Clone, Copy)]
pub struct ForScim;

impl Purpose for ForScim {
    const PREFIX: &'static str = "scim_";
}

/// Opens the management API, with the role of its operator.
#[derive(Clone, Copy)]
pub struct ForApi;

impl Purpose for ForApi {
    const PREFIX: &'static str = "scimkey_";
}

/// Proves an OAuth 2.0 client, which gets access tokens for it.
#[derive(Clone, Copy)]
pub struct ForClient;

impl Purpose for ForClient {
    const PREFIX: &'static str = "scimsecret_";
}

/// Opens one SCIM endpoint for an hour.
#[derive(Clone, Copy)]
pub struct ForAccess;

impl Purpose for ForAccess {
    const PREFIX: &'static str = "scimat_";
}

/// The secret of an OAuth 2.0 client.
pub type PlainSecret = Plain<ForClient>;
/// What is kept of one.
pub type SecretDigest = Digest<ForClient>;
/// What a client gets for its secret.
pub type PlainAccess = Plain<ForAccess>;
/// What is kept of one.
pub type AccessDigest = Digest<ForAccess>;
/// The bearer token of an endpoint.
pub type PlainToken = Plain<ForScim>;
/// What is kept of one.
pub type TokenDigest = Digest<ForScim>;
/// The API key of an operator.
pub type PlainKey = Plain<ForApi>;
/// What is kept of one.
pub type KeyDigest = Digest<ForApi>;

/// A credential in plain text. [`Plain::reveal`] is the only way to see it.
pub struct Plain<P: Purpose> {
    text: Zeroizing<String>,
    purpose: PhantomData<P>,
}

/// Why a text is not a credential of the kind that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It does not begin like one: the credential of something else.
    #[error(
        "this is no credential of the kind that is wanted here: tokens begin with \"scim_\", API keys with \"scimkey_\", client secrets with \"scimsecret_\""
    )]
    NotOurs,
    /// It begins like one, but is cut, lengthened or mistyped.
    #[error("the token is damaged: a part of it is missing, added or mistyped")]
    Mistyped,
}

impl<P: Purpose> Plain<P> {
    const LENGTH: usize = P::PREFIX.len() + ID + 1 + SECRET + CRC;

    /// Makes one of 48 random bytes: 16 for the id, 32 for the secret.
    #[must_use]
    pub fn mint(entropy: &[u8; 48]) -> Self {
        let (for_id, for_secret) = entropy.split_at(16);
        let mut text = Zeroizing::new(String::with_capacity(Self::LENGTH));
        text.push_str(P::PREFIX);
        push_base62(&mut text, for_id, ID);
        text.push('_');
        push_base62(&mut text, for_secret, SECRET);
        let crc = checksum(&text);
        text.push_str(&crc);
        Self { text, purpose: PhantomData }
    }

    /// Makes one of 32 random bytes whose id follows from its secret: who has the seal tells one that was made up from one
    /// that was issued, without looking anything up.
    #[must_use]
    pub fn mint_sealed(entropy: &[u8; 32], seal: impl Fn(&[u8]) -> [u8; 16]) -> Self {
        let mut secret = Zeroizing::new(String::with_capacity(SECRET));
        push_base62(&mut secret, entropy, SECRET);
        let mut text = Zeroizing::new(String::with_capacity(Self::LENGTH));
        text.push_str(P::PREFIX);
        push_base62(&mut text, &seal(secret.as_bytes()), ID);
        text.push('_');
        text.push_str(&secret);
        let crc = checksum(&text);
        text.push_str(&crc);
        Self { text, purpose: PhantomData }
    }

    /// Whether its id follows from its secret under this seal.
    #[must_use]
    pub fn is_sealed(&self, seal: impl Fn(&[u8]) -> [u8; 16]) -> bool {
        let from = P::PREFIX.len() + ID + 1;
        let secret = self.text.get(from..from + SECRET).unwrap_or_default();
        let mut expected = String::with_capacity(ID);
        push_base62(&mut expected, &seal(secret.as_bytes()), ID);
        expected.as_bytes().ct_eq(self.id().as_bytes()).into()
    }

    /// Whether a text begins like one.
    #[must_use]
    pub fn looks_like(text: &str) -> bool {
        text.starts_with(P::PREFIX)
    }

    /// Reads one as presented by a client.
    ///
    /// # Errors
    /// [`Malformed`], told apart for the person who set it up; a caller over the wire gets the
    /// same answer for both.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let body = text.strip_prefix(P::PREFIX).ok_or(Malformed::NotOurs)?;
        let (id, rest) = body.split_once('_').ok_or(Malformed::Mistyped)?;
        let base62 = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if id.len() != ID || rest.len() != SECRET + CRC || !base62(id) || !base62(rest) {
            return Err(Malformed::Mistyped);
        }
        let (signed, crc) = text.split_at(Self::LENGTH - CRC);
        if checksum(signed) != crc {
            return Err(Malformed::Mistyped);
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), purpose: PhantomData })
    }

    /// The public part, by which it is found and named.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text.get(P::PREFIX.len()..P::PREFIX.len() + ID).unwrap_or_default()
    }

    /// The public part of something that was meant to be one, such as a token that is cut off or stands behind another
    /// word. It proves nothing: it only tells which one was meant.
    #[must_use]
    pub fn id_within(text: &str) -> Option<&str> {
        let (_, behind) = text.split_once(P::PREFIX)?;
        let (id, _) = behind.split_once('_')?;
        (id.len() == ID && id.bytes().all(|byte| ALPHABET.contains(&byte))).then_some(id)
    }

    /// What is kept of it: SHA-256 of the whole text. 256 random bits need no slow hash.
    #[must_use]
    pub fn digest(&self) -> Digest<P> {
        Digest { bytes: Sha256::digest(self.text.as_bytes()).into(), purpose: PhantomData }
    }

    /// The plain text, for the one moment when its owner is shown it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

/// SHA-256 of a credential. It can be stored and compared, not shown.
#[derive(Clone, Copy)]
pub struct Digest<P: Purpose> {
    bytes: [u8; 32],
    purpose: PhantomData<P>,
}

impl<P: Purpose> Digest<P> {
    /// The digest as read from where it is kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, purpose: PhantomData }
    }

    /// The bytes to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Whether both are digests of the same text, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl<P: Purpose> std::fmt::Debug for Digest<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest(…)")
    }
}

fn checksum(text: &str) -> String {
    let crc = crc32fast::hash(text.as_bytes());
    let mut out = String::with_capacity(CRC);
    push_base62(&mut out, &crc.to_be_bytes(), CRC);
    out
}

/// Appends the last `digits` base62 digits of a big-endian number, by long division.
fn push_base62(out: &mut String, number: &[u8], digits: usize) {
    let mut number = number.to_vec();
    let mut reversed = Vec::with_capacity(digits);
    for _ in 0..digits {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let dividend = (remainder << 8) | u32::from(*byte);
            // The quotient fits: the remainder is below 62, so dividend / 62 is below 256.
            *byte = u8::try_from(dividend / 62).unwrap_or(u8::MAX);
            remainder = dividend % 62;
        }
        reversed.push(ALPHABET.get(remainder as usize).copied().unwrap_or(b'0'));
    }
    out.extend(reversed.iter().rev().map(|digit| char::from(*digit)));
    number.zeroize();
    reversed.zeroize();
}

/// Text that may be logged or shown: whatever in it looks like a token or a key, or like the beginning of one, is
/// `scim_…` or `scimkey_…`, be it plain or percent-encoded. A name that only begins alike, such as `scim_test`, stays:
/// it is too short to hold any of a secret.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut decoded = Cow::Borrowed(text);
    for _ in 0..if text.contains('%') { ENCODINGS } else { 0 } {
        let once = percent_decode_str(&decoded).decode_utf8_lossy().into_owned();
        if once == decoded {
            break;
        }
        decoded = Cow::Owned(once);
        let shown = redact_plain(&decoded);
        if shown != *decoded {
            return shown;
        }
    }
    redact_plain(text)
}

fn redact_plain(text: &str) -> String {
    let prefixes = [ForScim::PREFIX, ForApi::PREFIX, ForClient::PREFIX, ForAccess::PREFIX];
    prefixes.iter().fold(text.to_owned(), |text, prefix| blot(&text, prefix))
}

fn blot(text: &str, prefix: &str) -> String {
    let mut parts = text.split(prefix);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let word = part.strip_suffix(rest).unwrap_or_default();
        let is_token = word.find('_') == Some(ID) || word.len() > 2 * ID;
        out.push_str(prefix);
        out.push_str(if is_token { "…" } else { word });
        out.push_str(rest);
    }
    out
}
