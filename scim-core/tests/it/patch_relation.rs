//! PATCH on the members of a group.

use rstest::rstest;
use scim_core::filter::Filter;
use scim_core::patch::{self, PATCH_URN, RelationEdit};
use scim_core::relation::Reference;
use scim_core::resource::Resource;
use scim_core::{Dialect, Rule, ScimError};
use serde_json::{Value, json};

use crate::support::group;

fn edits(body: &Value, dialect: Dialect) -> Result<(Vec<RelationEdit>, bool), ScimError> {
    let group = group();
    let mut resource = Resource::from_stored(json!({"displayName": "G"}).as_object().unwrap().clone());
    let patch = patch::parse(&group, body, dialect)?;
    let patched = patch::apply(&group, &mut resource, &patch, dialect)?;
    Ok((patched.relation, patched.changed))
}

fn operation(operation: &Value) -> Value {
    json!({ "schemas": [PATCH_URN], "Operations": [operation] })
}

fn refs(ids: &[&str]) -> Vec<Reference> {
    ids.iter().map(|id| Reference::to(*id)).collect()
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::add(json!({"op": "Add", "path": "members", "value": [{"$ref": null, "value": "a"}, {"value": "b"}]}), RelationEdit::Add(refs(&["a", "b"])))]
#[case::add_one(json!({"op": "add", "path": "members", "value": {"value": "a"}}), RelationEdit::Add(refs(&["a"])))]
#[case::add_texts(json!({"op": "add", "path": "members", "value": ["a", "a"]}), RelationEdit::Add(refs(&["a"])))]
#[case::add_by_url(json!({"op": "add", "path": "members", "value": [{"$ref": "https://h/v2/Users/a"}]}), RelationEdit::Add(refs(&["a"])))]
#[case::add_without_path(json!({"op": "add", "value": {"members": [{"value": "a"}]}}), RelationEdit::Add(refs(&["a"])))]
#[case::remove_one(json!({"op": "remove", "path": "members[value eq \"a\"]"}), RelationEdit::Remove(ids(&["a"])))]
#[case::remove_some(json!({"op": "remove", "path": "members[value eq \"a\" or value eq \"b\"]"}), RelationEdit::Remove(ids(&["a", "b"])))]
#[case::remove_listed(json!({"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "a"}]}), RelationEdit::Remove(ids(&["a"])))]
#[case::remove_all(json!({"op": "Remove", "path": "members"}), RelationEdit::Clear)]
#[case::remove_null(json!({"op": "remove", "path": "members", "value": null}), RelationEdit::Clear)]
#[case::replace(json!({"op": "replace", "path": "members", "value": [{"value": "a"}]}), RelationEdit::Replace(refs(&["a"])))]
#[case::replace_with_none(json!({"op": "replace", "path": "members", "value": []}), RelationEdit::Replace(vec![]))]
#[case::replace_with_null(json!({"op": "replace", "path": "members", "value": null}), RelationEdit::Replace(vec![]))]
#[case::replace_without_path(json!({"op": "replace", "value": {"members": []}}), RelationEdit::Replace(vec![]))]
#[case::by_urn(json!({"op": "remove", "path": "urn:ietf:params:scim:schemas:core:2.0:Group:members"}), RelationEdit::Clear)]
fn an_operation_becomes_an_edit(#[case] op: Value, #[case] expected: RelationEdit) {
    let (relation, changed) = edits(&operation(&op), Dialect::generic()).unwrap();
    assert_eq!(relation, [expected]);
    assert!(!changed, "the resource itself is the same");
}

#[rstest]
#[case::rename(json!({"op": "replace", "value": {"displayName": "H"}}))]
#[case::remove_an_empty_list(json!({"op": "remove", "path": "members", "value": []}))]
#[case::add_nobody(json!({"op": "add", "path": "members", "value": []}))]
fn members_stay_untouched(#[case] op: Value) {
    let (relation, _) = edits(&operation(&op), Dialect::generic()).unwrap();
    assert_eq!(relation, []);
}

#[test]
fn a_filter_by_type_is_left_to_the_rows() {
    let body = operation(&json!({"op": "remove", "path": "members[type eq \"User\"]"}));
    let (relation, _) = edits(&body, Dialect::generic()).unwrap();
    let filter = Filter::parse("type eq \"User\"", Dialect::generic()).unwrap();
    assert_eq!(relation, [RelationEdit::RemoveWhere(filter)]);
}

#[test]
fn what_is_known_of_a_member_is_kept() {
    let value = json!([{"value": "a", "type": "user", "display": "Ann", "operation": "x"}]);
    let body = operation(&json!({"op": "add", "path": "members", "value": value}));
    let (relation, _) = edits(&body, Dialect::generic()).unwrap();
    let expected = Reference { value: "a".into(), kind: Some("User".into()), display: Some("Ann".into()) };
    assert_eq!(relation, [RelationEdit::Add(vec![expected])]);
}

#[rstest]
#[case::text(json!({"op": "replace", "path": "members", "value": "nobody"}), "members must be a list")]
#[case::null_element(json!({"op": "add", "path": "members", "value": [{"value": "a"}, null]}), "members[1]")]
#[case::no_id(json!({"op": "add", "path": "members", "value": [{"display": "Ann"}]}), "members[0]")]
#[case::number(json!({"op": "add", "path": "members", "value": [{"value": 7}]}), "members[0].value must be a text")]
#[case::part(json!({"op": "replace", "path": "members[value eq \"a\"].display", "value": "A"}), "add and remove whole elements")]
#[case::filtered_replace(json!({"op": "replace", "path": "members[value eq \"a\"]", "value": {"value": "b"}}), "without a filter")]
#[case::unknown_part(json!({"op": "remove", "path": "members[valeu eq \"a\"]"}), "Did you mean value?")]
fn a_wrong_operation_is_explained(#[case] op: Value, #[case] hint: &str) {
    let error = edits(&operation(&op), Dialect::generic()).unwrap_err();
    assert_eq!(error.status(), 400);
    assert!(error.detail().contains(hint), "{error}");
}

#[test]
fn the_1_1_form_adds_and_deletes() {
    let body = json!({
        "schemas": ["urn:scim:schemas:core:1.0"],
        "displayName": "H",
        "members": [{"value": "a"}, {"value": "b", "operation": "delete"}]
    });
    let (relation, changed) = edits(&body, Dialect::generic()).unwrap();
    let expected = [RelationEdit::Remove(ids(&["b"])), RelationEdit::Add(refs(&["a"]))];
    assert_eq!(relation, expected);
    assert!(changed, "renamed");

    let without = Dialect::generic().without(Rule::OneOneGroupPatch);
    let error = edits(&body, without).unwrap_err();
    assert!(error.detail().contains("Operations is missing"), "{error}");
}

#[test]
fn edits_come_in_order() {
    let body = json!({ "Operations": [
        {"op": "remove", "path": "members[value eq \"a\"]"},
        {"op": "add", "path": "members", "value": [{"value": "a"}]},
    ]});
    let (relation, _) = edits(&body, Dialect::generic()).unwrap();
    let expected = [RelationEdit::Remove(ids(&["a"])), RelationEdit::Add(refs(&["a"]))];
    assert_eq!(relation, expected);
}
