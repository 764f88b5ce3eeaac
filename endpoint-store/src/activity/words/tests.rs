use std::collections::HashMap;

use super::{Act, Burst, Hand, Idp, Step, line, plain};

/// Number, seconds, type, id, what was done.
type Told<'a> = (i64, i64, &'a str, &'a str, Vec<Act>);

fn said_by(kind: &str, label: &str, idp: Idp, steps: Vec<Told<'_>>) -> String {
    let hand = Hand { kind: kind.into(), id: "t".into(), label: label.into() };
    let steps = steps.into_iter().map(|(seq, at, resource_type, id, acts)| Step {
        seq,
        at: at * 1000,
        hand: hand.clone(),
        request_id: String::new(),
        resource_type: resource_type.into(),
        resource_id: id.into(),
        resource_name: format!("N{id}"),
        acts,
    });
    let mut steps: Vec<Step> = steps.collect();
    steps.reverse();
    let names = ["ann", "bob", "cid", "dan"].map(|id| (id.to_owned(), id.to_owned()));
    plain(&line(Burst { steps }, idp, &HashMap::from(names)).sentence)
}

fn said(steps: Vec<Told<'_>>) -> String {
    said_by("token", "first", Idp::OneLogin, steps)
}

fn added(ids: &[&str]) -> Vec<Act> {
    vec![Act::Added(ids.iter().map(|id| (*id).to_owned()).collect())]
}

fn removed(ids: &[&str]) -> Vec<Act> {
    vec![Act::Removed(ids.iter().map(|id| (*id).to_owned()).collect())]
}

#[test]
fn one_person_is_the_subject_of_all_that_was_done_to_them() {
    let gone = vec![
        (1, 0, "User", "rob", vec![Act::Deactivated]),
        (2, 1, "Group", "a", removed(&["rob"])),
        (3, 2, "Group", "b", removed(&["rob"])),
        (4, 3, "Group", "c", removed(&["rob"])),
    ];
    assert_eq!(said(gone), "OneLogin deactivated Nrob and removed them from the groups Na, Nb and Nc");
    let joined = vec![(1, 0, "User", "rob", vec![Act::Created]), (2, 1, "Group", "a", added(&["rob"]))];
    assert_eq!(said(joined), "OneLogin created Nrob and added them to the group Na");
}

#[test]
fn names_stand_for_few_and_numbers_for_many() {
    let created = |many: i64| -> Vec<Told<'static>> {
        const IDS: [&str; 5] = ["1", "2", "3", "4", "5"];
        (0..many).zip(IDS).map(|(n, id)| (n, n, "User", id, vec![Act::Created])).collect()
    };
    assert_eq!(said(created(1)), "OneLogin created N1");
    assert_eq!(said(created(3)), "OneLogin created N1, N2 and N3");
    assert_eq!(said(created(5)), "OneLogin created 5 users (N1, N2, N3, …)");
}

#[test]
fn many_of_several_kinds_are_a_sync() {
    let ids: Vec<String> = (0..412).map(|n| n.to_string()).collect();
    let steps = ids.iter().enumerate().map(|(n, id)| {
        let n = i64::try_from(n).unwrap_or_default();
        let act = if n < 400 { Act::Created } else { Act::Changed(vec!["title".into()]) };
        (n, n / 2, "User", id.as_str(), vec![act])
    });
    assert_eq!(
        said_by("token", "x", Idp::Okta, steps.collect()),
        "Okta synced 412 users (400 created, 12 changed) in 3 min"
    );
}

#[test]
fn hands_have_names() {
    let renamed = || vec![(1, 0, "Group", "vault", vec![Act::Renamed("Keepers".into())])];
    assert_eq!(
        said_by("operator", "maria", Idp::Okta, renamed()),
        "maria renamed the group Keepers to Nvault"
    );
    assert_eq!(
        said_by("token", "hr", Idp::Generic, renamed()),
        "Token “hr” renamed the group Keepers to Nvault"
    );
    let groups = || {
        ["1", "2", "3", "4"].iter().zip(1..).map(|(id, n)| (n, 0, "Group", *id, vec![Act::Created])).collect()
    };
    assert_eq!(
        said_by("target", "https://vault.example/SecretServer", Idp::Okta, groups()),
        "Import from vault.example adopted 4 groups (N1, N2, N3, …)"
    );
    assert_eq!(
        said_by("cli", "", Idp::Okta, renamed()),
        "The command line renamed the group Keepers to Nvault"
    );
}

#[test]
fn members_are_named_when_they_are_few() {
    assert_eq!(
        said(vec![(1, 0, "Group", "g", added(&["ann", "bob", "cid"]))]),
        "OneLogin added ann, bob and cid to the group Ng"
    );
    assert_eq!(
        said(vec![(1, 0, "Group", "g", added(&["ann", "bob", "cid", "dan"]))]),
        "OneLogin added 4 members to the group Ng"
    );
    assert_eq!(
        said(vec![(1, 0, "Group", "g", added(&["ann"])), (2, 0, "Group", "h", removed(&["bob", "x"]))]),
        "OneLogin added ann to the group Ng and removed bob and a member from the group Nh"
    );
}

#[test]
fn what_was_changed_is_named_and_who_was_made_is_not_called_changed() {
    let fields = ["title", "emails", "name", "phoneNumbers"].map(str::to_owned).to_vec();
    assert_eq!(
        said(vec![(1, 0, "User", "rob", vec![Act::Changed(fields)])]),
        "OneLogin changed Nrob (title, emails, name, 1 more)"
    );
    assert_eq!(
        said(vec![
            (1, 0, "User", "rob", vec![Act::Created]),
            (2, 0, "User", "rob", vec![Act::Changed(vec!["title".into()])]),
        ]),
        "OneLogin created Nrob"
    );
    assert_eq!(said(vec![(1, 0, "User", "rob", vec![])]), "OneLogin changed nothing that is shown");
    assert_eq!(said(vec![(1, 0, "Device", "d", vec![Act::Created])]), "OneLogin created the device Nd");
}
