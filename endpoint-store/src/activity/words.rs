//! A burst as a sentence: who did what to whom, a few of them by name, many as a number.

use std::collections::{BTreeSet, HashMap};

use super::fold::{Act, Burst, Hand, Step};
use super::{KEPT, Line};
use crate::settings::Idp;

/// Things that are called by their names; of more, the first of them.
pub(super) const SHOWN: usize = 3;
/// Users in one burst from which on it is called a sync.
const SYNC: usize = 10;

/// A part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Text(String),
    /// The name of something that has a page.
    Thing {
        /// `User`, `Group`, …
        resource_type: String,
        /// Its id.
        id: String,
        /// Its name, then.
        name: String,
    },
}

/// A sentence without its links.
pub fn plain(sentence: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Thing { name, .. } => name.clone(),
    };
    sentence.iter().map(text).collect()
}

/// The line of a burst.
pub(super) fn line(burst: Burst, idp: Idp, names: &HashMap<String, String>) -> Line {
    let newest = burst.steps.first();
    let oldest = burst.steps.last();
    let hand = newest.map(|step| step.hand.clone());
    let hand = hand.unwrap_or(Hand { kind: String::new(), id: String::new(), label: String::new() });
    let at = |step: Option<&Step>| step.map_or(0, |step| step.at);
    let times = || burst.steps.iter().map(|step| step.at);
    let (first_at, last_at) = (times().min().unwrap_or(0), times().max().unwrap_or(at(newest)));
    let mut said = Said { out: vec![Piece::Text(who(&hand, idp))], names };
    said.burst(&burst.steps, hand.kind == "target");
    let minutes = (last_at - first_at) / 60_000;
    if minutes >= 120 {
        said.text(format!(" in {} h", minutes / 60));
    } else if minutes >= 1 {
        said.text(format!(" in {minutes} min"));
    }
    Line {
        sentence: said.out,
        first_at,
        last_at,
        first: oldest.map_or(0, |step| step.seq),
        last: newest.map_or(0, |step| step.seq),
        changes: burst.steps.len(),
        steps: burst.steps.into_iter().take(KEPT).collect(),
        hand,
        errors: 0,
    }
}

/// Who it was, at the beginning of a sentence.
fn who(hand: &Hand, idp: Idp) -> String {
    match hand.kind.as_str() {
        "token" if idp == Idp::Generic => format!("Token “{}”", hand.label),
        "token" => idp.label().to_owned(),
        "operator" => hand.label.clone(),
        "api-key" => format!("{} (API key)", hand.label),
        "guest" => "A guest".to_owned(),
        // The label is an address, of which the host is what people know.
        "target" => {
            let host = hand.label.split("://").last().and_then(|rest| rest.split('/').next());
            format!("Import from {}", host.unwrap_or_default())
        }
        "system" => "The server".to_owned(),
        _ if hand.label.is_empty() => "The command line".to_owned(),
        _ => format!("{} (command line)", hand.label),
    }
}

/// What was done, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Created,
    Restored,
    Renamed,
    Changed,
    Activated,
    Deactivated,
    Hidden,
    Deleted,
}

impl Verb {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Restored,
        Self::Renamed,
        Self::Changed,
        Self::Activated,
        Self::Deactivated,
        Self::Hidden,
        Self::Deleted,
    ];

    fn of(act: &Act) -> Option<Self> {
        Some(match act {
            Act::Created => Self::Created,
            Act::Restored => Self::Restored,
            Act::Deleted => Self::Deleted,
            Act::Hidden => Self::Hidden,
            Act::Activated => Self::Activated,
            Act::Deactivated => Self::Deactivated,
            Act::Renamed(_) => Self::Renamed,
            Act::Changed(_) => Self::Changed,
            Act::Added(_) | Act::Removed(_) => return None,
        })
    }

    fn word(self, adopts: bool) -> &'static str {
        match self {
            Self::Created if adopts => "adopted",
            Self::Created => "created",
            Self::Restored => "brought back",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Activated => "activated",
            Self::Deactivated => "deactivated",
            Self::Hidden => "deleted and deactivated",
            Self::Deleted => "deleted",
        }
    }
}

/// What one phrase tells.
enum Deed<'s> {
    /// So many things of a type, in several ways.
    Sync(usize, Vec<(Verb, Vec<&'s Step>)>),
    /// One thing that was done to some.
    Done(Verb, Vec<&'s Step>),
}

impl Deed<'_> {
    fn resource_type(&self) -> &str {
        let things = match self {
            Self::Sync(_, groups) => groups.first().map(|(_, things)| things),
            Self::Done(_, things) => Some(things),
        };
        things.and_then(|things| things.first()).map_or("", |step| step.resource_type.as_str())
    }
}

/// What was done, type by type.
fn deeds<'s>(steps: &[&'s Step]) -> Vec<Deed<'s>> {
    let mut types: Vec<&str> = Vec::new();
    for step in steps {
        if !types.contains(&step.resource_type.as_str()) {
            types.push(&step.resource_type);
        }
    }
    let mut deeds = Vec::new();
    for of_type in types {
        let of_type: Vec<&Step> =
            steps.iter().copied().filter(|step| step.resource_type == of_type).collect();
        let groups = by_verb(&of_type);
        let ids = groups.iter().flat_map(|(_, things)| things.iter().map(|step| step.resource_id.as_str()));
        let all = ids.collect::<BTreeSet<&str>>().len();
        if groups.len() > 1 && all >= SYNC {
            deeds.push(Deed::Sync(all, groups));
        } else {
            deeds.extend(groups.into_iter().map(|(verb, things)| Deed::Done(verb, things)));
        }
    }
    deeds
}

/// A sentence that is being said.
struct Said<'n> {
    out: Vec<Piece>,
    names: &'n HashMap<String, String>,
}

impl Said<'_> {
    fn text(&mut self, text: impl Into<String>) {
        let text = text.into();
        match self.out.last_mut() {
            Some(Piece::Text(before)) => before.push_str(&text),
            _ => self.out.push(Piece::Text(text)),
        }
    }

    fn thing(&mut self, resource_type: &str, id: &str, name: &str) {
        self.out.push(Piece::Thing {
            resource_type: resource_type.to_owned(),
            id: id.to_owned(),
            name: name.to_owned(),
        });
    }

    /// A member, whose type is not in the log: a user, as far as people are concerned.
    fn member(&mut self, id: &str) {
        match self.names.get(id).cloned() {
            Some(name) => self.thing("User", id, &name),
            None => self.text("a member"),
        }
    }

    fn burst(&mut self, steps: &[Step], adopts: bool) {
        // Told in the order in which it was done.
        let steps: Vec<&Step> = steps.iter().rev().collect();
        let deeds = deeds(&steps);
        let moves = moves(&steps);
        let count = deeds.len() + usize::from(!moves.is_empty());
        if count == 0 {
            self.text(" changed nothing that is shown");
        }
        let join = |at: usize| match at {
            0 => " ",
            at if at + 1 == count => " and ",
            _ => ", ",
        };
        let mut alone = None;
        for (at, deed) in deeds.iter().enumerate() {
            self.text(join(at));
            match deed {
                Deed::Sync(total, groups) => self.sync(*total, groups),
                Deed::Done(verb, things) => {
                    if let ([only], "User") = (things.as_slice(), deed.resource_type()) {
                        alone = Some(only.resource_id.as_str());
                    }
                    self.deed(*verb, things, adopts);
                }
            }
        }
        if !moves.is_empty() {
            self.text(join(deeds.len()));
            let alone =
                alone.filter(|_| deeds.iter().filter(|deed| deed.resource_type() == "User").count() == 1);
            self.memberships(&moves, alone);
        }
    }

    /// `synced 412 users (400 created, 12 changed)`.
    fn sync(&mut self, total: usize, groups: &[(Verb, Vec<&Step>)]) {
        let one = groups.first().and_then(|(_, things)| things.first());
        let noun = one.map_or_else(String::new, |step| plural(&step.resource_type));
        let parts: Vec<String> =
            groups.iter().map(|(verb, things)| format!("{} {}", things.len(), verb.word(false))).collect();
        self.text(format!("synced {total} {noun} ({})", parts.join(", ")));
    }

    fn deed(&mut self, verb: Verb, things: &[&Step], adopts: bool) {
        self.text(format!("{} ", verb.word(adopts)));
        let Some(first) = things.first() else { return };
        self.things(&first.resource_type, things);
        if let [one] = things {
            for act in &one.acts {
                match (act, verb) {
                    (Act::Renamed(before), Verb::Renamed) => {
                        // What was said is the name of now; people say the old one first.
                        self.out.pop();
                        self.text(format!("{before} to "));
                        self.thing(&one.resource_type, &one.resource_id, &one.resource_name);
                    }
                    (Act::Changed(attributes), Verb::Changed) => {
                        let more = attributes.len().saturating_sub(SHOWN);
                        let mut list: Vec<&str> = attributes.iter().take(SHOWN).map(String::as_str).collect();
                        let tail = format!("{more} more");
                        if more > 0 {
                            list.push(&tail);
                        }
                        self.text(format!(" ({})", list.join(", ")));
                    }
                    _ => {}
                }
            }
        }
    }

    /// `ann`, `the group Keepers`, `12 groups (a, b, c, …)`.
    fn things(&mut self, resource_type: &str, things: &[&Step]) {
        let is_user = resource_type == "User";
        let many = things.len();
        if many > SHOWN {
            self.text(format!("{many} {} (", plural(resource_type)));
        } else if !is_user {
            let noun = if many == 1 { singular(resource_type) } else { plural(resource_type) };
            self.text(format!("the {noun} "));
        }
        let shown: Vec<&&Step> = things.iter().take(SHOWN).collect();
        for (at, step) in shown.iter().enumerate() {
            self.text(match at {
                0 => "",
                at if at + 1 == shown.len() && many <= SHOWN => " and ",
                _ => ", ",
            });
            self.thing(resource_type, &step.resource_id, &step.resource_name);
        }
        if many > SHOWN {
            self.text(", …)");
        }
    }

    /// `added ann to the group Keepers`, `removed them from 3 groups (a, b, c)`. `alone` was the subject before.
    fn memberships(&mut self, moves: &[Move<'_>], alone: Option<&str>) {
        let mut is_first = true;
        for (verb, of) in [("added", true), ("removed", false)] {
            let some: Vec<&Move<'_>> = moves.iter().filter(|one| !one.ids(of).is_empty()).collect();
            if some.is_empty() {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                self.text(" and ");
            }
            self.moved(verb, if of { "to" } else { "from" }, &some, of, alone);
        }
    }

    fn moved(&mut self, verb: &str, whither: &str, some: &[&Move<'_>], of: bool, alone: Option<&str>) {
        let people: BTreeSet<&str> = some.iter().flat_map(|one| one.ids(of).iter().copied()).collect();
        let people: Vec<&str> = people.into_iter().collect();
        self.text(format!("{verb} "));
        match people.as_slice() {
            [one] if Some(*one) == alone => self.text("them"),
            few if few.len() <= SHOWN && some.len() == 1 => {
                for (at, one) in few.iter().enumerate() {
                    self.text(match at {
                        0 => "",
                        at if at + 1 == few.len() => " and ",
                        _ => ", ",
                    });
                    self.member(one);
                }
            }
            [one] => self.member(one),
            many => self.text(format!("{} members", many.len())),
        }
        self.text(format!(" {whither} "));
        let groups: Vec<&Step> = some.iter().map(|one| one.group).collect();
        self.things("Group", &groups);
    }
}

/// The things of each verb, each once, in the order of [`Verb::ALL`].
fn by_verb<'s>(steps: &[&'s Step]) -> Vec<(Verb, Vec<&'s Step>)> {
    let mut groups = Vec::new();
    for verb in Verb::ALL {
        let mut seen = BTreeSet::new();
        let with = |step: &&&Step| step.acts.iter().any(|act| Verb::of(act) == Some(verb));
        let things: Vec<&Step> = steps
            .iter()
            .filter(with)
            .copied()
            .filter(|step| seen.insert(step.resource_id.as_str()))
            .collect();
        if !things.is_empty() {
            groups.push((verb, things));
        }
    }
    // Whoever was made in this burst need not be called changed, too.
    let made: BTreeSet<&str> = groups
        .iter()
        .filter(|(verb, _)| *verb == Verb::Created)
        .flat_map(|(_, things)| things.iter().map(|step| step.resource_id.as_str()))
        .collect();
    for (verb, things) in &mut groups {
        if matches!(verb, Verb::Changed | Verb::Activated) {
            things.retain(|step| !made.contains(step.resource_id.as_str()));
        }
    }
    groups.retain(|(_, things)| !things.is_empty());
    groups
}

/// Who came into a group and who left it, in sum.
struct Move<'s> {
    group: &'s Step,
    added: Vec<&'s str>,
    removed: Vec<&'s str>,
}

impl Move<'_> {
    fn ids(&self, added: bool) -> &[&str] {
        if added { &self.added } else { &self.removed }
    }
}

fn moves<'s>(steps: &[&'s Step]) -> Vec<Move<'s>> {
    let mut moves: Vec<Move<'s>> = Vec::new();
    // A group that fills up comes step by step: found by its id, not by looking through all of them.
    let mut places: HashMap<&str, usize> = HashMap::new();
    for step in steps {
        for act in &step.acts {
            let (Act::Added(ids) | Act::Removed(ids)) = act else { continue };
            let place = *places.entry(&step.resource_id).or_insert_with(|| {
                moves.push(Move { group: step, added: Vec::new(), removed: Vec::new() });
                moves.len() - 1
            });
            let Some(one) = moves.get_mut(place) else { continue };
            let list = if matches!(act, Act::Added(_)) { &mut one.added } else { &mut one.removed };
            list.extend(ids.iter().map(String::as_str));
        }
    }
    moves
}

fn singular(resource_type: &str) -> String {
    resource_type.to_ascii_lowercase()
}

fn plural(resource_type: &str) -> String {
    let noun = singular(resource_type);
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['s', 'x']) => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests;
