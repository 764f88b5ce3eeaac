//! `scim-server endpoint`: endpoints, their states, settings and life cycle.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use endpoint_store::caller::Actor;
use endpoint_store::endpoints::document::Document;
use endpoint_store::endpoints::{self, EndpointSummary, NewEndpoint, Status, Turn};
use endpoint_store::settings::Idp;
use endpoint_store::tokens::{NewToken, Scope, Secret};
use endpoint_store::version::Expected;
use endpoint_store::{Endpoint, StoreError, Tx};
use serde_json::{Map, Value, json};

use super::guest::{self, GuestCommand};
use super::health;
use super::output::{Answer, clean, count, fields, moment, table, time};
use super::schema::{self, SchemaArgs};
use super::{Context, Failure, Format, SHOWN_ONCE, Which, find, find_live};

const FIRST_TOKEN: &str = "first token";
/// Endpoints read at once for the list.
const PAGE: i64 = 500;

/// Options and commands.
#[derive(Debug, Args)]
pub struct EndpointArgs {
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: EndpointCommand,
}

/// What can be done with endpoints.
#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// Make an endpoint and its first token
    Create {
        /// What operators call it; its URL is made from it
        name: String,
        /// The identity provider: onelogin, okta, entra, jumpcloud, google, ping, sailpoint, rippling, authentik
        /// or generic
        #[arg(long, default_value = "generic")]
        idp: Idp,
        /// The customer it belongs to
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Print everything that is set about an endpoint as JSON, without secrets, for `endpoint import`
    Export(Which),
    /// Make an endpoint, and its first token, from what `endpoint export` printed
    Import {
        /// The file; `-` reads it from stdin
        file: PathBuf,
        /// Another name than the one in the file
        #[arg(long)]
        name: Option<String>,
        /// Another tenant than the one in the file
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Make an empty endpoint, and its first token, with the settings and schemas of another
    Clone {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// The name of the new one
        name: String,
    },
    /// List the endpoints
    List {
        /// Those in the bin instead
        #[arg(long)]
        deleted: bool,
    },
    /// Show one endpoint with its settings
    Show(Which),
    /// Show when it was last heard, its rhythm, and what goes wrong
    Health(Which),
    /// Show what happened, in sentences, the latest first
    Activity {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// How many lines at most
        #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=500))]
        lines: u16,
    },
    /// Change settings: all of them, or none if one is wrong
    Set {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// delete=remove|deactivate, group-patch=204|200, rate=default|unlimited|N, password=accept|refuse,
        /// unknown-members=skip|refuse, group-names=unique|free, history=DAYS|forever,
        /// silence=auto|never|DURATION (as 90m, 12h or 3d), dialect.RULE=on|off|preset
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
        settings: Vec<(String, String)>,
    },
    /// Show or replace the extensions and resource types of its own
    Schema(SchemaArgs),
    /// Links for the customer's administrator.
    #[command(flatten)]
    Guest(GuestCommand),
    /// Play what its identity provider does against a throw-away twin, and report step by step; exit code 1 when a step fails
    Verify(Which),
    /// Give it another name and URL; the old URL keeps working
    Rename {
        /// Names the endpoint.
        #[command(flatten)]
        which: Which,
        /// The new name
        name: String,
    },
    /// Answer 503 until it is resumed: the identity provider tries again later
    Pause(Which),
    /// Answer again after a pause
    Resume(Which),
    /// Answer 403 until it is enabled
    Disable(Which),
    /// Answer again after it was disabled
    Enable(Which),
    /// Put it into the bin for 30 days
    Delete(Which),
    /// Take it out of the bin
    Undelete(Which),
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, for example rate=100".into()),
    }
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: EndpointCommand, cx: &Context) -> Result<Answer, Failure> {
    match command {
        EndpointCommand::Create { name, idp, tenant } => {
            let new = NewEndpoint { tenant, ..NewEndpoint::new(name, idp) };
            create(cx, move |_| Ok(new.clone())).await
        }
        EndpointCommand::Export(which) => export(cx, which).await,
        EndpointCommand::Import { file, name, tenant } => {
            let document = Document::parse(&schema::read(&file)?).and_then(Document::wanted);
            let mut new = document.map_err(|error| cx.failure(&error))?;
            new.name = name.unwrap_or(new.name);
            new.tenant = tenant.or(new.tenant);
            create(cx, move |_| Ok(new.clone())).await
        }
        EndpointCommand::Clone { which, name } => {
            create(cx, move |tx| Ok(NewEndpoint::like(&find_live(tx, &which.endpoint)?, &name))).await
        }
        EndpointCommand::List { deleted } => list(cx, deleted).await,
        EndpointCommand::Show(which) => {
            let summary = cx
                .read(move |conn| {
                    let endpoint = find(conn, &which.endpoint)?;
                    endpoints::summary(conn, endpoint)
                })
                .await?;
            Ok(Answer { text: details(cx, &summary), json: record(cx, &summary) })
        }
        EndpointCommand::Health(which) => health::health(cx, which).await,
        EndpointCommand::Activity { which, lines } => health::activity(cx, which, lines).await,
        EndpointCommand::Set { which, settings } => set(cx, which, settings).await,
        EndpointCommand::Verify(_) => Err(Failure::new("a verification prints its report by itself")),
        EndpointCommand::Guest(command) => guest::run(command, cx).await,
        EndpointCommand::Schema(args) => schema::run(args, cx).await,
        EndpointCommand::Rename { which, name } => rename(cx, which, name).await,
        EndpointCommand::Pause(which) => set_status(cx, which, Turn::Pause).await,
        EndpointCommand::Resume(which) => set_status(cx, which, Turn::Resume).await,
        EndpointCommand::Disable(which) => set_status(cx, which, Turn::Disable).await,
        EndpointCommand::Enable(which) => set_status(cx, which, Turn::Enable).await,
        EndpointCommand::Delete(which) => delete(cx, which).await,
        EndpointCommand::Undelete(which) => undelete(cx, which).await,
    }
}

async fn export(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let endpoint = cx.read(move |conn| find(conn, &which.endpoint)).await?;
    let document = Document::of(&endpoint);
    let text = document.to_text().map_err(|error| cx.failure(&error))?;
    let json = serde_json::from_str(&text).map_err(|error| Failure::new(&error.to_string()))?;
    Ok(Answer { text: text.trim_end().to_owned(), json })
}

async fn create(
    cx: &Context,
    plan: impl Fn(&mut Tx<'_>) -> Result<NewEndpoint, StoreError> + Send + 'static,
) -> Result<Answer, Failure> {
    let now = cx.now;
    let (endpoint, (secret, token)) = cx
        .write(move |tx| {
            let first = NewToken {
                label: FIRST_TOKEN.to_owned(),
                scope: Scope::Write,
                kind: Default::default(),
                networks: Default::default(),
                expires_at: None,
                request_key: None,
            };
            let new = plan(tx)?;
            let (endpoint, secret, token) =
                endpoints::create_with_token(tx, &new, &first, &Actor::cli(), now)?;
            Ok((endpoint, (secret, token)))
        })
        .await?;
    let json = json!({
        "id": endpoint.id.as_str(),
        "slug": endpoint.slug,
        "name": endpoint.name,
        "tenant": endpoint.tenant,
        "idp": endpoint.idp.as_str(),
        "status": endpoint.status.as_str(),
        "base_url": cx.config.base_url(&endpoint.slug),
        "token": {
            "id": token.id,
            "secret": secret.reveal(),
            "label": token.label,
            "expires_at": time(token.expires_at),
        },
    });
    Ok(Answer { json, text: welcome(cx, &endpoint, &secret) })
}

fn welcome(cx: &Context, endpoint: &Endpoint, secret: &Secret) -> String {
    let values = [
        ("SCIM Base URL", cx.config.base_url(&endpoint.slug)),
        ("SCIM Bearer Token", secret.reveal().to_owned()),
    ];
    format!(
        "Endpoint `{}` for {} is ready.\n\n{}\n\n{SHOWN_ONCE}",
        endpoint.slug,
        endpoint.idp.label(),
        fields(&values)
    )
}

async fn list(cx: &Context, deleted: bool) -> Result<Answer, Failure> {
    let summaries = cx
        .read(move |conn| {
            let mut all = Vec::new();
            loop {
                let offset = i64::try_from(all.len()).unwrap_or(i64::MAX);
                let (page, total) = endpoints::list(conn, "", deleted, offset, PAGE)?;
                let (end, read) = (page.is_empty(), page.len());
                all.extend(page);
                if end || offset.saturating_add(i64::try_from(read).unwrap_or(i64::MAX)) >= total {
                    return Ok(all);
                }
            }
        })
        .await?;
    let records: Vec<Value> = summaries.iter().map(|s| record(cx, s)).collect();
    let text = match (summaries.is_empty(), deleted) {
        (true, true) => "The bin is empty.".to_owned(),
        (true, false) => "There is no endpoint yet; `endpoint create NAME` makes one.".to_owned(),
        (false, _) => listing(cx, &summaries, deleted),
    };
    Ok(Answer { json: json!({ "endpoints": records }), text })
}

fn listing(cx: &Context, summaries: &[EndpointSummary], deleted: bool) -> String {
    let row = |s: &EndpointSummary| {
        let e = &s.endpoint;
        let last = if deleted { e.deleted_at } else { s.last_heard };
        [
            e.slug.clone(),
            e.name.clone(),
            e.tenant.clone().unwrap_or_else(|| "–".to_owned()),
            e.idp.as_str().to_owned(),
            e.status.as_str().to_owned(),
            s.users.to_string(),
            s.groups.to_string(),
            moment(last, cx.now),
        ]
    };
    let rows: Vec<_> = summaries.iter().map(row).collect();
    let last = if deleted { "DELETED" } else { "LAST HEARD" };
    table(["SLUG", "NAME", "TENANT", "IDP", "STATUS", "USERS", "GROUPS", last], &rows)
}

/// Everything known of an endpoint, for programs.
fn record(cx: &Context, summary: &EndpointSummary) -> Value {
    let e = &summary.endpoint;
    json!({
        "id": e.id.as_str(),
        "slug": e.slug,
        "name": e.name,
        "tenant": e.tenant,
        "idp": e.idp.as_str(),
        "status": e.status.as_str(),
        "base_url": cx.config.base_url(&e.slug),
        "users": summary.users,
        "groups": summary.groups,
        "last_heard": time(summary.last_heard),
        "created_at": time(Some(e.created_at)),
        "deleted_at": time(e.deleted_at),
        "settings": Map::from_iter(e.settings.entries().into_iter().map(|(key, value)| (key, Value::String(value)))),
    })
}

fn details(cx: &Context, summary: &EndpointSummary) -> String {
    let e = &summary.endpoint;
    let mut pairs = vec![
        ("Name", e.name.clone()),
        ("Slug", e.slug.clone()),
        ("Id", e.id.as_str().to_owned()),
        ("Tenant", e.tenant.clone().unwrap_or_else(|| "–".to_owned())),
        ("Identity provider", e.idp.label().to_owned()),
        ("Status", e.status.as_str().to_owned()),
        ("SCIM Base URL", cx.config.base_url(&e.slug)),
        ("Users", summary.users.to_string()),
        ("Groups", summary.groups.to_string()),
        ("Last heard", moment(summary.last_heard, cx.now)),
        ("Made", moment(Some(e.created_at), cx.now)),
    ];
    if let Some(at) = e.deleted_at {
        pairs.push(("In the bin since", moment(Some(at), cx.now)));
    }
    let settings: Vec<String> =
        e.settings.entries().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.push(("Settings", settings.join(" ")));
    fields(&pairs)
}

/// Changes an endpoint and returns it with what the list shows of it.
async fn change(
    cx: &Context,
    change: impl Fn(&mut Tx<'_>) -> Result<Endpoint, StoreError> + Send + 'static,
) -> Result<EndpointSummary, Failure> {
    cx.write(move |tx| {
        let endpoint = change(tx)?;
        endpoints::summary(tx, endpoint)
    })
    .await
}

async fn set(cx: &Context, which: Which, settings: Vec<(String, String)>) -> Result<Answer, Failure> {
    let now = cx.now;
    let wanted = endpoints::Change { settings, ..endpoints::Change::default() };
    let summary = change(cx, move |tx| {
        let endpoint = find_live(tx, &which.endpoint)?;
        endpoints::update(tx, &endpoint.id, &wanted, &Expected::Anything, &Actor::cli(), now)
    })
    .await?;
    Ok(Answer { text: details(cx, &summary), json: record(cx, &summary) })
}

async fn rename(cx: &Context, which: Which, name: String) -> Result<Answer, Failure> {
    let now = cx.now;
    let (old, summary) = cx
        .write(move |tx| {
            let old = find_live(tx, &which.endpoint)?;
            let renamed = endpoints::rename(tx, &old.id, &name, &Actor::cli(), now)?;
            Ok((old, endpoints::summary(tx, renamed)?))
        })
        .await?;
    let (slug, name) = (&summary.endpoint.slug, clean(&summary.endpoint.name));
    let text = if *slug == old.slug {
        format!("Endpoint `{slug}` is now called {name}; its URL stays {}.", cx.config.base_url(slug))
    } else {
        let (new_url, old_url) = (cx.config.base_url(slug), cx.config.base_url(&old.slug));
        format!("Endpoint `{slug}` is now called {name}.\nIts URL is {new_url}; {old_url} keeps working.")
    };
    Ok(Answer { text, json: record(cx, &summary) })
}

async fn set_status(cx: &Context, which: Which, turn: Turn) -> Result<Answer, Failure> {
    let now = cx.now;
    let summary = change(cx, move |tx| {
        let endpoint = find_live(tx, &which.endpoint)?;
        endpoints::turn(tx, &endpoint.id, turn, &Actor::cli(), now).map_err(|error| match error {
            StoreError::Refused(why) => {
                let way = if turn == Turn::Enable { "resume" } else { "enable" };
                StoreError::Refused(format!("{why}: `endpoint {way} {}`", endpoint.slug))
            }
            other => other,
        })
    })
    .await?;
    let slug = &summary.endpoint.slug;
    let text = match summary.endpoint.status {
        Status::Active => format!("Endpoint `{slug}` is active: it answers."),
        Status::Paused => {
            format!("Endpoint `{slug}` is paused: it answers 503 until `endpoint resume {slug}`.")
        }
        Status::Disabled => {
            format!("Endpoint `{slug}` is disabled: it answers 403 until `endpoint enable {slug}`.")
        }
    };
    Ok(Answer { text, json: record(cx, &summary) })
}

async fn delete(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let now = cx.now;
    let summary = change(cx, move |tx| {
        let endpoint = find_live(tx, &which.endpoint)?;
        endpoints::delete(tx, &endpoint.id, &Actor::cli(), now)
    })
    .await?;
    let slug = &summary.endpoint.slug;
    let text = format!(
        "Endpoint `{slug}` with {} and {} is in the bin until {} and answers nobody.\n\
         `endpoint undelete {slug}` takes it out again, with everything in it.",
        count(summary.users, "user"),
        count(summary.groups, "group"),
        moment(Some(now.saturating_add(endpoints::BIN_LIFETIME)), now),
    );
    Ok(Answer { text, json: record(cx, &summary) })
}

async fn undelete(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let now = cx.now;
    let summary = change(cx, move |tx| {
        let endpoint = find(tx, &which.endpoint)?;
        endpoints::undelete(tx, &endpoint.id, &Actor::cli(), now)
    })
    .await?;
    let (slug, status) = (&summary.endpoint.slug, summary.endpoint.status.as_str());
    Ok(Answer {
        text: format!("Endpoint `{slug}` is out of the bin and {status}, as it was before."),
        json: record(cx, &summary),
    })
}
