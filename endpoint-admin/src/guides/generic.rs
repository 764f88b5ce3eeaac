//! Every other identity provider: the same steps, with the names its console uses where we know them.

use askama::Template;
use endpoint_store::settings::Idp;

use super::Values;

/// What a provider calls things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    /// Where its settings are.
    pub(super) place: &'static str,
    /// Its field for the base URL.
    pub(super) url: &'static str,
    /// Its field for the token.
    pub(super) token: &'static str,
    /// How it is told to send the token.
    pub(super) method: &'static str,
    /// Its button that tests the connection.
    pub(super) test: &'static str,
    /// Where users and groups are chosen.
    pub(super) assign: &'static str,
    /// What one has to know about it.
    pub(super) note: &'static str,
}

const ANY: Names = Names {
    place: "Look for “Provisioning”, “SCIM” or “Identity management” in the application's settings, and for SCIM version 2.0.",
    url: "SCIM Base URL",
    token: "Bearer Token",
    method: "“HTTP header”, “Bearer token” or “OAuth bearer token”",
    test: "“Test connection” or “Verify”",
    assign: "“Assignments” or “Users and groups”",
    note: "",
};

impl Names {
    /// The names of one provider.
    pub(super) fn of(idp: Idp) -> Self {
        match idp {
            Idp::OneLogin | Idp::Generic => ANY,
            Idp::Okta => Self {
                place: "Applications → your app → General → App Settings → Provisioning: SCIM; then Provisioning → Configure API Integration → Enable API integration.",
                url: "SCIM connector base URL",
                token: "Authorization",
                method: "Authentication Mode: HTTP Header; Unique identifier field for users: userName; all Supported provisioning actions",
                test: "Test Connector Configuration",
                assign: "To App (Create Users, Update User Attributes, Deactivate Users), Assignments and Push Groups",
                note: "Okta never deletes users: it deactivates them.",
            },
            Idp::Entra => Self {
                place: "Enterprise applications → New application → Create your own application (non-gallery) → Provisioning → New configuration.",
                url: "Tenant URL",
                token: "Secret Token",
                method: "bearer authentication (there is nothing to choose)",
                test: "Test Connection",
                assign: "Users and groups; then Start provisioning",
                note: "Map objectId to externalId. Entra works in cycles of about 40 minutes; Provision on demand does one person at once. No flag is needed behind the Tenant URL.",
            },
            Idp::JumpCloud => Self {
                place: "SSO Applications → your app → Identity Management; API Type: SCIM API, SCIM Version: SCIM 2.0.",
                url: "Base URL",
                token: "Token Key",
                method: "bearer authentication (there is nothing to choose)",
                test: "Test Connection, with a Test User Email that is new",
                assign: "User Groups; tick “Enable management of User Groups and Group Membership in this application”, then Activate",
                note: "The test makes a user and a group and deletes both again.",
            },
            Idp::Google => Self {
                place: "Apps → Web and mobile apps → your app → Auto-provisioning.",
                url: "Endpoint URL",
                token: "Access token",
                method: "bearer authentication (there is nothing to choose)",
                test: "Continue",
                assign: "the provisioning scope and Deprovisioning",
                note: "Google Workspace never sends groups: they only limit who is in scope. A sync takes place every few hours.",
            },
            Idp::Ping => Self {
                place: "Integrations → Provisioning → New Connection → Identity Store → SCIM Outbound; SCIM Version 2.0, Users Resource /Users, Groups Resource /Groups.",
                url: "SCIM Base URL",
                token: "OAuth Access Token",
                method: "Authentication Method: OAuth 2 Bearer Token; Auth Type Header: Bearer; User Filter Expression: userName eq \"%s\"",
                test: "Test Connection",
                assign: "a Rule with attribute mapping",
                note: "",
            },
            Idp::SailPoint => Self {
                place: "Applications → Application Definition, with the SCIM 2.0 type.",
                url: "Base URL",
                token: "API Token",
                method: "Authentication Type: API Token",
                test: "Test Connection",
                assign: "account and group aggregation",
                note: "",
            },
            Idp::Rippling => Self {
                place: "IT → Third-Party Access → Add Integration → Create New Custom Integration → User Management via SCIM; SCIM Version 2.0.",
                url: "SCIM Base URL",
                token: "Bearer Token",
                method: "SCIM Authorization Method: Bearer Token",
                test: "Continue",
                assign: "the integration's access rules",
                note: "Tick all options but “Mutually Exclusive Groups”.",
            },
            Idp::Authentik => Self {
                place: "Applications → Providers → Create → SCIM Provider.",
                url: "URL",
                token: "Token",
                method: "bearer authentication (there is nothing to choose)",
                test: "Run sync again",
                assign: "Applications → your app → Backchannel Providers",
                note: "",
            },
        }
    }
}

impl Names {
    /// How a token is exchanged for another.
    pub(super) fn exchange(&self) -> [String; 3] {
        let how = if self.token == "Authorization" {
            "with the word “Bearer” and a blank before it"
        } else {
            "alone"
        };
        [
            format!("Open the same place as when it was set up. {}", self.place),
            format!(
                "Delete what stands in “{}” and paste the new token, {how}. Leave “{}” as it is, and save.",
                self.token, self.url
            ),
            format!("Let it make a call: {}. Its next call comes with the new token.", self.test),
        ]
    }
}

/// The guide.
#[derive(Template)]
#[template(path = "guides/generic.html")]
pub(super) struct Generic<'a> {
    pub(super) values: Values<'a>,
    pub(super) names: Names,
}

impl Generic<'_> {
    /// Okta's field takes the whole value of the header.
    fn wants_prefix(&self) -> bool {
        self.names.token == "Authorization"
    }
}
