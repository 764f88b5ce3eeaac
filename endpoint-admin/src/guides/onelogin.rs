//! OneLogin, in the words of its own console: Applications, and the app's tabs from left to right.

use askama::Template;

use super::Values;

/// The guide.
#[derive(Template)]
#[template(path = "guides/onelogin.html")]
pub(super) struct OneLogin<'a> {
    pub(super) values: Values<'a>,
}

impl OneLogin<'_> {
    /// The template for the app “SCIM v2 Core”. The macros are OneLogin's own.
    fn core_template(&self) -> &'static str {
        CORE
    }

    /// The template for the app “SCIM v2 Enterprise”, with title, department and manager.
    fn enterprise_template(&self) -> &'static str {
        ENTERPRISE
    }
}

/// How a token is exchanged for another.
pub(super) const EXCHANGE: [&str; 3] = [
    "In OneLogin: Applications → Applications, open the app, Configuration tab.",
    "Delete what stands in “SCIM Bearer Token” and paste the new token, alone: OneLogin adds the word “Bearer”. Leave “SCIM Base URL” as it is.",
    "Save. API Status must say Enabled; if it does not, press Enable. OneLogin's next call comes with the new token.",
];

const CORE: &str = r#"{
  "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
  "userName": "{$parameters.scimusername}",
  "name": {
    "givenName": "{$user.firstname}",
    "familyName": "{$user.lastname}",
    "formatted": "{$user.display_name}"
  },
  "displayName": "{$user.display_name}",
  "emails": [
    {"value": "{$user.email}", "type": "work", "primary": true}
  ]
}"#;

const ENTERPRISE: &str = r#"{
  "schemas": [
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
  ],
  "userName": "{$parameters.scimusername}",
  "name": {
    "givenName": "{$user.firstname}",
    "familyName": "{$user.lastname}",
    "formatted": "{$user.display_name}"
  },
  "displayName": "{$user.display_name}",
  "title": "{$parameters.title}",
  "emails": [
    {"value": "{$user.email}", "type": "work", "primary": true}
  ],
  "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
    "department": "{$parameters.department}",
    "manager": {
      "value": "{$parameters.external_manager_id}",
      "displayName": "{$user.manager_firstname} {$user.manager_lastname}"
    }
  }
}"#;

#[cfg(test)]
mod tests {
    use super::{CORE, ENTERPRISE};

    #[test]
    fn both_templates_are_json_with_the_urns_of_the_rfc() {
        for template in [CORE, ENTERPRISE] {
            let json: serde_json::Value = serde_json::from_str(template).unwrap_or_default();
            assert_eq!(
                json.pointer("/schemas/0").and_then(|urn| urn.as_str()),
                Some("urn:ietf:params:scim:schemas:core:2.0:User")
            );
            assert!(json.pointer("/emails/0/value").is_some());
        }
    }
}
