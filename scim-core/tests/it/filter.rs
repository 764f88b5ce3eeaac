//! Filters: grammar, checks, evaluation.

use std::sync::Arc;

use rstest::rstest;
use scim_core::filter::{Filter, MAX_DEPTH, MAX_LENGTH, MAX_TERMS};
use scim_core::schema::{ResourceType, Schema};
use scim_core::{Dialect, Rule, ScimError, ScimType};
use serde_json::{Value, json};

use crate::support::{fixture, flat, tree, user};

fn parse(text: &str) -> Result<Filter, ScimError> {
    Filter::parse(text, Dialect::generic())
}

#[test]
fn the_grammar_reads_what_it_must_and_refuses_the_rest() {
    let cases = fixture(include_str!("../fixtures/filter_syntax.json"));
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let text = case["filter"].as_str().unwrap();
        match (parse(text), case.get("ast")) {
            (Ok(read), Some(ast)) if flat(&tree(&read)) == flat(ast) => {
                assert_eq!(parse(&read.to_string()).as_ref(), Ok(&read), "printing {text}");
            }
            (Err(error), None) if error.scim_type() == Some(ScimType::InvalidFilter) => {}
            (result, _) => wrong.push(format!("{text}: {result:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A resource type that has nothing to do with ours: schemas are data.
fn toy() -> ResourceType {
    let text = |name: &str| json!({ "name": name, "type": "string" });
    let of = |name: &str, kind: &str| json!({ "name": name, "type": kind });
    let complex = |name: &str, many: bool, subs: Vec<Value>| json!({ "name": name, "type": "complex", "multiValued": many, "subAttributes": subs });
    let schema = json!({
        "id": "urn:example:Toy", "name": "Toy",
        "attributes": [
            text("userName"), text("shoeSize"), text("null"), text("unassigned"),
            of("weight", "decimal"), of("children", "integer"),
            of("true", "boolean"), of("false", "boolean"),
            json!({ "name": "empty", "type": "string", "multiValued": true }),
            complex("name", false, vec![text("first"), text("last"), text("middle")]),
            complex("addresses", true, vec![text("type"), text("streetAddress"), of("priority", "integer")]),
            complex("friends", true, vec![text("displayName"), of("$ref", "reference")]),
        ],
    });
    ResourceType {
        schema: Arc::new(Schema::from_json(schema).unwrap()),
        extensions: Vec::new(),
        ..(*user()).clone()
    }
}

#[test]
fn filters_decide_as_the_table_says() {
    let fixture = fixture(include_str!("../fixtures/filter_matches.json"));
    let resource = fixture["resource"].as_object().unwrap();
    let toy = toy();
    for case in fixture["cases"].as_array().unwrap() {
        let text = case[0].as_str().unwrap();
        let filter = parse(text).unwrap();
        assert_eq!(filter.check(&toy), Ok(()), "{text}");
        assert_eq!(filter.matches(&toy, resource), case[1] == true, "{text}");
    }
}

fn barbara() -> Value {
    json!({
        "id": "AbC",
        "userName": "BJensen",
        "externalId": "Ext-1",
        "active": true,
        "name": { "familyName": "Straße" },
        "emails": [
            { "value": "bj@work.example", "type": "work", "primary": true },
            { "value": "bj@home.example", "type": "home" }
        ],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": "701984",
            "manager": { "value": "m1" }
        },
        "meta": { "resourceType": "User", "created": "2026-11-24T00:16:00.000Z" }
    })
}

#[rstest]
#[case::names_in_any_case(r#"USERNAME eq "bjensen""#, true)]
#[case::user_names_without_case(r#"userName eq "BJENSEN""#, true)]
#[case::ids_with_case(r#"id eq "abc""#, false)]
#[case::external_ids_with_case(r#"externalId eq "ext-1""#, false)]
#[case::full_folding(r#"name.familyName sw "STRASS""#, true)]
#[case::complex_means_its_value(r#"emails eq "BJ@work.example""#, true)]
#[case::single_complex_means_its_value(
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "m1""#,
    true
)]
#[case::extension_without_urn(r#"id eq "AbC" and manager eq "m1""#, true)]
#[case::part_of_an_extension_without_urn(r#"manager.value eq "m2""#, false)]
#[case::old_urn(r#"urn:scim:schemas:extension:enterprise:1.0:employeeNumber eq "701984""#, true)]
#[case::number_for_text(
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber eq 701984",
    true
)]
#[case::across_elements(r#"emails.type eq "home" and emails.value co "work""#, true)]
#[case::within_one_element(r#"emails[type eq "home" and value co "work"]"#, false)]
#[case::absent_part_of_an_element(r#"emails[type eq "home" and primary eq true]"#, false)]
#[case::boolean_text(r#"active eq "True""#, true)]
#[case::not_equal_when_absent(r#"title ne "x""#, true)]
#[case::null_when_absent("title eq null", true)]
#[case::null_when_there("userName eq null", false)]
#[case::any_element_differs(r#"emails.type ne "work""#, true)]
#[case::time_with_another_offset(r#"meta.created eq "2026-11-24T01:16:00+01:00""#, true)]
#[case::time_order(r#"meta.created lt "2026-11-25""#, true)]
#[case::present_complex("name pr", true)]
#[case::absent("nickName pr", false)]
#[case::negated(r#"not (userName sw "b")"#, false)]
fn a_user_fulfils(#[case] filter: &str, #[case] expected: bool) {
    let user = user();
    let filter = parse(filter).unwrap();
    assert_eq!(filter.check(&user), Ok(()));
    assert_eq!(filter.matches(&user, barbara().as_object().unwrap()), expected);
}

#[rstest]
#[case::unknown(r#"usrName eq "a""#, "Did you mean userName?")]
#[case::unknown_part(r#"name.givenname2 eq "a""#, "Did you mean name.givenName?")]
#[case::unknown_in_brackets(r#"emails[typ eq "a"]"#, "Did you mean type?")]
#[case::extension_misspelt(r#"departmend eq "a""#, "extension:enterprise:2.0:User:department?")]
#[case::order_of_booleans("active gt true", "Use eq, ne or pr")]
#[case::text_in_booleans(r#"active co "t""#, "Use eq, ne or pr")]
#[case::no_boolean(r#"active eq "yes""#, "true or false")]
#[case::no_time(r#"meta.created gt "yesterday""#, "compare it with a time")]
#[case::order_of_null("title gt null", "null can be compared")]
#[case::complex_without_value(r#"name eq "a""#, "Compare one of them: formatted")]
#[case::brackets_on_a_text(r#"userName[value eq "a"]"#, "without [ ]")]
#[case::a_secret(r#"password sw "a""#, "cannot be searched")]
fn a_filter_that_makes_no_sense_is_refused(#[case] filter: &str, #[case] hint: &str) {
    let error = parse(filter).unwrap().check(&user()).unwrap_err();
    assert_eq!(error.scim_type(), Some(ScimType::InvalidFilter));
    assert!(error.detail().contains(hint), "{error}");
}

#[rstest]
#[case("userName eq bjensen", 12)]
#[case(r#"userName is "a""#, 9)]
#[case(r#"userName eq "a" and"#, 19)]
#[case(r#"userName eq "a" oder title pr"#, 16)]
#[case(r#"(userName pr"#, 12)]
#[case(r#"emails[type eq "work"].value eq "a""#, 22)]
#[case(r#"userName eq "a"and title pr"#, 15)]
#[case("userName eq \u{7}a", 12)]
fn an_error_points_at_the_byte(#[case] filter: &str, #[case] byte: usize) {
    let error = parse(filter).unwrap_err();
    assert!(error.detail().starts_with(&format!("Filter at byte {byte}:")), "{error}");
}

#[test]
fn tolerances_are_switches() {
    let bare = Dialect::generic().with(Rule::BareWordFilter);
    let quoted = parse(r#"userName eq "bj@x.example" and active eq "False""#).unwrap();
    let read = Filter::parse("userName eq bj@x.example and active eq False", bare);
    assert_eq!(read, Ok(quoted));

    let entra = Dialect::for_idp_name("entra");
    let inside = parse(r#"emails[type eq "work" and value eq "a"]"#).unwrap();
    assert_eq!(Filter::parse(r#"emails[type eq "work"].value eq "a""#, entra), Ok(inside));
}

#[test]
fn limits_hold_on_both_sides() {
    let nested = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    assert!(parse(&nested(MAX_DEPTH + 1)).is_err());

    let terms = |count: usize| vec!["title pr"; count].join(" or ");
    assert!(parse(&terms(MAX_TERMS)).is_ok());
    assert!(parse(&terms(MAX_TERMS + 1)).is_err());

    let long = |length: usize| format!("title eq \"{}\"", "a".repeat(length - 11));
    assert!(parse(&long(MAX_LENGTH)).is_ok());
    assert!(parse(&long(MAX_LENGTH + 1)).is_err());
}
