//! What a value looks like, without what it says: enough to guess the definition of an attribute that no schema has.
//!
//! Written as a short text, such as `string`, `integer[]` or `complex(type:string,value:string)[]`.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::time;

/// Parts of a complex value that are remembered.
const MOST_PARTS: usize = 20;
/// The longest name of a part.
const LONGEST: usize = 100;

/// The form of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    kind: Kind,
    many: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Simple(&'static str),
    Complex(Vec<(String, &'static str, bool)>),
}

const SIMPLE: [&str; 5] = ["string", "boolean", "integer", "decimal", "dateTime"];

impl Shape {
    /// The shape of a value; `None` for one that says nothing (`null`, an empty list or object).
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Array(list) => {
                let mut shapes = list.iter().filter(|one| !one.is_array()).filter_map(Self::of);
                let first = shapes.next()?;
                let kind = shapes.fold(first.kind, |kind, other| common(kind, other.kind));
                Some(Self { kind, many: true })
            }
            Value::Object(map) => parts(map).map(|parts| Self { kind: Kind::Complex(parts), many: false }),
            simple => Some(Self { kind: Kind::Simple(kind(simple)?), many: false }),
        }
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (inner, many) = text.strip_suffix("[]").map_or((text, false), |inner| (inner, true));
        let known = |word: &str| SIMPLE.into_iter().find(|simple| *simple == word);
        let Some(list) = inner.strip_prefix("complex(").and_then(|rest| rest.strip_suffix(')')) else {
            return Some(Self { kind: Kind::Simple(known(inner)?), many });
        };
        let parts = list.split(',').map(|part| {
            let (name, kind) = part.split_once(':')?;
            let (kind, many) = kind.strip_suffix("[]").map_or((kind, false), |kind| (kind, true));
            is_name(name).then_some((name.to_owned(), known(kind)?, many))
        });
        Some(Self { kind: Kind::Complex(parts.collect::<Option<Vec<_>>>()?), many })
    }

    /// The definition of an attribute of this shape (RFC 7643 §7): optional, readable, writable, not unique.
    #[must_use]
    pub fn definition(&self, name: &str) -> Value {
        match &self.kind {
            Kind::Simple(kind) => attribute(name, kind, self.many),
            Kind::Complex(parts) => {
                let mut whole = attribute(name, "complex", self.many);
                let parts = parts.iter().map(|(name, kind, many)| attribute(name, kind, *many)).collect();
                if let Some(fields) = whole.as_object_mut() {
                    fields.insert("subAttributes".to_owned(), Value::Array(parts));
                }
                whole
            }
        }
    }

    /// Whether it is a single object.
    #[must_use]
    pub fn is_object(&self) -> bool {
        !self.many && matches!(self.kind, Kind::Complex(_))
    }

    /// The shape of an object, or of a list of objects, with this as the only part. What cannot be inside another becomes text.
    #[must_use]
    pub fn inside(&self, part: &str, many: bool) -> Self {
        let kind = match self.kind {
            Kind::Simple(kind) => kind,
            Kind::Complex(_) => "string",
        };
        Self { kind: Kind::Complex(vec![(part.to_owned(), kind, self.many)]), many }
    }

    /// In words, for people: `text`, `a list of whole numbers`.
    #[must_use]
    pub fn words(&self) -> String {
        let (one, many) = match &self.kind {
            Kind::Simple("boolean") => ("yes or no", "yes or no"),
            Kind::Simple("integer") => ("a whole number", "whole numbers"),
            Kind::Simple("decimal") => ("a number", "numbers"),
            Kind::Simple("dateTime") => ("a time", "times"),
            Kind::Simple(_) => ("text", "texts"),
            Kind::Complex(_) => ("an object", "objects"),
        };
        if self.many { format!("a list of {many}") } else { one.to_owned() }
    }
}

impl Default for Shape {
    /// Text: what fits most.
    fn default() -> Self {
        Self { kind: Kind::Simple("string"), many: false }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Simple(kind) => f.write_str(kind)?,
            Kind::Complex(parts) => {
                f.write_str("complex(")?;
                for (at, (name, kind, many)) in parts.iter().enumerate() {
                    let (comma, list) = (if at > 0 { "," } else { "" }, if *many { "[]" } else { "" });
                    write!(f, "{comma}{name}:{kind}{list}")?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(if self.many { "[]" } else { "" })
    }
}

fn attribute(name: &str, kind: &str, many: bool) -> Value {
    json!({"name": name, "type": kind, "multiValued": many, "required": false, "caseExact": false,
           "mutability": "readWrite", "returned": "default", "uniqueness": "none"})
}

fn kind(value: &Value) -> Option<&'static str> {
    match value {
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) => Some(if number.is_i64() || number.is_u64() { "integer" } else { "decimal" }),
        Value::String(text) => Some(if time::parse(text).is_some() { "dateTime" } else { "string" }),
        _ => None,
    }
}

/// A name that an attribute may have.
fn is_name(name: &str) -> bool {
    name.len() <= LONGEST
        && name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '$')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
}

/// The simple parts of an object: complex values do not nest (RFC 7643 §2.3.8).
fn parts(map: &Map<String, Value>) -> Option<Vec<(String, &'static str, bool)>> {
    let mut parts: Vec<(String, &'static str, bool)> = Vec::new();
    for (name, value) in map {
        let (value, many) = match value {
            Value::Array(list) => (list.iter().find(|one| kind(one).is_some()), true),
            simple => (Some(simple), false),
        };
        let fresh = parts.iter().all(|(known, ..)| !known.eq_ignore_ascii_case(name));
        if let Some(kind) =
            value.and_then(kind).filter(|_| fresh && is_name(name) && parts.len() < MOST_PARTS)
        {
            parts.push((name.clone(), kind, many));
        }
    }
    (!parts.is_empty()).then_some(parts)
}

/// What both fit into.
fn common(one: Kind, other: Kind) -> Kind {
    match (one, other) {
        (one, other) if one == other => one,
        (Kind::Complex(mut parts), Kind::Complex(more)) => {
            for part in more {
                if parts.len() < MOST_PARTS
                    && parts.iter().all(|known| !known.0.eq_ignore_ascii_case(&part.0))
                {
                    parts.push(part);
                }
            }
            Kind::Complex(parts)
        }
        (Kind::Simple("integer" | "decimal"), Kind::Simple("integer" | "decimal")) => Kind::Simple("decimal"),
        // A list that mixes texts with something else is not kept as what it is; text is what fits most.
        _ => Kind::Simple("string"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::Shape;

    #[test]
    fn a_value_tells_its_shape_and_not_itself() {
        for (value, expected) in [
            (json!("secret"), "string"),
            (json!(true), "boolean"),
            (json!(46), "integer"),
            (json!(4.5), "decimal"),
            (json!("2026-11-24T08:00:00Z"), "dateTime"),
            (json!(["a", "b"]), "string[]"),
            (json!([1, 2.5]), "decimal[]"),
            (json!([1, "a"]), "string[]"),
            (json!({"value": "a", "nested": {"x": 1}}), "complex(value:string)"),
            (json!([{"value": "a"}, {"type": "b"}]), "complex(value:string,type:string)[]"),
            (json!({"bad name": 1, "tags": ["a"]}), "complex(tags:string[])"),
        ] {
            let shape = Shape::of(&value).unwrap();
            assert_eq!(shape.to_string(), expected);
            assert_eq!(Shape::parse(expected), Some(shape));
        }
        for nothing in [json!(null), json!([]), json!({}), json!([null]), json!([[1]])] {
            assert_eq!(Shape::of(&nothing), None, "{nothing}");
        }
        for broken in ["", "text", "complex()", "complex(a b:string)", "complex(a:complex)", "string[][]"] {
            assert_eq!(Shape::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_shape_makes_a_definition_that_a_schema_takes() {
        for value in [json!("a"), json!([true]), json!([{"value": "a", "count": 3}])] {
            let attribute = Shape::of(&value).unwrap().definition("sent");
            let definitions = json!({"extensions": [{"resourceType": "User", "schema": {
                "id": "urn:example:x:User", "name": "X", "attributes": [attribute]}}]});
            crate::schema::Catalog::with_definitions(&definitions).unwrap();
        }
    }
}
