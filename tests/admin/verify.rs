//! Verify in a browser, and the guide of every provider on the three pages that show it.

use endpoint_store::settings::Idp;

use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::scim::text;

async fn signed_in(browser: &mut Browser, app: &App) {
    browser.goto(&format!("http://{}/admin/sign-in", app.address())).await;
    browser.fill("name", "olivia").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.wait_for_text("Sign out").await;
}

#[tokio::test]
async fn from_the_button_to_the_reason() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    signed_in(&mut browser, &app).await;
    let slug = app.fresh_endpoint("entra").await.slug;
    browser.goto(&format!("http://{}/admin/endpoints/{slug}/connect", app.address())).await;
    browser.click("Verify").await;
    browser.wait_for_text("Not verified yet").await;
    browser.shot("verify-01-none").await;
    browser.click("Verify now").await;
    browser.wait_for_text("Passed. All").await;
    browser.shot("verify-02-passed").await;
    browser.click("Test Connection: looks up a user under a random name").await;
    browser.wait_for_text("status 200").await;
    browser.shot("verify-03-step").await;

    app.program(&["endpoint", "set", &slug, "dialect.boolean-text=off", "group-patch=200"]).await.done();
    browser.click("Verify again").await;
    browser.wait_for_text("Failed.").await;
    browser.wait_for_text("needs the tolerance “boolean-text”, which is switched off here").await;
    browser.wait_for_text("status 204 was expected, 200 came").await;
    browser.shot("verify-04-failed").await;
    browser.click("All reports").await;
    browser.wait_for_text("The last 20 are kept").await;
    let rows = "return document.querySelectorAll('tbody tr').length";
    assert_eq!(browser.script(rows).await, serde_json::json!(2));
    browser.shot("verify-05-list").await;
    browser.assert_clean();
    app.stop().await;
}

/// Connect, the page of a rotation and the page of a guest carry the guide of the endpoint's provider.
#[tokio::test]
async fn the_guide_of_every_provider() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    signed_in(&mut browser, &app).await;
    for idp in Idp::ALL {
        let (name, endpoint) = (idp.as_str(), app.fresh_endpoint(idp.as_str()).await);
        let page = format!("http://{}/admin/endpoints/{}", app.address(), endpoint.slug);
        browser.goto(&format!("{page}/connect")).await;
        let title = if idp == Idp::Generic { "your identity provider" } else { idp.label() };
        browser.wait_for_text(&format!("Set it up in {title}")).await;
        browser.wait_for_text("Good to know").await;
        let url = format!("http://{}/scim/{}/v2", app.address(), endpoint.slug);
        assert_eq!(browser.text_of("#given-url").await, url);
        browser.shot(&format!("guide-{name}-connect")).await;

        app.program(&["token", "rotate", &endpoint.slug, "--json"]).await.done();
        browser.goto(&format!("{page}/tokens/{}/rotate", endpoint.token_id)).await;
        browser.wait_for_text("What you can do").await;
        browser.shot(&format!("guide-{name}-rotation")).await;

        let link = app.program(&["endpoint", "guest-link", &endpoint.slug, "--json"]).await.json();
        // The command does not know at which port this server listens.
        let link = text(&link["url"]);
        let path = &link[link.find("/guest/").expect("a path")..];
        browser.goto(&format!("http://{}{path}", app.address())).await;
        browser.click("Open").await;
        browser.wait_for_text(&format!("Set it up in {title}")).await;
        browser.shot(&format!("guide-{name}-guest")).await;
    }
    browser.assert_clean();
    app.stop().await;
}
