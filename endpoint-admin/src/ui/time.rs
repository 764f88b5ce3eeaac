//! Times as people say them, with the exact moment in UTC one hover away.

use std::{fmt, sync::Arc};

use askama::filters::HtmlSafe;
use endpoint_store::Millis;
use jiff::Timestamp;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Where the console takes the time from: milliseconds since 1970, UTC. A parameter, so that
/// tests move it.
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// Now.
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A moment seen from now: `3 minutes ago`, `in 12 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct When {
    at: Millis,
    now: Millis,
}

impl When {
    /// The moment `at`, seen from `now`.
    pub(crate) fn new(at: Millis, now: Millis) -> Self {
        Self { at, now }
    }

    /// The same for a moment that may not have come.
    pub(crate) fn maybe(at: Option<Millis>, now: Millis) -> Option<Self> {
        at.map(|at| Self { at, now })
    }

    /// The exact moment, in words: `24 Nov 2026, 00:16 UTC`.
    pub(crate) fn exact(&self) -> String {
        self.format("%-d %b %Y, %H:%M UTC")
    }

    /// The day alone: `24 Nov 2026`.
    pub(crate) fn day(&self) -> String {
        self.format("%-d %b %Y")
    }

    /// The distance from now in words.
    pub(crate) fn words(&self) -> String {
        let away = self.at.saturating_sub(self.now);
        let length = match away.saturating_abs() {
            short if short < 45 * SECOND => return "just now".to_owned(),
            minutes if minutes < HOUR => unit(minutes, MINUTE, "minute"),
            hours if hours < 36 * HOUR => unit(hours, HOUR, "hour"),
            days if days < 60 * DAY => unit(days, DAY, "day"),
            months if months < 730 * DAY => unit(months, 30 * DAY, "month"),
            years => unit(years, 365 * DAY, "year"),
        };
        if away > 0 { format!("in {length}") } else { format!("{length} ago") }
    }

    fn format(&self, pattern: &str) -> String {
        Timestamp::from_millisecond(self.at).map(|at| at.strftime(pattern).to_string()).unwrap_or_default()
    }
}

fn unit(length: i64, of: i64, name: &str) -> String {
    let count = ((length + of / 2) / of).max(1);
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.format("%Y-%m-%dT%H:%M:%SZ");
        let exact = self.format("%Y-%m-%d %H:%M:%S UTC");
        let words = self.words();
        write!(f, r#"<time datetime="{machine}" title="{exact}">{words}</time>"#)
    }
}

impl HtmlSafe for When {}

/// A length of time in its unit: `40 minutes`, `3 hours`, `12 days`.
pub(crate) fn duration(length: i64) -> String {
    match length {
        minutes if minutes < 2 * HOUR => unit(minutes, MINUTE, "minute"),
        hours if hours < 48 * HOUR => unit(hours, HOUR, "hour"),
        days => unit(days, DAY, "day"),
    }
}

/// How many days until (or since) a moment, for expiry dates: `in 364 days`, `today`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Days(i64);

impl Days {
    /// From `now` until `at`.
    pub(crate) fn until(at: Millis, now: Millis) -> Self {
        Self(at.saturating_sub(now).div_euclid(DAY))
    }

    /// Whether fewer than `days` are left.
    pub(crate) fn within(self, days: i64) -> bool {
        self.0 < days
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            past if past < -1 => write!(f, "{} days ago", -past),
            -1 => f.write_str("passed"),
            0 => f.write_str("within a day"),
            1 => f.write_str("1 day left"),
            more => write!(f, "{more} days left"),
        }
    }
}

impl HtmlSafe for Days {}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, MINUTE, When};

    #[test]
    fn distances_are_said_in_the_unit_that_fits() {
        let now = 1_795_479_360_000;
        let said = |at| When::new(at, now).words();
        assert_eq!(said(now - 10_000), "just now");
        assert_eq!(said(now - MINUTE), "1 minute ago");
        assert_eq!(said(now - 5 * HOUR), "5 hours ago");
        assert_eq!(said(now + 12 * DAY), "in 12 days");
        assert_eq!(said(now - 400 * DAY), "13 months ago");
    }

    #[test]
    fn the_exact_time_stands_in_the_title() {
        let shown = When::new(0, 0).to_string();
        assert_eq!(
            shown,
            r#"<time datetime="1970-01-01T00:00:00Z" title="1970-01-01 00:00:00 UTC">just now</time>"#
        );
    }
}
