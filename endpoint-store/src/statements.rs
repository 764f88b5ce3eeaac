//! Statements of one text, prepared once per connection: diesel prepares the updates of its common language every time.
//!
//! Those on both databases run through [`crate::dialect::stated`]. The others are for PostgreSQL, on the other side of a
//! network, where a round trip costs more than the work it asks for; they run through [`crate::dialect::at_once`]. SQLite, which
//! is in the same process, goes the longer way, and the tests run both.

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, BigInt, Bool, HasSqlType, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::dialect::tables::{ChangeRow, ResourceRow};

/// Text and parameters of a statement, in their order.
macro_rules! sql {
    ($out:ident: $($text:literal $($value:expr => $type:ty)?),+ $(,)?) => {{
        $($out.push_sql($text); $($out.push_bind_param::<$type, _>($value)?;)?)+
        QueryResult::Ok(())
    }};
}

macro_rules! statement {
    ($name:ident on $($connection:ty),+) => {
        impl QueryId for $name<'_> {
            type QueryId = $name<'static>;
            const HAS_STATIC_QUERY_ID: bool = true;
        }
        impl Query for $name<'_> {
            type SqlType = BigInt;
        }
        $(impl RunQueryDsl<$connection> for $name<'_> {})+
    };
}

/// The same text for both databases.
macro_rules! on_both {
    ($name:ident: |$this:ident, $out:ident| $walk:expr) => {
        statement!($name on PgConnection, SqliteConnection);
        on_both!(impl Pg, $name: |$this, $out| $walk);
        on_both!(impl Sqlite, $name: |$this, $out| $walk);
    };
    (impl $backend:ty, $name:ident: |$this:ident, $out:ident| $walk:expr) => {
        impl QueryFragment<$backend> for $name<'_> {
            fn walk_ast<'b>(&'b self, mut $out: AstPass<'_, 'b, $backend>) -> QueryResult<()> {
                let $this = self;
                $walk
            }
        }
    };
}

/// First times of the milestones, where this change is one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ticks {
    pub(crate) user: Option<i64>,
    pub(crate) group: Option<i64>,
    pub(crate) update: Option<i64>,
}

/// Index keys, column by column.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub(crate) attributes: Vec<String>,
    pub(crate) values: Vec<String>,
    pub(crate) unique: Vec<bool>,
}

/// Appends a change set under the next number of its endpoint, which is the answer.
pub(crate) struct Append<'a> {
    pub(crate) row: &'a ChangeRow,
    pub(crate) subjects: &'a [&'a str],
    pub(crate) ticks: Ticks,
}
statement!(Append on PgConnection);

impl QueryFragment<Pg> for Append<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH n AS (");
        number(&self.row.endpoint_id, &self.ticks, out.reborrow())?;
        out.push_sql(" RETURNING last_change), ");
        self.log(out.reborrow())?;
        sql!(out: " SELECT last_change FROM n")
    }
}

/// The update that takes a number.
fn number<'b, DB>(endpoint: &'b str, ticks: &'b Ticks, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    DB: Backend + HasSqlType<Nullable<BigInt>> + HasSqlType<Text>,
    Option<i64>: ToSql<Nullable<BigInt>, DB>,
    str: ToSql<Text, DB>,
{
    sql!(out:
        "UPDATE endpoint_progress SET last_change = last_change + 1, first_user_at = COALESCE(first_user_at, " &ticks.user => Nullable<BigInt>,
        "), first_group_at = COALESCE(first_group_at, " &ticks.group => Nullable<BigInt>,
        "), first_update_at = COALESCE(first_update_at, " &ticks.update => Nullable<BigInt>,
        ") WHERE endpoint_id = " endpoint => Text,
    )
}

impl Append<'_> {
    fn log<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let row = self.row;
        sql!(out:
            "h AS (INSERT INTO changes (endpoint_id, seq, at, actor_kind, actor_id, actor_label, request_id, kind, \
             resource_type, resource_id, resource_name, before, after, members) SELECT " &row.endpoint_id => Text,
            ", n.last_change, " &row.at => BigInt,
            ", " &row.actor_kind => Text,
            ", " &row.actor_id => Text,
            ", " &row.actor_label => Text,
            ", " &row.request_id => Text,
            ", " &row.kind => Text,
            ", " &row.resource_type => Text,
            ", " &row.resource_id => Text,
            ", " &row.resource_name => Text,
            ", " &row.before => Nullable<Text>,
            ", " &row.after => Nullable<Text>,
            ", " &row.members => Nullable<Text>,
            " FROM n), s AS (INSERT INTO change_subjects (endpoint_id, subject_id, seq) SELECT " &row.endpoint_id => Text,
            ", subject, n.last_change FROM n, unnest(" self.subjects => Array<Text>,
            ") AS subject)",
        )
    }
}

/// Makes a resource with its keys, its place in the counters and its change set, unless one of the name in `keys` is
/// hidden: then nothing is done, and the answer has no row. The caller holds the endpoint's lock.
pub(crate) struct Create<'a> {
    pub(crate) row: &'a ResourceRow,
    pub(crate) keys: &'a Keys,
    /// The name of a hidden one that would be brought back: attribute and key.
    pub(crate) name: (&'a str, &'a str),
    pub(crate) append: Append<'a>,
}
statement!(Create on PgConnection);

impl QueryFragment<Pg> for Create<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let (endpoint, kind) = (&self.row.endpoint_id, &self.row.resource_type);
        out.push_sql("WITH n AS (");
        number(&self.row.endpoint_id, &self.append.ticks, out.reborrow())?;
        sql!(out:
            " AND NOT EXISTS (SELECT 1 FROM resource_keys k JOIN resources r ON r.endpoint_id = k.endpoint_id \
             AND r.id = k.resource_id WHERE r.hidden AND k.endpoint_id = " endpoint => Text,
            " AND k.resource_type = " kind => Text,
            " AND k.attribute = " self.name.0 => Text,
            " AND k.value_key = " self.name.1 => Text,
            ") RETURNING last_change), ",
        )?;
        self.resource(out.reborrow())?;
        sql!(out:
            ", k AS (INSERT INTO resource_keys (endpoint_id, resource_type, attribute, value_key, resource_id, is_unique) SELECT " endpoint => Text,
            ", " kind => Text,
            ", x.attribute, x.value_key, " &self.row.id => Text,
            ", x.is_unique FROM n, unnest(" &self.keys.attributes => Array<Text>,
            ", " &self.keys.values => Array<Text>,
            ", " &self.keys.unique => Array<Bool>,
            ") AS x (attribute, value_key, is_unique)), c AS (INSERT INTO resource_counts AS known \
             (endpoint_id, resource_type, visible, hidden) SELECT " endpoint => Text,
            ", " kind => Text,
            ", 1, 0 FROM n ON CONFLICT (endpoint_id, resource_type) DO UPDATE SET visible = known.visible + 1), ",
        )?;
        self.append.log(out.reborrow())?;
        sql!(out: " SELECT last_change FROM n")
    }
}

impl Create<'_> {
    fn resource<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let row = self.row;
        sql!(out:
            "r AS (INSERT INTO resources (endpoint_id, id, resource_type, version, created_at, modified_at, hidden, active, \
             name, name_key, body) SELECT " &row.endpoint_id => Text,
            ", " &row.id => Text,
            ", " &row.resource_type => Text,
            ", " &row.version => BigInt,
            ", " &row.created_at => BigInt,
            ", " &row.modified_at => BigInt,
            ", " &row.hidden => Bool,
            ", " &row.active => Bool,
            ", " &row.name => Text,
            ", " &row.name_key => Text,
            ", " &row.body => Text,
            " FROM n)",
        )
    }
}

/// Writes everything of a resource that can change.
pub(crate) struct Update<'a>(pub(crate) &'a ResourceRow);
on_both!(Update: |this, out| {
    let row = this.0;
    sql!(out:
        "UPDATE resources SET version = " &row.version => BigInt,
        ", modified_at = " &row.modified_at => BigInt,
        ", hidden = " &row.hidden => Bool,
        ", active = " &row.active => Bool,
        ", name = " &row.name => Text,
        ", name_key = " &row.name_key => Text,
        ", body = " &row.body => Text,
        " WHERE endpoint_id = " &row.endpoint_id => Text,
        " AND id = " &row.id => Text,
        " RETURNING version",
    )
});

/// Adds to the counters of a type.
pub(crate) struct Count<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) resource_type: &'a str,
    pub(crate) visible: i64,
    pub(crate) hidden: i64,
}
on_both!(Count: |this, out| sql!(out:
    "INSERT INTO resource_counts AS known (endpoint_id, resource_type, visible, hidden) VALUES (" this.endpoint => Text,
    ", " this.resource_type => Text,
    ", " &this.visible => BigInt,
    ", " &this.hidden => BigInt,
    ") ON CONFLICT (endpoint_id, resource_type) DO UPDATE SET visible = known.visible + excluded.visible, \
     hidden = known.hidden + excluded.hidden RETURNING hidden",
));

/// Takes the next number of an endpoint's change log, and ticks its milestones.
pub(crate) struct Number<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) ticks: Ticks,
}
on_both!(Number: |this, out| {
    number(this.endpoint, &this.ticks, out.reborrow())?;
    sql!(out: " RETURNING last_change")
});

/// Adds index keys to a resource.
pub(crate) struct AddKeys<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) resource_type: &'a str,
    pub(crate) id: &'a str,
    pub(crate) keys: &'a Keys,
}
statement!(AddKeys on PgConnection);

impl QueryFragment<Pg> for AddKeys<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        sql!(out:
            "WITH k AS (INSERT INTO resource_keys (endpoint_id, resource_type, attribute, value_key, resource_id, is_unique) SELECT " self.endpoint => Text,
            ", " self.resource_type => Text,
            ", x.attribute, x.value_key, " self.id => Text,
            ", x.is_unique FROM unnest(" &self.keys.attributes => Array<Text>,
            ", " &self.keys.values => Array<Text>,
            ", " &self.keys.unique => Array<Bool>,
            ") AS x (attribute, value_key, is_unique) RETURNING 1) SELECT count(*) FROM k",
        )
    }
}
