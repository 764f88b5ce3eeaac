//! How often an endpoint is usually heard, and from when on its silence means something. Pure: hours go in.
//!
//! What counts is the gap between hours in which something came. The usual longest one is the 95th percentile of the gaps of
//! two weeks: a single holiday or outage does not make everything usual, and nights do. Days of the week on which nothing
//! ever comes, weekends most of all, are left out of every gap.

use crate::ids::Millis;
use crate::usage::HOUR;

/// Hours that are looked at.
pub(super) const WINDOW: i64 = 14 * 24;
const DAY: i64 = 24;
/// Fewer gaps than these say little: then nothing under [`UNSURE`] is called silence.
const ENOUGH: usize = 8;
const UNSURE: Millis = 7 * DAY * HOUR;
/// The least that is called silence.
const LEAST: Millis = 2 * HOUR;
/// As many times the usual gap is called silence.
const FACTOR: i64 = 3;

/// What was learned from some hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// The usual longest gap, without quiet days; `None` when it was heard in less than two hours.
    pub(crate) usual: Option<Millis>,
    /// Days of the week without anything, a bit each; 0 is the day of 1 January 1970.
    pub(crate) quiet_days: i64,
}

fn weekday(hour: i64) -> i64 {
    hour.div_euclid(DAY).rem_euclid(7)
}

fn is_quiet(quiet_days: i64, hour: i64) -> bool {
    quiet_days & (1 << weekday(hour)) != 0
}

impl Rhythm {
    /// From the hours in which something came, in their order; `now` is the hour that runs.
    pub(crate) fn learn(heard: &[i64], now: i64) -> Self {
        let [first, .., last] = heard else { return Self::default() };
        if last - first < 1 {
            return Self::default();
        }
        let quiet_days = quiet_days(heard, *first, now);
        let mut gaps: Vec<i64> = heard
            .windows(2)
            .filter_map(|pair| match pair {
                [from, to] => Some(loud_hours(quiet_days, *from, *to)),
                _ => None,
            })
            .collect();
        gaps.sort_unstable();
        let rank = (gaps.len() * 95).div_ceil(100).saturating_sub(1);
        let usual = gaps.get(rank).map(|hours| hours.max(&1) * HOUR);
        Self { usual, quiet_days }
    }

    /// How long a silence is nothing special.
    pub(crate) fn patience(&self, gaps: usize) -> Millis {
        let Some(usual) = self.usual else { return UNSURE };
        let patience = (FACTOR * usual).max(LEAST);
        if gaps < ENOUGH { patience.max(UNSURE) } else { patience }
    }
}

/// The days of the week that are always quiet: those that came up and had nothing. More than three of them are no weekend but
/// a rare caller, whose days all count.
fn quiet_days(heard: &[i64], first: i64, now: i64) -> i64 {
    let busy = heard.iter().fold(0, |days, hour| days | (1 << weekday(*hour)));
    // Only whole days have shown that they are quiet; a week that was not seen yet gets the usual weekend.
    let whole = (first.div_euclid(DAY) + 1)..now.div_euclid(DAY);
    let seen = whole.fold(0, |days: i64, day| days | (1 << day.rem_euclid(7)));
    // 1 January 1970 was a Thursday.
    const WEEKEND: i64 = (1 << 2) | (1 << 3);
    let quiet = (seen | WEEKEND) & !busy;
    if quiet.count_ones() > 3 { 0 } else { quiet }
}

/// Hours from one to another that are not on quiet days.
fn loud_hours(quiet_days: i64, from: i64, to: i64) -> i64 {
    let count = (from..to).filter(|hour| !is_quiet(quiet_days, *hour)).count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// When a silence that began at `last` has lasted for `patience`, quiet days not counted.
pub(crate) fn deadline(last: Millis, patience: Millis, quiet_days: i64) -> Millis {
    let (mut at, mut left) = (last, patience);
    // A week has a day that counts, so this comes to an end; the bound is for what no rhythm has.
    for _ in 0..10_000 {
        let end = (at.div_euclid(HOUR * DAY) + 1) * HOUR * DAY;
        if !is_quiet(quiet_days, at.div_euclid(HOUR)) {
            if left <= end - at {
                return at + left;
            }
            left -= end - at;
        }
        at = end;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, Rhythm, UNSURE, WINDOW, deadline};

    /// A Monday, 00:00 UTC.
    const MONDAY: i64 = 4 * DAY;

    fn learned(heard: &[i64]) -> (Rhythm, i64) {
        let rhythm = Rhythm::learn(heard, MONDAY + WINDOW);
        (rhythm, rhythm.patience(heard.len().saturating_sub(1)))
    }

    fn weeks(mut busy: impl FnMut(i64, i64) -> bool) -> Vec<i64> {
        (0..WINDOW).filter(|hour| busy(hour / DAY, hour % DAY)).map(|hour| MONDAY + hour).collect()
    }

    #[test]
    fn who_calls_every_hour_is_missed_after_three() {
        let (rhythm, patience) = learned(&weeks(|_, _| true));
        assert_eq!((rhythm.usual, rhythm.quiet_days, patience), (Some(HOUR), 0, 3 * HOUR));
    }

    #[test]
    fn office_hours_have_nights_and_weekends() {
        let office = |day: i64, hour: i64| day % 7 < 5 && (8..18).contains(&hour) && hour % 2 == 0;
        let (rhythm, patience) = learned(&weeks(office));
        // From 16 to 8 o'clock it is quiet: 16 hours, and a weekend is no longer than a night.
        assert_eq!((rhythm.usual, patience), (Some(16 * HOUR), 48 * HOUR));
        let friday = (MONDAY + 4 * DAY + 16) * HOUR;
        let alarm = deadline(friday, patience, rhythm.quiet_days);
        // 8 hours of Friday, Saturday and Sunday for nothing, all Monday, 16 hours of Tuesday.
        assert_eq!(alarm, (MONDAY + 8 * DAY + 16) * HOUR);
    }

    #[test]
    fn one_outage_does_not_become_usual() {
        let mut hours = weeks(|_, _| true);
        hours.retain(|hour| !(MONDAY + 50..MONDAY + 90).contains(hour));
        assert_eq!(learned(&hours).0.usual, Some(HOUR));
    }

    #[test]
    fn rare_callers_are_not_called_silent_soon() {
        let daily = weeks(|_, hour| hour == 2);
        assert_eq!(learned(&daily).1, 3 * DAY * HOUR);
        let weekly = weeks(|day, hour| day % 7 == 0 && hour == 2);
        assert_eq!(learned(&weekly).1, 3 * 7 * DAY * HOUR);
        assert_eq!(learned(&[MONDAY]), (Rhythm::default(), UNSURE));
        assert_eq!(learned(&[MONDAY, MONDAY + 1]).1, UNSURE);
        assert_eq!(learned(&[]), (Rhythm::default(), UNSURE));
    }

    #[test]
    fn a_first_weekend_is_taken_for_quiet() {
        let hours: Vec<i64> = (0..5 * DAY).map(|hour| MONDAY + hour).collect();
        let rhythm = Rhythm::learn(&hours, MONDAY + 5 * DAY);
        assert_eq!(rhythm.quiet_days, (1 << 2) | (1 << 3));
        let friday = (MONDAY + 5 * DAY - 1) * HOUR;
        assert_eq!(deadline(friday, 3 * HOUR, rhythm.quiet_days), (MONDAY + 7 * DAY + 2) * HOUR);
    }

    #[test]
    fn quiet_days_do_not_count() {
        assert_eq!(deadline(5, 10, 0), 15);
        let day = DAY * HOUR;
        assert_eq!(deadline(0, day + 1, 0), day + 1);
        assert_eq!(deadline(0, day + 1, 1 << 1), 2 * day + 1);
        // A rhythm in which no day counts cannot be learned; it does not run for ever either.
        assert!(deadline(0, 1, 0b111_1111) > 0);
    }
}
