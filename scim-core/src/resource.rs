//! Resources: the canonical form that is kept, and how bodies become it.

mod replace;

pub use replace::replace;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::coerce::Coercer;
use crate::dialect::{Dialect, Rule};
use crate::error::{ScimError, describe};
use crate::notes::Notes;
use crate::path::AttrPath;
use crate::relation::{self, Reference};
use crate::schema::{Attribute, Mutability, Resolved, ResourceType, Schema};

/// A resource as it is kept: known attributes only, canonical names, typed values, extension
/// attributes under the URN of their schema. What the server itself knows (`id`, `meta`,
/// `schemas`, read-only attributes), secrets and the relation are not in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(Map<String, Value>);

impl Resource {
    /// A resource as read back from where [`Resource::as_map`] was written to. It is trusted.
    #[must_use]
    pub fn from_stored(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The attributes.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The attributes, owned.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// The value at a path, if there is one. A sub-attribute of a list gives nothing here; see
    /// [`Resource::values`].
    #[must_use]
    pub fn get(&self, resource_type: &ResourceType, path: &AttrPath) -> Option<&Value> {
        let resolved = resource_type.resolve(path)?;
        let value = self.attribute(&resolved)?;
        match resolved.sub {
            Some(sub) => value.get(&sub.name),
            None => Some(value),
        }
    }

    /// All values that an attribute path reaches: the elements of a list one by one.
    pub fn values<'a>(&'a self, resolved: &Resolved<'a>) -> impl Iterator<Item = &'a Value> {
        let sub = resolved.sub;
        let elements: &[Value] = match self.attribute(resolved) {
            Some(Value::Array(list)) => list,
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        elements.iter().filter_map(move |element| match sub {
            Some(sub) => element.get(&sub.name),
            None => Some(element),
        })
    }

    fn attribute(&self, resolved: &Resolved<'_>) -> Option<&Value> {
        let holder = match resolved.extension {
            Some(schema) => self.0.get(&schema.id)?.as_object()?,
            None => &self.0,
        };
        holder.get(&resolved.attribute.name)
    }

    /// What people call it: the value of the type's first unique attribute (`userName`,
    /// `displayName`); empty if there is none.
    #[must_use]
    pub fn display_name(&self, resource_type: &ResourceType) -> &str {
        resource_type
            .unique_attributes()
            .find_map(|resolved| self.attribute(&resolved)?.as_str())
            .unwrap_or_default()
    }

    /// The map that holds the attributes of the core or of an extension; made if missing.
    pub(crate) fn holder(&mut self, extension: Option<&Schema>) -> &mut Map<String, Value> {
        let Some(schema) = extension else {
            return &mut self.0;
        };
        let entry = self.0.entry(schema.id.clone()).or_insert(Value::Null);
        if !entry.is_object() {
            *entry = Value::Object(Map::new());
        }
        match entry {
            Value::Object(map) => map,
            _ => unreachable!("made an object just above"),
        }
    }

    /// Removes extension objects without attributes.
    pub(crate) fn prune(&mut self, resource_type: &ResourceType) {
        for extension in &resource_type.extensions {
            let urn = &extension.schema.id;
            if matches!(self.0.get(urn), Some(Value::Object(map)) if map.is_empty()) {
                self.0.remove(urn);
            }
        }
    }

    /// That every required attribute has a value (RFC 7643 §2.2).
    ///
    /// # Errors
    /// 400 `invalidValue` naming the attribute, with an example.
    pub fn check_required(&self, resource_type: &ResourceType) -> Result<(), ScimError> {
        for (extension, attribute) in resource_type.attributes() {
            let resolved = Resolved { extension, attribute, sub: None };
            let in_use = extension.is_none_or(|schema| self.0.contains_key(&schema.id));
            if resource_type.is_relation(&resolved) {
                continue;
            }
            let expected = attribute.required && attribute.is_stored() && in_use;
            let value = self.attribute(&resolved);
            let empty = value.is_none_or(|value| value.as_str().is_some_and(|text| text.trim().is_empty()));
            if expected && empty {
                return Err(missing(&resolved));
            }
            // A part is required of every value that there is.
            let required = |sub: &&Attribute| sub.required && sub.is_stored();
            for sub in attribute.sub_attributes.iter().filter(required) {
                if self.values(&resolved).any(|value| value.is_object() && value.get(&sub.name).is_none()) {
                    return Err(missing(&Resolved { sub: Some(sub), ..resolved }));
                }
            }
        }
        let absent = |schema: &Schema| !self.0.contains_key(&schema.id);
        match resource_type.extensions.iter().find(|e| e.required && absent(&e.schema)) {
            Some(extension) => Err(ScimError::invalid_value(format!(
                "{} is required: send an object of its attributes under this key.",
                extension.schema.id
            ))),
            None => Ok(()),
        }
    }
}

fn missing(resolved: &Resolved<'_>) -> ScimError {
    let path = resolved.canonical();
    let name = &resolved.leaf().name;
    ScimError::invalid_value(format!(
        "{path} is required and is missing or empty. Send it, for example \"{name}\": \"bjensen\"."
    ))
}

/// A body, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// The attributes to keep.
    pub resource: Resource,
    /// What the body says about the relation; `None` if it does not name it.
    pub relation: Option<Vec<Reference>>,
    /// Whether the body names the state attribute (`active`). If not, a new resource is active
    /// and a replaced one stays as it is.
    pub names_active: bool,
    /// What was tolerated.
    pub notes: Notes,
}

impl Incoming {
    /// The attributes that the body has a value for.
    pub fn written<'a>(&self, resource_type: &'a ResourceType) -> impl Iterator<Item = Resolved<'a>> {
        let all = resource_type.attributes();
        all.map(|(extension, attribute)| Resolved { extension, attribute, sub: None })
            .filter(|resolved| self.resource.attribute(resolved).is_some())
    }
}

/// Reads the body of a POST or PUT (RFC 7644 §3.3, §3.5.1). Names match in any case, values are
/// typed by the schema, unknown attributes are dropped and noted, read-only ones are ignored.
///
/// # Errors
/// 400 `invalidSyntax` if the body is no object or names only unknown schemas; `invalidValue` if a
/// value is of the wrong type or a required attribute is missing.
pub fn read(resource_type: &ResourceType, body: &Value, dialect: Dialect) -> Result<Incoming, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax(format!(
            "The body must be a JSON object with the attributes of a {}, but is {}.",
            resource_type.name,
            describe(body)
        )));
    };
    let mut notes = Notes::default();
    crate::schemas::check(resource_type, body, &[], dialect, &mut notes)?;
    let mut reader = Reader {
        resource_type,
        coercer: Coercer { dialect, notes: &mut notes },
        resource: Resource::default(),
        relation: None,
        thrown_away: Vec::new(),
    };
    for (key, value) in body {
        reader.core(key, value)?;
    }
    reader.check_secrets()?;
    let Reader { mut resource, relation, .. } = reader;
    resource.prune(resource_type);
    let state = resource_type.state.as_ref();
    let names_active = state.is_some_and(|name| resource.0.contains_key(name));
    if let Some(name) = state.filter(|_| !names_active) {
        resource.0.insert(name.clone(), Value::Bool(true));
    }
    resource.check_required(resource_type)?;
    Ok(Incoming { resource, relation, names_active, notes })
}

struct Reader<'a> {
    resource_type: &'a ResourceType,
    coercer: Coercer<'a>,
    resource: Resource,
    relation: Option<Vec<Reference>>,
    /// What came and is not kept: secrets, and what only the server writes.
    thrown_away: Vec<Resolved<'a>>,
}

impl<'a> Reader<'a> {
    /// That every required secret came; what is kept is checked in the resource.
    fn check_secrets(&self) -> Result<(), ScimError> {
        let named =
            |attribute: &Attribute| self.thrown_away.iter().any(|r| std::ptr::eq(r.attribute, attribute));
        let wanted =
            |attribute: &Attribute| attribute.required && attribute.mutability == Mutability::WriteOnly;
        let in_use = |schema: Option<&Schema>| schema.is_none_or(|s| self.resource.0.contains_key(&s.id));
        let mut all = self.resource_type.attributes();
        match all.find(|(extension, a)| wanted(a) && in_use(*extension) && !named(a)) {
            Some((extension, attribute)) => Err(missing(&Resolved { extension, attribute, sub: None })),
            None => Ok(()),
        }
    }

    fn core(&mut self, key: &str, value: &Value) -> Result<(), ScimError> {
        let resource_type = self.resource_type;
        if let Some(attribute) = resource_type.attribute(key) {
            return self.put(None, attribute, value);
        }
        if let Some(schema) = resource_type.extension(key) {
            self.alias(schema, key);
            return self.extension(schema, value);
        }
        if resource_type.schema.is_named(key)
            && let Value::Object(map) = value
        {
            return map.iter().try_for_each(|(key, value)| self.core(key, value));
        }
        if let Some((schema, attribute)) = resource_type.without_urn(key) {
            return self.put(Some(schema), attribute, value);
        }
        let path = AttrPath::read(key).filter(|path| path.urn.is_some() || path.sub.is_some());
        let resolved = path.and_then(|path| resource_type.resolve_for_writing(&path));
        match resolved {
            Some(resolved) if self.coercer.tolerates(Rule::DottedKeys) => self.dotted(&resolved, value),
            _ => {
                self.coercer.notes.drop_value(key, Some(value));
                Ok(())
            }
        }
    }

    fn alias(&mut self, schema: &Schema, key: &str) {
        if !schema.id.eq_ignore_ascii_case(key) {
            self.coercer.tolerates(Rule::PrivateUrns);
        }
    }

    fn extension(&mut self, schema: &'a Schema, value: &Value) -> Result<(), ScimError> {
        let map = match value {
            Value::Object(map) => map,
            Value::Null => return Ok(()),
            Value::Array(list) if list.is_empty() => return Ok(()),
            Value::String(text) if self.coercer.is_blank(text) => return Ok(()),
            other => {
                return Err(ScimError::invalid_value(format!(
                    "{} must be an object of its attributes, but came as {}.",
                    schema.id,
                    describe(other)
                )));
            }
        };
        for (key, value) in map {
            match schema.attribute(key) {
                Some(attribute) => self.put(Some(schema), attribute, value)?,
                None => self.coercer.notes.drop_value(&format!("{}:{key}", schema.id), Some(value)),
            }
        }
        Ok(())
    }

    fn put(
        &mut self,
        extension: Option<&'a Schema>,
        attribute: &'a Attribute,
        value: &Value,
    ) -> Result<(), ScimError> {
        let resolved = Resolved { extension, attribute, sub: None };
        if !attribute.is_stored() {
            if !value.is_null() {
                self.thrown_away.push(resolved);
            }
            return Ok(());
        }
        let at = resolved.canonical();
        if self.resource_type.is_relation(&resolved) {
            self.relation = Some(relation::read(&at, attribute, value, &mut self.coercer)?);
            return Ok(());
        }
        let value = self.coercer.attribute(&at, attribute, value)?;
        let holder = self.resource.holder(extension);
        match (holder.get_mut(&attribute.name), value) {
            // The second of two spellings, or parts that came dotted before.
            (Some(Value::Object(known)), Some(Value::Object(more))) => known.extend(more),
            (_, Some(value)) => {
                holder.insert(attribute.name.clone(), value);
            }
            (_, None) => {}
        }
        Ok(())
    }

    /// A key that is a path: `name.givenName`, `urn:…:User:department`.
    fn dotted(&mut self, resolved: &Resolved<'a>, value: &Value) -> Result<(), ScimError> {
        let Some(sub) = resolved.sub else {
            return self.put(resolved.extension, resolved.attribute, value);
        };
        if resolved.attribute.multi_valued {
            self.coercer.notes.drop_path(&resolved.canonical());
            return Ok(());
        }
        let mut object = Map::new();
        object.insert(sub.name.clone(), value.clone());
        self.put(resolved.extension, resolved.attribute, &Value::Object(object))
    }
}
