//! When a delivery that failed is tried again. Pure: time and chance are parameters.

use crate::ids::Millis;

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

/// How long a delivery is tried.
pub const PATIENCE: Millis = 72 * HOUR;
/// A webhook to which nothing arrives for so long is paused.
pub const FAILING: Millis = 72 * HOUR;
/// The pause after each attempt; the last one for all that follow.
const PAUSES: [Millis; 9] =
    [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR];
/// A receiver may ask for a longer pause than ours, up to this.
const LONGEST_WISH: Millis = HOUR;

/// What becomes of a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is tried again at this moment.
    At(Millis),
    /// It is not tried any more.
    Dead,
}

/// What follows the attempt of this number, counted from 1. `chance`, from 0 to 1000, spreads the attempts by a quarter in
/// either direction; `wish` is what the receiver asked for (`Retry-After`).
pub fn after(attempt: i64, first_at: Millis, now: Millis, wish: Option<Millis>, chance: u16) -> Next {
    if now - first_at >= PATIENCE {
        return Next::Dead;
    }
    let at = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
    let pause = PAUSES.get(at).or(PAUSES.last()).copied().unwrap_or(HOUR);
    let spread = pause * (750 + Millis::from(chance.min(1000)) / 2) / 1000;
    let pause = spread.max(wish.unwrap_or(0).min(LONGEST_WISH));
    // The last attempt is at the end of the time, not long after it.
    Next::At((now + pause).min(first_at + PATIENCE).max(now + SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_after_three_days() {
        let (mut now, mut attempt, mut pauses) = (0, 1, Vec::new());
        while let Next::At(next) = after(attempt, 0, now, None, 500) {
            assert!(next > now, "attempt {attempt}");
            pauses.push(next - now);
            (now, attempt) = (next, attempt + 1);
        }
        assert!(now >= PATIENCE, "{now}");
        assert!((15..30).contains(&attempt), "{attempt} attempts");
        assert!(pauses.iter().take(9).is_sorted(), "{pauses:?}");
    }

    #[test]
    fn attempts_are_spread_and_wishes_heard() {
        let at = |chance| after(6, 0, 0, None, chance);
        assert_eq!(at(0), Next::At(HOUR * 3 / 4));
        assert_eq!(at(500), Next::At(HOUR));
        assert_eq!(at(1000), Next::At(HOUR * 5 / 4));
        assert_eq!(after(1, 0, 0, Some(600_000), 500), Next::At(600_000));
        assert!(matches!(after(1, 0, 0, Some(Millis::MAX), 500), Next::At(at) if at <= LONGEST_WISH));
        assert_eq!(after(40, 0, PATIENCE, None, 500), Next::Dead);
    }
}
