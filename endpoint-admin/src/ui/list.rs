//! Lists keep their whole state in the address: search, order, page. A link is therefore
//! always worth sharing, and Back works.

use endpoint_store::directory::search;

use super::Num;

/// Rows on one page of a list.
pub(crate) const PAGE_SIZE: u64 = 50;

/// The direction of a list's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// A to Z.
    #[default]
    Up,
    /// Z to A.
    Down,
}

/// What the address of a list asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListQuery {
    /// Text to search for; empty means all.
    pub(crate) search: String,
    /// The page, from 1.
    pub(crate) page: u64,
    /// The order by name.
    pub(crate) order: Order,
}

impl ListQuery {
    /// Reads `?q=…&page=…&sort=…`. Nothing in it can be wrong: what makes no sense is the default.
    pub(crate) fn parse(query: &str) -> Self {
        let mut read = Self { page: 1, ..Self::default() };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "q" => read.search = value.trim().chars().filter(|c| !c.is_control()).take(200).collect(),
                "page" => read.page = value.parse().unwrap_or(1).clamp(1, 1_000_000),
                "sort" if value == "-name" => read.order = Order::Down,
                _ => {}
            }
        }
        read
    }

    /// The 0-based index of the first row of this page.
    pub(crate) fn offset(&self) -> u64 {
        (self.page.max(1) - 1) * PAGE_SIZE
    }

    /// The rows of this page, as the store counts them.
    pub(crate) fn window(&self) -> (i64, i64) {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        (signed(self.offset()), signed(PAGE_SIZE))
    }

    /// The order, as the store names it.
    pub(crate) fn way(&self) -> search::Order {
        match self.order {
            Order::Up => search::Order::Ascending,
            Order::Down => search::Order::Descending,
        }
    }

    /// The address of the same list on another page or in another order.
    fn link(&self, page: u64, order: Order) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        if !self.search.is_empty() {
            query.append_pair("q", &self.search);
        }
        if order == Order::Down {
            query.append_pair("sort", "-name");
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        query.finish()
    }
}

/// The state of a list as the page shows it.
#[derive(Clone, Debug)]
pub(crate) struct Pager {
    /// What was asked for.
    pub(crate) query: ListQuery,
    /// Rows in all.
    pub(crate) total: u64,
    /// What the rows are called, one and many.
    nouns: (&'static str, &'static str),
    /// Whether `total` is only what the search looked at.
    more: bool,
}

impl Pager {
    /// A list of `total` rows called `one` or `many`.
    pub(crate) fn new(query: ListQuery, total: u64, one: &'static str, many: &'static str) -> Self {
        Self { query, total, nouns: (one, many), more: false }
    }

    /// What a search of the directory found.
    pub(crate) fn of(query: ListQuery, found: &search::Found, one: &'static str, many: &'static str) -> Self {
        let total = u64::try_from(found.total).unwrap_or(0);
        Self { more: found.more, ..Self::new(query, total, one, many) }
    }

    /// Whether the list was searched.
    pub(crate) fn searched(&self) -> bool {
        !self.query.search.is_empty()
    }

    /// `1 to 50 of 1,204 users`.
    pub(crate) fn words(&self) -> String {
        let mut all = Num(self.total).with(self.nouns.0, self.nouns.1);
        if self.more {
            all.push_str(" and more: type more letters");
        }
        if self.total <= PAGE_SIZE && self.query.page == 1 {
            return all;
        }
        let first = (self.query.offset() + 1).min(self.total);
        let last = (self.query.offset() + PAGE_SIZE).min(self.total);
        format!("{} to {} of {all}", Num(first), Num(last))
    }

    /// The page before, if there is one.
    pub(crate) fn previous(&self) -> Option<String> {
        let last = self.total.div_ceil(PAGE_SIZE).max(1);
        (self.query.page > 1).then(|| self.query.link((self.query.page - 1).min(last), self.query.order))
    }

    /// The page after, if there is one.
    pub(crate) fn next(&self) -> Option<String> {
        (self.query.offset() + PAGE_SIZE < self.total)
            .then(|| self.query.link(self.query.page + 1, self.query.order))
    }

    /// Whether the order is Z to A.
    pub(crate) fn descending(&self) -> bool {
        self.query.order == Order::Down
    }

    /// The same list in the other order, from its first page.
    pub(crate) fn turned(&self) -> String {
        let other = if self.descending() { Order::Up } else { Order::Down };
        self.query.link(1, other)
    }
}

#[cfg(test)]
mod tests {
    use super::{ListQuery, Order, Pager};

    #[test]
    fn the_address_carries_the_state_both_ways() {
        let query = ListQuery::parse("q=ann+%26+bob&page=3&sort=-name&noise=1");
        assert_eq!(query, ListQuery { search: "ann & bob".into(), page: 3, order: Order::Down });
        let pager = Pager::new(query, 1204, "user", "users");
        assert_eq!(pager.words(), "101 to 150 of 1,204 users");
        assert_eq!(pager.next().as_deref(), Some("?q=ann+%26+bob&sort=-name&page=4"));
        assert_eq!(pager.previous().as_deref(), Some("?q=ann+%26+bob&sort=-name&page=2"));
        assert_eq!(pager.turned(), "?q=ann+%26+bob");
    }

    #[test]
    fn nonsense_is_the_first_page() {
        assert_eq!(ListQuery::parse("page=-4&sort=x&q=%00"), ListQuery { page: 1, ..ListQuery::default() });
    }
}
