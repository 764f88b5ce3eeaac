//! Times: milliseconds since 1970 in UTC inside, RFC 3339 text outside (RFC 7643 §2.3.5).

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::fmt::temporal::{DateTimePrinter, Pieces};

/// Milliseconds, always.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// `2026-11-24T00:16:00.123Z`: always three digits, always UTC, so that text order is time order.
/// A moment beyond the years that RFC 3339 can write is given as the nearest one it can.
#[must_use]
pub fn format(ms: i64) -> String {
    let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let moment = Timestamp::from_millisecond(ms).unwrap_or(nearest);
    PRINTER.timestamp_to_string(&moment)
}

/// Reads an RFC 3339 time, with any offset. An `xsd:dateTime` without an offset counts as UTC,
/// a bare date as its midnight. `None` if the text is no time.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment.as_millisecond());
    }
    // The last hours of the year 9999 stand for "never" and are beyond what a `Timestamp` holds.
    let pieces = Pieces::parse(text).ok()?;
    let local = pieces.date().to_datetime(pieces.time().unwrap_or_else(Time::midnight));
    let ahead = pieces.to_numeric_offset().map_or(0, |offset| i64::from(offset.seconds()) * 1000);
    let ms =
        i64::try_from(local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_millis()).ok()?;
    Some(ms - ahead)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_year_that_has_four_digits_is_a_time() {
        let last = parse("9999-12-31T23:59:59.999Z").unwrap();
        assert_eq!(last, 253_402_300_799_999);
        assert_eq!(parse("9999-12-31T23:59:59.999-01:00").unwrap(), last + 3_600_000);
        assert_eq!(parse("9999-12-31T23:59:59.999").unwrap(), last);
        assert_eq!(parse("9999-12-31").unwrap(), last - 86_399_999);
        assert!(parse("0001-01-01T00:00:00Z").unwrap() < parse("1970-01-01").unwrap());
        for text in ["10000-01-01T00:00:00Z", "2024-13-01T00:00:00Z", "24:00", "", "tomorrow"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
