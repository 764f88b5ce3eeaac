//! What a target has of each user, group and membership, and what is waiting.

use diesel::prelude::*;

use super::{Target, clock};
use crate::audit::{Action, Note};
use crate::caller::Actor;
use crate::conn::Conn;
use crate::dialect::tables::TargetItem as Row;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{resources, target_items};
use crate::writer::Tx;

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A user.
    User,
    /// A group, without its members.
    Group,
    /// One member of one group.
    Member,
}

impl Kind {
    /// In the order in which they are done: a membership needs both its ends.
    pub const ALL: [Self; 3] = [Self::User, Self::Group, Self::Member];

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Member => "member",
        }
    }

    /// What becomes of resources of this type; other types do not go out.
    pub fn of_type(resource_type: &str) -> Option<Self> {
        match resource_type {
            "User" => Some(Self::User),
            "Group" => Some(Self::Group),
            _ => None,
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| StoreError::Damaged(format!("unknown kind of item `{text}`")))
    }
}

/// Where an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It will be done, or tried again.
    Waiting,
    /// It is done.
    Done,
    /// The target refuses it; a new change, a comparison or a button tries again.
    Failed,
    /// A membership whose user or group is not there yet.
    Blocked,
    /// It is none of ours, or needs nothing.
    Left,
}

impl State {
    const ALL: [Self; 5] = [Self::Waiting, Self::Done, Self::Failed, Self::Blocked, Self::Left];

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Left => "left",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| StoreError::Damaged(format!("unknown state of an item `{text}`")))
    }
}

/// One user, group or membership in one target.
#[derive(Debug, Clone)]
pub struct Item {
    /// The user or the group.
    pub resource_id: String,
    /// The member, of a membership; else empty.
    pub member_id: String,
    /// What it is about.
    pub kind: Kind,
    /// Where it is.
    pub state: State,
    /// The change that it is waiting for, or was last brought to.
    pub wanted: i64,
    /// How often it was tried in vain.
    pub attempts: i64,
    /// Not before this moment.
    pub next_at: Millis,
    /// Since when something is waiting.
    pub waiting_since: Option<Millis>,
    /// When it was last done.
    pub done_at: Option<Millis>,
    /// What is remarkable, in a sentence.
    pub reason: Option<String>,
    /// Its id in the target.
    pub remote_id: Option<String>,
    /// Its name in the target: the login name of a user.
    pub remote_name: Option<String>,
    /// It was there before.
    pub imported: bool,
    /// The target has it, enabled; or the member is in.
    pub present: bool,
}

impl Item {
    /// One that nothing is known of yet.
    pub fn unknown(resource: &str, kind: Kind) -> Self {
        Self {
            resource_id: resource.to_owned(),
            member_id: String::new(),
            kind,
            state: State::Waiting,
            wanted: 0,
            attempts: 0,
            next_at: 0,
            waiting_since: None,
            done_at: None,
            reason: None,
            remote_id: None,
            remote_name: None,
            imported: false,
            present: false,
        }
    }
}

impl TryFrom<Row> for Item {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: Kind::parse(&row.kind)?,
            state: State::parse(&row.state)?,
            resource_id: row.resource_id,
            member_id: row.member_id,
            wanted: row.wanted,
            attempts: row.attempts,
            next_at: row.next_at,
            waiting_since: row.waiting_since,
            done_at: row.done_at,
            reason: row.reason,
            remote_id: row.remote_id,
            remote_name: row.remote_name,
            imported: row.imported,
            present: row.present,
        })
    }
}

/// Why and since when an item is waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) seq: i64,
    pub(crate) at: Millis,
    pub(crate) urgent: bool,
}

impl Mark {
    /// Who loses access goes before everybody else.
    fn next_at(self) -> Millis {
        if self.urgent { -1 } else { 0 }
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn of_target<'a>(endpoint: &'a str, target: &'a str) -> _ {
    target_items::table
        .filter(target_items::endpoint_id.eq(endpoint))
        .filter(target_items::target_id.eq(target))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn one<'a>(endpoint: &'a str, target: &'a str, resource: &'a str, member: &'a str) -> _ {
    target_items::table
        .filter(target_items::endpoint_id.eq(endpoint))
        .filter(target_items::target_id.eq(target))
        .filter(target_items::resource_id.eq(resource))
        .filter(target_items::member_id.eq(member))
}

pub(crate) fn exists(
    conn: &mut Conn,
    target: &Target,
    resource: &str,
    member: &str,
) -> Result<bool, StoreError> {
    let found: Option<String> = one(target.endpoint.as_str(), &target.id, resource, member)
        .select(target_items::resource_id)
        .get_result(conn)
        .optional()?;
    Ok(found.is_some())
}

pub(crate) fn blank(target: &Target, (resource, member): (&str, &str), kind: Kind, mark: Mark) -> Row {
    Row {
        endpoint_id: target.endpoint.as_str().to_owned(),
        target_id: target.id.clone(),
        resource_id: resource.to_owned(),
        member_id: member.to_owned(),
        kind: kind.as_str().to_owned(),
        state: State::Waiting.as_str().to_owned(),
        wanted: mark.seq,
        attempts: 0,
        next_at: mark.next_at(),
        waiting_since: Some(mark.at),
        done_at: None,
        reason: None,
        remote_id: None,
        remote_name: None,
        imported: false,
        present: false,
    }
}

/// Marks one item as waiting for the state that the directory has after a change.
pub(crate) fn mark(
    tx: &mut Tx<'_>,
    target: &Target,
    (resource, member): (&str, &str),
    kind: Kind,
    mark: Mark,
) -> Result<(), StoreError> {
    let own = || one(target.endpoint.as_str(), &target.id, resource, member);
    let there: Option<(String, Option<i64>, i64)> = own()
        .select((target_items::state, target_items::waiting_since, target_items::next_at))
        .get_result(&mut **tx)
        .optional()?;
    let Some((state, since, before)) = there else {
        let row = blank(target, (resource, member), kind, mark);
        diesel::insert_into(target_items::table).values(&row).execute(&mut **tx)?;
        return Ok(());
    };
    let urgent = mark.urgent || (state == State::Waiting.as_str() && before < 0);
    diesel::update(own())
        .set((
            target_items::state.eq(State::Waiting.as_str()),
            target_items::wanted.eq(mark.seq),
            target_items::attempts.eq(0_i64),
            target_items::next_at.eq(Mark { urgent, ..mark }.next_at()),
            target_items::waiting_since.eq(since.or(Some(mark.at))),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// One item.
pub fn item(
    conn: &mut Conn,
    target: &Target,
    resource: &str,
    member: &str,
) -> Result<Option<Item>, StoreError> {
    let row: Option<Row> = one(target.endpoint.as_str(), &target.id, resource, member)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(Item::try_from).transpose()
}

/// The items of one kind that may be tried now, the most urgent first.
pub fn due(
    conn: &mut Conn,
    target: &Target,
    kind: Kind,
    now: Millis,
    limit: i64,
) -> Result<Vec<Item>, StoreError> {
    let rows: Vec<Row> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::state.eq(State::Waiting.as_str()))
        .filter(target_items::kind.eq(kind.as_str()))
        .filter(target_items::next_at.le(now))
        .order((target_items::next_at, target_items::waiting_since, target_items::resource_id))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Item::try_from).collect()
}

pub(crate) fn is_due(conn: &mut Conn, target: &Target, now: Millis) -> Result<bool, StoreError> {
    for kind in Kind::ALL {
        if !due(conn, target, kind, now, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What came of trying.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The target has what the directory has.
    Done {
        /// Its id there.
        remote_id: Option<String>,
        /// Its name there.
        remote_name: Option<String>,
        /// Whether it is there and enabled.
        present: bool,
        /// What is remarkable.
        reason: Option<String>,
    },
    /// It is none of ours, or needs nothing; the sentence says why.
    Left(String),
    /// It waits for another item.
    Blocked(String),
    /// It is tried again at that moment.
    Again {
        /// Why it did not work.
        reason: String,
        /// Not before.
        next_at: Millis,
    },
    /// The target refuses it.
    Failed(String),
}

/// Keeps what came of trying an item. When something changed meanwhile it goes on waiting, with what is known now.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn settle(
    tx: &mut Tx<'_>,
    target: &Target,
    item: &Item,
    outcome: &Outcome,
    now: Millis,
) -> Result<(), StoreError> {
    let own = || one(target.endpoint.as_str(), &target.id, &item.resource_id, &item.member_id);
    if let Outcome::Done { remote_id, remote_name, present, .. } = outcome {
        if let Some(remote) = remote_id {
            release(tx, target, item, remote)?;
        }
        diesel::update(own())
            .set((
                target_items::remote_id.eq(remote_id),
                target_items::remote_name.eq(remote_name),
                target_items::present.eq(*present),
            ))
            .execute(&mut **tx)?;
    }
    let unchanged =
        || own().filter(target_items::wanted.eq(item.wanted)).filter(target_items::state.ne("done"));
    let rest = |tx: &mut Tx<'_>, state: State, reason: Option<&str>| {
        diesel::update(unchanged())
            .set((target_items::state.eq(state.as_str()), target_items::reason.eq(reason.map(short))))
            .execute(&mut **tx)
    };
    match outcome {
        Outcome::Done { reason, .. } => {
            diesel::update(unchanged())
                .set((
                    target_items::state.eq(State::Done.as_str()),
                    target_items::attempts.eq(0_i64),
                    target_items::waiting_since.eq(None::<i64>),
                    target_items::done_at.eq(Some(now)),
                    target_items::reason.eq(reason.as_deref().map(short)),
                ))
                .execute(&mut **tx)?;
            if item.kind != Kind::Member {
                unblock(tx, target, &item.resource_id)?;
            }
        }
        Outcome::Left(reason) => {
            diesel::update(unchanged())
                .set(target_items::waiting_since.eq(None::<i64>))
                .execute(&mut **tx)?;
            rest(tx, State::Left, Some(reason))?;
        }
        Outcome::Blocked(reason) => {
            rest(tx, State::Blocked, Some(reason))?;
        }
        Outcome::Failed(reason) => {
            rest(tx, State::Failed, Some(reason))?;
        }
        Outcome::Again { reason, next_at } => {
            diesel::update(unchanged())
                .set((
                    target_items::attempts.eq(target_items::attempts + 1),
                    target_items::next_at.eq(*next_at),
                    target_items::reason.eq(Some(short(reason))),
                ))
                .execute(&mut **tx)?;
        }
    }
    if item.kind == Kind::User {
        clock::settle(tx, &target.endpoint, &item.resource_id, now)?;
    }
    Ok(())
}

/// A sentence of a bounded length: some of it comes from outside.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

/// What is in the target belongs to one item: one whose resource is gone lets go of it.
fn release(tx: &mut Tx<'_>, target: &Target, item: &Item, remote: &str) -> Result<(), StoreError> {
    let others = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::kind.eq(item.kind.as_str()))
        .filter(target_items::remote_id.eq(remote))
        .filter(target_items::resource_id.ne(&item.resource_id));
    diesel::update(others)
        .set((target_items::remote_id.eq(None::<String>), target_items::present.eq(false)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Memberships that waited for this user or group are tried again.
fn unblock(tx: &mut Tx<'_>, target: &Target, resource: &str) -> Result<(), StoreError> {
    let blocked = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::state.eq(State::Blocked.as_str()))
        .filter(target_items::resource_id.eq(resource).or(target_items::member_id.eq(resource)));
    diesel::update(blocked)
        .set((target_items::state.eq(State::Waiting.as_str()), target_items::next_at.eq(0_i64)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Which resource of the directory has this user or group of the target, if it is still there.
pub fn holder_of(
    conn: &mut Conn,
    target: &Target,
    kind: Kind,
    remote: &str,
) -> Result<Option<String>, StoreError> {
    let holders: Vec<String> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::kind.eq(kind.as_str()))
        .filter(target_items::remote_id.eq(remote))
        .select(target_items::resource_id)
        .load(conn)?;
    for id in holders {
        let live: Option<bool> = resources::table
            .filter(resources::endpoint_id.eq(target.endpoint.as_str()))
            .filter(resources::id.eq(&id))
            .select(resources::hidden)
            .get_result(conn)
            .optional()?;
        if live == Some(false) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Puts an item back into the queue, or makes it: for a comparison that found it to differ.
pub fn again(
    tx: &mut Tx<'_>,
    target: &Target,
    (resource, member): (&str, &str),
    kind: Kind,
    now: Millis,
) -> Result<(), StoreError> {
    let wanted = item(tx, target, resource, member)?.map_or(target.taken_in, |item| item.wanted);
    mark(tx, target, (resource, member), kind, Mark { seq: wanted, at: now, urgent: false })
}

/// Tries everything again that failed or waits for its next try, or one resource with its memberships.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn retry(
    tx: &mut Tx<'_>,
    endpoint: &Endpoint,
    target: &Target,
    resource: Option<&str>,
    actor: &Actor,
    now: Millis,
) -> Result<usize, StoreError> {
    let open = [State::Failed.as_str(), State::Waiting.as_str(), State::Left.as_str()];
    let mut items = of_target(endpoint.id.as_str(), &target.id)
        .filter(target_items::state.eq_any(open))
        .select((target_items::resource_id, target_items::member_id, target_items::kind))
        .into_boxed();
    if let Some(id) = resource {
        items = items.filter(target_items::resource_id.eq(id).or(target_items::member_id.eq(id)));
    }
    let items: Vec<(String, String, String)> = items.load(&mut **tx)?;
    for (resource, member, kind) in &items {
        again(tx, target, (resource, member), Kind::parse(kind)?, now)?;
    }
    super::note_health(tx, target, &super::Health::default())?;
    let note = Note::new(actor, now, Action::TargetRetry, &target.url).on(&endpoint.id);
    tx.note(note.after(serde_json::json!({"items": items.len(), "resource": resource})));
    Ok(items.len())
}

/// How many items are where, and since when the oldest one waits.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// By kind and state.
    pub by_state: Vec<(Kind, State, i64)>,
    /// Since when the one that waits longest does.
    pub oldest: Option<Millis>,
    /// Changes of the log that are not taken in yet.
    pub behind: i64,
}

impl Counts {
    /// Items in this state.
    pub fn of(&self, state: State) -> i64 {
        self.by_state.iter().filter(|(_, is, _)| *is == state).map(|(_, _, n)| n).sum()
    }

    /// Items of this kind in this state.
    pub fn of_kind(&self, kind: Kind, state: State) -> i64 {
        let same = self.by_state.iter().filter(|(of, is, _)| *of == kind && *is == state);
        same.map(|(_, _, n)| n).sum()
    }
}

/// How a target's queue stands.
pub fn counts(conn: &mut Conn, target: &Target) -> Result<Counts, StoreError> {
    let rows: Vec<(String, String, i64)> = of_target(target.endpoint.as_str(), &target.id)
        .group_by((target_items::kind, target_items::state))
        .select((target_items::kind, target_items::state, diesel::dsl::count_star()))
        .load(conn)?;
    let by_state = rows
        .into_iter()
        .map(|(kind, state, n)| Ok((Kind::parse(&kind)?, State::parse(&state)?, n)))
        .collect::<Result<_, StoreError>>()?;
    let oldest: Option<i64> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::state.eq(State::Waiting.as_str()))
        .select(diesel::dsl::min(target_items::waiting_since))
        .get_result(conn)?;
    let last = crate::changes::last_number(conn, &target.endpoint)?;
    Ok(Counts { by_state, oldest, behind: last.saturating_sub(target.taken_in).max(0) })
}

/// Items in one of these states that have something to say, with the name of their resource here; the oldest first.
pub fn remarkable(
    conn: &mut Conn,
    target: &Target,
    states: &[State],
    limit: i64,
) -> Result<Vec<(Item, String)>, StoreError> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let rows: Vec<Row> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::state.eq_any(states))
        .filter(target_items::reason.is_not_null())
        .order((target_items::waiting_since, target_items::resource_id, target_items::member_id))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter()
        .map(|row| {
            let item = Item::try_from(row)?;
            let name = name_of(conn, &target.endpoint, &item)?;
            Ok((item, name))
        })
        .collect()
}

fn name_of(conn: &mut Conn, endpoint: &EndpointId, item: &Item) -> Result<String, StoreError> {
    let mut name = |id: &str| -> Result<String, StoreError> {
        let found: Option<String> = resources::table
            .filter(resources::endpoint_id.eq(endpoint.as_str()))
            .filter(resources::id.eq(id))
            .select(resources::name)
            .get_result(conn)
            .optional()?;
        Ok(found.unwrap_or_else(|| id.to_owned()))
    };
    let own = name(&item.resource_id)?;
    if item.member_id.is_empty() {
        return Ok(item.remote_name.clone().filter(|_| own == item.resource_id).unwrap_or(own));
    }
    Ok(format!("{} in {own}", name(&item.member_id)?))
}

/// What every target of the endpoint has of one resource, without memberships.
pub fn of_resource(
    conn: &mut Conn,
    endpoint: &EndpointId,
    resource: &str,
) -> Result<Vec<(String, Item)>, StoreError> {
    let rows: Vec<Row> = target_items::table
        .filter(target_items::endpoint_id.eq(endpoint.as_str()))
        .filter(target_items::resource_id.eq(resource))
        .filter(target_items::member_id.eq(""))
        .order(target_items::target_id)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(|row| Ok((row.target_id.clone(), Item::try_from(row)?))).collect()
}

/// Memberships of a user, in one target, that are not done.
pub fn open_memberships(
    conn: &mut Conn,
    target: &Target,
    user: &str,
    limit: i64,
) -> Result<Vec<(Item, String)>, StoreError> {
    let rows: Vec<Row> = of_target(target.endpoint.as_str(), &target.id)
        .filter(target_items::member_id.eq(user))
        .filter(target_items::state.ne(State::Done.as_str()))
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter()
        .map(|row| {
            let item = Item::try_from(row)?;
            let name = name_of(conn, &target.endpoint, &item)?;
            Ok((item, name))
        })
        .collect()
}
