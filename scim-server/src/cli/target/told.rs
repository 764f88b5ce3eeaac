//! How targets are told: as text and as JSON.

use endpoint_store::Millis;
use endpoint_store::targets::queue::{Counts, Kind, State};
use endpoint_store::targets::{Target, queue};
use endpoint_targets::import::Imported;
use endpoint_targets::reconcile::Report;
use serde_json::{Value, json};

use super::super::output::{Answer, clean, count, distance, moment, table, time};

fn n(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How many items are where.
pub(super) fn numbers(counts: &Counts) -> Value {
    json!({
        "waiting": counts.of(State::Waiting) + counts.of(State::Blocked), "done": counts.of(State::Done),
        "behind": counts.behind, "failed": counts.of(State::Failed), "left": counts.of(State::Left), "oldest_since": time(counts.oldest),
    })
}

/// The same for people.
pub(super) fn standing(counts: &Counts) -> String {
    format!(
        "{} done, {} waiting, {} failed, {} left alone.",
        counts.of(State::Done),
        counts.of(State::Waiting) + counts.of(State::Blocked),
        counts.of(State::Failed),
        counts.of(State::Left)
    )
}

/// What is known of a target, for programs.
pub(super) fn record(target: &Target, counts: &queue::Counts, now: Millis) -> Value {
    json!({
        "id": target.id,
        "kind": target.kind,
        "url": target.url,
        "username": target.username,
        "domain": target.domain,
        "mode": target.mode.as_str(),
        "import_every_hours": target.import_every.map(|every| every / 3_600_000),
        "threshold": target.options.threshold,
        "password_length": target.options.password_length,
        "password_symbols": target.options.password_symbols,
        "created_at": time(Some(target.created_at)),
        "state": state(target, now),
        "last_error": target.last_error,
        "last_ok_at": time(target.last_ok_at),
        "imported_at": time(target.imported_at),
        "reconciled_at": time(target.reconciled_at),
        "users": counts.of_kind(Kind::User, State::Done),
        "queue": numbers(counts),
    })
}

/// How it is doing, in a word.
fn state(target: &Target, now: Millis) -> &'static str {
    match () {
        () if target.is_resting(now) => "resting",
        () if target.failures > 0 => "troubled",
        () if target.filled_to.is_some() => "first sync",
        () => "ok",
    }
}

/// The list.
pub(super) fn list(all: &[(Counts, Target)], now: Millis) -> Answer {
    let rows: Vec<[String; 7]> = all
        .iter()
        .map(|(counts, target)| {
            [
                target.id.clone(),
                target.kind.clone(),
                target.url.clone(),
                target.mode.as_str().to_owned(),
                state(target, now).to_owned(),
                standing(counts),
                counts.oldest.map_or_else(|| "–".to_owned(), |at| distance(at, now)),
            ]
        })
        .collect();
    let mut text = if rows.is_empty() {
        "There is no target; `target add E --kind secret-server --url …` adds one.".to_owned()
    } else {
        table(["ID", "KIND", "URL", "MODE", "STATE", "ITEMS", "OLDEST WAITS SINCE"], &rows)
    };
    for (_, target) in all {
        if let Some(error) = &target.last_error {
            text.push_str(&format!(
                "\n{}: {} (last done {})",
                target.url,
                clean(error),
                moment(target.last_ok_at, now)
            ));
        }
    }
    let records: Vec<Value> = all.iter().map(|(counts, target)| record(target, counts, now)).collect();
    Answer { json: json!({ "targets": records }), text }
}

/// What an import did.
pub(super) fn imported(done: &Imported) -> Answer {
    let mut lines = vec![
        format!(
            "{} taken over ({} made here, {} were here already).",
            count(n(done.groups_made + done.groups_adopted), "group"),
            done.groups_made,
            done.groups_adopted
        ),
        format!(
            "{} taken over ({} made here, {} were here already).",
            count(n(done.users_made + done.users_adopted), "user"),
            done.users_made,
            done.users_adopted
        ),
    ];
    if done.members > 0 {
        lines.push(format!("{} taken over.", count(n(done.members), "membership")));
    }
    lines.extend(done.left.iter().map(|(why, many)| format!("{many} left alone: {why}.")));
    lines.extend(done.refused.iter().map(|sentence| clean(sentence)));
    let left: Vec<Value> = done.left.iter().map(|(why, many)| json!({"why": why, "count": many})).collect();
    let json = json!({
        "users": {"made": done.users_made, "adopted": done.users_adopted},
        "groups": {"made": done.groups_made, "adopted": done.groups_adopted},
        "members": done.members, "left": left, "refused": done.refused,
    });
    Answer { json, text: lines.join("\n") }
}

fn lines(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report
        .lines
        .iter()
        .map(|line| {
            format!(
                "{:<8}  {:<6}  {}: {}",
                line.what,
                line.kind.as_str(),
                clean(&line.name),
                clean(&line.why)
            )
        })
        .collect();
    let all: usize = report.counts.iter().map(|(_, many)| many).sum();
    if all > lines.len() {
        lines.push(format!("… and {} more", all - lines.len()));
    }
    lines
}

fn sum(report: &Report) -> String {
    let parts: Vec<String> = report.counts.iter().map(|(what, many)| format!("{many} {what}")).collect();
    let rest = if parts.is_empty() { "nothing else".to_owned() } else { parts.join(", ") };
    format!("{} equal; {rest}.", report.equal)
}

/// What would be done.
pub(super) fn plan(report: &Report) -> Answer {
    let mut text = lines(report);
    text.push(sum(report));
    Answer { json: report.to_json(), text: text.join("\n") }
}

/// What was found and repaired.
pub(super) fn reconciled(report: &Report, counts: &Counts, elsewhere: bool) -> Answer {
    let mut text = lines(report);
    text.push(sum(report));
    text.push(if elsewhere { "A running server repairs what differs.".to_owned() } else { standing(counts) });
    let mut json = report.to_json();
    if let Some(map) = json.as_object_mut() {
        map.insert("queue".into(), numbers(counts));
    }
    Answer { json, text: text.join("\n") }
}
