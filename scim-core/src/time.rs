//! Times: milliseconds since 1970 in UTC inside, RFC 3339 text outside (RFC 7643 §2.3.5).

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// `2026-11-24T00:16:00.123Z`: always three digits, always UTC, so that text order is time order.
/// A moment beyond the years that RFC 3339 can write is given as the nearest one it can.
#[must_use]
pub fn format(ms: i64) -> String {
    let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let moment = Timestamp::from_millisecond(ms).unwrap_or(nearest);
    format!("{moment:.3}")
}

/// Reads an RFC 3339 time, with any offset. An `xsd:dateTime` without an offset counts as UTC,
/// a bare date as its midnight. `None` if the text is no time.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    let local: DateTime = text.parse().ok()?;
    let moment = TimeZone::UTC.to_timestamp(local).ok()?;
    Some(moment.as_millisecond())
}
