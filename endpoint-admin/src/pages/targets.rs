//! The applications behind an endpoint: how they are doing, what is waiting and what is refused, and what can be done.

use actix_web::{http::StatusCode, web};
use askama::Template;
use endpoint_store::{
    StoreError,
    endpoints::EndpointSummary,
    sealed::SecretBytes,
    targets::{
        self, Ask, Mode, NewTarget, Options, Target, clock,
        queue::{self, Counts},
    },
};
use endpoint_targets::{Check, kinds, reconcile::Report};

use super::target_state::{self, Trouble};
use crate::{
    error::PageError,
    forms::{Errors, Form, capitalise},
    frame::{Frame, Head, Tab},
    pages::{Answer, html, html_as, see},
    session::Operator,
    ui::{Num, State, When},
};

/// Items that are listed as refused or waiting; nobody reads more.
const TROUBLES: i64 = 50;
pub(super) const HOUR: i64 = 3_600_000;

/// One target.
pub(crate) struct TargetView {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) url: String,
    pub(crate) account: Option<String>,
    pub(crate) mode: &'static str,
    pub(crate) state: State,
    pub(crate) users: Num,
    pub(crate) groups: Num,
    pub(crate) waiting: Num,
    pub(crate) failed: Num,
    pub(crate) left: Num,
    pub(crate) behind: Option<String>,
    pub(crate) oldest: Option<When>,
    pub(crate) last_ok: Option<When>,
    pub(crate) error: Option<String>,
    pub(crate) resting: Option<When>,
    pub(crate) imported: Option<When>,
    pub(crate) reconciled: Option<When>,
    pub(crate) found: Option<String>,
    pub(crate) asked: Option<&'static str>,
    pub(crate) troubles: Vec<Trouble>,
}

impl TargetView {
    fn new(target: &Target, counts: &Counts, troubles: Vec<Trouble>, now: i64) -> Self {
        use queue::{Kind, State as Where};
        let behind = (counts.behind > 0)
            .then(|| format!("{} not taken in yet", Num::of(counts.behind).with("change", "changes")));
        Self {
            id: target.id.clone(),
            kind: kinds::find(&target.kind).map_or("", |kind| kind.label),
            url: target.url.clone(),
            account: target.username.clone(),
            mode: match target.mode {
                Mode::Queued => "The identity provider is answered at once; the target follows.",
                Mode::BeforeAnswer => {
                    "The identity provider is answered after the target; what the target refuses is refused."
                }
            },
            state: target_state::of_target(target, now),
            users: Num::of(counts.of_kind(Kind::User, Where::Done)),
            groups: Num::of(counts.of_kind(Kind::Group, Where::Done)),
            waiting: Num::of(counts.of(Where::Waiting) + counts.of(Where::Blocked)),
            failed: Num::of(counts.of(Where::Failed)),
            left: Num::of(counts.of(Where::Left)),
            behind,
            oldest: When::maybe(counts.oldest, now),
            last_ok: When::maybe(target.last_ok_at, now),
            error: target.last_error.as_deref().map(capitalise),
            resting: When::maybe(target.open_until.filter(|until| *until > now), now),
            imported: When::maybe(target.imported_at, now),
            reconciled: When::maybe(target.reconciled_at, now),
            found: target.report.as_ref().map(target_state::found),
            asked: match (target.import_asked_at, target.reconcile_asked_at) {
                (Some(_), _) => Some("An import is under way."),
                (None, Some(_)) => Some("A comparison is under way."),
                (None, None) => None,
            },
            troubles,
        }
    }
}

/// What the deprovision clock says.
pub(crate) struct ClockView {
    pub(crate) done: Num,
    pub(crate) p50: String,
    pub(crate) p99: String,
    pub(crate) late: Num,
    pub(crate) is_late: bool,
    pub(crate) open: Vec<(String, String, When)>,
}

/// What somebody asked to see about one target.
pub(crate) enum Look {
    Nothing,
    Test(String, Check),
    Plan(String, Report),
    Failed(String, String),
}

#[derive(Template)]
#[template(path = "pages/targets.html")]
pub(crate) struct TargetsPage {
    pub(crate) frame: Frame,
    pub(crate) head: Head,
    pub(crate) targets: Vec<TargetView>,
    pub(crate) clock: ClockView,
    pub(crate) look: Look,
    /// The target whose address was not typed right.
    pub(crate) wrong: String,
    pub(crate) kinds: &'static [kinds::Kind],
    pub(crate) typed: Typed,
    pub(crate) errors: Errors,
}

impl TargetsPage {
    /// What the field for the address of a target that is to be removed is called.
    pub(crate) fn confirm_id(&self, target: &str) -> String {
        format!("confirm-{target}")
    }
}

/// What was typed into the form for a new target; never the password.
#[derive(Default)]
pub(crate) struct Typed {
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) username: String,
    pub(crate) domain: String,
    pub(crate) before: bool,
    pub(crate) allow_http: bool,
    pub(crate) hours: String,
}

/// The page; with `?test=ID` or `?plan=ID` it asks that target.
pub(crate) async fn show(operator: Operator, slug: web::Path<String>) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let look = look(&operator, &summary).await?;
    html(&page(&operator, &summary, look, Typed::default(), Errors::default()).await?)
}

async fn look(operator: &Operator, summary: &EndpointSummary) -> Result<Look, PageError> {
    let mut asked = form_urlencoded::parse(operator.query().as_bytes());
    let Some((what, id)) = asked.find(|(key, _)| matches!(key.as_ref(), "test" | "plan")) else {
        return Ok(Look::Nothing);
    };
    let (endpoint, id, plan) = (summary.endpoint.id.clone(), id.into_owned(), what == "plan");
    let target = operator.read(move |conn| targets::find(conn, &endpoint, &id)).await?;
    let deliverer = operator.deliverer();
    if !plan {
        return Ok(Look::Test(target.url.clone(), deliverer.check(&target).await));
    }
    Ok(match deliverer.compare(&target, false).await {
        Ok(report) => Look::Plan(target.url, report),
        Err(endpoint_targets::Trouble::Target(failure)) => {
            Look::Failed(target.url, capitalise(&failure.to_string()))
        }
        Err(endpoint_targets::Trouble::Store(error)) => return Err(error.into()),
    })
}

async fn page(
    operator: &Operator,
    summary: &EndpointSummary,
    look: Look,
    typed: Typed,
    errors: Errors,
) -> Result<TargetsPage, PageError> {
    let (id, now) = (summary.endpoint.id.clone(), operator.now());
    let (targets, figures) = operator
        .read(move |conn| {
            let mut shown = Vec::new();
            for target in targets::list(conn, &id)? {
                let counts = queue::counts(conn, &target)?;
                let states = [queue::State::Failed, queue::State::Waiting];
                let troubles = queue::remarkable(conn, &target, &states, TROUBLES)?;
                let troubles = troubles.into_iter().map(|(item, name)| Trouble::new(&item, name, now));
                shown.push(TargetView::new(&target, &counts, troubles.collect(), now));
            }
            Ok((shown, clock::figures(conn, &id, now)?))
        })
        .await?;
    let (frame, head) = operator.desk(summary, Tab::Targets);
    let length = |millis: Option<i64>| millis.map_or_else(|| "–".to_owned(), target_state::length);
    let clock = ClockView {
        done: Num(figures.done as u64),
        p50: length(figures.p50),
        p99: length(figures.p99),
        late: Num::of(figures.late),
        is_late: figures.late > 0,
        open: figures.open.into_iter().map(|(id, name, began)| (id, name, When::new(began, now))).collect(),
    };
    let wrong = String::new();
    Ok(TargetsPage { frame, head, targets, clock, look, wrong, kinds: kinds::KINDS, typed, errors })
}

/// Adds a target.
pub(crate) async fn add(operator: Operator, slug: web::Path<String>, form: Form) -> Answer {
    let summary = operator.endpoint(&slug).await?;
    let hours: Option<i64> = form.text("hours").parse().ok();
    let optional = |name: &str| Some(form.text(name).to_owned()).filter(|text| !text.is_empty());
    let new = NewTarget {
        kind: form.text("kind").to_owned(),
        url: form.text("url").to_owned(),
        username: optional("username"),
        secret: SecretBytes::from_text(form.raw("secret").to_owned()),
        domain: optional("domain"),
        mode: if form.text("before").is_empty() { Mode::Queued } else { Mode::BeforeAnswer },
        allow_http: !form.text("allow_http").is_empty(),
        import_every: hours.filter(|hours| *hours > 0).map(|hours| hours.saturating_mul(HOUR)),
        options: Options::default(),
    };
    let (endpoint, actor, now) = (summary.endpoint.clone(), operator.actor(), operator.now());
    let prepared = kinds::check(&new)
        .and_then(|_| targets::prepare(operator.store().keyring(), &endpoint.id, &new, now));
    let added = match prepared {
        Err(error) => Err(error),
        Ok(prepared) => operator.write(move |tx| targets::add(tx, &endpoint, &prepared, &actor, now)).await,
    };
    let error = match added {
        Ok(_) => return Ok(see(format!("/admin/endpoints/{}/targets?done=target-added", slug.as_str()))),
        Err(error) => error,
    };
    let errors = match error {
        StoreError::Invalid { pointer, sentence } => Errors::one(field(&pointer), sentence),
        StoreError::Refused(sentence) => Errors::one("url", sentence),
        other => return Err(other.into()),
    };
    let typed = Typed {
        kind: new.kind,
        url: new.url,
        username: new.username.unwrap_or_default(),
        domain: new.domain.unwrap_or_default(),
        before: new.mode == Mode::BeforeAnswer,
        allow_http: new.allow_http,
        hours: form.text("hours").to_owned(),
    };
    let page = page(&operator, &summary, Look::Nothing, typed, errors).await?;
    html_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// The field of the form that a pointer of the store is about.
pub(super) fn field(pointer: &str) -> &'static str {
    match pointer {
        "/username" => "username",
        "/secret" => "secret",
        "/import_every" => "hours",
        "/threshold" => "threshold",
        "/password_length" => "length",
        "/password_symbols" => "symbols",
        _ => "url",
    }
}

/// Asks for an import.
pub(crate) async fn import(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    ask(operator, path.into_inner(), Ask::Import, "target-import").await
}

/// Asks for a comparison.
pub(crate) async fn reconcile(operator: Operator, path: web::Path<(String, String)>) -> Answer {
    ask(operator, path.into_inner(), Ask::Reconcile, "target-reconcile").await
}

async fn ask(operator: Operator, (slug, target): (String, String), what: Ask, done: &'static str) -> Answer {
    let endpoint = operator.endpoint(&slug).await?.endpoint;
    let (actor, now) = (operator.actor(), operator.now());
    operator.write(move |tx| targets::ask(tx, &endpoint, &target, what, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{slug}/targets?done={done}")))
}

/// Tries again what failed; one resource, when the form names it.
pub(crate) async fn retry(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, target) = path.into_inner();
    let endpoint = operator.endpoint(&slug).await?.endpoint;
    let resource = Some(form.text("resource").to_owned()).filter(|id| !id.is_empty());
    let back = match &resource {
        Some(id) => format!("/admin/endpoints/{slug}/users/{id}?done=target-retry"),
        None => format!("/admin/endpoints/{slug}/targets?done=target-retry"),
    };
    let (actor, now) = (operator.actor(), operator.now());
    operator
        .write(move |tx| {
            let target = targets::find(tx, &endpoint.id, &target)?;
            queue::retry(tx, &endpoint, &target, resource.as_deref(), &actor, now)
        })
        .await?;
    Ok(see(back))
}

/// Takes a target away, if its address was typed: its password is forgotten.
pub(crate) async fn remove(operator: Operator, path: web::Path<(String, String)>, form: Form) -> Answer {
    let (slug, target) = path.into_inner();
    let summary = operator.endpoint(&slug).await?;
    let (id, wanted) = (summary.endpoint.id.clone(), target.clone());
    let found = operator.read(move |conn| targets::find(conn, &id, &wanted)).await?;
    if form.text("confirm") != found.url.trim() {
        let page = page(&operator, &summary, Look::Nothing, Typed::default(), Errors::default()).await?;
        return html_as(StatusCode::UNPROCESSABLE_ENTITY, &TargetsPage { wrong: target, ..page });
    }
    let endpoint = summary.endpoint;
    let (actor, now) = (operator.actor(), operator.now());
    operator.write(move |tx| targets::remove(tx, &endpoint, &target, &actor, now)).await?;
    Ok(see(format!("/admin/endpoints/{slug}/targets?done=target-removed")))
}
