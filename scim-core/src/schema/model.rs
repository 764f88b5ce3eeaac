//! The model of a schema (RFC 7643 §7).

use serde::Deserialize;
use serde_json::Value;

/// A definition that cannot be used: not of the shape of RFC 7643 §7, or one that cannot be obeyed.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct SchemaError {
    pointer: String,
    sentence: String,
}

impl SchemaError {
    /// What is wrong, about the document as a whole.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { pointer: String::new(), sentence: sentence.into() }
    }

    /// The same inside a larger document.
    pub(crate) fn within(mut self, place: impl std::fmt::Display) -> Self {
        self.pointer = format!("/{place}{}", self.pointer);
        self
    }

    /// Where it is, as a JSON pointer (RFC 6901); empty for the whole.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Reads a part of a definition, and says where it cannot be read.
    pub(crate) fn read<'de, T: Deserialize<'de>>(json: &'de Value) -> Result<T, Self> {
        serde_path_to_error::deserialize(json).map_err(|error| {
            let pointer = error.path().iter().map(|segment| match segment {
                serde_path_to_error::Segment::Seq { index } => format!("/{index}"),
                serde_path_to_error::Segment::Map { key } => format!("/{}", escape(key)),
                _ => String::new(),
            });
            Self {
                pointer: pointer.collect(),
                sentence: format!("the schema definition cannot be read: {}", error.inner()),
            }
        })
    }
}

/// A name as a segment of a JSON pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A schema: the JSON document that is served, and what it says.
#[derive(Debug, Clone)]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// A short name.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// The attributes, in order.
    pub attributes: Vec<Attribute>,
    aliases: Vec<String>,
    json: Value,
}

#[derive(Deserialize)]
struct Definition {
    id: String,
    name: String,
    #[serde(default)]
    description: String,
    attributes: Vec<Attribute>,
}

impl Schema {
    /// Reads a definition (RFC 7643 §7).
    ///
    /// # Errors
    /// [`SchemaError`] if it has not the shape of a schema.
    pub fn from_json(json: Value) -> Result<Self, SchemaError> {
        let definition: Definition = SchemaError::read(&json)?;
        Ok(Self {
            id: definition.id,
            name: definition.name,
            description: definition.description,
            attributes: definition.attributes,
            aliases: Vec::new(),
            json,
        })
    }

    /// The same schema, also known by these old or private URNs. They are understood in
    /// requests and never sent.
    #[must_use]
    pub fn with_aliases(mut self, aliases: &[&str]) -> Self {
        self.aliases.extend(aliases.iter().map(ToString::to_string));
        self
    }

    /// The document to serve, exactly as it was read.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Whether this URN means this schema: its own or an alias, in any case, with or without a
    /// stray dot at the end.
    #[must_use]
    pub fn is_named(&self, urn: &str) -> bool {
        let urn = urn.trim_end_matches('.');
        self.id.eq_ignore_ascii_case(urn) || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(urn))
    }

    /// The attribute of this name, in any case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        find(&self.attributes, name)
    }
}

/// An attribute or sub-attribute (RFC 7643 §7).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// The canonical name.
    pub name: String,
    /// The data type.
    #[serde(rename = "type")]
    pub kind: AttributeType,
    /// Whether it holds a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// A sentence about it.
    #[serde(default)]
    pub description: String,
    /// Whether a resource must have it.
    #[serde(default)]
    pub required: bool,
    /// Usual values; others are accepted.
    #[serde(default)]
    pub canonical_values: Vec<String>,
    /// Whether case matters when comparing.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may change it, and when.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is part of an answer.
    #[serde(default)]
    pub returned: Returned,
    /// Whether two resources may have the same value.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a reference may point to.
    #[serde(default)]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute.
    #[serde(default)]
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// The sub-attribute of this name, in any case.
    #[must_use]
    pub fn sub(&self, name: &str) -> Option<&Self> {
        find(&self.sub_attributes, name)
    }

    /// Whether it has sub-attributes.
    #[must_use]
    pub fn is_complex(&self) -> bool {
        self.kind == AttributeType::Complex
    }

    /// What a comparison with the attribute compares: itself, or for a complex attribute its
    /// `value` (`emails eq "x"` means `emails.value eq "x"`). `None` if there is no such thing.
    #[must_use]
    pub fn comparable(&self) -> Option<&Self> {
        if self.is_complex() { self.sub("value") } else { Some(self) }
    }

    /// Whether a client may write it.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.mutability != Mutability::ReadOnly
    }

    /// Its parts that a client may write once.
    pub fn immutable_parts(&self) -> impl Iterator<Item = &Self> {
        self.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable)
    }

    /// Whether nobody may ever see it, directly or by asking.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.returned == Returned::Never || self.mutability == Mutability::WriteOnly
    }

    /// Whether it is part of what is stored from a request: writable, and not a secret that is
    /// accepted and thrown away.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        matches!(self.mutability, Mutability::ReadWrite | Mutability::Immutable)
    }
}

pub(super) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// The data types of RFC 7643 §2.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    /// Text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Decimal,
    /// A whole number.
    Integer,
    /// An RFC 3339 time.
    DateTime,
    /// Base64 text.
    Binary,
    /// A URI.
    Reference,
    /// An object of sub-attributes.
    Complex,
}

/// Who may change an attribute (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// Only the server.
    ReadOnly,
    /// The client, any time.
    #[default]
    ReadWrite,
    /// The client, once.
    Immutable,
    /// The client, and nobody ever sees it.
    WriteOnly,
}

/// When an attribute is part of an answer (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// Always, whatever is asked for.
    Always,
    /// Never.
    Never,
    /// Unless something else is asked for.
    #[default]
    Default,
    /// Only if asked for.
    Request,
}

/// How far a value must be unique (RFC 7643 §2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Not at all.
    #[default]
    None,
    /// Within one endpoint.
    Server,
    /// Everywhere.
    Global,
}
