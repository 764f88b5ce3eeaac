//! Taking attributes into an endpoint's schema that were seen and left out until now.

use scim_core::path::AttrPath;
use scim_core::schema::{Catalog, ResourceType};
use scim_core::shape::Shape;
use serde_json::{Map, Value, json};

use super::{Endpoint, EndpointId, definitions, find, set_definitions};
use crate::caller::Actor;
use crate::dialect;
use crate::error::StoreError;
use crate::ids::Millis;
use crate::observations::{self, Observation, Observed};
use crate::writer::Tx;

/// Why an attribute was left out, as the schema is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The schema does not have it: it can be accepted.
    Unknown,
    /// Only the server sets it.
    ReadOnly,
    /// It came inside of something that the standard defines, and that cannot be extended.
    Standard,
    /// An extension has it, and takes it under its full name only.
    WithoutUrn,
    /// The schema has it by now.
    Accepted,
}

impl Verdict {
    /// As the management API says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::ReadOnly => "read-only",
            Self::Standard => "of-the-standard",
            Self::WithoutUrn => "without-its-urn",
            Self::Accepted => "accepted",
        }
    }

    /// What it means and what to do about it, in a sentence or two.
    pub fn about(self) -> &'static str {
        match self {
            Self::Unknown => "This endpoint's schema does not have it.",
            Self::ReadOnly => "Only the server sets it, so what a client sends is left out.",
            Self::Standard => {
                "It came inside an attribute or schema of the standard, which cannot be extended. Have it sent under a URN of its own."
            }
            Self::WithoutUrn => {
                "An extension has it. Have it sent under its full name: the URN that the Schema page lists, a colon, and this name."
            }
            Self::Accepted => "The schema has it by now; what came before was left out.",
        }
    }
}

/// Judges a path that was left out of requests about a type, or about any.
pub fn verdict(catalog: &Catalog, about: Option<&ResourceType>, path: &str) -> Verdict {
    let Ok(parsed) = AttrPath::parse(path) else { return Verdict::Unknown };
    let types = || catalog.resource_types().iter().map(AsRef::as_ref);
    let types: Vec<&ResourceType> = about.map_or_else(|| types().collect(), |rt| vec![rt]);
    if types.iter().any(|rt| rt.extension(path).is_some()) {
        return Verdict::Accepted;
    }
    if let Some(found) = types.iter().find_map(|rt| rt.resolve_for_writing(&parsed)) {
        let writable = found.leaf().is_writable() && found.attribute.is_writable();
        return if writable { Verdict::Accepted } else { Verdict::ReadOnly };
    }
    if types.iter().any(|rt| rt.resolve_for_reading(&parsed).is_some()) {
        return Verdict::WithoutUrn;
    }
    let builtin = Catalog::builtin();
    let of_standard = match parsed.urn.as_deref() {
        Some(urn) => builtin.schema(urn).is_some(),
        None => parsed.sub.is_some() && types.iter().any(|rt| rt.attribute(&parsed.name).is_some()),
    };
    if of_standard { Verdict::Standard } else { Verdict::Unknown }
}

/// The type that a request was about, from its method and path: `POST /scim/acme/v2/Users`.
pub fn type_of<'a>(catalog: &'a Catalog, request: &str) -> Option<&'a ResourceType> {
    let path = request.split_whitespace().nth(1)?;
    let segment = path.split('/').nth(4)?;
    catalog.by_endpoint(segment).map(AsRef::as_ref)
}

/// Adds an attribute that was seen and left out to the endpoint's own definitions, with the type that its values look like;
/// what comes from then on is kept. Gives the endpoint, and the full name of what was added.
///
/// # Errors
/// [`StoreError::NotFound`] when nothing of this name was left out, [`StoreError::Refused`] when it cannot be accepted or is
/// there already; as [`set_definitions`].
pub fn accept(
    tx: &mut Tx<'_>,
    id: &EndpointId,
    path: &str,
    actor: &Actor,
    now: Millis,
) -> Result<(Endpoint, String), StoreError> {
    dialect::lock_endpoint(tx, id)?;
    let current = find(tx, id.as_str())?;
    let seen = observations::list(tx, id)?;
    let seen = seen.into_iter().find(|one| one.what == Observed::Dropped(path.to_owned()));
    let Some(seen) = seen else {
        let slug = &current.slug;
        return Err(StoreError::NotFound(format!(
            "nothing called `{path}` was left out at endpoint `{slug}`"
        )));
    };
    let about = type_of(&current.catalog, &seen.last_request);
    let verdict = verdict(&current.catalog, about, path);
    if verdict != Verdict::Unknown {
        return Err(StoreError::refused(format!("`{path}` cannot be accepted. {}", verdict.about())));
    }
    let resource_type = about.map_or("User", |rt| rt.name.as_str());
    let (definitions, name) = with_attribute(&current, resource_type, path, &shape_of(&seen));
    let text = definitions::to_text(&definitions)?;
    let endpoint = set_definitions(tx, id, text.as_deref(), actor, now)?;
    Ok((endpoint, name))
}

/// What the values of a left-out attribute look like; text when none was seen.
pub fn shape_of(seen: &Observation) -> Shape {
    Shape::parse(&seen.example.shape).unwrap_or_default()
}

/// An endpoint's own definitions with an attribute in them that was sent under `path`, and its full name.
pub fn with_attribute(
    endpoint: &Endpoint,
    resource_type: &str,
    path: &str,
    shape: &Shape,
) -> (Value, String) {
    let mut all = match definitions::all(endpoint) {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let own_type = list_of(&mut all, "resourceTypes")
        .and_then(|types| types.iter().position(|rt| is_named(rt, "name", resource_type)));
    let place = Place::of(&all, &endpoint.slug, resource_type, path, shape);
    let attributes = place.attributes(shape);
    let home = match own_type {
        // Extensions of own types stand with their type.
        Some(at) => list_of(&mut all, "resourceTypes")
            .and_then(|types| types.get_mut(at)?.as_object_mut())
            .and_then(|rt| list_of(rt, "extensions")),
        None => list_of(&mut all, "extensions"),
    };
    if let Some(extensions) = home {
        place.put(extensions, resource_type, attributes);
    }
    (Value::Object(all), place.full_name())
}

/// Where an attribute goes.
struct Place {
    /// The extension.
    urn: String,
    /// The attribute; `None` when the path names the whole extension.
    name: Option<String>,
    /// The part of the attribute that came.
    sub: Option<String>,
    /// Whether one element of a list was meant.
    many: bool,
    /// Whether it came under its bare name.
    bare: bool,
}

impl Place {
    /// What was sent decides; what came without a URN goes into the endpoint's own extension for such names.
    fn of(all: &Map<String, Value>, slug: &str, resource_type: &str, path: &str, shape: &Shape) -> Self {
        if path.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
            let split = path.rsplit_once(':').filter(|(urn, last)| {
                let is_schema = last.eq_ignore_ascii_case(resource_type)
                    || (shape.is_object() && extension_of(all, urn).is_none());
                !is_schema
            });
            return match split {
                Some((urn, name)) => Self::named(urn.to_owned(), name, false),
                None => Self { urn: path.to_owned(), name: None, sub: None, many: false, bare: false },
            };
        }
        let fallback = format!("urn:example:params:scim:schemas:extension:{slug}:1.0:{resource_type}");
        let open = extensions(all)
            .filter(|one| is_for(one, resource_type))
            .find(|one| one.get("withoutUrn").and_then(Value::as_bool).unwrap_or(false));
        let urn = open.and_then(urn_of).map_or(fallback, str::to_owned);
        Self::named(urn, path, true)
    }

    fn named(urn: String, name: &str, bare: bool) -> Self {
        let many = name.contains('[');
        let head = name.split(['.', '[']).next().unwrap_or(name).to_owned();
        let behind = name.rsplit(']').next().unwrap_or(name);
        let sub = behind.rsplit_once('.').map(|(_, sub)| sub.to_owned());
        Self { urn, name: Some(head), sub, many, bare }
    }

    fn full_name(&self) -> String {
        match &self.name {
            Some(name) => format!("{}:{name}", self.urn),
            None => self.urn.clone(),
        }
    }

    fn attributes(&self, shape: &Shape) -> Vec<Value> {
        match (&self.name, &self.sub) {
            (Some(name), Some(sub)) => vec![shape.inside(sub, self.many).definition(name)],
            (Some(name), None) => vec![shape.definition(name)],
            (None, _) => {
                let parts = shape.definition("whole").get_mut("subAttributes").map(Value::take);
                let parts = parts.and_then(|parts| parts.as_array().cloned()).unwrap_or_default();
                if parts.is_empty() { vec![shape.definition("value")] } else { parts }
            }
        }
    }

    /// Adds what is not there yet to the extension, which is made if need be.
    fn put(&self, extensions: &mut Vec<Value>, resource_type: &str, attributes: Vec<Value>) {
        let known = extensions.iter_mut().find(|one| urn_of(one).is_some_and(|id| same(id, &self.urn)));
        let Some(known) = known.and_then(Value::as_object_mut) else {
            let mut extension = json!({
                "resourceType": resource_type,
                "required": false,
                "schema": {"id": self.urn, "name": "Own attributes", "attributes": attributes},
            });
            if let Some(map) = extension.as_object_mut().filter(|_| self.bare) {
                map.insert("withoutUrn".to_owned(), json!(true));
            }
            extensions.push(extension);
            return;
        };
        if self.bare {
            known.insert("withoutUrn".to_owned(), json!(true));
        }
        let schema = known.get_mut("schema").and_then(Value::as_object_mut);
        if let Some(list) = schema.and_then(|schema| list_of(schema, "attributes")) {
            attributes.into_iter().for_each(|attribute| add(list, attribute));
        }
    }
}

/// Adds an attribute, or its parts to the one of its name.
fn add(list: &mut Vec<Value>, attribute: Value) {
    let name = attribute.get("name").and_then(Value::as_str).unwrap_or_default();
    let Some(known) = list.iter_mut().find(|one| is_named(one, "name", name)) else {
        list.push(attribute);
        return;
    };
    let parts = attribute.get("subAttributes").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(known) = known.as_object_mut().filter(|known| known.contains_key("subAttributes"))
        && let Some(list) = list_of(known, "subAttributes")
    {
        parts.into_iter().for_each(|part| add(list, part));
    }
}

fn extensions(all: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    fn list(value: Option<&Value>) -> std::slice::Iter<'_, Value> {
        value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
    }
    let types = list(all.get("resourceTypes"));
    list(all.get("extensions")).chain(types.flat_map(|rt| list(rt.get("extensions"))))
}

fn extension_of<'a>(all: &'a Map<String, Value>, urn: &str) -> Option<&'a Value> {
    extensions(all).find(|one| urn_of(one).is_some_and(|id| same(id, urn)))
}

fn urn_of(extension: &Value) -> Option<&str> {
    extension.get("schema")?.get("id")?.as_str()
}

fn is_for(extension: &Value, resource_type: &str) -> bool {
    is_named(extension, "resourceType", resource_type)
}

fn is_named(definition: &Value, key: &str, name: &str) -> bool {
    definition.get(key).and_then(Value::as_str).is_some_and(|known| same(known, name))
}

fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The list of this name; what stands there and is none makes room for one.
fn list_of<'a>(map: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Vec<Value>> {
    let entry = map.entry(name.to_owned()).or_insert_with(|| json!([]));
    if !entry.is_array() {
        *entry = json!([]);
    }
    entry.as_array_mut()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use scim_core::schema::Catalog;
    use scim_core::shape::Shape;

    use super::{Verdict, type_of, verdict, with_attribute};
    use crate::endpoints::{Endpoint, EndpointId, Status};
    use crate::settings::{Idp, Settings};

    fn endpoint(definitions: Option<String>) -> Endpoint {
        let catalog = definitions
            .as_deref()
            .map(|text| Catalog::with_definitions(&serde_json::from_str(text).unwrap()).unwrap());
        Endpoint {
            id: EndpointId("e".into()),
            slug: "acme".into(),
            name: "Acme".into(),
            tenant: None,
            idp: Idp::Generic,
            status: Status::Active,
            settings: Settings::preset(Idp::Generic),
            catalog: catalog.map_or_else(Catalog::builtin, std::sync::Arc::new),
            definitions,
            created_at: 0,
            deleted_at: None,
        }
    }

    fn said(endpoint: &Endpoint, path: &str) -> Verdict {
        verdict(&endpoint.catalog, endpoint.catalog.by_name("User").map(AsRef::as_ref), path)
    }

    #[test]
    fn what_is_left_out_is_told_apart() {
        let plain = endpoint(None);
        for (path, expected) in [
            ("shoeSize", Verdict::Unknown),
            ("urn:okta:acme:1.0:user:custom", Verdict::Unknown),
            ("id", Verdict::ReadOnly),
            ("groups", Verdict::ReadOnly),
            ("name.nick", Verdict::Standard),
            ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:floor", Verdict::Standard),
            ("userName", Verdict::Accepted),
            ("department", Verdict::WithoutUrn),
        ] {
            assert_eq!(said(&plain, path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_accepted_one_by_one_is_taken_from_then_on() {
        let mut endpoint = endpoint(None);
        for (path, shape, name) in [
            ("badge", "integer", "urn:example:params:scim:schemas:extension:acme:1.0:User:badge"),
            ("shoe.size", "string", "urn:example:params:scim:schemas:extension:acme:1.0:User:shoe"),
            ("shoe.color", "string", "urn:example:params:scim:schemas:extension:acme:1.0:User:shoe"),
            (
                "cars",
                "complex(plate:string)[]",
                "urn:example:params:scim:schemas:extension:acme:1.0:User:cars",
            ),
            ("urn:acme:ext:2.0:User:floor", "string", "urn:acme:ext:2.0:User:floor"),
            ("urn:other:ext:User", "complex(a:string,b:boolean)", "urn:other:ext:User"),
            ("urn:okta:x:1.0:user:custom", "complex(team:string)", "urn:okta:x:1.0:user:custom"),
            ("urn:okta:x:1.0:user:custom:desk", "integer", "urn:okta:x:1.0:user:custom:desk"),
        ] {
            assert_eq!(said(&endpoint, path), Verdict::Unknown, "{path}");
            let (definitions, full) = with_attribute(&endpoint, "User", path, &Shape::parse(shape).unwrap());
            assert_eq!(full, name);
            endpoint = self::endpoint(Some(definitions.to_string()));
            assert_eq!(said(&endpoint, path), Verdict::Accepted, "{path}: {definitions}");
        }
        let body = serde_json::json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "r",
            "badge": 7, "cars": [{"plate": "X 1"}], "urn:other:ext:User": {"b": true}});
        let user = endpoint.catalog.by_name("User").unwrap();
        let read =
            scim_core::resource::read(user, &body, scim_core::Dialect::for_idp_name("generic")).unwrap();
        assert!(read.notes.dropped.is_empty(), "{:?}", read.notes);
        let kept = read.resource.as_map();
        let own = kept.get("urn:example:params:scim:schemas:extension:acme:1.0:User").unwrap();
        assert_eq!(own, &serde_json::json!({"badge": 7, "cars": [{"plate": "X 1"}]}));
    }

    #[test]
    fn a_request_tells_its_type() {
        let catalog = Catalog::builtin();
        let name = |request: &str| type_of(&catalog, request).map(|rt| rt.name.clone());
        assert_eq!(name("PATCH /scim/users/v2/Groups/42").as_deref(), Some("Group"));
        assert_eq!(name("POST /scim/users/v2/Bulk"), None);
    }
}
