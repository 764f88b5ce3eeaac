//! PATCH on the attributes of a resource.

use rstest::rstest;
use scim_core::patch::{self, MAX_OPERATIONS, PATCH_URN, Patched};
use scim_core::resource::{self, Resource};
use scim_core::schema::{Catalog, ResourceType};
use scim_core::{Dialect, Rule, ScimError};
use serde_json::{Map, Value, json};

use crate::support::{fixture, members_after, user};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A body as the resource that is kept, without the default state, and the ids of its relation.
fn kept(resource_type: &ResourceType, body: &Value) -> (Resource, Vec<String>) {
    let incoming = resource::read(resource_type, body, Dialect::generic()).unwrap();
    let mut map = incoming.resource.into_map();
    if !incoming.names_active {
        map.remove("active");
    }
    let references = incoming.relation.unwrap_or_default();
    let ids = references.into_iter().map(|reference| reference.value);
    (Resource::from_stored(map), ids.collect())
}

fn apply(
    resource_type: &ResourceType,
    resource: &mut Resource,
    operations: &Value,
    dialect: Dialect,
) -> Result<Patched, ScimError> {
    let body = json!({ "schemas": [PATCH_URN], "Operations": operations });
    let patch = patch::parse(resource_type, &body, dialect)?;
    patch::apply(resource_type, resource, &patch, dialect)
}

#[test]
fn operations_do_what_the_table_says() {
    let cases = fixture(include_str!("../fixtures/patch.json"));
    let mut wrong = Vec::new();
    for case in cases.as_array().unwrap() {
        let name = case["resource"].as_str().unwrap();
        let resource_type = Catalog::builtin().by_name(name).cloned().unwrap();
        let (before, members) = kept(&resource_type, &case["before"]);
        let mut resource = before.clone();
        let result = apply(&resource_type, &mut resource, &case["operations"], Dialect::generic());
        let right = match (&result, case.get("after")) {
            (Ok(patched), Some(after)) => {
                let members = members_after(&resource_type, members, &patched.relation);
                assert_eq!(patched.changed, resource != before);
                (resource.clone(), members) == kept(&resource_type, after)
            }
            (Err(error), None) => {
                assert_eq!(resource, before, "nothing changes on an error");
                let found = Value::from(error.scim_type().map(|kind| kind.as_str()));
                let expected = &case["error"];
                let listed = expected.as_array().is_some_and(|list| list.contains(&found));
                listed || *expected == found || *expected == "any"
            }
            _ => false,
        };
        if !right {
            wrong.push(format!("{case}\n  {result:?}\n  {resource:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn barbara() -> Value {
    json!({
        "userName": "bjensen",
        "active": true,
        "title": "Guide",
        "name": { "givenName": "Barbara", "familyName": "Jensen" },
        "emails": [
            { "value": "bj@work.example", "type": "work", "primary": true },
            { "value": "bj@home.example", "type": "home" }
        ],
        ENTERPRISE: { "department": "Sales", "manager": { "value": "m1", "$ref": "../Users/m1" } }
    })
}

/// What an operation makes of Barbara, as a JSON pointer and the value behind it.
#[rstest]
#[case::capital_op(json!({"op": "Replace", "path": "title", "value": "X"}), "/title", json!("X"))]
#[case::boolean_text(json!({"op": "Replace", "path": "active", "value": "False"}), "/active", json!(false))]
#[case::boolean_in_a_list(json!({"op": "replace", "path": "active", "value": [{"value": "False"}]}), "/active", json!(false))]
#[case::dotted_key(json!({"op": "replace", "value": {"name.givenName": "B"}}), "/name", json!({"givenName": "B", "familyName": "Jensen"}))]
#[case::filtered_key(
    json!({"op": "replace", "value": {"emails[type eq \"work\"].value": "n@x.example"}}),
    "/emails/0/value", json!("n@x.example")
)]
#[case::urn_key(
    json!({"op": "replace", "value": {format!("{ENTERPRISE}:department"): "R"}}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department", json!("R")
)]
#[case::extension_object(
    json!({"op": "replace", "value": {ENTERPRISE: {"division": "W"}}}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department", json!("Sales")
)]
#[case::extension_under_an_old_urn(
    json!({"op": "add", "value": {"urn:scim:schemas:extension:enterprise:2.0": {"division": "W"}}}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/division", json!("W")
)]
#[case::whole_extension(
    json!({"op": "remove", "path": ENTERPRISE}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", Value::Null
)]
#[case::whole_extension_by_its_old_urn(
    json!({"op": "remove", "path": "urn:scim:schemas:extension:enterprise:2.0"}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", Value::Null
)]
#[case::named_parts_of_an_extension(
    json!({"op": "remove", "path": ENTERPRISE, "value": {"manager": null}}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", json!({"department": "Sales"})
)]
#[case::adding_nothing_to_an_extension(
    json!({"op": "add", "value": {ENTERPRISE: null}}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department", json!("Sales")
)]
#[case::manager_as_text(
    json!({"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": "m2"}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager", json!({"value": "m2"})
)]
#[case::manager_as_list(
    json!({"op": "Add", "path": format!("{ENTERPRISE}:manager"), "value": [{"$ref": "u", "value": "m2"}]}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager", json!({"$ref": "u", "value": "m2"})
)]
#[case::manager_cleared(
    json!({"op": "Replace", "path": format!("{ENTERPRISE}:manager"), "value": ""}),
    "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/manager", Value::Null
)]
#[case::filtered_add_creates(
    json!({"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1"}),
    "/phoneNumbers", json!([{"type": "mobile", "value": "1"}])
)]
#[case::filter_values_are_typed(
    json!({"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "User"}),
    "/roles", json!([{"primary": true, "value": "User"}])
)]
#[case::new_primary_takes_over(
    json!({"op": "Add", "path": "emails[type eq \"home\"].primary", "value": "true"}),
    "/emails/0/primary", json!(false)
)]
#[case::same_type_and_value_is_merged(
    json!({"op": "add", "path": "emails", "value": [{"value": "bj@home.example", "type": "Home", "display": "H"}]}),
    "/emails/1/display", json!("H")
)]
#[case::replaced_element_keeps_its_selection(
    json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"value": "n@x.example"}}),
    "/emails/0", json!({"type": "work", "value": "n@x.example"})
)]
#[case::values_named_in_a_remove(
    json!({"op": "Remove", "path": "emails", "value": [{"value": "bj@home.example"}]}),
    "/emails", json!([{"value": "bj@work.example", "type": "work", "primary": true}])
)]
#[case::null_part(json!({"op": "replace", "path": "name", "value": {"givenName": null}}), "/name", json!({"familyName": "Jensen"}))]
#[case::unknown_parts_remove_nothing(
    json!({"op": "replace", "path": "name", "value": {"shoeSize": 4}}),
    "/name", json!({"givenName": "Barbara", "familyName": "Jensen"})
)]
#[case::unknown_parts_remove_no_element(
    json!({"op": "replace", "path": "emails[type eq \"work\"]", "value": {"shoeSize": 4}}),
    "/emails/0/value", json!("bj@work.example")
)]
#[case::password_is_dropped(json!({"op": "replace", "path": "password", "value": "s3cret"}), "/password", Value::Null)]
#[case::unknown_key_is_dropped(json!({"op": "replace", "value": {"shoeSize": 4, "title": "T"}}), "/title", json!("T"))]
#[case::vendor_path_is_dropped(json!({"op": "add", "path": "urn:okta:app:1.0:user:custom:x", "value": "1"}), "/title", json!("Guide"))]
fn an_operation_makes_of_a_user(#[case] operation: Value, #[case] at: &str, #[case] expected: Value) {
    let user = user();
    let (mut resource, _) = kept(&user, &barbara());
    apply(&user, &mut resource, &json!([operation]), Dialect::generic()).unwrap();
    let map = Value::Object(resource.into_map());
    assert_eq!(map.pointer(at).unwrap_or(&Value::Null), &expected, "{map}");
}

#[rstest]
#[case::unknown_path(json!({"op": "replace", "path": "nickname2", "value": "x"}), "invalidPath", "Did you mean nickName?")]
#[case::read_only(json!({"op": "replace", "path": "groups", "value": []}), "mutability", "only the server writes it")]
#[case::read_only_key(json!({"op": "replace", "value": {"id": "x"}}), "mutability", "id")]
#[case::required(json!({"op": "remove", "path": "userName"}), "mutability", "required")]
#[case::required_emptied(json!({"op": "replace", "path": "userName", "value": ""}), "invalidValue", "required")]
#[case::wrong_type(json!({"op": "replace", "path": "active", "value": "maybe"}), "invalidValue", "active must be true or false, but came as the text \"maybe\"")]
#[case::wrong_type_deep(json!({"op": "add", "path": "emails", "value": [{"value": 5}]}), "invalidValue", "emails[0].value must be a text")]
#[case::nothing_selected(json!({"op": "replace", "path": "emails[type eq \"other\"].value", "value": "x"}), "noTarget", "selects nothing")]
#[case::unknown_in_the_filter(json!({"op": "remove", "path": "emails[kind eq \"x\"]"}), "invalidFilter", "kind")]
#[case::no_value(json!({"op": "add", "path": "title"}), "invalidValue", "no value")]
#[case::no_path(json!({"op": "remove"}), "noTarget", "needs a path")]
#[case::unknown_op(json!({"op": "move", "path": "title"}), "invalidValue", "\"add\", \"remove\" or \"replace\"")]
#[case::no_object(json!("add"), "invalidSyntax", "must be an object")]
#[case::list_without_path(json!({"op": "add", "value": [{"value": "x"}]}), "invalidValue", "Send a path")]
fn an_error_says_which_operation_and_what_to_do(
    #[case] operation: Value,
    #[case] scim_type: &str,
    #[case] hint: &str,
) {
    let user = user();
    let (before, _) = kept(&user, &barbara());
    let mut resource = before.clone();
    let good = json!({"op": "replace", "path": "title", "value": "changed"});
    let operations = json!([good, operation]);
    let error = apply(&user, &mut resource, &operations, Dialect::generic()).unwrap_err();
    assert_eq!(error.scim_type().map(|kind| kind.as_str()), Some(scim_type), "{error}");
    assert!(error.detail().starts_with("Operation 2"), "{error}");
    assert!(error.detail().contains(hint), "{error}");
    assert_eq!(resource, before, "the first operation is undone");
}

#[rstest]
#[case(Rule::CreateFilteredTarget, json!({"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "1"}))]
#[case(Rule::DropReadOnlyInPatch, json!({"op": "replace", "value": {"id": "x", "title": "T"}}))]
#[case(Rule::DropUnknownPatchPath, json!({"op": "replace", "path": "shoeSize", "value": 4}))]
#[case(Rule::OpAnyCase, json!({"op": "REPLACE", "path": "title", "value": "T"}))]
#[case(Rule::BooleanText, json!({"op": "replace", "path": "active", "value": "False"}))]
#[case(Rule::RemoveByValueList, json!({"op": "remove", "path": "emails", "value": [{"value": "bj@home.example"}]}))]
#[case(Rule::DottedKeys, json!({"op": "replace", "value": {"name.givenName": "B"}}))]
#[case(Rule::SingleAsList, json!({"op": "replace", "path": "title", "value": ["T"]}))]
fn a_tolerance_is_noted_when_used_and_missed_when_off(#[case] rule: Rule, #[case] operation: Value) {
    let user = user();
    let (before, _) = kept(&user, &barbara());
    let operations = json!([operation]);

    let mut resource = before.clone();
    let patched = apply(&user, &mut resource, &operations, Dialect::all()).unwrap();
    assert!(patched.notes.rules.contains(&rule), "{:?}", patched.notes);

    let mut untouched = before.clone();
    let without = apply(&user, &mut untouched, &operations, Dialect::all().without(rule));
    let ignored = without.is_ok_and(|patched| !patched.notes.dropped.is_empty());
    assert!(untouched == before, "refused or left out");
    assert!(ignored || apply(&user, &mut untouched, &operations, Dialect::all().without(rule)).is_err());
}

#[test]
fn strict_means_strict() {
    let user = user();
    let (mut resource, _) = kept(&user, &barbara());
    let operations = json!([{"op": "Replace", "path": "title", "value": "T"}]);
    assert!(apply(&user, &mut resource, &operations, Dialect::strict()).is_err());
    let operations = json!([{"op": "replace", "path": "title", "value": "T"}]);
    let patched = apply(&user, &mut resource, &operations, Dialect::strict()).unwrap();
    assert!(patched.notes.is_empty() && patched.changed);
}

#[rstest]
#[case::no_object(json!([]), 400)]
#[case::no_operations(json!({"schemas": [PATCH_URN]}), 400)]
#[case::empty(json!({"Operations": []}), 400)]
#[case::no_list(json!({"Operations": "add"}), 400)]
#[case::other_schema(json!({"schemas": ["urn:example:Other"], "Operations": [{"op": "remove", "path": "title"}]}), 400)]
#[case::too_many(json!({"Operations": vec![json!({"op": "remove", "path": "title"}); MAX_OPERATIONS + 1]}), 413)]
fn a_body_that_is_no_patch_is_refused(#[case] body: Value, #[case] status: u16) {
    let error = patch::parse(&user(), &body, Dialect::generic()).unwrap_err();
    assert_eq!(error.status(), status, "{error}");
}

#[test]
fn keys_of_the_body_match_in_any_case_and_others_are_ignored() {
    let body = json!({
        "id": "7",
        "operations": [{ "name": "x", "OP": "Replace", "Path": "title", "VALUE": "T" }]
    });
    let patch = patch::parse(&user(), &body, Dialect::generic()).unwrap();
    assert_eq!(patch.operations.len(), 1);
}

#[test]
fn edits_are_counted_also_within_one_operation() {
    let user = user();
    let (mut resource, _) = kept(&user, &barbara());
    // One attribute under many names: its URN in ever other cases.
    let spell = |number: usize| -> String {
        let urn = "urn:ietf:params:scim:schemas:core:2.0:user:title".chars().enumerate();
        let upper = |at: usize| at < 32 && number >> (at / 2) & 1 == 1;
        urn.map(|(at, c)| if upper(at) { c.to_ascii_uppercase() } else { c }).collect()
    };
    let value: Map<String, Value> = (0..1 << 15).map(|n| (spell(n), json!("T"))).collect();
    assert!(value.len() > MAX_OPERATIONS);
    let operations = json!([{ "op": "add", "value": value }]);
    let error = apply(&user, &mut resource, &operations, Dialect::generic()).unwrap_err();
    assert_eq!(error.status(), 413);
}

#[test]
fn comparisons_are_counted() {
    let user = user();
    let roles: Vec<Value> = (0..1000).map(|number| json!({ "value": number.to_string() })).collect();
    let (mut resource, _) = kept(&user, &json!({ "userName": "b", "roles": roles }));
    let filter = vec!["value eq \"x\""; 100].join(" or ");
    let operation = json!({ "op": "remove", "path": format!("roles[{filter}]") });
    let few = json!(vec![operation.clone(); 9]);
    assert!(apply(&user, &mut resource, &few, Dialect::generic()).is_ok());
    let many = json!(vec![operation; 100]);
    let error = apply(&user, &mut resource, &many, Dialect::generic()).unwrap_err();
    assert_eq!(error.status(), 413, "{error}");
}

#[test]
fn several_operations_fill_one_element() {
    let user = user();
    let (mut resource, _) = kept(&user, &barbara());
    let operations = json!([
        {"op": "Add", "path": "addresses[type eq \"work\"].formatted", "value": "1 Main St"},
        {"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "Redmond"}
    ]);
    apply(&user, &mut resource, &operations, Dialect::generic()).unwrap();
    let expected = json!([{"type": "work", "formatted": "1 Main St", "locality": "Redmond"}]);
    assert_eq!(resource.as_map()["addresses"], expected);
}
