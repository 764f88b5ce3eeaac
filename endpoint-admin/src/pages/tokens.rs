//! Bearer tokens: who has which, where they are used, issuing and revoking.

use std::collections::HashMap;

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    StoreError,
    endpoints::EndpointSummary,
    tokens::{self, Consent, Kind, MAX_LIVE, Networks, Scope, Secret, TokenRecord, TokenState, expiry},
};

use super::token_form::{self, TokenForm};
use crate::{
    error::PageError,
    forms::{Errors, Form},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, see, told},
    session::Operator,
    ui::{Days, ListQuery, Num, Pager, State, Tone, When},
};

/// A token that was issued by this very request: the only time its secret is shown.
pub(crate) struct Issued {
    token: Secret,
    /// Its label.
    pub(crate) label: String,
    /// What it may do.
    pub(crate) scope: &'static str,
    /// When it ends.
    pub(crate) expires: String,
}

impl Issued {
    /// From the store's answer.
    pub(crate) fn new((token, record): (Secret, TokenRecord), now: i64) -> Self {
        let expires = record.expires_at.map(|at| format!("expires {}", When::new(at, now).day()));
        Self {
            token,
            label: record.label,
            scope: scope_words(record.scope),
            expires: expires.unwrap_or_else(|| "never expires".to_owned()),
        }
    }

    /// The client id, if it is a client of OAuth.
    pub(crate) fn client_id(&self) -> Option<&str> {
        matches!(self.token, Secret::Client(_)).then(|| self.token.id())
    }

    /// The secret, for the page.
    pub(crate) fn secret(&self) -> &str {
        self.token.reveal()
    }
}

/// The part of a token that is no secret, as it is shown everywhere.
pub(crate) fn public_id(id: &str) -> String {
    format!("scim_{id}_…")
}

/// The same of a token, or the id of a client.
pub(crate) fn public_part(token: &TokenRecord) -> String {
    match token.kind {
        Kind::Bearer => public_id(&token.id),
        Kind::Client => token.id.clone(),
    }
}

fn scope_words(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read only",
        Scope::Write => "read and write",
    }
}

/// A use of a token.
pub(crate) struct Used {
    pub(crate) at: When,
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) operation: String,
}

/// A line of the list.
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) public: String,
    /// Whether it is a client of OAuth.
    pub(crate) client: bool,
    pub(crate) state: State,
    /// What the link to its rotation says, if there can be one.
    pub(crate) rotation: Option<&'static str>,
    pub(crate) live: bool,
    pub(crate) scope: &'static str,
    pub(crate) made: When,
    pub(crate) made_by: String,
    pub(crate) expires: Option<(When, Days)>,
    pub(crate) used: Option<Used>,
    pub(crate) first: Option<When>,
    pub(crate) requests: Num,
    /// Those of the last 24 hours.
    pub(crate) day: Num,
    /// Its part of the endpoint's, in percent.
    pub(crate) share: Option<i64>,
    /// From where it may come, if not from anywhere.
    pub(crate) networks: String,
    /// It ends within so many days.
    pub(crate) warning: Option<i64>,
    pub(crate) ended: Option<When>,
    pub(crate) ended_by: Option<String>,
    pub(crate) attempts: Option<String>,
}

impl TokenRow {
    /// The same among all tokens of its endpoint, which had so many requests in the last 24 hours.
    pub(crate) fn among(token: TokenRecord, all: i64, now: i64) -> Self {
        let share = token.share_of(all, now);
        Self { share, ..Self::new(token, now) }
    }

    /// A token as it is at `now`.
    pub(crate) fn new(token: TokenRecord, now: i64) -> Self {
        let (state, retired) = (token.state(now), token.retired_at(now));
        let attempts = token.tries.as_ref().filter(|_| !state.is_live()).map(|tries| {
            let from = if tries.last.address.is_empty() { "an unknown address" } else { &tries.last.address };
            format!(
                "{} since, the last {} from {from}",
                Num::of(tries.times).with("try", "tries"),
                When::new(tries.last.at, now).words(),
            )
        });
        let day = Num::of(token.in_day(now));
        let warning = token.expires_at.filter(|_| state.is_live() && token.rotation.is_none());
        let warning = warning.and_then(|end| expiry::warning(token.created_at, end, now));
        Self {
            public: public_part(&token),
            client: token.kind == Kind::Client,
            id: token.id,
            label: token.label,
            state: shown(state),
            rotation: match state {
                TokenState::New | TokenState::Active => Some("Rotate"),
                TokenState::Retiring => Some("Watch rotation"),
                TokenState::Retired => Some("How it was replaced"),
                TokenState::Expired | TokenState::Revoked => None,
            },
            live: state.is_live(),
            scope: scope_words(token.scope),
            made: When::new(token.created_at, now),
            made_by: maker(token.created_by),
            expires: token.expires_at.map(|at| (When::new(at, now), Days::until(at, now))),
            used: token.last_used.map(|used| Used {
                at: When::new(used.at, now),
                address: used.address,
                agent: used.agent,
                operation: used.request,
            }),
            first: When::maybe(token.first_used.as_ref().map(|used| used.at), now),
            requests: Num::of(token.requests),
            day,
            share: None,
            networks: token.networks.to_string(),
            warning,
            ended: When::maybe(
                token.revoked_at.or(retired).or(token.expires_at.filter(|at| *at <= now)),
                now,
            ),
            ended_by: match (token.revoked_at, token.rotation.and_then(|rotation| rotation.retired_by)) {
                // An end by date needs nobody.
                (None, None) if retired.is_none() => None,
                (None, None) => Some("itself".to_owned()),
                (None, by) => by.map(maker),
                (Some(_), _) => token.revoked_by.map(maker),
            },
            attempts,
        }
    }
}

/// The state of a token or a key in a word.
pub(crate) fn shown(state: TokenState) -> State {
    match state {
        TokenState::New => State::new("Not used yet", "new", Tone::Calm),
        TokenState::Active => State::new("In use", "check", Tone::Ok),
        TokenState::Retiring => State::new("Being replaced", "clock", Tone::Warn),
        TokenState::Retired => State::new("Retired", "stop", Tone::Calm),
        TokenState::Expired => State::new("Expired", "clock", Tone::Bad),
        TokenState::Revoked => State::new("Revoked", "stop", Tone::Calm),
    }
}

/// Who did it: on the command line there need not be a name.
pub(crate) fn maker(name: String) -> String {
    if name.is_empty() { "command line".to_owned() } else { name }
}

#[derive(Template)]
#[template(path = "pages/tokens.html")]
pub(crate) struct TokensPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) issued: Option<Issued>,
    pub(crate) live: Vec<TokenRow>,
    /// A page of those that are closed.
    pub(crate) retired: Vec<TokenRow>,
    pub(crate) list: Pager,
    pub(crate) limit: usize,
    /// Where clients of OAuth get access tokens.
    pub(crate) token_url: String,
    pub(crate) form: TokenForm,
}

/// The list.
pub(crate) async fn list(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, None, TokenForm::new()).await?)
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    issued: Option<Issued>,
    form: TokenForm,
) -> Result<TokensPage, PageError> {
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let records = operator.read(move |conn| tokens::list(conn, &id)).await?;
    let all = tokens::in_day_of_all(&records, now);
    let rows = records.into_iter().map(|token| TokenRow::among(token, all, now));
    let (live, closed): (Vec<_>, Vec<_>) = rows.partition(|row| row.live);
    let query = ListQuery::parse(operator.query());
    let list = Pager::new(query.clone(), closed.len() as u64, "closed token", "closed tokens");
    let retired = query.slice(closed.into_iter());
    let (frame, head) = operator.desk(summary, Tab::Tokens);
    let token_url = operator.public_url().token_url(&summary.endpoint.slug);
    Ok(TokensPage { frame, head, issued, live, retired, list, limit: MAX_LIVE, token_url, form })
}

/// Issues a token and shows it, in the answer to the form itself: it is kept nowhere to be shown later.
pub(crate) async fn issue(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let label = form.text("label").to_owned();
    if label.is_empty() {
        let form = TokenForm::again(&form, Errors::one("label", "say where the token goes"));
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page(&operator, &summary, None, form).await?);
    }
    let networks = match form.text("networks").parse::<Networks>() {
        Ok(networks) => networks,
        Err(sentence) => {
            let form = TokenForm::again(&form, Errors::one("networks", sentence));
            return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page(&operator, &summary, None, form).await?);
        }
    };
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let new = token_form::wanted(&form, &label, networks, now);
    let issued = operator.write(move |tx| tokens::issue(tx, &id, &new, &actor, now)).await;
    match issued {
        Ok(issued) => {
            let issued = Some(Issued::new(issued, now));
            html(&page(&operator, &summary, issued, TokenForm::new()).await?)
        }
        Err(error) => {
            if let Some(slug) = sent_before(&operator, &form).await? {
                return Ok(see(format!("/admin/endpoints/{slug}/connect?done=once")));
            }
            let form = TokenForm::again(&form, Errors::one("label", told(error)?));
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page(&operator, &summary, None, form).await?)
        }
    }
}

/// The slug of the endpoint for which this very form has issued a token before: the browser sent it again.
pub(crate) async fn sent_before(operator: &Operator, form: &Form) -> Result<Option<String>, PageError> {
    let Some(key) = token_form::sent_key(form) else { return Ok(None) };
    operator
        .read(move |conn| {
            let Some(id) = tokens::endpoint_of_request(conn, &key)? else { return Ok(None) };
            Ok(Some(endpoint_store::endpoints::find(conn, id.as_str())?.slug))
        })
        .await
}

#[derive(Template)]
#[template(path = "pages/revoke.html")]
pub(crate) struct RevokePage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) token: TokenRow,
    pub(crate) busy: bool,
    pub(crate) last: bool,
    pub(crate) errors: Errors,
}

/// Says what is at stake before a token is revoked.
pub(crate) async fn ask(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    html(&stake(&operator, &summary, &token, Errors::default()).await?)
}

async fn stake(
    operator: &Operator,
    summary: &EndpointSummary,
    token: &str,
    errors: Errors,
) -> Result<RevokePage, PageError> {
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let mut all: HashMap<_, _> = operator
        .read(move |conn| tokens::list(conn, &id))
        .await?
        .into_iter()
        .map(|token| (token.id.clone(), token))
        .collect();
    let live = all.values().filter(|token| token.state(now).is_live()).count();
    let record = all.remove(token).ok_or_else(|| PageError::not_found("This endpoint has no such token."))?;
    if !record.state(now).is_live() {
        return Err(PageError::Refused(format!(
            "The token “{}” is closed already: revoked, retired or expired",
            record.label
        )));
    }
    let busy = record.is_busy(now);
    let (frame, head) = operator.desk(summary, Tab::Tokens);
    Ok(RevokePage { frame, head, busy, last: live == 1, token: TokenRow::new(record, now), errors })
}

/// Revokes a token. One that carried traffic within the hour needs its label typed.
pub(crate) async fn revoke(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, token) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let mut page = stake(&operator, &summary, &token, Errors::default()).await?;
    if page.busy && form.text("confirm") != page.token.label {
        page.errors.add("confirm", "that is not its label");
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let consent = Consent::Label(form.text("confirm").to_owned());
    let revoked = operator.write(move |tx| tokens::revoke(tx, &id, &token, &consent, &actor, now)).await;
    match revoked {
        // It was used after the page asked whether it is.
        Err(StoreError::InUse(_)) => {
            page.busy = true;
            page.errors.add("confirm", "it is in use; type its label");
            html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Ok(_) | Err(StoreError::Refused(_)) => {
            Ok(see(format!("/admin/endpoints/{}/tokens?done=revoked", summary.endpoint.slug)))
        }
        Err(other) => Err(other.into()),
    }
}
