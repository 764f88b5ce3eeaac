//! A record of the store as a client sees it.

use endpoint_store::directory::{Link, Record, Wanted};
use scim_core::meta::Meta;
use scim_core::project::{Projection, render};
use scim_core::relation::Reference;
use scim_core::schema::{Catalog, ResourceType};
use serde_json::{Map, Value};

use super::Exchange;

/// How the records of one request are shown.
pub(super) struct View<'a> {
    catalog: &'a Catalog,
    base: &'a str,
    rt: &'a ResourceType,
    projection: Projection,
}

impl<'a> View<'a> {
    pub(super) fn new(
        catalog: &'a Catalog,
        base: &'a str,
        rt: &'a ResourceType,
        projection: Projection,
    ) -> Self {
        Self { catalog, base, rt, projection }
    }

    pub(super) fn of(exchange: &'a Exchange, rt: &'a ResourceType, projection: Projection) -> Self {
        Self::new(&exchange.endpoint().catalog, &exchange.base, rt, projection)
    }

    /// Which rows the answer shows: what it does not show is not read.
    pub(super) fn wanted(&self) -> Wanted {
        let relation = self.rt.relation.as_deref().is_some_and(|name| self.projection.wants(name));
        Wanted { relation, memberships: self.projection.wants("groups") }
    }

    pub(super) fn location(&self, id: &str) -> String {
        format!("{}/{}/{id}", self.base, self.rt.endpoint)
    }

    /// The resource with what the request asked for.
    pub(super) fn show(&self, record: Record) -> Map<String, Value> {
        let meta = Meta {
            version: record.etag(),
            location: self.location(&record.id),
            id: record.id,
            created: record.created_at,
            last_modified: record.modified_at,
        };
        let mut links = Vec::new();
        if let (Some(name), Some(members)) = (&self.rt.relation, record.relation) {
            links.push((name.clone(), members.into_iter().map(|link| self.member(link)).collect()));
        }
        if let Some(groups) = record.memberships {
            links.push(("groups".to_owned(), groups.into_iter().map(|link| self.group(link)).collect()));
        }
        render(self.rt, record.resource, &meta, links, &self.projection)
    }

    fn member(&self, link: Link) -> Value {
        let location = self.reference(&link);
        let kind = Some(link.resource_type);
        Reference { value: link.id, kind, display: Some(link.name) }.into_value(location)
    }

    /// An element of `groups` (RFC 7643 §4.1.2): its type tells how the membership came about.
    fn group(&self, link: Link) -> Value {
        let location = self.reference(&link);
        let kind = Some(if link.direct { "direct" } else { "indirect" }.to_owned());
        Reference { value: link.id, kind, display: Some(link.name) }.into_value(location)
    }

    fn reference(&self, link: &Link) -> Option<String> {
        let rt = self.catalog.by_name(&link.resource_type)?;
        Some(format!("{}/{}/{}", self.base, rt.endpoint, link.id))
    }
}

/// What `attributes` and `excludedAttributes` ask for.
pub(super) fn projection(exchange: &Exchange, rt: &ResourceType) -> Result<Projection, scim_core::ScimError> {
    Projection::parse(rt, exchange.query.get("attributes"), exchange.query.get("excludedAttributes"))
}
