//! A QR code as inline SVG: nothing is fetched, and no style is set in the page.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;
use qrcodegen::{QrCode, QrCodeEcc};

/// The white frame that readers need, in modules.
const QUIET: i32 = 4;

/// A code, drawn black on white whatever the theme.
pub(crate) struct Qr(QrCode);

impl Qr {
    /// The code of a text; `None` when it is too long for one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        QrCode::encode_text(text, QrCodeEcc::Medium).ok().map(Self)
    }
}

impl fmt::Display for Qr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, whole) = (self.0.size(), self.0.size() + 2 * QUIET);
        let mut path = String::new();
        for y in 0..size {
            for x in (0..size).filter(|x| self.0.get_module(*x, y)) {
                write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET)?;
            }
        }
        write!(
            f,
            r##"<svg class="qr" width="232" height="232" viewBox="0 0 {whole} {whole}" role="img" aria-label="QR code for an authenticator app" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{whole}v{whole}H0z"/><path fill="#000" d="{path}"/></svg>"##
        )
    }
}

/// Digits and fixed words only.
impl HtmlSafe for Qr {}

#[cfg(test)]
mod tests {
    use super::Qr;

    #[test]
    fn a_code_is_drawn_and_what_does_not_fit_is_not() {
        let svg = Qr::of("otpauth://totp/a?secret=<b>").map(|qr| qr.to_string()).unwrap_or_default();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("<b>"), "{svg}");
        assert!(!svg.contains("style="));
        assert!(Qr::of(&"x".repeat(5000)).is_none());
    }
}
