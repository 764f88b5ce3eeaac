//! The overview: what needs action first, then every endpoint.

use askama::Template;
use endpoint_store::{
    Conn, StoreError,
    endpoints::{self, EndpointSummary, Status},
    tokens::{self, TokenRecord},
    usage::{self, Refusal},
};

use super::failures::Failure;
use crate::{
    frame::{Frame, Section, endpoint_state},
    pages::{Answer, html},
    session::Operator,
    ui::{Days, ListQuery, Num, PAGE_SIZE, Pager, State, Tone, When},
};

/// Endpoints that are looked at for what needs action.
const WATCHED: i64 = 200;
/// Lines of what needs action.
const SHOWN: usize = 12;
const SILENT: i64 = 7 * 24 * 60 * 60 * 1000;
const SOON: i64 = 14;

/// Something to do.
pub(crate) struct Todo {
    pub(crate) tone: Tone,
    pub(crate) icon: &'static str,
    pub(crate) endpoint: String,
    pub(crate) text: String,
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
    let (asked, now) = (query.clone(), operator.now());
    let (rows, total, todo, calm) = operator
        .read(move |conn| {
            let offset = i64::try_from(asked.offset()).unwrap_or(0);
            let (rows, total) = endpoints::list(conn, &asked.search, false, offset, PAGE_SIZE as i64)?;
            let (watched, all) = endpoints::list(conn, "", false, 0, WATCHED)?;
            Ok((rows, total, what_to_do(conn, &watched, now)?, calm(&watched, all, now)))
        })
        .await?;
    html(&OverviewPage {
        frame: operator.frame(Section::Overview),
        todo,
        calm,
        rows: rows.into_iter().map(|row| EndpointRow::new(row, now)).collect(),
        list: Pager::new(query, u64::try_from(total).unwrap_or(0), "endpoint", "endpoints"),
    })
}

fn calm(watched: &[EndpointSummary], all: i64, now: i64) -> String {
    let off = watched.iter().filter(|summary| summary.endpoint.status == Status::Disabled).count() as i64;
    let mut answering = Num::of(all - off).with("endpoint answers", "endpoints answer");
    if off > 0 {
        answering.push_str(&format!(
            ", {} switched off",
            if off == 1 { "one is".to_owned() } else { format!("{off} are") }
        ));
    }
    match watched.iter().filter_map(|summary| summary.last_heard).max() {
        Some(last) => format!("{answering}; the last call came {}.", When::new(last, now).words()),
        None => format!("{answering}."),
    }
}

fn what_to_do(conn: &mut Conn, watched: &[EndpointSummary], now: i64) -> Result<Vec<Todo>, StoreError> {
    let mut todo = Vec::new();
    for summary in watched {
        let id = &summary.endpoint.id;
        let tokens = tokens::list(conn, id)?;
        let mut refusals = usage::refusals(conn, id, 20)?;
        refusals.retain(|refusal| Failure::matters(refusal, summary.last_heard, now));
        todo.extend(of_endpoint(summary, &tokens, &refusals, now));
    }
    // What is broken first, then what will be, then what is merely open.
    todo.sort_by_key(|item: &Todo| match item.tone {
        Tone::Bad => 0,
        Tone::Warn => 1,
        _ => 2,
    });
    todo.truncate(SHOWN);
    Ok(todo)
}

/// What needs action at one endpoint.
pub(crate) fn of_endpoint(
    summary: &EndpointSummary,
    tokens: &[TokenRecord],
    refusals: &[Refusal],
    now: i64,
) -> Vec<Todo> {
    let endpoint = &summary.endpoint;
    let item = |tone, icon, text, action, tab: &str| Todo {
        tone,
        icon,
        endpoint: endpoint.name.clone(),
        text,
        action,
        link: format!("/admin/endpoints/{}/{tab}", endpoint.slug),
    };
    let mut todo = Vec::new();
    match endpoint.status {
        Status::Active => {}
        Status::Paused => {
            todo.push(item(
                Tone::Warn,
                "pause",
                "is paused: calls are asked to come back later.".into(),
                "Resume",
                "settings",
            ));
        }
        // Somebody switched it off on purpose: nothing else about it matters.
        Status::Disabled => return todo,
    }
    let live: Vec<_> = tokens.iter().filter(|token| token.state(now).is_live()).collect();
    if live.is_empty() {
        todo.push(item(
            Tone::Bad,
            "key",
            "has no live token: every call gets 401.".into(),
            "Issue a token",
            "tokens",
        ));
    }
    let attempts: i64 = refusals.iter().map(|refusal| refusal.attempts).sum();
    if let Some(last) = refusals.iter().map(|refusal| refusal.last.at).max() {
        let attempts = Num::of(attempts).with("attempt", "attempts");
        let text = format!("turned away {attempts}, the last {}.", When::new(last, now).words());
        todo.push(item(Tone::Bad, "cross", text, "See why", "connect"));
    }
    for token in live {
        if let Some(at) = token.expires_at.filter(|at| Days::until(*at, now).within(SOON)) {
            let text = format!("has a token that expires {}: “{}”.", When::new(at, now).words(), token.label);
            todo.push(item(Tone::Warn, "clock", text, "Issue another", "tokens"));
        }
    }
    match summary.last_heard {
        None if attempts == 0 => {
            todo.push(item(Tone::Calm, "ring", "has not been heard from yet.".into(), "Connect", "connect"));
        }
        Some(last) if now.saturating_sub(last) > SILENT => {
            let text = format!("has gone silent: the last call came {}.", When::new(last, now).words());
            todo.push(item(Tone::Warn, "warn", text, "Look", "connect"));
        }
        _ => {}
    }
    todo
}
