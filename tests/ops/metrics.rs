//! `/metrics`: what is counted and measured, and who may read it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use crate::support::app::App;
use crate::support::both;
use crate::support::http::{Request, send};
use crate::support::scim::text;
use crate::support::vault::Vault;
use crate::vault;

/// How names of our numbers begin.
const OURS: [&str; 3] = ["scim_", "http_", "process_"];

async fn metrics(app: &App) -> String {
    let answer = send(app.address(), &Request::new("GET", "/metrics")).await.expect(200);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")));
    answer.text()
}

/// The value of one line.
#[track_caller]
fn value(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{metrics}")).parse().expect("a number")
}

both! {
    async fn requests_and_refusals_are_counted(app: &App) {
        let scim = app.generic();
        let before = metrics(app).await;
        assert_eq!(value(&before, "scim_requests_total{operation=\"create\",class=\"2xx\"}"), 0.0);
        scim.user("robertt").await;
        scim.get("/Users").await.expect(200);
        scim.get("/Users/nobody").await.expect(404);
        scim.get("/Things").await.expect(404);
        scim.with_token("nonsense").get("/Users").await.expect(401);
        let after = metrics(app).await;
        for (name, expected) in [
            ("scim_requests_total{operation=\"create\",class=\"2xx\"}", 1.0),
            ("scim_requests_total{operation=\"list\",class=\"2xx\"}", 1.0),
            ("scim_requests_total{operation=\"get\",class=\"4xx\"}", 1.0),
            ("scim_requests_total{operation=\"none\",class=\"4xx\"}", 1.0),
            ("scim_endpoint_requests_total{endpoint=\"generic\",class=\"2xx\"}", 2.0),
            ("scim_endpoint_requests_total{endpoint=\"generic\",class=\"4xx\"}", 2.0),
            ("scim_request_duration_seconds_count{operation=\"create\"}", 1.0),
            ("scim_request_duration_seconds_bucket{operation=\"create\",le=\"+Inf\"}", 1.0),
            ("scim_refusals_total{cause=\"malformed\"}", 1.0),
            ("scim_refusals_total{cause=\"wrong-path\"}", 1.0),
            ("http_requests_total{surface=\"scim\",class=\"4xx\"}", 3.0),
            ("scim_endpoints{state=\"active\"}", 3.0),
            ("scim_change_log_head{endpoint=\"generic\"}", 1.0),
        ] {
            assert_eq!(value(&after, name), expected, "{name}");
        }
        // Counts are written at any time.
        assert!(value(&after, "scim_writes_waiting") >= 0.0);
        // The short one of three live tokens, made a moment ago.
        let left = value(&after, "scim_token_expiry_seconds{endpoint=\"onelogin\"}");
        assert!((82_800.0..=86_400.0).contains(&left), "{left}");
        app.advance(Duration::from_secs(3600));
        let later = metrics(app).await;
        assert!(value(&later, "scim_token_oldest_age_seconds{endpoint=\"onelogin\"}") >= 3600.0);
        app.advance(Duration::from_secs(24 * 3600));
        assert!(!metrics(app).await.contains("scim_token_expiry_seconds{"), "a dead token has no end ahead");
        for line in later.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (name, number) = line.rsplit_once(' ').expect("name and value");
            assert!(number.parse::<f64>().is_ok() && !name.contains("scim_0"), "{line}");
        }
    }

    async fn what_flows_out_is_measured(app: &App) {
        let vault = Vault::start().await;
        let endpoint = app.fresh_endpoint("generic").await;
        let of = |name: &str, rest: &str| format!("{name}{{endpoint=\"{}\"{rest}}}", endpoint.slug);
        let scim = app.scim(&endpoint);
        vault::add(app, &vault, &endpoint, &[]);
        let hook = ["webhook", "add", &endpoint.slug, "--url", "https://hooks.invalid/"];
        app.program(&hook).await.done();
        let ann = text(&scim.user("ann").await["id"]);
        vault::until(&vault, "ann", |world| world.named("ann").is_some()).await;
        vault.switch(|switches| switches.licences = 1);
        scim.user("bob").await;
        scim.patch(&format!("/Users/{ann}"), json!([{"op": "replace", "path": "active", "value": false}])).await.expect(200);
        vault::until(&vault, "ann's end", |world| world.named("ann").is_some_and(|ann| !ann.enabled)).await;
        vault::settled(app, &endpoint).await;
        let mut after = metrics(app).await;
        let begun = std::time::Instant::now();
        while !after.contains("scim_endpoint_last_heard_seconds{") {
            assert!(begun.elapsed() < Duration::from_secs(30), "what was heard is never written");
            // The counts of the hour are written every three seconds.
            tokio::time::sleep(Duration::from_millis(200)).await;
            after = metrics(app).await;
        }
        for (name, least) in [
            (of("scim_target_items", ",state=\"refused\""), 1.0),
            (of("scim_target_items", ",state=\"waiting\""), 0.0),
            (of("scim_target_behind_changes", ""), 0.0),
            (of("scim_target_oldest_waiting_seconds", ""), 0.0),
            (of("scim_deprovisions", ",state=\"done\""), 1.0),
            (of("scim_deprovisions", ",state=\"late\""), 0.0),
            (of("scim_webhook_deliveries", ",state=\"dead\""), 0.0),
            ("scim_webhooks{state=\"paused\"}".to_owned(), 0.0),
            ("scim_targets{state=\"ok\"}".to_owned(), 1.0),
            ("scim_feed_waiting".to_owned(), 0.0),
        ] {
            assert_eq!(value(&after, &name), least, "{name}");
        }
        for (name, least) in [
            (of("scim_deprovision_seconds", ",quantile=\"0.99\""), 0.0),
            (of("scim_webhook_deliveries", ",state=\"waiting\""), 1.0),
            ("scim_connections{pool=\"read\",state=\"idle\"}".to_owned(), 1.0),
            ("process_resident_memory_bytes".to_owned(), 1e6),
        ] {
            assert!(value(&after, &name) >= least, "{name}");
        }
        // What the dashboard and the alert rules ask for is there.
        let asked = concat!(include_str!("../../docs/monitoring/dashboard.json"), include_str!("../../docs/monitoring/alerts.yaml"));
        let words = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: BTreeSet<&str> = words.filter(|word| OURS.iter().any(|prefix| word.starts_with(prefix))).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            assert!(after.lines().any(|line| line.starts_with(name)) || name == "scim_token_expiry_seconds", "there is no {name}");
        }
    }

    async fn who_is_not_on_this_machine_needs_a_key(app: &App) {
        let through_a_proxy = |name: &str| Request::new("GET", "/metrics").header(name, "127.0.0.1");
        for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
            let answer = send(app.address(), &through_a_proxy(header)).await.expect(401);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(!answer.text().contains("generic"), "{answer:#}");
        }
        let with = |token: &str| through_a_proxy("X-Forwarded-For").bearer(token);
        send(app.address(), &with(&app.furniture().generic.token)).await.expect(401);
        let answer = send(app.address(), &with(&app.furniture().owner_key)).await.expect(200);
        assert!(answer.text().contains("scim_endpoints{"), "{answer:#}");
    }
}
