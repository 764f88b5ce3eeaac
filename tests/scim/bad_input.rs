//! Bad input: each is told what is wrong with it and where, stores nothing, and harms no request after it.

use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::both;
use crate::support::http::{Answer, Request};
use crate::support::scim::{GROUP, PATCH_OP, Scim, USER, id, text, user};

/// What a refusal must say.
pub(super) struct Refusal<'a> {
    pub(super) status: u16,
    pub(super) kind: Option<&'a str>,
    /// Words of its detail: what, and where.
    pub(super) words: &'a [&'a str],
}

/// A directory with one user and one group, and what they look like.
pub(super) struct Directory {
    pub(super) scim: Scim,
    user: Value,
    group: Value,
}

impl Directory {
    pub(super) async fn new(app: &App) -> Self {
        let scim = app.generic();
        let user = scim.user("robertt").await;
        scim.group("Admins", &[&id(&user)]).await;
        let group = scim.find("Groups", "displayName pr").await.remove(0);
        let user = scim.get(&format!("/Users/{}", id(&user))).await.expect(200).json();
        Self { scim, user, group }
    }

    pub(super) fn user_path(&self) -> String {
        format!("/Users/{}", id(&self.user))
    }

    pub(super) fn group_path(&self) -> String {
        format!("/Groups/{}", id(&self.group))
    }

    /// Sends a request that has to be refused; afterwards everything is as it was.
    pub(super) async fn refuses(&self, request: &Request, refusal: &Refusal<'_>) -> Answer {
        let answer = self.scim.send(request).await;
        self.was_refused(&answer, refusal).await;
        answer
    }

    pub(super) async fn was_refused(&self, answer: &Answer, refusal: &Refusal<'_>) {
        assert_eq!(answer.status, refusal.status, "{answer:#}");
        let error = answer.json();
        assert_eq!(error.get("scimType").and_then(Value::as_str), refusal.kind, "{answer:#}");
        let detail = text(&error["detail"]);
        for word in refusal.words {
            assert!(detail.contains(word), "{word:?} is not in {answer:#}");
        }
        assert!(detail.len() < 600, "a sentence, not what was sent: {answer:#}");
        assert!(!detail.contains("panicked") && !detail.contains("SELECT"), "{answer:#}");
        let users = self.scim.find("Users", "userName pr").await;
        assert_eq!(users, std::slice::from_ref(&self.user), "nothing was stored: {answer:#}");
        let groups = self.scim.find("Groups", "displayName pr").await;
        assert_eq!(groups, std::slice::from_ref(&self.group), "nothing was stored: {answer:#}");
    }

    pub(super) fn with_body(&self, method: &str, path: &str, body: &[u8]) -> Request {
        self.scim.request(method, path).header("Content-Type", "application/scim+json").body(body)
    }
}

fn nested(depth: usize) -> String {
    format!(r#"{{"userName": "x", "name": {}1{}}}"#, "[".repeat(depth), "]".repeat(depth))
}

both! {
    async fn what_is_no_json(app: &App) {
        let directory = Directory::new(app).await;
        let (deep, deeper) = (nested(40), nested(100_000));
        let cases: &[(&[u8], &[&str])] = &[
            (b"", &["empty"]),
            (b" \n\t ", &["empty"]),
            (b"{", &["line 1", "column"]),
            (b"{\"userName\": \"x\",}", &["line 1", "column"]),
            (b"{\n  \"userName\": \"x\"\n  \"active\": true\n}", &["line 3", "column"]),
            (b"{\"userName\": 'x'}", &["line 1", "column 14"]),
            (b"{\"userName\": \"x\"} {}", &["line 1", "column 19"]),
            (b"userName=x", &["line 1", "column 1"]),
            (b"<User/>", &["line 1", "column 1"]),
            (b"{\"userName\": \"\xff\"}", &["UTF-8", "line 1", "column 15"]),
            (b"{\"userName\": \"\\ud800\"}", &["line 1", "column"]),
            (b"{\"userName\": NaN}", &["line 1", "column"]),
            (b"{\"userName\": \"x\", \"active\": true, \"userName\": \"x\"}", &["userName", "twice", "line 1", "column 44"]),
            (b"{\"Operations\": [{\"op\": \"add\", \"Op\": \"remove\"}]}", &["Op", "twice"]),
            (deep.as_bytes(), &["32", "line 1", "column"]),
            (deeper.as_bytes(), &["32", "line 1", "column"]),
        ];
        let requests = [
            ("POST", "/Users".to_owned()),
            ("PUT", directory.user_path()),
            ("PATCH", directory.group_path()),
            ("POST", "/Bulk".to_owned()),
            ("POST", "/.search".to_owned()),
        ];
        for (method, path) in &requests {
            for (body, words) in cases {
                let refusal = Refusal { status: 400, kind: Some("invalidSyntax"), words };
                directory.refuses(&directory.with_body(method, path, body), &refusal).await;
            }
        }
    }

    async fn what_is_no_object(app: &App) {
        let directory = Directory::new(app).await;
        for body in ["[]", "7", "null", "true", "\"robertt\"", "[{\"userName\": \"x\"}]"] {
            for (method, path) in [
                ("POST", "/Users".to_owned()),
                ("POST", "/Groups".to_owned()),
                ("PUT", directory.user_path()),
                ("PATCH", directory.user_path()),
                ("POST", "/Bulk".to_owned()),
                ("POST", "/Users/.search".to_owned()),
            ] {
                let refusal = Refusal { status: 400, kind: Some("invalidSyntax"), words: &["JSON object"] };
                directory.refuses(&directory.with_body(method, &path, body.as_bytes()), &refusal).await;
            }
        }
    }

    async fn values_of_a_wrong_type(app: &App) {
        let directory = Directory::new(app).await;
        for (name, value, words) in [
            ("userName", json!(7), &["userName", "text"][..]),
            ("userName", json!({"a": "b"}), &["userName", "text"]),
            ("userName", json!(["a", "b"]), &["userName", "text"]),
            ("userName", json!(true), &["userName", "text"]),
            ("active", json!("perhaps"), &["active", "true or false"]),
            ("active", json!(1), &["active", "true or false"]),
            ("name", json!("Robert"), &["name", "object"]),
            ("name", json!({"givenName": 7}), &["name.givenName", "text"]),
            ("emails", json!(7), &["emails", "list"]),
            ("emails", json!([7]), &["emails[0]", "object"]),
            (
                "emails",
                json!([{"value": "a"}, {"value": {}}, {"value": ["x", "y"]}]),
                &["emails[2].value", "text"],
            ),
            (
                "emails",
                json!([{"value": "a", "primary": "perhaps"}]),
                &["emails[0].primary", "true or false"],
            ),
            ("x509Certificates", json!([{"value": "not base64!"}]), &["x509Certificates[0].value", "base64"]),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                json!("Sales"),
                &["enterprise:2.0:User", "object"],
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                json!({"manager": {"value": 7}}),
                &["manager.value", "text"],
            ),
        ] {
            let refusal = Refusal { status: 400, kind: Some("invalidValue"), words };
            let mut body = user("another");
            body[name] = value.clone();
            directory.refuses(&directory.scim.request("POST", "/Users").json(&body), &refusal).await;
            let path = directory.user_path();
            directory.refuses(&directory.scim.request("PUT", &path).json(&body), &refusal).await;
            let patch = json!({"Operations": [{"op": "replace", "value": {name: value}}]});
            directory.refuses(&directory.scim.request("PATCH", &path).json(&patch), &refusal).await;
        }
    }

    async fn what_is_required_and_what_is_unknown(app: &App) {
        let directory = Directory::new(app).await;
        let invalid = |words| Refusal { status: 400, kind: Some("invalidValue"), words };
        for body in [
            json!({}),
            json!({"userName": null}),
            json!({"userName": ""}),
            json!({"userName": "  "}),
            json!({"schemas": [USER], "displayName": "x"}),
        ] {
            for (method, path) in [("POST", "/Users".to_owned()), ("PUT", directory.user_path())] {
                directory
                    .refuses(
                        &directory.scim.request(method, &path).json(&body),
                        &invalid(&["userName", "required"]),
                    )
                    .await;
            }
        }
        let body = json!({"schemas": [GROUP], "members": []});
        directory
            .refuses(
                &directory.scim.request("POST", "/Groups").json(&body),
                &invalid(&["displayName", "required"]),
            )
            .await;

        for (schemas, words) in [
            (json!(["urn:example:unheard-of:1.0:Thing"]), &["urn:example:unheard-of:1.0:Thing", USER][..]),
            (json!([GROUP]), &[GROUP, USER]),
            (json!([PATCH_OP]), &[PATCH_OP, USER]),
            (json!("text"), &["schemas", "list"]),
            (json!([7]), &["schemas", "list"]),
            (json!({"a": "b"}), &["schemas", "list"]),
        ] {
            let refusal = Refusal { status: 400, kind: Some("invalidSyntax"), words };
            let body = json!({"schemas": schemas, "userName": "another"});
            directory.refuses(&directory.scim.request("POST", "/Users").json(&body), &refusal).await;
            directory
                .refuses(&directory.scim.request("PUT", &directory.user_path()).json(&body), &refusal)
                .await;
        }
        let body = json!({"schemas": [USER], "Operations": [{"op": "add", "path": "title", "value": "x"}]});
        let answer =
            directory.scim.send(&directory.scim.request("PATCH", &directory.group_path()).json(&body)).await;
        let refusal = Refusal { status: 400, kind: Some("invalidSyntax"), words: &[PATCH_OP] };
        directory.was_refused(&answer, &refusal).await;
    }

    async fn patches_that_are_none(app: &App) {
        let directory = Directory::new(app).await;
        let one = |operation: Value| json!({"schemas": [PATCH_OP], "Operations": [operation]});
        for (body, kind, words) in [
            (json!({"schemas": [PATCH_OP]}), "invalidSyntax", &["Operations", "missing"][..]),
            (json!({"Operations": []}), "invalidSyntax", &["Operations", "empty"]),
            (json!({"Operations": "replace"}), "invalidSyntax", &["Operations", "list"]),
            (json!({"Operations": ["replace"]}), "invalidSyntax", &["Operation 1", "object"]),
            (one(json!({"path": "title", "value": "x"})), "invalidValue", &["Operation 1", "op is missing"]),
            (
                one(json!({"op": "move", "path": "title", "value": "x"})),
                "invalidValue",
                &["Operation 1", "move"],
            ),
            (
                one(json!({"op": 7, "path": "title", "value": "x"})),
                "invalidValue",
                &["Operation 1", "op must be"],
            ),
            (one(json!({"op": "replace", "path": "title"})), "invalidValue", &["Operation 1", "value"]),
            (one(json!({"op": "replace", "value": "x"})), "invalidValue", &["Operation 1", "path"]),
            (one(json!({"op": "replace", "path": 7, "value": "x"})), "invalidPath", &["Operation 1", "path"]),
            (
                one(json!({"op": "replace", "path": "tit le", "value": "x"})),
                "invalidPath",
                &["Operation 1", "tit le"],
            ),
            (
                one(json!({"op": "replace", "path": "titel", "value": "x"})),
                "invalidPath",
                &["Operation 1", "title"],
            ),
            (
                one(json!({"op": "replace", "path": "name.first", "value": "x"})),
                "invalidPath",
                &["Operation 1", "name.first"],
            ),
            (
                one(json!({"op": "replace", "path": "emails[type", "value": "x"})),
                "invalidPath",
                &["Operation 1", "["],
            ),
            (
                one(json!({"op": "replace", "path": "emails[type is \"x\"].value", "value": "x"})),
                "invalidFilter",
                &["Operation 1", "is"],
            ),
            (one(json!({"op": "remove"})), "noTarget", &["Operation 1", "path"]),
            (
                one(json!({"op": "replace", "path": "emails[type eq \"fax\"].value", "value": "x"})),
                "noTarget",
                &["Operation 1", "fax"],
            ),
            (
                one(json!({"op": "replace", "path": "meta.created", "value": "x"})),
                "mutability",
                &["Operation 1", "meta"],
            ),
            (one(json!({"op": "remove", "path": "userName"})), "mutability", &["Operation 1", "userName"]),
        ] {
            let refusal = Refusal { status: 400, kind: Some(kind), words };
            directory
                .refuses(&directory.scim.request("PATCH", &directory.user_path()).json(&body), &refusal)
                .await;
        }
    }

    async fn a_character_that_cannot_be_kept(app: &App) {
        let directory = Directory::new(app).await;
        let syntax = Refusal { status: 400, kind: Some("invalidSyntax"), words: &["U+0000"] };
        for body in [
            r#"{"userName": "a\u0000b"}"#,
            r#"{"userName": "ab", "a\u0000b": 1}"#,
            r#"{"userName": "ab", "name": {"givenName": "\u0000"}}"#,
            r#"{"userName": "ab", "unknown": [["\u0000"]]}"#,
        ] {
            directory.refuses(&directory.with_body("POST", "/Users", body.as_bytes()), &syntax).await;
        }
        let patch = br#"{"Operations": [{"op": "replace", "path": "title", "value": "a\u0000b"}]}"#;
        directory.refuses(&directory.with_body("PATCH", &directory.user_path(), patch), &syntax).await;
        let raw = Refusal { status: 400, kind: Some("invalidSyntax"), words: &["line 1", "column"] };
        directory.refuses(&directory.with_body("POST", "/Users", b"{\"userName\": \"a\0b\"}"), &raw).await;

        let nowhere = Refusal { status: 404, kind: None, words: &["NUL"] };
        for path in ["/Users/a%00b", "/Users%00", "/%00", "/Users/%00", "/Schemas/%00"] {
            directory.refuses(&directory.scim.request("GET", path), &nowhere).await;
            directory.refuses(&directory.scim.request("DELETE", path), &nowhere).await;
        }
        let query = Refusal { status: 400, kind: Some("invalidValue"), words: &["NUL"] };
        for path in ["/Users?filter=userName+eq+%22%00%22", "/Users?count=%00", "/Users?x%00=1"] {
            directory.refuses(&directory.scim.request("GET", path), &query).await;
        }
    }
}
