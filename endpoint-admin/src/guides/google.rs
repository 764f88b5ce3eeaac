//! Google Workspace: auto-provisioning of an app.

use super::{
    Block::{Fields, List, Say, Small},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "Endpoint URL",
    token_field: "Access token",
    token_name: "Access token",
    oauth: false,
    steps: &[
        Step {
            title: "Open the app",
            blocks: &[
                Say("In the Admin console: **Apps → Web and mobile apps**, the app, **Auto-provisioning**."),
                Small(
                    "Only apps of Google's catalogue have auto-provisioning. For others, administrators take the catalogue's **Amazon Web Services** app and give it their own endpoint.",
                ),
            ],
        },
        Step {
            title: "Paste the values",
            blocks: &[
                Fields(
                    "Fields of Auto-provisioning",
                    &[
                        Field { name: "Access token", given: &[Given::Token("alone")] },
                        Field { name: "Endpoint URL", given: &[Given::BaseUrl] },
                    ],
                ),
                Say(
                    "Look for the button that goes on. “Test call seen” ticks on this page with the first call, which can come as late as the first sync.",
                ),
            ],
        },
        Step {
            title: "Attribute mapping",
            blocks: &[Say(
                "Map the primary e-mail address to `userName`, first and last name to `name.givenName` and `name.familyName`. Look for those names among the app's attributes.",
            )],
        },
        Step {
            title: "Say who comes along",
            blocks: &[Say(
                "Choose the provisioning scope: the groups whose members come along. Then look for the switch that turns auto-provisioning on, and turn the app itself on for these people.",
            )],
        },
        Step {
            title: "When somebody leaves",
            blocks: &[List(&[
                "**Deprovisioning**: choose for each case whether the user is suspended, or deleted after a day, seven days or more. Suspended is inactive here.",
                "When it sends a delete, that is carried out. {delete}",
            ])],
        },
    ],
    know: &[
        "Google Workspace never sends groups: they only limit who is in scope. Groups are made here, or by the application.",
        "A sync takes place every few hours; there is no way to make it come at once.",
        "How exactly its requests look is not documented. What this endpoint had to tolerate is shown under Evidence.",
    ],
    todo: [
        "Auto-provisioning: paste both values and go on.",
        "Turn the app on for a user. The next sync can take hours.",
        "Google Workspace never sends groups: make them here if you need any.",
        "Change a user in the Admin console.",
    ],
    exchange: [
        "In the Admin console: Apps → Web and mobile apps, open the app, Auto-provisioning.",
        "Put the new token in the place of the old one in “Access token”. Leave “Endpoint URL” as it is, and save.",
        "Its next call comes with the new token. That can take some hours: choose an overlap that is long enough.",
    ],
};
