//! From single changes to bursts: what one hand did with no longer pause than a minute.

use crate::changes::{Change, ChangeKind};
use crate::ids::Millis;

/// The longest pause within a burst.
pub(super) const PAUSE: Millis = 60_000;

/// Who did something, as the change log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    /// `token`, `operator`, …
    pub kind: String,
    /// Public id of the token, id of the operator.
    pub id: String,
    /// Label of the token, name of the operator, then.
    pub label: String,
}

/// What was done to one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// It was made.
    Created,
    /// It is back under its old id.
    Restored,
    /// It was removed for good.
    Deleted,
    /// It was deactivated and hidden from SCIM.
    Hidden,
    /// It is in use again.
    Activated,
    /// It is out of use.
    Deactivated,
    /// It had this name before.
    Renamed(String),
    /// These attributes changed.
    Changed(Vec<String>),
    /// These became members.
    Added(Vec<String>),
    /// These are no longer members.
    Removed(Vec<String>),
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// By whom.
    pub hand: Hand,
    /// In which request.
    pub request_id: String,
    /// `User`, `Group`, …
    pub resource_type: String,
    /// Of what.
    pub resource_id: String,
    /// Its name, then.
    pub resource_name: String,
    /// What was done.
    pub acts: Vec<Act>,
}

impl From<Change> for Step {
    fn from(change: Change) -> Self {
        Self {
            acts: acts(&change),
            seq: change.seq,
            at: change.at,
            hand: Hand { kind: change.actor_kind, id: change.actor_id, label: change.actor_label },
            request_id: change.request_id,
            resource_type: change.resource_type,
            resource_id: change.resource_id,
            resource_name: change.resource_name,
        }
    }
}

fn acts(change: &Change) -> Vec<Act> {
    let mut acts = Vec::new();
    match change.kind {
        ChangeKind::Created => acts.push(Act::Created),
        ChangeKind::Restored => acts.push(Act::Restored),
        ChangeKind::Deleted => acts.push(Act::Deleted),
        ChangeKind::Hidden => acts.push(Act::Hidden),
        ChangeKind::Updated => acts.extend(differences(change)),
    }
    // Who comes with a new group, or goes with it, needs no words of their own.
    if change.kind == ChangeKind::Updated {
        let list = |ids: &std::collections::BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>();
        let members = [Act::Added(list(&change.members.added)), Act::Removed(list(&change.members.removed))];
        acts.extend(
            members
                .into_iter()
                .filter(|act| matches!(act, Act::Added(ids) | Act::Removed(ids) if !ids.is_empty())),
        );
    }
    acts
}

/// What differs, the name and the state by themselves.
fn differences(change: &Change) -> Vec<Act> {
    let (mut acts, mut others) = (Vec::new(), Vec::new());
    for attribute in change.attributes() {
        let text =
            |value: &Option<serde_json::Value>| value.as_ref().and_then(|v| v.as_str().map(str::to_owned));
        let flag = |value: &Option<serde_json::Value>| value.as_ref().and_then(serde_json::Value::as_bool);
        match (attribute.path.as_str(), change.resource_type.as_str()) {
            ("active", "User") if flag(&attribute.after) == Some(true) => acts.push(Act::Activated),
            ("active", "User") => acts.push(Act::Deactivated),
            ("userName", "User") | ("displayName", "Group") => match text(&attribute.before) {
                Some(before) => acts.push(Act::Renamed(before)),
                None => others.push(attribute.path),
            },
            _ => {
                // `name.givenName` and `name.familyName` are one thing to people; a URN is nothing to them.
                let short = attribute.path.rsplit(':').next().unwrap_or_default();
                let short = short.split('.').next().unwrap_or_default().to_owned();
                if !others.contains(&short) {
                    others.push(short);
                }
            }
        }
    }
    if !others.is_empty() {
        acts.push(Act::Changed(others));
    }
    acts
}

/// What one hand did in one go; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Burst {
    /// The latest first.
    pub(super) steps: Vec<Step>,
}

/// Bursts, the latest first, and where to go on when not all changes fitted into them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) bursts: Vec<Burst>,
    /// Number of the last change that is in a burst, when there are others.
    pub(super) rest: Option<i64>,
}

/// Folds changes, which come the latest first, into at most `most` bursts. Hands that work at the same time have a burst each.
pub(super) fn fold(steps: impl IntoIterator<Item = Step>, most: usize) -> Folded {
    let mut folded = Folded::default();
    let mut last = None;
    for step in steps {
        let is_of_hand = |burst: &Burst| burst.steps.first().is_some_and(|first| first.hand == step.hand);
        let of_hand = folded.bursts.iter().rposition(is_of_hand);
        // Clocks of several servers may differ: a change a little later than its successor is no pause.
        let joins =
            |burst: &Burst| burst.steps.last().is_some_and(|oldest| (oldest.at - step.at).abs() <= PAUSE);
        let (seq, is_full) = (step.seq, folded.bursts.len() == most);
        let joined = of_hand.and_then(|at| folded.bursts.get_mut(at)).filter(|burst| joins(burst));
        match joined {
            Some(burst) => burst.steps.push(step),
            None if is_full => {
                folded.rest = last;
                return folded;
            }
            None => folded.bursts.push(Burst { steps: vec![step] }),
        }
        last = Some(seq);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::{Act, Folded, Hand, PAUSE, Step, fold};

    fn step(seq: i64, at: i64, who: &str) -> Step {
        Step {
            seq,
            at,
            hand: Hand { kind: "token".into(), id: who.into(), label: who.into() },
            request_id: String::new(),
            resource_type: "User".into(),
            resource_id: seq.to_string(),
            resource_name: seq.to_string(),
            acts: vec![Act::Created],
        }
    }

    fn numbers(folded: &Folded) -> Vec<Vec<i64>> {
        folded.bursts.iter().map(|burst| burst.steps.iter().map(|step| step.seq).collect()).collect()
    }

    #[test]
    fn a_pause_ends_a_burst_and_another_hand_has_its_own() {
        let changes =
            [(9, 900_000, "a"), (8, 899_000, "b"), (7, 850_000, "a"), (6, 790_000, "a"), (5, 729_999, "a")];
        let folded = fold(changes.map(|(seq, at, who)| step(seq, at, who)), 50);
        assert_eq!(numbers(&folded), [vec![9, 7, 6], vec![8], vec![5]]);
        assert_eq!(folded.rest, None);
    }

    #[test]
    fn what_does_not_fit_is_where_the_next_page_begins() {
        let changes = (0..10).rev().map(|seq| step(seq, seq * 2 * PAUSE, "a"));
        let folded = fold(changes, 3);
        assert_eq!(numbers(&folded), [vec![9], vec![8], vec![7]]);
        assert_eq!(folded.rest, Some(7));
        let all = fold((0..3).rev().map(|seq| step(seq, seq, "a")), 1);
        assert_eq!((numbers(&all), all.rest), (vec![vec![2, 1, 0]], None));
        assert_eq!(fold([], 3), Folded::default());
    }

    #[test]
    fn clocks_that_differ_split_nothing() {
        let folded =
            fold([(3, 1000, "a"), (2, 5000, "a"), (1, 900, "a")].map(|(s, at, w)| step(s, at, w)), 9);
        assert_eq!(folded.bursts.len(), 1);
    }
}
