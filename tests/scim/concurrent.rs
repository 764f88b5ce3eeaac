//! Several clients change one group at the same time. No operation that names one member can lose another.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::support::both;
use crate::support::scim::{Scim, id};

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
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    use proptest::prelude::{Just, any, prop_oneof};
    let some = || proptest::collection::btree_set(0..OWN, 1..=OWN);
    let form = || prop_oneof![Just(Form::List), Just(Form::Single), Just(Form::Object)];
    let action = prop_oneof![
        4 => (some(), form()).prop_map(|(members, form)| Action::Add(members, form)),
        4 => (some(), form()).prop_map(|(members, form)| Action::Remove(members, form)),
        2 => (some(), some()).prop_map(|(gone, come)| Action::Exchange(gone, come)),
        1 => any::<u16>().prop_map(Action::Rename),
    ];
    proptest::collection::vec(action, 6..14)
}

impl Action {
    fn operations(&self, ids: &[String]) -> Value {
        let list = |members: &BTreeSet<usize>| -> Value {
            members.iter().map(|member| json!({"value": ids[*member]})).collect()
        };
        let each = |members: &BTreeSet<usize>, operation: &dyn Fn(&str) -> Value| -> Value {
            members.iter().map(|member| operation(&ids[*member])).collect()
        };
        match self {
            Self::Add(members, Form::List) => {
                json!([{"op": "add", "path": "members", "value": list(members)}])
            }
            Self::Add(members, Form::Single) => {
                each(members, &|id| json!({"op": "add", "path": "members", "value": [{"value": id}]}))
            }
            Self::Add(members, Form::Object) => json!([{"op": "add", "value": {"members": list(members)}}]),
            Self::Remove(members, Form::Single) => {
                each(members, &|id| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}))
            }
            Self::Remove(members, _) => json!([{"op": "remove", "path": "members", "value": list(members)}]),
            Self::Exchange(gone, come) => json!([
                {"op": "remove", "path": "members", "value": list(gone)},
                {"op": "add", "path": "members", "value": list(come)},
            ]),
            Self::Rename(name) => {
                json!([{"op": "replace", "path": "displayName", "value": format!("Group {name}")}])
            }
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
            Self::Rename(_) => {}
        }
    }
}

/// One client at work: after each of its requests it finds its own members as it left them. Gives the ids that are
/// members in the end.
async fn client(scim: Scim, group: String, ids: Vec<String>, plan: Vec<Action>) -> BTreeSet<String> {
    let mut model = BTreeSet::new();
    for action in &plan {
        let answer = scim.patch(&format!("/Groups/{group}"), action.operations(&ids)).await;
        // Two clients may want the same name; then this request has done nothing.
        if answer.status == 409 && matches!(action, Action::Rename(_)) {
            continue;
        }
        answer.expect(200);
        action.apply(&mut model);
        let members = scim.members(&group).await;
        let found: BTreeSet<_> = (0..OWN).filter(|member| members.contains(&ids[*member])).collect();
        assert_eq!(found, model, "after {action:?} of {plan:?}");
    }
    model.into_iter().map(|member| ids[member].clone()).collect()
}

both! {
    async fn each_client_finds_its_members_as_it_left_them(app: &App) {
        let scim = app.generic();
        let mut people = Vec::new();
        for number in 0..CLIENTS * OWN {
            people.push(id(&scim.user(&format!("person{number}")).await));
        }
        let mut runner = TestRunner::default();
        for round in 0..ROUNDS {
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
