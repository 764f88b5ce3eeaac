//! What a command says: aligned text for people, one JSON document for programs.

use std::io::{ErrorKind, Write};

use endpoint_store::Millis;
use scim_core::token::redact;
use serde_json::Value;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The outcome of a command that was carried out, told in both ways.
#[derive(Debug)]
pub struct Answer {
    /// For `--json`.
    pub json: Value,
    /// For people; without a line end.
    pub text: String,
}

impl Answer {
    /// Writes one of the two.
    ///
    /// # Errors
    /// When it cannot be written; a reader that has gone away, such as `head`, is none.
    pub fn write(&self, json: bool, out: &mut impl Write) -> std::io::Result<()> {
        let written = if json {
            serde_json::to_writer_pretty(&mut *out, &self.json)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out))
        } else {
            writeln!(out, "{}", self.text)
        };
        match written.and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome,
        }
    }
}

/// A sentence fit for a terminal: one line, no token in it, no error numbers of the operating system.
pub fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (os error ") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    let lines: Vec<&str> = out.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    redact(&clean(&lines.join("; ")))
}

/// Why the operating system refused.
pub fn reason(error: &std::io::Error) -> String {
    plain(&error.to_string())
}

/// Text from outside without control characters, which could move the cursor or change what was printed before.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// A moment for programs: RFC 3339, UTC, or null.
pub fn time(at: Option<Millis>) -> Value {
    at.map(scim_core::time::format).into()
}

/// A moment for people: `2026-11-24T00:16:00Z (3 minutes ago)`; a dash for none.
pub fn moment(at: Option<Millis>, now: Millis) -> String {
    at.map_or_else(
        || "–".to_owned(),
        |at| {
            let exact = scim_core::time::format(at);
            // Milliseconds matter to programs only.
            format!("{}Z ({})", exact.get(..19).unwrap_or(&exact), distance(at, now))
        },
    )
}

/// How far a moment is from now, in the unit that fits.
pub fn distance(at: Millis, now: Millis) -> String {
    let away = at.saturating_sub(now);
    // Rounded to the nearest, so that 12 hours are still 12 hours a second later.
    let rounded = |unit: i64| away.saturating_abs().saturating_add(unit / 2) / unit;
    let length = match () {
        () if rounded(SECOND) == 0 => return "just now".to_owned(),
        () if rounded(SECOND) < 60 => count(rounded(SECOND), "second"),
        () if rounded(MINUTE) < 60 => count(rounded(MINUTE), "minute"),
        () if rounded(HOUR) < 48 => count(rounded(HOUR), "hour"),
        () => count(rounded(DAY), "day"),
    };
    if away > 0 { format!("in {length}") } else { format!("{length} ago") }
}

/// `1 user`, `2 users`.
pub fn count(n: i64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Columns under their headings, each as wide as its widest cell.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(headings.map(str::to_owned))
        .chain(rows.iter().map(|row| row.clone().map(|cell| clean(&cell))))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Names and values, one pair a line, values aligned.
pub fn fields(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name:<width$}  {}", clean(value))).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_479_360_000;

    #[test]
    fn moments_are_exact_and_relative() {
        assert_eq!(moment(Some(NOW - 3 * MINUTE), NOW), "2026-11-24T00:13:00Z (3 minutes ago)");
        assert_eq!(moment(None, NOW), "–");
        assert_eq!(distance(NOW, NOW), "just now");
        assert_eq!(distance(NOW - 1400, NOW), "1 second ago");
        assert_eq!(distance(NOW + 12 * HOUR - 1, NOW), "in 12 hours");
        assert_eq!(distance(NOW - 59 * MINUTE - 59_000, NOW), "1 hour ago");
        assert_eq!(distance(NOW + 47 * HOUR, NOW), "in 47 hours");
        assert_eq!(distance(NOW + 365 * DAY, NOW), "in 365 days");
        assert_eq!(time(Some(NOW)), json!("2026-11-24T00:16:00.000Z"));
        assert_eq!(time(None), json!(null));
    }

    #[test]
    fn sentences_are_one_plain_line() {
        assert_eq!(
            plain("cannot open x: Permission denied (os error 13); try again"),
            "cannot open x: Permission denied; try again"
        );
        assert_eq!(plain("first\n\tsecond\n"), "first; second");
        let token = format!("scim_{}_{}", "a".repeat(12), "b".repeat(49));
        assert_eq!(plain(&format!("no token `{token}`; look")), "no token `scim_…`; look");
        assert_eq!(plain(&format!("x{token}")), "xscim_…");
        assert_eq!(plain(&format!("scim_{}", "b".repeat(40))), "scim_…");
        assert_eq!(
            plain("info,scim_server=debug in scim_production.db"),
            "info,scim_server=debug in scim_production.db"
        );
        assert_eq!(plain("a\u{1b}[2Jb"), "a\u{FFFD}[2Jb");
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [["zürich".to_owned(), "1".to_owned()], ["b".to_owned(), "a\nb".to_owned()]];
        assert_eq!(table(["NAME", "N"], &rows), "NAME    N\nzürich  1\nb       a\u{FFFD}b");
        assert_eq!(fields(&[("Id", "1".into()), ("Name", "x".into())]), "Id    1\nName  x");
    }

    #[test]
    fn a_reader_that_has_gone_away_is_no_failure() {
        struct Gone(ErrorKind);
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let answer = Answer { json: json!({"a": 1}), text: "a".into() };
        for json in [true, false] {
            assert!(answer.write(json, &mut Gone(ErrorKind::BrokenPipe)).is_ok());
            assert!(answer.write(json, &mut Gone(ErrorKind::StorageFull)).is_err());
        }
        let mut out = Vec::new();
        answer.write(true, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\n  \"a\": 1\n}\n");
    }
}
