//! The door of the console: the set-up link, signing in and out, and how sessions end.

use std::time::Duration;

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::backend::Backend;
use crate::support::both;
use crate::support::console::{Console, Page};
use crate::support::furniture::PASSWORD;
use crate::support::http::Request;
use crate::support::program::{Server, run_with_input};

const MINUTE: Duration = Duration::from_secs(60);

/// Where a visitor ends who is not signed in.
const DOOR: &str = "/admin/sign-in";

/// Does this browser see the console from inside?
async fn is_inside(console: &mut Console) -> bool {
    let page = console.visit("/admin/").await;
    assert_eq!(page.answer.status, 200, "{}", page.answer);
    let outside = page.path.starts_with(DOOR);
    assert!(outside || page.path == "/admin/", "{}", page.path);
    !outside
}

async fn signed_in(app: &App) -> Console {
    let mut console = app.console();
    let page = console.sign_in(&app.furniture().owner, PASSWORD).await;
    assert_eq!((page.answer.status, page.path.as_str()), (200, "/admin/"));
    console
}

/// The form of the set-up link, filled in.
async fn redeem(console: &mut Console, page: &Page, password: &str, again: &str) -> Page {
    let form =
        page.form_with("password").with("name", "Olga").with("password", password).with("again", again);
    console.submit(page, &form).await
}

async fn the_set_up_link_works_once(backend: Backend) {
    let Some(app) = App::new(backend).await else { return };
    let link = app.setup_link().expect("a new installation has a link").to_owned();
    let (_, path) = link.split_once(&app.address().to_string()).expect("it leads to the console");
    let mut console = app.console();
    let page = console.visit(path).await;
    assert_eq!(page.answer.status, 200, "{}", page.answer);
    assert_eq!(page.answer.header("cache-control"), Some("no-store"));

    // Mistakes do not use it up.
    for (password, again) in [("short", "short"), (PASSWORD, "another-password-here")] {
        let refused = redeem(&mut console, &page, password, again).await;
        assert_eq!(refused.answer.status, 422, "{}", refused.answer);
        assert!(!refused.html().contains(password), "no password comes back");
    }
    assert!(!is_inside(&mut console).await);

    // Of two who have it open, one becomes the owner.
    let mut other = app.console();
    let (one, two) = tokio::join!(
        redeem(&mut console, &page, PASSWORD, PASSWORD),
        redeem(&mut other, &page, "the-password-of-somebody-else", "the-password-of-somebody-else")
    );
    let insiders = [is_inside(&mut console).await, is_inside(&mut other).await];
    assert_eq!(insiders.iter().filter(|inside| **inside).count(), 1, "{} {}", one.answer, two.answer);
    let list = app.program(&["operator", "list", "--json"]).await.json();
    assert_eq!(list["operators"].as_array().map(Vec::len), Some(1), "{list}");

    let mut late = app.console();
    assert_eq!(late.visit(path).await.answer.status, 404);
    let forged = late.form_request(path, &format!("name=Eve&password={PASSWORD}&again={PASSWORD}"));
    assert_eq!(late.send(forged).await.status, 404);
    assert!(late.cookies.is_empty(), "{:?}", late.cookies);
    app.stop().await;
}

#[tokio::test]
async fn the_set_up_link_works_once_sqlite() {
    the_set_up_link_works_once(Backend::Sqlite).await;
}

#[tokio::test]
async fn the_set_up_link_works_once_postgres() {
    the_set_up_link_works_once(Backend::Postgres).await;
}

#[tokio::test]
async fn the_set_up_link_ends_after_a_day() {
    let app = App::new(Backend::Sqlite).await.unwrap();
    let link = app.setup_link().unwrap().to_owned();
    let path = &link[link.find("/setup/").unwrap()..];
    app.advance(MINUTE * (24 * 60 - 1));
    let page = app.console().visit(path).await;
    assert_eq!(page.answer.status, 200);
    app.advance(MINUTE * 2);
    assert_eq!(app.console().visit(path).await.answer.status, 404);
    assert_eq!(redeem(&mut app.console(), &page, PASSWORD, PASSWORD).await.answer.status, 404);
    app.stop().await;
}

both! {
    async fn signing_out_ends_the_session_for_good(app: &App) {
        let (mut console, mut elsewhere) = (signed_in(app).await, signed_in(app).await);
        let thief = console.clone();
        let page = console.visit("/admin/").await;
        let out = console.submit(&page, &page.form_with("Sign out")).await;
        assert!(out.path.starts_with(DOOR) && out.text().contains("You are signed out"), "{}", out.path);
        assert!(console.cookies.is_empty(), "the cookie is taken back: {:?}", console.cookies);
        assert!(!is_inside(&mut thief.clone()).await, "a copy of the cookie is worth nothing");
        assert!(is_inside(&mut elsewhere).await, "other browsers stay");

        let account = elsewhere.visit("/admin/account").await;
        let mut third = signed_in(app).await;
        elsewhere.submit(&account, &account.form_with("sign-out-everywhere")).await;
        assert!(!is_inside(&mut elsewhere).await && !is_inside(&mut third).await);
    }

    async fn a_session_ends_after_an_hour_without_a_click(app: &App) {
        let mut console = signed_in(app).await;
        for _ in 0..3 {
            app.advance(MINUTE * 59);
            assert!(is_inside(&mut console).await, "a click keeps it alive");
        }
        app.advance(MINUTE * 61);
        assert!(!is_inside(&mut console).await);
        assert!(is_inside(&mut signed_in(app).await).await);
    }

    async fn a_session_ends_after_twelve_hours_whatever_happens(app: &App) {
        let mut console = signed_in(app).await;
        for _ in 0..23 {
            app.advance(MINUTE * 30);
            assert!(is_inside(&mut console).await);
        }
        app.advance(MINUTE * 31);
        assert!(!is_inside(&mut console).await);
    }

    async fn a_page_that_asks_by_itself_keeps_nobody_signed_in(app: &App) {
        let mut console = signed_in(app).await;
        for _ in 0..2 {
            app.advance(MINUTE * 29);
            let poll = console.visit("/admin/endpoints/onelogin/connect/progress").await;
            assert_eq!(poll.answer.status, 200, "{}", poll.answer);
        }
        app.advance(MINUTE * 3);
        assert!(!is_inside(&mut console).await);
    }

    async fn after_signing_in_one_is_where_one_wanted_to_be(app: &App) {
        let mut console = app.console();
        let wanted = "/admin/endpoints/generic/users?q=x";
        let door = console.visit(wanted).await;
        assert!(door.path.starts_with(DOOR), "{}", door.path);
        let form = door.form_with("password").with_kind("password", PASSWORD).with_kind("text", &app.furniture().owner);
        assert_eq!(console.submit(&door, &form).await.path, wanted);
        // But only inside the console.
        for elsewhere in ["https://evil.example/", "//evil.example/admin/", "/admin/\\evil.example"] {
            let mut console = app.console();
            let query: String = form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
            let door = console.visit(&format!("{DOOR}?next={query}")).await;
            let form = door.form_with("password").with_kind("password", PASSWORD).with_kind("text", &app.furniture().owner);
            let answer = console.send(console.form_request(DOOR, &form.encoded())).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("/admin/")));
        }
    }

    async fn wrong_passwords_tell_nothing_and_slow_down(app: &App) {
        let owner = app.furniture().owner.as_str();
        let mut told = Vec::new();
        for name in [owner, "nobody-of-that-name"] {
            let page = app.console().sign_in(name, "a-wrong-password-for-it").await;
            assert_eq!(page.answer.status, 422);
            told.push(page.html().replace(name, "NAME"));
        }
        assert_eq!(told[0], told[1], "the same for a name that exists and one that does not");
        for _ in 0..4 {
            app.console().sign_in(owner, "a-wrong-password-for-it").await;
        }
        let waiting = app.console().sign_in(owner, PASSWORD).await;
        assert_eq!(waiting.answer.status, 429, "{}", waiting.answer);
        assert!(waiting.text().contains("wait"), "{}", waiting.text());
        app.advance(MINUTE * 15);
        assert!(is_inside(&mut signed_in(app).await).await);
    }
}

both! {
    async fn the_cookie_of_a_session_is_kept_from_scripts_and_other_sites(app: &App) {
        let console = signed_in(app).await;
        let [cookie] = console.set_cookies.as_slice() else { panic!("one cookie: {:?}", console.set_cookies) };
        for part in ["scim_session=", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        assert!(!cookie.contains("Secure"), "over plain http a browser would drop it: {cookie}");
        let create = ["operator", "create", "Ann", "--role", "admin", "--password-stdin"];
        program_with_input(app, &create, PASSWORD).done();
        let mut ann = app.console();
        ann.sign_in("Ann", PASSWORD).await;
        assert_ne!(ann.cookies, console.cookies);
        // What is no session is nobody's, and no fault either.
        for value in ["", "x", &"0".repeat(64), &"é".repeat(32), &"a".repeat(5000)] {
            let mut nobody = app.console();
            nobody.cookies.insert("scim_session".to_owned(), value.to_owned());
            assert!(!is_inside(&mut nobody).await, "{value}");
        }
    }
}

/// Behind a proxy that ends TLS the server itself speaks plain http; the public URL says how browsers come.
#[tokio::test]
async fn cookies_go_over_https_only_when_the_public_url_is_https() {
    let folder = tempfile::tempdir().unwrap();
    let create = ["operator", "create", "olga", "--role", "owner", "--password-stdin"];
    run_with_input(folder.path(), &create, PASSWORD).done();
    let server = Server::start(folder.path(), &["--public-url", "https://scim.example.com"]).await;
    let mut console = Console::new(server.address);
    assert_eq!(console.sign_in("olga", PASSWORD).await.path, "/admin/");
    let [cookie] = console.set_cookies.as_slice() else { panic!("one cookie: {:?}", console.set_cookies) };
    assert!(cookie.starts_with("__Host-scim_session="), "{cookie}");
    for part in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.to_ascii_lowercase().contains("domain="), "{cookie}");
    let proxied = Request::new("POST", "/admin/sign-out")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Host", "scim.example.com")
        .header("Origin", "https://scim.example.com")
        .body("csrf=wrong");
    assert_eq!(console.send(proxied).await.status, 403, "the origin is right, the form is not");
    let page = console.visit("/admin/").await;
    let out = console.submit(&page, &page.form_with("Sign out")).await;
    assert!(out.path.starts_with(DOOR) && console.cookies.is_empty(), "{:?}", console.cookies);
    server.stop("TERM").await;
}
