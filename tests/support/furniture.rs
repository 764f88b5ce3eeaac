//! What a furnished database holds. All of it is made by the program's own commands, before the server starts.

use std::path::Path;

use serde_json::Value;

use crate::support::program::{run, run_with_input};
use crate::support::scim::text;

/// The password of every operator in tests; searched for in logs and files like a token.
pub(crate) const PASSWORD: &str = "correct-horse-battery-staple-9";

/// An endpoint with a live token.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) token: String,
    pub(crate) token_id: String,
}

/// Everything in a furnished database that a test may need to know.
#[derive(Debug, Clone)]
pub(crate) struct Furniture {
    /// Name of the owner; the password is [`PASSWORD`].
    pub(crate) owner: String,
    /// An API key of the owner.
    pub(crate) owner_key: String,
    /// Preset `onelogin`.
    pub(crate) onelogin: Endpoint,
    /// Preset `generic`.
    pub(crate) generic: Endpoint,
    /// Another customer's endpoint, preset `okta`.
    pub(crate) foreign: Endpoint,
    /// A token of `onelogin` that was revoked.
    pub(crate) revoked: String,
    /// A token of `onelogin` that expires in one day.
    pub(crate) short_lived: String,
    /// A token of `onelogin` that may only read.
    pub(crate) read_only: String,
}

impl Furniture {
    /// Migrates the database and fills it.
    pub(crate) fn install(folder: &Path, url: &str) -> Self {
        let command = |arguments: &[&str]| run(folder, &[arguments, &["--database", url]].concat());
        command(&["migrate"]).done();
        let owner =
            ["operator", "create", "olivia", "--role", "owner", "--password-stdin", "--database", url];
        run_with_input(folder, &owner, &format!("{PASSWORD}\n")).done();
        let endpoint = |name: &str, idp: &str| {
            let made =
                command(&["endpoint", "create", name, "--idp", idp, "--tenant", "Acme", "--json"]).json();
            Endpoint {
                id: text(&made["id"]),
                slug: text(&made["slug"]),
                token: text(&made["token"]["secret"]),
                token_id: text(&made["token"]["id"]),
            }
        };
        let onelogin = endpoint("OneLogin", "onelogin");
        let issue = |options: &[&str]| -> Value {
            command(&[&["token", "issue", &onelogin.slug, "--json"], options].concat()).json()
        };
        let revoked = issue(&["--label", "to be revoked"]);
        command(&["token", "revoke", &text(&revoked["id"]), "--yes"]).done();
        Self {
            owner: "olivia".to_owned(),
            owner_key: text(&command(&["operator", "key", "issue", "olivia", "--json"]).json()["secret"]),
            revoked: text(&revoked["secret"]),
            short_lived: text(&issue(&["--label", "short", "--expires-in", "1d"])["secret"]),
            read_only: text(&issue(&["--label", "reader", "--scope", "read"])["secret"]),
            generic: endpoint("Generic", "generic"),
            foreign: endpoint("Foreign", "okta"),
            onelogin,
        }
    }

    /// Every secret that the furniture brought into the world.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let tokens = [&self.onelogin, &self.generic, &self.foreign].map(|endpoint| endpoint.token.clone());
        let others = [&self.revoked, &self.short_lived, &self.read_only].map(Clone::clone);
        let own = [self.owner_key.clone(), PASSWORD.to_owned()];
        tokens.into_iter().chain(others).chain(own).collect()
    }
}
