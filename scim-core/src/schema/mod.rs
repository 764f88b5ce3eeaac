//! Schemas, resource types and the catalog of them (RFC 7643 §6 and §7).
//!
//! A schema is one JSON document: it is served as it stands and parsed into [`Attribute`]s that
//! everything else obeys. User and Group are data to the same code; so is any schema to come.

mod builtin;
mod custom;
mod model;
mod resource_type;

use std::sync::{Arc, LazyLock};

pub use model::{Attribute, AttributeType, Mutability, Returned, Schema, SchemaError, Uniqueness};
pub use resource_type::{Extension, Resolved, ResourceType};

/// The resource types of an endpoint and their schemas. Cheap to clone and a plain value, so
/// that each endpoint can have its own.
#[derive(Debug, Clone)]
pub struct Catalog {
    resource_types: Vec<Arc<ResourceType>>,
    schemas: Vec<Arc<Schema>>,
}

impl Catalog {
    /// User (with the enterprise extension) and Group.
    #[must_use]
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: LazyLock<Arc<Catalog>> =
            LazyLock::new(|| Arc::new(Catalog::new(builtin::resource_types())));
        Arc::clone(&BUILTIN)
    }

    /// A catalog of these types and of the schemas they use.
    #[must_use]
    pub fn new(resource_types: Vec<Arc<ResourceType>>) -> Self {
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        for resource_type in &resource_types {
            for schema in resource_type.schemas() {
                if !schemas.iter().any(|known| known.id == schema.id) {
                    schemas.push(Arc::clone(schema));
                }
            }
        }
        Self { resource_types, schemas }
    }

    /// All resource types, in the order they are served.
    #[must_use]
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The type behind a URL segment such as `Users`, in any case.
    #[must_use]
    pub fn by_endpoint(&self, segment: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.endpoint.eq_ignore_ascii_case(segment))
    }

    /// The type of this name (`User`), in any case.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|resource_type| resource_type.name.eq_ignore_ascii_case(name))
    }

    /// All schemas, each once.
    #[must_use]
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// The schema of this URN, in any case; old URNs find it too, unless a schema is really
    /// called so.
    #[must_use]
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        let exact = |schema: &&Arc<Schema>| schema.id.eq_ignore_ascii_case(urn);
        let alias = |schema: &&Arc<Schema>| schema.is_named(urn);
        let schemas = &self.schemas;
        schemas.iter().find(exact).or_else(|| schemas.iter().find(alias))
    }
}
