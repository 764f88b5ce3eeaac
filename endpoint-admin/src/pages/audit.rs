//! The audit log: who did what, searched and paged, as a file, and with a look along its chain.

use askama::Template;
use endpoint_store::audit::{self, Action, Entry, Filter};
use serde_json::Value;

use crate::{
    audit_file::{self, Format},
    error::PageError,
    frame::{Frame, Section},
    pages::{Answer, html},
    session::Operator,
    ui::{Num, PAGE_SIZE, When},
};

const DAY: i64 = 24 * 3_600_000;

/// What the address asks for. Nothing in it can be wrong: what makes no sense counts as not said, and the form shows
/// what was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    text: String,
    actor: String,
    action: String,
    endpoint: String,
    /// Days, `2026-11-24`, in UTC; the last one is in.
    from: String,
    to: String,
    before: Option<i64>,
    verify: bool,
    format: Option<Format>,
}

impl Asked {
    fn parse(query: &str) -> Self {
        let mut asked = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let text = || value.trim().chars().filter(|c| !c.is_control()).take(200).collect::<String>();
            match key.as_ref() {
                "q" => asked.text = text(),
                "actor" => asked.actor = text(),
                "action" if Action::WORDS.contains(&value.as_ref()) => asked.action = value.into_owned(),
                "endpoint" => asked.endpoint = text(),
                "from" if day(&value).is_some() => asked.from = value.into_owned(),
                "to" if day(&value).is_some() => asked.to = value.into_owned(),
                "before" => asked.before = value.parse().ok(),
                "verify" => asked.verify = value == "1",
                "format" => asked.format = Format::parse(&value),
                _ => {}
            }
        }
        asked
    }

    fn filter(&self) -> Filter {
        let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Filter {
            endpoint: said(&self.endpoint),
            actor: said(&self.actor),
            action: said(&self.action),
            text: said(&self.text),
            from: day(&self.from),
            to: day(&self.to).map(|midnight| midnight + DAY),
            reader: None,
        }
    }

    /// The same wishes with something more, as the end of an address.
    fn with(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        let said = [
            ("q", &self.text),
            ("actor", &self.actor),
            ("action", &self.action),
            ("endpoint", &self.endpoint),
            ("from", &self.from),
            ("to", &self.to),
        ];
        query.extend_pairs(said.iter().filter(|(_, value)| !value.is_empty()));
        query.extend_pairs(more);
        query.finish()
    }
}

/// The midnight with which a day begins.
fn day(text: &str) -> Option<i64> {
    if text.len() == 10 { scim_core::time::parse(text) } else { None }
}

/// One act.
struct Row {
    position: Num,
    when: When,
    who: String,
    how: &'static str,
    address: String,
    action: String,
    subject: String,
    /// Its id, and its slug while it exists.
    endpoint: Option<(String, Option<String>)>,
    before: Option<String>,
    after: Option<String>,
    hash: String,
}

impl Row {
    fn new(entry: Entry, operator: &Operator) -> Self {
        let (who, how) = match entry.actor_kind.as_str() {
            "operator" => (entry.actor_name.clone(), "in the console"),
            "api-key" => (entry.actor_name.clone(), "by API key"),
            "guest" => ("A guest".to_owned(), "through a set-up link"),
            "cli" if entry.actor_name.is_empty() => ("Somebody".to_owned(), "at the command line"),
            "cli" => (entry.actor_name.clone(), "at the command line"),
            _ => ("The server".to_owned(), "by itself"),
        };
        let registry = operator.store().registry();
        let slug = |id: &str| registry.endpoint(id).map(|endpoint| endpoint.slug.clone());
        Self {
            position: Num::of(entry.position),
            when: When::new(entry.at, operator.now()),
            who,
            how,
            endpoint: entry.endpoint_id.as_ref().map(|id| (id.clone(), slug(id))),
            before: entry.before.as_deref().and_then(pretty),
            after: entry.after.as_deref().and_then(pretty),
            hash: entry.hash_text(),
            address: entry.address,
            action: entry.action,
            subject: entry.subject,
        }
    }
}

fn pretty(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    let empty = value.as_object().is_some_and(serde_json::Map::is_empty);
    (!empty).then(|| serde_json::to_string_pretty(&value).ok()).flatten()
}

/// What following the chain found.
struct Verdict {
    entries: String,
    head: String,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/audit.html")]
struct AuditPage {
    frame: Frame,
    asked: Asked,
    rows: Vec<Row>,
    verdict: Option<Verdict>,
    newest: Option<String>,
    older: Option<String>,
    verify: String,
    files: [(&'static str, String); 2],
}

impl AuditPage {
    fn searched(&self) -> bool {
        !self.asked.filter().is_empty()
    }
}

/// The page.
pub(crate) async fn show(operator: Operator) -> Answer {
    let asked = Asked::parse(operator.query());
    let (filter, before) = (asked.filter().read_by(operator.account()), asked.before);
    let limit = usize::try_from(PAGE_SIZE).unwrap_or(50);
    let page = operator.read(move |conn| audit::page(conn, &filter, before, limit)).await?;
    let verdict = if asked.verify { Some(verdict(&operator).await?) } else { None };
    let file = |format: &str| format!("/admin/audit/file{}", asked.with(&[("format", format)]));
    html(&AuditPage {
        frame: operator.frame(Section::Audit),
        newest: asked.before.map(|_| format!("/admin/audit{}", asked.with(&[]))),
        older: page.next.map(|next| format!("/admin/audit{}", asked.with(&[("before", &next.to_string())]))),
        verify: asked.with(&[("verify", "1")]),
        files: [("CSV", file("csv")), ("NDJSON", file("ndjson"))],
        rows: page.entries.into_iter().map(|entry| Row::new(entry, &operator)).collect(),
        verdict,
        asked,
    })
}

async fn verdict(operator: &Operator) -> Result<Verdict, PageError> {
    let chain = operator.read(audit::verify).await?;
    Ok(Verdict {
        entries: Num::of(chain.sound).with("entry", "entries"),
        head: chain.head,
        fault: chain.broken.map(|broken| broken.to_string()),
    })
}

/// All that is wanted, as a file.
pub(crate) async fn file(operator: Operator) -> Answer {
    let asked = Asked::parse(operator.query());
    Ok(audit_file::download(
        operator.store(),
        asked.filter().read_by(operator.account()),
        asked.format.unwrap_or(Format::Csv),
    ))
}

#[cfg(test)]
mod tests {
    use super::{Asked, DAY};

    #[test]
    fn the_address_carries_the_wishes_both_ways() {
        let query =
            "?q=ann+%26+bob&actor=olivia&action=token.revoke&endpoint=acme&from=2026-11-23&to=2026-11-24";
        let asked = Asked::parse(query.trim_start_matches('?'));
        assert_eq!(asked.with(&[]), query);
        let filter = asked.filter();
        assert_eq!(filter.to.unwrap_or_default() - filter.from.unwrap_or_default(), 2 * DAY);
    }

    #[test]
    fn nonsense_counts_as_not_said() {
        assert_eq!(
            Asked::parse("action=x&from=tomorrow&to=24&before=x&noise=1&format=xls"),
            Asked::default()
        );
    }
}
