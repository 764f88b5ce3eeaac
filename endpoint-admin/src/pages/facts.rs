//! A resource's attributes as people read them: names and addresses first.

use serde_json::{Map, Value};

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// What it is.
    pub(crate) label: String,
    /// More about it: the kind of an address, the extension it belongs to.
    pub(crate) note: Option<String>,
    /// Its value.
    pub(crate) value: String,
    /// Whether it is an identifier, set in monospace.
    pub(crate) is_code: bool,
}

impl Fact {
    /// A fact in words.
    pub(crate) fn text(label: &str, value: impl Into<String>) -> Self {
        Self { label: label.to_owned(), note: None, value: value.into(), is_code: false }
    }

    /// An identifier.
    pub(crate) fn code(label: &str, value: impl Into<String>) -> Self {
        Self { is_code: true, ..Self::text(label, value) }
    }
}

const FIRST: [&str; 9] =
    ["displayName", "name", "nickName", "userName", "emails", "phoneNumbers", "ims", "addresses", "title"];

/// Every attribute of a resource, the ones people look for first.
pub(crate) fn of(resource: &Map<String, Value>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let first = FIRST.iter().filter_map(|name| resource.get_key_value(*name));
    let rest = resource.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
    for (name, value) in first.chain(rest) {
        if name != "active" {
            attribute(name, None, value, &mut facts);
        }
    }
    facts
}

fn attribute(name: &str, note: Option<&str>, value: &Value, facts: &mut Vec<Fact>) {
    let mut fact = |label: String, value: String| {
        let is_code = matches!(name, "userName" | "externalId" | "id");
        facts.push(Fact { label, note: note.map(str::to_owned), value, is_code });
    };
    match value {
        Value::Null => {}
        Value::Array(elements) => elements.iter().for_each(|element| one_of_many(name, element, facts)),
        Value::Object(parts) => {
            // `urn:…:enterprise:2.0:User` is the extension's name, not a word for people.
            let note = name.starts_with("urn:").then(|| name.rsplit(':').nth(2).unwrap_or(name));
            for (part, value) in parts {
                if let Value::Object(inner) = value {
                    attribute_of_extension(part, note, inner, facts);
                } else {
                    attribute(part, note, value, facts);
                }
            }
        }
        simple => fact(label(name), text(simple)),
    }
}

/// A complex attribute inside an extension, as the manager is.
fn attribute_of_extension(name: &str, note: Option<&str>, parts: &Map<String, Value>, facts: &mut Vec<Fact>) {
    let shown = parts.get("displayName").or_else(|| parts.get("value")).map(text).unwrap_or_default();
    facts.push(Fact { note: note.map(str::to_owned), ..Fact::text(&label(name), shown) });
}

fn one_of_many(name: &str, element: &Value, facts: &mut Vec<Fact>) {
    let Value::Object(parts) = element else {
        facts.push(Fact::text(&label(name), text(element)));
        return;
    };
    let whole = parts.get("formatted").or_else(|| parts.get("value")).or_else(|| parts.get("display"));
    let value = whole.map(text).unwrap_or_else(|| {
        let known = ["streetAddress", "postalCode", "locality", "region", "country"];
        let lines: Vec<_> = known.iter().filter_map(|part| parts.get(*part)).map(text).collect();
        lines.join(", ")
    });
    let kind = parts.get("type").map(text);
    let primary = parts.get("primary") == Some(&Value::Bool(true));
    let note: Vec<_> = kind.into_iter().chain(primary.then(|| "primary".to_owned())).collect();
    let note = (!note.is_empty()).then(|| note.join(", "));
    facts.push(Fact { note, ..Fact::text(&label(name), value) });
}

/// A value in one line.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null => String::new(),
        Value::Array(elements) => elements.iter().map(element_text).collect::<Vec<_>>().join("; "),
        Value::Object(_) => element_text(value),
        Value::Number(number) => number.to_string(),
    }
}

fn element_text(value: &Value) -> String {
    let Value::Object(parts) = value else { return text(value) };
    let Some(main) = parts.get("value").or_else(|| parts.get("formatted")) else { return value.to_string() };
    let kind = parts.get("type").and_then(Value::as_str);
    kind.map_or_else(|| text(main), |kind| format!("{} ({kind})", text(main)))
}

/// `givenName` as `Given name`; the plural of multi-valued attributes as the singular.
pub(crate) fn label(name: &str) -> String {
    let known = match name {
        "userName" => "User name",
        "displayName" => "Display name",
        "formatted" => "Full name",
        "givenName" => "First name",
        "familyName" => "Last name",
        "emails" => "E-mail",
        "phoneNumbers" => "Phone",
        "addresses" => "Address",
        "externalId" => "Id in the identity provider",
        "active" => "Active",
        "ims" => "Messaging",
        "x509Certificates" => "Certificate",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let mut words = String::new();
    for (at, letter) in name.chars().enumerate() {
        match letter {
            first if at == 0 => words.extend(first.to_uppercase()),
            upper if upper.is_uppercase() => {
                words.push(' ');
                words.extend(upper.to_lowercase());
            }
            same => words.push(same),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{label, of};

    #[test]
    fn names_and_addresses_come_first() {
        let resource = json!({
            "externalId": "42", "userName": "robertt", "active": true,
            "name": {"givenName": "Robert", "familyName": "Tail"},
            "emails": [{"value": "r@example.com", "type": "work", "primary": true}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Sales", "manager": {"value": "7"}}
        });
        let facts = of(resource.as_object().unwrap_or(&serde_json::Map::new()));
        let lines: Vec<_> =
            facts.iter().map(|f| format!("{} {} {}", f.label, f.value, f.note.as_deref().unwrap_or("-"))).collect();
        assert_eq!(
            lines,
            [
                "First name Robert -",
                "Last name Tail -",
                "User name robertt -",
                "E-mail r@example.com work, primary",
                "Id in the identity provider 42 -",
                "Department Sales enterprise",
                "Manager 7 enterprise",
            ]
        );
        assert_eq!(label("preferredLanguage"), "Preferred language");
    }
}
