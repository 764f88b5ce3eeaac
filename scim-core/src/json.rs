//! The JSON door: the only way from bytes to a [`Value`], and the way back.
//!
//! What passes here is bounded and can be kept by every database: at most [`MAX_DEPTH`] levels,
//! no NUL character in any text or key (`PostgreSQL` refuses it), valid UTF-8, no member twice in one object.
//!
//! Which of two members counts is anybody's guess (RFC 8259 §4), and whoever looks at a body on its way may guess
//! otherwise. Names of attributes match in any case (RFC 7643 §2.1), so `userName` and `username` are one member.

mod unique;

use serde_json::Value;
use serde_json::error::Category;

use unique::Unique;

use crate::error::ScimError;

/// The deepest nesting of lists and objects that is read.
pub const MAX_DEPTH: usize = 32;

/// The size of a user's answer; what is larger grows.
const TYPICAL: usize = 1536;

/// Reads one JSON document. A byte order mark, as some .NET clients send it, is skipped.
///
/// # Errors
/// 400 `invalidSyntax` with line and column: no JSON, not UTF-8, nested deeper than
/// [`MAX_DEPTH`], a NUL character in a text or a key, or a member that is there twice.
pub fn parse(bytes: &[u8]) -> Result<Value, ScimError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ScimError::invalid_syntax("The body is empty. Send a JSON object."));
    }
    check_depth(bytes)?;
    let Unique(value) = serde_json::from_slice(bytes).map_err(|error| unreadable(bytes, &error))?;
    if holds_nul(&value) {
        return Err(ScimError::invalid_syntax(
            "The body holds the character U+0000 (\\u0000), which cannot be kept. Remove it.",
        ));
    }
    Ok(value)
}

/// The bytes of a document, in less than half the time of `to_string`, which goes through `fmt`.
#[must_use]
pub fn write(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TYPICAL);
    // A `Value` has text keys only and a `Vec` takes every byte: there is nothing that could fail.
    if serde_json::to_writer(&mut bytes, value).is_err() {
        bytes.clear();
    }
    bytes
}

fn unreadable(bytes: &[u8], error: &serde_json::Error) -> ScimError {
    if let Err(utf8) = std::str::from_utf8(bytes) {
        let (line, column) = position(bytes, utf8.valid_up_to());
        return ScimError::invalid_syntax(format!(
            "The body is not UTF-8 at line {line}, column {column}. Send JSON in UTF-8."
        ));
    }
    // serde_json's text ends in its own "at line … column …"; ours says it in the same words
    // as the other refusals here.
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    let fault = if error.classify() == Category::Data { "is ambiguous" } else { "is not valid JSON" };
    ScimError::invalid_syntax(format!(
        "The body {fault} at line {}, column {}: {reason}.",
        error.line(),
        error.column()
    ))
}

/// Refuses deep nesting before a parser sees it; brackets inside text do not count.
fn check_depth(bytes: &[u8]) -> Result<(), ScimError> {
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut escaped = false;
    for (offset, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    let (line, column) = position(bytes, offset);
                    return Err(ScimError::invalid_syntax(format!(
                        "The body is nested deeper than {MAX_DEPTH} levels at line {line}, column {column}."
                    )));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Line and column (from 1) of a byte offset.
fn position(bytes: &[u8], offset: usize) -> (usize, usize) {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(holds_nul),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
