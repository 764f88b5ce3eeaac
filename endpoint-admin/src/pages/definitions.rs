//! Drafts of an endpoint's own schema: what is there, with something added that an administrator can go on from.

use scim_core::schema::{Catalog, ResourceType};
use serde_json::{Map, Value, json};

/// What a draft adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addition {
    /// An attribute of users or groups, by the path under which it was sent.
    Attribute {
        /// `User` or another type.
        resource_type: String,
        /// A name, or a URN with or without a name behind it.
        path: String,
    },
    /// A resource type, as an example.
    Type,
}

impl Addition {
    /// From the address of the page: `?accept=badge&type=User`, `?example=attribute`, `?example=type`.
    pub(crate) fn of(query: &str) -> Option<Self> {
        let field = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
        };
        if let Some(path) = field("accept").filter(|path| !path.is_empty()) {
            let resource_type = field("type").map_or_else(|| "User".to_owned(), |name| name.into_owned());
            return Some(Self::Attribute { resource_type, path: path.chars().take(300).collect() });
        }
        match field("example")?.as_ref() {
            "attribute" => Some(Self::Attribute { resource_type: "User".into(), path: "badgeNumber".into() }),
            "type" => Some(Self::Type),
            _ => None,
        }
    }
}

/// A draft, and the name under which a provider has to send what it adds.
pub(crate) struct Draft {
    /// The definitions.
    pub(crate) text: String,
    /// The full name of the attribute, if it adds one.
    pub(crate) name: Option<String>,
}

/// The present definitions with something added. `slug` makes URNs that no other endpoint has.
pub(crate) fn draft(present: Option<&str>, slug: &str, addition: &Addition) -> Draft {
    let mut definitions = match present.map(serde_json::from_str) {
        Some(Ok(Value::Object(map))) => map,
        _ => Map::new(),
    };
    let name = match addition {
        Addition::Attribute { resource_type, path } => {
            let (urn, name) = placed(&definitions, slug, resource_type, path);
            add_attribute(&mut definitions, resource_type, &urn, &name);
            Some(format!("{urn}:{name}"))
        }
        Addition::Type => {
            list_of(&mut definitions, "resourceTypes").into_iter().for_each(|list| list.push(device(slug)));
            None
        }
    };
    Draft { text: serde_json::to_string_pretty(&Value::Object(definitions)).unwrap_or_default(), name }
}

/// In which extension, and under which name: what was sent decides, else the endpoint's own first extension.
fn placed(definitions: &Map<String, Value>, slug: &str, resource_type: &str, path: &str) -> (String, String) {
    let bare = |name: &str| name.split(['.', '[']).next().unwrap_or(name).to_owned();
    if path.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
        return match path.rsplit_once(':') {
            Some((urn, name)) if !is_schema(path, resource_type) => (urn.to_owned(), bare(name)),
            _ => (path.to_owned(), "attribute".to_owned()),
        };
    }
    let own = definitions.get("extensions").and_then(Value::as_array).into_iter().flatten();
    let own = own.filter(|extension| is_for(extension, resource_type)).find_map(urn_of);
    let urn = own.map_or_else(
        || format!("urn:example:params:scim:schemas:extension:{slug}:1.0:{resource_type}"),
        str::to_owned,
    );
    (urn, bare(path))
}

/// Whether a URN names a schema rather than an attribute: schemas end with the type's name.
fn is_schema(urn: &str, resource_type: &str) -> bool {
    urn.rsplit(':').next().is_some_and(|last| last.eq_ignore_ascii_case(resource_type))
}

fn is_for(extension: &Value, resource_type: &str) -> bool {
    let name = extension.get("resourceType").and_then(Value::as_str);
    name.is_some_and(|name| name.eq_ignore_ascii_case(resource_type))
}

fn urn_of(extension: &Value) -> Option<&str> {
    extension.get("schema")?.get("id")?.as_str()
}

fn add_attribute(definitions: &mut Map<String, Value>, resource_type: &str, urn: &str, name: &str) {
    let Some(extensions) = list_of(definitions, "extensions") else { return };
    let known = extensions.iter_mut().find(|one| urn_of(one).is_some_and(|id| id.eq_ignore_ascii_case(urn)));
    let schema = known.and_then(|one| one.get_mut("schema")).and_then(Value::as_object_mut);
    if let Some(attributes) = schema.and_then(|schema| list_of(schema, "attributes")) {
        let named = |one: &Value| {
            let known = one.get("name").and_then(Value::as_str);
            known.is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        if !attributes.iter().any(named) {
            attributes.push(attribute(name));
        }
    } else {
        extensions.push(json!({
            "resourceType": resource_type,
            "required": false,
            "schema": {"id": urn, "name": "Own attributes", "attributes": [attribute(name)]},
        }));
    }
}

/// The list of this name; what stands there and is none makes room for one.
fn list_of<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Vec<Value>> {
    let entry = map.entry(name.to_owned()).or_insert_with(|| json!([]));
    if !entry.is_array() {
        *entry = json!([]);
    }
    entry.as_array_mut()
}

fn attribute(name: &str) -> Value {
    json!({"name": name, "type": "string", "multiValued": false, "required": false, "caseExact": false,
           "mutability": "readWrite", "returned": "default", "uniqueness": "none"})
}

fn device(slug: &str) -> Value {
    let mut serial = attribute("serialNumber");
    if let Some(fields) = serial.as_object_mut() {
        fields.insert("required".to_owned(), json!(true));
        fields.insert("uniqueness".to_owned(), json!("server"));
    }
    json!({
        "name": "Device",
        "endpoint": "Devices",
        "description": "A device that people sign in from.",
        "indexed": ["model"],
        "schema": {
            "id": format!("urn:example:params:scim:schemas:{slug}:1.0:Device"),
            "name": "Device",
            "attributes": [serial, attribute("model")],
        },
    })
}

/// The type that a request was about, from its method and path: `POST /scim/acme/v2/Users`.
pub(crate) fn type_of<'a>(catalog: &'a Catalog, request: &str) -> Option<&'a ResourceType> {
    let path = request.split_whitespace().nth(1)?;
    let segment = path.split('/').nth(4)?;
    catalog.by_endpoint(segment).map(AsRef::as_ref)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use scim_core::schema::Catalog;
    use serde_json::Value;

    use super::{Addition, draft, type_of};

    fn accept(path: &str) -> Addition {
        Addition::Attribute { resource_type: "User".into(), path: path.into() }
    }

    fn check(text: &str) -> Catalog {
        let json: Value = serde_json::from_str(text).unwrap();
        Catalog::with_definitions(&json).unwrap()
    }

    #[test]
    fn every_draft_can_be_saved_as_it_is() {
        let mut text: Option<String> = None;
        for addition in [
            accept("badge"),
            accept("shoe.size"),
            accept("badge"),
            accept("urn:acme:ext:2.0:User:floor"),
            accept("urn:other:ext:User"),
            Addition::Type,
        ] {
            text = Some(draft(text.as_deref(), "acme", &addition).text);
            check(text.as_deref().unwrap());
        }
        let catalog = check(&text.unwrap());
        let user = catalog.by_name("User").unwrap();
        let own: Vec<_> =
            user.extensions.iter().map(|one| (one.schema.id.as_str(), one.schema.attributes.len())).collect();
        assert_eq!(
            own.get(1..).unwrap(),
            [
                ("urn:example:params:scim:schemas:extension:acme:1.0:User", 2),
                ("urn:acme:ext:2.0:User", 1),
                ("urn:other:ext:User", 1)
            ]
        );
        assert!(catalog.by_endpoint("Devices").is_some());
    }

    #[test]
    fn a_name_comes_with_the_urn_under_which_it_is_sent() {
        let name = draft(None, "acme", &accept("badge")).name;
        assert_eq!(name.as_deref(), Some("urn:example:params:scim:schemas:extension:acme:1.0:User:badge"));
    }

    #[test]
    fn a_request_tells_its_type() {
        let catalog = Catalog::builtin();
        let name = |request: &str| type_of(&catalog, request).map(|rt| rt.name.clone());
        assert_eq!(name("PATCH /scim/users/v2/Groups/42").as_deref(), Some("Group"));
        assert_eq!(name("POST /scim/users/v2/Bulk"), None);
    }
}
