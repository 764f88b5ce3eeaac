//! Taking over what a target has: users and groups that were there are listed to the identity provider.

use std::collections::HashMap;

use endpoint_store::targets::import::{self, Found, Taken};
use endpoint_store::targets::{self, Target, queue};
use endpoint_store::{Millis, Store, StoreError, endpoints};

use crate::bring::Broken;
use crate::remote::{Remote, RemoteGroup, RemoteUser};

/// Users or groups that are taken over in one write.
const PORTION: usize = 100;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Users that were made here.
    pub users_made: usize,
    /// Users that were here, and are the same.
    pub users_adopted: usize,
    /// Groups that were made here.
    pub groups_made: usize,
    /// Groups that were here, and are the same.
    pub groups_adopted: usize,
    /// Memberships that were taken over.
    pub members: usize,
    /// Users and groups that are none of ours, by why.
    pub left: Vec<(String, usize)>,
    /// What could not be taken over, in sentences; twenty at most.
    pub refused: Vec<String>,
}

/// Takes over all that is enabled there and none of the system's own.
///
/// # Errors
/// When the target or the store fails; what was taken over before stays.
pub(crate) async fn run(
    store: &Store,
    target: &Target,
    remote: &dyn Remote,
    now: Millis,
) -> Result<Imported, Broken> {
    let mut done = Imported::default();
    let (users, groups) = (remote.all_users().await?, remote.all_groups().await?);
    let mut left: HashMap<String, usize> = HashMap::new();
    let mut ours = |owned: Option<&String>, enabled: bool| match owned {
        Some(why) => {
            *left.entry(why.clone()).or_default() += 1;
            false
        }
        None => enabled,
    };
    let users: Vec<Found> =
        users.iter().filter(|user| ours(user.owned.as_ref(), user.enabled)).map(found_user).collect();
    let groups: Vec<Found> =
        groups.iter().filter(|group| ours(group.owned.as_ref(), group.enabled)).map(found_group).collect();
    done.left = left.into_iter().collect();
    done.left.sort();
    for some in users.chunks(PORTION) {
        let (made, adopted, refused) = take(store, target, some, queue::Kind::User, now).await?;
        done.users_made += made;
        done.users_adopted += adopted;
        done.refused.extend(refused);
    }
    for some in groups.chunks(PORTION) {
        let (made, adopted, refused) = take(store, target, some, queue::Kind::Group, now).await?;
        done.groups_made += made;
        done.groups_adopted += adopted;
        done.refused.extend(refused);
    }
    for group in &groups {
        done.members += members(store, target, remote, &group.remote_id, now).await?;
    }
    done.refused.truncate(20);
    let of = target.clone();
    store.write(move |tx| targets::imported(tx, &of, now)).await?;
    Ok(done)
}

fn found_user(user: &RemoteUser) -> Found {
    Found {
        remote_id: user.id.clone(),
        name: user.login.clone(),
        display_name: user.display_name.clone(),
        email: user.email.clone(),
    }
}

fn found_group(group: &RemoteGroup) -> Found {
    let (remote_id, name) = (group.id.clone(), group.name.clone());
    Found { remote_id, display_name: name.clone(), name, email: None }
}

async fn take(
    store: &Store,
    target: &Target,
    some: &[Found],
    kind: queue::Kind,
    now: Millis,
) -> Result<(usize, usize, Vec<String>), StoreError> {
    let (target, some) = (target.clone(), some.to_vec());
    let endpoint = target.endpoint.clone();
    store
        .write_in(&endpoint, move |tx| {
            let endpoint = std::sync::Arc::new(endpoints::find(tx, target.endpoint.as_str())?);
            let (mut made, mut adopted, mut refused) = (0, 0, Vec::new());
            for found in &some {
                let taken = tx.attempt(|tx| match kind {
                    queue::Kind::User => import::user(tx, &endpoint, &target, found, now),
                    _ => import::group(tx, &endpoint, &target, found, now),
                });
                match taken {
                    Ok(Taken::Made) => made += 1,
                    Ok(Taken::Adopted) => adopted += 1,
                    Ok(Taken::Known) => {}
                    // Its name is taken here by another one, say: the others come all the same.
                    Err(StoreError::Scim(error)) => {
                        refused.push(format!("{} {}: {error}", kind.as_str(), found.name));
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok((made, adopted, refused))
        })
        .await
}

async fn members(
    store: &Store,
    target: &Target,
    remote: &dyn Remote,
    remote_group: &str,
    now: Millis,
) -> Result<usize, Broken> {
    let (of, id) = (target.clone(), remote_group.to_owned());
    let group = store.read(move |conn| queue::holder_of(conn, &of, queue::Kind::Group, &id)).await?;
    let Some(group) = group else { return Ok(0) };
    let there = remote.members(remote_group).await?;
    let target = target.clone();
    let endpoint = target.endpoint.clone();
    let added = store.write_in(&endpoint, move |tx| {
        let endpoint = std::sync::Arc::new(endpoints::find(tx, target.endpoint.as_str())?);
        import::members(tx, &endpoint, &target, &group, &there, now)
    });
    Ok(added.await?)
}
