//! The whole directory beside the whole target: what differs, and why. A plan only says; a comparison also repairs.

use std::collections::{HashMap, HashSet};

use endpoint_store::targets::queue::{Item, Kind, State};
use endpoint_store::targets::wish::{self, Pair};
use endpoint_store::targets::{self, Target, queue};
use endpoint_store::{Millis, Store, StoreError, endpoints};
use scim_core::fold::fold;
use serde_json::{Value, json};

use crate::bring::{Bring, Broken, Match};
use crate::remote::{Remote, RemoteGroup, RemoteUser};

/// Resources that are compared at a time.
const PAGE: i64 = 500;
/// Lines that are told; the numbers count all.
const MOST_LINES: usize = 200;

/// One thing that would be done, or that is remarkable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `create`, `update`, `disable`, `enable`, `adopt`, `add`, `remove`, `refused`, `left`, `stranger`.
    pub what: &'static str,
    /// `user`, `group` or `member`.
    pub kind: Kind,
    /// Whom it is about.
    pub name: String,
    /// Why, or what differs.
    pub why: String,
}

/// What a comparison found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How many of each.
    pub counts: Vec<(&'static str, usize)>,
    /// The first of them.
    pub lines: Vec<Line>,
    /// Users and groups that are equal.
    pub equal: usize,
    /// Items that are waiting because of it.
    pub repaired: usize,
}

impl Report {
    /// Whether nothing would be done.
    pub fn is_equal(&self) -> bool {
        self.counts.iter().all(|(what, n)| *n == 0 || matches!(*what, "left" | "stranger"))
    }

    /// How many of this.
    pub fn count(&self, what: &str) -> usize {
        self.counts.iter().find(|(known, _)| *known == what).map_or(0, |(_, n)| *n)
    }

    /// As it is kept and shown.
    pub fn to_json(&self) -> Value {
        let lines: Vec<Value> = self
            .lines
            .iter()
            .map(|line| {
                json!({"what": line.what, "kind": line.kind.as_str(), "name": line.name, "why": line.why})
            })
            .collect();
        let counts: serde_json::Map<String, Value> =
            self.counts.iter().map(|(what, n)| ((*what).to_owned(), json!(n))).collect();
        json!({
            "equal": self.equal, "in_sync": self.is_equal(), "counts": counts, "repaired": self.repaired,
            "lines": lines,
        })
    }

    fn add(&mut self, what: &'static str, kind: Kind, name: &str, why: impl Into<String>) {
        match self.counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, n)) => *n += 1,
            None => self.counts.push((what, 1)),
        }
        if self.lines.len() < MOST_LINES {
            self.lines.push(Line { what, kind, name: name.to_owned(), why: why.into() });
        }
    }
}

struct Comparison<'a> {
    bring: Bring<'a>,
    report: Report,
    /// What is to be done again.
    marks: Vec<(String, String, Kind)>,
    users: HashMap<String, RemoteUser>,
    groups: HashMap<String, RemoteGroup>,
    /// Ids there that belong to somebody here, with the ids here.
    met: HashMap<(Kind, String), String>,
    /// Groups here that are there, with both ids and the name.
    pairs: Vec<(String, String, String)>,
}

/// Compares everything; with `repair` what differs is put into the queue, and the report is kept.
pub(crate) async fn run(
    store: &Store,
    target: &Target,
    remote: &dyn Remote,
    repair: bool,
    now: Millis,
) -> Result<Report, Broken> {
    let users = remote.all_users().await?.into_iter().map(|user| (user.id.clone(), user)).collect();
    let groups = remote.all_groups().await?.into_iter().map(|group| (group.id.clone(), group)).collect();
    let mut comparison = Comparison {
        bring: Bring { store, target, remote },
        report: Report::default(),
        marks: Vec::new(),
        users,
        groups,
        met: HashMap::new(),
        pairs: Vec::new(),
    };
    comparison.directory().await?;
    comparison.members().await?;
    comparison.strangers();
    let Comparison { mut report, marks, .. } = comparison;
    if repair {
        report.repaired = marks.len();
        let (target, told) = (target.clone(), report.to_json());
        let kept = store.write(move |tx| {
            for (resource, member, kind) in &marks {
                queue::again(tx, &target, (resource, member), *kind, now)?;
            }
            targets::reconciled(tx, &target, &told, now)
        });
        kept.await?;
    }
    Ok(report)
}

impl Comparison<'_> {
    async fn directory(&mut self) -> Result<(), Broken> {
        let id = self.bring.target.endpoint.clone();
        let endpoint = self.bring.store.read(move |conn| endpoints::find(conn, id.as_str())).await?;
        for name in ["User", "Group"] {
            let Some(rt) = endpoint.catalog.by_name(name).cloned() else { continue };
            let mut after = String::new();
            loop {
                let (target, rt, from) = (self.bring.target.clone(), rt.clone(), after.clone());
                let read = self.bring.store.read(move |conn| wish::page(conn, &target, &rt, &from, PAGE));
                let page = read.await?;
                let Some(last) = page.last().map(|pair| id_of(pair).to_owned()) else { break };
                after = last;
                for pair in page {
                    match pair {
                        Pair::User(user, item) => self.user(&user, item.as_ref()).await?,
                        Pair::Group(group, item) => self.group(&group, item.as_ref()).await?,
                    }
                }
            }
        }
        Ok(())
    }

    async fn user(&mut self, user: &wish::User, item: Option<&Item>) -> Result<(), Broken> {
        let known = item.and_then(|item| item.remote_id.as_ref()).and_then(|id| self.users.get(id)).cloned();
        let (there, adopts) = match known {
            Some(there) => (there, false),
            None => match self.find(user).await? {
                Match::Ours(there) => (there, true),
                Match::Owned(why) => {
                    self.report.add("left", Kind::User, &user.user_name, why);
                    return Ok(());
                }
                Match::None { .. } if !user.enabled => {
                    self.report.equal += 1;
                    return Ok(());
                }
                Match::None { login_taken } => {
                    self.would_create(user, login_taken);
                    return Ok(());
                }
            },
        };
        self.met.insert((Kind::User, there.id.clone()), user.id.clone());
        if let Some(why) = there.owned {
            self.report.add("left", Kind::User, &user.user_name, why);
            return Ok(());
        }
        let differences = self.bring.remote.differences(&there, user).join(", ");
        let found = match (user.enabled, there.enabled) {
            (false, true) => Some(("disable", "not active here".to_owned())),
            (true, false) => Some(("enable", "active here".to_owned())),
            (true, true) if !differences.is_empty() => Some(("update", format!("differs in {differences}"))),
            _ if adopts => Some(("adopt", format!("is {} there", there.login))),
            _ => None,
        };
        self.found(found, Kind::User, &user.id, &user.user_name);
        Ok(())
    }

    fn found(&mut self, found: Option<(&'static str, String)>, kind: Kind, id: &str, name: &str) {
        match found {
            Some((what, why)) => {
                self.report.add(what, kind, name, why);
                self.marks.push((id.to_owned(), String::new(), kind));
            }
            None => self.report.equal += 1,
        }
    }

    /// Who there is this person, among all that are known already.
    async fn find(&self, user: &wish::User) -> Result<Match, Broken> {
        let name = fold(&user.user_name);
        let email = user.email.as_deref().map(fold);
        let maybe = self.users.values().any(|there| {
            let login = fold(&there.login);
            let address = there.email.as_deref().map(fold);
            login == name || (email.is_some() && (email == address || email.as_ref() == Some(&login)))
        });
        // Nobody: that needs no question.
        if maybe { self.bring.find(user).await } else { Ok(Match::None { login_taken: false }) }
    }

    fn would_create(&mut self, user: &wish::User, login_taken: bool) {
        let other = user.email.as_deref().filter(|email| fold(email) != fold(&user.user_name));
        match (login_taken, other) {
            (false, _) => {
                self.found(Some(("create", "not there".to_owned())), Kind::User, &user.id, &user.user_name);
            }
            (true, Some(email)) => {
                let why = format!("another account has the login name; it would sign in as {email}");
                self.found(Some(("create", why)), Kind::User, &user.id, &user.user_name);
            }
            (true, None) => {
                let why = "another account has the login name, and there is no e-mail address to use instead";
                self.report.add("refused", Kind::User, &user.user_name, why);
            }
        }
    }

    async fn group(&mut self, group: &wish::Group, item: Option<&Item>) -> Result<(), Broken> {
        let known = item.and_then(|item| item.remote_id.as_ref()).and_then(|id| self.groups.get(id)).cloned();
        let adopts = known.is_none();
        let there = match known {
            Some(there) => Some(there),
            None if self.groups.values().any(|there| fold(&there.name) == fold(&group.name)) => {
                self.bring.find_group(group).await?
            }
            None => None,
        };
        let Some(there) = there else {
            self.found(Some(("create", "not there".to_owned())), Kind::Group, &group.id, &group.name);
            return Ok(());
        };
        self.met.insert((Kind::Group, there.id.clone()), group.id.clone());
        if let Some(why) = there.owned {
            self.report.add("left", Kind::Group, &group.name, why);
            return Ok(());
        }
        let found = if !there.enabled {
            Some(("enable", "in use here".to_owned()))
        } else if there.name != group.name {
            Some(("update", format!("is called {} there", there.name)))
        } else if adopts {
            Some(("adopt", "the same name is there".to_owned()))
        } else {
            None
        };
        self.found(found, Kind::Group, &group.id, &group.name);
        self.pairs.push((group.id.clone(), there.id, group.name.clone()));
        Ok(())
    }

    /// The members of groups that are on both sides.
    async fn members(&mut self) -> Result<(), Broken> {
        for (group, remote_group, name) in std::mem::take(&mut self.pairs) {
            let there: HashSet<String> =
                self.bring.remote.members(&remote_group).await?.into_iter().collect();
            let mut only_there = there.clone();
            let (target, id) = (self.bring.target.clone(), group.clone());
            let read = self.bring.store.read(move |conn| {
                let mut here = Vec::new();
                for (member, user) in wish::members_of(conn, &target, &id)? {
                    here.push((queue::item(conn, &target, &id, &member)?, member, user));
                }
                Ok::<_, StoreError>(here)
            });
            for (item, member, user) in read.await? {
                let who = user.as_ref().and_then(|user| user.remote_name.clone());
                let who = format!("{} in {name}", who.unwrap_or_else(|| member.clone()));
                let remote_id = user.as_ref().and_then(|user| user.remote_id.as_ref());
                let is_in = remote_id.is_some_and(|id| there.contains(id));
                remote_id.map(|id| only_there.remove(id));
                let is_noted = item.as_ref().is_some_and(|item| item.present && item.state == State::Done);
                let may = user.as_ref().is_some_and(|user| user.present);
                if !is_in && may {
                    self.report.add("add", Kind::Member, &who, "a member here");
                    self.marks.push((group.clone(), member, Kind::Member));
                } else if is_in && !is_noted {
                    self.marks.push((group.clone(), member, Kind::Member));
                }
            }
            self.only_there(&group, &name, only_there).await?;
        }
        Ok(())
    }

    /// Who is in a group there and not here: whom we put in is taken out, whom somebody put in by hand is told and stays.
    async fn only_there(
        &mut self,
        group: &str,
        name: &str,
        remote_ids: HashSet<String>,
    ) -> Result<(), Broken> {
        let mut strays: Vec<(String, String)> = Vec::new();
        for remote in remote_ids {
            // What belongs to the target itself is none of our business.
            let Some(user) = self.users.get(&remote).filter(|user| user.owned.is_none()) else { continue };
            let who = format!("{} in {name}", user.login);
            match self.met.get(&(Kind::User, remote)) {
                Some(member) => strays.push((who, member.clone())),
                None => strays.push((who, String::new())),
            }
        }
        strays.sort();
        let (target, id, members) = (self.bring.target.clone(), group.to_owned(), strays.clone());
        let read = self.bring.store.read(move |conn| {
            let placed = members.iter().map(|(_, member)| match member.as_str() {
                "" => Ok(false),
                member => Ok(queue::item(conn, &target, &id, member)?.is_some_and(|item| item.present)),
            });
            placed.collect::<Result<Vec<_>, StoreError>>()
        });
        for ((who, member), placed) in strays.into_iter().zip(read.await?) {
            if placed {
                self.report.add("remove", Kind::Member, &who, "no member here any more");
                self.marks.push((group.to_owned(), member, Kind::Member));
            } else {
                self.report.add("stranger", Kind::Member, &who, "a member there, and not here; it stays");
            }
        }
        Ok(())
    }

    /// What is there and not here: told, and left as it is.
    fn strangers(&mut self) {
        let mut strangers: Vec<(Kind, String)> = Vec::new();
        for user in self.users.values().filter(|user| user.owned.is_none() && user.enabled) {
            if !self.met.contains_key(&(Kind::User, user.id.clone())) {
                strangers.push((Kind::User, user.login.clone()));
            }
        }
        for group in self.groups.values().filter(|group| group.owned.is_none() && group.enabled) {
            if !self.met.contains_key(&(Kind::Group, group.id.clone())) {
                strangers.push((Kind::Group, group.name.clone()));
            }
        }
        strangers.sort_by(|a, b| (a.0.as_str(), &a.1).cmp(&(b.0.as_str(), &b.1)));
        for (kind, name) in strangers {
            self.report.add("stranger", kind, &name, "there, and not here; `target import` takes it over");
        }
    }
}

fn id_of(pair: &Pair) -> &str {
    match pair {
        Pair::User(user, _) => &user.id,
        Pair::Group(group, _) => &group.id,
    }
}
