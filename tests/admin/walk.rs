//! From the set-up link to the last sign-out: what an operator does in the console while OneLogin does its part.

use serde_json::json;

use crate::idp::player::Player;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::scim::Scim;

pub(super) const ONELOGIN: &str = include_str!("../fixtures/idp/onelogin-our-template.json");
pub(super) const ONELOGIN_REFRESH: &str = include_str!("../fixtures/idp/onelogin-console-group.json");
const OWNER: &str = "olivia";
const CONNECT: &str = "/admin/endpoints/acme-onelogin/connect";
pub(super) const USERS: &str = "/admin/endpoints/acme-onelogin/users";

/// A server nobody has used, and somebody in front of it.
pub(super) struct Walk {
    pub(super) app: App,
    pub(super) browser: Browser,
}

#[tokio::test]
async fn from_the_set_up_link_to_the_last_sign_out() {
    let Some(browser) = Browser::start().await else { return };
    let app = App::new(Backend::Sqlite).await.expect("SQLite is always there");
    let mut walk = Walk { app, browser };

    walk.become_owner().await;
    walk.create_endpoint().await;
    let scim = walk.copy_both_values().await;
    walk.reload_shows_no_token(&scim.token).await;
    walk.failed_attempts_are_explained(&scim).await;
    let mut onelogin = Player::new(ONELOGIN, scim.address, &scim.base, &scim.token);
    walk.checklist_ticks(&mut onelogin).await;
    walk.finds_the_user(&mut onelogin).await;
    walk.console_group_is_assigned(&onelogin, &scim).await;
    walk.removed_user_is_gone(&mut onelogin).await;
    let second = scim.with_token(&walk.issue_a_second_token().await);
    walk.deleted_user_is_hidden(&second).await;
    walk.revoke_the_first_token(&scim, &second).await;
    walk.sign_out().await;

    walk.browser.assert_clean();
    walk.app.stop().await;
}

impl Walk {
    pub(super) async fn become_owner(&mut self) {
        let link = self.app.setup_link().expect("a new server has a set-up link").to_owned();
        self.browser.goto(&link).await;
        self.browser.wait_for_text("Create the first owner").await;
        self.browser.shot("walk-01-set-up").await;
        self.browser.fill("name", OWNER).await;
        self.browser.fill("password", PASSWORD).await;
        self.browser.wait_for_text("30 characters").await;
        self.browser.fill("again", "another password").await;
        self.browser.click("Create owner and sign in").await;
        self.browser.wait_for("#again-error").await;
        self.browser.shot("walk-02-set-up-refused").await;
        self.browser.fill("password", PASSWORD).await;
        self.browser.fill("again", PASSWORD).await;
        self.browser.click("Create owner and sign in").await;
        self.browser.wait_for_text("You are the owner of this console").await;
        self.browser.shot("walk-03-nothing-yet").await;
    }

    pub(super) async fn create_endpoint(&mut self) {
        let browser = &mut self.browser;
        browser.click("Create your first endpoint").await;
        browser.wait_for_text("Identity provider").await;
        browser.click("OneLogin").await;
        browser.fill("name", "Acme — OneLogin!").await;
        browser.wait_for_text(&format!("http://{}/scim/acme-onelogin/v2", self.app.address())).await;
        browser.fill("tenant", "Acme Ltd").await;
        browser.shot("walk-04-new-endpoint").await;
        browser.fill("name", "Acme OneLogin").await;
        assert_eq!(browser.text_of("#slug").await, "acme-onelogin");
        browser.click("Create endpoint").await;
        browser.wait_for_text("shown this once").await;
    }

    /// Presses both copy buttons; they put on the clipboard what stands beside them, and say what that is.
    pub(super) async fn copy_both_values(&mut self) -> Scim {
        let browser = &mut self.browser;
        assert_eq!(browser.path().await, CONNECT, "a reload shall not send the form again");
        let mut values = Vec::new();
        for (id, what) in [("base-url", "SCIM Base URL"), ("secret", "SCIM Bearer Token")] {
            let button = format!("[data-copy='{id}']");
            assert_eq!(browser.text_of(&button).await, "Copy");
            browser.wait_for(&button).await.click().await.expect("the button takes clicks");
            browser.wait_until(SPOKEN, &json!(format!("{what} copied"))).await;
            let value = browser.text_of(&format!("#{id}")).await;
            assert_eq!(browser.copied().await, value);
            values.push(value);
        }
        browser.wait_until(TICKED, &json!(0)).await;
        browser.shot("walk-05-connect").await;
        let [url, token] = values.try_into().expect("two values");
        let base = url.strip_prefix(&format!("http://{}", self.app.address())).expect("an address of ours");
        assert_eq!(base, "/scim/acme-onelogin/v2");
        assert!(token.starts_with("scim_"), "a token of ours");
        Scim { address: self.app.address(), base: base.to_owned(), token }
    }

    async fn reload_shows_no_token(&mut self, token: &str) {
        let browser = &mut self.browser;
        browser.client.refresh().await.expect("the page loads again");
        browser.wait_for_text("Shown once, on").await;
        browser.wait_for_text("Issue another if it is lost").await;
        assert_eq!(browser.path().await, CONNECT);
        let source = browser.client.source().await.expect("the page has a source");
        assert!(!source.contains(token), "the token is on the page again");
        // Going back shows no older copy of the page either.
        browser.client.back().await.expect("there is a page before");
        let source = browser.client.source().await.expect("the page has a source");
        assert!(!source.contains(token), "the token is in the history");
        browser.goto(&format!("http://{}{CONNECT}", self.app.address())).await;
    }

    /// What goes wrong at first is explained on the open page, each cause with its own way out.
    async fn failed_attempts_are_explained(&mut self, scim: &Scim) {
        self.stay().await;
        let other = self.app.fresh_endpoint("okta").await;
        let probe = scim.request("GET", "/Users?filter=userName+eq+%22x%22&");
        let cut = scim.with_token(&scim.token[..scim.token.len() - 3]);
        let attempts = [
            (
                probe.clone().header("Authorization", &scim.token),
                "The token “First token” came without the word “Bearer”",
            ),
            (probe.clone().bearer(&cut.token), "is cut off or mistyped"),
            (probe.clone().bearer(&other.token), "The token of the endpoint “Fresh okta” came"),
            (probe.without_header("Authorization"), "A call came without a token"),
        ];
        for (request, explanation) in attempts {
            scim.send(&request).await.expect(401);
            self.browser.wait_for_text(explanation).await;
        }
        assert_eq!(self.ticked().await, json!(0), "a failed attempt ticks nothing");
        self.browser.shot("walk-06-failed-attempts").await;
        self.has_stayed().await;
    }

    /// The page stays open from the first call to the first change.
    async fn checklist_ticks(&mut self, onelogin: &mut Player) {
        self.stay().await;
        let steps = ["connect_test", "create_user", "create_group", "add_member"];
        for (done, step) in steps.into_iter().enumerate() {
            onelogin.play_through(step).await;
            self.browser.wait_until(TICKED, &json!(done + 1)).await;
        }
        self.has_stayed().await;
        let said = "return document.querySelector('[data-say]').dataset.say";
        let said = self.browser.script(said).await;
        assert!(said.as_str().unwrap_or_default().starts_with("4 of 4 done"), "{said}");
        self.browser.shot("walk-07-all-ticked").await;
    }

    async fn finds_the_user(&mut self, onelogin: &mut Player) {
        let browser = &mut self.browser;
        browser.click("Users").await;
        browser.fill("q", "nobody").await;
        browser.click("Search").await;
        browser.wait_for_text("No user matches “nobody”").await;
        browser.fill("q", "robertt").await;
        browser.click("Search").await;
        browser.wait_for_text("1 user").await;
        browser.shot("walk-08-found").await;
        browser.click("robertt").await;
        browser.wait_for_text("robert.tail@example.com").await;

        onelogin.play_through("rename_user").await;
        browser.client.refresh().await.expect("the page loads again");
        browser.wait_for_text("User name changed").await;
        let change = browser.text_of(".history > li").await;
        for part in ["was robertt", "now robertty", "token “First token” ("] {
            assert!(change.contains(part), "{part:?} in {change:?}");
        }
        browser.wait_for_text("Added to the group “Vault Operators”").await;
        browser.shot("walk-09-renamed").await;
    }

    /// A group that the application knows is made here; OneLogin lists it and puts him in.
    async fn console_group_is_assigned(&mut self, onelogin: &Player, scim: &Scim) {
        let user = onelogin.variables.get("user_id").expect("he was created").to_owned();
        let browser = &mut self.browser;
        browser.click("Groups").await;
        browser.fill("name", "Night Shift").await;
        browser.click("Create group").await;
        browser.wait_for_text("The group is there").await;
        browser.shot("walk-10-group-made").await;

        let mut refresh = Player::new(ONELOGIN_REFRESH, scim.address, &scim.base, &scim.token);
        refresh.variables.set("user_id", &user);
        refresh.play().await;
        browser.goto(&format!("http://{}{USERS}/{user}", self.app.address())).await;
        let groups = browser.text_of("section[aria-labelledby='groups']").await;
        assert!(groups.contains("Groups for user") && groups.contains("Night Shift"), "{groups}");
        browser.shot("walk-11-groups-for-user").await;
        browser.click("Night Shift").await;
        browser.wait_for_text("1 member added: robertty").await;
        browser.wait_for_text("olivia in the console").await;
        browser.shot("walk-12-group").await;
    }

    /// With the policy that every endpoint begins with, a delete removes him for good; the address of his page says so.
    async fn removed_user_is_gone(&mut self, onelogin: &mut Player) {
        let user = onelogin.variables.get("user_id").expect("he was created").to_owned();
        onelogin.play().await;
        let browser = &mut self.browser;
        browser.goto(&format!("http://{}{USERS}/{user}", self.app.address())).await;
        browser.wait_for_text("“robertty” was deleted").await;
        browser.wait_for_text("by token “First token”").await;
        browser.shot("walk-13-gone").await;
        browser.goto(&format!("http://{}{USERS}?q=robertty", self.app.address())).await;
        browser.wait_for_text("No user matches “robertty”").await;
    }

    async fn issue_a_second_token(&mut self) -> String {
        let browser = &mut self.browser;
        browser.click("Tokens").await;
        browser.fill("label", "from June").await;
        browser.click("Issue token").await;
        browser.wait_for_text("shown this once").await;
        browser.shot("walk-14-second-token").await;
        let token = browser.text_of("#secret").await;
        browser.click("I have stored it").await;
        browser.wait_for_text("2 of 5").await;
        let source = browser.client.source().await.expect("the page has a source");
        assert!(!source.contains(&token), "the token is on the page again");
        token
    }

    /// With the other policy he stays, with his history, and OneLogin sees nothing of him.
    async fn deleted_user_is_hidden(&mut self, scim: &Scim) {
        self.browser.click("Settings").await;
        self.browser.click("Deactivate the user and hide it from SCIM").await;
        self.browser.shot("walk-15-settings").await;
        self.browser.click("Save settings").await;
        self.browser.wait_for_text("The settings are saved and in force").await;

        let mut again = Player::new(ONELOGIN, scim.address, &scim.base, &scim.token);
        again.variables.set("group_name", "Vault Auditors");
        again.variables.set("group_name_encoded", "Vault+Auditors");
        again.play().await;
        self.browser.click("Users").await;
        self.browser.wait_for_text("Deleted, hidden").await;
        self.browser.shot("walk-16-hidden").await;
        self.browser.click("robertty").await;
        self.browser.wait_for_text("OneLogin deleted this user").await;
        let change = self.browser.text_of(".history > li").await;
        assert!(change.contains("deactivated and hidden from SCIM"), "{change}");
        assert!(change.contains("token “from June” ("), "{change}");
        self.browser.shot("walk-17-hidden-user").await;
    }

    /// A token in use asks for its label first; from the next call on it is dead, and the other one is not.
    async fn revoke_the_first_token(&mut self, first: &Scim, second: &Scim) {
        let browser = &mut self.browser;
        browser.click("Tokens").await;
        browser.shot("walk-18-two-tokens").await;
        browser.click("Revoke First token").await;
        browser.wait_for_text("It is in use").await;
        browser.fill("confirm", "Second token").await;
        browser.click("Revoke token").await;
        browser.wait_for("#confirm-error").await;
        first.get("/Users?").await.expect(200);
        browser.shot("walk-19-busy-token").await;
        browser.fill("confirm", "First token").await;
        browser.click("Revoke token").await;
        browser.wait_for_text("The token is revoked").await;
        first.get("/Users?").await.expect(401);
        second.get("/Users?").await.expect(200);
        browser.shot("walk-20-revoked").await;
        browser.click("Connect").await;
        browser.wait_for_text("The token “First token” was revoked and is still in use").await;
    }

    async fn sign_out(&mut self) {
        let browser = &mut self.browser;
        browser.click("Sign out").await;
        browser.wait_for_text("Sign in").await;
        browser.shot("walk-21-signed-out").await;
        browser.goto(&format!("http://{}{USERS}", self.app.address())).await;
        browser.wait_for("[type='password']").await;
        assert_eq!(browser.path().await, "/admin/sign-in");
        browser.client.back().await.expect("there is a page before");
        let text = browser.text().await;
        assert!(!text.contains("First token"), "a page from before the sign-out: {text}");
    }

    /// Marks the page, so that a reload would be noticed.
    async fn stay(&self) {
        self.browser.script("window.stayed = true").await;
    }

    async fn has_stayed(&self) {
        assert_eq!(
            self.browser.script("return window.stayed").await,
            json!(true),
            "the page was loaded again"
        );
    }

    async fn ticked(&self) -> serde_json::Value {
        self.browser.script(TICKED).await
    }
}

/// How many steps of the checklist are done.
const TICKED: &str = "return document.querySelectorAll('.check li.done').length";

/// What the page's own live region says.
const SPOKEN: &str = "return document.querySelector('body > .sr[role=status]').textContent";
