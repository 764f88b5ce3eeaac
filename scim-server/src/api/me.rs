//! `/me`: whose key it is, and the operator's own keys.

use endpoint_store::Millis;
use endpoint_store::api_keys::{self, KeyRecord};
use scim_core::time::format;
use scim_core::token::PlainKey;
use serde::Serialize;
use utoipa::ToSchema;

use super::operators::OperatorView;
use super::tokens::UseView;
use super::{Exchange, Outcome, Page, Reply};

/// All that is known of an API key but its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(super) struct KeyView {
    /// Public; a part of the key.
    id: String,
    label: String,
    /// `new`, `active`, `expired` or `revoked`.
    state: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    revoked_by: Option<String>,
    /// Requests that it opened, at most a second behind.
    requests: i64,
    last_used: Option<UseView>,
}

impl KeyView {
    pub(super) fn new(key: &KeyRecord, now: Millis) -> Self {
        Self {
            id: key.id.clone(),
            label: key.label.clone(),
            state: key.state(now).as_str(),
            created_at: format(key.created_at),
            created_by: key.created_by.clone(),
            expires_at: key.expires_at.map(format),
            revoked_at: key.revoked_at.map(format),
            revoked_by: key.revoked_by.clone(),
            requests: key.requests,
            last_used: key.last_used.as_ref().map(UseView::new),
        }
    }
}

/// Who the key acts for.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(super) struct MeView {
    operator: OperatorView,
    key: KeyView,
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let (operator, id) = (x.operator.clone(), x.key_id.clone());
    let key = x.read(move |conn| api_keys::get(conn, &operator, &id)).await?;
    Reply::json(&MeView { operator: OperatorView::new(&x.operator), key: KeyView::new(&key, x.now) })
}

pub(super) async fn keys(x: &Exchange) -> Outcome {
    let operator = x.operator.clone();
    let all = x.read(move |conn| api_keys::list(conn, &operator)).await?;
    Reply::json(&Page::whole(all.iter().map(|key| KeyView::new(key, x.now))))
}

pub(super) async fn revoke(x: &Exchange) -> Outcome {
    let (operator, key, actor, now) = (x.operator.clone(), key_of(x), x.actor(), x.now);
    x.write(move |tx| {
        let record = api_keys::get(tx, &operator, &key)?;
        if record.revoked_at.is_some() {
            // It is as it is wanted: asking again is no mistake.
            return Ok(record);
        }
        api_keys::revoke(tx, &operator, &key, &actor, now)
    })
    .await?;
    Reply::done()
}

/// The id in the path; somebody who holds the whole key may put that there.
pub(super) fn key_of(x: &Exchange) -> String {
    let given = x.segment("key").to_owned();
    PlainKey::parse(&given).map_or(given, |key| key.id().to_owned())
}
