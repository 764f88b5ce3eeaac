#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::changes::MemberChange;
use crate::settings::{Idp, Settings};

fn endpoint(definitions: Option<Value>) -> Endpoint {
    Endpoint {
        id: EndpointId("e".into()),
        slug: "acme".into(),
        name: "Acme".into(),
        tenant: None,
        idp: Idp::Generic,
        status: crate::endpoints::Status::Active,
        settings: Settings::preset(Idp::Generic),
        definitions: None,
        catalog: definitions
            .map_or_else(Catalog::builtin, |own| Arc::new(Catalog::with_definitions(&own).unwrap())),
        created_at: 0,
        deleted_at: None,
    }
}

fn change(kind: ChangeKind, resource_type: &str, before: Value, after: Value) -> Change {
    Change {
        seq: 7,
        at: 1_790_000_000_000,
        actor_kind: "token".into(),
        actor_id: "t".into(),
        actor_label: "first token".into(),
        request_id: "r".into(),
        kind,
        resource_type: resource_type.into(),
        resource_id: "u1".into(),
        resource_name: "robertt".into(),
        before,
        after,
        members: MemberChange::default(),
    }
}

fn names(change: &Change) -> Vec<String> {
    events(&endpoint(None), change).into_iter().map(|event| event.name).collect()
}

#[test]
fn a_state_that_flips_has_a_name_of_its_own() {
    let user = |active: bool, title: &str| json!({"userName": "robertt", "active": active, "title": title});
    let updated = |before, after| names(&change(ChangeKind::Updated, "User", before, after));
    assert_eq!(updated(user(true, "a"), user(false, "a")), ["user.deactivated"]);
    assert_eq!(updated(user(false, "a"), user(true, "a")), ["user.reactivated"]);
    assert_eq!(updated(user(true, "a"), user(false, "b")), ["user.updated", "user.deactivated"]);
    assert_eq!(updated(user(true, "a"), user(true, "b")), ["user.updated"]);
    // Without the attribute a user is in use.
    assert_eq!(
        updated(json!({"userName": "a"}), json!({"userName": "a", "active": false})),
        ["user.deactivated"]
    );
    assert_eq!(updated(json!({"userName": "a"}), json!({"userName": "a", "active": true})), ["user.updated"]);
    assert_eq!(names(&change(ChangeKind::Created, "User", Value::Null, user(true, "a"))), ["user.created"]);
    assert_eq!(names(&change(ChangeKind::Deleted, "User", user(true, "a"), Value::Null)), ["user.deleted"]);
}

#[test]
fn hidden_is_deactivated_and_back_is_reactivated() {
    let user = |active: bool| json!({"userName": "robertt", "active": active});
    // Also of somebody who was not in use before: now SCIM does not see them.
    let hidden = change(ChangeKind::Hidden, "User", user(false), user(false));
    assert_eq!(names(&hidden), ["user.deactivated"]);
    assert_eq!(events(&endpoint(None), &hidden).first().unwrap().data["hidden"], json!(true));
    let back = change(ChangeKind::Restored, "User", user(false), user(true));
    assert_eq!(names(&back), ["user.reactivated"]);
    assert_eq!(events(&endpoint(None), &back).first().unwrap().data["hidden"], json!(false));
    assert_eq!(names(&change(ChangeKind::Restored, "User", user(false), user(false))), ["user.updated"]);
}

#[test]
fn members_come_after_their_group_and_go_before_it() {
    let ids = |range: std::ops::Range<usize>| range.map(|n| format!("{n:04}")).collect::<BTreeSet<_>>();
    let group = json!({"displayName": "Keepers"});
    let with = |kind, before: &Value, after: &Value, members| Change {
        members,
        ..change(kind, "Group", before.clone(), after.clone())
    };
    let added = MemberChange { added: ids(0..1001), removed: BTreeSet::new() };
    let made = with(ChangeKind::Created, &Value::Null, &group, added.clone());
    assert_eq!(names(&made), ["group.created", "member.added", "member.added", "member.added"]);
    let told: BTreeSet<String> = events(&endpoint(None), &made)
        .iter()
        .flat_map(|event| event.data["members"].as_array().cloned().unwrap_or_default())
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, added.added);
    let removed = MemberChange { added: BTreeSet::new(), removed: ids(0..1) };
    assert_eq!(names(&with(ChangeKind::Updated, &group, &group, removed.clone())), ["member.removed"]);
    assert_eq!(
        names(&with(ChangeKind::Deleted, &group, &Value::Null, removed)),
        ["member.removed", "group.deleted"]
    );
}

#[test]
fn what_nobody_may_see_is_not_in_it() {
    let own = json!({"resourceTypes": [{"name": "Device", "endpoint": "Devices", "schema": {
        "id": "urn:example:Device", "name": "Device", "attributes": [
            {"name": "serial", "type": "string", "required": true, "uniqueness": "server"},
            {"name": "pin", "type": "string", "returned": "never"},
            {"name": "keys", "type": "complex", "multiValued": true, "subAttributes": [
                {"name": "label", "type": "string"},
                {"name": "code", "type": "string", "returned": "never"}]}]}}]});
    let endpoint = endpoint(Some(own));
    let device = |pin: &str| json!({"serial": "1", "pin": pin, "keys": [{"label": "a", "code": "secret"}]});
    let found = events(&endpoint, &change(ChangeKind::Updated, "Device", device("0000"), device("1111")));
    let event = found.first().unwrap();
    assert_eq!((found.len(), event.name.as_str()), (1, "device.updated"));
    let text = event.body().to_string();
    assert!(!["0000", "1111", "secret", "pin"].iter().any(|secret| text.contains(secret)), "{text}");
    assert_eq!(event.data["after"], json!({"serial": "1", "keys": [{"label": "a"}]}));
    assert!(types(&endpoint.catalog).contains(&"device.created".to_owned()));
    assert!(!types(&endpoint.catalog).contains(&"device.deactivated".to_owned()));
    // Of a type that is no longer there it is not known what may be seen.
    let gone = events(&endpoint, &change(ChangeKind::Created, "Robot", Value::Null, device("2222")));
    assert!(!gone.first().unwrap().body().to_string().contains("2222"));
}

#[test]
fn patterns_name_one_type_or_all_of_a_kind() {
    for (pattern, name, fits) in [
        ("*", "user.created", true),
        ("user.*", "user.created", true),
        ("user.*", "username.created", false),
        ("user.created", "user.created", true),
        ("user.created", "user.updated", false),
        ("us*", "user.created", false),
    ] {
        assert_eq!(is_type(pattern, name), fits, "{pattern} {name}");
    }
}
