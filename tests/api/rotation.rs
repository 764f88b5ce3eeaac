//! Rotation through the management API, by a clock that is moved by weeks.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Api, pointers};
use crate::support::both;
use crate::support::furniture::Endpoint;
use crate::support::scim::{Scim, text};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const PATIENCE: Duration = Duration::from_secs(60);

/// The token of an endpoint that is replaced.
struct Old<'a> {
    api: &'a Api,
    path: String,
    id: String,
    list: String,
}

impl<'a> Old<'a> {
    fn of(api: &'a Api, endpoint: &Endpoint) -> Self {
        let list = format!("/endpoints/{}/tokens", endpoint.slug);
        Self { api, path: format!("{list}/{}", endpoint.token_id), id: endpoint.token_id.clone(), list }
    }

    async fn listed(&self) -> Value {
        let all = self.api.all(&self.list).await;
        all.into_iter().find(|token| token["id"] == json!(self.id)).expect("it stays listed")
    }

    /// Waits until something holds of it. Not by using it: a use would keep it alive.
    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let token = self.listed().await;
            if holds(&token) {
                return token;
            }
            assert!(begun.elapsed() < PATIENCE, "never {what}: {token}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn rotate(&self, body: &Value) -> (String, Value) {
        let done = self.api.post(&format!("{}/rotate", self.path), body).await.expect(201).json();
        (text(&done["secret"]), done)
    }

    /// A POST without a body, and its status.
    async fn post(&self, end: &str, status: u16) -> Value {
        self.api.send(&self.api.request("POST", &format!("{}/{end}", self.path))).await.expect(status).json()
    }

    /// One call with it, and waits until that is on record.
    async fn used(&self, scim: &Scim) {
        let before = self.listed().await["requests"].as_i64().unwrap();
        scim.get("/Users").await.expect(200);
        self.until("counted", |token| token["requests"].as_i64() > Some(before)).await;
    }
}

both! {
    async fn the_old_token_retires_when_it_is_silent(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let old = Old::of(&api, &app.furniture().generic);
        old.used(&scim).await;
        let (secret, done) = old.rotate(&json!({})).await;
        let new = scim.with_token(&secret);
        new.get("/Users").await.expect(200);
        assert_eq!(done["retiring"][0]["id"], json!(old.id));
        assert!(done["retiring"][0].get("secret").is_none());
        assert_eq!(done["retiring"][0]["rotation"]["successor"], done["id"]);
        // As long as something uses it, it lives, for a week and more.
        for day in 1..=8 {
            app.advance(20 * HOUR);
            old.used(&scim).await;
            let token = old.listed().await;
            assert_eq!((&token["state"], &token["rotation"]["requests_since"]), (&json!("retiring"), &json!(day)));
        }
        app.advance(25 * HOUR);
        let token = old.until("retired", |token| token["state"] == "retired").await;
        assert_eq!(token["rotation"]["retired_by"], Value::Null, "by itself: {token}");
        scim.get("/Users").await.expect(401);
        new.get("/Users").await.expect(200);
        let refusals = async || api.all("/endpoints/generic/refusals").await;
        while !refusals().await.iter().any(|refusal| refusal["cause"] == "retired") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Within a day it is taken back, and is as if nothing had been.
        app.advance(23 * HOUR);
        assert_eq!(old.post("unretire", 200).await["state"], "active");
        scim.get("/Users").await.expect(200);
        new.get("/Users").await.expect(200);
        app.advance(14 * DAY);
        scim.get("/Users").await.expect(200);
        assert_eq!(old.listed().await["rotation"], Value::Null);
    }

    async fn a_token_that_nobody_ever_used_retires_too(app: &App) {
        let api = Api::owner(app);
        let old = Old::of(&api, &app.furniture().foreign);
        old.rotate(&json!({"overlap_hours": 48, "label": "Second"})).await;
        app.advance(47 * HOUR);
        assert_eq!(old.listed().await["state"], "retiring");
        app.advance(2 * HOUR);
        old.until("retired", |token| token["state"] == "retired").await;
        // After a day it is too late to take it back, and it stays listed.
        app.advance(25 * HOUR);
        let refused = text(&old.post("unretire", 409).await["detail"]);
        assert!(refused.contains("24 hours"), "{refused}");
        app.advance(60 * DAY);
        assert_eq!(old.listed().await["state"], "retired");
    }

    async fn a_final_date_holds_although_the_token_is_in_use(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let old = Old::of(&api, &app.furniture().generic);
        let issued = scim_core::time::parse(&text(&old.listed().await["created_at"])).unwrap();
        let date = |days: i64| scim_core::time::format(issued + days * 24 * 3_600_000);
        for (body, place) in [
            (json!({"retire_at": date(-1)}), "/retire_at"),
            (json!({"retire_at": date(400)}), "/retire_at"),
            (json!({"retire_at": "soon"}), "/retire_at"),
            (json!({"overlap_hours": 0}), "/overlap_hours"),
            (json!({"overlap_hours": 1.5}), "/overlap_hours"),
            (json!({"overlap_hours": 9000}), "/overlap_hours"),
            (json!({"label": "x".repeat(101)}), "/label"),
            (json!({"secret": "x"}), "/secret"),
        ] {
            let answer = api.post(&format!("{}/rotate", old.path), &body).await.expect(422);
            assert_eq!(pointers(&answer), [place], "{body}");
        }
        let (secret, _) = old.rotate(&json!({"retire_at": date(15)})).await;
        for _ in 0..14 {
            app.advance(DAY);
            scim.get("/Users").await.expect(200);
        }
        app.advance(DAY);
        // Nobody has to write it down for it to hold.
        scim.get("/Users").await.expect(401);
        scim.with_token(&secret).get("/Users").await.expect(200);
        let token = old.listed().await;
        assert_eq!((&token["state"], &token["rotation"]["retired_at"]), (&json!("retired"), &json!(date(15))));
    }

    async fn cancelled_both_stay_and_retired_now_one(app: &App) {
        let (api, scim) = (Api::owner(app), app.generic());
        let old = Old::of(&api, &app.furniture().generic);
        old.used(&scim).await;
        old.post("cancel-rotation", 409).await;
        old.post("retire", 409).await;
        old.post("unretire", 409).await;
        let (first, _) = old.rotate(&json!({})).await;
        api.post(&format!("{}/rotate", old.path), &json!({})).await.expect(409);
        let kept = old.post("cancel-rotation", 200).await;
        assert_eq!((&kept["items"][0]["id"], &kept["items"][0]["state"]), (&json!(old.id), &json!("active")));
        app.advance(14 * DAY);
        for live in [&scim, &scim.with_token(&first)] {
            live.get("/Users").await.expect(200);
        }
        // Named by the new token, it is the same rotation.
        let (_, second) = old.rotate(&json!({})).await;
        let new = format!("{}/{}/cancel-rotation", old.list, text(&second["id"]));
        api.send(&api.request("POST", &new)).await.expect(200);
        old.rotate(&json!({})).await;
        old.used(&scim).await;
        assert!(text(&old.post("retire", 409).await["detail"]).contains("confirm"));
        scim.get("/Users").await.expect(200);
        old.post("retire?confirm=first%20token", 200).await;
        scim.get("/Users").await.expect(401);
        assert_eq!(old.listed().await["rotation"]["retired_by"], "olivia");
        // Of another endpoint, there is no such token.
        for end in ["retire", "unretire", "cancel-rotation"] {
            let foreign = format!("/endpoints/onelogin/tokens/{}/{end}", old.id);
            api.send(&api.request("POST", &foreign)).await.expect(404);
        }
        api.post(&format!("/endpoints/onelogin/tokens/{}/rotate", old.id), &json!({})).await.expect(404);
    }

    async fn retiring_tokens_count_among_the_five(app: &App) {
        let api = Api::owner(app);
        let old = Old::of(&api, &app.furniture().generic);
        let request = api.request("POST", &format!("{}/rotate", old.path)).header("Idempotency-Key", "r1")
            .header("Content-Type", "application/json").body("{}");
        let first = api.send(&request).await.expect(201).json();
        let again = api.send(&request).await.expect(200).json();
        assert_eq!((&again["id"], &again["secret"], &again["retiring"][0]["id"]), (&first["id"], &Value::Null, &json!(old.id)));
        for _ in 0..3 {
            api.post(&old.list, &json!({})).await.expect(201);
        }
        api.post(&old.list, &json!({})).await.expect(409);
        let full = api.post(&format!("{}/{}/rotate", old.list, text(&first["id"])), &json!({})).await.expect(409);
        assert!(full.text().contains('5'), "{full}");
        old.post("retire", 200).await;
        api.post(&old.list, &json!({})).await.expect(201);
        let full = text(&old.post("unretire", 409).await["detail"]);
        assert!(full.contains('5'), "{full}");
    }
}
