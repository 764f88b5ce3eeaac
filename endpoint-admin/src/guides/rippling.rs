//! Rippling: a custom integration.

use super::{
    Block::{Fields, List, Say},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "SCIM Base URL",
    token_field: "Bearer Token",
    token_name: "Bearer Token",
    oauth: false,
    steps: &[
        Step {
            title: "Add the integration",
            blocks: &[Say(
                "In Rippling: **IT → Third-Party Access → Add Integration → Create New Custom Integration → User Management via SCIM**.",
            )],
        },
        Step {
            title: "Paste the values",
            blocks: &[
                Fields(
                    "Fields of the integration",
                    &[
                        Field { name: "SCIM Version", given: &[Given::Say("**2.0**")] },
                        Field { name: "SCIM Base URL", given: &[Given::BaseUrl] },
                        Field { name: "SCIM Authorization Method", given: &[Given::Say("**Bearer Token**")] },
                        Field {
                            name: "Bearer Token",
                            given: &[
                                Given::Token("alone"),
                                Given::Small("Look for the field below the method."),
                            ],
                        },
                    ],
                ),
                Say(
                    "Look for the button that goes on or tests. “Test call seen” ticks on this page with the first call.",
                ),
            ],
        },
        Step {
            title: "Options and attributes",
            blocks: &[List(&[
                "Tick **Supports Groups**, **Supports Pagination**, **Create & Delete Groups** and **Use PATCH to edit Groups**. Leave **Mutually Exclusive Groups** off: people here can be in many groups.",
                "**Supported SCIM Attributes**: `externalId`, `emails.primary`, `name.givenName`, `name.familyName`.",
            ])],
        },
        Step {
            title: "Say who comes along",
            blocks: &[Say(
                "Look for the access rules of the integration. Whoever they name is created here, and “First user arrived” ticks.",
            )],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[Say(
                "Look for what the integration does when access ends: deactivate, or delete. When it sends a delete, that is carried out. {delete}",
            )],
        },
    ],
    know: &[
        "Rippling finds people by `externalId`. It is kept and echoed here.",
        "How exactly its other requests look is not documented. What this endpoint had to tolerate is shown under Evidence.",
    ],
    todo: [
        "The integration: paste both values and go on.",
        "The access rules: name somebody.",
        "Tick Supports Groups, and let a group come along.",
        "Change somebody's name.",
    ],
    exchange: [
        "In Rippling: IT → Third-Party Access, open the integration.",
        "Put the new token in the place of the old one, alone; look for the field below “SCIM Authorization Method”. Leave “SCIM Base URL” as it is, and save.",
        "Its next call comes with the new token.",
    ],
};
