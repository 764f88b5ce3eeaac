//! Filters and orders by one place: caseExact, the operators that its type has, and what may not be asked.

use std::collections::BTreeSet;

use scim_core::fold::fold;
use serde_json::{Value, json};

use super::Walk;
use crate::support::scim::text;

/// Resources of a search: with the low value, with the high one, with none.
const FIRST: usize = 20;

impl Walk {
    /// The numbers of the resources that a filter finds.
    async fn found(&mut self, filter: &str) -> Option<BTreeSet<usize>> {
        let query = format!("externalId eq {} and ({filter})", json!(self.tag));
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let url = format!("/{}?filter={query}&attributes={}", self.place.endpoint, self.naming());
        let answer = self.scim.get(&url).await;
        if answer.status != 200 {
            self.faults.0.push(format!("{filter}: {answer:#}"));
            return None;
        }
        let list = answer.json();
        let numbers = list["Resources"].as_array().unwrap().iter().filter_map(|one| self.number(one));
        Some(numbers.filter(|number| (FIRST..FIRST + 3).contains(number)).collect())
    }

    /// Which of the resources this is.
    fn number(&self, resource: &Value) -> Option<usize> {
        let name = text(&resource[self.naming()]);
        name.strip_prefix(&self.name(0)[..self.tag.len() + 1])?.parse().ok()
    }

    async fn finds(&mut self, filter: &str, expected: &[usize]) {
        let expected: BTreeSet<usize> = expected.iter().map(|number| FIRST + number).collect();
        if let Some(found) = self.found(filter).await {
            self.faults
                .check(found == expected, || format!("{filter} finds {found:?} instead of {expected:?}"));
        }
    }

    async fn refuses(&mut self, filter: &str) {
        let query: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let answer = self.scim.get(&format!("/{}?filter={query}", self.place.endpoint)).await;
        self.faults.refused(&answer, 400, &["invalidFilter"], filter);
    }

    /// Three resources to be found; `None` where the place must have a value.
    pub(super) async fn make_three(&mut self) -> Option<()> {
        let (low, high) = (self.low(), self.high());
        let mut bodies = vec![self.with(FIRST, &low), self.with(FIRST + 1, &high), self.minimal(FIRST + 2)];
        if self.is_naming() {
            bodies = (FIRST..FIRST + 3).map(|number| self.minimal(number)).collect();
        }
        for body in &bodies {
            self.make(body).await?;
        }
        Some(())
    }

    pub(super) async fn searched(&mut self) {
        if self.is_naming() {
            return;
        }
        let path = self.place.path();
        if self.place.is_secret() {
            self.refuses(&format!("{path} pr")).await;
            let literal =
                if self.place.is_complex() { json!("x") } else { self.place.literal(false, &self.tag) };
            self.refuses(&format!("{path} eq {literal}")).await;
            return;
        }
        if !self.place.is_kept() {
            self.finds(&format!("{path} pr"), &[]).await;
            return;
        }
        let without: &[usize] = if self.has_always() { &[] } else { &[2] };
        if self.has_always() {
            self.finds(&format!("{path} pr"), &[0, 1, 2]).await;
        } else {
            self.finds(&format!("{path} pr"), &[0, 1]).await;
        }
        self.finds(&format!("not ({path} pr)"), without).await;
        self.finds(&format!("{path} eq null"), without).await;
        if self.place.is_complex() {
            self.by_value_part().await;
        } else if !self.has_always() {
            self.compared(&path).await;
            self.compared_in_brackets().await;
        }
    }

    /// Whether a resource has a value there whatever the body says.
    fn has_always(&self) -> bool {
        (self.place.is("required") && !self.place.is_part()) || self.place.path() == "active"
    }

    /// A complex attribute is compared by its `value`.
    async fn by_value_part(&mut self) {
        let path = self.place.path();
        let Some(part) = self.place.value_part().cloned() else {
            return self.refuses(&format!("{path} eq \"x\"")).await;
        };
        if part["type"] == "string" && part["mutability"] != "readOnly" {
            let literal = json!(format!("{}aä Low_%", self.tag));
            self.finds(&format!("{path} eq {literal}"), &[0]).await;
            self.finds(&format!("{path}[value eq {literal}]"), &[0]).await;
        }
    }

    async fn compared(&mut self, path: &str) {
        let (low, high) = (self.place.literal(false, &self.tag), self.place.literal(true, &self.tag));
        self.finds(&format!("{path} eq {low}"), &[0]).await;
        self.finds(&format!("{} eq {high}", path.to_uppercase()), &[1]).await;
        self.finds(&format!("{path} ne {low}"), &[1, 2]).await;
        match self.place.kind() {
            "boolean" | "binary" => {
                for op in ["gt", "ge", "lt", "le"] {
                    self.refuses(&format!("{path} {op} {low}")).await;
                }
            }
            _ => {
                self.finds(&format!("{path} ge {low}"), &[0, 1]).await;
                self.finds(&format!("{path} le {high}"), &[0, 1]).await;
                let (less, more) = if text_order(&low, &high) { (0, 1) } else { (1, 0) };
                self.finds(&format!("{path} gt {}", if less == 0 { &low } else { &high }), &[more]).await;
                self.finds(&format!("{path} lt {}", if less == 0 { &high } else { &low }), &[less]).await;
            }
        }
        if self.place.kind() == "boolean" {
            return self.refuses(&format!("{path} co \"a\"")).await;
        }
        if let Value::String(value) = &low
            && matches!(self.place.kind(), "string" | "reference")
        {
            let folds = !self.place.is("caseExact");
            let other = json!(swapped(value));
            self.finds(&format!("{path} eq {other}"), if folds { &[0] } else { &[] }).await;
            let letters: Vec<char> = value.chars().collect();
            let part = |range: std::ops::Range<usize>| letters[range].iter().collect::<String>();
            let (start, middle, end) =
                (part(0..6), part(4..letters.len() - 1), part(letters.len() - 4..letters.len()));
            self.finds(&format!("{path} sw {}", json!(start)), &[0]).await;
            self.finds(&format!("{path} co {}", json!(middle)), &[0]).await;
            self.finds(&format!("{path} ew {}", json!(end)), &[0]).await;
            self.finds(&format!("{path} ew {}", json!(swapped(&end))), if folds { &[0] } else { &[] }).await;
        }
    }

    /// Brackets mean one and the same element, or the single value.
    async fn compared_in_brackets(&mut self) {
        let (low, top) = (self.place.literal(false, &self.tag), self.place.top_path());
        if self.place.is_part() {
            let name = self.place.leaf()["name"].as_str().unwrap().to_owned();
            self.finds(&format!("{top}[{name} eq {low}]"), &[0]).await;
            self.finds(&format!("{top}[{name} pr and not ({name} eq {low})]"), &[1]).await;
        } else if self.place.is_list() {
            self.finds(&format!("{top}[value eq {low}]"), &[0]).await;
        }
    }

    pub(super) async fn sorted(&mut self) {
        let path = self.place.path();
        let query = format!("externalId eq {}", json!(self.tag));
        let query: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
        for (order, mut expected) in [("ascending", vec![20, 21, 22]), ("descending", vec![22, 21, 20])] {
            let url = format!("/{}?filter={query}&sortBy={path}&sortOrder={order}", self.place.endpoint);
            let answer = self.scim.get(&url).await;
            if self.place.is_secret() {
                self.faults.refused(&answer, 400, &["invalidPath"], "sortBy of a secret");
                return;
            }
            self.faults.status(&answer, 200, "sortBy");
            if answer.status != 200
                || !self.place.is_kept()
                || self.place.is_complex()
                || self.has_always() && !self.is_naming()
            {
                return;
            }
            let (low, high) = (self.place.literal(false, &self.tag), self.place.literal(true, &self.tag));
            if !self.is_naming() && !text_order(&low, &high) {
                expected.swap(if order == "ascending" { 0 } else { 2 }, 1);
            }
            let list = answer.json();
            let numbers: Vec<usize> =
                list["Resources"].as_array().unwrap().iter().filter_map(|one| self.number(one)).collect();
            let ours: Vec<usize> =
                numbers.into_iter().filter(|number| (FIRST..FIRST + 3).contains(number)).collect();
            self.faults
                .check(ours == expected, || format!("sorted {order}: {ours:?} instead of {expected:?}"));
        }
    }
}

/// Whether the low value comes before the high one.
fn text_order(low: &Value, high: &Value) -> bool {
    match (low, high) {
        (Value::String(low), Value::String(high)) => fold(low) < fold(high),
        _ => true,
    }
}

/// Capitals for small letters and the other way round.
fn swapped(text: &str) -> String {
    let swap = |c: char| -> String {
        if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
    };
    text.chars().map(swap).collect()
}
