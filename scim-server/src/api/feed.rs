//! `/endpoints/{endpoint}/changes` and `/snapshot`: what happened, in order and without a gap, and the whole to begin with.
//!
//! A reader keeps one cursor. It asks for what follows and is answered at once, or waits for it (`wait`), or has it sent
//! as it happens (`text/event-stream`). Who waits holds no thread and no connection to the database, and is woken by the
//! write that made the change.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{self, Accept, Header as _};
use actix_web::http::{Method, StatusCode};
use endpoint_store::feed::snapshot::Part;
use endpoint_store::feed::{self, Cursor, Event, Gone, Place};
use endpoint_store::pulse::Waiter;
use endpoint_store::{Endpoint, EndpointId, StoreError};
use scim_core::time::format;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::ToSchema;

use super::params::{AFTER, Kind, LIMIT, Param};
use super::problem::{Place as Spot, Problem};
use super::stream::{Unread, Writing, streamed};
use super::{Exchange, Outcome, Reply};

/// Seconds that a request may wait.
const LONGEST_WAIT: u32 = 60;
/// How often a stream says that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after so long, and its reader comes again with the last cursor: keys and nodes change.
const LONGEST_STREAM: Duration = Duration::from_secs(3600);
/// Events that a stream reads and sends at once.
const PORTION: usize = 200;
/// How long a reader is asked to wait when too many wait already, in seconds.
const RETRY_AFTER: u64 = 5;

const FROM: Param = Param {
    name: AFTER.name,
    kind: Kind::Text,
    about: "The cursor that was read last: `next` of the page before, or the cursor of a snapshot. `now` begins with what \
            happens from now on; without it, the oldest change that is kept comes first.",
};
const WAIT: Param = Param {
    name: "wait",
    kind: Kind::Number(0, LONGEST_WAIT),
    about: "Seconds to wait for an event when there is none.",
};

/// What `GET …/changes` takes.
pub(super) const QUERY: &[Param] = &[LIMIT, FROM, WAIT];

/// How the answer is wanted, from the headers.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// As events while they happen.
    events: bool,
    /// Where a stream that was broken off ended.
    last_event: Option<String>,
    /// Only the head is asked for: nobody waits for that.
    head: bool,
}

impl Wish {
    pub(super) fn of(req: &HttpRequest) -> Self {
        let head = *req.method() == Method::HEAD;
        let is_stream =
            |accept: &Accept| accept.iter().any(|item| item.item.essence_str() == "text/event-stream");
        let events = !head
            && req.headers().contains_key(header::ACCEPT)
            && Accept::parse(req).is_ok_and(|accept| is_stream(&accept));
        let last_event = req.headers().get("last-event-id").and_then(|value| value.to_str().ok());
        Self { events, last_event: last_event.map(str::to_owned), head }
    }
}

/// An event.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventView {
    /// The place behind this event.
    cursor: String,
    /// Such as `user.created`, `group.deleted`, `member.added`, `device.updated`.
    r#type: String,
    #[schema(format = DateTime)]
    timestamp: String,
    /// `id`, `resource_type` and `name` of the resource; `before`, `after` and `changed` (the paths that differ), or
    /// `members` (ids) of those that came to or left a group; `endpoint`; `change` (number of the change set), `by` and
    /// `request_id`.
    #[schema(value_type = Object)]
    data: Value,
}

impl EventView {
    fn new(endpoint: &EndpointId, (cursor, event): (Cursor, Event)) -> Self {
        Self {
            cursor: cursor.encode(endpoint),
            r#type: event.name,
            timestamp: format(event.at),
            data: event.data,
        }
    }
}

/// A part of the feed.
#[derive(Serialize, ToSchema)]
#[schema(as = Changes)]
pub(crate) struct ChangesView {
    items: Vec<EventView>,
    /// What `after` takes to go on; also when there was nothing.
    next: String,
    /// Whether there was more at that moment.
    more: bool,
}

impl From<(&EndpointId, feed::Page)> for ChangesView {
    fn from((endpoint, page): (&EndpointId, feed::Page)) -> Self {
        Self {
            next: page.next.encode(endpoint),
            more: page.more,
            items: page.events.into_iter().map(|event| EventView::new(endpoint, event)).collect(),
        }
    }
}

/// The cursor that a request goes on from.
fn place(x: &Exchange, endpoint: &EndpointId) -> Result<Place, Problem> {
    let last = x.wish.last_event.as_deref().filter(|_| x.wish.events).filter(|text| !text.is_empty());
    let (name, text) = match (last, x.query.get(FROM.name)) {
        (Some(last), _) => ("Last-Event-ID", last),
        (None, Some(after)) => (FROM.name, after),
        (None, None) => return Ok(Place::Oldest),
    };
    if text == "now" {
        return Ok(Place::Now);
    }
    Cursor::decode(text, endpoint).map(Place::After).ok_or_else(|| {
        let detail = format!(
            "`{name}` is no cursor of this endpoint's feed; take `next` of the page before, or the cursor of a snapshot, \
             as it is"
        );
        Problem::bad_parameters(vec![Spot::in_parameter(name, detail)])
    })
}

impl From<Gone> for Problem {
    fn from(gone: Gone) -> Self {
        Self::new(StatusCode::GONE, gone.to_string())
    }
}

fn too_many() -> Problem {
    let detail = "Too many readers wait for changes already, or the server stops; come again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(header::RETRY_AFTER, RETRY_AFTER.into())
}

/// One who reads the feed of one endpoint.
struct Reader {
    api: actix_web::web::Data<super::Api>,
    endpoint: Arc<Endpoint>,
    key_id: String,
    request_id: String,
    place: Place,
}

impl Reader {
    async fn read(&mut self, limit: usize) -> Result<Result<feed::Page, Gone>, StoreError> {
        let (endpoint, place) = (self.endpoint.clone(), self.place);
        let read = self.api.store.read(move |conn| feed::read(conn, &endpoint, place, limit)).await?;
        if let Ok(page) = &read {
            self.place = Place::After(page.next);
        }
        Ok(read)
    }

    fn waiter(&self) -> Result<Waiter, Problem> {
        self.api.store.pulse().waiter(&self.endpoint.id).ok_or_else(too_many)
    }

    /// The key still opens, and the endpoint is still there: also for who has waited long.
    fn is_admitted(&self) -> bool {
        let registry = self.api.store.registry();
        registry.key_lives(&self.key_id, self.api.clock.now())
            && registry.endpoint(self.endpoint.id.as_str()).is_some()
    }
}

pub(super) async fn changes(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    let place = place(x, &endpoint.id)?;
    let (api, key_id, request_id) = (x.api.clone(), x.key_id.clone(), x.request_id.clone());
    let mut reader = Reader { api, endpoint, key_id, request_id, place };
    if x.wish.events {
        return follow(reader).await;
    }
    let wait = x.query.number(WAIT.name).filter(|wait| *wait > 0 && !x.wish.head);
    let until = Instant::now() + Duration::from_secs(wait.unwrap_or(0).into());
    let mut waiter = wait.map(|_| reader.waiter()).transpose()?;
    loop {
        let read = reader.read(x.query.limit()).await;
        let page = read.map_err(|error| Problem::of(error, &x.request_id))??;
        let woken = match &mut waiter {
            Some(waiter) if page.events.is_empty() => timeout_at(until, waiter.changed()).await,
            _ => return Reply::json(&ChangesView::from((&reader.endpoint.id, page))),
        };
        if !reader.is_admitted() {
            return Err(Problem::unauthorized());
        }
        if !matches!(woken, Ok(Ok(()))) {
            // The time is over, or the server stops.
            return Reply::json(&ChangesView::from((&reader.endpoint.id, page)));
        }
    }
}

/// Server-Sent Events. What is wrong with the cursor is said before the stream begins.
async fn follow(mut reader: Reader) -> Outcome {
    let waiter = reader.waiter()?;
    let first = reader.read(PORTION).await.map_err(|error| Problem::of(error, &reader.request_id))??;
    let (writing, response) = streamed("text/event-stream");
    actix_web::rt::spawn(async move {
        // Whoever has gone away, or does not read, comes again with the last cursor.
        let _ = send(reader, waiter, first, &writing).await;
    });
    Ok(Reply::file(response))
}

async fn send(
    mut reader: Reader,
    mut waiter: Waiter,
    first: feed::Page,
    writing: &Writing,
) -> Result<(), Unread> {
    let end = Instant::now() + LONGEST_STREAM;
    // So that a reader knows a cursor before the first event comes.
    let hello = format!("retry: 2000\nid: {}\n\n", first.next.encode(&reader.endpoint.id));
    let mut page = first;
    if page.events.is_empty() {
        writing.write(hello).await?;
    }
    loop {
        if !page.events.is_empty() {
            writing.write(events(&reader.endpoint.id, page.events)).await?;
        }
        if !page.more {
            let woken = tokio::select! {
                woken = timeout(HEARTBEAT, waiter.changed()) => woken,
                () = writing.unread() => return Ok(()),
            };
            match woken {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => writing.write(": still here\n\n").await?,
            }
        }
        if Instant::now() >= end || !reader.is_admitted() {
            return Ok(());
        }
        page = match reader.read(PORTION).await {
            Ok(Ok(page)) => page,
            // The next request is told what is wrong.
            Ok(Err(_)) => return Ok(()),
            Err(error) => {
                tracing::warn!(request_id = reader.request_id, %error, "a stream of changes ends");
                return Ok(());
            }
        };
    }
}

fn events(endpoint: &EndpointId, events: Vec<(Cursor, Event)>) -> String {
    let mut text = String::new();
    for (cursor, event) in events {
        let view = EventView::new(endpoint, (cursor, event));
        // JSON has no line ends of its own.
        let data = serde_json::to_string(&view).unwrap_or_default();
        text.push_str(&format!("id: {}\nevent: {}\ndata: {data}\n\n", view.cursor, view.r#type));
    }
    text
}

pub(super) async fn snapshot(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    if x.wish.head {
        return Ok(Reply::file(streamed("application/x-ndjson").1));
    }
    let mut parts = x.api.store.snapshot(endpoint.clone()).map_err(|_| {
        let detail = "As many snapshots as may be are under way; come again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(header::RETRY_AFTER, RETRY_AFTER.into())
    })?;
    let (writing, response) = streamed("application/x-ndjson");
    let (now, request_id) = (x.now, x.request_id.clone());
    actix_web::rt::spawn(async move {
        while let Some(part) = parts.recv().await {
            match part {
                Ok(part) => {
                    if writing.write(lines(&endpoint, part, now)).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(request_id, %error, "a snapshot could not be sent to its end");
                    return writing.break_off("the snapshot could not be read to its end").await;
                }
            }
        }
    });
    Ok(Reply::file(response))
}

/// A part of a snapshot, as lines of JSON.
pub(crate) fn lines(endpoint: &Endpoint, part: Part, now: i64) -> String {
    let line = |kind: &str, data: Value| format!("{}\n", json!({"type": kind, "data": data}));
    match part {
        Part::Cursor(cursor) => {
            let of = json!({"id": endpoint.id.as_str(), "slug": endpoint.slug});
            let head = json!({"endpoint": of, "cursor": cursor.encode(&endpoint.id), "at": format(now)});
            line("snapshot", head)
        }
        Part::Resources(resources) => resources
            .into_iter()
            .map(|resource| {
                line(
                    "resource",
                    json!({
                        "id": resource.id, "resource_type": resource.resource_type, "name": resource.name,
                        "hidden": resource.hidden, "attributes": resource.attributes,
                    }),
                )
            })
            .collect(),
        Part::Members { group, members } => line("members", json!({"id": group, "members": members})),
        Part::End { resources, memberships } => {
            line("end", json!({"resources": resources, "memberships": memberships}))
        }
    }
}
