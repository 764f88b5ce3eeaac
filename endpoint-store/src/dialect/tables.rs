//! Whole tables, row by row: what backup, restore, copy and bulk loading are made of.
//!
//! Every table of `schema.rs` stands here once. Rows stream out of either database in bounded memory, and go into
//! either in batches: on PostgreSQL by COPY, on SQLite by one prepared statement.

use std::hash::{Hash, Hasher};

use diesel::connection::DefaultLoadingMode;
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::schema::*;

/// A row of a table that is kept.
pub(crate) trait Kept: Sized + Hash {
    /// Name of the table.
    const TABLE: &'static str;
    /// Its columns.
    #[cfg(test)]
    const COLUMNS: &'static [&'static str];

    /// Hands over every row, in no particular order.
    fn each(conn: &mut Conn, take: &mut dyn FnMut(Self) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// How many rows there are.
    fn count(conn: &mut Conn) -> Result<i64, StoreError>;

    /// Adds rows; a few thousand at a time is best.
    fn insert(conn: &mut Conn, rows: &[Self]) -> Result<(), StoreError>;

    /// Removes all rows.
    fn clear(conn: &mut Conn) -> Result<(), StoreError>;
}

/// What tells two states of a table apart, whatever the order of its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) rows: i64,
    sum: u128,
}

impl Fingerprint {
    pub(crate) fn add(&mut self, row: &impl Hash) {
        let mut digest = RowDigest(Sha256::new());
        row.hash(&mut digest);
        let bytes: [u8; 32] = digest.0.finalize().into();
        let (half, _) = bytes.split_at(16);
        let number = half.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        self.rows += 1;
        self.sum = self.sum.wrapping_add(number);
    }
}

/// Feeds a row's fields into SHA-256; `Hash` writes lengths and ends between them.
struct RowDigest(Sha256);

impl Hasher for RowDigest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Something to be done with every table.
pub(crate) trait Visitor {
    fn table<T: Kept>(&mut self) -> Result<(), StoreError>;
}

macro_rules! kept {
    ($($table:ident as $Row:ident { $($column:ident: $kind:ty),+ $(,)? })+) => {
        $(
            #[derive(Debug, Clone, Hash, Queryable, Selectable, Insertable)]
            #[diesel(table_name = $table, treat_none_as_default_value = false)]
            pub(crate) struct $Row { $(pub(crate) $column: $kind),+ }

            impl Kept for $Row {
                const TABLE: &'static str = stringify!($table);
                #[cfg(test)]
                const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

                fn each(
                    conn: &mut Conn,
                    take: &mut dyn FnMut(Self) -> Result<(), StoreError>,
                ) -> Result<(), StoreError> {
                    let columns = $table::table.select(($($table::$column,)+));
                    match conn {
                        Conn::Sqlite(c) => {
                            for row in columns.load_iter::<Self, DefaultLoadingMode>(c)? {
                                take(row?)?;
                            }
                        }
                        Conn::Postgres(c) => {
                            for row in columns.load_iter::<Self, PgRowByRowLoadingMode>(c)? {
                                take(row?)?;
                            }
                        }
                    }
                    Ok(())
                }

                fn count(conn: &mut Conn) -> Result<i64, StoreError> {
                    Ok($table::table.count().get_result(conn)?)
                }

                fn insert(conn: &mut Conn, rows: &[Self]) -> Result<(), StoreError> {
                    match conn {
                        Conn::Sqlite(c) => {
                            for row in rows {
                                diesel::insert_into($table::table).values(row).execute(c)?;
                            }
                        }
                        Conn::Postgres(c) => {
                            diesel::copy_from($table::table).from_insertable(rows).execute(c)?;
                        }
                    }
                    Ok(())
                }

                fn clear(conn: &mut Conn) -> Result<(), StoreError> {
                    diesel::delete($table::table).execute(conn)?;
                    Ok(())
                }
            }
        )+

        /// Visits every table, each after those that its rows point to.
        pub(crate) fn visit(visitor: &mut impl Visitor) -> Result<(), StoreError> {
            $(visitor.table::<$Row>()?;)+
            Ok(())
        }

        /// Empties every table, each before those that its rows point to.
        pub(crate) fn clear(conn: &mut Conn) -> Result<(), StoreError> {
            let clearing: &[fn(&mut Conn) -> Result<(), StoreError>] = &[$($Row::clear),+];
            clearing.iter().rev().try_for_each(|clear| clear(conn))
        }
    };
}

kept! {
    server_keys as ServerKey { name: String, bytes: Vec<u8> }
    registry_version as RegistryVersion { id: i64, version: i64 }
    leases as Lease { name: String, holder: String, until: i64 }
    operators as OperatorRow {
        id: String, name: String, name_key: String, password_hash: String, role: String, created_at: i64,
        disabled_at: Option<i64>, last_sign_in_at: Option<i64>, totp_sealed: Option<String>,
        totp_since: Option<i64>, totp_step: Option<i64>, tenants: Option<String>,
    }
    sessions as SessionRow {
        digest: Vec<u8>, operator_id: String, csrf: String, created_at: i64, last_seen_at: i64, address: String,
        agent: String, checked_at: i64,
    }
    operator_links as OperatorLink {
        operator_id: String, digest: Vec<u8>, created_at: i64, created_by: String, expires_at: i64,
    }
    recovery_codes as RecoveryCode { operator_id: String, digest: Vec<u8> }
    sign_in_steps as SignInStep { digest: Vec<u8>, operator_id: String, created_at: i64 }
    api_keys as ApiKeyRow {
        id: String, operator_id: String, digest: Vec<u8>, label: String, created_at: i64, created_by: String,
        expires_at: Option<i64>, revoked_at: Option<i64>, revoked_by: Option<String>, request_key: Option<String>,
        requests: i64, last_at: Option<i64>, last_address: Option<String>, last_agent: Option<String>,
        last_request: Option<String>,
    }
    api_requests as ApiRequest {
        operator_id: String, key_digest: Vec<u8>, fingerprint: Vec<u8>, made: String, created_at: i64,
    }
    setup_codes as SetupCode { digest: Vec<u8>, created_at: i64, expires_at: i64 }
    endpoints as EndpointRow {
        id: String, slug: String, name: String, name_key: String, tenant: Option<String>, idp: String,
        status: String, settings: String, definitions: Option<String>, created_at: i64, updated_at: i64,
        deleted_at: Option<i64>, purge_began_at: Option<i64>,
    }
    endpoint_slugs as EndpointSlug { slug: String, endpoint_id: String }
    endpoint_progress as EndpointProgress {
        endpoint_id: String, last_change: i64, first_user_at: Option<i64>, first_group_at: Option<i64>,
        first_update_at: Option<i64>,
    }
    tokens as TokenRow {
        id: String, endpoint_id: String, digest: Vec<u8>, label: String, scope: String, created_at: i64,
        created_by: String, expires_at: Option<i64>, revoked_at: Option<i64>, revoked_by: Option<String>,
        request_key: Option<String>, networks: Option<String>, warned_days: Option<i64>,
        kind: String,
    }
    guest_links as GuestLinkRow {
        id: String, endpoint_id: String, digest: Vec<u8>, may_issue: bool, created_at: i64, created_by: String,
        expires_at: i64, opened_at: Option<i64>, opened_from: Option<String>, session_digest: Option<Vec<u8>>,
        csrf: Option<String>, token_id: Option<String>, revoked_at: Option<i64>, revoked_by: Option<String>,
    }
    token_usage as TokenUsage {
        token_id: String, endpoint_id: String, requests: i64, first_at: Option<i64>, last_at: Option<i64>,
        last_address: Option<String>, last_agent: Option<String>, last_operation: Option<String>,
        first_address: Option<String>, first_agent: Option<String>, first_operation: Option<String>,
    }
    access_tokens as AccessToken {
        id: String, endpoint_id: String, token_id: String, digest: Vec<u8>, scope: String, issued_at: i64,
        expires_at: i64,
    }
    token_hours as TokenHour { token_id: String, hour: i64, endpoint_id: String, requests: i64 }
    token_rotations as TokenRotation {
        token_id: String, endpoint_id: String, successor: String, began_at: i64, began_by: String, quiet_for: i64,
        retire_at: Option<i64>, requests_before: i64, retired_at: Option<i64>, retired_by: Option<String>,
    }
    refusals as RefusalRow {
        endpoint_id: String, cause: String, token_id: String, attempts: i64, first_at: i64, last_at: i64,
        last_address: String, last_agent: String, last_request: String,
    }
    observations as ObservationRow {
        endpoint_id: String, kind: String, name: String, hits: i64, first_at: i64, last_at: i64,
        last_request: String, request_id: String, shape: String,
    }
    endpoint_hours as EndpointHour {
        endpoint_id: String, hour: i64, requests: i64, changes: i64, refused: i64, denied: i64, limited: i64,
        failed: i64,
    }
    endpoint_health as EndpointHealth {
        endpoint_id: String, last_heard: Option<i64>, usual: Option<i64>, quiet_days: i64, patience: Option<i64>,
        learned_at: Option<i64>, silent_at: Option<i64>, told_at: Option<i64>, asked: i64, refused: i64,
        failing_since: Option<i64>, stranger: Option<String>,
    }
    resources as ResourceRow {
        endpoint_id: String, id: String, resource_type: String, version: i64, created_at: i64, modified_at: i64,
        hidden: bool, active: bool, name: String, name_key: String, body: String,
    }
    resource_keys as ResourceKey {
        endpoint_id: String, resource_type: String, attribute: String, value_key: String, resource_id: String,
        is_unique: bool,
    }
    resource_counts as ResourceCount { endpoint_id: String, resource_type: String, visible: i64, hidden: i64 }
    members as MemberRow {
        endpoint_id: String, group_id: String, member_id: String, member_type: String, added_at: i64,
    }
    changes as ChangeRow {
        endpoint_id: String, seq: i64, at: i64, actor_kind: String, actor_id: String, actor_label: String,
        request_id: String, kind: String, resource_type: String, resource_id: String, resource_name: String,
        before: Option<String>, after: Option<String>, members: Option<String>,
    }
    change_subjects as ChangeSubject { endpoint_id: String, subject_id: String, seq: i64 }
    change_floors as ChangeFloor { endpoint_id: String, pruned_up_to: i64 }
    webhooks as WebhookRow {
        id: String, endpoint_id: Option<String>, tenant: Option<String>, tenant_key: Option<String>, url: String,
        label: String, types: String, created_at: i64, created_by: String, paused_at: Option<i64>,
        paused_by: Option<String>, paused_why: Option<String>, failing_since: Option<i64>, last_ok_at: Option<i64>,
        missed: i64,
    }
    webhook_secrets as WebhookSecret {
        webhook_id: String, id: String, kind: String, secret_sealed: String, public_key: Option<String>,
        created_at: i64, expires_at: Option<i64>,
    }
    webhook_cursors as WebhookCursor { endpoint_id: String, webhook_id: String, seq: i64 }
    webhook_deliveries as WebhookDelivery {
        endpoint_id: String, webhook_id: String, seq: i64, part: i64, event: String, resource_id: String,
        resource_name: String, state: String, attempts: i64, created_at: i64, due_at: i64, first_at: Option<i64>,
        last_at: Option<i64>, last_status: Option<i64>, last_error: Option<String>, last_ms: Option<i64>,
    }
    audit_log as AuditRow {
        position: i64, at: i64, actor_kind: String, actor_id: String, actor_name: String, address: String,
        action: String, endpoint_id: Option<String>, subject: String, before: Option<String>, after: Option<String>,
        previous: Vec<u8>, hash: Vec<u8>,
    }
    audit_head as AuditHead { id: i64, position: i64, hash: Vec<u8> }
    targets as TargetRow {
        endpoint_id: String, id: String, kind: String, url: String, secret_sealed: Option<String>, config: String,
        created_at: i64, created_by: String, taken_in: i64, filled_to: Option<String>, failures: i64,
        open_until: Option<i64>, import_asked_at: Option<i64>, reconcile_asked_at: Option<i64>, seen: String,
    }
    target_items as TargetItem {
        endpoint_id: String, target_id: String, resource_id: String, member_id: String, kind: String, state: String,
        wanted: i64, attempts: i64, next_at: i64, waiting_since: Option<i64>,
        done_at: Option<i64>, reason: Option<String>, remote_id: Option<String>, remote_name: Option<String>,
        imported: bool, present: bool,
    }
    deprovisions as Deprovision {
        endpoint_id: String, seq: i64, resource_id: String, name: String, began_at: i64, done_at: Option<i64>,
    }
    requests as RequestRow {
        endpoint_id: String, id: String, at: i64, method: String, target: String, operation: String,
        resource_type: String, resource_id: String, resource_name: String, status: i64, micros: i64,
        token_id: String, address: String, agent: String, facts: String,
    }
    request_bodies as RequestBody {
        endpoint_id: String, id: String, request: Option<String>, request_size: i64, response: Option<String>,
        response_size: i64,
    }
    request_drops as RequestDrop {
        endpoint_id: String, reads: i64, writes: i64, refusals: i64, first_at: i64, last_at: i64,
    }
    request_links as RequestLinkRow {
        id: String, endpoint_id: String, request_id: String, digest: Vec<u8>, created_at: i64, created_by: String,
        expires_at: i64, revoked_at: Option<i64>, revoked_by: Option<String>,
    }
    verifications as VerificationRow {
        endpoint_id: String, id: String, idp: String, passed: i64, failed: i64, began_at: i64, took_ms: i64,
        made_by: String, report: String,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use std::collections::BTreeMap;

    use super::*;
    use crate::conn::DatabaseUrl;

    struct Names(BTreeMap<&'static str, Vec<&'static str>>);

    impl Visitor for Names {
        fn table<T: Kept>(&mut self) -> Result<(), StoreError> {
            self.0.insert(T::TABLE, T::COLUMNS.to_vec());
            Ok(())
        }
    }

    /// Who adds a table or a column and not here would lose it in the next restore.
    #[test]
    fn every_table_and_every_column_goes_over() {
        #[derive(QueryableByName)]
        struct Column {
            #[diesel(sql_type = diesel::sql_types::Text)]
            table: String,
            #[diesel(sql_type = diesel::sql_types::Text)]
            column: String,
        }
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("scim.db"));
        let mut conn = crate::conn::open(&url).unwrap();
        crate::migrate::migrate(&mut conn).unwrap();
        let sql = "SELECT t.name AS \"table\", c.name AS \"column\" FROM sqlite_master t JOIN pragma_table_info(t.name) c \
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> '__diesel_schema_migrations'";
        let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Column { table, column } in diesel::sql_query(sql).load::<Column>(&mut conn).unwrap() {
            there.entry(table).or_default().push(column);
        }
        let mut carried = Names(BTreeMap::new());
        visit(&mut carried).unwrap();
        there.values_mut().for_each(|columns| columns.sort_unstable());
        let carried: BTreeMap<String, Vec<String>> = carried
            .0
            .into_iter()
            .map(|(table, columns)| {
                let mut columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
                columns.sort_unstable();
                (table.to_owned(), columns)
            })
            .collect();
        assert_eq!(carried, there);
    }

    #[test]
    fn a_fingerprint_knows_the_rows_and_not_their_order() {
        let print = |rows: &[(&str, Option<i64>)]| {
            let mut print = Fingerprint::default();
            rows.iter().for_each(|row| print.add(row));
            print
        };
        assert_eq!(print(&[("a", Some(1)), ("b", None)]), print(&[("b", None), ("a", Some(1))]));
        assert_ne!(print(&[("a", Some(1))]), print(&[("a", Some(2))]));
        assert_ne!(print(&[("a", Some(1))]), print(&[("a", Some(1)), ("a", Some(1))]));
        assert_ne!(print(&[("ab", None)]), print(&[("a", None)]));
    }
}
