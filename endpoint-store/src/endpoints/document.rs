//! An endpoint as one file: everything that is set about it, nothing that happened in it, and no secret.
//!
//! The same JSON is what the management API takes for a new endpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Endpoint, NewEndpoint, definitions};
use crate::error::StoreError;
use crate::settings::Idp;

/// What the file says it is. A later release that writes other files reads these, too.
pub const FORMAT: &str = "scim-endpoint/1";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// [`FORMAT`].
    pub format: String,
    /// What operators call it.
    pub name: String,
    /// The customer it belongs to.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The identity provider, by its name.
    pub idp: String,
    /// Every setting by name.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Extensions and resource types of its own; an empty object for none.
    #[serde(default = "none")]
    pub definitions: Value,
}

fn none() -> Value {
    json!({})
}

impl Document {
    /// What is set about an endpoint.
    pub fn of(endpoint: &Endpoint) -> Self {
        Self {
            format: FORMAT.to_owned(),
            name: endpoint.name.clone(),
            tenant: endpoint.tenant.clone(),
            idp: endpoint.idp.as_str().to_owned(),
            settings: endpoint.settings.entries().into_iter().collect(),
            definitions: definitions::all(endpoint),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for what is no such file.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let json = scim_core::json::parse(text.as_bytes())
            .map_err(|error| StoreError::invalid("", format!("this is not JSON: {error}")))?;
        // serde would read a list as the object's fields in their order.
        if !json.is_object() {
            return Err(StoreError::invalid("", "the file must hold one JSON object, as an export has it"));
        }
        let format = json.get("format").and_then(Value::as_str);
        if format != Some(FORMAT) {
            return Err(StoreError::invalid(
                "/format",
                format!("this is no exported endpoint: `format` must be `{FORMAT}`"),
            ));
        }
        serde_json::from_value(json)
            .map_err(|error| StoreError::invalid("", format!("the file does not fit: {error}")))
    }

    /// The file's text, with a line end.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for what cannot be written as JSON.
    pub fn to_text(&self) -> Result<String, StoreError> {
        let text = serde_json::to_string_pretty(self).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Ok(text + "\n")
    }

    /// The endpoint that it asks for.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an unknown identity provider; the rest is judged when the endpoint is made.
    pub fn wanted(self) -> Result<NewEndpoint, StoreError> {
        let idp: Idp = self.idp.parse().map_err(|sentence: String| StoreError::invalid("/idp", sentence))?;
        Ok(NewEndpoint {
            idp,
            definitions: definitions::to_text(&self.definitions)?,
            settings: self.settings.into_iter().collect(),
            name: self.name,
            tenant: self.tenant,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn what_is_no_export_is_refused_with_its_place() {
        let whole = json!({"format": FORMAT, "name": "Acme", "idp": "okta"});
        let with = |key: &str, value: Value| {
            let mut changed = whole.clone();
            changed.as_object_mut().unwrap().insert(key.to_owned(), value);
            changed.to_string()
        };
        for (text, place, said) in [
            ("nonsense".to_owned(), "", "not JSON"),
            ("[]".to_owned(), "", "one JSON object"),
            ("{}".to_owned(), "/format", FORMAT),
            (with("format", json!("scim-endpoint/2")), "/format", FORMAT),
            (with("name", json!(7)), "", "string"),
            (with("token", json!("scim_x")), "", "token"),
            (with("settings", json!({"rate": 5})), "", "string"),
            (with("idp", json!("myspace")), "/idp", "onelogin"),
        ] {
            let error = Document::parse(&text).and_then(Document::wanted).unwrap_err();
            assert!(
                matches!(&error, StoreError::Invalid { pointer, sentence } if pointer == place && sentence.contains(said)),
                "{text}: {error:?}"
            );
        }
        assert_eq!(Document::parse(&whole.to_string()).unwrap().wanted().unwrap().name, "Acme");
    }
}
