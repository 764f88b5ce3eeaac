//! Every page of the console in a browser: wide and narrow, light and dark, with and without its scripts.

use serde_json::json;

use crate::admin::furnished::Furnished;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::browser::Browser;
use crate::support::furniture::PASSWORD;
use crate::support::http::Request;
use crate::support::scim::USER;

/// Opens all that is folded, and says how much that was.
const UNFOLD: &str = "const all = document.querySelectorAll('details:not([open])'); \
                      for (const one of all) one.open = true; return all.length";

#[tokio::test]
async fn every_page_is_whole_at_both_widths_and_in_both_themes() {
    let Some(mut browser) = Browser::start().await else { return };
    let furnished = Furnished::new().await;
    browser.goto(&furnished.url("/admin/sign-in")).await;
    browser.shot("sign-in").await;
    browser.fill("name", "olivia").await;
    browser.fill("password", "not her password").await;
    browser.click("Sign in").await;
    browser.wait_for("[role='alert']").await;
    browser.shot("sign-in-refused").await;
    furnished.sign_in(&mut browser).await;
    for page in furnished.pages() {
        browser.goto(&furnished.url(&page.path)).await;
        browser.shot(page.name).await;
        if browser.script(UNFOLD).await != json!(0) {
            browser.shot(&format!("{}-unfolded", page.name)).await;
        }
    }
    browser.assert_clean();
    furnished.app.stop().await;
}

/// A form that comes back says what is wrong beside the field, and keeps what was typed.
#[tokio::test]
async fn forms_that_are_refused_say_so_at_their_fields() {
    let Some(mut browser) = Browser::start().await else { return };
    let furnished = Furnished::new().await;
    furnished.sign_in(&mut browser).await;
    let endpoint = format!("/admin/endpoints/{}", furnished.app.furniture().onelogin.slug);
    let forms = [
        ("/admin/endpoints/new".to_owned(), "name", "—", "Create endpoint"),
        (format!("{endpoint}/tokens"), "label", "", "Issue token"),
        (format!("{endpoint}/groups"), "name", "", "Create group"),
        (furnished.path_of("group"), "member", "nobody-has-this-name", "Add member"),
        (furnished.path_of("group"), "name", "Nobody yet", "Rename"),
        (format!("{endpoint}/schema"), "definitions", "{", "Save schema"),
        (format!("{endpoint}/webhooks"), "url", "ftp://hooks.example.com", "Add webhook"),
        (furnished.path_of("webhook"), "confirm", "another label", "Remove webhook"),
        (furnished.path_of("group-delete"), "confirm", "another name", "Delete group"),
        (format!("{endpoint}/settings"), "confirm", "another name", "Delete endpoint"),
    ];
    for (number, (path, field, value, button)) in forms.iter().enumerate() {
        browser.goto(&furnished.url(path)).await;
        browser.fill(field, value).await;
        browser.click(button).await;
        browser.wait_for(&format!("#{field}-error")).await;
        // A confirmation is typed anew each time: that is what it is for.
        let kept_value = if *field == "confirm" { "" } else { value };
        let kept = browser.wait_for(&format!("[name='{field}']")).await.prop("value").await;
        assert_eq!(kept.expect("a field has a value").as_deref(), Some(kept_value), "{path}");
        let invalid = browser.wait_for(&format!("[name='{field}']")).await.attr("aria-invalid").await;
        assert_eq!(invalid.expect("a field can be asked").as_deref(), Some("true"), "{path}");
        browser.shot(&format!("refused-{}", number + 1)).await;
    }
    browser.assert_clean();
    furnished.app.stop().await;
}

/// What scripts add is copying and live ticks; all else is there without them.
#[tokio::test]
async fn without_scripts_nothing_is_missing() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::new(Backend::Sqlite).await.expect("SQLite is always there");
    browser.without_scripts();
    browser.goto(app.setup_link().expect("a new server has a set-up link")).await;
    let enhanced = "return document.documentElement.classList.contains('js')";
    assert_eq!(browser.script(enhanced).await, json!(false), "scripts run all the same");
    browser.fill("name", "olivia").await;
    browser.fill("password", PASSWORD).await;
    browser.fill("again", PASSWORD).await;
    browser.click("Create owner and sign in").await;
    browser.click("Create your first endpoint").await;
    browser.click("OneLogin").await;
    browser.fill("name", "Acme OneLogin").await;
    browser.click("Create endpoint").await;
    browser.wait_for_text("shown this once").await;
    browser.shot("without-scripts-connect").await;
    let token = browser.text_of("#secret").await;
    let buttons = "return [...document.querySelectorAll('[data-copy]')].filter(b => b.offsetParent).length";
    assert_eq!(browser.script(buttons).await, json!(0), "no button that does nothing");
    let probe = Request::new("GET", "/scim/acme-onelogin/v2/Users?").bearer(&token);
    app.until(&probe, 200).await;
    browser.click("I have stored it").await;
    browser.wait_for_text("Shown once, on").await;
    browser.reload_until("li.done").await;
    browser.click("Tokens").await;
    browser.fill("label", "a second one").await;
    browser.click("Issue token").await;
    browser.wait_for_text("shown this once").await;
    let second = browser.text_of("#secret").await;
    assert!(second.starts_with("scim_") && second != token, "another token");
    let made = json!({"schemas": [USER], "userName": "robertt", "name": {"givenName": "Robert", "familyName": "Tail"}});
    let create = Request::new("POST", "/scim/acme-onelogin/v2/Users").bearer(&second).json(&made);
    app.until(&create, 201).await;
    browser.click("Users").await;
    browser.fill("q", "tail").await;
    browser.click("Search").await;
    browser.click("robertt").await;
    browser.wait_for_text("Groups for user").await;
    browser.click("Dark").await;
    browser.wait_for("html[data-theme='dark']").await;
    browser.look("without scripts, dark").await;
    browser.click("Sign out").await;
    browser.wait_for("[type='password']").await;
    app.stop().await;

    let furnished = Furnished::new().await;
    furnished.sign_in(&mut browser).await;
    for page in furnished.pages() {
        browser.goto(&furnished.url(&page.path)).await;
        assert_eq!(browser.script(enhanced).await, json!(false), "scripts run all the same");
        browser.look(&format!("{} without scripts", page.name)).await;
    }
    browser.assert_clean();
    furnished.app.stop().await;
}

/// An audit that finds nothing proves something only if it finds what is put there.
#[tokio::test]
async fn the_audit_finds_what_is_wrong() {
    let Some(mut browser) = Browser::start().await else { return };
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    let wrongs = [
        ("m.insertAdjacentHTML('beforeend', '<input>')", "field without a label"),
        ("m.insertAdjacentHTML('beforeend', '<h4>x</h4>')", "heading level jumps from 1 to 4"),
        ("m.insertAdjacentHTML('beforeend', '<h1>x</h1>')", "2 <h1>, wanted 1"),
        ("m.insertAdjacentHTML('beforeend', '<button class=copy></button>')", "without a name"),
        ("m.insertAdjacentHTML('beforeend', '<p id=main>x</p>')", "id main 2 times"),
        ("m.insertAdjacentHTML('beforeend', '<table><tr><th>x</th></tr></table>')", "header without scope"),
        ("m.insertAdjacentHTML('beforeend', '<p>pale</p>'); m.lastChild.style.color = '#ccc'", "contrast 1."),
        ("document.querySelector('button').style.cssText = 'min-height:0;height:10px'", "target of"),
        ("m.style.width = '3000px'; m.style.maxWidth = 'none'", "wider than the window"),
        ("document.title = ''", "no title"),
        ("document.documentElement.lang = ''", "no language"),
        ("console.error('script error')", "script error"),
        (
            "document.body.append(Object.assign(document.createElement('script'), {textContent: '1'}))",
            "Content Security Policy",
        ),
    ];
    let broken = ("m.insertAdjacentHTML('beforeend', '<ul><p>no item</p></ul>')", "axe list");
    for (wrong, sentence) in wrongs.into_iter().chain(browser.has_axe.then_some(broken)) {
        browser.goto(&format!("http://{}/admin/sign-in", app.address())).await;
        browser.look("before").await;
        assert!(browser.faults.is_empty(), "{:?}", browser.faults);
        browser.script(&format!("const m = document.querySelector('main'); {wrong}")).await;
        browser.look("after").await;
        let found = std::mem::take(&mut browser.faults);
        assert!(found.iter().any(|fault| fault.contains(sentence)), "{sentence:?} for {wrong} in {found:#?}");
    }
    app.stop().await;
}
