//! Operators and guests in a browser: a link for a new operator, the password again, a second factor, a guest's link.

use std::time::Duration;

use crate::admin::furnished::Furnished;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::http::Request;
use crate::support::totp::Authenticator;

/// The text of an element without what stands around it.
async fn copied(browser: &mut Browser, id: &str) -> String {
    browser.text_of(&format!("#{id}")).await
}

#[tokio::test]
async fn from_an_invitation_to_a_second_factor() {
    let Some(mut browser) = Browser::start().await else { return };
    let furnished = Furnished::new().await;
    furnished.sign_in(&mut browser).await;
    browser.click("Operators").await;
    browser.fill("name", "ilse").await;
    browser.click("Create operator").await;
    browser.wait_for_text("shown this once").await;
    browser.shot("people-01-invited").await;
    let link = copied(&mut browser, "setup-link").await;

    // What is sensitive asks again after a while, and goes on.
    furnished.app.advance(Duration::from_secs(11 * 60));
    browser.goto(&furnished.url("/admin/operators/ottokar")).await;
    browser.click("Disable account").await;
    browser.wait_for_text("Confirm that it is you").await;
    browser.shot("people-02-confirm").await;
    browser.fill("your_password", "not the password").await;
    browser.click("Confirm and go on").await;
    browser.wait_for("#your_password-error").await;
    browser.shot("people-03-confirm-refused").await;
    browser.fill("your_password", PASSWORD).await;
    browser.click("Confirm and go on").await;
    browser.wait_for_text("The account is disabled").await;
    browser.shot("people-04-disabled").await;
    browser.click("Sign out").await;
    browser.wait_for("[type='password']").await;

    browser.goto(&link).await;
    browser.wait_for_text("Set your password").await;
    browser.shot("people-05-set-up").await;
    browser.fill("password", PASSWORD).await;
    browser.fill("again", PASSWORD).await;
    browser.click("Set password and sign in").await;
    browser.wait_for_text("Your password is set").await;
    browser.click("ilse").await;
    browser.click("Set up a second factor").await;
    browser.wait_for("svg.qr").await;
    browser.shot("people-06-second-factor").await;
    let device = Authenticator::of(&copied(&mut browser, "totp-secret").await);
    browser.fill("code", "12345").await;
    browser.click("Turn it on").await;
    browser.wait_for("#code-error").await;
    browser.shot("people-07-wrong-code").await;
    let device = {
        // The page shows the same key again.
        let again = Authenticator::of(&copied(&mut browser, "totp-secret").await);
        assert_eq!(again.text, device.text);
        again
    };
    browser.fill("code", &device.code(furnished.app.now())).await;
    browser.click("Turn it on").await;
    browser.wait_for_text("Ten codes, shown this once").await;
    browser.shot("people-08-recovery-codes").await;
    browser.click("I have stored them").await;
    browser.wait_for_text("10 recovery codes are left").await;
    browser.shot("people-09-account").await;
    browser.click("Change your password").await;
    browser.click("Sign out").await;

    furnished.app.advance(Duration::from_secs(60));
    browser.fill("name", "ilse").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.wait_for_text("Second factor").await;
    browser.shot("people-10-code").await;
    browser.fill("code", "000000").await;
    browser.click("Sign in").await;
    browser.wait_for("[role='alert']").await;
    browser.shot("people-11-code-refused").await;
    browser.fill("code", &device.code(furnished.app.now())).await;
    browser.click("Sign in").await;
    browser.wait_for_text("Overview").await;
    browser.assert_clean();
    furnished.app.stop().await;
}

#[tokio::test]
async fn a_guest_connects_and_leaves_no_door_open() {
    let Some(mut browser) = Browser::start().await else { return };
    let furnished = Furnished::new().await;
    let slug = furnished.app.furniture().foreign.slug.clone();
    furnished.sign_in(&mut browser).await;
    browser.goto(&furnished.url(&format!("/admin/endpoints/{slug}/connect"))).await;
    browser.click("Set-up links").await;
    browser.click("The guest may issue one token").await;
    browser.click("Make a link").await;
    browser.wait_for_text("shown this once").await;
    browser.shot("guest-01-made").await;
    let link = copied(&mut browser, "guest-link").await;
    browser.click("Sign out").await;
    browser.wait_for("[type='password']").await;

    browser.goto(&link).await;
    browser.wait_for_text("It works once").await;
    browser.shot("guest-02-door").await;
    browser.click("Open in this browser").await;
    browser.wait_for_text("Two values to paste").await;
    browser.shot("guest-03-connect").await;
    browser.click("Issue and show the token").await;
    browser.wait_for_text("shown this once").await;
    browser.shot("guest-04-token").await;
    let token = copied(&mut browser, "secret").await;
    let base = copied(&mut browser, "base-url").await;
    let path =
        base.split_once(&furnished.app.address().to_string()).expect("an address of ours").1.to_owned();
    let probe = Request::new("GET", &format!("{path}/Users")).bearer(&token);
    furnished.app.until(&probe, 200).await;
    browser.click("I have stored it").await;
    browser.wait_for_text("Test call seen").await;
    browser.wait_for("li.done").await;
    let source = browser.client.source().await.expect("the page has a source");
    assert!(!source.contains(&token), "the token is on the page again");
    browser.shot("guest-05-ticked").await;
    browser.goto(&furnished.url("/admin/")).await;
    browser.wait_for("[type='password']").await;
    browser.assert_clean();
    furnished.app.stop().await;
}
