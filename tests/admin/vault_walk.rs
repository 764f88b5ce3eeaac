//! The same walk with Secret Server behind it: OneLogin says what happens, and it happens there, too.

use serde_json::json;

use super::walk::{ONELOGIN, ONELOGIN_REFRESH, USERS, Walk};
use crate::idp::player::Player;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::scim::Scim;
use crate::support::vault::{ACCOUNT, PASSWORD, Vault};
use crate::vault::until;

const GROUP: &str = "Vault Keepers";

#[tokio::test]
async fn from_approval_to_removal_with_secret_server_behind() {
    let Some(browser) = Browser::start().await else { return };
    let app = App::new(Backend::Sqlite).await.expect("SQLite is always there");
    let vault = Vault::start().await;
    vault.world().group(GROUP);
    let mut walk = Walk { app, browser };

    walk.become_owner().await;
    walk.create_endpoint().await;
    let scim = walk.copy_both_values().await;
    walk.adds_secret_server(&vault).await;
    let mut onelogin = Player::new(ONELOGIN, scim.address, &scim.base, &scim.token);
    let page = walk.approved_he_is_there(&mut onelogin, &vault).await;
    walk.renamed_he_is_renamed_there(&mut onelogin, &scim, &vault, &page).await;
    walk.the_group_from_there_is_his(&onelogin, &scim, &vault, &page).await;
    walk.removed_he_is_disabled_there(&mut onelogin, &vault).await;

    walk.browser.assert_clean();
    walk.app.stop().await;
}

impl Walk {
    /// The form, the test of the connection, and the import of what is there.
    async fn adds_secret_server(&mut self, vault: &Vault) {
        let browser = &mut self.browser;
        browser.click("Targets").await;
        browser.wait_for_text("Nothing stands behind this endpoint yet").await;
        browser.fill("url", &vault.url()).await;
        browser.fill("username", ACCOUNT).await;
        browser.fill("secret", PASSWORD).await;
        browser.click("Take an http:// address").await;
        browser.click("Add target").await;
        browser.wait_for_text("The target is added").await;
        browser.click("Test connection").await;
        browser.wait_for_text(&format!("signed in as {ACCOUNT}")).await;
        browser.shot("vault-walk-01-tested").await;
        browser.click("Import what is there").await;
        browser.wait_for_text("taken over now").await;
    }

    /// Gives back the address of his page.
    async fn approved_he_is_there(&mut self, onelogin: &mut Player, vault: &Vault) -> String {
        onelogin.play_through("create_user").await;
        until(vault, "robertt", |world| world.named("robertt").is_some_and(|one| one.enabled)).await;
        let user = onelogin.variables.get("user_id").expect("he was created");
        let page = format!("http://{}{USERS}/{user}", self.app.address());
        self.browser.goto(&page).await;
        self.browser.wait_for_text("Signs in as robertt").await;
        page
    }

    /// His login name stays what it was there, and the page says so; the rest of him follows.
    async fn renamed_he_is_renamed_there(
        &mut self,
        onelogin: &mut Player,
        scim: &Scim,
        vault: &Vault,
        page: &str,
    ) {
        onelogin.play_through("rename_user").await;
        let user = onelogin.variables.get("user_id").expect("he was created").to_owned();
        let shown = json!([{"op": "replace", "path": "displayName", "value": "robertty"}]);
        scim.patch(&format!("/Users/{user}"), shown).await.expect(200);
        until(vault, "robertty", |world| world.named("robertt").is_some_and(|one| one.display == "robertty"))
            .await;
        self.browser.goto(page).await;
        self.browser.wait_for_text("login name cannot be changed there").await;
        self.browser.shot("vault-walk-02-renamed").await;
    }

    /// OneLogin lists the group that came from there, and puts him in.
    async fn the_group_from_there_is_his(
        &mut self,
        onelogin: &Player,
        scim: &Scim,
        vault: &Vault,
        page: &str,
    ) {
        let user = onelogin.variables.get("user_id").expect("he was created").to_owned();
        let listed = format!("displayName eq \"{GROUP}\"");
        let begun = std::time::Instant::now();
        while scim.find("Groups", &listed).await.is_empty() {
            assert!(begun.elapsed() < std::time::Duration::from_secs(30), "the group is never taken over");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let mut refresh = Player::new(ONELOGIN_REFRESH, scim.address, &scim.base, &scim.token);
        refresh.variables.set("user_id", &user);
        refresh.variables.set("group_name", GROUP);
        refresh.variables.set("group_name_encoded", GROUP.replace(' ', "+"));
        refresh.play().await;
        until(vault, "his membership", |world| world.members(GROUP) == ["robertt"]).await;
        self.browser.goto(page).await;
        let groups = self.browser.text_of("section[aria-labelledby='groups']").await;
        assert!(groups.contains("Groups for user") && groups.contains(GROUP), "{groups}");
        self.browser.shot("vault-walk-03-group").await;
    }

    async fn removed_he_is_disabled_there(&mut self, onelogin: &mut Player, vault: &Vault) {
        onelogin.play().await;
        until(vault, "his end", |world| {
            world.named("robertt").is_some_and(|one| !one.enabled) && world.members(GROUP).is_empty()
        })
        .await;
        let targets = format!("http://{}/admin/endpoints/acme-onelogin/targets", self.app.address());
        self.browser.goto(&targets).await;
        self.browser.wait_for_text("Deactivations").await;
        self.browser.shot("vault-walk-04-disabled").await;
    }
}
