//! The overview: what needs action first, then what happened last, then every endpoint.

use askama::Template;
use endpoint_store::{
    Conn, StoreError,
    activity::{self, Asked as Latest},
    attention::{self, Census},
    endpoints::overview::{self, Line, Sort, State as Wish, Wanted},
    operators::Reach,
    settings::Idp,
};
use scim_core::time::format;
use serde_json::json;

use super::{
    activity::Sentence,
    failures,
    todo::{self, Todo},
};
use crate::{
    frame::{Frame, Section, condition_state, endpoint_state},
    list_file::{self, Format, Row, download},
    pages::{Answer, html},
    session::Operator,
    ui::{Num, PAGE_SIZE, Spark, State, When},
};

/// Endpoints whose latest changes are told, lines that are told, and changes that are read for them at each.
const LATEST: (i64, usize, i64) = (4, 5, 40);
/// Rows that a file is read by.
const PORTION: i64 = list_file::PORTION as i64;

/// What the address asks for. Nothing in it can be wrong: what makes no sense counts as not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    wanted: Wanted,
    page: u64,
    format: Option<Format>,
}

impl Asked {
    fn parse(query: &str) -> Self {
        let mut asked = Self { page: 1, ..Self::default() };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let text = || value.trim().chars().filter(|c| !c.is_control()).take(200).collect::<String>();
            match key.as_ref() {
                "q" => asked.wanted.search = text(),
                "tenant" => asked.wanted.tenant = Some(text()).filter(|tenant| !tenant.is_empty()),
                "idp" => asked.wanted.idp = value.parse().ok(),
                "state" => asked.wanted.state = Wish::parse(&value),
                "page" => asked.page = value.parse().unwrap_or(1).clamp(1, 1_000_000),
                "format" => asked.format = Format::parse(&value),
                "sort" => {
                    let (down, name) = value.strip_prefix('-').map_or((false, &*value), |name| (true, name));
                    if let Some((sort, _)) = SORTS.iter().find(|(_, known)| *known == name) {
                        (asked.wanted.sort, asked.wanted.down) = (*sort, down);
                    }
                }
                _ => {}
            }
        }
        asked
    }

    fn link(&self, sort: (Sort, bool), page: u64, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        let wanted = &self.wanted;
        let said = [
            ("q", Some(wanted.search.as_str()).filter(|text| !text.is_empty())),
            ("tenant", wanted.tenant.as_deref()),
            ("idp", wanted.idp.map(Idp::as_str)),
            ("state", wanted.state.map(Wish::as_str)),
        ];
        query.extend_pairs(said.iter().filter_map(|(key, value)| Some((key, (*value)?))));
        if sort != (Sort::Name, false) {
            query.append_pair("sort", &word(sort));
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        query.extend_pairs(more);
        Some(query.finish()).filter(|query| query != "?").unwrap_or_default()
    }

    fn own_sort(&self) -> (Sort, bool) {
        (self.wanted.sort, self.wanted.down)
    }

    /// The order, for the form; empty for the usual one.
    pub(crate) fn sort_word(&self) -> String {
        if self.own_sort() == (Sort::Name, false) { String::new() } else { word(self.own_sort()) }
    }
}

const SORTS: [(Sort, &str); 4] =
    [(Sort::Name, "name"), (Sort::Heard, "heard"), (Sort::Errors, "errors"), (Sort::Users, "users")];

fn word((sort, down): (Sort, bool)) -> String {
    let name = SORTS.iter().find(|(known, _)| *known == sort).map_or("name", |(_, name)| *name);
    format!("{}{name}", if down { "-" } else { "" })
}

/// A head of the table that sorts it.
pub(crate) struct SortHead {
    pub(crate) title: &'static str,
    pub(crate) link: String,
    /// `ascending` or `descending` where the table is sorted by it.
    pub(crate) order: Option<&'static str>,
}

impl SortHead {
    fn new(asked: &Asked, sort: Sort, title: &'static str) -> Self {
        let (own, down) = asked.own_sort();
        // Names begin at A; of times and numbers people want the largest first.
        let next = if own == sort { !down } else { sort != Sort::Name };
        let order = (own == sort).then_some(if down { "descending" } else { "ascending" });
        Self { title, link: asked.link((sort, next), 1, &[]), order }
    }

    /// The icon beside the title.
    pub(crate) fn icon(&self) -> Option<&'static str> {
        self.order.map(|order| if order == "descending" { "down" } else { "up" })
    }
}

/// A line of the endpoint table.
pub(crate) struct EndpointRow {
    pub(crate) link: String,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) tenant: Option<String>,
    pub(crate) idp: &'static str,
    pub(crate) state: State,
    pub(crate) heard: Option<When>,
    pub(crate) users: Num,
    pub(crate) groups: Num,
    pub(crate) errors: Num,
    pub(crate) spark: Spark,
    pub(crate) oldest_token: Option<When>,
}

impl EndpointRow {
    fn new(line: Line, now: i64) -> Self {
        let (summary, errors) = (line.summary, line.hours.iter().map(|hour| hour.counts.errors()).sum());
        let endpoint = summary.endpoint;
        let condition = summary.health.condition(endpoint.status, now);
        Self {
            link: format!("/admin/endpoints/{}/connect", endpoint.slug),
            slug: endpoint.slug,
            name: endpoint.name,
            tenant: endpoint.tenant,
            idp: endpoint.idp.label(),
            state: condition_state(condition).unwrap_or_else(|| endpoint_state(endpoint.status)),
            heard: When::maybe(summary.last_heard.max(summary.health.last_heard), now),
            users: Num::of(summary.users),
            groups: Num::of(summary.groups),
            errors: Num::of(errors),
            spark: Spark::new(line.hours, now),
            oldest_token: When::maybe(summary.oldest_token, now),
        }
    }
}

/// Something that happened lately, and where.
pub(crate) struct LatestLine {
    pub(crate) endpoint: String,
    pub(crate) slug: String,
    pub(crate) when: When,
    pub(crate) sentence: Sentence,
}

#[derive(Template)]
#[template(path = "pages/overview.html")]
pub(crate) struct OverviewPage {
    pub(crate) frame: Frame,
    pub(crate) todo: Vec<Todo>,
    pub(crate) more: bool,
    pub(crate) calm: String,
    pub(crate) latest: Vec<LatestLine>,
    pub(crate) rows: Vec<EndpointRow>,
    pub(crate) asked: Asked,
    pub(crate) census: Census,
    pub(crate) sorts: [SortHead; 4],
    pub(crate) words: String,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
    pub(crate) files: [(&'static str, String); 2],
}

impl OverviewPage {
    /// Whether there is no endpoint at all.
    pub(crate) fn nothing_yet(&self) -> bool {
        self.census.all == 0
    }

    /// The text of the search field.
    pub(crate) fn search(&self) -> &str {
        &self.asked.wanted.search
    }

    /// The tenant of the filter.
    pub(crate) fn tenant(&self) -> &str {
        self.asked.wanted.tenant.as_deref().unwrap_or_default()
    }

    /// Whether this provider is chosen.
    pub(crate) fn is_idp(&self, idp: &Idp) -> bool {
        self.asked.wanted.idp == Some(*idp)
    }

    /// Whether this state is chosen.
    pub(crate) fn is_state(&self, state: &Wish) -> bool {
        self.asked.wanted.state == Some(*state)
    }
}

/// The word of a state in the filter.
pub(crate) fn state_word(state: &Wish) -> &'static str {
    match state {
        Wish::Active => "Active",
        Wish::Silent => "Silent",
        Wish::Failing => "Failing",
        Wish::Unheard => "Not heard from yet",
        Wish::Paused => "Paused",
        Wish::Disabled => "Disabled",
    }
}

/// The page.
pub(crate) async fn show(operator: Operator) -> Answer {
    let asked = Asked::parse(operator.query());
    let (now, reach) = (operator.now(), operator.reach().clone());
    let most = todo::SHOWN + 1;
    let (census, closed) = attention::census(operator.store(), &reach, most, now);
    let look = attention::Asked { reach: reach.clone(), most, since: now - failures::SHOWN, closed };
    let (wanted, window) = (asked.wanted.clone(), window(asked.page));
    let (rows, total, matters, last, latest) = operator
        .read(move |conn| {
            let (rows, total) = overview::overview(conn, &reach, &wanted, window, now)?;
            let matters = attention::look(conn, &look, now)?;
            Ok((rows, total, matters, attention::last_heard(conn, &reach)?, latest(conn, &reach, now)?))
        })
        .await?;
    let base_of = |slug: &str| operator.public_url().scim_base(slug);
    let (todo, more) = todo::list(&matters, &base_of, now);
    let total = u64::try_from(total).unwrap_or(0);
    let (sort, page) = (asked.own_sort(), asked.page);
    let file = |format| format!("/admin/file{}", asked.link(sort, 1, &[("format", format)]));
    html(&OverviewPage {
        frame: operator.frame(Section::Overview),
        todo,
        more,
        calm: calm(&census, last, now),
        latest,
        rows: rows.into_iter().map(|row| EndpointRow::new(row, now)).collect(),
        sorts: [
            SortHead::new(&asked, Sort::Name, "Name"),
            SortHead::new(&asked, Sort::Heard, "Last heard from"),
            SortHead::new(&asked, Sort::Users, "Users"),
            SortHead::new(&asked, Sort::Errors, "Errors, 24 h"),
        ],
        words: words(total, page),
        previous: (page > 1).then(|| asked.link(sort, (page - 1).min(total.div_ceil(PAGE_SIZE).max(1)), &[])),
        next: (page * PAGE_SIZE < total).then(|| asked.link(sort, page + 1, &[])),
        files: [("CSV", file("csv")), ("NDJSON", file("ndjson"))],
        census,
        asked,
    })
}

fn window(page: u64) -> (i64, i64) {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    (signed((page - 1) * PAGE_SIZE), signed(PAGE_SIZE))
}

/// `1 to 50 of 1,204 endpoints`.
fn words(total: u64, page: u64) -> String {
    let all = Num(total).with("endpoint", "endpoints");
    if total <= PAGE_SIZE && page == 1 {
        return all;
    }
    let first = ((page - 1) * PAGE_SIZE + 1).min(total);
    format!("{} to {} of {all}", Num(first), Num((page * PAGE_SIZE).min(total)))
}

fn calm(census: &Census, last: Option<i64>, now: i64) -> String {
    let off = census.off;
    let mut answering = Num((census.all - off) as u64).with("endpoint answers", "endpoints answer");
    if off > 0 {
        let off = if off == 1 { "one is".to_owned() } else { format!("{} are", Num(off as u64)) };
        answering.push_str(&format!(", {off} switched off"));
    }
    match last {
        Some(last) => format!("{answering}; the last call came {}.", When::new(last, now).words()),
        None => format!("{answering}."),
    }
}

/// What happened at the endpoints that were heard last.
fn latest(conn: &mut Conn, reach: &Reach, now: i64) -> Result<Vec<LatestLine>, StoreError> {
    let (endpoints, lines, read) = LATEST;
    let asked = Latest { lines: 2, read, ..Latest::default() };
    let mut all = Vec::new();
    for endpoint in attention::heard_last(conn, reach, endpoints)? {
        for line in activity::page(conn, &endpoint, &asked)?.lines {
            all.push(LatestLine {
                when: When::new(line.last_at, now),
                sentence: Sentence::new(&endpoint.slug, &line.sentence),
                endpoint: endpoint.name.clone(),
                slug: endpoint.slug.clone(),
            });
        }
    }
    all.sort_by_key(|line| std::cmp::Reverse(line.when));
    all.truncate(lines);
    Ok(all)
}

const COLUMNS: &[&str] = &[
    "name",
    "slug",
    "id",
    "tenant",
    "idp",
    "status",
    "condition",
    "last_heard",
    "users",
    "groups",
    "requests_24h",
    "errors_24h",
    "oldest_token",
];
const FILE: (&str, &[&str]) = ("endpoints", COLUMNS);

/// All endpoints that are wanted, as a file.
pub(crate) async fn file(operator: Operator) -> Answer {
    let asked = Asked::parse(operator.query());
    let (reach, now) = (operator.reach().clone(), operator.now());
    let (format, wanted) = (asked.format.unwrap_or(Format::Csv), asked.wanted);
    let read = move |conn: &mut Conn, place: Option<&i64>| {
        let offset = place.copied().unwrap_or(0);
        let (lines, total) = overview::overview(conn, &reach, &wanted, (offset, PORTION), now)?;
        let next = Some(offset + PORTION).filter(|next| *next < total);
        Ok((lines.into_iter().map(|line| row(line, now)).collect(), next))
    };
    Ok(download(operator.store(), FILE, format, read))
}

fn row(line: Line, now: i64) -> Row {
    let sum = |of: fn(&endpoint_store::usage::Counts) -> i64| -> i64 {
        line.hours.iter().map(|hour| of(&hour.counts)).sum()
    };
    let (asked, errors) =
        (sum(endpoint_store::usage::Counts::asked), sum(endpoint_store::usage::Counts::errors));
    let summary = line.summary;
    let endpoint = summary.endpoint;
    let values = vec![
        json!(endpoint.name),
        json!(endpoint.slug),
        json!(endpoint.id.as_str()),
        json!(endpoint.tenant),
        json!(endpoint.idp.as_str()),
        json!(endpoint.status.as_str()),
        json!(summary.health.condition(endpoint.status, now).as_str()),
        json!(summary.last_heard.max(summary.health.last_heard).map(format)),
        json!(summary.users),
        json!(summary.groups),
        json!(asked),
        json!(errors),
        json!(summary.oldest_token.map(format)),
    ];
    Row::new(COLUMNS, values)
}

#[cfg(test)]
mod tests {
    use super::{Asked, Sort, SortHead};

    #[test]
    fn the_address_carries_the_wishes_both_ways() {
        let query = "?q=ann+%26+bob&tenant=Acme&idp=okta&state=silent&sort=-users&page=3";
        let asked = Asked::parse(query.trim_start_matches('?'));
        assert_eq!(asked.link(asked.own_sort(), asked.page, &[]), query);
        assert_eq!(
            Asked::parse("q=&tenant=&idp=x&state=x&sort=x&page=-1&noise=1"),
            Asked { page: 1, ..Asked::default() }
        );
    }

    #[test]
    fn heads_turn_the_order_round() {
        let heads = |query: &str| {
            let asked = Asked::parse(query);
            [Sort::Name, Sort::Errors].map(|sort| SortHead::new(&asked, sort, ""))
        };
        let [name, errors] = heads("");
        assert_eq!((name.link.as_str(), name.order), ("?sort=-name", Some("ascending")));
        assert_eq!((errors.link.as_str(), errors.order), ("?sort=-errors", None));
        let [name, errors] = heads("sort=-errors&page=4");
        assert_eq!((name.link.as_str(), name.order), ("", None));
        assert_eq!((errors.link.as_str(), errors.order), ("?sort=errors", Some("descending")));
    }
}
