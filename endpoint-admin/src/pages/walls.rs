//! What keeps others out: sessions that end, roles, forged forms, guessed passwords.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use endpoint_store::{
    Store,
    caller::Actor,
    operators::{self, Role},
};

use super::browser::{Browser, MINUTE, NOW, PASSWORD, console, hidden_field, world};
use crate::{Access, Method, ROUTES, password};

async fn account(store: &Store, name: &'static str, role: Role) {
    let hash = password::hash(PASSWORD).unwrap();
    store.write(move |tx| operators::create(tx, name, &hash, role, &Actor::cli(), NOW)).await.unwrap();
}

async fn sign_in(browser: &mut Browser, name: &str) -> StatusCode {
    let fields = [("name", name), ("password", PASSWORD), ("next", "/admin/account")];
    browser.send("/admin/sign-in", "/admin/sign-in", &fields).await.status
}

#[actix_web::test]
async fn nobody_gets_past_the_door_without_a_session() {
    let (store, _keep, folder) = world().await;
    let mut browser = Browser::new(console(&store, NOW), folder).await;
    for cookie in
        ["", "__Host-scim_session=short", "scim_session=", &format!("__Host-scim_session={}", "0".repeat(64))]
    {
        for route in ROUTES.iter().filter(|route| !matches!(route.access, Access::Public | Access::SetUp)) {
            cookie.clone_into(&mut browser.cookie);
            let path = route.path.replace(['{', '}'], "");
            let page = match route.method {
                Method::Get => browser.get(&path).await,
                Method::Post => browser.post(&path, "csrf=x".into()).await,
            };
            let expected = match route.method {
                // Guests do not sign in.
                _ if route.access == Access::Guest => StatusCode::NOT_FOUND,
                Method::Get => StatusCode::SEE_OTHER,
                Method::Post => StatusCode::FORBIDDEN,
            };
            assert_eq!(page.status, expected, "{route:?} with {cookie:?}");
            let leads_nowhere = route.access == Access::Guest || route.method == Method::Post;
            assert!(leads_nowhere || page.location.starts_with("/admin/sign-in?next="));
        }
    }
}

#[actix_web::test]
async fn a_session_ends_by_idleness_and_by_age_and_polling_does_not_keep_it() {
    let (store, _keep, folder) = world().await;
    account(&store, "Ann", Role::Owner).await;
    let mut browser = Browser::new(console(&store, NOW), folder.clone()).await;
    assert_eq!(sign_in(&mut browser, "ann").await, StatusCode::SEE_OTHER);
    let cookie = browser.cookie.clone();
    let at = async |minutes: i64, path: &str| {
        let mut later = Browser::new(console(&store, NOW + minutes * MINUTE), folder.clone()).await;
        later.cookie.clone_from(&cookie);
        later.get(path).await.status
    };
    let poll = "/admin/endpoints/none/connect/progress";
    assert_eq!(at(50, poll).await, StatusCode::NOT_FOUND);
    assert_eq!(at(61, "/admin/").await, StatusCode::SEE_OTHER);
    for minutes in (50..720).step_by(50) {
        // Clicks do keep it, until it is twelve hours old.
        assert_eq!(at(minutes, "/admin/").await, StatusCode::OK, "after {minutes} minutes");
    }
    assert_eq!(at(721, "/admin/").await, StatusCode::SEE_OTHER);
}

#[actix_web::test]
async fn an_auditor_changes_nothing_but_may_leave() {
    let (store, _keep, folder) = world().await;
    account(&store, "Olga", Role::Auditor).await;
    let mut browser = Browser::new(console(&store, NOW), folder).await;
    sign_in(&mut browser, "Olga").await;
    let overview = browser.get("/admin/").await;
    assert!(!overview.text.contains("/admin/endpoints/new"));
    let csrf = hidden_field(&overview.text, "csrf").unwrap().to_owned();
    for route in ROUTES.iter().filter(|r| r.method == Method::Post && r.access == Access::Session) {
        let page = browser.post(&route.path.replace(['{', '}'], ""), format!("csrf={csrf}")).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{route:?}");
        assert!(page.text.contains("needs the role operator"));
    }
    let themed = browser
        .send("/admin/account", "/admin/theme", &[("theme", "dark"), ("back", "/admin/account")])
        .await;
    assert_eq!(themed.location, "/admin/account");
}

#[actix_web::test]
async fn a_form_of_another_site_is_refused_even_with_the_right_password() {
    let (store, _keep, folder) = world().await;
    account(&store, "Ann", Role::Owner).await;
    let mut browser = Browser::new(console(&store, NOW), folder).await;
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test"), ("origin", "null")]
    {
        let request = TestRequest::post()
            .uri("/admin/sign-in")
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .insert_header((name, value))
            .set_payload("name=Ann&password=four+words+are+enough");
        let page = browser.ask(request).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(browser.cookie.is_empty());
    }
    let large = browser.post("/admin/sign-in", format!("name={}", "x".repeat(70_000))).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.text.contains("64 KiB"));
}

#[actix_web::test]
async fn guessing_gets_slower_and_a_wrong_name_looks_like_a_wrong_password() {
    let (store, _keep, folder) = world().await;
    account(&store, "Ann", Role::Owner).await;
    let mut browser = Browser::new(console(&store, NOW), folder).await;
    let mut answers = Vec::new();
    for name in ["Ann", "Nobody"] {
        let wrong = [("name", name), ("password", "not the password")];
        let page = browser.send("/admin/sign-in", "/admin/sign-in", &wrong).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        answers.push(page.text.replace(name, "NAME"));
    }
    assert_eq!(answers.first(), answers.last());
    for _ in 0..4 {
        browser.send("/admin/sign-in", "/admin/sign-in", &[("name", "Ann"), ("password", "guess")]).await;
    }
    assert_eq!(sign_in(&mut browser, "Ann").await, StatusCode::TOO_MANY_REQUESTS);
}
