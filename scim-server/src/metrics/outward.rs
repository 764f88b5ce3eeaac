//! What flows out, and what the process itself needs, as numbers of one scrape.

use std::time::Duration;

use endpoint_store::Endpoint;
use endpoint_store::gauges::outward::{OfEndpoint, Outward, Waiting};
use endpoint_store::targets::clock::Figures;
use metrics::{Unit, describe_gauge, gauge};

/// Names and meanings.
pub(super) fn describe() {
    describe_gauge!("scim_targets", "Targets, by how they are doing.");
    describe_gauge!(
        "scim_target_items",
        "Users, groups and memberships that targets do not have yet: waiting, or refused."
    );
    describe_gauge!(
        "scim_target_oldest_waiting_seconds",
        Unit::Seconds,
        "For how long the oldest that waits for a target does."
    );
    describe_gauge!(
        "scim_target_behind_changes",
        "Changes that the target which is furthest behind has not taken in."
    );
    describe_gauge!(
        "scim_deprovision_seconds",
        Unit::Seconds,
        "Time from the deactivation until every target had it, of the last 24 hours."
    );
    describe_gauge!(
        "scim_deprovisions",
        "Deactivations: those that every target has, of the last 24 hours, and those that are late by now."
    );
    describe_gauge!("scim_webhooks", "Webhooks, by how they are doing.");
    describe_gauge!("scim_webhook_deliveries", "Deliveries that are waiting, or that were given up.");
    describe_gauge!(
        "scim_webhook_oldest_waiting_seconds",
        Unit::Seconds,
        "For how long the oldest delivery that waits does."
    );
    describe_gauge!(
        "scim_webhook_behind_changes",
        "Changes that the webhook which is furthest behind has not looked at."
    );
}

pub(super) fn of_all(outward: &Outward) {
    for (state, n) in outward.targets {
        gauge!("scim_targets", "state" => state).set(n as f64);
    }
    for (state, n) in outward.webhooks {
        gauge!("scim_webhooks", "state" => state).set(n as f64);
    }
}

pub(super) fn of_endpoint(endpoint: &Endpoint, of: &OfEndpoint, now: i64) {
    let slug = || endpoint.slug.clone();
    if let Some(Waiting { waiting, lost, oldest, behind }) = of.targets {
        gauge!("scim_target_items", "endpoint" => slug(), "state" => "waiting").set(waiting as f64);
        gauge!("scim_target_items", "endpoint" => slug(), "state" => "refused").set(lost as f64);
        gauge!("scim_target_oldest_waiting_seconds", "endpoint" => slug()).set(since(oldest, now));
        gauge!("scim_target_behind_changes", "endpoint" => slug()).set(behind as f64);
    }
    if let Some(Waiting { waiting, lost, oldest, behind }) = of.webhooks {
        gauge!("scim_webhook_deliveries", "endpoint" => slug(), "state" => "waiting").set(waiting as f64);
        gauge!("scim_webhook_deliveries", "endpoint" => slug(), "state" => "dead").set(lost as f64);
        gauge!("scim_webhook_oldest_waiting_seconds", "endpoint" => slug()).set(since(oldest, now));
        gauge!("scim_webhook_behind_changes", "endpoint" => slug()).set(behind as f64);
    }
    if let Some(Figures { done, p50, p99, late, .. }) = &of.deprovisions {
        for (part, value) in [("0.5", p50), ("0.99", p99)] {
            if let Some(value) = value {
                gauge!("scim_deprovision_seconds", "endpoint" => slug(), "quantile" => part)
                    .set(seconds(*value));
            }
        }
        gauge!("scim_deprovisions", "endpoint" => slug(), "state" => "done").set(*done as f64);
        gauge!("scim_deprovisions", "endpoint" => slug(), "state" => "late").set(*late as f64);
    }
}

fn since(at: Option<i64>, now: i64) -> f64 {
    at.map_or(0.0, |at| seconds(now - at))
}

pub(super) fn seconds(millis: i64) -> f64 {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).as_secs_f64()
}
