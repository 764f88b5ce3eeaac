//! Others like an endpoint, an endpoint as a file, and the way out of the bin, in the console.

use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::scim::Scim;

#[tokio::test]
async fn an_endpoint_is_copied_exported_imported_deleted_and_brought_back() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    let url = |path: &str| format!("http://{}{path}", app.address());
    browser.goto(&url("/admin/sign-in")).await;
    browser.fill("name", "olivia").await;
    browser.fill("password", PASSWORD).await;
    browser.click("Sign in").await;
    browser.wait_for_text("Sign out").await;

    browser.goto(&url("/admin/endpoints/generic/settings")).await;
    browser.fill("copy_name", "—").await;
    browser.click("Create another like it").await;
    browser.wait_for("#copy_name-error").await;
    browser.shot("copies-01-no-name").await;
    browser.fill("copy_name", "Staging").await;
    browser.click("Create another like it").await;
    browser.wait_for_text("shown this once").await;
    let token = browser.text_of("#secret").await;
    let scim = Scim { address: app.address(), base: "/scim/staging/v2".into(), token };
    scim.user("robertt").await;

    // The file, as the link gives it, makes a third.
    let fetch = "const done = arguments[0]; fetch('/admin/endpoints/staging/export').then(async answer => \
                 done([answer.headers.get('content-disposition'), await answer.text()]))";
    let file = browser.client.execute_async(fetch, Vec::new()).await.expect("a page may fetch its own");
    assert_eq!(file[0], "attachment; filename=\"staging.endpoint.json\"");
    let file = file[1].as_str().expect("a text").to_owned();
    assert!(!file.contains("robertt") && file.contains("scim-endpoint/1"), "{file}");
    browser.goto(&url("/admin/endpoints/new")).await;
    browser.click("From an exported file").await;
    browser.fill("document", &file.replace("scim-endpoint/1", "scim-endpoint/9")).await;
    browser.click("Create from the file").await;
    browser.wait_for("#document-error").await;
    browser.shot("copies-02-refused").await;
    browser.fill("document", &file).await;
    browser.fill("import_name", "Third").await;
    browser.click("Create from the file").await;
    browser.wait_for_text("shown this once").await;
    assert_eq!(browser.path().await, "/admin/endpoints/third/connect");

    browser.goto(&url("/admin/endpoints/staging/settings")).await;
    browser.fill("confirm", "Staging").await;
    browser.click("Delete endpoint").await;
    browser.wait_for_text("The endpoint is in the bin").await;
    scim.get("/Users").await.expect(401);
    browser.goto(&url("/admin/endpoints/staging/settings")).await;
    browser.wait_for_text("/admin/bin").await;
    browser.shot("copies-03-in-the-bin").await;
    browser.goto(&url("/admin/bin")).await;
    browser.wait_for_text("Staging").await;
    browser.shot("copies-04-bin").await;
    browser.click("Bring back Staging").await;
    browser.wait_for_text("The endpoint is back").await;
    assert_eq!(scim.get("/Users").await.expect(200).json()["totalResults"], 1);
    browser.goto(&url("/admin/bin")).await;
    browser.wait_for_text("The bin is empty").await;
    browser.assert_clean();
    app.stop().await;
}
