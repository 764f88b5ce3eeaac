//! Microsoft Entra ID: an application that is not from the gallery.

use super::{
    Block::{Fields, List, Say, Small},
    Field, Given, Spec, Step,
};

pub(super) const GUIDE: Spec = Spec {
    url_field: "Tenant URL",
    token_field: "Secret Token",
    token_name: "Secret Token",
    oauth: true,
    steps: &[
        Step {
            title: "Add the application",
            blocks: &[Say(
                "In the Entra admin center (entra.microsoft.com): **Enterprise applications → New application → Create your own application**, the kind that is not in the gallery.",
            )],
        },
        Step {
            title: "Paste the values",
            blocks: &[
                Say(
                    "In the application: **Provisioning → New configuration**. In older portals **Provisioning Mode**: **Automatic**, then **Admin Credentials**.",
                ),
                Fields(
                    "Fields of the configuration",
                    &[
                        Field {
                            name: "Tenant URL",
                            given: &[Given::BaseUrl, Given::Small("As it is, without anything behind it.")],
                        },
                        Field { name: "Secret Token", given: &[Given::Token("alone")] },
                    ],
                ),
                Say(
                    "Press **Test Connection**: Entra looks up a user under a random name, and “Test call seen” ticks on this page. Then **Create** or **Save**.",
                ),
            ],
        },
        Step {
            title: "Attribute mapping",
            blocks: &[
                List(&[
                    "`externalId`: change the source from **mailNickname** to **objectId**. A nickname changes with a marriage, an object id never does.",
                    "`userName` from **userPrincipalName** with **Matching precedence** 1, as it is by default.",
                    "`active` from `Switch([IsSoftDeleted], , \"False\", \"True\", \"True\", \"False\")`, as it is by default.",
                ]),
                Small(
                    "An attribute that is mapped and that this endpoint does not know is left out, and shown under Evidence.",
                ),
            ],
        },
        Step {
            title: "Say who comes along",
            blocks: &[Say(
                "**Users and groups**: assign people and groups. **Provision on demand** sends one person at once, and “First user arrived” ticks.",
            )],
        },
        Step { title: "Start", blocks: &[Say("**Start provisioning**. Groups come with the first cycle.")] },
        Step {
            title: "When somebody leaves",
            blocks: &[List(&[
                "Taken out of **Users and groups**: Entra disables the user here, and no more.",
                "Deleted in Entra: disabled at first, and deleted here when the account goes for good, 30 days later. {delete}",
            ])],
        },
    ],
    know: &[
        "Entra works in cycles of about 40 minutes; what is changed now may come only then. **Provision on demand** does not wait.",
        "The flag `aadOptscim062020` behind the Tenant URL is not needed: what Entra sends without it is understood as well as what it sends with it.",
        "A user name that is not found must be answered by an empty list; that is what its test looks at.",
        "After many failures it slows down and puts the job into quarantine, and after four weeks of that it switches it off. The failed attempts on this page say why.",
        "It asks for at least 25 requests a second. The default rate of this server is above that.",
    ],
    todo: [
        "Provisioning: paste both values, then Test Connection.",
        "Assign a user, then Provision on demand: it need not wait for the next cycle.",
        "Assign a group, and wait for the next cycle (40 minutes).",
        "Change a user in Entra, then Provision on demand again.",
    ],
    exchange: [
        "In the Entra admin center: Enterprise applications, open the application, Provisioning, where Tenant URL and Secret Token stand.",
        "Delete what stands in “Secret Token” and paste the new token, alone. Leave “Tenant URL” as it is.",
        "Press Test Connection, and save. The test comes with the new token; the next cycle follows within 40 minutes.",
    ],
};
