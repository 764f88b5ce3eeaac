//! Extensions and resource types of an endpoint's own, as data (RFC 7643 §3.3, §6, §7).
//!
//! ```json
//! { "extensions":    [ { "resourceType": "User", "required": false, "withoutUrn": false, "schema": { … } } ],
//!   "resourceTypes": [ { "name": "Device", "endpoint": "Devices", "schema": { … },
//!                        "indexed": ["serial"], "extensions": [ { "schema": { … } } ] } ] }
//! ```
//!
//! Attributes of an extension `withoutUrn` are also taken under their bare names, for clients that know no URNs.
//!
//! A schema is the document that `/Schemas` serves. What is read here has been checked, so that every
//! operation can rely on it; a fault is a sentence that says where it is and what would be right.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::builtin;
use super::model::{Attribute, AttributeType, Schema, Uniqueness};
use super::resource_type::{Extension, ResourceType};
use super::{Catalog, SchemaError};
use crate::path::AttrPath;

const MOST_SCHEMAS: usize = 50;
const MOST_ATTRIBUTES: usize = 200;
/// Path segments and names that are taken.
const RESERVED: [&str; 8] =
    ["Schemas", "ResourceTypes", "ServiceProviderConfig", "Bulk", "Me", ".search", "Users", "Groups"];
/// Attributes that every resource has.
const COMMON: [&str; 4] = ["schemas", "id", "externalId", "meta"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definitions {
    #[serde(default)]
    extensions: Vec<ExtensionDefinition>,
    #[serde(default, rename = "resourceTypes")]
    resource_types: Vec<TypeDefinition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtensionDefinition {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default, rename = "withoutUrn")]
    without_urn: bool,
    schema: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeDefinition {
    name: String,
    endpoint: String,
    #[serde(default)]
    description: String,
    schema: Value,
    #[serde(default)]
    indexed: Vec<String>,
    #[serde(default)]
    extensions: Vec<ExtensionDefinition>,
}

impl Catalog {
    /// The built-in types, extended by the definitions of one endpoint.
    ///
    /// # Errors
    /// [`SchemaError`] saying what is wrong, and where.
    pub fn with_definitions(definitions: &Value) -> Result<Self, SchemaError> {
        let definitions: Definitions = SchemaError::read(definitions)?;
        let mut types: Vec<ResourceType> =
            Self::builtin().resource_types().iter().map(|rt| ResourceType::clone(rt)).collect();
        types.iter_mut().for_each(|rt| rt.shown_as_kept = false);
        for (at, definition) in definitions.extensions.into_iter().enumerate() {
            let place = format!("extensions/{at}");
            let name = definition.resource_type.clone().unwrap_or_default();
            let target =
                types.iter_mut().find(|rt| rt.name.eq_ignore_ascii_case(&name)).ok_or_else(|| {
                    fault(format!("an extension is for resourceType \"{name}\", which is not User or Group"))
                        .within(format_args!("{place}/resourceType"))
                })?;
            extend(target, definition).map_err(|error| error.within(place))?;
        }
        for (at, definition) in definitions.resource_types.into_iter().enumerate() {
            let rt = resource_type(definition, &types)
                .map_err(|error| error.within(format_args!("resourceTypes/{at}")))?;
            types.push(rt);
        }
        let mut urns = HashSet::new();
        let all = types.iter().flat_map(|rt| rt.schemas().map(|schema| schema.id.to_ascii_lowercase()));
        let all: Vec<String> = all.collect();
        if all.len() > MOST_SCHEMAS {
            return Err(fault(format!(
                "{} schemas are more than the {MOST_SCHEMAS} an endpoint may have",
                all.len()
            )));
        }
        if let Some(twice) = all.into_iter().find(|urn| !urns.insert(urn.clone())) {
            return Err(fault(format!("the schema {twice} is there twice")));
        }
        Ok(Self::new(types.into_iter().map(Arc::new).collect()))
    }
}

fn resource_type(definition: TypeDefinition, known: &[ResourceType]) -> Result<ResourceType, SchemaError> {
    for (place, word) in [("name", &definition.name), ("endpoint", &definition.endpoint)] {
        let plain = word.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric());
        if !plain || word.len() > 60 {
            return Err(fault(format!(
                "\"{word}\" is no name for a resource type or its endpoint: letters and digits, a letter first"
            ))
            .within(place));
        }
    }
    let taken = known.iter().any(|rt| {
        rt.name.eq_ignore_ascii_case(&definition.name)
            || rt.endpoint.eq_ignore_ascii_case(&definition.endpoint)
    });
    if taken || RESERVED.iter().any(|word| word.eq_ignore_ascii_case(&definition.endpoint)) {
        return Err(fault(format!(
            "the name {} or the endpoint /{} is taken",
            definition.name, definition.endpoint
        )));
    }
    let schema = schema(definition.schema).map_err(|error| error.within("schema"))?;
    if let Some(attribute) =
        schema.attributes.iter().find(|a| COMMON.iter().any(|common| common.eq_ignore_ascii_case(&a.name)))
    {
        return Err(fault(format!("{}: every resource has {} already", schema.id, attribute.name))
            .within("schema/attributes"));
    }
    let mut rt = ResourceType {
        id: definition.name.clone(),
        name: definition.name,
        endpoint: definition.endpoint,
        description: definition.description,
        schema: Arc::new(schema),
        extensions: Vec::new(),
        relation: None,
        state: None,
        indexed: Vec::new(),
        common: builtin::common(),
        shown_as_kept: false,
    };
    rt.state = rt
        .schema
        .attribute("active")
        .filter(|a| a.kind == AttributeType::Boolean && !a.multi_valued && a.is_writable())
        .map(|a| a.name.clone());
    if rt.unique_attributes().next().is_none() {
        return Err(fault(format!(
            "{}: one attribute needs \"uniqueness\": \"server\" and \"required\": true; it names a {} to people",
            rt.schema.id, rt.name
        ))
        .within("schema/attributes"));
    }
    for (at, extension) in definition.extensions.into_iter().enumerate() {
        extend(&mut rt, extension).map_err(|error| error.within(format_args!("extensions/{at}")))?;
    }
    rt.indexed.push("externalId".into());
    for (at, path) in definition.indexed.into_iter().enumerate() {
        let resolved = AttrPath::read(&path).and_then(|path| {
            let resolved = rt.resolve(&path)?;
            Some((resolved.canonical(), resolved.leaf().kind))
        });
        match resolved {
            Some((canonical, AttributeType::String | AttributeType::Reference)) => rt.indexed.push(canonical),
            _ => {
                return Err(fault(format!(
                    "\"indexed\" names {path}, which is no text attribute of {}",
                    rt.name
                ))
                .within(format_args!("indexed/{at}")));
            }
        }
    }
    rt.indexed.dedup();
    Ok(rt)
}

fn extend(rt: &mut ResourceType, definition: ExtensionDefinition) -> Result<(), SchemaError> {
    let schema = Arc::new(schema(definition.schema).map_err(|error| error.within("schema"))?);
    rt.extensions.push(Extension {
        schema,
        required: definition.required,
        without_urn: definition.without_urn,
    });
    Ok(())
}

fn schema(json: Value) -> Result<Schema, SchemaError> {
    let schema = Schema::from_json(json)?;
    let urn = &schema.id;
    let well_formed = urn.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:"))
        && urn.len() <= 200
        && urn.split(':').count() >= 3
        && urn.split(':').all(|part| !part.is_empty())
        && urn.chars().all(|c| c.is_ascii_graphic() && c != '"');
    if !well_formed {
        return Err(fault(format!(
            "\"{urn}\" is no schema URN; one looks like urn:example:params:scim:schemas:extension:acme:1.0:User"
        ))
        .within("id"));
    }
    if schema.attributes.is_empty() || schema.attributes.len() > MOST_ATTRIBUTES {
        return Err(
            fault(format!("{urn}: a schema has 1 to {MOST_ATTRIBUTES} attributes")).within("attributes")
        );
    }
    attributes(urn, &schema.attributes, false).map_err(|error| error.within("attributes"))?;
    Ok(schema)
}

/// RFC 7643 §2.1 and §2.3.8: names, each once; complex attributes do not nest.
fn attributes(place: &str, list: &[Attribute], inner: bool) -> Result<(), SchemaError> {
    let mut names = HashSet::new();
    for (number, attribute) in list.iter().enumerate() {
        let at = format!("{place}:{}", attribute.name);
        let fresh = names.insert(attribute.name.to_ascii_lowercase());
        one_attribute(&at, attribute, fresh, inner).map_err(|error| error.within(number))?;
    }
    Ok(())
}

fn one_attribute(at: &str, attribute: &Attribute, fresh: bool, inner: bool) -> Result<(), SchemaError> {
    let mut chars = attribute.name.chars();
    let named = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || (inner && c == '$'))
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
        && attribute.name.len() <= 100;
    if !named {
        return Err(fault(format!("{at}: an attribute name has letters, digits, - and _, a letter first"))
            .within("name"));
    }
    if !fresh {
        return Err(fault(format!("{at}: the name is there twice (compared without case)")).within("name"));
    }
    match (attribute.is_complex(), attribute.sub_attributes.is_empty()) {
        (true, _) if inner => {
            return Err(fault(format!("{at}: a complex attribute cannot be inside another")).within("type"));
        }
        (true, true) => return Err(fault(format!("{at}: a complex attribute needs subAttributes"))),
        (false, false) => {
            return Err(
                fault(format!("{at}: only a complex attribute has subAttributes")).within("subAttributes")
            );
        }
        (true, false) => {
            attributes(at, &attribute.sub_attributes, true).map_err(|error| error.within("subAttributes"))?;
        }
        (false, true) => {}
    }
    let unique = attribute.uniqueness != Uniqueness::None;
    let single_text = !inner && !attribute.multi_valued && attribute.kind == AttributeType::String;
    if unique && !single_text {
        return Err(fault(format!("{at}: only a single text attribute can be unique")).within("uniqueness"));
    }
    Ok(())
}

fn fault(sentence: String) -> SchemaError {
    SchemaError::new(sentence)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn attribute(name: &str) -> Value {
        json!({"name": name, "type": "string", "multiValued": false, "required": false, "caseExact": false,
               "mutability": "readWrite", "returned": "default", "uniqueness": "none"})
    }

    fn device() -> Value {
        let mut serial = attribute("serial");
        serial["uniqueness"] = json!("server");
        serial["required"] = json!(true);
        json!({"name": "Device", "endpoint": "Devices", "indexed": ["model"],
               "schema": {"id": "urn:example:schemas:Device", "name": "Device", "attributes": [serial, attribute("model")]}})
    }

    #[test]
    fn a_type_and_an_extension_are_data() {
        let catalog = Catalog::with_definitions(&json!({
            "extensions": [{"resourceType": "User", "schema": {"id": "urn:example:ext:acme:User", "name": "Acme", "attributes": [attribute("badge")]}}],
            "resourceTypes": [device()],
        }))
        .unwrap();
        let user = catalog.by_name("User").unwrap();
        assert!(user.resolve(&AttrPath::read("urn:example:ext:acme:User:badge").unwrap()).is_some());
        let device = catalog.by_endpoint("devices").unwrap();
        assert_eq!(device.indexed, ["externalId", "model"]);
        assert_eq!(catalog.schemas().len(), 5);
    }

    #[test]
    fn faults_say_where_they_are() {
        let broken = |change: &dyn Fn(&mut Value)| {
            let mut definition = device();
            change(&mut definition);
            Catalog::with_definitions(&json!({"resourceTypes": [definition]})).unwrap_err().to_string()
        };
        assert!(broken(&|d| d["endpoint"] = json!("Users")).contains("taken"));
        assert!(broken(&|d| d["endpoint"] = json!("a/b")).contains("letters and digits"));
        assert!(broken(&|d| d["schema"]["id"] = json!("device")).contains("no schema URN"));
        assert!(broken(&|d| d["schema"]["attributes"][1]["name"] = json!("Serial")).contains("twice"));
        assert!(
            broken(&|d| d["schema"]["attributes"][1]["type"] = json!("complex")).contains("subAttributes")
        );
        assert!(
            broken(&|d| d["schema"]["attributes"][0]["uniqueness"] = json!("none")).contains("uniqueness")
        );
        assert!(broken(&|d| d["indexed"] = json!(["nothing"])).contains("no text attribute"));
        assert!(broken(&|d| d["schema"]["attributes"][1]["name"] = json!("id")).contains("already"));
        assert!(broken(&|d| d["colour"] = json!("red")).contains("colour"));
    }

    #[test]
    fn faults_point_at_their_place() {
        let pointer = |change: &dyn Fn(&mut Value)| {
            let mut definition = device();
            change(&mut definition);
            let faulty = json!({"resourceTypes": [definition]});
            Catalog::with_definitions(&faulty).unwrap_err().pointer().to_owned()
        };
        assert_eq!(pointer(&|d| d["schema"]["id"] = json!("device")), "/resourceTypes/0/schema/id");
        assert_eq!(
            pointer(&|d| d["schema"]["attributes"][1]["name"] = json!("Serial")),
            "/resourceTypes/0/schema/attributes/1/name"
        );
        assert_eq!(
            pointer(&|d| d["schema"]["attributes"][1]["type"] = json!("text")),
            "/resourceTypes/0/schema/attributes/1/type"
        );
        assert_eq!(pointer(&|d| d["indexed"] = json!(["model", "nothing"])), "/resourceTypes/0/indexed/1");
        assert_eq!(pointer(&|d| d["endpoint"] = json!(7)), "/resourceTypes/0/endpoint");
    }
}
