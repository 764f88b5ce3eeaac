//! What operators and guests are given once: links, the key of an app, recovery codes, sessions.

use super::{MISTYPED, Scene, Secret};
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::program::run;
use crate::support::totp::{enrol, recovery_codes};

impl Scene {
    /// A link for an operator, one for a guest, a second factor with recovery codes; each used, each shown where it belongs.
    pub(super) async fn people(&mut self) {
        let page = self.console.visit("/admin/operators").await;
        let form = page.form_with("Create operator").with("name", "ilse").with("role", "operator");
        let shown = self.console.submit(&page, &form).await.html();
        let code = after(&shown, "/setup/");
        let mut ilse = Console::new(self.tap.address);
        let page = ilse.visit(&format!("/setup/{code}")).await;
        let form = page.form_with("password").with("password", PASSWORD).with("again", PASSWORD);
        assert_eq!(ilse.submit(&page, &form).await.path, "/admin/?done=set-up");
        // The page with the link, and the form behind it.
        self.secrets.push(Secret::new("an operator's link", &code, 2, 0));

        let (app, codes) = enrol(&mut ilse, now()).await;
        let recovery = recovery_codes(&codes);
        let spaced: Vec<String> =
            app.text.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
        self.secrets.push(Secret::new("the key of an app, as it is shown", &spaced.join(" "), 1, 0));
        self.secrets.push(Secret::new("the key of an app", &app.text, 0, 0));
        self.secrets.push(Secret::bytes("the bytes of an app's key", app.key()));
        for (at, code) in recovery.iter().enumerate() {
            self.secrets.push(Secret::new(&format!("recovery code {at}"), code, 1, 0));
            self.secrets.push(Secret::new(
                &format!("recovery code {at} without hyphens"),
                &code.replace('-', ""),
                0,
                0,
            ));
        }
        let mut again = Console::new(self.tap.address);
        let asked = again.sign_in("ilse", PASSWORD).await;
        let step = asked.form_with("name=\"code\"");
        let secret = step.fields.iter().find(|field| field.name == "step").unwrap().value.clone();
        let refused = again.submit(&asked, &step.clone().with("code", MISTYPED)).await;
        assert_eq!(refused.answer.status, 422);
        assert_eq!(
            again.submit(&asked, &step.with("code", &recovery[0])).await.path,
            "/admin/account?done=recovery"
        );
        self.secrets.push(Secret::new("the key of a sign-in's second step", &secret, 2, 0));

        let page = self.console.visit("/admin/endpoints/onelogin/guest-links").await;
        let form = page.form_with("Make a link").with("may_issue", "1");
        let shown = self.console.submit(&page, &form).await.html();
        let code = after(&shown, "/guest/open/");
        let mut guest = Console::new(self.tap.address);
        let door = guest.visit(&format!("/guest/open/{code}")).await;
        let inside = guest.submit(&door, &door.form_with("Open in this browser")).await;
        assert_eq!(inside.path, "/guest/");
        guest.visit(&format!("/guest/open/{code}")).await;
        self.secrets.push(Secret::new("a guest's link", &code, 2, 0));
        let cookie = guest.cookies.values().next().unwrap().clone();
        self.secrets.push(Secret::new("a guest's session", &cookie, 1, 0));
        let issued = guest.submit(&inside, &inside.form_with("Issue and show")).await;
        let token = regex_lite::Regex::new("scim_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}").unwrap();
        let token = token.find(&issued.html()).expect("the token").as_str().to_owned();
        self.secrets.push(Secret::token("a guest's token", &token, 1));
        self.console.visit("/admin/endpoints/onelogin/guest-links").await;
        self.console.visit("/admin/operators").await;
        for path in ["/admin/audit", "/admin/audit/file?format=ndjson", "/admin/endpoints/onelogin/export"] {
            assert_eq!(self.console.visit(path).await.answer.status, 200, "{path}");
        }
        for options in [
            &["operator", "list"][..],
            &["endpoint", "guest-links", "onelogin"],
            &["endpoint", "export", "onelogin"],
        ] {
            let all = [options, &["--database", &self.database.url]].concat();
            let said = run(self.database.folder.path(), &all).done().stdout;
            for secret in &self.secrets {
                assert!(!secret.is_in(said.as_bytes()), "{} in {options:?}: {said}", secret.what);
            }
        }
    }

    /// A backup of all that, searched like the database.
    pub(super) fn backup(&self) -> Vec<String> {
        let file = self.database.folder.path().join("all.scim");
        let name = file.to_str().unwrap();
        run(self.database.folder.path(), &["backup", name, "--database", &self.database.url]).done();
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.len() > 10_000);
        let found = self.secrets.iter().filter(|secret| secret.is_in(&bytes));
        let found = found.map(|secret| format!("{} in the backup", secret.what)).collect();
        std::fs::remove_file(file).unwrap();
        found
    }
}

/// The 32 characters behind a piece of an address.
fn after(html: &str, piece: &str) -> String {
    let at = html.find(piece).unwrap_or_else(|| panic!("no {piece}: {html}")) + piece.len();
    html[at..at + 32].to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the device has a clock of its own")]
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    i64::try_from(now).unwrap()
}
