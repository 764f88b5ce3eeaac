//! `/endpoints/{endpoint}/targets`: the applications behind an endpoint.

use endpoint_store::StoreError;
use endpoint_store::targets::queue::{self, State};
use endpoint_store::targets::{self, Ask, Target, edit};
use endpoint_targets::{Trouble, kinds};

use super::endpoints::find_live;
use super::problem::Problem;
use super::route::BASE;
use super::target_views::{
    CheckLine, CheckView, ClockView, ItemView, NewTargetBody, PlanView, TargetDetail, TargetPatch, TargetView,
};
use super::{Exchange, Outcome, Page, Reply};

/// Items that are told one by one.
const MOST_ITEMS: i64 = 100;

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
    let new = x.body::<NewTargetBody>()?.read();
    let (named, actor, now) = (x.segment("endpoint").to_owned(), x.actor(), x.now);
    let refused = |error| Problem::of(error, &x.request_id);
    kinds::check(&new).map_err(refused)?;
    let keyring = x.api.store.keyring();
    let prepared = targets::prepare(keyring, &x.endpoint()?.id, &new, now).map_err(refused)?;
    let (slug, target, counts, made_now) = x
        .once(move |tx, before| {
            let endpoint = find_live(tx, &named)?;
            let target = match before {
                Some(made) => targets::find(tx, &endpoint.id, made)?,
                None => targets::add(tx, &endpoint, &prepared, &actor, now)?,
            };
            let (id, counts) = (target.id.clone(), queue::counts(tx, &target)?);
            Ok(((endpoint.slug, target, counts, before.is_none()), id))
        })
        .await?;
    let reply = Reply::json(&TargetView::new(&target, &counts, now))?;
    let location = format!("{BASE}/endpoints/{slug}/targets/{}", target.id);
    Ok(if made_now { reply.made_at(location) } else { reply })
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
        let (counts, items) = (queue::counts(conn, &target)?, items.into_iter().map(ItemView::new));
        let detail = TargetDetail { target: TargetView::new(&target, &counts, now), items: items.collect() };
        Ok((detail, target.tag()))
    });
    let (detail, tag) = detail.await?;
    Ok(Reply::json(&detail)?.tagged(tag))
}

pub(super) async fn patch(x: &Exchange) -> Outcome {
    let changes = x.body::<TargetPatch>()?.changes();
    if changes.is_empty() {
        return show(x).await;
    }
    let target = found(x).await?;
    let prepared = edit::prepare(x.api.store.keyring(), &target, &changes)
        .map_err(|error| Problem::of(error, &x.request_id))?;
    let (named, expected, actor, now) =
        (x.segment("endpoint").to_owned(), x.expected.clone(), x.actor(), x.now);
    let changed = x.write(move |tx| {
        let endpoint = find_live(tx, &named)?;
        expected.check(Some(&targets::find(tx, &endpoint.id, &target.id)?.tag()))?;
        let target = edit::change(tx, &endpoint, &prepared, &actor, now)?;
        Ok((TargetView::new(&target, &queue::counts(tx, &target)?, now), target.tag()))
    });
    let (view, tag) = changed.await?;
    Ok(Reply::json(&view)?.tagged(tag))
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
