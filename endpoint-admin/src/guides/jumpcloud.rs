//! JumpCloud: a custom application with Identity Management.

use super::{
    Block::{Fields, List, Say},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "Base URL",
    token_field: "Token Key",
    token_name: "Token Key",
    oauth: false,
    steps: &[
        Step {
            title: "Open the application",
            blocks: &[Say(
                "In JumpCloud: **SSO Applications**, a custom application, its tab **Identity Management**.",
            )],
        },
        Step {
            title: "Paste the values",
            blocks: &[
                Fields(
                    "Fields of Identity Management",
                    &[
                        Field { name: "API Type", given: &[Given::Say("**SCIM API**")] },
                        Field { name: "SCIM Version", given: &[Given::Say("**SCIM 2.0**")] },
                        Field {
                            name: "Base URL",
                            given: &[Given::BaseUrl, Given::Small("No slash at its end.")],
                        },
                        Field { name: "Token Key", given: &[Given::Token("alone")] },
                        Field {
                            name: "Test User Email",
                            given: &[Given::Say(
                                "an address that no user here has: the test makes a user of it",
                            )],
                        },
                    ],
                ),
                Say(
                    "Tick **Enable management of User Groups and Group Membership in this application**, and press **Test Connection**. It makes a user and a group and deletes both again; “Test call seen”, “First user arrived” and “First group arrived” tick on this page. Then **Activate**, and **Save**.",
                ),
            ],
        },
        Step {
            title: "Attributes",
            blocks: &[Say(
                "The attributes of the standard come along as they are. JumpCloud sends no extension schemas of your own.",
            )],
        },
        Step {
            title: "Say who comes along",
            blocks: &[Say(
                "Tab **User Groups**: choose the groups. Their members are created here, and the groups with them.",
            )],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[List(&[
                "Whoever is in none of the chosen groups any more is deactivated or deleted by JumpCloud; both are understood. When it sends a delete, that is carried out. {delete}",
                "Managing groups includes deleting them: what JumpCloud deletes is deleted here.",
            ])],
        },
    ],
    know: &[
        "Its management of groups needs create, update and delete; this endpoint grants all three.",
        "The test needs an address that no user here has. It leaves nothing behind but entries in the history.",
        "Members of groups come one by one, each in a request of its own.",
    ],
    todo: [
        "Identity Management: paste both values, then Test Connection with a Test User Email that is new.",
        "User Groups: choose a group with somebody in it, and Activate.",
        "Tick “Enable management of User Groups and Group Membership in this application”.",
        "Change a user in JumpCloud.",
    ],
    exchange: [
        "In JumpCloud: SSO Applications, open the application, Identity Management.",
        "Delete what stands in “Token Key” and paste the new token, alone. Leave “Base URL” as it is.",
        "Press Test Connection, with a Test User Email that is new, then Activate and Save. The test comes with the new token.",
    ],
};
