//! Okta: an app of one's own, or one of its catalogue's SCIM test apps.

use super::{
    Block::{Fields, List, Say, Small},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "SCIM connector base URL",
    token_field: "Authorization",
    token_name: "Bearer Token",
    oauth: true,
    steps: &[
        Step {
            title: "Add the app, and switch SCIM on",
            blocks: &[
                Say(
                    "Your own app: **Applications →** the app **→ General → App Settings**, **Provisioning**: **SCIM**. Then its tab **Provisioning → Configure API Integration → Enable API integration**.",
                ),
                Say(
                    "No app yet? **Applications → Browse App Catalog**: **SCIM 2.0 Test App (Header Auth)** or **SCIM 2.0 Test App (OAuth Bearer Token)**.",
                ),
            ],
        },
        Step {
            title: "Paste the values",
            blocks: &[
                Fields(
                    "Fields of the integration",
                    &[
                        Field {
                            name: "SCIM connector base URL",
                            given: &[
                                Given::BaseUrl,
                                Given::Small("In the catalogue's apps the field is called **Base URL**."),
                            ],
                        },
                        Field {
                            name: "Unique identifier field for users",
                            given: &[Given::Say("`userName`")],
                        },
                        Field {
                            name: "Supported provisioning actions",
                            given: &[Given::Say(
                                "all: **Import New Users and Profile Updates**, **Push New Users**, **Push Profile Updates**, **Push Groups**, **Import Groups**",
                            )],
                        },
                        Field { name: "Authentication Mode", given: &[Given::Say("**HTTP Header**")] },
                        Field {
                            name: "Authorization",
                            given: &[
                                Given::Token(
                                    "alone if the word “Bearer” stands before the field, else with `Bearer` and a blank before it",
                                ),
                                Given::Small(
                                    "In the catalogue's apps the field is called **API Token**. On the wire it must be `Authorization: Bearer scim_…`; a token that comes without the word is told as such on this page.",
                                ),
                            ],
                        },
                    ],
                ),
                Say(
                    "Press **Test Connector Configuration** (in the catalogue's apps **Test API Credentials**). Okta lists users and groups, and “Test call seen” ticks on this page. Save.",
                ),
            ],
        },
        Step {
            title: "To App",
            blocks: &[
                Say(
                    "Switch on **Create Users**, **Update User Attributes** and **Deactivate Users**, and save.",
                ),
                Small("The default mappings fit: the Okta user name becomes the user name here."),
            ],
        },
        Step {
            title: "Assign people",
            blocks: &[Say(
                "Tab **Assignments**: people or groups. Each of them is created here, and “First user arrived” ticks.",
            )],
        },
        Step {
            title: "Push groups",
            blocks: &[Say(
                "Tab **Push Groups → Find groups by name**. The group with its members comes, and “First group arrived” ticks.",
            )],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[List(&[
                "Taken out of **Assignments**, or deactivated: Okta sets the user inactive here. It never deletes users, so the delete policy of this endpoint does not come into play.",
                "A group that is no longer pushed is deleted here only if that is chosen when it is unlinked.",
            ])],
        },
    ],
    know: &[
        "No underscore may stand in the address; ours have none.",
        "Okta waits up to 60 seconds for an answer. When it is told to come slower (429) it waits as long as it is told.",
        "What was refused as wrong (400) is not sent again by itself: look for the failed tasks of the app.",
        "It looks users up by name in any case, and reads them 100 at a time.",
        "A random password may come with new users. It is taken and never kept.",
    ],
    todo: [
        "Configure API Integration: paste both values, then Test Connector Configuration.",
        "Assignments: assign a user to the app.",
        "Push Groups: push a group by name.",
        "Change a profile in Okta.",
    ],
    exchange: [
        "In Okta: Applications, open the app, Provisioning → Configure API Integration.",
        "Put the new token in the place of the old one in “Authorization” (or “API Token”), with the word “Bearer” and a blank before it unless that stands there already. Leave the base URL as it is.",
        "Press Test Connector Configuration (or Test API Credentials), and save. The test comes with the new token.",
    ],
};
