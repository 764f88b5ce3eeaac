//! The overview of endpoints: searched, filtered, sorted and paged by the database, with a fixed number of queries.

use diesel::prelude::*;
use scim_core::fold::fold;

use super::list::{spellings_of, summaries, tenants};
use super::{Endpoint, EndpointSummary, Row, Status};
use crate::conn::Conn;
use crate::error::StoreError;
use crate::health::{self, HourOf};
use crate::ids::Millis;
use crate::operators::Reach;
use crate::schema::{endpoint_health, endpoint_slugs, endpoints, resource_counts};
use crate::settings::Idp;

/// In which state or condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Active,
    /// It asks to come back later.
    Paused,
    /// It is switched off.
    Disabled,
    /// It answers, and nothing came for much longer than usual.
    Silent,
    /// It answers, and too much goes wrong.
    Failing,
    /// It answers, and nothing has come yet.
    Unheard,
}

impl State {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Silent, Self::Failing, Self::Unheard, Self::Paused, Self::Disabled];

    /// Its word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Silent => "silent",
            Self::Failing => "failing",
            Self::Unheard => "unheard",
        }
    }

    /// The state of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What the lines are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Name, A to Z first.
    #[default]
    Name,
    /// When it was last heard.
    Heard,
    /// What went wrong in the last 24 hours.
    Errors,
    /// Users that SCIM shows.
    Users,
}

/// Which endpoints, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Name, tenant or address (also a former one) starts with this.
    pub search: String,
    /// Of this tenant, compared without case.
    pub tenant: Option<String>,
    /// For this identity provider.
    pub idp: Option<Idp>,
    /// In this state.
    pub state: Option<State>,
    /// By what they are ordered.
    pub sort: Sort,
    /// The other way round.
    pub down: bool,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// The endpoint, with counts and times.
    pub summary: EndpointSummary,
    /// Its last 24 hours, the oldest first; none when nothing came.
    pub hours: Vec<HourOf>,
}

/// One page of the endpoints that somebody sees and that are wanted, and how many there are in all.
///
/// # Errors
/// As [`crate::Store::read`].
pub fn overview(
    conn: &mut Conn,
    reach: &Reach,
    wanted: &Wanted,
    (offset, limit): (i64, i64),
    now: Millis,
) -> Result<(Vec<Line>, i64), StoreError> {
    let within = reach.spellings(conn)?;
    let from = fold(&wanted.search);
    let to = format!("{from}\u{10FFFF}");
    let like = tenants(conn, &from)?;
    let of_tenant = wanted.tenant.as_deref().map(|tenant| spellings_of(conn, tenant)).transpose()?;
    macro_rules! matching {
        ($source:expr) => {{
            let mut q = $source.filter(endpoints::deleted_at.is_null()).into_boxed();
            for tenants in [&within, &of_tenant].into_iter().flatten() {
                let own = endpoints::tenant.assume_not_null().eq_any(tenants.clone());
                q = q.filter(endpoints::tenant.is_not_null().and(own));
            }
            if !from.is_empty() {
                let slugs = endpoint_slugs::table
                    .filter(endpoint_slugs::slug.ge(from.clone()))
                    .filter(endpoint_slugs::slug.le(to.clone()))
                    .select(endpoint_slugs::endpoint_id);
                let name = endpoints::name_key.ge(from.clone()).and(endpoints::name_key.le(to.clone()));
                let tenant = endpoints::tenant
                    .is_not_null()
                    .and(endpoints::tenant.assume_not_null().eq_any(like.clone()));
                q = q.filter(name.or(endpoints::id.eq_any(slugs)).or(tenant));
            }
            if let Some(idp) = wanted.idp {
                q = q.filter(endpoints::idp.eq(idp.as_str()));
            }
            match wanted.state {
                None => q,
                Some(State::Paused) => q.filter(endpoints::status.eq(Status::Paused.as_str())),
                Some(State::Disabled) => q.filter(endpoints::status.eq(Status::Disabled.as_str())),
                Some(state) => {
                    let q = q.filter(endpoints::status.eq(Status::Active.as_str()));
                    match state {
                        State::Silent => q.filter(endpoint_health::silent_at.le(now)),
                        State::Failing => q.filter(endpoint_health::failing_since.is_not_null()),
                        State::Unheard => q.filter(endpoint_health::last_heard.is_null()),
                        _ => q,
                    }
                }
            }
        }};
    }
    macro_rules! page {
        ($source:expr, $order:expr) => {
            matching!($source)
                .order($order)
                .limit(limit)
                .offset(offset)
                .select(Row::as_select())
                .load::<Row>(conn)?
        };
    }
    macro_rules! both_ways {
        ($source:expr, $key:expr) => {
            // What is not known comes last, whichever way.
            if wanted.down {
                page!($source, ($key.is_null(), $key.desc(), endpoints::name_key, endpoints::id))
            } else {
                page!($source, ($key.is_null(), $key.asc(), endpoints::name_key, endpoints::id))
            }
        };
    }
    let all = endpoints::table.inner_join(endpoint_health::table);
    let total: i64 = matching!(all).count().get_result(conn)?;
    let users =
        all.left_join(resource_counts::table.on(
            resource_counts::endpoint_id.eq(endpoints::id).and(resource_counts::resource_type.eq("User")),
        ));
    let rows = match (wanted.sort, wanted.down) {
        (Sort::Name, false) => page!(all, (endpoints::name_key.asc(), endpoints::id.asc())),
        (Sort::Name, true) => page!(all, (endpoints::name_key.desc(), endpoints::id.desc())),
        (Sort::Heard, _) => {
            both_ways!(all, endpoint_health::last_heard)
        }
        (Sort::Errors, _) => {
            both_ways!(all, endpoint_health::refused)
        }
        (Sort::Users, _) => both_ways!(users, resource_counts::visible.nullable()),
    };
    let endpoints = rows.into_iter().map(Endpoint::try_from).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<String> = endpoints.iter().map(|endpoint| endpoint.id.as_str().to_owned()).collect();
    let mut days = health::days(conn, &ids, now)?;
    let line = |summary: EndpointSummary| Line {
        hours: days.remove(summary.endpoint.id.as_str()).unwrap_or_default(),
        summary,
    };
    Ok((summaries(conn, endpoints)?.into_iter().map(line).collect(), total))
}
