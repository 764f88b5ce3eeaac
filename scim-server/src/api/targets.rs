//! `/endpoints/{endpoint}/targets`: the applications behind an endpoint.

use endpoint_store::sealed::SecretBytes;
use endpoint_store::targets::queue::{self, Counts, Item, State};
use endpoint_store::targets::{self, Ask, Mode, NewTarget, Options, Target};
use endpoint_store::{Millis, StoreError};
use endpoint_targets::reconcile::Report;
use endpoint_targets::{Trouble, kinds};
use scim_core::time::format;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::endpoints::{find_live, present};
use super::problem::Problem;
use super::route::BASE;
use super::{Exchange, Outcome, Page, Reply};

/// Items that are told one by one.
const MOST_ITEMS: i64 = 100;

/// When the identity provider is answered.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TargetMode {
    Queued,
    BeforeAnswer,
}

/// A new target.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTarget)]
pub(super) struct NewTargetBody {
    /// `secret-server` or `scim`.
    kind: String,
    /// Its base URL.
    url: String,
    /// Name of the application account; of Secret Server only.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = String, required = false)]
    username: Option<String>,
    /// The account's password, or a bearer token. It is kept encrypted and never shown again.
    secret: String,
    /// Domain of the account.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = String, required = false)]
    domain: Option<String>,
    /// `queued` when absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = TargetMode, required = false)]
    mode: Option<TargetMode>,
    /// Takes an http:// URL.
    #[serde(default)]
    #[schema(required = false)]
    allow_http: bool,
    /// Every so many hours what is there is taken over; only when asked for if absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(inline, value_type = u16, minimum = 1, maximum = 8760, required = false)]
    import_every_hours: Option<u16>,
}

/// How many things are where.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetQueue)]
pub(super) struct QueueView {
    waiting: i64,
    done: i64,
    failed: i64,
    /// None of ours, or nothing to do.
    left: i64,
    /// Changes that are not taken in yet.
    behind: i64,
    /// Since when the one that waits longest does.
    #[schema(format = DateTime)]
    oldest_since: Option<String>,
}

/// One target, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Target)]
pub(super) struct TargetView {
    id: String,
    kind: String,
    url: String,
    username: Option<String>,
    domain: Option<String>,
    /// `queued` or `before-answer`.
    mode: &'static str,
    /// `ok`, `first-sync`, `troubled` or `resting`.
    state: &'static str,
    last_error: Option<String>,
    #[schema(format = DateTime)]
    last_ok_at: Option<String>,
    /// Until when nothing is tried.
    #[schema(format = DateTime)]
    resting_until: Option<String>,
    #[schema(format = DateTime)]
    imported_at: Option<String>,
    #[schema(format = DateTime)]
    reconciled_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: String,
    queue: QueueView,
}

impl TargetView {
    fn new(target: &Target, counts: &Counts, now: Millis) -> Self {
        Self {
            id: target.id.clone(),
            kind: target.kind.clone(),
            url: target.url.clone(),
            username: target.username.clone(),
            domain: target.domain.clone(),
            mode: target.mode.as_str(),
            state: match () {
                () if target.is_resting(now) => "resting",
                () if target.failures > 0 => "troubled",
                () if target.filled_to.is_some() => "first-sync",
                () => "ok",
            },
            last_error: target.last_error.clone(),
            last_ok_at: target.last_ok_at.map(format),
            resting_until: target.open_until.filter(|until| *until > now).map(format),
            imported_at: target.imported_at.map(format),
            reconciled_at: target.reconciled_at.map(format),
            created_at: format(target.created_at),
            created_by: target.created_by.clone(),
            queue: QueueView {
                waiting: counts.of(State::Waiting) + counts.of(State::Blocked),
                done: counts.of(State::Done),
                failed: counts.of(State::Failed),
                left: counts.of(State::Left),
                behind: counts.behind,
                oldest_since: counts.oldest.map(format),
            },
        }
    }
}

/// Something that a target refuses, or that waits.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetItem)]
pub(super) struct ItemView {
    /// `user`, `group` or `member`.
    kind: &'static str,
    name: String,
    resource: String,
    member: Option<String>,
    /// `waiting`, `failed`, `blocked` or `left`.
    state: &'static str,
    reason: Option<String>,
    attempts: i64,
    #[schema(format = DateTime)]
    waiting_since: Option<String>,
}

impl ItemView {
    fn new((item, name): (Item, String)) -> Self {
        Self {
            kind: item.kind.as_str(),
            name,
            state: item.state.as_str(),
            member: Some(item.member_id).filter(|id| !id.is_empty()),
            resource: item.resource_id,
            reason: item.reason,
            attempts: item.attempts,
            waiting_since: item.waiting_since.map(format),
        }
    }
}

/// A target with what it refuses and what is waiting, a hundred at most.
#[derive(Serialize, ToSchema)]
pub(super) struct TargetDetail {
    #[serde(flatten)]
    #[schema(inline)]
    target: TargetView,
    items: Vec<ItemView>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckLine {
    what: String,
    ok: bool,
    sentence: String,
}

/// What a test of the connection found.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetCheck)]
pub(super) struct CheckView {
    ok: bool,
    checks: Vec<CheckLine>,
}

/// One thing that would be done.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanLine {
    /// `create`, `update`, `disable`, `enable`, `adopt`, `add`, `refused`, `left` or `stranger`.
    what: &'static str,
    kind: &'static str,
    name: String,
    why: String,
}

/// What would be done.
#[derive(Serialize, ToSchema)]
#[schema(as = TargetPlan)]
pub(super) struct PlanView {
    in_sync: bool,
    equal: usize,
    /// The first of them.
    lines: Vec<PlanLine>,
    /// Why there is no plan: the target could not be read.
    failure: Option<String>,
}

impl PlanView {
    fn new(report: Report) -> Self {
        let line = |line: endpoint_targets::reconcile::Line| PlanLine {
            what: line.what,
            kind: line.kind.as_str(),
            name: line.name,
            why: line.why,
        };
        Self {
            in_sync: report.is_equal(),
            equal: report.equal,
            lines: report.lines.into_iter().map(line).collect(),
            failure: None,
        }
    }
}

/// The deprovision clock over 30 days.
#[derive(Serialize, ToSchema)]
#[schema(as = Deprovisioning)]
pub(super) struct ClockView {
    /// Deactivations that every target has.
    done: usize,
    /// Half of them took no longer.
    p50_ms: Option<i64>,
    /// 99 of 100 took no longer.
    p99_ms: Option<i64>,
    /// Under way for more than five minutes.
    late: i64,
}

pub(super) async fn list(x: &Exchange) -> Outcome {
    let (id, now) = (x.endpoint()?.id.clone(), x.now);
    let all = x.read(move |conn| {
        let all = targets::list(conn, &id)?.into_iter();
        let views = all.map(|target| Ok(TargetView::new(&target, &queue::counts(conn, &target)?, now)));
        views.collect::<Result<Vec<_>, StoreError>>()
    });
    Reply::json(&Page::whole(all.await?))
}

pub(super) async fn add(x: &Exchange) -> Outcome {
    let body: NewTargetBody = x.body()?;
    let (named, actor, now) = (x.segment("endpoint").to_owned(), x.actor(), x.now);
    let new = NewTarget {
        kind: body.kind,
        url: body.url,
        username: body.username,
        secret: SecretBytes::from_text(body.secret),
        domain: body.domain,
        mode: match body.mode {
            Some(TargetMode::BeforeAnswer) => Mode::BeforeAnswer,
            Some(TargetMode::Queued) | None => Mode::Queued,
        },
        allow_http: body.allow_http,
        import_every: body.import_every_hours.map(|hours| i64::from(hours) * 3_600_000),
        options: Options::default(),
    };
    let refused = |error| Problem::of(error, &x.request_id);
    kinds::check(&new).map_err(refused)?;
    let keyring = x.api.store.keyring();
    let prepared = targets::prepare(keyring, &x.endpoint()?.id, &new, now).map_err(refused)?;
    let (slug, target) = x
        .write(move |tx| {
            let endpoint = find_live(tx, &named)?;
            let target = targets::add(tx, &endpoint, &prepared, &actor, now)?;
            Ok((endpoint.slug, target))
        })
        .await?;
    let view = TargetView::new(&target, &Counts::default(), now);
    Ok(Reply::json(&view)?.made_at(format!("{BASE}/endpoints/{slug}/targets/{}", target.id)))
}

async fn found(x: &Exchange) -> Result<Target, Problem> {
    let (id, target) = (x.endpoint()?.id.clone(), x.segment("target").to_owned());
    x.read(move |conn| targets::find(conn, &id, &target)).await
}

pub(super) async fn show(x: &Exchange) -> Outcome {
    let (id, target, now) = (x.endpoint()?.id.clone(), x.segment("target").to_owned(), x.now);
    let detail = x.read(move |conn| {
        let target = targets::find(conn, &id, &target)?;
        let states = [State::Failed, State::Waiting, State::Blocked, State::Left];
        let items = queue::remarkable(conn, &target, &states, MOST_ITEMS)?;
        Ok(TargetDetail {
            target: TargetView::new(&target, &queue::counts(conn, &target)?, now),
            items: items.into_iter().map(ItemView::new).collect(),
        })
    });
    Reply::json(&detail.await?)
}

pub(super) async fn remove(x: &Exchange) -> Outcome {
    let (named, target) = (x.segment("endpoint").to_owned(), x.segment("target").to_owned());
    let (actor, now) = (x.actor(), x.now);
    x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        targets::remove(tx, &endpoint, &target, &actor, now)
    })
    .await?;
    Reply::done()
}

pub(super) async fn check(x: &Exchange) -> Outcome {
    let target = found(x).await?;
    let check = x.api.deliverer.check(&target).await;
    let line = |line: &endpoint_targets::remote::Line| CheckLine {
        what: line.what.clone(),
        ok: line.good,
        sentence: line.sentence.clone(),
    };
    Reply::json(&CheckView { ok: check.is_good(), checks: check.lines.iter().map(line).collect() })
}

pub(super) async fn plan(x: &Exchange) -> Outcome {
    let target = found(x).await?;
    match x.api.deliverer.compare(&target, false).await {
        Ok(report) => Reply::json(&PlanView::new(report)),
        Err(Trouble::Target(failure)) => Reply::json(&PlanView {
            in_sync: false,
            equal: 0,
            lines: Vec::new(),
            failure: Some(failure.to_string()),
        }),
        Err(Trouble::Store(error)) => Err(Problem::of(error, &x.request_id)),
    }
}

pub(super) async fn import(x: &Exchange) -> Outcome {
    ask(x, Ask::Import).await
}

pub(super) async fn reconcile(x: &Exchange) -> Outcome {
    ask(x, Ask::Reconcile).await
}

async fn ask(x: &Exchange, what: Ask) -> Outcome {
    let (named, target) = (x.segment("endpoint").to_owned(), x.segment("target").to_owned());
    let (actor, now) = (x.actor(), x.now);
    let asked = x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        let target = targets::ask(tx, &endpoint, &target, what, &actor, now)?;
        Ok(TargetView::new(&target, &queue::counts(tx, &target)?, now))
    });
    Reply::json(&asked.await?)
}

pub(super) async fn retry(x: &Exchange) -> Outcome {
    let (named, target) = (x.segment("endpoint").to_owned(), x.segment("target").to_owned());
    let (actor, now) = (x.actor(), x.now);
    let tried = x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        let target = targets::find(tx, &endpoint.id, &target)?;
        queue::retry(tx, &endpoint, &target, None, &actor, now)?;
        let target = targets::find(tx, &endpoint.id, &target.id)?;
        Ok(TargetView::new(&target, &queue::counts(tx, &target)?, now))
    });
    Reply::json(&tried.await?)
}

pub(super) async fn clock(x: &Exchange) -> Outcome {
    let (id, now) = (x.endpoint()?.id.clone(), x.now);
    let figures = x.read(move |conn| targets::clock::figures(conn, &id, now)).await?;
    let targets::clock::Figures { done, p50, p99, late, .. } = figures;
    Reply::json(&ClockView { done, p50_ms: p50, p99_ms: p99, late })
}
