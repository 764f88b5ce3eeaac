//! `scim-server operator`: the accounts of the console.

use std::io::{BufRead, IsTerminal, Write};

use clap::{Args, Subcommand};
use endpoint_admin::password;
use endpoint_store::StoreError;
use endpoint_store::caller::Actor;
use endpoint_store::operators::{self, Operator, Role};
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
    /// Set a new password, switch the account on, and sign it out everywhere
    ResetPassword {
        /// Name of the account
        name: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Issue, list and revoke keys for the management API
    Key(KeyArgs),
}

/// Where the password comes from. Never the command line: every process of the machine can read that.
#[derive(Debug, Args)]
pub struct PasswordSource {
    /// Read the password from the first line of stdin
    #[arg(long, required = true)]
    pub password_stdin: bool,
}

/// Carries out one of them.
///
/// # Errors
/// [`Failure`].
pub async fn run(command: OperatorCommand, config: Config) -> Result<Answer, Failure> {
    match command {
        OperatorCommand::Create { name, role, .. } => {
            let hash = read_hash()?;
            let cx = Context::open(config)?;
            let now = cx.now;
            let made =
                cx.write(move |tx| operators::create(tx, &name, &hash, role, &Actor::cli(), now)).await?;
            Ok(done(&made, &format!("{} `{}` can sign in to the console.", role_name(role), made.name)))
        }
        OperatorCommand::Key(args) => key::run(args.command, &Context::open(config)?).await,
        OperatorCommand::List => list(&Context::open(config)?).await,
        OperatorCommand::Disable { name } => {
            let cx = Context::open(config)?;
            let now = cx.now;
            let off =
                cx.write(move |tx| operators::disable(tx, &name, &Actor::cli(), now).map_err(hint)).await?;
            Ok(done(
                &off,
                &format!(
                    "`{}` can no longer sign in, is signed out everywhere, and has API keys that open nothing. \
                     `operator reset-password` switches the account on again.",
                    off.name
                ),
            ))
        }
        OperatorCommand::ResetPassword { name, .. } => {
            let hash = read_hash()?;
            let cx = Context::open(config)?;
            let now = cx.now;
            let reset = cx.write(move |tx| {
                operators::reset_password(tx, &name, &hash, &Actor::cli(), now).map_err(hint)
            });
            let on = reset.await?;
            Ok(done(
                &on,
                &format!("`{}` can sign in with the new password, and is signed out everywhere.", on.name),
            ))
        }
    }
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
        "status": status(operator),
        "created_at": time(Some(operator.created_at)),
        "disabled_at": time(operator.disabled_at),
        "last_sign_in_at": time(operator.last_sign_in_at),
    })
}

fn status(operator: &Operator) -> &'static str {
    if operator.disabled_at.is_some() { "disabled" } else { "active" }
}

async fn list(cx: &Context) -> Result<Answer, Failure> {
    let operators = cx.read(operators::list).await?;
    let rows: Vec<[String; 5]> = operators
        .iter()
        .map(|o| {
            [
                o.name.clone(),
                o.role.as_str().to_owned(),
                status(o).to_owned(),
                moment(o.last_sign_in_at, cx.now),
                moment(Some(o.created_at), cx.now),
            ]
        })
        .collect();
    let text = if rows.is_empty() {
        "There is no operator yet; the set-up link that `serve` prints makes the first owner.".to_owned()
    } else {
        table(["NAME", "ROLE", "STATUS", "LAST SIGN-IN", "MADE"], &rows)
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
