//! `/audit`: who did what, a page at a time or as a file, and whether the chain is whole.

use endpoint_admin::audit_file::{self, Format};
use endpoint_store::audit::{self, Action, Chain, Entry, Filter};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::params::{AFTER, Kind, LIMIT, Param, cursor};
use super::problem::{Place, Problem};
use super::{Exchange, Outcome, Page, Reply};

const ENDPOINT: Param = Param {
    name: "endpoint",
    kind: Kind::Text,
    about: "Only about this endpoint: slug, former slug or id; the id also of one that is gone.",
};
const ACTOR: Param = Param {
    name: "actor",
    kind: Kind::Text,
    about: "Only by this actor: name (compared without case), id, or kind: operator, cli, api-key, system.",
};
const ACTION: Param = Param { name: "action", kind: Kind::Word(Action::WORDS), about: "Only this action." };
const TEXT: Param = Param {
    name: "q",
    kind: Kind::Text,
    about: "Only entries in which this stands anywhere, compared without case.",
};
const FROM: Param = Param { name: "from", kind: Kind::Moment, about: "Not before this moment (RFC 3339)." };
const TO: Param = Param { name: "to", kind: Kind::Moment, about: "Before this moment (RFC 3339)." };
const FORMAT: Param = Param {
    name: "format",
    kind: Kind::Word(Format::WORDS),
    about: "Answers all that is wanted as a file, not a page: one item per line, or CSV that no spreadsheet takes for \
            formulas.",
};

/// What `GET /audit` takes.
pub(super) const QUERY: &[Param] = &[LIMIT, AFTER, TEXT, ENDPOINT, ACTOR, ACTION, FROM, TO, FORMAT];

/// Who did it.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
struct AuditActorView {
    /// `operator`, `cli`, `api-key` or `system`.
    kind: String,
    /// Id of the operator, public id of the API key, or empty.
    id: String,
    /// Name of the operator, or the operating system's user.
    name: String,
}

/// One act.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct AuditView {
    /// Place in the log, from 1, without gaps.
    position: i64,
    #[schema(format = DateTime)]
    at: String,
    actor: AuditActorView,
    /// Where the request came from; empty where that is not known.
    address: String,
    /// A word that does not change, such as `token.revoke`.
    action: String,
    /// The endpoint that it is about.
    endpoint_id: Option<String>,
    /// What it was done to: a slug, a name, the public id of a token or key.
    subject: String,
    /// What was before; of a change only what is different.
    before: Option<Value>,
    /// What is after.
    after: Option<Value>,
    /// The hash of the entry before, in hex.
    previous: String,
    /// SHA-256 over `previous` and all fields, in hex.
    hash: String,
}

impl From<Entry> for AuditView {
    fn from(entry: Entry) -> Self {
        let parsed = |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self {
            position: entry.position,
            at: scim_core::time::format(entry.at),
            address: entry.address.clone(),
            before: parsed(&entry.before),
            after: parsed(&entry.after),
            previous: entry.previous_text(),
            hash: entry.hash_text(),
            actor: AuditActorView { kind: entry.actor_kind, id: entry.actor_id, name: entry.actor_name },
            action: entry.action,
            endpoint_id: entry.endpoint_id,
            subject: entry.subject,
        }
    }
}

/// What following the chain of hashes found.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditChain)]
pub(super) struct ChainView {
    /// Whether every entry is as it was written, and none is missing.
    sound: bool,
    /// Entries that fit, from the first on.
    entries: i64,
    /// The hash at the end of the chain, in hex: written down elsewhere, it proves later what stood here now.
    head: String,
    /// The first entry that does not fit.
    broken_at: Option<i64>,
    /// What is wrong with it.
    fault: Option<String>,
}

impl From<Chain> for ChainView {
    fn from(chain: Chain) -> Self {
        Self {
            sound: chain.broken.is_none(),
            entries: chain.sound,
            head: chain.head,
            broken_at: chain.broken.as_ref().map(|broken| broken.position),
            fault: chain.broken.map(|broken| broken.to_string()),
        }
    }
}

/// A time that the door has looked at already.
fn moment(x: &Exchange, name: &str) -> Option<i64> {
    x.query.get(name).and_then(scim_core::time::parse)
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let asked = |name: &str| x.query.get(name).map(str::to_owned);
    let filter = Filter {
        endpoint: asked("endpoint"),
        actor: asked("actor"),
        action: asked("action"),
        text: asked("q"),
        from: moment(x, "from"),
        to: moment(x, "to"),
        reader: None,
    }
    .read_by(&x.operator);
    if let Some(format) = x.query.get("format").and_then(Format::parse) {
        return Ok(Reply::file(audit_file::download(&x.api.store, filter, format)));
    }
    let before = match x.query.after()? {
        None => None,
        Some((position, _)) => Some(position.parse().map_err(|_| {
            let detail = "`after` is no cursor of this list; take `next` of the page before as it is";
            Problem::bad_parameters(vec![Place::in_parameter(AFTER.name, detail)])
        })?),
    };
    let limit = x.query.limit();
    let page = x.read(move |conn| audit::page(conn, &filter, before, limit)).await?;
    let next = page.next.map(|position| cursor(&position.to_string(), ""));
    Reply::json(&Page { items: page.entries.into_iter().map(AuditView::from).collect(), next })
}

pub(super) async fn chain(x: &Exchange) -> Outcome {
    Reply::json(&ChainView::from(x.read(audit::verify).await?))
}
