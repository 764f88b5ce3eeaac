//! Which operation a method and a path name. The table is the truth: discovery, `Allow` and the tests that
//! try every route without a token all read it.

use actix_web::http::Method;
use scim_core::error::{Kind, ScimError};
use scim_core::schema::{Catalog, ResourceType};
use std::sync::Arc;

/// What can be done under `/scim/{endpoint}/v2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// GET `/ServiceProviderConfig` (RFC 7644 §4).
    ServiceProviderConfig,
    /// GET `/ResourceTypes`.
    ResourceTypes,
    /// GET `/ResourceTypes/{name}`.
    ResourceType,
    /// GET `/Schemas`.
    Schemas,
    /// GET `/Schemas/{urn}`.
    Schema,
    /// POST `/Bulk` (RFC 7644 §3.7).
    Bulk,
    /// Anything on `/Me` (RFC 7644 §3.11).
    Me,
    /// GET on a resource type or on the base URL (RFC 7644 §3.4.2).
    List,
    /// POST to `.search` there (RFC 7644 §3.4.3).
    Search,
    /// POST on a resource type (RFC 7644 §3.3).
    Create,
    /// GET of one resource (RFC 7644 §3.4.1).
    Get,
    /// PUT (RFC 7644 §3.5.1).
    Replace,
    /// PATCH (RFC 7644 §3.5.2).
    Patch,
    /// DELETE (RFC 7644 §3.6).
    Delete,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::ServiceProviderConfig,
        Self::ResourceTypes,
        Self::ResourceType,
        Self::Schemas,
        Self::Schema,
        Self::Bulk,
        Self::Me,
        Self::List,
        Self::Search,
        Self::Create,
        Self::Get,
        Self::Replace,
        Self::Patch,
        Self::Delete,
    ];

    /// As it is called in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceProviderConfig => "service-provider-config",
            Self::ResourceTypes => "resource-types",
            Self::ResourceType => "resource-type",
            Self::Schemas => "schemas",
            Self::Schema => "schema",
            Self::Bulk => "bulk",
            Self::Me => "me",
            Self::List => "list",
            Self::Search => "search",
            Self::Create => "create",
            Self::Get => "get",
            Self::Replace => "replace",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// Whether a read-only token may do it.
    pub fn is_read(self) -> bool {
        !matches!(self, Self::Bulk | Self::Create | Self::Replace | Self::Patch | Self::Delete)
    }
}

/// The kind of path a route stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A fixed name.
    Named(&'static str),
    /// A fixed name and one of the things listed under it.
    NamedItem(&'static str),
    /// The base URL itself.
    Root,
    /// `/.search`.
    RootSearch,
    /// `/{resource type}/.search`.
    Search,
    /// `/{resource type}`.
    Collection,
    /// `/{resource type}/{id}`.
    Item,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// Where.
    pub shape: Shape,
    /// What.
    pub operation: Operation,
}

const fn route(method: Method, shape: Shape, operation: Operation) -> Route {
    Route { method, shape, operation }
}

/// Every SCIM route.
pub static ROUTES: &[Route] = &[
    route(Method::GET, Shape::Named("ServiceProviderConfig"), Operation::ServiceProviderConfig),
    route(Method::GET, Shape::Named("ResourceTypes"), Operation::ResourceTypes),
    route(Method::GET, Shape::NamedItem("ResourceTypes"), Operation::ResourceType),
    route(Method::GET, Shape::Named("Schemas"), Operation::Schemas),
    route(Method::GET, Shape::NamedItem("Schemas"), Operation::Schema),
    route(Method::POST, Shape::Named("Bulk"), Operation::Bulk),
    route(Method::GET, Shape::Named("Me"), Operation::Me),
    route(Method::POST, Shape::Named("Me"), Operation::Me),
    route(Method::PUT, Shape::Named("Me"), Operation::Me),
    route(Method::PATCH, Shape::Named("Me"), Operation::Me),
    route(Method::DELETE, Shape::Named("Me"), Operation::Me),
    route(Method::GET, Shape::Root, Operation::List),
    route(Method::POST, Shape::RootSearch, Operation::Search),
    route(Method::POST, Shape::Search, Operation::Search),
    route(Method::GET, Shape::Collection, Operation::List),
    route(Method::POST, Shape::Collection, Operation::Create),
    route(Method::GET, Shape::Item, Operation::Get),
    route(Method::PUT, Shape::Item, Operation::Replace),
    route(Method::PATCH, Shape::Item, Operation::Patch),
    route(Method::DELETE, Shape::Item, Operation::Delete),
];

/// What a request is about.
#[derive(Debug, Clone)]
pub(super) enum Target {
    /// A discovery document, or the list of its kind.
    Discovery(Option<String>),
    /// Resources of all types.
    Root,
    /// Resources of a type.
    Collection(Arc<ResourceType>),
    /// One resource.
    Item(Arc<ResourceType>, String),
}

/// Why a request names no operation.
#[derive(Debug)]
pub(super) enum Unrouted {
    /// SCIM has no such path.
    NoPath(ScimError),
    /// The path is right, the method is not; these are allowed.
    NoMethod(ScimError, String),
}

/// The operation of a request; `segments` are those behind `/v2`, decoded and not empty.
///
/// # Errors
/// [`Unrouted`].
pub(super) fn resolve(
    method: &Method,
    segments: &[String],
    catalog: &Catalog,
) -> Result<(Operation, Target), Unrouted> {
    let (shape, target) = place(segments, catalog).ok_or_else(|| no_path(segments, catalog))?;
    let here = || ROUTES.iter().filter(|route| route.shape == shape);
    // HEAD is GET without the body (RFC 9110 §9.3.2).
    let method = if method == Method::HEAD { &Method::GET } else { method };
    if let Some(route) = here().find(|route| route.method == *method) {
        return Ok((route.operation, target));
    }
    let allow: Vec<&str> = here().map(|route| route.method.as_str()).collect();
    let allow = allow.join(", ");
    let detail = format!("{method} is not possible on this path; it takes {allow}.");
    Err(Unrouted::NoMethod(ScimError::new(Kind::MethodNotAllowed, detail), allow))
}

fn place(segments: &[String], catalog: &Catalog) -> Option<(Shape, Target)> {
    let is_search = |segment: &String| segment.eq_ignore_ascii_case(".search");
    let (first, item) = match segments {
        [] => return Some((Shape::Root, Target::Root)),
        [search] if is_search(search) => return Some((Shape::RootSearch, Target::Root)),
        [first, search] if is_search(search) => {
            return Some((Shape::Search, Target::Collection(catalog.by_endpoint(first)?.clone())));
        }
        [first] => (first, None),
        [first, item] => (first, Some(item.clone())),
        _ => return None,
    };
    let fixed = ROUTES.iter().find_map(|route| match (route.shape, &item) {
        (Shape::Named(name), None) | (Shape::NamedItem(name), Some(_))
            if name.eq_ignore_ascii_case(first) =>
        {
            Some(route.shape)
        }
        _ => None,
    });
    if let Some(shape) = fixed {
        return Some((shape, Target::Discovery(item)));
    }
    let rt = catalog.by_endpoint(first)?.clone();
    Some(match item {
        None => (Shape::Collection, Target::Collection(rt)),
        Some(id) => (Shape::Item, Target::Item(rt, id)),
    })
}

fn no_path(segments: &[String], catalog: &Catalog) -> Unrouted {
    let known: Vec<String> = catalog.resource_types().iter().map(|rt| format!("/{}", rt.endpoint)).collect();
    let shown: String = segments.join("/").chars().take(100).collect();
    Unrouted::NoPath(ScimError::not_found(format!(
        "There is nothing at `/{shown}` under this SCIM base URL. It serves {}, /ServiceProviderConfig, /ResourceTypes and /Schemas.",
        known.join(", ")
    )))
}
