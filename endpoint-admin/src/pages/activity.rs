//! Activity: what happened at an endpoint, in sentences; and how its syncs are doing.

use std::fmt;

use actix_web::web;
use askama::{Template, filters::HtmlSafe};
use endpoint_store::{
    Conn,
    activity::{self, Line, Piece, Step},
    changes::ChangeKind,
    health::{self, Condition, Report},
    settings::Silence,
};
use scim_core::time::format;
use serde_json::json;

use crate::{
    frame::{Frame, Head, Tab},
    list_file::{self, Format, PORTION, download},
    pages::{Answer, html},
    session::Operator,
    ui::{Num, Spark, State, Tone, When, duration},
};

/// Lines on one page.
const SHOWN: usize = 30;

/// A sentence whose names lead to their pages.
#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    slug: String,
    pieces: Vec<Piece>,
}

impl Sentence {
    /// About things of the endpoint at this address.
    pub(crate) fn new(slug: &str, pieces: &[Piece]) -> Self {
        Self { slug: slug.to_owned(), pieces: pieces.to_vec() }
    }
}

/// The page of a user or group; other types have none.
fn page_of(slug: &str, resource_type: &str, id: &str) -> Option<String> {
    let tab = match resource_type {
        "User" => "users",
        "Group" => "groups",
        _ => return None,
    };
    Some(format!("/admin/endpoints/{slug}/{tab}/{id}"))
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => write!(f, "{}", Escaped(text))?,
                Piece::Thing { resource_type, id, name } => match page_of(&self.slug, resource_type, id) {
                    Some(link) => {
                        write!(f, r#"<a href="{}">{}</a>"#, Escaped(&link), Escaped(name))?;
                    }
                    None => write!(f, "{}", Escaped(name))?,
                },
            }
        }
        Ok(())
    }
}

// Everything that comes from outside is escaped above.
impl HtmlSafe for Sentence {}

/// Text as HTML: nothing in it is markup.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use askama::filters::{Html, escape};
        match escape(self.0, Html) {
            Ok(safe) => write!(f, "{safe}"),
            Err(never) => match never {},
        }
    }
}

/// What the address asks for. Nothing in it can be wrong: what makes no sense counts as not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) actor: String,
    pub(crate) kind: Option<ChangeKind>,
    before: Option<i64>,
    pub(crate) paused: bool,
    format: Option<Format>,
}

impl Asked {
    fn parse(query: &str) -> Self {
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "actor" => {
                    asked.actor = value.trim().chars().filter(|c| !c.is_control()).take(200).collect();
                }
                "kind" => asked.kind = ChangeKind::by_name(&value),
                "before" => asked.before = value.parse().ok(),
                "live" => asked.paused = value == "off",
                "format" => asked.format = Format::parse(&value),
                _ => {}
            }
        }
        asked
    }

    fn wanted(&self, lines: usize) -> activity::Asked {
        activity::Asked {
            before: self.before,
            actor: Some(self.actor.clone()).filter(|actor| !actor.is_empty()),
            kind: self.kind,
            lines,
            read: 0,
        }
    }

    fn with(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        if !self.actor.is_empty() {
            query.append_pair("actor", &self.actor);
        }
        if let Some(kind) = self.kind {
            query.append_pair("kind", kind.as_str());
        }
        query.extend_pairs(more);
        Some(query.finish()).filter(|query| query != "?").unwrap_or_default()
    }

    fn is_narrow(&self) -> bool {
        !self.actor.is_empty() || self.kind.is_some()
    }
}

/// One change of a line.
pub(crate) struct StepRow {
    pub(crate) number: Num,
    pub(crate) when: When,
    pub(crate) resource_type: String,
    pub(crate) name: String,
    pub(crate) link: Option<String>,
    pub(crate) request_id: String,
}

impl StepRow {
    fn new(step: Step, slug: &str, now: i64) -> Self {
        Self {
            number: Num::of(step.seq),
            when: When::new(step.at, now),
            link: page_of(slug, &step.resource_type, &step.resource_id).map(|link| format!("{link}#history")),
            resource_type: step.resource_type,
            name: step.resource_name,
            request_id: step.request_id,
        }
    }
}

/// One line.
pub(crate) struct Row {
    pub(crate) when: When,
    pub(crate) sentence: Sentence,
    pub(crate) changes: Num,
    pub(crate) hidden: Num,
    pub(crate) errors: Num,
    pub(crate) icon: &'static str,
    pub(crate) by: String,
    pub(crate) actor: String,
    pub(crate) steps: Vec<StepRow>,
}

impl Row {
    fn new(line: Line, slug: &str, now: i64) -> Self {
        let by = match line.hand.kind.as_str() {
            "token" => format!("token “{}”", line.hand.label),
            "operator" => "in the console".to_owned(),
            "api-key" => "by API key".to_owned(),
            "target" => "taken over".to_owned(),
            _ => "at the command line".to_owned(),
        };
        Self {
            when: When::new(line.last_at, now),
            sentence: Sentence::new(slug, &line.sentence),
            changes: Num(line.changes as u64),
            hidden: Num(line.changes.saturating_sub(line.steps.len()) as u64),
            errors: Num::of(line.errors),
            icon: if line.hand.kind == "token" { "mark" } else { "now" },
            by,
            actor: if line.hand.id.is_empty() { line.hand.label } else { line.hand.id },
            steps: line.steps.into_iter().map(|step| StepRow::new(step, slug, now)).collect(),
        }
    }
}

/// How the syncs are doing.
pub(crate) struct Doing {
    pub(crate) state: State,
    pub(crate) heard: Option<When>,
    pub(crate) usual: String,
    pub(crate) alarm: String,
    pub(crate) spark: Spark,
    pub(crate) day: String,
    pub(crate) hour: String,
    pub(crate) rows: Vec<(&'static str, Num)>,
}

impl Doing {
    fn new(report: Report, silence: Silence, now: i64) -> Self {
        let state = match report.condition {
            Condition::Silent => State::new("Silent", "warn", Tone::Bad),
            Condition::Failing => State::new("Failing", "cross", Tone::Bad),
            Condition::Fine => State::new("As usual", "check", Tone::Ok),
            Condition::Unheard => State::new("Not heard from yet", "ring", Tone::Calm),
            Condition::Closed => State::new("Closed", "pause", Tone::Warn),
        };
        let health = &report.health;
        let alarm = match (silence, health.patience) {
            (Silence::Never, _) => "Never: so it is set.".to_owned(),
            (_, None) => "Not before something has come.".to_owned(),
            (Silence::Auto, Some(patience)) => format!(
                "When nothing comes for {}, which is longer than ever usual. Days of the week that are always quiet do not count.",
                duration(patience)
            ),
            (Silence::After(_), Some(patience)) => {
                format!("When nothing comes for {}: so it is set.", duration(patience))
            }
        };
        let usual = health.usual.map_or_else(
            || "Not known yet: it takes some calls to learn.".to_owned(),
            |usual| format!("Something comes within {}.", duration(usual)),
        );
        let share = |counts: &endpoint_store::usage::Counts| {
            format!(
                "{} of {} went wrong ({} %)",
                Num::of(counts.errors()),
                Num::of(counts.asked()).with("call", "calls"),
                counts.error_percent()
            )
        };
        let day = &report.day;
        Self {
            state,
            heard: When::maybe(health.last_heard, now),
            usual,
            alarm,
            day: share(day),
            hour: share(&report.hour),
            rows: vec![
                ("Changes made", Num::of(day.changes)),
                ("Refused for what was asked (4xx)", Num::of(day.refused)),
                ("With a credential that opens nothing (401)", Num::of(day.denied)),
                ("Told to come slower (429)", Num::of(day.limited)),
                ("Failed here (5xx)", Num::of(day.failed)),
            ],
            spark: Spark::new(report.hours, now),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/activity.html")]
struct ActivityPage {
    frame: Frame,
    head: Head,
    doing: Doing,
    asked: Asked,
    list: List,
    poll: Option<String>,
    switch: String,
    newest: Option<String>,
    older: Option<String>,
    files: [(&'static str, String); 2],
}

/// The lines alone.
#[derive(Template)]
#[template(path = "partials/activity.html")]
pub(crate) struct List {
    slug: String,
    rows: Vec<Row>,
    say: String,
}

impl List {
    fn new(slug: &str, lines: Vec<Line>, now: i64) -> Self {
        let say = lines.first().map(|line| activity::plain(&line.sentence)).unwrap_or_default();
        Self {
            slug: slug.to_owned(),
            rows: lines.into_iter().map(|line| Row::new(line, slug, now)).collect(),
            say,
        }
    }
}

impl ActivityPage {
    fn searched(&self) -> bool {
        self.asked.is_narrow() || self.asked.before.is_some()
    }

    fn is_kind(&self, kind: &ChangeKind) -> bool {
        self.asked.kind == Some(*kind)
    }
}

/// The word of a kind in the filter.
fn kind_word(kind: &ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Created => "Created",
        ChangeKind::Updated => "Changed",
        ChangeKind::Deleted => "Deleted",
        ChangeKind::Hidden => "Deleted and deactivated",
        ChangeKind::Restored => "Brought back",
    }
}

/// The page.
pub(crate) async fn show(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let asked = Asked::parse(operator.query());
    let (endpoint, now, wanted) = (summary.endpoint.clone(), operator.now(), asked.wanted(SHOWN));
    let (page, report) = operator
        .read(move |conn| {
            Ok((activity::page(conn, &endpoint, &wanted)?, health::report(conn, &endpoint, now)?))
        })
        .await?;
    let slug = summary.endpoint.slug.as_str();
    let base = format!("/admin/endpoints/{slug}/activity");
    let (frame, head) = operator.desk(&summary, Tab::Activity);
    let file = |format: &str| format!("{base}/file{}", asked.with(&[("format", format)]));
    let live = asked.before.is_none() && !asked.paused;
    html(&ActivityPage {
        frame,
        head,
        doing: Doing::new(report, summary.endpoint.settings.silence, now),
        list: List::new(slug, page.lines, now),
        poll: live.then(|| format!("{base}/latest{}", asked.with(&[]))),
        switch: format!("{base}{}", asked.with(if asked.paused { &[] } else { &[("live", "off")] })),
        newest: asked.before.map(|_| format!("{base}{}", asked.with(&[]))),
        older: page.next.map(|next| format!("{base}{}", asked.with(&[("before", &next.to_string())]))),
        files: [("CSV", file("csv")), ("NDJSON", file("ndjson"))],
        asked,
    })
}

/// The latest lines alone, for a page that keeps itself fresh.
pub(crate) async fn latest(operator: Operator, slug: web::Path<String>) -> Answer {
    let endpoint = match operator.store().registry().endpoint(&slug) {
        Some(endpoint) => endpoint,
        None => operator.endpoint(&slug).await?.endpoint.into(),
    };
    let wanted = Asked { before: None, ..Asked::parse(operator.query()) }.wanted(SHOWN);
    let (slug, now) = (endpoint.slug.clone(), operator.now());
    let page = operator.read(move |conn| activity::page(conn, &endpoint, &wanted)).await?;
    html(&List::new(&slug, page.lines, now))
}

const COLUMNS: &[&str] = &[
    "first_at",
    "last_at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "what",
    "changes",
    "first",
    "last",
    "errors",
    "request_id",
];
const FILE: (&str, &[&str]) = ("activity", COLUMNS);

/// Everything that is wanted, as a file.
pub(crate) async fn file(operator: Operator, slug: web::Path<String>) -> Answer {
    let endpoint = operator.endpoint(&slug).await?.endpoint;
    let asked = Asked::parse(operator.query());
    let format = asked.format.unwrap_or(Format::Csv);
    let read = move |conn: &mut Conn, place: Option<&i64>| {
        let asked = Asked { before: place.copied(), ..asked.clone() };
        let page = activity::page(conn, &endpoint, &asked.wanted(PORTION))?;
        Ok((page.lines.iter().map(row).collect(), page.next))
    };
    Ok(download(operator.store(), FILE, format, read))
}

fn row(line: &Line) -> list_file::Row {
    let values = vec![
        json!(format(line.first_at)),
        json!(format(line.last_at)),
        json!(line.hand.kind),
        json!(line.hand.id),
        json!(line.hand.label),
        json!(activity::plain(&line.sentence)),
        json!(line.changes),
        json!(line.first),
        json!(line.last),
        json!(line.errors),
        json!(line.steps.first().map(|step| step.request_id.as_str())),
    ];
    list_file::Row::new(COLUMNS, values)
}

#[cfg(test)]
mod tests {
    use endpoint_store::activity::Piece;

    use super::{Asked, Sentence};

    #[test]
    fn names_from_outside_are_no_markup() {
        let thing = |resource_type: &str| Piece::Thing {
            resource_type: resource_type.into(),
            id: "1\"2".into(),
            name: "<b>".into(),
        };
        let pieces = [Piece::Text("Okta & co created ".into()), thing("User"), thing("Device")];
        let shown = Sentence::new("acme", &pieces).to_string();
        assert!(!shown.contains("<b>") && shown.contains("&#38;"), "{shown}");
        assert_eq!(shown.matches("<a href=").count(), 1);
    }

    #[test]
    fn the_address_carries_the_wishes_both_ways() {
        let query = "?actor=ann+%26+bob&kind=created";
        assert_eq!(Asked::parse(query.trim_start_matches('?')).with(&[]), query);
        assert_eq!(Asked::parse("kind=x&before=x&live=x&format=x"), Asked::default());
    }
}
