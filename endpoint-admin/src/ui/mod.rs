//! Small things that every page is made of: icons, states, times, numbers, pages of a list.
//!
//! Each of them writes its own HTML. Those marked `HtmlSafe` put nothing into it that a user
//! or a client sent, or escape it first.

mod icon;
mod list;
mod qr;
mod spark;
mod state;
mod time;

pub(crate) use icon::icon;
pub(crate) use list::{ListQuery, Order, PAGE_SIZE, Pager};
pub(crate) use qr::Qr;
pub(crate) use spark::Spark;
pub(crate) use state::{State, Tone};
pub use time::Clock;
pub(crate) use time::{Days, When, duration};

use std::fmt;

use askama::filters::HtmlSafe;

/// A whole number with thousands separators: `1,204`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Num(pub(crate) u64);

impl Num {
    /// A count from the database, where counts are signed.
    pub(crate) fn of(count: i64) -> Self {
        Self(u64::try_from(count).unwrap_or(0))
    }

    /// Whether it is one, for the singular.
    pub(crate) fn is_one(self) -> bool {
        self.0 == 1
    }

    /// `1 user`, `1,204 users`.
    pub(crate) fn with(self, one: &str, many: &str) -> String {
        format!("{self} {}", if self.is_one() { one } else { many })
    }
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl HtmlSafe for Num {}

#[cfg(test)]
mod tests {
    use super::Num;

    #[test]
    fn thousands_are_separated() {
        let shown: Vec<_> = [0, 999, 1000, 1_234_567].map(|n| Num(n).to_string()).into();
        assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
    }
}
