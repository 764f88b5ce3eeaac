//! Signatures as the specification of Standard Webhooks has them: over id, timestamp and body, one for each live secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use endpoint_store::sealed::SecretBytes;
use endpoint_store::webhooks::Kind;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::signature::Ed25519KeyPair;
use sha2::Sha256;

/// The value of the header `webhook-signature`. A secret that signs nothing is left out.
pub(super) fn signatures(secrets: &[(Kind, SecretBytes)], id: &str, timestamp: i64, body: &[u8]) -> String {
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let each = secrets.iter().filter_map(|(kind, secret)| one(*kind, secret.reveal(), &signed));
    each.collect::<Vec<String>>().join(" ")
}

fn one(kind: Kind, secret: &[u8], signed: &[u8]) -> Option<String> {
    match kind {
        Kind::Hmac => {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
            mac.update(signed);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        }
        Kind::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_unchecked(secret).ok()?;
            Some(format!("v1a,{}", STANDARD.encode(pair.sign(signed).as_ref())))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn it_signs_as_others_do() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let secrets = [(Kind::Hmac, SecretBytes::new(secret))];
        let body = br#"{"test": 2432232314}"#;
        let signed = signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side() {
        let secrets =
            [(Kind::Ed25519, SecretBytes::new(vec![7; 32])), (Kind::Hmac, SecretBytes::new(vec![8; 32]))];
        let signed = signatures(&secrets, "a", 1, b"{}");
        let kinds: Vec<&str> = signed.split(' ').map(|one| one.split(',').next().unwrap()).collect();
        assert_eq!(kinds, ["v1a", "v1"]);
        use ring::signature::{ED25519, KeyPair as _, UnparsedPublicKey};
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let first = signed.split(' ').next().unwrap().trim_start_matches("v1a,");
        let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
        public.verify(b"a.1.{}", &STANDARD.decode(first).unwrap()).unwrap();
    }
}
