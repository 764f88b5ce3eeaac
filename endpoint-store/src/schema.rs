//! The tables, as diesel sees them. The truth is in `migrations/`.

diesel::table! {
    endpoints (id) {
        id -> Text, slug -> Text, name -> Text, name_key -> Text, tenant -> Nullable<Text>, idp -> Text,
        status -> Text, settings -> Text, definitions -> Nullable<Text>, created_at -> BigInt, updated_at -> BigInt, deleted_at -> Nullable<BigInt>,
        purge_began_at -> Nullable<BigInt>,
    }
}
diesel::table! {
    endpoint_slugs (slug) { slug -> Text, endpoint_id -> Text, }
}
diesel::table! {
    endpoint_progress (endpoint_id) {
        endpoint_id -> Text, last_change -> BigInt, first_user_at -> Nullable<BigInt>,
        first_group_at -> Nullable<BigInt>, first_update_at -> Nullable<BigInt>,
    }
}
diesel::table! {
    tokens (id) {
        id -> Text, endpoint_id -> Text, digest -> Binary, label -> Text, scope -> Text, created_at -> BigInt,
        created_by -> Text, expires_at -> Nullable<BigInt>, revoked_at -> Nullable<BigInt>,
        revoked_by -> Nullable<Text>, request_key -> Nullable<Text>, networks -> Nullable<Text>,
        warned_days -> Nullable<BigInt>, kind -> Text,
    }
}
diesel::table! {
    token_usage (token_id) {
        token_id -> Text, endpoint_id -> Text, requests -> BigInt, first_at -> Nullable<BigInt>,
        last_at -> Nullable<BigInt>, last_address -> Nullable<Text>, last_agent -> Nullable<Text>,
        last_operation -> Nullable<Text>, first_address -> Nullable<Text>, first_agent -> Nullable<Text>,
        first_operation -> Nullable<Text>,
    }
}
diesel::table! {
    token_hours (token_id, hour) { token_id -> Text, hour -> BigInt, endpoint_id -> Text, requests -> BigInt, }
}
diesel::table! {
    access_tokens (id) {
        id -> Text, endpoint_id -> Text, token_id -> Text, digest -> Binary, scope -> Text, issued_at -> BigInt,
        expires_at -> BigInt,
    }
}
diesel::joinable!(token_usage -> tokens (token_id));
diesel::table! {
    token_rotations (token_id) {
        token_id -> Text, endpoint_id -> Text, successor -> Text, began_at -> BigInt, began_by -> Text,
        quiet_for -> BigInt, retire_at -> Nullable<BigInt>, requests_before -> BigInt,
        retired_at -> Nullable<BigInt>, retired_by -> Nullable<Text>,
    }
}
diesel::joinable!(token_rotations -> tokens (token_id));
diesel::table! {
    refusals (endpoint_id, cause, token_id) {
        endpoint_id -> Text, cause -> Text, token_id -> Text, attempts -> BigInt, first_at -> BigInt,
        last_at -> BigInt, last_address -> Text, last_agent -> Text, last_request -> Text,
    }
}
diesel::table! {
    observations (endpoint_id, kind, name) {
        endpoint_id -> Text, kind -> Text, name -> Text, hits -> BigInt, first_at -> BigInt, last_at -> BigInt,
        last_request -> Text, request_id -> Text, shape -> Text,
    }
}
diesel::table! {
    endpoint_hours (endpoint_id, hour) {
        endpoint_id -> Text, hour -> BigInt, requests -> BigInt, changes -> BigInt, refused -> BigInt,
        denied -> BigInt, limited -> BigInt, failed -> BigInt,
    }
}
diesel::table! {
    endpoint_health (endpoint_id) {
        endpoint_id -> Text, last_heard -> Nullable<BigInt>, usual -> Nullable<BigInt>, quiet_days -> BigInt,
        patience -> Nullable<BigInt>, learned_at -> Nullable<BigInt>, silent_at -> Nullable<BigInt>,
        told_at -> Nullable<BigInt>, asked -> BigInt, refused -> BigInt, failing_since -> Nullable<BigInt>,
        stranger -> Nullable<Text>,
    }
}
diesel::joinable!(endpoint_health -> endpoints (endpoint_id));
diesel::table! {
    resources (endpoint_id, id) {
        endpoint_id -> Text, id -> Text, resource_type -> Text, version -> BigInt, created_at -> BigInt,
        modified_at -> BigInt, hidden -> Bool, active -> Bool, name -> Text, name_key -> Text, body -> Text,
    }
}
diesel::table! {
    resource_keys (endpoint_id, resource_type, attribute, value_key, resource_id) {
        endpoint_id -> Text, resource_type -> Text, attribute -> Text, value_key -> Text, resource_id -> Text,
        is_unique -> Bool,
    }
}
diesel::table! {
    resource_counts (endpoint_id, resource_type) {
        endpoint_id -> Text, resource_type -> Text, visible -> BigInt, hidden -> BigInt,
    }
}
diesel::table! {
    members (endpoint_id, group_id, member_id) {
        endpoint_id -> Text, group_id -> Text, member_id -> Text, member_type -> Text, added_at -> BigInt,
    }
}
diesel::table! {
    changes (endpoint_id, seq) {
        endpoint_id -> Text, seq -> BigInt, at -> BigInt, actor_kind -> Text, actor_id -> Text, actor_label -> Text,
        request_id -> Text, kind -> Text, resource_type -> Text, resource_id -> Text, resource_name -> Text,
        before -> Nullable<Text>, after -> Nullable<Text>, members -> Nullable<Text>,
    }
}
diesel::table! {
    change_subjects (endpoint_id, subject_id, seq) { endpoint_id -> Text, subject_id -> Text, seq -> BigInt, }
}
diesel::table! {
    change_floors (endpoint_id) { endpoint_id -> Text, pruned_up_to -> BigInt, }
}
diesel::table! {
    webhooks (id) {
        id -> Text, endpoint_id -> Nullable<Text>, tenant -> Nullable<Text>, tenant_key -> Nullable<Text>, url -> Text,
        label -> Text, types -> Text, created_at -> BigInt, created_by -> Text, paused_at -> Nullable<BigInt>,
        paused_by -> Nullable<Text>, paused_why -> Nullable<Text>, failing_since -> Nullable<BigInt>,
        last_ok_at -> Nullable<BigInt>, missed -> BigInt,
    }
}
diesel::table! {
    webhook_secrets (webhook_id, id) {
        webhook_id -> Text, id -> Text, kind -> Text, secret_sealed -> Text, public_key -> Nullable<Text>,
        created_at -> BigInt, expires_at -> Nullable<BigInt>,
    }
}
diesel::table! {
    webhook_cursors (endpoint_id, webhook_id) { endpoint_id -> Text, webhook_id -> Text, seq -> BigInt, }
}
diesel::table! {
    webhook_deliveries (endpoint_id, webhook_id, seq, part) {
        endpoint_id -> Text, webhook_id -> Text, seq -> BigInt, part -> BigInt, event -> Text, resource_id -> Text,
        resource_name -> Text, state -> Text, attempts -> BigInt, created_at -> BigInt, due_at -> BigInt,
        first_at -> Nullable<BigInt>, last_at -> Nullable<BigInt>, last_status -> Nullable<BigInt>,
        last_error -> Nullable<Text>, last_ms -> Nullable<BigInt>,
    }
}
diesel::table! {
    operators (id) {
        id -> Text, name -> Text, name_key -> Text, password_hash -> Text, role -> Text, created_at -> BigInt,
        disabled_at -> Nullable<BigInt>, last_sign_in_at -> Nullable<BigInt>, totp_sealed -> Nullable<Text>,
        totp_since -> Nullable<BigInt>, totp_step -> Nullable<BigInt>, tenants -> Nullable<Text>,
    }
}
diesel::table! {
    sessions (digest) {
        digest -> Binary, operator_id -> Text, csrf -> Text, created_at -> BigInt, last_seen_at -> BigInt,
        address -> Text, agent -> Text, checked_at -> BigInt,
    }
}
diesel::table! {
    operator_links (operator_id) {
        operator_id -> Text, digest -> Binary, created_at -> BigInt, created_by -> Text, expires_at -> BigInt,
    }
}
diesel::table! {
    guest_links (id) {
        id -> Text, endpoint_id -> Text, digest -> Binary, may_issue -> Bool, created_at -> BigInt,
        created_by -> Text, expires_at -> BigInt, opened_at -> Nullable<BigInt>, opened_from -> Nullable<Text>,
        session_digest -> Nullable<Binary>, csrf -> Nullable<Text>, token_id -> Nullable<Text>,
        revoked_at -> Nullable<BigInt>, revoked_by -> Nullable<Text>,
    }
}
diesel::table! {
    recovery_codes (operator_id, digest) { operator_id -> Text, digest -> Binary, }
}
diesel::table! {
    sign_in_steps (digest) { digest -> Binary, operator_id -> Text, created_at -> BigInt, }
}
diesel::table! {
    api_keys (id) {
        id -> Text, operator_id -> Text, digest -> Binary, label -> Text, created_at -> BigInt, created_by -> Text,
        expires_at -> Nullable<BigInt>, revoked_at -> Nullable<BigInt>, revoked_by -> Nullable<Text>,
        request_key -> Nullable<Text>, requests -> BigInt, last_at -> Nullable<BigInt>,
        last_address -> Nullable<Text>, last_agent -> Nullable<Text>, last_request -> Nullable<Text>,
    }
}
diesel::joinable!(api_keys -> operators (operator_id));
diesel::table! {
    api_requests (operator_id, key_digest) {
        operator_id -> Text, key_digest -> Binary, fingerprint -> Binary, made -> Text, created_at -> BigInt,
    }
}
diesel::table! {
    setup_codes (digest) { digest -> Binary, created_at -> BigInt, expires_at -> BigInt, }
}
diesel::table! {
    registry_version (id) { id -> BigInt, version -> BigInt, }
}
diesel::table! {
    audit_log (position) {
        position -> BigInt, at -> BigInt, actor_kind -> Text, actor_id -> Text, actor_name -> Text, address -> Text,
        action -> Text, endpoint_id -> Nullable<Text>, subject -> Text, before -> Nullable<Text>,
        after -> Nullable<Text>, previous -> Binary, hash -> Binary,
    }
}
diesel::table! {
    audit_head (id) { id -> BigInt, position -> BigInt, hash -> Binary, }
}

diesel::table! {
    server_keys (name) { name -> Text, bytes -> Binary, }
}
diesel::table! {
    leases (name) { name -> Text, holder -> Text, until -> BigInt, }
}

diesel::table! {
    targets (endpoint_id, id) {
        endpoint_id -> Text, id -> Text, kind -> Text, url -> Text, secret_sealed -> Nullable<Text>, config -> Text,
        created_at -> BigInt, created_by -> Text, taken_in -> BigInt, filled_to -> Nullable<Text>,
        failures -> BigInt, open_until -> Nullable<BigInt>, import_asked_at -> Nullable<BigInt>,
        reconcile_asked_at -> Nullable<BigInt>, seen -> Text,
    }
}
diesel::table! {
    target_items (endpoint_id, target_id, resource_id, member_id) {
        endpoint_id -> Text, target_id -> Text, resource_id -> Text, member_id -> Text, kind -> Text,
        state -> Text, wanted -> BigInt, attempts -> BigInt, next_at -> BigInt,
        waiting_since -> Nullable<BigInt>, done_at -> Nullable<BigInt>, reason -> Nullable<Text>,
        remote_id -> Nullable<Text>, remote_name -> Nullable<Text>, imported -> Bool, present -> Bool,
    }
}
diesel::table! {
    deprovisions (endpoint_id, seq) {
        endpoint_id -> Text, seq -> BigInt, resource_id -> Text, name -> Text, began_at -> BigInt,
        done_at -> Nullable<BigInt>,
    }
}
diesel::table! {
    verifications (endpoint_id, id) {
        endpoint_id -> Text, id -> Text, idp -> Text, passed -> BigInt, failed -> BigInt, began_at -> BigInt,
        took_ms -> BigInt, made_by -> Text, report -> Text,
    }
}

diesel::table! {
    requests (endpoint_id, id) {
        endpoint_id -> Text, id -> Text, at -> BigInt, method -> Text, target -> Text, operation -> Text,
        resource_type -> Text, resource_id -> Text, resource_name -> Text, status -> BigInt, micros -> BigInt,
        token_id -> Text, address -> Text, agent -> Text, facts -> Text,
    }
}
diesel::table! {
    request_bodies (endpoint_id, id) {
        endpoint_id -> Text, id -> Text, request -> Nullable<Text>, request_size -> BigInt,
        response -> Nullable<Text>, response_size -> BigInt,
    }
}
diesel::table! {
    request_drops (endpoint_id) {
        endpoint_id -> Text, reads -> BigInt, writes -> BigInt, refusals -> BigInt, first_at -> BigInt,
        last_at -> BigInt,
    }
}
diesel::table! {
    request_links (id) {
        id -> Text, endpoint_id -> Text, request_id -> Text, digest -> Binary, created_at -> BigInt,
        created_by -> Text, expires_at -> BigInt, revoked_at -> Nullable<BigInt>, revoked_by -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    endpoints,
    endpoint_slugs,
    endpoint_progress,
    tokens,
    token_usage,
    token_hours,
    token_rotations,
    endpoint_hours,
    endpoint_health,
    refusals,
    resources,
    resource_keys,
    resource_counts,
    members,
    changes,
    change_subjects,
    webhooks,
    webhook_secrets,
    webhook_cursors,
    webhook_deliveries,
    operators,
    sessions,
    api_keys,
    audit_log,
    targets,
    target_items,
    deprovisions,
    requests,
    request_bodies
);
