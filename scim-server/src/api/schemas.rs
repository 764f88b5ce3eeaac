//! `/endpoints/{endpoint}/schemas` and `…/resource-types`: an endpoint's own definitions, all of them or one at a time.

use endpoint_store::Endpoint;
use endpoint_store::endpoints::definitions::{self, Part};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::endpoints::find_live;
use super::problem::{Place, Problem};
use super::route::BASE;
use super::{Exchange, Outcome, Reply};

/// Everything that extends the standard's schemas; an empty object for nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Definitions)]
#[expect(
    dead_code,
    reason = "describes the JSON, which is kept as it was given and judged by the schema reader"
)]
pub(super) struct DefinitionsView {
    #[schema(required = false)]
    extensions: Vec<ExtensionView>,
    #[schema(rename = "resourceTypes", required = false)]
    resource_types: Vec<ResourceTypeView>,
}

/// A schema that extends a resource type (RFC 7643 §3.3).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Extension)]
#[expect(
    dead_code,
    reason = "describes the JSON, which is kept as it was given and judged by the schema reader"
)]
pub(super) struct ExtensionView {
    /// What it extends: `User`, `Group`, or a type of the endpoint's own.
    #[schema(rename = "resourceType")]
    resource_type: String,
    /// Whether every resource must have it.
    #[schema(required = false)]
    required: bool,
    /// Whether its attributes are also taken under their bare names, from clients that know no URNs.
    #[schema(rename = "withoutUrn", required = false)]
    without_urn: bool,
    /// A schema as RFC 7643 §7 has it: `id`, `name`, `attributes`.
    #[schema(value_type = Object)]
    schema: Value,
}

/// A resource type of an endpoint's own (RFC 7643 §6).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResourceType)]
#[expect(
    dead_code,
    reason = "describes the JSON, which is kept as it was given and judged by the schema reader"
)]
pub(super) struct ResourceTypeView {
    name: String,
    /// The segment of its URL, such as `Devices`.
    endpoint: String,
    #[schema(required = false)]
    description: String,
    /// A schema as RFC 7643 §7 has it; one attribute is required and unique.
    #[schema(value_type = Object)]
    schema: Value,
    /// Text attributes that filters find by index.
    #[schema(required = false)]
    indexed: Vec<String>,
    #[schema(value_type = Vec<Object>, required = false)]
    extensions: Vec<Value>,
}

/// The body as it was sent; what it may hold the reader of schemas says.
#[derive(Deserialize)]
#[serde(transparent)]
struct Given(Map<String, Value>);

fn told(value: &Value) -> Outcome {
    Ok(Reply::json(value)?.tagged(definitions::tag(value)))
}

pub(super) async fn all(x: &Exchange) -> Outcome {
    told(&definitions::all(&*x.endpoint()?))
}

pub(super) async fn put_all(x: &Exchange) -> Outcome {
    let Given(given) = x.body()?;
    let wanted = Value::Object(given);
    let (named, expected, actor, now) =
        (x.segment("endpoint").to_owned(), x.expected.clone(), x.actor(), x.now);
    let endpoint = x
        .write(move |tx| {
            let id = find_live(tx, &named)?.id;
            definitions::put_all(tx, &id, &wanted, &expected, &actor, now)
        })
        .await?;
    told(&definitions::all(&endpoint))
}

pub(super) async fn extension(x: &Exchange) -> Outcome {
    show(x, &Part::Extension(x.segment("urn").to_owned()))
}

pub(super) async fn resource_type(x: &Exchange) -> Outcome {
    show(x, &Part::ResourceType(x.segment("name").to_owned()))
}

pub(super) async fn put_extension(x: &Exchange) -> Outcome {
    put(x, Part::Extension(x.segment("urn").to_owned())).await
}

pub(super) async fn put_resource_type(x: &Exchange) -> Outcome {
    put(x, Part::ResourceType(x.segment("name").to_owned())).await
}

pub(super) async fn delete_extension(x: &Exchange) -> Outcome {
    delete(x, Part::Extension(x.segment("urn").to_owned())).await
}

pub(super) async fn delete_resource_type(x: &Exchange) -> Outcome {
    delete(x, Part::ResourceType(x.segment("name").to_owned())).await
}

fn show(x: &Exchange, part: &Part) -> Outcome {
    let endpoint = x.endpoint()?;
    match definitions::get(&endpoint, part) {
        Some(found) => told(&found),
        None => Err(no_such(&endpoint, part, x)),
    }
}

/// Not there; of what is built in, where it is instead.
fn no_such(endpoint: &Endpoint, part: &Part, x: &Exchange) -> Problem {
    let problem = definitions::not_found(endpoint, part).to_string();
    let served = match part {
        Part::Extension(urn) => endpoint.catalog.schema(urn).map(|schema| format!("Schemas/{}", schema.id)),
        Part::ResourceType(name) => {
            endpoint.catalog.by_name(name).map(|rt| format!("ResourceTypes/{}", rt.name))
        }
    };
    let base = x.api.public_url.scim_base(&endpoint.slug);
    Problem::not_found(match served {
        Some(path) => format!("{problem}; what it serves under this name is at {base}/{path}"),
        None => problem,
    })
}

async fn put(x: &Exchange, part: Part) -> Outcome {
    let Given(given) = x.body()?;
    let wanted = Value::Object(given);
    let (named, expected, actor, now) =
        (x.segment("endpoint").to_owned(), x.expected.clone(), x.actor(), x.now);
    let asked = part.clone();
    let (endpoint, fresh) = x
        .write(move |tx| {
            let id = find_live(tx, &named)?.id;
            definitions::put(tx, &id, &asked, &wanted, &expected, &actor, now)
        })
        .await?;
    let kept = definitions::get(&endpoint, &part).ok_or_else(|| {
        // It was written in this very request, under the name that was checked.
        Problem::unprocessable(vec![Place::at("", "the definition does not carry the name of the address")])
    })?;
    let reply = told(&kept)?;
    let kind = match part {
        Part::Extension(_) => "schemas",
        Part::ResourceType(_) => "resource-types",
    };
    let name = x.segment(if kind == "schemas" { "urn" } else { "name" });
    let location = format!("{BASE}/endpoints/{}/{kind}/{}", endpoint.id.as_str(), encoded(name));
    Ok(if fresh { reply.made_at(location) } else { reply })
}

fn encoded(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn delete(x: &Exchange, part: Part) -> Outcome {
    let (named, expected, actor, now) =
        (x.segment("endpoint").to_owned(), x.expected.clone(), x.actor(), x.now);
    x.write(move |tx| {
        let id = find_live(tx, &named)?.id;
        definitions::remove(tx, &id, &part, &expected, &actor, now)
    })
    .await?;
    Reply::done()
}
