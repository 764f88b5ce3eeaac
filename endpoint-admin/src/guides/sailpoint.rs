//! SailPoint, with its SCIM 2.0 connector.

use super::{
    Block::{Fields, List, Say, Small},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "Base URL",
    token_field: "API Token",
    token_name: "API Token",
    oauth: true,
    steps: &[
        Step {
            title: "Define the application",
            blocks: &[
                Say(
                    "In IdentityIQ: **Applications → Application Definition**. As **Type**, look for SCIM 2.0.",
                ),
                Small(
                    "In Identity Security Cloud, look for the SCIM 2.0 source type. The fields may be called otherwise there; the values are the same.",
                ),
            ],
        },
        Step {
            title: "Paste the values",
            blocks: &[
                Fields(
                    "Fields of the application",
                    &[
                        Field { name: "Base URL", given: &[Given::BaseUrl] },
                        Field { name: "Authentication Type", given: &[Given::Say("**API Token**")] },
                        Field { name: "API Token", given: &[Given::Token("alone")] },
                    ],
                ),
                Say(
                    "Press **Test Connection**. It reads what the server can do and which schemas it has, and “Test call seen” ticks on this page.",
                ),
            ],
        },
        Step {
            title: "Discover the schema",
            blocks: &[List(&[
                "Look for the schema discovery: it reads `/ResourceTypes` and `/Schemas`, with the extensions and resource types of this endpoint's own.",
                "**Explicit Attribute Request** reads named attributes only; that is understood.",
                "Filters for users and groups can be set; the whole filter grammar of SCIM is understood.",
            ])],
        },
        Step {
            title: "Aggregate",
            blocks: &[Say(
                "Aggregate accounts first, then groups. People and groups of this endpoint appear there as accounts and entitlements.",
            )],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[List(&[
                "Disabling an account deactivates the user here; taking an entitlement away takes the user out of the group.",
                "An account can be deleted there, too. {delete}",
            ])],
        },
    ],
    know: &[
        "Discovery is needed unless its mode for servers that do not comply is on. Leave that off.",
        "It waits a minute for an answer, and asks for pages of up to 5000. Pages here have 1000 at most; that a page is shorter than asked for is within the standard.",
        "It accepts `application/scim+json`, which is what it gets.",
    ],
    todo: [
        "Application Definition: paste both values, then Test Connection.",
        "Give somebody an account on this application.",
        "Give somebody a group as an entitlement, or create one.",
        "Change an account's attribute.",
    ],
    exchange: [
        "In IdentityIQ: Applications → Application Definition, open the application.",
        "Delete what stands in “API Token” and paste the new token, alone. Leave “Base URL” as it is.",
        "Press Test Connection, and save. The test comes with the new token.",
    ],
};
