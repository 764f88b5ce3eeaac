//! One webhook: what it sends, what became of it, and everything that can be done about it.

use std::sync::Arc;

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    StoreError,
    endpoints::EndpointSummary,
    webhooks::{
        self, Address, Changes, SecretRecord, Webhook,
        log::{self, Again, Counts, Delivery, State as Where},
    },
};
use endpoint_targets::webhook as sending;

use super::webhooks::{ShownSecret, beside, patterns, state_of, types_of};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, see},
    session::Operator,
    ui::{Num, State, Tone, When},
};

/// Deliveries on one page.
const SHOWN: usize = 50;

/// Which deliveries the address asks for. What makes no sense counts as not said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) state: Option<Where>,
    before: Option<log::Place>,
}

impl Wanted {
    /// Reads `?state=…&before=…`.
    pub(crate) fn parse(query: &str) -> Self {
        let mut wanted = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "state" => wanted.state = Where::parse(&value),
                "before" => wanted.before = place_of(&value),
                _ => {}
            }
        }
        wanted
    }

    /// The end of the address of these, with something more.
    fn link(self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        query.extend_pairs(self.state.map(|state| ("state", state.as_str())));
        query.extend_pairs(more);
        query.finish()
    }
}

fn place_of(text: &str) -> Option<log::Place> {
    let mut numbers = text.splitn(3, '.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The list of deliveries around its rows.
pub(crate) struct Around {
    /// The states to choose from: link, word, and whether it is chosen.
    pub(crate) states: Vec<(String, &'static str, bool)>,
    pub(crate) newest: Option<String>,
    pub(crate) older: Option<String>,
    pub(crate) csv: String,
    pub(crate) ndjson: String,
    pub(crate) narrowed: bool,
}

impl Around {
    fn new(wanted: Wanted, last: Option<log::Place>) -> Self {
        let states = [
            (None, "All"),
            (Some(Where::Waiting), "Waiting"),
            (Some(Where::Delivered), "Delivered"),
            (Some(Where::Dead), "Given up"),
        ];
        let state = |(state, word)| (Wanted { state, before: None }.link(&[]), word, state == wanted.state);
        let file = |format| wanted.link(&[("format", format)]);
        let older = last.map(|(at, seq, part)| wanted.link(&[("before", &format!("{at}.{seq}.{part}"))]));
        Self {
            states: states.map(state).into(),
            newest: wanted.before.map(|_| wanted.link(&[])),
            older,
            csv: file("csv"),
            ndjson: file("ndjson"),
            narrowed: wanted.state.is_some() || wanted.before.is_some(),
        }
    }
}

/// A line of the log.
pub(crate) struct DeliveryRow {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) attempts: Num,
    pub(crate) made: When,
    pub(crate) next: Option<When>,
    pub(crate) outcome: String,
    pub(crate) again: Option<&'static str>,
}

impl DeliveryRow {
    fn new(delivery: Delivery, now: i64) -> Self {
        let tried = delivery.attempts > 0;
        let state = match delivery.state {
            Where::Waiting if tried => State::new("Tried again", "clock", Tone::Warn),
            Where::Waiting => State::new("Waiting", "ring", Tone::Calm),
            Where::Delivered => State::new("Delivered", "check", Tone::Ok),
            Where::Dead if delivery.is_test() => State::new("Did not arrive", "cross", Tone::Bad),
            Where::Dead => State::new("Given up", "cross", Tone::Bad),
        };
        let outcome = match (delivery.last_error.clone(), delivery.last_status, delivery.last_ms) {
            (Some(error), ..) => error,
            (None, Some(status), Some(ms)) => format!("{status} in {} ms", Num::of(ms)),
            _ => String::new(),
        };
        Self {
            id: delivery.id(),
            state,
            attempts: Num::of(delivery.attempts),
            made: When::new(delivery.created_at, now),
            next: When::maybe((delivery.state == Where::Waiting && tried).then_some(delivery.due_at), now),
            outcome,
            again: match delivery.state {
                _ if delivery.is_test() => None,
                Where::Waiting => tried.then_some("Try now"),
                Where::Delivered => Some("Send again"),
                Where::Dead => Some("Retry"),
            },
            event: delivery.event,
            name: delivery.resource_name,
        }
    }
}

/// A secret that signs at present.
pub(crate) struct SecretRow {
    pub(crate) kind: &'static str,
    pub(crate) public_key: Option<String>,
    pub(crate) made: When,
    pub(crate) ends: Option<When>,
}

impl SecretRow {
    fn new(secret: SecretRecord, now: i64) -> Self {
        let kind = match secret.kind {
            webhooks::Kind::Hmac => "Shared secret (HMAC-SHA256, v1)",
            webhooks::Kind::Ed25519 => "Key pair (Ed25519, v1a)",
        };
        Self {
            kind,
            public_key: secret.public_key,
            made: When::new(secret.created_at, now),
            ends: When::maybe(secret.expires_at, now),
        }
    }
}

#[derive(Template)]
#[template(path = "pages/webhook.html")]
pub(crate) struct WebhookPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) webhook: Webhook,
    pub(crate) state: State,
    pub(crate) types: String,
    pub(crate) counts: Counts,
    pub(crate) paused: Option<When>,
    pub(crate) failing: Option<When>,
    pub(crate) last: Option<When>,
    pub(crate) oldest: Option<When>,
    pub(crate) secrets: Vec<SecretRow>,
    pub(crate) deliveries: Vec<DeliveryRow>,
    pub(crate) around: Around,
    pub(crate) shown: Option<ShownSecret>,
    pub(crate) url: String,
    pub(crate) label: String,
    pub(crate) patterns: String,
    pub(crate) errors: Errors,
}

impl WebhookPage {
    /// A number as it is shown.
    pub(crate) fn num(&self, number: &i64) -> Num {
        Num::of(*number)
    }
}

type Place = web::Path<(String, String)>;

/// The page.
pub(crate) async fn show(operator: Operator, path: Place) -> Answer {
    let (summary, webhook) = found(&operator, path).await?;
    html(&page(&operator, &summary, webhook).await?)
}

async fn found(operator: &Operator, path: Place) -> Result<(EndpointSummary, Webhook), PageError> {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let endpoint = summary.endpoint.clone();
    let webhook = operator.read(move |conn| webhooks::find(conn, &endpoint, Some(&id))).await?;
    Ok((summary, webhook))
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    webhook: Webhook,
) -> Result<WebhookPage, PageError> {
    let (endpoint, id, now) = (summary.endpoint.id.clone(), webhook.id.clone(), operator.now());
    let wanted = Wanted::parse(operator.query());
    let (counts, secrets, mut deliveries) = operator
        .read(move |conn| {
            let (counts, secrets) = (log::counts(conn, &id)?, webhooks::secrets(conn, &id)?);
            let more = i64::try_from(SHOWN).unwrap_or(i64::MAX).saturating_add(1);
            Ok((counts, secrets, log::page(conn, &id, &endpoint, wanted.state, wanted.before, more)?))
        })
        .await?;
    let goes_on = deliveries.len() > SHOWN;
    deliveries.truncate(SHOWN);
    let around = Around::new(wanted, deliveries.last().filter(|_| goes_on).map(Delivery::place));
    let live = secrets.into_iter().rev().filter(|secret| secret.expires_at.is_none_or(|at| at > now));
    let (frame, head) = operator.desk(summary, Tab::Webhooks);
    Ok(WebhookPage {
        frame,
        head,
        state: state_of(&webhook),
        types: types_of(&webhook),
        paused: When::maybe(webhook.paused.as_ref().map(|pause| pause.at), now),
        failing: When::maybe(webhook.failing_since, now),
        last: When::maybe(webhook.last_ok_at, now),
        oldest: When::maybe(counts.oldest_at, now),
        counts,
        secrets: live.map(|secret| SecretRow::new(secret, now)).collect(),
        deliveries: deliveries.into_iter().map(|delivery| DeliveryRow::new(delivery, now)).collect(),
        around,
        shown: None,
        url: webhook.url.clone(),
        label: webhook.label.clone(),
        patterns: webhook.types.join(", "),
        errors: Errors::default(),
        webhook,
    })
}

/// Back to the page.
fn back(summary: &EndpointSummary, webhook: &Webhook, done: &str) -> Answer {
    Ok(see(format!("/admin/endpoints/{}/webhooks/{}?done={done}", summary.endpoint.slug, webhook.id)))
}

/// Changes where to, which events, or the label.
pub(crate) async fn save(operator: Operator, path: Place, form: Form) -> Answer {
    let (summary, webhook) = found(&operator, path).await?;
    let address = Address::parse(form.text("url"), operator.sender().allows_private());
    let (endpoint, id) = (summary.endpoint.clone(), webhook.id.clone());
    let (actor, now) = (operator.actor(), operator.now());
    let saved = match address {
        Ok(address) => {
            let changes = Changes {
                address: Some(address),
                label: Some(form.text("label").to_owned()),
                types: Some(patterns(form.text("types"))),
            };
            operator.write(move |tx| webhooks::change(tx, &endpoint, &id, &changes, &actor, now)).await
        }
        Err(error) => Err(error),
    };
    match saved {
        Ok(webhook) => back(&summary, &webhook, "webhook-saved"),
        Err(error) => {
            let page = WebhookPage {
                errors: beside(error)?,
                url: form.text("url").to_owned(),
                label: form.text("label").to_owned(),
                patterns: form.text("types").to_owned(),
                ..page(&operator, &summary, webhook).await?
            };
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Replaces what it signs with, and shows the new one in the answer to the form itself.
pub(crate) async fn rotate(operator: Operator, path: Place) -> Answer {
    let (summary, webhook) = found(&operator, path).await?;
    let (endpoint, id, keyring) =
        (summary.endpoint.clone(), webhook.id.clone(), operator.store().keyring().clone());
    let (actor, now) = (operator.actor(), operator.now());
    let rotated =
        operator.write(move |tx| webhooks::rotate(tx, &keyring, &endpoint, (&id, None), &actor, now)).await?;
    let shown = ShownSecret::new(rotated, &webhook, &summary.endpoint.slug);
    html(&WebhookPage { shown: Some(shown), ..page(&operator, &summary, webhook).await? })
}

/// Sends a test at once; what came of it is the first line of the log.
pub(crate) async fn test(operator: Operator, path: Place) -> Answer {
    let (summary, webhook) = found(&operator, path).await?;
    let endpoint = Arc::new(summary.endpoint.clone());
    let (actor, now) = (operator.actor(), operator.now());
    let sent = sending::test(operator.store(), operator.sender(), (&endpoint, &webhook), &actor, now);
    let arrived = sent.await?.last_error.is_none();
    back(&summary, &webhook, if arrived { "webhook-tested" } else { "webhook-test-failed" })
}

/// Pauses it, or lets it send again.
pub(crate) async fn turn(operator: Operator, path: Place, form: Form) -> Answer {
    let (summary, webhook) = found(&operator, path).await?;
    let (endpoint, id) = (summary.endpoint.clone(), webhook.id.clone());
    let (actor, now, pauses) = (operator.actor(), operator.now(), form.text("to") != "active");
    let act = if pauses { webhooks::pause } else { webhooks::resume };
    match operator.write(move |tx| act(tx, &endpoint, &id, &actor, now)).await {
        // Sent twice, or somebody else was first.
        Ok(_) | Err(StoreError::Refused(_)) => {}
        Err(other) => return Err(other.into()),
    }
    operator.store().pulse().nudge();
    back(&summary, &webhook, if pauses { "webhook-paused" } else { "webhook-resumed" })
}

/// Sends a delivery, or all that were given up, again.
pub(crate) async fn redeliver(operator: Operator, path: Place, form: Form) -> Answer {
    let (summary, webhook) = found(&operator, path).await?;
    let again = match form.text("delivery") {
        "" => Again::Dead,
        id => Again::One(id.to_owned()),
    };
    let (endpoint, of) = (summary.endpoint.clone(), webhook.clone());
    let (actor, now) = (operator.actor(), operator.now());
    operator.write(move |tx| log::redeliver(tx, &endpoint, &of, &again, &actor, now)).await?;
    operator.store().pulse().nudge();
    back(&summary, &webhook, "webhook-redelivered")
}

/// Takes it away, if its label was typed.
pub(crate) async fn remove(operator: Operator, path: Place, form: Form) -> Answer {
    let (summary, webhook) = found(&operator, path).await?;
    if form.text("confirm") != webhook.label {
        let errors = Errors::one("confirm", "that is not its label");
        let page = WebhookPage { errors, ..page(&operator, &summary, webhook).await? };
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (endpoint, actor, now) = (summary.endpoint.clone(), operator.actor(), operator.now());
    operator.write(move |tx| webhooks::remove(tx, &endpoint, &webhook.id, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{}/webhooks?done=webhook-removed", summary.endpoint.slug)))
}
