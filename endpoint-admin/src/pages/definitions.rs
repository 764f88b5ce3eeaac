//! Drafts of an endpoint's own schema: what is there, with something added that an administrator can go on from.

use endpoint_store::{
    Endpoint,
    endpoints::{accept, definitions},
    observations::{Observation, Observed},
};
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

/// The present definitions with something added. The slug makes URNs that no other endpoint has.
pub(crate) fn draft(endpoint: &Endpoint, seen: &[Observation], addition: &Addition) -> Draft {
    let (definitions, name) = match addition {
        Addition::Attribute { resource_type, path } => {
            let seen = seen.iter().find(|one| one.what == Observed::Dropped(path.clone()));
            let shape = seen.map(accept::shape_of).unwrap_or_default();
            let (definitions, name) = accept::with_attribute(endpoint, resource_type, path, &shape);
            (definitions, Some(name))
        }
        Addition::Type => {
            let mut definitions = match definitions::all(endpoint) {
                Value::Object(map) => map,
                _ => Map::new(),
            };
            let list = list_of(&mut definitions, "resourceTypes");
            list.into_iter().for_each(|list| list.push(device(&endpoint.slug)));
            (Value::Object(definitions), None)
        }
    };
    Draft { text: serde_json::to_string_pretty(&definitions).unwrap_or_default(), name }
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

#[cfg(test)]
mod tests {
    use super::Addition;

    #[test]
    fn the_address_says_what_is_added() {
        let attribute = |resource_type: &str, path: &str| Addition::Attribute {
            resource_type: resource_type.into(),
            path: path.into(),
        };
        assert_eq!(Addition::of("accept=badge&type=Group"), Some(attribute("Group", "badge")));
        assert_eq!(Addition::of("accept=badge"), Some(attribute("User", "badge")));
        assert_eq!(Addition::of("example=type"), Some(Addition::Type));
        assert_eq!(Addition::of("accept=&example=nothing"), None);
    }
}
