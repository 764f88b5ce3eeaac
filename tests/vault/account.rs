//! How a target is signed in to and served can be changed while it is in use.

use serde_json::json;

use super::{add, listed, settled, until};
use crate::api::Api;
use crate::ops::program_with_input;
use crate::support::both;
use crate::support::furniture::PASSWORD;
use crate::support::scim::user;
use crate::support::vault::Vault;

const NEXT: &str = "Vault-pass-78-not-to-be-found";

both! {
    async fn a_new_password_wakes_what_rested(app: &App) {
        let vault = Vault::start().await;
        let endpoint = app.fresh_endpoint("generic").await;
        let scim = app.scim(&endpoint);
        add(app, &vault, &endpoint, &["--threshold", "1"]);
        scim.post("/Users", &user("ann")).await.expect(201);
        until(&vault, "ann", |world| world.named("ann").is_some()).await;
        settled(app, &endpoint).await;
        // The password of the account changes there, and its tokens end.
        vault.switch(|switches| switches.password = NEXT);
        vault.world().end_tokens();
        scim.post("/Users", &user("bob")).await.expect(201);
        let begun = std::time::Instant::now();
        while listed(app, &endpoint).await["state"] != "resting" {
            assert!(begun.elapsed() < std::time::Duration::from_secs(30), "it goes on with a wrong password");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(vault.world().named("bob").is_none());
        let set = ["target", "set", &endpoint.slug, "--password-stdin", "--threshold", "7", "--json"];
        let changed = program_with_input(app, &set, &format!("{NEXT}\n")).json();
        assert_eq!((&changed["threshold"], &changed["username"]), (&json!(7), &json!("scimapp")), "{changed:#}");
        until(&vault, "bob", |world| world.named("bob").is_some()).await;
        settled(app, &endpoint).await;
        for (file, bytes) in app.database().dump() {
            assert!(!bytes.windows(NEXT.len()).any(|part| part == NEXT.as_bytes()), "the password in {file}");
        }
    }

    async fn the_page_changes_what_the_api_shows(app: &App) {
        let vault = Vault::start().await;
        let endpoint = app.fresh_endpoint("generic").await;
        let target = add(app, &vault, &endpoint, &[]);
        let mut console = app.console();
        console.sign_in(&app.furniture().owner, PASSWORD).await;
        let page = console.visit(&format!("/admin/endpoints/{}/targets/{target}", endpoint.slug)).await;
        let form = || page.form_with("threshold");
        for (field, value, said) in [
            ("threshold", "51", "from 1 to 50"),
            ("threshold", "many", "Write a whole number"),
            ("length", "7", "8 to 128 characters"),
            ("symbols", "ß", "ASCII punctuation marks"),
            ("hours", "x", "Write a whole number"),
            ("username", " ", "needed to sign in there"),
        ] {
            let refused = console.submit(&page, &form().with(field, value)).await;
            assert_eq!(refused.answer.status, 422, "{field}");
            assert!(refused.text().contains(said), "{field}: {}", refused.text());
        }
        let saved = form().with("threshold", "5").with("hours", "24").with("before", "yes").with("domain", "corp");
        let after = console.submit(&page, &saved).await;
        assert!(after.text().contains("The target is changed"), "{}", after.text());
        let at = format!("/endpoints/{}/targets/{target}", endpoint.slug);
        let api = Api::owner(app);
        let shown = api.get(&at).await.expect(200).json();
        assert_eq!(
            [&shown["threshold"], &shown["import_every_hours"], &shown["mode"], &shown["domain"]],
            [&json!(5), &json!(24), &json!("before-answer"), &json!("corp")],
        );
        // And back, by the API; the address stays.
        let back = json!({"import_every_hours": null, "domain": null, "mode": "queued"});
        let shown = api.patch(&at, &back).await.expect(200).json();
        assert_eq!([&shown["import_every_hours"], &shown["domain"], &shown["threshold"]], [&json!(null), &json!(null), &json!(5)]);
        let refused = api.patch(&at, &json!({"url": "https://elsewhere.example"})).await.expect(422).text();
        assert!(refused.contains("url"), "{refused}");
        assert_eq!(api.patch(&at, &json!({})).await.expect(200).json()["threshold"], 5, "nothing is changed");
        let nothing = app.program(&["target", "set", &endpoint.slug]).await;
        assert!(nothing.refused().contains("nothing is changed"), "{}", nothing.refused());
        let audit = api.get("/audit?action=target.change").await.expect(200).json();
        let first = &audit["items"][0];
        assert_eq!((&first["before"]["mode"], &first["after"]["mode"]), (&json!("before-answer"), &json!("queued")), "{audit:#}");
    }
}
