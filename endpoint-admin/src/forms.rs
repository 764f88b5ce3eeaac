//! What a form sent, and what was wrong with it.

use std::{collections::BTreeMap, fmt::Display};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use std::future::{Ready, ready};
use zeroize::Zeroizing;

use crate::error::PageError;

/// The most bytes a form may have.
pub(crate) const FORM_LIMIT: usize = 64 * 1024;
/// The same for a schema: 256 KiB of JSON, in which every quote and brace takes three bytes on the way.
pub(crate) const SCHEMA_FORM: usize = 768 * 1024;

/// The fields of a form. The gate has read it and checked its token before a handler sees it.
#[derive(Clone, Default)]
pub(crate) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let fields = form_urlencoded::parse(body);
        Self(fields.map(|(key, value)| (key.into_owned(), Zeroizing::new(value.into_owned()))).collect())
    }

    /// The field as it was sent; empty when it is missing.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Every field as it was sent, in its order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Takes a field out, if it was sent.
    pub(crate) fn take(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// The field without blanks around it.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }
}

impl FromRequest for Form {
    type Error = PageError;
    type Future = Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let form = request.extensions_mut().remove::<Self>();
        ready(
            form.ok_or_else(|| PageError::internal("a handler asked for a form that the gate did not read")),
        )
    }
}

/// What is wrong with which field, shown beside it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors(BTreeMap<&'static str, String>);

impl Errors {
    /// One field is wrong.
    pub(crate) fn one(field: &'static str, sentence: impl Display) -> Self {
        let mut errors = Self::default();
        errors.add(field, sentence);
        errors
    }

    /// Notes what is wrong with a field; the first note stands.
    pub(crate) fn add(&mut self, field: &'static str, sentence: impl Display) {
        self.0.entry(field).or_insert_with(|| capitalise(&sentence.to_string()));
    }

    /// What is wrong with it.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A sentence of the lower floors, which begin in lower case, as one that stands alone.
pub(crate) fn capitalise(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(letters).collect();
    if !sentence.is_empty() && !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}
