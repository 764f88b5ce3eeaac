//! The end of a token is announced: 60, 30, 14, 7 days before it, and on the last one.

use diesel::prelude::*;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoints, token_rotations, tokens};
use crate::writer::Tx;

const DAY: Millis = 24 * 3_600_000;
/// Days before the end at which a warning is given, the nearest first.
pub const WARNINGS: [i64; 5] = [1, 7, 14, 30, 60];
/// Warnings that one write gives.
const PORTION: usize = 100;

/// The warning that holds for a live token: in at most so many days it ends. A token that was not made to live for
/// longer than that gives no reason to warn yet, except on its last day.
pub fn warning(created_at: Millis, expires_at: Millis, now: Millis) -> Option<i64> {
    let left = expires_at - now;
    let days = WARNINGS.into_iter().find(|days| left <= days * DAY).filter(|_| left > 0)?;
    (days == 1 || expires_at - created_at > days * DAY).then_some(days)
}

/// A token that ends soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Slug of its endpoint.
    pub endpoint: String,
    /// Its public id.
    pub token_id: String,
    /// Its label.
    pub label: String,
    /// It ends within so many days.
    pub days: i64,
    /// When it ends.
    pub expires_at: Millis,
}

/// The warnings that were not given yet.
pub fn due(conn: &mut Conn, now: Millis) -> Result<Vec<Warning>, StoreError> {
    type Row = (String, String, String, Millis, Option<Millis>, Option<i64>);
    let rows: Vec<Row> = tokens::table
        .inner_join(endpoints::table.on(endpoints::id.eq(tokens::endpoint_id)))
        .left_join(token_rotations::table)
        .filter(tokens::revoked_at.is_null())
        .filter(tokens::expires_at.gt(now))
        .filter(tokens::expires_at.le(now + 60 * DAY))
        .filter(endpoints::deleted_at.is_null())
        // One that is being replaced needs no other reminder.
        .filter(token_rotations::began_at.nullable().is_null())
        .order(tokens::expires_at)
        .select((
            endpoints::slug,
            tokens::id,
            tokens::label,
            tokens::created_at,
            tokens::expires_at,
            tokens::warned_days,
        ))
        .load(conn)?;
    let due = rows.into_iter().filter_map(|(endpoint, token_id, label, created_at, expires_at, warned)| {
        let expires_at = expires_at?;
        let days = warning(created_at, expires_at, now)?;
        warned.is_none_or(|before| before > days).then_some(Warning {
            endpoint,
            token_id,
            label,
            days,
            expires_at,
        })
    });
    Ok(due.collect())
}

/// Marks a part of them as given, and hands them over to be given once this is committed; whether there are more.
pub fn give(tx: &mut Tx<'_>, now: Millis) -> Result<(Vec<Warning>, bool), StoreError> {
    let mut due = due(tx, now)?;
    let more = due.len() > PORTION;
    due.truncate(PORTION);
    for warning in &due {
        diesel::update(tokens::table.filter(tokens::id.eq(&warning.token_id)))
            .set(tokens::warned_days.eq(Some(warning.days)))
            .execute(&mut **tx)?;
    }
    Ok((due, more))
}

#[cfg(test)]
mod tests {
    use super::{DAY, warning};

    #[test]
    fn the_nearest_warning_holds() {
        let of_year = |left: i64| warning(0, 365 * DAY, 365 * DAY - left);
        for (left, expected) in [
            (61 * DAY, None),
            (60 * DAY, Some(60)),
            (31 * DAY, Some(60)),
            (30 * DAY, Some(30)),
            (14 * DAY + 1, Some(30)),
            (8 * DAY, Some(14)),
            (7 * DAY, Some(7)),
            (1, Some(1)),
            (0, None),
            (-DAY, None),
        ] {
            assert_eq!(of_year(left), expected, "{left}");
        }
        // A month is all that this one was given.
        assert_eq!(warning(0, 30 * DAY, 1), None);
        assert_eq!(warning(0, 30 * DAY, 17 * DAY), Some(14));
        assert_eq!(warning(0, DAY / 2, 1), Some(1));
    }
}
