//! Another SCIM server as a target: a second endpoint of the same server stands in for it.

use serde_json::json;

use crate::ops::program_with_input;
use crate::support::both;
use crate::support::scim::{ENTERPRISE, Scim, text, user};

async fn until(
    scim: &Scim,
    filter: &str,
    seen: impl Fn(&[serde_json::Value]) -> bool,
) -> Vec<serde_json::Value> {
    let begun = std::time::Instant::now();
    loop {
        let (kind, filter) = filter.split_once(' ').unwrap();
        let found = scim.find(kind, filter).await;
        if seen(&found) {
            return found;
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{filter}: {found:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

both! {
    async fn what_comes_in_goes_on(app: &App) {
        let (from, to) = (app.fresh_endpoint("generic").await, app.fresh_endpoint("okta").await);
        let (ours, theirs) = (app.scim(&from), app.scim(&to));
        let url = format!("http://{}/scim/{}/v2", app.address(), to.slug);
        let arguments = ["target", "add", &from.slug, "--kind", "scim", "--url", &url, "--token-stdin", "--allow-http", "--json"];
        program_with_input(app, &arguments, &format!("{}\n", to.token)).json();
        assert_eq!(app.program(&["target", "test", &from.slug, "--json"]).await.json()["ok"], true);
        let mut body = user("ann");
        body[ENTERPRISE] = json!({"department": "Vaults"});
        body["schemas"].as_array_mut().unwrap().push(json!(ENTERPRISE));
        let ann = text(&ours.post("/Users", &body).await.expect(201).json()["id"]);
        let found = until(&theirs, "Users userName eq \"ann\"", |found| found.len() == 1).await;
        assert_eq!((&found[0]["externalId"], &found[0][ENTERPRISE]["department"]), (&json!(ann), &json!("Vaults")));
        // A login name can be changed there.
        ours.patch(&format!("/Users/{ann}"), json!([{"op": "replace", "path": "userName", "value": "anne"}])).await.expect(200);
        until(&theirs, "Users userName eq \"anne\"", |found| found.len() == 1).await;
        let group = text(&ours.group("Ops", &[&ann]).await["id"]);
        until(&theirs, "Groups displayName eq \"Ops\"", |found| {
            found.len() == 1 && found[0]["members"].as_array().is_some_and(|members| members.len() == 1)
        }).await;
        ours.delete(&format!("/Users/{ann}")).await.expect(204);
        let gone = until(&theirs, "Users userName eq \"anne\"", |found| found[0]["active"] == false).await;
        assert_eq!(gone.len(), 1, "deactivated, not deleted");
        ours.delete(&format!("/Groups/{group}")).await.expect(204);
        until(&theirs, "Groups displayName eq \"Ops\"", |found| found.is_empty()).await;
    }
}
