//! `scim-server token`: tokens by commands, effective on a running server.

use serde_json::{Value, json};

use crate::ops::{refusal, said};
use crate::support::both;
use crate::support::program::run;
use crate::support::scim::{text, user};

both! {
    async fn an_issued_token_opens_the_endpoint(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        let issued = app.program(&["token", "issue", slug, "--label", "Second", "--expires-in", "365d", "--json"]).await.json();
        assert_eq!((&issued["label"], &issued["scope"], &issued["endpoint"]), (&json!("Second"), &json!("write"), &json!(slug)));
        assert!(issued["expires_at"].is_string(), "{issued}");
        let secret = text(&issued["secret"]);
        let (id, rest) = secret.strip_prefix("scim_").and_then(|rest| rest.split_once('_')).expect("scim_<id>_<secret><crc>");
        assert_eq!((id.len(), rest.len()), (12, 49), "lengths of the parts");
        assert!(secret[5..].chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        assert_eq!(issued["id"], json!(id));

        let scim = app.generic().with_token(&secret);
        app.until(&scim.request("GET", "/Users"), 200).await;
        scim.user("by-second").await;
    }

    async fn a_reader_only_reads(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        let issued = app.program(&["token", "issue", slug, "--scope", "read", "--json"]).await.json();
        let scim = app.generic().with_token(&text(&issued["secret"]));
        app.until(&scim.request("GET", "/Users"), 200).await;
        scim.post("/Users", &user("refused")).await.expect(403);
        assert_eq!(app.generic().count("Users").await, 0);
    }

    async fn the_list_has_no_secret(app: &App) {
        let furniture = app.furniture();
        let list = app.program(&["token", "list", &furniture.onelogin.slug, "--json"]).await;
        let shown = said(app, &["token", "list", &furniture.onelogin.slug]).await;
        for secret in furniture.secrets() {
            assert!(!list.stdout.contains(&secret) && !shown.contains(&secret));
        }
        let list = list.json();
        let state = |label: &str| {
            let found = list["tokens"].as_array().unwrap().iter().find(|token| token["label"] == label);
            text(&found.unwrap_or_else(|| panic!("no {label:?} in {list}"))["state"])
        };
        assert_eq!((state("to be revoked").as_str(), state("short").as_str()), ("revoked", "new"));
        assert!(shown.contains("LAST USED") && shown.contains(&furniture.onelogin.token_id), "{shown}");
    }

    async fn uses_are_counted_with_their_last(app: &App) {
        let generic = &app.furniture().generic;
        for _ in 0..3 {
            app.generic().get("/Users").await.expect(200);
        }
        let token = until_counted(app, 3).await;
        assert_eq!((&token["id"], &token["state"]), (&json!(generic.token_id), &json!("active")));
        assert_eq!(token["last_used"]["address"], "127.0.0.1");
        assert!(text(&token["last_used"]["request"]).contains("/Users"), "{token}");
    }

    async fn a_busy_token_is_revoked_only_by_insistence(app: &App) {
        let generic = &app.furniture().generic;
        app.generic().get("/Users").await.expect(200);
        until_counted(app, 1).await;
        let sentence = refusal(app, &["token", "revoke", &generic.token_id]).await;
        for part in [&generic.token_id, "--yes", "token issue", "127.0.0.1"] {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
        app.generic().get("/Users").await.expect(200);

        let done = app.program(&["token", "revoke", &generic.token_id, "--yes", "--json"]).await.json();
        assert_eq!(done["state"], "revoked");
        app.until(&app.generic().request("GET", "/Users"), 401).await;
        refusal(app, &["token", "revoke", &generic.token_id, "--yes"]).await;
    }

    async fn an_unused_token_is_revoked_at_once_even_pasted_whole(app: &App) {
        let foreign = &app.furniture().foreign;
        let done = said(app, &["token", "revoke", &foreign.token]).await;
        assert!(done.contains(&foreign.token_id) && !done.contains(&foreign.token), "{done}");
        app.until(&app.scim(foreign).request("GET", "/Users"), 401).await;
    }

    async fn refusals_do_not_repeat_what_looks_like_a_token(app: &App) {
        let token = &app.furniture().generic.token;
        // With a typing error in it, so that it is not understood as a token.
        let broken = format!("{}{}", &token[..token.len() - 1], if token.ends_with('a') { 'b' } else { 'a' });
        for command in [
            &["token", "revoke", &broken][..],
            &["token", "list", &broken],
            &["token", "list", token],
            &["endpoint", "show", token],
            &["endpoint", "set", "generic", &format!("{token}=1")],
            &["endpoint", "set", "generic", &format!("rate={token}")],
            &["operator", "disable", token],
        ] {
            let secret = &token[18..40];
            assert!(!refusal(app, command).await.contains(secret), "{:?} repeats the token", &command[..2]);
        }
    }

    async fn there_are_no_more_tokens_than_allowed(app: &App) {
        let slug = app.furniture().generic.slug.as_str();
        for _ in 0..4 {
            app.program(&["token", "issue", slug]).await.done();
        }
        let sentence = refusal(app, &["token", "issue", slug]).await;
        assert!(sentence.contains('5'), "the sentence names the limit: {sentence}");
    }

    async fn what_is_not_there_is_named(app: &App) {
        let sentence = refusal(app, &["token", "revoke", "AAAAAAAAAAAA"]).await;
        assert!(sentence.contains("AAAAAAAAAAAA"), "{sentence}");
        for command in [["token", "issue", "nobody"], ["token", "list", "nobody"]] {
            let sentence = refusal(app, &command).await;
            assert!(sentence.contains("nobody"), "{sentence}");
        }
    }
}

/// The furnished token of the generic endpoint, once the server has written that it opened so many requests.
async fn until_counted(app: &crate::support::app::App, requests: u64) -> Value {
    let generic = &app.furniture().generic;
    for _ in 0..200 {
        let list = app.program(&["token", "list", &generic.slug, "--json"]).await.json();
        let token =
            list["tokens"].as_array().unwrap().iter().find(|token| token["id"] == json!(generic.token_id));
        let token = token.unwrap_or_else(|| panic!("not in {list}"));
        if token["requests"] == json!(requests) {
            return token.clone();
        }
    }
    panic!("the server never wrote {requests} uses");
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["token"][..],
        &["token", "issue"],
        &["token", "issue", "a", "--expires-in", "soon"],
        &["token", "issue", "a", "--scope", "all"],
        &["token", "revoke"],
        &["token", "list"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}: {output:?}");
    }
}
