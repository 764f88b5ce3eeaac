//! `scim-server token rotate` and what belongs to it: replacing a token while it is watched.

use endpoint_store::caller::Actor;
use endpoint_store::rotation::{self, Plan, Rotated};
use endpoint_store::tokens::{self, Consent, TokenRecord};
use endpoint_store::{Endpoint, EndpointId, Millis, StoreError, Tx};
use serde_json::json;

use super::output::{Answer, clean, fields, moment, time};
use super::telemetry::record;
use super::token::{busy, expiry, past};
use super::{Context, Failure, SHOWN_ONCE, Which, find, find_live};

pub(super) async fn rotate(cx: &Context, which: Which, plan: Plan) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, done) = cx
        .write(move |tx| {
            let endpoint = find_live(tx, &which.endpoint)?;
            let done = rotation::rotate(tx, &endpoint.id, &plan, &Actor::cli(), now);
            Ok((endpoint.slug, done.map_err(with_option)?))
        })
        .await?;
    let Rotated { secret, token, retiring } = done;
    let json = json!({
        "id": token.id,
        "secret": secret.reveal(),
        "label": token.label,
        "scope": token.scope.as_str(),
        "endpoint": slug,
        "created_at": time(Some(token.created_at)),
        "expires_at": time(token.expires_at),
        "retiring": [record(&retiring, &slug, now)],
    });
    let values = [
        ("SCIM Base URL", cx.config.base_url(&slug)),
        ("SCIM Bearer Token", secret.reveal().to_owned()),
        ("Token id", token.id.clone()),
        ("Expires", expiry(&token, now)),
    ];
    let title = format!("Token “{}” of endpoint `{slug}` is issued.", clean(&token.label));
    let old = format!(
        "The old token `{}` (“{}”) still works; it {}. {} `token list {slug}` shows who uses which; `token \
         cancel-rotation {}` keeps the old one.",
        retiring.id,
        clean(&retiring.label),
        past(&retiring, now),
        end(&retiring, now),
        retiring.id
    );
    Ok(Answer { json, text: format!("{title}\n\n{}\n\n{SHOWN_ONCE}\n\n{old}", fields(&values)) })
}

/// The refusals of the store say “name the one to replace”; here is how.
fn with_option(error: StoreError) -> StoreError {
    match error {
        StoreError::Refused(sentence) if sentence.ends_with("name the one to replace") => {
            StoreError::refused(format!("{sentence} with --token ID"))
        }
        other => other,
    }
}

/// When a retiring token will be closed.
fn end(token: &TokenRecord, now: Millis) -> String {
    let Some(rotation) = &token.rotation else { return String::new() };
    let hours = rotation.quiet_for / 3_600_000;
    let quiet = if hours * 3_600_000 == rotation.quiet_for {
        format!("{hours}h")
    } else {
        format!("{}m", rotation.quiet_for / 60_000)
    };
    match rotation.retire_at {
        None => format!("It retires when it has not been used for {quiet}."),
        Some(date) => {
            format!("It retires when it has not been used for {quiet}, or {}.", moment(Some(date), now))
        }
    }
}

/// Does something with the token of this id, whatever its endpoint.
async fn with_token<T: Send + 'static>(
    cx: &Context,
    id: String,
    work: impl Fn(&mut Tx<'_>, &EndpointId, &str, &Endpoint) -> Result<T, StoreError> + Send + 'static,
) -> Result<(String, T), Failure> {
    cx.write(move |tx| {
        let owner = tokens::endpoint_of(tx, &id)?;
        let endpoint = find(tx, owner.as_str())?;
        let done = work(tx, &owner, &id, &endpoint)?;
        Ok((endpoint.slug, done))
    })
    .await
}

pub(super) async fn cancel(cx: &Context, id: String) -> Result<Answer, Failure> {
    let now = cx.now;
    let work = move |tx: &mut Tx<'_>, owner: &EndpointId, id: &str, _: &Endpoint| {
        rotation::cancel(tx, owner, id, &Actor::cli(), now)
    };
    let (slug, kept) = with_token(cx, id, work).await?;
    let names: Vec<String> =
        kept.iter().map(|token| format!("`{}` (“{}”)", token.id, clean(&token.label))).collect();
    let text = format!(
        "Token {} of endpoint `{slug}` stays in service; the token that should have replaced it does, too. Revoke the one \
         you do not want.",
        names.join(", ")
    );
    let records: Vec<_> = kept.iter().map(|token| record(token, &slug, now)).collect();
    Ok(Answer { json: json!({ "kept": records }), text })
}

pub(super) async fn retire(cx: &Context, id: String, yes: bool) -> Result<Answer, Failure> {
    let now = cx.now;
    let work = move |tx: &mut Tx<'_>, owner: &EndpointId, id: &str, endpoint: &Endpoint| {
        let consent = if yes { Consent::Insists } else { Consent::Unsaid };
        rotation::retire(tx, owner, id, &consent, &Actor::cli(), now).map_err(|error| match error {
            StoreError::InUse(token) => StoreError::refused(busy(&token, &endpoint.slug, "retire", now)),
            other => other,
        })
    };
    let (slug, token) = with_token(cx, id, work).await?;
    let text = format!(
        "Token `{}` (“{}”) of endpoint `{slug}` is retired; it {}. For 24 hours `token unretire {}` takes that back.",
        token.id,
        clean(&token.label),
        past(&token, now),
        token.id
    );
    Ok(Answer { json: record(&token, &slug, now), text })
}

pub(super) async fn unretire(cx: &Context, id: String) -> Result<Answer, Failure> {
    let now = cx.now;
    let work = move |tx: &mut Tx<'_>, owner: &EndpointId, id: &str, _: &Endpoint| {
        rotation::unretire(tx, owner, id, &Actor::cli(), now)
    };
    let (slug, token) = with_token(cx, id, work).await?;
    let text =
        format!("Token `{}` (“{}”) of endpoint `{slug}` is open again.", token.id, clean(&token.label));
    Ok(Answer { json: record(&token, &slug, now), text })
}
