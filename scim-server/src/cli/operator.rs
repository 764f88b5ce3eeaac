//! `scim-server operator`: the accounts of the console.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use endpoint_admin::password;
use endpoint_store::caller::Actor;
use endpoint_store::operators::{self, Link, Operator, Reach, Role};
use endpoint_store::{Millis, StoreError, Tx, second_factor};
use serde_json::{Value, json};

use super::key::{self, KeyArgs};
use super::output::{Answer, moment, reason, table, time};
use super::{Context, Failure, Format};
use crate::config::Config;

/// No password that is accepted is longer than this many bytes.
const LONGEST_LINE: u64 = 8192;

/// Options and commands.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// How the outcome is printed.
    #[command(flatten)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: OperatorCommand,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Make an account
    Create {
        /// What they sign in with; compared without case
        name: String,
        /// owner, admin, operator or auditor
        #[arg(long)]
        role: Role,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List the accounts
    List,
    /// Switch an account off and sign it out everywhere
    Disable {
        /// Name of the account
        name: String,
    },
    /// Switch an account on again; its API keys stay dead
    Enable {
        /// Name of the account
        name: String,
    },
    /// Give an account another role
    SetRole {
        /// Name of the account
        name: String,
        /// owner, admin, operator or auditor
        #[arg(long)]
        role: Role,
    },
    /// Limit an account to the endpoints of some tenants, or lift the limit
    #[command(group(clap::ArgGroup::new("reach").required(true).multiple(false)))]
    SetTenants {
        /// Name of the account
        name: String,
        /// A tenant, compared without case; can be given several times
        #[arg(long = "tenant", value_name = "T", group = "reach")]
        tenants: Vec<String>,
        /// Every endpoint
        #[arg(long, group = "reach")]
        all: bool,
    },
    /// End all sessions of an account
    SignOut {
        /// Name of the account
        name: String,
    },
    /// Set a new password, or make a link to set one, switch the account on, and sign it out everywhere
    ResetPassword {
        /// Name of the account
        name: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Remove the second factor of an account, and sign it out everywhere
    ResetSecondFactor {
        /// Name of the account
        name: String,
    },
    /// Issue, list and revoke keys for the management API
    Key(KeyArgs),
}

/// Where the password comes from. Never the command line: every process of the machine can read that.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct PasswordSource {
    /// Read the password from the first line of stdin
    #[arg(long)]
    pub password_stdin: bool,
    /// Make a one-use link, by which they set a password of their own
    #[arg(long)]
    pub link: bool,
}

impl PasswordSource {
    /// The hash of the password; none where there will be a link.
    fn read(&self) -> Result<Option<String>, Failure> {
        if self.link { Ok(None) } else { read_hash().map(Some) }
    }
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: OperatorCommand, config: Config) -> Result<Answer, Failure> {
    match command {
        OperatorCommand::Create { name, role, password } => {
            let hash = password.read()?;
            create(&Context::open(config)?, name, role, hash).await
        }
        OperatorCommand::ResetPassword { name, password } => {
            let hash = password.read()?;
            reset(&Context::open(config)?, name, hash).await
        }
        OperatorCommand::Key(args) => key::run(args.command, &Context::open(config)?).await,
        OperatorCommand::List => list(&Context::open(config)?).await,
        other => change(&Context::open(config)?, other).await,
    }
}

/// What changes one account and says so in a sentence.
async fn change(cx: &Context, command: OperatorCommand) -> Result<Answer, Failure> {
    let (changed, sentence) = match command {
        OperatorCommand::Disable { name } => (
            write(cx, name, operators::disable).await?,
            "can no longer sign in, is signed out everywhere, and has API keys that open nothing. \
             `operator enable` and `operator reset-password` switch the account on again."
                .to_owned(),
        ),
        OperatorCommand::Enable { name } => (
            write(cx, name, operators::enable).await?,
            "is switched on. API keys from before stay dead.".to_owned(),
        ),
        OperatorCommand::SignOut { name } => {
            (write(cx, name, operators::sign_out).await?, "is signed out everywhere.".to_owned())
        }
        OperatorCommand::ResetSecondFactor { name } => (
            write(cx, name, second_factor::reset).await?,
            "signs in with the password alone, and is signed out everywhere. A new second factor is set up on the \
             console's account page."
                .to_owned(),
        ),
        OperatorCommand::SetRole { name, role } => {
            let set = move |tx: &mut Tx<'_>, name: &str, actor: &Actor, now| {
                operators::set_role(tx, name, role, actor, now)
            };
            (write(cx, name, set).await?, format!("has the role {}.", role.as_str()))
        }
        OperatorCommand::SetTenants { name, tenants, .. } => {
            let set = move |tx: &mut Tx<'_>, name: &str, actor: &Actor, now| {
                operators::set_reach(tx, name, &Reach::to_tenants(&tenants)?, actor, now)
            };
            let changed = write(cx, name, set).await?;
            let sees = changed.reach.tenants().map_or_else(
                || "sees every endpoint.".to_owned(),
                |tenants| format!("sees the endpoints of {} and no others.", tenants.join(", ")),
            );
            (changed, sees)
        }
        _ => return Err(Failure::new("this command is another one's business")),
    };
    let sentence = format!("`{}` {sentence}", changed.name);
    Ok(done(&changed, &sentence))
}

/// Something that is done to one account.
async fn write(
    cx: &Context,
    name: String,
    act: impl Fn(&mut Tx<'_>, &str, &Actor, Millis) -> Result<Operator, StoreError> + Send + 'static,
) -> Result<Operator, Failure> {
    let now = cx.now;
    cx.write(move |tx| act(tx, &name, &Actor::cli(), now).map_err(hint)).await
}

async fn create(cx: &Context, name: String, role: Role, hash: Option<String>) -> Result<Answer, Failure> {
    let now = cx.now;
    let Some(hash) = hash else {
        let made = cx.write(move |tx| operators::invite(tx, &name, role, &Actor::cli(), now)).await?;
        return Ok(linked(cx, &made));
    };
    let made = cx.write(move |tx| operators::create(tx, &name, &hash, role, &Actor::cli(), now)).await?;
    Ok(done(&made, &format!("{} `{}` can sign in to the console.", role_name(role), made.name)))
}

async fn reset(cx: &Context, name: String, hash: Option<String>) -> Result<Answer, Failure> {
    let now = cx.now;
    let Some(hash) = hash else {
        let reset = cx.write(move |tx| operators::reset_by_link(tx, &name, &Actor::cli(), now).map_err(hint));
        return Ok(linked(cx, &reset.await?));
    };
    let set = move |tx: &mut Tx<'_>, name: &str, actor: &Actor, now| {
        operators::reset_password(tx, name, &hash, actor, now)
    };
    let on = write(cx, name, set).await?;
    Ok(done(&on, &format!("`{}` can sign in with the new password, and is signed out everywhere.", on.name)))
}

/// An account with the link by which its owner sets a password.
fn linked(cx: &Context, (operator, link): &(Operator, Link)) -> Answer {
    let url = format!("{}/setup/{}", cx.config.public_url_at(cx.config.listen), link.code.reveal());
    let mut json = record(operator);
    if let Some(map) = json.as_object_mut() {
        map.insert("setup_url".into(), json!(url));
        map.insert("setup_url_expires_at".into(), time(Some(link.expires_at)));
    }
    let text = format!(
        "`{}` sets a password through this link. It works once, for whoever opens it, until {}; it is shown now and never \
         again:\n{url}",
        operator.name,
        moment(Some(link.expires_at), cx.now)
    );
    Answer { json, text }
}

pub(super) fn hint(error: StoreError) -> StoreError {
    match error {
        StoreError::NotFound(what) => StoreError::NotFound(format!("{what}; `operator list` shows them")),
        other => other,
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Admin => "Admin",
        Role::Operator => "Operator",
        Role::Auditor => "Auditor",
    }
}

fn done(operator: &Operator, sentence: &str) -> Answer {
    Answer { json: record(operator), text: sentence.to_owned() }
}

fn record(operator: &Operator) -> Value {
    json!({
        "id": operator.id,
        "name": operator.name,
        "role": operator.role.as_str(),
        "status": operator.status().as_str(),
        "tenants": operator.reach.tenants(),
        "second_factor": operator.second_factor_since.is_some(),
        "created_at": time(Some(operator.created_at)),
        "disabled_at": time(operator.disabled_at),
        "last_sign_in_at": time(operator.last_sign_in_at),
    })
}

async fn list(cx: &Context) -> Result<Answer, Failure> {
    let operators = cx.read(operators::list).await?;
    let rows: Vec<[String; 6]> = operators
        .iter()
        .map(|o| {
            [
                o.name.clone(),
                o.role.as_str().to_owned(),
                o.status().as_str().to_owned(),
                if o.second_factor_since.is_some() { "on" } else { "off" }.to_owned(),
                moment(o.last_sign_in_at, cx.now),
                moment(Some(o.created_at), cx.now),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        "There is no operator yet; the set-up link that `serve` prints makes the first owner.".to_owned()
    } else {
        table(["NAME", "ROLE", "STATUS", "SECOND FACTOR", "LAST SIGN-IN", "MADE"], &rows)
    };
    let records: Vec<Value> = operators.iter().map(record).collect();
    Ok(Answer { json: json!({ "operators": records }), text })
}

/// Reads the password and hashes it before the database is touched.
fn read_hash() -> Result<String, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let _ = write!(std::io::stderr(), "Password (it shows while you type): ");
    }
    let password = first_line(stdin.lock())?;
    let refused = |error| Failure::new(&format!("this password cannot be used: {error}"));
    password::check(&password).map_err(refused)?;
    password::hash(&password).map_err(refused)
}

pub(super) fn first_line(input: impl BufRead) -> Result<String, Failure> {
    let mut line = Vec::new();
    input
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)
        .map_err(|e| Failure::new(&format!("the password cannot be read from stdin: {}", reason(&e))))?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::new("there is no password on stdin; write it there as the first line"));
    }
    String::from_utf8(line.to_vec()).map_err(|_| Failure::new("the password on stdin is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn the_password_is_the_first_line_without_its_end() {
        for input in ["se cret", "se cret\n", "se cret\r\n", "se cret\nsecond\n"] {
            assert_eq!(first_line(input.as_bytes()).as_deref(), Ok("se cret"), "{input:?}");
        }
    }

    #[test]
    fn no_password_and_no_text_are_refused() {
        assert!(first_line(&b""[..]).is_err());
        assert!(first_line(&b"\nsecond"[..]).is_err());
        assert!(first_line(&b"\xff\xfe\n"[..]).is_err());
    }
}
