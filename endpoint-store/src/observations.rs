//! What was noticed in an endpoint's traffic: evidence for its operator.

use diesel::prelude::*;
use scim_core::dialect::Rule;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::observations;
use crate::settings::Idp;
use crate::usage::Tally;
use crate::writer::Tx;

/// Different dropped attributes that are remembered per endpoint: their names are the client's.
const MOST_DROPPED: i64 = 200;

/// One thing that can be noticed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Observed {
    /// A tolerance was needed.
    Rule(Rule),
    /// An attribute was left out, because the schema does not know it or it may not be written.
    Dropped(String),
    /// The request looks like this identity provider's.
    LooksLike(Idp),
}

impl Observed {
    fn kind(&self) -> &'static str {
        match self {
            Self::Rule(_) => "rule",
            Self::Dropped(_) => "dropped",
            Self::LooksLike(_) => "idp",
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Rule(rule) => rule.name(),
            Self::Dropped(path) => path,
            Self::LooksLike(idp) => idp.as_str(),
        }
    }

    fn parse(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "rule" => Rule::by_name(name).map(Self::Rule),
            "dropped" => Some(Self::Dropped(name.to_owned())),
            "idp" => name.parse().ok().map(Self::LooksLike),
            _ => None,
        }
    }
}

/// How often something was noticed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What.
    pub what: Observed,
    /// How often.
    pub hits: i64,
    /// For the first time.
    pub first_at: Millis,
    /// For the last time.
    pub last_at: Millis,
    /// Method and path of the last request.
    pub last_request: String,
}

/// All that was noticed at an endpoint, the most frequent first. What a former release noticed and this one does
/// not know is left out.
pub fn list(conn: &mut Conn, endpoint: &EndpointId) -> Result<Vec<Observation>, StoreError> {
    let rows: Vec<(String, String, i64, i64, i64, String)> = observations::table
        .filter(observations::endpoint_id.eq(endpoint.as_str()))
        .order((observations::hits.desc(), observations::name))
        .select((
            observations::kind,
            observations::name,
            observations::hits,
            observations::first_at,
            observations::last_at,
            observations::last_request,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(kind, name, hits, first_at, last_at, last_request)| {
            let what = Observed::parse(&kind, &name)?;
            Some(Observation { what, hits, first_at, last_at, last_request })
        })
        .collect())
}

/// Which identity providers the traffic of every endpoint looks like: endpoint, provider, requests.
pub(crate) fn likenesses(conn: &mut Conn) -> Result<Vec<(String, Idp, i64)>, StoreError> {
    let rows: Vec<(String, String, i64)> = observations::table
        .filter(observations::kind.eq("idp"))
        .select((observations::endpoint_id, observations::name, observations::hits))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(id, name, hits)| Some((id, name.parse().ok()?, hits))).collect())
}

/// Forgets what was noticed, as after a change of the settings it speaks about.
pub fn forget(tx: &mut Tx<'_>, endpoint: &EndpointId) -> Result<(), StoreError> {
    diesel::delete(observations::table.filter(observations::endpoint_id.eq(endpoint.as_str())))
        .execute(&mut **tx)?;
    Ok(())
}

pub(crate) fn write(
    tx: &mut Tx<'_>,
    endpoint: &EndpointId,
    what: &Observed,
    tally: &Tally,
) -> Result<(), StoreError> {
    let updated = diesel::update(
        observations::table
            .filter(observations::endpoint_id.eq(endpoint.as_str()))
            .filter(observations::kind.eq(what.kind()))
            .filter(observations::name.eq(what.name())),
    )
    .set((
        observations::hits.eq(observations::hits + tally.count),
        observations::last_at.eq(tally.last.at),
        observations::last_request.eq(&tally.last.request),
    ))
    .execute(&mut **tx)?;
    if updated > 0 || (matches!(what, Observed::Dropped(_)) && is_full(tx, endpoint)?) {
        return Ok(());
    }
    diesel::insert_into(observations::table)
        .values((
            observations::endpoint_id.eq(endpoint.as_str()),
            observations::kind.eq(what.kind()),
            observations::name.eq(what.name()),
            observations::hits.eq(tally.count),
            observations::first_at.eq(tally.first().at),
            observations::last_at.eq(tally.last.at),
            observations::last_request.eq(&tally.last.request),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn is_full(conn: &mut Conn, endpoint: &EndpointId) -> Result<bool, StoreError> {
    let dropped: i64 = observations::table
        .filter(observations::endpoint_id.eq(endpoint.as_str()))
        .filter(observations::kind.eq("dropped"))
        .count()
        .get_result(conn)?;
    Ok(dropped >= MOST_DROPPED)
}
