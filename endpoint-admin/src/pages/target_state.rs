//! What a target has of somebody, in words.

use endpoint_store::{
    Conn, StoreError,
    endpoints::EndpointId,
    targets::{
        self, Target,
        queue::{self, Item, Kind, State as Where},
    },
};
use serde_json::Value;

use crate::{
    forms::capitalise,
    ui::{State, Tone, When},
};

/// How a target is doing.
pub(super) fn of_target(target: &Target, now: i64) -> State {
    match () {
        () if target.is_resting(now) => State::new("Left alone for a while", "pause", Tone::Bad),
        () if target.failures > 0 => State::new("In trouble", "warn", Tone::Warn),
        () if target.filled_to.is_some() => State::new("First sync", "clock", Tone::Calm),
        () => State::new("Works", "check", Tone::Ok),
    }
}

fn of_item(item: &Item) -> State {
    match item.state {
        Where::Done if item.present => State::new("There", "check", Tone::Ok),
        Where::Done => State::new("Disabled there", "check", Tone::Calm),
        Where::Waiting => State::new("Waiting", "clock", Tone::Warn),
        Where::Blocked => State::new("Waiting", "clock", Tone::Calm),
        Where::Failed => State::new("Refused", "warn", Tone::Bad),
        Where::Left => State::new("Left alone", "pause", Tone::Calm),
    }
}

/// Something that is refused or waits.
pub(crate) struct Trouble {
    pub(crate) link: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) since: Option<When>,
}

impl Trouble {
    pub(super) fn new(item: &Item, name: String, now: i64) -> Self {
        let (kind, link) = match item.kind {
            Kind::User => ("User", Some(format!("users/{}", item.resource_id))),
            Kind::Group => ("Group", Some(format!("groups/{}", item.resource_id))),
            Kind::Member => ("Membership", Some(format!("users/{}", item.member_id))),
        };
        Self {
            state: of_item(item),
            reason: item.reason.as_deref().map(capitalise).unwrap_or_default(),
            since: When::maybe(item.waiting_since, now),
            kind,
            link,
            name,
        }
    }
}

/// What one target has of a user.
pub(crate) struct Presence {
    pub(crate) target: String,
    pub(crate) url: String,
    pub(crate) state: State,
    pub(crate) login: Option<String>,
    pub(crate) imported: bool,
    pub(crate) reason: Option<String>,
    pub(crate) since: Option<When>,
    pub(crate) next: Option<When>,
    pub(crate) may_retry: bool,
    pub(crate) memberships: Vec<Trouble>,
}

/// What every target has of a user.
pub(crate) fn presences(
    conn: &mut Conn,
    endpoint: &EndpointId,
    user: &str,
    now: i64,
) -> Result<Vec<Presence>, StoreError> {
    let all = targets::list(conn, endpoint)?;
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = queue::of_resource(conn, endpoint, user)?;
    let mut shown = Vec::new();
    for target in all {
        let at = items.iter().position(|(id, _)| *id == target.id);
        let item = at.map(|at| items.swap_remove(at).1).unwrap_or_else(|| Item::unknown(user, Kind::User));
        let open = queue::open_memberships(conn, &target, user, 20)?;
        let memberships: Vec<Trouble> =
            open.into_iter().map(|(item, name)| Trouble::new(&item, name, now)).collect();
        shown.push(Presence {
            state: of_item(&item),
            may_retry: matches!(item.state, Where::Failed | Where::Waiting | Where::Left)
                || !memberships.is_empty(),
            login: item.remote_name.clone(),
            imported: item.imported,
            reason: item.reason.as_deref().map(capitalise),
            since: When::maybe(item.waiting_since, now),
            next: When::maybe(Some(item.next_at).filter(|at| *at > now), now),
            target: target.id,
            url: target.url,
            memberships,
        });
    }
    Ok(shown)
}

/// What a comparison found, in a line.
pub(super) fn found(report: &Value) -> String {
    let counts = report.get("counts").and_then(Value::as_object);
    let parts: Vec<String> =
        counts.into_iter().flatten().map(|(what, many)| format!("{many} {}", word(what))).collect();
    let equal = report.get("equal").and_then(Value::as_u64).unwrap_or(0);
    if parts.is_empty() { format!("{equal} equal") } else { format!("{equal} equal, {}", parts.join(", ")) }
}

/// What is done, or remarkable, in the words of a page.
pub(crate) fn word(what: &str) -> &str {
    match what {
        "create" => "to create",
        "update" => "to change",
        "disable" => "to disable",
        "enable" => "to enable",
        "adopt" => "to adopt",
        "add" => "to add to a group",
        "left" => "left alone",
        "stranger" => "only there",
        other => other,
    }
}

/// A length of time.
pub(super) fn length(millis: i64) -> String {
    match millis {
        short if short < 10_000 => format!("{}.{} s", short / 1000, short % 1000 / 100),
        seconds if seconds < 120_000 => format!("{} s", seconds / 1000),
        minutes if minutes < 7_200_000 => format!("{} min", minutes / 60_000),
        hours => format!("{} h", hours / 3_600_000),
    }
}
