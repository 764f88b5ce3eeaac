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
    /// A program with an operator's key for the management API.
    ApiKey,
    /// The administrator of a customer's identity provider, through a set-up link.
    Guest,
    /// The server itself: a date has come, or somebody who is not known was turned away.
    System,
    /// An application behind the endpoint: what was there already is taken over.
    Target,
}

impl ActorKind {
    /// Whoever can be found in the audit log.
    pub const AUDITED: [Self; 5] = [Self::Operator, Self::Cli, Self::ApiKey, Self::Guest, Self::System];

    /// As stored in the change log and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Operator => "operator",
            Self::Cli => "cli",
            Self::ApiKey => "api-key",
            Self::Guest => "guest",
            Self::System => "system",
            Self::Target => "target",
        }
    }
}

/// Who makes a change, as the change log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind of hand.
    pub kind: ActorKind,
    /// Public id of the token or API key, id of the operator or of the guest's link, or empty.
    pub id: String,
    /// Label of the token, name of the operator (also of whose API key it is), or the operating system's user.
    pub label: String,
    /// Where the request came from, as far as that is known.
    pub address: String,
}

impl Actor {
    /// Whoever may run the program beside its database.
    pub fn cli() -> Self {
        let label = std::env::var("USER").unwrap_or_default();
        Self { kind: ActorKind::Cli, id: String::new(), label, address: String::new() }
    }

    /// The server itself.
    pub fn system() -> Self {
        Self { kind: ActorKind::System, id: String::new(), label: String::new(), address: String::new() }
    }

    /// The same, asking from this address.
    pub fn at(self, address: &str) -> Self {
        Self { address: address.to_owned(), ..self }
    }

    /// The same by an API key.
    pub fn by_key(self, key_id: &str) -> Self {
        Self { kind: ActorKind::ApiKey, id: key_id.to_owned(), ..self }
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

    /// The same through an API key, from this address.
    pub fn by_key(self, key_id: &str, address: &str) -> Self {
        Self { actor: self.actor.by_key(key_id).at(address), ..self }
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
