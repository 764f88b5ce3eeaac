//! OneLogin, in the words of its own console: Applications, and the app's tabs from left to right.

use super::{
    Block::{Fields, List, Say, Small},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "SCIM Base URL",
    token_field: "SCIM Bearer Token",
    token_name: "SCIM Bearer Token",
    oauth: false,
    steps: &[
        Step {
            title: "Add the app",
            blocks: &[
                Say(
                    "In OneLogin: **Applications → Applications → Add App**. Search for “SCIM”, choose **SCIM Provisioner with SAML (SCIM v2 Core)**, give it a name and **Save**. Choose **(SCIM v2 Enterprise)** instead if departments and managers shall come along.",
                ),
                Small(
                    "No **Provisioning** tab in the app? Then outbound provisioning is not part of your OneLogin plan.",
                ),
            ],
        },
        Step {
            title: "Configuration tab",
            blocks: &[
                Fields(
                    "Fields of the Configuration tab",
                    &[
                        Field { name: "SCIM Base URL", given: &[Given::BaseUrl] },
                        Field {
                            name: "SCIM JSON Template",
                            given: &[
                                Given::Copy("template-core", "SCIM JSON Template", "for SCIM v2 Core", CORE),
                                Given::Folded(
                                    "For SCIM v2 Enterprise, with title, department and manager",
                                    &Given::Copy(
                                        "template-enterprise",
                                        "SCIM JSON Template for Enterprise",
                                        "for SCIM v2 Enterprise",
                                        ENTERPRISE,
                                    ),
                                    "Its `$parameters` must exist on the Parameters tab: title, department, external_manager_id.",
                                ),
                            ],
                        },
                        Field {
                            name: "Custom Headers (optional)",
                            given: &[Given::Copy("headers", "Custom Headers", "two lines", HEADERS)],
                        },
                        Field {
                            name: "SCIM Bearer Token",
                            given: &[Given::Token("alone: OneLogin adds the word “Bearer”")],
                        },
                    ],
                ),
                Say(
                    "Then **API Status → Enable**. OneLogin looks for a user that cannot exist, and “Test call seen” ticks on this page. **Save**.",
                ),
            ],
        },
        Step {
            title: "Provisioning tab",
            blocks: &[List(&[
                "Tick **Enable provisioning**.",
                "**Require admin approval before this action is performed**: leave Create user, Delete user and Update user ticked while you try it out; then every change waits for your **Approve**.",
                "**When users are deleted in OneLogin, or the user's app access is removed, perform the below action**: **Delete**. {delete} With **Suspend** the user stays, deactivated.",
                "**When user accounts are suspended in OneLogin, perform the following action**: **Suspend**.",
                "**Entitlements → Refresh** reads the groups of this endpoint, so that rules can name them. **Save**.",
            ])],
        },
        Step {
            title: "Parameters tab",
            blocks: &[List(&[
                "**SCIM Username** (scimusername): **Username** or **Email**. It becomes the user name here.",
                "**Groups**: tick **Include in User Provisioning**. **Save**.",
            ])],
        },
        Step {
            title: "Rules tab, for groups",
            blocks: &[Say(
                "**Add Rule**, action **Set Groups in {name}**: choose groups that exist here, or **Map from OneLogin**, for each **role** with value that matches `.*`, which makes a group of every role. OneLogin never deletes a group: do that here, under Groups.",
            )],
        },
        Step {
            title: "Give people the app",
            blocks: &[Say(
                "On the **Access** tab by role, or on a user's page under **Applications**. What waits for approval stands on the **Users** tab as Pending: **Approve** it, and the user appears under Users here.",
            )],
        },
    ],
    know: &[
        "OneLogin's stock template with its private schema URNs, and its SCIM 1.1 form of changing groups, are understood too.",
        "It sends a user as a whole each time, and never renames or deletes a group.",
        "Its test looks up a user that cannot exist; an empty list is the right answer.",
    ],
    todo: [
        "Configuration tab: paste both values, then API Status → Enable.",
        "Give a user the app, and approve the task under Users → Provisioning if it waits.",
        "Rules tab: a rule that sets groups in this app, also groups that were made here.",
        "Change a user in OneLogin, for example the last name.",
    ],
    exchange: [
        "In OneLogin: Applications → Applications, open the app, Configuration tab.",
        "Delete what stands in “SCIM Bearer Token” and paste the new token, alone: OneLogin adds the word “Bearer”. Leave “SCIM Base URL” as it is.",
        "Save. API Status must say Enabled; if it does not, press Enable. OneLogin's next call comes with the new token.",
    ],
};

const HEADERS: &str = "Content-Type: application/scim+json\nUser-Agent: OneLogin SCIM";

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
