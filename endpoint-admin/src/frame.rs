//! What stands around a page: who is signed in, where in the console, light or dark.

use actix_web::http::header::{COOKIE, HeaderMap};
use endpoint_store::{
    endpoints::{EndpointSummary, Status},
    health::{Condition, Health},
    operators::{Act, Role},
    settings::Idp,
};

use crate::ui::{Num, State, Tone, When, duration};

/// The cookie that keeps the choice of light or dark.
pub(crate) const THEME_COOKIE: &str = "scim_theme";

/// Light, dark, or what the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// What the system says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// As the switch offers them.
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The value in forms and in the cookie.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The word on the switch.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::System => "System",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }

    /// From a form or a cookie; anything unknown follows the system.
    pub(crate) fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|theme| theme.name() == name).unwrap_or_default()
    }

    /// From the cookies of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        cookie(headers, THEME_COOKIE).map_or_else(Self::default, Self::parse)
    }

    /// What to tell the style sheet, when it should not ask the system.
    pub(crate) fn forced(&self) -> Option<&'static str> {
        (*self != Self::System).then(|| self.name())
    }
}

/// The value of a cookie. Ours are letters, digits and hyphens, so nothing needs decoding.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

const ANY: &str = "The identity provider";

/// The part of the console a page belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Section {
    /// The overview.
    Overview,
    /// A new endpoint.
    New,
    /// The people who run the platform.
    Operators,
    /// Who did what.
    Audit,
    /// How the server itself is doing.
    System,
    /// The account of whoever is signed in.
    Account,
    /// Everything else.
    #[default]
    Elsewhere,
}

impl Section {
    /// For the navigation.
    pub(crate) fn is_overview(&self) -> bool {
        *self == Self::Overview
    }

    /// For the navigation.
    pub(crate) fn is_new(&self) -> bool {
        *self == Self::New
    }

    /// For the navigation.
    pub(crate) fn is_operators(&self) -> bool {
        *self == Self::Operators
    }

    /// For the navigation.
    pub(crate) fn is_audit(&self) -> bool {
        *self == Self::Audit
    }

    /// For the navigation.
    pub(crate) fn is_system(&self) -> bool {
        *self == Self::System
    }

    /// For the navigation.
    pub(crate) fn is_account(&self) -> bool {
        *self == Self::Account
    }
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// Their name.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// The token that every form of the session carries.
    pub(crate) csrf: String,
}

impl Who {
    /// Whether the page about operators is shown.
    pub(crate) fn may_people(&self) -> bool {
        self.role.may(Act::People)
    }

    /// Whether the page about the server is shown.
    pub(crate) fn may_system(&self) -> bool {
        self.role.may(Act::System)
    }

    /// Whether anything may be changed; forms are left out otherwise, and refused by the gate.
    pub(crate) fn may_write(&self) -> bool {
        self.role.may_write()
    }
}

/// What stands around every page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Light or dark.
    pub(crate) theme: Theme,
    /// Nobody on pages outside.
    pub(crate) who: Option<Who>,
    /// Where in the console.
    pub(crate) section: Section,
    /// The address of this page, to come back to.
    pub(crate) here: String,
    /// What was just done, after a redirect.
    pub(crate) done: Option<&'static str>,
}

impl Frame {
    /// The token for a form; empty outside, where there is none.
    pub(crate) fn csrf(&self) -> &str {
        self.who.as_ref().map_or("", |who| who.csrf.as_str())
    }

    /// The page that was asked for, or this one where a form was sent.
    pub(crate) fn here_or<'a>(&'a self, other: &'a str) -> &'a str {
        if self.here == "/admin/" { other } else { &self.here }
    }

    /// Who is signed in; empty outside.
    pub(crate) fn name(&self) -> &str {
        self.who.as_ref().map_or("", |who| who.name.as_str())
    }

    /// Whether forms are shown.
    pub(crate) fn may_write(&self) -> bool {
        self.who.as_ref().is_some_and(Who::may_write)
    }
}

/// What the pages of one endpoint are about; the navigation shows them in these groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// How the identity provider gets in.
    SetUp,
    /// Who is in it.
    Directory,
    /// What comes in.
    Traffic,
    /// What goes out.
    Onward,
    /// By which rules.
    Rules,
}

impl Group {
    /// In the order of the navigation.
    pub(crate) const ALL: [Self; 5] =
        [Self::SetUp, Self::Directory, Self::Traffic, Self::Onward, Self::Rules];

    /// Its word.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::SetUp => "Set up",
            Self::Directory => "Directory",
            Self::Traffic => "Traffic",
            Self::Onward => "Onward",
            Self::Rules => "Rules",
        }
    }

    /// Its pages.
    pub(crate) fn tabs(self) -> impl Iterator<Item = Tab> {
        Tab::ALL.iter().copied().filter(move |tab| tab.group() == self)
    }
}

/// Writes [`Tab`] from one line per page: name, group, last segment of the address, word.
macro_rules! tabs {
    ($($(#[$about:meta])* $name:ident, $group:ident, $path:literal, $label:literal;)+) => {
        /// The pages of one endpoint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Tab {
            $($(#[$about])* $name,)+
        }

        impl Tab {
            /// In the order of the navigation.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)+];

            /// What it is about.
            pub(crate) fn group(&self) -> Group {
                match self { $(Self::$name => Group::$group,)+ }
            }

            /// The last segment of its address.
            pub(crate) fn path(&self) -> &'static str {
                match self { $(Self::$name => $path,)+ }
            }

            /// Its word.
            pub(crate) fn label(&self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }
        }
    };
}

tabs! {
    /// Values to paste, steps, what arrived.
    Connect, SetUp, "connect", "Connect";
    /// Bearer tokens.
    Tokens, SetUp, "tokens", "Tokens";
    /// The directory's users.
    Users, Directory, "users", "Users";
    /// The directory's groups.
    Groups, Directory, "groups", "Groups";
    /// What happened.
    Activity, Traffic, "activity", "Activity";
    /// What the identity provider sent.
    Requests, Traffic, "requests", "Requests";
    /// What was noticed in the traffic.
    Evidence, Traffic, "evidence", "Evidence";
    /// The applications behind it.
    Targets, Onward, "targets", "Targets";
    /// Where events are sent to.
    Webhooks, Onward, "webhooks", "Webhooks";
    /// Resource types, extensions.
    Schema, Rules, "schema", "Schema";
    /// Policies, name, danger zone.
    Settings, Rules, "settings", "Settings";
}

/// The head of every page of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Its place in addresses.
    pub(crate) slug: String,
    /// Its name.
    pub(crate) name: String,
    /// The identity provider's own spelling of its name.
    pub(crate) idp: &'static str,
    /// The customer.
    pub(crate) tenant: Option<String>,
    /// Whether it answers.
    pub(crate) state: State,
    /// The last request with a valid token.
    pub(crate) heard: Option<When>,
    /// The page that is open.
    pub(crate) tab: Tab,
    /// What is wrong with its traffic, if anything is: in a word, and in a sentence.
    pub(crate) trouble: Option<(State, String)>,
    status: Status,
    users: Num,
    groups: Num,
}

impl Head {
    /// The head of one page of this endpoint.
    pub(crate) fn new(summary: &EndpointSummary, tab: Tab, now: i64) -> Self {
        let endpoint = &summary.endpoint;
        Self {
            slug: endpoint.slug.clone(),
            name: endpoint.name.clone(),
            idp: idp_name(endpoint.idp),
            tenant: endpoint.tenant.clone(),
            state: endpoint_state(endpoint.status),
            heard: When::maybe(summary.last_heard, now),
            tab,
            trouble: trouble(&summary.health, endpoint.status, now),
            status: endpoint.status,
            users: Num::of(summary.users),
            groups: Num::of(summary.groups),
        }
    }

    /// The number beside a tab.
    pub(crate) fn count(&self, tab: &Tab) -> Option<Num> {
        match tab {
            Tab::Users => Some(self.users),
            Tab::Groups => Some(self.groups),
            _ => None,
        }
    }

    /// Where a list of this endpoint is to be had as a file.
    pub(crate) fn files(&self, list: &str) -> String {
        format!("/admin/endpoints/{}/files/{list}", self.slug)
    }

    /// The same for a list that belongs to one thing.
    pub(crate) fn files_of(&self, list: &str, id: &str) -> String {
        format!("/admin/endpoints/{}/files/{list}/{id}", self.slug)
    }

    /// The identity provider's name inside a sentence.
    pub(crate) fn idp_inside(&self) -> &'static str {
        if self.idp == ANY { "the identity provider" } else { self.idp }
    }

    /// Whether the endpoint turns requests away.
    pub(crate) fn closed(&self) -> bool {
        self.status != Status::Active
    }

    /// What it answers while it is closed.
    pub(crate) fn closed_words(&self) -> &'static str {
        match self.status {
            Status::Active => "",
            Status::Paused => {
                "Paused: every call is answered with 503 and asked to come back later, so the identity provider keeps its changes and sends them again."
            }
            Status::Disabled => {
                "Disabled: every call is answered with 403, and identity providers do not send those changes again."
            }
        }
    }
}

/// What is wrong with an endpoint's traffic.
fn trouble(health: &Health, status: Status, now: i64) -> Option<(State, String)> {
    let state = condition_state(health.condition(status, now))?;
    let words = match health.condition(status, now) {
        Condition::Silent => {
            let last = health.last_heard.map_or_else(String::new, |at| When::new(at, now).words());
            let usual = health.usual.map_or_else(String::new, |usual| {
                format!(" Usually something comes within {}.", duration(usual))
            });
            format!(
                "Nothing has come for longer than usual: the last call came {last}.{usual} Look whether the identity provider still runs, and into its own log."
            )
        }
        _ => format!(
            "{} of {} in the last 24 hours went wrong.",
            Num::of(health.refused),
            Num::of(health.asked).with("call", "calls")
        ),
    };
    Some((state, words))
}

/// The word for a condition that wants a hand.
pub(crate) fn condition_state(condition: Condition) -> Option<State> {
    match condition {
        Condition::Silent => Some(State::new("Silent", "warn", Tone::Bad)),
        Condition::Failing => Some(State::new("Failing", "cross", Tone::Bad)),
        Condition::Fine | Condition::Unheard | Condition::Closed => None,
    }
}

/// The identity provider's name at the beginning of a sentence.
pub(crate) fn idp_name(idp: Idp) -> &'static str {
    match idp {
        Idp::Generic => ANY,
        known => known.label(),
    }
}

/// The state of an endpoint.
pub(crate) fn endpoint_state(status: Status) -> State {
    match status {
        Status::Active => State::new("Active", "check", Tone::Ok),
        Status::Paused => State::new("Paused", "pause", Tone::Warn),
        Status::Disabled => State::new("Disabled", "stop", Tone::Bad),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{COOKIE, HeaderMap, HeaderValue};

    use super::{Theme, cookie};

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; scim_theme=dark;b=2"));
        assert_eq!(cookie(&headers, "b"), Some("2"));
        assert_eq!(cookie(&headers, "scim"), None);
        assert_eq!(Theme::of(&headers), Theme::Dark);
    }
}
