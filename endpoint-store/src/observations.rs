//! What was noticed in an endpoint's traffic: evidence for its operator.

use diesel::prelude::*;
use scim_core::dialect::Rule;

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::schema::{endpoints, observations};
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

/// Where something can be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Example {
    /// The request that it was noticed in.
    pub request_id: String,
    /// What a value looked like that was left out, as [`scim_core::shape::Shape`] writes it; never the value.
    pub shape: String,
}

/// Something that was noticed once or more, and is not written yet.
pub(crate) struct Noticed {
    pub(crate) tally: Tally,
    pub(crate) example: Example,
}

impl Noticed {
    pub(crate) fn add(&mut self, other: Self) {
        if other.tally.last.at >= self.tally.last.at {
            let Example { request_id, shape } = other.example;
            let keep = |known: &mut String, new: String| {
                if !new.is_empty() {
                    *known = new;
                }
            };
            keep(&mut self.example.request_id, request_id);
            keep(&mut self.example.shape, shape);
        }
        self.tally.add(other.tally);
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
    /// An example, the last one; empty for what was noticed by a former release.
    pub example: Example,
}

/// All that was noticed at an endpoint, the most frequent first. What a former release noticed and this one does
/// not know is left out.
pub fn list(conn: &mut Conn, endpoint: &EndpointId) -> Result<Vec<Observation>, StoreError> {
    type Row = (String, String, i64, i64, i64, String, String, String);
    let rows: Vec<Row> = observations::table
        .filter(observations::endpoint_id.eq(endpoint.as_str()))
        .order((observations::hits.desc(), observations::name))
        .select((
            observations::kind,
            observations::name,
            observations::hits,
            observations::first_at,
            observations::last_at,
            observations::last_request,
            observations::request_id,
            observations::shape,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(kind, name, hits, first_at, last_at, last_request, request_id, shape)| {
            let what = Observed::parse(&kind, &name)?;
            let example = Example { request_id, shape };
            Some(Observation { what, hits, first_at, last_at, last_request, example })
        })
        .collect())
}

/// Fewer calls than these may be somebody trying things out.
const ENOUGH: i64 = 3;

/// The provider that calls look like, if it is another one than `own`, with the number of its calls.
pub fn stranger_among(own: Idp, seen: &[(Idp, i64)]) -> Option<(Idp, i64)> {
    let of_own = seen.iter().find(|(idp, _)| *idp == own).map_or(0, |(_, hits)| *hits);
    let others = seen.iter().filter(|(idp, _)| *idp != own).copied();
    others.max_by_key(|(_, hits)| *hits).filter(|(_, hits)| *hits >= ENOUGH && *hits > of_own)
}

/// The same for an endpoint, from what was noticed there.
pub(crate) fn stranger(conn: &mut Conn, endpoint: &EndpointId) -> Result<Option<Idp>, StoreError> {
    let rows: Vec<(String, i64)> = observations::table
        .filter(observations::endpoint_id.eq(endpoint.as_str()))
        .filter(observations::kind.eq("idp"))
        .select((observations::name, observations::hits))
        .load(conn)?;
    let seen: Vec<(Idp, i64)> =
        rows.into_iter().filter_map(|(name, hits)| Some((name.parse().ok()?, hits))).collect();
    if seen.is_empty() {
        return Ok(None);
    }
    let own: String = endpoints::table
        .filter(endpoints::id.eq(endpoint.as_str()))
        .select(endpoints::idp)
        .get_result(conn)?;
    let own: Idp = own.parse().map_err(StoreError::Damaged)?;
    Ok(stranger_among(own, &seen).map(|(idp, _)| idp))
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
    noticed: &Noticed,
) -> Result<(), StoreError> {
    let Noticed { tally, example } = noticed;
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
        observations::request_id.eq(&example.request_id),
        observations::shape.eq(&example.shape),
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
            observations::request_id.eq(&example.request_id),
            observations::shape.eq(&example.shape),
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

#[cfg(test)]
mod tests {
    use super::stranger_among;
    use crate::settings::Idp::{Entra, Okta, OneLogin};

    #[test]
    fn a_few_calls_are_no_stranger_and_neither_is_the_minority() {
        assert_eq!(stranger_among(OneLogin, &[]), None);
        assert_eq!(stranger_among(OneLogin, &[(Entra, 2)]), None);
        assert_eq!(stranger_among(OneLogin, &[(OneLogin, 900)]), None);
        assert_eq!(stranger_among(OneLogin, &[(OneLogin, 3), (Entra, 3)]), None);
        assert_eq!(stranger_among(OneLogin, &[(OneLogin, 2), (Okta, 1), (Entra, 3)]), Some((Entra, 3)));
    }
}
