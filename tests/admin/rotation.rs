//! Rotating a token in the console, with and without its scripts.

use std::time::Duration;

use serde_json::json;

use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;

const HOUR: Duration = Duration::from_secs(3600);

async fn begin(browser: &mut Browser, app: &App) {
    browser.goto(&format!("http://{}/admin/sign-in", app.address())).await;
    browser.fill("name", "olivia").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.wait_for_text("Sign out").await;
    browser.goto(&tokens(app)).await;
}

fn tokens(app: &App) -> String {
    format!("http://{}/admin/endpoints/{}/tokens", app.address(), app.furniture().foreign.slug)
}

#[tokio::test]
async fn from_the_button_to_the_buried_token() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    let old = app.scim(&app.furniture().foreign);
    old.get("/Users").await.expect(200);
    begin(&mut browser, &app).await;
    browser.shot("rotation-01-tokens").await;
    browser.click("Rotate first token").await;
    browser.wait_for_text("no call fails").await;
    browser.shot("rotation-02-form").await;
    browser.fill("label", "Winter").await;
    browser.click("Issue the new token").await;
    browser.wait_for_text("shown this once").await;
    browser.wait_for_text("Nobody has used the new token yet").await;
    let secret = browser.text_of("#secret").await;
    browser.shot("rotation-03-issued").await;
    browser.click("I have stored it").await;
    let source = browser.client.source().await.expect("the page has a source");
    assert!(!source.contains(&secret), "the token is on the page again");

    // The open page follows what arrives.
    browser.script("window.stayed = true").await;
    let new = old.with_token(&secret);
    new.get("/Users").await.expect(200);
    browser.wait_for_text("Only the new token is used now").await;
    app.advance(HOUR / 2);
    old.get("/Users?count=1").await.expect(200);
    browser.wait_for_text("The old token was used after the new one").await;
    browser.wait_for_text("1 request since the rotation began:").await;
    assert_eq!(browser.script("return window.stayed").await, json!(true), "the page was loaded again");
    browser.shot("rotation-04-watched").await;

    // In use, it retires now only by its label.
    browser.client.refresh().await.expect("the page loads again");
    browser.fill("confirm", "Winter").await;
    browser.click("Retire the old token now").await;
    // Half an hour after signing in, it has to be said again who one is.
    browser.fill("your_password", PASSWORD).await;
    browser.click("Confirm and go on").await;
    browser.wait_for("#confirm-error").await;
    browser.shot("rotation-05-busy").await;
    old.get("/Users").await.expect(200);
    browser.fill("confirm", "first token").await;
    browser.click("Retire the old token now").await;
    browser.wait_for_text("For 24 hours you can open it again").await;
    old.get("/Users").await.expect(401);
    new.get("/Users").await.expect(200);
    browser.wait_for_text("1 call came with it since, the last just now from 127.0.0.1").await;
    browser.wait_for_text("It was closed before it had been silent for 24 hours").await;
    browser.shot("rotation-06-retired").await;
    browser.click("Open the old token again").await;
    browser.wait_for_text("as if it had not been replaced").await;
    old.get("/Users").await.expect(200);
    browser.assert_clean();
    app.stop().await;
}

#[tokio::test]
async fn without_scripts_it_retires_by_itself() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    browser.without_scripts();
    let old = app.scim(&app.furniture().foreign);
    begin(&mut browser, &app).await;
    browser.click("Rotate first token").await;
    browser.fill("label", "Spare").await;
    browser.click("Issue the new token").await;
    browser.click("I have stored it").await;
    browser.click("Cancel the rotation").await;
    browser.wait_for_text("The rotation is cancelled").await;
    old.get("/Users").await.expect(200);

    browser.click("Rotate first token").await;
    browser.click("Issue the new token").await;
    browser.wait_for_text("shown this once").await;
    let new = old.with_token(&browser.text_of("#secret").await);
    browser.click("I have stored it").await;
    new.get("/Users").await.expect(200);
    // A session lasts twelve hours, the quiet time is longer.
    app.advance(25 * HOUR);
    begin(&mut browser, &app).await;
    // The token of the cancelled rotation is buried there too: only the replaced one has this link.
    browser.reload_until("details a[href$='/rotate']").await;
    browser.click("Retired, revoked and expired").await;
    browser.shot("rotation-07-tokens").await;
    browser.click("How it was replaced").await;
    browser.wait_for_text("nobody has tried it since").await;
    browser.shot("rotation-08-over").await;
    old.get("/Users").await.expect(401);
    browser.assert_clean();
    app.stop().await;
}
