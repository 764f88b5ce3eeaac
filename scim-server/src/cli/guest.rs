//! `scim-server endpoint guest-link`, `guest-links` and `revoke-guest-link`: links for the administrator of a customer's identity provider.

use clap::Subcommand;
use endpoint_store::Millis;
use endpoint_store::caller::Actor;
use endpoint_store::guests::{self, GuestLink};
use serde_json::{Value, json};

use super::output::{Answer, moment, table, time};
use super::token::length;
use super::{Context, Failure, Which, find_live};

/// What can be done with links for guests.
#[derive(Debug, Subcommand)]
pub enum GuestCommand {
    /// Make a one-use link that shows a customer's administrator how to connect it, and nothing else
    GuestLink {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// When it ends by itself: 90m, 72h, 7d, at most 30d
        #[arg(long, value_name = "TIME", default_value = "72h", value_parser = length)]
        expires_in: Millis,
        /// The guest may issue one token, shown to them alone
        #[arg(long)]
        may_issue_token: bool,
    },
    /// List the links for guests, dead ones too
    GuestLinks(Which),
    /// Take a link for a guest back, from the next request on
    RevokeGuestLink {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// Id of the link, as the list shows it
        link: String,
    },
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub(super) async fn run(command: GuestCommand, cx: &Context) -> Result<Answer, Failure> {
    match command {
        GuestCommand::GuestLink { which, expires_in, may_issue_token } => {
            create(cx, which, may_issue_token, expires_in).await
        }
        GuestCommand::GuestLinks(which) => list(cx, which).await,
        GuestCommand::RevokeGuestLink { which, link } => revoke(cx, which, link).await,
    }
}

async fn create(cx: &Context, which: Which, may_issue: bool, lifetime: Millis) -> Result<Answer, Failure> {
    let now = cx.now;
    let (slug, code, link) = cx
        .write(move |tx| {
            let endpoint = find_live(tx, &which.endpoint)?;
            let (code, link) = guests::create(tx, &endpoint.id, may_issue, lifetime, &Actor::cli(), now)?;
            Ok((endpoint.slug, code, link))
        })
        .await?;
    let url = format!("{}/guest/open/{}", cx.config.public_url_at(cx.config.listen), code.reveal());
    let mut json = record(&link, now);
    if let Some(map) = json.as_object_mut() {
        map.insert("url".into(), json!(url));
    }
    let text = format!(
        "This link shows how to connect `{slug}`, and nothing else{}. It works once, in the browser that opens it first, until \
         {}; it is shown now and never again:\n{url}",
        if may_issue { "; its guest may issue one token" } else { "" },
        moment(Some(link.expires_at), now)
    );
    Ok(Answer { json, text })
}

async fn list(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let now = cx.now;
    let links = cx
        .read(move |conn| {
            let endpoint = find_live(conn, &which.endpoint)?;
            guests::list(conn, &endpoint.id)
        })
        .await?;
    let rows: Vec<[String; 5]> = links
        .iter()
        .map(|link| {
            [
                link.id.clone(),
                link.state(now).as_str().to_owned(),
                moment(Some(link.expires_at), now),
                moment(link.opened_at, now),
                link.token_id
                    .clone()
                    .unwrap_or_else(|| if link.may_issue { "may be issued" } else { "no" }.into()),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        "No set-up link was made for this endpoint.".to_owned()
    } else {
        table(["ID", "STATE", "ENDS", "OPENED", "TOKEN"], &rows)
    };
    let records: Vec<Value> = links.iter().map(|link| record(link, now)).collect();
    Ok(Answer { json: json!({ "guest_links": records }), text })
}

async fn revoke(cx: &Context, which: Which, id: String) -> Result<Answer, Failure> {
    let now = cx.now;
    let link = cx
        .write(move |tx| {
            let endpoint = find_live(tx, &which.endpoint)?;
            guests::revoke(tx, &endpoint.id, &id, &Actor::cli(), now)
        })
        .await?;
    let token = link.token_id.as_ref().map_or_else(String::new, |id| {
        format!(" The token {id} that was issued through it stays; `token revoke` ends it.")
    });
    Ok(Answer { text: format!("The link opens nothing any more.{token}"), json: record(&link, now) })
}

fn record(link: &GuestLink, now: Millis) -> Value {
    json!({
        "id": link.id,
        "state": link.state(now).as_str(),
        "may_issue_token": link.may_issue,
        "created_at": time(Some(link.created_at)),
        "created_by": link.created_by,
        "expires_at": time(Some(link.expires_at)),
        "opened_at": time(link.opened_at),
        "opened_from": link.opened_from,
        "token_id": link.token_id,
        "revoked_at": time(link.revoked_at),
    })
}
