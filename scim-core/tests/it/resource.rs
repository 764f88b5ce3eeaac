//! Bodies of POST and PUT.

use rstest::rstest;
use scim_core::relation::Reference;
use scim_core::resource::{self, Incoming};
use scim_core::{Dialect, Rule, ScimError};
use serde_json::{Value, json};

use crate::support::{group, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn read(body: &Value) -> Result<Incoming, ScimError> {
    resource::read(&user(), body, Dialect::generic())
}

/// A user with one more attribute, as it is kept: what stands at the pointer.
fn kept(key: &str, value: &Value, at: &str) -> Value {
    let body = json!({ "userName": "b", key: value });
    let map = Value::Object(read(&body).unwrap().resource.into_map());
    map.pointer(at).cloned().unwrap_or(Value::Null)
}

#[rstest]
#[case::name_in_any_case("NICKNAME", json!("B"), "/nickName", json!("B"))]
#[case::part_in_any_case("Name", json!({"GIVENNAME": " B"}), "/name", json!({"givenName": " B"}))]
#[case::boolean_text("active", json!("FALSE"), "/active", json!(false))]
#[case::boolean_in_a_list("active", json!(["true"]), "/active", json!(true))]
#[case::boolean_in_an_object("active", json!([{"value": "False"}]), "/active", json!(false))]
#[case::active_by_default("title", json!("T"), "/active", json!(true))]
#[case::active_null("active", json!(null), "/active", json!(true))]
#[case::object_for_list("emails", json!({"value": "a"}), "/emails", json!([{"value": "a"}]))]
#[case::texts_for_objects("emails", json!(["a"]), "/emails", json!([{"value": "a"}]))]
#[case::doubles_are_merged("emails", json!([{"value": "a", "type": "work"}, {"value": "a", "type": "Work", "display": "A"}]), "/emails", json!([{"value": "a", "type": "Work", "display": "A"}]))]
#[case::first_primary_stays("emails", json!([{"value": "a", "primary": true}, {"value": "b", "primary": "True"}]), "/emails", json!([{"value": "a", "primary": true}, {"value": "b", "primary": false}]))]
#[case::or_the_one_at_work("emails", json!([{"value": "a", "primary": true}, {"value": "b", "type": "work", "primary": true}]), "/emails/0/primary", json!(false))]
#[case::primaries_without_value("emails", json!([{"value": "a", "primary": true}, {"primary": true}, {"primary": false}]), "/emails", json!([{"value": "a", "primary": true}, {"primary": false}]))]
#[case::null("title", json!(null), "/title", json!(null))]
#[case::empty("title", json!(""), "/title", json!(null))]
#[case::blank("title", json!(" "), "/title", json!(null))]
#[case::empty_list("emails", json!([]), "/emails", json!(null))]
#[case::empty_elements("emails", json!([null, {}, {"value": ""}]), "/emails", json!(null))]
#[case::empty_object("name", json!({"givenName": null}), "/name", json!(null))]
#[case::dotted_key("name.givenName", json!("B"), "/name", json!({"givenName": "B"}))]
#[case::password("password", json!("s3cret"), "/password", json!(null))]
#[case::read_only("id", json!("7"), "/id", json!(null))]
#[case::groups("groups", json!([{"value": "g"}]), "/groups", json!(null))]
#[case::schema_as_key("urn:ietf:params:scim:schemas:core:2.0:User", json!({"title": "T"}), "/title", json!("T"))]
fn a_value_is_kept_as_the_schema_says(
    #[case] key: &str,
    #[case] value: Value,
    #[case] at: &str,
    #[case] expected: Value,
) {
    assert_eq!(kept(key, &value, at), expected);
}

#[rstest]
#[case::text(json!("m1"))]
#[case::object(json!({"value": "m1"}))]
#[case::list(json!([{"value": "m1"}]))]
#[case::manager_id(json!({"managerId": "m1", "displayName": " "}))]
fn a_manager_comes_in_many_forms(#[case] manager: Value) {
    for urn in
        [ENTERPRISE, "urn:scim:schemas:extension:enterprise:1.0", "urn:scim:schemas:extension:enterprise:2.0"]
    {
        let extension = json!({ "manager": manager });
        let at = format!("/{ENTERPRISE}");
        assert_eq!(kept(urn, &extension, &at), json!({"manager": {"value": "m1"}}), "{urn}");
    }
    let key = format!("{ENTERPRISE}:manager");
    let at = format!("/{ENTERPRISE}/manager");
    assert_eq!(kept(&key, &manager, &at), json!({"value": "m1"}));
}

#[test]
fn an_extension_without_values_is_not_kept() {
    let body = json!({"manager": {"managerId": "", "displayName": " "}});
    assert_eq!(kept(ENTERPRISE, &body, &format!("/{ENTERPRISE}")), Value::Null);
}

#[rstest]
#[case::no_object(json!([]), "invalidSyntax", "must be a JSON object")]
#[case::no_user_name(json!({"title": "T"}), "invalidValue", "userName is required")]
#[case::empty_user_name(json!({"userName": " "}), "invalidValue", "userName is required")]
#[case::number_for_text(json!({"userName": 7}), "invalidValue", "userName must be a text, but came as the number 7")]
#[case::no_boolean(json!({"userName": "b", "active": "maybe"}), "invalidValue", "active must be true or false")]
#[case::number_for_boolean(json!({"userName": "b", "active": 1}), "invalidValue", "came as the number 1")]
#[case::deep(json!({"userName": "b", "emails": [{"value": "a"}, {"primary": 1}]}), "invalidValue", "emails[1].primary must be")]
#[case::text_for_list(json!({"userName": "b", "emails": "a"}), "invalidValue", "emails must be a list")]
#[case::text_for_object(json!({"userName": "b", "name": "Barbara"}), "invalidValue", "name must be an object with formatted")]
#[case::several_for_one(json!({"userName": ["a", "b"]}), "invalidValue", "a list of 2")]
#[case::no_base64(json!({"userName": "b", "x509Certificates": [{"value": "!"}]}), "invalidValue", "base64")]
#[case::extension_as_text(json!({"userName": "b", ENTERPRISE: "x"}), "invalidValue", "must be an object of its attributes")]
#[case::too_many(json!({"userName": "b", "emails": vec![json!({"value": "a"}); 1001]}), "invalidValue", "at most 1000")]
#[case::schemas_as_text(json!({"schemas": "x", "userName": "b"}), "invalidSyntax", "schemas must be a list")]
#[case::schemas_of_numbers(json!({"schemas": [7], "userName": "b"}), "invalidSyntax", "schemas must be a list")]
#[case::other_schema(json!({"schemas": ["urn:example:Other"], "userName": "b"}), "invalidSyntax", "\"urn:example:Other\", which is not a schema of this resource")]
#[case::schema_of_another_type(json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "userName": "b"}), "invalidSyntax", "core:2.0:User")]
fn a_wrong_body_is_explained(#[case] body: Value, #[case] scim_type: &str, #[case] hint: &str) {
    let error = read(&body).unwrap_err();
    assert_eq!(error.to_body()["scimType"], scim_type, "{error}");
    assert!(error.detail().contains(hint), "{error}");
}

#[rstest]
#[case::none(json!(null))]
#[case::empty(json!([]))]
#[case::right(json!(["urn:ietf:params:scim:schemas:core:2.0:User"]))]
#[case::any_case(json!(["URN:ietf:params:scim:schemas:core:2.0:user"]))]
#[case::one_known(json!(["urn:example:Other", ENTERPRISE]))]
#[case::old(json!(["urn:scim:schemas:core:1.0"]))]
#[case::stray_dot(json!(["urn:ietf:params:scim:schemas:extension:enterprise:2.0."]))]
#[case::okta(json!(["urn:okta:app:1.0:user:custom"]))]
#[case::microsoft(json!(["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/User"]))]
fn schemas_that_pass(#[case] schemas: Value) {
    assert!(read(&json!({ "schemas": schemas, "userName": "b" })).is_ok());
}

#[test]
fn an_error_repeats_little_of_what_came() {
    let long = "x".repeat(100_000);
    for body in [
        json!({ "userName": "b", "active": long }),
        json!({ "userName": "b", "name": { long.clone(): 1, "givenName": 5 } }),
        json!({ "userName": "b", "schemas": [long] }),
    ] {
        let length = read(&body).unwrap_err().detail().chars().count();
        assert!(length < 300, "{length}");
    }
}

#[test]
fn what_is_unknown_is_left_out_and_noted() {
    let body = json!({
        "userName": "b", "shoeSize": 4, "name": { "nick": "x" },
        ENTERPRISE: { "badge": 1 }, "urn:okta:x": { "a": 1 }, "displayName": "B",
    });
    let incoming = read(&body).unwrap();
    let expected = json!({ "userName": "b", "displayName": "B", "active": true });
    assert_eq!(Value::Object(incoming.resource.into_map()), expected);
    let dropped: Vec<String> = incoming.notes.dropped.into_iter().collect();
    let badge = format!("{ENTERPRISE}:badge");
    assert_eq!(dropped, ["name.nick", "shoeSize", &badge, "urn:okta:x"]);
}

#[test]
fn a_group_body_says_whether_it_names_members() {
    let of = |body: Value| resource::read(&group(), &body, Dialect::generic()).map(|i| i.relation);
    assert_eq!(of(json!({"displayName": "G"})), Ok(None));
    assert_eq!(of(json!({"displayName": "G", "members": []})), Ok(Some(vec![])));
    assert_eq!(of(json!({"displayName": "G", "members": null})), Ok(Some(vec![])));
    let members = json!([{"value": "a"}, {"value": "a"}, {"value": "b"}]);
    let expected = vec![Reference::to("a"), Reference::to("b")];
    assert_eq!(of(json!({"displayName": "G", "Members": members})), Ok(Some(expected)));
    let error = of(json!({"members": []})).unwrap_err();
    assert!(error.detail().contains("displayName is required"), "{error}");
}

#[test]
fn a_replacement_clears_what_it_leaves_out_but_keeps_the_state() {
    let user = user();
    let current = read(&json!({"userName": "b", "title": "T", "active": false})).unwrap();
    let replaced = |body: Value| {
        let incoming = read(&body).unwrap();
        let next = resource::replace(&user, &current.resource, &incoming).unwrap();
        Value::Object(next.into_map())
    };
    assert_eq!(replaced(json!({"userName": "c"})), json!({"userName": "c", "active": false}));
    assert_eq!(
        replaced(json!({"userName": "c", "active": "true"})),
        json!({"userName": "c", "active": true})
    );
}

#[test]
fn strict_reads_the_letter() {
    let strict = |body: Value| resource::read(&user(), &body, Dialect::strict());
    let schemas = json!(["urn:ietf:params:scim:schemas:core:2.0:User"]);
    let good = json!({"schemas": schemas, "userName": "b", "emails": [{"value": "a"}], "title": null});
    assert!(strict(good).unwrap().notes.is_empty());
    for bad in [
        json!({"userName": "b"}),
        json!({"schemas": schemas, "userName": "b", "active": "true"}),
        json!({"schemas": schemas, "userName": "b", "emails": {"value": "a"}}),
        json!({"schemas": schemas, "userName": ["b"]}),
        json!({"schemas": schemas, "userName": "b", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
    ] {
        assert!(strict(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn tolerances_are_noted() {
    let body = json!({
        "schemas": ["urn:scim:schemas:core:2.0"], "userName": ["b"], "active": "true",
        "emails": {"value": "a"}, "title": "", "name.givenName": "B",
        "urn:scim:schemas:extension:enterprise:2.0": {"manager": "m1"},
    });
    let rules: Vec<Rule> = read(&body).unwrap().notes.rules.into_iter().collect();
    let expected = [
        Rule::BooleanText,
        Rule::SingleAsList,
        Rule::DottedKeys,
        Rule::PrivateUrns,
        Rule::ObjectForList,
        Rule::NullIsUnset,
        Rule::ManagerForms,
    ];
    assert_eq!(rules, expected);
}
