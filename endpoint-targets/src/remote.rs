//! What an application must be able to do to be a target, and what can go wrong.

use std::time::Duration;

use async_trait::async_trait;
use endpoint_store::targets::wish;

/// Why something was not done, by what is to be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It was not reached, did not answer in time, or answered with a fault of its own. It may have acted: look, then try
    /// again.
    #[error("{0}")]
    Away(String),
    /// It does not let us in, or not do this. Somebody must change an account there.
    #[error("{0}")]
    Denied(String),
    /// We come too fast.
    #[error("it asks us to come slower")]
    Busy(Option<Duration>),
    /// It refuses this one thing.
    #[error("{1}")]
    Refused(Refusal, String),
}

/// Why one thing is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The name is taken.
    Taken,
    /// A value does not please it: a password policy, a length.
    Value,
    /// It belongs to a directory there and cannot be changed from outside.
    Owned,
    /// No licence is left.
    Licence,
    /// It is not there.
    Missing,
    /// The way of asking is not known there: an older version.
    Method,
    /// Something else.
    Other,
}

impl Failure {
    /// Whether the target is in trouble, as opposed to refusing one thing: such failures in a row open its circuit breaker.
    pub fn is_trouble(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Denied(_))
    }

    /// Whether this thing is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused(Refusal::Missing, _))
    }
}

/// A user of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteUser {
    /// Its id there.
    pub id: String,
    /// Its login name there.
    pub login: String,
    /// How people call it.
    pub display_name: String,
    /// Its e-mail address.
    pub email: Option<String>,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Why it is none of ours, if it is not.
    pub owned: Option<String>,
    /// All that is known of it, where the kind needs that to compare.
    pub attributes: serde_json::Value,
}

/// A group of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteGroup {
    /// Its id there.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// Why it is none of ours, if it is not.
    pub owned: Option<String>,
}

/// One thing that is looked at by *Test connection*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was looked at.
    pub what: String,
    /// Whether it is as it must be.
    pub good: bool,
    /// What was found; what to do when it is not good.
    pub sentence: String,
}

/// What *Test connection* found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// In the order in which things were looked at; the first that fails may be the last.
    pub lines: Vec<Line>,
}

impl Check {
    /// Whether everything is as it must be.
    pub fn is_good(&self) -> bool {
        self.lines.iter().all(|line| line.good)
    }

    /// Notes one thing.
    pub fn note(&mut self, what: &str, good: bool, sentence: impl Into<String>) {
        self.lines.push(Line { what: what.to_owned(), good, sentence: sentence.into() });
    }

    /// Notes what came of asking; gives the answer on.
    pub fn tried<T>(&mut self, what: &str, outcome: Result<T, Failure>, good: &str) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.note(what, true, good);
                Some(value)
            }
            Err(failure) => {
                self.note(what, false, failure.to_string());
                None
            }
        }
    }

    /// What is wrong, as one sentence.
    pub fn problems(&self) -> String {
        let wrong = self.lines.iter().filter(|line| !line.good);
        wrong.map(|line| format!("{}: {}", line.what, line.sentence)).collect::<Vec<_>>().join("; ")
    }
}

/// An application that users, groups and memberships are brought to.
///
/// Every method is one step. What belongs together, and in which order, is decided above, the same for every kind: it
/// looks before it acts, so a step may have been done before by somebody whose answer was lost.
#[async_trait]
pub trait Remote: Send + Sync {
    /// What it is called in sentences.
    fn label(&self) -> &'static str;

    /// Whether a login name can be changed there.
    fn renames_users(&self) -> bool;

    /// Whether one person has one e-mail address there, so that an address finds the person.
    fn knows_by_email(&self) -> bool;

    /// Looks whether everything is there that will be needed.
    async fn check(&self) -> Check;

    /// Users whose login name or e-mail address is exactly this one's, disabled ones too.
    async fn users_like(&self, user: &wish::User) -> Result<Vec<RemoteUser>, Failure>;
    /// A user by id, also when disabled; `None` when it is not there.
    async fn user(&self, id: &str) -> Result<Option<RemoteUser>, Failure>;
    /// Makes an enabled user under this login name.
    async fn create_user(&self, user: &wish::User, login: &str) -> Result<RemoteUser, Failure>;
    /// What differs between a user there and the one that is wanted, in the words of the target.
    fn differences(&self, there: &RemoteUser, wanted: &wish::User) -> Vec<String>;
    /// Makes a user what is wanted, enabled or not.
    async fn update_user(&self, there: &RemoteUser, wanted: &wish::User) -> Result<(), Failure>;
    /// Takes a user's access away, and nothing else.
    async fn disable_user(&self, there: &RemoteUser) -> Result<(), Failure>;

    /// Groups with exactly this name, disabled ones too.
    async fn groups_like(&self, name: &str) -> Result<Vec<RemoteGroup>, Failure>;
    /// A group by id; `None` when it is not there.
    async fn group(&self, id: &str) -> Result<Option<RemoteGroup>, Failure>;
    /// Makes a group.
    async fn create_group(&self, id: &str, name: &str) -> Result<RemoteGroup, Failure>;
    /// Gives a group this name, and switches it on or off.
    async fn update_group(&self, there: &RemoteGroup, name: &str, enabled: bool) -> Result<(), Failure>;

    /// Whether a user is in a group.
    async fn is_member(&self, group: &str, user: &str) -> Result<bool, Failure>;
    /// Puts a user into a group.
    async fn add_member(&self, group: &str, user: &str) -> Result<(), Failure>;
    /// Takes a user out of a group.
    async fn remove_member(&self, group: &str, user: &str) -> Result<(), Failure>;
    /// The ids of all users of a group, disabled ones too.
    async fn members(&self, group: &str) -> Result<Vec<String>, Failure>;

    /// All users, disabled ones too.
    async fn all_users(&self) -> Result<Vec<RemoteUser>, Failure>;
    /// All groups, disabled ones too.
    async fn all_groups(&self) -> Result<Vec<RemoteGroup>, Failure>;
}
