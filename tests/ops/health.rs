//! The health of syncs over weeks: rhythm, silence, errors; on the overview, the pages, the metrics and the command line.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::Api;
use crate::ops::said;
use crate::support::app::App;
use crate::support::both;
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Request, send};
use crate::support::scim::text;
use crate::support::sql::number;

const HOUR: Duration = Duration::from_secs(3600);
/// What is counted is written within ten seconds, and judged anew within a quarter of a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// The health of an endpoint, once it is what the test waits for.
async fn until(api: &Api, slug: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let health = api.get(&format!("/endpoints/{slug}/health")).await.expect(200).json();
        if wanted(&health) {
            return health;
        }
        assert!(begun.elapsed() < PATIENCE, "still {health:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn owner_of(app: &App) -> Console {
    let mut console = app.console();
    console.sign_in(&app.furniture().owner, PASSWORD).await;
    console
}

async fn metric(app: &App, name: &str) -> String {
    let answer = send(app.address(), &Request::new("GET", "/metrics")).await.expect(200).text();
    let line = answer.lines().find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("no {name} in {answer}")).rsplit(' ').next().unwrap_or_default().to_owned()
}

both! {
    async fn an_endpoint_that_calls_every_hour_is_missed_after_three(app: &App) {
        let (scim, api) = (app.generic(), Api::owner(app));
        let before = until(&api, "generic", |_| true).await;
        assert_eq!((&before["condition"], &before["usual_gap_seconds"]), (&json!("unheard"), &Value::Null));
        for _ in 0..14 * 24 {
            scim.get("/Users?count=0").await.expect(200);
            app.advance(HOUR);
        }
        scim.user("robertt").await;
        let learned = until(&api, "generic", |health| health["patience_seconds"] == json!(3 * 3600)).await;
        assert_eq!((&learned["condition"], &learned["usual_gap_seconds"]), (&json!("fine"), &json!(3600)));
        assert_eq!((&learned["last_hour"]["changes"], &learned["last_hour"]["requests"]), (&json!(1), &json!(2)));
        assert_eq!(learned["hours"].as_array().map(Vec::len), Some(24));
        app.advance(2 * HOUR);
        assert_eq!(until(&api, "generic", |_| true).await["condition"], json!("fine"));
        assert_eq!(metric(app, "scim_endpoint_silent{endpoint=\"generic\"}").await, "0");
        app.advance(HOUR + HOUR / 2);
        assert_eq!(until(&api, "generic", |_| true).await["condition"], json!("silent"));
        // Everywhere where somebody looks.
        let mut console = owner_of(app).await;
        let overview = console.visit("/admin/").await.text();
        assert!(overview.contains("generic has gone silent") || overview.contains("Generic has gone silent"), "{overview}");
        assert!(overview.contains("usually something comes within 60 minutes"), "{overview}");
        for page in ["activity", "users"] {
            let shown = console.visit(&format!("/admin/endpoints/generic/{page}")).await.text();
            assert!(shown.contains("Nothing has come for longer than usual"), "{page}: {shown}");
        }
        assert_eq!(metric(app, "scim_endpoint_silent{endpoint=\"generic\"}").await, "1");
        let age: f64 = metric(app, "scim_endpoint_last_heard_seconds{endpoint=\"generic\"}").await.parse().unwrap();
        assert!((12_600.0..12_700.0).contains(&age), "{age}");
        // Listed under its state, and by the command line.
        let listed = console.visit("/admin/?state=silent").await.html();
        let row = |slug: &str| listed.contains(&format!("<th scope=\"row\"><a href=\"/admin/endpoints/{slug}/connect\""));
        assert!(row("generic") && !row("onelogin"), "{listed}");
        // A command has the time of its own machine: it shows the same numbers.
        let shown = said(app, &["endpoint", "health", "generic"]).await;
        assert!(shown.contains("Usual longest gap") && shown.contains("60 min"), "{shown}");
        // Said once.
        let told = format!("SELECT count(told_at) FROM endpoint_health WHERE endpoint_id = '{}'", app.furniture().generic.id);
        let begun = Instant::now();
        while number(app.database(), &told) == 0 {
            assert!(begun.elapsed() < PATIENCE, "nobody was told");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        // Whoever is not waited for is not missed.
        api.patch("/endpoints/generic", &json!({"settings": {"silence": "never"}})).await.expect(200);
        let never = until(&api, "generic", |health| health["condition"] == json!("fine")).await;
        assert_eq!(never["patience_seconds"], Value::Null);
        api.patch("/endpoints/generic", &json!({"settings": {"silence": "90m"}})).await.expect(200);
        until(&api, "generic", |health| health["condition"] == json!("silent")).await;
        let refused = app.program(&["endpoint", "set", "generic", "silence=soon"]).await;
        assert!(refused.refused().contains("such as `90m`"), "{refused:?}");
        // It is back with its next call.
        scim.get("/Users?count=0").await.expect(200);
        until(&api, "generic", |health| health["condition"] == json!("fine")).await;
    }

    async fn an_endpoint_is_failing_while_too_much_goes_wrong(app: &App) {
        let (scim, api) = (app.generic(), Api::owner(app));
        for number in 0..5 {
            scim.user(&format!("user{number}")).await;
        }
        for _ in 0..8 {
            scim.get("/Users/nobody").await.expect(404);
            scim.with_token(&app.furniture().revoked).get("/Users").await.expect(401);
        }
        // No credential at all is a browser or a scanner.
        send(app.address(), &Request::new("GET", "/scim/generic/v2/Users")).await.expect(401);
        let health = until(&api, "generic", |health| health["last_hour"]["refused"] == json!(8)).await;
        assert_eq!(
            (&health["condition"], &health["last_24_hours"]["requests"], &health["last_24_hours"]["denied"]),
            (&json!("failing"), &json!(13), &json!(8))
        );
        assert_eq!((&health["last_24_hours"]["changes"], &health["last_24_hours"]["error_percent"]), (&json!(5), &json!(76)));
        let mut console = owner_of(app).await;
        let overview = console.visit("/admin/?sort=-errors").await;
        assert!(overview.text().contains("is failing: 16 of 21 calls in the last 24 hours went wrong"), "{}", overview.text());
        let first = overview.html().split("<th scope=\"row\">").nth(1).map(str::to_owned).unwrap_or_default();
        assert!(first.contains("/admin/endpoints/generic/connect") && first.contains("data-label=\"Errors\" class=\"num\">16<"), "{first}");
        assert!(console.visit("/admin/endpoints/generic/users").await.text().contains("16 of 21 calls"));
        assert_eq!(metric(app, "scim_endpoint_failing{endpoint=\"generic\"}").await, "1");
        assert_eq!(metric(app, "scim_endpoint_errors{endpoint=\"generic\"}").await, "16");
        // It works again: what went wrong before does not count against it, though it still shows.
        app.advance(3 * HOUR);
        scim.get("/Users?count=0").await.expect(200);
        let health = until(&api, "generic", |health| health["condition"] == json!("fine")).await;
        assert_eq!(health["last_24_hours"]["refused"], json!(8));
        app.advance(25 * HOUR);
        let later = until(&api, "generic", |_| true).await;
        assert_eq!(later["last_24_hours"]["requests"], json!(0));
    }

    async fn what_is_counted_survives_a_stop_and_old_hours_are_forgotten(app: &App) {
        // Written at once when the server stops: see `stopping`; here, what was written goes after 35 days.
        let (scim, api) = (app.generic(), Api::owner(app));
        scim.get("/Users?count=0").await.expect(200);
        until(&api, "generic", |health| health["last_hour"]["requests"] == json!(1)).await;
        let hours = format!("SELECT count(*) FROM endpoint_hours WHERE endpoint_id = '{}'", app.furniture().generic.id);
        assert_eq!(number(app.database(), &hours), 1);
        let paused = api.send(&api.request("POST", "/endpoints/generic/pause")).await.expect(200).json();
        assert_eq!(text(&paused["status"]), "paused");
        for _ in 0..12 {
            scim.get("/Users").await.expect(503);
        }
        let health = until(&api, "generic", |health| health["last_hour"]["requests"] == json!(13)).await;
        assert_eq!((&health["condition"], &health["last_hour"]["failed"]), (&json!("closed"), &json!(0)), "as its operator wants");
    }
}

mod over_a_stop {
    use super::*;
    use crate::support::backend::Backend;

    async fn body(backend: Backend) {
        let Some(app) = App::furnished(backend).await else { return };
        app.generic().get("/Users?count=0").await.expect(200);
        let generic = app.furniture().generic.id.clone();
        let app = app.restarted(Duration::from_secs(36 * 24 * 3600)).await;
        let requests =
            "SELECT coalesce(CAST(sum(requests) AS BIGINT), -1) FROM endpoint_hours WHERE endpoint_id = ";
        let begun = Instant::now();
        // It was there, or the new server has forgotten it already.
        while number(app.database(), &format!("{requests}'{generic}'")) != -1 {
            assert!(begun.elapsed() < PATIENCE, "old hours stay");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let heard = format!("SELECT count(last_heard) FROM endpoint_health WHERE endpoint_id = '{generic}'");
        assert_eq!(number(app.database(), &heard), 1, "counted in memory, written at the stop");
        app.stop().await;
    }

    #[tokio::test]
    async fn sqlite() {
        body(Backend::Sqlite).await;
    }

    #[tokio::test]
    async fn postgres() {
        body(Backend::Postgres).await;
    }
}
