//! What each endpoint answered in each hour, counted in memory: an answer adds to a few numbers under a lock that is held
//! for that long, and allocates nothing but at the first request of an hour.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::HOUR;
use crate::endpoints::EndpointId;
use crate::ids::Millis;

/// Answers of one endpoint in some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests with a good token.
    pub requests: i64,
    /// Those of them that asked for a change and got it.
    pub changes: i64,
    /// Those of them that were refused for what they asked (4xx).
    pub refused: i64,
    /// Requests whose credential was turned away (401); not counted among [`Counts::requests`].
    pub denied: i64,
    /// Requests that were told to come slower (429).
    pub limited: i64,
    /// Requests that failed through no fault of theirs (5xx).
    pub failed: i64,
}

impl Counts {
    /// One answer to a request with a good token.
    fn of(status: u16, is_change: bool) -> Self {
        let one = |holds: bool| i64::from(holds);
        Self {
            requests: 1,
            changes: one(is_change && (200..300).contains(&status)),
            refused: one((400..500).contains(&status) && status != 429),
            denied: 0,
            limited: one(status == 429),
            failed: one(status >= 500),
        }
    }

    /// All that came.
    pub fn asked(&self) -> i64 {
        self.requests + self.denied
    }

    /// All of it that went wrong, for whatever cause.
    pub fn errors(&self) -> i64 {
        self.refused + self.denied + self.limited + self.failed
    }

    /// The part that went wrong, in percent, rounded; one of many is not none.
    pub fn error_percent(&self) -> i64 {
        let (part, all) = (self.errors(), self.asked());
        if all == 0 { 0 } else { ((200 * part + all) / (2 * all)).clamp(i64::from(part > 0), 100) }
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.changes += other.changes;
        self.refused += other.refused;
        self.denied += other.denied;
        self.limited += other.limited;
        self.failed += other.failed;
    }
}

/// One hour of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hour {
    pub(crate) counts: Counts,
    /// The last request with a good token.
    pub(crate) heard: Option<Millis>,
    /// The last request of all.
    pub(crate) last: Millis,
}

impl Hour {
    pub(crate) fn add(&mut self, other: Self) {
        self.counts += other.counts;
        self.heard = self.heard.max(other.heard);
        self.last = self.last.max(other.last);
    }
}

/// What has not been written yet: an endpoint has one hour in it, or two about the full hour.
#[derive(Default)]
pub(super) struct Hours(Mutex<HashMap<EndpointId, Vec<(i64, Hour)>>>);

impl Hours {
    fn table(&self) -> MutexGuard<'_, HashMap<EndpointId, Vec<(i64, Hour)>>> {
        // A panic while adding leaves at worst one count short.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answered(&self, endpoint: &EndpointId, status: u16, is_change: bool, at: Millis) {
        let hour = Hour { counts: Counts::of(status, is_change), heard: Some(at), last: at };
        self.add(endpoint, at / HOUR, hour);
    }

    pub(super) fn denied(&self, endpoint: &EndpointId, times: i64, at: Millis) {
        let counts = Counts { denied: times, ..Counts::default() };
        self.add(endpoint, at / HOUR, Hour { counts, heard: None, last: at });
    }

    pub(super) fn add(&self, endpoint: &EndpointId, number: i64, hour: Hour) {
        let mut table = self.table();
        // Not `entry`: that would take an id of its own for every request.
        let Some(hours) = table.get_mut(endpoint) else {
            table.insert(endpoint.clone(), vec![(number, hour)]);
            return;
        };
        match hours.iter_mut().find(|(known, _)| *known == number) {
            Some((_, known)) => known.add(hour),
            None => hours.push((number, hour)),
        }
    }

    pub(super) fn take(&self) -> HashMap<(EndpointId, i64), Hour> {
        let taken = std::mem::take(&mut *self.table());
        taken
            .into_iter()
            .flat_map(|(id, hours)| hours.into_iter().map(move |(number, hour)| ((id.clone(), number), hour)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, HOUR, Hours};
    use crate::endpoints::EndpointId;

    #[test]
    fn answers_are_told_apart() {
        let of = |status, change| Counts::of(status, change);
        assert_eq!(of(204, true), Counts { requests: 1, changes: 1, ..Counts::default() });
        assert_eq!(of(200, false), Counts { requests: 1, ..Counts::default() });
        assert_eq!(of(409, true), Counts { requests: 1, refused: 1, ..Counts::default() });
        assert_eq!(of(429, true), Counts { requests: 1, limited: 1, ..Counts::default() });
        assert_eq!(of(503, true), Counts { requests: 1, failed: 1, ..Counts::default() });
    }

    #[test]
    fn the_share_of_errors_is_rounded_and_never_hides_one() {
        let share = |requests, refused| Counts { requests, refused, ..Counts::default() }.error_percent();
        assert_eq!((share(0, 0), share(1000, 1), share(3, 1), share(4, 4)), (0, 1, 33, 100));
        assert_eq!(Counts { denied: 5, ..Counts::default() }.error_percent(), 100);
    }

    #[test]
    fn hours_are_kept_apart_and_given_away_once() {
        let (hours, id) = (Hours::default(), EndpointId("a".into()));
        hours.answered(&id, 200, false, 10);
        hours.answered(&id, 404, false, 20);
        hours.denied(&id, 3, 30);
        hours.answered(&id, 201, true, HOUR);
        let taken = hours.take();
        let first = taken.get(&(id, 0)).copied().unwrap_or_default();
        assert_eq!(first.counts, Counts { requests: 2, refused: 1, denied: 3, ..Counts::default() });
        assert_eq!((first.heard, first.last), (Some(20), 30));
        assert_eq!(taken.len(), 2);
        assert!(hours.take().is_empty());
    }
}
