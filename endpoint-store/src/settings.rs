//! What can be set per endpoint, and the presets of each identity provider.

mod silence;

use std::collections::BTreeMap;

use scim_core::dialect::{Dialect, Rule};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::StoreError;

pub use silence::Silence;

/// The identity provider an endpoint is made for; chooses presets and the set-up guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Idp {
    /// OneLogin.
    OneLogin,
    /// Okta.
    Okta,
    /// Microsoft Entra ID.
    Entra,
    /// JumpCloud.
    JumpCloud,
    /// Google Workspace.
    Google,
    /// PingOne and PingFederate.
    Ping,
    /// SailPoint.
    SailPoint,
    /// Rippling.
    Rippling,
    /// authentik.
    Authentik,
    /// Any other client; nothing is assumed beyond the RFCs.
    Generic,
}

impl Idp {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 10] = [
        Self::OneLogin,
        Self::Okta,
        Self::Entra,
        Self::JumpCloud,
        Self::Google,
        Self::Ping,
        Self::SailPoint,
        Self::Rippling,
        Self::Authentik,
        Self::Generic,
    ];

    /// The name used in the CLI, the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneLogin => "onelogin",
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::JumpCloud => "jumpcloud",
            Self::Google => "google",
            Self::Ping => "ping",
            Self::SailPoint => "sailpoint",
            Self::Rippling => "rippling",
            Self::Authentik => "authentik",
            Self::Generic => "generic",
        }
    }

    /// The vendor's own spelling.
    pub fn label(self) -> &'static str {
        match self {
            Self::OneLogin => "OneLogin",
            Self::Okta => "Okta",
            Self::Entra => "Microsoft Entra ID",
            Self::JumpCloud => "JumpCloud",
            Self::Google => "Google Workspace",
            Self::Ping => "Ping Identity",
            Self::SailPoint => "SailPoint",
            Self::Rippling => "Rippling",
            Self::Authentik => "authentik",
            Self::Generic => "Other SCIM client",
        }
    }
}

impl std::str::FromStr for Idp {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|idp| idp.as_str() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|idp| idp.as_str()).collect();
            format!("unknown identity provider `{name}`; known are {}", known.join(", "))
        })
    }
}

/// What a SCIM DELETE does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletePolicy {
    /// The resource is removed for good.
    #[default]
    Remove,
    /// The resource is deactivated, loses its memberships and is hidden from SCIM; the console still shows it,
    /// and the same person created again gets the same id.
    Deactivate,
}

/// What answers a PATCH of a resource that has members (a group).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupPatchAnswer {
    /// 204 without a body, unless the request asks for attributes.
    #[serde(rename = "204")]
    NoContent,
    /// 200 with the group.
    #[serde(rename = "200")]
    Body,
}

/// How many requests a second an endpoint may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rate {
    /// What the server is configured with.
    #[default]
    Default,
    /// No limit.
    Unlimited,
    /// Sustained requests per second; the burst is four times as many.
    PerSecond(u32),
}

/// What happens to a `password` in a request. It is never kept either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordPolicy {
    /// It is taken and thrown away: many identity providers send a random one.
    #[default]
    Accept,
    /// The request is refused.
    Refuse,
}

/// What happens to a member that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownMembers {
    /// It is left out, the others are taken: one stale id does not fail a whole push.
    #[default]
    Skip,
    /// The request is refused.
    Refuse,
}

/// Whether two groups may have one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupNames {
    /// No; compared without case.
    #[default]
    Unique,
    /// Yes, as RFC 7643 §4.2 allows.
    Free,
}

/// How long changes are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum History {
    /// For so many days, and then forgotten.
    Days(u32),
    /// For as long as the endpoint is there.
    Forever,
}

impl Default for History {
    fn default() -> Self {
        Self::Days(90)
    }
}

/// How many of the last requests are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Requests {
    /// None: nothing of a request is written down.
    None,
    /// The last so many, and for two weeks at most.
    Last(u32),
}

impl Default for Requests {
    fn default() -> Self {
        Self::Last(10_000)
    }
}

/// The settings of one endpoint. Absent fields have the preset's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What a SCIM DELETE does.
    #[serde(default)]
    pub delete: DeletePolicy,
    /// What answers the PATCH of a group.
    #[serde(rename = "group-patch")]
    pub group_patch: GroupPatchAnswer,
    /// Request rate.
    #[serde(default)]
    pub rate: Rate,
    /// What happens to a `password` in a request.
    #[serde(default)]
    pub password: PasswordPolicy,
    /// What happens to a member that does not exist.
    #[serde(default, rename = "unknown-members")]
    pub unknown_members: UnknownMembers,
    /// Whether two groups may have one name.
    #[serde(default, rename = "group-names")]
    pub group_names: GroupNames,
    /// How long changes are remembered.
    #[serde(default)]
    pub history: History,
    /// How many of the last requests are kept.
    #[serde(default)]
    pub requests: Requests,
    /// When silence is an alarm.
    #[serde(default)]
    pub silence: Silence,
    /// Tolerances switched on or off against the preset, by name of the rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dialect: BTreeMap<String, bool>,
}

/// A setting that would be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// Its name.
    pub key: String,
    /// What it is.
    pub from: String,
    /// What it would be.
    pub to: String,
}

/// What one setting takes.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Its name.
    pub key: String,
    /// These words.
    pub words: &'static [&'static str],
    /// Whole numbers from the first to the second, too.
    pub numbers: Option<(u32, u32)>,
    /// Texts of this form, too: a regular expression.
    pub pattern: Option<&'static str>,
}

impl Settings {
    /// The preset of an identity provider.
    pub fn preset(idp: Idp) -> Self {
        let group_patch = match idp {
            Idp::Generic => GroupPatchAnswer::Body,
            _ => GroupPatchAnswer::NoContent,
        };
        Self {
            delete: DeletePolicy::Remove,
            group_patch,
            rate: Rate::Default,
            password: PasswordPolicy::Accept,
            unknown_members: UnknownMembers::Skip,
            group_names: GroupNames::Unique,
            history: History::default(),
            requests: Requests::default(),
            silence: Silence::default(),
            dialect: BTreeMap::new(),
        }
    }

    /// The tolerances in force: the preset of the identity provider with what was switched.
    pub fn dialect(&self, idp: Idp) -> Dialect {
        let preset = Dialect::for_idp_name(idp.as_str());
        self.dialect.iter().fold(preset, |dialect, (name, on)| match (Rule::by_name(name), on) {
            (Some(rule), true) => dialect.with(rule),
            (Some(rule), false) => dialect.without(rule),
            (None, _) => dialect,
        })
    }

    /// What would be different if an endpoint with these settings were made for another provider: that one's preset, but for
    /// what presets leave alone.
    pub fn turned(&self, from: Idp, to: Idp) -> Vec<Turned> {
        let other = Self::preset(to);
        let mut turned = Vec::new();
        if self.group_patch != other.group_patch {
            let key = "group-patch".to_owned();
            turned.push(Turned { key, from: word(self.group_patch), to: word(other.group_patch) });
        }
        let (mine, theirs) = (self.dialect(from), other.dialect(to));
        let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
        let rules = Rule::ALL.iter().filter(|rule| mine.has(**rule) != theirs.has(**rule));
        turned.extend(rules.map(|rule| Turned {
            key: format!("dialect.{}", rule.name()),
            from: switch(mine.has(*rule)),
            to: switch(theirs.has(*rule)),
        }));
        turned
    }

    /// All of them as [`Settings::set`] takes them: what is shown can be given back.
    pub fn entries(&self) -> Vec<(String, String)> {
        let mut entries: Vec<(String, String)> = [
            ("delete", word(self.delete)),
            ("group-patch", word(self.group_patch)),
            ("rate", word(self.rate)),
            ("password", word(self.password)),
            ("unknown-members", word(self.unknown_members)),
            ("group-names", word(self.group_names)),
            ("history", word(self.history)),
            ("requests", word(self.requests)),
            ("silence", self.silence.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        let switched = self
            .dialect
            .iter()
            .map(|(rule, on)| (format!("dialect.{rule}"), if *on { "on" } else { "off" }.into()));
        entries.extend(switched);
        entries
    }

    /// Every setting with the values it takes.
    pub fn choices() -> Vec<Choice> {
        type Plain = (&'static str, &'static [&'static str], Option<(u32, u32)>);
        let plain: [Plain; 9] = [
            ("delete", &["remove", "deactivate"], None),
            ("group-patch", &["204", "200"], None),
            ("rate", &["default", "unlimited"], Some((1, 100_000))),
            ("password", &["accept", "refuse"], None),
            ("unknown-members", &["skip", "refuse"], None),
            ("group-names", &["unique", "free"], None),
            ("history", &["forever"], Some((7, 3650))),
            ("requests", &["none"], Some((100, 100_000))),
            ("silence", &["auto", "never"], None),
        ];
        let plain = plain.map(|(key, words, numbers)| {
            let pattern = (key == "silence").then_some(silence::PATTERN);
            Choice { key: key.to_owned(), words, numbers, pattern }
        });
        let rules = Rule::ALL.iter().map(|rule| Choice {
            key: format!("dialect.{}", rule.name()),
            words: &["on", "off", "preset"],
            numbers: None,
            pattern: None,
        });
        plain.into_iter().chain(rules).collect()
    }

    /// Sets several by name; all or none is the caller's to see to.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub fn set_all(&mut self, settings: &[(String, String)]) -> Result<(), StoreError> {
        settings.iter().try_for_each(|(key, value)| self.set(key, value))
    }

    /// Sets one by name, as the CLI does.
    ///
    /// # Errors
    /// A sentence that names the known keys or values.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        match (key, value) {
            ("delete", "remove") => self.delete = DeletePolicy::Remove,
            ("delete", "deactivate") => self.delete = DeletePolicy::Deactivate,
            ("delete", _) => return Err(wrong(key, value, "`remove` or `deactivate`")),
            ("group-patch", "204") => self.group_patch = GroupPatchAnswer::NoContent,
            ("group-patch", "200") => self.group_patch = GroupPatchAnswer::Body,
            ("group-patch", _) => return Err(wrong(key, value, "`204` or `200`")),
            ("rate", "default") => self.rate = Rate::Default,
            ("rate", "unlimited") => self.rate = Rate::Unlimited,
            ("rate", number) => {
                let per_second = number.parse().ok().filter(|n| (1..=100_000).contains(n));
                self.rate = Rate::PerSecond(per_second.ok_or_else(|| {
                    wrong(key, value, "`unlimited`, `default` or whole requests per second from 1 to 100000")
                })?);
            }
            ("history", "forever") => self.history = History::Forever,
            ("history", days) => {
                let days = days.parse().ok().filter(|days| (7..=3650).contains(days));
                self.history = History::Days(
                    days.ok_or_else(|| wrong(key, value, "`forever` or whole days from 7 to 3650"))?,
                );
            }
            ("requests", "none") => self.requests = Requests::None,
            ("requests", number) => {
                let last = number.parse().ok().filter(|n| (100..=100_000).contains(n));
                self.requests = Requests::Last(
                    last.ok_or_else(|| wrong(key, value, "`none` or a whole number from 100 to 100000"))?,
                );
            }
            ("silence", value) => {
                let expected = "`auto`, `never` or a duration up to 366d, such as `90m`, `12h` or `3d`";
                self.silence = Silence::parse(value).ok_or_else(|| wrong(key, value, expected))?;
            }
            _ => return self.set_strictness(key, value),
        }
        Ok(())
    }

    fn set_strictness(&mut self, key: &str, value: &str) -> Result<(), StoreError> {
        match (key, value) {
            ("password", "accept") => self.password = PasswordPolicy::Accept,
            ("password", "refuse") => self.password = PasswordPolicy::Refuse,
            ("password", _) => return Err(wrong(key, value, "`accept` or `refuse`")),
            ("unknown-members", "skip") => self.unknown_members = UnknownMembers::Skip,
            ("unknown-members", "refuse") => self.unknown_members = UnknownMembers::Refuse,
            ("unknown-members", _) => return Err(wrong(key, value, "`skip` or `refuse`")),
            ("group-names", "unique") => self.group_names = GroupNames::Unique,
            ("group-names", "free") => self.group_names = GroupNames::Free,
            ("group-names", _) => return Err(wrong(key, value, "`unique` or `free`")),
            _ => {
                let Some(rule) = key.strip_prefix("dialect.").and_then(Rule::by_name) else {
                    return Err(unknown(key));
                };
                match value {
                    "on" | "off" => drop(self.dialect.insert(rule.name().to_owned(), value == "on")),
                    "preset" => drop(self.dialect.remove(rule.name())),
                    _ => return Err(wrong(key, value, "`on`, `off` or `preset`")),
                }
            }
        }
        Ok(())
    }
}

/// The word of a choice, as it is stored.
fn word(choice: impl Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(Value::String(word)) => word,
        // A choice with a number is kept as {"persecond": N}.
        Ok(Value::Object(map)) => map.values().next().map(Value::to_string).unwrap_or_default(),
        _ => String::new(),
    }
}

fn unknown(key: &str) -> StoreError {
    let rules: Vec<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    StoreError::invalid(
        place(key),
        format!(
            "there is no setting `{key}`; known are delete, group-patch, rate, password, unknown-members, group-names, history, requests, silence, and \
         dialect.RULE with RULE one of {}",
            rules.join(", ")
        ),
    )
}

fn place(key: &str) -> String {
    format!("/settings/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn wrong(key: &str, value: &str, expected: &str) -> StoreError {
    StoreError::invalid(place(key), format!("`{value}` is no value for `{key}`; it takes {expected}"))
}

#[cfg(test)]
mod tests;
