//! `/endpoints/{endpoint}/requests`: what the identity provider sent, explained, and links that show one of them outside.

use endpoint_store::requests::{self, Filter, OPERATIONS, Outcome as Ended};

use super::endpoints::find_live;
use super::params::{AFTER, Kind, LIMIT, Param, cursor};
use super::request_views::{ExplainedView, MadeRequestLink, RequestLinkView, RequestView};
use super::route::BASE;
use super::{Exchange, Outcome, Page, Reply};

const OUTCOME: Param = Param {
    name: "outcome",
    kind: Kind::Word(Ended::WORDS),
    about: "Only what was refused, turned away or failed (`refused`), or what changed something (`changes`).",
};
const OPERATION: Param = Param {
    name: "operation",
    kind: Kind::Word(OPERATIONS),
    about: "Only this operation, as in `/metrics`.",
};
const TOKEN: Param = Param {
    name: "token",
    kind: Kind::Text,
    about: "Only with this token: its public id, or its label compared without case.",
};
const TEXT: Param = Param {
    name: "q",
    kind: Kind::Text,
    about: "Only requests in which this stands: name or id of the resource, path and query, detail, request id, address; \
            compared without case.",
};
const FROM: Param = Param { name: "from", kind: Kind::Moment, about: "Not before this moment (RFC 3339)." };
const TO: Param = Param { name: "to", kind: Kind::Moment, about: "Before this moment (RFC 3339)." };

/// What the list takes.
pub(super) const QUERY: &[Param] = &[LIMIT, AFTER, OUTCOME, OPERATION, TOKEN, TEXT, FROM, TO];

pub(super) async fn list(x: &Exchange) -> Outcome {
    let endpoint = x.endpoint()?;
    let asked = |name: &str| x.query.get(name).map(str::to_owned);
    let moment = |name: &str| x.query.get(name).and_then(scim_core::time::parse);
    let filter = Filter {
        outcome: x.query.get("outcome").and_then(Ended::parse).unwrap_or_default(),
        operation: asked("operation"),
        token: asked("token"),
        text: asked("q"),
        from: moment("from"),
        to: moment("to"),
    };
    let (before, limit) = (x.query.after()?.map(|(id, _)| id), x.query.limit());
    let read = move |conn: &mut endpoint_store::Conn| {
        requests::lines(conn, &endpoint, &filter, before.as_deref(), limit)
    };
    let found = x.read(read).await?;
    let next = found.next.map(|id| cursor(&id, ""));
    Reply::json(&Page { items: found.lines.iter().map(RequestView::from).collect(), next })
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let (endpoint, id) = (x.endpoint()?, x.segment("request").to_owned());
    let (request, bodies, told) = x
        .read(move |conn| {
            let (request, bodies) = requests::get(conn, &endpoint.id, &id)?;
            let told = requests::explain(conn, &endpoint, &request, &bodies)?;
            Ok((request, bodies, told))
        })
        .await?;
    Reply::json(&ExplainedView::new(&request, &bodies, &told))
}

pub(super) async fn links(x: &Exchange) -> Outcome {
    let (endpoint, id) = (x.endpoint()?.id.clone(), x.segment("request").to_owned());
    let all = x
        .read(move |conn| {
            requests::get(conn, &endpoint, &id)?;
            requests::links(conn, &endpoint, &id)
        })
        .await?;
    Reply::json(&Page::whole(all.iter().map(|link| RequestLinkView::new(link, x.now))))
}

pub(super) async fn link(x: &Exchange) -> Outcome {
    let (named, request) = (x.segment("endpoint").to_owned(), x.segment("request").to_owned());
    let (actor, now) = (x.actor(), x.now);
    let (endpoint, code, link) = x
        .write(move |tx| {
            let endpoint = find_live(tx, &named)?;
            let (code, link) = requests::create_link(tx, &endpoint.id, &request, &actor, now)?;
            Ok((endpoint, code, link))
        })
        .await?;
    let location =
        format!("{BASE}/endpoints/{}/requests/{}/links/{}", endpoint.id.as_str(), link.request_id, link.id);
    let url = format!("{}/guest/request/{}", x.api.public_url.as_str(), code.reveal());
    let made = MadeRequestLink { link: RequestLinkView::new(&link, x.now), url };
    Ok(Reply::json(&made)?.made_at(location))
}

pub(super) async fn unlink(x: &Exchange) -> Outcome {
    let (named, request) = (x.segment("endpoint").to_owned(), x.segment("request").to_owned());
    let (link, actor, now) = (x.segment("link").to_owned(), x.actor(), x.now);
    x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        requests::revoke_link(tx, &endpoint.id, &request, &link, &actor, now)
    })
    .await?;
    Reply::done()
}
