//! A record of the store as a client sees it.

use std::borrow::Cow;

use endpoint_store::StoreError;
use endpoint_store::directory::{Link, Record, Wanted};
use scim_core::json;
use scim_core::meta::Meta;
use scim_core::project::{Projection, render};
use scim_core::relation::Link as Shown;
use scim_core::schema::{Catalog, ResourceType};
use scim_core::splice::{Parts, Splice};
use serde_json::{Map, Value};

use super::Exchange;

/// How the records of one request are shown.
pub(super) struct View<'a> {
    catalog: &'a Catalog,
    base: &'a str,
    rt: &'a ResourceType,
    projection: Cow<'a, Projection>,
    /// For answers that show everything as it is kept.
    splice: Option<Splice<'a>>,
}

impl<'a> View<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        base: &'a str,
        rt: &'a ResourceType,
        projection: Cow<'a, Projection>,
    ) -> Self {
        let splice = (rt.shown_as_kept && projection.is_all()).then(|| Splice::of(rt));
        Self { catalog, base, rt, projection, splice }
    }

    pub(super) fn of(exchange: &'a Exchange, rt: &'a ResourceType, projection: Projection) -> Self {
        Self::new(&exchange.endpoint().catalog, &exchange.base, rt, Cow::Owned(projection))
    }

    /// Which rows the answer shows: what it does not show is not read.
    pub(super) fn wanted(&self) -> Wanted {
        let relation = self.rt.relation.as_deref().is_some_and(|name| self.projection.wants(name));
        Wanted { relation, memberships: self.projection.wants("groups") }
    }

    pub(super) fn location(&self, id: &str) -> String {
        [self.base, "/", &self.rt.endpoint, "/", id].concat()
    }

    /// Writes the resource with what the request asked for.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub(super) fn write(&self, record: &Record, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let Some(splice) = &self.splice else {
            out.extend_from_slice(&json::write(&Value::Object(self.show(record)?)));
            return Ok(());
        };
        let parts = Parts {
            kept: &record.kept,
            id: &record.id,
            created: record.created_at,
            last_modified: record.modified_at,
            version: &record.etag(),
            location: &self.location(&record.id),
            links: &self.links(record),
        };
        splice.write(&parts, out);
        Ok(())
    }

    /// The resource with what the request asked for.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub(super) fn show(&self, record: &Record) -> Result<Map<String, Value>, StoreError> {
        let value = |links: Vec<Shown<'_>>| links.iter().map(Shown::to_value).collect();
        let links = self.links(record).into_iter().map(|(name, links)| (name.to_owned(), value(links)));
        Ok(render(self.rt, record.resource()?, &self.meta(record), links.collect(), &self.projection))
    }

    fn meta(&self, record: &Record) -> Meta {
        Meta {
            version: record.etag(),
            location: self.location(&record.id),
            id: record.id.clone(),
            created: record.created_at,
            last_modified: record.modified_at,
        }
    }

    fn links<'r>(&'r self, record: &'r Record) -> Vec<(&'r str, Vec<Shown<'r>>)> {
        let mut all = Vec::new();
        if let (Some(name), Some(members)) = (&self.rt.relation, &record.relation) {
            let member = |link: &'r Link| self.link(link, &link.resource_type);
            all.push((name.as_str(), members.iter().map(member).collect()));
        }
        if let Some(groups) = &record.memberships {
            // Its type tells how the membership came about (RFC 7643 §4.1.2).
            let group = |link| self.link(link, if link.direct { "direct" } else { "indirect" });
            all.push(("groups", groups.iter().map(group).collect()));
        }
        all
    }

    fn link<'r>(&self, link: &'r Link, kind: &'r str) -> Shown<'r> {
        let rt = self.catalog.by_name(&link.resource_type);
        let location = rt.map(|rt| format!("{}/{}/{}", self.base, rt.endpoint, link.id));
        Shown { value: &link.id, location, kind: Some(kind), display: Some(&link.name) }
    }
}

/// What `attributes` and `excludedAttributes` ask for.
pub(super) fn projection(exchange: &Exchange, rt: &ResourceType) -> Result<Projection, scim_core::ScimError> {
    Projection::parse(rt, exchange.query.get("attributes"), exchange.query.get("excludedAttributes"))
}
