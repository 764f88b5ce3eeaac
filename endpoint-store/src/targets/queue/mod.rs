//! What a target has of each user, group and membership, and what is waiting.

mod look;
mod settle;

use diesel::prelude::*;

use super::Target;
use crate::conn::Conn;
use crate::dialect::tables::TargetItem as Row;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::target_items;
use crate::writer::Tx;

pub use look::{Counts, counts, of_resource, open_memberships, page, remarkable};
pub use settle::{Outcome, again, holder_of, retry, settle};

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
