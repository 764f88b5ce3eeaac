//! `/endpoints/{endpoint}/webhooks`: where events are sent to, and what became of them.

use std::sync::Arc;

use endpoint_store::Endpoint;
use endpoint_store::webhooks::log::{self, Again, State};
use endpoint_store::webhooks::{
    self, Address, Changes, Kind as SecretKind, NewWebhook, Scope, Shown, Webhook,
};
use endpoint_targets::webhook as sending;
use scim_core::time::parse;

use super::params::{AFTER, Kind, LIMIT, Param, cursor};
use super::problem::{Place, Problem};
use super::webhook_views::{
    AddedWebhook, DeliveryView, NewWebhookBody, RedeliverBody, RedeliveredView, RotateSecretBody, ScopeBody,
    WebhookPatch, WebhookView,
};
use super::{Exchange, Outcome, Page, Reply};

const STATE: Param =
    Param { name: "state", kind: Kind::Word(State::WORDS), about: "Only deliveries in this state." };

/// What `GET …/deliveries` takes.
pub(super) const QUERY: &[Param] = &[LIMIT, AFTER, STATE];

impl Exchange {
    /// The webhook of the path with its endpoint.
    async fn webhook(&self) -> Result<(Arc<Endpoint>, Webhook), Problem> {
        let (endpoint, id) = (self.endpoint()?, self.segment("webhook").to_owned());
        let owner = endpoint.clone();
        let webhook = self.read(move |conn| webhooks::find(conn, &owner, Some(&id))).await?;
        Ok((endpoint, webhook))
    }

    async fn view(&self, webhook: Webhook) -> Result<WebhookView, Problem> {
        let now = self.now;
        self.read(move |conn| {
            let (counts, secrets) = (log::counts(conn, &webhook.id)?, webhooks::secrets(conn, &webhook.id)?);
            Ok(WebhookView::new(webhook.clone(), counts, secrets, now))
        })
        .await
    }

    fn address(&self, url: &str) -> Result<Address, Problem> {
        Address::parse(url, self.api.sender.allows_private())
            .map_err(|error| Problem::of(error, &self.request_id))
    }

    /// `shown` is what it signs with, if that was made just now.
    async fn added(&self, webhook: Webhook, shown: Option<&Shown>) -> Outcome {
        let (secret, public_key) = match shown.map(|shown| (shown.kind, shown.reveal().to_owned())) {
            Some((SecretKind::Hmac, text)) => (Some(text), None),
            Some((SecretKind::Ed25519, text)) => (None, Some(text)),
            None => (None, None),
        };
        let path = format!("{}/endpoints/{}/webhooks/{}", super::BASE, self.segment("endpoint"), webhook.id);
        let webhook = self.view(webhook).await?;
        let reply = Reply::json(&AddedWebhook { secret, public_key, webhook })?;
        Ok(if shown.is_some() { reply.made_at(path) } else { reply })
    }
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let (endpoint, now) = (x.endpoint()?, x.now);
    let views = x.read(move |conn| {
        let all = webhooks::of_endpoint(conn, &endpoint)?;
        let views = all.into_iter().map(|webhook| {
            let (counts, secrets) = (log::counts(conn, &webhook.id)?, webhooks::secrets(conn, &webhook.id)?);
            Ok(WebhookView::new(webhook, counts, secrets, now))
        });
        views.collect::<Result<Vec<_>, _>>()
    });
    Reply::json(&Page::whole(views.await?))
}

pub(super) async fn add(x: &Exchange) -> Outcome {
    let (endpoint, body) = (x.endpoint()?, x.body::<NewWebhookBody>()?);
    let new = NewWebhook {
        address: x.address(&body.url)?,
        label: body.label,
        types: body.types,
        scope: match body.scope {
            ScopeBody::Endpoint => Scope::Endpoint,
            ScopeBody::Tenant => Scope::Tenant,
        },
        kind: body.signature.into(),
    };
    let (keyring, actor, now) = (x.api.store.keyring().clone(), x.actor(), x.now);
    let add = x.once(move |tx, before| {
        let (webhook, shown) = match before {
            Some(made) => (webhooks::find(tx, &endpoint, Some(made))?, None),
            None => {
                let (webhook, shown) = webhooks::add(tx, &keyring, &endpoint, &new, &actor, now)?;
                (webhook, Some(shown))
            }
        };
        let id = webhook.id.clone();
        Ok(((webhook, shown), id))
    });
    let (webhook, shown) = add.await?;
    x.added(webhook, shown.as_ref()).await
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let (_, webhook) = x.webhook().await?;
    told(x, webhook).await
}

/// A webhook with its entity tag.
async fn told(x: &Exchange, webhook: Webhook) -> Outcome {
    let tag = webhook.tag();
    Ok(Reply::json(&x.view(webhook).await?)?.tagged(tag))
}

pub(super) async fn patch(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), body) = (x.webhook().await?, x.body::<WebhookPatch>()?);
    let address = body.url.as_deref().map(|url| x.address(url)).transpose()?;
    let changes = Changes { address, label: body.label, types: body.types };
    let (expected, actor, now) = (x.expected.clone(), x.actor(), x.now);
    let write = x.write(move |tx| {
        expected.check(Some(&webhooks::find(tx, &endpoint, Some(&webhook.id))?.tag()))?;
        webhooks::change(tx, &endpoint, &webhook.id, &changes, &actor, now)
    });
    told(x, write.await?).await
}

pub(super) async fn remove(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), actor, now) = (x.webhook().await?, x.actor(), x.now);
    x.write(move |tx| webhooks::remove(tx, &endpoint, &webhook.id, &actor, now)).await?;
    Reply::done()
}

pub(super) async fn rotate(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), body) = (x.webhook().await?, x.body::<RotateSecretBody>()?);
    let (keyring, actor, now) = (x.api.store.keyring().clone(), x.actor(), x.now);
    let (kind, id) = (body.signature.map(SecretKind::from), webhook.id.clone());
    let write = x.write(move |tx| webhooks::rotate(tx, &keyring, &endpoint, (&id, kind), &actor, now));
    let shown = write.await?;
    x.added(webhook, Some(&shown)).await
}

pub(super) async fn test(x: &Exchange) -> Outcome {
    let (endpoint, webhook) = x.webhook().await?;
    let sent = sending::test(&x.api.store, &x.api.sender, (&endpoint, &webhook), &x.actor(), x.now).await;
    Reply::json(&DeliveryView::from(sent.map_err(|error| Problem::of(error, &x.request_id))?))
}

pub(super) async fn pause(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), actor, now) = (x.webhook().await?, x.actor(), x.now);
    let write = x.write(move |tx| webhooks::pause(tx, &endpoint, &webhook.id, &actor, now));
    Reply::json(&x.view(write.await?).await?)
}

pub(super) async fn resume(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), actor, now) = (x.webhook().await?, x.actor(), x.now);
    let write = x.write(move |tx| webhooks::resume(tx, &endpoint, &webhook.id, &actor, now));
    let webhook = write.await?;
    x.api.store.pulse().nudge();
    Reply::json(&x.view(webhook).await?)
}

pub(super) async fn deliveries(x: &Exchange) -> Outcome {
    let (endpoint, webhook) = x.webhook().await?;
    let state = x.query.get(STATE.name).and_then(State::parse);
    let before = match x.query.after()? {
        None => None,
        Some((at, place)) => {
            let numbers =
                place.split_once('.').and_then(|(seq, part)| Some((seq.parse().ok()?, part.parse().ok()?)));
            let place = at.parse().ok().zip(numbers).map(|(at, (seq, part))| (at, seq, part));
            Some(place.ok_or_else(|| {
                let detail = "`after` is no cursor of this list; take `next` of the page before as it is";
                Problem::bad_parameters(vec![Place::in_parameter(AFTER.name, detail)])
            })?)
        }
    };
    let limit = x.query.limit();
    let many = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut found =
        x.read(move |conn| log::page(conn, &webhook.id, &endpoint.id, state, before, many)).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next = next.map(|last| cursor(&last.created_at.to_string(), &format!("{}.{}", last.seq, last.part)));
    Reply::json(&Page { items: found.into_iter().map(DeliveryView::from).collect(), next })
}

pub(super) async fn redeliver(x: &Exchange) -> Outcome {
    let ((endpoint, webhook), body) = (x.webhook().await?, x.body::<RedeliverBody>()?);
    let moment = |name: &str, text: &str| {
        parse(text).ok_or_else(|| {
            let detail = format!("`{name}` is no time; write it like 2026-11-24T08:00:00Z");
            Problem::unprocessable(vec![Place::at(format!("/{name}"), detail)])
        })
    };
    let again = match (body.delivery, body.dead, body.from, body.to) {
        (Some(id), false, None, None) => Again::One(id),
        (None, true, None, None) => Again::Dead,
        (None, false, Some(from), Some(to)) => Again::Between(moment("from", &from)?, moment("to", &to)?),
        _ => {
            let detail =
                "exactly one of `delivery`, `dead: true`, or `from` with `to` says what is sent again";
            return Err(Problem::unprocessable(vec![Place::at("", detail)]));
        }
    };
    let (actor, now) = (x.actor(), x.now);
    let write = x.write(move |tx| log::redeliver(tx, &endpoint, &webhook, &again, &actor, now));
    let deliveries = write.await?;
    x.api.store.pulse().nudge();
    Reply::json(&RedeliveredView { deliveries })
}
