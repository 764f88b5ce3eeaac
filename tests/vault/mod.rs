//! Secret Server behind an endpoint: what the identity provider says arrives there, whatever happens on the way.

mod account;
mod faults;
mod inward;
mod outward;
mod relay;
mod walk;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::ops::program_with_input;
use crate::support::app::App;
use crate::support::furniture::Endpoint;
use crate::support::scim::text;
use crate::support::vault::{ACCOUNT, PASSWORD, Vault, World};

/// After this long what should have arrived counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a Secret Server a target of an endpoint; gives its id.
pub(crate) fn add(app: &App, vault: &Vault, endpoint: &Endpoint, options: &[&str]) -> String {
    let url = vault.url();
    let all = [
        &["target", "add", &endpoint.slug, "--kind", "secret-server", "--url", &url, "--username", ACCOUNT],
        &["--password-stdin", "--allow-http", "--json"][..],
        options,
    ]
    .concat();
    text(&program_with_input(app, &all, &format!("{PASSWORD}\n")).json()["id"])
}

/// Waits until something is seen in the vault.
pub(crate) async fn until(vault: &Vault, what: &str, seen: impl Fn(&World) -> bool) {
    let begun = Instant::now();
    while !seen(&vault.world()) {
        if begun.elapsed() > PATIENCE {
            let world = vault.world();
            let users: Vec<_> = world
                .users
                .values()
                .map(|user| format!("{} ({}, {:?}, {})", user.name, user.display, user.email, user.enabled))
                .collect();
            let calls: Vec<_> = world.calls.iter().rev().take(10).collect();
            panic!("waited for {what} in vain; there are {users:#?}, the last calls were {calls:#?}");
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// The only target of an endpoint, as the command line tells it.
pub(crate) async fn listed(app: &App, endpoint: &Endpoint) -> Value {
    app.program(&["target", "list", &endpoint.slug, "--json"]).await.json()["targets"][0].clone()
}

/// Waits until nothing is waiting any more.
pub(crate) async fn settled(app: &App, endpoint: &Endpoint) -> Value {
    let begun = Instant::now();
    loop {
        let target = listed(app, endpoint).await;
        let queue = &target["queue"];
        if queue["waiting"] == 0 && queue["behind"] == 0 && target["state"] == "ok" {
            return target;
        }
        assert!(begun.elapsed() < PATIENCE, "still {target:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
