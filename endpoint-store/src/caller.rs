//! Who asks. No data is reached without a [`Caller`], and a caller is bound to one endpoint.

use std::sync::Arc;

use crate::endpoints::Endpoint;

/// What kind of hand made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// An identity provider, by bearer token.
    Token,
    /// An operator in the console.
    Operator,
    /// Somebody at the command line of the server.
    Cli,
}

impl ActorKind {
    /// As stored in the change log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Operator => "operator",
            Self::Cli => "cli",
        }
    }
}

/// Who makes a change, as the change log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind of hand.
    pub kind: ActorKind,
    /// Public id of the token, id of the operator, or empty.
    pub id: String,
    /// Label of the token, name of the operator, or the operating system's user.
    pub label: String,
}

impl Actor {
    /// Whoever may run the program beside its database.
    pub fn cli() -> Self {
        let label = std::env::var("USER").unwrap_or_default();
        Self { kind: ActorKind::Cli, id: String::new(), label }
    }
}

/// An actor bound to one endpoint for the length of one request.
///
/// Made only by [`crate::registry::Registry::authenticate`] (SCIM) and
/// [`crate::operators::Operator::on`] (console): no handler can make its own. [`Caller::at_command_line`] is for
/// commands, whose user has the database anyway.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) actor: Actor,
    pub(crate) request_id: String,
}

impl Caller {
    /// Whoever may run the program beside its database, bound to an endpoint.
    pub fn at_command_line(endpoint: Endpoint) -> Self {
        Self { endpoint: Arc::new(endpoint), actor: Actor::cli(), request_id: String::new() }
    }

    /// The endpoint this caller is bound to.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Who it is.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Names the request in the change log and in the server's log.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }
}
