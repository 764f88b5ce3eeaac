//! PingOne, and what is different in PingFederate.

use super::{
    Block::{Fields, List, Say, Small},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "SCIM Base URL",
    token_field: "OAuth Access Token",
    token_name: "OAuth Access Token",
    oauth: true,
    steps: &[
        Step {
            title: "Make a connection",
            blocks: &[
                Say(
                    "In PingOne: **Integrations → Provisioning → New Connection → Identity Store → SCIM Outbound**.",
                ),
                Small(
                    "In PingFederate, look for the SCIM connector among the outbound provisioning settings of the SP connection; the values are the same.",
                ),
            ],
        },
        Step {
            title: "Paste the values",
            blocks: &[
                Fields(
                    "Fields of the connection",
                    &[
                        Field { name: "SCIM Base URL", given: &[Given::BaseUrl] },
                        Field { name: "Users Resource", given: &[Given::Say("`/Users`")] },
                        Field { name: "SCIM Version", given: &[Given::Say("**2.0**")] },
                        Field { name: "Groups Resource", given: &[Given::Say("`/Groups`")] },
                        Field {
                            name: "Authentication Method",
                            given: &[Given::Say("**OAuth 2 Bearer Token**")],
                        },
                        Field { name: "OAuth Access Token", given: &[Given::Token("alone")] },
                        Field { name: "Auth Type Header", given: &[Given::Say("**Bearer**")] },
                        Field {
                            name: "User Filter Expression",
                            given: &[Given::Copy(
                                "filter",
                                "User Filter Expression",
                                "with the quotes",
                                "userName eq \"%s\"",
                            )],
                        },
                        Field { name: "User Identifier", given: &[Given::Say("**userName**")] },
                    ],
                ),
                Say("Look for the button that tests the connection. “Test call seen” ticks on this page."),
            ],
        },
        Step {
            title: "Actions",
            blocks: &[List(&[
                "Allow it to create, update, disable and deprovision users.",
                "**Remove Action**: **Disable** keeps the user, deactivated; **Delete** deletes it. {delete}",
                "**Group Membership Handling**: **Merge** leaves members that others added; **Overwrite** makes the group what it is in PingOne.",
                "**Group Name Source**: as you like to see them here.",
            ])],
        },
        Step {
            title: "Add a rule with attribute mapping",
            blocks: &[Say(
                "A **Rule** says which people and groups come along. Map **Username → Email** if user names here shall be e-mail addresses; first and last name have to be mapped too.",
            )],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[Say(
                "Whoever falls out of the rule is disabled or deleted, as **Remove Action** says.",
            )],
        },
    ],
    know: &[
        "The first sync sends everybody; after that only what changes.",
        "Each attribute has one value of a type. An attribute that once had a value cannot be emptied from there.",
        "Two mapped e-mail addresses both come marked primary. One is kept as such.",
        "PingFederate writes its filter without quotes, which is understood, and sends users as a whole when **SCIM SP Supports Patch Updates** is not ticked. Both ways work.",
    ],
    todo: [
        "The connection: paste both values, then test it.",
        "The rule: let it have somebody in it.",
        "The rule: choose a group that comes along.",
        "Change a user in PingOne.",
    ],
    exchange: [
        "In PingOne: Integrations → Provisioning, open the connection.",
        "Delete what stands in “OAuth Access Token” and paste the new token, alone. Leave “SCIM Base URL” as it is, and save.",
        "Let it make a call: test the connection, or change a user. Its next call comes with the new token.",
    ],
};
