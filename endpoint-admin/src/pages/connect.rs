//! Connect: the two values to paste, the steps in the provider's own words, and what has arrived.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use askama::Template;
use endpoint_store::{
    Conn, StoreError,
    endpoints::{self, Endpoint, EndpointId, EndpointSummary},
    observations,
    tokens::{self, Kind, Scope, TokenRecord},
    usage::{self, Cause, Refusal},
};

use super::{
    failures::{self, Around, Failure},
    likeness::Likeness,
    progress::{Fragment, Progress},
    tokens::{Issued, public_part},
};
use crate::{
    error::PageError,
    frame::{Frame, Head, Tab},
    guides::Guide,
    pages::{Answer, html, see},
    session::Operator,
    ui::{Num, When},
};

/// A token that was shown when it was issued, and cannot be shown again.
pub(crate) struct Shown {
    /// When.
    pub(crate) when: When,
    /// Its label.
    pub(crate) label: String,
    /// The part of it that is no secret.
    pub(crate) public: String,
}

#[derive(Template)]
#[template(path = "pages/connect.html")]
pub(crate) struct ConnectPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) base_url: String,
    pub(crate) issued: Option<Issued>,
    pub(crate) shown: Option<Shown>,
    pub(crate) likeness: Option<Likeness>,
    pub(crate) progress: Progress,
    pub(crate) guide: Guide,
}

/// `/admin/endpoints/{slug}` leads to Connect.
pub(crate) async fn door(slug: web::Path<String>, operator: Operator) -> Result<HttpResponse, PageError> {
    let summary = operator.endpoint(&slug).await?;
    Ok(see(format!("/admin/endpoints/{}/connect", summary.endpoint.slug)))
}

/// The page.
pub(crate) async fn show(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, None).await?)
}

/// The list alone. Every open page asks for it every few seconds, so the endpoint comes from memory and the rest by a
/// few short look-ups in one go.
pub(crate) async fn progress(operator: Operator, slug: web::Path<String>) -> Answer {
    let endpoint = match operator.store().registry().endpoint(&slug) {
        Some(endpoint) => endpoint,
        None => operator.endpoint(&slug).await?.endpoint.into(),
    };
    let seen = read(&operator, &endpoint).await?;
    let count_of = |name: &str| seen.counts.iter().find(|(known, _)| known == name).map_or(0, |(_, n)| *n);
    html(&Fragment {
        progress: arrived(&endpoint, &operator.public_url().scim_base(&endpoint.slug), &seen, operator.now()),
        heard: When::maybe(seen.heard, operator.now()),
        users: Num::of(count_of("User")),
        groups: Num::of(count_of("Group")),
    })
}

/// The page, with a token that was just issued or without.
pub(crate) async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    issued: Option<Issued>,
) -> Result<ConnectPage, PageError> {
    let now = operator.now();
    let seen = read(operator, &summary.endpoint).await?;
    let id = summary.endpoint.id.clone();
    let noticed = operator.read(move |conn| observations::list(conn, &id)).await?;
    let guide = Guide::of(operator, &summary.endpoint)?;
    // The newest that may write: one for reports is not what stands in the identity provider.
    let live = || seen.tokens.iter().filter(|token| token.state(now).is_live());
    let bearer = |token: &&TokenRecord| token.kind == Kind::Bearer && token.scope == Scope::Write;
    let newest = live().find(bearer).or_else(|| live().next());
    let shown = newest.map(|token| Shown {
        when: When::new(token.created_at, now),
        label: token.label.clone(),
        public: public_part(token),
    });
    let (frame, head) = operator.desk(summary, Tab::Connect);
    let base_url = operator.public_url().scim_base(&summary.endpoint.slug);
    Ok(ConnectPage {
        frame,
        head,
        progress: arrived(&summary.endpoint, &base_url, &seen, now),
        base_url,
        issued,
        shown,
        likeness: Likeness::of(&summary.endpoint, &noticed, now),
        guide,
    })
}

/// What the store knows of an endpoint's connection.
pub(super) struct Seen {
    steps: usage::Progress,
    refusals: Vec<Refusal>,
    pub(super) tokens: Vec<TokenRecord>,
    heard: Option<i64>,
    counts: Vec<(String, i64)>,
    names: HashMap<String, String>,
}

async fn read(operator: &Operator, endpoint: &Endpoint) -> Result<Seen, PageError> {
    let (id, now, account) = (endpoint.id.clone(), operator.now(), operator.account().clone());
    operator.read(move |conn| seen(conn, &id, &|other| account.sees(other), now)).await
}

/// The same for anybody; `knows` says of which other endpoints the name may be shown.
pub(super) fn seen(
    conn: &mut Conn,
    id: &EndpointId,
    knows: &dyn Fn(&Endpoint) -> bool,
    now: i64,
) -> Result<Seen, StoreError> {
    let tokens = tokens::list(conn, id)?;
    let used = tokens.iter().filter(|token| token.revoked_at.is_none());
    let heard = used.filter_map(|token| Some(token.last_used.as_ref()?.at)).max();
    let mut refusals = usage::refusals(conn, id, 20)?;
    refusals.retain(|refusal| failures::matters(refusal.cause, refusal.last.at, heard, now));
    refusals.truncate(5);
    let mut names: HashMap<_, _> =
        tokens.iter().map(|token| (token.id.clone(), token.label.clone())).collect();
    let foreign = |r: &&Refusal| r.cause == Cause::OtherEndpoint && !r.strayed;
    for refusal in refusals.iter().filter(foreign) {
        if let Some(name) = owner(conn, &refusal.token_id, knows)? {
            names.insert(refusal.token_id.clone(), name);
        }
    }
    let (steps, counts) = (usage::progress(conn, id)?, endpoints::counts(conn, id)?);
    Ok(Seen { steps, refusals, tokens, heard, counts, names })
}

/// The name of the endpoint that a token belongs to, if whoever looks may know of it.
fn owner(
    conn: &mut Conn,
    token_id: &str,
    knows: &dyn Fn(&Endpoint) -> bool,
) -> Result<Option<String>, StoreError> {
    let found = tokens::endpoint_of(conn, token_id).and_then(|id| endpoints::find(conn, id.as_str()));
    match found {
        Ok(endpoint) => Ok(knows(&endpoint).then_some(endpoint.name)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// What of it is shown.
pub(super) fn arrived(endpoint: &Endpoint, base_url: &str, seen: &Seen, now: i64) -> Progress {
    let (url_field, token_field) = Guide::fields(endpoint.idp);
    let names = |id: &str| seen.names.get(id).cloned();
    let around = Around { base_url, url_field, token_field, shown: "below", names: &names };
    let failures = seen.refusals.iter().map(|refusal| Failure::new(refusal.clone(), &around, now)).collect();
    Progress::new(&seen.steps, failures, endpoint.idp, now)
}
