//! The walk of an operator, step 3 to 6, over SCIM, with the vault behind: in OneLogin's order.

use std::time::Duration;

use serde_json::json;

use super::{add, listed, settled, until};
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::scim::{text, user};
use crate::support::vault::Vault;

both! {
    async fn from_approval_to_removal(app: &App) {
        let vault = Vault::start().await;
        vault.world().group("Vault operators");
        let endpoint = app.fresh_endpoint("onelogin").await;
        let scim = app.scim(&endpoint);
        let target = add(app, &vault, &endpoint, &[]);
        assert_eq!(app.program(&["target", "test", &endpoint.slug, "--json"]).await.json()["ok"], true);
        app.program(&["target", "import", &endpoint.slug]).await.done();
        // 3. Robert is approved: he is found here, and there.
        let robert = text(&scim.post("/Users", &user("robertt")).await.expect(201).json()["id"]);
        assert_eq!(scim.find("Users", "userName eq \"robertt\"").await.len(), 1);
        until(&vault, "robertt", |world| world.named("robertt").is_some_and(|one| one.enabled)).await;
        // 4. His name is changed.
        let rename = json!([
            {"op": "replace", "path": "userName", "value": "robertty"},
            {"op": "replace", "path": "displayName", "value": "robertty"},
        ]);
        scim.patch(&format!("/Users/{robert}"), rename).await.expect(200);
        until(&vault, "robertty", |world| world.named("robertt").is_some_and(|one| one.display == "robertty")).await;
        settled(app, &endpoint).await;
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        let page = console.visit(&format!("/admin/endpoints/{}/users/{robert}", endpoint.slug)).await;
        let said = page.text();
        assert!(said.contains("Signs in as robertt") && said.contains("login name cannot be changed there"), "{said}");
        // 5. The group that came from there is listed, and he is put into it.
        let shown = scim.find("Groups", "displayName eq \"Vault operators\"").await;
        assert_eq!(shown.len(), 1, "listed to OneLogin");
        let join = json!([{"op": "add", "path": "members", "value": [{"value": robert}]}]);
        scim.patch(&format!("/Groups/{}", text(&shown[0]["id"])), join).await;
        until(&vault, "his membership", |world| world.members("Vault operators") == ["robertt"]).await;
        let his = scim.get(&format!("/Users/{robert}")).await.expect(200).json();
        assert_eq!(his["groups"][0]["display"], "Vault operators", "{his}");
        // 6. He is removed: gone here, disabled there, and out of the group.
        scim.delete(&format!("/Users/{robert}")).await.expect(204);
        until(&vault, "his end", |world| !world.named("robertt").unwrap().enabled && world.members("Vault operators").is_empty()).await;
        settled(app, &endpoint).await;
        // The clock has run, and stands.
        let page = console.visit(&format!("/admin/endpoints/{}/targets", endpoint.slug)).await;
        let said = page.text();
        assert!(said.contains("Deactivations 1") && said.contains("Works"), "{said}");
        assert!(!page.html().contains(crate::support::vault::PASSWORD));
        let secrets = vault.world().passwords.clone();
        for (file, bytes) in app.database().dump() {
            for secret in secrets.iter().map(String::as_str).chain([crate::support::vault::PASSWORD]) {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "a password in {file}");
            }
        }
        assert!(!target.is_empty());
    }

    async fn the_page_adds_asks_and_removes(app: &App) {
        let vault = Vault::start().await;
        vault.world().group("From there");
        let endpoint = app.fresh_endpoint("generic").await;
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        let at = format!("/admin/endpoints/{}/targets", endpoint.slug);
        let page = console.visit(&at).await;
        let form = || page.form_with("allow_http").with("kind", "secret-server").with("url", &vault.url())
            .with("username", "scimapp").with("secret", crate::support::vault::PASSWORD);
        // Without the word for it, http is refused beside its field, and the password does not come back.
        let refused = console.submit(&page, &form()).await;
        assert_eq!(refused.answer.status, 422, "{}", refused.answer);
        assert!(refused.text().contains("use https") && !refused.html().contains(crate::support::vault::PASSWORD));
        let added = console.submit(&page, &form().with("allow_http", "yes")).await;
        assert!(added.text().contains("The target is added"), "{}", added.text());
        let target = text(&listed(app, &endpoint).await["id"]);
        let tested = console.visit(&format!("{at}?test={target}")).await;
        assert!(tested.text().contains("signed in as scimapp"), "{}", tested.text());
        let plan = console.visit(&format!("{at}?plan={target}")).await;
        assert!(plan.text().contains("From there"), "{}", plan.text());
        let asked = console.submit(&added, &added.form_with(&format!("{target}/import"))).await;
        assert!(asked.text().contains("taken over now"), "{}", asked.text());
        let scim = app.scim(&endpoint);
        let begun = std::time::Instant::now();
        while scim.find("Groups", "displayName eq \"From there\"").await.is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(20), "no import");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let page = console.visit(&at).await;
        let form = page.form_with(&format!("{target}/remove"));
        let refused = console.submit(&page, &form).await;
        assert!(refused.text().contains("that is not its address"), "{}", refused.text());
        let url = text(&listed(app, &endpoint).await["url"]);
        let gone = console.submit(&page, &form.with("confirm", &url)).await;
        assert!(gone.text().contains("The target is removed"), "{}", gone.text());
    }
}
