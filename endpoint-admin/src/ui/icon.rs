//! The icons: 16 × 16 outlines in the colour of the text beside them, hidden from screen
//! readers because a word always stands next to them.

use std::fmt;

use askama::filters::HtmlSafe;

/// One icon as inline SVG.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Icon(&'static str);

/// The icon of that name; an unknown name is an empty square, which no page should show.
pub(crate) fn icon(name: &str) -> Icon {
    Icon(match name {
        "mark" => {
            r#"<path d="M2.5 8a5.5 5.5 0 0 1 9.4-3.9M13.5 8a5.5 5.5 0 0 1-9.4 3.9"/><circle cx="8" cy="8" r="1.75" fill="currentColor"/>"#
        }
        "check" => r#"<circle cx="8" cy="8" r="6.25"/><path d="m5.25 8.25 2 2 3.5-4.25"/>"#,
        "ring" => r#"<circle cx="8" cy="8" r="6.25"/>"#,
        "now" => {
            r#"<circle cx="8" cy="8" r="6.25"/><circle cx="8" cy="8" r="2.5" fill="currentColor" stroke="none"/>"#
        }
        "pause" => r#"<circle cx="8" cy="8" r="6.25"/><path d="M6.5 5.75v4.5M9.5 5.75v4.5"/>"#,
        "stop" => r#"<circle cx="8" cy="8" r="6.25"/><path d="m3.75 3.75 8.5 8.5"/>"#,
        "warn" => r#"<path d="M8 2.25 14.25 13.25H1.75Z"/><path d="M8 6.5v3.25M8 11.5v.25"/>"#,
        "cross" => r#"<circle cx="8" cy="8" r="6.25"/><path d="m5.75 5.75 4.5 4.5m0-4.5-4.5 4.5"/>"#,
        "new" => r#"<circle cx="8" cy="8" r="6.25"/><path d="M8 5.25v5.5M5.25 8h5.5"/>"#,
        "clock" => r#"<circle cx="8" cy="8" r="6.25"/><path d="M8 4.5V8l2.25 1.5"/>"#,
        "key" => r#"<circle cx="5" cy="11" r="2.75"/><path d="m7 9 6.25-6.25M10.5 5.5l2 2"/>"#,
        "info" => r#"<circle cx="8" cy="8" r="6.25"/><path d="M8 7.25v3.75M8 5v.25"/>"#,
        "up" => r#"<path d="m4.5 9.75 3.5-3.5 3.5 3.5"/>"#,
        "down" => r#"<path d="m4.5 6.25 3.5 3.5 3.5-3.5"/>"#,
        "sort" => r#"<path d="m5 6.25 3-3 3 3M5 9.75l3 3 3-3"/>"#,
        "hidden" => r#"<path d="M2 8s2.25-4 6-4 6 4 6 4-2.25 4-6 4-6-4-6-4Z"/><path d="m3 13 10-10"/>"#,
        _ => r#"<rect x="2" y="2" width="12" height="12"/>"#,
    })
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"<svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{}</svg>"#,
            self.0
        )
    }
}

impl HtmlSafe for Icon {}
