//! Everything by keyboard: from stop to stop with Tab, each of them seen, none left out.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::admin::furnished::Furnished;
use crate::support::browser::Browser;

/// Most stops of one page.
const MOST: usize = 600;

/// Numbers all that should take the focus, and says how many they are. Of a group of radio buttons it is one.
const MARK: &str = r#"
const seen = new Set();
const wanted = [...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex="0"]')]
  .filter(one => !one.disabled && one.checkVisibility({visibilityProperty: true}))
  .filter(one => {
    if (one.type !== 'radio') return true;
    const key = `${one.form && [...document.forms].indexOf(one.form)} ${one.name}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
wanted.forEach((one, at) => {
  if (one.type === 'radio') {
    const same = [...document.querySelectorAll('input[type=radio]')].filter(other => other.name === one.name && other.form === one.form);
    same.forEach(other => { other.dataset.stop = at; });
  } else one.dataset.stop = at;
});
return wanted.length;
"#;

/// What has the focus: its number, what it is, and what is wrong with how it is seen.
const FOCUS: &str = r#"
const one = document.activeElement;
if (!one || one === document.body || one === document.documentElement) return null;
const faults = [];
const ring = (element) => {
  const style = getComputedStyle(element);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
};
if (!ring(one) && !(one.closest('label') && ring(one.closest('label')))) faults.push('it has no ring');
const box = (one.closest('.tile') || one).getBoundingClientRect();
if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) faults.push('it is out of the window');
return [Number(one.dataset.stop ?? -1), one.outerHTML.slice(0, 100), faults.join(', ')];
"#;

/// Walks through a page from its beginning to its end.
async fn walk(browser: &mut Browser, page: &str) {
    let wanted = browser.script(MARK).await.as_u64().expect("a number");
    let (mut met, mut stops, mut ends, mut previous) = (BTreeSet::new(), 0, 0, -1);
    // A page with one thing to do begins there; the walk then goes round.
    let begins = browser.script("return document.querySelector('[autofocus]') !== null").await == json!(true);
    loop {
        browser.press_tab();
        let focus = browser.script(FOCUS).await;
        let Value::Array(focus) = focus else {
            ends += 1;
            assert!(ends < 4, "{page}: the focus is nowhere");
            continue;
        };
        let number = focus[0].as_i64().expect("a number");
        assert!(stops > 0 || number == 0 || begins, "{page}: the first stop is {}", focus[1]);
        assert_eq!(focus[2], json!(""), "{page}: {}", focus[1]);
        stops += 1;
        assert!(stops < MOST, "{page}: no end after {stops} stops");
        // A field for a date has several stops of its own.
        if !met.insert(number) && number != previous {
            break;
        }
        previous = number;
    }
    let missed: Vec<i64> = (0..i64::try_from(wanted).expect("few")).filter(|at| !met.contains(at)).collect();
    let mut which = Vec::new();
    for at in &missed {
        let html = format!("return document.querySelector('[data-stop=\"{at}\"]').outerHTML.slice(0, 100)");
        which.push(browser.script(&html).await);
    }
    assert!(missed.is_empty(), "{page}: the focus never comes to {which:#?}");
}

#[tokio::test]
async fn tab_comes_to_everything_and_is_seen_there() {
    let Some(mut browser) = Browser::start().await else { return };
    let furnished = Furnished::new().await;
    browser.goto(&furnished.url("/admin/sign-in")).await;
    walk(&mut browser, "sign-in").await;
    furnished.sign_in(&mut browser).await;
    for page in furnished.pages() {
        // Every kind of page once; those that differ by what is found only are walked through as they are.
        if page.path.contains('?') || page.name.ends_with("-none") {
            continue;
        }
        browser.goto(&furnished.url(&page.path)).await;
        walk(&mut browser, page.name).await;
    }
    furnished.app.stop().await;
}

#[tokio::test]
async fn the_first_stop_leads_past_the_navigation() {
    let Some(mut browser) = Browser::start().await else { return };
    let furnished = Furnished::new().await;
    furnished.sign_in(&mut browser).await;
    browser.goto(&furnished.url(&furnished.path_of("users"))).await;
    browser.press_tab();
    let shown = "const one = document.activeElement, box = one.getBoundingClientRect(); \
                 return [one.textContent, box.top >= 0 && box.bottom <= innerHeight]";
    browser.wait_until(shown, &json!(["Skip to the content", true])).await;
    browser.press_enter();
    browser.press_tab();
    let inside = "return document.querySelector('main').contains(document.activeElement)";
    browser.wait_until(inside, &json!(true)).await;
    furnished.app.stop().await;
}
