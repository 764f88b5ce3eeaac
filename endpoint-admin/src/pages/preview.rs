//! A walk through every page with real data, over the same routes as in the program.
//!
//! Each page is left in `target/console-preview/` with its style sheet beside it, to be looked at
//! in a browser.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use actix_web::http::StatusCode;
use endpoint_store::{
    Store,
    directory::{self, Precondition, Wanted},
    operators, tokens,
    usage::{Cause, Seen},
};
use scim_core::{dialect::Dialect, resource};
use serde_json::{Value, json};

use super::browser::{Browser, DAY, MINUTE, NOW, PASSWORD, console, hidden_field, world};
use crate::pages::resource_type;

#[actix_web::test]
async fn every_page_works_without_javascript() {
    let (store, _keep, folder) = world().await;
    let mut browser = Browser::new(console(&store, NOW), folder).await;
    let door = browser.get("/admin/endpoints/none/users?q=a").await;
    assert_eq!(door.status, StatusCode::SEE_OTHER);
    assert_eq!(door.location, "/admin/sign-in?next=%2Fadmin%2Fendpoints%2Fnone%2Fusers%3Fq%3Da");
    set_up(&mut browser, &store).await;
    browser.look("overview-empty", "/admin/").await;
    let secret = create(&mut browser).await;
    onelogin(&store, &secret).await;
    look_round(&mut browser, &store).await;
    tokens_come_and_go(&mut browser, &store).await;
    groups_come_and_go(&mut browser).await;
    settings_hold(&mut browser).await;
    let gone = browser.send("/admin/account", "/admin/sign-out", &[]).await;
    assert_eq!(gone.location, "/admin/sign-in?out=1");
    browser.look("sign-in", "/admin/sign-in?out=1").await;
    let door = browser.get("/admin/").await;
    assert_eq!(door.status, StatusCode::SEE_OTHER);
}

async fn set_up(browser: &mut Browser, store: &Store) {
    store.write(|tx| operators::open_setup(tx, "code", NOW, NOW + DAY)).await.unwrap();
    let wrong = browser.get("/setup/wrong").await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND);
    browser.keep("error-404", &wrong);
    browser.look("setup", "/setup/code").await;
    let short = browser.send("/setup/code", "/setup/code", &[("name", "Ann"), ("password", "short")]).await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    browser.keep("setup-errors", &short);
    let fields = [("name", "Ann"), ("password", PASSWORD), ("again", PASSWORD)];
    let made = browser.send("/setup/code", "/setup/code", &fields).await;
    assert_eq!(made.location, "/admin/?done=welcome", "{}", made.text);
    assert!(browser.cookie.starts_with("__Host-scim_session="));
    assert_eq!(browser.get("/setup/code").await.status, StatusCode::NOT_FOUND);
}

async fn create(browser: &mut Browser) -> String {
    browser.look("new-endpoint", "/admin/endpoints/new").await;
    let bad = browser.send("/admin/endpoints/new", "/admin/endpoints/new", &[("name", "…")]).await;
    browser.keep("new-endpoint-errors", &bad);
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = browser.get("/admin/endpoints/new").await;
    let (csrf, key) =
        (hidden_field(&form.text, "csrf").unwrap(), hidden_field(&form.text, "request_key").unwrap());
    let body = format!("csrf={csrf}&request_key={key}&idp=onelogin&name=Acme+OneLogin&tenant=Acme+Corp");
    let page = browser.post("/admin/endpoints/new", body.clone()).await;
    browser.keep("connect-new", &page);
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    let (_, secret) = page.text.split_once("<code id=\"secret\">").unwrap();
    let secret = secret.split_once('<').unwrap().0.to_owned();
    assert!(page.text.contains("data-url=\"/admin/endpoints/acme-onelogin/connect\""));
    let again = browser.post("/admin/endpoints/new", body).await;
    assert_eq!(again.location, "/admin/endpoints/acme-onelogin/connect?done=once", "{}", again.text);
    let connect = browser.look("connect-reloaded", &again.location).await;
    assert!(!connect.text.contains(&secret) && connect.text.contains("Shown once, on 24 Nov 2026"));
    let forged = browser.post("/admin/endpoints/new", "csrf=wrong&idp=okta&name=x".into()).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    browser.keep("error-forged", &forged);
    secret
}

/// What OneLogin does: users, a change, a group, and calls that fail.
async fn onelogin(store: &Store, secret: &str) {
    let header = format!("Bearer {secret}");
    let admitted = store.registry().authenticate("acme-onelogin", Some(&header), None, "r-7", NOW).unwrap();
    let caller = admitted.caller;
    let people = [
        ("robertt", "Robert", "Tail"),
        ("annab", "Anna", "Berg"),
        ("maxm", "Max", "Mustermann"),
        ("zoe", "Zoë", "Ångström"),
    ];
    for (at, (user, first, last)) in people.into_iter().enumerate() {
        let (caller, rt) = (caller.clone(), resource_type(caller.endpoint(), "User").unwrap());
        let body = json!({"schemas": [rt.schema.id], "userName": user, "externalId": format!("1{at}"), "displayName": format!("{first} {last}"),
            "name": {"givenName": first, "familyName": last}, "title": "Engineer", "active": user != "maxm",
            "emails": [{"value": format!("{user}@acme.example"), "type": "work", "primary": true}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Research", "manager": {"value": "42", "displayName": "Grace Hopper"}}});
        let incoming = resource::read(&rt, &body, Dialect::generic()).unwrap();
        let made = NOW - 3 * DAY + at as i64 * MINUTE;
        let id = store
            .write(move |tx| Ok(directory::create(tx, &caller, &rt, &incoming, Wanted::NOTHING, made)?.0.id))
            .await
            .unwrap();
        if user == "robertt" {
            rename(store, admitted_again(store, secret), id, body).await;
        }
    }
    let id = admitted_again(store, secret).actor().id.clone();
    let seen = |at, request: &str| Seen::new(at, "52.34.255.227", "OneLogin SCIM", request);
    store.usage().used(&id, seen(NOW - 3 * DAY - MINUTE, "GET /scim/acme-onelogin/v2/Users"));
    store.usage().used(&id, seen(NOW - 3 * MINUTE, "PUT /scim/acme-onelogin/v2/Users/018f"));
    let endpoint = caller.endpoint().id.clone();
    for hours in 0..20 {
        let at = NOW - 3 * MINUTE - hours * 60 * MINUTE;
        for number in 0..=hours % 7 {
            store.usage().answered(&endpoint, if number == 5 { 409 } else { 200 }, number == 1, at);
        }
    }
    for (cause, request) in [
        (Cause::NoBearer, "GET /scim/acme-onelogin/v2/Users"),
        (Cause::WrongPath, "GET /scim/acme-onelogin/Users"),
    ] {
        store.usage().turned_away(endpoint.clone(), cause, None, seen(NOW - 4 * MINUTE, request));
    }
    store.flush_usage().await.unwrap();
}

fn admitted_again(store: &Store, secret: &str) -> endpoint_store::Caller {
    let header = format!("Bearer {secret}");
    store
        .registry()
        .authenticate("acme-onelogin", Some(&header), None, "01980c6e-5d11-7e2b", NOW)
        .unwrap()
        .caller
}

async fn rename(store: &Store, caller: endpoint_store::Caller, id: String, mut body: Value) {
    let rt = resource_type(caller.endpoint(), "User").unwrap();
    let fields = body.as_object_mut().unwrap();
    fields.insert("userName".into(), json!("robertty"));
    let email = json!([{"value": "robertty@acme.example", "type": "work", "primary": true}]);
    fields.insert("emails".into(), email);
    let incoming = resource::read(&rt, &body, Dialect::generic()).unwrap();
    let change = move |tx: &mut endpoint_store::Tx<'_>| {
        directory::replace(
            tx,
            &caller,
            &rt,
            &id,
            &incoming,
            &Precondition::None,
            Wanted::NOTHING,
            NOW - 5 * MINUTE,
        )?;
        Ok(())
    };
    store.write(change).await.unwrap();
}

async fn look_round(browser: &mut Browser, store: &Store) {
    let connect = browser.look("connect", "/admin/endpoints/acme-onelogin/connect").await;
    assert!(
        connect.text.contains("without the word “Bearer”") && connect.text.contains("First user arrived")
    );
    let fragment = browser.look("progress", "/admin/endpoints/acme-onelogin/connect/progress").await;
    assert!(
        fragment.text.contains("data-say=\"3 of 4 done") || fragment.text.contains("of 4 done"),
        "{}",
        fragment.text
    );
    assert!(fragment.text.contains("data-live=\"users\">4<"), "{}", fragment.text);
    browser.look("overview", "/admin/").await;
    browser.look("users", "/admin/endpoints/acme-onelogin/users").await;
    browser.look("users-none", "/admin/endpoints/acme-onelogin/users?q=nobody").await;
    let found = browser.get("/admin/endpoints/acme-onelogin/users?q=robertt").await;
    let (_, link) = found.text.split_once("/admin/endpoints/acme-onelogin/users/").unwrap();
    let id = link.split_once('"').unwrap().0.to_owned();
    let user = browser.look("user", &format!("/admin/endpoints/acme-onelogin/users/{id}")).await;
    assert!(user.text.contains("<del><span class=\"sr\">was </span>robertt</del>"), "{}", user.text);
    assert!(user.text.contains("token “First token”"));
    browser.look("account", "/admin/account").await;
    let lost = browser.get("/admin/endpoints/nowhere/connect").await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    browser.keep("error-endpoint", &lost);
    let lost = browser.get("/admin/nothing").await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    let wrong = browser.post("/admin/endpoints/acme-onelogin/users", String::new()).await;
    assert_eq!(wrong.status, StatusCode::METHOD_NOT_ALLOWED);
    browser.keep("error-405", &wrong);
    let _ = store;
}

async fn tokens_come_and_go(browser: &mut Browser, store: &Store) {
    let list = "/admin/endpoints/acme-onelogin/tokens";
    let empty = browser.send(list, list, &[("label", " ")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let issued =
        browser.send(list, list, &[("label", "Report job"), ("scope", "read"), ("expires", "30")]).await;
    browser.keep("token-issued", &issued);
    assert!(
        issued.text.contains("shown this once") && issued.text.contains("read only, expires 24 Dec 2026")
    );
    let endpoint =
        store.read(|conn| endpoint_store::endpoints::find(conn, "acme-onelogin")).await.unwrap().id;
    let records = store.read(move |conn| tokens::list(conn, &endpoint)).await.unwrap();
    let (busy, idle) = (
        &records.iter().find(|t| t.requests > 0).unwrap().id,
        &records.iter().find(|t| t.requests == 0).unwrap().id,
    );
    let revoke = |id: &str| format!("{list}/{id}/revoke");
    browser.look("revoke-busy", &revoke(busy)).await;
    let wrong = browser.send(&revoke(busy), &revoke(busy), &[("confirm", "yes")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = browser.send(&revoke(idle), &revoke(idle), &[]).await;
    assert_eq!(done.location, format!("{list}?done=revoked"));
    browser.look("tokens", &done.location).await;
}

async fn groups_come_and_go(browser: &mut Browser) {
    let list = "/admin/endpoints/acme-onelogin/groups";
    browser.look("groups-empty", list).await;
    let made = browser.send(list, list, &[("name", "Vault users")]).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text);
    let twice = browser.send(list, list, &[("name", "vault USERS")]).await;
    assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY);
    browser.keep("groups", &twice);
    let group = made.location.split_once('?').unwrap().0.to_owned();
    for (typed, status) in [("robertty", 303), ("ann", 422), ("zoe", 303), ("nobody", 422)] {
        let added = browser.send(&group, &format!("{group}/members"), &[("member", typed)]).await;
        assert_eq!(added.status.as_u16(), status, "{typed}: {}", added.text);
        if typed == "ann" {
            browser.keep("group-whom", &added);
        }
    }
    let page = browser.look("group", &format!("{group}?done=member-added")).await;
    assert!(page.text.contains("2 members"), "{}", page.text);
    let renamed = browser.send(&group, &format!("{group}/rename"), &[("name", "Vault people")]).await;
    assert_eq!(renamed.status, StatusCode::SEE_OTHER, "{}", renamed.text);
    let (_, member) = page.text.split_once("name=\"id\" value=\"").unwrap();
    let member = member.split_once('"').unwrap().0;
    let user = browser.look("user-in-group", &format!("/admin/endpoints/acme-onelogin/users/{member}")).await;
    assert!(user.text.contains("Vault people") && user.text.contains("Added to the group “Vault users”"));
    let removed = browser.send(&group, &format!("{group}/members/remove"), &[("id", member)]).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    browser.look("group-delete", &format!("{group}/delete")).await;
    let delete = format!("{group}/delete");
    let refused = browser.send(&delete, &delete, &[("confirm", "Vault users")]).await;
    assert_eq!(refused.status.as_u16(), 422, "the name from before: {}", refused.text);
    let deleted = browser.send(&delete, &delete, &[("confirm", "Vault people")]).await;
    assert_eq!(deleted.location, format!("{list}?done=group-deleted"));
}

async fn settings_hold(browser: &mut Browser) {
    let page = "/admin/endpoints/acme-onelogin/settings";
    browser.look("settings", page).await;
    let wrong = browser.send(page, page, &[("rate", "own"), ("per_second", "many")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    browser.keep("settings-errors", &wrong);
    let saved =
        browser.send(page, page, &[("delete", "deactivate"), ("rate", "own"), ("per_second", "20")]).await;
    assert_eq!(saved.location, format!("{page}?done=saved"));
    let paused = browser.send(page, "/admin/endpoints/acme-onelogin/status", &[("status", "paused")]).await;
    browser.look("settings-paused", &paused.location).await;
    let renamed = browser.send(page, "/admin/endpoints/acme-onelogin/rename", &[("name", "Acme SSO")]).await;
    assert_eq!(renamed.location, "/admin/endpoints/acme-sso/settings?done=endpoint-renamed");
    assert_eq!(browser.get(page).await.status, StatusCode::OK);
    let okta = browser
        .send("/admin/endpoints/new", "/admin/endpoints/new", &[("idp", "okta"), ("name", "Beta Okta")])
        .await;
    browser.keep("connect-okta", &okta);
    let unsure = browser.send(page, "/admin/endpoints/acme-sso/delete", &[("confirm", "Acme")]).await;
    assert_eq!(unsure.status, StatusCode::UNPROCESSABLE_ENTITY);
    let deleted = browser.send(page, "/admin/endpoints/acme-sso/delete", &[("confirm", "Acme SSO")]).await;
    assert_eq!(deleted.location, "/admin/?done=endpoint-deleted");
    let binned = browser.get(page).await;
    assert_eq!(binned.status, StatusCode::NOT_FOUND);
    browser.keep("error-binned", &binned);
}
