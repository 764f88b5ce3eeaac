//! The users of an endpoint: searched, sorted and paged by the server.

use actix_web::web;
use askama::Template;
use endpoint_store::directory::search::{self, Line};
use serde_json::{Map, Value};

use super::facts;
use crate::{
    frame::{Frame, Head, Tab},
    pages::{Answer, html, resource_type},
    session::Operator,
    ui::{ListQuery, Pager, State, Tone, When},
};

/// A line of the list.
pub(crate) struct UserRow {
    pub(crate) id: String,
    pub(crate) user_name: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) state: State,
    pub(crate) hidden: bool,
    pub(crate) changed: When,
}

impl UserRow {
    /// A user as it is at `now`.
    pub(crate) fn new(line: Line, now: i64) -> Self {
        let map = line.resource.as_map();
        Self {
            name: full_name(map),
            email: email(map),
            state: user_state(line.active, line.hidden),
            hidden: line.hidden,
            changed: When::new(line.modified_at, now),
            id: line.id,
            user_name: line.name,
        }
    }
}

/// The name to show beside the user name.
pub(crate) fn full_name(resource: &Map<String, Value>) -> String {
    let part = |name: &str| resource.get("name").and_then(|parts| parts.get(name)).map(facts::text);
    let shown = resource.get("displayName").map(facts::text).or_else(|| part("formatted"));
    shown.filter(|name| !name.is_empty()).unwrap_or_else(|| {
        let parts: Vec<_> = [part("givenName"), part("familyName")].into_iter().flatten().collect();
        parts.join(" ")
    })
}

/// The address to show.
pub(crate) fn email(resource: &Map<String, Value>) -> String {
    let list = resource.get("emails").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let primary = list.iter().find(|email| email.get("primary") == Some(&Value::Bool(true)));
    primary.or(list.first()).and_then(|email| email.get("value")).map(facts::text).unwrap_or_default()
}

/// The state of a user.
pub(crate) fn user_state(active: bool, hidden: bool) -> State {
    match (hidden, active) {
        (true, _) => State::new("Deleted, hidden", "hidden", Tone::Calm),
        (false, true) => State::new("Active", "check", Tone::Ok),
        (false, false) => State::new("Deactivated", "stop", Tone::Warn),
    }
}

#[derive(Template)]
#[template(path = "pages/users.html")]
pub(crate) struct UsersPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) rows: Vec<UserRow>,
    pub(crate) list: Pager,
}

/// The list.
pub(crate) async fn list(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let (query, rt) = (ListQuery::parse(operator.query()), resource_type(&summary.endpoint, "User")?);
    let (id, asked, now) = (summary.endpoint.id.clone(), query.clone(), operator.now());
    let found =
        operator.read(move |conn| search::search(conn, &id, &rt, &asked.selection(), asked.window())).await?;
    let (frame, head) = operator.desk(&summary, Tab::Users);
    let list = Pager::of(query, &found, "user", "users");
    html(&UsersPage {
        frame,
        head,
        rows: found.lines.into_iter().map(|line| UserRow::new(line, now)).collect(),
        list,
    })
}
