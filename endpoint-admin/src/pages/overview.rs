//! The overview: what needs action first, then every endpoint.

use askama::Template;
use endpoint_store::{
    attention::{self, Expiring, Glance, TurnedAwayLately},
    endpoints::{self, EndpointSummary, Status},
};

use super::{failures, likeness};
use crate::{
    frame::{Frame, Section, endpoint_state},
    pages::{Answer, html},
    session::Operator,
    ui::{ListQuery, Num, PAGE_SIZE, Pager, State, Tone, When},
};

/// Lines of what needs action.
const SHOWN: usize = 12;
const DAY: i64 = 24 * 60 * 60 * 1000;
const SILENT: i64 = 7 * DAY;

/// Something to do.
pub(crate) struct Todo {
    pub(crate) tone: Tone,
    pub(crate) icon: &'static str,
    pub(crate) endpoint: String,
    pub(crate) text: String,
    /// What exactly to do, where that is known.
    pub(crate) fix: String,
    pub(crate) action: &'static str,
    pub(crate) link: String,
}

/// A line of the endpoint table.
pub(crate) struct EndpointRow {
    pub(crate) link: String,
    pub(crate) name: String,
    pub(crate) tenant: Option<String>,
    pub(crate) idp: &'static str,
    pub(crate) state: State,
    pub(crate) heard: Option<When>,
    pub(crate) users: Num,
    pub(crate) groups: Num,
    pub(crate) oldest_token: Option<When>,
}

impl EndpointRow {
    fn new(summary: EndpointSummary, now: i64) -> Self {
        let endpoint = summary.endpoint;
        Self {
            link: format!("/admin/endpoints/{}/connect", endpoint.slug),
            name: endpoint.name,
            tenant: endpoint.tenant,
            idp: endpoint.idp.label(),
            state: endpoint_state(endpoint.status),
            heard: When::maybe(summary.last_heard, now),
            users: Num::of(summary.users),
            groups: Num::of(summary.groups),
            oldest_token: When::maybe(summary.oldest_token, now),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/overview.html")]
pub(crate) struct OverviewPage {
    pub(crate) frame: Frame,
    pub(crate) todo: Vec<Todo>,
    pub(crate) more: Option<String>,
    pub(crate) calm: String,
    pub(crate) rows: Vec<EndpointRow>,
    pub(crate) list: Pager,
}

impl OverviewPage {
    /// Whether there is no endpoint at all.
    pub(crate) fn nothing_yet(&self) -> bool {
        self.rows.is_empty() && !self.list.searched() && self.list.query.page == 1
    }
}

/// The page.
pub(crate) async fn show(operator: Operator) -> Answer {
    let query = ListQuery::parse(operator.query());
    let (asked, now, reach) = (query.clone(), operator.now(), operator.reach().clone());
    let (rows, total, all) = operator
        .read(move |conn| {
            let offset = i64::try_from(asked.offset()).unwrap_or(0);
            let (rows, total) =
                endpoints::list_within(conn, &reach, &asked.search, false, (offset, PAGE_SIZE as i64))?;
            let mut all = attention::glance(conn, now - failures::SHOWN, now)?;
            all.retain(|glance| reach.covers(glance.tenant.as_deref()));
            Ok((rows, total, all))
        })
        .await?;
    let base_of = |slug: &str| operator.public_url().scim_base(slug);
    let (todo, more) = what_to_do(&all, &base_of, now);
    html(&OverviewPage {
        frame: operator.frame(Section::Overview),
        todo,
        more,
        calm: calm(&all, now),
        rows: rows.into_iter().map(|row| EndpointRow::new(row, now)).collect(),
        list: Pager::new(query, u64::try_from(total).unwrap_or(0), "endpoint", "endpoints"),
    })
}

fn calm(all: &[Glance], now: i64) -> String {
    let off = all.iter().filter(|glance| glance.status == Status::Disabled).count();
    let mut answering = Num((all.len() - off) as u64).with("endpoint answers", "endpoints answer");
    if off > 0 {
        let off = if off == 1 { "one is".to_owned() } else { format!("{} are", Num(off as u64)) };
        answering.push_str(&format!(", {off} switched off"));
    }
    match all.iter().filter_map(|glance| glance.last_heard).max() {
        Some(last) => format!("{answering}; the last call came {}.", When::new(last, now).words()),
        None => format!("{answering}."),
    }
}

/// What is broken first, then what will be, then what is merely open; and how much of it is not shown.
fn what_to_do(all: &[Glance], base_of: &dyn Fn(&str) -> String, now: i64) -> (Vec<Todo>, Option<String>) {
    let mut todo: Vec<Todo> = all.iter().flat_map(|glance| of_endpoint(glance, base_of, now)).collect();
    todo.sort_by_key(|item| match item.tone {
        Tone::Bad => 0,
        Tone::Warn => 1,
        _ => 2,
    });
    let hidden = todo.len().saturating_sub(SHOWN);
    todo.truncate(SHOWN);
    (todo, (hidden > 0).then(|| format!("and {} more", Num(hidden as u64))))
}

/// A token that ends soon: the nearer, the louder.
fn expires(
    one: &Expiring,
    item: &dyn Fn(Tone, &'static str, String, &'static str, &str) -> Todo,
    now: i64,
) -> Todo {
    let tone = match one.days {
        1 => Tone::Bad,
        days if days <= 14 => Tone::Warn,
        _ => Tone::Calm,
    };
    let text = format!("has a token that expires {}: “{}”.", When::new(one.at, now).words(), one.label);
    item(tone, "clock", text, "Rotate it", &format!("tokens/{}/rotate", one.token_id))
}

/// What needs action at one endpoint.
fn of_endpoint(glance: &Glance, base_of: &dyn Fn(&str) -> String, now: i64) -> Vec<Todo> {
    let item = |tone, icon, text, action: &'static str, tab: &str| Todo {
        tone,
        icon,
        endpoint: glance.name.clone(),
        text,
        fix: String::new(),
        action,
        link: format!("/admin/endpoints/{}/{tab}", glance.slug),
    };
    let mut todo = Vec::new();
    match glance.status {
        Status::Active => {}
        Status::Paused => {
            let text = "is paused: calls are asked to come back later.".to_owned();
            todo.push(item(Tone::Warn, "pause", text, "Resume", "settings"));
        }
        // Somebody switched it off on purpose: nothing else about it matters.
        Status::Disabled => return todo,
    }
    if glance.live_tokens == 0 {
        let text = "has no live token: every call gets 401.".to_owned();
        todo.push(item(Tone::Bad, "key", text, "Issue a token", "tokens"));
    }
    let matters = |one: &&TurnedAwayLately| failures::matters(one.cause, one.last_at, glance.last_heard, now);
    let turned_away: Vec<_> = glance.turned_away.iter().filter(matters).collect();
    if let Some(latest) = turned_away.iter().max_by_key(|one| one.last_at) {
        let attempts = Num::of(turned_away.iter().map(|one| one.attempts).sum());
        let (what, fix) =
            failures::headline(latest.cause, latest.label.as_deref(), &base_of(&glance.slug), glance.idp);
        let others = match turned_away.len() - 1 {
            0 => String::new(),
            1 => ", and one other kind".to_owned(),
            more => format!(", and {more} other kinds"),
        };
        let text = format!(
            "turned away {}, the last {}. {what}{others}.",
            attempts.with("attempt", "attempts"),
            When::new(latest.last_at, now).words()
        );
        todo.push(Todo { fix, ..item(Tone::Bad, "cross", text, "See why", "connect") });
    }
    todo.extend(glance.expiring.iter().map(|one| expires(one, &item, now)));
    for (label, id, paused) in &glance.webhooks {
        let (tone, words) = match paused {
            true => (Tone::Warn, "is paused: nothing is sent"),
            false => (Tone::Bad, "is failing: nothing arrives"),
        };
        todo.push(item(
            tone,
            "warn",
            format!("has a webhook that {words}: “{label}”."),
            "Look",
            &format!("webhooks/{id}"),
        ));
    }
    if glance.given_up > 0 {
        let many = Num::of(glance.given_up).with("event that was", "events that were");
        todo.push(item(Tone::Bad, "cross", format!("has {many} given up."), "Retry", "webhooks"));
    }
    todo.extend(glance.targets_away.iter().map(|url| {
        item(
            Tone::Bad,
            "cross",
            format!("cannot reach its target “{url}”; what changes waits."),
            "Look",
            "targets",
        )
    }));
    if glance.refused_by_targets > 0 {
        let many = Num::of(glance.refused_by_targets).with("thing", "things");
        let text = format!("has {many} that a target refuses.");
        todo.push(item(Tone::Warn, "warn", text, "See why", "targets"));
    }
    if let Some((idp, _)) = likeness::stranger(glance.idp, &glance.looks_like) {
        let own = likeness::settings_for(glance.idp);
        let text = format!("looks like {}, settings are for {own}.", idp.label());
        todo.push(item(Tone::Warn, "warn", text, "Decide", "evidence"));
    }
    match glance.last_heard {
        None if turned_away.is_empty() && glance.status == Status::Active => {
            let text = "has not been heard from yet.".to_owned();
            todo.push(item(Tone::Calm, "ring", text, "Connect", "connect"));
        }
        Some(last) if now.saturating_sub(last) > SILENT => {
            let text = format!("has gone silent: the last call came {}.", When::new(last, now).words());
            todo.push(item(Tone::Warn, "warn", text, "Look", "connect"));
        }
        _ => {}
    }
    todo
}
