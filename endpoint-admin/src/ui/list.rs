//! Lists keep their whole state in the address: search, order, page. A link is therefore
//! always worth sharing, and Back works.

use endpoint_store::directory::search::{self, By};

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
    /// What the list runs by.
    pub(crate) by: By,
    /// Which way.
    pub(crate) order: Order,
    /// Only what is in use, or what is not.
    pub(crate) active: Option<bool>,
}

impl ListQuery {
    /// Reads `?q=…&state=…&sort=…&page=…`. Nothing in it can be wrong: what makes no sense is the default.
    pub(crate) fn parse(query: &str) -> Self {
        let mut read = Self { page: 1, ..Self::default() };
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match (key.as_ref(), value.as_ref()) {
                ("q", text) => {
                    read.search = text.trim().chars().filter(|c| !c.is_control()).take(200).collect();
                }
                ("page", number) => read.page = number.parse().unwrap_or(1).clamp(1, 1_000_000),
                ("state", "active") => read.active = Some(true),
                ("state", "inactive") => read.active = Some(false),
                ("sort", "-name") => read.order = Order::Down,
                ("sort", "changed") => read.by = By::Change,
                ("sort", "-changed") => (read.by, read.order) = (By::Change, Order::Down),
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

    /// The rows of this page, of a list that is in memory because it is short.
    pub(crate) fn slice<T>(&self, all: impl Iterator<Item = T>) -> Vec<T> {
        let count = |many: u64| usize::try_from(many).unwrap_or(usize::MAX);
        all.skip(count(self.offset())).take(count(PAGE_SIZE)).collect()
    }

    /// What of a directory is listed, as the store asks it.
    pub(crate) fn selection(&self) -> search::Selection {
        search::Selection {
            text: self.search.clone(),
            active: self.active,
            by: self.by,
            order: match self.order {
                Order::Up => search::Order::Ascending,
                Order::Down => search::Order::Descending,
            },
        }
    }

    /// What the order is called in an address; nothing for the usual one.
    pub(crate) fn sort(&self) -> &'static str {
        match (self.by, self.order) {
            (By::Name, Order::Up) => "",
            (By::Name, Order::Down) => "-name",
            (By::Change, Order::Up) => "changed",
            (By::Change, Order::Down) => "-changed",
        }
    }

    /// What is asked of the state, in an address; nothing for all.
    pub(crate) fn state(&self) -> &'static str {
        match self.active {
            None => "",
            Some(true) => "active",
            Some(false) => "inactive",
        }
    }

    /// The address of this list, with something more.
    fn link(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        let said = [("q", self.search.as_str()), ("state", self.state()), ("sort", self.sort())];
        query.extend_pairs(said.iter().filter(|(_, value)| !value.is_empty()));
        if self.page > 1 {
            query.append_pair("page", &self.page.to_string());
        }
        query.extend_pairs(more);
        query.finish()
    }

    /// The same list on another page.
    fn at(&self, page: u64) -> String {
        Self { page, ..self.clone() }.link(&[])
    }
}

/// The head of a column that the list can run by.
#[derive(Clone, Debug)]
pub(crate) struct Sorting {
    /// The list in that order, or the other way round when it has it.
    pub(crate) link: String,
    /// As `aria-sort` has it, if the list runs by this column.
    pub(crate) now: Option<&'static str>,
}

/// One of the states that a list can be narrowed to.
#[derive(Clone, Debug)]
pub(crate) struct Narrowing {
    /// The list of those.
    pub(crate) link: String,
    /// Its word.
    pub(crate) word: &'static str,
    /// Whether it is the list that is shown.
    pub(crate) is_shown: bool,
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
        Self::new(query, total, one, many).with_more(found.more)
    }

    /// The same, whose total may be only what a search looked at.
    pub(crate) fn with_more(self, more: bool) -> Self {
        Self { more, ..self }
    }

    /// Whether the list was searched or narrowed.
    pub(crate) fn searched(&self) -> bool {
        !self.query.search.is_empty() || self.query.active.is_some()
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
        (self.query.page > 1).then(|| self.query.at((self.query.page - 1).min(last)))
    }

    /// The page after, if there is one.
    pub(crate) fn next(&self) -> Option<String> {
        (self.query.offset() + PAGE_SIZE < self.total).then(|| self.query.at(self.query.page + 1))
    }

    /// The head of the column with names.
    pub(crate) fn by_name(&self) -> Sorting {
        self.sorting(By::Name, Order::Up)
    }

    /// The head of the column with the last change, the latest first.
    pub(crate) fn by_change(&self) -> Sorting {
        self.sorting(By::Change, Order::Down)
    }

    /// The same list from its first page, by a column: first that way, then the other.
    fn sorting(&self, by: By, first: Order) -> Sorting {
        let is_now = self.query.by == by;
        let order = match (is_now, self.query.order) {
            (true, Order::Up) => Order::Down,
            (true, Order::Down) => Order::Up,
            (false, _) => first,
        };
        let now = match self.query.order {
            Order::Up => "ascending",
            Order::Down => "descending",
        };
        let link = ListQuery { page: 1, by, order, ..self.query.clone() }.link(&[]);
        Sorting { link, now: is_now.then_some(now) }
    }

    /// The states that the list can be narrowed to.
    pub(crate) fn narrowings(&self) -> [Narrowing; 3] {
        [(None, "All"), (Some(true), "Active"), (Some(false), "Not active")].map(|(active, word)| Narrowing {
            link: ListQuery { page: 1, active, ..self.query.clone() }.link(&[]),
            word,
            is_shown: self.query.active == active,
        })
    }

    /// The end of the address of the whole list as a file.
    pub(crate) fn file(&self, format: &str) -> String {
        ListQuery { page: 1, ..self.query.clone() }.link(&[("format", format)])
    }
}

#[cfg(test)]
mod tests {
    use super::{By, ListQuery, Order, Pager};

    #[test]
    fn the_address_carries_the_state_both_ways() {
        let query = ListQuery::parse("q=ann+%26+bob&page=3&sort=-name&state=inactive&noise=1");
        let same = ListQuery {
            search: "ann & bob".into(),
            page: 3,
            order: Order::Down,
            active: Some(false),
            by: By::Name,
        };
        assert_eq!(query, same);
        let pager = Pager::new(query, 1204, "user", "users");
        assert_eq!(pager.words(), "101 to 150 of 1,204 users");
        let all = "?q=ann+%26+bob&state=inactive";
        assert_eq!(pager.next(), Some(format!("{all}&sort=-name&page=4")));
        assert_eq!(pager.previous(), Some(format!("{all}&sort=-name&page=2")));
        assert_eq!((pager.by_name().link, pager.by_name().now), (all.to_owned(), Some("descending")));
        assert_eq!((pager.by_change().link, pager.by_change().now), (format!("{all}&sort=-changed"), None));
        assert_eq!(pager.file("csv"), format!("{all}&sort=-name&format=csv"));
        assert_eq!(pager.narrowings().map(|one| one.is_shown), [false, false, true]);
    }

    #[test]
    fn nonsense_is_the_first_page() {
        let nonsense = ListQuery::parse("page=-4&sort=x&q=%00&state=gone");
        assert_eq!(nonsense, ListQuery { page: 1, ..ListQuery::default() });
    }
}
