//! Several clients change one group at the same time. No operation that names one member can lose another.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{GROUP, PATCH_OP, Scim, id};

/// Clients of one group, each with members that only it names.
const CLIENTS: usize = 5;
/// Members of each client.
const OWN: usize = 4;
/// Groups that are played with, one after the other.
const ROUNDS: usize = 3;

/// One request of a client; members are named by their place among its own.
#[derive(Debug, Clone)]
enum Action {
    Add(BTreeSet<usize>, Form),
    Remove(BTreeSet<usize>, Form),
    /// One PATCH that lets some go and others come.
    Exchange(BTreeSet<usize>, BTreeSet<usize>),
    /// A change that names no member.
    Rename(u16),
    /// A PUT whose body does not name the members.
    Put(u16),
    /// What is refused changes nothing: elements cannot be replaced in place.
    ReplaceByFilter(usize),
    /// One of the members is deleted as a resource, and with that leaves; another one takes its place.
    Delete(usize),
}

/// How members are named.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// `path: members`, a list as value.
    List,
    /// One operation for each: `members[value eq …]` where there is such a form.
    Single,
    /// No path, an object as value; for removal the same as `List`.
    Object,
    /// As Entra ID writes it: words with capitals, plain ids, one operation for each.
    Plain,
    /// As SCIM 1.1: a partial group, `"operation": "delete"` for those that go.
    OneOne,
    /// The operations of `Single` as parts of one Bulk request.
    Bulk,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    use proptest::prelude::{any, prop_oneof};
    let some = || proptest::collection::btree_set(0..OWN, 1..=OWN);
    let forms = [Form::List, Form::Single, Form::Object, Form::Plain, Form::OneOne, Form::Bulk];
    let form = move || proptest::sample::select(forms.to_vec());
    let action = prop_oneof![
        4 => (some(), form()).prop_map(|(members, form)| Action::Add(members, form)),
        4 => (some(), form()).prop_map(|(members, form)| Action::Remove(members, form)),
        2 => (some(), some()).prop_map(|(gone, come)| Action::Exchange(gone, come)),
        1 => any::<u16>().prop_map(Action::Rename),
        1 => any::<u16>().prop_map(Action::Put),
        1 => (0..OWN).prop_map(Action::ReplaceByFilter),
        1 => (0..OWN).prop_map(Action::Delete),
    ];
    proptest::collection::vec(action, 6..14)
}

/// A body of PATCH with these operations.
fn patch(operations: &Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

impl Action {
    /// The body of the PATCH.
    fn body(&self, ids: &[String]) -> Value {
        let list = |members: &BTreeSet<usize>| -> Value {
            members.iter().map(|member| json!({"value": ids[*member]})).collect()
        };
        let each = |members: &BTreeSet<usize>, operation: &dyn Fn(&str) -> Value| -> Value {
            members.iter().map(|member| operation(&ids[*member])).collect()
        };
        match self {
            Self::Add(members, Form::List) => {
                patch(&json!([{"op": "add", "path": "members", "value": list(members)}]))
            }
            Self::Add(members, Form::Single | Form::Bulk) => {
                patch(&each(members, &|id| json!({"op": "add", "path": "members", "value": [{"value": id}]})))
            }
            Self::Add(members, Form::Object) => {
                patch(&json!([{"op": "add", "value": {"members": list(members)}}]))
            }
            Self::Add(members, Form::Plain) => patch(&each(
                members,
                &|id| json!({"op": "Add", "path": "members", "value": id.split(' ').collect::<Vec<_>>()}),
            )),
            Self::Add(members, Form::OneOne) => json!({"members": list(members)}),
            Self::Remove(members, Form::Single | Form::Bulk) => patch(&each(
                members,
                &|id| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}),
            )),
            Self::Remove(members, Form::Plain) => patch(&each(
                members,
                &|id| json!({"op": "Remove", "path": "members", "value": [{"$ref": null, "value": id}]}),
            )),
            Self::Remove(members, Form::OneOne) => {
                json!({"members": each(members, &|id| json!({"value": id, "operation": "delete"}))})
            }
            Self::Remove(members, _) => {
                patch(&json!([{"op": "remove", "path": "members", "value": list(members)}]))
            }
            Self::Exchange(gone, come) => patch(&json!([
                {"op": "remove", "path": "members", "value": list(gone)},
                {"op": "add", "path": "members", "value": list(come)},
            ])),
            Self::Rename(name) => {
                patch(&json!([{"op": "replace", "path": "displayName", "value": format!("Group {name}")}]))
            }
            Self::ReplaceByFilter(member) => patch(&json!([
                {"op": "replace", "path": format!("members[value eq \"{}\"]", ids[*member]), "value": {"value": ids[0]}},
            ])),
            Self::Put(name) => json!({"schemas": [GROUP], "displayName": format!("Group {name}")}),
            Self::Delete(_) => Value::Null,
        }
    }

    /// Sends it; says whether it was carried out.
    async fn send(&self, scim: &Scim, group: &str, ids: &mut [String]) -> bool {
        let path = format!("/Groups/{group}");
        let body = self.body(ids);
        let answer = match self {
            Self::Put(_) => scim.put(&path, &body).await,
            Self::Add(_, Form::Bulk) | Self::Remove(_, Form::Bulk) => {
                let operation = json!({"method": "PATCH", "path": path, "data": body});
                let answer = scim.post("/Bulk", &json!({"Operations": [operation]})).await.expect(200);
                assert_eq!(answer.json()["Operations"][0]["status"], "200", "{answer:#}");
                return true;
            }
            Self::Delete(member) => {
                scim.delete(&format!("/Users/{}", ids[*member])).await.expect(204);
                ids[*member] = id(&scim.user(&format!("again-{}", ids[*member])).await);
                return true;
            }
            _ => scim.send(&scim.request("PATCH", &path).json(&body)).await,
        };
        match (self, answer.status) {
            // Two clients may want the same name; then this request has done nothing.
            (Self::Rename(_) | Self::Put(_), 409) | (Self::ReplaceByFilter(_), 400) => false,
            _ => answer.expect(200).status == 200,
        }
    }

    fn apply(&self, model: &mut BTreeSet<usize>) {
        match self {
            Self::Add(members, _) => model.extend(members),
            Self::Remove(members, _) => model.retain(|member| !members.contains(member)),
            Self::Exchange(gone, come) => {
                model.retain(|member| !gone.contains(member));
                model.extend(come);
            }
            Self::Delete(member) => {
                model.remove(member);
            }
            Self::Rename(_) | Self::Put(_) | Self::ReplaceByFilter(_) => {}
        }
    }
}

/// One client at work: after each of its requests it finds its own members as it left them. Gives the ids that are
/// members in the end.
async fn client(scim: Scim, group: String, mut ids: Vec<String>, plan: Vec<Action>) -> BTreeSet<String> {
    let mut model = BTreeSet::new();
    for action in &plan {
        if action.send(&scim, &group, &mut ids).await {
            action.apply(&mut model);
        }
        let members = scim.members(&group).await;
        let found: BTreeSet<_> = (0..OWN).filter(|member| members.contains(&ids[*member])).collect();
        assert_eq!(found, model, "after {action:?} of {plan:?}");
    }
    model.into_iter().map(|member| ids[member].clone()).collect()
}

both! {
    async fn each_client_finds_its_members_as_it_left_them(app: &App) {
        let scim = app.generic();
        let mut runner = TestRunner::default();
        for round in 0..ROUNDS {
            let mut people = Vec::new();
            for number in 0..CLIENTS * OWN {
                people.push(id(&scim.user(&format!("person{round}-{number}")).await));
            }
            let group = id(&scim.group(&format!("Round {round}"), &[]).await);
            let clients: Vec<_> = people
                .chunks(OWN)
                .map(|own| {
                    let plan = actions().new_tree(&mut runner).unwrap().current();
                    tokio::spawn(client(scim.clone(), group.clone(), own.to_vec(), plan))
                })
                .collect();
            let mut expected = BTreeSet::new();
            for client in clients {
                expected.extend(client.await.unwrap());
            }
            assert_eq!(scim.members(&group).await, Vec::from_iter(expected));
        }
    }

    async fn sixteen_clients_add_members_and_none_is_lost(app: &App) {
        let scim = app.generic();
        let first = id(&scim.user("first").await);
        let group = id(&scim.group("Everybody", &[&first]).await);
        let clients: Vec<_> = (0..16)
            .map(|client| {
                let (scim, group) = (scim.clone(), group.clone());
                tokio::spawn(async move {
                    let mut added = Vec::new();
                    for number in 0..4 {
                        let user = id(&scim.user(&format!("user{client}-{number}")).await);
                        let action = json!([{"op": "add", "path": "members", "value": [{"value": user}]}]);
                        scim.patch(&format!("/Groups/{group}"), action).await.expect(200);
                        added.push(user);
                    }
                    added
                })
            })
            .collect();
        let mut expected = vec![first];
        for client in clients {
            expected.extend(client.await.unwrap());
        }
        expected.sort();
        assert_eq!(expected.len(), 65);
        assert_eq!(scim.members(&group).await, expected);
    }
}
