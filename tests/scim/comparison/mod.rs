//! A list answers what `Filter::matches` and `Sort` say of all resources, whatever an index or the database does: random
//! resources, random filters and orders, on both databases. `COMPARE_CASES` says how many; failures are shrunk.

mod generate;

use std::sync::Arc;

use proptest::strategy::{Strategy as _, ValueTree};
use proptest::test_runner::TestRunner;
use scim_core::Dialect;
use scim_core::filter::Filter;
use scim_core::schema::{Catalog, ResourceType};
use scim_core::sort::Sort;
use serde_json::{Map, Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::scim::{Scim, id};

/// Filters of one population when nobody asks for more.
const CASES: usize = 150;
/// Filters that one population serves; for more there is another one.
const OF_ONE: usize = 400;
/// One in so many filters is also walked through in pages, sorted.
const WALKED: usize = 8;
const TYPES: [&str; 3] = ["Users", "Groups", "Items"];

fn cases() -> usize {
    std::env::var("COMPARE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES)
}

/// One type with everything that there is of it, as far as anybody may see it.
struct Population {
    rt: Arc<ResourceType>,
    all: Vec<Map<String, Value>>,
}

impl Population {
    async fn of(scim: &Scim, catalog: &Catalog, endpoint: &str) -> Self {
        let rt = catalog.by_endpoint(endpoint).unwrap().clone();
        let paths = generate::paths(&rt);
        let search = json!({"attributes": paths, "count": 1000});
        let list = scim.post(&format!("/{endpoint}/.search"), &search).await.expect(200).json();
        let all = list["Resources"].as_array().unwrap().iter().map(|one| one.as_object().unwrap().clone());
        Self { rt, all: all.collect() }
    }

    /// The ids that a filter finds, in order.
    fn expected(&self, filter: Option<&Filter>, sort: Option<&Sort>) -> Vec<String> {
        let fits = |one: &&Map<String, Value>| filter.is_none_or(|filter| filter.matches(&self.rt, one));
        let mut found: Vec<_> = self.all.iter().filter(fits).collect();
        found.sort_by(|a, b| {
            let order = sort.map(|sort| sort.compare(&sort.key(&self.rt, a), &sort.key(&self.rt, b)));
            order.unwrap_or(std::cmp::Ordering::Equal).then_with(|| a["id"].as_str().cmp(&b["id"].as_str()))
        });
        found.into_iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }

    /// What is wrong with the answer to this filter; `None` if nothing is.
    async fn fault(&self, scim: &Scim, filter: &Filter) -> Option<String> {
        let text = filter.to_string();
        let read = Filter::parse(&text, Dialect::generic());
        let sound = read.and_then(|filter| filter.check(&self.rt));
        let body = json!({"filter": text, "attributes": ["id"], "count": 1000});
        let answer = scim.post(&format!("/{}/.search", self.rt.endpoint), &body).await;
        if let Err(error) = sound {
            let refused = answer.status == error.status();
            return (!refused).then(|| format!("{text}: should be refused ({error}), but: {answer}"));
        }
        if answer.status != 200 {
            return Some(format!("{text}: {answer}"));
        }
        let list = answer.json();
        let found: Vec<String> = list["Resources"].as_array().unwrap().iter().map(id).collect();
        let expected = self.expected(Some(filter), None);
        if found == expected && list["totalResults"] == expected.len() {
            return None;
        }
        let odd = |one: &&Map<String, Value>| {
            let id = one["id"].as_str().unwrap().to_owned();
            found.contains(&id) != expected.contains(&id)
        };
        let differ: Vec<_> = self.all.iter().filter(odd).take(2).collect();
        Some(format!("{text}\n  finds {found:?}\n  instead of {expected:?}\n  of {}", json!(differ)))
    }

    /// Pages of a sorted list, by index and by cursor, are together the sorted whole.
    async fn walk(&self, scim: &Scim, filter: &Filter, by: &str, (order, count): (&str, usize)) {
        let sort = Sort::parse(&[&self.rt], Some(by), Some(order)).unwrap();
        let expected = self.expected(Some(filter), sort.as_ref());
        let url = format!("/{}/.search", self.rt.endpoint);
        let body = json!({"filter": filter.to_string(), "sortBy": by, "sortOrder": order, "count": count, "attributes": "id"});
        let mut by_index = Vec::new();
        while by_index.len() <= expected.len() {
            let mut body = body.clone();
            body["startIndex"] = json!(by_index.len() + 1);
            let page = scim.post(&url, &body).await.expect(200).json();
            let ids: Vec<String> = page["Resources"].as_array().unwrap().iter().map(id).collect();
            assert!(ids.len() <= count && page["totalResults"] == expected.len(), "{body}: {page}");
            if ids.is_empty() {
                break;
            }
            by_index.extend(ids);
        }
        assert_eq!(by_index, expected, "{body} by index");
        let (mut by_cursor, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut body = body.clone();
            body["cursor"] = json!(cursor);
            let page = scim.post(&url, &body).await.expect(200).json();
            by_cursor.extend(page["Resources"].as_array().unwrap().iter().map(id));
            match page["nextCursor"].as_str() {
                Some(next) if by_cursor.len() <= expected.len() => cursor = next.to_owned(),
                _ => break,
            }
        }
        assert_eq!(by_cursor, expected, "{body} by cursor");
    }
}

/// An endpoint with random resources.
async fn populate(app: &App, runner: &mut TestRunner) -> (Scim, Catalog) {
    let definitions = generate::definitions();
    let endpoint = app.fresh_endpoint("generic").await;
    let file = app.database().folder.path().join("items.json");
    std::fs::write(&file, definitions.to_string()).unwrap();
    app.program(&["endpoint", "schema", &endpoint.slug, &file.display().to_string()]).await.done();
    app.program(&["endpoint", "set", &endpoint.slug, "rate=unlimited", "group-names=free"]).await.done();
    let scim = app.scim(&endpoint);
    app.until(&scim.request("GET", "/ResourceTypes/Item"), 200).await;
    for (kind, count) in [("Users", 40), ("Items", 40), ("Groups", 15)] {
        let people = scim.find("Users", "id pr").await.iter().map(id).collect();
        let strategy = generate::resource(kind, people);
        for number in 0..count {
            let body = strategy.new_tree(runner).unwrap().current();
            let body = generate::named(kind, body, number);
            scim.post(&format!("/{kind}"), &body).await.expect(201);
        }
    }
    (scim, Catalog::with_definitions(&definitions).unwrap())
}

both! {
    async fn lists_answer_what_the_protocol_says_of_all(app: &App) {
        let mut runner = TestRunner::default();
        let mut left = cases();
        while left > 0 {
            let (scim, catalog) = populate(app, &mut runner).await;
            let mut populations = Vec::new();
            for endpoint in TYPES {
                populations.push(Population::of(&scim, &catalog, endpoint).await);
            }
            let filters: Vec<_> = populations.iter().map(|one| generate::filter(&one.rt, &one.all)).collect();
            for case in 0..left.min(OF_ONE) {
                let (population, filters) = (&populations[case % 3], &filters[case % 3]);
                let mut tree = filters.new_tree(&mut runner).unwrap();
                if let Some(mut fault) = population.fault(&scim, &tree.current()).await {
                    while tree.simplify() {
                        match population.fault(&scim, &tree.current()).await {
                            Some(smaller) => fault = smaller,
                            None if !tree.complicate() => break,
                            None => {}
                        }
                    }
                    panic!("{} {fault}", population.rt.name);
                }
                let filter = tree.current();
                if case % WALKED == 0 && filter.check(&population.rt).is_ok() {
                    let how = generate::order(&population.rt).new_tree(&mut runner).unwrap().current();
                    population.walk(&scim, &filter, &how.0, (how.1, how.2)).await;
                }
            }
            left = left.saturating_sub(OF_ONE);
        }
    }
}
