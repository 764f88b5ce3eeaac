//! authentik: a SCIM provider behind an application.

use super::{
    Block::{Fields, List, Say},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "URL",
    token_field: "Token",
    token_name: "Token",
    oauth: false,
    steps: &[
        Step {
            title: "Make the provider",
            blocks: &[Say(
                "In authentik's admin interface: **Applications → Providers → Create → SCIM Provider**.",
            )],
        },
        Step {
            title: "Paste the values",
            blocks: &[Fields(
                "Fields of the provider",
                &[
                    Field { name: "URL", given: &[Given::BaseUrl] },
                    Field { name: "Token", given: &[Given::Token("alone")] },
                    Field {
                        name: "Verify SCIM server's certificates",
                        given: &[Given::Say(
                            "on, unless this server's certificate is one of your own that authentik does not know",
                        )],
                    },
                    Field { name: "Compatibility Mode", given: &[Given::Say("the default: none is needed")] },
                    Field {
                        name: "Group",
                        given: &[Given::Say("the group whose members come along; empty for everybody")],
                    },
                ],
            )],
        },
        Step {
            title: "Put it behind the application",
            blocks: &[Say(
                "Open the application, and choose the provider under **Backchannel Providers**. Without that nothing is sent.",
            )],
        },
        Step {
            title: "Let it sync",
            blocks: &[Say(
                "The provider's page shows its syncs; look for the button that runs one. It reads what this server can do first, and “Test call seen” ticks; users and groups follow.",
            )],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[List(&[
                "A user who is switched off there is deactivated here.",
                "Deleted there, or no longer in the provider's group: deleted here. {delete}",
            ])],
        },
    ],
    know: &[
        "Attribute mappings are property mappings; the default ones fit.",
        "When a user is there already, authentik finds it by name and goes on with it.",
        "Groups come without members at first; members follow one by one.",
        "Older releases write filters without quotes; both are understood.",
    ],
    todo: [
        "The provider: paste both values, and choose it under Backchannel Providers.",
        "Run a sync: it sends everybody who comes along.",
        "Groups come with the same sync.",
        "Change a user in authentik.",
    ],
    exchange: [
        "In authentik's admin interface: Applications → Providers, open the provider and edit it.",
        "Put the new token in the place of the old one in “Token”. Leave “URL” as it is, and save.",
        "Let it sync once. Its next call comes with the new token.",
    ],
};
