//! `scim-server token rotate` and what belongs to it, on a running server; and callers that change over while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::ops::{refusal, said};
use crate::support::both;
use crate::support::http::send;
use crate::support::program::run;
use crate::support::scim::{text, user};

const CALLERS: usize = 4;

both! {
    async fn the_new_token_opens_and_the_old_one_retires(app: &App) {
        let generic = &app.furniture().generic;
        let before = app.program(&["token", "list", &generic.slug, "--json"]).await.json();
        let done = app.program(&["token", "rotate", &generic.slug, "--overlap", "12h", "--json"]).await.json();
        for key in ["id", "secret", "label", "expires_at", "retiring"] {
            assert!(done.get(key).is_some(), "{key}: {done}");
        }
        let label = text(&before["tokens"][0]["label"]);
        assert!(text(&done["label"]).starts_with(&format!("{label} (rotated ")), "{done}");
        let old = &done["retiring"][0];
        assert_eq!((&old["id"], &old["state"]), (&json!(generic.token_id), &json!("retiring")));
        assert_eq!(old["rotation"]["overlap_seconds"], 12 * 3600);
        let (scim, new) = (app.generic(), app.generic().with_token(&text(&done["secret"])));
        app.until(&new.request("GET", "/Users"), 200).await;
        scim.get("/Users").await.expect(200);
        let shown = said(app, &["token", "list", &generic.slug]).await;
        assert!(shown.contains("retiring") && shown.contains("(rotated "), "{shown}");

        let sentence = until_busy(app, &generic.token_id).await;
        for part in [&generic.token_id, "--yes", "127.0.0.1"] {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
        let retired = said(app, &["token", "retire", &generic.token_id, "--yes"]).await;
        assert!(retired.contains("token unretire"), "{retired}");
        app.until(&scim.request("GET", "/Users"), 401).await;
        new.get("/Users").await.expect(200);
        app.program(&["token", "unretire", &generic.token]).await.done();
        app.until(&scim.request("GET", "/Users"), 200).await;
        assert!(refusal(app, &["token", "unretire", &generic.token_id]).await.contains("not retired"));
    }

    async fn which_token_is_meant_must_be_clear(app: &App) {
        let onelogin = &app.furniture().onelogin;
        let sentence = refusal(app, &["token", "rotate", &onelogin.slug]).await;
        for part in ["several", "reader", &onelogin.token_id, "--token ID"] {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
        let done = app.program(&["token", "rotate", &onelogin.slug, "--token", &onelogin.token, "--label", "Winter", "--at-most", "30d", "--json"]).await.json();
        assert_eq!((&done["label"], &done["retiring"][0]["id"]), (&json!("Winter"), &json!(onelogin.token_id)));
        assert!(done["retiring"][0]["rotation"]["retire_at"].is_string(), "{done}");
        let twice = refusal(app, &["token", "rotate", &onelogin.slug, "--token", &onelogin.token_id]).await;
        assert!(twice.contains("being replaced already"), "{twice}");
        // The furniture has three live ones; with two more it is full.
        app.program(&["token", "issue", &onelogin.slug]).await.done();
        let full = refusal(app, &["token", "rotate", &onelogin.slug, "--token", &text(&done["id"])]).await;
        assert!(full.contains('5'), "{full}");
        let kept = app.program(&["token", "cancel-rotation", &text(&done["id"]), "--json"]).await.json();
        assert_eq!(kept["kept"][0]["id"], json!(onelogin.token_id));
        assert!(refusal(app, &["token", "cancel-rotation", &onelogin.token_id]).await.contains("not being replaced"));
        assert!(refusal(app, &["token", "rotate", "nobody"]).await.contains("nobody"));
        assert!(refusal(app, &["token", "retire", "AAAAAAAAAAAA"]).await.contains("AAAAAAAAAAAA"));
    }

    async fn a_load_that_changes_over_in_the_middle_sees_no_failure(app: &App) {
        let generic = app.furniture().generic.clone();
        app.program(&["endpoint", "set", &generic.slug, "rate=unlimited"]).await.done();
        let load = Load::begin(app);
        load.more(20).await;
        let done = app.program(&["token", "rotate", &generic.slug, "--json"]).await.json();
        load.more(20).await;
        let secret = text(&done["secret"]);
        app.until(&app.generic().with_token(&secret).request("GET", "/Users"), 200).await;
        // The identity provider changes over while its calls are under way.
        *load.shared.token.write().await = secret;
        load.all_changed_over().await;
        app.program(&["token", "retire", &generic.token_id, "--yes"]).await.done();
        app.until(&app.generic().request("GET", "/Users"), 401).await;
        load.more(40).await;
        let (answers, failures) = load.end().await;
        assert!(answers >= 80, "{answers}");
        assert!(failures.is_empty(), "{} of {answers} failed: {failures:?}", failures.len());
    }
}

/// What the command says when it will not retire a token in use, once the server has written that it is.
async fn until_busy(app: &crate::support::app::App, id: &str) -> String {
    for _ in 0..200 {
        let list = app.program(&["token", "list", "generic", "--json"]).await.json();
        let all = list["tokens"].as_array().expect("tokens");
        if all.iter().any(|token| token["id"] == json!(id) && token["last_used"] != Value::Null) {
            return refusal(app, &["token", "retire", id]).await;
        }
    }
    panic!("the server never wrote the use");
}

/// Callers that do not pause: each creates a user and reads it, with the token of the moment.
struct Load {
    shared: Arc<Shared>,
    callers: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

struct Shared {
    token: RwLock<String>,
    answers: AtomicUsize,
    /// Callers that have finished their last call with the first token.
    changed_over: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    fn begin(app: &crate::support::app::App) -> Self {
        let scim = app.generic();
        let shared = Arc::new(Shared {
            token: RwLock::new(scim.token.clone()),
            answers: AtomicUsize::new(0),
            changed_over: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let call = |caller: usize| {
            let (scim, shared) = (scim.clone(), shared.clone());
            async move {
                let (mut failures, mut token) = (Vec::new(), scim.token.clone());
                for round in 0.. {
                    if shared.stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let now = shared.token.read().await.clone();
                    if now != token {
                        shared.changed_over.fetch_add(1, Ordering::SeqCst);
                        token = now;
                    }
                    let scim = scim.with_token(&token);
                    let create = scim
                        .request("POST", "/Users")
                        .header("Content-Type", "application/scim+json")
                        .body(user(&format!("load-{caller}-{round}")).to_string());
                    for (request, wanted) in [(create, 201), (scim.request("GET", "/Users?count=1"), 200)] {
                        let answer = send(scim.address, &request).await;
                        shared.answers.fetch_add(1, Ordering::SeqCst);
                        if answer.status != wanted {
                            failures.push(format!("{answer:#}"));
                        }
                    }
                }
                failures
            }
        };
        let callers = (0..CALLERS).map(|caller| tokio::spawn(call(caller))).collect();
        Self { shared, callers }
    }

    /// Waits for so many more answers.
    async fn more(&self, count: usize) {
        let until = self.shared.answers.load(Ordering::SeqCst) + count;
        while self.shared.answers.load(Ordering::SeqCst) < until {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Waits until nobody uses the first token any more.
    async fn all_changed_over(&self) {
        while self.shared.changed_over.load(Ordering::SeqCst) < CALLERS {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// How many answers there were, and the ones that were not what was asked for.
    async fn end(self) -> (usize, Vec<String>) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut failures = Vec::new();
        for caller in self.callers {
            failures.extend(caller.await.expect("a caller ends"));
        }
        (self.shared.answers.load(Ordering::SeqCst), failures)
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["token", "rotate"][..],
        &["token", "rotate", "a", "--overlap", "never"],
        &["token", "rotate", "a", "--overlap", "soon"],
        &["token", "retire"],
        &["token", "unretire"],
        &["token", "cancel-rotation"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{arguments:?}: {output:?}");
    }
}
