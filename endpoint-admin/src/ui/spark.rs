//! A day in 24 bars: how much came, and how much of it went wrong. Drawn with attributes alone, which the page's policy allows.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;
use endpoint_store::health::HourOf;

use super::{Num, When};

/// The height of the highest bar.
const HEIGHT: i64 = 22;
/// The width of a bar (3, in the style sheet) and its gap.
const STEP: usize = 4;

/// The picture, and what it says in words.
#[derive(Clone, Debug)]
pub(crate) struct Spark {
    hours: Vec<HourOf>,
    now: i64,
}

impl Spark {
    /// Of these hours, the oldest first.
    pub(crate) fn new(hours: Vec<HourOf>, now: i64) -> Self {
        Self { hours, now }
    }

    /// Whether nothing came.
    pub(crate) fn is_empty(&self) -> bool {
        self.hours.iter().all(|hour| hour.counts.asked() == 0)
    }

    /// What the picture shows.
    pub(crate) fn words(&self) -> String {
        let (all, errors) = self
            .hours
            .iter()
            .fold((0, 0), |(all, errors), hour| (all + hour.counts.asked(), errors + hour.counts.errors()));
        let most = self.hours.iter().max_by_key(|hour| hour.counts.asked());
        let peak = most.map_or_else(String::new, |hour| {
            format!(
                ", most of them {} ({})",
                When::new(hour.from, self.now).words(),
                Num::of(hour.counts.asked())
            )
        });
        format!("Last 24 hours: {}{peak}; {} went wrong", Num::of(all).with("call", "calls"), Num::of(errors))
    }

    /// One path for all bars: of everything, or of what went wrong.
    fn path(&self, most: i64, of: impl Fn(&HourOf) -> i64) -> String {
        let mut path = String::new();
        for (at, hour) in self.hours.iter().enumerate() {
            let count = of(hour);
            if count > 0 {
                // One of many is still to be seen.
                let height = (count * HEIGHT / most.max(1)).max(2);
                let _ = write!(path, "M{} 24v-{height}", at * STEP + 2);
            }
        }
        path
    }
}

impl fmt::Display for Spark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.hours.iter().map(|hour| hour.counts.asked()).max().unwrap_or(0);
        let width = self.hours.len() * STEP;
        write!(
            f,
            r#"<svg class="spark" width="{width}" height="24" role="img" aria-label="{}"><path d="{}"/>"#,
            self.words(),
            self.path(most, |hour| hour.counts.asked())
        )?;
        let errors = self.path(most, |hour| hour.counts.errors());
        if !errors.is_empty() {
            write!(f, r#"<path class="errors" d="{errors}"/>"#)?;
        }
        f.write_str("</svg>")
    }
}

// Numbers and fixed words only.
impl HtmlSafe for Spark {}

#[cfg(test)]
mod tests {
    use endpoint_store::{health::HourOf, usage::Counts};

    use super::Spark;

    #[test]
    fn a_day_is_drawn_and_told() {
        const HOUR: i64 = 3_600_000;
        let hour = |from, requests, refused| HourOf {
            from: from * HOUR,
            counts: Counts { requests, refused, ..Counts::default() },
        };
        let spark = Spark::new(vec![hour(0, 0, 0), hour(1, 110, 0), hour(2, 10, 1)], 4 * HOUR);
        let drawn = spark.to_string();
        assert!(drawn.contains(r#"d="M6 24v-22M10 24v-2""#), "{drawn}");
        assert!(drawn.contains(r#"class="errors" d="M10 24v-2""#), "{drawn}");
        assert!(
            drawn.contains("Last 24 hours: 120 calls, most of them 3 hours ago (110); 1 went wrong"),
            "{drawn}"
        );
        assert!(Spark::new(vec![hour(0, 0, 0)], 0).is_empty());
    }
}
