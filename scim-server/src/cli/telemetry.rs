//! `scim-server token list`, `allow` and `refusals`: what tokens are used for, from where, and what was turned away.

use endpoint_store::caller::Actor;
use endpoint_store::tokens::{self, Consent, Kind, Networks, TokenRecord};
use endpoint_store::usage::{self, Seen};
use endpoint_store::{Millis, StoreError};
use serde_json::{Value, json};

use super::output::{Answer, clean, count, moment, table, time};
use super::token::{expiry, past};
use super::{Context, Failure, Which, find};

/// Kinds of attempts that are listed; there are not many more.
const MOST: i64 = 500;

pub(super) async fn list(cx: &Context, which: Which, only: Option<Kind>) -> Result<Answer, Failure> {
    let (slug, mut tokens) = cx
        .read(move |conn| {
            let endpoint = find(conn, &which.endpoint)?;
            Ok((endpoint.slug, tokens::list(conn, &endpoint.id)?))
        })
        .await?;
    let (now, all) = (cx.now, tokens::in_day_of_all(&tokens, cx.now));
    tokens.retain(|token| only.is_none_or(|kind| token.kind == kind));
    let rows: Vec<[String; 9]> = tokens
        .iter()
        .map(|t| {
            let share = t.share_of(all, now).map(|share| format!(" ({share} %)")).unwrap_or_default();
            [
                t.id.clone(),
                t.label.clone(),
                t.state(now).as_str().to_owned(),
                match t.kind {
                    Kind::Bearer => t.scope.as_str().to_owned(),
                    Kind::Client => format!("{}, OAuth client", t.scope.as_str()),
                },
                moment(Some(t.created_at), now),
                expiry(t, now),
                t.requests.to_string(),
                format!("{}{share}", t.in_day(now)),
                moment(t.last_used.as_ref().map(|used| used.at), now),
            ]
        })
        .collect();
    let mut text = if rows.is_empty() {
        match only {
            Some(Kind::Client) => {
                format!("Endpoint `{slug}` has no OAuth client; `oauth client add {slug}` makes one.")
            }
            _ => format!("Endpoint `{slug}` has no token; `token issue {slug}` issues one."),
        }
    } else {
        let heads =
            ["ID", "LABEL", "STATE", "SCOPE", "MADE", "EXPIRES", "REQUESTS", "LAST 24 H", "LAST USED"];
        table(heads, &rows)
    };
    for token in tokens.iter().filter(|token| !token.state(now).is_live()) {
        if let Some(sentence) = tries(token, now) {
            text.push_str(&format!("\n{sentence}"));
        }
    }
    let records: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let mut record = record(token, &slug, now);
            if let Some(map) = record.as_object_mut() {
                map.insert("share_24h".to_owned(), json!(token.share_of(all, now)));
            }
            record
        })
        .collect();
    Ok(Answer { json: json!({ "tokens": records }), text })
}

/// Who tries a token after its end.
fn tries(token: &TokenRecord, now: Millis) -> Option<String> {
    let tries = token.tries.as_ref()?;
    let ended = token.revoked_at.or(token.retired_at(now)).or(token.expires_at);
    Some(format!(
        "Token `{}` (“{}”): {} {}, {} since, the last {} from {}.",
        token.id,
        clean(&token.label),
        token.state(now).as_str(),
        moment(ended, now),
        count(tries.times, "attempt"),
        moment(Some(tries.last.at), now),
        clean(&tries.last.address),
    ))
}

fn seen(seen: Option<&Seen>) -> Value {
    seen.map_or(Value::Null, |seen| {
        json!({
            "at": time(Some(seen.at)),
            "address": seen.address,
            "agent": seen.agent,
            "request": seen.request,
        })
    })
}

pub(super) fn record(token: &TokenRecord, slug: &str, now: Millis) -> Value {
    let live = token.state(now).is_live();
    let tries = token.tries.as_ref().filter(|_| !live);
    json!({
        "id": token.id,
        "label": token.label,
        "kind": token.kind.as_str(),
        "scope": token.scope.as_str(),
        "allowed_networks": token.networks.list(),
        "state": token.state(now).as_str(),
        "endpoint": slug,
        "created_at": time(Some(token.created_at)),
        "created_by": token.created_by,
        "expires_at": time(token.expires_at),
        "revoked_at": time(token.revoked_at),
        "revoked_by": token.revoked_by,
        "rotation": token.rotation.as_ref().map(|rotation| json!({
            "successor": rotation.successor,
            "began_at": time(Some(rotation.began_at)),
            "began_by": rotation.began_by,
            "overlap_seconds": rotation.quiet_for / 1000,
            "retire_at": time(rotation.retire_at),
            "retires_at": time(token.retires_at(now)),
            "requests_since": token.requests_since_rotation(),
            "retired_at": time(token.retired_at(now)),
            "retired_by": rotation.retired_by,
            "undo_until": time(token.undo_until(now)),
        })),
        "requests": token.requests,
        "requests_24h": token.in_day(now),
        "first_used_at": time(token.first_used.as_ref().map(|used| used.at)),
        "first_used": seen(token.first_used.as_ref()),
        "last_used_at": time(token.last_used.as_ref().map(|used| used.at)),
        "last_used": seen(token.last_used.as_ref()),
        "tries_since_end": tries.map(|tries| json!({"times": tries.times, "last": seen(Some(&tries.last))})),
    })
}

pub(super) async fn allow(
    cx: &Context,
    id: String,
    networks: Networks,
    yes: bool,
) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, token) = cx
        .write(move |tx| {
            let owner = tokens::endpoint_of(tx, &id)?;
            let endpoint = find(tx, owner.as_str())?;
            let consent = if yes { Consent::Insists } else { Consent::Unsaid };
            let set = tokens::set_networks(tx, &owner, &id, &networks, &consent, &Actor::cli(), now);
            let token = set.map_err(|error| match error {
                StoreError::InUse(token) => StoreError::refused(shut_out(&token, &endpoint.slug, now)),
                other => other,
            })?;
            Ok((endpoint.slug, token))
        })
        .await?;
    let from = if token.networks.is_any() { "anywhere".to_owned() } else { token.networks.to_string() };
    let text = format!(
        "Token `{}` (“{}”) of endpoint `{slug}` may come from {from}.",
        token.id,
        clean(&token.label)
    );
    Ok(Answer { json: record(&token, &slug, now), text })
}

fn shut_out(token: &TokenRecord, slug: &str, now: Millis) -> String {
    format!(
        "token `{}` (“{}”) of endpoint `{slug}` is in use from an address that is not among these: it {}; add that \
         address, or shut it out all the same with --yes",
        token.id,
        clean(&token.label),
        past(token, now)
    )
}

pub(super) async fn refusals(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let (slug, all) = cx
        .read(move |conn| {
            let endpoint = find(conn, &which.endpoint)?;
            Ok((endpoint.slug, usage::refusals(conn, &endpoint.id, MOST)?))
        })
        .await?;
    let mut text = if all.is_empty() {
        format!("Endpoint `{slug}` has turned nothing away.")
    } else {
        let rows: Vec<[String; 6]> = all
            .iter()
            .map(|refusal| {
                [
                    refusal.cause.as_str().to_owned(),
                    refusal.token_id.clone(),
                    refusal.attempts.to_string(),
                    moment(Some(refusal.last.at), cx.now),
                    refusal.last.address.clone(),
                    refusal.last.request.clone(),
                ]
            })
            .collect();
        table(["CAUSE", "TOKEN", "TIMES", "LAST", "FROM", "REQUEST"], &rows)
    };
    let mut told = Vec::new();
    for cause in all.iter().map(|refusal| refusal.cause) {
        if !told.contains(&cause) {
            text.push_str(&format!("\n{}: {}", cause.as_str(), cause.about()));
            told.push(cause);
        }
    }
    let records: Vec<Value> = all
        .iter()
        .map(|refusal| {
            json!({
                "cause": refusal.cause.as_str(),
                "about": refusal.cause.about(),
                "strayed": refusal.strayed,
                "token_id": Some(&refusal.token_id).filter(|id| !id.is_empty()),
                "times": refusal.attempts,
                "first_at": time(Some(refusal.first_at)),
                "last": seen(Some(&refusal.last)),
            })
        })
        .collect();
    Ok(Answer { json: json!({ "refusals": records }), text })
}
