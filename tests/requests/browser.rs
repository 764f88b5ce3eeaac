//! From the list to the reason of a refusal, as somebody at two in the morning reads it.

use super::logged;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::scim::user;

#[tokio::test]
async fn a_refusal_is_read_from_the_list_to_its_reason() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    let scim = app.scim(&app.furniture().onelogin);
    logged(&app, &scim.get("/Users").await.expect(200)).await;
    let url = |path: &str| format!("http://{}{path}", app.address());
    browser.goto(&url("/admin/sign-in")).await;
    browser.fill("name", &app.furniture().owner).await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.wait_for_text("Overview").await;
    browser.goto(&url(&format!("/admin/endpoints/{}/connect", app.furniture().onelogin.slug))).await;
    browser.click("Requests").await;
    browser.wait_for_text("List users").await;
    // What comes while the page is open appears by itself.
    scim.user("robertt").await;
    scim.post("/Users", &user("robertt")).await.expect(409);
    browser.wait_for_text("userName is taken").await;
    browser.shot("requests-live").await;
    browser.fill("q", "robertt").await;
    browser.click("Filter").await;
    browser.wait_for_text("userName is taken").await;
    browser.click("Create user “robertt”").await;
    browser.wait_for_text("belongs to “robertt”").await;
    browser.shot("request-read").await;
    browser.assert_clean();
    app.stop().await;
}
