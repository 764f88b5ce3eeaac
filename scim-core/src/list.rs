//! Index paging and the list response (RFC 7644 §3.4.2).

use serde_json::{Map, Value, json};

use crate::error::{ScimError, ScimType, quote};
use crate::json;

/// URN of the list response.
pub const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The answer to a query: numbers as numbers, `Resources` there even when empty.
#[must_use]
pub fn list_response(total: u64, start_index: u64, resources: Vec<Value>) -> Value {
    let mut list = head(total, Some(start_index), resources.len(), None);
    list.insert("Resources".into(), Value::Array(resources));
    Value::Object(list)
}

/// Resources of one answer, written one by one.
#[derive(Debug, Default)]
pub struct Written {
    bytes: Vec<u8>,
    count: usize,
}

impl Written {
    /// An empty list with room for so many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), count: 0 }
    }

    /// Adds a resource: what `write` appends.
    ///
    /// # Errors
    /// What `write` returns.
    pub fn add<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        if self.count > 0 {
            self.bytes.push(b',');
        }
        self.count += 1;
        write(&mut self.bytes)
    }

    /// How large they are together, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The list response around them: by position if there is a `start_index`, else one page of a walk by cursor
    /// (RFC 9865 §2.2), which without `next` is the last one.
    #[must_use]
    pub fn into_response(self, total: u64, start_index: Option<u64>, next: Option<String>) -> Vec<u8> {
        let mut out = json::write(&Value::Object(head(total, start_index, self.count, next)));
        out.pop();
        out.reserve_exact(self.bytes.len() + 16);
        out.extend_from_slice(b",\"Resources\":[");
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(b"]}");
        out
    }
}

fn head(total: u64, start_index: Option<u64>, count: usize, next: Option<String>) -> Map<String, Value> {
    let mut list = Map::new();
    list.insert("schemas".into(), json!([LIST_URN]));
    list.insert("totalResults".into(), json!(total));
    if let Some(start_index) = start_index {
        list.insert("startIndex".into(), json!(start_index));
    }
    list.insert("itemsPerPage".into(), json!(count));
    if let Some(cursor) = next {
        list.insert("nextCursor".into(), Value::String(cursor));
    }
    list
}

/// The size of a page of a walk by cursor.
///
/// # Errors
/// 400 `invalidCount` (RFC 9865 §2.1) if it is no whole number.
pub fn cursor_count(count: Option<&str>, default: u64, max: u64) -> Result<u64, ScimError> {
    Page::parse(None, count, default, max)
        .map(|page| page.count)
        .map_err(|error| error.with_type(ScimType::InvalidCount))
}

/// The part of a result that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Position of the first result, from 1.
    pub start_index: u64,
    /// How many results at most; 0 asks for the total only.
    pub count: u64,
}

impl Page {
    /// Reads `startIndex` and `count` as RFC 7644 §3.4.2.4 wants it: below 1 counts as 1, a
    /// negative count as 0, a count above `max` as `max`. An empty parameter counts as absent.
    ///
    /// # Errors
    /// 400 `invalidValue` if one of them is no whole number.
    pub fn parse(
        start_index: Option<&str>,
        count: Option<&str>,
        default: u64,
        max: u64,
    ) -> Result<Self, ScimError> {
        let start = whole("startIndex", start_index)?.unwrap_or(1);
        let count = whole("count", count)?.unwrap_or(i128::from(default));
        let within = |number: i128, low: u64, high: u64| {
            u64::try_from(number.clamp(i128::from(low), i128::from(high))).unwrap_or(high)
        };
        Ok(Self {
            // Databases count in i64: a start beyond it is as empty as any other.
            start_index: within(start, 1, i64::MAX.unsigned_abs()),
            count: within(count, 0, max),
        })
    }

    /// How many results stand before the page.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.start_index.saturating_sub(1)
    }
}

fn whole(name: &str, text: Option<&str>) -> Result<Option<i128>, ScimError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!(
            "{name} must be a whole number, but is {}.",
            quote(text)
        )));
    }
    let extreme = if text.starts_with('-') { i128::MIN } else { i128::MAX };
    Ok(Some(text.parse().unwrap_or(extreme)))
}
