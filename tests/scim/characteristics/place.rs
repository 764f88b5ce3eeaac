//! An attribute or sub-attribute as `/Schemas` serves it, and values for it.

use serde_json::{Map, Value, json};

/// One attribute, or one part of one.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The resource type's path segment.
    pub(super) endpoint: String,
    /// The URN of the extension it belongs to.
    extension: Option<String>,
    attribute: Value,
    sub: Option<Value>,
}

impl Place {
    /// Every attribute of a schema and every part of one.
    pub(super) fn all(endpoint: &str, extension: Option<&str>, schema: &Value) -> Vec<Self> {
        let mut places = Vec::new();
        for attribute in schema["attributes"].as_array().expect("attributes") {
            let top = Self {
                endpoint: endpoint.to_owned(),
                extension: extension.map(str::to_owned),
                attribute: attribute.clone(),
                sub: None,
            };
            let parts = attribute["subAttributes"].as_array().into_iter().flatten();
            places.extend(parts.map(|sub| Self { sub: Some(sub.clone()), ..top.clone() }));
            places.push(top);
        }
        places
    }

    /// The definition of the attribute itself.
    pub(super) fn top(&self) -> &Value {
        &self.attribute
    }

    /// The definition of what the path names.
    pub(super) fn leaf(&self) -> &Value {
        self.sub.as_ref().unwrap_or(&self.attribute)
    }

    pub(super) fn is_part(&self) -> bool {
        self.sub.is_some()
    }

    pub(super) fn name(&self) -> &str {
        self.attribute["name"].as_str().unwrap()
    }

    /// `emails.value`, `urn:…:User:department`.
    pub(super) fn path(&self) -> String {
        let top = self.top_path();
        match &self.sub {
            Some(sub) => format!("{top}.{}", sub["name"].as_str().unwrap()),
            None => top,
        }
    }

    pub(super) fn top_path(&self) -> String {
        match &self.extension {
            Some(urn) => format!("{urn}:{}", self.name()),
            None => self.name().to_owned(),
        }
    }

    pub(super) fn kind(&self) -> &str {
        self.leaf()["type"].as_str().unwrap()
    }

    pub(super) fn is_complex(&self) -> bool {
        self.kind() == "complex"
    }

    pub(super) fn is(&self, characteristic: &str) -> bool {
        self.leaf()[characteristic] == true
    }

    pub(super) fn is_list(&self) -> bool {
        self.is("multiValued")
    }

    /// Whether the attribute that a part belongs to is a list.
    pub(super) fn in_list(&self) -> bool {
        self.is_part() && self.attribute["multiValued"] == true
    }

    /// The stricter one of the mutabilities of the attribute and of the part.
    pub(super) fn mutability(&self) -> &str {
        let of = |definition: &'_ Value| definition["mutability"].as_str().unwrap_or("readWrite").to_owned();
        let both = [of(&self.attribute), of(self.leaf())];
        ["readOnly", "writeOnly", "immutable"]
            .into_iter()
            .find(|m| both.iter().any(|one| one == m))
            .unwrap_or("readWrite")
    }

    /// Whether what a client writes is kept.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self.mutability(), "readWrite" | "immutable")
    }

    /// Whether it is a single value with parts that cannot be changed: what cannot be written as a whole again.
    pub(super) fn has_fixed_parts(&self) -> bool {
        let parts = self.leaf()["subAttributes"].as_array();
        !self.is_list() && parts.into_iter().flatten().any(|part| part["mutability"] == "immutable")
    }

    /// Whether nobody may see it.
    pub(super) fn is_secret(&self) -> bool {
        let secret = |d: &Value| d["returned"] == "never" || d["mutability"] == "writeOnly";
        secret(&self.attribute) || secret(self.leaf())
    }

    /// Whether an answer shows it that shows, of the attribute and of the part, what is returned in one of these ways.
    pub(super) fn is_shown(&self, top: &[&str], part: &[&str]) -> bool {
        let shown = |d: &Value, ways: &[&str]| ways.contains(&d["returned"].as_str().unwrap_or("default"));
        self.is_kept()
            && !self.is_secret()
            && shown(&self.attribute, top)
            && (!self.is_part() || shown(self.leaf(), part))
    }

    /// Puts a value there; the required parts beside it are filled.
    pub(super) fn put(&self, body: &mut Value, value: &Value) {
        let holder = match &self.extension {
            Some(urn) => {
                body[urn.as_str()] = json!({});
                &mut body[urn.as_str()]
            }
            None => body,
        };
        holder[self.name()] = self.as_attribute(value);
    }

    /// The value of the whole attribute in which this one stands at the place.
    pub(super) fn as_attribute(&self, value: &Value) -> Value {
        let Some(sub) = &self.sub else { return value.clone() };
        let mut object = required_parts(&self.attribute, "beside");
        object.insert(sub["name"].as_str().unwrap().to_owned(), value.clone());
        let object = Value::Object(object);
        if self.in_list() { json!([object]) } else { object }
    }

    /// What stands there.
    pub(super) fn get(&self, resource: &Value) -> Option<Value> {
        let holder = match &self.extension {
            Some(urn) => &resource[urn.as_str()],
            None => resource,
        };
        let whole = holder.get(self.name())?;
        let Some(sub) = &self.sub else { return Some(whole.clone()) };
        let element = if self.in_list() { whole.get(0)? } else { whole };
        element.get(sub["name"].as_str().unwrap()).cloned()
    }

    /// Whether this is the value that was put there, as far as it can be seen.
    pub(super) fn holds(&self, resource: &Value, value: &Value) -> bool {
        match self.get(resource) {
            Some(found) => self.is_complex() || found == *value,
            None => false,
        }
    }

    /// One of the values `low` and `high` of the attribute's type; `tag` begins every text.
    pub(super) fn sample(&self, high: bool, tag: &str) -> Value {
        sample(self.leaf(), high, tag)
    }

    /// A single value of it as a literal of a filter.
    pub(super) fn literal(&self, high: bool, tag: &str) -> Value {
        simple(self.kind(), high, tag)
    }

    /// The comparable value of the attribute's `value` part, for what compares a complex attribute by it.
    pub(super) fn value_part(&self) -> Option<&Value> {
        let parts = self.leaf()["subAttributes"].as_array()?;
        parts.iter().find(|part| part["name"] == "value")
    }
}

/// The parts of an attribute that every value of it needs.
fn required_parts(attribute: &Value, tag: &str) -> Map<String, Value> {
    let parts = attribute["subAttributes"].as_array().into_iter().flatten();
    parts
        .filter(|part| part["required"] == true)
        .map(|part| (part["name"].as_str().unwrap().to_owned(), sample(part, false, tag)))
        .collect()
}

fn sample(definition: &Value, high: bool, tag: &str) -> Value {
    let kind = definition["type"].as_str().unwrap();
    let one = if kind == "complex" {
        let parts = definition["subAttributes"].as_array().unwrap();
        let parts = parts.iter().filter(|part| part["type"] != "boolean" || part["name"] != "primary");
        parts.map(|part| (part["name"].as_str().unwrap().to_owned(), sample(part, high, tag))).collect()
    } else {
        simple(kind, high, tag)
    };
    if definition["multiValued"] == true { json!([one]) } else { one }
}

fn simple(kind: &str, high: bool, tag: &str) -> Value {
    let pick = |low: Value, other: Value| if high { other } else { low };
    match kind {
        "string" => pick(json!(format!("{tag}aä Low_%")), json!(format!("{tag}bÖ High_%"))),
        "boolean" => pick(json!(false), json!(true)),
        "integer" => pick(json!(-7), json!(9_007_199_254_740_993_i64)),
        "decimal" => pick(json!(-0.5), json!(1.25)),
        "dateTime" => pick(json!("2024-01-02T03:04:05.678+02:00"), json!("2025-01-01T00:00:00Z")),
        "binary" => pick(json!("QUJDRA=="), json!("WFlaenl6Cg==")),
        "reference" => {
            pick(json!("https://example.com/a/Low"), json!("urn:uuid:0195cf3b-cb5e-7b8a-8f1d-0242ac120002"))
        }
        other => panic!("type {other}"),
    }
}

/// Values that are not of this type.
pub(super) fn wrong(kind: &str) -> Vec<Value> {
    match kind {
        "string" | "reference" => vec![json!(7), json!(true), json!({"x": "y"})],
        "boolean" => vec![json!("perhaps"), json!(1), json!({"x": 1})],
        "integer" => vec![json!("many"), json!(1.5), json!(true)],
        "decimal" => vec![json!("much"), json!(false)],
        "dateTime" => vec![json!("yesterday"), json!("2024-13-01T00:00:00Z"), json!(7)],
        "binary" => vec![json!("no base64!"), json!(7)],
        "complex" => vec![json!(7), json!(true)],
        other => panic!("type {other}"),
    }
}
