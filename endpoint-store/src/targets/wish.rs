//! What the directory wants a target to have, at this moment.

use diesel::prelude::*;
use scim_core::schema::ResourceType;
use serde_json::{Map, Value};

use super::queue::Item;
use super::{Target, queue};
use crate::conn::Conn;
use crate::directory::rows;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::{members, resources};

/// A user as the directory has it.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Its id here.
    pub id: String,
    /// Its login name.
    pub user_name: String,
    /// How people call it; never empty.
    pub display_name: String,
    /// Its primary e-mail address.
    pub email: Option<String>,
    /// Whether it may sign in.
    pub enabled: bool,
    /// All of its attributes.
    pub attributes: Map<String, Value>,
}

impl User {
    /// From the attributes that are kept.
    pub fn of(id: &str, attributes: Map<String, Value>, visible: bool) -> Self {
        let text = |value: Option<&Value>| {
            value.and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let user_name = text(attributes.get("userName")).unwrap_or_default();
        let name = attributes.get("name");
        let part = |of: &str| text(name.and_then(|name| name.get(of)));
        let parts: Vec<String> = [part("givenName"), part("familyName")].into_iter().flatten().collect();
        let display_name = text(attributes.get("displayName"))
            .or_else(|| part("formatted"))
            .or_else(|| (!parts.is_empty()).then(|| parts.join(" ")))
            .unwrap_or_else(|| user_name.clone());
        let active = attributes.get("active").and_then(Value::as_bool).unwrap_or(true);
        Self {
            id: id.to_owned(),
            display_name,
            email: primary(attributes.get("emails")),
            enabled: active && visible,
            user_name,
            attributes,
        }
    }
}

fn primary(emails: Option<&Value>) -> Option<String> {
    let all = emails?.as_array()?;
    let value = |email: &Value| email.get("value").and_then(Value::as_str).map(|text| text.trim().to_owned());
    let primary = all.iter().find(|email| email.get("primary").and_then(Value::as_bool) == Some(true));
    primary.or_else(|| all.first()).and_then(value).filter(|text| !text.is_empty())
}

/// A group as the directory has it, without its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its id here.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A user of the directory; one that is hidden is not enabled, `None` is gone for good.
pub fn user(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<Option<User>, StoreError> {
    let row = rows::find(conn, endpoint, id)?.filter(|row| row.resource_type == "User");
    row.map(|row| Ok(User::of(&row.id, row.resource()?.into_map(), !row.hidden))).transpose()
}

/// A group of the directory.
pub fn group(conn: &mut Conn, endpoint: &EndpointId, id: &str) -> Result<Option<Group>, StoreError> {
    let row = rows::find(conn, endpoint, id)?.filter(|row| row.resource_type == "Group" && !row.hidden);
    Ok(row.map(|row| Group { id: row.id, name: row.name }))
}

/// A membership as it should be, with both its ends as the target has them.
#[derive(Debug, Clone)]
pub struct Membership {
    /// Whether the member is in.
    pub wanted: bool,
    /// The member is a user; targets have no groups in groups.
    pub is_user: bool,
    /// What the target has of the group.
    pub group: Option<Item>,
    /// What the target has of the user.
    pub user: Option<Item>,
}

/// A membership as the directory has it.
pub fn membership(
    conn: &mut Conn,
    target: &Target,
    group: &str,
    member: &str,
) -> Result<Membership, StoreError> {
    let kind: Option<String> = members::table
        .filter(members::endpoint_id.eq(target.endpoint.as_str()))
        .filter(members::group_id.eq(group))
        .filter(members::member_id.eq(member))
        .select(members::member_type)
        .get_result(conn)
        .optional()?;
    Ok(Membership {
        wanted: kind.is_some(),
        is_user: kind.is_none_or(|kind| kind == "User"),
        group: queue::item(conn, target, group, "")?,
        user: queue::item(conn, target, member, "")?,
    })
}

/// A resource of the directory beside what the target has of it.
#[derive(Debug, Clone)]
pub enum Pair {
    /// A user.
    User(User, Option<Item>),
    /// A group.
    Group(Group, Option<Item>),
}

/// Users, or groups, of the directory after an id, hidden users too; for a comparison.
pub fn page(
    conn: &mut Conn,
    target: &Target,
    rt: &ResourceType,
    after: &str,
    limit: i64,
) -> Result<Vec<Pair>, StoreError> {
    let rows: Vec<rows::Row> = resources::table
        .filter(resources::endpoint_id.eq(target.endpoint.as_str()))
        .filter(resources::resource_type.eq(&rt.name))
        .filter(resources::id.gt(after))
        .order(resources::id)
        .limit(limit)
        .select(rows::Row::as_select())
        .load(conn)?;
    rows.into_iter()
        .map(|row| {
            let item = queue::item(conn, target, &row.id, "")?;
            Ok(match row.relation() {
                false => Pair::User(User::of(&row.id, row.resource()?.into_map(), !row.hidden), item),
                true => Pair::Group(Group { id: row.id, name: row.name }, item),
            })
        })
        .collect()
}

impl rows::Row {
    fn relation(&self) -> bool {
        self.resource_type == "Group"
    }
}

/// The users that a group has here, by id, with what the target has of each.
pub fn members_of(
    conn: &mut Conn,
    target: &Target,
    group: &str,
) -> Result<Vec<(String, Option<Item>)>, StoreError> {
    let ids: Vec<String> = members::table
        .filter(members::endpoint_id.eq(target.endpoint.as_str()))
        .filter(members::group_id.eq(group))
        .filter(members::member_type.eq("User"))
        .order(members::member_id)
        .select(members::member_id)
        .load(conn)?;
    ids.into_iter().map(|id| Ok((id.clone(), queue::item(conn, target, &id, "")?))).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> User {
        User::of("1", value.as_object().unwrap().clone(), true)
    }

    #[test]
    fn a_name_is_found_where_there_is_one() {
        let all = json!({"userName": "rt", "displayName": "R", "name": {"formatted": "F", "givenName": "A"}});
        assert_eq!(of(&all).display_name, "R");
        assert_eq!(of(&json!({"userName": "rt", "name": {"formatted": "F"}})).display_name, "F");
        let parts = json!({"userName": "rt", "name": {"givenName": "Robert", "familyName": "Tail"}});
        assert_eq!(of(&parts).display_name, "Robert Tail");
        assert_eq!(of(&json!({"userName": "rt", "displayName": " "})).display_name, "rt");
    }

    #[test]
    fn the_primary_address_counts_and_else_the_first() {
        let two = json!({"emails": [{"value": "a@x"}, {"value": "b@x", "primary": true}]});
        assert_eq!(of(&two).email.as_deref(), Some("b@x"));
        assert_eq!(of(&json!({"emails": [{"value": "a@x"}]})).email.as_deref(), Some("a@x"));
        assert_eq!(of(&json!({"emails": []})).email, None);
    }

    #[test]
    fn who_is_hidden_is_not_enabled() {
        let map = json!({"userName": "rt", "active": true}).as_object().unwrap().clone();
        assert!(!User::of("1", map, false).enabled);
        assert!(!of(&json!({"userName": "rt", "active": false})).enabled);
    }
}
