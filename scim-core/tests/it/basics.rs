//! The JSON door, folding, times, dialects, schemas.

use rstest::rstest;
use scim_core::fold::fold;
use scim_core::schema::Catalog;
use scim_core::{Dialect, Rule, ScimError, ScimType, json, time};
use serde_json::Value;

#[rstest]
#[case::empty(b"", "empty")]
#[case::blank(b" \n\t", "empty")]
#[case::cut(b"{\n  \"a\": ", "line 2")]
#[case::two(b"{} {}", "trailing characters")]
#[case::comma(b"{\"a\": 1,}", "line 1, column 9")]
#[case::not_utf8(b"{\"a\": \"\xff\"}", "not UTF-8 at line 1, column 8")]
#[case::nul(br#"{"a": "\u0000"}"#, "U+0000")]
#[case::nul_in_a_key(br#"{"\u0000a": 1}"#, "U+0000")]
#[case::twice(br#"{"a": 1, "b": {"c": 2, "c": 2}}"#, "\"c\" is there twice")]
#[case::twice_in_another_case(br#"[{"userName": "a", "USERNAME": "b"}]"#, "\"USERNAME\" is there twice")]
#[case::twice_with_an_escape(br#"{"ab": 1, "\u0061b": 2}"#, "\"ab\" is there twice")]
#[case::huge_number(b"{\"a\": 1e999}", "number out of range")]
fn the_json_door_refuses(#[case] bytes: &[u8], #[case] hint: &str) {
    let error = json::parse(bytes).unwrap_err();
    assert_eq!(error.scim_type(), Some(ScimType::InvalidSyntax));
    assert!(error.detail().contains(hint), "{error}");
}

#[test]
fn the_json_door_counts_levels_and_not_brackets_in_text() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(json::parse(nested(json::MAX_DEPTH).as_bytes()).is_ok());
    let error = json::parse(nested(json::MAX_DEPTH + 1).as_bytes()).unwrap_err();
    assert!(error.detail().contains("column 33"), "{error}");
    // Far deeper than a parser's own stack would bear.
    assert!(json::parse(nested(1_000_000).as_bytes()).is_err());
    let text = format!(r#"["{}\"", []]"#, "[".repeat(100));
    assert!(json::parse(text.as_bytes()).is_ok());
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert!(json::parse(b"\xEF\xBB\xBF{}").is_ok());
}

#[rstest]
#[case("BJensen@Example.COM", "bjensen@example.com")]
#[case("STRASSE", "strasse")]
#[case("Straße", "strasse")]
#[case("STRAẞE", "strasse")]
#[case("ΟΔΥΣΣΕΎΣ", "οδυσσεύσ")]
#[case("ςσΣ", "σσσ")]
#[case("ﬁn", "fin")]
#[case("ıI", "ıi")]
#[case("ÉÇØ", "éçø")]
fn folding(#[case] text: &str, #[case] key: &str) {
    assert_eq!(fold(text), key);
    assert_eq!(fold(key), key, "a key is its own key");
}

#[test]
fn every_character_folds_to_its_own_key() {
    for c in '\0'..=char::MAX {
        let key = fold(c.encode_utf8(&mut [0; 4]));
        assert_eq!(fold(&key), key, "{c:?}");
    }
}

#[rstest]
#[case(0, "1970-01-01T00:00:00.000Z")]
#[case(1_795_479_360_123, "2026-11-24T00:16:00.123Z")]
#[case(-1, "1969-12-31T23:59:59.999Z")]
fn times_are_written_and_read(#[case] ms: i64, #[case] text: &str) {
    assert_eq!(time::format(ms), text);
    assert_eq!(time::parse(text), Some(ms));
}

#[rstest]
#[case("2026-11-24T01:16:00+01:00", Some(1_795_479_360_000))]
#[case("2026-11-24T00:16:00", Some(1_795_479_360_000))]
#[case("2026-11-24", Some(1_795_478_400_000))]
#[case("yesterday", None)]
#[case("", None)]
fn other_times_are_read(#[case] text: &str, #[case] ms: Option<i64>) {
    assert_eq!(time::parse(text), ms);
}

#[test]
fn times_out_of_reach_are_still_written() {
    assert!(time::format(i64::MAX).starts_with("9999-12-3"));
    assert!(time::format(i64::MIN).starts_with("-009999-01-0"));
}

#[test]
fn rules_have_names_of_their_own() {
    let mut names: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert!(Rule::ALL.iter().all(|rule| Rule::by_name(rule.name()) == Some(*rule)));
    assert!(Rule::ALL.iter().all(|rule| rule.describe().ends_with('.')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
    assert_eq!(Dialect::all().rules().count(), Rule::ALL.len());
    assert_eq!(Dialect::strict().rules().count(), 0);
}

#[test]
fn schemas_are_found_by_any_of_their_names() {
    let catalog = Catalog::builtin();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    for urn in [
        enterprise,
        "URN:IETF:PARAMS:SCIM:SCHEMAS:EXTENSION:ENTERPRISE:2.0:USER",
        "urn:scim:schemas:extension:enterprise:1.0",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0.",
    ] {
        assert_eq!(catalog.schema(urn).unwrap().id, enterprise, "{urn}");
    }
    assert!(catalog.schema("urn:example:Other").is_none());
    assert_eq!(catalog.by_endpoint("users").unwrap().name, "User");
    assert_eq!(catalog.schemas().len(), 3);
}

/// RFC 7643 §7: what each attribute of a definition has to say.
#[test]
fn definitions_say_all_that_the_rfc_asks_for() {
    fn complete(attributes: &Value) {
        for attribute in attributes.as_array().unwrap() {
            let mut keys =
                vec!["name", "type", "multiValued", "description", "required", "mutability", "returned"];
            if attribute["type"] == "reference" {
                keys.push("referenceTypes");
            }
            for key in keys {
                assert!(attribute.get(key).is_some_and(|v| *v != ""), "{key} of {attribute}");
            }
            if let Some(subs) = attribute.get("subAttributes") {
                complete(subs);
            }
        }
    }
    for schema in Catalog::builtin().schemas() {
        complete(&schema.json()["attributes"]);
    }
}

#[test]
fn an_error_is_a_scim_document() {
    let body = ScimError::uniqueness("userName is in use").to_body();
    let expected = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "409",
        "scimType": "uniqueness",
        "detail": "userName is in use"
    });
    assert_eq!(body, expected);
    assert!(ScimError::not_found("no such user").to_body().get("scimType").is_none());
}
