//! From counts to conclusions: judged when counts are written, learned anew every half hour, announced once.

use diesel::prelude::*;

use super::rhythm::{self, Rhythm};
use super::{FAILING, hours_between};
use crate::conn::Conn;
use crate::endpoints::{Endpoint, EndpointId, Status, find};
use crate::error::StoreError;
use crate::ids::Millis;
use crate::observations;
use crate::schema::{endpoint_health, endpoint_hours, endpoints};
use crate::settings::Silence;
use crate::usage::{Counts, HOUR};
use crate::writer::Tx;

/// How long what was learned about the rhythm holds.
const HOLDS: Millis = HOUR / 2;
/// Hours that are kept: 35 days.
const KEPT: i64 = 35 * 24;
/// Endpoints that one write judges, or announces.
const PORTION: i64 = 50;

/// What is judged from, and what comes of it.
#[derive(Queryable, Selectable, AsChangeset)]
#[diesel(table_name = endpoint_health, treat_none_as_null = true)]
struct Row {
    last_heard: Option<i64>,
    usual: Option<i64>,
    quiet_days: i64,
    patience: Option<i64>,
    learned_at: Option<i64>,
    silent_at: Option<i64>,
    asked: i64,
    refused: i64,
    failing_since: Option<i64>,
    stranger: Option<String>,
}

/// Judges an endpoint after it was heard, or after something else was counted.
pub(crate) fn judge(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    heard: Option<Millis>,
    now: Millis,
) -> Result<(), StoreError> {
    let Some(mut row) = load(tx, id)? else { return Ok(()) };
    row.last_heard = row.last_heard.max(heard);
    if row.learned_at.is_none() {
        let endpoint = find(tx, id.as_str())?;
        learn(tx, &mut row, &endpoint, now)?;
    }
    conclude(tx, &mut row, id, now)
}

/// Learns the rhythm anew and judges, as after a change of the settings.
pub(crate) fn refresh(tx: &mut Tx<'_>, endpoint: &Endpoint, now: Millis) -> Result<(), StoreError> {
    let Some(mut row) = load(tx, &endpoint.id)? else { return Ok(()) };
    learn(tx, &mut row, endpoint, now)?;
    conclude(tx, &mut row, &endpoint.id, now)
}

fn load(tx: &mut Tx<'_>, id: &EndpointId) -> Result<Option<Row>, StoreError> {
    let row = endpoint_health::table
        .filter(endpoint_health::endpoint_id.eq(id.as_str()))
        .select(Row::as_select())
        .get_result(&mut **tx)
        .optional()?;
    Ok(row)
}

fn learn(tx: &mut Tx<'_>, row: &mut Row, endpoint: &Endpoint, now: Millis) -> Result<(), StoreError> {
    let hour = now / HOUR;
    let heard: Vec<i64> = endpoint_hours::table
        .filter(endpoint_hours::endpoint_id.eq(endpoint.id.as_str()))
        .filter(endpoint_hours::hour.between(hour - rhythm::WINDOW, hour))
        .filter(endpoint_hours::requests.gt(0))
        .order(endpoint_hours::hour)
        .select(endpoint_hours::hour)
        .load(&mut **tx)?;
    // Once it has been silent for so long that nothing is left to learn from, what was learned stays.
    if heard.len() > 1 || row.learned_at.is_none() {
        let rhythm = Rhythm::learn(&heard, hour);
        (row.usual, row.quiet_days) = (rhythm.usual, rhythm.quiet_days);
        row.patience = Some(rhythm.patience(heard.len().saturating_sub(1)));
    }
    match endpoint.settings.silence {
        Silence::Auto => {
            let rhythm = Rhythm { usual: row.usual, quiet_days: row.quiet_days };
            row.patience = row.patience.or_else(|| Some(rhythm.patience(heard.len().saturating_sub(1))));
        }
        Silence::Never => row.patience = None,
        Silence::After(minutes) => row.patience = Some(i64::from(minutes) * (HOUR / 60)),
    }
    row.learned_at = Some(now);
    Ok(())
}

fn conclude(tx: &mut Tx<'_>, row: &mut Row, id: &EndpointId, now: Millis) -> Result<(), StoreError> {
    row.silent_at = match (row.last_heard, row.patience) {
        (Some(last), Some(patience)) => Some(rhythm::deadline(last, patience, row.quiet_days)),
        _ => None,
    };
    let hour = now / HOUR;
    let hours = hours_between(tx, &[id.as_str().to_owned()], hour - 23, hour)?;
    let sum = |since: i64| {
        hours.iter().filter(|(_, hour, _)| *hour >= since).fold(
            Counts::default(),
            |mut sum, (_, _, counts)| {
                sum += *counts;
                sum
            },
        )
    };
    let (day, lately) = (sum(hour - 23), sum(hour - 1));
    (row.asked, row.refused) = (day.asked(), day.errors());
    row.failing_since = is_failing(&day, &lately).then(|| row.failing_since.unwrap_or(now));
    row.stranger = observations::stranger(tx, id)?.map(|idp| idp.as_str().to_owned());
    diesel::update(endpoint_health::table.filter(endpoint_health::endpoint_id.eq(id.as_str())))
        .set(&*row)
        .execute(&mut **tx)?;
    Ok(())
}

/// Too much goes wrong now; what went wrong today and works by now is over.
fn is_failing(day: &Counts, lately: &Counts) -> bool {
    let (least, percent) = FAILING;
    let is_bad = |some: &Counts| some.errors() >= least && some.errors() * 100 > some.asked() * percent;
    let works_again = lately.asked() > 0 && lately.errors() == 0;
    is_bad(lately) || (is_bad(day) && !works_again)
}

/// Whether there are endpoints that were not judged for half an hour.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn due(conn: &mut Conn, now: Millis) -> Result<bool, StoreError> {
    Ok(!oldest(conn, now, 1)?.is_empty())
}

fn oldest(conn: &mut Conn, now: Millis, limit: i64) -> Result<Vec<String>, StoreError> {
    let unlearned = endpoint_health::learned_at.is_null();
    let old = endpoint_health::learned_at.le(now - HOLDS);
    Ok(endpoint_health::table
        .filter(unlearned.or(old.assume_not_null()))
        .order(endpoint_health::learned_at)
        .limit(limit)
        .select(endpoint_health::endpoint_id)
        .load(conn)?)
}

/// Judges a part of them, and says whether there are more.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn judge_due(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    let some = oldest(tx, now, PORTION)?;
    for id in &some {
        match find(tx, id) {
            Ok(endpoint) => refresh(tx, &endpoint, now)?,
            // One that cannot be read keeps nobody from the others.
            Err(StoreError::Damaged(_)) => {
                diesel::update(endpoint_health::table.filter(endpoint_health::endpoint_id.eq(id)))
                    .set(endpoint_health::learned_at.eq(now))
                    .execute(&mut **tx)?;
            }
            Err(other) => return Err(other),
        }
    }
    Ok(some.len() as i64 == PORTION)
}

/// Something to say in the server's log, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Slug of the endpoint.
    pub endpoint: String,
    /// The last request with a good token.
    pub last_heard: Millis,
    /// The usual longest gap.
    pub usual: Option<Millis>,
    /// Whether it has gone silent; else it is heard again.
    pub silent: bool,
}

/// Marks alarms as given, and hands them over to be given once this is committed; whether there are more. A server that was
/// away itself heard nobody: nothing is called silent before it has listened since `listening` for two hours.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn announce(tx: &mut Tx<'_>, listening: Millis, now: Millis) -> Result<(Vec<Alarm>, bool), StoreError> {
    let mut alarms = Vec::new();
    for silent in [true, false] {
        if silent && now - listening < 2 * HOUR {
            continue;
        }
        alarms.extend(untold(tx, silent, now)?.into_iter().map(|(id, alarm)| (id, alarm, silent)));
    }
    for (id, _, silent) in &alarms {
        diesel::update(endpoint_health::table.filter(endpoint_health::endpoint_id.eq(id)))
            .set(endpoint_health::told_at.eq(silent.then_some(now)))
            .execute(&mut **tx)?;
    }
    let more = alarms.len() as i64 >= PORTION;
    Ok((alarms.into_iter().map(|(_, alarm, _)| alarm).collect(), more))
}

/// Whether there is anything to announce.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn is_untold(conn: &mut Conn, listening: Millis, now: Millis) -> Result<bool, StoreError> {
    let may_warn = now - listening >= 2 * HOUR;
    Ok((may_warn && !untold(conn, true, now)?.is_empty()) || !untold(conn, false, now)?.is_empty())
}

fn untold(conn: &mut Conn, silent: bool, now: Millis) -> Result<Vec<(String, Alarm)>, StoreError> {
    let mut query = endpoint_health::table
        .inner_join(endpoints::table.on(endpoints::id.eq(endpoint_health::endpoint_id)))
        .filter(endpoints::deleted_at.is_null())
        .into_boxed();
    query = if silent {
        query
            .filter(endpoint_health::silent_at.le(now))
            .filter(endpoint_health::told_at.is_null())
            .filter(endpoints::status.eq(Status::Active.as_str()))
    } else {
        query.filter(endpoint_health::told_at.is_not_null()).filter(endpoint_health::silent_at.gt(now))
    };
    let rows: Vec<(String, String, Option<i64>, Option<i64>)> = query
        .order(endpoint_health::silent_at)
        .limit(PORTION)
        .select((endpoints::id, endpoints::slug, endpoint_health::last_heard, endpoint_health::usual))
        .load(conn)?;
    let alarm = |(id, endpoint, last_heard, usual): (String, String, Option<i64>, Option<i64>)| {
        Some((id, Alarm { endpoint, last_heard: last_heard?, usual, silent }))
    };
    Ok(rows.into_iter().filter_map(alarm).collect())
}

/// Forgets the oldest hour that is older than is kept, and says whether there may be another.
///
/// # Errors
/// As [`crate::Store::write`].
pub fn forget_hours(tx: &mut Tx<'_>, now: Millis) -> Result<bool, StoreError> {
    let oldest: Option<i64> =
        endpoint_hours::table.select(diesel::dsl::min(endpoint_hours::hour)).get_result(&mut **tx)?;
    let Some(hour) = oldest.filter(|hour| *hour < now / HOUR - KEPT) else { return Ok(false) };
    diesel::delete(endpoint_hours::table.filter(endpoint_hours::hour.eq(hour))).execute(&mut **tx)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::{Counts, is_failing};

    fn of(requests: i64, refused: i64) -> Counts {
        Counts { requests, refused, ..Counts::default() }
    }

    #[test]
    fn failing_is_many_and_a_large_share() {
        for (day, lately, expected) in [
            (of(0, 0), of(0, 0), false),
            (of(9, 9), of(9, 9), false),
            (of(10, 10), of(10, 10), true),
            (of(50, 10), of(50, 10), false),
            (of(49, 10), of(49, 10), true),
            // One bad hour of a good day.
            (of(10_000, 40), of(60, 40), true),
            // It works again.
            (of(100, 90), of(10, 0), false),
            // Nothing came since.
            (of(100, 90), of(0, 0), true),
            (of(100, 90), of(10, 1), true),
        ] {
            assert_eq!(is_failing(&day, &lately), expected, "{day:?} {lately:?}");
        }
        let denied = Counts { denied: 12, ..Counts::default() };
        assert!(is_failing(&denied, &denied));
    }
}
