//! The second factor: set up with an app, asked for at the sign-in, stood in for by recovery codes, reset by others.

use std::time::Duration;

use crate::api::Api;
use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::console::{Console, Page};
use crate::support::furniture::PASSWORD;
use crate::support::sql::number;
use crate::support::totp::{enrol, recovery_codes};

const STEP: Duration = Duration::from_secs(30);

async fn signed_in(app: &App, name: &str) -> Console {
    let mut console = app.console();
    assert_eq!(console.sign_in(name, PASSWORD).await.path, "/admin/", "{name}");
    console
}

/// The page that asks for the code.
async fn asked(console: &mut Console, name: &str) -> Page {
    let page = console.sign_in(name, PASSWORD).await;
    assert!(page.text().contains("Second factor"), "{}", page.answer);
    assert!(console.cookies.is_empty(), "the password alone opens nothing: {:?}", console.cookies);
    page
}

async fn give(console: &mut Console, page: &Page, code: &str) -> Page {
    console.submit(page, &page.form_with("name=\"code\"").with("code", code)).await
}

both! {
    async fn the_sign_in_asks_for_a_code_that_is_good_once(app: &App) {
        let mut console = signed_in(app, "olivia").await;
        let account = console.visit("/admin/account").await;
        let begun = console.submit(&account, &account.form_with("Set up a second factor")).await;
        let refused = console.submit(&begun, &begun.form_with("Turn it on").with("code", "000000x")).await;
        assert_eq!(refused.answer.status, 422, "{}", refused.answer);
        assert!(app.console().sign_in("olivia", PASSWORD).await.path == "/admin/", "it does not count before it is confirmed");
        let (device, codes) = enrol(&mut console, app.now()).await;
        recovery_codes(&codes);
        assert!(console.visit("/admin/account").await.text().contains("10 recovery codes are left"));

        app.advance(STEP);
        let mut other = app.console();
        let page = asked(&mut other, "OLIVIA").await;
        assert_eq!(page.answer.header("cache-control"), Some("no-store"));
        let wrong = give(&mut other, &page, "123").await;
        assert_eq!(wrong.answer.status, 422);
        let code = device.code(app.now());
        assert_eq!(give(&mut other, &wrong, &format!("{} {}", &code[..3], &code[3..])).await.path, "/admin/");
        // Neither the code nor the step opens a second time.
        let mut thief = app.console();
        assert!(!thief.submit(&page, &page.form_with("name=\"code\"").with("code", &code)).await.path.starts_with("/admin/?"));
        assert!(thief.cookies.is_empty());
        let again = asked(&mut thief, "olivia").await;
        assert_eq!(give(&mut thief, &again, &code).await.answer.status, 422, "it was used");
        app.advance(STEP * 4);
        assert_eq!(give(&mut thief, &again, &code).await.answer.status, 422, "and is too old");
        // The step ends after five minutes.
        app.advance(STEP * 10);
        let late = give(&mut thief, &again, &device.code(app.now())).await;
        assert!(late.path.starts_with("/admin/sign-in"), "{}", late.answer);
        assert!(thief.cookies.is_empty());
    }

    async fn guesses_slow_down_although_the_password_is_right(app: &App) {
        let mut console = signed_in(app, "olivia").await;
        let (device, _) = enrol(&mut console, app.now()).await;
        app.advance(STEP * 3);
        let mut guesser = app.console();
        let mut slowed = false;
        for _ in 0..12 {
            let page = guesser.sign_in("olivia", PASSWORD).await;
            if page.answer.status == 429 {
                slowed = true;
                break;
            }
            slowed |= give(&mut guesser, &page, "000000").await.answer.status == 429;
        }
        assert!(slowed, "a right password forgives no wrong code");
        app.advance(STEP * 40);
        let mut back = app.console();
        let page = asked(&mut back, "olivia").await;
        assert_eq!(give(&mut back, &page, &device.code(app.now())).await.path, "/admin/");
    }

    async fn a_recovery_code_opens_once(app: &App) {
        let mut console = signed_in(app, "olivia").await;
        let (_, page) = enrol(&mut console, app.now()).await;
        let codes = recovery_codes(&page);
        let mut one = app.console();
        let page = asked(&mut one, "olivia").await;
        let inside = give(&mut one, &page, &codes[3].to_uppercase()).await;
        assert_eq!(inside.path, "/admin/account?done=recovery", "{}", inside.answer);
        assert!(inside.text().contains("9 recovery codes are left"), "{}", inside.text());
        let mut two = app.console();
        let page = asked(&mut two, "olivia").await;
        assert_eq!(give(&mut two, &page, &codes[3]).await.answer.status, 422, "once");
        assert_eq!(give(&mut two, &page, &codes[4].replace('-', "")).await.path, "/admin/account?done=recovery");
        // New ones make the former void.
        let account = two.visit("/admin/account").await;
        let fresh = two.submit(&account, &account.form_with("New recovery codes")).await;
        let fresh = recovery_codes(&fresh);
        let mut three = app.console();
        let page = asked(&mut three, "olivia").await;
        assert_eq!(give(&mut three, &page, &codes[5]).await.answer.status, 422);
        assert_eq!(give(&mut three, &page, &fresh[0]).await.path, "/admin/account?done=recovery");
        let audit = three.visit("/admin/audit?action=operator.recovery-code-used").await;
        assert!(audit.html().contains("operator.recovery-code-used</code>"), "{}", audit.answer);
    }

    async fn what_is_sensitive_asks_for_both(app: &App) {
        let mut console = signed_in(app, "olivia").await;
        let (device, _) = enrol(&mut console, app.now()).await;
        app.advance(Duration::from_secs(11 * 60));
        let account = console.visit("/admin/account").await;
        let asked = console.submit(&account, &account.form_with("Turn it off")).await;
        assert_eq!(asked.answer.status, 403, "{}", asked.answer);
        let form = asked.form_with("your_password").with("your_password", PASSWORD);
        for code in ["", "000000x"] {
            let refused = console.submit(&asked, &form.clone().with("your_code", code)).await;
            assert_eq!(refused.answer.status, 422, "{}", refused.answer);
            assert!(refused.html().contains("your_code-error"), "{}", refused.answer);
        }
        let off = console.submit(&asked, &form.with("your_code", &device.code(app.now()))).await;
        assert!(off.text().contains("The second factor is off"), "{}", off.answer);
        signed_in(app, "olivia").await;
        assert_eq!(number(app.database(), "SELECT count(*) FROM recovery_codes"), 0);
        assert_eq!(number(app.database(), "SELECT count(*) FROM operators WHERE totp_sealed IS NOT NULL"), 0);
    }

    async fn who_lost_it_is_let_in_by_others(app: &App) {
        for (round, name) in ["ann", "ben", "cy"].into_iter().enumerate() {
            let create = ["operator", "create", name, "--role", "operator", "--password-stdin"];
            program_with_input(app, &create, PASSWORD).done();
            let mut console = signed_in(app, name).await;
            enrol(&mut console, app.now()).await;
            asked(&mut app.console(), name).await;
            match round {
                0 => drop(app.program(&["operator", "reset-second-factor", name]).await.done()),
                1 => {
                    let owner = Api::owner(app);
                    assert_eq!(owner.get("/operators/ben").await.expect(200).json()["second_factor"], true);
                    let path = "/operators/ben/reset-second-factor";
                    assert_eq!(owner.send(&owner.request("POST", path)).await.expect(200).json()["second_factor"], false);
                    owner.send(&owner.request("POST", path)).await.expect(409);
                }
                _ => {
                    let mut owner = signed_in(app, "olivia").await;
                    assert!(owner.visit("/admin/operators").await.html().contains("</svg>On</span>"));
                    let page = owner.visit("/admin/operators/cy").await;
                    let done = owner.submit(&page, &page.form_with("Remove the second factor")).await;
                    assert!(done.text().contains("second factor of the operator is removed"), "{}", done.answer);
                }
            }
            assert!(console.visit("/admin/").await.path.starts_with("/admin/sign-in"), "their sessions end");
            signed_in(app, name).await;
        }
        let refused = app.program(&["operator", "reset-second-factor", "olivia"]).await;
        assert!(refused.refused().contains("no second factor"), "{refused:?}");
    }

    async fn a_link_for_the_password_does_not_go_round_it(app: &App) {
        let create = ["operator", "create", "ann", "--role", "operator", "--password-stdin"];
        program_with_input(app, &create, PASSWORD).done();
        let mut console = signed_in(app, "ann").await;
        let (device, _) = enrol(&mut console, app.now()).await;
        let reset = app.program(&["operator", "reset-password", "ann", "--link", "--json"]).await.json();
        let url = reset["setup_url"].as_str().unwrap();
        let mut ann = app.console();
        let page = ann.visit(&url[url.find("/setup/").unwrap()..]).await;
        let form = page.form_with("password").with("password", PASSWORD).with("again", PASSWORD);
        let page = ann.submit(&page, &form).await;
        assert!(page.text().contains("Second factor") && ann.cookies.is_empty(), "{}", page.answer);
        app.advance(STEP * 2);
        assert!(give(&mut ann, &page, &device.code(app.now())).await.path.starts_with("/admin/"));
        assert_eq!(ann.cookies.len(), 1);
    }
}

/// With SQLite the key is a file beside the database; another one seals, the former is taken away.
#[tokio::test]
async fn it_outlives_its_key_when_sealed_anew_and_recovery_codes_need_none() {
    let app = App::furnished(Backend::Sqlite).await.expect("SQLite is always there");
    let mut console = signed_in(&app, "olivia").await;
    let (device, page) = enrol(&mut console, app.now()).await;
    let codes = recovery_codes(&page);
    let done = app.program(&["rekey", "--new-key", "--json"]).await.json();
    assert_eq!((&done["resealed"], &done["failed"]), (&1.into(), &serde_json::json!([])), "{done}");
    let file = app.database().sqlite_file().with_extension("db.key");
    let keys = std::fs::read_to_string(&file).unwrap();
    let (newest, former) = keys.trim_end().split_once('\n').expect("two keys");
    std::fs::write(&file, newest).unwrap();
    app.advance(STEP * 2);
    let mut one = app.console();
    let asked_again = asked(&mut one, "olivia").await;
    assert_eq!(give(&mut one, &asked_again, &device.code(app.now())).await.path, "/admin/");
    // With the wrong key alone nothing opens, `check` says so, and a recovery code is a way in.
    std::fs::write(&file, former).unwrap();
    app.advance(STEP * 2);
    let mut two = app.console();
    let page = asked(&mut two, "olivia").await;
    let refused = give(&mut two, &page, &device.code(app.now())).await;
    assert_eq!(refused.answer.status, 409, "{}", refused.answer);
    let check = app.program(&["check"]).await;
    assert!(check.stdout.contains("the second factor of an operator"), "{check:?}");
    assert_eq!(give(&mut two, &page, &codes[0]).await.path, "/admin/account?done=recovery");
    std::fs::write(&file, keys).unwrap();
    app.stop().await;
}
