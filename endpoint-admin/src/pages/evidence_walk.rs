//! What an operator decides with the evidence before them: switches, another provider, a schema of one's own; and the
//! own sessions.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use actix_web::http::StatusCode;
use endpoint_store::{
    Endpoint, Store,
    caller::Actor,
    endpoints::{self, NewEndpoint},
    observations::Observed,
    operators::{self, Role},
    settings::Idp,
    usage::Seen,
};
use scim_core::dialect::Rule;

use super::browser::{Browser, NOW, PASSWORD, console, world};
use crate::password;

const AT: &str = "/admin/endpoints/acme";

async fn signed_in(store: &Store, folder: std::path::PathBuf) -> Browser {
    let hash = password::hash(PASSWORD).unwrap();
    let made = move |tx: &mut endpoint_store::Tx<'_>| {
        let tenant = Some("Zürich Ltd".to_owned());
        let acme = NewEndpoint { tenant, ..NewEndpoint::new("Acme", Idp::OneLogin) };
        endpoints::create(tx, &acme, &Actor::cli(), NOW)?;
        operators::create(tx, "Ann", &hash, Role::Owner, &Actor::cli(), NOW)
    };
    store.write(made).await.unwrap();
    another(store, folder).await
}

async fn another(store: &Store, folder: std::path::PathBuf) -> Browser {
    let mut browser = Browser::new(console(store, NOW), folder).await;
    let fields = [("name", "Ann"), ("password", PASSWORD)];
    let inside = browser.send("/admin/sign-in", "/admin/sign-in", &fields).await;
    assert_eq!(inside.status, StatusCode::SEE_OTHER);
    browser
}

async fn endpoint(store: &Store) -> Endpoint {
    store.read(|conn| endpoints::find(conn, "acme")).await.unwrap()
}

async fn notice(store: &Store, what: Observed, times: usize) {
    let id = endpoint(store).await.id;
    for _ in 0..times {
        let seen = Seen::new(NOW, "40.126.0.1", "", "PATCH /scim/acme/v2/Users/42");
        store.usage().observed(id.clone(), what.clone(), seen);
    }
    store.flush_usage().await.unwrap();
}

#[actix_web::test]
async fn a_switch_stands_beside_what_it_was_needed_for() {
    let (store, _keep, folder) = world().await;
    let mut browser = signed_in(&store, folder).await;
    let page = format!("{AT}/settings");
    notice(&store, Observed::Rule(Rule::BooleanText), 1204).await;
    let before = browser.look("settings-dialect", &page).await;
    assert!(before.text.contains("Needed 1,204 times"), "{}", before.text);
    assert!(before.text.contains("Preset: on") && before.text.contains("Preset: off"));
    let fields = [
        ("dialect.boolean-text", "off"),
        ("dialect.bare-word-filter", "on"),
        ("password", "refuse"),
        ("unknown-members", "refuse"),
        ("group-names", "free"),
    ];
    let saved = browser.send(&page, &page, &fields).await;
    assert_eq!(saved.location, format!("{page}?done=saved"));
    let mine = endpoint(&store).await;
    let dialect = mine.settings.dialect(mine.idp);
    assert!(
        !dialect.has(Rule::BooleanText) && dialect.has(Rule::BareWordFilter) && dialect.has(Rule::OpAnyCase)
    );
    let back = [("dialect.boolean-text", "preset"), ("dialect.bare-word-filter", "preset")];
    browser.send(&page, &page, &back).await;
    assert!(endpoint(&store).await.settings.dialect.is_empty());
    let wrong = browser.send(&page, &page, &[("dialect.boolean-text", "maybe")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("it takes `on`, `off` or `preset`"));
}

#[actix_web::test]
async fn another_providers_calls_are_pointed_out_until_somebody_decides() {
    let (store, _keep, folder) = world().await;
    let mut browser = signed_in(&store, folder).await;
    let words = "Looks like Microsoft Entra ID, settings are for OneLogin";
    notice(&store, Observed::LooksLike(Idp::OneLogin), 2).await;
    notice(&store, Observed::LooksLike(Idp::Entra), 2).await;
    assert!(!browser.get(&format!("{AT}/evidence")).await.text.contains(words));
    notice(&store, Observed::LooksLike(Idp::Entra), 3).await;
    for page in ["evidence", "connect"] {
        assert!(
            browser.look(&format!("{page}-stranger"), &format!("{AT}/{page}")).await.text.contains(words)
        );
    }
    let overview = browser.look("overview-stranger", "/admin/").await;
    assert!(overview.text.contains("looks like Microsoft Entra ID, settings are for OneLogin"));
    let changed = browser.send(&format!("{AT}/evidence"), &format!("{AT}/idp"), &[("idp", "entra")]).await;
    assert_eq!(changed.location, format!("{AT}/connect?done=idp-changed"));
    assert_eq!(endpoint(&store).await.idp, Idp::Entra);
    let after = browser.get(&changed.location).await;
    assert!(!after.text.contains("Looks like") && after.text.contains("Set it up in Microsoft Entra ID"));
    let unknown = browser.send(&format!("{AT}/settings"), &format!("{AT}/idp"), &[("idp", "x")]).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn a_dropped_attribute_becomes_one_of_the_schema() {
    let (store, _keep, folder) = world().await;
    let mut browser = signed_in(&store, folder).await;
    notice(&store, Observed::Dropped("badgeNumber".into()), 3).await;
    notice(&store, Observed::Dropped("groups".into()), 1).await;
    let evidence = browser.look("evidence", &format!("{AT}/evidence")).await;
    assert_eq!(evidence.text.matches(">Accept it<").count(), 1, "{}", evidence.text);
    let (_, link) = evidence.text.split_once("<a href=\"/admin/endpoints/acme/schema?").unwrap();
    let link = format!("{AT}/schema?{}", link.split_once('"').unwrap().0.replace("&#38;", "&"));
    let draft = browser.look("schema-draft", link.split_once('#').unwrap().0).await;
    assert!(draft.text.contains("Nothing is saved yet") && draft.text.contains("badgeNumber"));
    let (_, text) = draft.text.split_once("hint\">\n").unwrap();
    let text = text.split_once("</textarea>").unwrap().0.replace("&#34;", "\"");
    let page = format!("{AT}/schema");
    let saved = browser.send(&page, &page, &[("definitions", &text)]).await;
    assert_eq!(saved.location, format!("{page}?done=schema-saved"), "{}", saved.text);
    let broken = text.replace("readWrite", "sometimes");
    let refused = browser.send(&page, &page, &[("definitions", &broken)]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("id=\"definitions-error\"") && refused.text.contains("sometimes"));
    browser.keep("schema-errors", &refused);
    let large = browser.send(&page, &page, &[("definitions", &"é".repeat(200_000))]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(large.text.contains("768 KiB"));
    browser.look("schema", &page).await;
    let emptied = browser.send(&page, &page, &[("definitions", "  ")]).await;
    assert_eq!(emptied.status, StatusCode::SEE_OTHER);
    // Not none: what they made may still be kept in the resources.
    assert_eq!(endpoint(&store).await.definitions.as_deref(), Some("{}"));
}

#[actix_web::test]
async fn endpoints_are_found_by_name_tenant_and_address() {
    let (store, _keep, folder) = world().await;
    let mut browser = signed_in(&store, folder).await;
    let renamed = browser.send(&format!("{AT}/settings"), &format!("{AT}/rename"), &[("name", "Beta")]).await;
    assert_eq!(renamed.status, StatusCode::SEE_OTHER);
    for (typed, found) in [("bet", 1), ("Z%C3%9CRICH", 1), ("ACME", 1), ("cme", 0), ("urich", 0)] {
        let page = browser.get(&format!("/admin/?q={typed}")).await;
        assert_eq!(page.text.matches("/admin/endpoints/beta/connect\">Beta").count(), found, "{typed}");
    }
}

#[actix_web::test]
async fn a_session_is_ended_from_another_browser() {
    let (store, _keep, folder) = world().await;
    let mut here = signed_in(&store, folder.clone()).await;
    let mut there = another(&store, folder).await;
    let page = here.look("account-sessions", "/admin/account").await;
    assert_eq!(page.text.matches("End this session").count(), 2);
    let handles: Vec<_> = page.text.split("name=\"session\" value=\"").skip(1).collect();
    let other = handles
        .iter()
        .zip(page.text.split("<tr>").skip(2))
        .find(|(_, row)| !row.contains("This session</span>"));
    let handle = other.unwrap().0.split_once('"').unwrap().0;
    let ended = here.send("/admin/account", "/admin/sessions/end", &[("session", handle)]).await;
    assert_eq!(ended.location, "/admin/account?done=session-ended");
    assert_eq!(there.get("/admin/account").await.status, StatusCode::SEE_OTHER);
    let own = here.get("/admin/account").await;
    let handle =
        own.text.split("name=\"session\" value=\"").nth(1).unwrap().split_once('"').unwrap().0.to_owned();
    let out = here.send("/admin/account", "/admin/sessions/end", &[("session", &handle)]).await;
    assert_eq!(out.location, "/admin/sign-in?out=1");
}
