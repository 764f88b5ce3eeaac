//! Filter text to tokens.

use crate::error::{ScimError, quote};

/// A piece of a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'t> {
    /// A path, keyword, number or bare word.
    Word(&'t str),
    /// A quoted text, read.
    Text(String),
    Open,
    Close,
    OpenBracket,
    CloseBracket,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned<'t> {
    pub(super) token: Token<'t>,
    /// Byte offset of its beginning.
    pub(super) at: usize,
    /// Whether a blank stands before it.
    pub(super) spaced: bool,
}

/// Splits a filter into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Spanned<'_>>, ScimError> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let spaced = trimmed.len() < rest.len();
        let at = text.len() - trimmed.len();
        let Some(first) = trimmed.chars().next() else {
            return Ok(out);
        };
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::OpenBracket, 1),
            ']' => (Token::CloseBracket, 1),
            '"' => quoted(trimmed, at)?,
            _ => {
                let end = trimmed.find(ends_word).unwrap_or(trimmed.len());
                let (word, _) = trimmed.split_at_checked(end).unwrap_or((trimmed, ""));
                (Token::Word(word), end)
            }
        };
        if matches!(token, Token::Word(word) if word.contains(char::is_control)) {
            return Err(ScimError::invalid_filter(format!(
                "Filter at byte {at}: there is a control character. Remove it."
            )));
        }
        out.push(Spanned { token, at, spaced });
        rest = trimmed.get(length..).unwrap_or_default();
    }
}

fn ends_word(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"')
}

/// A JSON string at the beginning of `text`.
fn quoted(text: &str, at: usize) -> Result<(Token<'_>, usize), ScimError> {
    let mut escaped = false;
    let inside = text.bytes().enumerate().skip(1);
    let end = inside.filter_map(|(offset, byte)| match byte {
        _ if escaped => {
            escaped = false;
            None
        }
        b'\\' => {
            escaped = true;
            None
        }
        b'"' => Some(offset + 1),
        _ => None,
    });
    let literal = { end }.next().and_then(|end| text.get(..end));
    let Some(literal) = literal else {
        return Err(ScimError::invalid_filter(format!(
            "Filter at byte {at}: the quotation mark is not closed. Write values as \"text\"."
        )));
    };
    match serde_json::from_str::<String>(literal) {
        Ok(value) if !value.contains('\0') => Ok((Token::Text(value), literal.len())),
        _ => Err(ScimError::invalid_filter(format!(
            "Filter at byte {at}: {} is not a JSON string. Write \\\" for a quotation mark and \
             \\\\ for a backslash in it.",
            quote(literal)
        ))),
    }
}
