//! `scim-server operator key`: keys with which programs use the management API in the name of an operator.

use clap::{Args, Subcommand};
use endpoint_store::api_keys::{self, KeyRecord, NewKey};
use endpoint_store::caller::Actor;
use endpoint_store::operators;
use endpoint_store::{Millis, StoreError};
use scim_core::token::PlainKey;
use serde_json::{Value, json};

use super::operator::hint;
use super::output::{Answer, clean, fields, moment, table, time};
use super::token::{Lifetime, lifetime};
use super::{Context, Failure};

/// Commands about keys.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Issue a key with the operator's role; it is shown once
    Issue {
        /// Name of the operator
        name: String,
        /// What to call it
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
        /// When it ends by itself: 90m, 12h, 365d, 52w, or never
        #[arg(long, value_name = "TIME", default_value = "never", value_parser = lifetime)]
        expires_in: Lifetime,
    },
    /// List the keys of an operator, dead ones too
    List {
        /// Name of the operator
        name: String,
    },
    /// End a key for good, from the next request on
    Revoke {
        /// Id of the key, as `operator key list` shows it
        key_id: String,
    },
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub(super) async fn run(command: KeyCommand, cx: &Context) -> Result<Answer, Failure> {
    match command {
        KeyCommand::Issue { name, label, expires_in } => {
            let new = NewKey { label, expires_at: expires_in.end(cx.now), request_key: None };
            issue(cx, name, new).await
        }
        KeyCommand::List { name } => list(cx, name).await,
        // Somebody who holds the whole key may paste it where its id belongs.
        KeyCommand::Revoke { key_id } => {
            let id = PlainKey::parse(&key_id).map_or(key_id, |key| key.id().to_owned());
            revoke(cx, id).await
        }
    }
}

async fn issue(cx: &Context, name: String, new: NewKey) -> Result<Answer, Failure> {
    let now = cx.now;
    let (operator, (secret, key)) = cx
        .write(move |tx| {
            let operator = operators::find(tx, &name).map_err(hint)?;
            let issued = api_keys::issue(tx, &operator, &new, &Actor::cli(), now)?;
            Ok((operator, issued))
        })
        .await?;
    let json = json!({
        "id": key.id,
        "secret": secret.reveal(),
        "label": key.label,
        "operator": operator.name,
        "role": operator.role.as_str(),
        "created_at": time(Some(key.created_at)),
        "expires_at": time(key.expires_at),
    });
    let values = [
        ("API key", secret.reveal().to_owned()),
        ("Key id", key.id.clone()),
        ("Role", operator.role.as_str().to_owned()),
        ("Expires", key.expires_at.map_or_else(|| "never".to_owned(), |at| moment(Some(at), now))),
    ];
    let title = format!("API key “{}” of `{}` is issued.", clean(&key.label), clean(&operator.name));
    let once =
        "The key is shown now and never again: only a digest of it is kept. Copy it to where it belongs.";
    Ok(Answer { json, text: format!("{title}\n\n{}\n\n{once}", fields(&values)) })
}

async fn list(cx: &Context, name: String) -> Result<Answer, Failure> {
    let (operator, keys) = cx
        .read(move |conn| {
            let operator = operators::find(conn, &name).map_err(hint)?;
            let keys = api_keys::list(conn, &operator)?;
            Ok((operator, keys))
        })
        .await?;
    let rows: Vec<[String; 7]> = keys
        .iter()
        .map(|key| {
            [
                key.id.clone(),
                key.label.clone(),
                key.state(cx.now).as_str().to_owned(),
                moment(Some(key.created_at), cx.now),
                key.expires_at.map_or_else(|| "never".to_owned(), |at| moment(Some(at), cx.now)),
                key.requests.to_string(),
                moment(key.last_used.as_ref().map(|used| used.at), cx.now),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        let name = clean(&operator.name);
        format!("`{name}` has no API key; `operator key issue {name}` issues one.")
    } else {
        table(["ID", "LABEL", "STATE", "MADE", "EXPIRES", "REQUESTS", "LAST USED"], &rows)
    };
    let records: Vec<Value> = keys.iter().map(|key| record(key, &operator.name, cx.now)).collect();
    Ok(Answer { json: json!({ "keys": records }), text })
}

async fn revoke(cx: &Context, id: String) -> Result<Answer, Failure> {
    let now = cx.now;
    let (operator, key) = cx
        .write(move |tx| {
            let operator = api_keys::owner_of(tx, &id).map_err(|error| match error {
                StoreError::NotFound(what) => {
                    StoreError::NotFound(format!("{what}; `operator key list NAME` shows the ids"))
                }
                other => other,
            })?;
            let key = api_keys::revoke(tx, &operator, &id, &Actor::cli(), now)?;
            Ok((operator, key))
        })
        .await?;
    let text =
        format!("API key `{}` (“{}”) of `{}` is revoked.", key.id, clean(&key.label), clean(&operator.name));
    Ok(Answer { json: record(&key, &operator.name, now), text })
}

fn record(key: &KeyRecord, operator: &str, now: Millis) -> Value {
    json!({
        "id": key.id,
        "label": key.label,
        "state": key.state(now).as_str(),
        "operator": operator,
        "created_at": time(Some(key.created_at)),
        "created_by": key.created_by,
        "expires_at": time(key.expires_at),
        "revoked_at": time(key.revoked_at),
        "revoked_by": key.revoked_by,
        "requests": key.requests,
        "last_used": key.last_used.as_ref().map(|used| json!({
            "at": time(Some(used.at)),
            "address": used.address,
            "agent": used.agent,
            "request": used.request,
        })),
    })
}
