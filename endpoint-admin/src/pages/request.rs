//! One request, explained: who sent it, what was understood, what the schema says, what changed, what to tell the
//! administrator of the identity provider; and links that show it outside, masked.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    endpoints::EndpointSummary,
    operators::SetupCode,
    requests::{self, Bodies, Body, Explanation, Link, LinkState, Request, Step},
};

use super::{
    history::{self, Event},
    request_state::{state, why},
    tokens::{maker, public_id},
};
use crate::{
    error::PageError,
    forms::Form,
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, see, told},
    session::Operator,
    ui::{State, Tone, When},
};

/// A step of the request, as the page shows it.
pub(crate) struct StepView {
    pub(crate) says: String,
    pub(crate) fault: bool,
    pub(crate) rules: Vec<(&'static str, &'static str)>,
}

impl From<Step> for StepView {
    fn from(step: Step) -> Self {
        let rules = step.rules.iter().map(|rule| (rule.name(), rule.describe())).collect();
        Self { says: step.says, fault: step.is_fault, rules }
    }
}

/// A body, as the page shows it.
pub(crate) struct BodyView {
    pub(crate) text: Option<String>,
    /// What is missing from it, or why there is none.
    pub(crate) note: String,
}

impl BodyView {
    pub(crate) fn new(body: &Body, without: &str) -> Self {
        let size = crate::ui::Num::of(body.size).with("byte", "bytes");
        let note = match (body.size, &body.text) {
            (0, _) => without.to_owned(),
            (_, None) => format!(
                "Nothing of its {size} is kept: too many, or no JSON that secrets could be taken out of."
            ),
            (_, Some(_)) if body.is_cut() => format!("The beginning of {size}; the rest is not kept."),
            _ => size,
        };
        Self { text: body.pretty(), note }
    }
}

/// All that a page about one request says; the same for operators and, masked, outside.
pub(crate) struct Told {
    pub(crate) asked: String,
    pub(crate) state: State,
    pub(crate) why: String,
    pub(crate) at: When,
    pub(crate) line: String,
    pub(crate) status: u16,
    pub(crate) ms: String,
    /// What did not get in was not timed.
    pub(crate) timed: bool,
    pub(crate) id: String,
    pub(crate) recognised: Vec<String>,
    pub(crate) steps: Vec<StepView>,
    pub(crate) verdict: Vec<String>,
    pub(crate) advice: Option<String>,
    pub(crate) request: BodyView,
    pub(crate) response: BodyView,
}

impl Told {
    pub(crate) fn new(request: &Request, bodies: &Bodies, told: &Explanation, now: i64) -> Self {
        Self {
            asked: told.asked.clone(),
            state: state(told.end),
            why: why(told.end, &told.outcome),
            at: When::new(request.at, now),
            line: format!("{} {}", request.method, request.target),
            status: request.status,
            ms: request.ms(),
            timed: request.micros > 0,
            id: request.id.clone(),
            recognised: told.recognised.clone(),
            steps: told.understood.iter().cloned().map(StepView::from).collect(),
            verdict: told.verdict.clone(),
            advice: told.advice.clone(),
            request: BodyView::new(&bodies.request, "It came without a body."),
            response: BodyView::new(
                &bodies.response,
                "No body is kept: it had none, or it was a read that succeeded.",
            ),
        }
    }
}

/// One thing that changed.
struct ChangeView {
    name: String,
    /// The page about it.
    page: Option<String>,
    event: Event,
}

/// A link to this request.
struct LinkRow {
    id: String,
    state: State,
    live: bool,
    made: When,
    made_by: String,
    ends: When,
}

impl LinkRow {
    fn new(link: Link, now: i64) -> Self {
        let state = link.state(now);
        Self {
            live: state == LinkState::Live,
            state: match state {
                LinkState::Live => State::new("Live", "check", Tone::Ok),
                LinkState::Expired => State::new("Expired", "clock", Tone::Calm),
                LinkState::Revoked => State::new("Revoked", "stop", Tone::Calm),
            },
            id: link.id,
            made: When::new(link.created_at, now),
            made_by: maker(link.created_by),
            ends: When::new(link.expires_at, now),
        }
    }
}

/// A link that was made by this very request.
struct Made {
    code: SetupCode,
    base: String,
    ends: When,
}

impl Made {
    fn url(&self) -> String {
        format!("{}/guest/request/{}", self.base, self.code.reveal())
    }
}

#[derive(Template)]
#[template(path = "pages/request.html")]
struct RequestPage {
    frame: Frame,
    head: Head,
    told: Told,
    token: Option<(String, String)>,
    from: String,
    subject: Option<(String, String)>,
    changes: Vec<ChangeView>,
    curl: String,
    links: Vec<LinkRow>,
    made: Option<Made>,
    refusal: Option<String>,
}

/// The page.
pub(crate) async fn show(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    html(&page(&operator, &summary, id).await?)
}

async fn page(operator: &Operator, summary: &EndpointSummary, id: String) -> Result<RequestPage, PageError> {
    let (endpoint, now) = (summary.endpoint.clone(), operator.now());
    let (request, bodies, mut told, links) = operator
        .read(move |conn| {
            let (request, bodies) = requests::get(conn, &endpoint.id, &id)?;
            let told = requests::explain(conn, &endpoint, &request, &bodies)?;
            let links = requests::links(conn, &endpoint.id, &id)?;
            Ok((request, bodies, told, links))
        })
        .await?;
    let (frame, head) = operator.desk(summary, Tab::Requests);
    let changes = std::mem::take(&mut told.changes);
    let at = |kind: &str, id: &str| page_of(&head.slug, kind, id);
    let changes = changes.into_iter().map(|change| ChangeView {
        name: change.resource_name.clone(),
        page: at(&change.resource_type, &change.resource_id),
        event: history::own(change, now),
    });
    Ok(RequestPage {
        changes: changes.collect(),
        token: (!request.token_id.is_empty())
            .then(|| (request.token_label.clone(), public_id(&request.token_id))),
        from: match request.agent.as_str() {
            "" => request.address.clone(),
            agent => format!("{}, {agent}", request.address),
        },
        subject: at(&request.resource_type, &request.resource_id)
            .map(|page| (request.resource_name.clone(), page)),
        curl: curl(operator.public_url().as_str(), &request, &bodies),
        told: Told::new(&request, &bodies, &told, now),
        links: links.into_iter().map(|link| LinkRow::new(link, now)).collect(),
        made: None,
        refusal: None,
        frame,
        head,
    })
}

/// The console's page about a resource.
fn page_of(slug: &str, kind: &str, id: &str) -> Option<String> {
    let list = match kind {
        "User" => "users",
        "Group" => "groups",
        _ => return None,
    };
    (!id.is_empty()).then(|| format!("/admin/endpoints/{slug}/{list}/{id}"))
}

/// The request as a command, without secrets.
fn curl(base: &str, request: &Request, bodies: &Bodies) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let target = request.target.replace(' ', "%20").replace('"', "%22");
    let mut lines = vec![
        format!("curl -X {} {}", request.method, quoted(&format!("{base}{target}"))),
        "  -H \"Authorization: Bearer $TOKEN\"".to_owned(),
    ];
    if bodies.request.size > 0 {
        lines.push("  -H 'Content-Type: application/scim+json'".to_owned());
        lines.push(match (&bodies.request.text, bodies.request.is_cut()) {
            (Some(text), false) => format!("  --data {}", quoted(text)),
            _ => "  --data @body.json".to_owned(),
        });
    }
    lines.join(" \\\n")
}

/// Makes a link and shows it, in the answer to the form itself.
pub(crate) async fn link(operator: Operator, path: web::Path<(String, String)>, _form: Form) -> Answer {
    let (slug, id) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (endpoint, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let wanted = id.clone();
    match operator.write(move |tx| requests::create_link(tx, &endpoint, &wanted, &actor, now)).await {
        Ok((code, link)) => {
            let base = operator.public_url().as_str().to_owned();
            let made = Some(Made { code, base, ends: When::new(link.expires_at, now) });
            html(&RequestPage { made, ..page(&operator, &summary, id).await? })
        }
        Err(error) => {
            let refusal = Some(told(error)?);
            html_as(StatusCode::CONFLICT, &RequestPage { refusal, ..page(&operator, &summary, id).await? })
        }
    }
}

/// Takes a link back.
pub(crate) async fn unlink(operator: Operator, path: web::Path<(String, String, String)>) -> Answer {
    let (slug, request, link) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (id, actor, now) = (summary.endpoint.id.clone(), operator.actor(), operator.now());
    let wanted = request.clone();
    let revoked = requests::revoke_link;
    operator.write(move |tx| revoked(tx, &id, &wanted, &link, &actor, now)).await?;
    Ok(see(format!(
        "/admin/endpoints/{}/requests/{request}?done=request-link-revoked",
        summary.endpoint.slug
    )))
}
