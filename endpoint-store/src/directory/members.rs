//! Members as rows: adding or removing one neither reads nor writes the others.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use scim_core::error::ScimError;
use scim_core::filter::Filter;
use scim_core::notes::Notes;
use scim_core::relation::Reference;
use scim_core::schema::ResourceType;
use serde_json::json;

use super::read::{Held, Link};
use super::rows;
use crate::changes::MemberChange;
use crate::conn::Conn;
use crate::dialect::on_each;
use crate::endpoints::{Endpoint, EndpointId};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{members, resources};
use crate::settings::UnknownMembers;
use crate::writer::Tx;

/// Nested groups are followed this deep, and no further than there are groups.
const NESTING: usize = 32;
/// Ids in one query: SQLite binds 32,766 variables at most.
const VARIABLES: usize = 1000;

/// Adds members; those that are in already stay as they are, and those that do not exist are left out and
/// noted, so that one stale id does not fail a whole push.
pub(super) fn add(
    tx: &mut Tx<'_>,
    owner: &Endpoint,
    group: &str,
    references: &[Reference],
    now: Millis,
    moved: &mut MemberChange,
    notes: &mut Notes,
) -> Result<(), StoreError> {
    let endpoint = &owner.id;
    for reference in references {
        let id = reference.value.as_str();
        if is_member(tx, endpoint, group, id)? {
            continue;
        }
        let Some(row) = rows::find(tx, endpoint, id)?.filter(|row| !row.hidden && row.id != group) else {
            if owner.settings.unknown_members == UnknownMembers::Refuse {
                return Err(ScimError::invalid_value(format!(
                    "The member {:.100} does not exist in this endpoint. Create it first, or leave it out.",
                    reference.value
                ))
                .into());
            }
            notes.skipped_members.push(id.chars().take(100).collect());
            continue;
        };
        let member = (
            members::endpoint_id.eq(endpoint.as_str()),
            members::group_id.eq(group),
            members::member_id.eq(id),
            members::member_type.eq(&row.resource_type),
            members::added_at.eq(now),
        );
        on_each!(&mut **tx, c => diesel::insert_into(members::table).values(member).execute(c))?;
        moved.came(id);
    }
    Ok(())
}

/// Removes members; those that are not in are no fault.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    group: &str,
    ids: &[String],
    moved: &mut MemberChange,
) -> Result<(), StoreError> {
    for id in ids {
        let gone = diesel::delete(row_of(endpoint, group, id)).execute(&mut **tx)?;
        if gone > 0 {
            moved.went(id);
        }
    }
    Ok(())
}

/// Makes the members exactly these, touching only those that come or go.
pub(super) fn replace(
    tx: &mut Tx<'_>,
    owner: &Endpoint,
    group: &str,
    references: &[Reference],
    now: Millis,
    moved: &mut MemberChange,
    notes: &mut Notes,
) -> Result<(), StoreError> {
    let endpoint = &owner.id;
    let wanted: HashSet<&str> = references.iter().map(|r| r.value.as_str()).collect();
    let leaving: Vec<String> =
        ids(tx, endpoint, group)?.into_iter().filter(|id| !wanted.contains(id.as_str())).collect();
    remove(tx, endpoint, group, &leaving, moved)?;
    add(tx, owner, group, references, now, moved, notes)
}

#[diesel::dsl::auto_type(no_type_alias)]
fn row_of<'a>(endpoint: &'a EndpointId, group: &'a str, member: &'a str) -> _ {
    let endpoint: &'a str = endpoint.as_str();
    members::table
        .filter(members::endpoint_id.eq(endpoint))
        .filter(members::group_id.eq(group))
        .filter(members::member_id.eq(member))
}

fn is_member(conn: &mut Conn, endpoint: &EndpointId, group: &str, member: &str) -> Result<bool, StoreError> {
    let found: Option<String> = on_each!(conn, c => row_of(endpoint, group, member)
        .select(members::member_id)
        .get_result(c)
        .optional())?;
    Ok(found.is_some())
}

/// How many members a group has.
pub(super) fn count(conn: &mut Conn, endpoint: &EndpointId, group: &str) -> Result<i64, StoreError> {
    Ok(members::table
        .filter(members::endpoint_id.eq(endpoint.as_str()))
        .filter(members::group_id.eq(group))
        .count()
        .get_result(conn)?)
}

/// The ids of all members of a group.
pub(super) fn ids(conn: &mut Conn, endpoint: &EndpointId, group: &str) -> Result<Vec<String>, StoreError> {
    Ok(members::table
        .filter(members::endpoint_id.eq(endpoint.as_str()))
        .filter(members::group_id.eq(group))
        .select(members::member_id)
        .load(conn)?)
}

/// The groups that have this resource as a direct member, by id: in this order they are locked, whoever does it.
pub(super) fn groups_holding(
    conn: &mut Conn,
    endpoint: &EndpointId,
    member: &str,
) -> Result<Vec<String>, StoreError> {
    Ok(members::table
        .filter(members::endpoint_id.eq(endpoint.as_str()))
        .filter(members::member_id.eq(member))
        .order(members::group_id)
        .select(members::group_id)
        .load(conn)?)
}

/// All members of a group, by id.
pub(super) fn of(conn: &mut Conn, endpoint: &EndpointId, group: &str) -> Result<Vec<Link>, StoreError> {
    let rows: Vec<(String, String, String)> =
        members::table
            .inner_join(resources::table.on(
                resources::endpoint_id.eq(members::endpoint_id).and(resources::id.eq(members::member_id)),
            ))
            .filter(members::endpoint_id.eq(endpoint.as_str()))
            .filter(members::group_id.eq(group))
            .order(members::member_id)
            .select((members::member_id, members::member_type, resources::name))
            .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, resource_type, name)| Link { id, resource_type, name, direct: true })
        .collect())
}

/// A group's members by id, after one of them, and whether more follow.
pub fn page_after(
    conn: &mut Conn,
    endpoint: &EndpointId,
    group: &str,
    after: &str,
    limit: usize,
) -> Result<(Vec<Link>, bool), StoreError> {
    let rows: Vec<(String, String, String)> =
        members::table
            .inner_join(resources::table.on(
                resources::endpoint_id.eq(members::endpoint_id).and(resources::id.eq(members::member_id)),
            ))
            .filter(members::endpoint_id.eq(endpoint.as_str()))
            .filter(members::group_id.eq(group))
            .filter(members::member_id.gt(after))
            .order(members::member_id)
            .limit(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
            .select((members::member_id, members::member_type, resources::name))
            .load(conn)?;
    let more = rows.len() > limit;
    let links =
        rows.into_iter().map(|(id, resource_type, name)| Link { id, resource_type, name, direct: true });
    Ok((links.take(limit).collect(), more))
}

/// One page of a group's members by id, and how many there are, for the console.
pub fn page(
    conn: &mut Conn,
    endpoint: &EndpointId,
    group: &str,
    offset: i64,
    limit: i64,
) -> Result<(Vec<Link>, i64), StoreError> {
    let total = count(conn, endpoint, group)?;
    let rows: Vec<(String, String, String)> =
        members::table
            .inner_join(resources::table.on(
                resources::endpoint_id.eq(members::endpoint_id).and(resources::id.eq(members::member_id)),
            ))
            .filter(members::endpoint_id.eq(endpoint.as_str()))
            .filter(members::group_id.eq(group))
            .order(members::member_id)
            .limit(limit)
            .offset(offset)
            .select((members::member_id, members::member_type, resources::name))
            .load(conn)?;
    let links =
        rows.into_iter().map(|(id, resource_type, name)| Link { id, resource_type, name, direct: true });
    Ok((links.collect(), total))
}

/// A page of a group's members of one type whose names start with a text, by name; how many they are, and whether there
/// may be more. As a search of all resources it looks at a bounded number of hits.
pub fn found(
    conn: &mut Conn,
    endpoint: &EndpointId,
    group: &str,
    (rt, text): (&ResourceType, &str),
    (offset, limit): (i64, i64),
) -> Result<(Vec<Link>, i64, bool), StoreError> {
    let (hits, more) = super::search::ids_starting_with(conn, endpoint, rt, text)?;
    macro_rules! among {
        () => {
            members::table
                .inner_join(resources::table.on(
                    resources::endpoint_id.eq(members::endpoint_id).and(resources::id.eq(members::member_id)),
                ))
                .filter(members::endpoint_id.eq(endpoint.as_str()))
                .filter(members::group_id.eq(group))
                .filter(members::member_id.eq_any(&hits))
        };
    }
    let total: i64 = among!().count().get_result(conn)?;
    let rows: Vec<(String, String, String)> = among!()
        .order((resources::name_key, resources::id))
        .limit(limit)
        .offset(offset)
        .select((members::member_id, members::member_type, resources::name))
        .load(conn)?;
    let links =
        rows.into_iter().map(|(id, resource_type, name)| Link { id, resource_type, name, direct: true });
    Ok((links.collect(), total, more))
}

/// The groups that hold each of these resources: directly, and through groups that are members of groups. A circle
/// of groups is walked once. One query per level of nesting, however many resources are asked about.
pub(super) fn groups_of(
    conn: &mut Conn,
    endpoint: &EndpointId,
    members: &[&str],
    held: Held,
) -> Result<HashMap<String, Vec<Link>>, StoreError> {
    let mut holders: HashMap<String, Vec<Link>> = HashMap::new();
    let mut found = match (held, members) {
        (Held::Together, [first, .., last]) => groups_between(conn, endpoint, (first, last), members)?,
        _ => direct_groups(conn, endpoint, members)?,
    };
    if found.is_empty() {
        return Ok(holders);
    }
    let mut asked: HashSet<String> = members.iter().map(ToString::to_string).collect();
    for _ in 0..NESTING {
        let mut next = Vec::new();
        for (member, group) in std::mem::take(&mut found) {
            if asked.insert(group.id.clone()) {
                next.push(group.id.clone());
            }
            holders.entry(member).or_default().push(group);
        }
        if next.is_empty() {
            break;
        }
        found = direct_groups(conn, endpoint, &next)?;
    }
    Ok(members.iter().map(|member| ((*member).to_owned(), closure(member, &holders))).collect())
}

/// Everything that holds a member, the direct holders first.
fn closure(member: &str, holders: &HashMap<String, Vec<Link>>) -> Vec<Link> {
    let mut seen: HashSet<&str> = HashSet::from([member]);
    let mut links: Vec<Link> = Vec::new();
    let mut level: Vec<&str> = vec![member];
    for depth in 0..NESTING {
        let found: Vec<&Link> = level.iter().flat_map(|id| holders.get(*id).into_iter().flatten()).collect();
        level = found
            .into_iter()
            .filter(|group| seen.insert(&group.id))
            .map(|group| {
                links.push(Link { direct: depth == 0, ..group.clone() });
                group.id.as_str()
            })
            .collect();
        if level.is_empty() {
            break;
        }
    }
    links
}

type Holding = (String, String, String, String);

/// The memberships that fulfil a condition, with the names of the groups.
macro_rules! holding {
    ($conn:ident, $endpoint:ident, $which:expr) => {
        on_each!($conn, c => members::table
            .inner_join(resources::table.on(
                resources::endpoint_id.eq(members::endpoint_id).and(resources::id.eq(members::group_id)),
            ))
            .filter(members::endpoint_id.eq($endpoint.as_str()))
            .filter($which)
            .order((members::member_id, members::group_id))
            .select((members::member_id, members::group_id, resources::resource_type, resources::name))
            .load::<Holding>(c))?
    };
}

fn pair((member, id, resource_type, name): Holding) -> (String, Link) {
    (member, Link { id, resource_type, name, direct: true })
}

/// Pairs of member and group.
fn direct_groups<S: AsRef<str>>(
    conn: &mut Conn,
    endpoint: &EndpointId,
    ids: &[S],
) -> Result<Vec<(String, Link)>, StoreError> {
    let mut rows = Vec::new();
    for some in ids.chunks(VARIABLES) {
        match some {
            // The same text every time: its statement is prepared once.
            [id] => rows.extend(holding!(conn, endpoint, members::member_id.eq(id.as_ref()))),
            some => {
                let some: Vec<&str> = some.iter().map(AsRef::as_ref).collect();
                rows.extend(holding!(conn, endpoint, members::member_id.eq_any(&some)));
            }
        }
    }
    Ok(rows.into_iter().map(pair).collect())
}

/// The same for neighbours in the order of ids, from the first to the last of them.
fn groups_between(
    conn: &mut Conn,
    endpoint: &EndpointId,
    (first, last): (&str, &str),
    ids: &[&str],
) -> Result<Vec<(String, Link)>, StoreError> {
    let rows = holding!(conn, endpoint, members::member_id.between(first, last));
    // Resources of other types may stand between them.
    let asked = |row: &Holding| ids.binary_search(&row.0.as_str()).is_ok();
    Ok(rows.into_iter().filter(asked).map(pair).collect())
}

/// Whether a member fulfils the filter of a path such as `members[type eq "User"]`.
pub(super) fn fits(rt: &ResourceType, link: &Link, filter: &Filter) -> bool {
    let element = json!({"value": link.id, "type": link.resource_type, "display": link.name});
    rt.relation_attribute().is_some_and(|relation| filter.matches_element(relation, &element))
}

impl MemberChange {
    /// Somebody came; who left before in the same change has merely stayed.
    fn came(&mut self, id: &str) {
        if !self.removed.remove(id) {
            self.added.insert(id.to_owned());
        }
    }

    /// Somebody left; who came in the same change was never there.
    fn went(&mut self, id: &str) {
        if !self.added.remove(id) {
            self.removed.insert(id.to_owned());
        }
    }
}
