//! Tokens.

use proptest::prelude::*;
use scim_core::error::ScimError;
use scim_core::token::{Malformed, PlainAccess, PlainKey, PlainSecret, PlainToken, TokenDigest, redact};

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn sample() -> String {
    let entropy = std::array::from_fn(|i| u8::try_from(i * 5).unwrap());
    PlainToken::mint(&entropy).reveal().to_owned()
}

#[test]
fn a_token_has_the_agreed_form() {
    let text = sample();
    let (head, tail) = text.strip_prefix("scim_").unwrap().split_once('_').unwrap();
    assert_eq!((head.len(), tail.len()), (12, 43 + 6));
    assert!(format!("{head}{tail}").chars().all(|c| BASE62.contains(c)));
    let token = PlainToken::parse(&text).ok().unwrap();
    assert_eq!(token.id(), head);
    assert_eq!(token.reveal(), text);
}

#[test]
fn every_single_typing_error_is_detected() {
    let text = sample();
    for at in "scim_".len()..text.len() {
        for typo in BASE62.chars().chain(['_', '-', ' ']) {
            let mut typed: Vec<char> = text.chars().collect();
            if typed[at] == typo {
                continue;
            }
            typed[at] = typo;
            let typed: String = typed.into_iter().collect();
            assert_eq!(PlainToken::parse(&typed).err(), Some(Malformed::Mistyped), "{typed}");
        }
        let mut cut = text.clone();
        cut.remove(at);
        assert_eq!(PlainToken::parse(&cut).err(), Some(Malformed::Mistyped), "{cut}");
    }
    assert_eq!(PlainToken::parse(&format!("{text}x")).err(), Some(Malformed::Mistyped));
}

#[test]
fn other_credentials_are_told_apart() {
    for text in ["", "Bearer", "scim", "SCIM_x", "ghp_0123456789", "ß"] {
        assert_eq!(PlainToken::parse(text).err(), Some(Malformed::NotOurs), "{text}");
    }
    for text in ["scim_", "scim__", "scim_ßßßßßß_"] {
        assert_eq!(PlainToken::parse(text).err(), Some(Malformed::Mistyped), "{text}");
    }
}

#[test]
fn a_key_is_no_token_and_a_token_no_key() {
    let (token, key) = (PlainToken::mint(&[3; 48]), PlainKey::mint(&[3; 48]));
    let (head, tail) = key.reveal().strip_prefix("scimkey_").unwrap().split_once('_').unwrap();
    assert_eq!((head.len(), tail.len()), (12, 43 + 6));
    assert_eq!(PlainKey::parse(key.reveal()).ok().unwrap().id(), token.id());
    assert_eq!(PlainKey::parse(token.reveal()).err(), Some(Malformed::NotOurs));
    assert_eq!(PlainToken::parse(key.reveal()).err(), Some(Malformed::NotOurs));
    let swapped = key.reveal().replacen("scimkey_", "scim_", 1);
    assert_eq!(PlainToken::parse(&swapped).err(), Some(Malformed::Mistyped));
    assert_ne!(token.digest().as_bytes(), key.digest().as_bytes());
    assert_eq!(redact(&format!("of {}.", key.reveal())), "of scimkey_….");
    assert_eq!(redact("scimkey_1"), "scimkey_1");
}

#[test]
fn the_checksum_is_a_plain_crc_32() {
    // Scanners for leaked secrets have to be able to compute it.
    let text = sample();
    let (signed, crc) = text.split_at(text.len() - 6);
    let value = crc
        .chars()
        .fold(0_u64, |value, digit| value * 62 + u64::try_from(BASE62.find(digit).unwrap()).unwrap());
    assert_eq!(value, u64::from(crc32fast::hash(signed.as_bytes())));
}

#[test]
fn a_digest_is_sha_256_and_shows_nothing() {
    let token = PlainToken::parse(&sample()).ok().unwrap();
    let digest = token.digest();
    let again = TokenDigest::from_bytes(*digest.as_bytes());
    assert!(digest.matches(&again));
    let mut other = *digest.as_bytes();
    other[31] ^= 1;
    assert!(!digest.matches(&TokenDigest::from_bytes(other)));
    assert_eq!(format!("{digest:?}"), "Digest(…)");
}

#[test]
fn texts_are_freed_of_tokens_and_keep_names() {
    let token = sample();
    for (text, shown) in [
        (format!("no user \"{token}\""), "no user \"scim_…\""),
        (format!("/Users/{token}/x,{token}"), "/Users/scim_…/x,scim_…"),
        (format!("x{token}y z"), "xscim_… z"),
        (token[..20].to_owned(), "scim_…"),
        (format!("scim_{}", &token[18..]), "scim_…"),
        ("scim_test and scim_, scim_service_account".to_owned(), "scim_test and scim_, scim_service_account"),
        (format!("/Users/{}", token.replace('_', "%5F")), "/Users/scim_…"),
        (format!("/Users/{}?x", token.replace('_', "%5f")), "/Users/scim_…?x"),
        (format!("/Users/{}", token.replace('_', "%255F")), "/Users/scim_…"),
        (format!("/Users/%73cim{}", &token[4..]), "/Users/scim_…"),
        (format!("{token}%00%ff"), "scim_…\0\u{fffd}"),
        ("/Users?filter=a%20eq%20scim%5Ftest".to_owned(), "/Users?filter=a%20eq%20scim%5Ftest"),
    ] {
        assert_eq!(redact(&text), shown);
    }
    let error = ScimError::invalid_value(format!("no {token}")).at(&token);
    assert_eq!(error.detail(), "scim_…: no scim_…");
}

proptest! {
    #[test]
    fn minted_tokens_are_read_back(a: [u8; 24], b: [u8; 24]) {
        let mut entropy = [0; 48];
        entropy[..24].copy_from_slice(&a);
        entropy[24..].copy_from_slice(&b);
        let minted = PlainToken::mint(&entropy);
        let read = PlainToken::parse(minted.reveal()).ok().unwrap();
        prop_assert!(read.digest().matches(&minted.digest()));
        prop_assert_eq!(read.id(), minted.id());
    }

    #[test]
    fn reading_never_panics(text in ".*") {
        let _ = PlainToken::parse(&text);
        let _ = PlainToken::parse(&format!("scim_{text}"));
    }
}

#[test]
fn the_id_of_a_sealed_token_follows_from_its_secret() {
    let seal = |key: u8| move |secret: &[u8]| std::array::from_fn(|at| secret[at].wrapping_mul(key));
    let token = PlainAccess::mint_sealed(&[9; 32], seal(3));
    let read = PlainAccess::parse(token.reveal()).ok().unwrap();
    assert_eq!(read.id(), token.id());
    assert!(read.is_sealed(seal(3)) && !read.is_sealed(seal(5)));
    assert!(!PlainAccess::mint(&[9; 48]).is_sealed(seal(3)), "one that was made up");
}

#[test]
fn whose_a_damaged_one_was_is_told_by_its_public_part() {
    let token = PlainToken::mint(&[5; 48]);
    for text in [
        token.reveal().to_owned(),
        format!("Token {}", token.reveal()),
        token.reveal()[..30].to_owned(),
        format!("{}x", token.reveal()),
    ] {
        assert_eq!(PlainToken::id_within(&text), Some(token.id()), "{text}");
    }
    for text in ["", "scim_", "scim_short_x", "scim_000000000000", "scim_00000000000\u{fc}_x", "Bearer x"] {
        assert_eq!(PlainToken::id_within(text), None, "{text}");
    }
}

#[test]
fn every_kind_is_blotted_out() {
    let (secret, access) = (PlainSecret::mint(&[5; 48]), PlainAccess::mint(&[6; 48]));
    let text = format!("a {} b {} c", secret.reveal(), access.reveal());
    assert_eq!(redact(&text), "a scimsecret_… b scimat_… c");
}
