//! How the syncs of an endpoint are doing: when it was last heard, how often it usually is, whether it has gone silent, and
//! how much of what it asks goes wrong.
//!
//! Counted is by the hour (`usage/hours.rs`). What follows from the counts stands in one row for each endpoint, which is
//! judged anew when counts are written and every half hour: lists sort and search by these rows, and count nothing.

mod judge;
mod rhythm;

use std::collections::HashMap;

use diesel::prelude::*;

use crate::conn::Conn;
use crate::endpoints::{Endpoint, EndpointId, Status};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoint_health, endpoint_hours};
use crate::usage::{Counts, HOUR};

pub use judge::{Alarm, announce, due, forget_hours, is_untold, judge_due};
pub(crate) use judge::{judge, refresh};

/// Errors that are needed, and their least share in percent, to call an endpoint failing.
const FAILING: (i64, i64) = (10, 20);

/// What was concluded about an endpoint's traffic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = endpoint_health)]
pub struct Health {
    /// The last request with a good token.
    pub last_heard: Option<Millis>,
    /// The usual longest time between two hours with traffic, quiet days not counted.
    pub usual: Option<Millis>,
    /// How long a silence is nothing special; `None` when silence is never an alarm.
    pub patience: Option<Millis>,
    /// When it counts as silent if nothing comes.
    pub silent_at: Option<Millis>,
    /// Since when too much of what it asks goes wrong.
    pub failing_since: Option<Millis>,
    /// Requests of the last 24 hours, also those that were turned away.
    pub asked: i64,
    /// Those of them that went wrong.
    pub refused: i64,
}

/// What an endpoint's traffic says, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Nothing has come for much longer than usual.
    Silent,
    /// Too much of what comes goes wrong.
    Failing,
    /// It works as usual.
    Fine,
    /// Nothing has come yet.
    Unheard,
    /// It is paused or switched off: nothing is expected.
    Closed,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Silent, Self::Failing, Self::Fine, Self::Unheard, Self::Closed];

    /// The word of the command line, the API and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Failing => "failing",
            Self::Fine => "fine",
            Self::Unheard => "unheard",
            Self::Closed => "closed",
        }
    }
}

impl Health {
    /// What it says now of an endpoint in this state.
    pub fn condition(&self, status: Status, now: Millis) -> Condition {
        if status != Status::Active {
            Condition::Closed
        } else if self.silent_at.is_some_and(|at| at <= now) {
            Condition::Silent
        } else if self.failing_since.is_some() {
            Condition::Failing
        } else if self.last_heard.is_none() {
            Condition::Unheard
        } else {
            Condition::Fine
        }
    }
}

/// The health of several endpoints, by id.
pub(crate) fn of_all(conn: &mut Conn, ids: &[String]) -> Result<HashMap<String, Health>, StoreError> {
    let rows: Vec<(String, Health)> = endpoint_health::table
        .filter(endpoint_health::endpoint_id.eq_any(ids))
        .select((endpoint_health::endpoint_id, Health::as_select()))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// One hour of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourOf {
    /// When it began.
    pub from: Millis,
    /// What was answered in it.
    pub counts: Counts,
}

/// All that is known about an endpoint's traffic.
#[derive(Debug, Clone)]
pub struct Report {
    /// What follows from it.
    pub health: Health,
    /// What that says.
    pub condition: Condition,
    /// This hour and the one before it.
    pub hour: Counts,
    /// This hour and the 23 before it.
    pub day: Counts,
    /// The same one by one, the oldest first.
    pub hours: Vec<HourOf>,
}

/// The health of one endpoint, with its last day.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn report(conn: &mut Conn, endpoint: &Endpoint, now: Millis) -> Result<Report, StoreError> {
    let ids = [endpoint.id.as_str().to_owned()];
    let health = of_all(conn, &ids)?.remove(endpoint.id.as_str()).unwrap_or_default();
    let hours = days(conn, &ids, now)?.remove(endpoint.id.as_str());
    let hours = hours.unwrap_or_else(|| empty_day(now));
    let sum = |some: &[HourOf]| {
        some.iter().fold(Counts::default(), |mut sum, hour| {
            sum += hour.counts;
            sum
        })
    };
    let hour = sum(hours.get(hours.len().saturating_sub(2)..).unwrap_or_default());
    let condition = health.condition(endpoint.status, now);
    Ok(Report { condition, health, hour, day: sum(&hours), hours })
}

fn empty_day(now: Millis) -> Vec<HourOf> {
    let last = now / HOUR;
    (last - 23..=last).map(|hour| HourOf { from: hour * HOUR, counts: Counts::default() }).collect()
}

/// The last 24 hours of several endpoints, the oldest first; an endpoint without any is left out.
pub(crate) fn days(
    conn: &mut Conn,
    ids: &[String],
    now: Millis,
) -> Result<HashMap<String, Vec<HourOf>>, StoreError> {
    let first = now / HOUR - 23;
    let mut days: HashMap<String, Vec<HourOf>> = HashMap::new();
    for (id, hour, counts) in hours_between(conn, ids, first, now / HOUR)? {
        let day = days.entry(id).or_insert_with(|| empty_day(now));
        let place = usize::try_from(hour - first).ok().and_then(|at| day.get_mut(at));
        if let Some(place) = place {
            place.counts = counts;
        }
    }
    Ok(days)
}

/// What the hours from the first to the last of some endpoints have in them.
pub(crate) fn hours_between(
    conn: &mut Conn,
    ids: &[String],
    first: i64,
    last: i64,
) -> Result<Vec<(String, i64, Counts)>, StoreError> {
    type Row = (String, i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = endpoint_hours::table
        .filter(endpoint_hours::endpoint_id.eq_any(ids))
        .filter(endpoint_hours::hour.between(first, last))
        .order((endpoint_hours::endpoint_id, endpoint_hours::hour))
        .select((
            endpoint_hours::endpoint_id,
            endpoint_hours::hour,
            endpoint_hours::requests,
            endpoint_hours::changes,
            endpoint_hours::refused,
            endpoint_hours::denied,
            endpoint_hours::limited,
            endpoint_hours::failed,
        ))
        .load(conn)?;
    let read = |(id, hour, requests, changes, refused, denied, limited, failed)| {
        (id, hour, Counts { requests, changes, refused, denied, limited, failed })
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Makes the row of a new endpoint.
pub(crate) fn begin(conn: &mut Conn, id: &EndpointId) -> Result<(), StoreError> {
    diesel::insert_into(endpoint_health::table)
        .values(endpoint_health::endpoint_id.eq(id.as_str()))
        .execute(conn)?;
    Ok(())
}
