//! After how much silence somebody should look.

use serde::{Deserialize, Serialize};

/// Durations that can be set, up to 366 days, as a regular expression; longer ways to write one of them are read, too.
pub(super) const PATTERN: &str =
    "^([1-9][0-9]{0,4}m|[1-9][0-9]{0,2}h|([1-9][0-9]?|[12][0-9]{2}|3[0-5][0-9]|36[0-6])d)$";

/// When silence is an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Silence {
    /// When it lasts three times as long as is usual, and two hours at least.
    #[default]
    Auto,
    /// Never: nobody waits for this endpoint.
    Never,
    /// When it lasts for so many minutes.
    After(u32),
}

impl Silence {
    /// The longest that can be set, in minutes: a year.
    const MOST: u32 = 366 * 24 * 60;

    /// `auto`, `never`, or a duration such as `90m`, `12h`, `3d`.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = |unit: char| match unit {
            'm' => Some(1),
            'h' => Some(60),
            'd' => Some(24 * 60),
            _ => None,
        };
        match text {
            "auto" => Some(Self::Auto),
            "never" => Some(Self::Never),
            _ => {
                let last = text.chars().last()?;
                let number: u32 = text.strip_suffix(last)?.parse().ok()?;
                let minutes = number.checked_mul(unit(last)?)?;
                (1..=Self::MOST).contains(&minutes).then_some(Self::After(minutes))
            }
        }
    }
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Never => f.write_str("never"),
            Self::After(minutes) if minutes % (24 * 60) == 0 => write!(f, "{}d", minutes / (24 * 60)),
            Self::After(minutes) if minutes % 60 == 0 => write!(f, "{}h", minutes / 60),
            Self::After(minutes) => write!(f, "{minutes}m"),
        }
    }
}
