//! An authenticator app: it reads the key from the page and computes codes by itself (RFC 6238).

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::support::console::{Console, Page};
use crate::support::html::tags;

/// The app with the key of one account.
#[derive(Clone)]
pub(crate) struct Authenticator {
    key: Vec<u8>,
    /// The key as it is typed.
    pub(crate) text: String,
}

impl Authenticator {
    /// With the key that a page shows.
    pub(crate) fn of(text: &str) -> Self {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let key = BASE32_NOPAD.decode(text.as_bytes()).expect("the key is base32");
        assert_eq!(key.len(), 20, "160 bits");
        Self { key, text }
    }

    fn on(page: &Page) -> Self {
        let html = page.html();
        assert!(tags(&html).iter().any(|tag| tag.name == "svg" && tag.attribute("class") == Some("qr")));
        let (_, rest) = html.split_once("id=\"totp-secret\">").unwrap_or_else(|| panic!("{}", page.answer));
        Self::of(rest.split('<').next().unwrap())
    }

    /// The key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The code at a time in milliseconds.
    pub(crate) fn code(&self, now: i64) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.key).unwrap();
        mac.update(&(now / 30_000).to_be_bytes());
        let hash = mac.finalize().into_bytes();
        let at = usize::from(hash[19] & 15);
        let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

/// Sets up a second factor for whoever is signed in; gives the app and the page with the recovery codes.
pub(crate) async fn enrol(console: &mut Console, now: i64) -> (Authenticator, Page) {
    let account = console.visit("/admin/account").await;
    let page = console.submit(&account, &account.form_with("Set up a second factor")).await;
    assert_eq!(page.answer.status, 200, "{}", page.answer);
    let app = Authenticator::on(&page);
    let codes = console.submit(&page, &page.form_with("Turn it on").with("code", &app.code(now))).await;
    assert_eq!(codes.answer.status, 200, "{}", codes.answer);
    (app, codes)
}

/// The recovery codes that a page shows.
pub(crate) fn recovery_codes(page: &Page) -> Vec<String> {
    let code = regex_lite::Regex::new("<code>([a-z2-7]{4}(-[a-z2-7]{4}){3})</code>").unwrap();
    let codes: Vec<_> = code.captures_iter(&page.html()).map(|found| found[1].to_owned()).collect();
    assert_eq!(codes.len(), 10, "{}", page.answer);
    codes
}
