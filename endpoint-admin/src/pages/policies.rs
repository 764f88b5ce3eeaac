//! The settings of an endpoint as sentences, each with a request that it decides about.

use endpoint_store::settings::{
    DeletePolicy, GroupNames, GroupPatchAnswer, History, PasswordPolicy, Rate, Requests, Settings,
    UnknownMembers,
};

use super::{Choice, new_endpoint::delete_policies};

/// One setting.
pub(crate) struct Setting {
    /// Its name in forms, at the command line and in the store.
    pub(crate) name: &'static str,
    /// When it matters.
    pub(crate) title: &'static str,
    /// More about that.
    pub(crate) hint: String,
    /// A request that it decides about; may be empty.
    pub(crate) example: &'static str,
    /// What may happen then.
    pub(crate) choices: Vec<Choice>,
}

/// The names of the settings that [`all`] lists, but for the rate, which takes a number too.
pub(crate) const PLAIN: [&str; 8] =
    ["delete", "group-patch", "password", "unknown-members", "group-names", "history", "requests", "silence"];

/// Every setting with what is chosen; `idp` begins a sentence.
pub(crate) fn all(settings: &Settings, idp: &str) -> Vec<Setting> {
    vec![
        delete(settings, idp),
        group_patch(settings, idp),
        unknown_members(settings, idp),
        group_names(settings, idp),
        password(settings, idp),
        rate(settings),
        history(settings),
        requests(settings),
        silence(settings),
    ]
}

fn delete(settings: &Settings, idp: &str) -> Setting {
    Setting {
        name: "delete",
        title: "When a user is deleted",
        hint: format!("{idp} sends, for example:"),
        example: "DELETE /Users/2819c223-…",
        choices: delete_policies(match settings.delete {
            DeletePolicy::Remove => "remove",
            DeletePolicy::Deactivate => "deactivate",
        }),
    }
}

fn group_patch(settings: &Settings, idp: &str) -> Setting {
    let chosen = match settings.group_patch {
        GroupPatchAnswer::NoContent => "204",
        GroupPatchAnswer::Body => "200",
    };
    Setting {
        name: "group-patch",
        title: "When a group is changed",
        hint: format!("{idp} sends, for example:"),
        example: "PATCH /Groups/e9e30dba-…\n{\"op\": \"add\", \"path\": \"members\",\n \"value\": [{\"value\": \"2819c223-…\"}]}",
        choices: vec![
            Choice::new(
                "204",
                "Answer that it is done, without the group",
                "204 No Content. What most providers expect, and fast for groups of any size.",
                chosen,
            ),
            Choice::new(
                "200",
                "Answer with the whole group",
                "200 with a body. For clients that read the group out of the answer.",
                chosen,
            ),
        ],
    }
}

fn unknown_members(settings: &Settings, idp: &str) -> Setting {
    let chosen = match settings.unknown_members {
        UnknownMembers::Skip => "skip",
        UnknownMembers::Refuse => "refuse",
    };
    Setting {
        name: "unknown-members",
        title: "When a group gets a member that does not exist",
        hint: format!("{idp} sends, for example, an id that was deleted here:"),
        example: "PATCH /Groups/e9e30dba-…\n{\"op\": \"add\", \"path\": \"members\",\n \"value\": [{\"value\": \"an-old-id\"}]}",
        choices: vec![
            Choice::new(
                "skip",
                "Leave it out and take the others",
                "One stale id does not fail the push of a whole group.",
                chosen,
            ),
            Choice::new(
                "refuse",
                "Refuse the request",
                "400 with the id in it; the group stays as it was.",
                chosen,
            ),
        ],
    }
}

fn group_names(settings: &Settings, idp: &str) -> Setting {
    let chosen = match settings.group_names {
        GroupNames::Unique => "unique",
        GroupNames::Free => "free",
    };
    Setting {
        name: "group-names",
        title: "When a second group gets the same name",
        hint: format!("There is a group “Sales”, and {} sends:", inside(idp)),
        example: "POST /Groups\n{\"displayName\": \"sales\"}",
        choices: vec![
            Choice::new(
                "unique",
                "Refuse it: names are unique",
                "409, compared without case. The provider then finds the group that is there.",
                chosen,
            ),
            Choice::new(
                "free",
                "Take it: names may repeat",
                "Both stand in the list under one name, told apart by their ids.",
                chosen,
            ),
        ],
    }
}

fn password(settings: &Settings, idp: &str) -> Setting {
    let chosen = match settings.password {
        PasswordPolicy::Accept => "accept",
        PasswordPolicy::Refuse => "refuse",
    };
    Setting {
        name: "password",
        title: "When a password comes along",
        hint: format!("It is never kept, shown or logged, whatever you choose. {idp} sends, for example:"),
        example: "POST /Users\n{\"userName\": \"robertt\", \"password\": \"…\"}",
        choices: vec![
            Choice::new(
                "accept",
                "Take the request and throw the password away",
                "Many providers send a random one with every new user.",
                chosen,
            ),
            Choice::new(
                "refuse",
                "Refuse the request",
                "400, so that somebody notices that passwords leave the provider.",
                chosen,
            ),
        ],
    }
}

fn rate(settings: &Settings) -> Setting {
    let chosen = match settings.rate {
        Rate::Default => "default",
        Rate::Unlimited => "unlimited",
        Rate::PerSecond(_) => "own",
    };
    Setting {
        name: "rate",
        title: "How fast it may send",
        hint: "Over the limit a call gets 429 and is asked to come back.".to_owned(),
        example: "",
        choices: vec![
            Choice::new(
                "default",
                "As fast as the server allows by default",
                "The limit is in the server's configuration.",
                chosen,
            ),
            Choice::new("own", "Its own limit", "Four times as many are let through in a burst.", chosen),
            Choice::new("unlimited", "No limit", "One busy endpoint can then slow the others down.", chosen),
        ],
    }
}

fn history(settings: &Settings) -> Setting {
    let (chosen, own) = match settings.history {
        History::Days(30) => ("30", None),
        History::Days(90) => ("90", None),
        History::Days(365) => ("365", None),
        History::Days(days) => ("", Some(days)),
        History::Forever => ("forever", None),
    };
    let mut choices = vec![
        Choice::new("30", "For 30 days", "", chosen),
        Choice::new("90", "For 90 days", "", chosen),
        Choice::new("365", "For a year", "", chosen),
        Choice::new("forever", "For as long as the endpoint is there", "The log then only grows.", chosen),
    ];
    if let Some(days) = own {
        // What is empty in a form changes nothing.
        choices.push(Choice::new("", format!("For {days} days"), "Set at the command line.", chosen));
    }
    Setting {
        name: "history",
        title: "How long changes are remembered",
        hint: "The history of every user and group is kept for so long, with who changed what. Then it is removed \
               for good, a little at a time."
            .to_owned(),
        example: "",
        choices,
    }
}

fn requests(settings: &Settings) -> Setting {
    let (chosen, own) = match settings.requests {
        Requests::None => ("none", None),
        Requests::Last(1000) => ("1000", None),
        Requests::Last(10_000) => ("10000", None),
        Requests::Last(100_000) => ("100000", None),
        Requests::Last(last) => ("", Some(last)),
    };
    let mut choices = vec![
        Choice::new("none", "None", "Nothing of a request is written down, and what was is removed.", chosen),
        Choice::new("1000", "The last 1,000", "", chosen),
        Choice::new("10000", "The last 10,000", "", chosen),
        Choice::new("100000", "The last 100,000", "", chosen),
    ];
    if let Some(last) = own {
        choices.push(Choice::new("", format!("The last {last}"), "Set at the command line.", chosen));
    }
    Setting {
        name: "requests",
        title: "How many requests are kept",
        hint: "With their bodies, so that what was refused can be explained: without passwords, tokens and secrets, and                for two weeks at most."
            .to_owned(),
        example: "",
        choices,
    }
}

fn silence(settings: &Settings) -> Setting {
    let chosen = settings.silence.to_string();
    let mut choices = vec![
        Choice::new(
            "auto",
            "When it lasts three times as long as is usual",
            "And two hours at least. What is usual is learned from the last two weeks.",
            &chosen,
        ),
        Choice::new("4h", "When it lasts for 4 hours", "", &chosen),
        Choice::new("1d", "When it lasts for a day", "", &chosen),
        Choice::new("7d", "When it lasts for 7 days", "", &chosen),
        Choice::new("never", "Never", "Nobody waits for this endpoint.", &chosen),
    ];
    if choices.iter().all(|choice| !choice.chosen) {
        // What is empty in a form changes nothing.
        let own = Choice::new("", format!("When it lasts for {chosen}"), "Set at the command line.", "");
        choices.push(own);
    }
    Setting {
        name: "silence",
        title: "When silence is an alarm",
        hint: "Then it stands on the overview, on this endpoint's pages, in the log and in the metrics. Days of the week on \
               which nothing ever comes do not count."
            .to_owned(),
        example: "",
        choices,
    }
}

/// The identity provider inside a sentence: a name stays as it is.
fn inside(idp: &str) -> String {
    idp.strip_prefix("The ").map_or_else(|| idp.to_owned(), |rest| format!("the {rest}"))
}
