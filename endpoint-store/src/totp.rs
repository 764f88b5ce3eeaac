//! Codes of an authenticator app: TOTP (RFC 6238) with what every app can do, SHA-1, six digits, thirty seconds.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use crate::ids::Millis;

/// Bytes of a secret: as many as the hash has (RFC 4226 §4).
pub(crate) const SECRET: usize = 20;
const STEP: Millis = 30_000;
const DIGITS: usize = 6;
/// So many steps before and after the present one are taken too: clocks differ, and people type slowly (RFC 6238 §5.2).
const DRIFT: i64 = 1;

/// The code of one step (RFC 4226 §5.3).
fn code_of(secret: &[u8], step: i64) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last().copied().unwrap_or_default() & 15);
    let number =
        hash.iter().skip(offset).take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 1_000_000)
}

/// The step whose code this is, if it is one of those around `now` and comes after `last`: a code is good once.
pub(crate) fn matching_step(secret: &[u8], code: &str, last: Option<i64>, now: Millis) -> Option<i64> {
    let present = now.div_euclid(STEP);
    let steps = (present - DRIFT)..=(present + DRIFT);
    let fits = |step: &i64| bool::from(code_of(secret, *step).as_bytes().ct_eq(code.as_bytes()));
    // All of them are compared, whichever fits.
    let fitting: Vec<i64> = steps.filter(fits).collect();
    fitting.into_iter().find(|step| last.is_none_or(|last| *step > last))
}

/// Whether a text has the form of a code.
pub(crate) fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A secret as it is typed into an app that cannot see the picture.
pub fn secret_text(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// What the picture for the app holds: the key URI that all of them read.
pub fn uri(issuer: &str, account: &str, secret: &[u8]) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (issuer, account) = (encoded(issuer), encoded(account));
    format!("otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}", secret_text(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    /// RFC 6238, appendix B, the last six of the eight digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_of(SECRET, seconds / 30), code);
            assert_eq!(matching_step(SECRET, code, None, seconds * 1000), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_is_good_for_its_neighbours_and_once() {
        let code = code_of(SECRET, 100);
        for (step, good) in [(98, false), (99, true), (100, true), (101, true), (102, false)] {
            assert_eq!(matching_step(SECRET, &code, None, step * STEP).is_some(), good, "{step}");
        }
        assert_eq!(matching_step(SECRET, &code, Some(99), 100 * STEP), Some(100));
        assert_eq!(matching_step(SECRET, &code, Some(100), 100 * STEP), None);
        assert_eq!(matching_step(SECRET, &code, Some(101), 100 * STEP), None);
        assert_eq!(matching_step(SECRET, "", None, 100 * STEP), None);
        assert_eq!(matching_step(SECRET, &format!("{code}0"), None, 100 * STEP), None);
    }

    #[test]
    fn what_the_picture_holds_is_escaped() {
        let uri = uri("SCIM endpoints", "ann&secret=A?/:ü", SECRET);
        assert_eq!(
            uri,
            "otpauth://totp/SCIM%20endpoints:ann%26secret%3DA%3F%2F%3A%C3%BC?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=SCIM%20endpoints"
        );
    }
}
