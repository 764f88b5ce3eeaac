//! `/endpoints/{endpoint}/groups`: keeping groups by hand, as the console does.

use endpoint_store::directory::by_hand;
use endpoint_store::{Caller, StoreError, Tx};
use serde::Deserialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::route::BASE;
use super::{Exchange, Outcome, Reply, directory};

/// A group to be, or another name for one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupName)]
pub(super) struct NameBody {
    /// Unique in the endpoint, compared without case.
    #[schema(min_length = 1, pattern = r"^[^\x00-\x1f\x7f-\x9f]*\S[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
}

/// Who is put into a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewMember)]
pub(super) struct MemberBody {
    /// Id of a user or a group.
    id: String,
}

/// Does something in the directory of the endpoint in the path, in the name of the key's operator.
async fn act<T: Send + 'static>(
    x: &Exchange,
    work: impl Fn(&mut Tx<'_>, &Caller, &str) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let (caller, group) = (x.caller()?, x.segment("id").to_owned());
    x.write(move |tx| work(tx, &caller, &group)).await
}

pub(super) async fn create(x: &Exchange) -> Outcome {
    let (caller, name, now) = (x.caller()?, x.body::<NameBody>()?.name, x.now);
    let slug = caller.endpoint().slug.clone();
    let (id, made_now) = x
        .once(move |tx, before| match before {
            Some(id) => Ok(((id.to_owned(), false), id.to_owned())),
            None => {
                let record = by_hand::create_group(tx, &caller, &name, now)?;
                Ok(((record.id.clone(), true), record.id))
            }
        })
        .await?;
    let location = format!("{BASE}/endpoints/{slug}/groups/{id}");
    let reply = directory::show(x, "Group", &id).await?;
    Ok(if made_now { reply.made_at(location) } else { reply })
}

pub(super) async fn rename(x: &Exchange) -> Outcome {
    let (name, now) = (x.body::<NameBody>()?.name, x.now);
    act(x, move |tx, caller, group| by_hand::rename_group(tx, caller, group, &name, now)).await?;
    directory::show(x, "Group", x.segment("id")).await
}

pub(super) async fn delete(x: &Exchange) -> Outcome {
    let now = x.now;
    act(x, move |tx, caller, group| by_hand::delete_group(tx, caller, group, now)).await?;
    Reply::done()
}

pub(super) async fn add_member(x: &Exchange) -> Outcome {
    let (member, now) = (x.body::<MemberBody>()?.id, x.now);
    act(x, move |tx, caller, group| by_hand::add_member(tx, caller, group, &member, now)).await?;
    Reply::done()
}

pub(super) async fn remove_member(x: &Exchange) -> Outcome {
    let (member, now) = (x.segment("member").to_owned(), x.now);
    act(x, move |tx, caller, group| by_hand::remove_member(tx, caller, group, &member, now)).await?;
    Reply::done()
}
