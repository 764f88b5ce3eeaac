//! `/endpoints/{endpoint}/guest-links`: links for the administrator of a customer's identity provider.

use endpoint_store::Millis;
use endpoint_store::guests::{self, GuestLink, LIFETIME};
use scim_core::time::format;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoints::{find_live, present};
use super::route::BASE;
use super::tokens::integer;
use super::{Exchange, Outcome, Page, Reply};

const HOUR: Millis = 3_600_000;

/// A new link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGuestLink)]
pub(super) struct NewGuestLinkBody {
    /// After how many hours it ends by itself; 72 when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u16, required = false, minimum = 1, maximum = 720)]
    expires_in_hours: Option<serde_json::Number>,
    /// Whether the guest may issue one token, shown to them alone; not when absent.
    #[serde(default)]
    #[schema(required = false)]
    may_issue_token: bool,
}

/// All that is known of a link but its code.
#[derive(Serialize, ToSchema)]
#[schema(as = GuestLink)]
pub(super) struct GuestLinkView {
    id: String,
    /// `unopened`, `open`, `expired` or `revoked`.
    state: &'static str,
    may_issue_token: bool,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    #[schema(format = DateTime)]
    expires_at: String,
    #[schema(format = DateTime)]
    opened_at: Option<String>,
    /// The address of whoever opened it.
    opened_from: Option<String>,
    /// The token that was issued through it.
    token_id: Option<String>,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
}

impl GuestLinkView {
    fn new(link: &GuestLink, now: Millis) -> Self {
        Self {
            id: link.id.clone(),
            state: link.state(now).as_str(),
            may_issue_token: link.may_issue,
            created_at: format(link.created_at),
            created_by: link.created_by.clone(),
            expires_at: format(link.expires_at),
            opened_at: link.opened_at.map(format),
            opened_from: link.opened_from.clone(),
            token_id: link.token_id.clone(),
            revoked_at: link.revoked_at.map(format),
        }
    }
}

/// A link that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeGuestLink {
    #[serde(flatten)]
    link: GuestLinkView,
    /// The address to send to the guest, shown this once; null when this request had made it before.
    url: Option<String>,
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let id = x.endpoint()?.id.clone();
    let all = x.read(move |conn| guests::list(conn, &id)).await?;
    Reply::json(&Page::whole(all.iter().map(|link| GuestLinkView::new(link, x.now))))
}

pub(super) async fn create(x: &Exchange) -> Outcome {
    let body: NewGuestLinkBody = x.body()?;
    let (named, may_issue, actor, now) =
        (x.segment("endpoint").to_owned(), body.may_issue_token, x.actor(), x.now);
    // What is no whole number of hours is refused where the lifetime is judged.
    let hours = body.expires_in_hours.map(|number| integer(&number).unwrap_or(0));
    let lifetime = hours.map_or(LIFETIME, |hours| hours.clamp(0, 10_000) * HOUR);
    let (endpoint, code, link) = x
        .once(move |tx, before| {
            let endpoint = find_live(tx, &named)?;
            let (code, link) = match before {
                Some(made) => (None, guests::get(tx, &endpoint.id, made)?),
                None => {
                    let (code, link) = guests::create(tx, &endpoint.id, may_issue, lifetime, &actor, now)?;
                    (Some(code), link)
                }
            };
            let id = link.id.clone();
            Ok(((endpoint, code, link), id))
        })
        .await?;
    let location = format!("{BASE}/endpoints/{}/guest-links/{}", endpoint.id.as_str(), link.id);
    let url = code.map(|code| format!("{}/guest/open/{}", x.api.public_url.as_str(), code.reveal()));
    let made_now = url.is_some();
    let reply = Reply::json(&MadeGuestLink { link: GuestLinkView::new(&link, x.now), url })?;
    Ok(if made_now { reply.made_at(location) } else { reply })
}

pub(super) async fn revoke(x: &Exchange) -> Outcome {
    let (named, link) = (x.segment("endpoint").to_owned(), x.segment("link").to_owned());
    let (actor, now) = (x.actor(), x.now);
    x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        guests::revoke(tx, &endpoint.id, &link, &actor, now)
    })
    .await?;
    Reply::done()
}
