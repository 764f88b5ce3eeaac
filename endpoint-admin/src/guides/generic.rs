//! Every other identity provider: the same steps, with what to look for.

use super::{
    Block::{Fields, List, Say, Small},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "SCIM Base URL",
    token_field: "Bearer Token",
    token_name: "Bearer Token",
    oauth: true,
    steps: &[
        Step {
            title: "Find the provisioning settings",
            blocks: &[Say(
                "Look for “Provisioning”, “SCIM” or “Identity management” in the application's settings, and for SCIM version 2.0.",
            )],
        },
        Step {
            title: "Paste the values",
            blocks: &[Fields(
                "Fields to fill in",
                &[
                    Field {
                        name: "SCIM Base URL",
                        given: &[
                            Given::BaseUrl,
                            Given::Small(
                                "Look for SCIM URL, Tenant URL, Endpoint URL or SCIM endpoint. No slash at its end; the provider itself adds /Users and /Groups.",
                            ),
                        ],
                    },
                    Field {
                        name: "Bearer Token",
                        given: &[
                            Given::Token("alone"),
                            Given::Small(
                                "Look for Secret Token, API Token, Access Token or Token Key. On the wire it must be `Authorization: Bearer scim_…`",
                            ),
                        ],
                    },
                    Field {
                        name: "Way to authenticate",
                        given: &[Given::Say(
                            "look for “HTTP header”, “Bearer token” or “OAuth bearer token”",
                        )],
                    },
                    Field { name: "Unique identifier", given: &[Given::Say("`userName`")] },
                ],
            )],
        },
        Step {
            title: "Test the connection",
            blocks: &[Say(
                "Look for “Test connection” or “Verify”. “Test call seen” ticks on this page as soon as a call with the token arrives.",
            )],
        },
        Step {
            title: "Choose who and what is sent",
            blocks: &[
                Say(
                    "Look for “Assignments” or “Users and groups”. Creating, updating and deactivating users, and groups with their members, are all understood.",
                ),
                Small("“{name}” is the name of this endpoint only here."),
            ],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[List(&[
                "Deactivated (`active` false): the user stays, with its groups.",
                "Deleted by the provider. {delete}",
            ])],
        },
    ],
    know: &[
        "Nothing is assumed beyond the standard. If the provider bends it somewhere, the request is refused with the reason, Evidence shows it, and Settings has a switch for it.",
    ],
    todo: [
        "Paste both values and press the provider's test.",
        "Assign a user to the application.",
        "Assign or push a group.",
        "Change a user in the provider.",
    ],
    exchange: [
        "Open the same place as when it was set up: look for “Provisioning”, “SCIM” or “Identity management” in the application's settings.",
        "Delete what stands in the field of the token and paste the new one, alone. Leave the base URL as it is, and save.",
        "Let it make a call: look for “Test connection” or “Verify”. Its next call comes with the new token.",
    ],
};
