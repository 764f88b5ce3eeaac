//! `/endpoints/{endpoint}/tokens/{token}/rotate` and what belongs to it: replacing a token while it is watched.

use endpoint_store::rotation::{self, Plan, QUIET};
use endpoint_store::tokens::{self, TokenRecord};
use endpoint_store::{Endpoint, Millis, StoreError, Tx};
use scim_core::time::{format, parse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoints::{find_live, present};
use super::problem::{Place, Problem};
use super::route::BASE;
use super::tokens::{IssuedToken, TokenView, consent, id_of, integer};
use super::{Exchange, Outcome, Page, Reply};

const HOUR: Millis = 3_600_000;

/// How a token is to be replaced.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rotate)]
pub(super) struct RotateBody {
    /// What to call the new token; the old one's label with the day when absent.
    #[serde(default)]
    #[schema(required = false, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    label: String,
    /// The old token retires when it has not been used for so many hours; 24 when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u16, required = false, minimum = 1, maximum = 8760)]
    overlap_hours: Option<serde_json::Number>,
    /// When it retires although it is used; never when absent or null. Within 365 days.
    #[serde(default)]
    #[schema(format = DateTime)]
    retire_at: Option<String>,
}

impl RotateBody {
    /// # Errors
    /// 422 with the places that are wrong.
    fn read(self, token: String) -> Result<Plan, Problem> {
        let mut wrong = Vec::new();
        if self.label.chars().count() > 100 || self.label.chars().any(char::is_control) {
            wrong.push(Place::at("/label", "the label may have at most 100 characters, on one line"));
        }
        let hours = match self.overlap_hours.as_ref().map(integer) {
            None => Some(QUIET / HOUR),
            Some(hours) => hours.filter(|hours| (1..=8760).contains(hours)),
        };
        if hours.is_none() {
            wrong.push(Place::at("/overlap_hours", "the overlap is a whole number of hours, 1 to 8760"));
        }
        let retire_at = self.retire_at.as_deref().map(parse);
        if matches!(retire_at, Some(None)) {
            let detail = "the date is written as in RFC 3339, for example 2027-01-31T00:00:00Z";
            wrong.push(Place::at("/retire_at", detail));
        }
        match hours {
            Some(hours) if wrong.is_empty() => Ok(Plan {
                token: Some(token),
                label: self.label.trim().to_owned(),
                quiet_for: hours * HOUR,
                retire_at: retire_at.flatten(),
                request_key: None,
            }),
            _ => Err(Problem::unprocessable(wrong)),
        }
    }
}

/// How far the replacement of a token is.
#[derive(Serialize, ToSchema)]
#[schema(as = Rotation)]
pub(super) struct RotationView {
    /// Public id of the token that takes its place.
    successor: String,
    #[schema(format = DateTime)]
    began_at: String,
    began_by: String,
    /// It retires when it has not been used for so long.
    overlap_seconds: i64,
    /// It retires then although it is used.
    #[schema(format = DateTime)]
    retire_at: Option<String>,
    /// When it will retire if it is not used again.
    #[schema(format = DateTime)]
    retires_at: Option<String>,
    /// Requests that it opened since the rotation began.
    requests_since: i64,
    #[schema(format = DateTime)]
    retired_at: Option<String>,
    /// Null when it retired by itself.
    retired_by: Option<String>,
    /// Until then it can be taken back.
    #[schema(format = DateTime)]
    undo_until: Option<String>,
}

impl RotationView {
    pub(super) fn of(token: &TokenRecord, now: Millis) -> Option<Self> {
        let rotation = token.rotation.as_ref()?;
        Some(Self {
            successor: rotation.successor.clone(),
            began_at: format(rotation.began_at),
            began_by: rotation.began_by.clone(),
            overlap_seconds: rotation.quiet_for / 1000,
            retire_at: rotation.retire_at.map(format),
            retires_at: token.retires_at(now).map(format),
            requests_since: token.requests_since_rotation(),
            retired_at: token.retired_at(now).map(format),
            retired_by: rotation.retired_by.clone(),
            undo_until: token.undo_until(now).map(format),
        })
    }
}

/// A token that was issued in the place of others.
#[derive(Serialize, ToSchema)]
pub(super) struct RotatedToken {
    #[serde(flatten)]
    issued: IssuedToken,
    /// What it replaces.
    retiring: Vec<TokenView>,
}

pub(super) async fn rotate(x: &Exchange) -> Outcome {
    let plan = x.body::<RotateBody>()?.read(id_of(x))?;
    let (named, actor, now) = (x.segment("endpoint").to_owned(), x.actor(), x.now);
    let (endpoint, secret, token, retiring) = x
        .once(move |tx, before| {
            let endpoint = find_live(tx, &named)?;
            let Some(made) = before else {
                let done = rotation::rotate(tx, &endpoint.id, &plan, &actor, now)?;
                let id = done.token.id.clone();
                return Ok(((endpoint, Some(done.secret), done.token, vec![done.retiring]), id));
            };
            let replaced = |token: &TokenRecord| {
                token.rotation.as_ref().is_some_and(|rotation| rotation.successor == made)
            };
            let retiring = tokens::list(tx, &endpoint.id)?.into_iter().filter(replaced).collect();
            let token = tokens::get(tx, &endpoint.id, made)?;
            Ok(((endpoint, None, token, retiring), made.to_owned()))
        })
        .await?;
    let location = std::format!("{BASE}/endpoints/{}/tokens/{}", endpoint.id.as_str(), token.id);
    let issued = IssuedToken::new(&token, secret.as_ref(), now);
    let retiring = retiring.iter().map(|token| TokenView::new(token, now)).collect();
    let reply = Reply::json(&RotatedToken { issued, retiring })?;
    Ok(if secret.is_some() { reply.made_at(location) } else { reply })
}

/// Does something with the token of the path.
async fn change<T: Send + 'static>(
    x: &Exchange,
    work: impl Fn(&mut Tx<'_>, &Endpoint, &str) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let (named, token) = (x.segment("endpoint").to_owned(), id_of(x));
    x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        work(tx, &endpoint, &token)
    })
    .await
}

pub(super) async fn retire(x: &Exchange) -> Outcome {
    let (consent, actor, now) = (consent(x), x.actor(), x.now);
    let token = change(x, move |tx, at, id| rotation::retire(tx, &at.id, id, &consent, &actor, now)).await?;
    Reply::json(&TokenView::new(&token, now))
}

pub(super) async fn unretire(x: &Exchange) -> Outcome {
    let (actor, now) = (x.actor(), x.now);
    let token = change(x, move |tx, at, id| rotation::unretire(tx, &at.id, id, &actor, now)).await?;
    Reply::json(&TokenView::new(&token, now))
}

pub(super) async fn cancel(x: &Exchange) -> Outcome {
    let (actor, now) = (x.actor(), x.now);
    let kept = change(x, move |tx, at, id| rotation::cancel(tx, &at.id, id, &actor, now)).await?;
    Reply::json(&Page::whole(kept.iter().map(|token| TokenView::new(token, now))))
}
