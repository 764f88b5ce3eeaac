//! Rows that point to rows that are not there.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use super::Fault;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::schema::{
    change_subjects, changes, endpoints, members, request_bodies, requests, resource_keys, resources,
    target_items, targets, tokens, webhook_cursors, webhook_deliveries, webhook_secrets, webhooks,
};

macro_rules! orphans {
    ($conn:expr, $($what:literal, $repairable:literal: $table:ident ($($column:ident),+) in $parent:ident ($($key:ident),+);)+) => {{
        let mut faults = Vec::new();
        $(
            let parent = $parent::table$(.filter($parent::$key.eq($table::$column)))+;
            let count: i64 = $table::table.filter(not(exists(parent))).count().get_result($conn)?;
            if count > 0 {
                faults.push(Fault { sentence: format!("{count} {}", $what), repairable: $repairable });
            }
        )+
        faults
    }};
}

/// One fault for each kind.
pub(super) fn find(conn: &mut Conn) -> Result<Vec<Fault>, StoreError> {
    Ok(orphans! { conn,
        "resources of an endpoint that is not there", false: resources(endpoint_id) in endpoints(id);
        "tokens of an endpoint that is not there", false: tokens(endpoint_id) in endpoints(id);
        "changes of an endpoint that is not there", false: changes(endpoint_id) in endpoints(id);
        "memberships of resources that are not there", false:
            members(endpoint_id, member_id) in resources(endpoint_id, id);
        "memberships in groups that are not there", false:
            members(endpoint_id, group_id) in resources(endpoint_id, id);
        "index entries of resources that are not there", true:
            resource_keys(endpoint_id, resource_id) in resources(endpoint_id, id);
        "cursors of webhooks that are not there", false: webhook_cursors(webhook_id) in webhooks(id);
        "deliveries of webhooks that are not there", false: webhook_deliveries(webhook_id) in webhooks(id);
        "secrets of webhooks that are not there", false: webhook_secrets(webhook_id) in webhooks(id);
        "states of targets that are not there", false:
            target_items(endpoint_id, target_id) in targets(endpoint_id, id);
        "requests of an endpoint that is not there", false: requests(endpoint_id) in endpoints(id);
        "bodies of requests that are not there", false:
            request_bodies(endpoint_id, id) in requests(endpoint_id, id);
        "index entries of changes that are not there", false:
            change_subjects(endpoint_id, seq) in changes(endpoint_id, seq);
    })
}
