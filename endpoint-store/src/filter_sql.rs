//! How far a filter can be answered by an index.
//!
//! What an index finds is a superset of what matches, and is then judged by
//! [`Filter::matches`](scim_core::filter::Filter::matches), unless the index compares exactly as the filter does: keys are
//! folded by the same function. The answer never depends on what the database thinks of case, wildcards or collation.

use diesel::prelude::*;
use scim_core::filter::{CompareOp, Filter, Literal};
use scim_core::fold::fold;
use scim_core::index::{self, IndexKey};
use scim_core::path::AttrPath;
use scim_core::schema::{Resolved, ResourceType};

use crate::conn::Conn;
use crate::endpoints::EndpointId;
use crate::error::StoreError;
use crate::schema::{members, resource_keys, resources};

/// So few candidates are judged one by one rather than narrowed by another term.
const FEW: usize = 100;

/// Which resources can match.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Candidates {
    /// Only these, in the order of ids, each once.
    Ids {
        ids: Vec<String>,
        /// All of them match, except hidden ones.
        exact: bool,
    },
    /// Any.
    All,
}

/// Whether the candidates are few whatever the size of the directory: some value is equal to one that an index has.
pub(crate) fn is_narrow(rt: &ResourceType, filter: &Filter) -> bool {
    match filter {
        Filter::Compare { path, op: CompareOp::Eq, value } => {
            let text = value.as_text().unwrap_or_default();
            let resolved = rt.resolve(path);
            resolved.is_some_and(|resolved| resolved.canonical() == "id")
                || index::lookup(rt, path, &text).is_some()
        }
        Filter::ValuePath { path, filter } => {
            qualified(path, filter).is_some_and(|inner| is_narrow(rt, &inner))
        }
        Filter::And(terms) => terms.iter().any(|term| is_narrow(rt, term)),
        Filter::Or(terms) => terms.iter().all(|term| is_narrow(rt, term)),
        _ => false,
    }
}

/// The key that all matches of a filter have and nothing else has, if it asks for one value of an indexed attribute.
pub(crate) fn one_key(rt: &ResourceType, filter: &Filter) -> Option<IndexKey> {
    let Filter::Compare { path, op: CompareOp::Eq, value } = filter else { return None };
    let resolved = rt.resolve(path)?;
    if rt.is_relation(&resolved) || rt.state.as_ref().is_some_and(|state| resolved.canonical() == *state) {
        return None;
    }
    index::lookup(rt, path, &value.as_text()?)
}

/// Finds the resources that can match; more than `most` of them count as any.
pub(crate) fn candidates(
    conn: &mut Conn,
    endpoint: &EndpointId,
    rt: &ResourceType,
    filter: &Filter,
    most: usize,
) -> Result<Candidates, StoreError> {
    Index { conn, endpoint, rt, most }.find(filter)
}

struct Index<'a> {
    conn: &'a mut Conn,
    endpoint: &'a EndpointId,
    rt: &'a ResourceType,
    most: usize,
}

impl Index<'_> {
    fn find(&mut self, filter: &Filter) -> Result<Candidates, StoreError> {
        match filter {
            Filter::Compare { path, op, value } => self.compare(path, *op, value),
            Filter::ValuePath { path, filter } => {
                // emails[value eq "x"]: the element's sub-attributes are attributes of the path.
                let Some(inner) = qualified(path, filter) else { return Ok(Candidates::All) };
                let found = self.find(&inner)?;
                // Of several terms each may hold for another element.
                Ok(if matches!(inner, Filter::And(_)) { found.roughly() } else { found })
            }
            Filter::And(terms) => self.all_of(terms),
            Filter::Or(terms) => self.any_of(terms),
            Filter::Not(_) | Filter::Present(_) => Ok(Candidates::All),
        }
    }

    /// The narrowest terms first, and no further than needed.
    fn all_of(&mut self, terms: &[Filter]) -> Result<Candidates, StoreError> {
        let (narrow, wide): (Vec<&Filter>, Vec<&Filter>) =
            terms.iter().partition(|term| is_narrow(self.rt, term));
        let mut all = Candidates::All;
        let mut left = terms.len();
        for term in narrow.into_iter().chain(wide) {
            if matches!(&all, Candidates::Ids { ids, .. } if ids.len() <= FEW) {
                break;
            }
            let found = self.find(term)?;
            all = if left == terms.len() { found } else { all.and(found) };
            left -= 1;
        }
        Ok(if left == 0 { all } else { all.roughly() })
    }

    /// A disjunction is as wide as its widest term.
    fn any_of(&mut self, terms: &[Filter]) -> Result<Candidates, StoreError> {
        let (mut all, mut all_exact) = (Vec::new(), true);
        for term in terms {
            match self.find(term)? {
                Candidates::Ids { ids, exact } => {
                    all.extend(ids);
                    all_exact &= exact;
                }
                Candidates::All => return Ok(Candidates::All),
            }
        }
        Ok(self.found(all, all_exact))
    }

    fn compare(&mut self, path: &AttrPath, op: CompareOp, value: &Literal) -> Result<Candidates, StoreError> {
        let Some(resolved) = self.rt.resolve(path) else { return Ok(Candidates::All) };
        if self.rt.state.as_ref().is_some_and(|state| resolved.canonical() == *state) {
            return self.in_use(op, value);
        }
        let Some(text) = value.as_text() else { return Ok(Candidates::All) };
        if self.rt.is_relation(&resolved) && resolved.sub.is_none_or(|sub| sub.name == "value") {
            return self.holding(op, &text);
        }
        match resolved.canonical().as_str() {
            "id" if op == CompareOp::Eq => Ok(self.found(vec![text.into_owned()], false)),
            "meta.lastModified" | "meta.created" => self.at(&resolved, op, &text),
            _ => self.keyed(path, op, &text),
        }
    }

    /// By the keys of an indexed attribute.
    fn keyed(&mut self, path: &AttrPath, op: CompareOp, text: &str) -> Result<Candidates, StoreError> {
        let Some(key) = index::lookup(self.rt, path, text) else { return Ok(Candidates::All) };
        let start = index::beginning(&key.key).to_owned();
        let whole = start.len() == key.key.len();
        let keys = resource_keys::table
            .filter(resource_keys::endpoint_id.eq(self.endpoint.as_str()))
            .filter(resource_keys::resource_type.eq(&self.rt.name))
            .filter(resource_keys::attribute.eq(&key.attribute))
            .select(resource_keys::resource_id);
        let value = resource_keys::value_key;
        let end = format!("{start}\u{10FFFF}");
        let limit = self.limit();
        let ids = match op {
            CompareOp::Eq => {
                keys.filter(value.eq(&key.key)).order(resource_keys::resource_id).load(self.conn)?
            }
            CompareOp::Sw => {
                keys.filter(value.ge(start)).filter(value.le(end)).limit(limit).load(self.conn)?
            }
            CompareOp::Ge => keys.filter(value.ge(start)).limit(limit).load(self.conn)?,
            CompareOp::Gt if whole => keys.filter(value.gt(start)).limit(limit).load(self.conn)?,
            CompareOp::Gt => keys.filter(value.ge(start)).limit(limit).load(self.conn)?,
            CompareOp::Lt if whole => keys.filter(value.lt(start)).limit(limit).load(self.conn)?,
            CompareOp::Le if whole => keys.filter(value.le(start)).limit(limit).load(self.conn)?,
            CompareOp::Lt | CompareOp::Le => keys.filter(value.le(end)).limit(limit).load(self.conn)?,
            CompareOp::Ne | CompareOp::Co | CompareOp::Ew => return Ok(Candidates::All),
        };
        Ok(self.found(ids, whole || op == CompareOp::Eq))
    }

    /// Groups that hold a member.
    fn holding(&mut self, op: CompareOp, member: &str) -> Result<Candidates, StoreError> {
        if op != CompareOp::Eq {
            return Ok(Candidates::All);
        }
        let ids = members::table
            .filter(members::endpoint_id.eq(self.endpoint.as_str()))
            // Ids are made in small letters, and `value` is compared without case.
            .filter(members::member_id.eq(fold(member)))
            .select(members::group_id)
            .load(self.conn)?;
        Ok(self.found(ids, true))
    }

    /// By the time of the last change, or of the first.
    fn at(&mut self, resolved: &Resolved<'_>, op: CompareOp, text: &str) -> Result<Candidates, StoreError> {
        let Some(at) = scim_core::time::parse(text) else { return Ok(Candidates::All) };
        let changed = resolved.sub.is_some_and(|sub| sub.name == "lastModified");
        macro_rules! compared {
            ($column:expr, $all:expr) => {{
                let (column, all) = ($column, $all);
                match op {
                    CompareOp::Eq => all.filter(column.eq(at)).load(self.conn)?,
                    CompareOp::Gt => all.filter(column.gt(at)).load(self.conn)?,
                    CompareOp::Ge => all.filter(column.ge(at)).load(self.conn)?,
                    CompareOp::Lt => all.filter(column.lt(at)).load(self.conn)?,
                    CompareOp::Le => all.filter(column.le(at)).load(self.conn)?,
                    _ => return Ok(Candidates::All),
                }
            }};
        }
        let limit = self.limit();
        let ids = match changed {
            true => compared!(resources::modified_at, ids_of(self.endpoint, self.rt).limit(limit)),
            false => compared!(resources::created_at, ids_of(self.endpoint, self.rt).limit(limit)),
        };
        Ok(self.found(ids, true))
    }

    /// By the state attribute.
    fn in_use(&mut self, op: CompareOp, value: &Literal) -> Result<Candidates, StoreError> {
        let (CompareOp::Eq, Literal::Bool(active)) = (op, value) else { return Ok(Candidates::All) };
        let limit = self.limit();
        let all = ids_of(self.endpoint, self.rt).limit(limit);
        let ids = match active {
            // A condition without variable, as the index has it.
            false => {
                let idle = diesel::dsl::sql::<diesel::sql_types::Bool>(&crate::dialect::not_in_use(
                    self.conn,
                    "resources",
                ));
                all.filter(idle).load(self.conn)?
            }
            true => all.filter(resources::active.eq(true)).load(self.conn)?,
        };
        // Without the attribute a resource is in use, but has no value that were equal.
        Ok(self.found(ids, !active))
    }

    fn limit(&self) -> i64 {
        i64::try_from(self.most).unwrap_or(i64::MAX).saturating_add(1)
    }

    fn found(&self, mut ids: Vec<String>, exact: bool) -> Candidates {
        if ids.len() > self.most {
            return Candidates::All;
        }
        ids.sort_unstable();
        ids.dedup();
        Candidates::Ids { ids, exact }
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn ids_of<'a>(endpoint: &'a EndpointId, rt: &'a ResourceType) -> _ {
    let endpoint: &'a str = endpoint.as_str();
    let kind: &'a str = rt.name.as_str();
    resources::table
        .filter(resources::endpoint_id.eq(endpoint))
        .filter(resources::resource_type.eq(kind))
        .select(resources::id)
}

impl Candidates {
    /// Those that are in both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, found) | (found, Self::All) => found.roughly(),
            (Self::Ids { mut ids, exact }, Self::Ids { ids: others, exact: also }) => {
                ids.retain(|id| others.binary_search(id).is_ok());
                Self::Ids { ids, exact: exact && also }
            }
        }
    }

    /// The same, of which some may not match.
    fn roughly(self) -> Self {
        match self {
            Self::Ids { ids, .. } => Self::Ids { ids, exact: false },
            Self::All => Self::All,
        }
    }
}

/// The filter of a value path with its paths made absolute; `None` when that loses nothing but help.
fn qualified(path: &AttrPath, filter: &Filter) -> Option<Filter> {
    match filter {
        Filter::Compare { path: inner, op, value } if inner.sub.is_none() => {
            let full = AttrPath { sub: Some(inner.name.clone()), ..path.clone() };
            Some(Filter::Compare { path: full, op: *op, value: value.clone() })
        }
        // Each term of a conjunction holds for the resource when it holds for the element.
        Filter::And(terms) => Some(Filter::And(terms.iter().filter_map(|t| qualified(path, t)).collect())),
        Filter::Or(terms) => {
            terms.iter().map(|t| qualified(path, t)).collect::<Option<Vec<_>>>().map(Filter::Or)
        }
        _ => None,
    }
}

/// Whether a filter looks at an attribute that `is` the one.
pub(crate) fn mentions(filter: &Filter, is: &dyn Fn(&AttrPath) -> bool) -> bool {
    match filter {
        Filter::And(terms) | Filter::Or(terms) => terms.iter().any(|t| mentions(t, is)),
        Filter::Not(inner) => mentions(inner, is),
        Filter::Compare { path, .. } | Filter::Present(path) | Filter::ValuePath { path, .. } => is(path),
    }
}
