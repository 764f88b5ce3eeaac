//! The query string, read leniently: stray `?` and `&`, `+` for blanks and unknown keys are no fault.

use std::borrow::Cow;

use scim_core::error::ScimError;

/// The parameters of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what stands behind the `?`.
    ///
    /// # Errors
    /// 400 for a NUL character: no attribute can hold one; and for what is not UTF-8, which would be looked for as
    /// something else.
    pub(super) fn parse(text: &str) -> Result<Self, ScimError> {
        if percent_encoding::percent_decode_str(text).decode_utf8().is_err() {
            return Err(ScimError::invalid_value(
                "The query is not UTF-8. Write every character that is not ASCII as its UTF-8 bytes, percent-encoded: ä is %C3%A4.",
            ));
        }
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes())
            .filter(|(key, _)| !key.is_empty())
            .map(|(key, value)| (Cow::into_owned(key), Cow::into_owned(value)))
            .collect();
        match pairs.iter().find(|(key, value)| key.contains('\0') || value.contains('\0')) {
            Some(_) => Err(ScimError::invalid_value("The query holds a NUL character (%00); remove it.")),
            None => Ok(Self(pairs)),
        }
    }

    /// The first value of a key, compared without case.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }
}
