//! One user, group or membership is brought to the state that the directory has. The same for every kind of target.
//!
//! It looks first, always: a request whose answer was lost may have acted, a retry may come after somebody else's, and
//! what is there by another way is adopted when it is exactly the same.

use endpoint_store::targets::queue::{Item, Kind, Outcome, State};
use endpoint_store::targets::{Target, queue, wish};
use endpoint_store::{Store, StoreError};
use scim_core::fold::fold;

use crate::remote::{Failure, Refusal, Remote, RemoteGroup, RemoteUser};

/// Why one item could not be brought: the target's failure, or the store's.
#[derive(Debug)]
pub(crate) enum Broken {
    Target(Failure),
    Store(StoreError),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Target(failure)
    }
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One target, with what is known of it and the way to it.
pub(crate) struct Bring<'a> {
    pub(crate) store: &'a Store,
    pub(crate) target: &'a Target,
    pub(crate) remote: &'a dyn Remote,
}

fn done(id: &str, name: &str, present: bool, reason: Option<String>) -> Outcome {
    Outcome::Done { remote_id: Some(id.to_owned()), remote_name: Some(name.to_owned()), present, reason }
}

fn nothing(reason: Option<&str>) -> Outcome {
    Outcome::Done { remote_id: None, remote_name: None, present: false, reason: reason.map(str::to_owned) }
}

fn same(a: &str, b: &str) -> bool {
    fold(a) == fold(b)
}

impl Bring<'_> {
    /// Brings one item to what the directory has now.
    pub(crate) async fn item(&self, item: &Item) -> Result<Outcome, Broken> {
        let (target, id, member) = (self.target.clone(), item.resource_id.clone(), item.member_id.clone());
        match item.kind {
            Kind::User => {
                let wish = self.store.read(move |conn| wish::user(conn, &target.endpoint, &id)).await?;
                self.user(item.remote_id.as_deref(), wish.as_ref()).await
            }
            Kind::Group => {
                let wish = self.store.read(move |conn| wish::group(conn, &target.endpoint, &id)).await?;
                self.group(item, wish.as_ref()).await
            }
            Kind::Member => {
                let wish = self.store.read(move |conn| wish::membership(conn, &target, &id, &member)).await?;
                self.member(&wish).await
            }
        }
    }

    /// A user: made, changed, enabled or disabled; never deleted.
    pub(crate) async fn user(
        &self,
        known: Option<&str>,
        wish: Option<&wish::User>,
    ) -> Result<Outcome, Broken> {
        let there = match known {
            Some(id) => self.remote.user(id).await?,
            None => None,
        };
        match (wish, there) {
            (None, None) => Ok(nothing(None)),
            // Who was deleted here and made anew has the account under the new id: nothing is to be taken away.
            (None, Some(there)) if self.holder(Kind::User, &there.id).await?.is_some() => Ok(nothing(None)),
            (None, Some(there)) => self.disable(&there).await,
            (Some(user), Some(there)) => self.update(&there, user).await,
            (Some(user), None) => match self.find(user).await? {
                Match::Ours(there) => self.update(&there, user).await,
                Match::Owned(why) => Ok(Outcome::Left(why)),
                Match::None { .. } if !user.enabled => {
                    Ok(nothing(Some("not active, so no account was made for it")))
                }
                Match::None { login_taken } => self.create(user, login_taken).await,
            },
        }
    }

    async fn disable(&self, there: &RemoteUser) -> Result<Outcome, Broken> {
        if let Some(why) = &there.owned {
            return Ok(Outcome::Left(why.clone()));
        }
        if there.enabled {
            self.remote.disable_user(there).await?;
        }
        Ok(done(&there.id, &there.login, false, None))
    }

    async fn update(&self, there: &RemoteUser, user: &wish::User) -> Result<Outcome, Broken> {
        if let Some(why) = &there.owned {
            return Ok(Outcome::Left(why.clone()));
        }
        if !user.enabled {
            return self.disable(there).await;
        }
        if !there.enabled || !self.remote.differences(there, user).is_empty() {
            self.remote.update_user(there, user).await?;
        }
        let login = if self.remote.renames_users() { &user.user_name } else { &there.login };
        Ok(done(&there.id, login, true, self.about_login(login, user)))
    }

    /// A login name that stays what it was, or is another one from the beginning.
    fn about_login(&self, login: &str, user: &wish::User) -> Option<String> {
        (!same(login, &user.user_name)).then(|| {
            format!(
                "signs in to {} as {login}: a login name cannot be changed there, or another account has {}",
                self.remote.label(),
                user.user_name
            )
        })
    }

    async fn create(&self, user: &wish::User, login_taken: bool) -> Result<Outcome, Broken> {
        let other = user.email.as_deref().filter(|email| !same(email, &user.user_name));
        if !login_taken {
            match self.remote.create_user(user, &user.user_name).await {
                Ok(there) => return Ok(self.made(&there, user)),
                // Whatever it says: who is there now decides.
                Err(refused @ Failure::Refused(..)) => match self.find(user).await? {
                    Match::Ours(there) => return self.update(&there, user).await,
                    Match::None { login_taken: true } => {}
                    Match::None { .. } if matches!(refused, Failure::Refused(Refusal::Taken, _)) => {}
                    _ => return Err(refused.into()),
                },
                Err(failure) => return Err(failure.into()),
            }
        }
        let Some(email) = other else {
            let sentence = format!(
                "another account of {} has the login name {}, and there is no e-mail address to use instead",
                self.remote.label(),
                user.user_name
            );
            return Err(Failure::Refused(Refusal::Taken, sentence).into());
        };
        let there = self.remote.create_user(user, email).await?;
        Ok(self.made(&there, user))
    }

    fn made(&self, there: &RemoteUser, user: &wish::User) -> Outcome {
        done(&there.id, &there.login, true, self.about_login(&there.login, user))
    }

    /// Who there is this person: by e-mail address where that is the identity, and else by login name.
    pub(crate) async fn find(&self, user: &wish::User) -> Result<Match, Broken> {
        let candidates = self.remote.users_like(user).await?;
        let mut free = Vec::new();
        let mut login_taken = false;
        for candidate in candidates {
            let holder = self.holder(Kind::User, &candidate.id).await?;
            if holder.is_none_or(|holder| holder == user.id) {
                free.push(candidate);
            } else {
                login_taken |= same(&candidate.login, &user.user_name);
            }
        }
        let fits = |there: &RemoteUser| judge(there, user, self.remote.knows_by_email());
        // The one with the same login name, then one that is enabled.
        free.sort_by_key(|there| (!same(&there.login, &user.user_name), !there.enabled, there.id.clone()));
        if let Some(ours) = free.iter().find(|there| there.owned.is_none() && fits(there)) {
            return Ok(Match::Ours(ours.clone()));
        }
        let by_email = |there: &&RemoteUser| there.email.is_some() && fits(there);
        if let Some(why) = free.iter().find(by_email).and_then(|there| there.owned.clone()) {
            return Ok(Match::Owned(why));
        }
        login_taken |= free.iter().any(|there| same(&there.login, &user.user_name));
        Ok(Match::None { login_taken })
    }

    async fn holder(&self, kind: Kind, remote_id: &str) -> Result<Option<String>, Broken> {
        let (target, remote) = (self.target.clone(), remote_id.to_owned());
        Ok(self.store.read(move |conn| queue::holder_of(conn, &target, kind, &remote)).await?)
    }

    /// A group without its members: made, renamed, enabled or disabled.
    pub(crate) async fn group(&self, item: &Item, wish: Option<&wish::Group>) -> Result<Outcome, Broken> {
        let there = match &item.remote_id {
            Some(id) => self.remote.group(id).await?,
            None => None,
        };
        match (wish, there) {
            (None, None) => Ok(nothing(None)),
            (None, Some(there)) if item.imported || there.owned.is_some() => Ok(Outcome::Left(format!(
                "this group was in {} before, and stays there",
                self.remote.label()
            ))),
            (None, Some(there)) => {
                if there.enabled {
                    self.remote.update_group(&there, &there.name, false).await?;
                }
                Ok(done(&there.id, &there.name, false, None))
            }
            (Some(group), Some(there)) => self.update_group(&there, group).await,
            (Some(group), None) => {
                if let Some(there) = self.find_group(group).await? {
                    return self.update_group(&there, group).await;
                }
                let there = match self.remote.create_group(&group.id, &group.name).await {
                    Err(Failure::Refused(kind, sentence)) => match self.find_group(group).await? {
                        Some(there) => return self.update_group(&there, group).await,
                        None => return Err(Failure::Refused(kind, sentence).into()),
                    },
                    made => made?,
                };
                Ok(done(&there.id, &there.name, true, None))
            }
        }
    }

    pub(crate) async fn find_group(&self, group: &wish::Group) -> Result<Option<RemoteGroup>, Broken> {
        let mut all = self.remote.groups_like(&group.name).await?;
        all.sort_by_key(|there| (there.owned.is_some(), !there.enabled, there.id.clone()));
        for there in all {
            if self.holder(Kind::Group, &there.id).await?.is_none_or(|holder| holder == group.id) {
                return Ok(Some(there));
            }
        }
        Ok(None)
    }

    async fn update_group(&self, there: &RemoteGroup, group: &wish::Group) -> Result<Outcome, Broken> {
        if let Some(why) = &there.owned {
            return Ok(Outcome::Left(why.clone()));
        }
        if !there.enabled || there.name != group.name {
            self.remote.update_group(there, &group.name, true).await?;
        }
        Ok(done(&there.id, &group.name, true, None))
    }

    /// A membership: added or removed.
    pub(crate) async fn member(&self, wish: &wish::Membership) -> Result<Outcome, Broken> {
        let remote = |item: &Option<Item>| item.as_ref().and_then(|item| item.remote_id.clone());
        let (Some(group), Some(user)) = (remote(&wish.group), remote(&wish.user)) else {
            return Ok(self.without_ends(wish));
        };
        if wish.wanted && !wish.user.as_ref().is_some_and(|item| item.present) {
            return Ok(Outcome::Blocked("waits until the user may sign in there".into()));
        }
        if let Some(group) = wish.group.as_ref().filter(|group| group.state == State::Left) {
            return Ok(Outcome::Left(group.reason.clone().unwrap_or_default()));
        }
        match (wish.wanted, self.remote.is_member(&group, &user).await?) {
            (true, false) => self.put_in(&group, &user).await?,
            (false, true) => self.take_out(&group, &user).await?,
            _ => {}
        }
        Ok(Outcome::Done { remote_id: None, remote_name: None, present: wish.wanted, reason: None })
    }

    fn without_ends(&self, wish: &wish::Membership) -> Outcome {
        if !wish.wanted {
            return nothing(None);
        }
        if !wish.is_user {
            return Outcome::Left(format!("{} has no groups in groups", self.remote.label()));
        }
        for item in [&wish.group, &wish.user].into_iter().flatten() {
            if item.state == State::Left {
                return Outcome::Left(item.reason.clone().unwrap_or_default());
            }
        }
        Outcome::Blocked("waits until both the user and the group are there".into())
    }

    async fn put_in(&self, group: &str, user: &str) -> Result<(), Broken> {
        match self.remote.add_member(group, user).await {
            Err(refused @ Failure::Refused(..)) if !self.remote.is_member(group, user).await? => {
                Err(refused.into())
            }
            Err(failure @ (Failure::Away(_) | Failure::Denied(_) | Failure::Busy(_))) => Err(failure.into()),
            _ => Ok(()),
        }
    }

    async fn take_out(&self, group: &str, user: &str) -> Result<(), Broken> {
        match self.remote.remove_member(group, user).await {
            Err(refused @ Failure::Refused(..)) if self.remote.is_member(group, user).await? => {
                Err(refused.into())
            }
            Err(failure @ (Failure::Away(_) | Failure::Denied(_) | Failure::Busy(_))) => Err(failure.into()),
            _ => Ok(()),
        }
    }
}

/// Who there is a user of ours.
#[derive(Debug)]
pub(crate) enum Match {
    /// This one.
    Ours(RemoteUser),
    /// One that is not to be touched; why.
    Owned(String),
    /// Nobody; whether somebody else has the login name.
    None { login_taken: bool },
}

/// Whether somebody there is this person. With two addresses the addresses decide; else the login name does.
fn judge(there: &RemoteUser, user: &wish::User, by_email: bool) -> bool {
    match (&there.email, &user.email) {
        (Some(a), Some(b)) if by_email => same(a, b),
        _ => same(&there.login, &user.user_name),
    }
}
