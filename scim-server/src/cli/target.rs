//! `scim-server target`: the applications behind an endpoint.

mod told;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use clap::{Args, Subcommand};
use endpoint_store::caller::Actor;
use endpoint_store::sealed::SecretBytes;
use endpoint_store::targets::edit::{self, Changes};
use endpoint_store::targets::{self, Mode, NewTarget, Options, Target, queue};
use endpoint_store::{Endpoint, Millis, StoreError};
use endpoint_targets::deliver::{Deliverer, Served};
use endpoint_targets::{Trouble, kinds};
use serde_json::{Value, json};

use super::operator::first_line;
use super::output::{Answer, clean, count};
use super::token::length;
use super::{Context, Failure, Format, Which, find_live, print};
use crate::config::Config;

/// Options and commands.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: TargetCommand,
}

/// One target of an endpoint.
#[derive(Debug, Args)]
pub struct WhichTarget {
    /// Names the endpoint.
    #[command(flatten)]
    pub which: Which,
    /// Id of the target; without it the only one
    #[arg(value_name = "TARGET_ID")]
    pub target: Option<String>,
}

/// A new target.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Names the endpoint.
    #[command(flatten)]
    pub which: Which,
    /// What it is: secret-server, or scim for another SCIM 2.0 server
    #[arg(long)]
    pub kind: String,
    /// Its base URL, for example https://vault.example.com/SecretServer or https://scim.example.com/scim/x/v2
    #[arg(long)]
    pub url: String,
    /// Name of the application account there (secret-server)
    #[arg(long, value_name = "N")]
    pub username: Option<String>,
    /// Read the account's password from the first line of stdin (secret-server)
    #[arg(long)]
    pub password_stdin: bool,
    /// Read the bearer token from the first line of stdin (scim)
    #[arg(long, conflicts_with = "password_stdin")]
    pub token_stdin: bool,
    /// Domain of the application account (secret-server)
    #[arg(long, value_name = "D")]
    pub domain: Option<String>,
    /// When the identity provider is answered: `queued`, at once, or `before-answer`, after the target has taken the change
    #[arg(long, default_value = "queued", value_name = "MODE")]
    pub mode: Mode,
    /// Take an http:// URL: passwords go over it in plain
    #[arg(long)]
    pub allow_http: bool,
    /// How often what is there is taken over by itself: 90m, 24h, 7d; never without it
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub import_every: Option<Millis>,
    /// Failures in a row after which the target is left alone for a while, 1 to 50
    #[arg(long, value_name = "N", default_value_t = targets::THRESHOLD)]
    pub threshold: i64,
    /// Length of the password that is made for a new account, used once and kept nowhere
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub password_length: usize,
    /// Symbols of which such a password has at least one; none when empty
    #[arg(long, value_name = "TEXT", default_value = "!#%*+-=?@_")]
    pub password_symbols: String,
}

/// What is changed about a target; what is left out stays.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Names endpoint and target.
    #[command(flatten)]
    pub which: WhichTarget,
    /// Name of the application account there (secret-server)
    #[arg(long, value_name = "N")]
    pub username: Option<String>,
    /// Read the account's new password from the first line of stdin (secret-server)
    #[arg(long)]
    pub password_stdin: bool,
    /// Read the new bearer token from the first line of stdin (scim)
    #[arg(long, conflicts_with = "password_stdin")]
    pub token_stdin: bool,
    /// Domain of the application account; empty for a local one (secret-server)
    #[arg(long, value_name = "D")]
    pub domain: Option<String>,
    /// When the identity provider is answered: `queued` or `before-answer`
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// How often what is there is taken over by itself: 90m, 24h, 7d, or never
    #[arg(long, value_name = "TIME", value_parser = length_or_never)]
    pub import_every: Option<Every>,
    /// Failures in a row after which the target is left alone for a while, 1 to 50
    #[arg(long, value_name = "N")]
    pub threshold: Option<i64>,
    /// Length of the password that is made for a new account
    #[arg(long, value_name = "N")]
    pub password_length: Option<usize>,
    /// Symbols of which such a password has at least one; none when empty
    #[arg(long, value_name = "TEXT")]
    pub password_symbols: Option<String>,
}

/// How often something is done by itself; never without a length.
#[derive(Debug, Clone, Copy)]
pub struct Every(Option<Millis>);

fn length_or_never(text: &str) -> Result<Every, String> {
    if text == "never" {
        return Ok(Every(None));
    }
    length(text).map(|length| Every(Some(length)))
}

/// What can be done with targets.
#[derive(Debug, Subcommand)]
pub enum TargetCommand {
    /// Add a target: what is in the directory goes there from now on
    Add(Box<AddArgs>),
    /// Change how it is signed in to and served; another address is another target
    Set(Box<SetArgs>),
    /// Look whether it answers, lets us in, and gives every right that is needed
    Test(WhichTarget),
    /// Take over the groups and users that it has, so that the identity provider lists them
    Import(WhichTarget),
    /// Say what would be created, changed, disabled, refused, and why; changes nothing
    Plan(WhichTarget),
    /// Compare everything and repair what differs
    Reconcile(WhichTarget),
    /// Try again what failed, now
    Retry(WhichTarget),
    /// List the targets of an endpoint and how they are doing
    List(Which),
    /// Take a target away; what it has stays there
    Remove(WhichTarget),
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub(super) async fn run(command: TargetCommand, json: bool, config: Config) -> Result<Answer, Failure> {
    let clock = config.clock.clone();
    // The password is read before the database is touched.
    let secret = match &command {
        TargetCommand::Add(args) if !args.password_stdin && !args.token_stdin => {
            return Err(Failure::new(
                "the password or token is missing: write it to stdin and say --password-stdin (secret-server) or --token-stdin (scim)",
            ));
        }
        TargetCommand::Add(_) => Some(read_secret()?),
        TargetCommand::Set(args) if args.password_stdin || args.token_stdin => Some(read_secret()?),
        _ => None,
    };
    let cx = Context::open(config)?;
    let deliverer = Deliverer::new(cx.store.clone(), Arc::new(move || clock.now()));
    match command {
        TargetCommand::Add(args) => add(&cx, *args, secret).await,
        TargetCommand::Set(args) => set(&cx, *args, secret).await,
        TargetCommand::Test(which) => test(&cx, &deliverer, which, json).await,
        TargetCommand::Import(which) => import(&cx, &deliverer, which).await,
        TargetCommand::Plan(which) => {
            let (_, target) = named(&cx, which).await?;
            let report = deliverer.compare(&target, false).await.map_err(|e| trouble(&cx, &target, &e))?;
            Ok(told::plan(&report))
        }
        TargetCommand::Reconcile(which) => reconcile(&cx, &deliverer, which).await,
        TargetCommand::Retry(which) => retry(&cx, &deliverer, which).await,
        TargetCommand::List(which) => list(&cx, which).await,
        TargetCommand::Remove(which) => remove(&cx, which).await,
    }
}

fn read_secret() -> Result<SecretBytes, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let _ = write!(std::io::stderr(), "Password or token (it shows while you type): ");
    }
    Ok(SecretBytes::from_text(first_line(stdin.lock())?))
}

async fn endpoint(cx: &Context, which: Which) -> Result<Endpoint, Failure> {
    cx.read(move |conn| find_live(conn, &which.endpoint)).await
}

async fn named(cx: &Context, which: WhichTarget) -> Result<(Endpoint, Target), Failure> {
    cx.read(move |conn| {
        let endpoint = find_live(conn, &which.which.endpoint)?;
        let target = targets::meant(conn, &endpoint, which.target.as_deref())?;
        Ok((endpoint, target))
    })
    .await
}

fn trouble(cx: &Context, target: &Target, trouble: &Trouble) -> Failure {
    match trouble {
        Trouble::Target(failure) => {
            Failure::new(&format!("{}: {failure}; `target test` looks closer", target.url))
        }
        Trouble::Store(error) => cx.failure(error),
    }
}

async fn add(cx: &Context, args: AddArgs, secret: Option<SecretBytes>) -> Result<Answer, Failure> {
    let now = cx.now;
    let endpoint = endpoint(cx, args.which).await?;
    let new = NewTarget {
        kind: args.kind,
        url: args.url,
        username: args.username,
        secret: secret.unwrap_or_else(|| SecretBytes::new(Vec::new())),
        domain: args.domain,
        mode: args.mode,
        allow_http: args.allow_http,
        import_every: args.import_every,
        options: Options {
            threshold: args.threshold,
            password_length: args.password_length,
            password_symbols: args.password_symbols,
        },
    };
    let failure = |error: StoreError| hint(cx.failure(&error));
    let kind = kinds::check(&new).map_err(failure)?;
    let prepared = targets::prepare(cx.store.keyring(), &endpoint.id, &new, now).map_err(failure)?;
    let slug = endpoint.slug.clone();
    let target = cx.write(move |tx| targets::add(tx, &endpoint, &prepared, &Actor::cli(), now)).await?;
    let text = format!(
        "{} {} is a target of `{slug}` now ({}). A running server brings it what is in the directory.\nId  {}\n\n\
         Next: `scim-server target test {slug}`",
        kind.label,
        target.url,
        target.mode.as_str(),
        target.id
    );
    let counts = queue::Counts::default();
    Ok(Answer { json: told::record(&target, &counts, now), text })
}

async fn set(cx: &Context, args: SetArgs, secret: Option<SecretBytes>) -> Result<Answer, Failure> {
    let (endpoint, target) = named(cx, args.which).await?;
    let changes = Changes {
        username: args.username,
        secret,
        domain: args.domain,
        mode: args.mode,
        import_every: args.import_every.map(|Every(length)| length),
        threshold: args.threshold,
        password_length: args.password_length,
        password_symbols: args.password_symbols,
    };
    if changes.is_empty() {
        return Err(Failure::new(
            "nothing is changed: say what is to be different; `target set --help` lists it",
        ));
    }
    let prepared =
        edit::prepare(cx.store.keyring(), &target, &changes).map_err(|error| cx.failure(&error))?;
    let (now, slug) = (cx.now, endpoint.slug.clone());
    let (target, counts) = cx
        .write(move |tx| {
            let target = edit::change(tx, &endpoint, &prepared, &Actor::cli(), now)?;
            let counts = queue::counts(tx, &target)?;
            Ok((target, counts))
        })
        .await?;
    let text = format!(
        "{} is changed; what waits for it is tried again.\n\nNext: `scim-server target test {slug}`",
        target.url
    );
    Ok(Answer { json: told::record(&target, &counts, now), text })
}

/// A sentence of the store in the words of the command line.
fn hint(failure: Failure) -> Failure {
    let text = failure.to_string();
    if text.contains("allow http on purpose") {
        return Failure::new(&text.replace("or allow http on purpose", "or add --allow-http"));
    }
    failure
}

async fn test(
    cx: &Context,
    deliverer: &Deliverer,
    which: WhichTarget,
    json: bool,
) -> Result<Answer, Failure> {
    let (_, target) = named(cx, which).await?;
    let check = deliverer.check(&target).await;
    let lines: Vec<Value> = check
        .lines
        .iter()
        .map(|line| json!({"what": line.what, "ok": line.good, "sentence": line.sentence}))
        .collect();
    let shown = check.lines.iter().map(|line| {
        format!("{}  {}: {}", if line.good { "ok     " } else { "MISSING" }, line.what, clean(&line.sentence))
    });
    let text = shown.collect::<Vec<_>>().join("\n");
    let answer = Answer { json: json!({"id": target.id, "ok": check.is_good(), "checks": lines}), text };
    if check.is_good() {
        return Ok(answer);
    }
    // What was found is printed before the command fails because of it.
    print(&answer, json)?;
    Err(Failure::new(&format!("{}: {}", target.url, check.problems())))
}

async fn import(cx: &Context, deliverer: &Deliverer, which: WhichTarget) -> Result<Answer, Failure> {
    let (endpoint, target) = named(cx, which).await?;
    let done = deliverer.import(&target).await.map_err(|e| trouble(cx, &target, &e))?;
    let now = cx.now;
    let noted = target.id.clone();
    cx.write(move |tx| {
        targets::ask(tx, &endpoint, &noted, targets::Ask::Import, &Actor::cli(), now)?;
        let target = targets::find(tx, &endpoint.id, &noted)?;
        targets::imported(tx, &target, now)
    })
    .await?;
    Ok(told::imported(&done))
}

async fn reconcile(cx: &Context, deliverer: &Deliverer, which: WhichTarget) -> Result<Answer, Failure> {
    let (endpoint, target) = named(cx, which).await?;
    let (now, id) = (cx.now, target.id.clone());
    let of = endpoint.clone();
    cx.write(move |tx| {
        targets::ask(tx, &of, &id, targets::Ask::Reconcile, &Actor::cli(), now)?;
        Ok(())
    })
    .await?;
    let report = deliverer.compare(&target, true).await.map_err(|e| trouble(cx, &target, &e))?;
    let served = deliverer.serve(&target).await.map_err(|e| cx.failure(&e))?;
    let counts = cx.read(move |conn| queue::counts(conn, &target)).await?;
    Ok(told::reconciled(&report, &counts, served == Served::Elsewhere))
}

async fn retry(cx: &Context, deliverer: &Deliverer, which: WhichTarget) -> Result<Answer, Failure> {
    let (endpoint, target) = named(cx, which).await?;
    let (now, of) = (cx.now, target.clone());
    let again = cx.write(move |tx| queue::retry(tx, &endpoint, &of, None, &Actor::cli(), now)).await?;
    deliverer.serve(&target).await.map_err(|e| cx.failure(&e))?;
    let counts = cx.read(move |conn| queue::counts(conn, &target)).await?;
    let n = i64::try_from(again).unwrap_or(i64::MAX);
    let text = format!("{} tried again.\n{}", count(n, "item"), told::standing(&counts));
    Ok(Answer { json: json!({"tried": again, "queue": told::numbers(&counts)}), text })
}

async fn list(cx: &Context, which: Which) -> Result<Answer, Failure> {
    let all = cx
        .read(move |conn| {
            let endpoint = find_live(conn, &which.endpoint)?;
            let all = targets::list(conn, &endpoint.id)?.into_iter();
            let with_counts = all.map(|target| Ok((queue::counts(conn, &target)?, target)));
            with_counts.collect::<Result<Vec<_>, StoreError>>()
        })
        .await?;
    Ok(told::list(&all, cx.now))
}

async fn remove(cx: &Context, which: WhichTarget) -> Result<Answer, Failure> {
    let (endpoint, target) = named(cx, which).await?;
    let now = cx.now;
    let gone = cx.write(move |tx| targets::remove(tx, &endpoint, &target.id, &Actor::cli(), now)).await?;
    let text = format!("{} is no target any more. What it has stays as it is there.", gone.url);
    Ok(Answer { json: json!({"id": gone.id, "removed": true}), text })
}
