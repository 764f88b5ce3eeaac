//! The requests of an endpoint: what its identity provider asked, and how it ended; searched, paged, live, and as a file.

use actix_web::web;
use askama::Template;
use endpoint_store::{
    endpoints::EndpointSummary,
    requests::{self, Dropped, Filter, OPERATIONS, Outcome},
    settings::Requests,
};

use super::request_state::Row;
use crate::{
    error::PageError,
    frame::{Frame, Head, Tab},
    list_file::Format,
    pages::{Answer, html},
    request_file,
    session::Operator,
    ui::{Num, PAGE_SIZE, When},
};

const DAY: i64 = 24 * 3_600_000;

/// What the address asks for. Nothing in it can be wrong: what makes no sense counts as not said, and the form shows
/// what was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    text: String,
    outcome: Outcome,
    operation: String,
    token: String,
    /// Days, `2026-11-24`, in UTC; the last one is in.
    from: String,
    to: String,
    before: String,
    paused: bool,
    format: Option<Format>,
}

impl Asked {
    fn parse(query: &str) -> Self {
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let text = || value.trim().chars().filter(|c| !c.is_control()).take(200).collect::<String>();
            match key.as_ref() {
                "q" => asked.text = text(),
                "outcome" => asked.outcome = Outcome::parse(&value).unwrap_or_default(),
                "operation" if OPERATIONS.contains(&value.as_ref()) => asked.operation = value.into_owned(),
                "token" => asked.token = text(),
                "from" if day(&value).is_some() => asked.from = value.into_owned(),
                "to" if day(&value).is_some() => asked.to = value.into_owned(),
                "before" => asked.before = text(),
                "live" => asked.paused = value == "off",
                "format" => asked.format = Format::parse(&value),
                _ => {}
            }
        }
        asked
    }

    fn filter(&self) -> Filter {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Filter {
            outcome: self.outcome,
            operation: said(&self.operation),
            token: said(&self.token),
            text: said(&self.text),
            from: day(&self.from),
            to: day(&self.to).map(|midnight| midnight + DAY),
        }
    }

    /// The same wishes with something more, as the end of an address.
    fn with(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        let outcome = if self.outcome == Outcome::All { "" } else { self.outcome.as_str() };
        let said = [
            ("q", self.text.as_str()),
            ("outcome", outcome),
            ("operation", &self.operation),
            ("token", &self.token),
            ("from", &self.from),
            ("to", &self.to),
        ];
        query.extend_pairs(said.iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(more);
        let query = query.finish();
        if query == "?" { String::new() } else { query }
    }
}

/// The midnight with which a day begins.
fn day(text: &str) -> Option<i64> {
    if text.len() == 10 { scim_core::time::parse(text) } else { None }
}

/// One page of the list, which asks for itself again while it is the newest.
struct Latest {
    slug: String,
    rows: Vec<Row>,
    searched: bool,
    says: String,
    older: Option<String>,
    newest: Option<String>,
    /// Why there may be none.
    none_kept: bool,
}

#[derive(Template)]
#[template(path = "pages/requests.html")]
struct RequestsPage {
    frame: Frame,
    head: Head,
    asked: Asked,
    latest: Latest,
    /// Where the list asks for itself; `None` when it stands still.
    poll: Option<String>,
    /// Turns that on or off; `None` on an older page.
    turn: Option<String>,
    files: [(&'static str, String); 2],
    kept: String,
    dropped: Option<DroppedView>,
}

struct DroppedView {
    words: String,
    first: When,
    last: When,
}

#[derive(Template)]
#[template(path = "partials/requests.html")]
struct LatestPart {
    latest: Latest,
}

impl RequestsPage {
    fn outcomes(&self) -> [(&'static str, &'static str, bool); 3] {
        [(Outcome::All, "All"), (Outcome::Refused, "Refused"), (Outcome::Changes, "Changes")]
            .map(|(outcome, label)| (outcome.as_str(), label, self.asked.outcome == outcome))
    }
}

async fn read(operator: &Operator, summary: &EndpointSummary, asked: &Asked) -> Result<Latest, PageError> {
    let (endpoint, filter, now) = (summary.endpoint.clone(), asked.filter(), operator.now());
    let (before, limit) = (asked.before.clone(), usize::try_from(PAGE_SIZE).unwrap_or(50));
    let found = operator
        .read(move |conn| {
            let before = (!before.is_empty()).then_some(before.as_str());
            requests::lines(conn, &endpoint, &filter, before, limit)
        })
        .await?;
    let slug = summary.endpoint.slug.clone();
    let at = |more: &[(&str, &str)]| format!("/admin/endpoints/{slug}/requests{}", asked.with(more));
    let says = found.lines.first().map(|line| format!("Latest request: {}, {}", line.asked, line.outcome));
    Ok(Latest {
        searched: !asked.filter().is_empty() || !asked.before.is_empty(),
        says: says.unwrap_or_default(),
        older: found.next.as_deref().map(|next| at(&[("before", next)])),
        newest: (!asked.before.is_empty()).then(|| at(&[])),
        none_kept: summary.endpoint.settings.requests == Requests::None,
        rows: found.lines.into_iter().map(|line| Row::new(line, now)).collect(),
        slug,
    })
}

/// The page.
pub(crate) async fn list(operator: Operator, slug: web::Path<String>) -> Answer {
    let asked = Asked::parse(operator.query());
    let summary = operator.endpoint(&slug).await?;
    let latest = read(&operator, &summary, &asked).await?;
    let id = summary.endpoint.id.clone();
    let dropped = operator.read(move |conn| requests::dropped(conn, &id)).await?;
    let base = format!("/admin/endpoints/{}/requests", summary.endpoint.slug);
    let file = |format: &str| format!("{base}/file{}", asked.with(&[("format", format)]));
    let (frame, head) = operator.desk(&summary, Tab::Requests);
    let is_newest = asked.before.is_empty();
    let turned = if asked.paused { vec![] } else { vec![("live", "off")] };
    html(&RequestsPage {
        poll: (is_newest && !asked.paused).then(|| format!("{base}/latest{}", asked.with(&[]))),
        turn: is_newest.then(|| format!("{base}{}", asked.with(&turned))),
        files: [("CSV", file("csv")), ("NDJSON", file("ndjson"))],
        kept: match summary.endpoint.settings.requests {
            Requests::None => "none is kept".to_owned(),
            Requests::Last(last) => {
                format!("the last {} are kept, for two weeks at most", Num(u64::from(last)))
            }
        },
        dropped: dropped.map(|dropped| left_out(dropped, operator.now())),
        frame,
        head,
        latest,
        asked,
    })
}

fn left_out(dropped: Dropped, now: i64) -> DroppedView {
    let of = |count: i64, one: &str, many: &str| (count > 0).then(|| Num::of(count).with(one, many));
    let parts: Vec<String> = [
        of(dropped.reads, "read that succeeded", "reads that succeeded"),
        of(dropped.writes, "change", "changes"),
        of(dropped.refusals, "refusal", "refusals"),
    ]
    .into_iter()
    .flatten()
    .collect();
    DroppedView {
        words: parts.join(", "),
        first: When::new(dropped.first_at, now),
        last: When::new(dropped.last_at, now),
    }
}

/// The list alone, as it asks for itself.
pub(crate) async fn latest(operator: Operator, slug: web::Path<String>) -> Answer {
    let asked = Asked::parse(operator.query());
    let summary = operator.endpoint(&slug).await?;
    html(&LatestPart { latest: read(&operator, &summary, &asked).await? })
}

/// All that is wanted, as a file.
pub(crate) async fn file(operator: Operator, slug: web::Path<String>) -> Answer {
    let asked = Asked::parse(operator.query());
    let endpoint = operator.endpoint(&slug).await?.endpoint;
    let wanted = asked.format.unwrap_or(Format::Csv);
    Ok(request_file::download(operator.store(), endpoint.into(), asked.filter(), wanted))
}

#[cfg(test)]
mod tests {
    use super::{Asked, DAY};

    #[test]
    fn the_address_carries_the_wishes_both_ways() {
        let query =
            "?q=ann+%26+bob&outcome=refused&operation=patch&token=OneLogin&from=2026-11-23&to=2026-11-24";
        let asked = Asked::parse(query.trim_start_matches('?'));
        assert_eq!(asked.with(&[]), query);
        let filter = asked.filter();
        assert_eq!(filter.to.unwrap_or_default() - filter.from.unwrap_or_default(), 2 * DAY);
    }

    #[test]
    fn nonsense_counts_as_not_said() {
        assert_eq!(Asked::parse("outcome=x&operation=dance&from=24&noise=1&live=on"), Asked::default());
    }
}
