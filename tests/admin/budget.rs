//! What a page may cost: 100 KB, and no more statements however much is kept. Every page of the table is asked for with
//! little and with much behind it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::admin::furnished::Furnished;
use crate::api::Api;
use crate::support::app::App;
use crate::support::console::Console;
use crate::support::furniture::PASSWORD;
use crate::support::http::{Request, send};
use crate::support::scim::{id, text};
use crate::support::sql;

/// Bytes of a page at most.
const BYTES: usize = 100 * 1024;
/// A page may ask once or twice for what is not there when there is little.
const SLACK: u64 = 2;
/// Pages that may ask more often, up to a bound of their own: the overview tells the latest of up to four endpoints, where
/// little has not that many; a request's changes are found by halves, once more each time that the log doubles.
const MORE: [(&str, u64); 3] = [("overview", 12), ("overview-search", 12), ("request-changed", 12)];
/// How often a page is asked for: what runs in the background only adds.
const TRIES: usize = 4;

/// What one page costs.
#[derive(Debug, Clone, Copy)]
struct Cost {
    bytes: usize,
    statements: u64,
}

/// Statements that the server has run, as `/metrics` has it.
async fn statements(app: &App) -> u64 {
    let answer = send(app.address(), &Request::new("GET", "/metrics")).await.expect(200).text();
    let line = answer.lines().find_map(|line| line.strip_prefix("scim_database_statements_total "));
    line.expect("statements are counted").trim().parse().expect("a number")
}

async fn cost(app: &App, console: &mut Console, path: &str) -> Cost {
    let mut least = Cost { bytes: 0, statements: u64::MAX };
    for _ in 0..TRIES {
        let before = statements(app).await;
        let answer = console.send(Request::new("GET", path)).await;
        assert!(answer.status < 500, "{path}: {answer:#}");
        let spent = statements(app).await - before;
        least = Cost { bytes: least.bytes.max(answer.text().len()), statements: least.statements.min(spent) };
    }
    least
}

async fn costs(furnished: &Furnished, console: &mut Console) -> BTreeMap<&'static str, Cost> {
    let mut costs = BTreeMap::new();
    for page in furnished.pages() {
        costs.insert(page.name, cost(&furnished.app, console, &page.path).await);
    }
    costs
}

/// Waits until what was begun in the background is done.
async fn quiet(app: &App) {
    for _ in 0..600 {
        let before = statements(app).await;
        let own = statements(app).await - before;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        if statements(app).await - before <= 2 * own + 2 {
            return;
        }
    }
    panic!("the server does not come to rest");
}

/// Very much of everything.
async fn grow(furnished: &Furnished) {
    let app = &furnished.app;
    let endpoint = &app.furniture().onelogin;
    let slug = endpoint.slug.as_str();
    app.program(&["seed", slug, "--users", "5000", "--groups", "200", "--members", "20"]).await.done();
    app.program(&["seed", slug, "--users", "0", "--groups", "1", "--members", "5000"]).await.done();
    let (scim, api) = (app.scim(endpoint), Api::owner(app));
    let (user, group) = (last(&furnished.path_of("user")), last(&furnished.path_of("group")));
    for number in 0..60 {
        let name = json!([{"op": "replace", "path": "nickName", "value": format!("Nick {number}")}]);
        scim.patch(&format!("/Users/{user}"), name).await.expect(200);
        let long = id(&scim.user(&format!("{}{number}", "long-name-of-somebody-".repeat(4))).await);
        let join = json!([{"op": "add", "path": "members", "value": [{"value": long}]}]);
        scim.patch(&format!("/Groups/{group}"), join).await;
    }
    for number in 0..200 {
        let body = json!({"name": format!("Customer {number} {}", "with a long name ".repeat(4)), "idp": "okta", "tenant": format!("Tenant {number}")});
        let made = api.post("/endpoints", &body).await.expect(201).json();
        if number % 2 == 0 {
            let path = format!("/endpoints/{}", text(&made["slug"]));
            let name = json!({"confirm": made["name"]});
            let deleted = api.send(&api.request("DELETE", &path).json(&name)).await;
            assert!(deleted.status < 300, "{deleted:#}");
        }
    }
    for number in 0..120 {
        let body = json!({"name": format!("operator-{number}-{}", "x".repeat(40)), "role": "auditor"});
        api.post("/operators", &body).await.expect(201);
    }
    rows(furnished, &user);
}

/// The last segment of a path.
fn last(path: &str) -> String {
    path.rsplit('/').next().expect("a segment").to_owned()
}

/// What takes long to make as it comes about: copies of the rows that are there.
fn rows(furnished: &Furnished, user: &str) {
    let app = &furnished.app;
    let endpoint = app.furniture().onelogin.id.as_str();
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)";
    let copies = [
        format!(
            "INSERT OR IGNORE INTO members SELECT endpoint_id, id, '{user}', 'User', created_at FROM resources \
             WHERE endpoint_id = '{endpoint}' AND resource_type = 'Group' AND id <> '{user}'"
        ),
        format!(
            "{many} INSERT INTO webhook_deliveries SELECT endpoint_id, webhook_id, 100000 + i, part, event, resource_id, \
             resource_name, 'delivered', 1, created_at, due_at, first_at, last_at, 200, NULL, 5 FROM \
             (SELECT * FROM webhook_deliveries ORDER BY seq DESC LIMIT 1), n"
        ),
        format!(
            "{many} INSERT INTO tokens (id, endpoint_id, digest, label, scope, created_at, created_by, revoked_at, revoked_by, kind) \
             SELECT 'tok' || (100000 + i), endpoint_id, digest, label || i, scope, created_at, created_by, created_at, 'olivia', kind \
             FROM (SELECT * FROM tokens WHERE endpoint_id = '{endpoint}' LIMIT 1), n"
        ),
        "INSERT INTO token_usage (token_id, endpoint_id, requests) SELECT id, endpoint_id, 7 FROM tokens WHERE id LIKE 'tok1%'"
            .to_owned(),
        format!(
            "{many} INSERT INTO refusals SELECT endpoint_id, cause, 'tok' || (100000 + i), attempts, first_at, last_at, last_address, \
             last_agent, last_request FROM (SELECT * FROM refusals WHERE endpoint_id = '{endpoint}' AND token_id <> '' LIMIT 1), n"
        ),
        format!(
            "{many} INSERT OR IGNORE INTO observations SELECT endpoint_id, kind, name || i, hits, first_at, last_at, last_request, request_id, shape FROM \
             (SELECT * FROM observations WHERE endpoint_id = '{endpoint}' AND kind = 'dropped' LIMIT 1), n WHERE i < 190"
        ),
        format!(
            "{many} INSERT INTO guest_links (id, endpoint_id, digest, may_issue, created_at, created_by, expires_at) \
             SELECT 'guest' || i, endpoint_id, randomblob(32), may_issue, created_at, created_by, expires_at FROM \
             (SELECT * FROM guest_links LIMIT 1), n"
        ),
    ];
    for copy in copies {
        sql::execute(app.database(), &copy);
    }
}

#[tokio::test]
async fn no_page_costs_more_when_the_data_grows() {
    let furnished = Furnished::new().await;
    let app = &furnished.app;
    let api = Api::owner(app);
    let hook = last(&furnished.path_of("webhook"));
    let pause = format!("/endpoints/{}/webhooks/{hook}/pause", app.furniture().onelogin.slug);
    // What it would send is not what is measured.
    api.send(&api.request("POST", &pause)).await.expect(200);
    let mut console = app.console();
    console.sign_in(&app.furniture().owner, PASSWORD).await;
    quiet(app).await;
    let little = costs(&furnished, &mut console).await;
    grow(&furnished).await;
    quiet(app).await;
    let much = costs(&furnished, &mut console).await;
    let mut faults = Vec::new();
    for (name, now) in &much {
        let then = little[name];
        println!(
            "{name}: {} to {} bytes, {} to {} statements",
            then.bytes, now.bytes, then.statements, now.statements
        );
        if now.bytes > BYTES {
            faults.push(format!("{name} has {} bytes, from {}", now.bytes, then.bytes));
        }
        let more = MORE.iter().find(|(page, _)| page == name).map_or(SLACK, |(_, more)| *more);
        if now.statements > then.statements + more {
            faults.push(format!("{name} runs {} statements, from {}", now.statements, then.statements));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    furnished.app.stop().await;
}
